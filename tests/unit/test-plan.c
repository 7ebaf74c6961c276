/* test-plan.c - every decision about a message, as a table. */
#include "poll/plan.h"

#include "base/alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NOW ((int64_t)1700000000)
#define MINUTE ((int64_t)60)
#define DAY ((int64_t)86400)
#define MANY 16

/* What a plan is made from, and the plan. */
struct world {
	struct listing listing;
	struct row row_list[MANY];
	struct rows rows;
	struct account account;
	struct plan_input in;
	struct plan plan;
};

static void
world_begin(struct world *w)
{
	memset(w, 0, sizeof(*w));
	w->rows.list = w->row_list;
	w->in = (struct plan_input){ .listing = &w->listing,
		.rows = &w->rows,
		.account = &w->account,
		.now = NOW,
		.run_started = INT64_MAX,
		.last_poll = NOW - 300 };
}

static void
world_end(struct world *w)
{
	plan_free(&w->plan);
	listing_free(&w->listing);
}

/* One more message in the mailbox, numbered as it comes. */
static void
listed(struct world *w, const char *uid, uint64_t octets)
{
	listing_add(
	    &w->listing, (uint32_t)w->listing.count + 1, slice_of(uid), octets);
}

/* Rows have to be added in the order of their UIDs, as reader.h says. */
static struct row *
known(struct world *w, const char *uid, uint32_t copy, enum state state)
{
	struct row *r = &w->row_list[w->rows.count++];

	assert_true(w->rows.count <= MANY);
	*r = (struct row){ .message = (int64_t)w->rows.count,
		.uid = slice_of(uid),
		.copy = copy,
		.state = state,
		.octets = 100,
		.first_seen = NOW - 30 * DAY,
		.since = NOW - 20 * DAY };
	if (state == STATE_DELIVERED || state == STATE_DELETE_OWED)
		r->delivered = r->since;
	return r;
}

static void
make(struct world *w)
{
	plan_free(&w->plan);
	listing_finish(&w->listing);
	plan_make(&w->plan, &w->in);
	assert_int_equal(w->plan.count, w->listing.count);
	for (size_t i = 0; i < w->plan.count; i++) {
		assert_ptr_equal(w->plan.list[i].listed, &w->listing.list[i]);
		assert_non_null(w->plan.list[i].reason);
	}
}

static enum plan_action
action(const struct world *w, size_t i)
{
	assert_true(i < w->plan.count);
	return w->plan.list[i].action;
}

static void
takes(const struct world *w, const size_t *order, size_t count)
{
	assert_int_equal(w->plan.take_count, count);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(w->plan.take[i], order[i]);
}

/* A mailbox of one message, which the ledger knows. */
static struct row *
one(struct world *w, enum state state)
{
	world_begin(w);
	listed(w, "u", 100);
	return known(w, "u", 0, state);
}

/* --- nothing there --- */

static void
an_empty_mailbox_and_an_empty_ledger_make_an_empty_plan(void **state)
{
	struct world w;

	(void)state;
	world_begin(&w);
	make(&w);
	assert_int_equal(w.plan.count, 0);
	assert_int_equal(w.plan.take_count, 0);
	assert_int_equal(w.plan.delete_count, 0);
	assert_int_equal(w.plan.gone_count, 0);
	assert_false(w.plan.clock_jumped);
	world_end(&w);
}

static void
what_an_empty_mailbox_lists_no_longer_is_gone(void **state)
{
	struct world w;

	(void)state;
	world_begin(&w);
	known(&w, "a", 0, STATE_DELIVERED);
	known(&w, "b", 0, STATE_GONE)->before = STATE_DELIVERED;
	known(&w, "c", 0, STATE_DELETE_OWED);
	make(&w);
	assert_int_equal(w.plan.gone_count, 2);
	assert_ptr_equal(w.plan.gone[0], &w.row_list[0]);
	assert_ptr_equal(w.plan.gone[1], &w.row_list[2]);
	world_end(&w);
}

static void
every_state_but_gone_goes_when_it_is_not_listed(void **state)
{
	(void)state;
	for (int s = 0; s < STATES; s++) {
		struct world w;

		world_begin(&w);
		known(&w, "u", 0, (enum state)s);
		listed(&w, "v", 100);
		make(&w);
		assert_int_equal(w.plan.gone_count, s == STATE_GONE ? 0 : 1);
		assert_int_equal(action(&w, 0), PLAN_TAKE);
		world_end(&w);
	}
}

static void
what_the_ledger_does_not_know_is_taken(void **state)
{
	const size_t order[] = { 0, 1, 2 };
	struct world w;

	(void)state;
	world_begin(&w);
	listed(&w, "z", 1);
	listed(&w, "a", 20);
	listed(&w, "m", 300);
	make(&w);
	takes(&w, order, 3);
	assert_int_equal(w.plan.take_octets, 321);
	assert_null(w.plan.list[0].row);
	assert_false(w.plan.list[0].fresh);
	world_end(&w);
}

/* --- each state --- */

static void
each_state_has_its_action(void **state)
{
	static const struct {
		enum state state;
		enum plan_action keep, delete;
	} table[] = {
		{ STATE_NEW, PLAN_TAKE, PLAN_TAKE },
		{ STATE_SEEN, PLAN_LEAVE, PLAN_LEAVE },
		{ STATE_IN_DOUBT, PLAN_TAKE, PLAN_TAKE },
		{ STATE_DEFERRED, PLAN_TAKE, PLAN_TAKE },
		{ STATE_HELD, PLAN_LEAVE, PLAN_LEAVE },
		{ STATE_DROPPED, PLAN_DELETE, PLAN_DELETE },
		{ STATE_DELIVERED, PLAN_LEAVE, PLAN_DELETE },
		{ STATE_DELETE_OWED, PLAN_DELETE, PLAN_DELETE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct world w;

		one(&w, table[i].state);
		make(&w);
		if (action(&w, 0) != table[i].keep)
			fail_msg("%s, keep: %s", state_name(table[i].state),
			    plan_action_name(action(&w, 0)));
		w.account.after = AFTER_DELETE;
		make(&w);
		if (action(&w, 0) != table[i].delete)
			fail_msg("%s, delete: %s", state_name(table[i].state),
			    plan_action_name(action(&w, 0)));
		assert_int_equal(
		    w.plan.delete_count, action(&w, 0) == PLAN_DELETE);
		assert_int_equal(w.plan.held, table[i].state == STATE_HELD);
		assert_false(w.plan.list[0].fresh);
		assert_false(w.plan.list[0].returned);
		assert_ptr_equal(w.plan.list[0].row, &w.row_list[0]);
		world_end(&w);
	}
}

static void
what_has_returned_is_as_before(void **state)
{
	(void)state;
	for (int s = 0; s < STATE_GONE; s++) {
		struct world was, is;

		one(&was, (enum state)s);
		one(&is, STATE_GONE)->before = (enum state)s;
		is.row_list[0].delivered = was.row_list[0].delivered;
		was.account.after = is.account.after = AFTER_DELETE;
		make(&was);
		make(&is);
		assert_int_equal(action(&is, 0), action(&was, 0));
		assert_true(is.plan.list[0].returned);
		assert_false(is.plan.list[0].fresh);
		assert_int_equal(is.plan.held, was.plan.held);
		assert_int_equal(is.plan.gone_count, 0);
		world_end(&was);
		world_end(&is);
	}
}

static void
a_gone_uid_with_other_octets_is_another_message(void **state)
{
	(void)state;
	for (int s = 0; s < STATE_GONE; s++) {
		struct world w;

		one(&w, STATE_GONE)->before = (enum state)s;
		w.row_list[0].octets = 101;
		make(&w);
		assert_int_equal(action(&w, 0), PLAN_TAKE);
		assert_true(w.plan.list[0].fresh);
		world_end(&w);
	}
}

static void
octets_that_nobody_told_make_no_other_message(void **state)
{
	struct world w;

	(void)state;
	one(&w, STATE_GONE)->before = STATE_DELIVERED;
	w.row_list[0].octets = 0;
	make(&w);
	assert_int_equal(action(&w, 0), PLAN_LEAVE);
	assert_false(w.plan.list[0].fresh);
	world_end(&w);
}

static void
a_deletion_is_not_paid_while_a_size_is_unknown(void **state)
{
	static const enum state states[] = { STATE_DELETE_OWED, STATE_DROPPED,
		STATE_DELIVERED };
	static const struct {
		uint64_t listed, row;
		enum plan_action action;
	} sizes[] = {
		{ 0, 0, PLAN_LEAVE },
		{ 0, 100, PLAN_LEAVE },
		{ 100, 0, PLAN_LEAVE },
		{ 100, 100, PLAN_DELETE },
	};

	(void)state;
	for (size_t s = 0; s < sizeof(states) / sizeof(states[0]); s++)
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			struct world w;
			bool left = sizes[i].action == PLAN_LEAVE;

			world_begin(&w);
			listed(&w, "u", sizes[i].listed);
			known(&w, "u", 0, states[s])->octets = sizes[i].row;
			w.account.after = AFTER_DELETE;
			make(&w);
			assert_int_equal(action(&w, 0), sizes[i].action);
			assert_int_equal(w.plan.delete_count, !left);
			assert_false(w.plan.list[0].fresh);
			if (left)
				assert_non_null(
				    strstr(w.plan.list[0].reason, "size"));
			world_end(&w);
		}
}

static void
what_was_deleted_and_is_listed_again_is_held(void **state)
{
	static const enum state states[] = { STATE_DELETE_OWED, STATE_DROPPED,
		STATE_DELIVERED };

	(void)state;
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		struct world w;

		one(&w, STATE_GONE)->before = states[i];
		w.row_list[0].deletions = 1;
		w.account.after = AFTER_DELETE;
		make(&w);
		assert_int_equal(action(&w, 0), PLAN_HOLD);
		assert_true(w.plan.list[0].returned);
		assert_false(w.plan.list[0].fresh);
		assert_int_equal(w.plan.delete_count, 0);
		/* Other octets prove another message. */
		w.row_list[0].octets = 99;
		make(&w);
		assert_int_equal(action(&w, 0), PLAN_TAKE);
		assert_true(w.plan.list[0].fresh);
		world_end(&w);
	}
}

/* --- deletions --- */

static void
a_message_is_kept_to_the_second(void **state)
{
	static const struct {
		int64_t delivered;
		enum plan_action action;
	} table[] = {
		{ NOW - 14 * DAY - 1, PLAN_DELETE },
		{ NOW - 14 * DAY, PLAN_DELETE },
		{ NOW - 14 * DAY + 1, PLAN_LEAVE },
		{ NOW, PLAN_LEAVE },
		{ NOW + DAY, PLAN_LEAVE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct world w;

		one(&w, STATE_DELIVERED)->delivered = table[i].delivered;
		w.row_list[0].since = NOW - 300 * DAY;
		w.account.after = AFTER_KEEP_FOR;
		w.account.keep_s = 14 * DAY;
		make(&w);
		assert_int_equal(action(&w, 0), table[i].action);
		world_end(&w);
	}
}

static void
keep_for_no_time_deletes_at_once(void **state)
{
	struct world w;

	(void)state;
	one(&w, STATE_DELIVERED)->delivered = NOW;
	w.account.after = AFTER_KEEP_FOR;
	make(&w);
	assert_int_equal(action(&w, 0), PLAN_DELETE);
	world_end(&w);
}

static void
other_octets_under_a_uid_to_be_deleted_are_a_new_message(void **state)
{
	static const enum state states[] = { STATE_DELETE_OWED, STATE_DROPPED,
		STATE_DELIVERED };

	(void)state;
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		struct world w;

		one(&w, states[i])->octets = 99;
		w.row_list[0].deletions = 3;
		w.account.after = AFTER_DELETE;
		make(&w);
		assert_int_equal(action(&w, 0), PLAN_TAKE);
		assert_true(w.plan.list[0].fresh);
		assert_int_equal(w.plan.delete_count, 0);
		assert_int_equal(w.plan.stubborn, 0);
		world_end(&w);
	}
}

static void
a_new_message_under_an_old_uid_is_held_when_it_is_too_large(void **state)
{
	static const enum state states[] = { STATE_DELETE_OWED, STATE_DROPPED,
		STATE_GONE };

	(void)state;
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		struct world w;

		one(&w, states[i])->octets = 99;
		w.row_list[0].before = STATE_DELIVERED;
		w.account.max_size = 99;
		make(&w);
		assert_int_equal(action(&w, 0), PLAN_HOLD);
		assert_true(w.plan.list[0].fresh);
		world_end(&w);
	}
}

static void
three_deletions_in_vain_are_enough(void **state)
{
	static const enum state states[] = { STATE_DELETE_OWED, STATE_DROPPED,
		STATE_DELIVERED };

	(void)state;
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		for (uint32_t deletions = 0; deletions <= 4; deletions++) {
			struct world w;
			bool enough = deletions >= 3;

			one(&w, states[i])->deletions = deletions;
			w.account.after = AFTER_DELETE;
			make(&w);
			assert_int_equal(
			    action(&w, 0), enough ? PLAN_LEAVE : PLAN_DELETE);
			assert_int_equal(w.plan.stubborn, enough);
			assert_int_equal(w.plan.delete_count, !enough);
			world_end(&w);
		}
}

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
		struct world w;

		world_begin(&w);
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
		world_end(&w);
	}
}

static void
delete_at_once_does_not_ask_the_clock(void **state)
{
	struct world w;

	(void)state;
	one(&w, STATE_DELIVERED);
	w.account.after = AFTER_DELETE;
	w.in.last_poll = NOW + DAY;
	make(&w);
	assert_true(w.plan.clock_jumped);
	assert_int_equal(action(&w, 0), PLAN_DELETE);
	world_end(&w);
}

/* --- the first poll --- */

/* Five messages of 10, 20, … octets, the third known already. */
static void
first_poll(struct world *w, enum first_poll first)
{
	static const char *const uids[] = { "a", "b", "c", "d", "e" };

	world_begin(w);
	for (size_t i = 0; i < 5; i++)
		listed(w, uids[i], 10 * (i + 1));
	known(w, "c", 0, STATE_NEW)->octets = 30;
	w->account.first = first;
	w->in.first = true;
	w->in.last_poll = 0;
}

static void
expect_seen(const struct world *w, const char *pattern)
{
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(
		    action(w, i), pattern[i] == 's' ? PLAN_SEEN : PLAN_TAKE);
}

static void
the_first_poll_takes_all_by_default(void **state)
{
	struct world w;

	(void)state;
	first_poll(&w, FIRST_ALL);
	make(&w);
	expect_seen(&w, "ttttt");
	assert_int_equal(w.plan.take_count, 5);
	world_end(&w);
}

static void
the_first_poll_may_count_all_as_seen_but_what_was_begun(void **state)
{
	struct world w;

	(void)state;
	first_poll(&w, FIRST_NONE);
	make(&w);
	expect_seen(&w, "sstss");
	assert_int_equal(w.plan.take_count, 1);
	assert_int_equal(w.plan.take_octets, 30);
	world_end(&w);
}

static void
the_first_poll_may_take_the_last_ones(void **state)
{
	static const char *const patterns[] = { "sstss", "sstst", "ssttt",
		"ssttt", "stttt", "ttttt", "ttttt" };

	(void)state;
	for (uint64_t n = 0; n < 7; n++) {
		struct world w;

		first_poll(&w, FIRST_LAST);
		w.account.first_count = n;
		make(&w);
		expect_seen(&w, patterns[n]);
		world_end(&w);
	}
}

static void
the_first_poll_may_take_what_came_since(void **state)
{
	const int64_t arrivals[] = { NOW - 7 * DAY - 1, NOW - 7 * DAY,
		NOW - 700 * DAY, -1, NOW + DAY };
	struct world w;

	(void)state;
	first_poll(&w, FIRST_SINCE);
	w.account.first_s = 7 * DAY;
	w.in.arrivals = arrivals;
	make(&w);
	expect_seen(&w, "stttt");
	w.in.arrivals = NULL;
	make(&w);
	expect_seen(&w, "ttttt");
	world_end(&w);
}

static void
later_polls_take_what_is_new_whatever_the_first_did(void **state)
{
	static const enum first_poll firsts[] = { FIRST_ALL, FIRST_NONE,
		FIRST_SINCE, FIRST_LAST };

	(void)state;
	for (size_t i = 0; i < sizeof(firsts) / sizeof(firsts[0]); i++) {
		struct world w;

		first_poll(&w, firsts[i]);
		w.in.first = false;
		make(&w);
		expect_seen(&w, "ttttt");
		world_end(&w);
	}
}

static void
a_too_large_message_before_the_first_poll_is_seen_not_held(void **state)
{
	struct world w;

	(void)state;
	first_poll(&w, FIRST_LAST);
	w.account.first_count = 1;
	w.account.max_size = 5;
	make(&w);
	assert_int_equal(action(&w, 0), PLAN_SEEN);
	assert_int_equal(action(&w, 2), PLAN_HOLD);
	assert_int_equal(action(&w, 4), PLAN_HOLD);
	world_end(&w);
}

/* --- limits --- */

static void
only_a_message_larger_than_max_size_is_held(void **state)
{
	struct world w;

	(void)state;
	world_begin(&w);
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
	world_end(&w);
}

static void
new_mail_goes_before_retries_and_both_in_the_servers_order(void **state)
{
	const size_t order[] = { 1, 3, 4, 0, 2, 5 };
	struct world w;

	(void)state;
	world_begin(&w);
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
	world_end(&w);
}

static void
a_new_message_that_returned_is_no_retry(void **state)
{
	const size_t order[] = { 1, 0 };
	struct world w;

	(void)state;
	world_begin(&w);
	listed(&w, "a", 100);
	listed(&w, "b", 100);
	known(&w, "a", 0, STATE_DEFERRED);
	known(&w, "b", 0, STATE_GONE)->before = STATE_NEW;
	make(&w);
	takes(&w, order, 2);
	world_end(&w);
}

static void
fetch_limit_counts_only_what_is_taken(void **state)
{
	const size_t order[] = { 3, 5 };
	struct world w;

	(void)state;
	world_begin(&w);
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
	world_end(&w);
}

static void
fetch_limit_is_met_exactly(void **state)
{
	(void)state;
	for (uint64_t limit = 0; limit <= 4; limit++) {
		struct world w;
		uint64_t taken = limit == 0 || limit > 3 ? 3 : limit;

		world_begin(&w);
		listed(&w, "a", 1);
		listed(&w, "b", 1);
		listed(&w, "c", 1);
		w.account.fetch_limit = limit;
		make(&w);
		assert_int_equal(w.plan.take_count, taken);
		assert_int_equal(w.plan.left_for_later, 3 - taken);
		world_end(&w);
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
		struct world w;

		one(&w, STATE_DEFERRED)->next_try = table[i].next_try;
		w.in.impatient = table[i].impatient;
		make(&w);
		assert_int_equal(action(&w, 0), table[i].action);
		world_end(&w);
	}
}

static void
what_this_run_has_tried_is_left_alone(void **state)
{
	static const enum state states[] = { STATE_DEFERRED, STATE_IN_DOUBT };

	(void)state;
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		for (int before = -1; before <= 1; before++) {
			struct world w;

			one(&w, states[i])->since = NOW - MINUTE + before;
			w.in.run_started = NOW - MINUTE;
			w.in.impatient = true;
			make(&w);
			assert_int_equal(
			    action(&w, 0), before < 0 ? PLAN_TAKE : PLAN_LEAVE);
			world_end(&w);
		}
}

static void
what_this_run_may_have_tried_is_left_alone(void **state)
{
	static const enum state states[] = { STATE_DEFERRED, STATE_IN_DOUBT };

	(void)state;
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		struct world w;

		one(&w, states[i])->since = NOW - 365 * DAY;
		w.in.run_started = INT64_MIN;
		w.in.impatient = true;
		make(&w);
		assert_int_equal(action(&w, 0), PLAN_LEAVE);
		world_end(&w);
	}
}

static void
a_message_in_doubt_is_resent_or_held_as_the_owner_wants(void **state)
{
	struct world w;

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
	world_end(&w);
}

static void
a_message_in_doubt_is_given_ten_minutes_to_arrive(void **state)
{
	(void)state;
	for (int impatient = 0; impatient <= 1; impatient++)
		for (int64_t age = 599; age <= 600; age++) {
			struct world w;

			one(&w, STATE_IN_DOUBT)->since = NOW - age;
			w.in.impatient = impatient;
			make(&w);
			assert_int_equal(action(&w, 0),
			    age == 600 || impatient ? PLAN_TAKE : PLAN_LEAVE);
			world_end(&w);
		}
}

static void
a_message_in_doubt_is_sent_again_three_times_and_then_held(void **state)
{
	(void)state;
	for (uint32_t doubts = 0; doubts <= 4; doubts++) {
		struct world w;

		one(&w, STATE_IN_DOUBT)->doubts = doubts;
		make(&w);
		assert_int_equal(
		    action(&w, 0), doubts < 3 ? PLAN_TAKE : PLAN_HOLD);
		assert_int_equal(w.plan.take_count, doubts < 3);
		world_end(&w);
	}
}

/* --- UIDs --- */

static void
uids_are_octets_and_nothing_else(void **state)
{
	struct world w;

	(void)state;
	world_begin(&w);
	listed(&w, "1", 100);
	listed(&w, "01", 100);
	listing_add(&w.listing, 3, slice_make("1\0", 2), 100);
	listed(&w, "1 ", 100);
	known(&w, "1", 0, STATE_DELIVERED);
	make(&w);
	assert_int_equal(action(&w, 0), PLAN_LEAVE);
	assert_int_equal(w.plan.take_count, 3);
	assert_null(w.plan.list[1].row);
	assert_null(w.plan.list[2].row);
	assert_null(w.plan.list[3].row);

	w.rows.count = 0;
	known(&w, "01", 0, STATE_DELIVERED);
	known(&w, "1", 0, STATE_HELD);
	known(&w, "1", 0, STATE_SEEN)->uid = slice_make("1\0", 2);
	known(&w, "1 ", 0, STATE_DELETE_OWED);
	make(&w);
	assert_ptr_equal(w.plan.list[0].row, &w.row_list[1]);
	assert_ptr_equal(w.plan.list[1].row, &w.row_list[0]);
	assert_ptr_equal(w.plan.list[2].row, &w.row_list[2]);
	assert_ptr_equal(w.plan.list[3].row, &w.row_list[3]);
	assert_int_equal(w.plan.gone_count, 0);
	world_end(&w);
}

static void
equal_uids_are_deleted_together_or_not_at_all(void **state)
{
	static const struct {
		enum state other;
		enum plan_action other_action;
		bool together;
	} table[] = {
		{ STATE_DELETE_OWED, PLAN_DELETE, true },
		{ STATE_DELIVERED, PLAN_DELETE, true },
		{ STATE_DROPPED, PLAN_DELETE, true },
		{ STATE_NEW, PLAN_TAKE, false },
		{ STATE_IN_DOUBT, PLAN_TAKE, false },
		{ STATE_DEFERRED, PLAN_TAKE, false },
		{ STATE_HELD, PLAN_LEAVE, false },
		{ STATE_SEEN, PLAN_LEAVE, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct world w;

		world_begin(&w);
		listed(&w, "u", 100);
		listed(&w, "single", 100);
		listed(&w, "u", 100);
		listed(&w, "u", 100);
		known(&w, "single", 0, STATE_DELETE_OWED);
		known(&w, "u", 0, STATE_DELETE_OWED);
		known(&w, "u", 1, table[i].other);
		known(&w, "u", 2, STATE_DELIVERED);
		w.account.after = AFTER_DELETE;
		make(&w);
		assert_int_equal(action(&w, 0),
		    table[i].together ? PLAN_DELETE : PLAN_LEAVE);
		assert_int_equal(action(&w, 1), PLAN_DELETE);
		assert_int_equal(action(&w, 2), table[i].other_action);
		assert_int_equal(action(&w, 3),
		    table[i].together ? PLAN_DELETE : PLAN_LEAVE);
		assert_int_equal(
		    w.plan.delete_count, table[i].together ? 4 : 1);
		world_end(&w);
	}
}

static void
an_unknown_copy_spares_the_others(void **state)
{
	struct world w;

	(void)state;
	world_begin(&w);
	listed(&w, "u", 100);
	listed(&w, "u", 100);
	known(&w, "u", 0, STATE_DELETE_OWED);
	make(&w);
	assert_int_equal(action(&w, 0), PLAN_LEAVE);
	assert_int_equal(action(&w, 1), PLAN_TAKE);
	assert_int_equal(w.plan.delete_count, 0);
	world_end(&w);
}

static void
a_copy_is_another_message_than_the_first(void **state)
{
	struct world w;

	(void)state;
	world_begin(&w);
	listed(&w, "u", 100);
	listed(&w, "u", 200);
	known(&w, "u", 0, STATE_DELIVERED);
	known(&w, "u", 1, STATE_HELD)->octets = 200;
	make(&w);
	assert_ptr_equal(w.plan.list[0].row, &w.row_list[0]);
	assert_ptr_equal(w.plan.list[1].row, &w.row_list[1]);
	assert_int_equal(w.plan.held, 1);
	world_end(&w);
}

static void
a_stubborn_copy_spares_the_others(void **state)
{
	struct world w;

	(void)state;
	world_begin(&w);
	listed(&w, "u", 100);
	listed(&w, "u", 100);
	known(&w, "u", 0, STATE_DELETE_OWED)->deletions = 3;
	known(&w, "u", 1, STATE_DELETE_OWED);
	make(&w);
	assert_int_equal(w.plan.delete_count, 0);
	assert_int_equal(w.plan.stubborn, 1);
	world_end(&w);
}

static void
two_plans_from_the_same_facts_are_the_same(void **state)
{
	struct world w;
	enum plan_action first[5];

	(void)state;
	first_poll(&w, FIRST_LAST);
	w.account.first_count = 2;
	w.account.fetch_limit = 2;
	make(&w);
	for (size_t i = 0; i < 5; i++)
		first[i] = action(&w, i);
	make(&w);
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(action(&w, i), first[i]);
	world_end(&w);
}

static void
a_large_mailbox_is_looked_up_row_by_row(void **state)
{
	enum {
		LARGE = 30000
	};
	struct row *list = xcalloc(LARGE, sizeof(*list));
	char(*uids)[12] = xcalloc(LARGE, sizeof(*uids));
	struct world w;

	(void)state;
	world_begin(&w);
	for (int i = 0; i < LARGE; i++) {
		snprintf(uids[i], sizeof(uids[i]), "%08d", i);
		list[i] = (struct row){ .message = i + 1,
			.uid = slice_of(uids[i]),
			.state = STATE_DELIVERED,
			.octets = 100 };
		/* Every third has gone. */
		if (i % 3 != 0)
			listed(&w, uids[i], 100);
	}
	w.rows = (struct rows){ .list = list, .count = LARGE };
	make(&w);
	assert_int_equal(w.plan.gone_count, LARGE / 3);
	assert_int_equal(w.plan.take_count, 0);
	for (size_t i = 0; i < w.plan.count; i++)
		assert_true(slice_equal(
		    w.plan.list[i].row->uid, w.listing.list[i].uid));
	world_end(&w);
	free(list);
	free(uids);
}

/* --- refused for good --- */

static void
a_report_that_is_owed_waits_for_its_time(void **state)
{
	struct world w;
	struct row *r;

	(void)state;
	r = one(&w, STATE_REPORT_OWED);
	w.account.on_reject = REJECT_BOUNCE;
	r->rejected = true;
	r->next_try = NOW + 1;
	make(&w);
	assert_int_equal(action(&w, 0), PLAN_LEAVE);
	r->next_try = NOW;
	make(&w);
	assert_int_equal(action(&w, 0), PLAN_REPORT);
	assert_int_equal(w.plan.take_count, 0);
	r->next_try = NOW + 1;
	w.in.impatient = true;
	make(&w);
	assert_int_equal(action(&w, 0), PLAN_REPORT);
	/* Tried in this run already. */
	r->attempts = 1;
	r->since = w.in.run_started = NOW - 5;
	make(&w);
	assert_int_equal(action(&w, 0), PLAN_LEAVE);
	world_end(&w);
}

static void
a_report_in_doubt_is_reported_again_and_never_delivered(void **state)
{
	struct world w;
	struct row *r;

	(void)state;
	r = one(&w, STATE_IN_DOUBT);
	r->rejected = true;
	w.account.on_reject = REJECT_POSTMASTER;
	make(&w);
	assert_int_equal(action(&w, 0), PLAN_REPORT);
	w.account.hold_in_doubt = true;
	make(&w);
	assert_int_equal(action(&w, 0), PLAN_HOLD);
	world_end(&w);
}

static void
a_report_that_is_no_longer_asked_for_is_the_owners_to_decide(void **state)
{
	static const enum on_reject how[] = { REJECT_HOLD, REJECT_DROP };
	struct world w;

	(void)state;
	one(&w, STATE_REPORT_OWED)->rejected = true;
	for (size_t i = 0; i < sizeof(how) / sizeof(how[0]); i++) {
		w.account.on_reject = how[i];
		make(&w);
		assert_int_equal(action(&w, 0), PLAN_HOLD);
	}
	world_end(&w);
}

static void
what_was_refused_and_dealt_with_is_deleted_like_what_was_delivered(void **state)
{
	struct world w;
	struct row *r;

	(void)state;
	r = one(&w, STATE_REJECTED);
	r->delivered = NOW - 5 * DAY;
	make(&w);
	assert_int_equal(action(&w, 0), PLAN_LEAVE);
	w.account.after = AFTER_KEEP_FOR;
	w.account.keep_s = 6 * DAY;
	make(&w);
	assert_int_equal(action(&w, 0), PLAN_LEAVE);
	w.account.keep_s = 5 * DAY;
	make(&w);
	assert_int_equal(action(&w, 0), PLAN_DELETE);
	w.account.after = AFTER_DELETE;
	make(&w);
	assert_int_equal(action(&w, 0), PLAN_DELETE);
	world_end(&w);
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
			struct world w;
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
			world_end(&w);
		}
	}
}

static void
what_is_left_alone_for_now_is_something_to_do(void **state)
{
	static const enum state states[] = { STATE_DROPPED, STATE_DELETE_OWED,
		STATE_DELIVERED, STATE_REJECTED };
	struct world w;
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
		world_end(&w);
	}
	/* What was in doubt, or refused, a moment ago. */
	for (size_t i = 0; i < 2; i++) {
		r = one(&w, i == 0 ? STATE_IN_DOUBT : STATE_DEFERRED);
		w.in.run_started = INT64_MIN;
		make(&w);
		assert_int_equal(action(&w, 0), PLAN_LEAVE);
		assert_int_equal(w.plan.quiet_until, 0);
		world_end(&w);
	}
	/* What is held now is held at the next poll. */
	one(&w, STATE_IN_DOUBT);
	w.account.hold_in_doubt = true;
	make(&w);
	assert_int_equal(action(&w, 0), PLAN_HOLD);
	assert_int_equal(w.plan.quiet_until, 0);
	world_end(&w);
	/* Beyond fetch_limit. */
	world_begin(&w);
	listed(&w, "a", 100);
	known(&w, "a", 0, STATE_HELD);
	listed(&w, "b", 100);
	listed(&w, "c", 100);
	w.account.fetch_limit = 1;
	make(&w);
	assert_int_equal(action(&w, 2), PLAN_LEAVE);
	assert_int_equal(w.plan.quiet_until, 0);
	world_end(&w);
}

static void
the_first_to_want_something_says_when(void **state)
{
	struct world w;
	struct row *rows[3];

	(void)state;
	world_begin(&w);
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
	world_end(&w);
}

static void
an_empty_mailbox_is_quiet_and_one_that_has_lost_something_is_not(void **state)
{
	struct world w;

	(void)state;
	world_begin(&w);
	known(&w, "a", 0, STATE_GONE)->before = STATE_DELIVERED;
	make(&w);
	assert_int_equal(w.plan.quiet_until, FAR);
	known(&w, "b", 0, STATE_DELIVERED);
	make(&w);
	assert_int_equal(w.plan.quiet_until, 0);
	world_end(&w);
}

static void
what_makes_a_listing_doubtful_makes_none_quiet(void **state)
{
	struct world w;

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
	world_end(&w);
	/* It was gone, and is there again. */
	one(&w, STATE_GONE)->before = STATE_SEEN;
	make(&w);
	assert_int_equal(action(&w, 0), PLAN_LEAVE);
	assert_int_equal(w.plan.quiet_until, 0);
	world_end(&w);
	/* Two of one UID. */
	world_begin(&w);
	for (uint32_t i = 0; i < 2; i++) {
		listed(&w, "u", 100);
		known(&w, "u", i, STATE_SEEN);
	}
	make(&w);
	assert_int_equal(action(&w, 1), PLAN_LEAVE);
	assert_int_equal(w.plan.quiet_until, 0);
	world_end(&w);
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
		    an_empty_mailbox_and_an_empty_ledger_make_an_empty_plan),
		cmocka_unit_test(what_an_empty_mailbox_lists_no_longer_is_gone),
		cmocka_unit_test(
		    every_state_but_gone_goes_when_it_is_not_listed),
		cmocka_unit_test(what_the_ledger_does_not_know_is_taken),
		cmocka_unit_test(each_state_has_its_action),
		cmocka_unit_test(what_has_returned_is_as_before),
		cmocka_unit_test(
		    a_gone_uid_with_other_octets_is_another_message),
		cmocka_unit_test(octets_that_nobody_told_make_no_other_message),
		cmocka_unit_test(
		    a_deletion_is_not_paid_while_a_size_is_unknown),
		cmocka_unit_test(what_was_deleted_and_is_listed_again_is_held),
		cmocka_unit_test(a_message_is_kept_to_the_second),
		cmocka_unit_test(keep_for_no_time_deletes_at_once),
		cmocka_unit_test(
		    other_octets_under_a_uid_to_be_deleted_are_a_new_message),
		cmocka_unit_test(
		    a_new_message_under_an_old_uid_is_held_when_it_is_too_large),
		cmocka_unit_test(three_deletions_in_vain_are_enough),
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
		cmocka_unit_test(uids_are_octets_and_nothing_else),
		cmocka_unit_test(equal_uids_are_deleted_together_or_not_at_all),
		cmocka_unit_test(an_unknown_copy_spares_the_others),
		cmocka_unit_test(a_copy_is_another_message_than_the_first),
		cmocka_unit_test(a_stubborn_copy_spares_the_others),
		cmocka_unit_test(a_report_that_is_owed_waits_for_its_time),
		cmocka_unit_test(
		    a_report_in_doubt_is_reported_again_and_never_delivered),
		cmocka_unit_test(
		    a_report_that_is_no_longer_asked_for_is_the_owners_to_decide),
		cmocka_unit_test(
		    what_was_refused_and_dealt_with_is_deleted_like_what_was_delivered),
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
		cmocka_unit_test(two_plans_from_the_same_facts_are_the_same),
		cmocka_unit_test(a_large_mailbox_is_looked_up_row_by_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
