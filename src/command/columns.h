/*
 * columns.h - a table for a person: cells gathered first, then written in
 * columns as wide as their widest cell. What switches colours takes no room.
 * A table of very many lines is added twice instead, and not gathered: first to
 * measure its cells, then to print each line when it is complete.
 */
#ifndef COMMAND_COLUMNS_H
#define COMMAND_COLUMNS_H

#include "base/buffer.h"

#include <stddef.h>

#define COLUMNS_MAX 12

enum columns_way {
	COLUMNS_GATHER,
	COLUMNS_MEASURE,
	COLUMNS_PRINT
};

/* Set shape, the rest zero; way as above. */
struct columns {
	const char *shape; /* a letter for each column: 'l'eft, 'r'ight */
	enum columns_way way;
	struct buffer cells; /* private: strings, each with its '\0' */
	size_t count; /* cells so far */
	size_t width[COLUMNS_MAX];
	size_t most; /* of a line; 0: no limit */
	size_t left_out; /* columns at the end that are not written */
};

/* columns_add - the next cell, left to right, then the next line. */
void columns_add(struct columns *c, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* columns_octets - a cell of a peer's words, made harmless. */
void columns_octets(struct columns *c, struct slice words);

/*
 * columns_fit - make the first column narrower, down to `least`, where the lines
 * are wider than that; its cells are cut then, and end in '~'. What is still too
 * wide loses columns at its end, down to two, and is cut then. Returns how many
 * columns are left out.
 */
size_t columns_fit(struct columns *c, size_t width, size_t least);

/* columns_width - of all lines, as they are now. */
size_t columns_width(const struct columns *c);

/* columns_write, columns_print - to standard output, what was gathered; and begin
 * anew. */
void columns_write(struct columns *c, struct buffer *out);
void columns_print(struct columns *c);

#endif
