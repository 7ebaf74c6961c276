/*
 * held.h - what the words of the command `held` share.
 */
#ifndef COMMAND_HELD_H
#define COMMAND_HELD_H

#include "base/buffer.h"
#include "base/error.h"
#include "base/json.h"
#include "base/stop.h"
#include "command/command.h"
#include "command/ground.h"
#include "ledger/reader.h"
#include "poll/peep.h"

#include <stdint.h>

/* For reader_waiting(). */
#define STATE_BIT(state) (1u << (state))
#define STATE_ANY (STATE_BIT(STATES) - 1)

/*
 * held_number - a message's number. Returns EX_OK, or EX_USAGE after telling.
 */
int held_number(const char *word, int64_t *message);

/*
 * held_uid - a message's unique id, and which one it is of those that share it.
 */
void held_uid(const struct waiting *w, char *out, size_t room);

/* held_json - members with what the ledger knows of a message. */
void held_json(struct json *j, const struct waiting *w);

/* A message that was named. */
struct pick {
	struct waiting known; /* points into what follows */
	char *account; /* owned */
	char *reply; /* owned */
	struct buffer uid;
};

/*
 * held_pick - look up a message by its number, in whatever state it is.
 * Returns EX_OK, or another exit status after telling why.
 */
int held_pick(struct reader *reader, const char *word, struct pick *pick);
void pick_free(struct pick *pick);

/*
 * held_peep - open the mailbox that a message lies in.
 * Returns 0, or -1 with *peep NULL and the errors of password_get() and
 * peep_open(), or ERR_CONFIG: the account is not in the settings, or these are
 * wrong, or ERR_QUESTION: it is perhaps another mailbox now.
 */
int held_peep(struct peep **peep, const struct ground *ground,
    const struct pick *pick, const struct stop *stop, struct error *e);

/* held show, held save; in->args begins behind that word. */
int held_show(const struct invocation *in, const struct ground *ground);
int held_save(const struct invocation *in, const struct ground *ground);

#endif
