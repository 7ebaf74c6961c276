/* test-text.c - small pure functions on text, and the spelling of times. */
#include "base/text.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static void
numbers_are_digits_within_their_range(void **state)
{
	static const struct {
		const char *text;
		uint64_t max;
		int rc;
		uint64_t value;
	} cases[] = {
		{ "0", 0, 0, 0 },
		{ "1", 0, -1, 0 },
		{ "007", 7, 0, 7 },
		{ "8", 7, -1, 0 },
		{ "10", 9, -1, 0 },
		{ "10", 10, 0, 10 },
		{ "11", 10, -1, 0 },
		{ "18446744073709551615", UINT64_MAX, 0, UINT64_MAX },
		{ "18446744073709551616", UINT64_MAX, -1, 0 },
		{ "99999999999999999999999999", UINT64_MAX, -1, 0 },
		{ "", 9, -1, 0 },
		{ "-1", 9, -1, 0 },
		{ "+1", 9, -1, 0 },
		{ " 1", 9, -1, 0 },
		{ "1 ", 9, -1, 0 },
		{ "0x1", 9, -1, 0 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		uint64_t value = 0;

		assert_int_equal(
		    text_u64(slice_of(cases[i].text), cases[i].max, &value),
		    cases[i].rc);
		assert_int_equal(value, cases[i].value);
	}
}

static void
durations_need_their_unit(void **state)
{
	static const struct {
		const char *text;
		int rc;
		int64_t seconds;
	} cases[] = {
		{ "0", 0, 0 },
		{ "30s", 0, 30 },
		{ "5m", 0, 300 },
		{ "2h", 0, 7200 },
		{ "14d", 0, 14 * 86400 },
		{ "0d", 0, 0 },
		{ "106751991167300d", 0, INT64_C(106751991167300) * 86400 },
		{ "106751991167301d", -1, -1 },
		{ "30", -1, -1 },
		{ "1w", -1, -1 },
		{ "5M", -1, -1 },
		{ "s", -1, -1 },
		{ "", -1, -1 },
		{ "1h30m", -1, -1 },
		{ "-5m", -1, -1 },
		{ "5 m", -1, -1 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		int64_t seconds = -1;

		assert_int_equal(
		    text_duration(slice_of(cases[i].text), &seconds),
		    cases[i].rc);
		assert_int_equal(seconds, cases[i].seconds);
	}
}

static void
sizes_count_in_powers_of_1024(void **state)
{
	static const struct {
		const char *text;
		int rc;
		uint64_t octets;
	} cases[] = {
		{ "512", 0, 512 },
		{ "64K", 0, 65536 },
		{ "25M", 0, 25u << 20 },
		{ "2G", 0, UINT64_C(2) << 30 },
		{ "0", 0, 0 },
		{ "17179869183G", 0, UINT64_C(17179869183) << 30 },
		{ "17179869184G", -1, 1 },
		{ "64k", -1, 1 },
		{ "1T", -1, 1 },
		{ "K", -1, 1 },
		{ "", -1, 1 },
		{ "1.5M", -1, 1 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		uint64_t octets = 1;

		assert_int_equal(
		    text_size(slice_of(cases[i].text), &octets), cases[i].rc);
		assert_int_equal(octets, cases[i].octets);
	}
}

static void
what_is_spelt_reads_back_the_same(void **state)
{
	static const int64_t seconds[] = { 0, 1, 59, 60, 61, 3600, 86400,
		14 * 86400, 90000, INT64_MAX };
	static const uint64_t octets[] = { 0, 1, 1023, 1024, 65536, 25u << 20,
		UINT64_C(2) << 30, UINT64_MAX };
	char out[TEXT_UNIT];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof seconds / sizeof seconds[0]; i++) {
		int64_t back = -1;

		text_from_duration(seconds[i], out);
		assert_int_equal(text_duration(slice_of(out), &back), 0);
		assert_int_equal(back, seconds[i]);
	}
	for (i = 0; i < sizeof octets / sizeof octets[0]; i++) {
		uint64_t back = 7;

		text_from_size(octets[i], out);
		assert_int_equal(text_size(slice_of(out), &back), 0);
		assert_int_equal(back, octets[i]);
	}
	assert_string_equal(text_from_duration(90000, out), "25h");
	assert_string_equal(text_from_duration(14 * 86400, out), "14d");
	assert_string_equal(text_from_size(65536, out), "64K");
	assert_string_equal(text_from_size(1000, out), "1000");
}

static void
people_read_octets_in_decimal_units(void **state)
{
	static const struct {
		uint64_t octets;
		const char *text;
	} cases[] = {
		{ 0, "0 B" },
		{ 999, "999 B" },
		{ 1000, "1.0 kB" },
		{ 1449999, "1.4 MB" },
		{ 9949, "9.9 kB" },
		{ 9950, "10 kB" },
		{ 64123, "64 kB" },
		{ 999499, "999 kB" },
		{ 999500, "1.0 MB" },
		{ 200000000, "200 MB" },
		{ UINT64_MAX, "18 EB" },
	};
	char out[TEXT_UNIT];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_string_equal(
		    text_octets(cases[i].octets, out), cases[i].text);
}

static void
people_read_how_long_ago(void **state)
{
	static const struct {
		int64_t seconds;
		const char *text;
	} cases[] = {
		{ -5, "0 s" },
		{ 59, "59 s" },
		{ 60, "1 min" },
		{ 239, "3 min" },
		{ 3600, "1 h" },
		{ 86399, "23 h" },
		{ 86400, "1 day" },
		{ 2 * 86400, "2 days" },
	};
	char out[TEXT_UNIT];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_string_equal(
		    text_ago(cases[i].seconds, out), cases[i].text);
}

static void
people_read_large_counts_in_groups(void **state)
{
	char out[TEXT_UNIT];

	(void)state;
	assert_string_equal(text_count(0, out), "0");
	assert_string_equal(text_count(999, out), "999");
	assert_string_equal(text_count(1000, out), "1,000");
	assert_string_equal(text_count(19998, out), "19,998");
	assert_string_equal(
	    text_count(UINT64_MAX, out), "18,446,744,073,709,551,615");
}

static void
no_terminal_obeys_harmless_text(void **state)
{
	static const struct {
		const char *raw;
		const char *text;
	} cases[] = {
		{ "plain", "plain" },
		{ "a\tb\r\n", "a?b??" },
		{ "\x1b]0;x\x07", "?]0;x?" },
		{ "\x7f", "?" },
		{ "\x9b"
		  "2J",
		    "?2J" }, /* C1 as one octet */
		{ "\xc2\x9b"
		  "2J",
		    "?2J" }, /* C1 in UTF-8 */
		{ "\xc2\xa0", "\xc2\xa0" },
		{ "\xc3\xa4\xe2\x82\xac\xf0\x9f\x93\xac",
		    "\xc3\xa4\xe2\x82\xac\xf0\x9f\x93\xac" },
		{ "\xc0\xaf", "??" }, /* overlong */
		{ "\xed\xa0\x80", "???" }, /* a surrogate */
		{ "\xf4\x90\x80\x80", "????" }, /* over U+10FFFF */
		{ "\xe2\x82", "??" }, /* cut off */
		{ "\xe2\x80\xa8|\xe2\x80\xae", "?|?" }, /* U+2028, U+202E */
		{ "\xe2\x81\xa6|\xe2\x81\xa9", "?|?" }, /* U+2066, U+2069 */
		{ "\xe2\x80\xa7\xe2\x80\xaf", "\xe2\x80\xa7\xe2\x80\xaf" },
		{ "\xe2\x81\xa5\xe2\x81\xaa", "\xe2\x81\xa5\xe2\x81\xaa" },
		{ "\xe3\x80\xae\xe2\x82\xa8", "\xe3\x80\xae\xe2\x82\xa8" },
	};
	char out[64];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		text_harmless(slice_of(cases[i].raw), out, sizeof out);
		assert_string_equal(out, cases[i].text);
	}
	text_harmless(slice_make("a\0b", 3), out, sizeof out);
	assert_string_equal(out, "a?b");
}

static void
harmless_text_never_passes_its_room(void **state)
{
	const struct slice euros = slice_of("\xe2\x82\xac\xe2\x82\xac");
	char out[8];
	size_t room;

	(void)state;
	for (room = 1; room < sizeof out; room++) {
		memset(out, 'X', sizeof out);
		text_harmless(euros, out, room);
		assert_int_equal(strlen(out), (room - 1) / 3 * 3);
		assert_int_equal(out[room], 'X');
	}
	out[0] = 'X';
	text_harmless(euros, out, 0);
	assert_int_equal(out[0], 'X');
}

static void
utf8_is_what_rfc_3629_says(void **state)
{
	(void)state;
	assert_true(text_is_utf8(slice_make(NULL, 0)));
	assert_true(text_is_utf8(slice_of("a\xc3\xa4\xef\xbf\xbf")));
	assert_true(text_is_utf8(slice_of("\xf4\x8f\xbf\xbf")));
	assert_false(text_is_utf8(slice_of("\xe0\x9f\xbf")));
	assert_false(text_is_utf8(slice_of("\xf0\x8f\xbf\xbf")));
	assert_false(text_is_utf8(slice_of("\x80")));
	assert_false(text_is_utf8(slice_of("\xf8\x88\x80\x80\x80")));
	assert_false(text_is_utf8(slice_of("ok\xc3")));
}

static void
the_nearest_name_is_the_one_meant(void **state)
{
	static const char *const names[] = { "name", "pop3", "port", "tls",
		"user", "password", "password_file", "password_command",
		"recipient", "after_delivery", "timeout", "every", NULL };
	static const struct {
		const char *word;
		const char *name;
	} cases[] = {
		{ "recipent", "recipient" },
		{ "reciepient", "recipient" },
		{ "passwrod", "password" },
		{ "POP3", "pop3" },
		{ "prot", "port" },
		{ "usr", "user" },
		{ "time", "timeout" },
		{ "after-delivery", "after_delivery" },
		{ "deliver_after", NULL },
		{ "xyzzy", NULL },
		{ "", NULL },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const char *name = text_nearest(cases[i].word, names);

		if (cases[i].name == NULL)
			assert_null(name);
		else
			assert_string_equal(name, cases[i].name);
	}
}

static void
an_endless_word_is_near_nothing(void **state)
{
	static const char *const names[] = { "port", NULL };
	char word[5000];

	(void)state;
	memset(word, 'p', sizeof word - 1);
	word[sizeof word - 1] = '\0';
	assert_null(text_nearest(word, names));
}

static void
hexadecimal_is_lower_case(void **state)
{
	char out[9];

	(void)state;
	text_hex("\x00\x1f\xab\xff", 4, out);
	assert_string_equal(out, "001fabff");
}

static void
times_are_spelt_as_their_rfcs_say(void **state)
{
	const int64_t wall = INT64_C(1795299342);
	char out[CLOCK_TEXT];
	char date[CLOCK_RFC5322];

	(void)state;
	setenv("TZ", "XST-5:30", 1);
	tzset();
	assert_string_equal(clock_rfc3339(wall, out), "2026-11-21T22:15:42Z");
	assert_string_equal(clock_text(wall, out), "2026-11-22 03:45");
	assert_string_equal(
	    clock_rfc5322(wall, date), "Sun, 22 Nov 2026 03:45:42 +0530");
	assert_string_equal(
	    clock_rfc5322(0, date), "Thu, 1 Jan 1970 05:30:00 +0530");
	clock_rfc3339(INT64_MAX, out);
	assert_int_equal(out[0], '@');
}

static void
a_date_is_the_beginning_of_that_day_as_local_clocks_show_it(void **state)
{
	static const char *const none[] = { "", "2026", "2026-11-1",
		"2026-11-011", "2026-13-01", "2026-00-10", "2026-02-29",
		"2026-11-31", "2026-11-00", "2026/11/01", "20 6-11-01",
		"-026-11-01", "1969-12-31", "2026-11-01 ", "30d" };
	int64_t wall;

	(void)state;
	setenv("TZ", "XST-5:30", 1);
	tzset();
	assert_int_equal(clock_date("2026-11-22", &wall), 0);
	assert_int_equal(wall, 1795299342 - 3 * 3600 - 45 * 60 - 42);
	assert_int_equal(clock_date("2028-02-29", &wall), 0);
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		if (clock_date(none[i], &wall) == 0)
			fail_msg("\"%s\" is taken for a date", none[i]);
}

static void
deadlines_neither_wrap_nor_wait_for_the_past(void **state)
{
	struct deadline past = { .ms = clock_monotonic_ms() - 1 };

	(void)state;
	assert_true(deadline_passed(past));
	assert_int_equal(deadline_left(past), 0);
	assert_int_equal(deadline_in(INT64_MAX).ms, DEADLINE_NEVER);
	assert_false(deadline_passed(deadline_never()));
	assert_int_equal(deadline_left(deadline_never()), -1);
	assert_true(deadline_left(deadline_in(INT64_C(1) << 40)) > 1 << 30);
	assert_true(deadline_sooner(deadline_never(), past).ms == past.ms);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_digits_within_their_range),
		cmocka_unit_test(durations_need_their_unit),
		cmocka_unit_test(sizes_count_in_powers_of_1024),
		cmocka_unit_test(what_is_spelt_reads_back_the_same),
		cmocka_unit_test(people_read_octets_in_decimal_units),
		cmocka_unit_test(people_read_how_long_ago),
		cmocka_unit_test(people_read_large_counts_in_groups),
		cmocka_unit_test(no_terminal_obeys_harmless_text),
		cmocka_unit_test(harmless_text_never_passes_its_room),
		cmocka_unit_test(utf8_is_what_rfc_3629_says),
		cmocka_unit_test(the_nearest_name_is_the_one_meant),
		cmocka_unit_test(an_endless_word_is_near_nothing),
		cmocka_unit_test(hexadecimal_is_lower_case),
		cmocka_unit_test(times_are_spelt_as_their_rfcs_say),
		cmocka_unit_test(
		    a_date_is_the_beginning_of_that_day_as_local_clocks_show_it),
		cmocka_unit_test(deadlines_neither_wrap_nor_wait_for_the_past),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
