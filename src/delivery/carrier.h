/*
 * carrier.h - a thread that owns one connection to a destination, for the files
 * that are its parts: carrier.c, which decides what it does next, link.c, which
 * keeps the connection, and alone.c, one message at a time. Nobody else
 * includes it.
 */
#ifndef DELIVERY_CARRIER_H
#define DELIVERY_CARRIER_H

#include "delivery/pipeline.h"
#include "delivery/pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct carrier {
	struct delivery *d; /* borrowed */
	pthread_t thread;
	atomic_bool ended;
	struct transaction x; /* and the open connection */
	struct pipeline pipeline;
	struct queue *recorded; /* owned: intents that are durable */
	int wake_fd; /* owned: readable when `recorded`, or mail, waits */
	bool wakes_for_mail;
	struct pool_numbers own; /* its share of those of the pool */
	uint64_t carried; /* messages, on this connection */
	struct deadline look; /* when to see whether another one is due */
	bool passed; /* one of them has had its verdict */
	bool streamed; /* the one before came while it was sent */
	bool leaving; /* no more mail: others do it */
	bool spare; /* nothing came for a while */
	bool told_to_end; /* there will be no more mail */
};

/* carrier_note - let the pool know what it is about. */
void carrier_note(struct carrier *c);

/*
 * link_ready - there is a connection that is good for one more message, or -1
 *	with the errors of connection_open(). link_renew - a new one.
 * link_drop - close it. link_close - with QUIT before.
 */
int link_ready(struct carrier *c, struct error *e);
int link_renew(struct carrier *c, struct error *e);
void link_drop(struct carrier *c);
void link_close(struct carrier *c);

/*
 * link_set_down - what is wrong concerns every message: spare those that wait.
 * link_is_down - is it so still, and why?
 */
void link_set_down(struct delivery *d, const struct error *why);
bool link_is_down(struct delivery *d, struct error *e);

/*
 * link_one_too_many - it cannot connect. Where others can, it was one too many
 * for the server: these go on with what it had. Returns whether that is so.
 */
bool link_one_too_many(struct carrier *c, const struct error *why);

/*
 * link_failed - there is no connection for a message (t->error): it is left to
 * those that have one, or goes back. recorded: the ledger holds an intent.
 */
void link_failed(struct carrier *c, struct transit *t, bool recorded);

/*
 * alone_carry - send a message that is still coming, or to a server without
 *	PIPELINING, with nothing else on the connection; it comes back.
 * alone_withdraw - its intent, if there is one. 0, or -1 with t->error.
 * alone_untried - give it back with its error, as if nothing had been done.
 */
void alone_carry(struct carrier *c, struct transit *t);
int alone_withdraw(struct carrier *c, struct transit *t, bool recorded);
void
alone_untried(struct carrier *c, struct transit *t, bool recorded, bool down);

#endif
