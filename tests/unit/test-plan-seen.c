/*
 * test-plan-seen.c - what counts as seen: by a baseline, since another program
 * has fetched it, and what is deleted of it.
 */
#include "poll/plan.h"

#include "../kit/facts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* --- a baseline --- */

/* One letter for each message: s: seen, -: left. */
static void
expect(const struct facts *w, const char *pattern)
{
	assert_int_equal(w->plan.count, strlen(pattern));
	for (size_t i = 0; pattern[i] != '\0'; i++)
		assert_int_equal(
		    action(w, i), pattern[i] == 's' ? PLAN_SEEN : PLAN_LEAVE);
	assert_int_equal(w->plan.take_count + w->plan.delete_count, 0);
	assert_int_equal(w->plan.quiet_until, 0);
}

static void
a_baseline_makes_seen_what_nobody_knows(void **state)
{
	const struct baseline b = { 0 };
	struct facts w;

	(void)state;
	first_poll(&w, FIRST_ALL);
	w.in.baseline = &b;
	make(&w);
	expect(&w, "ss-ss");
	w.in.first = false;
	w.account.max_size = 5;
	make(&w);
	expect(&w, "ss-ss");
	facts_end(&w);
}

static void
a_baseline_may_leave_the_last_ones(void **state)
{
	static const char *const patterns[] = { "ss-ss", "ss-s-", "ss---",
		"ss---", "s----", "-----", "-----" };

	(void)state;
	for (uint64_t n = 0; n < 7; n++) {
		const struct baseline b = { .last = n };
		struct facts w;

		first_poll(&w, FIRST_ALL);
		w.in.baseline = &b;
		make(&w);
		expect(&w, patterns[n]);
		facts_end(&w);
	}
}

static void
a_baseline_may_leave_what_came_later_or_nobody_knows_when(void **state)
{
	const int64_t arrivals[] = { NOW - 1, NOW, NOW - 9, -1, 0 };
	const struct baseline before = { .before = NOW },
			      both = { .before = NOW, .last = 1 };
	struct facts w;

	(void)state;
	first_poll(&w, FIRST_ALL);
	w.in.arrivals = arrivals;
	w.in.baseline = &before;
	make(&w);
	expect(&w, "s---s");
	w.in.baseline = &both;
	make(&w);
	expect(&w, "s----");
	facts_end(&w);
}

/* Nothing is delivered, deleted, reported or held, and nothing is forgotten. */
static void
whatever_is_known_stays_what_it_is_in_a_baseline(void **state)
{
	const struct baseline b = { 0 };

	(void)state;
	for (int s = STATE_NEW; s <= STATE_GONE; s++) {
		struct facts w;
		struct row *r = one(&w, (enum state)s);

		r->before = STATE_DELIVERED;
		r->rejected = s == STATE_IN_DOUBT;
		r->doubts = 9;
		w.account.after = AFTER_DELETE;
		w.account.delete_seen = true;
		w.account.hold_in_doubt = true;
		w.in.baseline = &b;
		make(&w);
		expect(&w, "-");
		assert_int_equal(w.plan.held, s == STATE_HELD);
		assert_int_equal(w.plan.list[0].returned, s == STATE_GONE);
		facts_end(&w);
	}
}

static void
another_message_than_the_one_that_has_gone_becomes_seen(void **state)
{
	const struct baseline b = { 0 };
	struct facts w;
	struct row *r = one(&w, STATE_GONE);

	(void)state;
	r->before = STATE_DELIVERED;
	r->octets = 99;
	w.in.baseline = &b;
	make(&w);
	expect(&w, "s");
	assert_true(w.plan.list[0].fresh);
	facts_end(&w);
}

static void
copies_of_a_uid_become_seen_each_by_itself(void **state)
{
	const struct baseline b = { 0 };
	struct facts w;

	(void)state;
	facts_begin(&w);
	listed(&w, "u", 100);
	listed(&w, "u", 200);
	listed(&w, "u", 300);
	known(&w, "u", 0, STATE_DEFERRED);
	known(&w, "u", 5, STATE_DELIVERED);
	w.in.baseline = &b;
	make(&w);
	expect(&w, "-ss");
	assert_int_equal(w.plan.gone_count, 1);
	facts_end(&w);
}

/* --- imported --- */

static struct row *
imported(struct facts *w, const char *uid, bool loose)
{
	struct row *r = known(w, uid, 0, STATE_SEEN);

	r->octets = 0;
	r->imported = true;
	r->loose = loose;
	return r;
}

static void
is_found(const struct facts *w, size_t i, const struct row *row)
{
	assert_int_equal(action(w, i), PLAN_LEAVE);
	assert_ptr_equal(w->plan.list[i].row, row);
	assert_true(w->plan.list[i].found);
}

static void
is_new(const struct facts *w, size_t i)
{
	assert_int_equal(action(w, i), PLAN_TAKE);
	assert_null(w->plan.list[i].row);
	assert_false(w->plan.list[i].found);
}

static void
an_imported_one_is_known_by_its_uid_whatever_its_size(void **state)
{
	struct facts w;
	struct row *r;

	(void)state;
	facts_begin(&w);
	listed(&w, "a", 123456);
	listed(&w, "b", 0);
	listed(&w, "c", 7);
	r = imported(&w, "a", false);
	imported(&w, "b", false);
	make(&w);
	is_found(&w, 0, r);
	is_found(&w, 1, r + 1);
	is_new(&w, 2);
	assert_int_equal(w.plan.gone_count, 0);
	assert_int_equal(w.plan.quiet_until, 0);
	facts_end(&w);
}

static void
one_that_was_found_before_is_like_any_other(void **state)
{
	struct facts w;

	(void)state;
	one(&w, STATE_SEEN);
	make(&w);
	assert_int_equal(action(&w, 0), PLAN_LEAVE);
	assert_false(w.plan.list[0].found);
	assert_int_equal(w.plan.quiet_until, NOW + DAY);
	facts_end(&w);
}

static void
a_loose_uid_is_found_by_the_one_that_it_stands_for(void **state)
{
	struct facts w;
	struct row *r;

	(void)state;
	facts_begin(&w);
	listed(&w, "a/b/c", 10);
	listed(&w, "a/b-d", 20);
	listed(&w, "plain", 30);
	listed(&w, "a/b/e", 40);
	listed(&w, "a_b", 50);
	r = imported(&w, "a-b-c", true);
	imported(&w, "a-b-d", true);
	imported(&w, "a-b-e", false);
	imported(&w, "plain", true);
	make(&w);
	is_found(&w, 0, r);
	is_found(&w, 1, r + 1);
	is_found(&w, 2, r + 3);
	is_new(&w, 3);
	is_new(&w, 4);
	assert_int_equal(w.plan.gone_count, 1);
	facts_end(&w);
}

static void
an_exact_match_goes_first_and_a_row_is_one_message_only(void **state)
{
	struct facts w;
	struct row *r;

	(void)state;
	facts_begin(&w);
	listed(&w, "a/b", 10);
	listed(&w, "a-b", 20);
	listed(&w, "c/d/e", 30);
	listed(&w, "c/d-e", 40);
	listed(&w, "c-d/e", 50);
	r = imported(&w, "a-b", true);
	imported(&w, "c-d-e", true);
	make(&w);
	is_new(&w, 0);
	is_found(&w, 1, r);
	is_found(&w, 2, r + 1);
	is_new(&w, 3);
	is_new(&w, 4);
	facts_end(&w);
}

static void
a_row_that_has_its_own_uid_is_not_found_loosely(void **state)
{
	struct facts w;

	(void)state;
	facts_begin(&w);
	listed(&w, "a/b", 100);
	known(&w, "a-b", 0, STATE_SEEN);
	make(&w);
	is_new(&w, 0);
	assert_int_equal(w.plan.gone_count, 1);
	facts_end(&w);
}

/* A server may have shown an empty mailbox for once. */
static void
one_that_has_gone_before_it_was_listed_is_found_when_it_is(void **state)
{
	struct facts w;
	struct row *r;

	(void)state;
	facts_begin(&w);
	listed(&w, "a/b", 100);
	r = imported(&w, "a-b", true);
	r->state = STATE_GONE;
	r->before = STATE_SEEN;
	make(&w);
	is_found(&w, 0, r);
	assert_true(w.plan.list[0].returned);
	facts_end(&w);
}

static void
of_two_messages_with_the_uid_that_was_imported_one_is_new(void **state)
{
	struct facts w;
	struct row *r;

	(void)state;
	facts_begin(&w);
	listed(&w, "a/b", 10);
	listed(&w, "a/b", 20);
	r = imported(&w, "a-b", true);
	make(&w);
	is_found(&w, 0, r);
	is_new(&w, 1);
	facts_end(&w);
}

/* --- what is deleted of it --- */

static void
what_counts_as_seen_is_deleted_only_where_its_owner_says_so(void **state)
{
	static const struct {
		bool delete_seen;
		enum after_delivery after;
		int64_t since; /* ago */
		enum plan_action action;
		int64_t quiet; /* from now; 0: not */
	} table[] = {
		{ false, AFTER_KEEP, 20, PLAN_LEAVE, DAY },
		{ false, AFTER_DELETE, 20, PLAN_LEAVE, DAY },
		{ false, AFTER_KEEP_FOR, 20, PLAN_LEAVE, DAY },
		{ true, AFTER_KEEP, 20, PLAN_LEAVE, DAY },
		{ true, AFTER_DELETE, 20, PLAN_DELETE, 0 },
		{ true, AFTER_DELETE, 0, PLAN_DELETE, 0 },
		{ true, AFTER_KEEP_FOR, 14, PLAN_DELETE, 0 },
		{ true, AFTER_KEEP_FOR, 13, PLAN_LEAVE, DAY },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct facts w;

		one(&w, STATE_SEEN)->since = NOW - table[i].since * DAY;
		w.account.delete_seen = table[i].delete_seen;
		w.account.after = table[i].after;
		w.account.keep_s = 14 * DAY;
		make(&w);
		assert_int_equal(action(&w, 0), table[i].action);
		assert_int_equal(w.plan.quiet_until,
		    table[i].quiet > 0 ? NOW + table[i].quiet : 0);
		facts_end(&w);
	}
}

static void
a_quiet_mailbox_is_looked_at_when_something_seen_is_due(void **state)
{
	struct facts w;

	(void)state;
	one(&w, STATE_SEEN)->since = NOW - 14 * DAY + 60;
	w.account.delete_seen = true;
	w.account.after = AFTER_KEEP_FOR;
	w.account.keep_s = 14 * DAY;
	make(&w);
	assert_int_equal(w.plan.quiet_until, NOW + 60);
	facts_end(&w);
}

static void
nothing_seen_is_deleted_by_age_after_the_clock_jumped(void **state)
{
	struct facts w;

	(void)state;
	one(&w, STATE_SEEN);
	w.account.delete_seen = true;
	w.account.after = AFTER_KEEP_FOR;
	w.account.keep_s = DAY;
	w.in.last_poll = NOW - 300 * DAY;
	make(&w);
	assert_true(w.plan.clock_jumped);
	assert_int_equal(action(&w, 0), PLAN_LEAVE);
	facts_end(&w);
}

/* Its UID is all that is known of it yet. */
static void
an_imported_one_is_not_deleted_when_it_is_listed_for_the_first_time(
    void **state)
{
	struct facts w;

	(void)state;
	facts_begin(&w);
	listed(&w, "a", 100);
	imported(&w, "a", false);
	w.account.delete_seen = true;
	w.account.after = AFTER_DELETE;
	make(&w);
	assert_int_equal(action(&w, 0), PLAN_LEAVE);
	assert_non_null(strstr(w.plan.list[0].reason, "listed twice"));
	assert_int_equal(w.plan.delete_count, 0);
	facts_end(&w);
}

static void
another_size_than_what_was_seen_is_another_message(void **state)
{
	struct facts w;

	(void)state;
	one(&w, STATE_SEEN)->octets = 99;
	w.account.delete_seen = true;
	w.account.after = AFTER_DELETE;
	make(&w);
	assert_int_equal(action(&w, 0), PLAN_TAKE);
	assert_true(w.plan.list[0].fresh);
	facts_end(&w);
}

/* It is kept as long as one that has become seen just now. */
static void
what_was_gone_and_is_listed_again_is_not_overdue(void **state)
{
	struct facts w;
	struct row *r = one(&w, STATE_GONE);

	(void)state;
	r->before = STATE_SEEN;
	w.account.delete_seen = true;
	w.account.after = AFTER_KEEP_FOR;
	w.account.keep_s = DAY;
	make(&w);
	assert_int_equal(action(&w, 0), PLAN_LEAVE);
	facts_end(&w);
}

static void
copies_are_deleted_together_or_not_at_all(void **state)
{
	struct facts w;

	(void)state;
	facts_begin(&w);
	listed(&w, "u", 100);
	listed(&w, "u", 100);
	known(&w, "u", 0, STATE_SEEN);
	known(&w, "u", 1, STATE_SEEN);
	w.account.delete_seen = true;
	w.account.after = AFTER_DELETE;
	make(&w);
	assert_int_equal(w.plan.delete_count, 2);
	w.row_list[1].state = STATE_HELD;
	make(&w);
	assert_int_equal(w.plan.delete_count, 0);
	facts_end(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_baseline_makes_seen_what_nobody_knows),
		cmocka_unit_test(a_baseline_may_leave_the_last_ones),
		cmocka_unit_test(
		    a_baseline_may_leave_what_came_later_or_nobody_knows_when),
		cmocka_unit_test(
		    whatever_is_known_stays_what_it_is_in_a_baseline),
		cmocka_unit_test(
		    another_message_than_the_one_that_has_gone_becomes_seen),
		cmocka_unit_test(copies_of_a_uid_become_seen_each_by_itself),
		cmocka_unit_test(
		    an_imported_one_is_known_by_its_uid_whatever_its_size),
		cmocka_unit_test(one_that_was_found_before_is_like_any_other),
		cmocka_unit_test(
		    a_loose_uid_is_found_by_the_one_that_it_stands_for),
		cmocka_unit_test(
		    an_exact_match_goes_first_and_a_row_is_one_message_only),
		cmocka_unit_test(
		    a_row_that_has_its_own_uid_is_not_found_loosely),
		cmocka_unit_test(
		    one_that_has_gone_before_it_was_listed_is_found_when_it_is),
		cmocka_unit_test(
		    of_two_messages_with_the_uid_that_was_imported_one_is_new),
		cmocka_unit_test(
		    what_counts_as_seen_is_deleted_only_where_its_owner_says_so),
		cmocka_unit_test(
		    a_quiet_mailbox_is_looked_at_when_something_seen_is_due),
		cmocka_unit_test(
		    nothing_seen_is_deleted_by_age_after_the_clock_jumped),
		cmocka_unit_test(
		    an_imported_one_is_not_deleted_when_it_is_listed_for_the_first_time),
		cmocka_unit_test(
		    another_size_than_what_was_seen_is_another_message),
		cmocka_unit_test(
		    what_was_gone_and_is_listed_again_is_not_overdue),
		cmocka_unit_test(copies_are_deleted_together_or_not_at_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
