/* test-error.c - errors as values. */
#include "base/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"

static void
words_of_a_peer_become_one_harmless_line(void **state)
{
	struct error e;

	(void)state;
	assert_int_equal(error_set(&e, ERR_AUTH, "it said: %s",
			     "-ERR \x1b[2J\r\nno\x7f\xff \xc3\xa4"),
	    -1);
	assert_int_equal(e.kind, ERR_AUTH);
	assert_string_equal(e.text, "it said: -ERR ?[2J??no?? \xc3\xa4");
}

static void
a_long_text_is_cut_between_characters(void **state)
{
	struct error e;
	char words[2000];
	size_t i;
	size_t shift;

	(void)state;
	for (shift = 0; shift < 2; shift++) {
		words[0] = 'x';
		for (i = shift; i + 2 < sizeof words; i += 2)
			memcpy(words + i, "\xc3\xa4", 2);
		words[i] = '\0';
		error_set(&e, ERR_IO, "%s", words);
		assert_true(strlen(e.text) >= sizeof e.text - 3);
		assert_true(strlen(e.text) < sizeof e.text);
		assert_true(text_is_utf8(slice_of(e.text)));
	}
}

static void
a_prefix_keeps_kind_and_text(void **state)
{
	struct error e;

	(void)state;
	error_set(&e, ERR_TIMEOUT, "%s", "no answer");
	assert_int_equal(error_prefix(&e, "%s: ", "is\np"), -1);
	assert_int_equal(e.kind, ERR_TIMEOUT);
	assert_string_equal(e.text, "is?p: no answer");
}

static void
an_error_may_be_made_of_its_own_text(void **state)
{
	struct error e;

	(void)state;
	error_set(&e, ERR_IO, "closed");
	error_set(&e, ERR_IO, "%s, %s", e.text, e.text);
	assert_string_equal(e.text, "closed, closed");
	error_clear(&e);
	assert_int_equal(e.kind, ERR_NONE);
	assert_string_equal(e.text, "");
}

static void
each_kind_has_its_exit_status_and_name(void **state)
{
	static const struct {
		enum error_kind kind;
		int status;
		const char *name;
	} cases[] = {
		{ ERR_NONE, 0, "none" },
		{ ERR_USAGE, 64, "usage" },
		{ ERR_CONFIG, 78, "config" },
		{ ERR_RESOLVE, 68, "resolve" },
		{ ERR_CONNECT, 75, "connect" },
		{ ERR_TIMEOUT, 75, "timeout" },
		{ ERR_IO, 75, "io" },
		{ ERR_TLS, 76, "tls" },
		{ ERR_PROTOCOL, 76, "protocol" },
		{ ERR_AUTH, 77, "auth" },
		{ ERR_BUSY, 75, "busy" },
		{ ERR_IN_USE, 75, "in_use" },
		{ ERR_LOGIN_DELAY, 75, "login_delay" },
		{ ERR_REFUSED, 69, "refused" },
		{ ERR_SECRET, 77, "secret" },
		{ ERR_LEDGER, 74, "ledger" },
		{ ERR_LOCKED, 75, "locked" },
		{ ERR_QUESTION, 78, "question" },
		{ ERR_SYSTEM, 71, "system" },
		{ ERR_STOPPED, 75, "stopped" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		assert_int_equal(
		    error_exit_status(cases[i].kind), cases[i].status);
		assert_string_equal(error_name(cases[i].kind), cases[i].name);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_of_a_peer_become_one_harmless_line),
		cmocka_unit_test(a_long_text_is_cut_between_characters),
		cmocka_unit_test(a_prefix_keeps_kind_and_text),
		cmocka_unit_test(an_error_may_be_made_of_its_own_text),
		cmocka_unit_test(each_kind_has_its_exit_status_and_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
