/* test-date.c - dates of mail. */
#include "message/date.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static void
dates_are_read(void **state)
{
	static const struct {
		const char *text;
		int64_t seconds;
	} rows[] = {
		{ "Sat, 21 Nov 2026 22:15:42 +0000", 1795299342 },
		{ "Sat, 21 Nov 2026 23:15:42 +0100", 1795299342 },
		{ "Sat, 21 Nov 2026 12:45:42 -0930", 1795299342 },
		{ "21 Nov 2026 22:15:42 +0000", 1795299342 },
		{ "Sat 21 Nov 2026 22:15:42 +0000", 1795299342 },
		{ "Saturday, 21 November 2026 22:15:42 +0000", 1795299342 },
		{ "sat, 21 NOV 2026 22:15:42 gmt", 1795299342 },
		{ "Sat, 21 Nov 26 22:15:42 GMT", 1795299342 },
		{ "Sat, 21 Nov 126 22:15:42 GMT", 1795299342 },
		{ "Sat, 21 Nov 2026 22:15:42 UT", 1795299342 },
		{ "Sat, 21 Nov 2026 22:15:42 Z", 1795299342 },
		{ "Sat, 21 Nov 2026 22:15:42 A", 1795299342 },
		{ "Sat, 21 Nov 2026 22:15:42 CEST", 1795299342 },
		{ "Sat, 21 Nov 2026 22:15:42 -0000", 1795299342 },
		{ "Sat, 21 Nov 2026 22:15:42", 1795299342 },
		{ "Sat, 21 Nov 2026 17:15:42 EST", 1795299342 },
		{ "Sat, 21 Nov 2026 18:15:42 EDT", 1795299342 },
		{ "Sat, 21 Nov 2026 16:15:42 CST", 1795299342 },
		{ "Sat, 21 Nov 2026 17:15:42 CDT", 1795299342 },
		{ "Sat, 21 Nov 2026 15:15:42 MST", 1795299342 },
		{ "Sat, 21 Nov 2026 16:15:42 MDT", 1795299342 },
		{ "Sat, 21 Nov 2026 14:15:42 PST", 1795299342 },
		{ "Sat, 21 Nov 2026 15:15:42 PDT", 1795299342 },
		{ "Sat, 21 Nov 2026 22:15 +0000", 1795299300 },
		{ " \r\n\tSat,\r\n 21 Nov 2026\t22:15:42 +0000 \r\n",
		    1795299342 },
		{ "Sat (a (nested\\) one) day), 21 (x) Nov(y)2026 22 : 15 : 42 "
		  "+0000 (UTC)",
		    1795299342 },
		{ "Thu, 1 Jan 1970 00:00:00 +0000", 0 },
		{ "01 Jan 70 00:00:00 +0000", 0 },
		{ "31 Dec 1969 23:59:59 +0000", -1 },
		{ "29 Feb 2024 00:00:00 +0000", 1709164800 },
		{ "29 Feb 2000 00:00:00 +0000", 951782400 },
		{ "31 Dec 2016 23:59:60 +0000", 1483228800 },
		{ "1 Jan 00 00:00:00 +0000", 946684800 },
		{ "31 Dec 49 23:59:59 +0000", 2524607999 },
		{ "1 Jan 50 00:00:00 +0000", -631152000 },
		{ "31 Dec 9999 23:59:59 +0000", 253402300799 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		int64_t seconds = 12345;

		if (date_parse(slice_of(rows[i].text), &seconds) < 0)
			fail_msg("not read: %s", rows[i].text);
		if (seconds != rows[i].seconds)
			fail_msg("%s: %lld", rows[i].text, (long long)seconds);
	}
}

static void
what_is_no_date_is_refused(void **state)
{
	static const char *const rows[] = { "", " ", "(only a comment",
		"yesterday", "Sat,", "Sat, 21", "Sat, 21 Nov", "21 Nov 2026",
		"21 Nov 2026 22", "21 Nov 2026 22:", "21 Nov 2026 22:15:",
		"32 Jan 2026 00:00:00 +0000", "0 Jan 2026 00:00:00 +0000",
		"31 Apr 2026 00:00:00 +0000", "29 Feb 2026 00:00:00 +0000",
		"29 Feb 1900 00:00:00 +0000", "1 Foo 2026 00:00:00 +0000",
		"1 Jan 2026 24:00:00 +0000", "1 Jan 2026 00:60:00 +0000",
		"1 Jan 2026 00:00:61 +0000", "1 Jan 2026 00:00:00 +000",
		"1 Jan 2026 00:00:00 +00000", "1 Jan 2026 00:00:00 +0060",
		"1 Jan 2026 00:00:00 + 0000", "1 Jan 2026 00:00:00 +",
		"1 Jan 2026 00:00:00 +0000 x", "1 Jan 2026 00:00:00 ?",
		"1 Jan 6 00:00:00 +0000", "1 Jan 1899 00:00:00 +0000",
		"1 Jan 99999 00:00:00 +0000", "Foo, 1 Jan 2026 00:00:00 +0000",
		"-1 Jan 2026 00:00:00 +0000",
		"99999999999999999999 Jan 2026 00:00:00 +0000",
		"2026-11-21T22:15:42Z" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		int64_t seconds;

		if (date_parse(slice_of(rows[i]), &seconds) == 0)
			fail_msg("taken for a date: %s", rows[i]);
	}
}

static void
no_cut_of_a_date_reads_beyond_it(void **state)
{
	static const char text[] = "Sat, 21 Nov 2026 22:15:42 +0100 (c\\)";
	size_t n;

	(void)state;
	for (n = 0; n < sizeof text; n++) {
		char *copy = malloc(n > 0 ? n : 1);
		int64_t seconds;

		assert_non_null(copy);
		memcpy(copy, text, n);
		date_parse(slice_make(copy, n), &seconds);
		free(copy);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dates_are_read),
		cmocka_unit_test(what_is_no_date_is_refused),
		cmocka_unit_test(no_cut_of_a_date_reads_beyond_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
