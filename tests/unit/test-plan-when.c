/*
 * test-plan-when.c - when a message has its turn: the clock, the first poll,
 * limits, retries, and until when there is nothing to do.
 */
#include "poll/plan.h"

#include "../kit/facts.h"
#include "base/alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* --- the clock --- */

static void
nothing_is_deleted_by_age_after_the_clock_jumped(void **state)
{
	static const struct {
		int64_t last_poll;
		bool jumped;
	} table[] = {
		{ 0, false },
		{ NOW, false },
		{ NOW - 7 * DAY, false },
		{ NOW - 7 * DAY - 1, true },
		{ NOW - 700 * DAY, true },
		{ NOW + 60, false },
		{ NOW + 61, true },
		{ NOW + 700 * DAY, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct facts w;

		facts_begin(&w);
		listed(&w, "a", 100);
		listed(&w, "b", 100);
		listed(&w, "c", 100);
		listed(&w, "d", 100);
		known(&w, "a", 0, STATE_DELIVERED);
		known(&w, "b", 0, STATE_DELETE_OWED);
		known(&w, "c", 0, STATE_DROPPED);
		w.account.after = AFTER_KEEP_FOR;
		w.account.keep_s = 14 * DAY;
		w.in.last_poll = table[i].last_poll;
		make(&w);
		assert_int_equal(w.plan.clock_jumped, table[i].jumped);
		assert_int_equal(
		    action(&w, 0), table[i].jumped ? PLAN_LEAVE : PLAN_DELETE);
		/* These are not deleted for their age. */
		assert_int_equal(action(&w, 1), PLAN_DELETE);
		assert_int_equal(action(&w, 2), PLAN_DELETE);
		assert_int_equal(action(&w, 3), PLAN_TAKE);
		facts_end(&w);
	}
}

static void
delete_at_once_does_not_ask_the_clock(void **state)
{
	struct facts w;

	(void)state;
	one(&w, STATE_DELIVERED);
	w.account.after = AFTER_DELETE;
	w.in.last_poll = NOW + DAY;
	make(&w);
	assert_true(w.plan.clock_jumped);
	assert_int_equal(action(&w, 0), PLAN_DELETE);
	facts_end(&w);
}

/* --- the first poll --- */

static void
expect_seen(const struct facts *w, const char *pattern)
{
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(
		    action(w, i), pattern[i] == 's' ? PLAN_SEEN : PLAN_TAKE);
}

static void
the_first_poll_takes_all_by_default(void **state)
{
	struct facts w;

	(void)state;
	first_poll(&w, FIRST_ALL);
	make(&w);
	expect_seen(&w, "ttttt");
	assert_int_equal(w.plan.take_count, 5);
	facts_end(&w);
}

static void
the_first_poll_may_count_all_as_seen_but_what_was_begun(void **state)
{
	struct facts w;

	(void)state;
	first_poll(&w, FIRST_NONE);
	make(&w);
	expect_seen(&w, "sstss");
	assert_int_equal(w.plan.take_count, 1);
	assert_int_equal(w.plan.take_octets, 30);
	facts_end(&w);
}

static void
the_first_poll_may_take_the_last_ones(void **state)
{
	static const char *const patterns[] = { "sstss", "sstst", "ssttt",
		"ssttt", "stttt", "ttttt", "ttttt" };

	(void)state;
	for (uint64_t n = 0; n < 7; n++) {
		struct facts w;

		first_poll(&w, FIRST_LAST);
		w.account.first_count = n;
		make(&w);
		expect_seen(&w, patterns[n]);
		facts_end(&w);
	}
}

static void
the_first_poll_may_take_what_came_since(void **state)
{
	const int64_t arrivals[] = { NOW - 7 * DAY - 1, NOW - 7 * DAY,
		NOW - 700 * DAY, -1, NOW + DAY };
	struct facts w;

	(void)state;
	first_poll(&w, FIRST_SINCE);
	w.account.first_s = 7 * DAY;
	w.in.arrivals = arrivals;
	make(&w);
	expect_seen(&w, "stttt");
	w.in.arrivals = NULL;
	make(&w);
	expect_seen(&w, "ttttt");
	facts_end(&w);
}

static void
later_polls_take_what_is_new_whatever_the_first_did(void **state)
{
	static const enum first_poll firsts[] = { FIRST_ALL, FIRST_NONE,
		FIRST_SINCE, FIRST_LAST };

	(void)state;
	for (size_t i = 0; i < sizeof(firsts) / sizeof(firsts[0]); i++) {
		struct facts w;

		first_poll(&w, firsts[i]);
		w.in.first = false;
		make(&w);
		expect_seen(&w, "ttttt");
		facts_end(&w);
	}
}

static void
a_too_large_message_before_the_first_poll_is_seen_not_held(void **state)
{
	struct facts w;

	(void)state;
	first_poll(&w, FIRST_LAST);
	w.account.first_count = 1;
	w.account.max_size = 5;
	make(&w);
	assert_int_equal(action(&w, 0), PLAN_SEEN);
	assert_int_equal(action(&w, 2), PLAN_HOLD);
	assert_int_equal(action(&w, 4), PLAN_HOLD);
	facts_end(&w);
}

/* --- limits --- */

static void
only_a_message_larger_than_max_size_is_held(void **state)
{
	struct facts w;

	(void)state;
	facts_begin(&w);
	listed(&w, "a", 999);
	listed(&w, "b", 1000);
	listed(&w, "c", 1001);
	listed(&w, "d", 0);
	w.account.max_size = 1000;
	make(&w);
	assert_int_equal(action(&w, 0), PLAN_TAKE);
	assert_int_equal(action(&w, 1), PLAN_TAKE);
	assert_int_equal(action(&w, 2), PLAN_HOLD);
	assert_int_equal(action(&w, 3), PLAN_TAKE);
	/* It is about to be, it does not wait yet. */
	assert_int_equal(w.plan.held, 0);
	w.account.max_size = 0;
	make(&w);
	assert_int_equal(action(&w, 2), PLAN_TAKE);
	facts_end(&w);
}

static void
new_mail_goes_before_retries_and_both_in_the_servers_order(void **state)
{
	const size_t order[] = { 1, 3, 4, 0, 2, 5 };
	struct facts w;

	(void)state;
	facts_begin(&w);
	listed(&w, "a", 100); /* deferred */
	listed(&w, "b", 100); /* new, with a row */
	listed(&w, "c", 100); /* in doubt */
	listed(&w, "d", 100); /* another message than the row's */
	listed(&w, "e", 100); /* unknown */
	listed(&w, "f", 100); /* deferred, and returned */
	known(&w, "a", 0, STATE_DEFERRED);
	known(&w, "b", 0, STATE_NEW);
	known(&w, "c", 0, STATE_IN_DOUBT);
	known(&w, "d", 0, STATE_DELETE_OWED)->octets = 5;
	known(&w, "f", 0, STATE_GONE)->before = STATE_DEFERRED;
	make(&w);
	takes(&w, order, 6);
	assert_int_equal(w.plan.left_for_later, 0);
	facts_end(&w);
}

static void
a_new_message_that_returned_is_no_retry(void **state)
{
	const size_t order[] = { 1, 0 };
	struct facts w;

	(void)state;
	facts_begin(&w);
	listed(&w, "a", 100);
	listed(&w, "b", 100);
	known(&w, "a", 0, STATE_DEFERRED);
	known(&w, "b", 0, STATE_GONE)->before = STATE_NEW;
	make(&w);
	takes(&w, order, 2);
	facts_end(&w);
}

static void
fetch_limit_counts_only_what_is_taken(void **state)
{
	const size_t order[] = { 3, 5 };
	struct facts w;

	(void)state;
	facts_begin(&w);
	listed(&w, "a", 100); /* deferred */
	listed(&w, "b", 100); /* delivered */
	listed(&w, "c", 100); /* held */
	listed(&w, "d", 7);
	listed(&w, "e", 5000); /* too large */
	listed(&w, "f", 8);
	listed(&w, "g", 9);
	known(&w, "a", 0, STATE_DEFERRED);
	known(&w, "b", 0, STATE_DELETE_OWED);
	known(&w, "c", 0, STATE_HELD);
	w.account.max_size = 1000;
	w.account.fetch_limit = 2;
	make(&w);
	takes(&w, order, 2);
	assert_int_equal(w.plan.take_octets, 15);
	assert_int_equal(w.plan.left_for_later, 2);
	assert_int_equal(action(&w, 0), PLAN_LEAVE);
	assert_int_equal(action(&w, 6), PLAN_LEAVE);
	assert_int_equal(action(&w, 1), PLAN_DELETE);
	assert_int_equal(action(&w, 4), PLAN_HOLD);
	facts_end(&w);
}

static void
fetch_limit_is_met_exactly(void **state)
{
	(void)state;
	for (uint64_t limit = 0; limit <= 4; limit++) {
		struct facts w;
		uint64_t taken = limit == 0 || limit > 3 ? 3 : limit;

		facts_begin(&w);
		listed(&w, "a", 1);
		listed(&w, "b", 1);
		listed(&w, "c", 1);
		w.account.fetch_limit = limit;
		make(&w);
		assert_int_equal(w.plan.take_count, taken);
		assert_int_equal(w.plan.left_for_later, 3 - taken);
		facts_end(&w);
	}
}

/* --- retries --- */

static void
a_deferred_message_waits_for_its_time(void **state)
{
	static const struct {
		int64_t next_try;
		bool impatient;
		enum plan_action action;
	} table[] = {
		{ 0, false, PLAN_TAKE },
		{ NOW - 1, false, PLAN_TAKE },
		{ NOW, false, PLAN_TAKE },
		{ NOW + 1, false, PLAN_LEAVE },
		{ NOW + 1, true, PLAN_TAKE },
		{ NOW + 100 * DAY, true, PLAN_TAKE },
		{ NOW + 4 * 60 * MINUTE, false, PLAN_LEAVE },
		/* No wait is that long: the clock went back meanwhile. */
		{ NOW + 4 * 60 * MINUTE + 1, false, PLAN_TAKE },
		{ NOW + 365 * DAY, false, PLAN_TAKE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct facts w;

		one(&w, STATE_DEFERRED)->next_try = table[i].next_try;
		w.in.impatient = table[i].impatient;
		make(&w);
		assert_int_equal(action(&w, 0), table[i].action);
		facts_end(&w);
	}
}

static void
what_this_run_has_tried_is_left_alone(void **state)
{
	static const enum state states[] = { STATE_DEFERRED, STATE_IN_DOUBT };

	(void)state;
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		for (int before = -1; before <= 1; before++) {
			struct facts w;

			one(&w, states[i])->since = NOW - MINUTE + before;
			w.in.run_started = NOW - MINUTE;
			w.in.impatient = true;
			make(&w);
			assert_int_equal(
			    action(&w, 0), before < 0 ? PLAN_TAKE : PLAN_LEAVE);
			facts_end(&w);
		}
}

static void
what_this_run_may_have_tried_is_left_alone(void **state)
{
	static const enum state states[] = { STATE_DEFERRED, STATE_IN_DOUBT };

	(void)state;
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		struct facts w;

		one(&w, states[i])->since = NOW - 365 * DAY;
		w.in.run_started = INT64_MIN;
		w.in.impatient = true;
		make(&w);
		assert_int_equal(action(&w, 0), PLAN_LEAVE);
		facts_end(&w);
	}
}

static void
a_message_in_doubt_is_resent_or_held_as_the_owner_wants(void **state)
{
	struct facts w;

	(void)state;
	one(&w, STATE_IN_DOUBT);
	make(&w);
	assert_int_equal(action(&w, 0), PLAN_TAKE);
	w.account.hold_in_doubt = true;
	make(&w);
	assert_int_equal(action(&w, 0), PLAN_HOLD);
	assert_int_equal(w.plan.take_count, 0);
	w.row_list[0].since = NOW;
	w.in.run_started = NOW;
	make(&w);
	assert_int_equal(action(&w, 0), PLAN_LEAVE);
	facts_end(&w);
}

static void
a_message_in_doubt_is_given_ten_minutes_to_arrive(void **state)
{
	(void)state;
	for (int impatient = 0; impatient <= 1; impatient++)
		for (int64_t age = 599; age <= 600; age++) {
			struct facts w;

			one(&w, STATE_IN_DOUBT)->since = NOW - age;
			w.in.impatient = impatient;
			make(&w);
			assert_int_equal(action(&w, 0),
			    age == 600 || impatient ? PLAN_TAKE : PLAN_LEAVE);
			facts_end(&w);
		}
}

static void
a_message_in_doubt_is_sent_again_three_times_and_then_held(void **state)
{
	(void)state;
	for (uint32_t doubts = 0; doubts <= 4; doubts++) {
		struct facts w;

		one(&w, STATE_IN_DOUBT)->doubts = doubts;
		make(&w);
		assert_int_equal(
		    action(&w, 0), doubts < 3 ? PLAN_TAKE : PLAN_HOLD);
		assert_int_equal(w.plan.take_count, doubts < 3);
		facts_end(&w);
	}
}

/* --- until when there is nothing to do --- */

#define FAR (NOW + DAY) /* all is looked at once a day */

static void
until_when_nothing_is_to_be_done_is_told_by_each_state(void **state)
{
	/* keep: AFTER_KEEP; delete: AFTER_DELETE; and kept for so long. */
	static const struct {
		enum state state;
		int64_t keep, delete, for_20d, for_20d_and_a_minute, for_30d;
	} table[] = {
		{ STATE_NEW, 0, 0, 0, 0, 0 },
		{ STATE_SEEN, FAR, FAR, FAR, FAR, FAR },
		{ STATE_IN_DOUBT, 0, 0, 0, 0, 0 },
		{ STATE_DEFERRED, 0, 0, 0, 0, 0 },
		{ STATE_HELD, FAR, FAR, FAR, FAR, FAR },
		{ STATE_DROPPED, 0, 0, 0, 0, 0 },
		{ STATE_DELIVERED, FAR, 0, 0, NOW + MINUTE, FAR },
		{ STATE_REPORT_OWED, 0, 0, 0, 0, 0 },
		{ STATE_REJECTED, FAR, 0, 0, NOW + MINUTE, FAR },
		{ STATE_DELETE_OWED, 0, 0, 0, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const struct {
			enum after_delivery after;
			int64_t keep_s, until;
		} settings[] = {
			{ AFTER_KEEP, 0, table[i].keep },
			{ AFTER_DELETE, 0, table[i].delete },
			{ AFTER_KEEP_FOR, 20 * DAY, table[i].for_20d },
			{ AFTER_KEEP_FOR, 20 * DAY + MINUTE,
			    table[i].for_20d_and_a_minute },
			{ AFTER_KEEP_FOR, 30 * DAY, table[i].for_30d },
		};

		for (size_t j = 0; j < sizeof(settings) / sizeof(settings[0]);
		     j++) {
			struct facts w;
			struct row *r = one(&w, table[i].state);

			print_message("# row %zu, setting %zu\n", i, j);
			/* Whatever is to be tried is to be tried later. */
			r->next_try = NOW + MINUTE;
			r->delivered = NOW - 20 * DAY;
			w.account.on_reject = REJECT_BOUNCE;
			w.account.after = settings[j].after;
			w.account.keep_s = settings[j].keep_s;
			make(&w);
			assert_int_equal(w.plan.quiet_until, settings[j].until);
			facts_end(&w);
		}
	}
}

static void
what_is_left_alone_for_now_is_something_to_do(void **state)
{
	static const enum state states[] = { STATE_DROPPED, STATE_DELETE_OWED,
		STATE_DELIVERED, STATE_REJECTED };
	struct facts w;
	struct row *r;

	(void)state;
	/* Without a size, or deleted in vain. */
	for (size_t i = 0; i < 2 * sizeof(states) / sizeof(states[0]); i++) {
		r = one(&w, states[i / 2]);
		r->delivered = NOW - 20 * DAY;
		r->octets = i % 2 == 0 ? 0 : 100;
		r->deletions = i % 2 == 0 ? 0 : 3;
		w.account.after = i < 6 ? AFTER_DELETE : AFTER_KEEP_FOR;
		make(&w);
		assert_int_equal(action(&w, 0), PLAN_LEAVE);
		assert_int_equal(w.plan.quiet_until, 0);
		facts_end(&w);
	}
	/* What was in doubt, or refused, a moment ago. */
	for (size_t i = 0; i < 2; i++) {
		r = one(&w, i == 0 ? STATE_IN_DOUBT : STATE_DEFERRED);
		w.in.run_started = INT64_MIN;
		make(&w);
		assert_int_equal(action(&w, 0), PLAN_LEAVE);
		assert_int_equal(w.plan.quiet_until, 0);
		facts_end(&w);
	}
	/* What is held now is held at the next poll. */
	one(&w, STATE_IN_DOUBT);
	w.account.hold_in_doubt = true;
	make(&w);
	assert_int_equal(action(&w, 0), PLAN_HOLD);
	assert_int_equal(w.plan.quiet_until, 0);
	facts_end(&w);
	/* Beyond fetch_limit. */
	facts_begin(&w);
	listed(&w, "a", 100);
	known(&w, "a", 0, STATE_HELD);
	listed(&w, "b", 100);
	listed(&w, "c", 100);
	w.account.fetch_limit = 1;
	make(&w);
	assert_int_equal(action(&w, 2), PLAN_LEAVE);
	assert_int_equal(w.plan.quiet_until, 0);
	facts_end(&w);
}

static void
the_first_to_want_something_says_when(void **state)
{
	struct facts w;
	struct row *rows[3];

	(void)state;
	facts_begin(&w);
	w.account.after = AFTER_KEEP_FOR;
	w.account.keep_s = 30 * DAY;
	for (size_t i = 0; i < 3; i++) {
		static const char *const uids[] = { "a", "b", "c" };

		listed(&w, uids[i], 100);
		rows[i] = known(&w, uids[i], 0, STATE_DELIVERED);
		rows[i]->delivered = NOW - 30 * DAY + (int64_t)(i + 2) * MINUTE;
	}
	listed(&w, "d", 100);
	known(&w, "d", 0, STATE_SEEN);
	make(&w);
	assert_int_equal(w.plan.quiet_until, NOW + 2 * MINUTE);
	rows[2]->delivered = NOW - 30 * DAY + 1;
	make(&w);
	assert_int_equal(w.plan.quiet_until, NOW + 1);
	rows[2]->delivered = NOW - 30 * DAY;
	make(&w);
	assert_int_equal(action(&w, 2), PLAN_DELETE);
	assert_int_equal(w.plan.quiet_until, 0);
	facts_end(&w);
}

static void
an_empty_mailbox_is_quiet_and_one_that_has_lost_something_is_not(void **state)
{
	struct facts w;

	(void)state;
	facts_begin(&w);
	known(&w, "a", 0, STATE_GONE)->before = STATE_DELIVERED;
	make(&w);
	assert_int_equal(w.plan.quiet_until, FAR);
	known(&w, "b", 0, STATE_DELIVERED);
	make(&w);
	assert_int_equal(w.plan.quiet_until, 0);
	facts_end(&w);
}

static void
what_makes_a_listing_doubtful_makes_none_quiet(void **state)
{
	struct facts w;

	(void)state;
	one(&w, STATE_SEEN);
	make(&w);
	assert_int_equal(w.plan.quiet_until, FAR);
	w.in.first = true;
	make(&w);
	assert_int_equal(w.plan.quiet_until, 0);
	w.in.first = false;
	w.in.last_poll = NOW + DAY;
	make(&w);
	assert_int_equal(w.plan.quiet_until, 0);
	w.in.last_poll = NOW;
	w.listing.left_out = 1;
	make(&w);
	assert_int_equal(w.plan.quiet_until, 0);
	facts_end(&w);
	/* It was gone, and is there again. */
	one(&w, STATE_GONE)->before = STATE_SEEN;
	make(&w);
	assert_int_equal(action(&w, 0), PLAN_LEAVE);
	assert_int_equal(w.plan.quiet_until, 0);
	facts_end(&w);
	/* Two of one UID. */
	facts_begin(&w);
	for (uint32_t i = 0; i < 2; i++) {
		listed(&w, "u", 100);
		known(&w, "u", i, STATE_SEEN);
	}
	make(&w);
	assert_int_equal(action(&w, 1), PLAN_LEAVE);
	assert_int_equal(w.plan.quiet_until, 0);
	facts_end(&w);
}

static void
a_clock_jumps_beyond_a_week_or_behind_a_minute(void **state)
{
	static const struct {
		int64_t last, now;
		bool jumped;
	} rows[] = {
		{ 0, NOW, false },
		{ 0, 0, false },
		{ NOW, NOW, false },
		{ NOW, NOW - 60, false },
		{ NOW, NOW - 61, true },
		{ NOW, 0, true },
		{ NOW, NOW + 7 * DAY, false },
		{ NOW, NOW + 7 * DAY + 1, true },
		{ 1, NOW, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(plan_clock_jumped(rows[i].last, rows[i].now),
		    rows[i].jumped);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    nothing_is_deleted_by_age_after_the_clock_jumped),
		cmocka_unit_test(delete_at_once_does_not_ask_the_clock),
		cmocka_unit_test(the_first_poll_takes_all_by_default),
		cmocka_unit_test(
		    the_first_poll_may_count_all_as_seen_but_what_was_begun),
		cmocka_unit_test(the_first_poll_may_take_the_last_ones),
		cmocka_unit_test(the_first_poll_may_take_what_came_since),
		cmocka_unit_test(
		    later_polls_take_what_is_new_whatever_the_first_did),
		cmocka_unit_test(
		    a_too_large_message_before_the_first_poll_is_seen_not_held),
		cmocka_unit_test(only_a_message_larger_than_max_size_is_held),
		cmocka_unit_test(
		    new_mail_goes_before_retries_and_both_in_the_servers_order),
		cmocka_unit_test(a_new_message_that_returned_is_no_retry),
		cmocka_unit_test(fetch_limit_counts_only_what_is_taken),
		cmocka_unit_test(fetch_limit_is_met_exactly),
		cmocka_unit_test(a_deferred_message_waits_for_its_time),
		cmocka_unit_test(what_this_run_has_tried_is_left_alone),
		cmocka_unit_test(what_this_run_may_have_tried_is_left_alone),
		cmocka_unit_test(
		    a_message_in_doubt_is_resent_or_held_as_the_owner_wants),
		cmocka_unit_test(
		    a_message_in_doubt_is_given_ten_minutes_to_arrive),
		cmocka_unit_test(
		    a_message_in_doubt_is_sent_again_three_times_and_then_held),
		cmocka_unit_test(
		    until_when_nothing_is_to_be_done_is_told_by_each_state),
		cmocka_unit_test(what_is_left_alone_for_now_is_something_to_do),
		cmocka_unit_test(the_first_to_want_something_says_when),
		cmocka_unit_test(
		    an_empty_mailbox_is_quiet_and_one_that_has_lost_something_is_not),
		cmocka_unit_test(
		    what_makes_a_listing_doubtful_makes_none_quiet),
		cmocka_unit_test(
		    a_clock_jumps_beyond_a_week_or_behind_a_minute),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
