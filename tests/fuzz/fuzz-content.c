/* fuzz-content.c - what of a message is compared, however it is cut. */
#include "message/canon.h"
#include "migrate/content.h"

#include "fuzz.h"

#include <string.h>

#define ID "abcdefgh.ijklmnopqrstuvwxyz22"
#define DATE "Tue, 14 Nov 2023 22:13:20 +0000"
#define OURS "Received: from a by b with POP3S id " ID "; " DATE "\r\n"

static void
read_whole(
    struct content *c, const struct content_tags *tags, struct slice text)
{
	content_begin(c, tags);
	content_add(c, text);
	content_end(c);
}

static void
in_pieces(struct content *c, const struct content_tags *tags, struct slice raw,
    const struct fuzz_cut *cut)
{
	struct slice piece;
	size_t at = 0;

	content_begin(c, tags);
	while (fuzz_piece(cut, raw, &at, &piece)) {
		content_add(c, piece);
		fuzz_free(piece);
	}
	content_end(c);
}

static void
check_same(const struct content *a, const struct content *b)
{
	fuzz_must(a->ours == b->ours, "whose it is");
	fuzz_must(strcmp(a->id, b->id) == 0, "its id");
	fuzz_must(a->sum.octets == b->sum.octets, "its length");
	fuzz_must(memcmp(&a->sum, &b->sum, sizeof(a->sum)) == 0, "its digest");
	fuzz_must(strcmp(a->subject, b->subject) == 0, "its subject");
	fuzz_must(buffer_slice(&a->names).len == buffer_slice(&b->names).len,
	    "its fields");
}

static void
canonical(struct slice raw, struct buffer *out)
{
	struct canon c = { 0 };
	struct slice part;

	while (raw.len > 0) {
		canon_next(&c, &raw, &part);
		buffer_add_slice(out, part);
	}
	buffer_add_slice(out, canon_end(&c));
}

/* What is sent below our field is what is found there. */
static void
check_way(struct slice raw, const struct content_tags *tags)
{
	struct content sent = { 0 }, there = { 0 };
	struct buffer arrived = { 0 };

	buffer_add_text(&arrived, OURS);
	canonical(raw, &arrived);
	read_whole(&sent, NULL, raw);
	read_whole(&there, tags, buffer_slice(&arrived));
	fuzz_must(sent.ours && there.ours, "it is found again");
	fuzz_must(strcmp(there.id, ID) == 0, "by the topmost field of ours");
	fuzz_must(sent.sum.octets <= there.sum.octets,
	    "nothing but a Return-Path is left out");
	if (sent.sum.octets == there.sum.octets)
		fuzz_must(
		    content_same(&sent.sum, &there.sum), "it is the same");
	content_compare(sent.parts, there.parts);
	content_free(&sent);
	content_free(&there);
	buffer_free(&arrived);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice raw = fuzz_copy(slice_make(data, size));
	struct content_tags tags = { 0 };
	struct content whole = { 0 }, cut_up = { 0 };
	struct fuzz_cut cut = { 0 };

	content_tags_add(&tags, ID);
	read_whole(&whole, &tags, raw);
	while (fuzz_cut_next(&cut, raw.len)) {
		in_pieces(&cut_up, &tags, raw, &cut);
		check_same(&whole, &cut_up);
	}
	check_way(raw, &tags);
	content_free(&whole);
	content_free(&cut_up);
	fuzz_free(raw);
	return 0;
}
