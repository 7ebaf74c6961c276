/* test-pop3.c - sessions, and the commands of a maildrop. */
#include "../kit/peer.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* The session cannot even be opened. */
static void
refuse_to_open(const char *const *steps, enum tls_mode tls,
    enum error_kind kind, const char *words)
{
	struct peer peer;
	struct pop3 *pop3;
	struct error e;

	peer_start(&peer, steps, tls);
	assert_int_equal(open_at(&peer, &pop3, &e), -1);
	assert_null(pop3);
	assert_error(&e, kind, words);
	peer_finish(&peer);
}

static void
a_greeting_that_refuses_ends_the_session(void **state)
{
	(void)state;
	refuse_to_open(
	    STEPS("S: -ERR go away"), TLS_NONE, ERR_REFUSED, "go away");
	refuse_to_open(STEPS("S: -ERR [SYS/PERM] closed"), TLS_NONE,
	    ERR_REFUSED, "closed");
	refuse_to_open(
	    STEPS("S: -ERR [SYS/TEMP] later"), TLS_NONE, ERR_BUSY, "later");
	refuse_to_open(STEPS("S: -ERR [IN-USE] two of you"), TLS_NONE,
	    ERR_IN_USE, "two of you");
	refuse_to_open(STEPS("S: -ERR [LOGIN-DELAY] too soon"), TLS_NONE,
	    ERR_LOGIN_DELAY, "too soon");
}

static void
what_is_no_pop3_server_is_told_so(void **state)
{
	(void)state;
	refuse_to_open(STEPS("S: 220 mail ESMTP"), TLS_NONE, ERR_PROTOCOL,
	    "does not greet like a POP3 server: \"220 mail ESMTP\"");
	refuse_to_open(STEPS("S: + go on"), TLS_NONE, ERR_PROTOCOL,
	    "does not greet like a POP3 server");
	refuse_to_open(
	    STEPS("RAW:+OK no line end"), TLS_NONE, ERR_IO, "greeting");
}

static void
a_greeting_followed_by_more_is_a_desync(void **state)
{
	(void)state;
	refuse_to_open(STEPS("RAW:+OK hi\r\n+OK hi again\r\n"), TLS_NONE,
	    ERR_PROTOCOL, "nobody asked for");
}

static void
capabilities_are_read_and_asked_again_after_login(void **state)
{
	const char *const *steps =
	    STEPS(GREETING, CAPA("S: TOP", "S: USER"), USER_PASS,
		CAPA("S: TOP", "S: EXPIRE 60", "S: UIDL"), "C: QUIT", "S: +OK");
	struct peer peer;
	struct pop3 *pop3;
	struct error e;

	(void)state;
	peer_start(&peer, steps, TLS_NONE);
	open_well(&peer, &pop3);
	assert_true(pop3_capa(pop3)->known);
	assert_true(pop3_capa(pop3)->top);
	assert_false(pop3_capa(pop3)->uidl);
	assert_string_equal(pop3_tls_text(pop3), "");
	assert_int_equal(log_in(pop3, AUTH_AUTO, "s3cret", &e), 0);
	assert_true(pop3_capa(pop3)->uidl);
	assert_int_equal(pop3_capa(pop3)->expire_days, 60);
	assert_int_equal(pop3_quit(pop3, &e), 0);
	pop3_free(&pop3);
	peer_finish(&peer);
}

static void
an_endless_capability_list_is_refused(void **state)
{
	static const char *steps[210] = { GREETING, "C: CAPA", "S: +OK" };
	size_t i;

	(void)state;
	for (i = 3; i < 3 + 201; i++)
		steps[i] = "S: X";
	refuse_to_open(steps, TLS_NONE, ERR_PROTOCOL, "more than 200 lines");
}

static void
stls_protects_all_that_follows(void **state)
{
	const char *const *steps = STEPS(GREETING, CAPA("S: STLS", "S: TOP"),
	    "C: STLS", "S: +OK begin", "TLS", CAPA("S: SASL PLAIN"),
	    "C: AUTH PLAIN " PLAIN, "S: +OK in", NO_CAPA, "C: NOOP", "S: +OK",
	    "C: QUIT", "S: +OK bye");
	struct peer peer;
	struct pop3 *pop3;
	struct error e;

	(void)state;
	peer_start(&peer, steps, TLS_STARTTLS);
	open_well(&peer, &pop3);
	assert_memory_equal(pop3_tls_text(pop3), "TLSv1.", 6);
	assert_false(pop3_capa(pop3)->top);
	assert_false(pop3_capa(pop3)->stls);
	assert_int_equal(log_in(pop3, AUTH_AUTO, "s3cret", &e), 0);
	assert_int_equal(pop3_noop(pop3, &e), 0);
	assert_int_equal(pop3_quit(pop3, &e), 0);
	pop3_free(&pop3);
	peer_finish(&peer);
}

static void
facts_from_before_tls_are_forgotten(void **state)
{
	const char *const *steps =
	    STEPS(GREETING, CAPA("S: STLS", "S: SASL PLAIN", "S: UIDL"),
		"C: STLS", "S: +OK begin", "TLS", NO_CAPA, USER_PASS, NO_CAPA);
	struct peer peer;
	struct pop3 *pop3;
	struct error e;

	(void)state;
	peer_start(&peer, steps, TLS_STARTTLS);
	open_well(&peer, &pop3);
	assert_false(pop3_capa(pop3)->known);
	assert_false(pop3_capa(pop3)->uidl);
	assert_int_equal(log_in(pop3, AUTH_AUTO, "s3cret", &e), 0);
	pop3_free(&pop3);
	peer_finish(&peer);
}

static void
lines_of_a_listing_are_unstuffed(void **state)
{
	struct peer peer;
	struct pop3 *pop3;

	(void)state;
	peer_start(
	    &peer, STEPS(GREETING, CAPA("S: .TOP", "S: ..UIDL")), TLS_NONE);
	open_well(&peer, &pop3);
	assert_true(pop3_capa(pop3)->top);
	assert_false(pop3_capa(pop3)->uidl);
	pop3_free(&pop3);
	peer_finish(&peer);
}

static void
implicit_tls_begins_before_the_greeting(void **state)
{
	struct peer peer;
	struct pop3 *pop3;
	struct error e;

	(void)state;
	peer_start(&peer, STEPS("TLS", MAILDROP), TLS_IMPLICIT);
	open_well(&peer, &pop3);
	assert_int_equal(log_in(pop3, AUTH_AUTO, "s3cret", &e), 0);
	pop3_free(&pop3);
	peer_finish(&peer);
}

static void
stls_missing_from_capa_ends_it_in_clear(void **state)
{
	(void)state;
	refuse_to_open(STEPS(GREETING, CAPA("S: USER")), TLS_STARTTLS, ERR_TLS,
	    "nothing was sent in clear");
}

static void
stls_is_tried_without_capa_and_its_refusal_ends_it(void **state)
{
	(void)state;
	refuse_to_open(STEPS(GREETING, NO_CAPA, "C: STLS", "S: -ERR unknown"),
	    TLS_STARTTLS, ERR_TLS, "nothing was sent in clear");
	refuse_to_open(
	    STEPS(GREETING, CAPA("S: STLS"), "C: STLS", "S: -ERR not now"),
	    TLS_STARTTLS, ERR_TLS, "not now");
}

static void
words_in_clear_before_the_handshake_are_an_attack(void **state)
{
	(void)state;
	refuse_to_open(STEPS(GREETING, CAPA("S: STLS"), "C: STLS",
			   "RAW:+OK begin\r\n+OK injected\r\n"),
	    TLS_STARTTLS, ERR_PROTOCOL, "STLS");
}

static void
stat_tells_count_and_octets(void **state)
{
	struct peer peer;
	struct pop3 *pop3;
	struct error e = { 0 };
	uint32_t count;
	uint64_t octets;

	(void)state;
	enter_maildrop(&peer,
	    STEPS(MAILDROP, "C: STAT", "S: +OK 2 320", "C: STAT",
		"S: +OK many messages"),
	    &pop3);
	assert_int_equal(pop3_stat(pop3, &count, &octets, &e), 0);
	assert_int_equal(count, 2);
	assert_int_equal(octets, 320);
	assert_int_equal(pop3_stat(pop3, &count, &octets, &e), -1);
	assert_error(&e, ERR_PROTOCOL, "many messages");
	assert_int_equal(pop3_noop(pop3, &e), -1);
	assert_int_equal(e.kind, ERR_PROTOCOL);
	pop3_free(&pop3);
	peer_finish(&peer);
}

static int
note_octets(void *arg, uint32_t number, uint64_t octets, struct error *e)
{
	if (octets == 13)
		return error_set(e, ERR_QUESTION, "13 octets");
	buffer_addf(
	    arg, "%u=%llu;", (unsigned)number, (unsigned long long)octets);
	return 0;
}

static void
listings_are_handed_out_line_by_line(void **state)
{
	struct buffer noted = { 0 };
	struct peer peer;
	struct pop3 *pop3;
	struct error e = { 0 };

	(void)state;
	enter_maildrop(&peer,
	    STEPS(MAILDROP, "C: UIDL", "S: +OK", "S: 1 Ab", "S: 2 .x", "S: .",
		"C: LIST", "DRIP:+OK\r\n1 120\r\n2 200\r\n.\r\n", "C: UIDL",
		"S: +OK empty", "S: .", "C: LIST", "S: -ERR no"),
	    &pop3);
	assert_int_equal(pop3_uidl(pop3, note_uid, &noted, &e), 0);
	assert_string_equal(noted.data, "1=Ab;2=.x;");
	buffer_clear(&noted);
	assert_int_equal(pop3_list(pop3, note_octets, &noted, &e), 0);
	assert_string_equal(noted.data, "1=120;2=200;");
	buffer_clear(&noted);
	assert_int_equal(pop3_uidl(pop3, note_uid, &noted, &e), 0);
	assert_int_equal(noted.len, 0);
	assert_int_equal(pop3_list(pop3, note_octets, &noted, &e), -1);
	assert_error(&e, ERR_REFUSED, "LIST");
	assert_int_equal(pop3_last(pop3)->status, POP3_ERR);
	assert_string_equal(pop3_last(pop3)->text, "no");
	buffer_free(&noted);
	pop3_free(&pop3);
	peer_finish(&peer);
}

static void
a_bad_line_of_a_listing_is_handed_out_as_number_0(void **state)
{
	static const char *const bad[] = { "S: 1", "S: ", "S: 0 uid",
		"S: -1 uid", "S: 4294967296 uid", "S: +OK", "S: x y" };
	struct buffer noted = { 0 };
	struct peer peer;
	struct pop3 *pop3;
	struct error e = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		enter_maildrop(&peer,
		    STEPS(MAILDROP, "C: UIDL", "S: +OK", "S: 1 a", bad[i],
			"S: 3 c", "S: .", "C: LIST", "S: +OK", bad[i],
			"S: 3 120", "S: ."),
		    &pop3);
		buffer_clear(&noted);
		assert_int_equal(pop3_uidl(pop3, note_uid, &noted, &e), 0);
		assert_string_equal(noted.data, "1=a;0=;3=c;");
		buffer_clear(&noted);
		assert_int_equal(pop3_list(pop3, note_octets, &noted, &e), 0);
		assert_string_equal(noted.data, "0=0;3=120;");
		assert_int_equal(e.kind, ERR_NONE);
		pop3_free(&pop3);
		peer_finish(&peer);
	}
	buffer_free(&noted);
}

static void
nothing_but_bad_lines_is_no_listing(void **state)
{
	struct buffer noted = { 0 };
	struct peer peer;
	struct pop3 *pop3;
	struct error e = { 0 };

	(void)state;
	enter_maildrop(&peer,
	    STEPS(MAILDROP, "C: UIDL", "S: +OK", "S: 1", "S: x y", "S: .",
		"C: LIST", "S: +OK", "S: 1 many", "S: ."),
	    &pop3);
	assert_int_equal(pop3_uidl(pop3, note_uid, &noted, &e), -1);
	assert_error(&e, ERR_PROTOCOL, "UIDL");
	error_clear(&e);
	assert_int_equal(pop3_list(pop3, note_octets, &noted, &e), -1);
	assert_error(&e, ERR_PROTOCOL, "LIST");
	assert_non_null(strstr(e.text, "1 many"));
	buffer_free(&noted);
	pop3_free(&pop3);
	peer_finish(&peer);
}

static void
a_caller_may_break_a_listing_off_with_its_own_error(void **state)
{
	struct buffer noted = { 0 };
	struct peer peer;
	struct pop3 *pop3;
	struct error e = { 0 };

	(void)state;
	enter_maildrop(&peer,
	    STEPS(MAILDROP, "C: LIST", "S: +OK", "S: 1 12", "S: 2 13",
		"S: 3 14", "S: ."),
	    &pop3);
	assert_int_equal(pop3_list(pop3, note_octets, &noted, &e), -1);
	assert_error(&e, ERR_QUESTION, "13 octets");
	assert_string_equal(noted.data, "1=12;");
	assert_int_equal(pop3_noop(pop3, &e), -1);
	buffer_free(&noted);
	pop3_free(&pop3);
	peer_finish(&peer);
}

#define STUFFED     \
	"Subject: " \
	"dots\r\n\r\n..\r\n...two\r\n.x\r\na.\n.\r\nb\r.\r\n\r\n.\r\n"
#define UNSTUFFED \
	"Subject: dots\r\n\r\n.\r\n..two\r\nx\r\na.\n.\r\nb\r.\r\n\r\n"

static void
content_is_unstuffed_whatever_the_split(void **state)
{
	static const char *const ways[] = { "RAW:+OK\r\n" STUFFED,
		"DRIP:+OK\r\n" STUFFED };
	struct buffer all = { 0 };
	struct peer peer;
	struct pop3 *pop3;
	struct error e = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		enter_maildrop(&peer,
		    STEPS(MAILDROP, "C: RETR 7", ways[i], "C: TOP 7 0",
			"RAW:+OK\r\n.\r\n", "C: DELE 7", "S: +OK"),
		    &pop3);
		assert_int_equal(pop3_retr(pop3, 7, &e), 0);
		assert_int_equal(read_content(pop3, &all, &e), 0);
		assert_string_equal(all.data, UNSTUFFED);
		assert_int_equal(pop3_top(pop3, 7, &e), 0);
		assert_int_equal(read_content(pop3, &all, &e), 0);
		assert_int_equal(all.len, 0);
		assert_int_equal(pop3_dele(pop3, 7, &e), 0);
		pop3_free(&pop3);
		peer_finish(&peer);
	}
	buffer_free(&all);
}

static void
the_uid_of_one_message_is_handed_out_as_it_stands(void **state)
{
	static const char *const wrong[] = { "S: +OK 8 abc", "S: +OK",
		"S: +OK 9", "S: +OK 9 abc\r\n.", "S: + 9 abc" };
	struct peer peer;
	struct pop3 *pop3;
	struct error e = { 0 };
	struct slice uid;
	size_t i;

	(void)state;
	enter_maildrop(&peer,
	    STEPS(MAILDROP, "C: UIDL 7", "S: +OK 7 a\xff%s", "C: UIDL 8",
		"S: -ERR no such message", "C: NOOP", "S: -ERR what", "C: NOOP",
		"S: +OK"),
	    &pop3);
	assert_int_equal(pop3_uid(pop3, 7, &uid, &e), 0);
	assert_true(slice_is(uid, "a\xff%s"));
	assert_int_equal(pop3_uid(pop3, 8, &uid, &e), -1);
	assert_error(&e, ERR_REFUSED, "no such message");
	assert_int_equal(pop3_noop(pop3, &e), -1);
	assert_error(&e, ERR_REFUSED, "NOOP");
	assert_int_equal(pop3_noop(pop3, &e), 0);
	pop3_free(&pop3);
	peer_finish(&peer);
	for (i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		enter_maildrop(
		    &peer, STEPS(MAILDROP, "C: UIDL 9", wrong[i]), &pop3);
		if (pop3_uid(pop3, 9, &uid, &e) == 0)
			assert_int_equal(pop3_noop(pop3, &e), -1);
		assert_int_equal(e.kind, ERR_PROTOCOL);
		pop3_free(&pop3);
		peer_finish(&peer);
	}
}

static void
a_message_that_is_refused_does_not_end_the_session(void **state)
{
	struct peer peer;
	struct pop3 *pop3;
	struct error e = { 0 };

	(void)state;
	enter_maildrop(&peer,
	    STEPS(MAILDROP, "C: RETR 1", "S: -ERR [SYS/TEMP] unreadable",
		"C: NOOP", "S: +OK"),
	    &pop3);
	assert_int_equal(pop3_retr(pop3, 1, &e), -1);
	assert_error(&e, ERR_REFUSED, "unreadable");
	assert_int_equal(pop3_last(pop3)->code, POP3_CODE_SYS_TEMP);
	assert_int_equal(pop3_noop(pop3, &e), 0);
	pop3_free(&pop3);
	peer_finish(&peer);
}

static void
content_cut_short_is_never_an_end(void **state)
{
	static const char *const cuts[] = { "RAW:+OK\r\nhalf a message",
		"RAW:+OK\r\nhalf\r\n", "RAW:+OK\r\nhalf\r\n.",
		"RAW:+OK\r\nhalf\r\n.\r", "RAW:+OK\r\n",
		"RAW:+OK\r\nhalf\n.\n" };
	struct buffer all = { 0 };
	struct peer peer;
	struct pop3 *pop3;
	struct error e = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
		enter_maildrop(
		    &peer, STEPS(MAILDROP, "C: RETR 1", cuts[i]), &pop3);
		assert_int_equal(pop3_retr(pop3, 1, &e), 0);
		assert_int_equal(read_content(pop3, &all, &e), -1);
		assert_error(&e, ERR_IO, "RETR 1");
		assert_int_equal(pop3_quit(pop3, &e), -1);
		pop3_free(&pop3);
		peer_finish(&peer);
	}
	buffer_free(&all);
}

static void
unread_content_bars_the_next_command(void **state)
{
	struct peer peer;
	struct pop3 *pop3;
	struct error e = { 0 };

	(void)state;
	enter_maildrop(&peer,
	    STEPS(MAILDROP, "C: RETR 1", "RAW:+OK\r\n.\r\n", "SILENT"), &pop3);
	assert_int_equal(pop3_retr(pop3, 1, &e), 0);
	assert_int_equal(pop3_dele(pop3, 1, &e), -1);
	assert_error(&e, ERR_PROTOCOL, "DELE 1");
	pop3_free(&pop3);
	peer_finish(&peer);
}

static void
a_drain_is_bounded(void **state)
{
	struct peer peer;
	struct pop3 *pop3;
	struct error e = { 0 };

	(void)state;
	enter_maildrop(&peer,
	    STEPS(MAILDROP, "C: RETR 1", "RAW:+OK\r\n12345678\r\n.\r\n",
		"C: RETR 2", "RAW:+OK\r\n123456789\r\n.\r\n"),
	    &pop3);
	assert_int_equal(pop3_retr(pop3, 1, &e), 0);
	assert_int_equal(pop3_drain(pop3, 10, &e), 0);
	assert_int_equal(pop3_retr(pop3, 2, &e), 0);
	assert_int_equal(pop3_drain(pop3, 10, &e), 1);
	assert_int_equal(pop3_noop(pop3, &e), -1);
	pop3_free(&pop3);
	peer_finish(&peer);
}

static void
a_silent_server_is_left_in_time(void **state)
{
	int64_t begun = clock_monotonic_ms();
	struct buffer all = { 0 };
	struct peer peer;
	struct pop3 *pop3;
	struct error e = { 0 };

	(void)state;
	enter_maildrop(&peer, STEPS(MAILDROP, "C: NOOP", "SILENT"), &pop3);
	peer.at.timeout_ms = 200;
	assert_int_equal(pop3_noop(pop3, &e), -1);
	assert_error(&e, ERR_TIMEOUT, "NOOP");
	pop3_free(&pop3);
	peer_finish(&peer);
	enter_maildrop(&peer,
	    STEPS(MAILDROP, "C: RETR 1", "RAW:+OK\r\nhalf", "SILENT"), &pop3);
	peer.at.timeout_ms = 200;
	assert_int_equal(pop3_retr(pop3, 1, &e), 0);
	assert_int_equal(read_content(pop3, &all, &e), -1);
	assert_error(&e, ERR_TIMEOUT, "RETR 1");
	pop3_free(&pop3);
	peer_finish(&peer);
	assert_true(clock_monotonic_ms() - begun < 15000);
	buffer_free(&all);
}

static void
a_quit_that_is_refused_leaves_deletions_in_doubt(void **state)
{
	struct peer peer;
	struct pop3 *pop3;
	struct error e = { 0 };

	(void)state;
	enter_maildrop(&peer,
	    STEPS(MAILDROP, "C: QUIT",
		"S: -ERR some deleted messages not "
		"removed"),
	    &pop3);
	assert_int_equal(pop3_quit(pop3, &e), -1);
	assert_error(&e, ERR_REFUSED, "some deletions may not have taken");
	pop3_free(&pop3);
	peer_finish(&peer);
	enter_maildrop(&peer, STEPS(MAILDROP, "C: QUIT"), &pop3);
	assert_int_equal(pop3_quit(pop3, &e), -1);
	assert_error(&e, ERR_IO, "QUIT");
	pop3_free(&pop3);
	peer_finish(&peer);
}

static void
words_that_nobody_asked_for_end_the_session(void **state)
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
	assert_int_equal(pop3_dele(pop3, 1, &e), -1);
	assert_error(&e, ERR_PROTOCOL, "nobody asked for before DELE 1");
	assert_int_equal(pop3_dele(pop3, 2, &e), -1);
	pop3_free(&pop3);
	peer_finish(&peer);
}

static void
a_reply_that_is_none_ends_the_session(void **state)
{
	struct peer peer;
	struct pop3 *pop3;
	struct error e = { 0 };

	(void)state;
	enter_maildrop(
	    &peer, STEPS(MAILDROP, "C: NOOP", "S: 250 ok", "SILENT"), &pop3);
	assert_int_equal(pop3_noop(pop3, &e), -1);
	assert_error(&e, ERR_PROTOCOL, "250 ok");
	assert_int_equal(pop3_noop(pop3, &e), -1);
	pop3_free(&pop3);
	peer_finish(&peer);
}

static void
talk_for_the_trace(void)
{
	static const char *const steps[] = { GREETING, NO_CAPA, USER_PASS,
		NO_CAPA, "C: UIDL", "S: +OK", "S: 1 a", "S: 2 b", "S: 3 c",
		"S: 4 d", "S: 5 e", "S: 6 f", "S: 7 g", "S: 8 h", "S: 9 i",
		"S: 10 j", "S: 11 k", "S: 12 l", "S: .", "C: RETR 1",
		"S: +OK 17 octets", "S: private words", "S: .", NULL };
	struct buffer noted = { 0 };
	struct peer peer;
	struct pop3 *pop3;
	struct error e = { 0 };

	enter_maildrop(&peer, steps, &pop3);
	assert_int_equal(pop3_uidl(pop3, note_uid, &noted, &e), 0);
	assert_int_equal(pop3_retr(pop3, 1, &e), 0);
	assert_int_equal(read_content(pop3, &noted, &e), 0);
	buffer_free(&noted);
	pop3_free(&pop3);
	peer_finish(&peer);
}

static void
the_trace_shows_the_conversation_without_content(void **state)
{
	const char *text = capture(talk_for_the_trace);

	(void)state;
	assert_string_equal(text,
	    "isp < +OK POP3 ready\nisp > CAPA\nisp < -ERR what?\n"
	    "isp > USER ann\nisp < +OK\nisp > PASS ****\nisp < +OK in\n"
	    "isp > CAPA\nisp < -ERR what?\nisp > UIDL\nisp < +OK\n"
	    "isp < 1 a\nisp < 2 b\nisp < 3 c\nisp < 4 d\nisp < 5 e\n"
	    "isp < 6 f\nisp < 7 g\nisp < 8 h\nisp < 9 i\nisp < 10 j\n"
	    "isp < (2 more lines)\nisp < .\nisp > RETR 1\n"
	    "isp < +OK 17 octets\nisp < (15 octets of content)\n");
}

static void
tls_is_shown(void)
{
	struct peer peer;
	struct pop3 *pop3;

	peer_start(&peer,
	    STEPS(GREETING, NO_CAPA, "C: STLS", "S: +OK", "TLS", NO_CAPA),
	    TLS_STARTTLS);
	open_well(&peer, &pop3);
	pop3_free(&pop3);
	peer_finish(&peer);
}

static void
the_trace_names_protocol_and_cipher(void **state)
{
	(void)state;
	assert_non_null(strstr(capture(tls_is_shown), "isp < (TLSv1."));
}

static void
stop_ends_a_wait_but_not_what_ends_a_session(void **state)
{
	struct peer peer;
	struct pop3 *pop3;
	struct stop *stop;
	struct slice content;
	uint64_t octets;
	uint32_t count;
	struct error e = { 0 };
	struct login l = login_of_ann(AUTH_AUTO);

	(void)state;
	assert_int_equal(stop_new(&stop, &e), 0);
	peer_start(&peer,
	    STEPS(MAILDROP, "C: RETR 1", "S: +OK", "PAUSE", "S: late", "S: .",
		"C: UIDL 3", "PAUSE", "S: +OK 3 c", "C: DELE 2", "S: +OK",
		"C: NOOP", "S: +OK", "C: QUIT", "S: +OK"),
	    TLS_NONE);
	assert_int_equal(pop3_open(&pop3, &peer.at, stop, &e), 0);
	assert_int_equal(pop3_login(pop3, &l, "s3cret", &e), 0);
	stop_request(stop, STOP_SOON);
	assert_int_equal(pop3_retr(pop3, 1, &e), 0);
	assert_int_equal(pop3_content(pop3, &content, &e), -1);
	assert_error(&e, ERR_STOPPED, "RETR");
	error_clear(&e);
	assert_int_equal(pop3_drain(pop3, 1000, &e), 0);
	assert_int_equal(pop3_uid(pop3, 3, &content, &e), 0);
	assert_int_equal(pop3_dele(pop3, 2, &e), 0);
	assert_int_equal(pop3_noop(pop3, &e), 0);
	assert_int_equal(pop3_quit(pop3, &e), 0);
	pop3_free(&pop3);
	peer_finish(&peer);
	stop_free(&stop);
	assert_int_equal(stop_new(&stop, &e), 0);
	peer_start(&peer, STEPS(MAILDROP, "C: STAT", "SILENT"), TLS_NONE);
	assert_int_equal(pop3_open(&pop3, &peer.at, stop, &e), 0);
	assert_int_equal(pop3_login(pop3, &l, "s3cret", &e), 0);
	stop_request(stop, STOP_SOON);
	assert_int_equal(pop3_stat(pop3, &count, &octets, &e), -1);
	assert_error(&e, ERR_STOPPED, "STAT");
	pop3_free(&pop3);
	peer_finish(&peer);
	stop_free(&stop);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_greeting_that_refuses_ends_the_session),
		cmocka_unit_test(what_is_no_pop3_server_is_told_so),
		cmocka_unit_test(a_greeting_followed_by_more_is_a_desync),
		cmocka_unit_test(
		    capabilities_are_read_and_asked_again_after_login),
		cmocka_unit_test(an_endless_capability_list_is_refused),
		cmocka_unit_test(stls_protects_all_that_follows),
		cmocka_unit_test(facts_from_before_tls_are_forgotten),
		cmocka_unit_test(lines_of_a_listing_are_unstuffed),
		cmocka_unit_test(implicit_tls_begins_before_the_greeting),
		cmocka_unit_test(stls_missing_from_capa_ends_it_in_clear),
		cmocka_unit_test(
		    stls_is_tried_without_capa_and_its_refusal_ends_it),
		cmocka_unit_test(
		    words_in_clear_before_the_handshake_are_an_attack),
		cmocka_unit_test(stat_tells_count_and_octets),
		cmocka_unit_test(listings_are_handed_out_line_by_line),
		cmocka_unit_test(
		    a_bad_line_of_a_listing_is_handed_out_as_number_0),
		cmocka_unit_test(nothing_but_bad_lines_is_no_listing),
		cmocka_unit_test(
		    a_caller_may_break_a_listing_off_with_its_own_error),
		cmocka_unit_test(content_is_unstuffed_whatever_the_split),
		cmocka_unit_test(
		    the_uid_of_one_message_is_handed_out_as_it_stands),
		cmocka_unit_test(
		    a_message_that_is_refused_does_not_end_the_session),
		cmocka_unit_test(content_cut_short_is_never_an_end),
		cmocka_unit_test(unread_content_bars_the_next_command),
		cmocka_unit_test(a_drain_is_bounded),
		cmocka_unit_test(a_silent_server_is_left_in_time),
		cmocka_unit_test(
		    a_quit_that_is_refused_leaves_deletions_in_doubt),
		cmocka_unit_test(words_that_nobody_asked_for_end_the_session),
		cmocka_unit_test(a_reply_that_is_none_ends_the_session),
		cmocka_unit_test(
		    the_trace_shows_the_conversation_without_content),
		cmocka_unit_test(the_trace_names_protocol_and_cipher),
		cmocka_unit_test(stop_ends_a_wait_but_not_what_ends_a_session),
	};

	return cmocka_run_group_tests(tests, peers_begin, peers_end);
}
