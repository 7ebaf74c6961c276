/* dot.c - dot transparency. */
#include "net/dot.h"

#include <string.h>

enum decoder_state {
	LINE, /* at the start of a line */
	TEXT, /* inside one */
	CR, /* after a CR, which has been handed out */
	DOT, /* after a dot at the start of a line, not handed out */
	DOT_CR /* after that dot and a CR, neither handed out */
};

static char
last(struct slice s)
{
	return s.data[s.len - 1];
}

static void
cut(struct slice *from, size_t n, struct slice *front)
{
	*front = slice_make(from->data, n);
	*from = slice_skip(*from, n);
}

/* Where a run of content that no dot follows leaves the decoder. */
static enum decoder_state
state_after(struct slice run)
{
	if (last(run) == '\r')
		return CR;
	if (run.len > 1 && memcmp(run.data + run.len - 2, "\r\n", 2) == 0)
		return LINE;
	return TEXT;
}

/*
 * How much comes before the first dot that follows `end`. Most content has few
 * dots and none in what is large, which memchr(3) skips faster than memmem(3).
 */
static size_t
until_dot_after(struct slice in, const char *end)
{
	size_t len = strlen(end);
	const char *dot = in.data;
	size_t before;

	while ((dot = memchr(dot, '.', in.len - (size_t)(dot - in.data))) !=
	    NULL) {
		before = (size_t)(dot - in.data);
		if (before >= len && memcmp(dot - len, end, len) == 0)
			return before;
		dot++;
	}
	return in.len;
}

/* Hand out all that comes before the next line with a dot in front. */
static void
decode_run(struct dot_decoder *d, struct slice *in, struct slice *content)
{
	cut(in, until_dot_after(*in, "\r\n"), content);
	d->state = state_after(*content);
}

int
dot_decode(struct dot_decoder *d, struct slice *in, struct slice *content)
{
	*content = slice_make(NULL, 0);
	if (in->len == 0)
		return 0;
	if (d->state == LINE && in->data[0] == '.') {
		*in = slice_skip(*in, 1);
		d->state = DOT;
	} else if (d->state == DOT && in->data[0] == '\r') {
		*in = slice_skip(*in, 1);
		d->state = DOT_CR;
	} else if (d->state == DOT_CR && in->data[0] == '\n') {
		*in = slice_skip(*in, 1);
		d->state = LINE;
		return 1;
	} else if (d->state == DOT_CR) {
		*content = slice_of("\r");
		d->state = CR;
	} else if (d->state == CR && in->data[0] == '\n') {
		cut(in, 1, content);
		d->state = LINE;
	} else {
		decode_run(d, in, content);
	}
	return 0;
}

void
dot_encode(struct dot_encoder *d, struct slice *in, struct slice *out)
{
	*out = slice_make(NULL, 0);
	if (in->len == 0)
		return;
	if (d->state == LINE && in->data[0] == '.') {
		*out = slice_of(".");
		d->state = TEXT;
		return;
	}
	cut(in, until_dot_after(*in, "\n"), out);
	d->state = last(*out) == '\n' ? LINE : TEXT;
}

struct slice
dot_end(const struct dot_encoder *d)
{
	return slice_of(d->state == LINE ? ".\r\n" : "\r\n.\r\n");
}
