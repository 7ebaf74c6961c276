/*
 * micro.h - a stopwatch for inner loops: what the micro-benchmarks share. Each
 * is a program that prints a line for each thing it measures: nanoseconds per
 * octet or item, the median of several repetitions with the least and the most
 * of them, and how often a yardstick fits into it.
 */
#ifndef BENCH_MICRO_H
#define BENCH_MICRO_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stddef.h>

struct micro {
	bool tiny; /* only to see that it runs: the figures mean nothing */
};

struct micro_time {
	double median, least, most; /* nanoseconds per unit */
};

/*
 * micro_begin - read the arguments: none, or --tiny.
 * Returns 0, or -1 after saying what is wrong with them.
 */
int micro_begin(struct micro *m, int argc, char *const *argv);

/* micro_size - how much to work on. */
size_t micro_size(const struct micro *m, size_t usual, size_t tiny);

/* micro_measure - do some work of so many units again and again. */
struct micro_time micro_measure(
    const struct micro *m, size_t units, void (*work)(void *arg), void *arg);

/*
 * micro_print - a line. yardstick: nanoseconds per unit of what `what` names,
 * or 0: there is none.
 */
void micro_print(const char *name, struct micro_time t, const char *unit,
    double yardstick, const char *what);

/* micro_seconds - of a clock that only goes forward. */
double micro_seconds(void);

/* micro_keep - make the compiler believe that this result is needed. */
void micro_keep(size_t result);

/*
 * micro_memchr, micro_memcpy - yardsticks for work on octets: finding every
 * line end, and copying. Nanoseconds per octet.
 */
double micro_memchr(const struct micro *m, struct slice octets);
double micro_memcpy(const struct micro *m, struct slice octets);

/* micro_lines - text in lines of so many octets, CRLF included, in *b. */
void micro_lines(struct buffer *b, size_t octets, size_t line);

#endif
