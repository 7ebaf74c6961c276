/*
 * delivery.h - a destination at work: a thread that owns the connection to it,
 * sends what polls submit, and gets each verdict into the ledger.
 *
 * A transit that was submitted always comes back on its `answer` queue, by way
 * of its job: after the ledger has made the verdict durable, or at once where
 * there was nothing to record.
 */
#ifndef DELIVERY_DELIVERY_H
#define DELIVERY_DELIVERY_H

#include "base/error.h"
#include "base/stop.h"
#include "delivery/destination.h"
#include "delivery/transit.h"
#include "ledger/ledger.h"

struct delivery;

/* All arguments are borrowed until delivery_free(). */
int delivery_new(struct delivery **d, const struct destination *destination,
    struct ledger *ledger, const struct stop *stop, struct error *e);

/*
 * delivery_expect - somebody is going to submit mail: a first connection need
 * not wait for it, and where many bring some, it will come all at once.
 * delivery_expect_no_more - for each of these calls: all of it was submitted.
 */
void delivery_expect(struct delivery *d);
void delivery_expect_no_more(struct delivery *d);

/* delivery_submit - give a transit away until it comes back. */
void delivery_submit(struct delivery *d, struct transit *t);

/*
 * delivery_refuse - the same, when it is known beforehand that the destination
 * takes it for nobody. words: why.
 */
void delivery_refuse(struct delivery *d, struct transit *t, const char *words);

/*
 * delivery_record - a transit has come back `questioned`: have its refusal
 * recorded, if it is `identified` as the message that is listed; otherwise it
 * is deferred, or withdrawn if the poll has broken it off. It comes back again.
 */
void delivery_record(struct delivery *d, struct transit *t);

/*
 * delivery_size_limit - the largest message that the destination says it takes
 * (SIZE, RFC 1870), in octets; 0 as long as that is not known.
 */
uint64_t delivery_size_limit(struct delivery *d);

/* delivery_is_up - it takes mail, whatever was learned before. */
void delivery_is_up(struct delivery *d);

/* delivery_load - what is going on, for people. */
struct delivery_load {
	unsigned connections; /* open */
	unsigned messages; /* that wait for one */
};
struct delivery_load delivery_load(struct delivery *d);

/*
 * delivery_end - have it QUIT, without waiting for that. Nothing may be under
 * way, and nothing may come; what is being connected still is given up.
 * delivery_free - the same, and wait until connections and threads are gone.
 */
void delivery_end(struct delivery *d);
void delivery_free(struct delivery **d);

/*
 * delivery_probe - prove a destination without moving anything: connect, TLS,
 * login, MAIL FROM:<> and RCPT for each recipient, RSET, QUIT. report is told
 * each step. Returns 0, or -1.
 */
struct delivery_report {
	void (*step)(void *arg, const char *step, const char *detail);
	void *arg;
};
int delivery_probe(const struct destination *destination,
    const char *const *recipients, const struct stop *stop,
    const struct delivery_report *report, struct error *e);

#endif
