/*
 * pipeline.h - several messages on their way over one connection, none of them
 * waiting for the replies to the one before (RFC 2920; RFC 3030 where the
 * server has CHUNKING).
 *
 * Each message is a flight: its intent is on disk before its end of data goes
 * out; its replies are matched in their order; what it comes to is its own. A
 * MAIL that follows an unanswered BDAT is preceded by RSET, so that no message
 * can join the transaction of one that was refused.
 *
 * What a message is on its way is in flight.h.
 */
#ifndef DELIVERY_PIPELINE_H
#define DELIVERY_PIPELINE_H

#include "delivery/flight.h"

#include <stdbool.h>
#include <stddef.h>

struct pipeline {
	struct wire wire;
	const struct stop *stop; /* borrowed */
	struct queue *recorded; /* borrowed: where intents come back */

	/* Private. */
	struct flight *first, **last; /* in the order of the conversation */
	size_t count;
	struct flight *suspects; /* refused at MAIL: is it the messages? */
	struct flight *unconfirmed; /* accepted, if what follows fits that */
	size_t intents; /* that have not come back */
	size_t replies; /* that all flights may have, at most */
	int64_t since; /* when the reply that is awaited became due */
	bool down; /* every message would fare the same */
	struct error why; /* of `down` */
};

/*
 * pipeline_init - all are borrowed for its life.
 * pipeline_connected - x->smtp is a new connection; flights may be left over
 *	from the one before, and are sent again.
 */
void pipeline_init(struct pipeline *p, struct transaction *x,
    const struct destination *to, struct manners *manners,
    const struct stop *stop, struct queue *recorded);
void pipeline_connected(struct pipeline *p);

/*
 * pipeline_suits - is this a server to which anything may be sent ahead?
 * pipeline_fits - and is this a message for that, now?
 */
bool pipeline_suits(const struct pipeline *p);
bool pipeline_fits(const struct pipeline *p, struct transit *t);

/*
 * pipeline_room - how many more may be added now.
 * pipeline_is_deep - it has as much to do as keeps it busy.
 */
size_t pipeline_room(const struct pipeline *p);
bool pipeline_is_deep(const struct pipeline *p);
bool pipeline_busy(const struct pipeline *p);

/* pipeline_add - begin with a message; it comes back by itself. */
void pipeline_add(struct pipeline *p, struct transit *t);

/*
 * pipeline_round - send what may be sent, wait for something to happen, and
 * deal with it. wake_fd: a descriptor that ends the wait; the intents' queue
 * must be behind it. until: ends it, too.
 * Returns 0, or -1: the connection is lost, and pipeline_lost() is due.
 */
int pipeline_round(
    struct pipeline *p, int wake_fd, struct deadline until, struct error *e);

/*
 * pipeline_lost - what becomes of each flight: in doubt when its end of data
 * may have been read, deferred when it is the one under which the connection
 * broke; the others are kept, to be sent again.
 */
void pipeline_lost(struct pipeline *p, const struct error *why);

/* pipeline_untried - give all that is left back as if never begun. */
void pipeline_untried(
    struct pipeline *p, const struct error *why, bool destination_down);

/* pipeline_pull - take the next one out again, as it was added; or NULL. */
struct transit *pipeline_pull(struct pipeline *p);

#endif
