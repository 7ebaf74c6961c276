/* test-buffer.c - slices and growing buffers. */
#include "base/buffer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void
words_are_cut_at_blanks(void **state)
{
	struct slice rest = slice_of("UIDL \t 1  abc");

	(void)state;
	assert_true(slice_is(slice_word(&rest), "UIDL"));
	assert_true(slice_is(slice_word(&rest), "1"));
	assert_true(slice_is(rest, "abc"));
	assert_true(slice_is(slice_word(&rest), "abc"));
	assert_int_equal(rest.len, 0);
	assert_int_equal(slice_word(&rest).len, 0);
}

static void
a_leading_blank_makes_an_empty_word(void **state)
{
	struct slice rest = slice_of(" x");

	(void)state;
	assert_int_equal(slice_word(&rest).len, 0);
	assert_true(slice_is(rest, "x"));
}

static void
comparing_without_case_is_ascii_only(void **state)
{
	(void)state;
	assert_true(slice_is_nocase(slice_of("+Ok"), "+oK"));
	assert_false(slice_is_nocase(slice_of("+Ok "), "+OK"));
	assert_false(slice_is_nocase(slice_of("+O"), "+OK"));
	assert_false(slice_is_nocase(slice_of("\xc3\x84"), "\xc3\xa4"));
	assert_false(slice_is_nocase(slice_of("@"), "`"));
	assert_true(slice_starts_nocase(slice_of("mail FROM:<>"), "MAIL from"));
	assert_false(slice_starts_nocase(slice_of("MAI"), "MAIL"));
}

static void
order_is_that_of_octets_then_of_length(void **state)
{
	(void)state;
	assert_true(slice_compare(slice_of("a"), slice_of("b")) < 0);
	assert_true(slice_compare(slice_of("\xff"), slice_of("a")) > 0);
	assert_true(slice_compare(slice_of("a"), slice_of("ab")) < 0);
	assert_true(slice_compare(slice_of("ab"), slice_of("a")) > 0);
	assert_int_equal(slice_compare(slice_of("ab"), slice_of("ab")), 0);
	assert_int_equal(
	    slice_compare(slice_make(NULL, 0), slice_make(NULL, 0)), 0);
}

static void
a_nul_is_an_octet_like_any_other(void **state)
{
	(void)state;
	assert_false(slice_is(slice_make("a\0b", 3), "a"));
	assert_true(slice_equal(slice_make("a\0b", 3), slice_make("a\0b", 3)));
	assert_false(slice_equal(slice_make("a\0b", 3), slice_make("a\0c", 3)));
}

static void
trimming_takes_blanks_at_both_ends(void **state)
{
	(void)state;
	assert_true(slice_is(slice_trim(slice_of("\t a b \t")), "a b"));
	assert_int_equal(slice_trim(slice_of(" \t ")).len, 0);
	assert_int_equal(slice_trim(slice_make(NULL, 0)).len, 0);
}

static void
a_buffer_is_always_a_string(void **state)
{
	struct buffer b = { 0 };
	size_t i;

	(void)state;
	buffer_clear(&b);
	assert_string_equal(b.data, "");
	buffer_add(&b, NULL, 0);
	assert_string_equal(b.data, "");
	for (i = 0; i < 1000; i++) {
		buffer_add(&b, "x", 1);
		assert_int_equal(b.data[b.len], '\0');
		assert_true(b.room > b.len);
	}
	assert_int_equal(b.len, 1000);
	buffer_clear(&b);
	assert_string_equal(b.data, "");
	buffer_free(&b);
	assert_null(b.data);
	assert_int_equal(b.room, 0);
	buffer_free(&b);
}

static void
formatted_text_of_any_length_fits(void **state)
{
	struct buffer b = { 0 };
	size_t len;

	(void)state;
	for (len = 0; len < 200; len++) {
		buffer_clear(&b);
		buffer_add_text(&b, "<");
		buffer_addf(&b, "%0*d", (int)len + 1, 7);
		assert_int_equal(b.len, len + 2);
		assert_int_equal(b.data[len + 1], '7');
		assert_int_equal(strlen(b.data), b.len);
		if (len % 2 == 0)
			buffer_free(&b);
	}
	buffer_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_cut_at_blanks),
		cmocka_unit_test(a_leading_blank_makes_an_empty_word),
		cmocka_unit_test(comparing_without_case_is_ascii_only),
		cmocka_unit_test(order_is_that_of_octets_then_of_length),
		cmocka_unit_test(a_nul_is_an_octet_like_any_other),
		cmocka_unit_test(trimming_takes_blanks_at_both_ends),
		cmocka_unit_test(a_buffer_is_always_a_string),
		cmocka_unit_test(formatted_text_of_any_length_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
