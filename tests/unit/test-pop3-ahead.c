/*
 * test-pop3-ahead.c - commands that are sent ahead of their answers, and
 * sessions that begin with what another one has learnt.
 */
#include "../kit/peer.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void
send_ahead(struct pop3 *pop3, enum pop3_verb verb, uint32_t number)
{
	struct error e = { 0 };

	if (pop3_ahead(pop3, verb, number, &e) < 0)
		fail_msg("%s", e.text);
}

static void
expect_content(struct pop3 *pop3, uint32_t number, const char *content)
{
	struct buffer all = { 0 };
	struct error e = { 0 };

	if (pop3_retr(pop3, number, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(read_content(pop3, &all, &e), 0);
	assert_string_equal(all.data, content);
	buffer_free(&all);
}

static void
expect_uid(struct pop3 *pop3, uint32_t number, const char *wanted)
{
	struct slice uid = slice_of("");
	struct error e = { 0 };

	if (pop3_uid(pop3, number, &uid, &e) < 0)
		fail_msg("%s", e.text);
	assert_true(slice_is(uid, wanted));
}

static void
expect_names(struct pop3 *pop3, uint32_t messages, const char *names)
{
	struct buffer noted = { 0 };
	struct error e = { 0 };
	uint32_t count;
	uint64_t octets;

	if (pop3_stat(pop3, &count, &octets, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(count, messages);
	if (pop3_uidl(pop3, note_uid, &noted, &e) < 0)
		fail_msg("%s", e.text);
	assert_string_equal(noted.data, names);
	buffer_free(&noted);
}

/* --- commands and answers --- */

static void
answers_are_for_the_commands_in_their_order(void **state)
{
	struct peer peer;
	struct pop3 *pop3;
	struct error e = { 0 };

	(void)state;
	enter_maildrop(&peer,
	    STEPS(MAILDROP, "C: RETR 1", "C: DELE 1", "C: UIDL 2", "C: RETR 2",
		"C: QUIT", "RAW:+OK\r\none\r\n.\r\n+OK gone\r\n+OK 2 uid-2\r\n",
		"DRIP:+OK\r\n..two\r\n.\r\n+OK bye\r\n"),
	    &pop3);
	assert_int_equal(pop3_is_ahead(pop3), 0);
	send_ahead(pop3, POP3_RETR, 1);
	send_ahead(pop3, POP3_DELE, 1);
	send_ahead(pop3, POP3_UID, 2);
	send_ahead(pop3, POP3_RETR, 2);
	send_ahead(pop3, POP3_QUIT, 0);
	assert_int_equal(pop3_is_ahead(pop3), 5);
	expect_content(pop3, 1, "one\r\n");
	assert_int_equal(pop3_is_ahead(pop3), 4);
	assert_int_equal(pop3_dele(pop3, 1, &e), 0);
	assert_string_equal(pop3_last(pop3)->text, "gone");
	expect_uid(pop3, 2, "uid-2");
	expect_content(pop3, 2, ".two\r\n");
	assert_int_equal(pop3_quit(pop3, &e), 0);
	assert_string_equal(pop3_last(pop3)->text, "bye");
	assert_int_equal(pop3_is_ahead(pop3), 0);
	pop3_free(&pop3);
	peer_finish(&peer);
}

static void
each_command_is_sent_as_its_function_would_send_it(void **state)
{
	struct buffer all = { 0 };
	struct peer peer;
	struct pop3 *pop3;
	struct error e = { 0 };

	(void)state;
	enter_maildrop(&peer,
	    STEPS(MAILDROP, "C: STAT", "C: UIDL", "C: TOP 4294967295 0",
		"C: STAT", "C: UIDL", "S: +OK 1 7", "S: +OK", "S: 1 a", "S: .",
		"S: +OK", "S: Subject: x", "S: .", "S: +OK 2 8", "S: +OK",
		"S: 2 b", "S: ."),
	    &pop3);
	send_ahead(pop3, POP3_STAT, 0);
	send_ahead(pop3, POP3_UIDL, 0);
	send_ahead(pop3, POP3_TOP, UINT32_MAX);
	send_ahead(pop3, POP3_STAT, 0);
	send_ahead(pop3, POP3_UIDL, 0);
	expect_names(pop3, 1, "1=a;");
	assert_int_equal(pop3_top(pop3, UINT32_MAX, &e), 0);
	assert_int_equal(read_content(pop3, &all, &e), 0);
	assert_string_equal(all.data, "Subject: x\r\n");
	expect_names(pop3, 2, "2=b;");
	buffer_free(&all);
	pop3_free(&pop3);
	peer_finish(&peer);
}

static void
expect_out_of_step(int rc, struct error *e, const char *command)
{
	assert_int_equal(rc, -1);
	assert_error(e, ERR_PROTOCOL, "out of step");
	assert_non_null(strstr(e->text, command));
	error_clear(e);
}

static void
an_answer_that_is_asked_for_out_of_turn_is_refused_and_no_harm_done(
    void **state)
{
	struct peer peer;
	struct pop3 *pop3;
	struct slice uid;
	uint32_t count;
	uint64_t octets;
	struct error e = { 0 };

	(void)state;
	enter_maildrop(&peer,
	    STEPS(MAILDROP, "C: RETR 1", "C: DELE 1", "S: +OK", "S: one",
		"S: .", "S: +OK", "C: NOOP", "S: +OK"),
	    &pop3);
	send_ahead(pop3, POP3_RETR, 1);
	send_ahead(pop3, POP3_DELE, 1);
	expect_out_of_step(pop3_dele(pop3, 1, &e), &e, "DELE 1");
	expect_out_of_step(pop3_retr(pop3, 2, &e), &e, "RETR 2");
	expect_out_of_step(pop3_top(pop3, 1, &e), &e, "TOP 1 0");
	expect_out_of_step(pop3_uid(pop3, 1, &uid, &e), &e, "UIDL 1");
	expect_out_of_step(pop3_stat(pop3, &count, &octets, &e), &e, "STAT");
	expect_out_of_step(pop3_noop(pop3, &e), &e, "NOOP");
	assert_int_equal(pop3_is_ahead(pop3), 2);
	expect_content(pop3, 1, "one\r\n");
	expect_out_of_step(pop3_retr(pop3, 1, &e), &e, "RETR 1");
	assert_int_equal(pop3_dele(pop3, 1, &e), 0);
	assert_int_equal(pop3_noop(pop3, &e), 0);
	pop3_free(&pop3);
	peer_finish(&peer);
}

static void
a_quit_out_of_turn_ends_the_session_with_nothing_sent(void **state)
{
	struct peer peer;
	struct pop3 *pop3;
	struct error e = { 0 };

	(void)state;
	enter_maildrop(
	    &peer, STEPS(MAILDROP, "C: DELE 1", "S: +OK", "SILENT"), &pop3);
	send_ahead(pop3, POP3_DELE, 1);
	assert_int_equal(pop3_flush(pop3, &e), 0);
	expect_out_of_step(pop3_quit(pop3, &e), &e, "QUIT");
	assert_int_equal(pop3_dele(pop3, 1, &e), -1);
	pop3_free(&pop3);
	peer_finish(&peer);
}

static void
in_the_middle_of_a_message_nothing_is_sent_ahead(void **state)
{
	struct buffer all = { 0 };
	struct peer peer;
	struct pop3 *pop3;
	struct error e = { 0 };

	(void)state;
	enter_maildrop(&peer,
	    STEPS(MAILDROP, "C: RETR 1", "S: +OK", "S: one", "S: .",
		"C: DELE 3", "S: +OK"),
	    &pop3);
	assert_int_equal(pop3_retr(pop3, 1, &e), 0);
	expect_out_of_step(pop3_ahead(pop3, POP3_DELE, 2, &e), &e, "DELE 2");
	assert_int_equal(pop3_is_ahead(pop3), 0);
	assert_int_equal(read_content(pop3, &all, &e), 0);
	send_ahead(pop3, POP3_DELE, 3);
	assert_int_equal(pop3_dele(pop3, 3, &e), 0);
	buffer_free(&all);
	pop3_free(&pop3);
	peer_finish(&peer);
}

/* The script for so many deletions, their answers, and one more of each. */
static const char *const *
deletions(size_t count)
{
	static const char *const maildrop[] = { MAILDROP };
	static const char *steps[300];
	static char lines[POP3_AHEAD_MAX][16];
	size_t n = sizeof maildrop / sizeof maildrop[0];

	memcpy(steps, maildrop, sizeof maildrop);
	for (size_t i = 0; i < count; i++) {
		snprintf(lines[i], sizeof lines[i], "C: DELE %zu", i + 1);
		steps[n++] = lines[i];
	}
	for (size_t i = 0; i < count; i++)
		steps[n++] = "S: +OK";
	steps[n++] = "C: DELE 1000";
	steps[n++] = "S: +OK";
	steps[n] = NULL;
	return steps;
}

static void
no_more_may_be_outstanding_than_is_promised(void **state)
{
	struct peer peer;
	struct pop3 *pop3;
	struct error e = { 0 };
	uint32_t i;

	(void)state;
	enter_maildrop(&peer, deletions(POP3_AHEAD_MAX), &pop3);
	for (i = 1; i <= POP3_AHEAD_MAX; i++)
		send_ahead(pop3, POP3_DELE, i);
	expect_out_of_step(
	    pop3_ahead(pop3, POP3_DELE, 999, &e), &e, "DELE 999");
	assert_int_equal(pop3_is_ahead(pop3), POP3_AHEAD_MAX);
	assert_int_equal(pop3_dele(pop3, 1, &e), 0);
	send_ahead(pop3, POP3_DELE, 1000);
	assert_int_equal(pop3_is_ahead(pop3), POP3_AHEAD_MAX);
	for (i = 2; i <= POP3_AHEAD_MAX; i++)
		assert_int_equal(pop3_dele(pop3, i, &e), 0);
	assert_int_equal(pop3_dele(pop3, 1000, &e), 0);
	assert_int_equal(pop3_is_ahead(pop3), 0);
	pop3_free(&pop3);
	peer_finish(&peer);
}

static void
a_refusal_among_the_answers_is_that_commands_alone(void **state)
{
	struct peer peer;
	struct pop3 *pop3;
	struct slice uid;
	struct error e = { 0 };

	(void)state;
	enter_maildrop(&peer,
	    STEPS(MAILDROP, "C: RETR 1", "C: RETR 2", "C: RETR 3", "C: DELE 1",
		"C: UIDL 4", "C: DELE 3", "C: QUIT", "S: +OK", "S: one", "S: .",
		"S: -ERR [SYS/TEMP] not now", "S: +OK", "S: three", "S: .",
		"S: -ERR locked", "S: -ERR no such message", "S: +OK",
		"S: -ERR not all"),
	    &pop3);
	for (uint32_t i = 1; i <= 3; i++)
		send_ahead(pop3, POP3_RETR, i);
	send_ahead(pop3, POP3_DELE, 1);
	send_ahead(pop3, POP3_UID, 4);
	send_ahead(pop3, POP3_DELE, 3);
	send_ahead(pop3, POP3_QUIT, 0);
	expect_content(pop3, 1, "one\r\n");
	assert_int_equal(pop3_retr(pop3, 2, &e), -1);
	assert_error(&e, ERR_REFUSED, "refused RETR 2: \"not now\"");
	assert_int_equal(pop3_last(pop3)->code, POP3_CODE_SYS_TEMP);
	expect_content(pop3, 3, "three\r\n");
	assert_int_equal(pop3_dele(pop3, 1, &e), -1);
	assert_error(&e, ERR_REFUSED, "refused DELE 1: \"locked\"");
	assert_int_equal(pop3_uid(pop3, 4, &uid, &e), -1);
	assert_error(&e, ERR_REFUSED, "refused UIDL 4");
	assert_int_equal(pop3_dele(pop3, 3, &e), 0);
	assert_int_equal(pop3_quit(pop3, &e), -1);
	assert_error(&e, ERR_REFUSED, "some deletions");
	pop3_free(&pop3);
	peer_finish(&peer);
}

static void
a_server_that_wants_more_words_after_what_was_sent_ahead_is_left(void **state)
{
	struct peer peer;
	struct pop3 *pop3;
	struct error e = { 0 };

	(void)state;
	enter_maildrop(&peer,
	    STEPS(MAILDROP, "C: DELE 1", "C: DELE 2", "S: + more", "S: +OK",
		"SILENT"),
	    &pop3);
	send_ahead(pop3, POP3_DELE, 1);
	send_ahead(pop3, POP3_DELE, 2);
	assert_int_equal(pop3_dele(pop3, 1, &e), -1);
	assert_error(&e, ERR_PROTOCOL, "wants more words after DELE 1");
	expect_out_of_step(pop3_dele(pop3, 2, &e), &e, "DELE 2");
	expect_out_of_step(pop3_ahead(pop3, POP3_DELE, 3, &e), &e, "DELE 3");
	pop3_free(&pop3);
	peer_finish(&peer);
}

static void
before_the_first_of_them_nothing_may_have_been_said(void **state)
{
	struct peer peer;
	struct pop3 *pop3;
	struct error e = { 0 };

	(void)state;
	enter_maildrop(&peer,
	    STEPS(MAILDROP, "C: NOOP", "RAW:+OK\r\n-ERR autologout\r\n",
		"SILENT"),
	    &pop3);
	assert_int_equal(pop3_noop(pop3, &e), 0);
	assert_int_equal(pop3_ahead(pop3, POP3_DELE, 1, &e), -1);
	assert_error(&e, ERR_PROTOCOL,
	    "nobody asked for before DELE 1: \"-ERR autologout\"");
	assert_int_equal(pop3_is_ahead(pop3), 0);
	pop3_free(&pop3);
	peer_finish(&peer);
}

static void
a_server_that_closes_leaves_the_rest_unanswered(void **state)
{
	struct peer peer;
	struct pop3 *pop3;
	struct error e = { 0 };

	(void)state;
	enter_maildrop(
	    &peer, STEPS(MAILDROP, "C: DELE 1", "C: DELE 2", "S: +OK"), &pop3);
	send_ahead(pop3, POP3_DELE, 1);
	send_ahead(pop3, POP3_DELE, 2);
	assert_int_equal(pop3_dele(pop3, 1, &e), 0);
	assert_int_equal(pop3_dele(pop3, 2, &e), -1);
	assert_error(&e, ERR_IO, "DELE 2");
	pop3_free(&pop3);
	peer_finish(&peer);
}

static void
only_an_answered_message_behind_another_proves_anything(void **state)
{
	struct peer peer;
	struct pop3 *pop3;
	struct error e = { 0 };

	(void)state;
	enter_maildrop(&peer,
	    STEPS(MAILDROP, "C: RETR 1", "C: DELE 1", "C: RETR 2", "S: +OK",
		"S: .", "S: +OK", "S: -ERR no", "C: RETR 3", "S: +OK", "S: .",
		"C: DELE 3", "C: RETR 4", "S: +OK", "S: +OK", "S: .",
		"C: RETR 5", "S: +OK", "S: ."),
	    &pop3);
	send_ahead(pop3, POP3_RETR, 1);
	send_ahead(pop3, POP3_DELE, 1);
	send_ahead(pop3, POP3_RETR, 2);
	expect_content(pop3, 1, "");
	assert_false(pop3_proven(pop3));
	assert_int_equal(pop3_dele(pop3, 1, &e), 0);
	assert_false(pop3_proven(pop3));
	assert_int_equal(pop3_retr(pop3, 2, &e), -1);
	assert_false(pop3_proven(pop3));
	expect_content(pop3, 3, "");
	assert_false(pop3_proven(pop3));
	send_ahead(pop3, POP3_DELE, 3);
	send_ahead(pop3, POP3_RETR, 4);
	assert_int_equal(pop3_dele(pop3, 3, &e), 0);
	expect_content(pop3, 4, "");
	assert_true(pop3_proven(pop3));
	expect_content(pop3, 5, "");
	assert_true(pop3_proven(pop3));
	pop3_free(&pop3);
	peer_finish(&peer);
}

static void
what_is_queued_is_sent_by_a_flush(void **state)
{
	struct peer peer;
	struct pop3 *pop3;
	struct error e = { 0 };

	(void)state;
	enter_maildrop(&peer, STEPS(MAILDROP, "C: DELE 1", "S: +OK"), &pop3);
	send_ahead(pop3, POP3_DELE, 1);
	assert_int_equal(pop3_flush(pop3, &e), 0);
	pop3_free(&pop3);
	peer_finish(&peer);
	/* And freed without, it is not. */
	enter_maildrop(&peer, STEPS(MAILDROP, "SILENT"), &pop3);
	send_ahead(pop3, POP3_DELE, 1);
	pop3_free(&pop3);
	peer_finish(&peer);
}

static void
whether_others_are_to_send_ahead_is_told_to_the_session(void **state)
{
	struct peer peer;
	struct pop3 *pop3;

	(void)state;
	enter_maildrop(&peer, STEPS(MAILDROP), &pop3);
	assert_false(pop3_pipelines(pop3));
	pop3_let_pipeline(pop3);
	assert_true(pop3_pipelines(pop3));
	pop3_free(&pop3);
	peer_finish(&peer);
}

/* --- leaving --- */

static void
who_leaves_says_so_and_waits_for_nothing(void **state)
{
	int64_t begun = clock_monotonic_ms();
	struct peer peer;
	struct pop3 *pop3;
	struct error e = { 0 };

	(void)state;
	enter_maildrop(&peer, STEPS(MAILDROP, "C: QUIT", "SILENT"), &pop3);
	pop3_leave(pop3);
	assert_int_equal(pop3_noop(pop3, &e), -1);
	pop3_free(&pop3);
	peer_finish(&peer);
	enter_maildrop(
	    &peer, STEPS(MAILDROP, "C: TOP 1 0", "C: QUIT", "SILENT"), &pop3);
	send_ahead(pop3, POP3_TOP, 1);
	pop3_leave(pop3);
	pop3_free(&pop3);
	peer_finish(&peer);
	assert_true(clock_monotonic_ms() - begun < 15000);
}

static void
in_the_middle_of_an_answer_one_leaves_without_a_word(void **state)
{
	struct peer peer;
	struct pop3 *pop3;
	struct error e = { 0 };

	(void)state;
	enter_maildrop(&peer,
	    STEPS(MAILDROP, "C: RETR 1", "RAW:+OK\r\nhalf", "SILENT"), &pop3);
	assert_int_equal(pop3_retr(pop3, 1, &e), 0);
	pop3_leave(pop3);
	pop3_free(&pop3);
	peer_finish(&peer);
}

/* --- logging in --- */

/* Lines of CAPA, as another session has told them; NULL at the end. */
static const char *const knows[] = { "PIPELINING", "UIDL", "SASL PLAIN", NULL };

static struct pop3_capa
recalled(const char *const *lines)
{
	struct pop3_capa capa;

	pop3_capa_clear(&capa);
	capa.known = true;
	for (; *lines != NULL; lines++)
		pop3_capa_line(slice_of(*lines), &capa);
	return capa;
}

static void
open_knowing(struct peer *peer, const char *const *steps, enum tls_mode tls,
    const char *const *lines, struct pop3 **pop3)
{
	struct pop3_capa capa;
	struct error e = { 0 };

	peer_start(peer, steps, tls);
	if (lines == NULL) {
		open_well(peer, pop3);
		return;
	}
	capa = recalled(lines);
	if (pop3_open_known(pop3, &peer->at, &capa, NULL, &e) < 0)
		fail_msg("%s; peer: %s", e.text, peer->wrong);
}

static int
log_in_ahead(
    struct pop3 *pop3, enum auth_method auth, bool sizes, struct error *e)
{
	struct login l = login_of_ann(auth);

	error_clear(e);
	return pop3_login_ahead(pop3, &l, "s3cret", sizes, e);
}

#define CAPA_ALL(...) CAPA("S: PIPELINING", "S: UIDL", __VA_ARGS__)
#define ANSWERS "S: +OK 1 9", "S: +OK", "S: 1 a", "S: ."

/* A login, with the names in one flight with its last step. */
static void
come_in(const char *const *steps, const char *const *lines,
    enum auth_method auth, bool sizes)
{
	struct peer peer;
	struct pop3 *pop3;
	struct error e;

	open_knowing(&peer, steps, TLS_NONE, lines, &pop3);
	if (log_in_ahead(pop3, auth, sizes, &e) < 0)
		fail_msg("%s; peer: %s", e.text, peer.wrong);
	assert_int_equal(e.kind, ERR_NONE);
	assert_int_equal(pop3_is_ahead(pop3), sizes ? 3 : 2);
	expect_names(pop3, 1, "1=a;");
	pop3_free(&pop3);
	peer_finish(&peer);
}

static void
with_plain_all_leaves_in_one_flight(void **state)
{
	(void)state;
	come_in(STEPS(GREETING, "C: AUTH PLAIN " PLAIN, "C: STAT", "C: UIDL",
		    "S: +OK in", ANSWERS),
	    knows, AUTH_AUTO, false);
	come_in(STEPS(GREETING, "C: AUTH PLAIN " PLAIN, "C: STAT", "C: UIDL",
		    "C: LIST", "S: +OK in", ANSWERS),
	    knows, AUTH_AUTO, true);
	come_in(
	    STEPS(GREETING, CAPA_ALL("S: SASL PLAIN"), "C: AUTH PLAIN " PLAIN,
		"C: CAPA", "C: STAT", "C: UIDL", "C: LIST", "S: +OK in",
		"S: +OK", "S: UIDL", "S: .", ANSWERS),
	    NULL, AUTH_AUTO, true);
}

static void
with_login_it_waits_for_both_challenges(void **state)
{
	(void)state;
	come_in(STEPS(GREETING, CAPA_ALL("S: SASL LOGIN"), "C: AUTH LOGIN",
		    "HUSH", "S: + VXNlcm5hbWU6", "C: YW5u", "HUSH",
		    "S: + UGFzc3dvcmQ6", "C: czNjcmV0", "C: CAPA", "C: STAT",
		    "C: UIDL", "S: +OK in", "S: -ERR what?", ANSWERS),
	    NULL, AUTH_AUTO, false);
}

static void
with_user_and_pass_it_waits_for_the_answer_to_user(void **state)
{
	(void)state;
	come_in(STEPS(GREETING, CAPA_ALL("S: USER"), "C: USER ann", "HUSH",
		    "S: +OK", "C: PASS s3cret", "C: CAPA", "C: STAT", "C: UIDL",
		    "S: +OK in", "S: -ERR what?", ANSWERS),
	    NULL, AUTH_AUTO, false);
	come_in(
	    STEPS(GREETING, "C: USER ann", "HUSH", "S: +OK", "C: PASS s3cret",
		"C: STAT", "C: UIDL", "S: +OK in", ANSWERS),
	    knows, AUTH_USER, false);
}

static void
where_uidl_is_not_offered_nothing_goes_with_the_login(void **state)
{
	struct peer peer;
	struct pop3 *pop3;
	struct error e;

	(void)state;
	open_knowing(&peer,
	    STEPS(GREETING, CAPA("S: PIPELINING", "S: SASL PLAIN"),
		"C: AUTH PLAIN " PLAIN, "HUSH", "S: +OK in", "C: CAPA", "HUSH",
		"S: -ERR"),
	    TLS_NONE, NULL, &pop3);
	assert_int_equal(log_in_ahead(pop3, AUTH_AUTO, true, &e), 0);
	assert_int_equal(pop3_is_ahead(pop3), 0);
	pop3_free(&pop3);
	peer_finish(&peer);
}

/* A login that ends so. */
static void
stay_out(const char *const *steps, const char *const *lines,
    enum auth_method auth, enum error_kind kind, const char *words)
{
	struct peer peer;
	struct pop3 *pop3;
	struct error e;

	open_knowing(&peer, steps, TLS_NONE, lines, &pop3);
	assert_int_equal(log_in_ahead(pop3, auth, true, &e), -1);
	assert_error(&e, kind, words);
	pop3_free(&pop3);
	peer_finish(&peer);
}

#define IN_VAIN "C: STAT", "C: UIDL", "C: LIST"
#define REFUSED "S: -ERR log in first"
#define ALL_REFUSED REFUSED, REFUSED, REFUSED

static void
a_refused_login_is_told_in_its_own_words(void **state)
{
	(void)state;
	/* With an answer to CAPA, which is for anybody, or without. */
	stay_out(
	    STEPS(GREETING, CAPA_ALL("S: SASL PLAIN"), "C: AUTH PLAIN " PLAIN,
		"C: CAPA", IN_VAIN, "S: -ERR [AUTH] wrong password", "S: +OK",
		"S: SASL PLAIN", "S: .", ALL_REFUSED),
	    NULL, AUTH_AUTO, ERR_AUTH, "wrong password");
	stay_out(STEPS(GREETING, CAPA_ALL("S: USER"), "C: USER ann", "S: +OK",
		     "C: PASS s3cret", "C: CAPA", IN_VAIN,
		     "S: -ERR [IN-USE] two of you", REFUSED, ALL_REFUSED),
	    NULL, AUTH_AUTO, ERR_IN_USE, "two of you");
	stay_out(STEPS(GREETING, "C: AUTH PLAIN " PLAIN, IN_VAIN,
		     "S: -ERR [AUTH] wrong password", ALL_REFUSED),
	    knows, AUTH_AUTO, ERR_AUTH, "wrong password");
	stay_out(STEPS(GREETING, "C: AUTH PLAIN " PLAIN, IN_VAIN,
		     "S: -ERR [SYS/TEMP] later", ALL_REFUSED),
	    knows, AUTH_AUTO, ERR_BUSY, "later");
	stay_out(STEPS(GREETING, "C: AUTH PLAIN " PLAIN, IN_VAIN,
		     "S: -ERR [SYS/PERM] broken", ALL_REFUSED),
	    knows, AUTH_AUTO, ERR_REFUSED, "broken");
}

static void
so_it_is_if_the_server_hangs_up_after_it(void **state)
{
	(void)state;
	stay_out(STEPS(GREETING, "C: AUTH PLAIN " PLAIN, IN_VAIN,
		     "S: -ERR wrong password"),
	    knows, AUTH_AUTO, ERR_AUTH, "wrong password");
	stay_out(STEPS(GREETING, "C: AUTH PLAIN " PLAIN, IN_VAIN,
		     "S: -ERR wrong password", REFUSED, "RAW:-ER"),
	    knows, AUTH_AUTO, ERR_AUTH, "wrong password");
}

static void
expect_left(const char *const *steps)
{
	struct peer peer;
	struct pop3 *pop3;
	struct error e;

	open_knowing(&peer, steps, TLS_NONE, knows, &pop3);
	assert_int_equal(log_in_ahead(pop3, AUTH_AUTO, true, &e), -1);
	assert_error(&e, ERR_AUTH, "wrong password");
	expect_out_of_step(pop3_ahead(pop3, POP3_STAT, 0, &e), &e, "STAT");
	pop3_free(&pop3);
	peer_finish(&peer);
}

static void
a_server_that_lets_nobody_in_and_lists_all_the_same_is_left(void **state)
{
	(void)state;
	expect_left(STEPS(GREETING, "C: AUTH PLAIN " PLAIN, IN_VAIN,
	    "S: -ERR wrong password", ANSWERS, "SILENT"));
	expect_left(STEPS(GREETING, "C: AUTH PLAIN " PLAIN, IN_VAIN,
	    "S: -ERR wrong password", "S: +OK 1 9", REFUSED, REFUSED,
	    "SILENT"));
}

static void
an_initial_response_that_is_asked_for_again_ends_the_session(void **state)
{
	(void)state;
	stay_out(
	    STEPS(GREETING, "C: AUTH PLAIN " PLAIN, IN_VAIN, "S: + ", "SILENT"),
	    knows, AUTH_AUTO, ERR_PROTOCOL, "asks more");
}

static void
a_listing_that_wants_more_words_ends_the_session(void **state)
{
	struct peer peer;
	struct pop3 *pop3;
	struct error e;
	uint32_t count;
	uint64_t octets;

	(void)state;
	open_knowing(&peer,
	    STEPS(GREETING, "C: AUTH PLAIN " PLAIN, IN_VAIN, "S: +OK", "S: + ",
		"SILENT"),
	    TLS_NONE, knows, &pop3);
	assert_int_equal(log_in_ahead(pop3, AUTH_AUTO, true, &e), 0);
	assert_int_equal(pop3_stat(pop3, &count, &octets, &e), -1);
	assert_error(&e, ERR_PROTOCOL, "wants more words after STAT");
	pop3_free(&pop3);
	peer_finish(&peer);
}

/* --- what another session has told --- */

static void
a_session_that_knows_all_asks_nothing(void **state)
{
	struct peer peer;
	struct pop3 *pop3;
	struct error e = { 0 };

	(void)state;
	open_knowing(&peer,
	    STEPS(GREETING, "C: AUTH PLAIN " PLAIN, "S: +OK", "C: QUIT",
		"S: +OK"),
	    TLS_NONE, knows, &pop3);
	assert_int_equal(log_in(pop3, AUTH_AUTO, "s3cret", &e), 0);
	assert_true(pop3_capa(pop3)->known);
	assert_true(pop3_capa(pop3)->pipelining);
	assert_string_equal(pop3_capa(pop3)->sasl, "PLAIN");
	assert_int_equal(pop3_quit(pop3, &e), 0);
	pop3_free(&pop3);
	peer_finish(&peer);
}

static void
a_mechanism_that_is_gone_is_asked_about_once(void **state)
{
	(void)state;
	come_in(STEPS(GREETING, "C: AUTH PLAIN " PLAIN, "C: STAT", "C: UIDL",
		    "S: -ERR unknown", REFUSED, REFUSED,
		    CAPA_ALL("S: SASL LOGIN"), "C: AUTH LOGIN", "S: + ",
		    "C: YW5u", "S: + ", "C: czNjcmV0", "C: CAPA", "C: STAT",
		    "C: UIDL", "S: +OK in", "S: -ERR what?", ANSWERS),
	    knows, AUTH_AUTO, false);
	/* No SASL at all any more. */
	come_in(
	    STEPS(GREETING, "C: AUTH PLAIN " PLAIN, "C: STAT", "C: UIDL",
		"S: -ERR unknown", REFUSED, REFUSED, CAPA_ALL("S: USER"),
		"C: USER ann", "S: +OK", "C: PASS s3cret", "C: CAPA", "C: STAT",
		"C: UIDL", "S: +OK in", "S: -ERR what?", ANSWERS),
	    knows, AUTH_AUTO, false);
	stay_out(STEPS(GREETING, "C: AUTH PLAIN " PLAIN, IN_VAIN,
		     "S: -ERR unknown", ALL_REFUSED, CAPA_ALL("S: USER"),
		     "C: USER ann", "S: -ERR wrong user"),
	    knows, AUTH_AUTO, ERR_AUTH, "wrong user");
}

static void
a_mechanism_that_is_offered_still_was_refused_for_the_password(void **state)
{
	(void)state;
	stay_out(
	    STEPS(GREETING, "C: AUTH PLAIN " PLAIN, IN_VAIN, "S: -ERR wrong",
		ALL_REFUSED, CAPA_ALL("S: SASL LOGIN PLAIN")),
	    knows, AUTH_AUTO, ERR_AUTH, "wrong");
	/* Nobody says what is offered, so what was holds. */
	stay_out(STEPS(GREETING, "C: AUTH PLAIN " PLAIN, IN_VAIN,
		     "S: -ERR wrong", ALL_REFUSED, NO_CAPA),
	    knows, AUTH_AUTO, ERR_AUTH, "wrong");
	/* It is the one that the settings want. */
	stay_out(STEPS(GREETING, "C: AUTH PLAIN " PLAIN, IN_VAIN,
		     "S: -ERR wrong", ALL_REFUSED, CAPA_ALL("S: SASL LOGIN")),
	    knows, AUTH_PLAIN, ERR_AUTH, "wrong");
}

static void
a_refusal_with_a_reason_is_no_doubt_of_what_is_known(void **state)
{
	static const char *const replies[] = { "S: -ERR [AUTH] no",
		"S: -ERR [IN-USE] no", "S: -ERR [SYS/PERM] no",
		"S: -ERR mailbox is locked: no" };
	static const enum error_kind kinds[] = { ERR_AUTH, ERR_IN_USE,
		ERR_REFUSED, ERR_IN_USE };

	(void)state;
	for (size_t i = 0; i < sizeof replies / sizeof replies[0]; i++)
		stay_out(STEPS(GREETING, "C: AUTH PLAIN " PLAIN, IN_VAIN,
			     replies[i], ALL_REFUSED),
		    knows, AUTH_AUTO, kinds[i], "no");
}

static void
known_or_not_nothing_goes_out_before_tls(void **state)
{
	struct pop3_capa capa = recalled(knows);
	struct peer peer;
	struct pop3 *pop3;
	struct error e = { 0 };

	(void)state;
	open_knowing(&peer,
	    STEPS(GREETING, "C: STLS", "S: +OK", "TLS", "C: AUTH PLAIN " PLAIN,
		"C: STAT", "C: UIDL", "S: +OK", ANSWERS),
	    TLS_STARTTLS, knows, &pop3);
	assert_int_equal(log_in_ahead(pop3, AUTH_AUTO, false, &e), 0);
	expect_names(pop3, 1, "1=a;");
	pop3_free(&pop3);
	peer_finish(&peer);
	peer_start(
	    &peer, STEPS(GREETING, "C: STLS", "S: -ERR what?"), TLS_STARTTLS);
	assert_int_equal(pop3_open_known(&pop3, &peer.at, &capa, NULL, &e), -1);
	assert_error(&e, ERR_TLS, "nothing was sent in clear");
	assert_null(pop3);
	peer_finish(&peer);
}

/* SASL in CAPA before login, these lines after it. */
static void
expect_mechanisms(
    const char *const *steps, const char *sasl, bool initial, bool ahead)
{
	struct peer peer;
	struct pop3 *pop3;
	struct error e;

	open_knowing(&peer, steps, TLS_NONE, NULL, &pop3);
	if (ahead)
		assert_int_equal(log_in_ahead(pop3, AUTH_AUTO, false, &e), 0);
	else
		assert_int_equal(log_in(pop3, AUTH_AUTO, "s3cret", &e), 0);
	assert_string_equal(pop3_capa(pop3)->sasl, sasl);
	assert_int_equal(pop3_capa(pop3)->sasl_ir, initial);
	assert_true(pop3_capa(pop3)->uidl);
	pop3_free(&pop3);
	peer_finish(&peer);
}

#define IN CAPA_ALL("S: SASL PLAIN LOGIN"), "C: AUTH PLAIN " PLAIN

static void
mechanisms_that_are_not_told_after_login_are_not_forgotten(void **state)
{
	(void)state;
	expect_mechanisms(STEPS(GREETING, IN, "S: +OK", CAPA("S: UIDL")),
	    "PLAIN LOGIN", true, false);
	expect_mechanisms(
	    STEPS(GREETING, IN, "S: +OK", CAPA("S: UIDL", "S: SASL LOGIN")),
	    "LOGIN", true, false);
	expect_mechanisms(
	    STEPS(GREETING, IN, "S: +OK", NO_CAPA), "PLAIN LOGIN", true, false);
	expect_mechanisms(STEPS(GREETING, IN, "C: CAPA", "C: STAT", "C: UIDL",
			      "S: +OK", "S: +OK", "S: UIDL", "S: ."),
	    "PLAIN LOGIN", true, true);
	expect_mechanisms(
	    STEPS(GREETING, CAPA_ALL("S: USER"), USER_PASS, CAPA("S: UIDL")),
	    "", false, false);
}

/* --- secrets --- */

/* Every way in, with a server that repeats what it hears, and late. */
static void
tell_secrets(void)
{
	stay_out(
	    STEPS(GREETING, "C: AUTH PLAIN " PLAIN, IN_VAIN, "S: -ERR " PLAIN,
		"S: -ERR " PLAIN, "S: -ERR s3cret", "S: -ERR " PLAIN, NO_CAPA),
	    knows, AUTH_AUTO, ERR_AUTH, "repeats");
	stay_out(STEPS(GREETING, CAPA_ALL("S: USER"), "C: USER ann", "S: +OK",
		     "C: PASS s3cret", "C: CAPA", IN_VAIN, "S: -ERR no",
		     "S: -ERR s3cret", "S: -ERR PASS s3cret", "S: +OK s3cret"),
	    NULL, AUTH_AUTO, ERR_AUTH, "no");
	stay_out(STEPS(GREETING, CAPA_ALL("S: SASL LOGIN"), "C: AUTH LOGIN",
		     "S: + ", "C: YW5u", "S: + ", "C: czNjcmV0", "C: CAPA",
		     IN_VAIN, "S: -ERR no", "S: what, czNjcmV0?"),
	    NULL, AUTH_AUTO, ERR_AUTH, "no");
	stay_out(STEPS(GREETING, "C: AUTH PLAIN " PLAIN, IN_VAIN, "S: " PLAIN),
	    knows, AUTH_AUTO, ERR_PROTOCOL, "repeats");
}

static void
no_secret_is_shown_that_a_server_repeats_in_a_later_answer(void **state)
{
	const char *text = capture(tell_secrets);

	(void)state;
	assert_non_null(strstr(text, "isp > AUTH PLAIN ****\nisp > STAT\n"));
	assert_non_null(strstr(text, "isp > PASS ****\nisp > CAPA\n"));
	assert_null(strstr(text, "s3cret"));
	assert_null(strstr(text, PLAIN));
	assert_null(strstr(text, "czNjcmV0"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_are_for_the_commands_in_their_order),
		cmocka_unit_test(
		    each_command_is_sent_as_its_function_would_send_it),
		cmocka_unit_test(
		    an_answer_that_is_asked_for_out_of_turn_is_refused_and_no_harm_done),
		cmocka_unit_test(
		    a_quit_out_of_turn_ends_the_session_with_nothing_sent),
		cmocka_unit_test(
		    in_the_middle_of_a_message_nothing_is_sent_ahead),
		cmocka_unit_test(no_more_may_be_outstanding_than_is_promised),
		cmocka_unit_test(
		    a_refusal_among_the_answers_is_that_commands_alone),
		cmocka_unit_test(
		    a_server_that_wants_more_words_after_what_was_sent_ahead_is_left),
		cmocka_unit_test(
		    before_the_first_of_them_nothing_may_have_been_said),
		cmocka_unit_test(
		    a_server_that_closes_leaves_the_rest_unanswered),
		cmocka_unit_test(
		    only_an_answered_message_behind_another_proves_anything),
		cmocka_unit_test(what_is_queued_is_sent_by_a_flush),
		cmocka_unit_test(
		    whether_others_are_to_send_ahead_is_told_to_the_session),
		cmocka_unit_test(who_leaves_says_so_and_waits_for_nothing),
		cmocka_unit_test(
		    in_the_middle_of_an_answer_one_leaves_without_a_word),
		cmocka_unit_test(with_plain_all_leaves_in_one_flight),
		cmocka_unit_test(with_login_it_waits_for_both_challenges),
		cmocka_unit_test(
		    with_user_and_pass_it_waits_for_the_answer_to_user),
		cmocka_unit_test(
		    where_uidl_is_not_offered_nothing_goes_with_the_login),
		cmocka_unit_test(a_refused_login_is_told_in_its_own_words),
		cmocka_unit_test(so_it_is_if_the_server_hangs_up_after_it),
		cmocka_unit_test(
		    a_server_that_lets_nobody_in_and_lists_all_the_same_is_left),
		cmocka_unit_test(
		    an_initial_response_that_is_asked_for_again_ends_the_session),
		cmocka_unit_test(
		    a_listing_that_wants_more_words_ends_the_session),
		cmocka_unit_test(a_session_that_knows_all_asks_nothing),
		cmocka_unit_test(a_mechanism_that_is_gone_is_asked_about_once),
		cmocka_unit_test(
		    a_mechanism_that_is_offered_still_was_refused_for_the_password),
		cmocka_unit_test(
		    a_refusal_with_a_reason_is_no_doubt_of_what_is_known),
		cmocka_unit_test(known_or_not_nothing_goes_out_before_tls),
		cmocka_unit_test(
		    mechanisms_that_are_not_told_after_login_are_not_forgotten),
		cmocka_unit_test(
		    no_secret_is_shown_that_a_server_repeats_in_a_later_answer),
	};

	return cmocka_run_group_tests(tests, peers_begin, peers_end);
}
