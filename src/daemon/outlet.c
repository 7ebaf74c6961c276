/* outlet.c - see outlet.h. */
#include "daemon/outlet.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>

/* Between probes: at first, and at most. */
#define PROBE_MS ((int64_t)5 * 1000)
#define PROBE_MAX_MS ((int64_t)5 * 60 * 1000)

int
outlet_new(struct outlet **out, struct generation *g,
    const struct destination *to, struct ledger *ledger,
    const struct stop *stop, struct queue *probed, struct error *e)
{
	struct outlet *o = xcalloc(1, sizeof(*o));

	*out = NULL;
	o->to = to;
	o->probe_at = INT64_MAX;
	o->stop = stop;
	o->probed = probed;
	if (delivery_new(&o->delivery, to, ledger, stop, e) < 0) {
		free(o);
		return -1;
	}
	o->generation = generation_hold(g);
	*out = o;
	return 0;
}

void
outlet_free(struct outlet **out)
{
	struct outlet *o = *out;

	if (o == NULL)
		return;
	delivery_free(&o->delivery);
	generation_let_go(&o->generation);
	free(o);
	*out = NULL;
}

static int64_t
pause_before(unsigned probes)
{
	int64_t pause = PROBE_MS;

	while (probes-- > 0 && pause < PROBE_MAX_MS)
		pause *= 2;
	return pause < PROBE_MAX_MS ? pause : PROBE_MAX_MS;
}

void
outlet_failed(struct outlet *o, const struct error *why, int64_t now_ms)
{
	if (atomic_load(&o->down))
		return;
	o->words = *why;
	o->down_since = clock_wall();
	o->probes = 0;
	o->probe_at = now_ms + pause_before(0);
	atomic_store(&o->down, true);
}

static void
hear(void *arg, const char *step, const char *detail)
{
	(void)arg;
	(void)step;
	(void)detail;
}

static void *
prober_thread(void *arg)
{
	static const char *const nobody[] = { NULL };
	struct delivery_report report = { .step = hear };
	struct outlet *o = arg;

	o->probe_rc =
	    delivery_probe(o->to, nobody, o->stop, &report, &o->probe_error);
	queue_push(o->probed, &o->item);
	return NULL;
}

void
outlet_probe(struct outlet *o)
{
	int rc = pthread_create(&o->prober, NULL, prober_thread, o);

	o->probe_at = INT64_MAX;
	if (rc == 0) {
		o->probing = true;
		return;
	}
	o->probe_rc = error_set(&o->probe_error, ERR_SYSTEM,
	    "cannot start a thread: %s", strerror(rc));
	queue_push(o->probed, &o->item);
}

bool
outlet_probed(struct outlet *o, int64_t now_ms)
{
	if (o->probing)
		pthread_join(o->prober, NULL);
	o->probing = false;
	if (o->probe_rc == 0) {
		atomic_store(&o->down, false);
		o->up_since = clock_wall();
		delivery_is_up(o->delivery);
		return true;
	}
	o->words = o->probe_error;
	o->probe_at = now_ms + pause_before(++o->probes);
	return false;
}
