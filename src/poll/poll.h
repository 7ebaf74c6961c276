/*
 * poll.h - one poll of one account, from connect to QUIT, in the thread that
 * calls it.
 */
#ifndef POLL_POLL_H
#define POLL_POLL_H

#include "base/error.h"
#include "base/histogram.h"
#include "base/stop.h"
#include "base/throttle.h"
#include "delivery/delivery.h"
#include "ledger/ledger.h"
#include "ledger/reader.h"
#include "poll/account.h"
#include "poll/listing.h"
#include "poll/plan.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum poll_phase {
	POLL_CONNECTING,
	POLL_LISTING,
	POLL_MOVING,
	POLL_SETTLING,
	POLL_DONE
};

/* How far a poll has come; others may look at it at any time. */
struct poll_progress {
	_Atomic int phase; /* enum poll_phase */
	_Atomic uint64_t messages, octets; /* planned */
	_Atomic uint64_t messages_done; /* verdict durable */
	_Atomic uint64_t octets_done; /* read from the mailbox */
};

/* What a poll did. */
struct poll_report {
	bool listed; /* so that what is said of the mailbox is known */
	uint64_t in_mailbox; /* listed, less what was deleted */
	uint64_t taken, octets_taken; /* messages that came whole; of all */
	uint64_t delivered, octets, deleted, deferred, held;
	uint64_t content; /* octets, too, without our Received fields */
	uint64_t resent; /* delivered ones that were in doubt before */
	/* Refused for good, and somebody was told, or nobody. */
	uint64_t reported, dropped;
	bool baseline; /* it was one: poll_job.baseline */
	uint64_t left_new, known; /* then: listed, and not made seen; which */
	uint64_t seen, in_doubt, left_for_later, stubborn;
	uint64_t recognised; /* their UIDs had changed */
	uint64_t unrecognised; /* listed and unknown at that time */
	uint64_t waiting_held; /* held before and still there */
	uint64_t held_earlier; /* of `held`: waiting_held has them, too */
	uint64_t waiting_in_doubt; /* now, in_doubt included; where listed */
	uint64_t left_out; /* the server contradicts itself about them */
	/* It ended since this one took nothing; at most one of them. */
	bool destination_down, reports_down;
	uint64_t arrived; /* of those listed, since the poll before; 0: the
			   * first one, or it was not listed */
	int64_t login_delay_s; /* that the server asks for; 0: it does not */
	int64_t took_ms;
	struct histogram deliveries; /* from handing over to the verdict */
	/* First message that was held or deferred, and the server's words. */
	char trouble[600];
};

struct poll_job {
	const struct account *account;
	const char *password;
	const char *state_dir;
	struct ledger *ledger;
	struct delivery *delivery;
	struct delivery *reports; /* where reports of refusals go */
	struct transit_pool *pool;
	const struct stop *stop;
	const char *const *names; /* see ledger_account(), as is the next */
	bool moved; /* and for UIDs that have changed, see recognise.h */
	bool other_mail; /* see recognise.h; goes before moved */
	/* See plan.h, as for the next ones. */
	bool impatient;
	bool seen_too, only_owed, spare_owed;
	bool thorough; /* make a plan, though the last one left nothing to do */
	struct throttle *throttle; /* of all that is read, or NULL */
	/* See plan.h: it takes and deletes nothing, and asks no question about
	 * UIDs. NULL: it is an ordinary poll. */
	const struct baseline *baseline;
	struct poll_progress *progress; /* or NULL */
};

/*
 * poll_run - poll. The outcome is recorded in the ledger. Returns 0, or -1
 * with the error that ended it; the report is filled in either way. A message
 * that was deferred or held is no error of the poll. ERR_QUESTION: the settings
 * or the UIDs have changed, and the owner has to say what that means.
 */
int poll_run(
    const struct poll_job *job, struct poll_report *report, struct error *e);

/*
 * poll_not_begun - there was no password to be had: record that as what the poll
 * has come to. Returns -1; *e stays as it is.
 */
int poll_not_begun(const struct poll_job *job, const struct error *e);

/*
 * poll_look - connect, log in, read the listing and plan, and nothing else:
 * for `list`, `plan` and their like. The session is ended before it returns. *plan borrows
 * from *listing and *rows. names: of all accounts; ERR_QUESTION: see
 * ledger_account(), or UIDs have changed.
 * baseline: plan as a poll with that one would; or NULL.
 */
int poll_look(const struct account *account, const char *password,
    const char *const *names, const char *state_dir,
    const struct baseline *baseline, const struct stop *stop,
    struct listing *listing, struct rows *rows, struct plan *plan,
    struct error *e);

#endif
