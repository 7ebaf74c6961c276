/* fuzz-dot.c - dot transparency, both ways, at every split. */
#include "net/dot.h"

#include "fuzz.h"
#include "message/canon.h"

#include <string.h>

/* Returns whether the body ended; *used counts the octets up to there. */
static bool
decode(struct slice wire, const struct fuzz_cut *cut, struct buffer *content,
    size_t *used)
{
	struct dot_decoder d = { 0 };
	struct slice piece, rest, run;
	bool ended = false;
	size_t at = 0;
	size_t calls = 0;

	while (!ended && fuzz_piece(cut, wire, &at, &piece)) {
		for (rest = piece; rest.len > 0 && !ended;) {
			ended = dot_decode(&d, &rest, &run) == 1;
			buffer_add_slice(content, run);
			fuzz_must(
			    fuzz_inside(rest, piece), "dot_decode only cuts");
			fuzz_must(++calls <= 3 * wire.len,
			    "dot_decode comes to an end");
		}
		*used = at - rest.len;
		fuzz_free(piece);
	}
	return ended;
}

/* RFC 1939 section 3, line by line; only CR LF ends one. */
static bool
expected(struct slice wire, struct buffer *content, size_t *used)
{
	struct slice rest = wire;

	while (rest.len > 0) {
		const char *end = memmem(rest.data, rest.len, "\r\n", 2);
		struct slice line = rest;

		if (end != NULL)
			line.len = (size_t)(end + 2 - rest.data);
		rest = slice_skip(rest, line.len);
		*used = wire.len - rest.len;
		if (slice_is(line, ".\r\n"))
			return true;
		if (slice_is(line, ".\r"))
			return false; /* more has to come to tell */
		if (line.data[0] == '.')
			line = slice_skip(line, 1);
		buffer_add_slice(content, line);
	}
	return false;
}

static void
check_decoder(struct slice wire)
{
	struct fuzz_cut cut = { 0 };
	struct buffer plain = { 0 };
	size_t plain_used = 0;
	bool plain_ended = expected(wire, &plain, &plain_used);

	while (fuzz_cut_next(&cut, wire.len)) {
		struct buffer content = { 0 };
		size_t used = 0;
		bool ended = decode(wire, &cut, &content, &used);

		fuzz_must(ended == plain_ended,
		    "only CR LF . CR LF ends a body, however it is cut");
		fuzz_must(used == plain_used,
		    "what follows the end of a body is left alone");
		fuzz_must(
		    slice_equal(buffer_slice(&content), buffer_slice(&plain)),
		    "a body is the same however it is cut");
		buffer_free(&content);
	}
	buffer_free(&plain);
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
}

static void
encode(struct slice content, const struct fuzz_cut *cut, struct buffer *sent)
{
	struct dot_encoder d = { 0 };
	struct slice piece, rest, run;
	size_t at = 0;
	size_t calls = 0;

	while (fuzz_piece(cut, content, &at, &piece)) {
		for (rest = piece; rest.len > 0;) {
			dot_encode(&d, &rest, &run);
			buffer_add_slice(sent, run);
			fuzz_must(
			    fuzz_inside(rest, piece), "dot_encode only cuts");
			fuzz_must(++calls <= 3 * content.len,
			    "dot_encode comes to an end");
		}
		fuzz_free(piece);
	}
	buffer_add_slice(sent, dot_end(&d));
}

/* No server, however lax, may see an end before the end (CVE-2023-51764). */
static void
check_end(struct slice sent)
{
	static const char *const ends[] = { "\r\n.\r\n", "\n.\n", "\n.\r\n",
		"\r.\r", "\r.\n", "\n.\r", "\r\n.\n" };
	size_t i;

	fuzz_must(
	    sent.len >= 3 && memcmp(sent.data + sent.len - 3, ".\r\n", 3) == 0,
	    "what is sent ends with the end of data");
	fuzz_must(sent.len == 3 ||
		(sent.len >= 5 &&
		    memcmp(sent.data + sent.len - 5, "\r\n", 2) == 0),
	    "the end of data is a line of its own");
	sent.len -= 2; /* its last CR LF, without which it is none */
	for (i = 0; i < sizeof ends / sizeof ends[0]; i++)
		fuzz_must(
		    !fuzz_has(sent, ends[i]), "no end of data lies inside");
	fuzz_must(sent.len == 1 || sent.data[0] != '.' || sent.data[1] == '.',
	    "no dot begins what is sent");
}

static void
check_encoder(struct slice raw)
{
	static const struct fuzz_cut whole = { 0, SIZE_MAX, SIZE_MAX };
	struct fuzz_cut cut = { 0 };
	struct buffer content = { 0 };

	canonical(raw, &content);
	while (fuzz_cut_next(&cut, content.len)) {
		struct buffer sent = { 0 };
		struct buffer back = { 0 };
		size_t used = 0;

		encode(buffer_slice(&content), &cut, &sent);
		check_end(buffer_slice(&sent));
		fuzz_must(decode(buffer_slice(&sent), &whole, &back, &used),
		    "what is sent has an end");
		fuzz_must(used == sent.len, "nothing follows the end");
		fuzz_must(back.len >= content.len &&
			slice_equal(slice_make(back.data, content.len),
			    buffer_slice(&content)),
		    "what is received is what was sent");
		fuzz_must(back.len == content.len ||
			strcmp(back.data + content.len, "\r\n") == 0,
		    "only the CRLF of an open line is added");
		buffer_free(&back);
		buffer_free(&sent);
	}
	buffer_free(&content);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = fuzz_copy(slice_make(data, size));

	check_decoder(in);
	check_encoder(in);
	fuzz_free(in);
	return 0;
}
