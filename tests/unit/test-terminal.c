/* test-terminal.c - what fits a terminal: widths, tables, spark lines. */
#include "command/terminal.h"

#include "command/columns.h"
#include "command/spark.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define RED "\033[1;31m"
#define OFF "\033[0m"

static void
what_switches_colours_takes_no_column(void **state)
{
	static const struct {
		const char *line;
		size_t width;
	} rows[] = {
		{ "", 0 }, { "abc", 3 }, { RED "abc" OFF, 3 },
		{ "h\xc3\xa9\xe2\x96\x81", 3 }, { "\xff\xfe", 2 },
		{ "a\033[", 3 }, /* not whole */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(
		    terminal_width(slice_of(rows[i].line)), rows[i].width);
}

static void
a_line_is_cut_between_characters(void **state)
{
	static const struct {
		const char *line;
		size_t columns;
		const char *cut;
	} rows[] = {
		{ "abc", 5, "abc" },
		{ "abc", 2, "ab" },
		{ "abc", 0, "" },
		{ "\xc3\xa9\xc3\xa9", 1, "\xc3\xa9" },
		{ "a" RED "b" OFF "c", 2, "a" RED "b" OFF },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(
		    terminal_cut(slice_of(rows[i].line), rows[i].columns),
		    strlen(rows[i].cut));
}

static void
fill(struct columns *c)
{
	*c = (struct columns){ .shape = "llr" };
	for (int i = 0; i < 2; i++) {
		columns_add(c, "%s", i == 0 ? "a-long-name" : "b");
		columns_add(c, "%s", i == 0 ? RED "bad" OFF : "ok");
		columns_add(c, "%d", i == 0 ? 7 : 1000);
	}
}

static void
a_table_is_as_wide_as_it_has_to_be(void **state)
{
	struct buffer out = { 0 };
	struct columns c;

	(void)state;
	fill(&c);
	assert_int_equal(columns_width(&c), 11 + 2 + 3 + 2 + 4);
	columns_write(&c, &out);
	assert_string_equal(out.data,
	    "a-long-name  " RED "bad" OFF "     7\n"
	    "b            ok   1000\n");
	buffer_free(&out);
}

static void
where_it_is_too_wide_names_are_cut_then_columns_left_out_then_lines_cut(
    void **state)
{
	static const struct {
		size_t width;
		size_t left_out;
		const char *out;
	} rows[] = {
		{ 22, 0,
		    "a-long-name  " RED "bad" OFF "     7\n"
		    "b            ok   1000\n" },
		{ 20, 0,
		    "a-long-n~  " RED "bad" OFF "     7\n"
		    "b          ok   1000\n" },
		{ 14, 1,
		    "a-l~  " RED "bad" OFF "\n"
		    "b     ok\n" },
		{ 8, 1,
		    "a-l~  " RED "ba" OFF "\n"
		    "b     ok\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buffer out = { 0 };
		struct columns c;

		fill(&c);
		assert_int_equal(
		    columns_fit(&c, rows[i].width, 4), rows[i].left_out);
		columns_write(&c, &out);
		assert_string_equal(out.data, rows[i].out);
		buffer_free(&out);
	}
}

static void
a_line_is_wrapped_behind_words(void **state)
{
	static const struct {
		const char *line;
		size_t columns, most, rows;
		const char *out;
	} lines[] = {
		{ "", 10, 9, 0, "" },
		{ "one two", 10, 9, 1, "one two|" },
		{ "one two three", 10, 9, 2, "one two|three|" },
		{ "one two three", 10, 1, 1, "one two|" },
		{ "abcdefghijklm", 5, 9, 3, "abcde|fghij|klm|" },
		{ "ab", 1, 9, 2, "a|b|" },
		{ "some words that go on and on", 20, 9, 2,
		    "some words that go|    on and on|" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct slice line = slice_of(lines[i].line);
		struct buffer out = { 0 };

		buffer_clear(&out);
		assert_int_equal(terminal_wrap(line, lines[i].columns,
				     lines[i].most, "|", &out),
		    lines[i].rows);
		assert_string_equal(out.data, lines[i].out);
		assert_int_equal(terminal_wrap(line, lines[i].columns,
				     lines[i].most, "", NULL),
		    lines[i].rows);
		buffer_free(&out);
	}
}

static void
the_least_is_seen_and_the_most_is_full(void **state)
{
	static const struct {
		uint64_t numbers[4];
		const char *line;
	} rows[] = {
		{ { 0, 0, 0, 0 }, "\u2581\u2581\u2581\u2581" },
		{ { 0, 1, 0, 0 }, "\u2581\u2588\u2581\u2581" },
		{ { 1, 1000000, 500000, 0 }, "\u2582\u2588\u2585\u2581" },
		{ { UINT64_MAX, 0, 1, UINT64_MAX / 2 },
		    "\u2588\u2581\u2582\u2585" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buffer out = { 0 };

		spark_add(&out, rows[i].numbers, 4);
		assert_string_equal(out.data, rows[i].line);
		buffer_free(&out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_switches_colours_takes_no_column),
		cmocka_unit_test(a_line_is_cut_between_characters),
		cmocka_unit_test(a_table_is_as_wide_as_it_has_to_be),
		cmocka_unit_test(
		    where_it_is_too_wide_names_are_cut_then_columns_left_out_then_lines_cut),
		cmocka_unit_test(a_line_is_wrapped_behind_words),
		cmocka_unit_test(the_least_is_seen_and_the_most_is_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
