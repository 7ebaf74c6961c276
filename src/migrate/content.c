/* content.c - see content.h. */
#include "migrate/content.h"

#include "base/alloc.h"
#include "base/set.h"
#include "message/date.h"
#include "message/header.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A header with more fields is not looked at closely. */
#define FIELDS_MAX ((size_t)512)
#define RUN ((size_t)32 * 1024)

void
content_tags_add(struct content_tags *tags, const char *id)
{
	for (size_t i = 0; i < tags->count; i++)
		if (memcmp(tags->list[i], id, CONTENT_TAG - 1) == 0)
			return;
	if (tags->count == CONTENT_TAGS_MAX)
		return;
	snprintf(tags->list[tags->count++], CONTENT_TAG, "%.*s",
	    CONTENT_TAG - 1, id);
}

/* --- two of them --- */

static bool
is_digest(const unsigned char *a, const unsigned char *b)
{
	return memcmp(a, b, DIGEST_OCTETS) == 0;
}

bool
content_is(
    const struct content_sum *sum, const unsigned char digest[DIGEST_OCTETS])
{
	return is_digest(sum->whole, digest) || is_digest(sum->plain, digest);
}

bool
content_same(const struct content_sum *a, const struct content_sum *b)
{
	return content_is(a, b->whole) || is_digest(a->plain, b->plain);
}

/* Are all of them there, in the same order, whatever stands between? */
static bool
has_fields(const struct content_parts *all, const struct content_parts *some)
{
	size_t i = 0, k = 0;

	while (i < some->count && k < all->count)
		if (some->fields[i] == all->fields[k++])
			i++;
	return i == some->count;
}

enum content_difference
content_compare(
    const struct content_parts *sent, const struct content_parts *there)
{
	bool body, header;

	if (sent == NULL || there == NULL)
		return CONTENT_ALL;
	body = is_digest(sent->body, there->body);
	header = has_fields(there, sent);
	if (body)
		return header ? CONTENT_ADDED : CONTENT_HEADER;
	return header ? CONTENT_BODY : CONTENT_ALL;
}

/* --- one of them --- */

static void
add_part(struct content_parts *parts, struct slice octets)
{
	if (octets.len > 0)
		parts->fields[parts->count++] =
		    set_octets(octets.data, octets.len);
}

/* Lines between two fields that are none count like one. */
static void
take_fields(struct content *c, struct slice header)
{
	struct header_field field;
	struct slice rest = header;
	struct content_parts *parts;
	size_t count = 0;

	while (header_next(&rest, &field))
		count++;
	if (count > FIELDS_MAX)
		return;
	parts = xcalloc(
	    1, sizeof(*parts) + (2 * count + 1) * sizeof(*parts->fields));
	for (rest = header; header_next(&rest, &field); header = rest) {
		buffer_add_slice(&c->names, field.name);
		buffer_add_text(&c->names, "\n");
		add_part(parts,
		    slice_make(
			header.data, (size_t)(field.whole.data - header.data)));
		if (!header_is_servers(field.name))
			add_part(parts, field.whole);
	}
	add_part(parts, header);
	c->parts = parts;
}

static void
take_text(struct content *c, struct slice header)
{
	struct header_field field;

	header_text(header, "Subject", c->subject, sizeof(c->subject));
	if (header_find(header, "Date", &field))
		(void)date_parse(field.value, &c->date);
}

/* The header into the digest that leaves out what servers write. */
static void
add_plain(struct content *c, struct slice header)
{
	struct header_field field;
	struct slice rest = header;
	size_t before;

	while (header_next(&rest, &field)) {
		if (!header_is_servers(field.name))
			continue;
		before = (size_t)(field.whole.data - header.data);
		proof_add(&c->plain, slice_make(header.data, before));
		header = rest;
		c->has_plain = true;
	}
	proof_add(&c->plain, header);
}

static void
take_header(struct content *c, struct slice header)
{
	proof_add(&c->whole, header);
	add_plain(c, header);
	take_fields(c, header);
	take_text(c, header);
}

static void
add_body(struct content *c, struct slice body)
{
	proof_add(&c->whole, body);
	proof_add(&c->body, body);
	if (c->has_plain)
		proof_add(&c->plain, body);
}

/* Below the topmost of our fields, whatever the maildrop was called then. */
static bool
cut_to_ours(struct content *c, struct slice *header)
{
	struct slice below, best = { 0 };
	char id[TRACE_ID];

	for (size_t i = 0; i < c->tags->count; i++) {
		if (!trace_find(*header, c->tags->list[i], id, &below) ||
		    (c->ours && below.len <= best.len))
			continue;
		best = below;
		memcpy(c->id, id, sizeof(id));
		c->ours = true;
	}
	*header = best;
	return c->ours;
}

/* Less the Return-Path, as intake.c leaves it out. Moves the rest of it. */
static void
cut_return_path(struct buffer *head, struct slice *header)
{
	struct header_field path;
	size_t before, behind;

	if (!header_find(*header, "Return-Path", &path))
		return;
	before = (size_t)(path.whole.data - head->data);
	behind = before + path.whole.len;
	memmove(head->data + before, head->data + behind, head->len - behind);
	head->len -= path.whole.len;
	header->len -= path.whole.len;
}

static void
end_head(struct content *c)
{
	struct slice header = buffer_slice(&c->head);
	struct slice body;
	bool complete;
	size_t len = header_length(header, &complete);

	c->has_head = true;
	header.len = len;
	if (c->tags == NULL) {
		cut_return_path(&c->head, &header);
		c->ours = true;
		len = header.len;
	} else if (!cut_to_ours(c, &header)) {
		buffer_free(&c->head);
		return;
	}
	proof_begin(&c->whole);
	proof_begin(&c->plain);
	proof_begin(&c->body);
	body = slice_skip(buffer_slice(&c->head), len);
	take_header(c, header);
	add_body(c, body);
	buffer_free(&c->head);
}

static void
add_canonical(struct content *c, struct slice content)
{
	bool complete;

	if (content.len == 0)
		return;
	if (c->has_head) {
		if (c->ours)
			add_body(c, content);
		return;
	}
	buffer_add_slice(&c->head, content);
	header_length(buffer_slice(&c->head), &complete);
	if (complete || c->head.len >= HEADER_MAX)
		end_head(c);
}

void
content_begin(struct content *c, const struct content_tags *tags)
{
	content_free(c);
	c->tags = tags;
	c->date = -1;
}

void
content_add(struct content *c, struct slice raw)
{
	struct slice content;

	/* Where lines end with LF alone each of them is a run. */
	while (raw.len > 0) {
		canon_next(&c->canon, &raw, &content);
		buffer_add_slice(&c->run, content);
		if (raw.len > 0 && c->run.len < RUN)
			continue;
		add_canonical(c, buffer_slice(&c->run));
		buffer_clear(&c->run);
	}
}

void
content_end(struct content *c)
{
	struct slice rest = canon_end(&c->canon);

	if (rest.len > 0)
		add_canonical(c, rest);
	if (!c->has_head)
		end_head(c);
	if (!c->ours)
		return;
	c->sum.octets = c->whole.octets;
	proof_end(&c->whole, c->sum.whole);
	memcpy(c->sum.plain, c->sum.whole, sizeof(c->sum.plain));
	if (c->has_plain)
		proof_end(&c->plain, c->sum.plain);
	if (c->parts != NULL)
		proof_end(&c->body, c->parts->body);
}

void
content_free(struct content *c)
{
	proof_free(&c->whole);
	proof_free(&c->plain);
	proof_free(&c->body);
	free(c->parts);
	buffer_free(&c->names);
	buffer_free(&c->head);
	buffer_free(&c->run);
	*c = (struct content){ 0 };
}
