/*
 * marker.h - ledger.marker remembers that a ledger was there, so that its loss
 * is noticed; and as what it was left, so that it need not be checked each
 * time.
 */
#ifndef LEDGER_MARKER_H
#define LEDGER_MARKER_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * marker_check - has a ledger that was here gone?
 * marker_check_empty - the same, for a ledger.db without a ledger in it.
 * may_be_new: that is no question.
 * Return 0, or -1 with ERR_QUESTION.
 */
int marker_check(const char *dir, bool may_be_new, struct error *e);
int marker_check_empty(const char *dir, bool may_be_new, struct error *e);

/* marker_set - there is a ledger now. Returns 0, or -1: ERR_LEDGER. */
int marker_set(const char *dir, struct error *e);

/*
 * marker_vouch - the ledger was closed in order, and had last been checked at
 * `checked`. Where that cannot be written, the next one to ask has to check.
 *
 * marker_checked - when it was last checked, if it is still what marker_vouch()
 * saw; 0: it has to be checked, since it was not closed in order, somebody has
 * changed the file, or more than a week has passed. What a disk loses by itself
 * is not noticed for so long.
 */
void marker_vouch(const char *dir, int64_t checked);
int64_t marker_checked(const char *dir, int64_t now);

#endif
