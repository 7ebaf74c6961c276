/*
 * terminal.h - what standard output can show.
 */
#ifndef COMMAND_TERMINAL_H
#define COMMAND_TERMINAL_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stddef.h>

struct terminal {
	size_t columns, lines; /* 0 0: it is none, and there is no limit */
	bool colours; /* a terminal that has them, and no $NO_COLOR */
	bool utf8; /* the locale's characters */
};

/* terminal_look - at standard output, as it is now. */
void terminal_look(struct terminal *t);

enum paint {
	PAINT_NONE,
	PAINT_GOOD,
	PAINT_BUSY,
	PAINT_WARN,
	PAINT_BAD,
	PAINT_FAINT,
	PAINT_HEAD
};

/* paint - what switches to it, "" where there are no colours; and back. */
const char *paint_on(const struct terminal *t, enum paint paint);
const char *paint_off(const struct terminal *t, enum paint paint);

/*
 * terminal_width - how many columns a line takes; what switches colours takes
 * none. terminal_cut - the octets at the front that fill no more than so many.
 */
size_t terminal_width(struct slice line);
size_t terminal_cut(struct slice line, size_t columns);

/*
 * terminal_wrap - append a line as rows of so many columns at most, broken behind
 * words where that can be; `end` ends each. Returns how many there are, at most
 * `most`. out: NULL: only count them.
 */
size_t terminal_wrap(struct slice line, size_t columns, size_t most,
    const char *end, struct buffer *out);

#endif
