/* test-import.c - accounts of other programs, added one by one. */
#include "import/import.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void
a_name_is_one_that_settings_take(void **state)
{
	static const struct {
		const char *wanted, *name;
	} cases[] = {
		{ "isp", "isp" },
		{ "ann@isp.example", "ann@isp.example" },
		{ "two words", "two_words" },
		{ "a/b", "a_b" },
		{ ".hidden", "_hidden" },
		{ "-v", "_v" },
		{ "j\xc3\xbcrgen", "j__rgen" },
		{ "", "account" },
		{ "a123456789b123456789c123456789d123456789e123456789f12345",
		    "a123456789b123456789c123456789d123456789e123456789f" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct import im = { 0 };
		struct import_account *a = import_account_add(&im, "f", 1);

		import_account_name(&im, a, cases[i].wanted);
		assert_string_equal(a->name, cases[i].name);
		import_free(&im);
	}
}

static void
no_two_accounts_have_one_name(void **state)
{
	static const char *const names[] = { "a", "a-2", "a-3", "a-4" };
	struct import im = { 0 };

	(void)state;
	for (size_t i = 0; i < 30; i++)
		import_account_name(&im, import_account_add(&im, "f", 1), "a");
	for (size_t i = 0; i < COUNT(names); i++)
		assert_string_equal(im.accounts[i]->name, names[i]);
	for (size_t i = 0; i < 30; i++)
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(
			    im.accounts[i]->name, im.accounts[k]->name);
	import_free(&im);
}

static void
a_setting_is_there_once_and_a_recipient_too(void **state)
{
	struct import im = { 0 };
	struct import_account *a = import_account_add(&im, "f", 1);

	(void)state;
	import_account_set(a, "fetch_limit", "1");
	import_account_set_text(a, "every", "5m");
	import_account_set(a, "fetch_limit", "2");
	assert_int_equal(a->setting_count, 2);
	assert_string_equal(a->settings[0].value, "2");
	assert_false(a->settings[0].text);
	assert_true(a->settings[1].text);
	import_account_recipient(a, "ann");
	import_account_recipient(a, "bob");
	import_account_recipient(a, "ann");
	assert_int_equal(a->recipient_count, 2);
	import_free(&im);
	assert_null(im.accounts);
}

static void
a_unique_id_is_what_a_server_could_list(void **state)
{
	static char long_one[IMPORT_UID_MAX + 1];
	static const struct {
		const char *uid;
		int rc;
	} cases[] = {
		{ "AA/bb+1", 0 },
		{ "<a@b>", 0 },
		{ "\xc3\xbc\xff", 0 },
		{ "", -1 },
		{ "a b", -1 },
		{ "a\tb", -1 },
		{ "a\r", -1 },
		{ "\x7f", -1 },
	};
	struct import im = { 0 };
	struct import_account *a = import_account_add(&im, "f", 1);

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(
		    import_seen_add(a, slice_of(cases[i].uid), 5), cases[i].rc);
	assert_int_equal(a->seen.count, 3);
	assert_string_equal(a->seen.list[1].uid, "<a@b>");
	assert_int_equal(a->seen.list[1].since, 5);
	memset(long_one, 'x', sizeof(long_one));
	assert_int_equal(
	    import_seen_add(a, slice_make(long_one, IMPORT_UID_MAX), 0), 0);
	assert_int_equal(
	    import_seen_add(a, slice_make(long_one, IMPORT_UID_MAX + 1), 0),
	    -1);
	import_free(&im);
}

static void
lines_end_where_they_end(void **state)
{
	struct slice rest = slice_of("one\n\ntwo\r\nthree"), line;

	(void)state;
	assert_true(import_line(&rest, &line) && slice_is(line, "one"));
	assert_true(import_line(&rest, &line) && slice_is(line, ""));
	assert_true(import_line(&rest, &line) && slice_is(line, "two\r"));
	assert_true(import_line(&rest, &line) && slice_is(line, "three"));
	assert_false(import_line(&rest, &line));
}

static void
a_tilde_is_the_home(void **state)
{
	static const struct {
		const char *path, *found;
	} cases[] = {
		{ "~/x", "/home/ann/x" },
		{ "~", "/home/ann" },
		{ "~bob/x", "~bob/x" },
		{ "/x", "/x" },
		{ "x", "x" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char *found = import_path("/home/ann", cases[i].path);

		assert_string_equal(found, cases[i].found);
		free(found);
	}
}

static void
what_is_no_file_is_an_error(void **state)
{
	struct buffer out = { 0 };
	struct error e = { 0 };

	(void)state;
	assert_int_equal(import_file("/nowhere", 10, &out, &e), -1);
	assert_string_equal(e.text, "/nowhere: No such file or directory");
	assert_int_equal(import_file("/", 10, &out, &e), -1);
	assert_string_equal(e.text, "/: Is a directory");
	assert_int_equal(import_file("/dev/zero", 10, &out, &e), -1);
	assert_non_null(strstr(e.text, "/dev/zero is no regular file"));
	assert_int_equal(e.kind, ERR_CONFIG);
	buffer_clear(&out);
	assert_int_equal(import_file("/dev/null", 10, &out, &e), 0);
	assert_int_equal(out.len, 0);
	buffer_free(&out);
}

static void
a_file_that_is_too_long_is_an_error(void **state)
{
	char path[] = "/tmp/test-import-XXXXXX";
	struct buffer out = { 0 };
	struct error e = { 0 };
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "0123456789", 10), 10);
	assert_int_equal(import_file(path, 10, &out, &e), 0);
	assert_string_equal(out.data, "0123456789");
	buffer_clear(&out);
	assert_int_equal(import_file(path, 9, &out, &e), -1);
	assert_non_null(strstr(e.text, ": File too large"));
	assert_int_equal(e.kind, ERR_CONFIG);
	buffer_free(&out);
	close(fd);
	unlink(path);
}

static void
programs_are_known_by_their_names(void **state)
{
	(void)state;
	assert_non_null(import_program("fetchmail"));
	assert_null(import_program("fetch"));
	for (size_t i = 0; import_programs[i].name != NULL; i++)
		assert_ptr_equal(import_program(import_programs[i].name),
		    &import_programs[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_is_one_that_settings_take),
		cmocka_unit_test(no_two_accounts_have_one_name),
		cmocka_unit_test(a_setting_is_there_once_and_a_recipient_too),
		cmocka_unit_test(a_unique_id_is_what_a_server_could_list),
		cmocka_unit_test(lines_end_where_they_end),
		cmocka_unit_test(a_tilde_is_the_home),
		cmocka_unit_test(what_is_no_file_is_an_error),
		cmocka_unit_test(a_file_that_is_too_long_is_an_error),
		cmocka_unit_test(programs_are_known_by_their_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
