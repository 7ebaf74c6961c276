/*
 * session.h - what the parts of one poll share: poll.c opens and ends it,
 * transfer.c moves messages, settle.c deals with verdicts and deletions.
 */
#ifndef POLL_SESSION_H
#define POLL_SESSION_H

#include "base/queue.h"
#include "poll/poll.h"

/* One that was refused for good in this session, and of which to tell. */
struct refused {
	struct plan_entry *entry; /* borrowed from the plan */
	int64_t message; /* the ledger's row */
};

struct session {
	const struct poll_job *job; /* borrowed */
	struct poll_report *report; /* borrowed */
	int64_t account; /* the ledger's row */
	int64_t started; /* wall clock */
	int64_t started_ms; /* clock_monotonic_ms() */
	unsigned sessions; /* POP3 sessions so far */
	bool first; /* the account's first poll */
	bool listed; /* the plan is made and recorded */

	bool sizes_are_estimates; /* seen: a message of another size */

	struct pop3 *pop3; /* owned; NULL: closed while verdicts wait */
	struct listing listing;
	struct rows rows;
	struct reader *reader; /* owned */
	struct plan plan;

	struct queue *answers; /* owned: jobs of transits that come back */
	size_t in_flight; /* transits that have not come back */
	uint64_t in_flight_octets;
	unsigned failed; /* messages in a row that a connection failed under */
	bool give_up; /* the destination takes nothing more */
	struct error trouble; /* why */

	struct refused *refused; /* owned */
	size_t refused_count;
	int64_t *deleted; /* owned: rows whose DELE was answered +OK */
	size_t deleted_count;
};

/*
 * transfer_run - move what the plan takes, and wait for every verdict.
 * Returns 0; 1 when the session had to be given up in the middle of a message
 * that nobody wants, and the poll is to go on with a new one; -1.
 */
int transfer_run(struct session *s, struct error *e);

/*
 * settle_arrivals - deal with the verdicts that have come, without waiting.
 * settle_wait - wait for one. While the POP3 session idles it is kept alive;
 * after five minutes it is ended, and deletions stay owed.
 * Between two messages only: both may send commands.
 * Return 0, or -1 with an error of the session or the ledger.
 */
int settle_arrivals(struct session *s, struct error *e);
int settle_wait(struct session *s, struct error *e);

/*
 * settle_all - wait for all, whatever happens to the POP3 session. Returns 0, or
 * -1 with the first error, unless e holds one already.
 */
int settle_all(struct session *s, struct error *e);

/* settle_deletions - DELE what the plan says, then QUIT. */
int settle_deletions(struct session *s, struct error *e);

/*
 * settle_stopped - what is left to do after a first request to stop: QUIT, if
 * the session can, so that the deletions that it was asked for take effect.
 */
void settle_stopped(struct session *s);

/* settle_trouble - remember the first message that did not go through. */
void settle_trouble(
    struct session *s, struct slice uid, const char *what, const char *words);

#endif
