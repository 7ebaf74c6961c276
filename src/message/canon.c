/* canon.c - see canon.h. */
#include "message/canon.h"

#include <string.h>

enum {
	AT_LINE_START,
	IN_LINE,
	AFTER_CR /* withheld until the next octet tells what it is */
};

/* So that a search which finds nothing is never repeated over much. */
#define WINDOW ((size_t)1024)

/* The octets at the front that are canonical already. */
static size_t
canonical_run(struct slice in)
{
	const char *p = in.data;
	const char *end = in.data + in.len;

	while (p < end) {
		size_t left = (size_t)(end - p);
		size_t window = left < WINDOW ? left : WINDOW;
		const char *lf = memchr(p, '\n', window);
		size_t line = lf != NULL ? (size_t)(lf - p) : window;
		const char *cr = memchr(p, '\r', line);

		if (cr != NULL) {
			if (cr + 1 == end || cr[1] != '\n')
				return (size_t)(cr - in.data);
			p = cr + 2;
		} else if (lf != NULL) {
			return (size_t)(lf - in.data);
		} else {
			p += window;
		}
	}
	return in.len;
}

static struct slice
line_end(struct canon *c)
{
	c->state = AT_LINE_START;
	return slice_of("\r\n");
}

static struct slice
mended_cr(struct canon *c)
{
	c->state = IN_LINE;
	c->bare_cr++;
	return slice_of(" ");
}

void
canon_next(struct canon *c, struct slice *in, struct slice *out)
{
	size_t run;

	*out = slice_make(NULL, 0);
	if (in->len == 0)
		return;
	if (c->state == AFTER_CR && in->data[0] != '\n') {
		*out = mended_cr(c);
		return;
	}
	if (in->data[0] == '\n') {
		if (c->state != AFTER_CR)
			c->bare_lf++;
		*in = slice_skip(*in, 1);
		*out = line_end(c);
		return;
	}
	run = canonical_run(*in);
	if (run > 0) {
		*out = slice_make(in->data, run);
		c->state = in->data[run - 1] == '\n' ? AT_LINE_START : IN_LINE;
		*in = slice_skip(*in, run);
		return;
	}
	*in = slice_skip(*in, 1);
	c->state = AFTER_CR;
}

struct slice
canon_end(struct canon *c)
{
	switch (c->state) {
	case AFTER_CR:
		c->bare_cr++;
		c->state = AT_LINE_START;
		return slice_of(" \r\n");
	case IN_LINE:
		return line_end(c);
	default:
		return slice_make(NULL, 0);
	}
}
