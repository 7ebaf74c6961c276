/*
 * ledger.h - what postrider knows about every message, kept in SQLite, written
 * by one thread.
 *
 * Whoever has something to record fills in a struct ledger_job, hands it over
 * with ledger_submit(), and gets the same job back on a queue of its own once
 * it is on disk. The ledger's thread turns all jobs that wait into one
 * transaction with one fsync. An error on commit fails every job of that
 * transaction and every later one, so nothing goes out unrecorded.
 *
 * One process at a time writes (flock on ledger.lock); readers (reader.h) need
 * no lock. schema.h documents the tables.
 */
#ifndef LEDGER_LEDGER_H
#define LEDGER_LEDGER_H

#include "base/buffer.h"
#include "base/error.h"
#include "base/queue.h"
#include "ledger/state.h"

#include <stdbool.h>
#include <stdint.h>

struct ledger;

/*
 * ledger_open - take the lock, open or make the ledger in directory `dir`
 * (made if missing, 0700), start its thread.
 * may_be_new: make one even where the marker says that there was one.
 * ERR_LOCKED: the text says which process holds it. ERR_QUESTION: the ledger
 * has gone. ERR_LEDGER: unreadable, damaged, from a newer version.
 */
int ledger_open(
    struct ledger **l, const char *dir, bool may_be_new, struct error *e);

/*
 * ledger_reopen - after a failure, when nobody is at work with it: from now on
 * jobs are carried out again. Returns 0, or -1 with why it still cannot be.
 */
int ledger_reopen(struct ledger *l, struct error *e);

/* ledger_close - write what waits, end the thread, release the lock. */
void ledger_close(struct ledger **l);

/* One outcome of a message: what one recipient's server said. */
struct ledger_outcome {
	const char *recipient; /* borrowed */
	enum state state; /* IN_DOUBT, DEFERRED, HELD or DELIVERED */
	const char *reply; /* borrowed */
};

enum change_kind {
	/*
	 * End of data is about to be sent to `destination` for `outcomes`
	 * (recipients only). Makes the row if need be, fills in `message`, and
	 * notes `octets` as the size of what is sent, and the proof.
	 */
	CHANGE_INTENT,
	/*
	 * No end of data went out after all: the row is as before the intent.
	 */
	CHANGE_WITHDRAW,
	/*
	 * The verdict: `state`, `reply`, `next_try`, and the outcomes, kept
	 * while they differ. A temporary refusal (of the message, or of its
	 * report) counts as an attempt. Notes the proof, too: of a message that
	 * is sent while it comes it is not known before.
	 */
	CHANGE_VERDICT,
	CHANGE_SEEN, /* counts as seen, with `reply` saying why */
	CHANGE_OWE, /* DELE is about to be sent: the deletion is owed */
	CHANGE_SPARE, /* its deletion is owed no more: it is kept */
	CHANGE_DELETED, /* QUIT was answered after DELE: one more try */
	CHANGE_GONE, /* no longer listed */
	CHANGE_RETURN, /* gone, and listed again: the row is as before */
	CHANGE_RETRY, /* held or dropped: try again, as if new */
	CHANGE_RESEND, /* delivered, and missing or changed there: as if new */
	CHANGE_DROP, /* held: given up by its owner */
	/*
	 * Messages that are listed under new UIDs: first all of them let go of
	 * their keys, then each takes the `uid`, `copy` and `octets` it has
	 * now. A row that has that key still is one of a message that is not
	 * there any more, and is forgotten.
	 */
	CHANGE_UNKEY,
	CHANGE_REKEY,
	CHANGE_LISTED, /* an imported one: `octets` are known now */
	CHANGE_VERIFIED, /* it was looked for, and came to `verdict` */
	CHANGE_APART, /* its owner says: what is listed now is other mail */
	/* Of the account, not of a message. */
	CHANGE_BEGUN, /* a poll is under way */
	CHANGE_FIRST, /* the first poll has been planned */
	CHANGE_MOVED_TO /* its mail is moved to `destination` from now on */
};

/* Bits: what a verification came to. */
enum ledger_verified {
	VERIFIED_SOURCE = 1, /* the same at the source */
	VERIFIED_THERE = 2, /* the same at the destination */
	VERIFIED_SOURCE_GONE = 4,
	VERIFIED_SOURCE_CHANGED = 8,
	VERIFIED_MISSING = 16, /* not found at the destination */
	VERIFIED_CHANGED = 32 /* another content at the destination */
};

struct ledger_change {
	enum change_kind kind;
	int64_t message; /* row; 0: named by uid and copy */
	struct slice uid; /* all borrowed until the job comes back */
	uint32_t copy;
	uint64_t octets; /* as listed */
	struct slice header; /* its digest, see schema.h; empty: not known */
	/* The proof, see schema.h; NULL, empty: the row keeps what it has. */
	const char *trace;
	struct slice digest; /* 32 octets */
	uint64_t content;
	bool fresh; /* another message than the row of that UID */
	enum state state;
	const char *reply; /* last words of the server, or the reason */
	int64_t next_try;
	bool rejected; /* refused for good: what follows is its report, for
			* which all counting begins anew */
	unsigned verdict; /* enum ledger_verified */
	bool refused_anew; /* its refusals are counted from now on */
	const char *destination;
	const struct ledger_outcome *outcomes;
	size_t outcome_count;
};

struct book; /* private */

struct ledger_job {
	struct queue_item item;
	int64_t account; /* row of ledger_account() */
	struct ledger_change *changes; /* borrowed until the job comes back */
	size_t change_count;
	struct queue *answer; /* where it comes back */
	void *context; /* the submitter's */
	int rc; /* 0: durable; -1 with error */
	struct error error;
	int (*work)(struct book *book, struct ledger_job *job); /* private */
};

/* ledger_submit - hand a job over; it comes back on job->answer. */
void ledger_submit(struct ledger *l, struct ledger_job *job);

/* ledger_change - submit changes and wait until they are durable. */
int ledger_change(struct ledger *l, int64_t account,
    struct ledger_change *changes, size_t count, struct error *e);

/*
 * ledger_account - *account is the row for the account of that name, made if
 * missing, for a first poll that begins now.
 * names: of all accounts in the settings, NULL at the end, to recognise one
 * that was renamed; NULL: do not.
 * moved: take a new server or user, or a new name for the same ones, as the
 * same maildrop; without it a difference is ERR_QUESTION, with a text that says
 * how to answer, unless nothing was ever seen of what it differs from.
 */
int ledger_account(struct ledger *l, const char *name, const char *server,
    const char *user, const char *const *names, bool moved, int64_t *account,
    struct error *e);

/* A message that another program has fetched. */
struct ledger_seen {
	struct slice uid; /* borrowed */
	int64_t since; /* wall clock, 0: now */
};

/*
 * ledger_seen - these count as seen from now on, whatever their sizes, and what
 * else the mailbox lists counts as new, not as what a first poll finds: all in
 * one transaction.
 * loose: their UIDs are written with '-' for each '/'.
 * reason: what `list` shows. added: how many the account did not know yet; the
 * others stay as they are.
 */
int ledger_seen(struct ledger *l, int64_t account,
    const struct ledger_seen *list, size_t count, bool loose,
    const char *reason, size_t *added, struct error *e);

/* ledger_commits - transactions that have become durable so far. Any thread. */
uint64_t ledger_commits(const struct ledger *l);

/* What is remembered of a POP3 server, see schema.h. */
enum ledger_pipelining {
	PIPELINING_UNTRIED,
	PIPELINING_PROVEN,
	PIPELINING_BROKEN
};
struct ledger_server {
	char name[320];
	char capa[2048]; /* lines; "": not known */
	int64_t learned; /* wall clock */
	enum ledger_pipelining pipelining;
	int64_t since; /* wall clock */
};

/* What is remembered of a listing that left nothing to do, see schema.h. */
struct ledger_quiet {
	unsigned char digest[32];
	int64_t until; /* wall clock */
	uint64_t held;
};

/* One poll's outcome, for `status`. */
struct ledger_poll {
	int64_t account;
	int64_t started, ended; /* wall clock */
	bool listed; /* the listing was read and planned */
	struct error error; /* ERR_NONE: success */
	uint64_t in_mailbox, delivered, octets, deleted, deferred, held;
	const struct ledger_quiet *quiet; /* or NULL: there is more to do */
	const struct ledger_server *server; /* or NULL: nothing was learned */
};

/*
 * ledger_poll - record a poll; if it has listed, messages gone for more than 90
 * days are forgotten. Of the time since the listing before it at most 7 days
 * count, so that a clock that jumps makes us forget nothing early. To have been
 * stopped is no failure, and leaves what was wrong before as it is.
 */
int
ledger_poll(struct ledger *l, const struct ledger_poll *poll, struct error *e);

/*
 * What the daemon wants to find again, by the account's name; the columns of
 * that name in schema.h. All borrowed.
 */
struct ledger_schedule {
	const char *account;
	int64_t due;
	const char *setback;
	uint32_t setbacks, refusals, alerted;
	struct slice refused, rhythm; /* empty: none */
	/* Only read: */
	int64_t failing_since; /* 0: it is not */
	int64_t last_success; /* 0: never */
};

/*
 * ledger_submit_schedules - a job that keeps those of `count` accounts; it comes
 * back on job.answer. One that the ledger does not know yet is passed over.
 * ledger_schedules - wait until they are durable.
 */
struct ledger_schedule_job {
	struct ledger_job job;
	const struct ledger_schedule *list; /* borrowed until it comes back */
	size_t count;
};
void ledger_submit_schedules(struct ledger *l, struct ledger_schedule_job *job);
int ledger_schedules(struct ledger *l, const struct ledger_schedule *list,
    size_t count, struct error *e);

#endif
