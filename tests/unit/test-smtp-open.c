/* test-smtp-open.c - the way into an SMTP server: EHLO, STARTTLS, logins. */
#include "smtp/smtp.h"

#include "../kit/server.h"
#include "base/log.h"

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
what_ehlo_offers_is_known_after_opening(void **state)
{
	struct server v;
	struct smtp *s;

	(void)state;
	server_start(&v,
	    "S 220-hi\nS 220 there\nC EHLO me.example\nS 250-STARTTLS is no "
	    "keyword here\nS 250-SIZE 1000\nS 250-AUTH PLAIN\nS 250 "
	    "8BITMIME\nE\n");
	open_ok(&s, &v);
	assert_true(smtp_ehlo(s)->extended && smtp_ehlo(s)->size);
	assert_true(smtp_ehlo(s)->eightbitmime && !smtp_ehlo(s)->starttls);
	assert_int_equal(smtp_ehlo(s)->size_limit, 1000);
	assert_string_equal(smtp_ehlo(s)->auth, "PLAIN");
	assert_true(smtp_usable(s) && !smtp_is_lmtp(s));
	assert_string_equal(smtp_tls_text(s), "");
	smtp_free(&s);
	assert_null(s);
	server_end(&v);
}

static void
helo_is_said_where_ehlo_is_unknown(void **state)
{
	static const char *const refusals[] = { "500", "501 5.5.1 what?",
		"502-no\nS 502 SIZE 5", "504 no" };
	struct login login = { .user = "ann" };
	struct error e;
	struct server v;
	struct smtp *s;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
		char script[200];

		snprintf(script, sizeof script,
		    HELLO "S %s\nC HELO me.example\nS 250 hi\nE\n",
		    refusals[i]);
		server_start(&v, script);
		open_ok(&s, &v);
		assert_false(smtp_ehlo(s)->extended || smtp_ehlo(s)->size);
		assert_int_equal(smtp_login(s, &login, "secret", &e), -1);
		assert_int_equal(e.kind, ERR_AUTH);
		assert_non_null(strstr(e.text, "offers no AUTH"));
		smtp_free(&s);
		server_end(&v);
	}
}

static void
helo_is_not_said_where_it_would_not_do(void **state)
{
	struct error e;
	struct server v;
	struct smtp *s;

	(void)state;
	open_fails(HELLO "S 500 what?\nE\n", TLS_STARTTLS, ERR_REFUSED, "500");
	open_fails(
	    HELLO "S 550 go away\nE\n", TLS_NONE, ERR_REFUSED, "go away");
	open_fails(HELLO "S 450 later\nE\n", TLS_NONE, ERR_BUSY, "later");
	open_fails(HELLO "S 220 what?\nE\n", TLS_NONE, ERR_PROTOCOL, "220");
	open_fails(HELLO "S 500 what?\nC HELO me.example\nS 550 no\nE\n",
	    TLS_NONE, ERR_REFUSED, "550");
	server_start(&v, "S 220 hi\nC LHLO me.example\nS 500 what?\nE\n");
	options.lmtp = true;
	assert_int_equal(smtp_open(&s, &v.at, &options, stop, &e), -1);
	assert_int_equal(e.kind, ERR_REFUSED);
	server_end(&v);
}

static void
a_greeting_other_than_220_ends_it(void **state)
{
	(void)state;
	open_fails("S 421 too many\nE\n", TLS_NONE, ERR_BUSY, "421 too many");
	open_fails("S 450 4.3.2 later\nE\n", TLS_NONE, ERR_BUSY, "4.3.2 later");
	open_fails("S 554 never\nE\n", TLS_NONE, ERR_REFUSED, "554 never");
	open_fails("S 521 never\nE\n", TLS_NONE, ERR_REFUSED, "521 never");
	open_fails("S 250 hi\nE\n", TLS_NONE, ERR_PROTOCOL, "250 hi");
	open_fails("S 354 hi\nE\n", TLS_NONE, ERR_PROTOCOL, "354 hi");
	open_fails("S +OK POP3\nE\n", TLS_NONE, ERR_PROTOCOL, "+OK POP3");
	open_fails("S 220-hi\nS 221 hi\nE\n", TLS_NONE, ERR_PROTOCOL, "221");
	open_fails("R 220 hi|220 hi|\nE\n", TLS_NONE, ERR_IO, "unasked");
	open_fails("X\n", TLS_NONE, ERR_IO, "");
	open_fails("R 220 hi\nX\n", TLS_NONE, ERR_IO, "");
}

static void
only_whole_and_consistent_replies_count(void **state)
{
	(void)state;
	open_fails(
	    HELLO "S 250-a\nS 550 b\nE\n", TLS_NONE, ERR_PROTOCOL, "550");
	open_fails(HELLO "S 250-a\nS b\nE\n", TLS_NONE, ERR_PROTOCOL, "");
	open_fails(HELLO "S 250-a\nX\n", TLS_NONE, ERR_IO, "");
	open_fails(HELLO "R 250 a\nX\n", TLS_NONE, ERR_IO, "");
	open_fails(HELLO "S 999 a\nE\n", TLS_NONE, ERR_PROTOCOL, "999");
	open_fails(HELLO "S \nE\n", TLS_NONE, ERR_PROTOCOL, "");
	open_fails(HELLO "L 200\nS 250-a\nP 100\nE\n", TLS_NONE, ERR_PROTOCOL,
	    "200 lines");
}

static void
endless_lines_are_cut_off(void **state)
{
	char line[600];
	struct buffer script = { 0 };
	int i;

	(void)state;
	memset(line, 'x', sizeof line);
	line[500] = '\0';
	buffer_add_text(&script, HELLO "R 250 \n");
	for (i = 0; i < 9; i++)
		buffer_addf(&script, "R %s\n", line);
	buffer_add_text(&script, "P 300\nE\n");
	open_fails(script.data, TLS_NONE, ERR_PROTOCOL, "line");
	buffer_free(&script);
}

static void
starttls_that_is_not_to_be_had_ends_it(void **state)
{
	(void)state;
	open_fails(PLAIN_HELLO "E\n", TLS_STARTTLS, ERR_TLS,
	    "nothing was sent in clear");
	open_fails(HELLO "S 250-hi\nS 250 STARTTLS\nC STARTTLS\n"
			 "S 454 4.7.0 not now\nE\n",
	    TLS_STARTTLS, ERR_TLS, "4.7.0 not now");
	open_fails(HELLO "S 250-hi\nS 250 STARTTLS\nC STARTTLS\n"
			 "S 502 no\nE\n",
	    TLS_STARTTLS, ERR_TLS, "nothing was sent in clear");
	open_fails(HELLO "S 250-hi\nS 250 STARTTLS\nC STARTTLS\n"
			 "S 250 ok\nE\n",
	    TLS_STARTTLS, ERR_TLS, "250");
}

static void
words_injected_before_tls_end_it(void **state)
{
	(void)state;
	open_fails(HELLO "S 250-hi\nS 250 STARTTLS\nC STARTTLS\n"
			 "R 220 go|250 hi|\nE\n",
	    TLS_STARTTLS, ERR_PROTOCOL, "");
}

static void
facts_from_before_tls_are_forgotten(void **state)
{
	struct server v;
	struct smtp *s;

	(void)state;
	server_start(&v,
	    HELLO "S 250-hi\nS 250-SIZE 5\nS 250-AUTH LOGIN\nS 250 STARTTLS\n"
		  "C STARTTLS\nS 220 go\nT\nC EHLO me.example\nS 250-hi\n"
		  "S 250 8BITMIME\nC QUIT\nS 221 bye\nE\n");
	v.at.tls = TLS_STARTTLS;
	open_ok(&s, &v);
	assert_true(smtp_ehlo(s)->eightbitmime);
	assert_false(smtp_ehlo(s)->size || smtp_ehlo(s)->starttls);
	assert_string_equal(smtp_ehlo(s)->auth, "");
	assert_int_equal(strncmp(smtp_tls_text(s), "TLSv1.", 6), 0);
	assert_int_equal(smtp_quit(s, &(struct error){ 0 }), 0);
	smtp_free(&s);
	server_end(&v);
}

static void
tls_from_the_first_octet_works(void **state)
{
	struct server v;
	struct smtp *s;

	(void)state;
	server_start(&v, "T\nS 220 hi\nC EHLO me.example\nS 250 hi\nE\n");
	v.at.tls = TLS_IMPLICIT;
	open_ok(&s, &v);
	smtp_free(&s);
	server_end(&v);
}

/* ann, secret */

static int
log_in(const char *script, enum auth_method method, const char *password,
    struct error *e)
{
	struct login login = { .user = "ann", .auth = method };
	struct server v;
	struct smtp *s;
	int rc;

	*e = (struct error){ 0 };
	server_start(&v, script);
	open_ok(&s, &v);
	rc = smtp_login(s, &login, password, e);
	smtp_free(&s);
	server_end(&v);
	assert_null(strstr(e->text, password));
	assert_null(strstr(e->text, PLAIN_RESPONSE));
	return rc;
}

static void
a_login_by_plain_is_one_command(void **state)
{
	struct error e;

	(void)state;
	assert_int_equal(
	    log_in(AUTH_HELLO("LOGIN PLAIN") "C AUTH PLAIN " PLAIN_RESPONSE
					     "\nS 235 2.7.0 ok\nE\n",
		AUTH_AUTO, "secret", &e),
	    0);
}

static void
a_login_by_login_is_three(void **state)
{
	struct error e;

	(void)state;
	assert_int_equal(
	    log_in(
		AUTH_HELLO(
		    "PLAIN LOGIN") "C AUTH LOGIN\nS 334 VXNlcm5hbWU6\nC YW5u\n"
				   "S 334 UGFzc3dvcmQ6\nC c2VjcmV0\nS 235 "
				   "ok\nE\n",
		AUTH_LOGIN, "secret", &e),
	    0);
	assert_int_equal(
	    log_in(HELLO "S 250-hi\nS 250 AUTH=LOGIN\n"
			 "C AUTH LOGIN\nS 334 VXNlcm5hbWU6\nC YW5u\n"
			 "S 334 UGFzc3dvcmQ6\nC c2VjcmV0\nS 235 ok\nE\n",
		AUTH_AUTO, "secret", &e),
	    0);
}

static void
an_initial_response_that_does_not_fit_waits(void **state)
{
	struct error e;
	char password[421];
	int rc;

	(void)state;
	memset(password, 'x', sizeof password - 1);
	password[sizeof password - 1] = '\0';
	rc = log_in(
	    AUTH_HELLO(
		"PLAIN") "C AUTH PLAIN\nS 334 \nc AGFubgB4eHh4\nS 235 ok\nE\n",
	    AUTH_AUTO, password, &e);
	assert_int_equal(rc, 0);
	/* "AUTH PLAIN ", 496 of base64, CRLF: 509 octets. */
	password[367] = '\0';
	rc = log_in(
	    AUTH_HELLO("PLAIN") "c AUTH PLAIN AGFubgB4eHh4\nS 235 ok\nE\n",
	    AUTH_AUTO, password, &e);
	assert_int_equal(rc, 0);
	/* Four more: 513. */
	password[367] = 'x';
	password[368] = '\0';
	rc = log_in(
	    AUTH_HELLO(
		"PLAIN") "C AUTH PLAIN\nS 334\nc AGFubgB4eHh4\nS 235 ok\nE\n",
	    AUTH_AUTO, password, &e);
	assert_int_equal(rc, 0);
}

static void
a_refused_login_is_not_tried_again(void **state)
{
	static const struct {
		const char *reply, *words;
		enum error_kind kind;
	} rows[] = {
		{ "535 5.7.8 wrong", "535 5.7.8 wrong", ERR_AUTH },
		{ "534 too weak", "setting auth", ERR_AUTH },
		{ "538 TLS first", "setting tls", ERR_AUTH },
		{ "530 STARTTLS first", "setting tls", ERR_AUTH },
		{ "504 unknown", "504", ERR_AUTH },
		{ "454 4.7.0 later", "4.7.0 later", ERR_BUSY },
		{ "421 bye", "421", ERR_BUSY },
		{ "250 ok", "250", ERR_PROTOCOL },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct error e;
		char script[200];

		snprintf(script, sizeof script,
		    AUTH_HELLO("PLAIN LOGIN") "C AUTH PLAIN " PLAIN_RESPONSE
					      "\nS %s\nE\n",
		    rows[i].reply);
		assert_int_equal(log_in(script, AUTH_AUTO, "secret", &e), -1);
		assert_int_equal(e.kind, rows[i].kind);
		assert_non_null(strstr(e.text, rows[i].words));
	}
}

static void
an_exchange_that_goes_wrong_is_cancelled(void **state)
{
	struct error e;

	(void)state;
	assert_int_equal(
	    log_in(AUTH_HELLO("PLAIN") "C AUTH PLAIN " PLAIN_RESPONSE
				       "\nS 334 \nC *\nS 501 ok\nE\n",
		AUTH_AUTO, "secret", &e),
	    -1);
	assert_int_equal(e.kind, ERR_PROTOCOL);
	assert_int_equal(
	    log_in(AUTH_HELLO(
		       "LOGIN") "C AUTH LOGIN\nS 334 !!!\nC *\nS 501 ok\nE\n",
		AUTH_AUTO, "secret", &e),
	    -1);
	assert_int_equal(e.kind, ERR_PROTOCOL);
	assert_int_equal(log_in(AUTH_HELLO("LOGIN") "C AUTH LOGIN\nX\n",
			     AUTH_AUTO, "secret", &e),
	    -1);
	assert_int_equal(
	    log_in(AUTH_HELLO("LOGIN") "C AUTH LOGIN\nS 235 already?\nE\n",
		AUTH_AUTO, "secret", &e),
	    -1);
	assert_int_equal(e.kind, ERR_PROTOCOL);
}

static void
an_overlong_challenge_is_cancelled(void **state)
{
	struct buffer script = { 0 };
	struct error e;
	int i;

	(void)state;
	buffer_add_text(&script, AUTH_HELLO("LOGIN") "C AUTH LOGIN\nR 334 \n");
	buffer_add_text(&script, "R ");
	for (i = 0; i < 140; i++)
		buffer_add_text(&script, "AAAA");
	buffer_add_text(&script, "\nS \nC *\nS 501 ok\nE\n");
	assert_int_equal(log_in(script.data, AUTH_AUTO, "secret", &e), -1);
	assert_int_equal(e.kind, ERR_PROTOCOL);
	buffer_free(&script);
}

static void
a_login_needs_a_mechanism_in_common(void **state)
{
	struct error e;

	(void)state;
	assert_int_equal(log_in(AUTH_HELLO("CRAM-MD5 GSSAPI") "E\n", AUTH_AUTO,
			     "secret", &e),
	    -1);
	assert_int_equal(e.kind, ERR_AUTH);
	assert_non_null(strstr(e.text, "CRAM-MD5"));
	assert_int_equal(
	    log_in(AUTH_HELLO("PLAIN") "E\n", AUTH_LOGIN, "secret", &e), -1);
	assert_int_equal(e.kind, ERR_AUTH);
	assert_int_equal(
	    log_in(PLAIN_HELLO "E\n", AUTH_AUTO, "secret", &e), -1);
	assert_int_equal(e.kind, ERR_AUTH);
}

static void
no_greeting_makes_one_think_of_tls(void **state)
{
	static const struct {
		enum tls_mode tls;
		bool hint;
	} rows[] = { { TLS_NONE, true }, { TLS_STARTTLS, true },
		{ TLS_IMPLICIT, false } };
	struct error e;
	struct server v;
	struct smtp *s;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		bool tls = rows[i].tls == TLS_IMPLICIT;

		server_start(&v, tls ? "T\nP 400\n" : "P 400\nE\n");
		v.at.timeout_ms = 200;
		v.at.tls = rows[i].tls;
		assert_int_equal(smtp_open(&s, &v.at, &options, stop, &e), -1);
		assert_int_equal(e.kind, ERR_TIMEOUT);
		assert_int_equal(
		    strstr(e.text, "tls = \"implicit\"") != NULL, rows[i].hint);
		server_end(&v);
	}
}

static void
our_name_is_found_where_none_is_set(void **state)
{
	struct server v;
	struct smtp *s;
	char name[256];

	(void)state;
	assert_return_code(gethostname(name, sizeof name), errno);
	if (strchr(name, '.') != NULL)
		skip();
	server_start(&v, "S 220 hi\nC EHLO [127.0.0.1]\nS 250 hi\nE\n");
	options.helo = NULL;
	open_ok(&s, &v);
	smtp_free(&s);
	server_end(&v);
	server_start_unix(&v, "S 220 hi\nC LHLO localhost\nS 250 hi\nE\n");
	options.helo = NULL;
	options.lmtp = true;
	open_ok(&s, &v);
	smtp_free(&s);
	server_end(&v);
}

/* What a conversation writes to standard error under -vv. */
static void
traced(void (*conversation)(void), char *out, size_t room)
{
	FILE *file = tmpfile();
	int saved = dup(STDERR_FILENO);
	size_t n;

	assert_non_null(file);
	assert_true(saved >= 0);
	assert_true(dup2(fileno(file), STDERR_FILENO) >= 0);
	log_set_level(LOG_TRACE);
	conversation();
	log_set_level(LOG_QUIET);
	assert_true(dup2(saved, STDERR_FILENO) >= 0);
	close(saved);
	rewind(file);
	n = fread(out, 1, room - 1, file);
	out[n] = '\0';
	fclose(file);
}

static void
talk(void)
{
	struct login login = { .user = "ann", .auth = AUTH_LOGIN };
	struct smtp_reply r;
	struct error e;
	struct server v;
	struct smtp *s;
	bool sent = false;

	log_in(AUTH_HELLO("PLAIN") "C AUTH PLAIN " PLAIN_RESPONSE
				   "\nS 235 ok\nE\n",
	    AUTH_AUTO, "secret", &e);
	server_start(&v,
	    AUTH_HELLO("LOGIN") "C AUTH LOGIN\nS 334 VXNlcm5hbWU6\nC YW5u\n"
				"S 334 UGFzc3dvcmQ6\nC c2VjcmV0\nS 235 ok\n"
				"C DATA\nS 354 go\nD\nS 250 \x1b[31mok\nE\n");
	open_ok(&s, &v);
	assert_int_equal(smtp_login(s, &login, "secret", &e), 0);
	replies(smtp_data(s, &r, &e), &r, 354);
	assert_int_equal(smtp_body(s, slice_of("private\r\n"), &e), 0);
	assert_int_equal(smtp_end(s, &sent, &e), 0);
	replies(smtp_verdict(s, &r, &e), &r, 250);
	smtp_free(&s);
	server_end(&v);
}

static void
the_trace_shows_all_but_secrets_and_content(void **state)
{
	static const char *const shown[] = { "home < 220 hi\n",
		"home > EHLO me.example\n", "home > AUTH PLAIN ****\n",
		"home > AUTH LOGIN\n", "home < 334 VXNlcm5hbWU6\n",
		"home > ****\n", "home > (9 octets of content)\nhome > .\n",
		"home < 250 ?[31mok\n" };
	static const char *const hidden[] = { "secret", "c2VjcmV0", "YW5u",
		PLAIN_RESPONSE, "private", "\x1b" };
	char text[8192];
	size_t i;

	(void)state;
	traced(talk, text, sizeof text);
	for (i = 0; i < sizeof shown / sizeof shown[0]; i++)
		if (strstr(text, shown[i]) == NULL)
			fail_msg("%s is not in: %s", shown[i], text);
	for (i = 0; i < sizeof hidden / sizeof hidden[0]; i++)
		if (strstr(text, hidden[i]) != NULL)
			fail_msg("%s is in: %s", hidden[i], text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_ehlo_offers_is_known_after_opening),
		cmocka_unit_test(helo_is_said_where_ehlo_is_unknown),
		cmocka_unit_test(helo_is_not_said_where_it_would_not_do),
		cmocka_unit_test(a_greeting_other_than_220_ends_it),
		cmocka_unit_test(only_whole_and_consistent_replies_count),
		cmocka_unit_test(endless_lines_are_cut_off),
		cmocka_unit_test(starttls_that_is_not_to_be_had_ends_it),
		cmocka_unit_test(words_injected_before_tls_end_it),
		cmocka_unit_test(facts_from_before_tls_are_forgotten),
		cmocka_unit_test(tls_from_the_first_octet_works),
		cmocka_unit_test(a_login_by_plain_is_one_command),
		cmocka_unit_test(a_login_by_login_is_three),
		cmocka_unit_test(an_initial_response_that_does_not_fit_waits),
		cmocka_unit_test(a_refused_login_is_not_tried_again),
		cmocka_unit_test(an_exchange_that_goes_wrong_is_cancelled),
		cmocka_unit_test(an_overlong_challenge_is_cancelled),
		cmocka_unit_test(a_login_needs_a_mechanism_in_common),
		cmocka_unit_test(no_greeting_makes_one_think_of_tls),
		cmocka_unit_test(our_name_is_found_where_none_is_set),
		cmocka_unit_test(the_trace_shows_all_but_secrets_and_content),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
