/*
 * pool.h - what the threads of one destination share. Nobody outside this room
 * includes it.
 */
#ifndef DELIVERY_POOL_H
#define DELIVERY_POOL_H

#include "delivery/delivery.h"
#include "delivery/pipeline.h"

#include <pthread.h>
#include <stdatomic.h>

struct carrier;

struct delivery {
	const struct destination *to; /* borrowed, as are the next two */
	struct ledger *ledger;
	const struct stop *stop;

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
	struct carrier **carriers; /* owned; to->connections places */
	unsigned working; /* carriers whose thread runs */
	unsigned idle; /* of these, waiting for mail */
	unsigned connecting; /* of these, not connected yet */
	unsigned streaming; /* of these, with a message from `streams` */
	unsigned connected; /* of these, connected */
	char *password; /* owned; NULL: not asked for yet */
	struct error down; /* why the last connect failed, */
	struct deadline down_until; /* and how long that is taken as true */
	/* Growing: is one more connection worth it? */
	struct deadline grow_after;
	int64_t grown; /* when the last one was added, */
	uint64_t done_then; /* what had been done, */
	double rate; /* and messages each second before it */
};

/* carrier_start - a thread in carriers[i]. 0, or -1 with ERR_SYSTEM. */
int carrier_start(struct delivery *d, size_t i, struct error *e);

/* carrier_end - wait for its end, and free it. It has been told to end. */
void carrier_end(struct carrier **c);

/* carrier_has_ended - by itself, since there was nothing to do. */
bool carrier_has_ended(const struct carrier *c);

#endif
