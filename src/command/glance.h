/*
 * glance.h - how the accounts are doing: what the ledger knows of them, and what
 * the daemon does, where one runs.
 */
#ifndef COMMAND_GLANCE_H
#define COMMAND_GLANCE_H

#include "base/buffer.h"
#include "base/error.h"
#include "daemon/live.h"
#include "ledger/reader.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How an account stands, in a word; with a daemon, and without. */
enum mood {
	MOOD_OK,
	MOOD_NEW, /* never polled */
	MOOD_WAITING, /* due, and others are polled first */
	MOOD_POLLING,
	MOOD_INTERRUPTED, /* its last poll was */
	MOOD_BLOCKED, /* its destination is down */
	MOOD_FAILING,
	MOOD_RESTING, /* not polled until somebody says so */
	MOOD_ASKS /* its owner has to answer a question */
};
#define MOODS (MOOD_ASKS + 1)

const char *mood_name(enum mood mood); /* "waiting"; also in JSON */

/* An account to look at. All borrowed. */
struct glance_of {
	const char *name; /* NULL: the end of a list */
	const char *destination; /* or NULL: not known */
};

/* One account. */
struct glance {
	struct glance_of of;
	struct standing s;
	struct hours hours;
	bool has_live;
	struct live_account live; /* where has_live */
	/* What is wrong: as the daemon has seen it, or else the ledger; "" */
	const char *kind, *words;
	bool unwritten; /* the ledger has another trouble, or none */
	bool polling; /* at this moment */
	bool interrupted; /* its last poll has not come to its end */
	uint64_t sending; /* messages sent whose answers its poll waits for;
			   * s.counts has none of them in doubt */
	enum mood mood;
};

/* All that were asked for. */
struct glances {
	int64_t now; /* wall clock */
	struct glance *list; /* owned, in the order of the settings */
	size_t count;
	bool running; /* there is a daemon: */
	struct live_daemon daemon;
	struct live_destination
	    *destinations; /* owned, as the daemon has them */
	size_t destination_count;
	char trouble[400]; /* why a daemon that runs does not answer, or "" */
	char **rows; /* private: what the above points into */
	size_t row_count;
	const struct glance **by_name; /* private */
};

/*
 * glances_read - of these accounts. all: they are all there are. Returns 0, or -1
 * with what reader_open() says.
 */
int glances_read(struct glances *g, const char *state,
    const struct glance_of *of, bool all, struct error *e);
void glances_free(struct glances *g);

/* glance_failures, glance_since - polls in a row have failed; the first, or 0. */
uint64_t glance_failures(const struct glance *one);
int64_t glance_since(const struct glance *one);

/* glance_is_trouble - does somebody have to know of it? */
bool glance_is_trouble(const struct glance *one);

/* glances_status - the exit status of them all. */
int glances_status(const struct glances *g);

#endif
