/*
 * decision.h - what the owner of held messages decides, carried out in the
 * ledger: by the command itself, or by a daemon that is asked to.
 */
#ifndef DAEMON_DECISION_H
#define DAEMON_DECISION_H

#include "base/buffer.h"
#include "base/error.h"
#include "ledger/ledger.h"

#include <stddef.h>
#include <stdint.h>

enum decision {
	DECISION_RETRY, /* held or dropped: to be tried again */
	DECISION_DROP /* held: to be deleted from the mailbox */
};

/* What was decided about. All owned. */
struct decided {
	enum decision decision;
	int64_t *messages;
	size_t count;
	char **accounts; /* whose they are, each once */
	size_t account_count;
};

/*
 * decision_look - find the messages meant by words: numbers, or for
 * DECISION_RETRY "all". words: NULL-terminated, or NULL.
 * Returns EX_OK, or another status of sysexits(3) with *d empty and e->text
 * saying why: one of them is no number (EX_USAGE), unknown or in another state
 * (EX_DATAERR); or what reader_open() says.
 */
int decision_look(const char *state_dir, enum decision decision,
    char *const *words, struct decided *d, struct error *e);

/*
 * decision_make - the same, and carry it out: all of them, or none. Waits until
 * that is on disk.
 */
int decision_make(const char *state_dir, struct ledger *ledger,
    enum decision decision, char *const *words, struct decided *d,
    struct error *e);

/* decided_tell - a line that says what will happen now, with its '\n'. */
void decided_tell(const struct decided *d, struct buffer *out);
void decided_free(struct decided *d);

#endif
