/*
 * buffer.h - octets: borrowed ones (struct slice) and growing owned ones
 * (struct buffer).
 *
 * Invariants of a buffer: data[len] is always '\0', so data may be read as a
 * C string; data is never NULL after the first use; { 0 } is a valid empty
 * buffer. Running out of memory ends the program (alloc.h), so nothing here
 * fails. Growing leaves no copy of the octets behind, so buffer_wipe() forgets
 * a secret wholly.
 */
#ifndef BASE_BUFFER_H
#define BASE_BUFFER_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

/* Octets that belong to somebody else. data may be NULL when len is 0. */
struct slice {
	const char *data;
	size_t len;
};

struct buffer {
	char *data; /* owned */
	size_t len;
	size_t room; /* allocated, the final '\0' included */
};

struct slice slice_of(const char *text); /* up to its '\0' */
struct slice slice_make(const void *data, size_t len);
struct slice slice_skip(struct slice s, size_t n); /* n <= s.len */
bool slice_is(struct slice s, const char *text);
bool slice_is_nocase(struct slice s, const char *text); /* ASCII only */
bool slice_starts_nocase(struct slice s, const char *text);
bool slice_equal(struct slice a, struct slice b);
int slice_compare(struct slice a, struct slice b); /* octet order */
struct slice slice_trim(struct slice s); /* less blanks at both ends */

/*
 * slice_word - cut the next word (up to SP or HTAB) off the front of *rest,
 * with the blanks behind it. An empty word means there was none.
 */
struct slice slice_word(struct slice *rest);

void buffer_free(struct buffer *b); /* leaves { 0 } */
void buffer_wipe(struct buffer *b); /* the same, overwriting the octets */
void buffer_clear(struct buffer *b); /* len = 0, memory kept */
void buffer_reserve(struct buffer *b, size_t more);
void buffer_add(struct buffer *b, const void *data, size_t len);
void buffer_add_slice(struct buffer *b, struct slice s);
void buffer_add_text(struct buffer *b, const char *text);
void buffer_addf(struct buffer *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void buffer_vaddf(struct buffer *b, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));
struct slice buffer_slice(const struct buffer *b);

#endif
