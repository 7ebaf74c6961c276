/* growth.c - see growth.h. */
#include "delivery/growth.h"

/*
 * How long to look before deciding, how much must have been done to be more
 * than chance, and what twice as many have to bring.
 */
#define LOOK_MS 25
#define LOOK_MESSAGES 64
#define WORTH_IT 1.15
/*
 * When they brought nothing, and when the server refused one: not for so long.
 */
#define CONTENT_MS ((int64_t)10 * 1000)
#define ENOUGH_MS ((int64_t)60 * 1000)

static void
look_anew(struct growth *g, const struct load *load, int64_t now)
{
	g->since = now;
	g->done = load->done;
}

static bool
can_be_measured(const struct growth *g, const struct load *load)
{
	return load->settled && load->done - g->done >= LOOK_MESSAGES;
}

/* Has the number of connections there is now proved to be worth it? */
static bool
is_worth_it(struct growth *g, const struct load *load, int64_t now)
{
	double rate = (double)(load->done - g->done) / (double)(now - g->since);

	if (load->carriers > g->proven && rate < g->rate * WORTH_IT)
		return false;
	g->proven = load->carriers;
	g->rate = rate;
	return true;
}

static int
twice(struct growth *g, const struct load *load, int64_t now)
{
	g->grown = now;
	return (int)(load->carriers < load->free ? load->carriers : load->free);
}

int
growth_step(struct growth *g, const struct load *load, int64_t now)
{
	if (load->carriers == 0) {
		g->grown = now;
		return load->waits && load->free > 0 &&
		    (load->none || now >= g->not_before);
	}
	if (load->changing) {
		look_anew(g, load, now);
		return load->many && now >= g->grown + LOOK_MS &&
			now >= g->not_before
		    ? twice(g, load, now)
		    : 0;
	}
	if (now - g->since < LOOK_MS)
		return 0;
	if (can_be_measured(g, load)) {
		bool pays = is_worth_it(g, load, now);

		look_anew(g, load, now);
		if (!pays) {
			g->not_before = now + CONTENT_MS;
			return -(int)(load->carriers - g->proven);
		}
	}
	if (!load->waits || load->free == 0 || now < g->not_before)
		return 0;
	look_anew(g, load, now);
	return twice(g, load, now);
}

struct deadline
growth_due(const struct growth *g, const struct load *load)
{
	int64_t look = g->since + LOOK_MS;

	if (!load->waits || load->free == 0)
		return deadline_never();
	return (struct deadline){ look > g->not_before ? look : g->not_before };
}

void
growth_enough(struct growth *g, int64_t now)
{
	g->not_before = now + ENOUGH_MS;
}
