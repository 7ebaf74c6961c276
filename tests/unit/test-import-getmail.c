/* test-import-getmail.c - what is made of getmail's files. */
#include "../kit/home.h"
#include "import/getmail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SIMPLE                            \
	"[retriever]\n"                   \
	"type = SimplePOP3SSLRetriever\n" \
	"server = pop.example\n"          \
	"username = ann\n"                \
	"ca_certs = /ca.pem\n"
#define SECRET "password = secret\n"
#define MAILDIR            \
	"[destination]\n"  \
	"type = Maildir\n" \
	"path = ~/Maildir/\n"
#define ONCE "[options]\nread_all = false\n"
#define STATE ".config/getmail/oldmail-pop.example-995-ann"
#define RC ".config/getmail/getmailrc"
#define MAILDIR_TOLD                                                    \
	"Maildir ~/Maildir/: postrider delivers by SMTP or LMTP only; " \
	"pop.example needs --destination\n"

static void
an_account_is_read_with_all_that_has_a_counterpart(void **state)
{
	struct home *h = *state;
	static const char seen[] = "AA-bb+1\0001700000000\n\nB,\"x\0001\n";

	home_put(h, RC,
	    "; first\n"
	    "[retriever]\n"
	    "Type: SimplePOP3SSLRetriever\n"
	    "server = pop.example\n"
	    "  # within\n"
	    "port = 1995\n"
	    "username = ann@pop.example\n"
	    "password = \"x = y\n"
	    "timeout = 2 * 60\n"
	    "ca_certs = ~/ca.pem\n"
	    "[destination]\n"
	    "type = MDA_lmtp\n"
	    "host = mx.example\n"
	    "port = 24\n"
	    "override = ann@mx.example\n"
	    "[options]\n"
	    "read_all = no\n"
	    "delete_after = 14\n"
	    "max_message_size = 2097152\n"
	    "max_messages_per_session = 100\n");
	home_put_octets(h,
	    ".config/getmail/oldmail-pop.example-1995-ann@pop.example", seen,
	    sizeof(seen) - 1);
	home_is(h, import_getmail,
	    "pop.example: ann@pop.example at pop.example:1995, implicit, "
	    "password \"x = y, to ann@mx.example, lmtp mx.example:24\n"
	    "  ca_file = ~/ca.pem\n"
	    "  after_delivery = keep 14d\n"
	    "  delete_seen = true\n"
	    "  timeout = 2m\n"
	    "  max_size = 2M\n"
	    "  fetch_limit = 100\n"
	    "  seen, loosely, in "
	    "~/.config/getmail/oldmail-pop.example-1995-ann@pop.example: "
	    "AA-bb+1@1700000000 B,\"x@1\n");
}

static void
what_has_no_counterpart_is_noted_where_it_stands(void **state)
{
	struct home *h = *state;

	home_put(h, "rc",
	    "[retriever]\n"
	    "type = SimplePOP3SSLRetriever\n"
	    "server = pop.example\n"
	    "username = ann\n"
	    "use_apop = true\n"
	    "ssl_version = sslv3\n"
	    "colour = blue\n" MAILDIR "[options]\n"
	    "delete_bigger_than = 9\n"
	    "verbose = 0\n"
	    "received = true\n"
	    "[filter-2]\n"
	    "type = Filter_external\n"
	    "[other]\n");
	h->settings = "rc";
	home_is(h, import_getmail,
	    "rc: ann at pop.example:0, implicit\n"
	    "  after_delivery = keep\n"
	    "~/rc:5: use_apop: postrider logs in by USER, PLAIN or LOGIN\n"
	    "~/rc:2: no ca_certs: getmail takes any certificate, postrider "
	    "verifies that of pop.example; if it is its own, name it in "
	    "ca_file\n"
	    "~/rc:4: no password for rc: name a password_file or a "
	    "password_command, or be asked each time\n"
	    "~/rc:11: read_all without delete: getmail fetches all mail of rc "
	    "each time, postrider fetches nothing twice\n"
	    "~/rc:9: Maildir ~/Maildir/: postrider delivers by SMTP or LMTP "
	    "only; rc needs --destination\n"
	    "~/rc:6: ssl_version: TLS 1.2 at least is spoken\n"
	    "~/rc:7: colour: there is no such setting\n"
	    "~/rc:12: delete_bigger_than: no message is deleted before it is "
	    "delivered; see \"max_size\" in postrider.conf(5)\n"
	    "~/rc:13: verbose: say -v or -q\n"
	    "~/rc:15: [filter-2]: postrider has no filters\n"
	    "~/rc:17: [other] is left out\n"
	    "~/rc:3: there is no oldmail-pop.example-995-ann: all that is in "
	    "the mailbox counts as new; if it is elsewhere, say --seen FILE\n");
}

static void
commands_for_passwords_are_quoted_for_the_shell(void **state)
{
	static const struct {
		const char *tuple, *command;
	} cases[] = {
		{ "(\"pass\", \"show\", \"a b\")", "pass show 'a b'" },
		{ "('pass',)", "pass" },
		{ "'pass', \"it's\"", "pass 'it'\\''s'" },
		{ "(\"a\" 'b', r'\\n', '\\x41\\u00e9\\\\', 7)",
		    "ab '\\n' 'A\xc3\xa9\\' 7" },
		{ "(\"a\", # why\n \"\"\"b\n c\"\"\",\n )", "a 'b\nc'" },
		{ "('', '$HOME', '~/x')", "'' '$HOME' '~/x'" },
	};
	struct home *h = *state;

	h->settings = "rc";
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buffer rc = { 0 };

		buffer_addf(&rc, SIMPLE "password_command = %s\n" MAILDIR ONCE,
		    cases[i].tuple);
		home_put(h, "rc", rc.data);
		(void)home_good(h, import_getmail);
		assert_string_equal(
		    h->im.accounts[0]->password_command, cases[i].command);
		buffer_free(&rc);
	}
}

static void
all_files_of_the_folder_are_read_that_are_some(void **state)
{
	struct home *h = *state;

	home_put(h, ".getmail/b", SIMPLE SECRET MAILDIR ONCE);
	home_put(h, ".getmail/a",
	    "[retriever]\ntype = SimpleIMAPRetriever\n" MAILDIR);
	home_put(h, ".getmail/c", SIMPLE SECRET MAILDIR);
	home_put(h, ".getmail/ca.pem", "certificate");
	home_put(h, ".getmail/t.json", "[retriever]");
	home_put(h, ".getmail/.hidden", "[retriever]");
	home_put(h, ".getmail/oldmail-x-1-y", "[retriever]");
	home_put(h, ".getmail/folder/x", "[retriever]");
	home_is(h, import_getmail,
	    "b: ann at pop.example:0, implicit, password secret\n"
	    "  ca_file = /ca.pem\n"
	    "  after_delivery = keep\n"
	    "~/.getmail/a:2: SimpleIMAPRetriever is not imported: postrider "
	    "fetches by POP3 only\n"
	    "~/.getmail/b:8: Maildir ~/Maildir/: postrider delivers by SMTP or "
	    "LMTP only; b needs --destination\n"
	    "~/.getmail/b:3: there is no oldmail-pop.example-995-ann: all that "
	    "is in the mailbox counts as new; if it is elsewhere, say --seen "
	    "FILE\n"
	    "~/.getmail/c:2: ann at pop.example is not imported again: "
	    "~/.getmail/b has it, and one mailbox has one account (with as "
	    "many recipients as you like)\n"
	    "~/.getmail/ca.pem:0: there is no [retriever] in it, so it is no "
	    "getmailrc\n");
}

static void
passwords_come_out_of_a_netrc_when_it_says_so(void **state)
{
	struct home *h = *state;

	h->settings = "rc";
	home_put(h, "rc",
	    "[retriever]\ntype = SimplePOP3Retriever\nserver = 127.0.0.1\n"
	    "username = ann\n" MAILDIR
	    "[options]\nuse_netrc = true\nnetrc_file = ~/mine\ndelete=1\n");
	home_put(h, "mine",
	    "machine other login x password y\n"
	    "machine 127.0.0.1 login eve password two\n");
	assert_memory_equal(home_good(h, import_getmail),
	    "rc: eve at 127.0.0.1:0, none, password two\n",
	    strlen("rc: eve at 127.0.0.1:0, none, password two\n"));
	h->netrc = "none";
	home_bad(h, import_getmail, "~/none: No such file or directory");
}

static void
seen_names_a_file_or_the_folder_of_it(void **state)
{
	static const char uids[] = "one\0001\n";
	static const char *const names[] = { "old", "else" };
	struct home *h = *state;

	h->settings = "rc";
	home_put(h, "rc", SIMPLE SECRET MAILDIR ONCE);
	home_put_octets(h, "old", uids, sizeof(uids) - 1);
	home_put_octets(
	    h, "else/oldmail-pop.example-995-ann", uids, sizeof(uids) - 1);
	for (size_t i = 0; i < 2; i++) {
		h->seen = names[i];
		(void)home_good(h, import_getmail);
		assert_int_equal(h->im.accounts[0]->seen.count, 1);
		assert_string_equal(h->im.accounts[0]->seen.list[0].uid, "one");
	}
}

static void
the_file_of_a_mailbox_is_called_as_getmail_calls_it(void **state)
{
	static const struct {
		const char *server, *user, *name;
	} cases[] = {
		{ "h", "ann@x", "oldmail-h-995-ann@x" },
		{ "::1", "a", "oldmail--1-995-a" },
		{ "h", "a/:b c", "oldmail-h-995-a-b c" },
		{ "h", "a\\b", "oldmail-h-995-a\\b" },
		{ "h", "<a>|", "oldmail-h-995--a-" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *name =
		    getmail_oldmail_name(cases[i].server, 995, cases[i].user);

		assert_string_equal(name, cases[i].name);
		free(name);
	}
}

static void
paths_have_variables_and_homes(void **state)
{
	static const struct {
		const char *text, *path;
	} cases[] = {
		{ "/a", "/a" },
		{ "~/a", "/home/a" },
		{ "~", "/home" },
		{ "a~", "a~" },
		{ "$KIT_A/$KIT_B", "x/$KIT_B" },
		{ "${KIT_A}y${", "xy${" },
		{ "$", "$" },
		{ "~no-such-user-here/x", "~no-such-user-here/x" },
		{ "~root", "/root" },
	};

	(void)state;
	setenv("KIT_A", "x", 1);
	unsetenv("KIT_B");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *path = getmail_expand("/home", cases[i].text);

		assert_string_equal(path, cases[i].path);
		free(path);
	}
}

static void
other_kinds_of_retrievers_are_told_of(void **state)
{
	struct home *h = *state;

	h->settings = "rc";
	home_put(h, "rc",
	    "[retriever]\ntype = BrokenUIDLPOP3SSLRetriever\nserver = h\n"
	    "username = u\nuse_xoauth2 = true\nca_certs = /c\n"
	    "password_command = ('token', )\n" MAILDIR "[options]\ndelete=1\n");
	home_is(h, import_getmail,
	    "rc: u at h:0, implicit\n"
	    "  ca_file = /c\n"
	    "  after_delivery = delete\n"
	    "  delete_seen = true\n"
	    "~/rc:5: use_xoauth2: postrider cannot log in by OAuth2; rc needs "
	    "a password\n"
	    "~/rc:9: Maildir ~/Maildir/: postrider delivers by SMTP or LMTP "
	    "only; rc needs --destination\n"
	    "~/rc:2: BrokenUIDL: of what getmail has fetched nothing is known; "
	    "\"postrider baseline rc\" has all that is there count as seen\n");
	home_put(h, "rc",
	    "[retriever]\ntype = MultidropPOP3Retriever\nserver = h\n"
	    "username = u\npassword = p\n"
	    "envelope_recipient = x-to:1\n" MAILDIR ONCE);
	home_is(h, import_getmail,
	    "rc: u at h:0, none, password p\n"
	    "  allow_cleartext = true\n"
	    "  after_delivery = keep\n"
	    "~/rc:2: without TLS everybody on the way can read the password "
	    "and the mail of rc\n"
	    "~/rc:8: Maildir ~/Maildir/: postrider delivers by SMTP or LMTP "
	    "only; rc needs --destination\n"
	    "~/rc:2: it is multidrop: getmail asks the header of each message "
	    "who gets it, from postrider all go to the recipients of rc\n"
	    "~/rc:3: there is no oldmail-h-110-u: all that is in the mailbox "
	    "counts as new; if it is elsewhere, say --seen FILE\n");
}

static void
a_password_that_was_hidden_is_not_shown_from_now_on(void **state)
{
	static const char want[] = "rc: u at h:0, starttls, password p\n"
				   "  after_delivery = keep\n"
				   "~/rc:6: use_apop: postrider logs in by "
				   "USER, PLAIN or LOGIN\n"
				   "~/rc:2: no TLS: postrider insists on "
				   "STARTTLS with h, since it cannot hide a "
				   "password otherwise\n";
	struct home *h = *state;

	h->settings = "rc";
	home_put(h, "rc",
	    "[retriever]\ntype = SimplePOP3Retriever\nserver = h\n"
	    "username = u\npassword = p\nuse_apop = yes\n" MAILDIR ONCE);
	assert_memory_equal(home_good(h, import_getmail), want, strlen(want));
}

static void
what_is_wrong_is_told_with_its_line(void **state)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
		{ "",
		    "~/rc:1: there is no [retriever], so this is no "
		    "getmailrc" },
		{ "set daemon 300\n",
		    "~/rc:1: this stands before the first [section], so it is "
		    "no getmailrc" },
		{ "[retriever]\nwhat\n",
		    "~/rc:2: this is neither a [section] nor \"key = value\"" },
		{ "[retriever]\n= x\n",
		    "~/rc:2: this is neither a [section] nor \"key = value\"" },
		{ "[retriever]\n[options]\n\n[retriever]\n",
		    "~/rc:4: the section [retriever] is there already" },
		{ "[retriever]\ntype = a\nTYPE : b\n",
		    "~/rc:3: type: [retriever] has it already" },
		{ "[retriever]\n", "~/rc:1: [retriever] has no type" },
		{ "[retriever]\ntype = x\n",
		    "~/rc:2: getmail has no retriever called x" },
		{ "[retriever]\ntype = SimplePOP3Retriever\n",
		    "~/rc:1: [retriever] has no server" },
		{ "[retriever]\ntype = SimplePOP3Retriever\nserver = h\n",
		    "~/rc:1: [retriever] has no username" },
		{ SIMPLE "port = 70000\n",
		    "~/rc:6: port: \"70000\" is no number from 0 to 65535" },
		{ SIMPLE "port = 0\n", "~/rc:6: 0 is no port" },
		{ SIMPLE, "~/rc: there is no [destination] with a type" },
		{ SIMPLE "timeout = soon\n",
		    "~/rc:6: timeout: \"soon\" is no number from 0 to "
		    "4294967295" },
		{ SIMPLE "[options]\ndelete = perhaps\n",
		    "~/rc:7: delete: \"perhaps\" is neither true nor false" },
		{ SIMPLE "password_command = 'x'\n",
		    "~/rc:6: password_command: it is no tuple, such as (\"a\", "
		    "\"b\")" },
		{ SIMPLE "password_command = ('x\n",
		    "~/rc:6: password_command: a string has no end" },
		{ SIMPLE "password_command = (x,)\n",
		    "~/rc:6: password_command: there is something other than "
		    "strings in it" },
		{ SIMPLE "password_command = ('x', r\n",
		    "~/rc:6: password_command: there is something other than "
		    "strings in it" },
		{ SIMPLE "password_command = ('\\x0', )\n",
		    "~/rc:6: password_command: what follows a backslash is not "
		    "understood" },
		{ SIMPLE "# caf\xe9\n", "~/rc:6: this is not UTF-8" },
	};
	struct home *h = *state;

	h->settings = "rc";
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		home_put(h, "rc", cases[i].text);
		home_bad(h, import_getmail, cases[i].error);
	}
	home_put_octets(h, "rc", "[x]\n\0\n", 6);
	home_bad(h, import_getmail,
	    "~/rc:2: there is a NUL octet, so this is no text");
}

static void
state_that_is_cut_off_or_of_others_is_told_with_its_line(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		const char *error;
	} cases[] = {
		{ "one\0001\ntw", 8,
		    ":2: there is no NUL octet in this line, so it is none of "
		    "getmail's, or was cut off" },
		{ "one\0\n", 5, ":1: there is no time behind the unique id" },
		{ "one\0soon\n", 9,
		    ":1: there is no time behind the unique id" },
		{ "\0001\n", 3, ":1: no server has such a unique id" },
		{ "a b\0001\n", 6, ":1: no server has such a unique id" },
	};
	struct home *h = *state;

	home_put(h, RC, SIMPLE SECRET MAILDIR ONCE);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buffer want = { 0 };

		buffer_addf(&want, "~/%s%s", STATE, cases[i].error);
		home_put_octets(h, STATE, cases[i].text, cases[i].len);
		home_bad(h, import_getmail, want.data);
		buffer_free(&want);
	}
}

static void
no_file_is_too_long_to_be_told_of(void **state)
{
	struct home *h = *state;
	struct buffer text = { 0 };

	h->settings = "rc";
	buffer_add_text(&text, SIMPLE);
	for (unsigned i = 0; i < 1000000; i++)
		buffer_addf(&text, "x%u=1\n", i);
	home_put(h, "rc", text.data);
	home_bad(
	    h, import_getmail, "~/rc:5002: no getmailrc has so many settings");
	buffer_free(&text);
	home_bad(h, import_fdm,
	    "~/rc:1: nothing in an fdm.conf begins with this character");
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, home_begin, home_end)
	const struct CMUnitTest tests[] = {
		TEST(an_account_is_read_with_all_that_has_a_counterpart),
		TEST(what_has_no_counterpart_is_noted_where_it_stands),
		TEST(commands_for_passwords_are_quoted_for_the_shell),
		TEST(all_files_of_the_folder_are_read_that_are_some),
		TEST(passwords_come_out_of_a_netrc_when_it_says_so),
		TEST(seen_names_a_file_or_the_folder_of_it),
		TEST(the_file_of_a_mailbox_is_called_as_getmail_calls_it),
		TEST(paths_have_variables_and_homes),
		TEST(other_kinds_of_retrievers_are_told_of),
		TEST(a_password_that_was_hidden_is_not_shown_from_now_on),
		TEST(what_is_wrong_is_told_with_its_line),
		TEST(state_that_is_cut_off_or_of_others_is_told_with_its_line),
		TEST(no_file_is_too_long_to_be_told_of),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
