/* test-smtp.c - transactions of the SMTP and LMTP client. */
#include "smtp/smtp.h"

#include "../kit/server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void
parameters_of_mail_are_sent_only_where_offered(void **state)
{
	static const struct smtp_mail all = {
		.sender = "a@b", .octets = 5120, .eightbit = true, .utf8 = true
	};
	static const struct smtp_mail none = { .sender = "" };
	struct smtp_mail safe = all;
	struct smtp_reply r;
	struct error e;
	struct server v;
	struct smtp *s;

	(void)state;
	server_start(&v,
	    HELLO "S 250-hi\nS 250-SIZE\nS 250-8BITMIME\nS 250 SMTPUTF8\n"
		  "C MAIL FROM:<a@b> SIZE=5120 BODY=8BITMIME SMTPUTF8\n"
		  "S 250 2.1.0 ok\nC RSET\nS 250 ok\nC MAIL FROM:<>\n"
		  "S 250 ok\nE\n");
	open_ok(&s, &v);
	replies(smtp_mail(s, &all, &r, &e), &r, 250);
	replies(smtp_rset(s, &r, &e), &r, 250);
	replies(smtp_mail(s, &none, &r, &e), &r, 250);
	smtp_free(&s);
	server_end(&v);
	server_start(&v, PLAIN_HELLO "C MAIL FROM:<a@b>\nS 250 ok\nE\n");
	open_ok(&s, &v);
	safe.utf8 = false;
	replies(smtp_mail(s, &safe, &r, &e), &r, 250);
	smtp_free(&s);
	server_end(&v);
}

static void
no_address_carries_a_second_command(void **state)
{
	static const char *const evil[] = { "a@b>\r\nRCPT TO:<c@d", "a\nb",
		"a\rb", "a@b> SIZE=1", "<a@b" };
	struct smtp_reply r;
	struct error e;
	struct server v;
	struct smtp *s;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof evil / sizeof evil[0]; i++) {
		struct smtp_mail mail = { .sender = evil[i] };

		server_start(&v, PLAIN_HELLO "E\n");
		open_ok(&s, &v);
		assert_int_equal(smtp_mail(s, &mail, &r, &e), -1);
		assert_int_equal(e.kind, ERR_PROTOCOL);
		assert_int_equal(smtp_rcpt(s, evil[i], &r, &e), -1);
		assert_int_equal(e.kind, ERR_PROTOCOL);
		assert_false(smtp_usable(s));
		smtp_free(&s);
		server_end(&v);
	}
	server_start(&v, "S 220 hi\nE\n");
	options.helo = "a\r\nMAIL FROM:<>";
	assert_int_equal(smtp_open(&s, &v.at, &options, stop, &e), -1);
	server_end(&v);
}

/* Up to the 354, with one recipient. */
#define TO_DATA                                                            \
	PLAIN_HELLO "C MAIL FROM:<a@b>\nS 250 ok\nC RCPT TO:<c@d>\nS 250 " \
		    "ok\nC DATA\nS 354 go\n"

static void
begin_data(struct smtp **s, struct server *v)
{
	static const struct smtp_mail mail = { .sender = "a@b" };
	struct smtp_reply r;
	struct error e;

	open_ok(s, v);
	replies(smtp_mail(*s, &mail, &r, &e), &r, 250);
	replies(smtp_rcpt(*s, "c@d", &r, &e), &r, 250);
	replies(smtp_data(*s, &r, &e), &r, 354);
}

static void
content_is_sent_dot_stuffed_at_every_split(void **state)
{
	static const char content[] = "A: b\r\n\r\n.\r\n..\r\nx.\r\n.x\r\n\r\n";
	static const char wire[] =
	    "A: b\r\n\r\n..\r\n...\r\nx.\r\n..x\r\n\r\n.\r\n";
	struct smtp_reply r;
	struct error e;
	struct server v;
	struct smtp *s;
	size_t cut;

	(void)state;
	for (cut = 0; cut < sizeof content; cut++) {
		size_t rest = sizeof content - 1 - cut;
		bool sent = false;

		server_start(&v, TO_DATA "D\nS 250 2.0.0 kept\nE\n");
		begin_data(&s, &v);
		assert_int_equal(smtp_body(s, slice_make(content, cut), &e), 0);
		assert_int_equal(
		    smtp_body(s, slice_make(content + cut, rest), &e), 0);
		assert_int_equal(smtp_end(s, &sent, &e), 0);
		assert_true(sent);
		replies(smtp_verdict(s, &r, &e), &r, 250);
		assert_string_equal(r.text, "kept");
		smtp_free(&s);
		assert_int_equal(pthread_join(v.thread, NULL), 0);
		assert_string_equal(v.failure, "");
		assert_string_equal(v.content.data, wire);
		buffer_free(&v.content);
		close(v.listener);
	}
}

static void
messages_with_and_without_content_follow_each_other(void **state)
{
	static const struct smtp_mail mail = { .sender = "a@b" };
	struct smtp_reply r;
	struct error e;
	struct server v;
	struct smtp *s;
	bool sent = false;

	(void)state;
	server_start(&v,
	    TO_DATA "C .\nS 250 ok\nC MAIL FROM:<a@b>\nS 250 ok\n"
		    "C RCPT TO:<c@d>\nS 250 ok\nC DATA\nS 354 go\nC ..x\nC .\n"
		    "S 451 4.3.0 later\nC DATA\nS 354 go\nC ..y\nC .\n"
		    "S 250 ok\nC RSET\nS 250 ok\nC QUIT\nS 221 bye\n"
		    "E\n");
	begin_data(&s, &v);
	assert_int_equal(smtp_end(s, &sent, &e), 0);
	replies(smtp_verdict(s, &r, &e), &r, 250);
	replies(smtp_mail(s, &mail, &r, &e), &r, 250);
	replies(smtp_rcpt(s, "c@d", &r, &e), &r, 250);
	replies(smtp_data(s, &r, &e), &r, 354);
	/* An open last line leaves nothing behind for the next message. */
	assert_int_equal(smtp_body(s, slice_of(".x"), &e), 0);
	assert_int_equal(smtp_end(s, &sent, &e), 0);
	replies(smtp_verdict(s, &r, &e), &r, 451);
	assert_int_equal(r.class, 4);
	replies(smtp_data(s, &r, &e), &r, 354);
	assert_int_equal(smtp_body(s, slice_of(".y\r\n"), &e), 0);
	assert_int_equal(smtp_end(s, &sent, &e), 0);
	replies(smtp_verdict(s, &r, &e), &r, 250);
	replies(smtp_rset(s, &r, &e), &r, 250);
	assert_int_equal(smtp_quit(s, &e), 0);
	assert_false(smtp_usable(s));
	smtp_free(&s);
	server_end(&v);
}

static void
refusals_are_handed_out_as_replies(void **state)
{
	static const struct smtp_mail mail = { .sender = "a@b" };
	struct smtp_reply r;
	struct error e;
	struct server v;
	struct smtp *s;

	(void)state;
	server_start(&v,
	    PLAIN_HELLO "C MAIL FROM:<a@b>\nS 452 full\nC MAIL FROM:<a@b>\n"
			"S 250 ok\nC RCPT TO:<c@d>\nS 550-5.1.1 no\n"
			"S 550 5.1.1 such user\nC DATA\nS 503 no\nE\n");
	open_ok(&s, &v);
	replies(smtp_mail(s, &mail, &r, &e), &r, 452);
	replies(smtp_mail(s, &mail, &r, &e), &r, 250);
	replies(smtp_rcpt(s, "c@d", &r, &e), &r, 550);
	assert_string_equal(r.text, "no / such user");
	replies(smtp_data(s, &r, &e), &r, 503);
	assert_true(smtp_usable(s));
	smtp_free(&s);
	server_end(&v);
}

static void
a_421_is_a_reply_and_the_last(void **state)
{
	static const struct smtp_mail mail = { .sender = "a@b" };
	struct smtp_reply r;
	struct error e;
	struct server v;
	struct smtp *s;

	(void)state;
	server_start(&v, PLAIN_HELLO "C MAIL FROM:<a@b>\nS 421 bye\nE\n");
	open_ok(&s, &v);
	replies(smtp_mail(s, &mail, &r, &e), &r, 421);
	assert_false(smtp_usable(s));
	assert_int_equal(smtp_quit(s, &e), 0);
	smtp_free(&s);
	server_end(&v);
}

static void
replies_out_of_place_are_protocol_errors(void **state)
{
	static const struct smtp_mail mail = { .sender = "a@b" };
	struct smtp_reply r;
	struct error e;
	struct server v;
	struct smtp *s;
	bool sent = false;

	(void)state;
	server_start(&v, PLAIN_HELLO "C MAIL FROM:<a@b>\nS 354 go\nE\n");
	open_ok(&s, &v);
	assert_int_equal(smtp_mail(s, &mail, &r, &e), -1);
	assert_int_equal(e.kind, ERR_PROTOCOL);
	smtp_free(&s);
	server_end(&v);

	server_start(&v, PLAIN_HELLO "C DATA\nS 250 ok\nE\n");
	open_ok(&s, &v);
	assert_int_equal(smtp_data(s, &r, &e), -1);
	assert_int_equal(e.kind, ERR_PROTOCOL);
	smtp_free(&s);
	server_end(&v);

	server_start(&v, TO_DATA "D\nS 354 again?\nE\n");
	begin_data(&s, &v);
	assert_int_equal(smtp_end(s, &sent, &e), 0);
	assert_int_equal(smtp_verdict(s, &r, &e), -1);
	assert_int_equal(e.kind, ERR_PROTOCOL);
	assert_false(smtp_usable(s));
	smtp_free(&s);
	server_end(&v);
}

static void
a_half_verdict_is_none(void **state)
{
	static const char *const verdicts[] = { "R 250 ok\nX\n",
		"S 250-ok\nX\n", "S 250-ok\nS 550 no\nE\n", "S 25\nE\n",
		"X\n" };
	struct smtp_reply r;
	struct error e;
	struct server v;
	struct smtp *s;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof verdicts / sizeof verdicts[0]; i++) {
		char script[300];
		bool sent = false;

		snprintf(
		    script, sizeof script, "%sD\n%s", TO_DATA, verdicts[i]);
		server_start(&v, script);
		begin_data(&s, &v);
		assert_int_equal(smtp_end(s, &sent, &e), 0);
		assert_true(sent);
		assert_int_equal(smtp_verdict(s, &r, &e), -1);
		assert_true(e.kind == ERR_PROTOCOL || e.kind == ERR_IO);
		smtp_free(&s);
		server_end(&v);
	}
}

static void
a_reply_amid_content_keeps_the_end_back(void **state)
{
	static const char *const words[] = { "S 552 too big\n",
		"S 421 going down\n", "S 250 ok\n", "X\n" };
	struct error e;
	struct server v;
	struct smtp *s;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof words / sizeof words[0]; i++) {
		char script[300];
		bool sent = false;

		snprintf(script, sizeof script, "%s%sE\n", TO_DATA, words[i]);
		if (words[i][0] == 'X')
			snprintf(script, sizeof script, "%sX\n", TO_DATA);
		server_start(&v, script);
		begin_data(&s, &v);
		assert_int_equal(smtp_body(s, slice_of("A: b\r\n"), &e), 0);
		usleep(100 * 1000);
		assert_int_equal(smtp_end(s, &sent, &e), -1);
		assert_int_equal(e.kind, ERR_IO);
		assert_false(sent || smtp_usable(s));
		if (i == 0)
			assert_non_null(strstr(e.text, "552 too big"));
		smtp_free(&s);
		server_end(&v);
	}
}

/* Reads nothing until it has said a lot, then all. */
static void
a_talking_server_and_long_content_do_not_deadlock(void **state)
{
	static char part[64 * 1024];
	struct error e = { 0 };
	struct server v;
	struct smtp *s;
	bool sent = false;
	int i, rc = 0;

	(void)state;
	memset(part, 'x', sizeof part);
	memcpy(part + sizeof part - 2, "\r\n", 2);
	server_start(&v, TO_DATA "P 200\nS 451 what?\nP 200\nD\nE\n");
	begin_data(&s, &v);
	for (i = 0; i < 128 && rc == 0; i++)
		rc = smtp_body(s, slice_make(part, sizeof part), &e);
	assert_int_equal(rc, 0);
	assert_int_equal(smtp_end(s, &sent, &e), -1);
	assert_non_null(strstr(e.text, "451 what?"));
	assert_false(sent);
	smtp_free(&s);
	assert_int_equal(pthread_join(v.thread, NULL), 0);
	assert_string_equal(v.failure, "content without end: ");
	buffer_free(&v.content);
	close(v.listener);
}

static void
words_of_a_server_that_gave_up_are_told(void **state)
{
	static char part[64 * 1024];
	struct error e = { 0 };
	struct server v;
	struct smtp *s;
	int i, rc = 0;

	(void)state;
	memset(part, 'x', sizeof part);
	memcpy(part + sizeof part - 2, "\r\n", 2);
	server_start(&v, TO_DATA "S 552 enough\nP 300\nX\n");
	begin_data(&s, &v);
	for (i = 0; i < 1000 && rc == 0; i++)
		rc = smtp_body(s, slice_make(part, sizeof part), &e);
	assert_int_equal(rc, -1);
	assert_int_equal(e.kind, ERR_IO);
	assert_non_null(strstr(e.text, "552 enough"));
	smtp_free(&s);
	server_end(&v);
}

static void
words_of_a_server_that_reads_no_more_are_told(void **state)
{
	static char part[64 * 1024];
	struct error e = { 0 };
	struct server v;
	struct smtp *s;
	int i, rc = 0;

	(void)state;
	memset(part, 'x', sizeof part);
	memcpy(part + sizeof part - 2, "\r\n", 2);
	server_start(&v, TO_DATA "S 552 5.3.4 enough\nP 600\nX\n");
	v.at.timeout_ms = 200;
	begin_data(&s, &v);
	for (i = 0; i < 1000 && rc == 0; i++)
		rc = smtp_body(s, slice_make(part, sizeof part), &e);
	assert_int_equal(rc, -1);
	assert_int_equal(e.kind, ERR_IO);
	assert_non_null(strstr(e.text, "552 5.3.4 enough"));
	assert_int_equal(smtp_early_reply(s)->code, 552);
	assert_int_equal(smtp_early_reply(s)->detail, 4);
	smtp_free(&s);
	server_end(&v);
}

static void
words_before_closing_are_told_where_nothing_can_be_sent(void **state)
{
	static const struct smtp_mail mail = { .sender = "a@b" };
	struct smtp_reply r;
	struct error e;
	struct server v;
	struct smtp *s;

	(void)state;
	server_start_unix(&v,
	    "S 220 hi\nC LHLO me.example\nS 250 hi\n"
	    "P 100\nS 421 4.4.2 idle\nX\n");
	options.lmtp = true;
	open_ok(&s, &v);
	assert_int_equal(pthread_join(v.thread, NULL), 0);
	assert_string_equal(v.failure, "");
	assert_int_equal(smtp_mail(s, &mail, &r, &e), -1);
	assert_int_equal(e.kind, ERR_IO);
	assert_non_null(strstr(e.text, "421 4.4.2 idle"));
	smtp_free(&s);
	close(v.listener);
	unlink(v.path);
}

static void
an_extra_reply_ends_the_connection(void **state)
{
	static const struct smtp_mail mail = { .sender = "a@b" };
	struct smtp_reply r;
	struct error e;
	struct server v;
	struct smtp *s;
	bool sent = false;

	(void)state;
	server_start(&v, TO_DATA "D\nR 250 ok|550 no|\nE\n");
	begin_data(&s, &v);
	assert_int_equal(smtp_end(s, &sent, &e), 0);
	replies(smtp_verdict(s, &r, &e), &r, 250);
	assert_int_equal(smtp_mail(s, &mail, &r, &e), -1);
	assert_int_equal(e.kind, ERR_IO);
	assert_non_null(strstr(e.text, "550 no"));
	assert_false(smtp_usable(s));
	smtp_free(&s);
	server_end(&v);
}

static void
lmtp_gives_each_recipient_its_verdict(void **state)
{
	static const struct smtp_mail mail = { .sender = "a@b" };
	struct smtp_reply r;
	struct error e;
	struct server v;
	struct smtp *s;
	bool sent = false;

	(void)state;
	server_start_unix(&v,
	    "S 220 hi\nC LHLO me.example\nS 250 hi\nC MAIL FROM:<a@b>\n"
	    "S 250 ok\nC RCPT TO:<c>\nS 250 ok\nC RCPT TO:<x>\nS 550 no\n"
	    "C RCPT TO:<d>\nS 250 ok\nC DATA\nS 354 go\nD\n"
	    "S 250-2.0.0 <c> kept\nS 250 2.0.0 kept\nP 50\n"
	    "S 452 4.2.2 <d> full\nC QUIT\nS 221 bye\nE\n");
	options.lmtp = true;
	open_ok(&s, &v);
	assert_true(smtp_is_lmtp(s));
	replies(smtp_mail(s, &mail, &r, &e), &r, 250);
	replies(smtp_rcpt(s, "c", &r, &e), &r, 250);
	replies(smtp_rcpt(s, "x", &r, &e), &r, 550);
	replies(smtp_rcpt(s, "d", &r, &e), &r, 250);
	replies(smtp_data(s, &r, &e), &r, 354);
	assert_int_equal(smtp_body(s, slice_of("x\r\n"), &e), 0);
	assert_int_equal(smtp_end(s, &sent, &e), 0);
	replies(smtp_verdict(s, &r, &e), &r, 250);
	assert_string_equal(r.text, "<c> kept / kept");
	replies(smtp_verdict(s, &r, &e), &r, 452);
	assert_string_equal(r.text, "<d> full");
	assert_int_equal(smtp_quit(s, &e), 0);
	smtp_free(&s);
	server_end(&v);
}

static void
silence_is_a_timeout(void **state)
{
	static const char *const scripts[] = { "P 400\nE\n",
		"R 220 hi\nP 400\nE\n", "S 220 hi\nc EHLO\nP 400\nE\n",
		"S 220 hi\nc EHLO\nS 250-hi\nP 400\nE\n" };
	struct error e;
	struct server v;
	struct smtp *s;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
		int64_t before = clock_monotonic_ms();

		server_start(&v, scripts[i]);
		v.at.timeout_ms = 200;
		assert_int_equal(smtp_open(&s, &v.at, &options, stop, &e), -1);
		assert_int_equal(e.kind, ERR_TIMEOUT);
		assert_in_range(
		    clock_monotonic_ms() - before, 190, PATIENCE_MS / 2);
		server_end(&v);
	}
}

static void
the_verdict_has_a_timeout_of_its_own(void **state)
{
	struct smtp_reply r;
	struct error e;
	struct server v;
	struct smtp *s;
	bool sent = false;

	(void)state;
	server_start(&v, TO_DATA "D\nP 400\nS 250 ok\nE\n");
	v.at.timeout_ms = 200;
	begin_data(&s, &v);
	assert_int_equal(smtp_end(s, &sent, &e), 0);
	replies(smtp_verdict(s, &r, &e), &r, 250);
	smtp_free(&s);
	server_end(&v);

	server_start(&v, TO_DATA "D\nP 400\nE\n");
	options.reply_timeout_ms = 200;
	begin_data(&s, &v);
	assert_int_equal(smtp_end(s, &sent, &e), 0);
	assert_int_equal(smtp_verdict(s, &r, &e), -1);
	assert_int_equal(e.kind, ERR_TIMEOUT);
	assert_false(smtp_usable(s));
	smtp_free(&s);
	server_end(&v);
}

static void
a_stop_waits_for_the_verdict_unless_it_is_now(void **state)
{
	static const struct smtp_mail mail = { .sender = "a@b" };
	struct stop *own;
	struct smtp_reply r;
	struct error e;
	struct server v;
	struct smtp *s;
	bool sent = false;

	(void)state;
	assert_int_equal(stop_new(&own, &e), 0);
	stop = own;
	server_start(&v, TO_DATA "D\nP 100\nS 250 ok\nc MAIL\nP 100\nE\n");
	begin_data(&s, &v);
	stop_request(own, STOP_SOON);
	assert_int_equal(smtp_end(s, &sent, &e), 0);
	replies(smtp_verdict(s, &r, &e), &r, 250);
	assert_int_equal(smtp_mail(s, &mail, &r, &e), -1);
	assert_int_equal(e.kind, ERR_STOPPED);
	smtp_free(&s);
	server_end(&v);
	stop_free(&own);

	assert_int_equal(stop_new(&own, &e), 0);
	stop = own;
	server_start(&v, TO_DATA "D\nP 300\nE\n");
	begin_data(&s, &v);
	assert_int_equal(smtp_end(s, &sent, &e), 0);
	stop_request(own, STOP_NOW);
	assert_int_equal(smtp_verdict(s, &r, &e), -1);
	assert_int_equal(e.kind, ERR_STOPPED);
	smtp_free(&s);
	server_end(&v);
	stop_free(&own);
	stop = NULL;
}

static void
an_idle_connection_is_watched(void **state)
{
	struct error e;
	struct server v;
	struct smtp *s;
	int ends[2];

	(void)state;
	assert_return_code(pipe(ends), errno);
	server_start(&v, PLAIN_HELLO "P 1000\nS 421 4.4.2 idle\nX\n");
	open_ok(&s, &v);
	assert_int_equal(smtp_wait(s, ends[0], deadline_in(50), &e), 0);
	assert_int_equal(write(ends[1], "x", 1), 1);
	assert_int_equal(smtp_wait(s, ends[0], deadline_in(60000), &e), 2);
	assert_int_equal(smtp_wait(s, -1, deadline_in(60000), &e), 1);
	assert_int_equal(e.kind, ERR_IO);
	assert_non_null(strstr(e.text, "421 4.4.2 idle"));
	assert_false(smtp_usable(s));
	smtp_free(&s);
	server_end(&v);

	server_start(&v, PLAIN_HELLO "X\n");
	open_ok(&s, &v);
	assert_int_equal(smtp_wait(s, -1, deadline_in(60000), &e), 1);
	assert_int_equal(e.kind, ERR_IO);
	smtp_free(&s);
	server_end(&v);
	close(ends[0]);
	close(ends[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    parameters_of_mail_are_sent_only_where_offered),
		cmocka_unit_test(no_address_carries_a_second_command),
		cmocka_unit_test(content_is_sent_dot_stuffed_at_every_split),
		cmocka_unit_test(
		    messages_with_and_without_content_follow_each_other),
		cmocka_unit_test(refusals_are_handed_out_as_replies),
		cmocka_unit_test(a_421_is_a_reply_and_the_last),
		cmocka_unit_test(replies_out_of_place_are_protocol_errors),
		cmocka_unit_test(a_half_verdict_is_none),
		cmocka_unit_test(a_reply_amid_content_keeps_the_end_back),
		cmocka_unit_test(
		    a_talking_server_and_long_content_do_not_deadlock),
		cmocka_unit_test(words_of_a_server_that_gave_up_are_told),
		cmocka_unit_test(words_of_a_server_that_reads_no_more_are_told),
		cmocka_unit_test(
		    words_before_closing_are_told_where_nothing_can_be_sent),
		cmocka_unit_test(an_extra_reply_ends_the_connection),
		cmocka_unit_test(lmtp_gives_each_recipient_its_verdict),
		cmocka_unit_test(silence_is_a_timeout),
		cmocka_unit_test(the_verdict_has_a_timeout_of_its_own),
		cmocka_unit_test(a_stop_waits_for_the_verdict_unless_it_is_now),
		cmocka_unit_test(an_idle_connection_is_watched),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
