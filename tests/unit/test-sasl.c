/* test-sasl.c - PLAIN and LOGIN, word by word. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sasl/sasl.h"

#include <string.h>

static void
plain_is_nul_user_nul_password(void **state)
{
	struct buffer out = { 0 };
	struct error e = { 0 };
	struct sasl s;

	(void)state;
	sasl_begin(&s, AUTH_PLAIN, "tim", "tanstaaftanstaaf");
	assert_true(sasl_client_first(&s));
	assert_false(sasl_done(&s));
	assert_int_equal(sasl_respond(&s, slice_of(""), &out, &e), 0);
	assert_string_equal(out.data, "AHRpbQB0YW5zdGFhZnRhbnN0YWFm");
	assert_int_equal(out.len, strlen(out.data));
	assert_true(sasl_done(&s));
	buffer_wipe(&out);
}

static void
plain_answers_a_challenge_made_of_words(void **state)
{
	struct buffer out = { 0 };
	struct error e = { 0 };
	struct sasl s;

	(void)state;
	sasl_begin(&s, AUTH_PLAIN, "a", "b");
	assert_int_equal(sasl_respond(&s, slice_of("ok. go on."), &out, &e), 0);
	assert_string_equal(out.data, "AGEAYg==");
	buffer_wipe(&out);
}

static void
login_tells_user_then_password(void **state)
{
	struct buffer out = { 0 };
	struct error e = { 0 };
	struct sasl s;

	(void)state;
	sasl_begin(&s, AUTH_LOGIN, "ann", "pass");
	assert_false(sasl_client_first(&s));
	assert_int_equal(
	    sasl_respond(&s, slice_of("VXNlcm5hbWU6"), &out, &e), 0);
	assert_string_equal(out.data, "YW5u");
	assert_false(sasl_done(&s));
	buffer_clear(&out);
	assert_int_equal(
	    sasl_respond(&s, slice_of("UGFzc3dvcmQ6"), &out, &e), 0);
	assert_string_equal(out.data, "cGFzcw==");
	assert_true(sasl_done(&s));
	buffer_wipe(&out);
}

static void
one_challenge_too_many_is_an_error(void **state)
{
	struct buffer out = { 0 };
	struct error e = { 0 };
	struct sasl s;

	(void)state;
	sasl_begin(&s, AUTH_PLAIN, "a", "b");
	assert_int_equal(sasl_respond(&s, slice_of(""), &out, &e), 0);
	assert_int_equal(sasl_respond(&s, slice_of(""), &out, &e), -1);
	assert_int_equal(e.kind, ERR_PROTOCOL);
	buffer_wipe(&out);
}

static void
challenges_that_are_not_base64_are_errors(void **state)
{
	static const struct {
		const char *challenge;
		int rc;
	} rows[] = {
		{ "", 0 },
		{ "QQ==", 0 },
		{ "QUI=", 0 },
		{ "QUJD", 0 },
		{ "+/+/", 0 },
		{ "QQ=", -1 },
		{ "Q", -1 },
		{ "QQ=A", -1 },
		{ "Q===", -1 },
		{ "====", -1 },
		{ "QUJD QUJ", -1 },
		{ "QUJ\t", -1 },
		{ "QU-_", -1 },
		{ "Username", 0 },
		{ "Username:", -1 },
	};
	struct buffer out = { 0 };
	struct error e = { 0 };
	struct sasl s;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		print_message("# \"%s\"\n", rows[i].challenge);
		sasl_begin(&s, AUTH_LOGIN, "a", "b");
		assert_int_equal(
		    sasl_respond(&s, slice_of(rows[i].challenge), &out, &e),
		    rows[i].rc);
	}
	buffer_wipe(&out);
}

static void
an_overlong_challenge_is_an_error(void **state)
{
	static char challenge[12292];
	struct buffer out = { 0 };
	struct error e = { 0 };
	struct sasl s;

	(void)state;
	memset(challenge, 'A', sizeof challenge);
	sasl_begin(&s, AUTH_LOGIN, "a", "b");
	assert_int_equal(
	    sasl_respond(&s, slice_make(challenge, sizeof challenge), &out, &e),
	    -1);
	assert_int_equal(e.kind, ERR_PROTOCOL);
	assert_int_equal(
	    sasl_respond(&s, slice_make(challenge, 12288), &out, &e), 0);
	buffer_wipe(&out);
}

static void
a_response_is_appended(void **state)
{
	struct buffer out = { 0 };
	struct error e = { 0 };
	struct sasl s;

	(void)state;
	buffer_add_text(&out, "AUTH PLAIN ");
	sasl_begin(&s, AUTH_PLAIN, "a", "b");
	assert_int_equal(sasl_respond(&s, slice_of(""), &out, &e), 0);
	assert_string_equal(out.data, "AUTH PLAIN AGEAYg==");
	buffer_wipe(&out);
}

static void
plain_is_chosen_before_login(void **state)
{
	static const struct {
		enum auth_method wanted;
		const char *offered;
		enum auth_method chosen;
	} rows[] = {
		{ AUTH_AUTO, "LOGIN PLAIN", AUTH_PLAIN },
		{ AUTH_AUTO, "CRAM-MD5 login", AUTH_LOGIN },
		{ AUTH_AUTO, "plain", AUTH_PLAIN },
		{ AUTH_AUTO, "CRAM-MD5 XOAUTH2", AUTH_AUTO },
		{ AUTH_AUTO, "", AUTH_AUTO },
		{ AUTH_AUTO, "PLAINER XPLAIN", AUTH_AUTO },
		{ AUTH_LOGIN, " PLAIN  LOGIN ", AUTH_LOGIN },
		{ AUTH_LOGIN, "PLAIN", AUTH_AUTO },
		{ AUTH_PLAIN, "PLAIN LOGIN", AUTH_PLAIN },
		{ AUTH_PLAIN, "LOGIN", AUTH_AUTO },
		{ AUTH_USER, "PLAIN LOGIN", AUTH_AUTO },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		print_message("# \"%s\"\n", rows[i].offered);
		assert_int_equal(
		    sasl_choose(rows[i].wanted, slice_of(rows[i].offered)),
		    rows[i].chosen);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_is_nul_user_nul_password),
		cmocka_unit_test(plain_answers_a_challenge_made_of_words),
		cmocka_unit_test(login_tells_user_then_password),
		cmocka_unit_test(one_challenge_too_many_is_an_error),
		cmocka_unit_test(challenges_that_are_not_base64_are_errors),
		cmocka_unit_test(an_overlong_challenge_is_an_error),
		cmocka_unit_test(a_response_is_appended),
		cmocka_unit_test(plain_is_chosen_before_login),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
