/* What is listed and unknown against what is known and not listed. */
#include "poll/moved.h"

#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

/* A mailbox may be seen empty while its mail is on the move. */
#define RECENT_S ((int64_t)14 * 86400)

/* --- who is lost, and who is strange --- */

/*
 * What we have deleted is expected to go; and what was imported may have gone
 * long ago.
 */
static bool
is_missed(const struct row *row, int64_t now)
{
	if (row->deletions > 0 || row->imported)
		return false;
	return row->state != STATE_GONE || row->since > now - RECENT_S;
}

static bool
is_known(const struct plan_entry *entry)
{
	return entry->row != NULL && !entry->fresh;
}

void
moved_find(struct moved *m, const struct plan *plan, const struct rows *rows,
    int64_t now)
{
	bool *listed = xcalloc(rows->count, sizeof(*listed));

	*m = (struct moved){ 0 };
	for (size_t i = 0; i < plan->count; i++)
		m->known += is_known(&plan->list[i]);
	m->strangers = xcalloc(plan->count - m->known, sizeof(*m->strangers));
	m->lost = xcalloc(rows->count, sizeof(*m->lost));
	for (size_t i = 0; i < plan->count; i++) {
		const struct plan_entry *entry = &plan->list[i];

		if (is_known(entry))
			listed[entry->row - rows->list] = true;
		else
			m->strangers[m->stranger_count++] =
			    (struct stranger){ .listed = entry->listed,
				    .arrival = -1 };
	}
	for (size_t i = 0; i < rows->count; i++) {
		const struct row *row = &rows->list[i];

		if (listed[i] || row->apart)
			continue;
		m->lost[m->lost_count++] = row;
		m->missed += is_missed(row, now);
		m->unmet += row->imported && row->state != STATE_GONE;
	}
	free(listed);
}

void
moved_free(struct moved *m)
{
	free(m->strangers);
	free(m->lost);
	*m = (struct moved){ 0 };
}

bool
moved_suspected(const struct moved *m)
{
	return m->stranger_count >= MOVED_MANY && m->missed >= MOVED_MANY &&
	    m->missed / 9 >= m->known;
}

bool
moved_unmet(const struct moved *m)
{
	return m->unmet > 0 && m->known == 0 && m->stranger_count >= MOVED_MANY;
}

/* --- samples --- */

static int
compare_numbers(uint64_t x, uint64_t y)
{
	return (x > y) - (x < y);
}

static int
by_value(const void *a, const void *b)
{
	return compare_numbers(*(const uint64_t *)a, *(const uint64_t *)b);
}

size_t
moved_samples(const struct moved *m, size_t samples[MOVED_SAMPLES])
{
	uint64_t *sizes = xcalloc(m->lost_count, sizeof(*sizes));
	size_t *pool = xcalloc(m->stranger_count, sizeof(*pool));
	size_t n = 0, count;

	for (size_t i = 0; i < m->lost_count; i++)
		sizes[i] = m->lost[i]->octets;
	if (m->lost_count > 0)
		qsort(sizes, m->lost_count, sizeof(*sizes), by_value);
	for (size_t i = 0; m->lost_count > 0 && i < m->stranger_count; i++)
		if (bsearch(&m->strangers[i].listed->octets, sizes,
			m->lost_count, sizeof(*sizes), by_value) != NULL)
			pool[n++] = i;
	if (n < MOVED_MANY)
		for (n = 0; n < m->stranger_count; n++)
			pool[n] = n;
	count = n < MOVED_SAMPLES ? n : MOVED_SAMPLES;
	for (size_t i = 0; i < count; i++)
		samples[i] = pool[i * n / count];
	free(sizes);
	free(pool);
	return count;
}

/* --- is it the same message? --- */

static int
compare_headers(const struct row *row, const struct stranger *s)
{
	return slice_compare(
	    row->header, slice_make(s->header, sizeof(s->header)));
}

/* By octets alone, a row whose message we deleted could be anything. */
static bool
goes_by_octets(const struct row *row)
{
	return row->header.len == 0 && row->octets > 0 && row->deletions == 0;
}

static bool
had_arrived(const struct stranger *s, int64_t when)
{
	return s->arrival >= 0 && s->arrival <= when;
}

static bool
fits(const struct row *row, const struct stranger *s)
{
	return goes_by_octets(row) && row->octets == s->listed->octets &&
	    had_arrived(s, row->first_seen);
}

static bool
is_one_of_the_lost(const struct moved *m, const struct stranger *s)
{
	for (size_t i = 0; i < m->lost_count; i++)
		if (compare_headers(m->lost[i], s) == 0 || fits(m->lost[i], s))
			return true;
	return false;
}

bool
moved_proven(const struct moved *m, size_t *seen, size_t *same)
{
	*seen = *same = 0;
	for (size_t i = 0; i < m->stranger_count; i++) {
		const struct stranger *s = &m->strangers[i];

		if (!s->seen)
			continue;
		++*seen;
		*same += is_one_of_the_lost(m, s);
	}
	return *same > 0 && 2 * *same >= *seen;
}

/* --- pairs --- */

/* What has not been paired yet, both sides in the same order. */
struct pool {
	const struct row **rows; /* owned */
	size_t row_count;
	struct stranger **strangers; /* owned */
	size_t count;
};

/*
 * Rows were made in the order in which their messages were listed. What was
 * gone before comes last.
 */
static int
row_order(const void *a, const void *b)
{
	const struct row *x = *(const struct row *const *)a;
	const struct row *y = *(const struct row *const *)b;
	int order = slice_compare(x->header, y->header);

	if (order == 0)
		order = compare_numbers(x->octets, y->octets);
	if (order == 0)
		order = (x->state == STATE_GONE) - (y->state == STATE_GONE);
	return order != 0 ? order : x->message > y->message ? 1 : -1;
}

static int
stranger_order(const void *a, const void *b)
{
	const struct stranger *x = *(struct stranger *const *)a;
	const struct stranger *y = *(struct stranger *const *)b;
	int order = memcmp(x->header, y->header, sizeof(x->header));

	if (order == 0)
		order = compare_numbers(x->listed->octets, y->listed->octets);
	return order != 0
	    ? order
	    : compare_numbers(x->listed->number, y->listed->number);
}

static int
stranger_octets_order(const void *a, const void *b)
{
	const struct stranger *x = *(struct stranger *const *)a;
	const struct stranger *y = *(struct stranger *const *)b;
	int order = compare_numbers(x->listed->octets, y->listed->octets);

	return order != 0
	    ? order
	    : compare_numbers(x->listed->number, y->listed->number);
}

static int
header_and_octets(const struct row *row, const struct stranger *s)
{
	int order = compare_headers(row, s);

	return order != 0 ? order
			  : compare_numbers(row->octets, s->listed->octets);
}

/* Pair what `compare` calls equal, and keep the rest. Returns how many. */
static size_t
pair_equal(struct pool *p,
    int (*compare)(const struct row *row, const struct stranger *s))
{
	size_t i = 0, j = 0, rows = 0, strangers = 0, pairs = 0;

	while (i < p->row_count || j < p->count) {
		int order = i == p->row_count ? 1
		    : j == p->count           ? -1
				    : compare(p->rows[i], p->strangers[j]);

		if (order < 0) {
			p->rows[rows++] = p->rows[i++];
		} else if (order > 0) {
			p->strangers[strangers++] = p->strangers[j++];
		} else {
			p->strangers[j++]->was = p->rows[i++];
			pairs++;
		}
	}
	p->row_count = rows;
	p->count = strangers;
	return pairs;
}

static enum state
state_before(const struct row *row)
{
	return row->state == STATE_GONE ? row->before : row->state;
}

static bool
are_interchangeable(const struct row **rows, size_t count)
{
	for (size_t i = 1; i < count; i++)
		if (state_before(rows[i]) != state_before(rows[0]))
			return false;
	return true;
}

/*
 * Rows without a header and strangers, all of the same octets. Some of the
 * strangers may have come later; what is left is who they are, or nobody is.
 */
static size_t
pair_class(const struct row **rows, size_t row_count,
    struct stranger **strangers, size_t count)
{
	int64_t latest = 0;
	size_t old = 0;

	for (size_t i = 0; i < row_count; i++)
		if (rows[i]->first_seen > latest)
			latest = rows[i]->first_seen;
	for (size_t i = 0; i < count; i++)
		if (had_arrived(strangers[i], latest))
			strangers[old++] = strangers[i];
	if (old > row_count || !are_interchangeable(rows, row_count))
		return 0;
	for (size_t i = 0; i < old; i++)
		strangers[i]->was = rows[i];
	return old;
}

static size_t
pair_by_octets(struct pool *p)
{
	size_t i = 0, j = 0, row_end, end, pairs = 0;

	/* An empty header stands before all others, by octets. */
	while (i < p->row_count && p->rows[i]->header.len == 0) {
		uint64_t octets = p->rows[i]->octets;

		for (row_end = i; row_end < p->row_count &&
		     p->rows[row_end]->header.len == 0 &&
		     p->rows[row_end]->octets == octets;)
			row_end++;
		while (j < p->count && p->strangers[j]->listed->octets < octets)
			j++;
		for (end = j; end < p->count &&
		     p->strangers[end]->listed->octets == octets;)
			end++;
		pairs += pair_class(
		    &p->rows[i], row_end - i, &p->strangers[j], end - j);
		i = row_end;
		j = end;
	}
	return pairs;
}

size_t
moved_pair(struct moved *m)
{
	struct pool p = {
		.rows = xcalloc(m->lost_count, sizeof(*p.rows)),
		.strangers = xcalloc(m->stranger_count, sizeof(*p.strangers)),
	};
	size_t pairs = 0;

	for (size_t i = 0; i < m->lost_count; i++)
		if (m->lost[i]->header.len > 0 || goes_by_octets(m->lost[i]))
			p.rows[p.row_count++] = m->lost[i];
	for (size_t i = 0; i < m->stranger_count; i++)
		if (m->strangers[i].seen)
			p.strangers[p.count++] = &m->strangers[i];
	if (p.row_count == 0 || p.count == 0)
		goto out;
	qsort(p.rows, p.row_count, sizeof(*p.rows), row_order);
	qsort(p.strangers, p.count, sizeof(*p.strangers), stranger_order);
	pairs = pair_equal(&p, header_and_octets);
	pairs += pair_equal(&p, compare_headers);
	if (p.count > 0 && moved_suspected(m)) {
		qsort(p.strangers, p.count, sizeof(*p.strangers),
		    stranger_octets_order);
		pairs += pair_by_octets(&p);
	}
out:
	free(p.rows);
	free(p.strangers);
	return pairs;
}
