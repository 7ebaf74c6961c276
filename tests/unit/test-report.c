/* test-report.c - who may be told of a refusal, and in which words. */
#include "message/report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static char ann[] = "ann@example.org";
static char boeb[] = "b\xc3\xb6"
		     "b+\xe2\x82\xac\xf0\x9f\x98\x80@example.org";
static char no_such_user[] = "550 5.1.1 no such user";
static char too_large[] = "too large for home";

/* --- who may be told --- */

static void
only_people_are_told(void **state)
{
	static const struct {
		const char *sender;
		bool may;
	} rows[] = {
		{ "carl@example.org", true },
		{ "owner.of.a.dog@example.org", true },
		{ "requests@example.org", true },
		{ "\"carl@home\"@example.org", true },
		{ "", false },
		{ "carl", false },
		{ "@example.org", false },
		{ "MAILER-DAEMON@example.org", false },
		{ "Mailer-Daemon-7@example.org", false },
		{ "owner-talk@example.org", false },
		{ "talk-owner@example.org", false },
		{ "talk-request@example.org", false },
		{ "talk-REQUEST@example.org", false },
		{ "talk-bounces@example.org", false },
		{ "talk-bounces+ann=example.net@example.org", false },
		{ "bounce-17-ann@example.org", false },
		{ "bounces@example.org", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (report_may_bounce(slice_of("Subject: hello\r\n"),
			rows[i].sender) != rows[i].may)
			fail_msg("%s", rows[i].sender);
}

static void
some_headers_forbid_it(void **state)
{
	static const struct {
		const char *header;
		bool may;
	} rows[] = {
		{ "", true },
		{ "Subject: List-Id: no\r\n", true },
		{ "Precedence: first-class\r\n", true },
		{ "Auto-Submitted: no\r\n", true },
		{ "Content-Type: multipart/mixed; boundary=report\r\n", true },
		{ "List-Id: <talk.example.org>\r\n", false },
		{ "list-unsubscribe: <mailto:x@example.org>\r\n", false },
		{ "Mailing-List: talk\r\n", false },
		{ "Precedence: bulk\r\n", false },
		{ "precedence:\r\n LIST\r\n", false },
		{ "Precedence: junk\r\n", false },
		{ "Auto-Submitted: auto-replied\r\n", false },
		{ "Auto-Submitted: auto-generated; x=y\r\n", false },
		{ "Auto-Submitted: nonsense\r\n", false },
		{ "Content-Type: multipart/report; boundary=x\r\n", false },
		{ "Subject: hello\r\nContent-Type: Multipart/Report\r\n",
		    false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (report_may_bounce(slice_of(rows[i].header),
			"carl@example.org") != rows[i].may)
			fail_msg("%s", rows[i].header);
}

/* --- the code --- */

static void
the_status_is_the_servers_where_it_has_one(void **state)
{
	static const struct {
		const char *reply, *status;
	} rows[] = {
		{ "550 5.1.1 no such user", "5.1.1" },
		{ "550 5.7.509 no", "5.7.509" },
		{ "552 5.3.4", "5.3.4" },
		{ "550 no such user", "5.0.0" },
		{ "550 5.1 odd", "5.0.0" },
		{ "550 5.1.1234 odd", "5.0.0" },
		{ "550 5.1.1x odd", "5.0.0" },
		{ "550 2.0.0 odd", "5.0.0" },
		{ "given up after 5 days: 451 4.3.0 later", "4.3.0" },
		{ "too large for home: 552 5.2.3 no", "5.2.3" },
		{ "too large for home", "5.0.0" },
		{ "550 run version 5.1.1 of it", "5.0.0" },
		{ "", "5.0.0" },
	};
	char status[REPORT_STATUS];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(
		    report_status(rows[i].reply, status), rows[i].status);
}

/* --- the words --- */

static void
make(struct report *r, struct buffer *out)
{
	r->by = "mail.example.org";
	r->account = "isp";
	r->now = 1700000000;
	buffer_clear(out);
	report_begin(r, out);
	buffer_add_slice(out, r->header);
	report_end(r, out);
}

static size_t
count(const struct buffer *out, const char *words)
{
	size_t n = 0;

	for (const char *p = out->data; (p = strstr(p, words)) != NULL; p++)
		n++;
	return n;
}

/* Lines end in CRLF, and none is longer than mail may have. */
static void
check_lines(const struct buffer *out)
{
	size_t length = 0;

	for (size_t i = 0; i < out->len; i++) {
		char c = out->data[i];

		if (c == '\n') {
			assert_true(i > 0 && out->data[i - 1] == '\r');
			assert_true(length <= 999);
			length = 0;
		} else {
			length++;
		}
	}
	assert_int_equal(length, 0);
}

static void
each_recipient_has_a_block(void **state)
{
	struct report_refusal refusals[] = {
		{ ann, no_such_user },
		{ boeb, too_large },
	};
	struct report r = { .kind = REPORT_TO_SENDER,
		.to = "carl@example.net",
		.refusals = refusals,
		.refusal_count = 2,
		.header = slice_of("Message-ID: <1@example.net>\r\n"),
		.arrived = 1690000000 };
	struct buffer out = { 0 };

	(void)state;
	make(&r, &out);
	check_lines(&out);
	assert_int_equal(count(&out, "\r\nAction: failed\r\n"), 2);
	assert_int_equal(count(&out,
			     "\r\n\r\nFinal-Recipient: rfc822; "
			     "ann@example.org\r\n"),
	    1);
	assert_int_equal(
	    count(&out,
		"\r\nFinal-Recipient: utf-8; "
		"b\\x{F6}b\\x{2B}\\x{20AC}\\x{1F600}@example.org\r\n"),
	    1);
	assert_int_equal(count(&out, "\r\nStatus: 5.1.1\r\n"), 1);
	assert_int_equal(
	    count(&out, "Diagnostic-Code: smtp; 550 5.1.1 no such user"), 1);
	assert_int_equal(
	    count(&out, "Diagnostic-Code: x-postrider; too large for home"), 1);
	assert_int_equal(count(&out, "\r\nArrival-Date: "), 1);
	assert_int_equal(
	    count(&out, "\r\nIn-Reply-To: <1@example.net>\r\n"), 1);
	/* The header's own, three parts, and the last. */
	assert_int_equal(count(&out, r.boundary), 5);
	buffer_free(&out);
}

static void
words_of_a_server_make_no_new_line_and_no_long_one(void **state)
{
	char reply[560];
	struct report_refusal refusal = { ann, reply };
	struct report r = { .kind = REPORT_TO_SENDER,
		.to = "carl@example.net",
		.refusals = &refusal,
		.refusal_count = 1,
		.arrived = -1 };
	struct buffer out = { 0 };

	(void)state;
	memset(reply, 'x', sizeof(reply));
	for (size_t i = 5; i < sizeof(reply); i += 9)
		reply[i] = ' ';
	memcpy(reply, "550 ", 4);
	memcpy(reply + 100, "\xc3\xa4\xc3\xa4", 4);
	reply[sizeof(reply) - 1] = '\0';
	make(&r, &out);
	check_lines(&out);
	/* Folded, and in ASCII, where it is a field. */
	assert_non_null(strstr(out.data, "Diagnostic-Code: smtp; 550 "));
	assert_null(strstr(strstr(out.data, "Diagnostic-Code"), "\xc3"));
	assert_int_equal(count(&out, "Arrival-Date"), 0);
	buffer_free(&out);
}

static void
an_identifier_that_is_none_is_not_repeated(void **state)
{
	static const char *const headers[] = { "Message-ID: 1@example.net\r\n",
		"Message-ID: <1@example.net\r\n",
		"Message-ID: <1@\r\n example.net>\r\n",
		"Message-ID: <\xc3\xa4@example.net>\r\n", "Message-ID: <>\r\n",
		"Subject: none\r\n" };
	struct report r = { .kind = REPORT_TO_SENDER, .to = "c@example.net" };
	struct buffer out = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		r.header = slice_of(headers[i]);
		make(&r, &out);
		assert_int_equal(count(&out, "In-Reply-To"), 0);
	}
	buffer_free(&out);
}

static void
the_owner_gets_the_message_inside(void **state)
{
	struct report_refusal refusal = { ann, no_such_user };
	struct report r = { .kind = REPORT_TO_OWNER,
		.whole = true,
		.to = "ann@example.org",
		.refusals = &refusal,
		.refusal_count = 1,
		.header = slice_of("From: Carl <c@example.net>\r\n"
				   "Subject: =?utf-8?q?h=C3=A4?=\r\n") };
	struct buffer out = { 0 };

	(void)state;
	make(&r, &out);
	check_lines(&out);
	assert_int_equal(count(&out, "Content-Type: message/rfc822\r\n"), 1);
	assert_int_equal(count(&out, "delivery-status"), 0);
	assert_int_equal(count(&out, "    From: Carl <c@example.net>\r\n"), 1);
	assert_int_equal(count(&out, "    Subject: h\xc3\xa4\r\n"), 1);
	assert_int_equal(count(&out, "The message is attached."), 1);
	r.whole = false;
	make(&r, &out);
	assert_int_equal(count(&out, "text/rfc822-headers"), 1);
	buffer_free(&out);
}

static void
no_two_reports_have_the_same_boundary(void **state)
{
	struct report r = { .kind = REPORT_TO_OWNER, .to = "ann" };
	char first[sizeof(r.boundary)];
	struct buffer out = { 0 };

	(void)state;
	make(&r, &out);
	memcpy(first, r.boundary, sizeof(first));
	make(&r, &out);
	assert_string_not_equal(first, r.boundary);
	buffer_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_people_are_told),
		cmocka_unit_test(some_headers_forbid_it),
		cmocka_unit_test(the_status_is_the_servers_where_it_has_one),
		cmocka_unit_test(each_recipient_has_a_block),
		cmocka_unit_test(
		    words_of_a_server_make_no_new_line_and_no_long_one),
		cmocka_unit_test(an_identifier_that_is_none_is_not_repeated),
		cmocka_unit_test(the_owner_gets_the_message_inside),
		cmocka_unit_test(no_two_reports_have_the_same_boundary),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
