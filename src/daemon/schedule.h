/*
 * schedule.h - when is a mailbox polled next? By its interval, or its rhythm
 * (rhythm.h); later after a failure, by the kind of it; not at all while its
 * password has been refused too often.
 *
 * All times are milliseconds of one clock that goes on while the machine sleeps,
 * unless they are said to be of the wall clock. Here are no threads, no clock and
 * no chance: what is random comes from the caller, evenly from 0 to UINT32_MAX.
 */
#ifndef DAEMON_SCHEDULE_H
#define DAEMON_SCHEDULE_H

#include "base/error.h"
#include "daemon/rhythm.h"
#include "ledger/ledger.h"
#include "poll/account.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Until its settings change, or somebody wakes it. */
#define SCHEDULE_RESTS INT64_MAX

/* How a poll has ended. */
enum schedule_failure {
	SCHEDULE_WELL,
	SCHEDULE_TEMPORARY, /* the network, the server, our own system */
	SCHEDULE_IN_USE, /* another session has the maildrop */
	SCHEDULE_LOGIN_DELAY, /* the last poll was too short a time ago */
	SCHEDULE_REFUSED, /* the password */
	SCHEDULE_PERMANENT, /* its owner has to do something */
	SCHEDULE_DESTINATION, /* no failure of the account */
	SCHEDULE_STOPPED /* by us */
};
#define SCHEDULE_FAILURES (SCHEDULE_STOPPED + 1)

/*
 * schedule_failure_of - what the error that ended a poll means. destination_failed:
 * see struct poll_report.
 */
enum schedule_failure
schedule_failure_of(enum error_kind kind, bool destination_failed);

const char *schedule_failure_name(enum schedule_failure failure); /* "in_use" */

/*
 * Settings of a login, as far as one can tell a refused one from another. Only so
 * much of a digest that it proves no guess of the password right.
 */
#define SCHEDULE_LOGIN 2

/* One mailbox. All zero begins; then schedule_settings(). */
struct schedule {
	int64_t every; /* 0: by its rhythm, within min and max */
	int64_t min, max;
	unsigned char login[SCHEDULE_LOGIN];
	int64_t login_delay; /* that the server asks for, as far as is known */

	/* These survive a restart, in the ledger. */
	int64_t due; /* SCHEDULE_RESTS: until it is told otherwise */
	enum schedule_failure setback; /* in the last polls, */
	unsigned setbacks; /* so many in a row; SCHEDULE_WELL: none */
	unsigned refusals; /* since the last login that went well, */
	unsigned char refused[SCHEDULE_LOGIN]; /* with these settings */
	struct rhythm *rhythm; /* owned; NULL where every is fixed */
};

/*
 * schedule_login - a digest of what an account logs in with. changed: when the file
 * that holds the password was changed, where it has one; else 0.
 */
void schedule_login(const struct account *account, int64_t changed,
    unsigned char out[SCHEDULE_LOGIN]);

/*
 * schedule_settings - the settings in force. Once other ones have been refused,
 * these have not, and it rests no longer: due is `now` then.
 */
void schedule_settings(struct schedule *s, const struct account *account,
    const unsigned char login[SCHEDULE_LOGIN], int64_t now);
void schedule_free(struct schedule *s);

/*
 * schedule_restore - what an earlier process has kept; after schedule_settings().
 * wall: `now` by the wall clock, in seconds. What its owner had to see to is tried
 * at once.
 * schedule_keep - the other way round. kept->row is complete but for account and
 * alerted, and borrows from *s and *kept.
 */
struct schedule_kept {
	struct ledger_schedule row;
	unsigned char rhythm[RHYTHM_OCTETS];
};
void schedule_restore(struct schedule *s, const struct ledger_schedule *row,
    int64_t now, int64_t wall);
void schedule_keep(const struct schedule *s, int64_t now, int64_t wall,
    struct schedule_kept *kept);

/*
 * schedule_spread - for each that is overdue (schedule_is_overdue) when a process
 * starts, or when the machine has slept: the place-th, from 0, of so many. They are
 * spread so that a few come at once, and many over their interval. Returns s->due,
 * as do all below.
 */
bool schedule_is_overdue(const struct schedule *s, int64_t now);
int64_t schedule_spread(
    struct schedule *s, size_t place, size_t of, int64_t now, uint32_t random);

struct schedule_outcome {
	enum schedule_failure failure;
	int64_t started; /* when the poll began */
	int64_t local; /* the same in seconds of local clocks: rhythm.h */
	uint64_t arrived; /* new messages since the poll before */
	int64_t login_delay_s; /* that the server asks for; 0: not known */
};

/* schedule_after - a poll has ended, at `now`: when is the next? */
int64_t schedule_after(struct schedule *s, const struct schedule_outcome *o,
    int64_t now, uint32_t random);

/* schedule_wake - somebody wants it polled now, and has seen to what was wrong. */
int64_t schedule_wake(struct schedule *s, int64_t now);

#endif
