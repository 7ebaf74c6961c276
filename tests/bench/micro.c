/* micro.c - see micro.h. */
#include "micro.h"

#include "base/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define REPETITIONS 15

int
micro_begin(struct micro *m, int argc, char *const *argv)
{
	m->tiny = argc == 2 && strcmp(argv[1], "--tiny") == 0;
	if (argc > 1 && !m->tiny) {
		fprintf(stderr, "usage: %s [--tiny]\n", argv[0]);
		return -1;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	return 0;
}

size_t
micro_size(const struct micro *m, size_t usual, size_t tiny)
{
	return m->tiny ? tiny : usual;
}

double
micro_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void
micro_keep(size_t result)
{
	volatile size_t kept = result;

	(void)kept;
}

static int
by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

struct micro_time
micro_measure(
    const struct micro *m, size_t units, void (*work)(void *arg), void *arg)
{
	size_t count = micro_size(m, REPETITIONS, 1);
	double ns[REPETITIONS];

	work(arg); /* memory and caches are warm then */
	for (size_t i = 0; i < count; i++) {
		double began = micro_seconds();

		work(arg);
		ns[i] = (micro_seconds() - began) * 1e9 / (double)units;
	}
	qsort(ns, count, sizeof(ns[0]), by_size);
	return (struct micro_time){
		.median = ns[count / 2], .least = ns[0], .most = ns[count - 1]
	};
}

void
micro_print(const char *name, struct micro_time t, const char *unit,
    double yardstick, const char *what)
{
	int digits = t.median < 100 ? 3 : 0;

	printf("%-44s %8.*f ns/%s (%.*f-%.*f)", name, digits, t.median, unit,
	    digits, t.least, digits, t.most);
	if (yardstick > 0)
		printf(", %.2f x %s", t.median / yardstick, what);
	printf("\n");
}

/* --- yardsticks --- */

#define ENOUGH ((size_t)1 << 20) /* octets, for the clock to be exact */

struct yard {
	struct slice octets;
	size_t times;
	char *copy; /* owned */
};

static void
find_line_ends(void *arg)
{
	const struct yard *y = arg;
	size_t found = 0;

	for (size_t i = 0; i < y->times; i++) {
		struct slice rest = y->octets;
		const char *end;

		while ((end = memchr(rest.data, '\n', rest.len)) != NULL) {
			rest = slice_skip(rest, (size_t)(end - rest.data) + 1);
			found++;
		}
	}
	micro_keep(found);
}

static void
copy(void *arg)
{
	const struct yard *y = arg;

	for (size_t i = 0; i < y->times; i++) {
		memcpy(y->copy, y->octets.data, y->octets.len);
		micro_keep((size_t)y->copy[i % y->octets.len]);
	}
}

static double
lay_yardstick(const struct micro *m, struct slice octets, void (*work)(void *))
{
	struct yard y = { .octets = octets,
		.times = m->tiny ? 1 : ENOUGH / octets.len + 1,
		.copy = xcalloc(octets.len, 1) };
	struct micro_time t = micro_measure(m, octets.len * y.times, work, &y);

	free(y.copy);
	return t.median;
}

double
micro_memchr(const struct micro *m, struct slice octets)
{
	return lay_yardstick(m, octets, find_line_ends);
}

double
micro_memcpy(const struct micro *m, struct slice octets)
{
	return lay_yardstick(m, octets, copy);
}

void
micro_lines(struct buffer *b, size_t octets, size_t line)
{
	static const char words[] = "postriders carry letters over hill and ";
	size_t at = 0;

	buffer_reserve(b, octets + line);
	while (b->len < octets) {
		for (size_t i = 2; i < line; i++)
			buffer_add(b, &words[at++ % (sizeof(words) - 1)], 1);
		buffer_add(b, "\r\n", 2);
	}
}
