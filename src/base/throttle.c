/* throttle.c - see throttle.h. */
#include "base/throttle.h"

#include "base/alloc.h"
#include "base/wait.h"

#include <pthread.h>
#include <stdlib.h>

/* After a rest, as much may pass at once as in so many milliseconds. */
#define BURST_MS 1000

struct throttle {
	pthread_mutex_t lock; /* guards all but the rate */
	uint64_t rate; /* octets a second, at least 1 */
	int64_t level; /* thousandths of octets that may pass; below 0: owed */
	int64_t filled_ms; /* when it was filled last */
};

void
throttle_new(struct throttle **out, uint64_t rate, int64_t now_ms)
{
	struct throttle *t = xcalloc(1, sizeof(*t));

	pthread_mutex_init(&t->lock, NULL);
	t->rate = rate > 0 ? rate : 1;
	t->filled_ms = now_ms;
	*out = t;
}

void
throttle_free(struct throttle **t)
{
	if (*t == NULL)
		return;
	pthread_mutex_destroy(&(*t)->lock);
	free(*t);
	*t = NULL;
}

/* With the lock held. One octet a second is a thousandth in a millisecond. */
static void
fill(struct throttle *t, int64_t now_ms)
{
	int64_t passed = now_ms - t->filled_ms, rate = (int64_t)t->rate;
	int64_t most = rate * BURST_MS;

	if (passed <= 0)
		return;
	t->filled_ms = now_ms;
	/* However long ago that was. */
	if (passed > (most - t->level) / rate)
		t->level = most;
	else
		t->level += passed * rate;
}

void
throttle_spend(struct throttle *t, size_t octets, int64_t now_ms)
{
	pthread_mutex_lock(&t->lock);
	fill(t, now_ms);
	t->level -= (int64_t)octets * 1000;
	pthread_mutex_unlock(&t->lock);
}

int64_t
throttle_wait_ms(struct throttle *t, int64_t now_ms)
{
	int64_t rate = (int64_t)t->rate, owed;

	pthread_mutex_lock(&t->lock);
	fill(t, now_ms);
	owed = t->level < 0 ? -t->level : 0;
	pthread_mutex_unlock(&t->lock);
	return (owed + rate - 1) / rate;
}

void
throttle_pass(struct throttle *t, size_t octets, const struct stop *stop)
{
	int64_t now, wait, most = (int64_t)octets * 1000 / THROTTLE_LEAST;
	struct error ignored = { 0 };

	if (t == NULL)
		return;
	now = clock_monotonic_ms();
	throttle_spend(t, octets, now);
	wait = throttle_wait_ms(t, now);
	if (wait > most)
		wait = most;
	if (wait > 0)
		wait_for(-1, 0, -1, stop_fd(stop, STOP_SOON), deadline_in(wait),
		    &ignored);
}
