/*
 * due.h - when each mailbox is due, as a heap: who is first is known at once, and
 * a change takes steps as the logarithm of their number.
 *
 * Mailboxes are numbers from 0, with few gaps. Times are of whatever clock the
 * caller has.
 */
#ifndef DAEMON_DUE_H
#define DAEMON_DUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DUE_NEVER INT64_MAX

struct due;

void due_new(struct due **d);
void due_free(struct due **d);

/* due_set - from now on it is due then. DUE_NEVER: as due_remove(). */
void due_set(struct due *d, size_t mailbox, int64_t when);

/* due_remove - it is not due at any time. */
void due_remove(struct due *d, size_t mailbox);

/* due_first - who is due first; of several, any. False: nobody is. */
bool due_first(const struct due *d, size_t *mailbox, int64_t *when);

/* due_when - of a mailbox, or DUE_NEVER. due_count - of how many there is one. */
int64_t due_when(const struct due *d, size_t mailbox);
size_t due_count(const struct due *d);

#endif
