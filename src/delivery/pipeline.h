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
 * Only messages that are complete (transit_whole) fly; they stay in their
 * transits until their verdicts, and can be sent again on another connection.
 */
#ifndef DELIVERY_PIPELINE_H
#define DELIVERY_PIPELINE_H

#include "delivery/destination.h"
#include "delivery/transaction.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/* What is learnt of a server, on any of the connections to it. */
struct manners {
	atomic_bool in_step; /* a message has had its replies, and no more */
	atomic_bool lockstep; /* replies got out of step: one at a time */
	atomic_bool no_chunking; /* it promises CHUNKING and has none */
};

struct flight; /* private */

struct pipeline {
	struct transaction *x; /* borrowed: the connection and its like */
	const struct destination *to; /* borrowed */
	struct manners *manners; /* borrowed, shared */
	const struct stop *stop; /* borrowed */
	struct queue *recorded; /* borrowed: where intents come back */
	bool
	    used; /* the connection has carried a message; the carrier's, too */

	/* Private. */
	struct flight *first, **last; /* in the order of the conversation */
	size_t count;
	struct flight *suspects; /* refused at MAIL: is it the messages? */
	size_t intents; /* that have not come back */
	size_t ends; /* of data that are queued, not sent */
	size_t recipients; /* of all flights: so many replies at most */
	int64_t since; /* when the reply that is awaited became due */
	int64_t idle_since; /* when the last flight ended */
	bool chunking; /* use BDAT on this connection */
	bool proven; /* a BDAT has been answered as it should be */
	bool open; /* a transaction may be open at the server */
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

/* pipeline_fits - is this a message, and this a server, for it? */
bool pipeline_fits(const struct pipeline *p, struct transit *t);

/* pipeline_room - how many more may be added now. */
size_t pipeline_room(const struct pipeline *p);
bool pipeline_busy(const struct pipeline *p);

/* pipeline_add - begin with a message; it comes back by itself. */
void pipeline_add(struct pipeline *p, struct transit *t);

/*
 * pipeline_round - send what may be sent, wait for something to happen, and
 * deal with it. wake_fd: a descriptor that ends the wait; the intents' queue
 * must be behind it.
 * Returns 0, or -1: the connection is lost, and pipeline_lost() is due.
 */
int pipeline_round(struct pipeline *p, int wake_fd, struct error *e);

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
