/* test-import-fdm.c - what is made of fdm's files. */
#include "../kit/home.h"
#include "import/fdm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ONE                                                          \
	"account \"one\" pop3s server \"pop.example\" user \"ann\" " \
	"pass \"secret\" "
#define SAFE "set verify-certificates\n"
#define ONE_TOLD "one: ann at pop.example:0, implicit, password secret\n"
#define NO_CACHE                                                      \
	"no cache: all that is in the mailbox of one counts as new; " \
	"\"postrider baseline one\" has it count as seen\n"

static void
an_account_is_read_with_all_that_has_a_counterpart(void **state)
{
	struct home *h = *state;

	home_put(h, ".fdm.conf",
	    SAFE
	    "# mine\n"
	    "$host = \"example\" # here\n"
	    "$srv = \"pop.${host}${none}\"\n"
	    "%port = 1110\n"
	    "set maximum-size 10 MB\n"
	    "set timeout 2 minutes\n"
	    "account \"one\" pop3 server $srv port %port\n"
	    "\tuser 'ann${host}' pass \"a\\\"\\\\%%\" + '\\'\n"
	    "\tnew-only cache \"%h/caches/${host}\" no-apop starttls keep\n");
	home_put(h, "caches/example", "7 AA/bb+1\n3 3 x\n");
	home_bad(h, import_fdm,
	    "~/caches/example:2: no server has such a unique id");
	home_put(h, "caches/example", "7 AA/bb+1\n1 x\n");
	home_is(h, import_fdm,
	    "one: ann${host} at pop.example:1110, starttls, password "
	    "a\"\\%\\\n"
	    "  after_delivery = keep\n"
	    "  max_size = 10M\n"
	    "  timeout = 2m\n"
	    "  seen in ~/caches/example: AA/bb+1 x\n");
}

static void
passwords_that_commands_print_stay_references(void **state)
{
	static const struct {
		const char *text, *command;
	} cases[] = {
		{ "$(gpg -d \"~/x\")", "gpg -d \"~/x\"" },
		{ "$(a (b) ')')", "a (b) ')'" },
		{ "$pw", "echo one" },
		{ "\"a b\" + $(c) + 'd'", "printf '%s\\n' 'a b'\"$(c)\"d" },
		{ "$pw + $pw",
		    "printf '%s\\n' \"$(echo one)\"\"$(echo one)\"" },
	};
	struct home *h = *state;

	h->settings = "rc";
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buffer rc = { 0 };

		buffer_addf(&rc,
		    "$pw = $(echo one)\naccount \"x\" pop3s server \"h\" "
		    "user \"u\" pass %s\n",
		    cases[i].text);
		home_put(h, "rc", rc.data);
		(void)home_good(h, import_fdm);
		assert_string_equal(
		    h->im.accounts[0]->password_command, cases[i].command);
		buffer_free(&rc);
	}
}

static void
what_else_commands_print_is_asked_only_if_that_was_said(void **state)
{
	static const char text[] =
	    "$u = \"a-\" + $(echo ann)\n%p = %(expr 1 + 1)\n"
	    "account \"x\" pop3s server \"h\" port %p "
	    "user \"${u}!\" pass \"p\" keep\n" SAFE;
	static const char want[] = "x: a-ann! at h:2, implicit, password p\n";
	struct home *h = *state;

	home_put(h, "rc", text);
	h->settings = "rc";
	home_bad(h, import_fdm,
	    "~/rc:3: $(expr 1 + 1): this is what a command prints, which is "
	    "run with --run-commands only");
	h->run_commands = true;
	assert_memory_equal(home_good(h, import_fdm), want, strlen(want));
}

static void
actions_rules_and_the_rest_are_noted_where_they_stand(void **state)
{
	struct home *h = *state;

	home_put(h, "rc",
	    "set lock-types { flock dotlock }\n"
	    "set unmatched-mail drop\n"
	    "cache \"~/c\" expire 2 weeks\n"
	    "action \"relay\" smtp server \"mx\" port 2525 from \"a\" to "
	    "\"b\"\n"
	    "action \"again\" users { \"a\" \"b\" } action \"relay\"\n"
	    "action \"two\" { tag \"x\" value \"y\"\n smtp server \"mx\" port "
	    "2525 to \"b\" }\n" ONE SAFE
	    "account \"i\" imaps server \"h\" folders { \"a\" } keep\n"
	    "account \"n\" nntp server \"h\" group \"g\" cache \"c\"\n"
	    "account \"s\" disabled stdin\n"
	    "account \"p\" pop3 pipe \"ssh x\" user \"u\" pass \"p\"\n"
	    "account \"d\" user \"x\" disabled pop3 server \"h\"\n"
	    "match all action \"two\" continue\n"
	    "match account \"one\" and size > 10K or not \"x\" in headers\n"
	    "\tand accounts { \"i\" \"n\" } {\n"
	    "\tmatch age < 3 days actions { \"two\" drop }\n"
	    "\tmatch in-cache \"~/c\" key \"%[message_id]\" action drop\n"
	    "}\n"
	    "match all users { \"a\" } action action \"relay\"\n");
	h->settings = "rc";
	home_is(h, import_fdm,
	    "one: ann at pop.example:0, implicit, password secret, to b, "
	    "smtp mx:2525\n"
	    "  after_delivery = delete\n"
	    "~/rc:1: lock-types: there is no such setting\n"
	    "~/rc:2: unmatched-mail: there is no such setting\n"
	    "~/rc:3: cache: it is for rules, which are not imported\n"
	    "~/rc:4: the action \"relay\" is not imported\n"
	    "~/rc:5: the action \"again\" is not imported\n"
	    "~/rc:6: the action \"two\" is not imported\n"
	    "~/rc:14: this rule is not imported: all mail of an account goes "
	    "to its recipients\n"
	    "~/rc:15: this rule is not imported: all mail of an account goes "
	    "to its recipients\n"
	    "~/rc:17: this rule is not imported: all mail of an account goes "
	    "to its recipients\n"
	    "~/rc:18: this rule is not imported: all mail of an account goes "
	    "to its recipients\n"
	    "~/rc:20: this rule is not imported: all mail of an account goes "
	    "to its recipients\n"
	    "~/rc:8: " NO_CACHE
	    "~/rc:9: account i (imaps) is not imported: postrider fetches by "
	    "POP3 only\n"
	    "~/rc:10: account n (nntp) is not imported: postrider fetches by "
	    "POP3 only\n"
	    "~/rc:11: account s (stdin) is not imported: postrider fetches by "
	    "POP3 only\n"
	    "~/rc:12: account p (pop3) is not imported: postrider connects to "
	    "servers, and runs no command instead\n"
	    "~/rc:13: account d (pop3) is not imported: it is disabled: fdm "
	    "fetches from it only when it is named\n");
}

static void
where_mail_goes_is_taken_over_if_that_is_one_place(void **state)
{
	static const struct {
		const char *second, *want;
	} cases[] = {
		{ "\"mx\" to \"b\"", ", to b, smtp mx" },
		{ "\"MX\" to \"b\"", ", to b, smtp mx" },
		{ "\"mx\" to \"c\"", ", smtp mx" },
		{ "\"mx\"", ", smtp mx" },
		{ "\"mx\" port 26 to \"b\"", "" },
		{ "\"other\" to \"b\"", "" },
	};
	struct home *h = *state;

	h->settings = "rc";
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buffer text = { 0 };
		struct buffer want = { 0 };

		buffer_addf(&text,
		    SAFE ONE "\naction \"1\" smtp server \"mx\" to \"b\"\n"
			     "action \"2\" smtp server %s\n",
		    cases[i].second);
		buffer_addf(&want,
		    "one: ann at pop.example:0, implicit, password secret%s\n",
		    cases[i].want);
		home_put(h, "rc", text.data);
		assert_memory_equal(
		    home_good(h, import_fdm), want.data, want.len);
		buffer_free(&text);
		buffer_free(&want);
	}
}

static void
mail_that_a_rule_may_keep_is_kept(void **state)
{
	struct home *h = *state;

	home_put(h, "rc", SAFE ONE "\nmatch all action keep\n");
	h->settings = "rc";
	home_is(h, import_fdm,
	    ONE_TOLD
	    "  after_delivery = keep\n"
	    "~/rc:3: this rule is not imported: all mail of an account goes to "
	    "its recipients\n"
	    "~/rc:2: one keeps its mail, since some rule or action says "
	    "\"keep\"; see \"after_delivery\" in postrider.conf(5)\n"
	    "~/rc:2: " NO_CACHE);
}

static void
files_are_included_and_conditions_kept(void **state)
{
	struct home *h = *state;

	home_put(h, "etc/rc",
	    "$file = \"more\"\ninclude $file\n"
	    "ifdef $yes\n" ONE "keep\nendif\n"
	    "ifdef $no\naccount \"x\" imap\nifdef $yes\nendif\nendif\n"
	    "ifndef %n\nthis is not looked at\nendif\n" SAFE
	    "include \"~/%%last\"\n");
	home_put(h, "etc/more", "$yes = \"\"\n%n = 1\ninclude 'third'\n");
	home_put(h, "etc/third", "# nothing\n");
	home_put(h, "%last", "account \"i\" imap server \"x\"\n");
	h->settings = "etc/rc";
	home_is(h, import_fdm,
	    ONE_TOLD
	    "  after_delivery = keep\n"
	    "~/etc/rc:4: " NO_CACHE
	    "~/%last:1: account i (imap) is not imported: postrider fetches "
	    "by POP3 only\n");
	home_put(h, "etc/third", "include 'third'\n");
	home_bad(h, import_fdm,
	    "~/etc/third:1: there are too many files in each other");
	home_put(h, "etc/third", "\n\n)\n");
	home_bad(h, import_fdm, "~/etc/third:3: \")\" does not belong here");
	home_put(h, "etc/third", "include 'none'\n");
	home_bad(h, import_fdm,
	    "~/etc/third:1: ~/etc/none: No such file or directory");
}

static void
names_and_passwords_come_out_of_a_netrc(void **state)
{
	static const char want[] =
	    "x: bob at pop.example:0, implicit, password two\n";
	struct home *h = *state;

	home_put(h, ".netrc",
	    "machine other login x password y\n"
	    "machine \"pop.example\"\nlogin \"bob\"\npassword \"two\"\n"
	    "default login z password three\n");
	home_put(h, "rc", SAFE "account \"x\" pop3s server \"pop.example\"\n");
	h->settings = "rc";
	assert_memory_equal(home_good(h, import_fdm), want, strlen(want));
}

static void
a_password_that_was_hidden_is_not_shown_from_now_on(void **state)
{
	static const struct {
		const char *host, *more, *want;
	} cases[] = {
		{ "h", "", "x: u at h:0, starttls, password p\n" },
		{ "h", "no-apop",
		    "x: u at h:0, none, password p\n"
		    "  allow_cleartext = true\n" },
		{ "127.0.0.1", "", "x: u at 127.0.0.1:0, none, password p\n" },
	};
	struct home *h = *state;

	h->settings = "rc";
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buffer rc = { 0 };

		buffer_addf(&rc,
		    "account \"x\" pop3 server \"%s\" user \"u\" pass \"p\" "
		    "%s\n",
		    cases[i].host, cases[i].more);
		home_put(h, "rc", rc.data);
		assert_memory_equal(home_good(h, import_fdm), cases[i].want,
		    strlen(cases[i].want));
		buffer_free(&rc);
	}
}

static void
tags_are_replaced_as_fdm_does_it(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "", "" },
		{ "plain~", "plain~" },
		{ "%h/x", "/home/x" },
		{ "%[home]%%%[user]", "/home%" },
		{ "a%-b%zc%3d%", "abcd" },
		{ "a%[home", "a%[home" },
		{ "%%h", "%h" },
		{ "x%[hour]", NULL },
		{ "x%Y", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *text = fdm_tags("/home", cases[i].text);

		if (cases[i].want == NULL)
			assert_null(text);
		else
			assert_string_equal(text, cases[i].want);
		free(text);
	}
}

static void
what_is_wrong_is_told_with_its_line(void **state)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
		{ "", "~/rc: there is no account in it, so it is no fdm.conf" },
		{ "poll pop.example proto pop3\n",
		    "~/rc:1: \"poll\" does not belong here" },
		{ "[retriever]\n",
		    "~/rc:1: nothing in an fdm.conf begins with "
		    "this character" },
		{ "\n$a = \"x\n\n", "~/rc:2: this string has no end" },
		{ "$a = $(x\n", "~/rc:1: this command has no end" },
		{ "$a = $b\n", "~/rc:1: $b is not defined" },
		{ "$ = \"x\"\n", "~/rc:1: '$' begins no macro here" },
		{ "$a = 3\n", "~/rc:1: a string in quotes should stand here" },
		{ "%a = \"x\"\n", "~/rc:1: a number should stand here" },
		{ "ifdef $a\n", "~/rc:2: an ifdef has no endif" },
		{ "endif\n", "~/rc:1: there is no ifdef before this" },
		{ "ifdef x\n", "~/rc:1: a macro should stand here" },
		{ "}\n", "~/rc:1: \"}\" does not belong here" },
		{ "match all {\n", "~/rc:2: a '}' is missing" },
		{ "match all action { drop\n", "~/rc:2: a '}' is missing" },
		{ "match all\n",
		    "~/rc:2: \"the end of the file\" does not belong here" },
		{ "action \"x\"\n",
		    "~/rc:2: \"the end of the file\" does not belong here" },
		{ "account x pop3\n",
		    "~/rc:1: a string in quotes should stand here" },
		{ "account \"x\" pop4\n",
		    "~/rc:1: fdm has no accounts of type \"pop4\"" },
		{ "account \"x\" pop3 user\n",
		    "~/rc:1: \"server\" should stand here" },
		{ "account \"x\" pop3 server \"h\" port 70000\n",
		    "~/rc:2: what stands before this is no port" },
		{ "account \"x\" pop3 server \"h\" port \"no-such\"\n",
		    "~/rc:2: what stands before this is no port" },
		{ "account \"x\" pop3 server \"h\"\n",
		    "~/rc:1: account x has no user, and the .netrc has none "
		    "for h" },
		{ "account \"x\" pop3 server \"h\" user \"\"\n",
		    "~/rc:1: account x has no server or no user" },
		{ "account \"x\" pop3 server \"h\" user \"a%H\"\n",
		    "~/rc:1: the user of x changes with the time" },
		{ "set \"x\"\n", "~/rc:1: \"a string\" does not belong here" },
		{ "set timeout 99999999999999 years\n",
		    "~/rc:1: this is too much" },
		{ "# caf\xe9\n", "~/rc:1: this is not UTF-8" },
		{ "include x\n",
		    "~/rc:1: include needs the name of a file in quotes" },
		{ "include ''\n", "~/rc:1: include needs the name of a file" },
		{ "include $x\n", "~/rc:1: $x is not defined" },
	};
	struct home *h = *state;

	h->settings = "rc";
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		home_put(h, "rc", cases[i].text);
		home_bad(h, import_fdm, cases[i].error);
	}
}

static void
macros_within_macros_end(void **state)
{
	struct home *h = *state;
	struct buffer text = { 0 };

	buffer_add_text(&text, "$a0 = \"0123456789\"\n");
	for (unsigned i = 0; i < 60; i++)
		buffer_addf(&text, "$a%u = \"${a%u}${a%u}\"\n", i + 1, i, i);
	home_put(h, "rc", text.data);
	h->settings = "rc";
	home_bad(h, import_fdm, "~/rc:14: this string is too long");
	buffer_free(&text);
	buffer_add_text(&text, "$a0 = \"0123456789\"\n");
	for (unsigned i = 0; i < 60; i++)
		buffer_addf(&text, "$a%u = $a%u + $a%u\n", i + 1, i, i);
	home_put(h, "rc", text.data);
	home_bad(h, import_fdm, "~/rc:15: this string is too long");
	buffer_free(&text);
}

static void
caches_that_are_cut_off_or_of_others_are_told_with_their_line(void **state)
{
	static const char *const cases[] = { "3 abc\n3 ab", "3 abc\n3 abc",
		"3 abc\n9 abc\n", "3 abc\n2 abc\n", "3 abc\nabc\n",
		"3 abc\n3\n", "3 abc\n 3 abc\n", "3 abc\n99999999999 x\n" };
	struct home *h = *state;

	home_put(h, "rc", SAFE ONE "new-only cache \"cache\"\n");
	h->settings = "rc";
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		home_put(h, "cache", cases[i]);
		home_bad(h, import_fdm,
		    "~/cache:2: \"LENGTH UID\" should stand here, so this is "
		    "no cache of a POP3 account, or was cut off");
	}
	home_put(h, "cache", "TDB file\n");
	home_bad(h, import_fdm,
	    "~/cache:1: \"LENGTH UID\" should stand here, so this is no cache "
	    "of a POP3 account, or was cut off");
	home_put(h, "cache", "0 \n");
	home_bad(h, import_fdm, "~/cache:1: no server has such a unique id");
	h->seen = "elsewhere";
	home_put(h, "elsewhere", "1 x\n");
	home_is(h, import_fdm,
	    ONE_TOLD "  after_delivery = delete\n"
		     "  seen in ~/elsewhere: x\n");
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, home_begin, home_end)
	const struct CMUnitTest tests[] = {
		TEST(an_account_is_read_with_all_that_has_a_counterpart),
		TEST(passwords_that_commands_print_stay_references),
		TEST(what_else_commands_print_is_asked_only_if_that_was_said),
		TEST(actions_rules_and_the_rest_are_noted_where_they_stand),
		TEST(where_mail_goes_is_taken_over_if_that_is_one_place),
		TEST(mail_that_a_rule_may_keep_is_kept),
		TEST(files_are_included_and_conditions_kept),
		TEST(names_and_passwords_come_out_of_a_netrc),
		TEST(a_password_that_was_hidden_is_not_shown_from_now_on),
		TEST(tags_are_replaced_as_fdm_does_it),
		TEST(what_is_wrong_is_told_with_its_line),
		TEST(macros_within_macros_end),
		TEST(
		    caches_that_are_cut_off_or_of_others_are_told_with_their_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
