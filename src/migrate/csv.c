/* csv.c - see csv.h. */
#include "migrate/csv.h"

#include "base/alloc.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

void
csv_begin(struct csv *c, struct slice text)
{
	bool quoted = false;

	if (text.len >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0)
		text = slice_skip(text, 3);
	*c = (struct csv){ .rest = text, .line = 1, .separator = ',' };
	for (size_t i = 0; i < text.len && (quoted || text.data[i] != '\n');
	     i++) {
		if (text.data[i] == '"')
			quoted = !quoted;
		if (!quoted && strchr(",;\t", text.data[i]) != NULL) {
			c->separator = text.data[i];
			break;
		}
	}
}

static char
take(struct csv *c)
{
	char octet = c->rest.data[0];

	c->rest = slice_skip(c->rest, 1);
	c->line += octet == '\n';
	return octet;
}

/* What ends a field: a separator, a line end, or the end of the text. */
static bool
is_end(const struct csv *c)
{
	struct slice s = c->rest;

	if (s.len > 1 && s.data[0] == '\r' && s.data[1] == '\n')
		return true;
	return s.len == 0 || s.data[0] == c->separator || s.data[0] == '\n';
}

static int
quoted_field(struct csv *c, struct buffer *out, struct buffer *why)
{
	unsigned opened = c->line;

	take(c);
	while (c->rest.len > 0) {
		char octet = take(c);

		if (octet != '"') {
			buffer_add(out, &octet, 1);
		} else if (c->rest.len > 0 && c->rest.data[0] == '"') {
			take(c);
			buffer_add_text(out, "\"");
		} else if (is_end(c)) {
			return 0;
		} else {
			buffer_add_text(why,
			    "something stands behind a closing quote; a quote "
			    "inside of quotes is written twice");
			return -1;
		}
	}
	c->line = opened;
	buffer_add_text(why, "the quote that begins here is not closed");
	return -1;
}

static int
plain_field(struct csv *c, struct buffer *out, struct buffer *why)
{
	while (!is_end(c)) {
		char octet = take(c);

		if (octet == '"') {
			buffer_add_text(why,
			    "a quote stands inside of a field; such a field is "
			    "put into quotes, and the quote written twice");
			return -1;
		}
		buffer_add(out, &octet, 1);
	}
	return 0;
}

/* Returns 1 when another one follows in this record, 0, or -1. */
static int
next_field(struct csv *c, struct csv_record *r, struct buffer *why)
{
	struct buffer *out = &r->octets;
	int rc;

	rc = c->rest.len > 0 && c->rest.data[0] == '"'
	    ? quoted_field(c, out, why)
	    : plain_field(c, out, why);
	if (rc < 0)
		return -1;
	buffer_add(out, "", 1);
	r->count++;
	if (c->rest.len > 1 && c->rest.data[0] == '\r')
		take(c);
	return c->rest.len > 0 && take(c) == c->separator;
}

/* The octets stay where they are now. */
static void
find_fields(struct csv_record *r)
{
	const char *at = r->octets.data;

	r->fields = xrealloc(r->fields, r->count, sizeof(*r->fields));
	for (size_t i = 0; i < r->count; i++) {
		r->fields[i] = at;
		at += strlen(at) + 1;
	}
}

static void
skip_empty_lines(struct csv *c)
{
	while (c->rest.len > 0 &&
	    (c->rest.data[0] == '\n' ||
		(c->rest.len > 1 && memcmp(c->rest.data, "\r\n", 2) == 0)))
		take(c);
}

int
csv_next(struct csv *c, struct csv_record *r, struct buffer *why)
{
	int more = 1;

	buffer_wipe(&r->octets);
	r->count = 0;
	skip_empty_lines(c);
	r->line = c->line;
	if (c->rest.len == 0)
		return 0;
	while (more > 0)
		more = next_field(c, r, why);
	if (more < 0)
		return -1;
	find_fields(r);
	return 1;
}

void
csv_record_free(struct csv_record *r)
{
	buffer_wipe(&r->octets);
	free(r->fields);
	*r = (struct csv_record){ 0 };
}
