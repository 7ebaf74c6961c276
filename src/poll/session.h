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

/* A message that is to be deleted, as is on record. */
struct due {
	uint32_t number;
	int64_t message; /* the ledger's row */
};

/* What recall.h keeps. */
struct recall {
	struct ledger_server server;
	bool known; /* its CAPA, from another session */
	bool changed; /* and to be recorded */
	bool careful; /* one command at a time, and nothing from memory */
	bool proven; /* commands sent ahead are answered, in this session */
	bool refused; /* what was sent ahead, for no reason that is told */
	bool stepping; /* so until the next message has come */
	bool suspect; /* that commands are sent ahead may break sessions */
	bool in_flight; /* the listing was asked for with the login, */
	bool flown; /* and came */
	/* The session broke when the password had been told; why, and */
	bool unheard;
	struct error why;
	struct pop3_capa relied; /* what was relied upon */
	struct ledger_quiet quiet;
	bool has_digest, is_quiet;
};

struct asked;
struct intake;

struct session {
	const struct poll_job *job; /* borrowed */
	struct poll_report *report; /* borrowed */
	int64_t account; /* the ledger's row */
	int64_t started; /* wall clock */
	int64_t started_ms; /* clock_monotonic_ms() */
	unsigned sessions; /* POP3 sessions so far */
	struct polled polled; /* what the ledger knows of polls before */
	struct recall recall;
	bool listed; /* the plan is made and recorded */

	bool sizes_are_estimates; /* seen: a message of another size */
	bool one_by_one; /* seen: one too large to come behind others */

	struct pop3 *pop3; /* owned; NULL: closed while verdicts wait */
	bool pipelining; /* commands are sent ahead in this session */
	struct asked *asked; /* owned; see ahead.h, as are the next four */
	size_t asked_first, asked_count;
	size_t coming; /* of these, messages */
	uint64_t coming_octets;
	bool deletes; /* a DELE was sent in this session */
	struct listing listing;
	struct rows rows;
	struct reader *reader; /* owned */
	struct plan plan;

	/* Messages that have come and are not handed over yet; owned. */
	struct intake *parked, **last_parked;
	size_t parked_count;
	size_t parked_submitted; /* of these: deliveries wait for their ends */
	uint64_t parked_octets;
	bool identifying; /* UIDL n, or STAT, is outstanding for them */
	bool in_step_unsure; /* a RETR was refused: was that one answer? */
	bool window_full; /* of messages under way */
	size_t next_take; /* of the plan's, to be asked for */
	const struct plan_entry *last_asked; /* of them */
	int64_t paused_ms; /* since something was asked for */

	struct queue *answers; /* owned: jobs of transits that come back */
	size_t in_flight; /* transits that have not come back */
	uint64_t in_flight_octets;
	unsigned failed; /* messages in a row that a connection failed under */
	bool give_up; /* the destination takes nothing more */
	struct error trouble; /* why */
	bool trouble_with_reports; /* it is their destination */

	struct refused *refused; /* owned */
	size_t refused_count;
	struct due *due; /* owned: what DELE is to be sent for */
	size_t due_count;
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
 * transfer_forget - what has come and was not handed over is not wanted.
 * transfer_settled - the verdict on a transit is there: should its message be
 * one of these, nothing more of it is wanted, and t->identified is known.
 */
void transfer_forget(struct session *s);
void transfer_settled(struct session *s, struct transit *t);

/*
 * settle_due - send DELE for what is due, and, without pipelining, read the
 * answers. Between two messages only. Returns 0, or -1 with an error of the
 * session.
 */
int settle_due(struct session *s, struct error *e);

/*
 * settle_arrivals - deal with the verdicts that have come, without waiting.
 * settle_wait - wait for one, while nothing is coming. The POP3 session is kept
 * alive meanwhile; after five minutes it is ended, and deletions stay owed.
 * Return 0, or -1 with an error of the session or the ledger.
 */
int settle_arrivals(struct session *s, struct error *e);
int settle_wait(struct session *s, struct error *e);

/*
 * settle_pause - wait for so long, or less, while nothing is coming, and deal
 * with a verdict that comes. The POP3 session is kept alive. Returns as
 * settle_wait().
 */
int settle_pause(struct session *s, int64_t ms, struct error *e);

/*
 * settle_all - wait for all, whatever happens to the POP3 session. Returns 0,
 * or -1 with the first error, unless e holds one already.
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
