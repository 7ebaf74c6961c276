/*
 * live.h - what only a running daemon knows, as rows of the answer to
 * REQUEST_STATUS: fields with HTAB between them. All else is in the ledger,
 * which whoever asks reads for himself.
 *
 * Rows and fields that are not known are passed over, so that versions can
 * differ. Times are seconds since 1970, 0: none. All of it is pure.
 */
#ifndef DAEMON_LIVE_H
#define DAEMON_LIVE_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stdint.h>

struct live_daemon {
	int64_t pid;
	int64_t started;
	const char *version;
	bool stopping;
};

enum live_state {
	LIVE_IDLE, /* to be polled at `next` */
	LIVE_WAITING, /* due; others are polled first */
	LIVE_POLLING, /* since `since`; `done` of `total` messages */
	LIVE_BACKING_OFF, /* failed; tried again at `next` */
	LIVE_RESTING, /* not polled until its settings change or `wake` */
	LIVE_BLOCKED /* its destination is down */
};
#define LIVE_STATES (LIVE_BLOCKED + 1)

struct live_account {
	const char *name;
	enum live_state state;
	int64_t next; /* when it is due */
	int64_t since; /* in this state; of a failure: the first in a row */
	uint64_t done,
	    total; /* messages of the poll under way; 0 0: no figures */
	const char *words; /* what is wrong, "" for nothing */
	const char *kind; /* of the error that its last poll ended with, "" */
	uint64_t failures; /* polls in a row, as far as the daemon has seen */
};

enum live_reach {
	LIVE_UP,
	LIVE_DOWN,
	LIVE_UNTRIED /* nobody has connected yet */
};
#define LIVE_REACHES (LIVE_UNTRIED + 1)

struct live_destination {
	const char *name;
	enum live_reach reach;
	uint64_t connections; /* open now */
	uint64_t waiting; /* messages handed over, without a verdict */
	int64_t since; /* up or down */
	const char *words; /* why it is down, "" */
};

/* A row for each, with its line end. Words are made harmless. */
void live_write_daemon(const struct live_daemon *d, struct buffer *out);
void live_write_account(const struct live_account *a, struct buffer *out);
void
live_write_destination(const struct live_destination *d, struct buffer *out);

/* live_state_name, live_reach_name - the words of the rows and of JSON. */
const char *live_state_name(enum live_state state); /* "backing_off" */
const char *live_reach_name(enum live_reach reach);

enum live_kind {
	LIVE_OTHER, /* of another version: to be passed over */
	LIVE_DAEMON,
	LIVE_ACCOUNT,
	LIVE_DESTINATION
};

struct live_row {
	enum live_kind kind;
	struct live_daemon daemon;
	struct live_account account;
	struct live_destination destination;
};

/*
 * live_parse - of a row without its line end, as a string that is cut into its
 * fields: what *row points to lives in it.
 */
void live_parse(char *line, struct live_row *row);

#endif
