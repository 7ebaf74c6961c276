/*
 * letter.h - a message that we write ourselves to a person: plain text, which
 * every server takes as it is (RFC 5322, RFC 2045, RFC 2047). Pure.
 */
#ifndef MESSAGE_LETTER_H
#define MESSAGE_LETTER_H

#include "base/buffer.h"

#include <stdint.h>

struct letter {
	const char *by; /* this host's name */
	const char *const *to; /* addresses, NULL at the end, at least one */
	const char *id; /* letters and digits that no other letter has */
	int64_t now; /* wall clock */
	const char *subject; /* UTF-8, one line */
	const char *text; /* UTF-8, each line ends with LF */
};

/*
 * letter_write - append the whole message, canonical. It is ASCII, but for
 * addresses that are not. It says that nobody should answer it (RFC 3834).
 */
void letter_write(const struct letter *l, struct buffer *out);

/*
 * letter_wrap - append text as lines of at most LETTER_COLUMNS, broken at
 * blanks, each behind `indent`. A longer word stays whole.
 */
#define LETTER_COLUMNS 76
void letter_wrap(const char *indent, const char *text, struct buffer *out);

#endif
