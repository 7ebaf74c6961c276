/* test-plan.c - what a plan makes of each message, and why. */
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

/* --- nothing there --- */

static void
an_empty_mailbox_and_an_empty_ledger_make_an_empty_plan(void **state)
{
	struct facts w;

	(void)state;
	facts_begin(&w);
	make(&w);
	assert_int_equal(w.plan.count, 0);
	assert_int_equal(w.plan.take_count, 0);
	assert_int_equal(w.plan.delete_count, 0);
	assert_int_equal(w.plan.gone_count, 0);
	assert_false(w.plan.clock_jumped);
	facts_end(&w);
}

static void
what_an_empty_mailbox_lists_no_longer_is_gone(void **state)
{
	struct facts w;

	(void)state;
	facts_begin(&w);
	known(&w, "a", 0, STATE_DELIVERED);
	known(&w, "b", 0, STATE_GONE)->before = STATE_DELIVERED;
	known(&w, "c", 0, STATE_DELETE_OWED);
	make(&w);
	assert_int_equal(w.plan.gone_count, 2);
	assert_ptr_equal(w.plan.gone[0], &w.row_list[0]);
	assert_ptr_equal(w.plan.gone[1], &w.row_list[2]);
	facts_end(&w);
}

static void
every_state_but_gone_goes_when_it_is_not_listed(void **state)
{
	(void)state;
	for (int s = 0; s < STATES; s++) {
		struct facts w;

		facts_begin(&w);
		known(&w, "u", 0, (enum state)s);
		listed(&w, "v", 100);
		make(&w);
		assert_int_equal(w.plan.gone_count, s == STATE_GONE ? 0 : 1);
		assert_int_equal(action(&w, 0), PLAN_TAKE);
		facts_end(&w);
	}
}

static void
what_the_ledger_does_not_know_is_taken(void **state)
{
	const size_t order[] = { 0, 1, 2 };
	struct facts w;

	(void)state;
	facts_begin(&w);
	listed(&w, "z", 1);
	listed(&w, "a", 20);
	listed(&w, "m", 300);
	make(&w);
	takes(&w, order, 3);
	assert_int_equal(w.plan.take_octets, 321);
	assert_null(w.plan.list[0].row);
	assert_false(w.plan.list[0].fresh);
	facts_end(&w);
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
		struct facts w;

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
		facts_end(&w);
	}
}

static void
what_has_returned_is_as_before(void **state)
{
	(void)state;
	for (int s = 0; s < STATE_GONE; s++) {
		struct facts was, is;

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
		facts_end(&was);
		facts_end(&is);
	}
}

static void
a_gone_uid_with_other_octets_is_another_message(void **state)
{
	(void)state;
	for (int s = 0; s < STATE_GONE; s++) {
		struct facts w;

		one(&w, STATE_GONE)->before = (enum state)s;
		w.row_list[0].octets = 101;
		make(&w);
		assert_int_equal(action(&w, 0), PLAN_TAKE);
		assert_true(w.plan.list[0].fresh);
		facts_end(&w);
	}
}

static void
octets_that_nobody_told_make_no_other_message(void **state)
{
	struct facts w;

	(void)state;
	one(&w, STATE_GONE)->before = STATE_DELIVERED;
	w.row_list[0].octets = 0;
	make(&w);
	assert_int_equal(action(&w, 0), PLAN_LEAVE);
	assert_false(w.plan.list[0].fresh);
	facts_end(&w);
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
			struct facts w;
			bool left = sizes[i].action == PLAN_LEAVE;

			facts_begin(&w);
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
			facts_end(&w);
		}
}

static void
what_was_deleted_and_is_listed_again_is_held(void **state)
{
	static const enum state states[] = { STATE_DELETE_OWED, STATE_DROPPED,
		STATE_DELIVERED };

	(void)state;
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		struct facts w;

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
		facts_end(&w);
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
		struct facts w;

		one(&w, STATE_DELIVERED)->delivered = table[i].delivered;
		w.row_list[0].since = NOW - 300 * DAY;
		w.account.after = AFTER_KEEP_FOR;
		w.account.keep_s = 14 * DAY;
		make(&w);
		assert_int_equal(action(&w, 0), table[i].action);
		facts_end(&w);
	}
}

static void
keep_for_no_time_deletes_at_once(void **state)
{
	struct facts w;

	(void)state;
	one(&w, STATE_DELIVERED)->delivered = NOW;
	w.account.after = AFTER_KEEP_FOR;
	make(&w);
	assert_int_equal(action(&w, 0), PLAN_DELETE);
	facts_end(&w);
}

static void
other_octets_under_a_uid_to_be_deleted_are_a_new_message(void **state)
{
	static const enum state states[] = { STATE_DELETE_OWED, STATE_DROPPED,
		STATE_DELIVERED };

	(void)state;
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		struct facts w;

		one(&w, states[i])->octets = 99;
		w.row_list[0].deletions = 3;
		w.account.after = AFTER_DELETE;
		make(&w);
		assert_int_equal(action(&w, 0), PLAN_TAKE);
		assert_true(w.plan.list[0].fresh);
		assert_int_equal(w.plan.delete_count, 0);
		assert_int_equal(w.plan.stubborn, 0);
		facts_end(&w);
	}
}

static void
a_new_message_under_an_old_uid_is_held_when_it_is_too_large(void **state)
{
	static const enum state states[] = { STATE_DELETE_OWED, STATE_DROPPED,
		STATE_GONE };

	(void)state;
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		struct facts w;

		one(&w, states[i])->octets = 99;
		w.row_list[0].before = STATE_DELIVERED;
		w.account.max_size = 99;
		make(&w);
		assert_int_equal(action(&w, 0), PLAN_HOLD);
		assert_true(w.plan.list[0].fresh);
		facts_end(&w);
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
			struct facts w;
			bool enough = deletions >= 3;

			one(&w, states[i])->deletions = deletions;
			w.account.after = AFTER_DELETE;
			make(&w);
			assert_int_equal(
			    action(&w, 0), enough ? PLAN_LEAVE : PLAN_DELETE);
			assert_int_equal(w.plan.stubborn, enough);
			assert_int_equal(w.plan.delete_count, !enough);
			facts_end(&w);
		}
}

/* --- UIDs --- */

static void
uids_are_octets_and_nothing_else(void **state)
{
	struct facts w;

	(void)state;
	facts_begin(&w);
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
	facts_end(&w);
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
		struct facts w;

		facts_begin(&w);
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
		facts_end(&w);
	}
}

static void
an_unknown_copy_spares_the_others(void **state)
{
	struct facts w;

	(void)state;
	facts_begin(&w);
	listed(&w, "u", 100);
	listed(&w, "u", 100);
	known(&w, "u", 0, STATE_DELETE_OWED);
	make(&w);
	assert_int_equal(action(&w, 0), PLAN_LEAVE);
	assert_int_equal(action(&w, 1), PLAN_TAKE);
	assert_int_equal(w.plan.delete_count, 0);
	facts_end(&w);
}

static void
a_copy_is_another_message_than_the_first(void **state)
{
	struct facts w;

	(void)state;
	facts_begin(&w);
	listed(&w, "u", 100);
	listed(&w, "u", 200);
	known(&w, "u", 0, STATE_DELIVERED);
	known(&w, "u", 1, STATE_HELD)->octets = 200;
	make(&w);
	assert_ptr_equal(w.plan.list[0].row, &w.row_list[0]);
	assert_ptr_equal(w.plan.list[1].row, &w.row_list[1]);
	assert_int_equal(w.plan.held, 1);
	facts_end(&w);
}

static void
a_stubborn_copy_spares_the_others(void **state)
{
	struct facts w;

	(void)state;
	facts_begin(&w);
	listed(&w, "u", 100);
	listed(&w, "u", 100);
	known(&w, "u", 0, STATE_DELETE_OWED)->deletions = 3;
	known(&w, "u", 1, STATE_DELETE_OWED);
	make(&w);
	assert_int_equal(w.plan.delete_count, 0);
	assert_int_equal(w.plan.stubborn, 1);
	facts_end(&w);
}

static void
two_plans_from_the_same_facts_are_the_same(void **state)
{
	struct facts w;
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
	facts_end(&w);
}

static void
a_large_mailbox_is_looked_up_row_by_row(void **state)
{
	enum {
		LARGE = 30000
	};
	struct row *list = xcalloc(LARGE, sizeof(*list));
	char(*uids)[12] = xcalloc(LARGE, sizeof(*uids));
	struct facts w;

	(void)state;
	facts_begin(&w);
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
	facts_end(&w);
	free(list);
	free(uids);
}

/* --- refused for good --- */

static void
a_report_that_is_owed_waits_for_its_time(void **state)
{
	struct facts w;
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
	facts_end(&w);
}

static void
a_report_in_doubt_is_reported_again_and_never_delivered(void **state)
{
	struct facts w;
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
	facts_end(&w);
}

static void
a_report_that_is_no_longer_asked_for_is_the_owners_to_decide(void **state)
{
	static const enum on_reject how[] = { REJECT_HOLD, REJECT_DROP };
	struct facts w;

	(void)state;
	one(&w, STATE_REPORT_OWED)->rejected = true;
	for (size_t i = 0; i < sizeof(how) / sizeof(how[0]); i++) {
		w.account.on_reject = how[i];
		make(&w);
		assert_int_equal(action(&w, 0), PLAN_HOLD);
	}
	facts_end(&w);
}

static void
what_was_refused_and_dealt_with_is_deleted_like_what_was_delivered(void **state)
{
	struct facts w;
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
	facts_end(&w);
}

static void
who_wants_only_owed_deletions_or_none_gets_no_others(void **state)
{
	struct facts w;

	(void)state;
	facts_begin(&w);
	w.account.after = AFTER_KEEP;
	listed(&w, "a", 100);
	known(&w, "a", 0, STATE_DELETE_OWED)->octets = 100;
	listed(&w, "b", 100);
	known(&w, "b", 0, STATE_DROPPED)->octets = 100;
	listed(&w, "c", 100);
	w.in.only_owed = true;
	make(&w);
	assert_int_equal(action(&w, 0), PLAN_DELETE);
	assert_int_equal(action(&w, 1), PLAN_LEAVE);
	assert_int_equal(action(&w, 2), PLAN_LEAVE);
	w.in.only_owed = false;
	w.in.spare_owed = true;
	make(&w);
	assert_int_equal(w.plan.delete_count, 0);
	assert_int_equal(action(&w, 0), PLAN_LEAVE);
	assert_int_equal(action(&w, 1), PLAN_LEAVE);
	assert_int_equal(action(&w, 2), PLAN_TAKE);
	facts_end(&w);
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
		    who_wants_only_owed_deletions_or_none_gets_no_others),
		cmocka_unit_test(two_plans_from_the_same_facts_are_the_same),
		cmocka_unit_test(a_large_mailbox_is_looked_up_row_by_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
