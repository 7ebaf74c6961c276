/*
 * ahead.h - what the mailbox has been asked and has not answered yet, in order.
 * Without pipelining that is one thing at a time.
 */
#ifndef POLL_AHEAD_H
#define POLL_AHEAD_H

#include "poll/intake.h"

struct asked {
	enum pop3_verb verb; /* RETR, UID, STAT or DELE */
	uint32_t number;
	struct intake *intake; /* RETR: owned */
	const struct listing_entry *listed; /* UID: borrowed */
	int64_t message; /* DELE: the ledger's row */
};

/*
 * ahead_ask - ask. Returns 0, or -1 with an error of the session; a.intake is
 * the caller's still then.
 * ahead_room - how many more may be asked now: without pipelining none as long
 *	as something is.
 * ahead_first - what is answered next, NULL: nothing. It stays, for
 * ahead_drop - which takes it out.
 */
int ahead_ask(struct session *s, struct asked a, struct error *e);
size_t ahead_room(const struct session *s);
struct asked *ahead_first(struct session *s);
void ahead_drop(struct session *s);

/*
 * ahead_dele - DELE, of a message whose deletion is owed on record.
 * ahead_dele_answer - read the answer to the first, which is a DELE. A refusal
 *	leaves the deletion owed and the session usable.
 * ahead_answers - read all that are outstanding, none of which is a RETR.
 */
int ahead_dele(
    struct session *s, uint32_t number, int64_t message, struct error *e);
int ahead_dele_answer(struct session *s, struct error *e);
int ahead_answers(struct session *s, struct error *e);

/*
 * ahead_cancel - the session is lost, or given up: what it was asked for never
 * comes. s->pop3 is freed.
 * ahead_drain - stopped: read and drop what is coming, if that is not too much,
 * so that the session can be ended in order; or else cancel.
 */
void ahead_cancel(struct session *s);
void ahead_drain(struct session *s);

#endif
