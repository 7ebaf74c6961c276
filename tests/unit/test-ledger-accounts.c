/* test-ledger-accounts.c - accounts, and what their polls leave. */
#include "../kit/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* A poll that has listed, or not, at a time. */
static void
poll_at(struct world *w, int64_t time, bool listed)
{
	const struct ledger_poll poll = { .account = w->account,
		.started = time,
		.ended = time + 1,
		.listed = listed };
	struct error e = { 0 };

	assert_int_equal(ledger_poll(w->l, &poll, &e), 0);
}

static void
an_account_is_known_by_its_name(void **state)
{
	struct world w;
	struct error e = { 0 };
	int64_t again, other;

	(void)state;
	world_begin(&w);
	assert_true(w.account > 0);
	assert_int_equal(ledger_account(w.l, "isp", "POP.ISP.example", "ann",
			     NULL, false, &again, &e),
	    0);
	assert_int_equal(again, w.account);
	assert_int_equal(ledger_account(w.l, "club", "pop.isp.example", "ann",
			     NULL, false, &other, &e),
	    0);
	assert_int_not_equal(other, w.account);
	/* The same UID in another account is another message. */
	intent(&w, 0, "u");
	w.account = other;
	assert_int_equal(state_of(&w, row_in(&w, "u", STATE_HELD)), STATE_HELD);
	w.account = again;
	assert_int_equal(state_of(&w, intent(&w, 0, "u")), STATE_IN_DOUBT);
	world_end(&w);
}

static void
another_server_or_user_is_a_question(void **state)
{
	static const struct {
		const char *server, *user;
	} table[] = { { "pop.new.example", "ann" },
		{ "pop.isp.example", "bob" }, { "pop.isp.example", "Ann" } };
	struct world w;
	struct error e;
	int64_t id;

	(void)state;
	world_begin(&w);
	poll_at(&w, START, true);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		error_clear(&e);
		assert_int_equal(ledger_account(w.l, "isp", table[i].server,
				     table[i].user, NULL, false, &id, &e),
		    -1);
		assert_int_equal(e.kind, ERR_QUESTION);
		assert_non_null(strstr(e.text, "--same-mailbox"));
		assert_non_null(strstr(e.text, table[i].server));
		assert_non_null(strstr(e.text, table[i].user));
	}
	/* A question is no failure: the ledger goes on. */
	error_clear(&e);
	intent(&w, 0, "u");
	assert_int_equal(ledger_account(w.l, "isp", "pop.new.example", "bob",
			     NULL, true, &id, &e),
	    0);
	assert_int_equal(id, w.account);
	/* And the answer holds. */
	assert_int_equal(ledger_account(w.l, "isp", "pop.new.example", "bob",
			     NULL, false, &id, &e),
	    0);
	assert_int_equal(id, w.account);
	assert_int_equal(ledger_account(w.l, "isp", "pop.isp.example", "ann",
			     NULL, false, &id, &e),
	    -1);
	assert_int_equal(ledger_account(w.l, "isp", "pop.isp.example", "ann",
			     NULL, true, &id, &e),
	    0);
	/* A new account has not moved, whatever is said. */
	assert_int_equal(
	    ledger_account(w.l, "new", "h", "u", NULL, true, &id, &e), 0);
	assert_int_not_equal(id, w.account);
	world_end(&w);
}

static void
a_maildrop_under_a_new_name_is_a_question(void **state)
{
	static const char *const both[] = { "isp", "club", NULL };
	static const char *const new[] = { "provider", "club", NULL };
	struct world w;
	struct error e = { 0 };
	int64_t id, other;

	(void)state;
	world_begin(&w);
	poll_at(&w, START, true);
	/* Two accounts of one maildrop, both in the settings: none asks. */
	assert_int_equal(ledger_account(w.l, "club", "pop.isp.example", "ann",
			     both, false, &other, &e),
	    0);
	assert_int_not_equal(other, w.account);
	/*
	 * "isp" is no longer in the settings, and "provider" is its maildrop.
	 */
	assert_int_equal(ledger_account(w.l, "provider", "POP.isp.example",
			     "ann", new, false, &id, &e),
	    -1);
	assert_int_equal(e.kind, ERR_QUESTION);
	assert_non_null(strstr(e.text, "--same-mailbox"));
	assert_non_null(strstr(e.text, "isp"));
	assert_non_null(strstr(e.text, "provider"));
	error_clear(&e);
	assert_int_equal(ledger_account(w.l, "provider", "POP.isp.example",
			     "ann", new, true, &id, &e),
	    0);
	assert_int_equal(id, w.account);
	/* The answer holds. */
	assert_int_equal(ledger_account(w.l, "provider", "pop.isp.example",
			     "ann", new, false, &id, &e),
	    0);
	assert_int_equal(id, w.account);
	/* Another user, or another server, is another maildrop. */
	assert_int_equal(ledger_account(w.l, "fourth", "pop.isp.example", "Ann",
			     both, false, &id, &e),
	    0);
	assert_int_equal(ledger_account(w.l, "fifth", "pop.old.example", "ann",
			     both, false, &id, &e),
	    0);
	assert_int_not_equal(id, w.account);
	world_end(&w);
}

static void
of_a_mailbox_that_was_never_seen_nothing_is_asked(void **state)
{
	static const char *const new[] = { "provider", NULL };
	struct world w;
	struct error e = { 0 };
	int64_t id;

	(void)state;
	world_begin(&w);
	poll_at(&w, START, false);
	/* A slip of the pen, and its correction. */
	assert_int_equal(ledger_account(w.l, "isp", "pop.isp.example", "anm",
			     NULL, false, &id, &e),
	    0);
	assert_int_equal(id, w.account);
	assert_int_equal(ledger_account(w.l, "isp", "pop.isp.example", "ann",
			     NULL, false, &id, &e),
	    0);
	assert_int_equal(ledger_account(w.l, "provider", "pop.isp.example",
			     "ann", new, false, &id, &e),
	    0);
	assert_int_not_equal(id, w.account);
	/* With a message there is something to confuse. */
	row_in(&w, "u", STATE_SEEN);
	assert_int_equal(ledger_account(w.l, "isp", "pop.isp.example", "anm",
			     NULL, false, &id, &e),
	    -1);
	assert_int_equal(e.kind, ERR_QUESTION);
	world_end(&w);
}

static void
a_first_poll_that_was_cut_off_is_asked_about(void **state)
{
	struct world w;
	struct error e = { 0 };
	int64_t id;

	(void)state;
	world_begin(&w);
	apply(&w, (struct ledger_change){ .kind = CHANGE_FIRST });
	assert_int_equal(ledger_account(w.l, "isp", "pop.isp.example", "bob",
			     NULL, false, &id, &e),
	    -1);
	assert_int_equal(e.kind, ERR_QUESTION);
	world_end(&w);
}

static void
a_poll_is_known_from_its_beginning(void **state)
{
	struct ledger_poll p = { .started = START + 9, .ended = START + 10 };
	struct world w;
	struct error e = { 0 };

	(void)state;
	world_begin(&w);
	/* The account's row was made for a first poll. */
	assert_int_equal(standing_of(&w).last_started, START);
	assert_false(standing_of(&w).polled);
	p.account = w.account;
	assert_int_equal(ledger_poll(w.l, &p, &e), 0);
	assert_true(standing_of(&w).polled);
	atomic_store(&wall, START + 20);
	apply(&w, (struct ledger_change){ .kind = CHANGE_BEGUN });
	assert_int_equal(standing_of(&w).last_started, START + 20);
	assert_int_equal(standing_of(&w).last_ended, START + 10);
	/* It is none of a message. */
	assert_int_equal(standing_of(&w).counts[STATE_NEW], 0);
	world_end(&w);
}

static void
polls_leave_their_figures(void **state)
{
	struct ledger_poll poll = { .started = START + 1,
		.ended = START + 5,
		.listed = true,
		.in_mailbox = 12,
		.delivered = 3,
		.octets = 4096,
		.deleted = 2 };
	struct world w;
	struct standing s;
	struct error e = { 0 };

	(void)state;
	world_begin(&w);
	s = standing_of(&w);
	assert_true(s.known);
	assert_false(s.polled);
	assert_int_equal(s.last_success, 0);
	poll.account = w.account;
	assert_int_equal(ledger_poll(w.l, &poll, &e), 0);
	s = standing_of(&w);
	assert_true(s.polled);
	assert_int_equal(s.last_started, START + 1);
	assert_int_equal(s.last_ended, START + 5);
	assert_int_equal(s.last_success, START + 5);
	assert_string_equal(s.error_kind, "");
	assert_string_equal(s.error_text, "");
	assert_int_equal(s.failures, 0);
	assert_int_equal(s.in_mailbox, 12);
	assert_int_equal(s.delivered, 3);
	assert_int_equal(s.octets, 4096);
	assert_int_equal(s.deleted, 2);
	assert_int_equal(s.total_delivered, 3);

	poll = (struct ledger_poll){ .account = w.account,
		.started = START + 100,
		.ended = START + 160 };
	error_set(&poll.error, ERR_CONNECT, "nobody answers");
	assert_int_equal(ledger_poll(w.l, &poll, &e), 0);
	assert_int_equal(ledger_poll(w.l, &poll, &e), 0);
	s = standing_of(&w);
	assert_int_equal(s.last_ended, START + 160);
	assert_int_equal(s.last_success, START + 5);
	assert_string_equal(s.error_kind, error_name(ERR_CONNECT));
	assert_string_equal(s.error_text, "nobody answers");
	assert_int_equal(s.failures, 2);
	/* It has listed nothing, so what was listed last still holds. */
	assert_int_equal(s.in_mailbox, 12);
	assert_int_equal(s.delivered, 0);
	assert_int_equal(s.total_delivered, 3);

	poll = (struct ledger_poll){ .account = w.account,
		.started = START + 200,
		.ended = START + 201,
		.listed = true,
		.delivered = 4 };
	assert_int_equal(ledger_poll(w.l, &poll, &e), 0);
	s = standing_of(&w);
	assert_int_equal(s.failures, 0);
	assert_string_equal(s.error_kind, "");
	assert_string_equal(s.error_text, "");
	assert_int_equal(s.in_mailbox, 0);
	assert_int_equal(s.total_delivered, 7);
	world_end(&w);
}

/* Polls from day to day, the first and the last one included. */
static void
poll_daily(struct world *w, int64_t first, int64_t last)
{
	for (int64_t day = first; day <= last; day++)
		poll_at(w, START + day * DAY, true);
}

static void
what_has_been_gone_for_more_than_90_days_is_forgotten(void **state)
{
	struct world w;
	struct error e = { 0 };
	char text[256];
	int64_t gone, kept, other, isp;

	(void)state;
	world_begin(&w);
	isp = w.account;
	gone = intent(&w, 0, "gone");
	verdict_of_two(
	    &w, gone, STATE_DEFERRED, STATE_DELIVERED, STATE_DEFERRED);
	apply_to(&w, CHANGE_GONE, gone);
	kept = row_in(&w, "kept", STATE_DELIVERED);
	atomic_fetch_add(&wall, 1);
	other = row_in(&w, "gone later", STATE_GONE);

	/* Another account's poll forgets nothing of this one. */
	assert_int_equal(
	    ledger_account(w.l, "club", "h", "u", NULL, false, &w.account, &e),
	    0);
	poll_at(&w, START + 900 * DAY, true);
	w.account = isp;
	assert_int_equal(state_of(&w, gone), STATE_GONE);

	poll_daily(&w, 0, 90);
	assert_int_equal(state_of(&w, gone), STATE_GONE);
	/* One that has listed nothing does not know what is gone. */
	poll_at(&w, START + 90 * DAY + 1, false);
	assert_int_equal(state_of(&w, gone), STATE_GONE);
	poll_at(&w, START + 90 * DAY + 1, true);
	assert_int_equal(row_of(&w, gone).message, 0);
	assert_int_equal(state_of(&w, other), STATE_GONE);
	assert_int_equal(state_of(&w, kept), STATE_DELIVERED);
	assert_string_equal(ask(&w, "SELECT count(*) FROM outcome", text), "0");
	world_end(&w);
}

static void
a_clock_that_goes_forward_by_a_year_makes_nothing_forgotten(void **state)
{
	struct world w;
	int64_t m;

	(void)state;
	world_begin(&w);
	m = row_in(&w, "u", STATE_GONE);
	poll_daily(&w, 0, 10);
	poll_daily(&w, 375, 375 + 72);
	/* 10 days before it and 72 after it, and for the year a week. */
	assert_int_equal(state_of(&w, m), STATE_GONE);
	assert_int_equal(row_of(&w, m).since, START + 358 * DAY);
	poll_daily(&w, 448, 449);
	assert_int_equal(row_of(&w, m).message, 0);
	world_end(&w);
}

static void
a_clock_that_goes_back_by_a_year_makes_nothing_kept_for_a_year(void **state)
{
	struct world w;
	int64_t m;

	(void)state;
	world_begin(&w);
	m = row_in(&w, "u", STATE_GONE);
	poll_daily(&w, 0, 10);
	/* The hour it went back in does not count, that is all. */
	poll_daily(&w, -355, -355 + 80);
	assert_int_equal(row_of(&w, m).since, START - 365 * DAY);
	assert_int_equal(state_of(&w, m), STATE_GONE);
	poll_at(&w, START - 275 * DAY + 1, true);
	assert_int_equal(row_of(&w, m).message, 0);
	world_end(&w);
}

static void
a_clock_that_jumps_during_a_poll_is_noticed_by_the_next(void **state)
{
	struct world w;
	struct ledger_poll poll = {
		.started = START, .ended = START + 365 * DAY, .listed = true
	};
	struct error e = { 0 };
	int64_t m, listed;

	(void)state;
	world_begin(&w);
	assert_true(never_planned(&w, &listed));
	assert_int_equal(listed, 0);
	poll.account = w.account;
	atomic_fetch_add(&wall, 365 * DAY);
	m = row_in(&w, "u", STATE_GONE);
	assert_int_equal(ledger_poll(w.l, &poll, &e), 0);
	assert_int_equal(state_of(&w, m), STATE_GONE);
	never_planned(&w, &listed);
	assert_int_equal(listed, START);
	/* It is not gone since a time that is yet to come. */
	poll_at(&w, START + 365 * DAY + 60, true);
	assert_int_equal(row_of(&w, m).since, START + 365 * DAY + 60);
	world_end(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_account_is_known_by_its_name),
		cmocka_unit_test(another_server_or_user_is_a_question),
		cmocka_unit_test(a_maildrop_under_a_new_name_is_a_question),
		cmocka_unit_test(
		    of_a_mailbox_that_was_never_seen_nothing_is_asked),
		cmocka_unit_test(a_first_poll_that_was_cut_off_is_asked_about),
		cmocka_unit_test(a_poll_is_known_from_its_beginning),
		cmocka_unit_test(polls_leave_their_figures),
		cmocka_unit_test(
		    what_has_been_gone_for_more_than_90_days_is_forgotten),
		cmocka_unit_test(
		    a_clock_that_goes_forward_by_a_year_makes_nothing_forgotten),
		cmocka_unit_test(
		    a_clock_that_goes_back_by_a_year_makes_nothing_kept_for_a_year),
		cmocka_unit_test(
		    a_clock_that_jumps_during_a_poll_is_noticed_by_the_next),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
