/* delivery.c - the pool of connections to one destination. */
#include "delivery/delivery.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "delivery/pool.h"
#include "delivery/verdict.h"

#include <stdlib.h>

/* An idle connection is given back to the server after so long. */
#define IDLE_MS (30 * 1000)
/* More than this for each connection, and one more is no luxury. */
#define PLENTY 16

int
delivery_new(struct delivery **out, const struct destination *to,
    struct ledger *ledger, const struct stop *stop, struct error *e)
{
	struct delivery *d = xcalloc(1, sizeof(*d));

	*out = NULL;
	d->to = to;
	d->ledger = ledger;
	d->idle_ms = IDLE_MS;
	pthread_mutex_init(&d->lock, NULL);
	pthread_mutex_init(&d->asking, NULL);
	d->carriers = xcalloc(to->connections, sizeof(struct carrier *));
	if (stop_new_within(&d->stop, stop, e) == 0 &&
	    queue_new(&d->whole, e) == 0 && queue_new(&d->streams, e) == 0) {
		*out = d;
		return 0;
	}
	delivery_free(&d);
	return -1;
}

/* --- how many connections --- */

bool
pool_may_stream(const struct delivery *d)
{
	return d->all.streaming == 0 ||
	    d->all.streaming + 1 < d->to->connections;
}

bool
pool_others_wait(void *delivery)
{
	struct delivery *d = delivery;
	bool wait;

	pthread_mutex_lock(&d->lock);
	wait = (d->streams_waiting > 0 && !pool_may_stream(d)) ||
	    (d->waiting > 0 && d->all.streaming == d->all.working);
	pthread_mutex_unlock(&d->lock);
	return wait;
}

static struct load
load_of(const struct delivery *d)
{
	const struct pool_numbers *all = &d->all;
	unsigned leaving = all->leaving + d->superfluous;
	unsigned carriers = all->working - all->streaming;

	carriers = carriers > leaving ? carriers - leaving : 0;
	return (struct load){
		.carriers = carriers,
		.free = d->to->connections - all->working,
		.none = all->working == 0,
		.waits = d->waiting > 0 ||
		    (d->streams_waiting > 0 && pool_may_stream(d)) ||
		    (carriers > 0 && all->full >= carriers),
		.many = d->waiting + d->expected >= PLENTY * (carriers + 1),
		.changing = all->idle > 0 || all->connected < all->working,
		.settled = all->fresh == 0,
		.done = atomic_load(&d->done),
	};
}

static int
add_carriers(struct delivery *d, int n, struct error *e)
{
	for (size_t i = 0; i < d->to->connections && n > 0; i++) {
		if (d->carriers[i] != NULL && carrier_has_ended(d->carriers[i]))
			carrier_end(&d->carriers[i]);
		if (d->carriers[i] != NULL)
			continue;
		if (carrier_start(d, i, e) < 0)
			return -1;
		n--;
	}
	return 0;
}

int
pool_grow(struct delivery *d, struct deadline *again, struct error *e)
{
	struct load load = load_of(d);
	int change = growth_step(&d->growth, &load, clock_monotonic_ms());

	if (change < 0)
		d->superfluous += (unsigned)-change;
	if (change > 0)
		d->superfluous = 0;
	*again = growth_due(&d->growth, &load);
	return add_carriers(d, change, e);
}

/* --- mail --- */

/* With d->lock held. */
static void
enqueue(struct delivery *d, struct transit *t)
{
	if (transit_whole(t)) {
		d->waiting++;
		queue_push(d->whole, &t->item);
	} else {
		d->streams_waiting++;
		queue_push(d->streams, &t->item);
	}
}

void
pool_put_back(struct delivery *d, struct transit *t)
{
	pthread_mutex_lock(&d->lock);
	enqueue(d, t);
	pthread_mutex_unlock(&d->lock);
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
delivery_expect(struct delivery *d)
{
	struct deadline again;
	struct error ignored = { 0 };

	pthread_mutex_lock(&d->lock);
	d->expected++;
	if (d->all.working == 0)
		(void)add_carriers(d, 1, &ignored);
	else
		(void)pool_grow(d, &again, &ignored);
	pthread_mutex_unlock(&d->lock);
}

void
delivery_expect_no_more(struct delivery *d)
{
	pthread_mutex_lock(&d->lock);
	d->expected--;
	pthread_mutex_unlock(&d->lock);
}

void
delivery_submit(struct delivery *d, struct transit *t)
{
	struct deadline ignored;
	struct error e = { 0 };

	pthread_mutex_lock(&d->lock);
	enqueue(d, t);
	if (pool_grow(d, &ignored, &e) < 0 && d->all.working == 0)
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

void
delivery_is_up(struct delivery *d)
{
	pthread_mutex_lock(&d->lock);
	error_clear(&d->down);
	pthread_mutex_unlock(&d->lock);
}

struct delivery_load
delivery_load(struct delivery *d)
{
	struct delivery_load load;

	pthread_mutex_lock(&d->lock);
	load.connections = d->all.connected;
	load.messages = d->waiting + d->streams_waiting;
	pthread_mutex_unlock(&d->lock);
	return load;
}

void
delivery_record(struct delivery *d, struct transit *t)
{
	t->questioned = false;
	if (t->broken_off) {
		verdict_untried(t, d->ledger, t->intended);
		return;
	}
	if (!t->identified)
		verdict_doubt(t, d->to->name);
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
	if (!d->ending && d->whole != NULL) {
		queue_push(d->whole, &d->last.item);
		stop_request(d->stop, STOP_SOON);
	}
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
	stop_free(&d->stop);
	password_free(&d->password);
	pthread_mutex_destroy(&d->lock);
	pthread_mutex_destroy(&d->asking);
	free(d->carriers);
	free(d);
	*out = NULL;
}
