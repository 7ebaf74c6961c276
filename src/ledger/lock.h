/*
 * lock.h - one process at a time for a state directory.
 */
#ifndef LEDGER_LOCK_H
#define LEDGER_LOCK_H

#include "base/error.h"

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

#endif
