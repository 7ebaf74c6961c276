/*
 * whom.h - the accounts that `status` is about: those of the settings, or, where
 * these are wrong, those that the daemon has, or else the ledger.
 */
#ifndef COMMAND_WHOM_H
#define COMMAND_WHOM_H

#include "command/glance.h"
#include "command/ground.h"

struct whom {
	struct glance_of *list; /* owned; for glances_read() */
	size_t count;
	char **names; /* owned, as are they; those that no settings hold */
	size_t name_count;
};

/*
 * whom_find - those that were named, or all. Returns EX_OK, or a status after
 * telling: one is unknown, or the ledger cannot be read. Free in either case.
 */
int whom_find(struct whom *w, const struct ground *g);
void whom_free(struct whom *w);

#endif
