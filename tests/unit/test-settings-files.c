/*
 * test-settings-files.c - where settings are, and what they are read from and
 * written to: files and folders, good and odd.
 */
#include "config/settings.h"

#include "../kit/conf.h"
#include "base/alloc.h"
#include "config/describe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Under names that do not look the same it would be 3^10 files. */
static void
a_file_that_includes_itself_often_comes_to_an_end(void **state)
{
	struct folder *f = *state;

	put(f, "main.conf", 0600,
	    ONE("") "@include \"./main.conf\"\n@include \"./main.conf\"\n"
		    "@include \"./main.conf\"\n");
	assert_int_equal(take(f), -1);
	assert_non_null(
	    strstr(f->problems.data, "more than 10 files include each other"));
	assert_non_null(
	    strstr(f->problems.data, "more than 1000 files are included"));
}

static void
a_missing_file_is_told(void **state)
{
	struct folder *f = *state;

	assert_int_equal(take(f), -1);
	assert_string_equal(f->problems.data,
	    "/main.conf: cannot be read: No such file or directory\n");
}

static void
files_are_included_beside_the_file_that_says_so(void **state)
{
	struct folder *f = *state;
	char *sub = xasprintf("%s/sub", f->path);
	const struct account *a;

	assert_int_equal(mkdir(sub, 0700), 0);
	put(f, "sub/homes.conf", 0644,
	    "# first\n@include \"more.conf\"\n"
	    "destinations = { home = { lmtp = \"/run/lmtp\"; }; };\n");
	put(f, "sub/more.conf", 0644,
	    "defaults = { password_file = \"pw\"; };");
	put(f, "sub/pw", 0600, "x\n");
	a = good(f,
	    "/* @include \"gone.conf\"\n@include \"gone.conf\"\n*/\n"
	    "  @include \"sub/homes.conf\"\n"
	    "accounts = ( { " ISP " } );\n");
	assert_string_equal(
	    a->login.password_file + strlen(f->path), "/sub/pw");
	/* Each folder that files were read from, once. */
	assert_int_equal(f->settings->folder_count, 2);
	assert_string_equal(f->settings->folders[0], f->path);
	assert_string_equal(f->settings->folders[1] + strlen(f->path), "/sub");

	put(f, "sub/more.conf", 0644, "defaults = {\n  evry = \"5m\"; };");
	bad(f,
	    "\n@include \"sub/homes.conf\"\naccounts = ( { " ISP " } );\n"
	    "every = 5;\n",
	    "/sub/more.conf:2: defaults: unknown setting \"evry\": did you "
	    "mean "
	    "\"every\"?\n"
	    "/main.conf:4: \"every\" does not belong here, but into an account "
	    "or into defaults\n");

	put(f, "sub/more.conf", 0644, "defaults = {\n  every = \"5m\";; };");
	bad(f, "\n@include \"sub/homes.conf\"\n",
	    "/sub/more.conf:2: syntax error here or just before; no comma may "
	    "stand before \")\", \"]\" or \"}\", texts need quotes, and "
	    "settings "
	    "end with \";\"\n");
	free(sub);
}

static void
a_folder_holds_accounts_in_the_order_of_names(void **state)
{
	struct folder *f = *state;
	char *dir = xasprintf("%s/accounts.d", f->path);
	const struct account *a;

	assert_int_equal(mkdir(dir, 0700), 0);
	put(f, "accounts.d/20.conf", 0644,
	    "name = \"z\"; pop3 = \"h\"; user = \"z\"; recipient = \"z\";");
	put(f, "accounts.d/10.conf", 0644,
	    "name = \"y\"; pop3 = \"h\"; user = \"y\"; recipient = \"y\";\n"
	    "password_file = \"pw\";");
	put(f, "accounts.d/pw", 0600, "x\n");
	put(f, "accounts.d/.hidden.conf", 0644, "rubbish");
	put(f, "accounts.d/20.conf~", 0644, "rubbish");
	put(f, "accounts.d/.conf", 0644, "rubbish");
	a = good(f, ONE("") "accounts_dir = \"accounts.d\";\n");
	assert_int_equal(f->settings->account_count, 3);
	assert_string_equal(a[0].name, "isp");
	assert_string_equal(a[1].name, "y");
	assert_string_equal(
	    a[1].login.password_file + strlen(f->path), "/accounts.d/pw");
	assert_string_equal(a[2].name, "z");
	good(f, HOME "accounts_dir = \"accounts.d\";\n");
	assert_int_equal(f->settings->folder_count, 2);
	assert_string_equal(
	    f->settings->folders[1] + strlen(f->path), "/accounts.d");
	assert_int_equal(f->settings->account_count, 2);

	put(f, "accounts.d/10.conf", 0644, "name = \"y\";\npop3 = h;\n");
	put(f, "accounts.d/20.conf", 0644,
	    "\nname = \"isp\"; pop3 = \"h\"; user = \"z\"; recipient = \"z\";\n"
	    "password = \"s3cret\";");
	bad(f, ONE("") "accounts_dir = \"accounts.d\";\n",
	    "/accounts.d/10.conf:2: syntax error here or just before; no comma "
	    "may stand before \")\", \"]\" or \"}\", texts need quotes, and "
	    "settings end with \";\"\n"
	    "/accounts.d/20.conf:2: there is another account \"isp\" at "
	    "/main.conf:2; each needs a name of its own\n"
	    "/accounts.d/20.conf:3: a password stands here, and others may "
	    "open "
	    "the file; run: chmod 600 /accounts.d/20.conf\n");
	free(dir);
}

static void
a_password_needs_a_private_file(void **state)
{
	static const mode_t modes[] = { 0640, 0604, 0620, 0644 };
	struct folder *f = *state;
	const char *text = ONE("password = \"s3cret\";");
	const struct account *a = good(f, text);

	assert_string_equal(a->login.password, "s3cret");
	for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
		put(f, "main.conf", modes[i], text);
		assert_int_equal(take(f), -1);
		assert_string_equal(f->problems.data,
		    "/main.conf:2: a password stands here, and others may open "
		    "the file; run: chmod 600 /main.conf\n");
	}
	put(f, "main.conf", 0644, ONE("password_command = \"x\";"));
	assert_int_equal(take(f), 0);

	put(f, "home.conf", 0644,
	    "destinations = { d = { smtp = \"h\"; user = \"u\";\n"
	    "password = \"x\"; }; };");
	bad(f, "@include \"home.conf\"\naccounts = ( { " ISP " } );\n",
	    "/home.conf:2: a password stands here, and others may open the "
	    "file; run: chmod 600 /home.conf\n");
}

static void
a_password_needs_a_file_of_ones_own(void **state)
{
	struct folder *f = *state;
	char *path = xasprintf("%s/main.conf", f->path);

	if (geteuid() != 0) {
		free(path);
		skip();
	}
	put(f, "main.conf", 0600, ONE("password = \"s3cret\";"));
	assert_int_equal(chown(path, 12345, (gid_t)-1), 0);
	assert_int_equal(take(f), -1);
	assert_string_equal(f->problems.data,
	    "/main.conf:2: a password stands here, and the file belongs to "
	    "another user; run: chown 0 /main.conf\n");
	free(path);
}

static void
no_secret_is_ever_told(void **state)
{
	struct folder *f = *state;
	struct buffer out = { 0 };

	put(f, "main.conf", 0644,
	    ONE("password = \"s3cret\\n\"; password_file = \"x\";"));
	assert_int_equal(take(f), -1);
	assert_null(strstr(f->problems.data, "s3cret"));
	good(f, ONE("password = \"s3cret\";"));
	settings_print(f->settings, &out);
	assert_null(strstr(out.data, "s3cret"));
	assert_non_null(strstr(out.data, "\t\tpassword = \"********\";\n"));
	buffer_free(&out);
}

static void
where_the_state_is(void **state)
{
	struct folder *f = *state;
	char *path = xasprintf("%s/main.conf", f->path);

	good(f, ONE("") "state = \"~/deep/state\";");
	assert_string_equal(
	    f->settings->state + strlen(f->path), "/deep/state");
	settings_free(&f->settings);
	assert_int_equal(settings_read(&f->settings, path, "/elsewhere",
			     &f->problems, &f->e),
	    0);
	assert_string_equal(f->settings->state, "/elsewhere");

	unsetenv("STATE_DIRECTORY");
	setenv("XDG_STATE_HOME", "/xdg", 1);
	good(f, ONE(""));
	assert_string_equal(f->settings->state,
	    geteuid() == 0 ? "/var/lib/postrider" : "/xdg/postrider");
	unsetenv("XDG_STATE_HOME");
	good(f, ONE(""));
	assert_string_equal(
	    f->settings->state + (geteuid() == 0 ? 0 : strlen(f->path)),
	    geteuid() == 0 ? "/var/lib/postrider" : "/.local/state/postrider");
	free(path);
}

static void
what_is_printed_reads_back_the_same(void **state)
{
	struct folder *f = *state;
	struct buffer first = { 0 }, again = { 0 };

	put(f, "pw", 0600, "x\n");
	good(f,
	    "max_polls = 7; metrics = \"[::1]:98\";\n"
	    "destinations = { home = { lmtp = \"/run/lmtp\"; };\n"
	    "  tcp = { lmtp = \"localhost\"; port = 24; };\n"
	    "  work = { smtp = \"h\"; user = \"u\\\\\\\"v\"; helo = \"me\";\n"
	    "    password_command = \"a \\\"b\\\" \\\\ c\"; }; };\n"
	    "defaults = { destination = \"home\"; every = \"90s\"; };\n"
	    "accounts = ( { " ISP
	    "password_file = \"pw\"; max_size = \"25M\";\n"
	    "  after_delivery = \"keep 14d\"; first_poll = \"last 9\"; },\n"
	    "  { name = \"b\"; pop3 = \"h\"; user = \"u\";\n"
	    "    recipient = ( \"a\", \"b@c\" ); first_poll = \"since 36h\";\n"
	    "    in_doubt = \"hold\"; every = \"auto\"; } );\n");
	settings_print(f->settings, &first);
	assert_non_null(strstr(first.data, "\t\tevery = \"auto\";\n"));
	assert_non_null(strstr(first.data, "metrics = \"[::1]:98\";\n"));
	assert_non_null(strstr(first.data, "\t\tport = 995;\t# default\n"));
	assert_non_null(strstr(first.data, "max_polls = 7;\n"));
	assert_null(strstr(first.data, "ca_file"));

	good(f, first.data);
	settings_print(f->settings, &again);
	for (char *at; (at = strstr(first.data, "\t# default")) != NULL;)
		memmove(at, at + 10, strlen(at + 10) + 1);
	for (char *at; (at = strstr(again.data, "\t# default")) != NULL;)
		memmove(at, at + 10, strlen(at + 10) + 1);
	assert_string_equal(again.data, first.data);
	buffer_free(&first);
	buffer_free(&again);
}

static void
the_example_is_valid(void **state)
{
	struct folder *f = *state;
	struct buffer text = { 0 };
	const struct account *a;

	describe_example(&text);
	put(f, "main.conf", 0644, text.data);
	if (take(f) < 0)
		fail_msg("%s", f->problems.data);
	a = f->settings->accounts;
	assert_string_equal(a->name, "isp");
	assert_string_equal(a->recipients[0], "ann");
	assert_int_equal(f->settings->destinations->at.port, 465);
	buffer_free(&text);
}

/* What stands behind "#" as a default changes nothing when it is let in. */
static void
the_defaults_in_the_example_are_the_defaults(void **state)
{
	static const char *const lines[] = { "max_polls = 32;",
		"max_polls_per_server = 4;", "port = 995;",
		"tls = \"implicit\";", "auth = \"auto\";",
		"allow_cleartext = false;", "timeout = \"60s\";",
		"reply_timeout = \"10m\";", "destination = \"home\";",
		"after_delivery = \"keep\";", "delete_seen = false;",
		"first_poll = \"all\";", "fetch_limit = 0;", "max_size = 0;",
		"every = \"5m\";", "in_doubt = \"resend\";" };
	struct folder *f = *state;
	struct buffer text = { 0 }, before = { 0 }, after = { 0 };

	describe_example(&text);
	good(f, text.data);
	settings_print(f->settings, &before);
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
		char *line = xasprintf("#%s\n", lines[i]);
		char *at = strstr(text.data, line);

		if (at == NULL)
			fail_msg("%s", line);
		for (; at != NULL; at = strstr(at, line))
			*at = ' ';
		free(line);
	}
	good(f, text.data);
	settings_print(f->settings, &after);
	for (char *at; (at = strstr(before.data, "\t# default")) != NULL;)
		memmove(at, at + 10, strlen(at + 10) + 1);
	for (char *at; (at = strstr(after.data, "\t# default")) != NULL;)
		memmove(at, at + 10, strlen(at + 10) + 1);
	assert_string_equal(after.data, before.data);
	buffer_free(&text);
	buffer_free(&before);
	buffer_free(&after);
}

static void
odd_files_are_no_trouble(void **state)
{
	struct folder *f = *state;
	char *path = xasprintf("%s/main.conf", f->path);
	FILE *file;

	good(f, "\xef\xbb\xbf" ONE(""));
	good(f,
	    "destinations = { home = { lmtp = \"/run/lmtp\"; }; };\r\n"
	    "accounts = ( { " ISP "# 99999999999 \"\r\n } ) // \"");
	good(f,
	    ONE("password_command = \"echo 99999999999 # /* \\\" @include\";"));
	bad(f, "",
	    "/main.conf: there are no destinations; one at least is needed: "
	    "destinations = { home = { lmtp = \"/run/dovecot/lmtp\"; }; };\n"
	    "/main.conf: there are no accounts; add one to accounts or to "
	    "accounts_dir\n");
	file = fopen(path, "w");
	assert_non_null(file);
	fwrite("a = 1;\0b", 1, 8, file);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(take(f), -1);
	assert_string_equal(f->problems.data,
	    "/main.conf: is no text file: it holds a NUL octet\n");
	free(path);
}

/* Cut a good file after every octet: an answer every time, never a crash. */
static void
a_file_cut_anywhere_is_told_or_read(void **state)
{
	struct folder *f = *state;
	const char *text = "@include \"x.conf\"\n" ONE(
	    "password = \"p\"; fetch_limit = 10; /* c */ ") "// end";

	put(f, "x.conf", 0600, "defaults = { every = \"5m\"; };");
	for (size_t len = 0; len < strlen(text); len++) {
		char *cut = xstrndup(text, len);

		put(f, "main.conf", 0600, cut);
		if (take(f) < 0)
			assert_true(f->problems.len > 0);
		else
			assert_int_equal(f->settings->account_count, 1);
		free(cut);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_file_that_includes_itself_often_comes_to_an_end),
		TEST(a_missing_file_is_told),
		TEST(files_are_included_beside_the_file_that_says_so),
		TEST(a_folder_holds_accounts_in_the_order_of_names),
		TEST(a_password_needs_a_private_file),
		TEST(a_password_needs_a_file_of_ones_own),
		TEST(no_secret_is_ever_told),
		TEST(where_the_state_is),
		TEST(what_is_printed_reads_back_the_same),
		TEST(the_example_is_valid),
		TEST(the_defaults_in_the_example_are_the_defaults),
		TEST(odd_files_are_no_trouble),
		TEST(a_file_cut_anywhere_is_told_or_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
