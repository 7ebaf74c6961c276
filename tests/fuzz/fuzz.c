/* fuzz.c - see fuzz.h. */
#include "fuzz.h"

#include "base/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
fuzz_must(bool holds, const char *sentence)
{
	if (holds)
		return;
	fprintf(stderr, "does not hold: %s\n", sentence);
	abort();
}

/* Of an empty block the sanitizer would not see the first step beyond. */
static size_t
octets_before(struct slice copy)
{
	return copy.len == 0 ? 1 : 0;
}

struct slice
fuzz_copy(struct slice s)
{
	char *block = xcalloc(s.len + octets_before(s), 1);

	if (s.len > 0)
		memcpy(block, s.data, s.len);
	return slice_make(block + octets_before(s), s.len);
}

void
fuzz_free(struct slice copy)
{
	free((void *)(uintptr_t)(copy.data - octets_before(copy)));
}

bool
fuzz_line(struct slice *rest, struct slice *line)
{
	const char *lf;
	size_t n;

	if (rest->len == 0)
		return false;
	lf = memchr(rest->data, '\n', rest->len);
	n = lf != NULL ? (size_t)(lf - rest->data) : rest->len;
	*line = slice_make(rest->data, n);
	*rest = slice_skip(*rest, lf != NULL ? n + 1 : n);
	if (n > 0 && line->data[n - 1] == '\r')
		line->len--;
	*line = fuzz_copy(*line);
	return true;
}

#define PLACES 64

bool
fuzz_cut_next(struct fuzz_cut *cut, size_t len)
{
	size_t step = len / PLACES + 1;

	cut->number++;
	if (cut->number <= 2) {
		cut->first = cut->then = 2 * cut->number - 1;
		return true;
	}
	cut->first = (cut->number - 2) * step;
	cut->then = len;
	return cut->first < len;
}

bool
fuzz_piece(const struct fuzz_cut *cut, struct slice whole, size_t *at,
    struct slice *piece)
{
	size_t left = whole.len - *at;
	size_t n = *at == 0 ? cut->first : cut->then;

	if (left == 0)
		return false;
	*piece = slice_make(whole.data + *at, n < left ? n : left);
	*at += piece->len;
	*piece = fuzz_copy(*piece);
	return true;
}

bool
fuzz_inside(struct slice part, struct slice whole)
{
	return part.len == 0 ||
	    (part.data >= whole.data &&
		part.data + part.len <= whole.data + whole.len);
}

bool
fuzz_has(struct slice s, const char *text)
{
	return s.len > 0 && memmem(s.data, s.len, text, strlen(text)) != NULL;
}

/*
 * Cut the next character off *s; -1: it is not UTF-8. By its value, so that
 * it shares no mistake with base/text.c.
 */
static long
character(struct slice *s)
{
	static const long least[] = { 0, 0x80, 0x800, 0x10000 };
	unsigned char first = (unsigned char)s->data[0];
	size_t more = first < 0x80 ? 0
	    : first < 0xe0         ? 1
	    : first < 0xf0         ? 2
				   : 3;
	long value = more == 0 ? first : first & (0x3f >> more);
	size_t i;

	if ((first >= 0x80 && first < 0xc0) || first >= 0xf8 || more >= s->len)
		return -1;
	for (i = 1; i <= more; i++) {
		if ((s->data[i] & 0xc0) != 0x80)
			return -1;
		value = value << 6 | (s->data[i] & 0x3f);
	}
	*s = slice_skip(*s, 1 + more);
	if (value < least[more] || value > 0x10ffff ||
	    (value >= 0xd800 && value < 0xe000))
		return -1;
	return value;
}

bool
fuzz_harmless(struct slice s)
{
	while (s.len > 0) {
		long c = character(&s);

		if (c < 0x20 || (c >= 0x7f && c < 0xa0) ||
		    (c >= 0x2028 && c <= 0x202e) ||
		    (c >= 0x2066 && c <= 0x2069))
			return false;
	}
	return true;
}
