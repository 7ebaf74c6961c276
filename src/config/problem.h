/*
 * problem.h - what is wrong with the settings, gathered while they are read
 * and checked, told all at once in the order of the files.
 */
#ifndef CONFIG_PROBLEM_H
#define CONFIG_PROBLEM_H

#include "base/buffer.h"

#include <stddef.h>

/* Where something stands. */
struct place {
	const char *file; /* borrowed */
	unsigned line; /* 0: the file as a whole */
};

struct problem {
	struct place at;
	char *text; /* owned */
	size_t order; /* among all */
};

/* { 0 } begins. */
struct problems {
	struct problem *list; /* owned */
	size_t count;
};

/* problem_add - note a problem; the same one twice at a place counts once. */
void problem_add(struct problems *p, struct place at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * problems_write - one line each: "FILE:LINE: text", files in the order in
 * which they first came up, lines in theirs.
 */
void problems_write(struct problems *p, struct buffer *out);
void problems_free(struct problems *p);

#endif
