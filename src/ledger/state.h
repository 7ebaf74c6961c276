/*
 * state.h - what has become of a message.
 */
#ifndef LEDGER_STATE_H
#define LEDGER_STATE_H

enum state {
	STATE_NEW, /* listed, and nothing has been done about it */
	STATE_SEEN, /* never sent, and not to be: baseline, first poll */
	STATE_IN_DOUBT, /* end of data may have been sent, no verdict */
	STATE_DEFERRED, /* refused for now */
	STATE_HELD, /* refused for good; its owner decides */
	STATE_DROPPED, /* its owner gave it up: to be deleted */
	STATE_DELIVERED, /* accepted by all */
	STATE_REPORT_OWED, /* refused for good; somebody is to be told */
	STATE_REJECTED, /* refused for good, and dealt with like delivered */
	STATE_DELETE_OWED, /* delivered, to be deleted, not yet seen gone */
	STATE_GONE /* no longer listed */
};
#define STATES (STATE_GONE + 1)

const char *state_name(enum state state); /* "in_doubt" */

/* state_parse - the state of that name, or -1. */
int state_parse(const char *name);

#endif
