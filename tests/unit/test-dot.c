/* test-dot.c - dot transparency, however the octets are cut into pieces. */
#include "net/dot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define LITERAL(s)              \
	{                       \
		s, sizeof s - 1 \
	}

/* What arrives, the content in it, and what is left behind the body. */
static const struct {
	struct slice wire;
	struct slice content;
	int ended;
	struct slice rest;
} bodies[] = {
	{ LITERAL(".\r\n"), LITERAL(""), 1, LITERAL("") },
	{ LITERAL(".\r\n+OK\r\n"), LITERAL(""), 1, LITERAL("+OK\r\n") },
	{ LITERAL("a\r\n.\r\n.\r\n"), LITERAL("a\r\n"), 1, LITERAL(".\r\n") },
	{ LITERAL("a\r\n..\r\n.\r\n"), LITERAL("a\r\n.\r\n"), 1, LITERAL("") },
	{ LITERAL("..\r\n...x\r\n.\r\n"), LITERAL(".\r\n..x\r\n"), 1,
	    LITERAL("") },
	{ LITERAL(".x\r\n.\r\n"), LITERAL("x\r\n"), 1, LITERAL("") },
	{ LITERAL("a\n.\nb\r\n.\r\n"), LITERAL("a\n.\nb\r\n"), 1, LITERAL("") },
	{ LITERAL("a\n.\r\nb\r\n.\r\n"), LITERAL("a\n.\r\nb\r\n"), 1,
	    LITERAL("") },
	{ LITERAL("a\r.\r\nb\r\n.\r\n"), LITERAL("a\r.\r\nb\r\n"), 1,
	    LITERAL("") },
	{ LITERAL("a\r\n.\nb\r\n.\r\n"), LITERAL("a\r\n\nb\r\n"), 1,
	    LITERAL("") },
	{ LITERAL("a\r\n.\rb\r\n.\r\n"), LITERAL("a\r\n\rb\r\n"), 1,
	    LITERAL("") },
	{ LITERAL("a\r\n.\r\r\n.\r\n"), LITERAL("a\r\n\r\r\n"), 1,
	    LITERAL("") },
	{ LITERAL("a\r\r\n.\r\nz"), LITERAL("a\r\r\n"), 1, LITERAL("z") },
	{ LITERAL("\r\n\r\n.\r\n"), LITERAL("\r\n\r\n"), 1, LITERAL("") },
	{ LITERAL("\0\r\n.\0\r\n.\r\n"), LITERAL("\0\r\n\0\r\n"), 1,
	    LITERAL("") },
	{ LITERAL("a\r\n."), LITERAL("a\r\n"), 0, LITERAL("") },
	{ LITERAL("a\r\n.\r"), LITERAL("a\r\n"), 0, LITERAL("") },
	{ LITERAL("a\r\n.a.\r\n"), LITERAL("a\r\na.\r\n"), 0, LITERAL("") },
	{ LITERAL("\n.\r\n"), LITERAL("\n.\r\n"), 0, LITERAL("") },
};
#define BODIES (sizeof bodies / sizeof bodies[0])

/* Decode a piece to its end or the body's; returns whether that ended. */
static int
decode(struct dot_decoder *d, struct slice *piece, struct buffer *content)
{
	struct slice run;
	int calls = 0;

	while (piece->len > 0) {
		int ended = dot_decode(d, piece, &run);

		buffer_add_slice(content, run);
		if (ended)
			return 1;
		assert_true(++calls < 100);
	}
	return 0;
}

static void
check_body(size_t i, int ended, const struct buffer *content, struct slice rest)
{
	assert_int_equal(ended, bodies[i].ended);
	assert_true(slice_equal(buffer_slice(content), bodies[i].content));
	assert_true(slice_equal(rest, bodies[i].rest));
}

static void
only_cr_lf_dot_cr_lf_ends_a_body(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < BODIES; i++) {
		struct dot_decoder d = { 0 };
		struct buffer content = { 0 };
		struct slice rest = bodies[i].wire;
		int ended = decode(&d, &rest, &content);

		check_body(i, ended, &content, rest);
		buffer_free(&content);
	}
}

static void
a_body_cut_at_any_point_is_the_same(void **state)
{
	size_t i;
	size_t at;

	(void)state;
	for (i = 0; i < BODIES; i++) {
		for (at = 0; at <= bodies[i].wire.len; at++) {
			struct dot_decoder d = { 0 };
			struct buffer content = { 0 };
			struct slice piece =
			    slice_make(bodies[i].wire.data, at);
			struct slice rest = slice_skip(bodies[i].wire, at);
			int ended = decode(&d, &piece, &content);

			if (ended)
				rest = slice_make(
				    piece.data, piece.len + rest.len);
			else
				ended = decode(&d, &rest, &content);
			check_body(i, ended, &content, rest);
			buffer_free(&content);
		}
	}
}

static void
a_body_that_drips_is_the_same(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < BODIES; i++) {
		struct dot_decoder d = { 0 };
		struct buffer content = { 0 };
		struct slice rest = bodies[i].wire;
		int ended = 0;

		while (rest.len > 0 && !ended) {
			struct slice octet = slice_make(rest.data, 1);

			rest = slice_skip(rest, 1);
			ended = decode(&d, &octet, &content);
			assert_int_equal(octet.len, 0);
		}
		check_body(i, ended, &content, rest);
		buffer_free(&content);
	}
}

static const struct {
	struct slice content;
	struct slice wire;
} contents[] = {
	{ LITERAL(""), LITERAL(".\r\n") },
	{ LITERAL("a\r\n"), LITERAL("a\r\n.\r\n") },
	{ LITERAL("a"), LITERAL("a\r\n.\r\n") },
	{ LITERAL("."), LITERAL("..\r\n.\r\n") },
	{ LITERAL(".\r\n"), LITERAL("..\r\n.\r\n") },
	{ LITERAL("..\r\n.a\r\nb.\r\n"), LITERAL("...\r\n..a\r\nb.\r\n.\r\n") },
	{ LITERAL("\r\n.\r\n\r\n"), LITERAL("\r\n..\r\n\r\n.\r\n") },
	{ LITERAL("a\r\n.QUIT"), LITERAL("a\r\n..QUIT\r\n.\r\n") },
};
#define CONTENTS (sizeof contents / sizeof contents[0])

static void
encode(struct dot_encoder *d, struct slice piece, struct buffer *wire)
{
	struct slice run;

	while (piece.len > 0) {
		dot_encode(d, &piece, &run);
		buffer_add_slice(wire, run);
	}
}

static void
dots_at_line_starts_are_doubled_wherever_it_is_cut(void **state)
{
	size_t i;
	size_t at;

	(void)state;
	for (i = 0; i < CONTENTS; i++) {
		struct slice all = contents[i].content;

		for (at = 0; at <= all.len; at++) {
			struct dot_encoder d = { 0 };
			struct buffer wire = { 0 };

			encode(&d, slice_make(all.data, at), &wire);
			encode(&d, slice_skip(all, at), &wire);
			buffer_add_slice(&wire, dot_end(&d));
			assert_true(
			    slice_equal(buffer_slice(&wire), contents[i].wire));
			buffer_free(&wire);
		}
	}
}

static void
what_is_encoded_decodes_to_itself_octet_by_octet(void **state)
{
	/* Every content of up to five of these lines. */
	static const char *const lines[] = { "\r\n", ".\r\n", "..\r\n",
		"x.\r\n" };
	unsigned code;
	unsigned left;

	(void)state;
	for (code = 0; code < 4 * 4 * 4 * 4 * 4; code++) {
		struct dot_encoder encoder = { 0 };
		struct dot_decoder decoder = { 0 };
		struct buffer content = { 0 };
		struct buffer wire = { 0 };
		struct buffer back = { 0 };
		int ended = 0;
		size_t i;

		buffer_add(&back, NULL, 0);
		for (left = code; left > 0; left /= 4)
			buffer_add_text(&content, lines[left % 4]);
		for (i = 0; i < content.len; i++)
			encode(
			    &encoder, slice_make(content.data + i, 1), &wire);
		buffer_add_slice(&wire, dot_end(&encoder));
		for (i = 0; i < wire.len; i++) {
			struct slice octet = slice_make(wire.data + i, 1);

			assert_false(ended);
			ended = decode(&decoder, &octet, &back);
		}
		assert_true(ended);
		assert_true(
		    slice_equal(buffer_slice(&content), buffer_slice(&back)));
		buffer_free(&content);
		buffer_free(&wire);
		buffer_free(&back);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_cr_lf_dot_cr_lf_ends_a_body),
		cmocka_unit_test(a_body_cut_at_any_point_is_the_same),
		cmocka_unit_test(a_body_that_drips_is_the_same),
		cmocka_unit_test(
		    dots_at_line_starts_are_doubled_wherever_it_is_cut),
		cmocka_unit_test(
		    what_is_encoded_decodes_to_itself_octet_by_octet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
