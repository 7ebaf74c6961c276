/* test-json.c - JSON stays JSON, whatever octets a server sends. */
#include "base/json.h"

#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void
assert_text(const void *octets, size_t len, const char *expected)
{
	struct json j = { 0 };

	json_text(&j, NULL, slice_make(octets, len));
	assert_string_equal(j.out.data, expected);
	assert_int_equal(j.out.len, strlen(expected));
	buffer_free(&j.out);
}

static void
members_and_elements_are_parted_by_commas(void **state)
{
	struct json j = { 0 };

	(void)state;
	json_open(&j, NULL, '{');
	json_string(&j, "a", "b");
	json_open(&j, "list", '[');
	json_number(&j, NULL, 1);
	json_open(&j, NULL, '{');
	json_close(&j, '}');
	json_open(&j, NULL, '[');
	json_close(&j, ']');
	json_bool(&j, NULL, false);
	json_close(&j, ']');
	json_bool(&j, "last", true);
	json_close(&j, '}');
	assert_string_equal(
	    j.out.data, "{\"a\":\"b\",\"list\":[1,{},[],false],\"last\":true}");
	buffer_free(&j.out);
}

static void
nothing_is_null(void **state)
{
	struct json j = { 0 };

	(void)state;
	json_open(&j, NULL, '[');
	json_string(&j, NULL, NULL);
	json_time(&j, NULL, 0);
	json_string(&j, NULL, "");
	json_text(&j, NULL, (struct slice){ NULL, 0 });
	json_close(&j, ']');
	assert_string_equal(j.out.data, "[null,null,\"\",\"\"]");
	buffer_free(&j.out);
}

static void
numbers_keep_every_digit(void **state)
{
	struct json j = { 0 };

	(void)state;
	json_open(&j, NULL, '[');
	json_number(&j, NULL, INT64_MIN);
	json_number(&j, NULL, 0);
	json_number(&j, NULL, INT64_MAX);
	json_close(&j, ']');
	assert_string_equal(
	    j.out.data, "[-9223372036854775808,0,9223372036854775807]");
	buffer_free(&j.out);
}

static void
times_are_rfc_3339(void **state)
{
	struct json j = { 0 };

	(void)state;
	json_open(&j, NULL, '{');
	json_time(&j, "at", 1795299342);
	json_close(&j, '}');
	assert_string_equal(j.out.data, "{\"at\":\"2026-11-21T22:15:42Z\"}");
	buffer_free(&j.out);
}

static void
control_characters_are_escaped(void **state)
{
	char one;
	char expected[16];
	int c;

	(void)state;
	for (c = 0; c < 0x20; c++) {
		one = (char)c;
		snprintf(expected, sizeof(expected), "\"\\u%04x\"", c);
		assert_text(&one, 1, expected);
	}
	assert_text("\x7f", 1, "\"\\u007f\"");
	assert_text("\xc2\x80", 2, "\"\\u0080\"");
	assert_text("\xc2\x9b", 2, "\"\\u009b\"");
	assert_text("\xc2\xa0", 2, "\"\xc2\xa0\"");
	assert_text("\xe2\x80\xae", 3, "\"\\u202e\"");
	assert_text("\xe2\x82\xac", 3, "\"\xe2\x82\xac\"");
	assert_text("a\"b\\c/", 6, "\"a\\\"b\\\\c/\"");
}

static void
keys_are_escaped_too(void **state)
{
	struct json j = { 0 };

	(void)state;
	json_open(&j, NULL, '{');
	json_number(&j, "a\"\n", 1);
	json_close(&j, '}');
	assert_string_equal(j.out.data, "{\"a\\\"\\u000a\":1}");
	buffer_free(&j.out);
}

static void
utf8_passes_as_it_is(void **state)
{
	static const char *const good[] = { "plain", "\xc3\xa9", "\xdf\xbf",
		"\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80", "\xe2\x82\xac",
		"\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf" };
	char expected[32];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		snprintf(expected, sizeof(expected), "\"%s\"", good[i]);
		assert_text(good[i], strlen(good[i]), expected);
	}
}

#define FFFD "\xef\xbf\xbd"

static void
what_is_not_utf8_becomes_u_fffd(void **state)
{
	static const struct {
		const char *octets;
		const char *expected;
	} bad[] = {
		{ "\x80", "\"" FFFD "\"" },
		{ "\xff", "\"" FFFD "\"" },
		{ "a\xfe"
		  "b",
		    "\"a" FFFD "b\"" },
		{ "\xc3", "\"" FFFD "\"" }, /* cut short */
		{ "\xc3\"", "\"" FFFD "\\\"\"" }, /* hides no quote */
		{ "\xc0\xaf", "\"" FFFD FFFD "\"" }, /* overlong */
		{ "\xc1\x81", "\"" FFFD FFFD "\"" },
		{ "\xe0\x9f\xbf", "\"" FFFD FFFD FFFD "\"" },
		{ "\xe2\x82", "\"" FFFD FFFD "\"" },
		{ "\xed\xa0\x80", "\"" FFFD FFFD FFFD "\"" }, /* surrogate */
		{ "\xf0\x8f\xbf\xbf", "\"" FFFD FFFD FFFD FFFD "\"" },
		{ "\xf4\x90\x80\x80", "\"" FFFD FFFD FFFD FFFD "\"" },
		{ "\xf5\x80\x80\x80", "\"" FFFD FFFD FFFD FFFD "\"" },
		{ "\xe2\x82\xc3\xa9", "\"" FFFD FFFD "\xc3\xa9\"" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_text(
		    bad[i].octets, strlen(bad[i].octets), bad[i].expected);
}

static void
no_octet_ends_a_string_early(void **state)
{
	unsigned char pair[2];
	struct json j = { 0 };
	int a;
	int b;
	size_t i;

	(void)state;
	for (a = 0; a < 256; a++)
		for (b = 0; b < 256; b++) {
			pair[0] = (unsigned char)a;
			pair[1] = (unsigned char)b;
			buffer_clear(&j.out);
			j.comma = false;
			json_text(&j, NULL, slice_make(pair, 2));
			assert_true(text_is_utf8(buffer_slice(&j.out)));
			for (i = 1; i + 1 < j.out.len; i++) {
				assert_true(
				    (unsigned char)j.out.data[i] >= 0x20);
				assert_int_not_equal(j.out.data[i], '"');
				if (j.out.data[i] == '\\')
					i++;
			}
			assert_int_equal(i + 1, j.out.len);
		}
	buffer_free(&j.out);
}

static void
finishing_writes_one_line_and_begins_anew(void **state)
{
	struct json j = { 0 };
	char got[64];
	ssize_t n;
	int fds[2];
	int out;

	(void)state;
	fflush(stdout);
	assert_int_equal(pipe(fds), 0);
	out = dup(STDOUT_FILENO);
	dup2(fds[1], STDOUT_FILENO);
	json_open(&j, NULL, '[');
	json_close(&j, ']');
	json_finish(&j);
	fflush(stdout);
	dup2(out, STDOUT_FILENO);
	close(out);
	close(fds[1]);
	n = read(fds[0], got, sizeof(got));
	close(fds[0]);
	assert_int_equal(n, 3);
	assert_memory_equal(got, "[]\n", 3);
	assert_null(j.out.data);
	assert_false(j.comma);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_and_elements_are_parted_by_commas),
		cmocka_unit_test(nothing_is_null),
		cmocka_unit_test(numbers_keep_every_digit),
		cmocka_unit_test(times_are_rfc_3339),
		cmocka_unit_test(control_characters_are_escaped),
		cmocka_unit_test(keys_are_escaped_too),
		cmocka_unit_test(utf8_passes_as_it_is),
		cmocka_unit_test(what_is_not_utf8_becomes_u_fffd),
		cmocka_unit_test(no_octet_ends_a_string_early),
		cmocka_unit_test(finishing_writes_one_line_and_begins_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
