/*
 * pool.h - what the threads of one destination share. Nobody outside this room
 * includes it.
 */
#ifndef DELIVERY_POOL_H
#define DELIVERY_POOL_H

#include "delivery/delivery.h"
#include "delivery/flight.h"
#include "delivery/growth.h"

#include <pthread.h>
#include <stdatomic.h>

struct carrier;

/* Carriers, of which a single one is 0 or 1. */
struct pool_numbers {
	unsigned working; /* its thread runs */
	unsigned idle; /* waiting for mail */
	unsigned connected;
	unsigned fresh; /* connected, and no message is through yet */
	unsigned deep; /* has as much on its way as is good for it, */
	unsigned full; /* and more than enough for another one */
	unsigned streaming; /* has a message that still comes */
	unsigned leaving; /* takes no more mail */
};

struct delivery {
	const struct destination *to; /* borrowed, as is the next */
	struct ledger *ledger;
	struct stop *stop; /* owned: so that nobody waits for a connection
			    * that nobody needs any more */
	int64_t idle_ms; /* after so long a connection is given back */

	/*
	 * Transits that wait: those that are complete, and those whose content
	 * is still coming, which take a connection for themselves.
	 */
	struct queue *whole, *streams; /* owned */
	struct transit last; /* on `whole`: ends whoever sees it */
	bool ending; /* it is there; for whoever frees us */
	_Atomic uint64_t size_limit;
	struct manners manners;
	_Atomic uint64_t done; /* messages that have had their verdict */

	pthread_mutex_t lock; /* guards what follows */
	unsigned waiting, streams_waiting; /* on the queues */
	unsigned expected; /* so many are going to submit mail */
	struct carrier **carriers; /* owned; to->connections places */
	struct pool_numbers all;
	unsigned superfluous; /* so many of them are to leave */
	struct growth growth;
	struct error down; /* why the last connect failed, */
	struct deadline down_until; /* and how long that is taken as true */

	pthread_mutex_t asking; /* guards what follows */
	char *password; /* owned; NULL: not asked for yet */
};

/*
 * pool_grow - begin or end connections, where that is due. With the lock held.
 *	*again: when to ask again. 0, or -1 with ERR_SYSTEM.
 * pool_may_stream - may one more message that still comes take a connection?
 *	One is left for the others. With the lock held.
 * pool_others_wait - is there mail that a message which streams keeps waiting?
 * pool_put_back - of a transit that somebody else is to take.
 */
int pool_grow(struct delivery *d, struct deadline *again, struct error *e);
bool pool_may_stream(const struct delivery *d);
bool pool_others_wait(void *delivery);
void pool_put_back(struct delivery *d, struct transit *t);

/* carrier_start - a thread in carriers[i]. 0, or -1 with ERR_SYSTEM. */
int carrier_start(struct delivery *d, size_t i, struct error *e);

/* carrier_end - wait for its end, and free it. It has been told to end. */
void carrier_end(struct carrier **c);

/* carrier_has_ended - by itself, since there was nothing to do. */
bool carrier_has_ended(const struct carrier *c);

#endif
