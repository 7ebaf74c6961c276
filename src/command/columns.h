/*
 * columns.h - a table for a person: cells gathered first, then printed to
 * standard output in columns as wide as their widest cell.
 */
#ifndef COMMAND_COLUMNS_H
#define COMMAND_COLUMNS_H

#include "base/buffer.h"

#include <stddef.h>

#define COLUMNS_MAX 12

/* Set shape, the rest zero. */
struct columns {
	const char *shape; /* a letter for each column: 'l'eft, 'r'ight */
	struct buffer cells; /* private: strings, each with its '\0' */
	size_t count; /* cells so far */
	size_t width[COLUMNS_MAX];
};

/* columns_add - the next cell, left to right, then the next line. */
void columns_add(struct columns *c, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* columns_octets - a cell of a peer's words, made harmless. */
void columns_octets(struct columns *c, struct slice words);

/* columns_print - print, and begin anew. */
void columns_print(struct columns *c);

#endif
