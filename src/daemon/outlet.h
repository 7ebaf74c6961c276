/*
 * outlet.h - a destination at work in the daemon: its delivery, shared by all
 * polls, and whether it is there. One that takes nothing is probed, sooner at
 * first, until it does; no poll that needs it begins meanwhile.
 */
#ifndef DAEMON_OUTLET_H
#define DAEMON_OUTLET_H

#include "base/error.h"
#include "base/queue.h"
#include "daemon/generation.h"
#include "delivery/delivery.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct outlet {
	struct queue_item item; /* on `probed`, when a probe has ended */
	const struct destination *to; /* of: */
	struct generation *generation; /* held */
	struct delivery *delivery; /* owned */
	_Atomic unsigned users; /* polls at work with it */
	_Atomic bool down;

	/* The main thread's. */
	struct outlet *next;
	bool retired; /* the settings know it no more, or otherwise */
	int64_t up_since; /* wall clock; 0: nobody knows */
	int64_t down_since; /* wall clock */
	struct error words; /* why */
	int64_t probe_at; /* clock_boot_ms; INT64_MAX: not */
	unsigned probes; /* in vain, since it is down */
	bool probing; /* a thread is at it */
	pthread_t prober;
	int probe_rc; /* the prober's, until it is on the queue */
	struct error probe_error;
	const struct stop *stop; /* borrowed, as is the next */
	struct queue *probed;
};

/*
 * outlet_new - stop, probed (a queue that it is put on when a probe has ended):
 * borrowed. Returns 0, or -1.
 */
int outlet_new(struct outlet **o, struct generation *g,
    const struct destination *to, struct ledger *ledger,
    const struct stop *stop, struct queue *probed, struct error *e);

/* outlet_free - nobody uses it, and no probe is under way. */
void outlet_free(struct outlet **o);

/* outlet_failed - it took nothing from a poll. */
void outlet_failed(struct outlet *o, const struct error *why, int64_t now_ms);

/* outlet_probe - begin a probe; it will be put on the queue. Or fail it at once. */
void outlet_probe(struct outlet *o);

/*
 * outlet_probed - it came back by the queue. True: it is up again. Otherwise
 * probe_at is when to try next.
 */
bool outlet_probed(struct outlet *o, int64_t now_ms);

#endif
