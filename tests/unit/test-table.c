/* test-table.c - the table of settings agrees with itself, and what is made
 * from it is whole. */
#include "config/table.h"

#include "base/host.h"
#include "config/describe.h"
#include "config/value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool
accepts(const struct setting *row, const char *text)
{
	struct settings_memory *m = calloc(1, sizeof *m);
	struct buffer why = { 0 };
	struct value v = { 0 };
	int rc = -1;

	assert_non_null(m);
	if (row->type == TYPE_PORT || row->type == TYPE_COUNT)
		rc = value_from_number(&v, row, strtoll(text, NULL, 10), &why);
	else if (row->type == TYPE_BOOL)
		rc = value_from_bool(&v, row, !strcmp(text, "true"), &why);
	else
		rc = value_from_text(&v, row, text, "/x", m, &why);
	assert_true(rc == 0 ? why.len == 0 : why.len > 0);
	buffer_free(&why);
	memory_free(&m);
	return rc == 0;
}

static void
every_default_and_sample_is_accepted(void **state)
{
	(void)state;
	for (size_t i = 0; i < settings_table_len; i++) {
		const struct setting *row = settings_table + i;

		if (row->type == TYPE_SETTINGS)
			continue;
		assert_true(row->initial != NULL || row->sample != NULL);
		if (row->initial != NULL && !accepts(row, row->initial))
			fail_msg("%s = %s", row->name, row->initial);
		if (row->sample != NULL && !accepts(row, row->sample))
			fail_msg("%s = %s", row->name, row->sample);
	}
}

static void
every_row_is_found_under_its_own_name_only(void **state)
{
	(void)state;
	for (size_t i = 0; i < settings_table_len; i++)
		assert_ptr_equal(table_find(settings_table[i].section,
				     settings_table[i].name),
		    settings_table + i);
}

static void
every_row_has_one_line_of_help(void **state)
{
	(void)state;
	for (size_t i = 0; i < settings_table_len; i++) {
		const char *help = settings_table[i].help;

		assert_true(strlen(help) > 0 && strlen(help) < 72);
		assert_null(strchr(help, '\n'));
		assert_int_equal(help[strlen(help) - 1], '.');
	}
}

static void
names_that_others_rely_on_are_there(void **state)
{
	static const char *const names[SECTIONS] = {
		[SECTION_GLOBAL] =
		    "state log run_as max_polls max_polls_per_server "
		    "stop_timeout metrics confine "
		    "destinations defaults accounts accounts_dir",
		[SECTION_ACCOUNT] =
		    "name pop3 port tls auth user password "
		    "password_file password_command ca_file "
		    "allow_cleartext timeout destination "
		    "recipient after_delivery delete_seen first_poll "
		    "fetch_limit max_size every every_min every_max in_doubt "
		    "on_reject postmaster report_via "
		    "pipelining ordered on_mail on_error hook_timeout "
		    "alert alert_via alert_after",
		[SECTION_DESTINATION] = "smtp lmtp port tls auth user password "
					"password_file password_command "
					"ca_file allow_cleartext timeout "
					"reply_timeout connections "
					"max_messages eightbit helo",
	};

	(void)state;
	for (enum section s = 0; s < SECTIONS; s++) {
		struct slice rest = slice_of(names[s]);
		size_t count, seen = 0;

		table_section(s, &count);
		while (rest.len > 0) {
			struct slice word = slice_word(&rest);
			char name[64];

			memcpy(name, word.data, word.len);
			name[word.len] = '\0';
			assert_non_null(table_find(s, name));
			seen++;
		}
		assert_int_equal(seen, count);
	}
}

static void
only_name_may_not_stand_in_defaults(void **state)
{
	size_t count;
	const struct setting *rows = table_section(SECTION_ACCOUNT, &count);

	(void)state;
	for (size_t i = 0; i < count; i++)
		assert_int_equal(!(rows[i].flags & SETTING_IN_DEFAULTS),
		    strcmp(rows[i].name, "name") == 0);
}

static void
a_misspelt_name_finds_its_like(void **state)
{
	static const struct {
		enum section section;
		const char *word, *meant;
	} rows[] = {
		{ SECTION_ACCOUNT, "recipent", "recipient" },
		{ SECTION_ACCOUNT, "pasword", "password" },
		{ SECTION_ACCOUNT, "after-delivery", "after_delivery" },
		{ SECTION_GLOBAL, "acounts", "accounts" },
		{ SECTION_DESTINATION, "reply_timout", "reply_timeout" },
		{ SECTION_DESTINATION, "colour", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const char *near = table_nearest(rows[i].section, rows[i].word);

		if (rows[i].meant == NULL)
			assert_null(near);
		else
			assert_string_equal(near, rows[i].meant);
	}
}

static void
values_at_their_limits(void **state)
{
	static const struct {
		enum section section;
		const char *name, *text;
		bool good;
	} rows[] = {
		{ SECTION_ACCOUNT, "timeout", "1s", true },
		{ SECTION_ACCOUNT, "timeout", "1h", true },
		{ SECTION_ACCOUNT, "timeout", "61m", false },
		{ SECTION_ACCOUNT, "timeout", "0", false },
		{ SECTION_ACCOUNT, "timeout", "60", false },
		{ SECTION_ACCOUNT, "timeout", "", false },
		{ SECTION_ACCOUNT, "every", "9s", false },
		{ SECTION_ACCOUNT, "every", "10s", true },
		{ SECTION_ACCOUNT, "every", "30d", true },
		{ SECTION_ACCOUNT, "every", "31d", false },
		{ SECTION_ACCOUNT, "every", "auto", true },
		{ SECTION_ACCOUNT, "every", "Auto", false },
		{ SECTION_ACCOUNT, "every", "auto 5m", false },
		{ SECTION_ACCOUNT, "every", "0", false },
		{ SECTION_ACCOUNT, "every_min", "9s", false },
		{ SECTION_ACCOUNT, "every_min", "10s", true },
		{ SECTION_ACCOUNT, "every_min", "auto", false },
		{ SECTION_ACCOUNT, "every_max", "1d", true },
		{ SECTION_ACCOUNT, "every_max", "25h", false },
		{ SECTION_ACCOUNT, "port", "0", false },
		{ SECTION_ACCOUNT, "port", "1", true },
		{ SECTION_ACCOUNT, "port", "65535", true },
		{ SECTION_ACCOUNT, "port", "65536", false },
		{ SECTION_ACCOUNT, "port", "-1", false },
		{ SECTION_ACCOUNT, "fetch_limit", "0", true },
		{ SECTION_ACCOUNT, "fetch_limit", "-1", false },
		{ SECTION_GLOBAL, "max_polls", "0", false },
		{ SECTION_GLOBAL, "max_polls", "10000", true },
		{ SECTION_GLOBAL, "max_polls", "10001", false },
		{ SECTION_GLOBAL, "metrics", "127.0.0.1:9811", true },
		{ SECTION_GLOBAL, "metrics", "[::1]:9811", true },
		{ SECTION_GLOBAL, "metrics", "[fe80::1%lo]:9811", true },
		{ SECTION_GLOBAL, "metrics", "localhost:65535", true },
		{ SECTION_GLOBAL, "metrics", "9811", true },
		{ SECTION_GLOBAL, "metrics", "0", false },
		{ SECTION_GLOBAL, "metrics", "65536", false },
		{ SECTION_GLOBAL, "metrics", "127.0.0.1", false },
		{ SECTION_GLOBAL, "metrics", "127.0.0.1:", false },
		{ SECTION_GLOBAL, "metrics", ":9811", false },
		{ SECTION_GLOBAL, "metrics", "::1:9811", false },
		{ SECTION_GLOBAL, "metrics", "[127.0.0.1]:9811", false },
		{ SECTION_GLOBAL, "metrics", "[]:9811", false },
		{ SECTION_GLOBAL, "metrics", "mail.example.org:9811", false },
		{ SECTION_GLOBAL, "metrics", "127.0.0.1:9811 ", false },
		{ SECTION_GLOBAL, "metrics", "", false },
		{ SECTION_ACCOUNT, "max_size", "25M", true },
		{ SECTION_ACCOUNT, "max_size", "1024G", true },
		{ SECTION_ACCOUNT, "max_size", "1025G", false },
		{ SECTION_ACCOUNT, "max_size", "many", false },
		{ SECTION_ACCOUNT, "auth", "user", true },
		{ SECTION_DESTINATION, "auth", "user", false },
		{ SECTION_ACCOUNT, "tls", "STARTTLS", false },
		{ SECTION_ACCOUNT, "after_delivery", "delete", true },
		{ SECTION_ACCOUNT, "after_delivery", "keep 14d", true },
		{ SECTION_ACCOUNT, "after_delivery", "keep  14d", true },
		{ SECTION_ACCOUNT, "after_delivery", "keep 0", false },
		{ SECTION_ACCOUNT, "after_delivery", "keep 14", false },
		{ SECTION_ACCOUNT, "after_delivery", "delete 14d", false },
		{ SECTION_ACCOUNT, "after_delivery", "kept", false },
		{ SECTION_ACCOUNT, "first_poll", "none", true },
		{ SECTION_ACCOUNT, "first_poll", "since 7d", true },
		{ SECTION_ACCOUNT, "first_poll", "since 0", false },
		{ SECTION_ACCOUNT, "first_poll", "last 100", true },
		{ SECTION_ACCOUNT, "first_poll", "last 0", false },
		{ SECTION_ACCOUNT, "first_poll", "last", false },
		{ SECTION_ACCOUNT, "first_poll", "all 7d", false },
		{ SECTION_ACCOUNT, "name", "isp-2.example_x", true },
		{ SECTION_ACCOUNT, "name", "a b", false },
		{ SECTION_ACCOUNT, "name", "a/b", false },
		{ SECTION_ACCOUNT, "name", "-v", false },
		{ SECTION_ACCOUNT, "name", "..", false },
		{ SECTION_ACCOUNT, "name", "caf\xc3\xa9", false },
		{ SECTION_ACCOUNT, "name", "a\tb", false },
		{ SECTION_ACCOUNT, "name", "", false },
		{ SECTION_ACCOUNT, "pop3", "192.0.2.1", true },
		{ SECTION_ACCOUNT, "pop3", "::1", true },
		{ SECTION_ACCOUNT, "pop3", "[2001:db8::1]", true },
		{ SECTION_ACCOUNT, "pop3", "fe80::1%eth0", true },
		{ SECTION_ACCOUNT, "pop3", "pop.example:995", false },
		{ SECTION_ACCOUNT, "pop3", "pops://pop.example", false },
		{ SECTION_ACCOUNT, "pop3",
		    "b\xc3\xbc"
		    "cher.example",
		    false },
		{ SECTION_ACCOUNT, "pop3", "pop example", false },
		{ SECTION_ACCOUNT, "pop3", "", false },
		{ SECTION_ACCOUNT, "user", "", false },
		{ SECTION_ACCOUNT, "user", "Ann Smith", true },
		{ SECTION_ACCOUNT, "user", "ann\r\nDELE 1", false },
		{ SECTION_ACCOUNT, "password", "a\nb", false },
		{ SECTION_ACCOUNT, "recipient", "ann@example.org", true },
		{ SECTION_ACCOUNT, "recipient", "ann>\r\nDATA", false },
		{ SECTION_ACCOUNT, "recipient", "", false },
		{ SECTION_GLOBAL, "log", "stderr", true },
		{ SECTION_GLOBAL, "log", "syslog", true },
		{ SECTION_GLOBAL, "log", "/var/log/postrider/log", true },
		{ SECTION_GLOBAL, "log", "~/postrider.log", true },
		{ SECTION_GLOBAL, "log", "sylog", false },
		{ SECTION_GLOBAL, "log", "postrider.log", false },
		{ SECTION_GLOBAL, "log", "~", false },
		{ SECTION_GLOBAL, "log", "", false },
		{ SECTION_GLOBAL, "log", "/tmp/a\nb", false },
		{ SECTION_GLOBAL, "run_as", "postrider:mail", true },
		{ SECTION_GLOBAL, "run_as", "", false },
		{ SECTION_DESTINATION, "smtp", "/run/lmtp", false },
		{ SECTION_DESTINATION, "lmtp", "/run/lmtp", true },
		{ SECTION_DESTINATION, "lmtp", "localhost", true },
		{ SECTION_DESTINATION, "helo", "[192.0.2.1]", true },
		{ SECTION_DESTINATION, "helo", "two words", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const struct setting *row =
		    table_find(rows[i].section, rows[i].name);

		if (accepts(row, rows[i].text) != rows[i].good)
			fail_msg("%s = \"%s\" should be %s", rows[i].name,
			    rows[i].text, rows[i].good ? "good" : "bad");
	}
}

static void
only_this_machine_is_loopback(void **state)
{
	(void)state;
	assert_true(host_is_loopback("localhost"));
	assert_true(host_is_loopback("LOCALHOST"));
	assert_true(host_is_loopback("127.0.0.1"));
	assert_true(host_is_loopback("127.9.9.9"));
	assert_true(host_is_loopback("::1"));
	assert_true(host_is_loopback("0:0:0:0:0:0:0:1"));
	assert_false(host_is_loopback("127.evil.example"));
	assert_false(host_is_loopback("localhost.example"));
	assert_false(host_is_loopback("128.0.0.1"));
	assert_false(host_is_loopback("::2"));
}

static void
a_quoted_text_hides_nothing(void **state)
{
	struct buffer b = { 0 };

	(void)state;
	value_quote("a\"b\\c\td\xc3\xa9", &b);
	assert_string_equal(b.data, "\"a\\\"b\\\\c\\x09d\xc3\xa9\"");
	buffer_free(&b);
}

/* Each name followed by " = ", behind "#" or not, as often as it has rows. */
static void
every_setting_stands_in_the_example(void **state)
{
	struct buffer b = { 0 };

	(void)state;
	describe_example(&b);
	for (size_t i = 0; i < settings_table_len; i++) {
		const char *name = settings_table[i].name;
		size_t rows = 0, stands = 0;
		char line[64];

		for (size_t k = 0; k < settings_table_len; k++)
			rows += strcmp(settings_table[k].name, name) == 0;
		snprintf(line, sizeof line, "%s = ", name);
		for (const char *at = b.data; (at = strstr(at, line)) != NULL;
		     at++)
			if (at == b.data || strchr("\n\t#", at[-1]) != NULL)
				stands++;
		if (stands < rows)
			fail_msg("%s stands there %zu times of %zu", name,
			    stands, rows);
	}
	buffer_free(&b);
}

static void
every_setting_stands_in_the_manual(void **state)
{
	struct buffer b = { 0 };

	(void)state;
	describe_man(&b);
	for (size_t i = 0; i < settings_table_len; i++) {
		char line[64];

		snprintf(
		    line, sizeof line, ".TP\n.B %s\n", settings_table[i].name);
		assert_non_null(strstr(b.data, line));
	}
	buffer_free(&b);
}

static void
no_line_of_the_listing_is_too_long(void **state)
{
	struct buffer list = { 0 }, example = { 0 };
	struct buffer *both[] = { &list, &example };

	(void)state;
	describe_list(&list);
	describe_example(&example);
	for (size_t i = 0; i < 2; i++) {
		char *rest = both[i]->data, *line;

		while ((line = strsep(&rest, "\n")) != NULL)
			assert_true(strlen(line) < 80);
		buffer_free(both[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_default_and_sample_is_accepted),
		cmocka_unit_test(every_row_is_found_under_its_own_name_only),
		cmocka_unit_test(every_row_has_one_line_of_help),
		cmocka_unit_test(names_that_others_rely_on_are_there),
		cmocka_unit_test(only_name_may_not_stand_in_defaults),
		cmocka_unit_test(a_misspelt_name_finds_its_like),
		cmocka_unit_test(values_at_their_limits),
		cmocka_unit_test(only_this_machine_is_loopback),
		cmocka_unit_test(a_quoted_text_hides_nothing),
		cmocka_unit_test(every_setting_stands_in_the_example),
		cmocka_unit_test(every_setting_stands_in_the_manual),
		cmocka_unit_test(no_line_of_the_listing_is_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
