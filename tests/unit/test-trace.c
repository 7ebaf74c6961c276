/* test-trace.c - the Received field that we add, and its id. */
#include "message/trace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void
the_id_is_the_same_for_ever(void **state)
{
	char id[TRACE_ID];

	(void)state;
	trace_id("pop.example.org", "ann", slice_of("AbC123"), 0, 5120, id);
	assert_string_equal(id, "o74dhmju.sf3blmlsefas4wdeivdb");
	trace_id("POP.Example.ORG", "ann", slice_of("AbC123"), 0, 5120, id);
	assert_string_equal(id, "o74dhmju.sf3blmlsefas4wdeivdb");
	trace_id("pop.example.org", "ann", slice_of("AbC123"), 1, 5120, id);
	assert_string_equal(id, "o74dhmju.rbdgkoxqqtjbwet3ou5j");
}

static void
anything_else_is_another_id(void **state)
{
	static const struct {
		const char *server, *user, *uid;
		uint32_t copy;
		uint64_t octets;
	} rows[] = {
		{ "pop.example.net", "ann", "AbC123", 0, 5120 },
		{ "pop.example.org", "Ann", "AbC123", 0, 5120 },
		{ "pop.example.org", "ann", "abc123", 0, 5120 },
		{ "pop.example.org", "ann", "AbC12", 0, 5120 },
		{ "pop.example.org", "ann", "AbC123", 0, 5121 },
		{ "pop.example.org", "ann", "AbC123", 5120, 0 },
		{ "pop.example.orga", "nn", "AbC123", 0, 5120 },
	};
	char one[TRACE_ID], other[TRACE_ID];
	size_t i;

	(void)state;
	trace_id("pop.example.org", "ann", slice_of("AbC123"), 0, 5120, one);
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		trace_id(rows[i].server, rows[i].user, slice_of(rows[i].uid),
		    rows[i].copy, rows[i].octets, other);
		assert_string_not_equal(one, other);
		assert_int_equal(strlen(other), 29);
	}
}

static void
header_is(const struct trace *t, const char *expected)
{
	struct buffer out = { 0 };

	trace_header(t, &out);
	assert_string_equal(out.data, expected);
	buffer_free(&out);
}

static void
the_field_names_from_by_with_id_for_and_date(void **state)
{
	struct trace t = { .from = "pop.example.org",
		.by = "home.example.org",
		.tls = true,
		.id = "o74dhmju.sf3blmlsefas4wdeivdb",
		.recipient = "ann@example.org",
		.when = 1795299342 };

	(void)state;
	header_is(&t,
	    "Received: from pop.example.org\r\n"
	    "\tby home.example.org with POP3S id "
	    "o74dhmju.sf3blmlsefas4wdeivdb\r\n"
	    "\tfor <ann@example.org>; Sat, 21 Nov 2026 22:15:42 +0000\r\n");
	t.recipient = NULL;
	t.tls = false;
	header_is(&t,
	    "Received: from pop.example.org\r\n"
	    "\tby home.example.org with POP3 id "
	    "o74dhmju.sf3blmlsefas4wdeivdb;\r\n"
	    "\tSat, 21 Nov 2026 22:15:42 +0000\r\n");
}

static void
addresses_are_written_as_literals(void **state)
{
	struct trace t = { .from = "192.0.2.1",
		.by = "2001:db8::1",
		.id = "x.y",
		.when = 1795299342 };

	(void)state;
	header_is(&t,
	    "Received: from [192.0.2.1]\r\n"
	    "\tby [IPv6:2001:db8::1] with POP3 id x.y;\r\n"
	    "\tSat, 21 Nov 2026 22:15:42 +0000\r\n");
	t.from = "fe80::1%eth0";
	t.by = "[192.0.2.2]";
	header_is(&t,
	    "Received: from [IPv6:fe80::1]\r\n"
	    "\tby [192.0.2.2] with POP3 id x.y;\r\n"
	    "\tSat, 21 Nov 2026 22:15:42 +0000\r\n");
}

static void
what_is_not_printable_never_gets_in(void **state)
{
	struct trace t = { .from = "a\r\nX: b",
		.by = "c\x1b\xc3\xa4 d",
		.id = "e",
		.recipient = "f@g\r\n",
		.when = 1795299342 };

	(void)state;
	header_is(&t,
	    "Received: from a??X:?b\r\n"
	    "\tby c????d with POP3 id e;\r\n"
	    "\tSat, 21 Nov 2026 22:15:42 +0000\r\n");
	t.recipient = "\xc3\xa4@g";
	header_is(&t,
	    "Received: from a??X:?b\r\n"
	    "\tby c????d with POP3 id e;\r\n"
	    "\tSat, 21 Nov 2026 22:15:42 +0000\r\n");
}

static void
no_line_is_longer_than_it_must_be(void **state)
{
	char host[256], address[255], huge[5000];
	struct trace t = { .from = host,
		.by = host,
		.tls = true,
		.id = "o74dhmju.sf3blmlsefas4wdeivdb",
		.recipient = address,
		.when = 1795299342 };
	struct buffer out = { 0 };
	size_t n, from, length;

	(void)state;
	memset(huge, 'h', sizeof huge);
	huge[sizeof huge - 1] = '\0';
	for (n = 1; n < sizeof host; n++) {
		const char *line, *end;

		memset(host, 'h', n);
		host[n] = '\0';
		length = n < sizeof address ? n : sizeof address - 1;
		memset(address, 'a', length);
		address[length] = '\0';
		buffer_clear(&out);
		trace_header(&t, &out);
		for (line = out.data; *line != '\0'; line = end + 2) {
			end = strstr(line, "\r\n");
			assert_non_null(end);
			from = (size_t)(end - line);
			assert_true(from < 78 || n > 60);
			assert_true(from < 320);
		}
	}
	t.from = t.by = t.id = t.recipient = huge;
	buffer_clear(&out);
	trace_header(&t, &out);
	assert_true(out.len < 998);
	buffer_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_id_is_the_same_for_ever),
		cmocka_unit_test(anything_else_is_another_id),
		cmocka_unit_test(the_field_names_from_by_with_id_for_and_date),
		cmocka_unit_test(addresses_are_written_as_literals),
		cmocka_unit_test(what_is_not_printable_never_gets_in),
		cmocka_unit_test(no_line_is_longer_than_it_must_be),
	};

	/* Dates are written in local time. */
	setenv("TZ", "UTC0", 1);
	tzset();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
