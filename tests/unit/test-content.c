/* test-content.c - what of a message has to be the same at both ends. */
#include "migrate/content.h"

#include "base/alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ID "abcdefgh.ijklmnopqrstuvwxyz22"
#define OURS(fold)                                                         \
	"Received: from pop.example" fold "by here with POP3S id " ID fold \
	"for <ann@new.example>; Tue, 14 Nov 2023 22:13:20 +0000\n"
#define ABOVE "Return-Path: <a@b.example>\nReceived: from x by y with LMTP\n"
#define HEADER "From: a@b.example\nSubject: Gr=?x?=uesse\nTo: ann\n"
#define MESSAGE HEADER "\nHello.\n.\n"

/* A message that is read so many octets at a time. */
static void
read_message(struct content *c, const struct content_tags *tags,
    const char *text, size_t step)
{
	struct slice rest = slice_of(text);

	content_begin(c, tags);
	while (rest.len > 0) {
		size_t n = rest.len < step ? rest.len : step;

		content_add(c, slice_make(rest.data, n));
		rest = slice_skip(rest, n);
	}
	content_end(c);
}

static struct content_tags
tags_of(const char *id)
{
	struct content_tags tags = { 0 };

	content_tags_add(&tags, id);
	return tags;
}

static char *
with_crlf(const char *text)
{
	struct buffer out = { 0 };

	for (; *text != '\0'; text++)
		buffer_addf(&out, *text == '\n' ? "\r%c" : "%c", *text);
	return out.data;
}

/* Is the message, found there, the one that was sent? */
static bool
is_same(const char *sent, const char *there)
{
	struct content_tags tags = tags_of(ID);
	struct content a = { 0 }, b = { 0 };
	bool same;

	read_message(&a, NULL, sent, 4096);
	read_message(&b, &tags, there, 4096);
	same = b.ours && content_is(&b.sum, a.sum.whole);
	content_free(&a);
	content_free(&b);
	return same;
}

static void
line_ends_and_pieces_make_no_difference(void **state)
{
	static const size_t steps[] = { 1, 2, 7, 4096 };
	struct content_tags tags = tags_of(ID);
	char *crlf = with_crlf(ABOVE OURS("\n\t") MESSAGE);
	struct content sent = { 0 }, there = { 0 };

	(void)state;
	read_message(&sent, NULL, MESSAGE, 4096);
	assert_int_equal(sent.sum.octets, strlen(MESSAGE) + 6);
	for (size_t i = 0; i < 4; i++) {
		read_message(
		    &there, &tags, ABOVE OURS("\n\t") MESSAGE, steps[i]);
		assert_true(there.ours);
		assert_string_equal(there.id, ID);
		assert_int_equal(there.sum.octets, sent.sum.octets);
		assert_memory_equal(
		    there.sum.whole, sent.sum.whole, DIGEST_OCTETS);
		read_message(&there, &tags, crlf, steps[i]);
		assert_memory_equal(
		    there.sum.whole, sent.sum.whole, DIGEST_OCTETS);
		read_message(&there, NULL, MESSAGE, steps[i]);
		assert_memory_equal(
		    there.sum.whole, sent.sum.whole, DIGEST_OCTETS);
	}
	content_free(&sent);
	content_free(&there);
	free(crlf);
}

static void
what_stands_above_and_how_it_is_folded_makes_none(void **state)
{
	(void)state;
	assert_true(is_same(MESSAGE, OURS("\n\t") MESSAGE));
	assert_true(is_same(MESSAGE, OURS(" ") MESSAGE));
	assert_true(is_same(MESSAGE, OURS("\n ") MESSAGE));
	assert_true(
	    is_same("Return-Path: <a@b.example>\n" MESSAGE, OURS(" ") MESSAGE));
	assert_true(is_same("From: a\nReturn-Path:\n <a@b.example>\nTo: b\n\n.",
	    OURS(" ") "From: a\nTo: b\n\n.\n"));
	/* The second one is content. */
	assert_true(is_same("Return-Path: <a@b>\nReturn-Path: <c@d>\n\n",
	    OURS(" ") "Return-Path: <c@d>\n\n"));
	assert_true(is_same("no header", OURS(" ") "no header\n"));
}

static void
any_octet_of_what_was_sent_does(void **state)
{
	const char *sent = MESSAGE;
	char there[sizeof(OURS(" ") MESSAGE)] = OURS(" ") MESSAGE;
	size_t above = strlen(OURS(" "));

	(void)state;
	for (size_t i = above; there[i] != '\0'; i++) {
		char was = there[i];

		if (was == '\n')
			continue;
		there[i] ^= 1;
		assert_false(is_same(sent, there));
		there[i] = was;
	}
	assert_false(is_same(sent, OURS(" ") MESSAGE "\n"));
	assert_false(is_same(sent, OURS(" ") "X: y\n" MESSAGE));
	assert_false(is_same(MESSAGE "\n", OURS(" ") MESSAGE));
}

static void
fields_that_servers_write_do_not_count(void **state)
{
	struct content a = { 0 }, b = { 0 };

	(void)state;
	assert_true(is_same(MESSAGE, OURS(" ") "Status: RO\n" MESSAGE));
	assert_true(is_same(
	    MESSAGE, OURS(" ") HEADER "X-UIDL: 7\nX-Status: A\n\nHello.\n.\n"));
	assert_false(
	    is_same(MESSAGE, OURS(" ") HEADER "Status: RO\n\nHello!\n.\n"));
	/* Where both ends have one, and not the same. */
	read_message(&a, NULL, "Status: O\n" MESSAGE, 4096);
	read_message(&b, NULL, "Status: RO\n" MESSAGE, 4096);
	assert_false(content_is(&b.sum, a.sum.whole));
	assert_true(content_same(&a.sum, &b.sum));
	content_free(&a);
	content_free(&b);
}

static enum content_difference
difference(const char *sent, const char *there)
{
	struct content a = { 0 }, b = { 0 };
	enum content_difference d;

	read_message(&a, NULL, sent, 4096);
	read_message(&b, NULL, there, 4096);
	assert_false(content_same(&a.sum, &b.sum));
	d = content_compare(a.parts, b.parts);
	content_free(&a);
	content_free(&b);
	return d;
}

static void
what_is_different_can_be_told(void **state)
{
	(void)state;
	assert_int_equal(difference("A: 1\nB: 2\n\nx", "A: 1\nX: 0\nB: 2\n\nx"),
	    CONTENT_ADDED);
	assert_int_equal(difference("A: 1\nA: 1\n\nx", "A: 1\nA: 1\nA: 1\n\nx"),
	    CONTENT_ADDED);
	assert_int_equal(
	    difference("A: 1\nA: 1\n\nx", "A: 1\n\nx"), CONTENT_HEADER);
	assert_int_equal(
	    difference("A: 1\nB: 2\n\nx", "B: 2\nA: 1\n\nx"), CONTENT_HEADER);
	assert_int_equal(difference("A: 1\n\nx", "A:  1\n\nx"), CONTENT_HEADER);
	assert_int_equal(difference("A: 1\nno field\nB: 2\n\nx",
			     "A: 1\nNo field\nB: 2\n\nx"),
	    CONTENT_HEADER);
	assert_int_equal(
	    difference("A: 1\nno field\n\nx", "A: 1\nX: 0\nNo field\n\nx"),
	    CONTENT_HEADER);
	assert_int_equal(difference("A: 1\n\nx", "A: 1\n\ny"), CONTENT_BODY);
	assert_int_equal(
	    difference("A: 1\n\nx", "A: 1\nX: 0\n\ny"), CONTENT_BODY);
	assert_int_equal(difference("A: 1\n\nx", "A: 2\n\ny"), CONTENT_ALL);
	assert_int_equal(content_compare(NULL, NULL), CONTENT_ALL);
}

static void
mail_of_others_is_not_ours(void **state)
{
	struct content_tags tags = tags_of("xxxxxxxx.ijklmnopqrstuvwxyz22");
	struct content c = { 0 };

	(void)state;
	read_message(&c, &tags, OURS(" ") MESSAGE, 10);
	assert_false(c.ours);
	read_message(&c, &tags, "", 10);
	assert_false(c.ours);
	read_message(&c, &tags, "\n" OURS(" "), 10);
	assert_false(c.ours);
	/* A maildrop that was known by another name, too. */
	content_tags_add(&tags, ID);
	content_tags_add(&tags, ID);
	assert_int_equal(tags.count, 2);
	read_message(&c, &tags, OURS(" ") MESSAGE, 10);
	assert_true(c.ours);
	content_free(&c);
}

static void
of_two_fields_of_ours_the_topmost_counts(void **state)
{
	struct content_tags tags = { 0 };
	struct content c = { 0 };
	const char *second = "Received: from a by b with POP3 id "
			     "22222222.ijklmnopqrstuvwxyz22; now\n";
	struct buffer text = { 0 };

	(void)state;
	content_tags_add(&tags, "22222222.x");
	content_tags_add(&tags, ID);
	buffer_addf(&text, "%s%s", OURS(" "), second);
	buffer_add_text(&text, MESSAGE);
	read_message(&c, &tags, text.data, 99);
	assert_string_equal(c.id, ID);
	buffer_clear(&text);
	buffer_addf(&text, "%s%s", second, OURS(" "));
	buffer_add_text(&text, MESSAGE);
	read_message(&c, &tags, text.data, 99);
	assert_string_equal(c.id, "22222222.ijklmnopqrstuvwxyz22");
	buffer_free(&text);
	content_free(&c);
}

/* What lies beyond what is looked at is content all the same. */
static void
a_header_without_end_is_compared_and_takes_no_memory(void **state)
{
	struct content_tags tags = tags_of(ID);
	struct buffer header = { 0 }, there = { 0 };
	struct content a = { 0 }, b = { 0 };

	(void)state;
	for (int i = 0; i < 20000; i++)
		buffer_addf(&header, "X-%d: y\n", i);
	buffer_addf(&there, "%s%s%s", ABOVE, OURS(" "), header.data);
	for (size_t step = 97; step < 200000; step *= 100) {
		read_message(&a, NULL, header.data, step);
		read_message(&b, &tags, there.data, step);
		assert_true(content_same(&a.sum, &b.sum));
		assert_null(a.parts);
		assert_int_equal(a.sum.octets, header.len + 20000);
	}
	there.data[there.len - 2] = 'z';
	read_message(&b, &tags, there.data, 4096);
	assert_false(content_same(&a.sum, &b.sum));
	content_free(&a);
	content_free(&b);
	buffer_free(&header);
	buffer_free(&there);
}

static void
its_subject_and_date_are_told_for_people(void **state)
{
	struct content c = { 0 };

	(void)state;
	read_message(&c, NULL,
	    "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= \x1b[2J\n"
	    "Date: Tue, 14 Nov 2023 22:13:20 +0000\n\n",
	    5);
	assert_string_equal(c.subject,
	    "Gr\xc3\xbc\xc3\x9f"
	    "e ?[2J");
	assert_int_equal(c.date, 1700000000);
	read_message(&c, NULL, "Date: yesterday\n\n", 5);
	assert_string_equal(c.subject, "");
	assert_int_equal(c.date, -1);
	/* Given up in the middle. */
	content_begin(&c, NULL);
	content_add(&c, slice_of(MESSAGE));
	content_free(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(line_ends_and_pieces_make_no_difference),
		cmocka_unit_test(
		    what_stands_above_and_how_it_is_folded_makes_none),
		cmocka_unit_test(any_octet_of_what_was_sent_does),
		cmocka_unit_test(fields_that_servers_write_do_not_count),
		cmocka_unit_test(what_is_different_can_be_told),
		cmocka_unit_test(mail_of_others_is_not_ours),
		cmocka_unit_test(of_two_fields_of_ours_the_topmost_counts),
		cmocka_unit_test(
		    a_header_without_end_is_compared_and_takes_no_memory),
		cmocka_unit_test(its_subject_and_date_are_told_for_people),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
