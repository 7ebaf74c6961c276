/*
 * plan.h - what a poll is going to do, and why: a pure function of what the
 * server lists, what the ledger knows, the account's settings and the time.
 */
#ifndef POLL_PLAN_H
#define POLL_PLAN_H

#include "ledger/reader.h"
#include "poll/account.h"
#include "poll/listing.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum plan_action {
	PLAN_TAKE, /* RETR and deliver */
	PLAN_DELETE, /* DELE */
	PLAN_SEEN, /* record as seen, leave */
	PLAN_REPORT, /* tell somebody that it was refused */
	PLAN_HOLD, /* record as held, leave */
	PLAN_LEAVE /* nothing to do */
};

struct plan_entry {
	enum plan_action action;
	const struct listing_entry *listed; /* borrowed */
	const struct row *row; /* borrowed; NULL: unknown */
	bool fresh; /* another message than the row of its UID */
	bool returned; /* its row was gone, and is as before again */
	bool found; /* its row was imported, and is listed at last */
	const char *reason; /* constant text */
};

struct plan {
	struct plan_entry *list; /* owned; one for each listed message,
					 * in the order of the listing */
	size_t count;
	size_t *take; /* owned; which to take, ordered by tries */
	size_t take_count;
	size_t delete_count;
	uint64_t take_octets;
	size_t left_for_later; /* fetch_limit */
	size_t held; /* listed, and waiting for their owner */
	bool clock_jumped; /* and so nothing was deleted by age */
	size_t stubborn; /* deleted three times, and listed still */
	const struct row **gone; /* owned; known and no longer listed */
	size_t gone_count;
	/* Nothing is to be done, nor will be until then; 0: something is. */
	int64_t quiet_until;
};

/*
 * What is listed and nobody knows counts as seen, and nothing else is done; but
 * for the last ones, and what arrived from that time on, or nobody knows when.
 */
struct baseline {
	uint64_t last; /* so many stay new */
	int64_t before; /* wall clock; 0: whenever it arrived */
};

struct plan_input {
	const struct listing *listing;
	const struct rows *rows;
	const struct account *account;
	int64_t now; /* wall clock */
	int64_t run_started; /* messages tried since are left alone;
				 * INT64_MAX: none were;
				 * INT64_MIN: any may have been */
	int64_t last_poll; /* 0: never */
	bool first; /* the account has had no first poll */
	const struct baseline *baseline; /* or NULL */
	bool impatient; /* deferred ones are due now: a person asked */
	bool seen_too; /* take what counts as seen as if it were new */
	/* Pay deletions that are owed, and nothing else; or none at all. */
	bool only_owed, spare_owed;
	/*
	 * FIRST_SINCE, baseline->before: arrival of listing->list[i], -1
	 * unknown; else NULL.
	 */
	const int64_t *arrivals;
};

/* plan_knows - is that message one of these rows? */
bool plan_knows(const struct rows *rows, const struct listing_entry *listed);

void plan_make(struct plan *plan, const struct plan_input *in);
void plan_free(struct plan *plan);

/* plan_clock_jumped - is that so much between two polls? last_poll 0: never. */
bool plan_clock_jumped(int64_t last_poll, int64_t now);

/*
 * plan_by_tries - for qsort(3), of pointers to entries of one plan: new ones
 * before those that were tried, so that these never keep them waiting, and what
 * was tried often last: a few messages that break every connection, or fill
 * fetch_limit, would otherwise be in the way of all behind them.
 */
int plan_by_tries(const void *a, const void *b);

const char *plan_action_name(enum plan_action action); /* "take" */

#endif
