/*
 * growth.h - how many connections to a destination are worth having. A pure
 * function of what is known and the time.
 *
 * It begins with one. While mail waits and nobody is idle, their number is
 * doubled; what can be measured by then is compared with what fewer have done,
 * and where it is not clearly more, it goes back to these for a while. A server
 * that takes its time over each message, or is far away, cannot be measured so
 * soon: waiting there is what more connections are good for. Where very much
 * waits, not even their being connected is waited for.
 */
#ifndef DELIVERY_GROWTH_H
#define DELIVERY_GROWTH_H

#include "base/clock.h"

#include <stdbool.h>
#include <stdint.h>

/* The connections that carry small messages, and what they have done. */
struct load {
	unsigned carriers; /* of them, also those that are not connected yet */
	unsigned free; /* so many more are allowed */
	bool none; /* nor are there others */
	bool waits; /* there is mail for more */
	bool many; /* so much that those which connect cannot take it soon */
	bool settled; /* none is idle, connecting, or has done nothing yet */
	bool changing; /* one is idle or connecting: nothing can be told */
	uint64_t done; /* messages, ever */
};

struct growth {
	int64_t grown; /* when the last ones were added */
	int64_t since; /* measuring began, with so many done: */
	uint64_t done;
	unsigned proven; /* so many are worth having: */
	double rate; /* messages in a millisecond that they have done */
	int64_t not_before; /* no more of them before that */
};

/*
 * growth_step - the change that is due at `now` (clock_monotonic_ms): so many
 * more, or (negative) so many fewer, or 0.
 */
int growth_step(struct growth *g, const struct load *load, int64_t now);

/* growth_due - when to ask again, whatever happens until then. */
struct deadline growth_due(const struct growth *g, const struct load *load);

/* growth_enough - the server wants no more of them. */
void growth_enough(struct growth *g, int64_t now);

#endif
