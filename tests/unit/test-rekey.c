/* test-rekey.c - rows that keep their state and get another UID. */
#include "ledger/ledger.h"
#include "ledger/reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define DIGEST "0123456789abcdef0123456789ABCDEF"
#define OTHER "another digest of thirty-two oct"

struct world {
	char dir[64];
	struct ledger *l;
	int64_t isp, club;
	struct rows rows;
};

static void
world_begin(struct world *w)
{
	struct error e = { 0 };

	*w = (struct world){ .dir = "/tmp/postrider-rekey.XXXXXX" };
	assert_non_null(mkdtemp(w->dir));
	assert_int_equal(ledger_open(&w->l, w->dir, false, &e), 0);
	assert_int_equal(ledger_account(w->l, "isp", "pop.isp.example", "ann",
			     NULL, false, &w->isp, &e),
	    0);
	assert_int_equal(ledger_account(w->l, "club", "pop.club.example", "ann",
			     NULL, false, &w->club, &e),
	    0);
}

static void
world_end(struct world *w)
{
	static const char *const names[] = { "ledger.db", "ledger.db-wal",
		"ledger.db-shm", "ledger.lock", "ledger.marker" };
	char path[128];

	rows_free(&w->rows);
	ledger_close(&w->l);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", w->dir, names[i]);
		unlink(path);
	}
	assert_int_equal(rmdir(w->dir), 0);
}

static void
apply(struct world *w, int64_t account, struct ledger_change *changes,
    size_t count)
{
	struct error e = { 0 };

	if (ledger_change(w->l, account, changes, count, &e) < 0)
		fail_msg("%s", e.text);
}

/* A message that was delivered. header: its digest, or "". */
static int64_t
delivered(struct world *w, int64_t account, const char *uid, const char *header)
{
	struct ledger_change c = { .kind = CHANGE_VERDICT,
		.uid = slice_of(uid),
		.octets = 100,
		.header = slice_of(header),
		.state = STATE_DELIVERED,
		.reply = "250" };

	apply(w, account, &c, 1);
	return c.message;
}

static const struct row *
row_of(struct world *w, int64_t account, int64_t message)
{
	struct reader *r;
	struct error e = { 0 };

	rows_free(&w->rows);
	assert_int_equal(reader_open(&r, w->dir, &e), 0);
	assert_int_equal(reader_rows(r, account, &w->rows, &e), 0);
	reader_free(&r);
	for (size_t i = 0; i < w->rows.count; i++)
		if (w->rows.list[i].message == message)
			return &w->rows.list[i];
	return NULL;
}

/* All of them let go of their UIDs, and get those of the next one. */
static void
rotate(struct world *w, const int64_t *messages, const char *const *uids,
    size_t count)
{
	struct ledger_change changes[16];

	assert_true(2 * count <= 16);
	for (size_t i = 0; i < count; i++) {
		changes[i] = (struct ledger_change){ .kind = CHANGE_UNKEY,
			.message = messages[i] };
		changes[count + i] =
		    (struct ledger_change){ .kind = CHANGE_REKEY,
			    .message = messages[i],
			    .uid = slice_of(uids[i]),
			    .copy = (uint32_t)i,
			    .octets = 200 + i };
	}
	apply(w, w->isp, changes, 2 * count);
}

static void
an_intent_or_a_verdict_notes_the_header(void **state)
{
	struct ledger_change c = {
		.kind = CHANGE_INTENT, .uid = slice_of("u"), .octets = 100
	};
	struct world w;
	int64_t m;

	(void)state;
	world_begin(&w);
	apply(&w, w.isp, &c, 1);
	m = c.message;
	assert_int_equal(row_of(&w, w.isp, m)->header.len, 0);
	assert_false(row_of(&w, w.isp, m)->apart);
	c.header = slice_of(DIGEST);
	apply(&w, w.isp, &c, 1);
	assert_true(slice_is(row_of(&w, w.isp, m)->header, DIGEST));
	/* One that does not know it leaves it as it is. */
	c = (struct ledger_change){ .kind = CHANGE_VERDICT,
		.message = m,
		.state = STATE_HELD,
		.reply = "x" };
	apply(&w, w.isp, &c, 1);
	assert_true(slice_is(row_of(&w, w.isp, m)->header, DIGEST));
	/* Refused before the end of data: there was no intent. */
	m = delivered(&w, w.isp, "v", OTHER);
	assert_true(slice_is(row_of(&w, w.isp, m)->header, OTHER));
	assert_true(slice_is(row_of(&w, w.isp, m)->uid, "v"));
	world_end(&w);
}

static void
another_message_of_that_uid_has_not_its_header(void **state)
{
	struct ledger_change c = { .kind = CHANGE_SEEN,
		.uid = slice_of("u"),
		.octets = 777,
		.fresh = true };
	struct world w;
	int64_t m;

	(void)state;
	world_begin(&w);
	m = delivered(&w, w.isp, "u", DIGEST);
	apply(&w, w.isp, &c, 1);
	assert_int_equal(c.message, m);
	assert_int_equal(row_of(&w, w.isp, m)->header.len, 0);
	world_end(&w);
}

static void
rows_may_swap_their_uids(void **state)
{
	static const char *const uids[] = { "b", "c", "a" };
	struct world w;
	int64_t m[3];

	(void)state;
	world_begin(&w);
	m[0] = delivered(&w, w.isp, "a", DIGEST);
	m[1] = delivered(&w, w.isp, "b", OTHER);
	m[2] = delivered(&w, w.isp, "c", "");
	rotate(&w, m, uids, 3);
	for (size_t i = 0; i < 3; i++) {
		const struct row *r = row_of(&w, w.isp, m[i]);

		assert_non_null(r);
		assert_true(slice_is(r->uid, uids[i]));
		assert_int_equal(r->copy, i);
		assert_int_equal(r->octets, 200 + i);
		assert_int_equal(r->state, STATE_DELIVERED);
		assert_true(r->delivered > 0);
	}
	assert_true(slice_is(row_of(&w, w.isp, m[0])->header, DIGEST));
	assert_int_equal(w.rows.count, 3);
	world_end(&w);
}

static void
a_row_in_the_way_is_forgotten_and_one_of_another_account_is_not(void **state)
{
	static const char *const uids[] = { "b" };
	struct ledger_change split = { .kind = CHANGE_VERDICT,
		.state = STATE_DEFERRED,
		.reply = "x",
		.destination = "home",
		.outcomes =
		    (const struct ledger_outcome[]){
			{ "ann", STATE_DELIVERED, "a" },
			{ "bob", STATE_DEFERRED, "b" } },
		.outcome_count = 2 };
	struct world w;
	int64_t m, way, elsewhere;

	(void)state;
	world_begin(&w);
	m = delivered(&w, w.isp, "a", DIGEST);
	way = delivered(&w, w.isp, "b", OTHER);
	split.message = way;
	apply(&w, w.isp, &split, 1);
	elsewhere = delivered(&w, w.club, "b", OTHER);
	rotate(&w, &m, uids, 1);
	assert_null(row_of(&w, w.isp, way));
	assert_true(slice_is(row_of(&w, w.isp, m)->uid, "b"));
	assert_non_null(row_of(&w, w.club, elsewhere));
	world_end(&w);
}

static void
what_was_deleted_or_gone_under_the_old_uid_stays_so_and_begins_anew(
    void **state)
{
	static const char *const uids[] = { "b" };
	struct ledger_change c[] = { { .kind = CHANGE_OWE },
		{ .kind = CHANGE_DELETED }, { .kind = CHANGE_GONE } };
	struct world w;
	const struct row *r;
	int64_t m;

	(void)state;
	world_begin(&w);
	m = delivered(&w, w.isp, "a", DIGEST);
	for (size_t i = 0; i < 3; i++)
		c[i].message = m;
	apply(&w, w.isp, c, 3);
	assert_int_equal(row_of(&w, w.isp, m)->deletions, 1);
	rotate(&w, &m, uids, 1);
	r = row_of(&w, w.isp, m);
	assert_int_equal(r->state, STATE_GONE);
	assert_int_equal(r->before, STATE_DELETE_OWED);
	assert_int_equal(r->deletions, 0);
	world_end(&w);
}

static void
octets_that_nobody_told_leave_those_that_are_known(void **state)
{
	struct world w;
	int64_t m;

	(void)state;
	world_begin(&w);
	m = delivered(&w, w.isp, "a", "");
	apply(&w, w.isp,
	    (struct ledger_change[]){ { .kind = CHANGE_UNKEY, .message = m },
		{ .kind = CHANGE_REKEY,
		    .message = m,
		    .uid = slice_of("b"),
		    .header = slice_of(DIGEST) } },
	    2);
	assert_int_equal(row_of(&w, w.isp, m)->octets, 100);
	assert_true(slice_is(w.rows.list[0].header, DIGEST));
	world_end(&w);
}

static void
what_is_apart_stays_so_until_it_is_listed_again(void **state)
{
	struct ledger_change c[] = { { .kind = CHANGE_APART },
		{ .kind = CHANGE_GONE } };
	struct world w;
	int64_t m;

	(void)state;
	world_begin(&w);
	m = c[0].message = c[1].message = delivered(&w, w.isp, "a", DIGEST);
	apply(&w, w.isp, c, 2);
	assert_true(row_of(&w, w.isp, m)->apart);
	assert_int_equal(row_of(&w, w.isp, m)->header.len, 0);
	c[0].kind = CHANGE_RETURN;
	apply(&w, w.isp, c, 1);
	assert_false(row_of(&w, w.isp, m)->apart);
	assert_int_equal(row_of(&w, w.isp, m)->state, STATE_DELIVERED);
	world_end(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_intent_or_a_verdict_notes_the_header),
		cmocka_unit_test(
		    another_message_of_that_uid_has_not_its_header),
		cmocka_unit_test(rows_may_swap_their_uids),
		cmocka_unit_test(
		    a_row_in_the_way_is_forgotten_and_one_of_another_account_is_not),
		cmocka_unit_test(
		    what_was_deleted_or_gone_under_the_old_uid_stays_so_and_begins_anew),
		cmocka_unit_test(
		    octets_that_nobody_told_leave_those_that_are_known),
		cmocka_unit_test(
		    what_is_apart_stays_so_until_it_is_listed_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
