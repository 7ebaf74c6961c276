/* test-pop3-login.c - logins, and what is never told. */
#include "../kit/peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* The session opens; the login ends as told: ERR_NONE for success. */
static void
try_login(const char *const *steps, enum auth_method auth, const char *password,
    enum error_kind kind, const char *words)
{
	struct peer peer;
	struct pop3 *pop3;
	struct error e;

	peer_start(&peer, steps, TLS_NONE);
	open_well(&peer, &pop3);
	if (log_in(pop3, auth, password, &e) < 0)
		assert_error(&e, kind, words);
	else
		assert_int_equal(kind, ERR_NONE);
	pop3_free(&pop3);
	peer_finish(&peer);
}

static void
a_server_without_capa_gets_user_and_pass(void **state)
{
	(void)state;
	try_login(STEPS(MAILDROP), AUTH_AUTO, "s3cret", ERR_NONE, "");
	try_login(STEPS(GREETING, CAPA("S: SASL CRAM-MD5"), USER_PASS, NO_CAPA),
	    AUTH_AUTO, "s3cret", ERR_NONE, "");
	try_login(STEPS(GREETING, CAPA("S: SASL PLAIN"), USER_PASS, NO_CAPA),
	    AUTH_USER, "s3cret", ERR_NONE, "");
}

static void
auth_plain_goes_out_in_one_line(void **state)
{
	(void)state;
	try_login(STEPS(GREETING, CAPA("S: SASL LOGIN PLAIN"),
		      "C: AUTH PLAIN " PLAIN, "S: +OK in", NO_CAPA),
	    AUTH_AUTO, "s3cret", ERR_NONE, "");
}

static void
auth_plain_too_long_for_a_line_goes_out_in_two_steps(void **state)
{
	/* 255 octets with CRLF hold an initial response of 242. */
	char fits[178], long_one[179];
	char line[400], reply[400];

	(void)state;
	memset(fits, 'x', sizeof fits - 1);
	fits[sizeof fits - 1] = '\0';
	memset(long_one, 'x', sizeof long_one - 1);
	long_one[sizeof long_one - 1] = '\0';
	/* NUL a n n NUL x x x … : 2 + 3 + 175 octets are 240 in base64. */
	fits[175] = '\0';
	snprintf(line, sizeof line, "C: AUTH PLAIN AGFubgB4");
	while (strlen(line) < 14 + 240)
		strcat(line, "eHh4");
	try_login(
	    STEPS(GREETING, CAPA("S: SASL PLAIN"), line, "S: +OK in", NO_CAPA),
	    AUTH_AUTO, fits, ERR_NONE, "");
	snprintf(reply, sizeof reply, "C: AGFubgB4");
	while (strlen(reply) < 3 + 244)
		strcat(reply, "eHh4");
	try_login(STEPS(GREETING, CAPA("S: SASL PLAIN"), "C: AUTH PLAIN",
		      "S: + ", reply, "S: +OK in", NO_CAPA),
	    AUTH_AUTO, long_one, ERR_NONE, "");
}

static void
auth_plain_by_name_without_a_list_goes_out_in_two_steps(void **state)
{
	(void)state;
	try_login(STEPS(GREETING, NO_CAPA, "C: AUTH PLAIN", "S: +", "C: " PLAIN,
		      "S: +OK in", NO_CAPA),
	    AUTH_PLAIN, "s3cret", ERR_NONE, "");
}

static void
auth_login_answers_two_challenges(void **state)
{
	(void)state;
	try_login(STEPS(GREETING, CAPA("S: SASL LOGIN"), "C: AUTH LOGIN",
		      "S: + VXNlcm5hbWU6", "C: YW5u", "S: + UGFzc3dvcmQ6",
		      "C: czNjcmV0", "S: +OK in", NO_CAPA),
	    AUTH_AUTO, "s3cret", ERR_NONE, "");
}

static void
a_mechanism_that_is_not_offered_is_named_with_those_that_are(void **state)
{
	(void)state;
	try_login(STEPS(GREETING, CAPA("S: SASL CRAM-MD5 LOGIN")), AUTH_PLAIN,
	    "s3cret", ERR_AUTH, "CRAM-MD5 LOGIN");
}

static void
a_refused_password_is_sent_exactly_once(void **state)
{
	(void)state;
	try_login(STEPS(GREETING, CAPA("S: SASL PLAIN LOGIN", "S: USER"),
		      "C: AUTH PLAIN " PLAIN, "S: -ERR [AUTH] no"),
	    AUTH_AUTO, "s3cret", ERR_AUTH, "no");
	try_login(STEPS(GREETING, CAPA("S: SASL PLAIN LOGIN", "S: USER"),
		      "C: AUTH PLAIN " PLAIN, "S: -ERR syntax error"),
	    AUTH_AUTO, "s3cret", ERR_AUTH, "syntax error");
	try_login(STEPS(GREETING, CAPA("S: SASL LOGIN"), "C: AUTH LOGIN",
		      "S: + ", "C: YW5u", "S: -ERR who?"),
	    AUTH_AUTO, "s3cret", ERR_AUTH, "who?");
	try_login(STEPS(GREETING, NO_CAPA, "C: USER ann", "S: +OK",
		      "C: PASS s3cret", "S: -ERR"),
	    AUTH_AUTO, "s3cret", ERR_AUTH, "no reason given");
}

static void
a_refused_user_is_an_authentication_error(void **state)
{
	(void)state;
	try_login(STEPS(GREETING, NO_CAPA, "C: USER ann", "S: -ERR unknown"),
	    AUTH_AUTO, "s3cret", ERR_AUTH, "unknown");
}

static void
a_mechanism_unknown_after_all_makes_room_for_the_next(void **state)
{
	char password[300] = "";

	(void)state;
	memset(password, 'x', 250);
	try_login(STEPS(GREETING, CAPA("S: SASL PLAIN LOGIN"), "C: AUTH PLAIN",
		      "S: -ERR unknown", "C: AUTH LOGIN", "S: -ERR unknown",
		      "C: USER ann", "S: -ERR no"),
	    AUTH_AUTO, password, ERR_AUTH, "no");
	try_login(STEPS(GREETING, CAPA("S: SASL LOGIN"), "C: AUTH LOGIN",
		      "S: -ERR unknown", USER_PASS, NO_CAPA),
	    AUTH_AUTO, "s3cret", ERR_NONE, "");
	try_login(STEPS(GREETING, CAPA("S: SASL LOGIN"), "C: AUTH LOGIN",
		      "S: -ERR [AUTH] no more today"),
	    AUTH_AUTO, "s3cret", ERR_AUTH, "no more today");
	try_login(STEPS(GREETING, CAPA("S: SASL LOGIN"), "C: AUTH LOGIN",
		      "S: -ERR [SYS/TEMP] later"),
	    AUTH_AUTO, "s3cret", ERR_BUSY, "later");
}

static void
refusals_are_told_apart(void **state)
{
	static const struct {
		const char *reply;
		enum error_kind kind;
	} rows[] = {
		{ "S: -ERR [IN-USE] words", ERR_IN_USE },
		{ "S: -ERR [LOGIN-DELAY] words", ERR_LOGIN_DELAY },
		{ "S: -ERR [SYS/TEMP] words", ERR_BUSY },
		{ "S: -ERR [SYS/PERM] words", ERR_REFUSED },
		{ "S: -ERR [AUTH] words", ERR_AUTH },
		{ "S: -ERR [AUTH] words: locked", ERR_AUTH },
		{ "S: -ERR words", ERR_AUTH },
		{ "S: -ERR [XYZ] words", ERR_AUTH },
		{ "S: -ERR words: maildrop Locked", ERR_IN_USE },
		{ "S: -ERR words: mailbox is In Use", ERR_IN_USE },
		{ "S: -ERR words: you are blocked", ERR_AUTH },
		{ "S: -ERR words: account locked", ERR_AUTH },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++)
		try_login(STEPS(GREETING, NO_CAPA, "C: USER ann", "S: +OK",
			      "C: PASS s3cret", rows[i].reply),
		    AUTH_AUTO, "s3cret", rows[i].kind, "words");
}

static void
a_challenge_that_makes_no_sense_is_cancelled(void **state)
{
	(void)state;
	try_login(STEPS(GREETING, CAPA("S: SASL LOGIN"), "C: AUTH LOGIN",
		      "S: + what?", "C: *", "S: -ERR cancelled"),
	    AUTH_AUTO, "s3cret", ERR_PROTOCOL, "base64");
	try_login(STEPS(GREETING, CAPA("S: SASL PLAIN"), "C: AUTH PLAIN " PLAIN,
		      "S: + ", "C: *", "S: -ERR cancelled"),
	    AUTH_AUTO, "s3cret", ERR_PROTOCOL, "asks more");
}

static void
success_before_the_password_is_none(void **state)
{
	(void)state;
	try_login(STEPS(GREETING, CAPA("S: SASL LOGIN"), "C: AUTH LOGIN",
		      "S: +OK come in"),
	    AUTH_AUTO, "s3cret", ERR_PROTOCOL, "before it was told");
}

static void
line_breaks_never_reach_the_wire(void **state)
{
	(void)state;
	try_login(STEPS(GREETING, NO_CAPA), AUTH_AUTO, "s3cret\r\nDELE 1",
	    ERR_SECRET, "line break");
	try_login(STEPS(GREETING, NO_CAPA), AUTH_AUTO, "s3cret\n", ERR_SECRET,
	    "line break");
}

/* Every way to log in, against a server that repeats what it hears. */
static void
tell_secrets(void)
{
	try_login(STEPS(GREETING, NO_CAPA, "C: USER ann", "S: +OK",
		      "C: PASS s3cret", "S: -ERR bad password s3cret"),
	    AUTH_AUTO, "s3cret", ERR_AUTH, "repeats");
	try_login(STEPS(GREETING, NO_CAPA, "C: USER ann", "S: +OK",
		      "C: PASS s3cret", "S: s3cret?"),
	    AUTH_AUTO, "s3cret", ERR_PROTOCOL, "repeats");
	try_login(STEPS(GREETING, CAPA("S: SASL PLAIN"), "C: AUTH PLAIN " PLAIN,
		      "S: -ERR AUTH PLAIN " PLAIN),
	    AUTH_AUTO, "s3cret", ERR_AUTH, "repeats");
	try_login(STEPS(GREETING, NO_CAPA, "C: AUTH PLAIN", "S: + ",
		      "C: " PLAIN, "S: -ERR unknown command: " PLAIN),
	    AUTH_PLAIN, "s3cret", ERR_AUTH, "repeats");
	try_login(
	    STEPS(GREETING, CAPA("S: SASL LOGIN"), "C: AUTH LOGIN", "S: + ",
		"C: YW5u", "S: + ", "C: czNjcmV0", "S: -ERR czNjcmV0"),
	    AUTH_AUTO, "s3cret", ERR_AUTH, "repeats");
}

static void
the_trace_holds_no_secret_even_if_the_server_repeats_it(void **state)
{
	const char *text = capture(tell_secrets);

	(void)state;
	assert_non_null(strstr(text, "isp > PASS ****\n"));
	assert_non_null(strstr(text, "isp > AUTH PLAIN ****\n"));
	assert_non_null(strstr(text, "isp > ****\n"));
	assert_null(strstr(text, "s3cret"));
	assert_null(strstr(text, PLAIN));
	assert_null(strstr(text, "czNjcmV0"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_server_without_capa_gets_user_and_pass),
		cmocka_unit_test(auth_plain_goes_out_in_one_line),
		cmocka_unit_test(
		    auth_plain_too_long_for_a_line_goes_out_in_two_steps),
		cmocka_unit_test(
		    auth_plain_by_name_without_a_list_goes_out_in_two_steps),
		cmocka_unit_test(auth_login_answers_two_challenges),
		cmocka_unit_test(
		    a_mechanism_that_is_not_offered_is_named_with_those_that_are),
		cmocka_unit_test(a_refused_password_is_sent_exactly_once),
		cmocka_unit_test(a_refused_user_is_an_authentication_error),
		cmocka_unit_test(
		    a_mechanism_unknown_after_all_makes_room_for_the_next),
		cmocka_unit_test(refusals_are_told_apart),
		cmocka_unit_test(a_challenge_that_makes_no_sense_is_cancelled),
		cmocka_unit_test(success_before_the_password_is_none),
		cmocka_unit_test(line_breaks_never_reach_the_wire),
		cmocka_unit_test(
		    the_trace_holds_no_secret_even_if_the_server_repeats_it),
	};

	return cmocka_run_group_tests(tests, peers_begin, peers_end);
}
