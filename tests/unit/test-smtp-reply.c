/* test-smtp-reply.c - replies of SMTP servers, and what EHLO tells. */
#include "smtp/reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

/* Feed lines separated by '\n'. Returns what the last of them gave. */
static int
feed(struct smtp_reply *r, const char *lines)
{
	struct slice rest = slice_of(lines);
	int rc = 0;

	*r = (struct smtp_reply){ 0 };
	for (;;) {
		const char *lf = memchr(rest.data, '\n', rest.len);
		size_t n = lf != NULL ? (size_t)(lf - rest.data) : rest.len;

		rc = smtp_reply_line(r, slice_make(rest.data, n));
		if (lf == NULL || rc != 0)
			return rc;
		rest = slice_skip(rest, n + 1);
	}
}

static void
a_reply_is_read_and_shown(void **state)
{
	static const struct {
		const char *lines, *shown;
		int code;
	} rows[] = {
		{ "250", "250", 250 },
		{ "250 ", "250", 250 },
		{ "250 ok", "250 ok", 250 },
		{ "250 2.1.0 ok", "250 2.1.0 ok", 250 },
		{ "250 2.1.0", "250 2.1.0", 250 },
		{ "250 2.1.0x ok", "250 2.1.0x ok", 250 },
		{ "250 4.1.0 ok", "250 4.1.0 ok", 250 },
		{ "250 2.1.1000 ok", "250 2.1.1000 ok", 250 },
		{ "250 2. 1.0", "250 2. 1.0", 250 },
		{ "550 5.1.1 no such user", "550 5.1.1 no such user", 550 },
		{ "354 3.0.0 go", "354 3.0.0 go", 354 },
		{ "250-one\n250-two\n250 three", "250 one / two / three", 250 },
		{ "250-one\n250-\n250", "250 one", 250 },
		{ "550-5.7.1 one\n550 5.7.1 two", "550 5.7.1 one / two", 550 },
		{ "550-one\n550 5.7.1 two", "550 5.7.1 one / two", 550 },
		{ "220 \x1b[31mred\x07", "220 ?[31mred?", 220 },
		{ "599 x", "599 x", 599 },
		{ "200 x", "200 x", 200 },
	};
	char text[SMTP_REPLY_TEXT];
	struct smtp_reply r;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_int_equal(feed(&r, rows[i].lines), 1);
		assert_int_equal(r.code, rows[i].code);
		assert_string_equal(smtp_reply_text(&r, text), rows[i].shown);
	}
}

static void
the_enhanced_code_is_taken_apart(void **state)
{
	struct smtp_reply r;

	(void)state;
	assert_int_equal(feed(&r, "452 4.22.333 full"), 1);
	assert_int_equal(r.class, 4);
	assert_int_equal(r.subject, 22);
	assert_int_equal(r.detail, 333);
	assert_string_equal(r.text, "full");
	assert_int_equal(feed(&r, "452 5.2.2 full"), 1);
	assert_int_equal(r.class, 0);
}

static void
what_is_no_reply_is_refused(void **state)
{
	static const char *const rows[] = { "", "2", "25", "2500 ok", "250_ok",
		"250.ok", " 250 ok", "abc", "199 x", "150 x", "600 x", "999 x",
		"000 x", "+OK", "-250 x", "25x ok", "250-one\n251 two",
		"250-one\n550 two", "250-one\ntwo", "550-one\n250 two",
		"250-one\n", "250\tok" };
	struct smtp_reply r;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_int_equal(feed(&r, rows[i]), -1);
}

static void
more_lines_are_asked_for_until_the_last(void **state)
{
	struct smtp_reply r = { 0 };

	(void)state;
	assert_int_equal(smtp_reply_line(&r, slice_of("250-a")), 0);
	assert_int_equal(smtp_reply_line(&r, slice_of("250-b")), 0);
	assert_int_equal(smtp_reply_line(&r, slice_of("250 c")), 1);
}

static void
long_replies_are_cut_and_stay_strings(void **state)
{
	char shown[SMTP_REPLY_TEXT];
	struct smtp_reply r = { 0 };
	char line[3000];
	int i;

	(void)state;
	memset(line, 'x', sizeof line);
	memcpy(line, "550-5.1.1 ", 10);
	for (i = 0; i < 300; i++)
		assert_int_equal(
		    smtp_reply_line(&r, slice_make(line, 20 + i * 9)), 0);
	assert_true(strlen(r.text) < sizeof r.text);
	assert_true(strlen(r.text) > sizeof r.text - 8);
	assert_true(strlen(smtp_reply_text(&r, shown)) < sizeof shown);
	assert_int_equal(strncmp(shown, "550 5.1.1 xxx", 13), 0);
}

static void
a_reply_that_never_came_says_so(void **state)
{
	struct smtp_reply r = { 0 };
	char text[SMTP_REPLY_TEXT];

	(void)state;
	assert_string_equal(smtp_reply_text(&r, text), "no reply");
}

static void
keywords_of_ehlo_are_noted(void **state)
{
	static const char *const lines[] = { "STARTTLS", "8bitmime", "SMTPUTF8",
		"PIPELINING", "CHUNKING", "DSN", "ENHANCEDSTATUSCODES",
		"SIZE 10240000", "AUTH PLAIN LOGIN", "VRFY", "", "   ",
		"X-STARTTLS" };
	struct smtp_ehlo ehlo = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof lines / sizeof lines[0]; i++)
		smtp_ehlo_line(&ehlo, slice_of(lines[i]));
	assert_true(ehlo.starttls && ehlo.eightbitmime && ehlo.smtputf8);
	assert_true(ehlo.pipelining && ehlo.chunking && ehlo.dsn);
	assert_true(ehlo.enhanced_codes && ehlo.size);
	assert_int_equal(ehlo.size_limit, 10240000);
	assert_string_equal(ehlo.auth, "PLAIN LOGIN");
}

static void
words_that_only_begin_like_a_keyword_are_none(void **state)
{
	static const char *const lines[] = { "STARTTLSX", "8BIT", "SIZES 5",
		"AUTHX PLAIN", "PIPELINING-NOT", "XDSN" };
	static const struct smtp_ehlo nothing;
	struct smtp_ehlo ehlo = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof lines / sizeof lines[0]; i++)
		smtp_ehlo_line(&ehlo, slice_of(lines[i]));
	assert_memory_equal(&ehlo, &nothing, sizeof ehlo);
}

static void
a_size_that_is_no_number_is_no_limit(void **state)
{
	static const char *const lines[] = { "SIZE", "SIZE 0", "SIZE abc",
		"SIZE -1", "SIZE 99999999999999999999999" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof lines / sizeof lines[0]; i++) {
		struct smtp_ehlo ehlo = { 0 };

		smtp_ehlo_line(&ehlo, slice_of(lines[i]));
		assert_true(ehlo.size);
		assert_int_equal(ehlo.size_limit, 0);
	}
}

static void
both_spellings_of_auth_add_up(void **state)
{
	struct smtp_ehlo ehlo = { 0 };

	(void)state;
	smtp_ehlo_line(&ehlo, slice_of("AUTH=LOGIN"));
	smtp_ehlo_line(&ehlo, slice_of("auth PLAIN CRAM-MD5"));
	assert_string_equal(ehlo.auth, "LOGIN PLAIN CRAM-MD5");
}

static void
mechanisms_that_are_none_or_too_many_are_passed_over(void **state)
{
	struct smtp_ehlo ehlo = { 0 };
	int i;

	(void)state;
	smtp_ehlo_line(&ehlo,
	    slice_of("AUTH PL\x01"
		     "AIN ABCDEFGHIJKLMNOPQRSTU LOGIN \xc3\xa4"));
	assert_string_equal(ehlo.auth, "LOGIN");
	for (i = 0; i < 100; i++)
		smtp_ehlo_line(&ehlo, slice_of("AUTH SCRAM-SHA-256"));
	assert_true(strlen(ehlo.auth) < sizeof ehlo.auth);
	assert_true(strlen(ehlo.auth) > sizeof ehlo.auth - 20);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reply_is_read_and_shown),
		cmocka_unit_test(the_enhanced_code_is_taken_apart),
		cmocka_unit_test(what_is_no_reply_is_refused),
		cmocka_unit_test(more_lines_are_asked_for_until_the_last),
		cmocka_unit_test(long_replies_are_cut_and_stay_strings),
		cmocka_unit_test(a_reply_that_never_came_says_so),
		cmocka_unit_test(keywords_of_ehlo_are_noted),
		cmocka_unit_test(words_that_only_begin_like_a_keyword_are_none),
		cmocka_unit_test(a_size_that_is_no_number_is_no_limit),
		cmocka_unit_test(both_spellings_of_auth_add_up),
		cmocka_unit_test(
		    mechanisms_that_are_none_or_too_many_are_passed_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
