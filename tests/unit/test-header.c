/* test-header.c - reading the header of a message. */
#include "message/header.h"

#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static void
the_header_ends_at_an_empty_line(void **state)
{
	static const struct {
		const char *content;
		size_t length;
		bool complete;
	} rows[] = {
		{ "", 0, false },
		{ "\r\n", 0, true },
		{ "\r\nbody", 0, true },
		{ "A: b\r\n\r\nbody\r\n", 6, true },
		{ "A: b\r\n\r", 7, false },
		{ "A: b\r\n", 6, false },
		{ "A: b", 4, false },
		{ "A: b\r\n \r\n\r\n", 9, true },
		{ "A: b\r\nno field\r\n\r\nbody", 16, true },
		{ "From ann\r\nA: b\r\n\r\n", 16, true },
		{ "A: b\n\nbody", 5, true },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		bool complete = !rows[i].complete;
		size_t n = header_length(slice_of(rows[i].content), &complete);

		assert_int_equal(n, rows[i].length);
		assert_int_equal(complete, rows[i].complete);
	}
}

static void
a_header_without_end_is_cut_at_the_limit(void **state)
{
	struct buffer b = { 0 };
	bool complete;
	size_t n;

	(void)state;
	while (b.len < HEADER_MAX + 1000)
		buffer_add_text(&b, "X-Filler: 0123456789\r\n");
	n = header_length(buffer_slice(&b), &complete);
	assert_true(complete);
	assert_true(n < HEADER_MAX && n > HEADER_MAX - 100);
	assert_int_equal(b.data[n - 1], '\n');
	buffer_clear(&b);
	while (b.len < HEADER_MAX + 1000)
		buffer_add_text(&b, "one line only ");
	assert_int_equal(header_length(buffer_slice(&b), &complete), 0);
	assert_true(complete);
	buffer_free(&b);
}

/* The fields of a header as "name|value;", their `whole` checked. */
static void
walk(const char *header, struct buffer *out)
{
	struct slice rest = slice_of(header);
	struct header_field f;

	buffer_clear(out);
	buffer_add_text(out, "");
	while (header_next(&rest, &f)) {
		buffer_add_slice(out, f.name);
		buffer_add_text(out, "|");
		buffer_add_slice(out, f.value);
		buffer_add_text(out, ";");
		assert_ptr_equal(f.name.data, f.whole.data);
		assert_true(f.whole.data + f.whole.len == rest.data);
	}
}

static void
fields_are_cut_one_by_one(void **state)
{
	static const struct {
		const char *header, *fields;
	} rows[] = {
		{ "", "" },
		{ "\r\n", "" },
		{ "A: b\r\n", "A|b;" },
		{ "A: b", "A|b;" },
		{ "A:\r\n", "A|;" },
		{ "A:", "A|;" },
		{ "A:b\r\nC:  d  \r\n", "A|b;C|d;" },
		{ "A: b\r\n c\r\n\td\r\nE: f\r\n", "A|b\r\n c\r\n\td;E|f;" },
		{ "A:\r\n b\r\n", "A|b;" },
		{ "A : b\r\n", "A|b;" },
		{ "A: b: c\r\n", "A|b: c;" },
		{ "From ann@x Mon Jan  1 00:00:00 2026\r\nA: b\r\n", "A|b;" },
		{ ">From ann@x Mon Jan  1 00:00:00 2026\r\nA: b\r\n", "A|b;" },
		{ " folded on to nothing: x\r\nA: b\r\n", "A|b;" },
		{ "A: b\r\nThis is body: text\r\nplain\r\nC: d\r\n",
		    "A|b;C|d;" },
		{ "A: b\r\n\r\nC: d\r\n", "A|b;" },
		{ ": no name\r\nA: b\r\n", "A|b;" },
		{ "\xc3\xa4: x\r\nA: b\r\n", "A|b;" },
		{ "A: b\r\n \r\nC: d\r\n", "A|b;C|d;" },
		{ "A: b\nC: d\n", "A|b;C|d;" },
	};
	struct buffer out = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		walk(rows[i].header, &out);
		assert_string_equal(out.data, rows[i].fields);
	}
	buffer_free(&out);
}

static void
the_first_field_of_a_name_is_found(void **state)
{
	struct slice header = slice_of("Received: one\r\nRETURN-path: <a@b>\r\n"
				       "Return-Path: <c@d>\r\n");
	struct header_field f;

	(void)state;
	assert_true(header_find(header, "Return-Path", &f));
	assert_true(slice_is(f.value, "<a@b>"));
	assert_true(slice_is(f.whole, "RETURN-path: <a@b>\r\n"));
	assert_false(header_find(header, "Return", &f));
	assert_false(header_find(header, "Subject", &f));
	/* Absent, it must not look like the field that was read last. */
	assert_int_equal(f.name.len, 0);
	assert_int_equal(f.value.len, 0);
	assert_int_equal(f.whole.len, 0);
}

static void
values_are_decoded_for_people(void **state)
{
	static const struct {
		const char *value, *text;
	} rows[] = {
		{ "plain", "plain" },
		{ "", "" },
		{ "two\r\n\tlines", "two lines" },
		{ "=?utf-8?Q?Gr=C3=BC=C3=9Fe_an_alle?=",
		    "Gr\xc3\xbc\xc3\x9f"
		    "e an alle" },
		{ "=?UTF-8?B?R3LDvMOfZQ==?=",
		    "Gr\xc3\xbc\xc3\x9f"
		    "e" },
		{ "=?UTF-8?B?R3LDvMOfZQ?=",
		    "Gr\xc3\xbc\xc3\x9f"
		    "e" },
		{ "=?iso-8859-1?q?Gr=FC=DFe?=",
		    "Gr\xc3\xbc\xc3\x9f"
		    "e" },
		{ "=?us-ascii*en?Q?a?= b", "a b" },
		{ "=?utf-8?Q?a?= =?utf-8?Q?b?=", "ab" },
		{ "=?utf-8?Q?=C3?=\r\n =?utf-8?Q?=BC?=", "\xc3\xbc" },
		{ "=?utf-8?Q?a?= b =?utf-8?Q?c?=", "a b c" },
		{ "=?koi8-r?Q?=C1?=", "=?koi8-r?Q?=C1?=" },
		{ "=?utf-8?X?abc?=", "=?utf-8?X?abc?=" },
		{ "=?utf-8?Q?=ZZ?=", "=?utf-8?Q?=ZZ?=" },
		{ "=?utf-8?Q?=C?=", "=?utf-8?Q?=C?=" },
		{ "=?utf-8?B?a!b?=", "=?utf-8?B?a!b?=" },
		{ "=?utf-8?Q?unfinished", "=?utf-8?Q?unfinished" },
		{ "=?", "=?" },
		{ "=?utf-8?Q?a b?=", "=?utf-8?Q?a b?=" },
		{ "raw \xe4", "raw ?" },
		{ "=?utf-8?Q?=1B[31m?=", "?[31m" },
		{ "=?utf-8?Q?=0D=0AX:?=", "??X:" },
	};
	struct buffer header = { 0 };
	char out[100];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		buffer_clear(&header);
		buffer_addf(&header, "A: b\r\nSubject: %s\r\n", rows[i].value);
		header_text(buffer_slice(&header), "subject", out, sizeof out);
		assert_string_equal(out, rows[i].text);
	}
	header_text(buffer_slice(&header), "To", out, sizeof out);
	assert_string_equal(out, "");
	header_text(slice_of("A: 0123456789\r\n"), "A", out, 5);
	assert_string_equal(out, "0123");
	buffer_free(&header);
}

static void
arrival_is_the_topmost_received(void **state)
{
	static const struct {
		const char *header;
		int64_t when;
	} rows[] = {
		{ "Received: from a by b; Sat, 21 Nov 2026 22:15:42 +0000\r\n"
		  "Received: from c by d; Sat, 21 Nov 2020 22:15:42 +0000\r\n"
		  "Date: Sat, 21 Nov 2015 22:15:42 +0000\r\n",
		    1795299342 },
		{ "Received: from a\r\n\tby b (x;y);\r\n\tSat, 21 Nov 2026 "
		  "22:15:42 +0000 (UTC)\r\n",
		    1795299342 },
		{ "Received: from a by b\r\n"
		  "Date: Sat, 21 Nov 2026 22:15:42 +0000\r\n",
		    1795299342 },
		{ "Received: from a by b; no date\r\n"
		  "Date: Sat, 21 Nov 2026 22:15:42 +0000\r\n",
		    1795299342 },
		{ "Date: Sat, 21 Nov 2026 22:15:42 +0000\r\n", 1795299342 },
		{ "Received:\r\nSubject: x\r\n", -1 },
		{ "Date: never\r\n", -1 },
		{ "", -1 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_int_equal(
		    header_arrival(slice_of(rows[i].header)), rows[i].when);
}

static void
digest_is(const char *header, const char *hex)
{
	unsigned char sum[32];
	char text[65];

	header_digest(slice_of(header), sum);
	text_hex(sum, sizeof sum, text);
	assert_string_equal(text, hex);
}

/* printf 'Subject: x\r\nTo: y\r\n' | sha256sum */
#define SUBJECT_TO \
	"dae9a27905ce108e4e51bb196eea5905b94df3cc93868f55784a976c803f14e3"

static void
the_digest_leaves_out_what_servers_rewrite(void **state)
{
	(void)state;
	digest_is("",
	    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b"
	    "7852b855");
	digest_is("Subject: x\r\nTo: y\r\n", SUBJECT_TO);
	digest_is("Status: RO\r\nSubject: x\r\nTo: y\r\n", SUBJECT_TO);
	digest_is("Subject: x\r\nTo: y\r\nX-Status: A\r\n", SUBJECT_TO);
	digest_is(
	    "Subject: x\r\nX-UIDL: a\r\n\tb\r\n c\r\nTo: y\r\n", SUBJECT_TO);
	digest_is("Subject: x\r\ncontent-length: 5\r\nSTATUS:\r\nTo: y\r\n",
	    SUBJECT_TO);
}

static void
the_digest_takes_in_all_else(void **state)
{
	static const char *const others[] = { "Subject: x\r\nTo: z\r\n",
		"Subject: x\r\nTo: y\r\n z\r\n", "To: y\r\nSubject: x\r\n",
		"Subject: x\r\nno field\r\nTo: y\r\n",
		"Subject: x\r\nTo: y\r\nX-Status-2: A\r\n" };
	unsigned char one[32], other[32];
	size_t i;

	(void)state;
	header_digest(slice_of("Subject: x\r\nTo: y\r\n"), one);
	for (i = 0; i < sizeof others / sizeof others[0]; i++) {
		header_digest(slice_of(others[i]), other);
		assert_memory_not_equal(one, other, sizeof one);
	}
}

static void
no_cut_of_a_header_reads_beyond_it(void **state)
{
	static const char text[] = "From x\r\nSubject: =?utf-8?Q?=C3=BC?=\r\n"
				   " =?iso-8859-1?B?/A==?=\r\nReceived: a;\r\n"
				   "\tSat, 21 Nov 2026 22:15 +0000\r\n"
				   "Status: x\r\n\r\nbody";
	size_t n;

	(void)state;
	for (n = 0; n < sizeof text; n++) {
		char *copy = malloc(n > 0 ? n : 1);
		unsigned char sum[32];
		char out[20];
		struct slice s;
		bool complete;

		assert_non_null(copy);
		memcpy(copy, text, n);
		s = slice_make(copy, n);
		s.len = header_length(s, &complete);
		header_text(s, "Subject", out, sizeof out);
		header_arrival(s);
		header_digest(s, sum);
		free(copy);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_header_ends_at_an_empty_line),
		cmocka_unit_test(a_header_without_end_is_cut_at_the_limit),
		cmocka_unit_test(fields_are_cut_one_by_one),
		cmocka_unit_test(the_first_field_of_a_name_is_found),
		cmocka_unit_test(values_are_decoded_for_people),
		cmocka_unit_test(arrival_is_the_topmost_received),
		cmocka_unit_test(the_digest_leaves_out_what_servers_rewrite),
		cmocka_unit_test(the_digest_takes_in_all_else),
		cmocka_unit_test(no_cut_of_a_header_reads_beyond_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
