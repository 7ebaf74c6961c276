/*
 * landlock.h - which files this process may open from now on: the kernel's
 * Landlock (landlock(7)). Only confine.c includes it.
 */
#ifndef DAEMON_LANDLOCK_H
#define DAEMON_LANDLOCK_H

#include "base/error.h"

/* landlock_version - of the kernel's interface; 0: there is none here. */
int landlock_version(void);

/* What may be done with something, and all that is in it. */
enum landlock_right {
	LANDLOCK_READ,
	LANDLOCK_WRITE, /* make, change, remove, and read */
	LANDLOCK_DEVICE /* no folder: read, write, and ioctl(2) */
};

/* Rules, being gathered. */
struct landlock {
	int version;
	int fd; /* owned, -1 */
};

/* Returns 0, or -1 with ERR_SYSTEM. For landlock_version() > 0. */
int landlock_open(struct landlock *l, struct error *e);
void landlock_close(struct landlock *l);

/*
 * landlock_allow - the right to a path, whatever is found there now. What is not
 * there, or out of our reach, is left out.
 * Returns 0, or -1 with ERR_SYSTEM.
 */
int landlock_allow(struct landlock *l, const char *path,
    enum landlock_right right, struct error *e);

/*
 * landlock_enforce - from now on nothing else may be opened, made or removed,
 * no program started, and no signal sent to another process; there is no way
 * back. What is open stays so. A unix socket can be connected to wherever it
 * lies. It also means that no process can be looked into that is not bound by
 * the same rules, in /proc or else.
 * Threads that are there already are bound from version 8 on only; before, it
 * must be called while there are none.
 * Returns 0, or -1 with ERR_SYSTEM.
 */
int landlock_enforce(struct landlock *l, struct error *e);

#endif
