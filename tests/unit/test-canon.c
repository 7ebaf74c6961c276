/* test-canon.c - line ends of content, and that none of it can end the data. */
#include "message/canon.h"

#include "base/buffer.h"
#include "net/dot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#define TEXT(s)                    \
	{                          \
		(s), sizeof(s) - 1 \
	}

static void
add_next(struct canon *c, struct slice in, struct buffer *out)
{
	while (in.len > 0) {
		struct slice run;

		canon_next(c, &in, &run);
		buffer_add_slice(out, run);
	}
}

/* Behind each piece lies what would be misleading if it were looked at. */
static void
add_piece(struct canon *c, struct slice piece, struct buffer *out)
{
	struct buffer own = { 0 };

	buffer_add_slice(&own, piece);
	buffer_add_text(&own, "\n");
	add_next(c, slice_make(own.data, piece.len), out);
	buffer_free(&own);
}

/* Canonical content from `in`, cut in two at `cut`. */
static void
canonical(struct slice in, size_t cut, struct canon *c, struct buffer *out)
{
	*c = (struct canon){ 0 };
	buffer_clear(out);
	add_piece(c, slice_make(in.data, cut), out);
	add_piece(c, slice_skip(in, cut), out);
	buffer_add_slice(out, canon_end(c));
}

static const struct {
	struct slice in, out;
	uint64_t bare_lf, bare_cr;
} rows[] = {
	{ TEXT(""), TEXT(""), 0, 0 },
	{ TEXT("a"), TEXT("a\r\n"), 0, 0 },
	{ TEXT("a\r\n"), TEXT("a\r\n"), 0, 0 },
	{ TEXT("a\r\nb\r\n"), TEXT("a\r\nb\r\n"), 0, 0 },
	{ TEXT("\r\n"), TEXT("\r\n"), 0, 0 },
	{ TEXT("\r\n\r\n"), TEXT("\r\n\r\n"), 0, 0 },
	{ TEXT("\n"), TEXT("\r\n"), 1, 0 },
	{ TEXT("a\nb\n"), TEXT("a\r\nb\r\n"), 2, 0 },
	{ TEXT("\r"), TEXT(" \r\n"), 0, 1 },
	{ TEXT("a\rb\r\n"), TEXT("a b\r\n"), 0, 1 },
	{ TEXT("a\r\r\nb"), TEXT("a \r\nb\r\n"), 0, 1 },
	{ TEXT("a\r\r\r"), TEXT("a   \r\n"), 0, 3 },
	{ TEXT("a\n\r\n"), TEXT("a\r\n\r\n"), 1, 0 },
	{ TEXT("a\n\rb\r\n"), TEXT("a\r\n b\r\n"), 1, 1 },
	{ TEXT("a\r\n\n.\r\n"), TEXT("a\r\n\r\n.\r\n"), 1, 0 },
	{ TEXT("a\n.\nb\n"), TEXT("a\r\n.\r\nb\r\n"), 3, 0 },
	{ TEXT("a\r.\rb\r\n"), TEXT("a . b\r\n"), 0, 2 },
	{ TEXT("a\n.\r\nb\r\n"), TEXT("a\r\n.\r\nb\r\n"), 1, 0 },
	{ TEXT("a\r\n.\nb\r\n"), TEXT("a\r\n.\r\nb\r\n"), 1, 0 },
	{ TEXT("a\r\n.\rb\r\n"), TEXT("a\r\n. b\r\n"), 0, 1 },
	{ TEXT("a\0b\r\n\xff\xfe\0\r\n"), TEXT("a\0b\r\n\xff\xfe\0\r\n"), 0,
	    0 },
	{ TEXT("\0\r"), TEXT("\0 \r\n"), 0, 1 },
};
#define ROWS (sizeof rows / sizeof rows[0])

static void
line_ends_are_mended_at_every_split(void **state)
{
	struct buffer out = { 0 };
	struct canon c;
	size_t i, cut;

	(void)state;
	for (i = 0; i < ROWS; i++) {
		for (cut = 0; cut <= rows[i].in.len; cut++) {
			canonical(rows[i].in, cut, &c, &out);
			assert_int_equal(out.len, rows[i].out.len);
			assert_true(
			    slice_equal(buffer_slice(&out), rows[i].out));
			assert_int_equal(c.bare_lf, rows[i].bare_lf);
			assert_int_equal(c.bare_cr, rows[i].bare_cr);
		}
	}
	buffer_free(&out);
}

static void
line_ends_are_mended_octet_by_octet(void **state)
{
	struct buffer out = { 0 };
	size_t i, at;

	(void)state;
	for (i = 0; i < ROWS; i++) {
		struct canon c = { 0 };

		buffer_clear(&out);
		for (at = 0; at < rows[i].in.len; at++)
			add_piece(
			    &c, slice_make(rows[i].in.data + at, 1), &out);
		buffer_add_slice(&out, canon_end(&c));
		assert_true(slice_equal(buffer_slice(&out), rows[i].out));
		assert_int_equal(c.bare_lf, rows[i].bare_lf);
		assert_int_equal(c.bare_cr, rows[i].bare_cr);
	}
	buffer_free(&out);
}

/* All texts of `length` octets over an alphabet, one after the other. */
static void
nth_text(size_t n, const char *alphabet, size_t length, char *out)
{
	size_t i;

	for (i = 0; i < length; i++) {
		out[i] = alphabet[n % strlen(alphabet)];
		n /= strlen(alphabet);
	}
}

static void
add_dotted(struct dot_encoder *d, struct slice in, struct buffer *out)
{
	while (in.len > 0) {
		struct slice run;

		dot_encode(d, &in, &run);
		buffer_add_slice(out, run);
	}
}

/*
 * What any server, however lax, might take for the end of the data: a dot
 * alone between any two line ends.
 */
static bool
has_lone_dot(struct slice s)
{
	size_t i;

	for (i = 0; i < s.len; i++) {
		bool before =
		    i == 0 || s.data[i - 1] == '\n' || s.data[i - 1] == '\r';
		bool after = i + 1 < s.len &&
		    (s.data[i + 1] == '\n' || s.data[i + 1] == '\r');

		if (s.data[i] == '.' && before && after)
			return true;
	}
	return false;
}

static bool
has_bare_line_end(struct slice s)
{
	size_t i;

	for (i = 0; i < s.len; i++) {
		if (s.data[i] == '\n' && (i == 0 || s.data[i - 1] != '\r'))
			return true;
		if (s.data[i] == '\r' &&
		    (i + 1 == s.len || s.data[i + 1] != '\n'))
			return true;
	}
	return false;
}

static void
no_content_ever_ends_the_data(void **state)
{
	enum {
		LENGTH = 7,
		TEXTS = 4 * 4 * 4 * 4 * 4 * 4 * 4
	};
	struct buffer plain = { 0 };
	struct buffer dotted = { 0 };
	char text[LENGTH];
	size_t n;

	(void)state;
	for (n = 0; n < TEXTS; n++) {
		struct dot_encoder d = { 0 };
		struct canon c;

		nth_text(n, "\r\n.a", LENGTH, text);
		canonical(slice_make(text, LENGTH), n % LENGTH, &c, &plain);
		buffer_clear(&dotted);
		add_dotted(&d, buffer_slice(&plain), &dotted);
		assert_false(has_bare_line_end(buffer_slice(&dotted)));
		assert_false(has_lone_dot(buffer_slice(&dotted)));
		assert_true(slice_is(dot_end(&d), ".\r\n"));
	}
	buffer_free(&plain);
	buffer_free(&dotted);
}

static void
the_proof_would_notice_an_end_of_data(void **state)
{
	(void)state;
	assert_true(has_lone_dot(slice_of("a\r\n.\r\nb")));
	assert_true(has_lone_dot(slice_of("a\n.\nb")));
	assert_true(has_lone_dot(slice_of(".\r\n")));
	assert_false(has_lone_dot(slice_of("a\r\n..\r\nb")));
	assert_true(has_bare_line_end(slice_of("a\nb")));
	assert_true(has_bare_line_end(slice_of("a\rb")));
	assert_false(has_bare_line_end(slice_of("a\r\nb")));
}

static void
canonical_content_passes_as_one_run(void **state)
{
	struct buffer in = { 0 };
	struct slice rest, run;
	struct canon c = { 0 };
	int i;

	(void)state;
	for (i = 0; i < 500; i++)
		buffer_addf(&in, "line %d%*s\r\n", i, i, "");
	rest = buffer_slice(&in);
	canon_next(&c, &rest, &run);
	assert_ptr_equal(run.data, in.data);
	assert_int_equal(run.len, in.len);
	assert_int_equal(rest.len, 0);
	assert_int_equal(canon_end(&c).len, 0);
	buffer_free(&in);
}

static void
a_line_of_any_length_passes(void **state)
{
	struct buffer in = { 0 };
	struct buffer out = { 0 };
	struct canon c;
	size_t length;

	(void)state;
	for (length = 1000; length < 1050; length++) {
		buffer_clear(&in);
		buffer_reserve(&in, length);
		memset(in.data, 'x', length);
		in.len = length;
		buffer_add_text(&in, "\r\nend\r\n");
		canonical(buffer_slice(&in), 0, &c, &out);
		assert_true(slice_equal(buffer_slice(&in), buffer_slice(&out)));
	}
	buffer_free(&in);
	buffer_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(line_ends_are_mended_at_every_split),
		cmocka_unit_test(line_ends_are_mended_octet_by_octet),
		cmocka_unit_test(no_content_ever_ends_the_data),
		cmocka_unit_test(the_proof_would_notice_an_end_of_data),
		cmocka_unit_test(canonical_content_passes_as_one_run),
		cmocka_unit_test(a_line_of_any_length_passes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
