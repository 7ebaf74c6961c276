/*
 * histogram.h - how long things took, in buckets: small enough to be part of a
 * report, and to be added up.
 */
#ifndef BASE_HISTOGRAM_H
#define BASE_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_BOUNDS 15

/* From 5 ms to 10 min: the upper bounds of the buckets, themselves included. */
extern const int64_t histogram_bounds_ms[HISTOGRAM_BOUNDS];

struct histogram {
	/* In each bucket alone; in the last one, what is beyond all bounds. */
	uint64_t counts[HISTOGRAM_BOUNDS + 1];
	uint64_t sum_ms;
};

/* histogram_add - something took so long. Less than nothing counts as that. */
void histogram_add(struct histogram *h, int64_t ms);

/* histogram_merge - add all that is in another one. */
void histogram_merge(struct histogram *into, const struct histogram *from);

#endif
