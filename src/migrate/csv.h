/*
 * csv.h - records of a text with commas, semicolons or tabs between fields (RFC
 * 4180). Lines end with LF or CRLF. Pure.
 */
#ifndef MIGRATE_CSV_H
#define MIGRATE_CSV_H

#include "base/buffer.h"

#include <stddef.h>

struct csv {
	struct slice rest; /* of the text */
	unsigned line; /* where that begins */
	char separator;
};

/* A record; its fields are wiped when it is freed. */
struct csv_record {
	unsigned line; /* where it begins */
	struct buffer octets; /* private */
	const char **fields; /* owned; strings in `octets` */
	size_t count;
};

/*
 * csv_begin - text: borrowed, without NUL. What separates fields is the first of
 * the three that its first line has outside of quotes.
 */
void csv_begin(struct csv *c, struct slice text);

/*
 * csv_next - the next record that is not an empty line. Returns 1; 0 at the end;
 * -1: *why says what is wrong in line c->line, and there is no more to be had.
 * record: { 0 } at first, and to be freed in the end.
 */
int csv_next(struct csv *c, struct csv_record *record, struct buffer *why);
void csv_record_free(struct csv_record *record);

#endif
