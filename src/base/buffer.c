/* buffer.c - slices and growing buffers. */
#include "base/buffer.h"

#include "base/alloc.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define FIRST_ROOM 64

struct slice
slice_of(const char *text)
{
	return slice_make(text, strlen(text));
}

struct slice
slice_make(const void *data, size_t len)
{
	return (struct slice){ .data = data, .len = len };
}

struct slice
slice_skip(struct slice s, size_t n)
{
	if (n == 0)
		return s; /* data may be NULL */
	return slice_make(s.data + n, s.len - n);
}

bool
slice_is(struct slice s, const char *text)
{
	return slice_equal(s, slice_of(text));
}

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool
slice_is_nocase(struct slice s, const char *text)
{
	return s.len == strlen(text) && slice_starts_nocase(s, text);
}

bool
slice_starts_nocase(struct slice s, const char *text)
{
	size_t i;

	for (i = 0; text[i] != '\0'; i++)
		if (i == s.len || lower(s.data[i]) != lower(text[i]))
			return false;
	return true;
}

bool
slice_equal(struct slice a, struct slice b)
{
	return a.len == b.len &&
	    (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

int
slice_compare(struct slice a, struct slice b)
{
	size_t both = a.len < b.len ? a.len : b.len;
	int order = both != 0 ? memcmp(a.data, b.data, both) : 0;

	return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static struct slice
skip_blanks(struct slice s)
{
	while (s.len > 0 && is_blank(s.data[0]))
		s = slice_skip(s, 1);
	return s;
}

struct slice
slice_trim(struct slice s)
{
	s = skip_blanks(s);
	while (s.len > 0 && is_blank(s.data[s.len - 1]))
		s.len--;
	return s;
}

struct slice
slice_word(struct slice *rest)
{
	struct slice word = *rest;
	size_t n = 0;

	while (n < rest->len && !is_blank(rest->data[n]))
		n++;
	word.len = n;
	*rest = skip_blanks(slice_skip(*rest, n));
	return word;
}

void
buffer_free(struct buffer *b)
{
	free(b->data);
	*b = (struct buffer){ 0 };
}

void
buffer_wipe(struct buffer *b)
{
	if (b->data != NULL)
		explicit_bzero(b->data, b->room);
	buffer_free(b);
}

void
buffer_clear(struct buffer *b)
{
	buffer_reserve(b, 0);
	b->len = 0;
	b->data[0] = '\0';
}

void
buffer_reserve(struct buffer *b, size_t more)
{
	struct buffer grown = { .len = b->len };

	if (b->data != NULL && more < b->room - b->len)
		return;
	if (more > SIZE_MAX / 2 - b->len - 1)
		abort();
	grown.room = b->room != 0 ? b->room * 2 : FIRST_ROOM;
	if (grown.room <= b->len + more)
		grown.room = b->len + more + 1;
	grown.data = xcalloc(grown.room, 1);
	if (b->len > 0)
		memcpy(grown.data, b->data, b->len);
	/* realloc(3) could leave a secret behind where no wipe finds it. */
	buffer_wipe(b);
	*b = grown;
}

void
buffer_add(struct buffer *b, const void *data, size_t len)
{
	buffer_reserve(b, len);
	if (len > 0)
		memcpy(b->data + b->len, data, len);
	b->len += len;
	b->data[b->len] = '\0';
}

void
buffer_add_slice(struct buffer *b, struct slice s)
{
	buffer_add(b, s.data, s.len);
}

void
buffer_add_text(struct buffer *b, const char *text)
{
	buffer_add(b, text, strlen(text));
}

void
buffer_addf(struct buffer *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buffer_vaddf(b, fmt, ap);
	va_end(ap);
}

void
buffer_vaddf(struct buffer *b, const char *fmt, va_list ap)
{
	va_list again;
	int len;

	buffer_reserve(b, 0);
	va_copy(again, ap);
	len = vsnprintf(b->data + b->len, b->room - b->len, fmt, ap);
	if (len < 0)
		abort(); /* a format of ours is wrong */
	if ((size_t)len >= b->room - b->len) {
		buffer_reserve(b, (size_t)len);
		len = vsnprintf(b->data + b->len, b->room - b->len, fmt, again);
		if (len < 0)
			abort();
	}
	va_end(again);
	b->len += (size_t)len;
}

struct slice
buffer_slice(const struct buffer *b)
{
	return slice_make(b->data, b->len);
}
