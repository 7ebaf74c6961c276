/* test-settings.c - settings, good and bad, as people write them. */
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

static void
four_settings_make_an_account(void **state)
{
	struct folder *f = *state;
	const struct account *a = good(f, ONE(""));
	const struct destination *d = f->settings->destinations;

	assert_int_equal(f->settings->account_count, 1);
	assert_string_equal(f->settings->state, "/state/of/postrider");
	assert_string_equal(f->settings->log, "stderr");
	assert_null(f->settings->run_as);
	assert_int_equal(f->settings->max_polls, 32);
	assert_int_equal(f->settings->max_polls_per_server, 4);
	assert_null(f->settings->metrics);
	assert_string_equal(a->name, "isp");
	assert_string_equal(a->at.name, "isp");
	assert_string_equal(a->at.host, "pop.example");
	assert_null(a->at.path);
	assert_int_equal(a->at.port, 995);
	assert_int_equal(a->at.tls, TLS_IMPLICIT);
	assert_null(a->at.ca_file);
	assert_int_equal(a->at.timeout_ms, 60000);
	assert_string_equal(a->login.kind, "account");
	assert_string_equal(a->login.name, "isp");
	assert_string_equal(a->login.user, "ann");
	assert_int_equal(a->login.auth, AUTH_AUTO);
	assert_null(a->login.password);
	assert_null(a->login.password_file);
	assert_null(a->login.password_command);
	assert_string_equal(a->destination, "home");
	assert_string_equal(a->recipients[0], "ann");
	assert_null(a->recipients[1]);
	assert_int_equal(a->after, AFTER_KEEP);
	assert_int_equal(a->first, FIRST_ALL);
	assert_int_equal(a->fetch_limit, 0);
	assert_int_equal(a->max_size, 0);
	assert_int_equal(a->every_s, 300);
	assert_false(a->hold_in_doubt);
	assert_null(a->on_mail);
	assert_null(a->on_error);
	assert_int_equal(a->hook_timeout_s, 60);
	assert_null(a->alert);
	assert_string_equal(a->alert_via, "home");
	assert_int_equal(a->alert_after_s, 86400);
	assert_true(f->settings->confine);

	assert_string_equal(d->name, "home");
	assert_string_equal(d->at.path, "/run/lmtp");
	assert_null(d->at.host);
	assert_int_equal(d->at.tls, TLS_NONE);
	assert_int_equal(d->at.timeout_ms, 60000);
	assert_string_equal(d->login.kind, "destination");
	assert_null(d->login.user);
	assert_true(d->options.lmtp);
	assert_null(d->options.helo);
	assert_int_equal(d->options.reply_timeout_ms, 600000);

	assert_ptr_equal(settings_account(f->settings, "isp"), a);
	assert_null(settings_account(f->settings, "ISP"));
	assert_ptr_equal(settings_destination(f->settings, "home"), d);
	assert_null(settings_destination(f->settings, "work"));
}

static void
every_value_arrives(void **state)
{
	struct folder *f = *state;
	const struct account *a;
	const struct destination *d;

	put(f, "ca.pem", 0644, "");
	put(f, "secret", 0600, "x\n");
	a = good(f,
	    "state = \"ledger\"; max_polls = 7; max_polls_per_server = 2;\n"
	    "log = \"~/log\"; run_as = \"ann:mail\";\n"
	    "metrics = \"9811\"; confine = false;\n"
	    "destinations = { work = { smtp = \"smtp.example\"; port = 2525;\n"
	    "  tls = \"starttls\"; auth = \"login\"; user = \"u\";\n"
	    "  password_command = \"pass x\"; ca_file = \"~/ca.pem\";\n"
	    "  timeout = \"5s\"; reply_timeout = \"20m\"; helo = \"me\"; }; "
	    "};\n"
	    "accounts = ( { " ISP
	    "port = 1110; tls = \"starttls\"; auth = \"user\";\n"
	    "  password_file = \"secret\"; ca_file = \"ca.pem\";\n"
	    "  timeout = \"90s\"; destination = \"work\";\n"
	    "  after_delivery = \"keep 14d\"; delete_seen = true;\n"
	    "  first_poll = \"last 100\";\n"
	    "  fetch_limit = 50; max_size = \"25M\"; every = \"1h\";\n"
	    "  in_doubt = \"hold\"; on_mail = \"m\"; on_error = \"e\";\n"
	    "  hook_timeout = \"2m\"; alert = [ \"ann\", \"bob\" ];\n"
	    "  alert_via = \"work\"; alert_after = \"2d\"; },\n"
	    "  { name = \"two\"; pop3 = \"[::1]\"; user = \"b\"; tls = "
	    "\"none\";\n"
	    "    recipient = ( \"a\", \"b@example.org\" );\n"
	    "    after_delivery = \"delete\"; first_poll = \"since 7d\";\n"
	    "    max_size = 0; } );\n");
	d = f->settings->destinations;
	shorten(f);

	assert_string_equal(f->settings->state + strlen(f->path), "/ledger");
	assert_string_equal(f->settings->log + strlen(f->path), "/log");
	assert_string_equal(f->settings->run_as, "ann:mail");
	assert_int_equal(f->settings->max_polls, 7);
	assert_int_equal(f->settings->max_polls_per_server, 2);
	assert_string_equal(f->settings->metrics, "127.0.0.1:9811");
	assert_int_equal(a->at.port, 1110);
	assert_int_equal(a->at.tls, TLS_STARTTLS);
	assert_int_equal(a->at.timeout_ms, 90000);
	assert_string_equal(a->at.ca_file + strlen(f->path), "/ca.pem");
	assert_int_equal(a->login.auth, AUTH_USER);
	assert_string_equal(
	    a->login.password_file + strlen(f->path), "/secret");
	assert_int_equal(a->after, AFTER_KEEP_FOR);
	assert_int_equal(a->keep_s, 14 * 86400);
	assert_true(a->delete_seen);
	assert_int_equal(a->first, FIRST_LAST);
	assert_int_equal(a->first_count, 100);
	assert_int_equal(a->fetch_limit, 50);
	assert_int_equal(a->max_size, 25 << 20);
	assert_int_equal(a->every_s, 3600);
	assert_true(a->hold_in_doubt);
	assert_string_equal(a->on_mail, "m");
	assert_string_equal(a->on_error, "e");
	assert_int_equal(a->hook_timeout_s, 120);
	assert_string_equal(a->alert[1], "bob");
	assert_null(a->alert[2]);
	assert_string_equal(a->alert_via, "work");
	assert_int_equal(a->alert_after_s, 2 * 86400);
	assert_false(f->settings->confine);

	assert_string_equal(a[1].at.host, "::1");
	assert_int_equal(a[1].at.port, 110);
	assert_int_equal(a[1].at.tls, TLS_NONE);
	assert_string_equal(a[1].recipients[0], "a");
	assert_string_equal(a[1].recipients[1], "b@example.org");
	assert_null(a[1].recipients[2]);
	assert_int_equal(a[1].after, AFTER_DELETE);
	assert_false(a[1].delete_seen);
	assert_int_equal(a[1].first, FIRST_SINCE);
	assert_int_equal(a[1].first_s, 7 * 86400);
	assert_string_equal(a[1].destination, "work");

	assert_string_equal(d->at.host, "smtp.example");
	assert_int_equal(d->at.port, 2525);
	assert_int_equal(d->login.auth, AUTH_LOGIN);
	assert_string_equal(d->login.password_command, "pass x");
	assert_string_equal(d->at.ca_file + strlen(f->path), "/ca.pem");
	assert_int_equal(d->at.timeout_ms, 5000);
	assert_int_equal(d->options.reply_timeout_ms, 1200000);
	assert_string_equal(d->options.helo, "me");
	assert_false(d->options.lmtp);
}

static void
polls_by_when_mail_comes_have_bounds(void **state)
{
	struct folder *f = *state;
	const struct account *a = good(f, ONE("every = \"auto\"; "));

	assert_true(a->every_auto);
	assert_int_equal(a->every_min_s, 60);
	assert_int_equal(a->every_max_s, 3600);
	a = good(f,
	    ONE("every = \"auto\"; every_min = \"2m\"; "
		"every_max = \"2m\"; "));
	assert_true(a->every_auto);
	assert_int_equal(a->every_min_s, 120);
	assert_int_equal(a->every_max_s, 120);
	assert_false(good(f, ONE("every = \"10s\"; "))->every_auto);
	bad(f, ONE("every_min = \"2h\"; "),
	    "/main.conf:2: every_min (2h) is longer than every_max (1h)\n");
	bad(f, ONE("every_max = \"30s\"; "),
	    "/main.conf:2: every_min (1m) is longer than every_max (30s)\n");
	/* Of all accounts: once. */
	bad(f,
	    HOME "defaults = { every_max = \"30s\"; };\n"
		 "accounts = ( { " ISP " }, { name = \"club\"; "
		 "pop3 = \"h\"; user = \"u\"; recipient = \"ann\"; } );\n",
	    "/main.conf:2: every_min (1m) is longer than every_max (30s)\n");
}

static void
all_problems_are_told_at_once(void **state)
{
	bad(*state,
	    "destinations = { home = { lmtp = \"/run/lmtp\"; }; };\n"
	    "accounts = (\n"
	    "  { name = \"isp\";\n"
	    "    pop3 = \"pop.example\";\n"
	    "    recipent = \"ann\";\n"
	    "    port = \"995\";\n"
	    "    timeout = \"2h\";\n"
	    "    destination = \"hime\"; },\n"
	    "  { name = \"isp\"; pop3 = \"pop.other\"; user = \"u\";\n"
	    "    recipient = \"ann\"; }\n"
	    ");\n",
	    "/main.conf:3: account \"isp\": \"user\" is missing\n"
	    "/main.conf:5: account \"isp\": unknown setting \"recipent\": did "
	    "you mean \"recipient\"?\n"
	    "/main.conf:6: account \"isp\": \"port\" must be a whole number "
	    "from "
	    "1 to 65535; it is a text in quotes\n"
	    "/main.conf:7: account \"isp\": \"timeout\" is out of range: it "
	    "must "
	    "be a duration with its unit in quotes, from \"1s\" to \"1h\"; it "
	    "is "
	    "\"2h\"\n"
	    "/main.conf:8: unknown destination \"hime\": did you mean "
	    "\"home\"?\n"
	    "/main.conf:9: there is another account \"isp\" at /main.conf:3; "
	    "each needs a name of its own\n");
}

static void
the_summary_counts(void **state)
{
	struct folder *f = *state;

	put(f, "main.conf", 0600, ONE("port = 0; every = 5; "));
	assert_int_equal(take(f), -1);
	assert_non_null(strstr(f->e.text, "2 problems"));
}

static void
each_mistake_has_its_message(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ ONE("colour = 3;"),
		    "2: account \"isp\": unknown setting \"colour\"" },
		{ ONE("helo = \"x\";"),
		    "2: account \"isp\": \"helo\" does not belong here, but "
		    "into "
		    "a destination" },
		{ ONE("") "every = \"5m\";",
		    "3: \"every\" does not belong here, but into an account or "
		    "into defaults" },
		{ ONE("") "tls = \"none\";",
		    "3: \"tls\" does not belong here, but into an account, "
		    "defaults, or a destination" },
		{ ONE("") "name = \"x\";",
		    "3: \"name\" does not belong here, but into an account" },
		{ ONE("") "defaults = { name = \"x\"; };",
		    "3: defaults: \"name\" does not belong here: every account "
		    "has its own" },
		{ ONE("") "defaults = 3;",
		    "3: \"defaults\" must be a group, { every = \"5m\"; }; it "
		    "is "
		    "a number" },
		{ ONE("port = 65536;"),
		    "2: account \"isp\": \"port\" is out of range: it must be "
		    "a "
		    "whole number from 1 to 65535; it is 65536" },
		{ ONE("fetch_limit = 4294967297;"),
		    "2: the number 4294967297 is too large" },
		{ ONE("timeout = 60;"),
		    "2: account \"isp\": \"timeout\" must be a duration with "
		    "its "
		    "unit in quotes, from \"1s\" to \"1h\"; it is a number" },
		{ ONE("allow_cleartext = 1;"),
		    "2: account \"isp\": \"allow_cleartext\" must be true or "
		    "false, without quotes; it is a number" },
		{ ONE("tls = \"ssl\";"),
		    "2: account \"isp\": \"tls\" must be one of \"implicit\", "
		    "\"starttls\", \"none\"; it is \"ssl\"" },
		{ ONE("tls = \"none\";"),
		    "2: account \"isp\": tls = \"none\" would show password "
		    "and "
		    "mail to everybody on the way to pop.example; if that is "
		    "wanted, set allow_cleartext = true" },
		{ ONE("tls = \"none\"; allow_cleartext = false;"),
		    "2: account \"isp\": tls = \"none\" would show password "
		    "and "
		    "mail to everybody on the way to pop.example; if that is "
		    "wanted, set allow_cleartext = true" },
		{ ONE("password = \"a\"; password_command = \"b\";"),
		    "2: account \"isp\": \"password\" and \"password_command\" "
		    "exclude each other; keep one" },
		{ ONE("password = \"a\\n\";"),
		    "2: account \"isp\": \"password\" must be a text in quotes "
		    "of "
		    "1 to 1024 octets on one line" },
		{ ONE("password_file = \"gone\";"),
		    "2: password_file: /gone: No such file or directory" },
		{ ONE("destination = \"zzzz\";"),
		    "2: unknown destination \"zzzz\": there is no such group "
		    "in "
		    "destinations" },
		{ HOME
		    "accounts = ( { name = \"a\"; pop3 = \"h\"; user = \"u\";"
		    "recipient = [ ]; } );",
		    "2: account \"a\": \"recipient\" must be an address in "
		    "quotes, or some in brackets: [ \"ann\", "
		    "\"bob@example.org\" ]; it is an empty list" },
		{ HOME
		    "accounts = ( { name = \"a\"; pop3 = \"h\"; user = \"u\";"
		    "recipient = ( \"a\", 5 ); } );",
		    "2: account \"a\": \"recipient\" has an entry that is a "
		    "number; every entry must be a text in quotes" },
		{ HOME
		    "accounts = ( { name = \"a\"; pop3 = \"h\"; user = \"u\";"
		    "recipient = ( \"a\", \"a\" ); } );",
		    "2: account \"a\": \"recipient\" has \"a\" twice" },
		{ HOME
		    "accounts = ( { name = \"a\"; pop3 = \"h\"; user = \"u\";"
		    "recipient = \"a b\"; } );",
		    "2: account \"a\": \"recipient\" has \"a b\", which is no "
		    "address that mail can be sent to" },
		{ HOME "accounts = ( { name = \"a\"; pop3 = \"h:995\";"
		       "user = \"u\"; recipient = \"a\"; } );",
		    "2: account \"a\": \"pop3\" must be a host name or address "
		    "alone; write port = 995 beside it" },
		{ HOME "accounts = ( { pop3 = \"h\"; user = \"u\";"
		       "recipient = \"a\"; } );",
		    "2: an account: \"name\" is missing" },
		{ HOME "accounts = ( { " ISP " },\n{ name = \"b\";"
		       "pop3 = \"POP.Example\"; user = \"ann\";"
		       "recipient = \"b\"; } );",
		    "3: account \"b\": the account at /main.conf:2 fetches "
		    "from "
		    "the same mailbox (ann at POP.Example); one mailbox can "
		    "have "
		    "several recipients, but only one account" },
		{ HOME,
		    "0: there are no accounts; add one to accounts or to "
		    "accounts_dir" },
		{ HOME "accounts = ( );",
		    "2: there are no accounts; add one to accounts or to "
		    "accounts_dir" },
		{ HOME "acounts = ( );",
		    "2: unknown setting \"acounts\": did you mean "
		    "\"accounts\"?" },
		{ HOME "accounts = { };",
		    "2: \"accounts\" must be a list of groups, "
		    "( { name = \"\xe2\x80\xa6\"; \xe2\x80\xa6 }, { "
		    "\xe2\x80\xa6 "
		    "} ); it is a group { \xe2\x80\xa6 }" },
		{ "accounts = ( { " ISP " } );",
		    "0: there are no destinations; one at least is needed: "
		    "destinations = { home = { lmtp = \"/run/dovecot/lmtp\"; "
		    "}; "
		    "};" },
		{ ONE("") "accounts_dir = \"gone.d\";",
		    "3: accounts_dir: /gone.d cannot be read: No such file or "
		    "directory" },
		{ ONE("") "max_polls = 0;",
		    "3: \"max_polls\" is out of range: it must be a whole "
		    "number "
		    "from 1 to 10000; it is 0" },
		{ ONE("port = 995; port = 995;"), "2: duplicate setting name" },
		{ ONE("port = \"995;"),
		    "2: the string that begins here has no closing quote" },
		{ ONE("") "\n/* what",
		    "4: the comment that begins here has no "
		    "end" },
		{ ONE("") "@include \"gone.conf\"",
		    "3: /gone.conf cannot be read: No such file or directory" },
		{ ONE("") "@include \".\"",
		    "3: /. cannot be read: Is a directory" },
		{ ONE("") "@include \"main.conf\"",
		    "3: /main.conf includes itself" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		bool whole = rows[i].want[0] == '0';
		char *want = xasprintf("/main.conf%s%s\n", whole ? "" : ":",
		    rows[i].want + (whole ? 1 : 0));

		bad(*state, rows[i].text, want);
		free(want);
	}
}

static void
a_comma_too_many_is_explained(void **state)
{
	bad(*state,
	    HOME "accounts = (\n"
		 "  { " ISP " },\n"
		 ");\n",
	    "/main.conf:4: syntax error here or just before; no comma may "
	    "stand "
	    "before \")\", \"]\" or \"}\", texts need quotes, and settings end "
	    "with \";\"\n");
}

static void
a_destination_is_checked(void **state)
{
	static const struct {
		const char *settings, *want;
	} rows[] = {
		{ "timeout = \"5s\";", "\"smtp\" or \"lmtp\" is missing" },
		{ "stmp = \"h\";",
		    "unknown setting \"stmp\": did you mean \"smtp\"?" },
		{ "smtp = \"h\"; lmtp = \"/x\";",
		    "\"smtp\" and \"lmtp\" exclude each other; keep one" },
		{ "lmtp = \"h\";",
		    "\"port\" is missing: LMTP over TCP has no usual one" },
		{ "lmtp = \"/x\"; port = 24;",
		    "\"port\" has no meaning for a unix socket; remove it" },
		{ "lmtp = \"/x\"; tls = \"starttls\";",
		    "there is no TLS over a unix socket; remove \"tls\"" },
		{ "smtp = \"h\"; password_command = \"x\";",
		    "\"password_command\" needs a \"user\" beside it" },
		{ "smtp = \"h\"; auth = \"plain\";",
		    "\"auth\" needs a \"user\" beside it" },
		{ "smtp = \"h\"; user = \"u\"; auth = \"user\";",
		    "\"auth\" must be one of \"auto\", \"plain\", \"login\"; "
		    "it "
		    "is \"user\"" },
		{ "smtp = \"h\"; tls = \"none\";",
		    "tls = \"none\" would show password and mail to everybody "
		    "on "
		    "the way to h; if that is wanted, set allow_cleartext = "
		    "true" },
		{ "smtp = \"h\"; recipient = \"a\";",
		    "\"recipient\" does not belong here, but into an account "
		    "or "
		    "into defaults" },
		{ "smtp = \"/run/lmtp\";",
		    "\"smtp\" must be a host name or address in quotes, like "
		    "\"smtp.example.org\"; it is \"/run/lmtp\"" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char *text = xasprintf("destinations = { d = { %s }; };\n"
				       "accounts = ( { " ISP " } );\n",
		    rows[i].settings);
		char *want = xasprintf(
		    "/main.conf:1: destination \"d\": %s\n", rows[i].want);

		bad(*state, text, want);
		free(text);
		free(want);
	}
}

static void
port_and_tls_of_a_destination(void **state)
{
	static const struct {
		const char *settings;
		int port;
		enum tls_mode tls;
	} rows[] = {
		{ "smtp = \"h\";", 25, TLS_STARTTLS },
		{ "smtp = \"h\"; user = \"u\";", 465, TLS_IMPLICIT },
		{ "smtp = \"h\"; port = 465;", 465, TLS_IMPLICIT },
		{ "smtp = \"h\"; port = 587;", 587, TLS_STARTTLS },
		{ "smtp = \"h\"; port = 587; user = \"u\";", 587,
		    TLS_STARTTLS },
		{ "smtp = \"h\"; port = 465; tls = \"starttls\";", 465,
		    TLS_STARTTLS },
		{ "smtp = \"h\"; tls = \"starttls\";", 25, TLS_STARTTLS },
		{ "smtp = \"h\"; tls = \"starttls\"; user = \"u\";", 587,
		    TLS_STARTTLS },
		{ "smtp = \"h\"; tls = \"implicit\";", 465, TLS_IMPLICIT },
		{ "smtp = \"h\"; tls = \"implicit\"; user = \"u\";", 465,
		    TLS_IMPLICIT },
		{ "smtp = \"h\"; tls = \"none\"; allow_cleartext = true;", 25,
		    TLS_NONE },
		{ "smtp = \"localhost\";", 25, TLS_NONE },
		{ "smtp = \"127.0.0.2\";", 25, TLS_NONE },
		{ "smtp = \"::1\"; port = 2525;", 2525, TLS_NONE },
		{ "smtp = \"127.evil.example\";", 25, TLS_STARTTLS },
		{ "smtp = \"localhost\"; port = 465;", 465, TLS_IMPLICIT },
		{ "smtp = \"localhost\"; user = \"u\";", 465, TLS_IMPLICIT },
		{ "smtp = \"localhost\"; tls = \"starttls\";", 25,
		    TLS_STARTTLS },
		{ "lmtp = \"h\"; port = 24;", 24, TLS_STARTTLS },
		{ "lmtp = \"h\"; port = 465;", 465, TLS_IMPLICIT },
		{ "lmtp = \"localhost\"; port = 24;", 24, TLS_NONE },
		{ "lmtp = \"/run/x\";", 0, TLS_NONE },
		{ "lmtp = \"/run/x\"; tls = \"none\";", 0, TLS_NONE },
	};
	struct folder *f = *state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char *text = xasprintf("destinations = { d = { %s }; };\n"
				       "accounts = ( { " ISP " } );\n",
		    rows[i].settings);

		good(f, text);
		if (f->settings->destinations->at.port != rows[i].port ||
		    f->settings->destinations->at.tls != rows[i].tls)
			fail_msg("%s: port %u, tls %d", rows[i].settings,
			    f->settings->destinations->at.port,
			    f->settings->destinations->at.tls);
		free(text);
	}
}

static void
port_and_tls_of_an_account(void **state)
{
	static const struct {
		const char *settings;
		int port;
		enum tls_mode tls;
	} rows[] = {
		{ "", 995, TLS_IMPLICIT },
		{ "tls = \"implicit\";", 995, TLS_IMPLICIT },
		{ "tls = \"starttls\";", 110, TLS_STARTTLS },
		{ "tls = \"none\"; allow_cleartext = true;", 110, TLS_NONE },
		{ "port = 1995;", 1995, TLS_IMPLICIT },
		{ "port = 1110; tls = \"starttls\";", 1110, TLS_STARTTLS },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char *text = xasprintf(
		    HOME "accounts = ( { " ISP "%s } );\n", rows[i].settings);
		const struct account *a = good(*state, text);

		assert_int_equal(a->at.port, rows[i].port);
		assert_int_equal(a->at.tls, rows[i].tls);
		free(text);
	}
}

static void
an_account_takes_from_defaults_what_it_lacks(void **state)
{
	struct folder *f = *state;
	const struct account *a;

	put(f, "pw", 0600, "x\n");
	a = good(f,
	    HOME
	    "defaults = { pop3 = \"pop.example\"; recipient = [\"a\", \"b\"];"
	    "  tls = \"starttls\"; every = \"2h\"; password_file = \"pw\";"
	    "  after_delivery = \"keep 1d\"; fetch_limit = 5; };\n"
	    "accounts = (\n"
	    "  { name = \"one\"; user = \"1\"; },\n"
	    "  { name = \"two\"; user = \"2\"; tls = \"implicit\";\n"
	    "    password_command = \"p\"; recipient = \"c\";\n"
	    "    fetch_limit = 0; } );\n");
	assert_string_equal(a[0].at.host, "pop.example");
	assert_int_equal(a[0].at.port, 110);
	assert_int_equal(a[0].every_s, 7200);
	assert_string_equal(a[0].recipients[1], "b");
	assert_string_equal(a[0].login.password_file + strlen(f->path), "/pw");
	assert_int_equal(a[0].after, AFTER_KEEP_FOR);
	assert_int_equal(a[0].fetch_limit, 5);

	assert_string_equal(a[1].at.host, "pop.example");
	assert_int_equal(a[1].at.port, 995);
	assert_string_equal(a[1].recipients[0], "c");
	assert_null(a[1].recipients[1]);
	assert_null(a[1].login.password_file);
	assert_string_equal(a[1].login.password_command, "p");
	assert_int_equal(a[1].fetch_limit, 0);
}

static void
a_mistake_in_defaults_is_told_once(void **state)
{
	bad(*state,
	    HOME "defaults = { password_file = \"gone\"; every = \"1s\"; };\n"
		 "accounts = ( { " ISP " }, { name = \"b\"; pop3 = \"h\";"
		 "user = \"u\"; recipient = \"b\"; } );\n",
	    "/main.conf:2: defaults: \"every\" is out of range: it must be "
	    "\"auto\", or a duration with its unit in quotes, from \"10s\" to "
	    "\"30d\"; it is "
	    "\"1s\"\n"
	    "/main.conf:2: password_file: /gone: No such file or directory\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(four_settings_make_an_account),
		TEST(every_value_arrives),
		TEST(polls_by_when_mail_comes_have_bounds),
		TEST(all_problems_are_told_at_once),
		TEST(the_summary_counts),
		TEST(each_mistake_has_its_message),
		TEST(a_comma_too_many_is_explained),
		TEST(a_destination_is_checked),
		TEST(port_and_tls_of_a_destination),
		TEST(port_and_tls_of_an_account),
		TEST(an_account_takes_from_defaults_what_it_lacks),
		TEST(a_mistake_in_defaults_is_told_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
