/* histogram.c - see histogram.h. */
#include "base/histogram.h"

const int64_t histogram_bounds_ms[HISTOGRAM_BOUNDS] = { 5, 10, 25, 50, 100, 250,
	500, 1000, 2500, 5000, 10000, 30000, 60000, 300000, 600000 };

void
histogram_add(struct histogram *h, int64_t ms)
{
	int i = 0;

	if (ms < 0)
		ms = 0;
	while (i < HISTOGRAM_BOUNDS && ms > histogram_bounds_ms[i])
		i++;
	h->counts[i]++;
	h->sum_ms += (uint64_t)ms;
}

void
histogram_merge(struct histogram *into, const struct histogram *from)
{
	for (int i = 0; i <= HISTOGRAM_BOUNDS; i++)
		into->counts[i] += from->counts[i];
	into->sum_ms += from->sum_ms;
}
