/*
 * content.h - a message while it is read at the source or at the destination:
 * what of it has to be the same at both ends, its digest, and, where that is
 * not the one, what is different.
 *
 * At the source that is the message less its Return-Path, as intake.h sends it;
 * at the destination what is below our Received field. Both with CRLF line
 * ends.
 */
#ifndef MIGRATE_CONTENT_H
#define MIGRATE_CONTENT_H

#include "base/buffer.h"
#include "message/canon.h"
#include "message/digest.h"
#include "message/proof.h"
#include "message/trace.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* By which names a maildrop goes in ids (trace.h): one, or more if it moved. */
#define CONTENT_TAG 9
#define CONTENT_TAGS_MAX 8
struct content_tags {
	char list[CONTENT_TAGS_MAX][CONTENT_TAG];
	size_t count;
};
void content_tags_add(struct content_tags *tags, const char *id);

struct content_sum {
	uint64_t octets;
	unsigned char whole[DIGEST_OCTETS];
	/* The same less the fields that servers write (header_is_servers()). */
	unsigned char plain[DIGEST_OCTETS];
};

/* content_is - is it what had that digest, if servers' fields do not count?
 * content_same - are two? */
bool content_is(
    const struct content_sum *sum, const unsigned char digest[DIGEST_OCTETS]);
bool content_same(const struct content_sum *a, const struct content_sum *b);

/* For a closer look: a number for each header field, and the rest. */
struct content_parts {
	unsigned char body[DIGEST_OCTETS];
	size_t count;
	uint64_t fields[]; /* in their order */
};

enum content_difference {
	CONTENT_ADDED, /* there are more header fields, and nothing else */
	CONTENT_HEADER, /* the header is another, and nothing else */
	CONTENT_BODY, /* the header is the same, or has more fields */
	CONTENT_ALL
};
/* content_compare - of two with different digests. NULL: not known. */
enum content_difference content_compare(
    const struct content_parts *sent, const struct content_parts *there);

/* A message while it is read. */
struct content {
	const struct content_tags *tags; /* borrowed; NULL: at the source */
	/* From content_end() on. */
	bool ours; /* it is one that is to be compared */
	char id[TRACE_ID]; /* at the destination */
	char subject[200]; /* one harmless line */
	int64_t date; /* of its Date field, or -1 */
	struct content_sum sum;
	struct content_parts *parts; /* owned; NULL: too many for it */
	struct buffer names; /* "A\nB\n": of its fields, in their order */

	/* Private. */
	struct canon canon;
	struct buffer run, head; /* while these are being gathered */
	bool has_head, has_plain;
	struct proof_digest whole, plain, body;
};

/*
 * content_begin - also after one that has had no end. content_add - octets as
 * they are in the mailbox. content_end - that was all. content_free - at last.
 */
void content_begin(struct content *c, const struct content_tags *tags);
void content_add(struct content *c, struct slice raw);
void content_end(struct content *c);
void content_free(struct content *c);

#endif
