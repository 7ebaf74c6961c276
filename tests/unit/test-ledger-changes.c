/* test-ledger-changes.c - what the other changes do, and to which row. */
#include "../kit/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* --- another message under the same UID --- */

static void
a_fresh_message_has_nothing_of_the_one_before(void **state)
{
	struct world w;
	struct row r;
	char text[256];
	int64_t m, again;

	(void)state;
	world_begin(&w);
	m = row_in(&w, "u", STATE_DEFERRED);
	verdict(&w, m, "u", STATE_DEFERRED, "later");
	intent(&w, m, "u");
	intent(&w, m, "u");
	assert_int_equal(row_of(&w, m).doubts, 1);
	verdict(&w, m, "u", STATE_DELETE_OWED, "250");
	apply_to(&w, CHANGE_DELETED, m);
	apply_to(&w, CHANGE_GONE, m);
	atomic_fetch_add(&wall, 1000);
	again = apply(&w,
	    (struct ledger_change){ .kind = CHANGE_INTENT,
		.uid = slice_of("u"),
		.octets = 777,
		.fresh = true });
	assert_int_equal(again, m);
	apply_to(&w, CHANGE_WITHDRAW, m);
	r = row_of(&w, m);
	assert_int_equal(r.state, STATE_NEW);
	assert_int_equal(r.octets, 777);
	assert_int_equal(r.doubts, 0);
	assert_int_equal(r.attempts, 0);
	assert_int_equal(r.deletions, 0);
	assert_int_equal(r.delivered, 0);
	assert_int_equal(r.next_try, 0);
	assert_int_equal(r.first_seen, START + 1000);
	assert_int_equal(r.since, START + 1000);
	assert_string_equal(ask(&w, "SELECT reply FROM message", text), "");
	assert_string_equal(ask(&w, "SELECT count(*) FROM message", text), "1");
	world_end(&w);
}

static void
a_fresh_message_has_been_accepted_by_nobody(void **state)
{
	struct world w;
	int64_t m;

	(void)state;
	world_begin(&w);
	m = intent(&w, 0, "u");
	verdict_of_two(&w, m, STATE_DEFERRED, STATE_DELIVERED, STATE_DEFERRED);
	apply_to(&w, CHANGE_GONE, m);
	apply(&w,
	    (struct ledger_change){ .kind = CHANGE_INTENT,
		.uid = slice_of("u"),
		.octets = 777,
		.fresh = true });
	apply_to(&w, CHANGE_WITHDRAW, m);
	expect_delivered(&w, m, "");
	world_end(&w);
}

static void
a_fresh_message_that_nobody_knew_is_simply_new(void **state)
{
	struct world w;
	int64_t m;

	(void)state;
	world_begin(&w);
	m = apply(&w,
	    (struct ledger_change){ .kind = CHANGE_VERDICT,
		.uid = slice_of("u"),
		.octets = 5,
		.fresh = true,
		.state = STATE_DELIVERED });
	assert_int_equal(state_of(&w, m), STATE_DELIVERED);
	world_end(&w);
}

/* --- the other changes --- */

/* Which state each change leads to, from which. */
static void
each_change_acts_only_where_it_should(void **state)
{
	static const struct {
		enum change_kind kind;
		enum state from, to;
	} acts[] = {
		{ CHANGE_SEEN, STATE_NEW, STATE_SEEN },
		{ CHANGE_OWE, STATE_DELIVERED, STATE_DELETE_OWED },
		{ CHANGE_OWE, STATE_SEEN, STATE_DELETE_OWED },
		{ CHANGE_OWE, STATE_DROPPED, STATE_DROPPED },
		{ CHANGE_OWE, STATE_NEW, STATE_NEW },
		{ CHANGE_OWE, STATE_IN_DOUBT, STATE_IN_DOUBT },
		{ CHANGE_OWE, STATE_DEFERRED, STATE_DEFERRED },
		{ CHANGE_OWE, STATE_HELD, STATE_HELD },
		{ CHANGE_OWE, STATE_DELETE_OWED, STATE_DELETE_OWED },
		{ CHANGE_OWE, STATE_GONE, STATE_GONE },
		{ CHANGE_SPARE, STATE_DELETE_OWED, STATE_DELIVERED },
		{ CHANGE_SPARE, STATE_DELIVERED, STATE_DELIVERED },
		{ CHANGE_SPARE, STATE_DROPPED, STATE_DROPPED },
		{ CHANGE_SPARE, STATE_NEW, STATE_NEW },
		{ CHANGE_SPARE, STATE_GONE, STATE_GONE },
		/* Nothing was found missing. */
		{ CHANGE_RESEND, STATE_DELIVERED, STATE_DELIVERED },
		{ CHANGE_RESEND, STATE_DELETE_OWED, STATE_DELETE_OWED },
		{ CHANGE_RETRY, STATE_HELD, STATE_NEW },
		{ CHANGE_RETRY, STATE_DROPPED, STATE_NEW },
		{ CHANGE_RETRY, STATE_DELIVERED, STATE_DELIVERED },
		{ CHANGE_RETRY, STATE_DELETE_OWED, STATE_DELETE_OWED },
		{ CHANGE_RETRY, STATE_SEEN, STATE_SEEN },
		{ CHANGE_RETRY, STATE_IN_DOUBT, STATE_IN_DOUBT },
		{ CHANGE_RETRY, STATE_GONE, STATE_GONE },
		{ CHANGE_DROP, STATE_HELD, STATE_DROPPED },
		{ CHANGE_DROP, STATE_NEW, STATE_NEW },
		{ CHANGE_DROP, STATE_IN_DOUBT, STATE_IN_DOUBT },
		{ CHANGE_DROP, STATE_DEFERRED, STATE_DEFERRED },
		{ CHANGE_DROP, STATE_DELIVERED, STATE_DELIVERED },
		{ CHANGE_DROP, STATE_GONE, STATE_GONE },
		{ CHANGE_GONE, STATE_DELIVERED, STATE_GONE },
		{ CHANGE_GONE, STATE_IN_DOUBT, STATE_GONE },
		{ CHANGE_GONE, STATE_GONE, STATE_GONE },
		{ CHANGE_RETURN, STATE_GONE, STATE_DEFERRED },
		{ CHANGE_RETURN, STATE_DELIVERED, STATE_DELIVERED },
		{ CHANGE_RETURN, STATE_IN_DOUBT, STATE_IN_DOUBT },
		{ CHANGE_DELETED, STATE_DELETE_OWED, STATE_DELETE_OWED },
		{ CHANGE_DELETED, STATE_DROPPED, STATE_DROPPED },
	};
	struct world w;

	(void)state;
	world_begin(&w);
	for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
		char uid[16];
		int64_t m;

		snprintf(uid, sizeof(uid), "u%zu", i);
		m = row_in(&w, uid, acts[i].from);
		assert_int_equal(state_of(&w, m), acts[i].from);
		apply_to(&w, acts[i].kind, m);
		if (state_of(&w, m) != acts[i].to)
			fail_msg("change %d of %s made it %s",
			    (int)acts[i].kind, state_name(acts[i].from),
			    state_name(state_of(&w, m)));
	}
	world_end(&w);
}

static void
what_is_missing_or_changed_can_be_sent_again(void **state)
{
	static const unsigned verdicts[] = { VERIFIED_MISSING,
		VERIFIED_SOURCE | VERIFIED_CHANGED, VERIFIED_SOURCE_CHANGED };
	struct world w;

	(void)state;
	world_begin(&w);
	for (size_t i = 0; i < 3; i++) {
		struct ledger_change verified = { .kind = CHANGE_VERIFIED,
			.verdict = verdicts[i] };
		char uid[16], text[256];

		snprintf(uid, sizeof(uid), "u%zu", i);
		verified.message = row_in(&w, uid, STATE_DELIVERED);
		apply(&w, verified);
		apply_to(&w, CHANGE_RESEND, verified.message);
		assert_int_equal(state_of(&w, verified.message),
		    i < 2 ? STATE_NEW : STATE_DELIVERED);
		assert_string_equal(ask(&w,
					"SELECT verdict FROM message"
					" ORDER BY id DESC LIMIT 1",
					text),
		    i < 2 ? "0" : "8");
	}
	world_end(&w);
}

static void
what_was_seen_is_so_again_when_it_is_spared(void **state)
{
	struct world w;
	int64_t m;

	(void)state;
	world_begin(&w);
	m = row_in(&w, "u", STATE_SEEN);
	apply_to(&w, CHANGE_OWE, m);
	apply_to(&w, CHANGE_SPARE, m);
	assert_int_equal(state_of(&w, m), STATE_SEEN);
	world_end(&w);
}

static void
note_place(struct world *w, const char *place)
{
	apply(w,
	    (struct ledger_change){
		.kind = CHANGE_MOVED_TO, .destination = place });
}

static void
a_place_is_remembered_once_something_went_there(void **state)
{
	struct world w;
	char text[256];

	(void)state;
	world_begin(&w);
	note_place(&w, "A");
	note_place(&w, "B");
	assert_string_equal(ask(&w, "SELECT moved_to FROM account", text), "B");
	row_in(&w, "u", STATE_HELD);
	note_place(&w, "C");
	assert_string_equal(ask(&w, "SELECT moved_to FROM account", text), "C");
	row_in(&w, "v", STATE_DELIVERED);
	note_place(&w, "D");
	assert_string_equal(
	    ask(&w, "SELECT moved_to FROM account", text), "C\nD");
	world_end(&w);
}

static void
seen_says_why(void **state)
{
	struct world w;
	char text[256];
	int64_t m;

	(void)state;
	world_begin(&w);
	m = apply(&w,
	    (struct ledger_change){ .kind = CHANGE_SEEN,
		.uid = slice_of("u"),
		.octets = 9,
		.reply = "there before the first poll" });
	assert_int_equal(state_of(&w, m), STATE_SEEN);
	assert_int_equal(row_of(&w, m).octets, 9);
	assert_string_equal(ask(&w, "SELECT reply FROM message", text),
	    "there before the first poll");
	world_end(&w);
}

static void
deletions_are_counted(void **state)
{
	struct world w;
	int64_t m;

	(void)state;
	world_begin(&w);
	m = row_in(&w, "u", STATE_DELETE_OWED);
	for (uint32_t i = 1; i <= 3; i++) {
		apply_to(&w, CHANGE_DELETED, m);
		assert_int_equal(row_of(&w, m).deletions, i);
	}
	world_end(&w);
}

static void
what_returns_is_what_it_was(void **state)
{
	struct world w;

	(void)state;
	world_begin(&w);
	for (int s = 0; s < STATE_GONE; s++) {
		struct row before, after;
		char uid[16];
		int64_t m;

		snprintf(uid, sizeof(uid), "u%d", s);
		m = row_in(&w, uid, (enum state)s);
		before = row_of(&w, m);
		atomic_fetch_add(&wall, 50);
		apply_to(&w, CHANGE_GONE, m);
		after = row_of(&w, m);
		assert_int_equal(after.state, STATE_GONE);
		assert_int_equal(after.before, s);
		assert_int_equal(after.since, before.since + 50);
		/* Gone a second time is gone since the first. */
		atomic_fetch_add(&wall, 50);
		apply_to(&w, CHANGE_GONE, m);
		assert_int_equal(row_of(&w, m).since, before.since + 50);
		assert_int_equal(row_of(&w, m).before, s);
		apply_to(&w, CHANGE_RETURN, m);
		after = row_of(&w, m);
		assert_int_equal(after.state, s);
		assert_int_equal(after.delivered, before.delivered);
		assert_int_equal(after.attempts, before.attempts);
		assert_int_equal(after.next_try, before.next_try);
	}
	world_end(&w);
}

static void
a_retried_message_begins_anew(void **state)
{
	struct world w;
	struct row r;
	int64_t m;

	(void)state;
	world_begin(&w);
	m = row_in(&w, "u", STATE_DEFERRED);
	intent(&w, m, "u");
	intent(&w, m, "u");
	verdict(&w, m, "u", STATE_HELD, "given up");
	assert_int_equal(row_of(&w, m).doubts, 1);
	assert_int_equal(row_of(&w, m).attempts, 1);
	assert_int_equal(row_of(&w, m).first_refused, START);
	atomic_fetch_add(&wall, 6 * DAY);
	apply_to(&w, CHANGE_RETRY, m);
	r = row_of(&w, m);
	assert_int_equal(r.state, STATE_NEW);
	assert_int_equal(r.attempts, 0);
	assert_int_equal(r.next_try, 0);
	assert_int_equal(r.first_refused, 0);
	assert_int_equal(r.doubts, 0);
	world_end(&w);
}

static void
only_what_is_sent_again_in_doubt_counts_as_doubted(void **state)
{
	struct world w;
	int64_t m;

	(void)state;
	world_begin(&w);
	m = intent(&w, 0, "u");
	assert_int_equal(row_of(&w, m).doubts, 0);
	/* Refused, or not sent after all: nobody can have it twice. */
	verdict(&w, m, "u", STATE_DEFERRED, "later");
	intent(&w, m, "u");
	apply_to(&w, CHANGE_WITHDRAW, m);
	intent(&w, m, "u");
	assert_int_equal(row_of(&w, m).doubts, 0);
	for (uint32_t n = 1; n <= 4; n++) {
		intent(&w, m, "u");
		assert_int_equal(row_of(&w, m).doubts, n);
	}
	reopen(&w);
	assert_int_equal(row_of(&w, m).doubts, 4);
	world_end(&w);
}

static void
what_was_not_sent_again_after_all_does_not_count(void **state)
{
	struct world w;
	int64_t m;

	(void)state;
	world_begin(&w);
	m = intent(&w, 0, "u");
	for (int i = 0; i < 3; i++) {
		intent(&w, m, "u");
		apply_to(&w, CHANGE_WITHDRAW, m);
		assert_int_equal(state_of(&w, m), STATE_IN_DOUBT);
		assert_int_equal(row_of(&w, m).doubts, 0);
	}
	world_end(&w);
}

static void
the_octets_are_those_of_what_was_last_sent(void **state)
{
	static const uint64_t told[] = { 100, 120, 0, 90 };
	static const uint64_t kept[] = { 100, 120, 120, 90 };
	struct world w;
	int64_t m = 0;

	(void)state;
	world_begin(&w);
	for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
		m = apply(&w,
		    (struct ledger_change){ .kind = CHANGE_INTENT,
			.message = m,
			.uid = slice_of("u"),
			.octets = told[i] });
		verdict(&w, m, "u", STATE_DEFERRED, "later");
		assert_int_equal(row_of(&w, m).octets, kept[i]);
	}
	world_end(&w);
}

static void
the_first_poll_is_planned_once(void **state)
{
	struct world w;
	int64_t listed;

	(void)state;
	world_begin(&w);
	assert_true(never_planned(&w, &listed));
	apply(&w, (struct ledger_change){ .kind = CHANGE_FIRST });
	assert_false(never_planned(&w, &listed));
	assert_int_equal(standing_of(&w).counts[STATE_NEW], 0);
	reopen(&w);
	assert_false(never_planned(&w, &listed));
	world_end(&w);
}

/* --- UIDs --- */

static void
a_uid_is_octets_and_nothing_else(void **state)
{
	static char long_one[1000];
	const struct slice uids[] = {
		slice_of("1"),
		slice_of("01"),
		slice_make("1\0", 2),
		slice_make("1\0\0", 3),
		slice_make("\0", 1),
		slice_of(""),
		slice_of("1.0"),
		slice_of("1 "),
		slice_of("a"),
		slice_of("A"),
		slice_of("'; DROP TABLE message; --"),
		slice_of("\"quoted\""),
		slice_of("\xff\xfe\x80"),
		slice_of("NULL"),
		slice_of("x'31'"),
		slice_make(long_one, sizeof(long_one)),
		slice_make(long_one, sizeof(long_one) - 1),
	};
	const size_t n = sizeof(uids) / sizeof(uids[0]);
	int64_t message[sizeof(uids) / sizeof(uids[0])];
	struct world w;
	struct rows rows;

	(void)state;
	memset(long_one, 'L', sizeof(long_one));
	world_begin(&w);
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < n; i++) {
			int64_t m = apply(&w,
			    (struct ledger_change){ .kind = CHANGE_SEEN,
				.uid = uids[i],
				.octets = i });

			if (round == 1)
				assert_int_equal(m, message[i]);
			message[i] = m;
		}
		reopen(&w);
	}
	read_rows(&w, &rows);
	assert_int_equal(rows.count, n);
	for (size_t i = 0; i < n; i++) {
		size_t found = 0;

		for (size_t j = 0; j < rows.count; j++)
			if (rows.list[j].message == message[i]) {
				found++;
				assert_true(
				    slice_equal(rows.list[j].uid, uids[i]));
				assert_int_equal(rows.list[j].octets, i);
			}
		assert_int_equal(found, 1);
	}
	for (size_t i = 1; i < rows.count; i++)
		assert_true(
		    slice_compare(rows.list[i - 1].uid, rows.list[i].uid) < 0);
	rows_free(&rows);
	world_end(&w);
}

static void
octets_up_to_the_largest_number_come_back(void **state)
{
	static const uint64_t sizes[] = { 0, 1, UINT32_MAX,
		(uint64_t)UINT32_MAX + 1, INT64_MAX, UINT64_MAX };
	struct world w;

	(void)state;
	world_begin(&w);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		int64_t m = apply(&w,
		    (struct ledger_change){ .kind = CHANGE_SEEN,
			.uid = slice_of("u"),
			.copy = (uint32_t)i,
			.octets = sizes[i] });

		assert_true(row_of(&w, m).octets == sizes[i]);
	}
	world_end(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fresh_message_has_nothing_of_the_one_before),
		cmocka_unit_test(a_fresh_message_has_been_accepted_by_nobody),
		cmocka_unit_test(
		    a_fresh_message_that_nobody_knew_is_simply_new),
		cmocka_unit_test(each_change_acts_only_where_it_should),
		cmocka_unit_test(what_is_missing_or_changed_can_be_sent_again),
		cmocka_unit_test(what_was_seen_is_so_again_when_it_is_spared),
		cmocka_unit_test(
		    a_place_is_remembered_once_something_went_there),
		cmocka_unit_test(seen_says_why),
		cmocka_unit_test(deletions_are_counted),
		cmocka_unit_test(what_returns_is_what_it_was),
		cmocka_unit_test(a_retried_message_begins_anew),
		cmocka_unit_test(
		    only_what_is_sent_again_in_doubt_counts_as_doubted),
		cmocka_unit_test(
		    what_was_not_sent_again_after_all_does_not_count),
		cmocka_unit_test(the_octets_are_those_of_what_was_last_sent),
		cmocka_unit_test(the_first_poll_is_planned_once),
		cmocka_unit_test(a_uid_is_octets_and_nothing_else),
		cmocka_unit_test(octets_up_to_the_largest_number_come_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
