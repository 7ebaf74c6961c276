/*
 * lock.h - one process at a time for a state directory, and the marker that
 * remembers that a ledger was there.
 */
#ifndef LEDGER_LOCK_H
#define LEDGER_LOCK_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * lock_take - make the directory (0700) if it is missing and take the lock.
 * Returns a descriptor that holds it until it is closed, or -1: ERR_LOCKED
 * (the text names the process), ERR_LEDGER.
 */
int lock_take(const char *dir, struct error *e);

/*
 * lock_held_since - when the process that is at work took the lock, by the wall
 * clock; 0: nobody has it, as far as can be seen.
 */
int64_t lock_held_since(const char *dir);

/*
 * lock_check_marker - has a ledger that was here gone?
 * Returns 0, or -1 with ERR_QUESTION.
 */
int lock_check_marker(const char *dir, bool may_be_new, struct error *e);

/* lock_check_empty - the same, for a ledger.db without a ledger in it. */
int lock_check_empty(const char *dir, bool may_be_new, struct error *e);

/* lock_set_marker - there is a ledger now. Returns 0, or -1: ERR_LEDGER. */
int lock_set_marker(const char *dir, struct error *e);

#endif
