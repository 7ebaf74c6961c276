/* facts.c - see facts.h. */
#include "facts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

void
facts_begin(struct facts *w)
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

void
facts_end(struct facts *w)
{
	plan_free(&w->plan);
	listing_free(&w->listing);
}

void
listed(struct facts *w, const char *uid, uint64_t octets)
{
	listing_add(
	    &w->listing, (uint32_t)w->listing.count + 1, slice_of(uid), octets);
}

struct row *
known(struct facts *w, const char *uid, uint32_t copy, enum state state)
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

void
make(struct facts *w)
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

enum plan_action
action(const struct facts *w, size_t i)
{
	assert_true(i < w->plan.count);
	return w->plan.list[i].action;
}

void
takes(const struct facts *w, const size_t *order, size_t count)
{
	assert_int_equal(w->plan.take_count, count);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(w->plan.take[i], order[i]);
}

struct row *
one(struct facts *w, enum state state)
{
	facts_begin(w);
	listed(w, "u", 100);
	return known(w, "u", 0, state);
}

void
first_poll(struct facts *w, enum first_poll first)
{
	static const char *const uids[] = { "a", "b", "c", "d", "e" };

	facts_begin(w);
	for (size_t i = 0; i < 5; i++)
		listed(w, uids[i], 10 * (i + 1));
	known(w, "c", 0, STATE_NEW)->octets = 30;
	w->account.first = first;
	w->in.first = true;
	w->in.last_poll = 0;
}
