/* fuzz-canon.c - line ends of content, however it is cut into pieces. */
#include "message/canon.h"

#include "fuzz.h"

static void
run(struct canon *c, struct slice in, struct buffer *out)
{
	struct slice whole = in;
	struct slice part;
	size_t calls = 0;

	while (in.len > 0) {
		canon_next(c, &in, &part);
		buffer_add_slice(out, part);
		fuzz_must(fuzz_inside(in, whole), "canon_next only cuts");
		fuzz_must(
		    ++calls <= 2 * whole.len + 1, "canon_next comes to an end");
	}
}

static void
in_pieces(struct slice raw, const struct fuzz_cut *cut, struct canon *c,
    struct buffer *out)
{
	struct slice piece;
	size_t at = 0;

	while (fuzz_piece(cut, raw, &at, &piece)) {
		run(c, piece, out);
		fuzz_free(piece);
	}
	buffer_add_slice(out, canon_end(c));
}

/* What the header promises, in the plainest words. */
static void
expected(struct slice raw, struct canon *c, struct buffer *out)
{
	size_t i;

	for (i = 0; i < raw.len; i++) {
		bool lf_next = i + 1 < raw.len && raw.data[i + 1] == '\n';

		if (raw.data[i] == '\r' && lf_next) {
			buffer_add_text(out, "\r\n");
			i++;
		} else if (raw.data[i] == '\r') {
			buffer_add_text(out, " ");
			c->bare_cr++;
		} else if (raw.data[i] == '\n') {
			buffer_add_text(out, "\r\n");
			c->bare_lf++;
		} else {
			buffer_add(out, raw.data + i, 1);
		}
	}
	if (out->len > 0 && out->data[out->len - 1] != '\n')
		buffer_add_text(out, "\r\n");
}

static void
check_no_bare_line_end(struct slice s)
{
	size_t i;

	for (i = 0; i < s.len; i++) {
		if (s.data[i] == '\r')
			fuzz_must(i + 1 < s.len && s.data[i + 1] == '\n',
			    "every CR is followed by LF");
		if (s.data[i] == '\n')
			fuzz_must(i > 0 && s.data[i - 1] == '\r',
			    "every LF follows a CR");
	}
}

static void
check_idempotent(struct slice canonical)
{
	struct canon c = { 0 };
	struct buffer again = { 0 };

	run(&c, canonical, &again);
	fuzz_must(canon_end(&c).len == 0, "canonical content ends a line");
	fuzz_must(slice_equal(buffer_slice(&again), canonical),
	    "canonical content stays as it is");
	fuzz_must(c.bare_cr == 0 && c.bare_lf == 0,
	    "there is nothing to mend in canonical content");
	buffer_free(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice raw = fuzz_copy(slice_make(data, size));
	struct fuzz_cut cut = { 0 };
	struct canon plain = { 0 };
	struct buffer canonical = { 0 };

	expected(raw, &plain, &canonical);
	check_no_bare_line_end(buffer_slice(&canonical));
	check_idempotent(buffer_slice(&canonical));
	while (fuzz_cut_next(&cut, raw.len)) {
		struct canon c = { 0 };
		struct buffer out = { 0 };

		in_pieces(raw, &cut, &c, &out);
		fuzz_must(
		    slice_equal(buffer_slice(&out), buffer_slice(&canonical)),
		    "content is the same however it is cut");
		fuzz_must(
		    c.bare_cr == plain.bare_cr && c.bare_lf == plain.bare_lf,
		    "what is mended is counted however it is cut");
		buffer_free(&out);
	}
	buffer_free(&canonical);
	fuzz_free(raw);
	return 0;
}
