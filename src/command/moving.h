/*
 * moving.h - mailboxes that are being moved: what the parts of `migrate` share.
 * migrate.c knows what was asked for, moving.c moves, proving.c verifies and
 * deletes, moved.c tells.
 */
#ifndef COMMAND_MOVING_H
#define COMMAND_MOVING_H

#include "base/throttle.h"
#include "command/polls.h"
#include "ledger/reader.h"
#include "migrate/there.h"

/* A mailbox, and what has become of it in this run. */
struct moved_box {
	struct account
	    account; /* as it is moved: what it points to is borrowed */
	char *from, *to; /* owned; for people */
	char *target; /* owned; all recipients, and the port */
	char *went; /* owned; where its mail went, ever; or NULL */
	bool remembered; /* `target` is among these */
	int64_t row; /* in the ledger, 0: not known yet */
	const char *at; /* the same, borrowed, or NULL */

	unsigned polls;
	int64_t began; /* of the first, wall clock */
	int64_t began_ms; /* of the first, by clock_monotonic_ms() */
	int64_t took_ms; /* until the end of the last */
	int64_t stuck_ms; /* since when nothing could be moved, 0: it can */
	bool warned; /* of that */
	uint64_t moved, octets; /* delivered in this run; as proven */
	uint64_t resent; /* of these, after being in doubt */
	bool doubtful; /* one came to be in doubt in this run */
	bool ended; /* the last poll is over */
	bool well; /* it listed the mailbox, and met no error */
	struct error error; /* if not */
	struct standing standing; /* after that */

	bool verified; /* something was compared */
	int verify_rc;
	struct verify_result result;
	struct error verify_error;
	uint64_t to_delete; /* proven */
	bool deletes; /* they are owed, and being deleted */
	uint64_t deleted;
};

struct moving {
	const struct invocation *in;
	struct settings *settings; /* owned */
	char *state; /* owned; the directory of the ledger */
	struct moved_box *list; /* owned */
	const struct account **accounts; /* owned; NULL-terminated, of these */
	size_t count;
	struct there there;
	struct throttle *throttle; /* owned, or NULL */
	int64_t patience_ms;
	bool by_urls; /* not by settings */
	struct polls polls;
	const struct stop *stop;
	bool refused_to_delete; /* its owner said no */
};

/*
 * moving_begin - the polls' hooks are set, polls_prepare() follows.
 * moving_run - move all that there is. Returns 0, or -1: polls could not begin.
 */
void moving_begin(struct moving *m);
int moving_run(struct moving *m, struct error *e);

/*
 * moving_targets - is each moved to where it was moved before? That is noted;
 * or -1 with ERR_QUESTION.
 */
int moving_targets(struct moving *m, struct error *e);

/* moving_counts - read anew what the ledger knows of a mailbox. */
void moving_counts(struct moving *m, size_t i);

/*
 * proving_run - verify each mailbox that was moved without an error.
 * proving_delete - what is proven, if its owner wants that; ends with the polls
 * that delete it.
 */
int proving_run(struct moving *m, struct error *e);
int proving_delete(struct moving *m, struct error *e);

/* moved_tell - a line of a mailbox whose last poll is over. */
void moved_tell(const struct moving *m, size_t i, struct buffer *line);

/* moved_sum - what all of it has come to: in a line, or as JSON. */
void moved_sum(const struct moving *m, struct buffer *line);
void moved_json(const struct moving *m);

/* moved_is_complete - nothing is left that could still be moved. */
bool moved_is_complete(const struct moved_box *b);

/*
 * moved_try_reports - can the reports that were asked for be written?
 * moved_report - write them. Both tell what is wrong and return the exit status.
 */
int moved_try_reports(const struct moving *m);
int moved_report(const struct moving *m);

#endif
