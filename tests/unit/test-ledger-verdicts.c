/* test-ledger-verdicts.c - intents and verdicts, for each recipient. */
#include "../kit/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

/* --- intents and verdicts --- */

static void
an_intent_makes_a_row_in_doubt_and_says_what_was_intended(void **state)
{
	const struct ledger_outcome to[] = { { .recipient = "ann" },
		{ .recipient = "bob@example.org" } };
	struct ledger_change c = { .kind = CHANGE_INTENT,
		.uid = slice_of("u1"),
		.copy = 2,
		.octets = 4096,
		.destination = "home",
		.outcomes = to,
		.outcome_count = 2 };
	struct world w;
	struct row r;
	struct error e = { 0 };
	char text[256];

	(void)state;
	world_begin(&w);
	assert_int_equal(ledger_change(w.l, w.account, &c, 1, &e), 0);
	assert_true(c.message > 0);
	r = row_of(&w, c.message);
	assert_int_equal(r.state, STATE_IN_DOUBT);
	assert_int_equal(r.before, STATE_NEW);
	assert_int_equal(r.copy, 2);
	assert_int_equal(r.octets, 4096);
	assert_int_equal(r.first_seen, START);
	assert_int_equal(r.since, START);
	assert_int_equal(r.delivered, 0);
	assert_int_equal(r.attempts, 0);
	assert_string_equal(ask(&w, "SELECT intent FROM message", text),
	    "home: ann bob@example.org");
	world_end(&w);
}

static void
the_same_uid_finds_the_same_row(void **state)
{
	struct world w;
	struct ledger_change c[] = {
		{ .kind = CHANGE_INTENT, .uid = slice_of("u"), .octets = 1 },
		{ .kind = CHANGE_WITHDRAW, .uid = slice_of("u"), .octets = 2 },
		{ .kind = CHANGE_INTENT,
		    .uid = slice_of("u"),
		    .copy = 1,
		    .octets = 3 },
	};
	struct error e = { 0 };

	(void)state;
	world_begin(&w);
	assert_int_equal(ledger_change(w.l, w.account, c, 3, &e), 0);
	assert_int_equal(c[0].message, c[1].message);
	assert_int_not_equal(c[0].message, c[2].message);
	assert_int_equal(row_of(&w, c[0].message).octets, 1);
	assert_int_equal(state_of(&w, c[0].message), STATE_NEW);
	assert_int_equal(state_of(&w, c[2].message), STATE_IN_DOUBT);
	world_end(&w);
}

static void
a_withdrawn_intent_leaves_the_row_as_it_was(void **state)
{
	struct world w;

	(void)state;
	world_begin(&w);
	for (int s = 0; s < STATE_GONE; s++) {
		struct row before, after;
		char uid[16], sql[128], reply[256], again[256];
		int64_t m;

		snprintf(uid, sizeof(uid), "u%d", s);
		m = row_in(&w, uid, (enum state)s);
		snprintf(sql, sizeof(sql),
		    "SELECT reply FROM message WHERE id = %lld", (long long)m);
		ask(&w, sql, reply);
		before = row_of(&w, m);
		assert_int_equal(before.state, s);
		atomic_fetch_add(&wall, 100);
		intent(&w, m, uid);
		assert_int_equal(state_of(&w, m), STATE_IN_DOUBT);
		apply_to(&w, CHANGE_WITHDRAW, m);
		after = row_of(&w, m);
		assert_int_equal(after.state, before.state);
		assert_int_equal(after.attempts, before.attempts);
		assert_int_equal(after.next_try, before.next_try);
		assert_int_equal(after.delivered, before.delivered);
		assert_int_equal(after.deletions, before.deletions);
		assert_int_equal(after.octets, before.octets);
		assert_int_equal(after.first_seen, before.first_seen);
		assert_string_equal(ask(&w, sql, again), reply);
	}
	world_end(&w);
}

static void
a_withdrawal_without_an_intent_changes_nothing(void **state)
{
	struct world w;

	(void)state;
	world_begin(&w);
	for (int s = 0; s < STATES; s++) {
		char uid[16];
		struct row before, after;
		int64_t m;

		if (s == STATE_IN_DOUBT)
			continue;
		snprintf(uid, sizeof(uid), "u%d", s);
		m = row_in(&w, uid, (enum state)s);
		before = row_of(&w, m);
		atomic_fetch_add(&wall, 100);
		apply_to(&w, CHANGE_WITHDRAW, m);
		after = row_of(&w, m);
		assert_int_equal(after.state, before.state);
		assert_int_equal(after.before, before.before);
		assert_int_equal(after.since, before.since);
	}
	world_end(&w);
}

static void
an_intent_that_is_left_over_is_in_doubt_for_ever(void **state)
{
	struct world w;
	int64_t m;

	(void)state;
	world_begin(&w);
	m = intent(&w, 0, "u");
	reopen(&w);
	assert_int_equal(state_of(&w, m), STATE_IN_DOUBT);
	/* Sent again, and again nothing went out. */
	intent(&w, m, "u");
	apply_to(&w, CHANGE_WITHDRAW, m);
	assert_int_equal(state_of(&w, m), STATE_IN_DOUBT);
	/* Twice, and with a crash between. */
	intent(&w, m, "u");
	reopen(&w);
	intent(&w, m, "u");
	apply_to(&w, CHANGE_WITHDRAW, m);
	assert_int_equal(state_of(&w, m), STATE_IN_DOUBT);
	verdict(&w, m, "u", STATE_DELIVERED, "250 ok");
	assert_int_equal(state_of(&w, m), STATE_DELIVERED);
	world_end(&w);
}

static void
a_crash_while_a_refused_message_is_sent_again_leaves_it_in_doubt(void **state)
{
	struct world w;
	int64_t m;

	(void)state;
	world_begin(&w);
	m = row_in(&w, "u", STATE_DEFERRED);
	intent(&w, m, "u");
	reopen(&w);
	assert_int_equal(state_of(&w, m), STATE_IN_DOUBT);
	intent(&w, m, "u");
	apply_to(&w, CHANGE_WITHDRAW, m);
	/* Not deferred: the first of the two may have gone out. */
	assert_int_equal(state_of(&w, m), STATE_IN_DOUBT);
	world_end(&w);
}

static void
each_verdict_ends_the_doubt(void **state)
{
	static const struct {
		enum state state;
		bool delivered;
		uint32_t attempts;
	} table[] = {
		{ STATE_DELIVERED, true, 0 },
		{ STATE_DELETE_OWED, true, 0 },
		{ STATE_DEFERRED, false, 1 },
		{ STATE_HELD, false, 0 },
		{ STATE_IN_DOUBT, false, 0 },
	};
	struct world w;

	(void)state;
	world_begin(&w);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		char uid[16], sql[128], text[256];
		struct row r;
		int64_t m, now;

		snprintf(uid, sizeof(uid), "u%zu", i);
		m = intent(&w, 0, uid);
		now = atomic_fetch_add(&wall, 7) + 7;
		verdict(&w, m, uid, table[i].state, "250 2.0.0 queued");
		r = row_of(&w, m);
		assert_int_equal(r.state, table[i].state);
		assert_int_equal(r.before, STATE_NEW);
		assert_int_equal(r.since, now);
		assert_int_equal(r.delivered, table[i].delivered ? now : 0);
		assert_int_equal(r.attempts, table[i].attempts);
		assert_int_equal(r.next_try,
		    table[i].state == STATE_DEFERRED ? now + 60 : 0);
		snprintf(sql, sizeof(sql),
		    "SELECT reply FROM message WHERE id = %lld", (long long)m);
		assert_string_equal(ask(&w, sql, text), "250 2.0.0 queued");
		snprintf(sql, sizeof(sql),
		    "SELECT intent FROM message WHERE id = %lld", (long long)m);
		assert_string_equal(ask(&w, sql, text),
		    table[i].state == STATE_IN_DOUBT ? "home: ann" : "NULL");
	}
	world_end(&w);
}

static void
a_verdict_may_come_without_an_intent(void **state)
{
	struct world w;
	int64_t m;

	(void)state;
	world_begin(&w);
	m = verdict(&w, 0, "too large", STATE_HELD, "larger than max_size");
	assert_true(m > 0);
	assert_int_equal(state_of(&w, m), STATE_HELD);
	world_end(&w);
}

static void
each_temporary_refusal_is_an_attempt(void **state)
{
	struct world w;
	int64_t m;

	(void)state;
	world_begin(&w);
	m = row_in(&w, "u", STATE_DEFERRED);
	for (uint32_t i = 2; i < 5; i++) {
		intent(&w, m, "u");
		assert_int_equal(row_of(&w, m).attempts, i - 1);
		verdict(&w, m, "u", STATE_DEFERRED, "450 later");
		assert_int_equal(row_of(&w, m).attempts, i);
	}
	assert_int_equal(row_of(&w, m).first_seen, START);
	world_end(&w);
}

/* --- recipients --- */

static void
outcomes_are_kept_only_while_they_differ(void **state)
{
	struct world w;
	char text[256];
	int64_t m;

	(void)state;
	world_begin(&w);
	m = intent(&w, 0, "u");
	verdict_of_two(&w, m, STATE_DEFERRED, STATE_DEFERRED, STATE_DEFERRED);
	assert_string_equal(ask(&w, "SELECT count(*) FROM outcome", text), "0");
	expect_delivered(&w, m, "");
	verdict_of_two(&w, m, STATE_DEFERRED, STATE_DELIVERED, STATE_DEFERRED);
	assert_string_equal(ask(&w, "SELECT count(*) FROM outcome", text), "2");
	expect_delivered(&w, m, "ann ");
	assert_string_equal(ask(&w,
				"SELECT destination || reply FROM outcome"
				" WHERE recipient = 'bob'",
				text),
	    "homeb");
	verdict_of_two(&w, m, STATE_HELD, STATE_DELIVERED, STATE_HELD);
	expect_delivered(&w, m, "ann ");
	verdict_of_two(
	    &w, m, STATE_DELIVERED, STATE_DELIVERED, STATE_DELIVERED);
	assert_string_equal(ask(&w, "SELECT count(*) FROM outcome", text), "0");
	expect_delivered(&w, m, "");
	world_end(&w);
}

static void
what_has_been_accepted_is_remembered_until_the_rest_is(void **state)
{
	const struct ledger_outcome bob = {
		.recipient = "bob", .state = STATE_DELIVERED, .reply = "250"
	};
	struct world w;
	char text[256];
	int64_t m;

	(void)state;
	world_begin(&w);
	m = intent(&w, 0, "u");
	verdict_of_two(&w, m, STATE_DEFERRED, STATE_DELIVERED, STATE_DEFERRED);
	/* A crash in the middle of sending it to bob forgets no one. */
	intent(&w, m, "u");
	reopen(&w);
	expect_delivered(&w, m, "ann ");
	apply_to(&w, CHANGE_WITHDRAW, m);
	expect_delivered(&w, m, "ann ");
	apply(&w,
	    (struct ledger_change){ .kind = CHANGE_VERDICT,
		.message = m,
		.state = STATE_DELETE_OWED,
		.destination = "home",
		.outcomes = &bob,
		.outcome_count = 1 });
	assert_string_equal(ask(&w, "SELECT count(*) FROM outcome", text), "0");
	world_end(&w);
}

static void
a_message_tried_again_is_not_sent_again_to_those_who_have_it(void **state)
{
	struct world w;
	int64_t m;

	(void)state;
	world_begin(&w);
	m = intent(&w, 0, "u");
	verdict_of_two(&w, m, STATE_HELD, STATE_DELIVERED, STATE_HELD);
	apply_to(&w, CHANGE_RETRY, m);
	assert_int_equal(state_of(&w, m), STATE_NEW);
	expect_delivered(&w, m, "ann ");
	world_end(&w);
}

static void
outcomes_of_other_messages_stay_as_they_are(void **state)
{
	struct world w;
	int64_t m, other;

	(void)state;
	world_begin(&w);
	m = intent(&w, 0, "u");
	other = intent(&w, 0, "v");
	verdict_of_two(
	    &w, other, STATE_DEFERRED, STATE_DEFERRED, STATE_DELIVERED);
	verdict_of_two(
	    &w, m, STATE_DELIVERED, STATE_DELIVERED, STATE_DELIVERED);
	expect_delivered(&w, other, "bob ");
	expect_delivered(&w, m, "");
	world_end(&w);
}

static void
a_first_refusal_is_remembered_if_the_clock_can_be_trusted(void **state)
{
	static const struct {
		int64_t later;
		bool anew;
		int64_t since; /* both from START on */
	} table[] = {
		{ 60, false, 0 },
		{ 4 * DAY, false, 0 },
		/* The clock went back: it was not refused in the future. */
		{ -365 * DAY, false, -365 * DAY },
		{ 365 * DAY, true, 365 * DAY },
	};
	struct world w;

	(void)state;
	world_begin(&w);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		char uid[16];
		int64_t m;

		snprintf(uid, sizeof(uid), "u%zu", i);
		atomic_store(&wall, START);
		m = verdict(&w, 0, uid, STATE_DEFERRED, "later");
		atomic_store(&wall, START + table[i].later);
		apply(&w,
		    (struct ledger_change){ .kind = CHANGE_VERDICT,
			.message = m,
			.state = STATE_DEFERRED,
			.refused_anew = table[i].anew });
		assert_int_equal(
		    row_of(&w, m).first_refused, START + table[i].since);
		assert_int_equal(row_of(&w, m).attempts, 2);
	}
	world_end(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    an_intent_makes_a_row_in_doubt_and_says_what_was_intended),
		cmocka_unit_test(the_same_uid_finds_the_same_row),
		cmocka_unit_test(a_withdrawn_intent_leaves_the_row_as_it_was),
		cmocka_unit_test(
		    a_withdrawal_without_an_intent_changes_nothing),
		cmocka_unit_test(
		    an_intent_that_is_left_over_is_in_doubt_for_ever),
		cmocka_unit_test(
		    a_crash_while_a_refused_message_is_sent_again_leaves_it_in_doubt),
		cmocka_unit_test(each_verdict_ends_the_doubt),
		cmocka_unit_test(a_verdict_may_come_without_an_intent),
		cmocka_unit_test(each_temporary_refusal_is_an_attempt),
		cmocka_unit_test(outcomes_are_kept_only_while_they_differ),
		cmocka_unit_test(
		    what_has_been_accepted_is_remembered_until_the_rest_is),
		cmocka_unit_test(
		    a_message_tried_again_is_not_sent_again_to_those_who_have_it),
		cmocka_unit_test(outcomes_of_other_messages_stay_as_they_are),
		cmocka_unit_test(
		    a_first_refusal_is_remembered_if_the_clock_can_be_trusted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
