/*
 * ground.h - what a command stands on: the settings, or, where these are wrong and
 * it needs no more, the state directory, in which the ledger is and a daemon can be
 * found, which has settings of its own.
 */
#ifndef COMMAND_GROUND_H
#define COMMAND_GROUND_H

#include "base/buffer.h"
#include "command/command.h"
#include "config/settings.h"

struct ground {
	const struct invocation *in; /* borrowed */
	struct settings *settings; /* owned; NULL: they are wrong */
	char *state; /* owned; the state directory, or NULL: not known */
	struct buffer problems; /* with the settings, a line for each */
	struct error e; /* likewise, summed up */
};

/* What has to be there, where the settings are wrong. */
enum need {
	NEED_LEDGER,
	NEED_DAEMON
};

/* ground_read - nothing is told yet. */
void ground_read(struct ground *g, const struct invocation *in);
void ground_free(struct ground *g);

/*
 * ground_look - can the command go on? Yes if the settings are right, or if there
 * is what it needs. Otherwise what is wrong with them is told, and why the command
 * ends. Returns EX_OK, or a status.
 * ground_check - the same, and in any case what is wrong with them is told.
 */
int ground_look(struct ground *g, enum need need);
int ground_check(struct ground *g, enum need need);

/*
 * ground_become - command_become(); where the settings are wrong, root has to do
 * with a state directory of his own. Returns EX_OK, or a status after telling.
 */
int ground_become(struct ground *g);

/* ground_warn - the settings are wrong, and the command goes on. */
void ground_warn(const struct ground *g);

/* ground_refuse - they are wrong, and that is the end of it. Returns a status. */
int ground_refuse(const struct ground *g);

#endif
