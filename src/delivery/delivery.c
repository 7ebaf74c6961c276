/*
 * The pool of connections to one destination: begins with one, and adds another
 * while mail waits and the last addition has paid.
 */
#include "delivery/delivery.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "delivery/pool.h"
#include "delivery/verdict.h"

#include <stdlib.h>

/* What a measurement needs, and what an addition must bring. */
#define MEASURE_MESSAGES 16
#define MEASURE_MS 50
#define WORTH_IT 1.1
/* When it brought nothing: not again for so long. */
#define CONTENT_MS (10 * 1000)

int
delivery_new(struct delivery **out, const struct destination *to,
    struct ledger *ledger, const struct stop *stop, struct error *e)
{
	struct delivery *d = xcalloc(1, sizeof(*d));

	*out = NULL;
	d->to = to;
	d->ledger = ledger;
	d->stop = stop;
	pthread_mutex_init(&d->lock, NULL);
	d->carriers = xcalloc(to->connections, sizeof(struct carrier *));
	if (queue_new(&d->whole, e) == 0 && queue_new(&d->streams, e) == 0) {
		*out = d;
		return 0;
	}
	delivery_free(&d);
	return -1;
}

/* Since the last addition, in messages a second; 0: cannot be told yet. */
static double
measure(const struct delivery *d, int64_t now)
{
	uint64_t done = atomic_load(&d->done) - d->done_then;

	if (done < MEASURE_MESSAGES || now - d->grown < MEASURE_MS)
		return 0;
	return (double)done * 1000 / (double)(now - d->grown);
}

/* With d->lock held. */
static bool
is_worth_it(struct delivery *d, int64_t now)
{
	double rate;

	if (d->working == 0)
		return true;
	if (d->idle > 0 || d->connecting > 0 || !deadline_passed(d->grow_after))
		return false;
	/* Small messages do not wait for large ones. */
	if (d->working == d->streaming)
		return true;
	rate = measure(d, now);
	if (rate == 0)
		return false;
	if (d->working > 1 && rate < d->rate * WORTH_IT) {
		d->grow_after = deadline_in(CONTENT_MS);
		d->rate = 0;
		return false;
	}
	d->rate = rate;
	return true;
}

/* With d->lock held. */
static int
add_carrier(struct delivery *d, int64_t now, struct error *e)
{
	for (size_t i = 0; i < d->to->connections; i++) {
		if (d->carriers[i] != NULL && carrier_has_ended(d->carriers[i]))
			carrier_end(&d->carriers[i]);
		if (d->carriers[i] != NULL)
			continue;
		d->grown = now;
		d->done_then = atomic_load(&d->done);
		return carrier_start(d, i, e);
	}
	return 0;
}

/* Nobody is there, and nobody will come: what waits goes back. */
static void
give_back(struct delivery *d, const struct error *why)
{
	struct transit *t;

	while ((t = queue_pop(d->whole)) != NULL ||
	    (t = queue_pop(d->streams)) != NULL) {
		t->error = *why;
		t->destination_down = true;
		verdict_untried(t, d->ledger, false);
	}
	d->waiting = d->streams_waiting = 0;
}

void
delivery_submit(struct delivery *d, struct transit *t)
{
	int64_t now = clock_monotonic_ms();
	struct error e = { 0 };

	pthread_mutex_lock(&d->lock);
	if (transit_whole(t)) {
		d->waiting++;
		queue_push(d->whole, &t->item);
	} else {
		d->streams_waiting++;
		queue_push(d->streams, &t->item);
	}
	if (is_worth_it(d, now) && add_carrier(d, now, &e) < 0 &&
	    d->working == 0)
		give_back(d, &e);
	pthread_mutex_unlock(&d->lock);
}

void
delivery_refuse(struct delivery *d, struct transit *t, const char *words)
{
	verdict_set_rest(t, STATE_HELD, words);
	verdict_conclude(t, d->to->name);
	verdict_send(t, d->ledger, true);
}

uint64_t
delivery_size_limit(struct delivery *d)
{
	return atomic_load(&d->size_limit);
}

void
delivery_end(struct delivery *d)
{
	if (!d->ending && d->whole != NULL)
		queue_push(d->whole, &d->last.item);
	d->ending = true;
}

void
delivery_free(struct delivery **out)
{
	struct delivery *d = *out;

	if (d == NULL)
		return;
	delivery_end(d);
	for (size_t i = 0; i < d->to->connections; i++)
		if (d->carriers[i] != NULL)
			carrier_end(&d->carriers[i]);
	queue_free(&d->whole);
	queue_free(&d->streams);
	password_free(&d->password);
	pthread_mutex_destroy(&d->lock);
	free(d->carriers);
	free(d);
	*out = NULL;
}
