/* test-import-mpop.c - what is made of mpop's files. */
#include "../kit/home.h"
#include "import/mpop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define UIDLS ".mpop_uidls/ann_at_pop.example"
#define ONE                          \
	"account one\n"              \
	"host pop.example\n"         \
	"tls on\ntls_starttls off\n" \
	"user ann\npassword secret\nkeep on\n"

static void
an_account_is_read_with_all_that_has_a_counterpart(void **state)
{
	struct home *h = *state;

	home_put(h, ".mpoprc",
	    "\t# mine\r\n"
	    "account  \"one\"\r\n"
	    "host \"pop.example\"\r\n"
	    "port 1110\n"
	    "user \"ann \"x\"\"\n"
	    "password \" a b\"\n"
	    "tls\n"
	    "tls_trust_file ~/ca.pem\n"
	    "auth plain\n"
	    "timeout 90\n"
	    "pipelining off\n"
	    "keep 2w\n"
	    "skipsize 500k\n"
	    "uidls_file ~/ids/%H/%U");
	home_put(h, "ids/pop.example/ann \"x\"",
	    "# written by mpop\n"
	    "# and so on\n"
	    " 3 pop.example ann \"x\"\n"
	    "#1\n"
	    "AA/bb+1 1700000000\n"
	    "zz\n"
	    " 1 pop.example bob\n"
	    "yy 7\n");
	home_is(h, import_mpop,
	    "one: ann \"x\" at pop.example:1110, starttls, password  a b\n"
	    "  ca_file = ~/ca.pem\n"
	    "  auth = plain\n"
	    "  after_delivery = keep 14d\n"
	    "  delete_seen = true\n"
	    "  max_size = 500K\n"
	    "  timeout = 90s\n"
	    "  pipelining = no\n"
	    "  seen in ~/ids/pop.example/ann \"x\": #1 AA/bb+1@1700000000 zz\n"
	    "~/ids/pop.example/ann \"x\":0: 1 unique id is left out, of other "
	    "mailboxes\n");
}

static void
accounts_inherit_what_others_say_themselves(void **state)
{
	struct home *h = *state;

	home_put(h, "rc",
	    "defaults\n"
	    "host pop.example\n"
	    "tls on\n"
	    "timeout 10\n"
	    "account base\n"
	    "timeout 20\n"
	    "account secret\n"
	    "passwordeval pass mail\n"
	    "defaults\n"
	    "timeout 30\n"
	    "account one : base , secret\n"
	    "user ann\n"
	    "account two:secret\n"
	    "user bob\n"
	    "account three : one\n"
	    "user eve\n"
	    "host pop2.example\n"
	    "account default : two\n");
	h->settings = "rc";
	h->seen = "seen";
	home_put(h, "seen", " 1 pop2.example eve\nx\n");
	home_is(h, import_mpop,
	    "one: ann at pop.example:0, starttls, command pass mail\n"
	    "  after_delivery = delete\n"
	    "  delete_seen = true\n"
	    "  timeout = 20s\n"
	    "  seen in ~/seen:\n"
	    "two: bob at pop.example:0, starttls, command pass mail\n"
	    "  after_delivery = delete\n"
	    "  delete_seen = true\n"
	    "  timeout = 30s\n"
	    "  seen in ~/seen:\n"
	    "three: eve at pop2.example:0, starttls, command pass mail\n"
	    "  after_delivery = delete\n"
	    "  delete_seen = true\n"
	    "  timeout = 20s\n"
	    "  seen in ~/seen: x\n"
	    "~/rc:18: account default is not imported again: ~/rc:13 has this "
	    "mailbox, and one mailbox has one account (with as many recipients "
	    "as you like)\n");
}

static void
what_has_no_counterpart_is_noted_where_it_stands(void **state)
{
	struct home *h = *state;

	home_put(h, "rc",
	    "account one\n"
	    "host pop.example\n"
	    "user ann\n"
	    "auth scram-sha-256\n"
	    "delivery mbox ~/mail\n"
	    "only_new off\n"
	    "killsize 5m\n"
	    "skipsize 0\n"
	    "filter spamc\n"
	    "tls_fingerprint\n"
	    "tls_certcheck off\n"
	    "received_header on\n"
	    "proxy_host 127.0.0.1\n"
	    "timeout off\n"
	    "keep 30\n"
	    "account nobody\n"
	    "host x\n"
	    "account nowhere\n"
	    "user x\n");
	h->settings = "rc";
	home_is(h, import_mpop,
	    "one: ann at pop.example:0, starttls\n"
	    "  after_delivery = keep\n"
	    "  timeout = 1h\n"
	    "~/rc:1: no TLS: postrider insists on STARTTLS with pop.example, "
	    "since it cannot hide a password otherwise\n"
	    "~/rc:4: auth scram-sha-256: postrider logs in by USER, PLAIN or "
	    "LOGIN\n"
	    "~/rc:1: no password for one: name a password_file or a "
	    "password_command (such as secret-tool lookup \xe2\x80\xa6), or be "
	    "asked each time\n"
	    "~/rc:15: keep 30: in which unit is not said, so one keeps all; "
	    "see \"after_delivery\" in postrider.conf(5)\n"
	    "~/rc:8: skipsize 0: all mail of one is fetched\n"
	    "~/rc:7: killsize: no message is deleted before it is delivered; "
	    "see \"max_size\" in postrider.conf(5)\n"
	    "~/rc:14: timeout: one hour is the longest there is, and is what "
	    "one gets\n"
	    "~/rc:5: delivery mbox ~/mail: postrider delivers by SMTP or LMTP "
	    "only; one needs --destination\n"
	    "~/rc:11: tls_certcheck: certificates are always verified; if the "
	    "server's is its own, name it in ca_file\n"
	    "~/rc:6: only_new: nothing is fetched twice\n"
	    "~/rc:9: filter: no command decides what is fetched; all of it is\n"
	    "~/rc:13: proxy_host: there are no proxies: postrider connects to "
	    "the server itself\n"
	    "~/rc:16: account nobody is not imported: it has no user\n"
	    "~/rc:18: account nowhere is not imported: it has no host\n"
	    "~/.mpop_uidls/ann_at_pop.example:0: it is not there: all that is "
	    "in the mailbox of one counts as new; if it is elsewhere, say "
	    "--seen FILE\n");
}

static void
what_went_in_clear_still_does(void **state)
{
	static const char *const ways[] = { "user", "plain", "login" };
	struct home *h = *state;

	h->settings = "rc";
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		struct buffer text = { 0 };
		struct buffer want = { 0 };

		buffer_addf(&text, ONE "tls off\nauth %s\n", ways[i]);
		buffer_addf(&want,
		    "one: ann at pop.example:0, none, password secret\n"
		    "  allow_cleartext = true\n"
		    "  auth = %s\n",
		    ways[i]);
		home_put(h, "rc", text.data);
		assert_memory_equal(
		    home_good(h, import_mpop), want.data, want.len);
		buffer_free(&text);
		buffer_free(&want);
	}
}

static void
commands_in_settings_are_run_only_if_that_was_said(void **state)
{
	struct home *h = *state;

	home_put(h, "rc",
	    "account one\n"
	    "eval echo host 127.0.0.1; echo user nobody\n"
	    "user ann\n"
	    "eval printf 'password   x y\\r\\n'\n"
	    "keep on\n");
	h->settings = "rc";
	home_bad(h, import_mpop,
	    "~/rc:2: eval: the line is what a command prints, which is run "
	    "with --run-commands only");
	h->run_commands = true;
	home_put(h, ".mpop_uidls/ann_at_127.0.0.1", "");
	home_is(h, import_mpop,
	    "one: ann at 127.0.0.1:0, none, password x y\n"
	    "  after_delivery = keep\n"
	    "  seen in ~/.mpop_uidls/ann_at_127.0.0.1:\n");
	home_put(h, "rc", "account one\n eval exit 3\n");
	home_bad(h, import_mpop, "~/rc:2: the command failed: exit status 3");
	home_put(h, "rc", "account one\neval echo eval echo host x\n");
	home_bad(h, import_mpop, "~/rc:2: mpop has no command \"eval\"");
	home_put(h, "rc", "account one\neval printf 'host \\351\\n'\n");
	home_bad(
	    h, import_mpop, "~/rc:2: what the command prints is not UTF-8");
}

static void
passwords_come_out_of_a_netrc_last(void **state)
{
	static const char before[] = "one: ann at pop.example:0, implicit, "
				     "password two\n";
	struct home *h = *state;

	home_put(h, ".netrc",
	    "machine pop.example login bob password one\n"
	    "machine pop.example login ann password two\n");
	home_put(h, ".config/mpop/config",
	    ONE "password\n"
		"delivery maildir x\n");
	assert_memory_equal(home_good(h, import_mpop), before, strlen(before));
}

/* As mpop has it, wherever the two stand. */
static void
a_password_comes_before_a_command_for_one(void **state)
{
	struct home *h = *state;

	home_put(h, UIDLS, "");
	home_put(h, ".mpoprc",
	    "defaults\nhost pop.example\nuser ann\nkeep\ntls\npassword x\n"
	    "account one\npasswordeval pass mail\n");
	home_is(h, import_mpop,
	    "one: ann at pop.example:0, starttls, password x\n"
	    "  after_delivery = keep\n"
	    "  seen in ~/" UIDLS ":\n"
	    "~/.mpoprc:8: passwordeval: mpop does not run it for one, which "
	    "has "
	    "a password in line 6; if that is not the one, put "
	    "password_command in the place of password_file\n");
}

#define TWICE                                                           \
	"defaults\nhost pop.example\nuser ann\npassword x\nkeep\ntls\n" \
	"account one\nport 1110\n"                                      \
	"account two\nport 2110\n"

static void
a_mailbox_at_another_port_has_the_same_unique_ids(void **state)
{
	struct home *h = *state;

	home_put(h, ".mpoprc", TWICE);
	home_put(h, UIDLS, " 1 pop.example bob\nx\n 2 pop.example ann\nA\nB\n");
	home_is(h, import_mpop,
	    "one: ann at pop.example:1110, starttls, password x\n"
	    "  after_delivery = keep\n"
	    "  delete_seen = false\n"
	    "  seen in ~/" UIDLS ": A B\n"
	    "two: ann at pop.example:2110, starttls, password x\n"
	    "  after_delivery = keep\n"
	    "  delete_seen = false\n"
	    "  seen in ~/" UIDLS ": A B\n"
	    "~/" UIDLS ":3: mpop does not write at which port pop.example has "
	    "the mailbox of ann: its unique ids count as seen in two as well "
	    "as in one, and what counts as seen is not deleted there\n"
	    "~/" UIDLS ":0: 1 unique id is left out, of other mailboxes\n");
}

static void
each_account_has_the_unique_ids_of_its_own_file(void **state)
{
	struct home *h = *state;

	home_put(h, ".mpoprc", TWICE "uidls_file ~/ids\n");
	home_put(h, UIDLS, " 1 pop.example ann\nA\n");
	home_put(h, "ids", " 1 pop.example ann\nB\n");
	home_is(h, import_mpop,
	    "one: ann at pop.example:1110, starttls, password x\n"
	    "  after_delivery = keep\n"
	    "  seen in ~/" UIDLS ": A\n"
	    "two: ann at pop.example:2110, starttls, password x\n"
	    "  after_delivery = keep\n"
	    "  seen in ~/ids: B\n");
}

static void
a_file_of_several_mailboxes_is_read_once(void **state)
{
	struct home *h = *state;

	home_put(h, ".mpoprc",
	    "defaults\nuidls_file ~/ids\ntls\nhost pop.example\nkeep\n"
	    "password x\n"
	    "account one\nuser ann\n"
	    "account two\nuser bob\n");
	home_put(h, "ids", " 1 pop.example ann\nA\n 2 pop.example bob\nB\nC\n");
	home_is(h, import_mpop,
	    "one: ann at pop.example:0, starttls, password x\n"
	    "  after_delivery = keep\n"
	    "  seen in ~/ids: A\n"
	    "two: bob at pop.example:0, starttls, password x\n"
	    "  after_delivery = keep\n"
	    "  seen in ~/ids: B C\n");
}

static void
what_is_wrong_is_told_with_its_line(void **state)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
		{ "", "~/rc: there is no account in it, so it is no mpoprc" },
		{ "[retriever]\ntype = x\n",
		    "~/rc:1: the first command is neither \"defaults\" nor "
		    "\"account\", so this is no mpoprc" },
		{ "account\n",
		    "~/rc:1: this is not \"account NAME\" or "
		    "\"account NAME : PARENT,\xe2\x80\xa6\"" },
		{ "account a,b\n",
		    "~/rc:1: this is not \"account NAME\" or "
		    "\"account NAME : PARENT,\xe2\x80\xa6\"" },
		{ "account a\n\naccount a\n",
		    "~/rc:3: the account \"a\" is there already" },
		{ "account a : b\n",
		    "~/rc:1: there is no account \"b\" before this one" },
		{ "account a :\n",
		    "~/rc:1: there is no account \"\" before this one" },
		{ "account a : a\n",
		    "~/rc:1: there is no account \"a\" before this one" },
		{ "defaults x\n",
		    "~/rc:1: nothing may stand behind \"defaults\"" },
		{ "defaults\neval\n", "~/rc:2: eval has no command" },
		{ ONE "colour blue\n",
		    "~/rc:8: mpop has no command \"colour\"" },
		{ ONE "port x\n",
		    "~/rc:8: port: \"x\" is no number from 1 to 65535" },
		{ ONE "tls maybe\n",
		    "~/rc:8: tls: \"maybe\" is neither on nor off" },
		{ ONE "keep maybe\n",
		    "~/rc:8: keep: \"maybe\" is neither on nor off" },
		{ ONE "skipsize 1g\n", "~/rc:8: skipsize: \"1g\" is no size" },
		{ ONE "killsize 1k1\n",
		    "~/rc:8: killsize: \"1k1\" is no size" },
		{ ONE "timeout 0\n",
		    "~/rc:8: timeout: \"0\" is no number from 1 to "
		    "2147483647" },
		{ ONE "auth secret\n",
		    "~/rc:8: mpop knows no auth \"secret\"" },
		{ ONE "delivery mbox\n",
		    "~/rc:8: delivery: \"mbox\" is none of mpop's ways to "
		    "deliver" },
		{ ONE "user \xff\n", "~/rc:8: this is not UTF-8" },
	};
	struct home *h = *state;

	h->settings = "rc";
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		home_put(h, "rc", cases[i].text);
		home_bad(h, import_mpop, cases[i].error);
	}
	h->settings = NULL;
	home_bad(h, import_mpop, "~/.mpoprc: No such file or directory");
}

static void
state_that_is_cut_off_or_of_others_is_told_with_its_line(void **state)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
		{ "joe@pop.example AA\n",
		    "1: \" COUNT HOST USER\" should stand here, so this is "
		    "none of mpop's files" },
		{ "\n",
		    "1: \" COUNT HOST USER\" should stand here, so this is "
		    "none of mpop's files" },
		{ " 0 pop.example ann\n",
		    "1: \" COUNT HOST USER\" should stand here, with a number "
		    "of unique ids" },
		{ " 1 pop.example\nA\n",
		    "1: \" COUNT HOST USER\" should stand here, with a host "
		    "and a user" },
		{ " 3 pop.example ann\nA\nB\n",
		    "3: the file ends here; of the unique ids that line 1 "
		    "counts, 1 are missing" },
		{ " 2 pop.example ann\nA\n 1 pop.example bob\nC\n",
		    "3: a unique id should stand here; of those that line 1 "
		    "counts, 1 are missing" },
		{ " 1 pop.example ann\nA\nB\n",
		    "3: \" COUNT HOST USER\" should stand here, so this is "
		    "none of mpop's files" },
		{ " 1 pop.example ann\nA\n# B\n",
		    "3: \" COUNT HOST USER\" should stand here, so this is "
		    "none of mpop's files" },
		{ " 1 pop.example ann\nABC",
		    "2: the file ends in the middle of this line" },
		{ " 1 pop.example ann\nA B C\n",
		    "2: no server has such a unique id" },
	};
	struct home *h = *state;

	home_put(h, ".mpoprc", ONE);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buffer want = { 0 };

		buffer_addf(&want, "~/%s:%s", UIDLS, cases[i].error);
		home_put(h, UIDLS, cases[i].text);
		home_bad(h, import_mpop, want.data);
		buffer_free(&want);
	}
}

static void
a_million_unique_ids_are_read(void **state)
{
	struct home *h = *state;
	struct buffer text = { 0 };

	home_put(h, ".mpoprc", ONE);
	buffer_add_text(&text, " 1000000 pop.example ann\n");
	for (unsigned i = 0; i < 1000000; i++)
		buffer_addf(&text, "%u %u\n", i, i + 1);
	home_put(h, UIDLS, text.data);
	buffer_free(&text);
	(void)home_good(h, import_mpop);
	assert_int_equal(h->im.accounts[0]->seen.count, 1000000);
	assert_int_equal(h->im.accounts[0]->seen.list[999999].since, 1000000);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, home_begin, home_end)
	const struct CMUnitTest tests[] = {
		TEST(an_account_is_read_with_all_that_has_a_counterpart),
		TEST(accounts_inherit_what_others_say_themselves),
		TEST(what_has_no_counterpart_is_noted_where_it_stands),
		TEST(what_went_in_clear_still_does),
		TEST(commands_in_settings_are_run_only_if_that_was_said),
		TEST(passwords_come_out_of_a_netrc_last),
		TEST(a_password_comes_before_a_command_for_one),
		TEST(a_mailbox_at_another_port_has_the_same_unique_ids),
		TEST(each_account_has_the_unique_ids_of_its_own_file),
		TEST(a_file_of_several_mailboxes_is_read_once),
		TEST(what_is_wrong_is_told_with_its_line),
		TEST(state_that_is_cut_off_or_of_others_is_told_with_its_line),
		TEST(a_million_unique_ids_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
