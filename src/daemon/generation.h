/*
 * generation.h - the settings in force. When they are read anew, those before
 * live on for as long as somebody works by them.
 */
#ifndef DAEMON_GENERATION_H
#define DAEMON_GENERATION_H

#include "config/settings.h"

struct generation {
	struct settings *settings; /* owned */
	const char **names; /* of its accounts, NULL at the end; owned */
	_Atomic unsigned users, holders; /* private; all users are a holder */
};

/* generation_new - with one user. The settings are its own from now on. */
struct generation *generation_new(struct settings *settings);

/* generation_use, generation_leave - one user more; one less. Any thread. */
struct generation *generation_use(struct generation *g);
void generation_leave(struct generation **g);

/*
 * generation_hold, generation_let_go - one more who needs its destinations only,
 * and stays for long; one less.
 */
struct generation *generation_hold(struct generation *g);
void generation_let_go(struct generation **g);

#endif
