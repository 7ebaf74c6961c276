/*
 * verdict.h - what has become of a message, recipient by recipient and as a
 * whole. Pure functions on a transit, but for the clock.
 */
#ifndef DELIVERY_VERDICT_H
#define DELIVERY_VERDICT_H

#include "delivery/transit.h"

/* verdict_set - the outcome for one recipient, with the server's words. */
void
verdict_set(struct transit_recipient *r, enum state state, const char *words);

/* verdict_set_rest - for all recipients that have no outcome yet. */
void verdict_set_rest(struct transit *t, enum state state, const char *words);

/*
 * verdict_conclude - when every recipient has an outcome: fill in the transit's
 * end and reply, and the change that records them in the ledger.
 */
void verdict_conclude(struct transit *t, const char *destination);

/*
 * verdict_doubt - the same for one that was refused for good, and may have been
 * another message than the one that it was taken for: that is to be tried
 * again, however long it has been refused.
 */
void verdict_doubt(struct transit *t, const char *destination);

/*
 * verdict_send - send the transit back, by way of the ledger if there is
 * something to record: its change.
 */
void verdict_send(struct transit *t, struct ledger *ledger, bool record);

/*
 * verdict_untried - send it back, with its error, as if nothing had been done.
 * recorded: the ledger holds an intent, which is to be withdrawn.
 */
void verdict_untried(struct transit *t, struct ledger *ledger, bool recorded);

#endif
