/* test-moved.c - when UIDs are suspected to have changed, and who is who. */
#include "poll/moved.h"

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
#define DAY ((int64_t)86400)
#define MANY 1024

/* What is listed and known, and what became of it. */
struct world {
	struct listing listing;
	struct rows rows;
	struct row row_list[MANY];
	char uids[MANY][16];
	char headers[MANY][DIGEST_OCTETS];
	struct account account;
	struct plan plan;
	struct moved m;
};

static struct world *
world_begin(void)
{
	struct world *w = xcalloc(1, sizeof(*w));

	w->rows.list = w->row_list;
	return w;
}

static void
world_end(struct world *w)
{
	moved_free(&w->m);
	plan_free(&w->plan);
	listing_free(&w->listing);
	free(w);
}

/* The digest of a header that has this name; '\0': not known. */
static struct slice
header_of(struct world *w, size_t i, char name)
{
	if (name == '\0')
		return slice_make(NULL, 0);
	memset(w->headers[i], name, sizeof(w->headers[i]));
	return slice_make(w->headers[i], sizeof(w->headers[i]));
}

static struct row *
known(struct world *w, enum state state, uint64_t octets, char header)
{
	size_t i = w->rows.count++;
	struct row *r = &w->row_list[i];

	assert_true(i < MANY);
	snprintf(w->uids[i], sizeof(w->uids[i]), "old-%04zu", i);
	*r = (struct row){ .message = (int64_t)i + 1,
		.uid = slice_of(w->uids[i]),
		.state = state,
		.octets = octets,
		.first_seen = NOW - 30 * DAY,
		.since = NOW - 30 * DAY,
		.header = header_of(w, i, header) };
	return r;
}

static void
listed(struct world *w, const char *uid, uint64_t octets)
{
	listing_add(
	    &w->listing, (uint32_t)w->listing.count + 1, slice_of(uid), octets);
}

static void
listed_anew(struct world *w, uint64_t octets)
{
	char uid[16];

	snprintf(uid, sizeof(uid), "new-%04zu", w->listing.count);
	listed(w, uid, octets);
}

static void
find(struct world *w)
{
	const struct plan_input in = { .listing = &w->listing,
		.rows = &w->rows,
		.account = &w->account,
		.now = NOW,
		.run_started = INT64_MAX };

	moved_free(&w->m);
	plan_free(&w->plan);
	listing_finish(&w->listing);
	plan_make(&w->plan, &in);
	moved_find(&w->m, &w->plan, &w->rows, NOW);
}

/* What the header of a stranger shows. */
static void
shows(struct world *w, size_t i, char header, int64_t arrival)
{
	struct stranger *s = &w->m.strangers[i];

	assert_true(i < w->m.stranger_count);
	s->seen = true;
	memset(s->header, header, sizeof(s->header));
	s->arrival = arrival;
}

/* Which row a stranger is, by its place; -1: none. */
static int
was(const struct world *w, size_t i)
{
	const struct row *row = w->m.strangers[i].was;

	return row == NULL ? -1 : (int)(row - w->row_list);
}

/* --- suspicion --- */

static void
it_takes_many_strangers_and_nine_in_ten_missed(void **state)
{
	static const struct {
		size_t missed, known, strangers;
		bool suspected;
	} table[] = {
		{ 0, 0, 100, false },
		{ 4, 0, 100, false },
		{ 5, 0, 100, true },
		{ 5, 0, 5, true },
		{ 5, 0, 4, false },
		{ 5, 1, 5, false },
		{ 9, 1, 5, true },
		{ 8, 1, 5, false },
		{ 100, 11, 100, true },
		{ 100, 12, 100, false },
		{ 0, 100, 100, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct world *w = world_begin();

		for (size_t n = 0; n < table[i].known + table[i].missed; n++)
			known(w, STATE_DELIVERED, 100, 'a');
		for (size_t n = 0; n < table[i].known; n++)
			listed(w, w->uids[n], 100);
		for (size_t n = 0; n < table[i].strangers; n++)
			listed_anew(w, 100);
		find(w);
		assert_int_equal(w->m.known, table[i].known);
		assert_int_equal(w->m.missed, table[i].missed);
		assert_int_equal(w->m.lost_count, table[i].missed);
		assert_int_equal(w->m.stranger_count, table[i].strangers);
		if (moved_suspected(&w->m) != table[i].suspected)
			fail_msg("line %zu", i);
		world_end(w);
	}
}

static void
only_what_should_be_there_is_missed(void **state)
{
	static const struct {
		enum state state;
		uint32_t deletions;
		int64_t days; /* since when */
		bool apart;
		size_t lost, missed;
	} table[] = {
		{ STATE_DELIVERED, 0, 80, false, 1, 1 },
		{ STATE_SEEN, 0, 80, false, 1, 1 },
		{ STATE_HELD, 0, 80, false, 1, 1 },
		{ STATE_DELETE_OWED, 0, 80, false, 1, 1 },
		{ STATE_DELETE_OWED, 1, 0, false, 1, 0 },
		{ STATE_GONE, 0, 1, false, 1, 1 },
		{ STATE_GONE, 0, 15, false, 1, 0 },
		{ STATE_GONE, 1, 1, false, 1, 0 },
		{ STATE_DELIVERED, 0, 1, true, 0, 0 },
		{ STATE_GONE, 0, 1, true, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct world *w = world_begin();
		struct row *r = known(w, table[i].state, 100, 'a');

		r->before = STATE_DELIVERED;
		r->deletions = table[i].deletions;
		r->since = NOW - table[i].days * DAY;
		r->apart = table[i].apart;
		listed_anew(w, 100);
		find(w);
		if (w->m.lost_count != table[i].lost ||
		    w->m.missed != table[i].missed)
			fail_msg("line %zu", i);
		world_end(w);
	}
}

static void
an_old_uid_of_another_message_is_a_strangers(void **state)
{
	struct world *w = world_begin();
	struct row *r = known(w, STATE_GONE, 100, 'a');

	(void)state;
	r->before = STATE_DELIVERED;
	r->since = NOW;
	listed(w, w->uids[0], 999);
	find(w);
	assert_int_equal(w->m.known, 0);
	assert_int_equal(w->m.stranger_count, 1);
	assert_int_equal(w->m.lost_count, 1);
	world_end(w);
}

/* --- samples --- */

static void
samples_are_few_and_spread(void **state)
{
	static const struct {
		size_t strangers, samples;
	} table[] = { { 0, 0 }, { 1, 1 }, { 15, 15 }, { 16, 16 }, { 17, 16 },
		{ 1000, 16 } };

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct world *w = world_begin();
		size_t samples[MOVED_SAMPLES], n;

		known(w, STATE_DELIVERED, 7, 'a');
		for (size_t k = 0; k < table[i].strangers; k++)
			listed_anew(w, 100);
		find(w);
		n = moved_samples(&w->m, samples);
		assert_int_equal(n, table[i].samples);
		for (size_t k = 1; k < n; k++)
			assert_true(samples[k] > samples[k - 1]);
		if (table[i].strangers == 1000) {
			assert_int_equal(samples[0], 0);
			assert_true(samples[n - 1] > 900);
			assert_true(samples[n - 1] < 1000);
		}
		world_end(w);
	}
}

static void
samples_are_taken_where_octets_are_those_of_the_lost(void **state)
{
	struct world *w = world_begin();
	size_t samples[MOVED_SAMPLES];

	(void)state;
	for (size_t i = 0; i < 5; i++)
		known(w, STATE_DELIVERED, 1000 + i, 'a');
	for (size_t i = 0; i < 500; i++)
		listed_anew(w, i % 100 == 50 ? 1000 + i / 100 : 7);
	find(w);
	assert_int_equal(moved_samples(&w->m, samples), 5);
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(samples[i], i * 100 + 50);
	world_end(w);
}

/* --- proof --- */

static void
half_of_what_was_seen_is_proof(void **state)
{
	static const struct {
		size_t seen, same;
		bool proven;
	} table[] = { { 0, 0, false }, { 5, 0, false }, { 5, 2, false },
		{ 5, 3, true }, { 4, 2, true }, { 1, 1, true },
		{ 16, 7, false }, { 16, 8, true }, { 16, 16, true } };

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct world *w = world_begin();
		size_t seen, same;

		for (size_t n = 0; n < 20; n++) {
			known(w, STATE_DELIVERED, 100, (char)('a' + n));
			listed_anew(w, 100);
		}
		find(w);
		for (size_t n = 0; n < table[i].seen; n++)
			shows(w, n, n < table[i].same ? (char)('a' + n) : 'Z',
			    NOW - 40 * DAY);
		assert_int_equal(
		    moved_proven(&w->m, &seen, &same), table[i].proven);
		assert_int_equal(seen, table[i].seen);
		assert_int_equal(same, table[i].same);
		world_end(w);
	}
}

/* A row without a header, and a stranger: is it that one? */
static void
without_a_header_octets_and_arrival_must_fit(void **state)
{
	static const struct {
		uint64_t row, listed;
		int64_t arrival; /* after first_seen */
		uint32_t deletions;
		bool same;
	} table[] = {
		{ 100, 100, -DAY, 0, true }, { 100, 100, 0, 0, true },
		{ 100, 100, 1, 0, false }, { 100, 100, 20 * DAY, 0, false },
		{ 100, 101, -DAY, 0, false }, { 0, 0, -DAY, 0, false },
		{ 100, 0, -DAY, 0, false }, { 100, 100, -DAY, 1, false },
		{ 100, 100, INT64_MIN, 0, false }, /* nobody knows */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct world *w = world_begin();
		size_t seen, same;

		for (size_t n = 0; n < 5; n++) {
			known(w, STATE_SEEN, table[i].row, '\0')->deletions =
			    table[i].deletions;
			listed_anew(w, table[i].listed);
		}
		/* So that UIDs are suspected to have changed, whatever. */
		for (size_t n = 0; n < 5; n++)
			known(w, STATE_SEEN, 77, 'x');
		find(w);
		shows(w, 0, 'a',
		    table[i].arrival == INT64_MIN
			? -1
			: NOW - 30 * DAY + table[i].arrival);
		if (moved_proven(&w->m, &seen, &same) != table[i].same)
			fail_msg("proof, line %zu", i);
		if ((moved_pair(&w->m) == 1) != table[i].same)
			fail_msg("pair, line %zu", i);
		world_end(w);
	}
}

/* --- pairs --- */

static void
each_header_finds_its_row(void **state)
{
	struct world *w = world_begin();

	(void)state;
	for (size_t n = 0; n < 20; n++) {
		known(w, STATE_DELIVERED, 100 + n, (char)('a' + n));
		listed_anew(w, 100 + 19 - n);
	}
	listed_anew(w, 100);
	find(w);
	for (size_t n = 0; n < 20; n++)
		shows(w, n, (char)('a' + 19 - n), -1);
	shows(w, 20, 'Z', -1);
	assert_int_equal(moved_pair(&w->m), 20);
	for (size_t n = 0; n < 20; n++)
		assert_int_equal(was(w, n), 19 - n);
	assert_int_equal(was(w, 20), -1);
	world_end(w);
}

static void
a_header_finds_its_row_whatever_its_octets_are(void **state)
{
	struct world *w = world_begin();

	(void)state;
	known(w, STATE_DELIVERED, 100, 'a');
	known(w, STATE_GONE, 100, 'b')->before = STATE_DELIVERED;
	w->row_list[1].deletions = 1;
	listed_anew(w, 120);
	listed_anew(w, 0);
	find(w);
	shows(w, 0, 'b', -1);
	shows(w, 1, 'a', -1);
	assert_int_equal(moved_pair(&w->m), 2);
	assert_int_equal(was(w, 0), 1);
	assert_int_equal(was(w, 1), 0);
	world_end(w);
}

static void
equal_headers_go_by_octets_and_then_in_order(void **state)
{
	struct world *w = world_begin();

	(void)state;
	known(w, STATE_DELIVERED, 300, 'a');
	known(w, STATE_HELD, 100, 'a');
	known(w, STATE_DELIVERED, 100, 'a');
	known(w, STATE_GONE, 200, 'a')->before = STATE_DELIVERED;
	known(w, STATE_DELIVERED, 200, 'a');
	listed_anew(w, 100);
	listed_anew(w, 200);
	listed_anew(w, 100);
	listed_anew(w, 300);
	find(w);
	for (size_t n = 0; n < 4; n++)
		shows(w, n, 'a', -1);
	assert_int_equal(moved_pair(&w->m), 4);
	assert_int_equal(was(w, 0), 1);
	assert_int_equal(was(w, 1), 4); /* not the one that was gone */
	assert_int_equal(was(w, 2), 2);
	assert_int_equal(was(w, 3), 0);
	world_end(w);
}

static void
a_row_is_given_away_once(void **state)
{
	struct world *w = world_begin();

	(void)state;
	known(w, STATE_DELIVERED, 100, 'a');
	listed_anew(w, 100);
	listed_anew(w, 100);
	find(w);
	shows(w, 0, 'a', -1);
	shows(w, 1, 'a', -1);
	assert_int_equal(moved_pair(&w->m), 1);
	assert_int_equal(was(w, 0), 0);
	assert_int_equal(was(w, 1), -1);
	world_end(w);
}

static void
who_was_not_seen_is_nobody(void **state)
{
	struct world *w = world_begin();

	(void)state;
	for (size_t n = 0; n < 6; n++) {
		known(w, STATE_DELIVERED, 100, '\0');
		listed_anew(w, 100);
	}
	find(w);
	assert_true(moved_suspected(&w->m));
	assert_int_equal(moved_pair(&w->m), 0);
	world_end(w);
}

/* So many rows and strangers of 500 octets, beside five of other octets. */
static void
by_octets_only_where_it_does_not_matter_which_is_which(void **state)
{
	static const struct {
		size_t rows, strangers, late;
		bool mixed; /* states */
		size_t pairs;
	} table[] = {
		{ 1, 1, 0, false, 1 },
		{ 3, 3, 0, false, 3 },
		{ 3, 2, 0, false, 2 },
		{ 2, 3, 0, false, 0 }, /* which of them is new? */
		{ 2, 2, 1, false, 2 }, /* the one that came late */
		{ 2, 2, 0, true, 0 },
		{ 2, 1, 0, true, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct world *w = world_begin();
		size_t n;

		for (n = 0; n < 5; n++) {
			known(w, STATE_SEEN, n, 'x');
			listed_anew(w, 10 + n);
		}
		for (n = 0; n < table[i].rows; n++)
			known(w, STATE_SEEN, 500, '\0');
		for (n = 0; n < table[i].strangers + table[i].late; n++)
			listed_anew(w, 500);
		if (table[i].mixed)
			w->row_list[w->rows.count - 1].state = STATE_HELD;
		find(w);
		assert_true(moved_suspected(&w->m));
		for (n = 0; n < table[i].late; n++)
			shows(w, 5 + n, 'q', NOW - DAY);
		for (; n < table[i].strangers + table[i].late; n++)
			shows(w, 5 + n, 'q', NOW - 40 * DAY);
		if (moved_pair(&w->m) != table[i].pairs)
			fail_msg("line %zu", i);
		for (n = 0; n < table[i].late; n++)
			assert_int_equal(was(w, 5 + n), -1);
		for (; n < table[i].late + table[i].pairs; n++)
			assert_int_equal(was(w, 5 + n), 5 + n - table[i].late);
		world_end(w);
	}
}

static void
by_octets_only_under_suspicion(void **state)
{
	struct world *w = world_begin();

	(void)state;
	for (size_t n = 0; n < 4; n++) {
		known(w, STATE_DELIVERED, 100 + n, '\0');
		listed_anew(w, 100 + n);
	}
	find(w);
	for (size_t n = 0; n < 4; n++)
		shows(w, n, 'a', NOW - 40 * DAY);
	assert_false(moved_suspected(&w->m));
	assert_int_equal(moved_pair(&w->m), 0);
	world_end(w);
}

/* Five strangers, and three rows that were imported. */
static struct world *
begin_imported(void)
{
	struct world *w = world_begin();

	for (size_t n = 0; n < 3; n++)
		known(w, STATE_SEEN, 0, '\0')->imported = true;
	for (size_t n = 0; n < 5; n++)
		listed_anew(w, 100);
	return w;
}

static void
nothing_imported_is_listed_and_strangers_are(void **state)
{
	struct world *w = begin_imported();

	(void)state;
	find(w);
	assert_true(moved_unmet(&w->m));
	assert_int_equal(w->m.unmet, 3);
	assert_int_equal(w->m.missed, 0);
	world_end(w);
}

static void
what_was_imported_is_not_missed_where_it_need_not_be(void **state)
{
	struct world *w;

	(void)state;
	/* It has gone before. */
	w = begin_imported();
	for (size_t n = 0; n < 3; n++) {
		w->row_list[n].state = STATE_GONE;
		w->row_list[n].before = STATE_SEEN;
	}
	find(w);
	assert_false(moved_unmet(&w->m));
	world_end(w);
	/* Its owner has said that what is listed is other mail. */
	w = begin_imported();
	for (size_t n = 0; n < 3; n++)
		w->row_list[n].apart = true;
	find(w);
	assert_false(moved_unmet(&w->m));
	world_end(w);
	/* One of them is there. */
	w = begin_imported();
	listed(w, "old-0001", 100);
	find(w);
	assert_false(moved_unmet(&w->m));
	world_end(w);
	/* Nothing was imported. */
	w = begin_imported();
	for (size_t n = 0; n < 3; n++)
		w->row_list[n].imported = false;
	find(w);
	assert_false(moved_unmet(&w->m));
	world_end(w);
	/* So few could be new. */
	w = world_begin();
	known(w, STATE_SEEN, 0, '\0')->imported = true;
	for (size_t n = 0; n < 4; n++)
		listed_anew(w, 100);
	find(w);
	assert_false(moved_unmet(&w->m));
	world_end(w);
}

static void
nothing_known_or_nothing_listed_is_no_trouble(void **state)
{
	struct world *w = world_begin();
	size_t samples[MOVED_SAMPLES], seen, same;

	(void)state;
	find(w);
	assert_false(moved_suspected(&w->m));
	assert_int_equal(moved_samples(&w->m, samples), 0);
	assert_int_equal(moved_pair(&w->m), 0);
	known(w, STATE_DELIVERED, 100, 'a');
	find(w);
	assert_int_equal(moved_samples(&w->m, samples), 0);
	assert_false(moved_proven(&w->m, &seen, &same));
	assert_int_equal(moved_pair(&w->m), 0);
	world_end(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    it_takes_many_strangers_and_nine_in_ten_missed),
		cmocka_unit_test(only_what_should_be_there_is_missed),
		cmocka_unit_test(an_old_uid_of_another_message_is_a_strangers),
		cmocka_unit_test(samples_are_few_and_spread),
		cmocka_unit_test(
		    samples_are_taken_where_octets_are_those_of_the_lost),
		cmocka_unit_test(half_of_what_was_seen_is_proof),
		cmocka_unit_test(without_a_header_octets_and_arrival_must_fit),
		cmocka_unit_test(each_header_finds_its_row),
		cmocka_unit_test(
		    a_header_finds_its_row_whatever_its_octets_are),
		cmocka_unit_test(equal_headers_go_by_octets_and_then_in_order),
		cmocka_unit_test(a_row_is_given_away_once),
		cmocka_unit_test(who_was_not_seen_is_nobody),
		cmocka_unit_test(
		    by_octets_only_where_it_does_not_matter_which_is_which),
		cmocka_unit_test(by_octets_only_under_suspicion),
		cmocka_unit_test(nothing_imported_is_listed_and_strangers_are),
		cmocka_unit_test(
		    what_was_imported_is_not_missed_where_it_need_not_be),
		cmocka_unit_test(nothing_known_or_nothing_listed_is_no_trouble),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
