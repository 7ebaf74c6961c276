/* test-fetchmail.c - what is understood of fetchmail's files, and of a .netrc. */
#include "import/fetchmail.h"

#include "base/alloc.h"
#include "import/netrc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void
escapes_are_fetchmails_not_those_of_C(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "", "" }, { "plain", "plain" },
		{ "\\n\\t\\b\\r", "\n\t\b\r" }, { "\\110", "n" }, /* decimal */
		{ "\\0116", "\t6" }, /* octal, with its 0 three digits */
		{ "\\xe9\\XE9", "\xe9\xe9" }, { "\\x4142", "A42" },
		{ "\\x4g", "\x04g" }, { "\\65\\066\\9", "A6\t" },
		{ "\\q\\\\\\\"", "q\\\"" }, { "one\\\ntwo", "onetwo" },
		{ "at the end\\", "at the end" }, { "cut\\0 off", "cut" },
		{ "\\300", "," }, /* an octet has room for no more */
	};
	struct buffer out = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		buffer_clear(&out);
		buffer_reserve(&out, 1);
		out.data[0] = '\0';
		fetchmail_unescape(slice_of(cases[i].in), &out);
		assert_string_equal(out.data, cases[i].out);
	}
	buffer_free(&out);
}

static void
an_error_says_where_and_what(void **state)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
		{ "poll\n",
		    "rc:2: expected the name of a server, not the end "
		    "of the file" },
		{ "\npoll a user b\n  proto pop3\n",
		    "rc:3: \"protocol\" is an option of the server: it has to "
		    "stand before the first user" },
		{ "poll a timeout \"5\"\n",
		    "rc:1: expected a number without quotes behind "
		    "\"timeout\", not a word" },
		{ "poll a user b smtphost 25\n",
		    "rc:1: expected a text behind \"smtphost\" (in quotes, "
		    "since it has only digits), not a number" },
		{ "poll a user b\n\nkepe\n ssl",
		    "rc:3: here stands no option; or \"here\" is missing "
		    "behind names of local users" },
		{ "poll a user b pass x kepe\n",
		    "rc:1: expected \"poll\", \"skip\", \"defaults\" or "
		    "\"set\", not a word" },
		{ "poll a user b pass \"secret\n\n",
		    "rc:1: the quote that begins here is never closed; is the "
		    "file complete?" },
		{ "poll a user b no lmtp\n",
		    "rc:1: \"no\" does not go with \"lmtp\"" },
		{ "poll a\ndefaults keep\n",
		    "rc:2: \"defaults\" has to stand before all servers, and "
		    "once only" },
		{ "poll a user \"\xff\"\n",
		    "rc:1: the text behind \"is\" is not UTF-8" },
		{ "poll a port \"110\"\n",
		    "rc:1: expected a number without quotes behind \"port\", "
		    "not a word" },
		{ "set keep\n",
		    "rc:1: expected the name of a global option behind "
		    "\"set\", not the word \"keep\"" },
		{ "[retriever]\ntype = SimplePOP3Retriever\n",
		    "rc:1: expected \"poll\", \"skip\", \"defaults\" or "
		    "\"set\", not a word" },
	};
	struct fetchmail_rc rc;
	struct error e;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		error_clear(&e);
		assert_int_equal(
		    fetchmail_parse(&rc, "rc", slice_of(cases[i].text), &e),
		    -1);
		assert_string_equal(e.text, cases[i].error);
		assert_int_equal(e.kind, ERR_CONFIG);
		fetchmail_rc_free(&rc);
	}
}

static void
no_error_shows_a_password(void **state)
{
	static const char *const texts[] = {
		"poll a user b pass secret1 secret2\n",
		"poll a user b pass \"secret1\n",
		"poll a user b passw \"secret1\"\n",
		"poll a user b secret1 pass x\n",
		"poll a esmtppassword secret1 secret2\n",
	};
	struct fetchmail_rc rc;
	struct error e;

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		error_clear(&e);
		assert_int_equal(
		    fetchmail_parse(&rc, "rc", slice_of(texts[i]), &e), -1);
		assert_null(strstr(e.text, "secret"));
		fetchmail_rc_free(&rc);
	}
}

static void
a_value_knows_its_line(void **state)
{
	static const char text[] = "defaults\n  proto pop3\n  keep\n"
				   "poll \"a\nb\" timeout 5\n"
				   "  user ann # and\n   pass x\n"
				   "  user bob no keep\n";
	const struct fetchmail_user *u;
	struct fetchmail_rc rc;
	struct error e = { 0 };

	(void)state;
	assert_int_equal(fetchmail_parse(&rc, "rc", slice_of(text), &e), 0);
	assert_int_equal(rc.user_count, 2);
	u = rc.users;
	assert_int_equal(u[0].line, 6);
	assert_int_equal(u[1].line, 8);
	assert_int_equal(fetchmail_value(&rc, u, FM_PROTOCOL)->line, 2);
	assert_int_equal(fetchmail_value(&rc, u, FM_KEEP)->line, 3);
	assert_int_equal(fetchmail_value(&rc, u + 1, FM_KEEP)->line, 8);
	assert_int_equal(fetchmail_value(&rc, u + 1, FM_TIMEOUT)->line, 5);
	assert_int_equal(fetchmail_value(&rc, u, FM_PASSWORD)->line, 7);
	assert_int_equal(fetchmail_number(&rc, u, FM_KEEP, 7), 1);
	assert_int_equal(fetchmail_number(&rc, u + 1, FM_KEEP, 7), 0);
	assert_null(fetchmail_value(&rc, u + 1, FM_PASSWORD));
	fetchmail_rc_free(&rc);
}

static void
there_are_no_more_mailboxes_than_a_limit(void **state)
{
	struct buffer text = { 0 };
	struct fetchmail_rc rc;
	struct error e = { 0 };

	(void)state;
	for (int i = 0; i <= FETCHMAIL_MAILBOXES; i++)
		buffer_addf(&text, "poll a%d\n", i);
	assert_int_equal(
	    fetchmail_parse(&rc, "rc", buffer_slice(&text), &e), -1);
	assert_non_null(strstr(e.text, "more than 10000 mailboxes"));
	fetchmail_rc_free(&rc);
	buffer_free(&text);
}

/*
 * .fetchids
 */

/* Those of ann at a.example, with blanks between them; or the error. */
static char *
ids(const char *text, size_t *others)
{
	struct import im = { 0 };
	struct fetchmail_key keys[] = {
		{ "ann", "a.example", import_account_add(&im, "rc", 1), 0 },
		{ "joe user", "a.example", import_account_add(&im, "rc", 1),
		    0 },
		{ "ann@x.example", "b.example",
		    import_account_add(&im, "rc", 1), 0 },
		{ "two", "c.example", import_account_add(&im, "rc", 1), 0 },
		{ "Two", "C.example", import_account_add(&im, "rc", 1), 0 },
		{ "two", "c.example", import_account_add(&im, "rc", 1), 0 },
	};
	struct buffer found = { 0 };
	struct error e = { 0 };

	qsort(keys, COUNT(keys), sizeof(keys[0]), fetchmail_key_compare);
	buffer_reserve(&found, 1);
	found.data[0] = '\0';
	if (fetchmail_ids(
		"ids", slice_of(text), keys, COUNT(keys), others, &e) < 0)
		buffer_add_text(&found, e.text);
	else
		for (size_t i = 0; i < im.account_count; i++)
			for (size_t k = 0; k < im.accounts[i]->seen.count; k++)
				buffer_addf(&found, "%zu:%s ", i,
				    im.accounts[i]->seen.list[k].uid);
	import_free(&im);
	return found.data;
}

static void
ids_are_read_as_fetchmail_reads_them(void **state)
{
	static const struct {
		const char *text, *found;
		size_t others;
	} cases[] = {
		{ "", "", 0 },
		{ "ann@a.example 1\n", "0:1 ", 0 },
		{ "ANN@A.Example 1\n", "0:1 ", 0 },
		{ "  ann@a.example   1\n", "0:1 ", 0 },
		{ "ann@a.example a@b\nann@a.example <c@d.e>\n",
		    "0:a@b 0:<c@d.e> ", 0 },
		{ "joe user@a.example 1\n", "1:1 ", 0 },
		{ "ann@x.example@b.example 1\n", "2:1 ", 0 },
		{ "ann@x.example@B.EXAMPLE AA/bb+1\n", "2:AA/bb+1 ", 0 },
		{ "bob@a.example 1\nann@c.example 2\nann@a.example 3\n", "0:3 ",
		    2 },
		{ "ann@a.example 1\r\n\r\n\nann@a.example 2\r\n", "0:1 0:2 ",
		    0 },
		{ "two@c.example 1\ntwo@c.example 2\n",
		    "3:1 3:2 4:1 4:2 5:1 5:2 ", 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		size_t others;
		char *found = ids(cases[i].text, &others);

		assert_string_equal(found, cases[i].found);
		assert_int_equal(others, cases[i].others);
		free(found);
	}
}

static void
a_line_that_is_none_is_an_error(void **state)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
		{ "ann@a.example 1\nann@a.example 2",
		    "ids:2: the last line has "
		    "no end: the file is not "
		    "complete" },
		{ "ann@a.example 1\nhello\n",
		    "ids:2: this is no line of fetchmail's, \"USER@HOST "
		    "UNIQUE-ID\"" },
		{ "ann@a.example\n",
		    "ids:1: this is no line of fetchmail's, "
		    "\"USER@HOST UNIQUE-ID\"" },
		{ "ann@a.example 1 2\n",
		    "ids:1: this is no line of "
		    "fetchmail's, \"USER@HOST "
		    "UNIQUE-ID\"" },
		{ "@a.example 1\n",
		    "ids:1: this is no line of fetchmail's, "
		    "\"USER@HOST UNIQUE-ID\"" },
		{ "ann@ 1\n",
		    "ids:1: this is no line of fetchmail's, "
		    "\"USER@HOST UNIQUE-ID\"" },
		{ "ann@a.example \x01\x02\n",
		    "ids:1: no server could list this unique id" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		size_t others;
		char *found = ids(cases[i].text, &others);

		assert_string_equal(found, cases[i].error);
		free(found);
	}
}

/*
 * .netrc
 */

static void
passwords_are_found_by_machine_and_login(void **state)
{
	static const char text[] =
	    "machine a login ann password one\n"
	    "machine a login bob password \"two words\" # a comment\n"
	    "machine b\n\tlogin ann\n\taccount x\n\tpassword th'r e'e\n"
	    "macdef init\nmachine c login ann password no\n\n"
	    "machine c user ann passwd four\r\n"
	    "machine d password five\n"
	    "default login ann password six\n";
	static const struct {
		const char *machine, *login, *password;
	} cases[] = {
		{ "a", "ann", "one" },
		{ "a", "bob", "two words" },
		{ "b", "ann", "thr ee" },
		{ "c", "ann", "four" },
		{ "d", "ann", NULL },
		{ "e", "ann", NULL },
		{ "A", "ann", NULL },
	};
	struct netrc n = { 0 };

	(void)state;
	netrc_parse(&n, slice_of(text));
	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *password =
		    netrc_password(&n, cases[i].machine, cases[i].login);

		if (cases[i].password == NULL)
			assert_null(password);
		else
			assert_string_equal(password, cases[i].password);
	}
	netrc_free(&n);
}

/*
 * What becomes of it
 */

/* A file with that text, whose name the caller frees. */
static char *
file_with(const char *text)
{
	char *path = xstrdup("/tmp/postrider-XXXXXX");
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	return path;
}

/* With "rc" for the name of the file. */
static void
add_note(struct buffer *out, const struct import_note *note, const char *path)
{
	const char *at = strstr(note->text, path);
	size_t before = at != NULL ? (size_t)(at - note->text) : 0;

	buffer_addf(out, "%u %.*s%s%s\n", note->line, (int)before, note->text,
	    at != NULL ? "rc" : "",
	    at != NULL ? at + strlen(path) : note->text);
}

/* The account as it would be written, and all notes; or the error. */
static char *
imported(const char *text)
{
	static char none[] = "/dev/null";
	char *path = file_with(text);
	char *settings[] = { path, NULL }, *seen[] = { none, NULL };
	const struct import_files files = { .settings = settings,
		.seen = seen,
		.netrc = none,
		.home = "/home/me",
		.user = "me" };
	struct import im = { 0 };
	struct buffer out = { 0 };
	struct error e = { 0 };

	buffer_reserve(&out, 1);
	out.data[0] = '\0';
	if (import_fetchmail(&im, &files, &e) < 0)
		buffer_addf(&out, "error%s", e.text + strlen(path));
	for (size_t i = 0; i < im.account_count && e.kind == ERR_NONE; i++) {
		const struct import_account *a = im.accounts[i];

		buffer_addf(&out, "%s %s@%s:%u %d", a->name, a->user, a->host,
		    a->port, (int)a->tls);
		for (size_t k = 0; k < a->recipient_count; k++)
			buffer_addf(&out, " >%s", a->recipients[k]);
		if (a->destination.host != NULL)
			buffer_addf(&out, " %s %s:%u",
			    a->destination.lmtp ? "lmtp" : "smtp",
			    a->destination.host, a->destination.port);
		for (size_t k = 0; k < a->setting_count; k++)
			buffer_addf(&out, " %s=%s", a->settings[k].key,
			    a->settings[k].value);
		buffer_add_text(&out, "\n");
	}
	for (size_t i = 0; i < im.note_count && e.kind == ERR_NONE; i++)
		add_note(&out, &im.notes[i], path);
	import_free(&im);
	unlink(path);
	free(path);
	return out.data;
}

/* Of a mailbox for which nothing else is worth a note. */
#define PLAIN "poll a.example proto pop3 "
#define USER " user ann pass x is ann here ssl "
#define SAME "a.example ann@a.example:0 0 >ann@localhost smtp localhost:0 "

static void
options_become_settings_or_notes(void **state)
{
	static const struct {
		const char *text, *found;
	} cases[] = {
		{ PLAIN USER, SAME "after_delivery=delete\n" },
		{ PLAIN USER "keep", SAME "after_delivery=keep\n" },
		{ PLAIN USER "flush",
		    SAME "after_delivery=delete delete_seen=true\n" },
		{ PLAIN USER "keep fetchall fetchlimit 5 limit 4096",
		    SAME "after_delivery=keep max_size=4K fetch_limit=5\n"
			 "1 fetchall with keep: nothing is fetched twice\n" },
		{ "set daemon 300 " PLAIN "interval 2 timeout 20" USER,
		    SAME "timeout=20s every=10m after_delivery=delete\n" },
		{ "set daemon 5 " PLAIN USER,
		    SAME "every=10s after_delivery=delete\n"
			 "1 daemon: a.example is polled every 10s instead\n" },
		{ PLAIN "via b.example port 1110" USER,
		    "a.example ann@b.example:1110 0 >ann@localhost smtp "
		    "localhost:0 after_delivery=delete\n" },
		{ PLAIN "service pop3s user ann pass x is ann ssl",
		    "a.example ann@a.example:995 0 >ann@localhost smtp "
		    "localhost:0 after_delivery=delete\n" },
		{ PLAIN "user ann pass x is ann sslproto tls1.2+",
		    "a.example ann@a.example:0 1 >ann@localhost smtp "
		    "localhost:0 after_delivery=delete\n" },
		{ PLAIN "user ann pass x is ann sslproto ''",
		    "a.example ann@a.example:0 2 >ann@localhost smtp "
		    "localhost:0 allow_cleartext=true after_delivery=delete\n"
		    "1 without TLS everybody on the way can read the password "
		    "and the mail of a.example\n" },
		{ "poll localhost proto pop3 user ann pass x is ann",
		    "localhost ann@localhost:0 2 >ann@localhost smtp "
		    "localhost:0 after_delivery=delete\n" },
		{ PLAIN USER "smtphost mx.example/2525,b smtpaddress c.example",
		    "a.example ann@a.example:0 0 >ann@c.example smtp "
		    "mx.example:2525 after_delivery=delete\n"
		    "1 smtphost: only the first of 2 is taken\n" },
		{ PLAIN USER "smtphost mx.example",
		    "a.example ann@a.example:0 0 >ann@mx.example smtp "
		    "mx.example:0 after_delivery=delete\n" },
		{ PLAIN USER "smtphost /run/lmtp smtpname \"b@c.example\"",
		    "a.example ann@a.example:0 0 >b@c.example lmtp "
		    "/run/lmtp:0 after_delivery=delete\n" },
		{ PLAIN USER "smtphost h/24 lmtp",
		    "a.example ann@a.example:0 0 >ann@h lmtp h:24 "
		    "after_delivery=delete\n" },
		{ PLAIN USER "lmtp",
		    "error:1: lmtp needs an smtphost with a "
		    "port: \"HOST/PORT\"" },
		{ PLAIN "service nosuchthing" USER,
		    "error:1: \"nosuchthing\" is no port, nor the name of "
		    "one" },
		{ PLAIN USER "mda /bin/mda",
		    "a.example ann@a.example:0 0 >ann@localhost "
		    "after_delivery=delete\n"
		    "1 mda: postrider delivers by SMTP or LMTP only; a.example "
		    "needs --destination\n" },
		{ PLAIN "user ann pass x ssl",
		    "a.example ann@a.example:0 0 >me@localhost smtp "
		    "localhost:0 after_delivery=delete\n"
		    "1 no \"is\": the mail of a.example goes to me, who runs "
		    "this\n" },
		{ PLAIN USER "\nuser bob pass y is b here ssl",
		    "ann@a.example ann@a.example:0 0 >ann@localhost smtp "
		    "localhost:0 after_delivery=delete\n"
		    "bob@a.example bob@a.example:0 0 >b@localhost smtp "
		    "localhost:0 after_delivery=delete\n" },
		{ PLAIN USER "\n" PLAIN "user bob pass y is b here ssl",
		    "ann@a.example ann@a.example:0 0 >ann@localhost smtp "
		    "localhost:0 after_delivery=delete\n"
		    "bob@a.example bob@a.example:0 0 >b@localhost smtp "
		    "localhost:0 after_delivery=delete\n" },
		{ "skip a.example user ann\n"
		  "poll b.example proto imap user ann\n"
		  "poll c.example user ann is a b here\n"
		  "poll d.example user ann is * here\n",
		    "1 ann at a.example is not imported: \"skip\": fetchmail "
		    "polls it only when it is named\n"
		    "2 ann at b.example is not imported: postrider fetches by "
		    "POP3 only\n"
		    "3 ann at c.example is not imported: it is multidrop: "
		    "fetchmail guesses from the header of each message who "
		    "gets it, which postrider does not do\n"
		    "4 ann at d.example is not imported: it is multidrop: "
		    "fetchmail guesses from the header of each message who "
		    "gets it, which postrider does not do\n" },
		{ PLAIN USER "\n" PLAIN USER "keep",
		    "ann@" SAME "after_delivery=delete\n"
		    "2 ann at a.example is not imported again: rc:1 "
		    "has it, and one mailbox has one account (with as "
		    "many recipients as you like)\n" },
		{ "poll a.example" USER,
		    SAME "after_delivery=delete\n"
			 "1 no protocol: fetchmail tries IMAP first, and of "
			 "what came by IMAP nothing is known; \"postrider "
			 "baseline a.example\" has all that is there count as "
			 "seen\n" },
		{ PLAIN "user ann is ann here ssl",
		    SAME "after_delivery=delete\n"
			 "1 no password for a.example: name a password_file "
			 "or a password_command, or be asked each time\n" },
		{ PLAIN USER "sslcertfile /ca.pem no sslcertck\nmimedecode no "
			     "rewrite preconnect \"true\"",
		    SAME "ca_file=/ca.pem after_delivery=delete\n"
			 "1 no sslcertck: certificates are always verified; "
			 "if the server's is its own, name it in ca_file\n"
			 "2 mimedecode: messages are passed on as they are\n"
			 "2 preconnect: is not run; what it sets up has to be "
			 "there before a poll\n" },
		{ "# nothing\n",
		    "error: there is no server in it (\"poll "
		    "…\")" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char *found = imported(cases[i].text);

		assert_string_equal(found, cases[i].found);
		free(found);
	}
}

/* Of every option that is given it is said what becomes of it. */
static void
no_option_is_passed_over_in_silence(void **state)
{
	static const char *const options[] = { "qvirtual q", "aka b",
		"localdomains c", "no dns", "checkalias", "interface eth0",
		"monitor eth0", "plugin p", "plugout p", "principal p",
		"tracepolls", "envelope X-To", "auth ntlm", "idletimeout 5",
		"retrieve-error abort" };
	static const char *const user[] = { "folder f", "fetchdomains d",
		"antispam 550", "mda m", "bsmtp b", "preconnect p",
		"postconnect p", "limitflush", "rewrite", "dropstatus",
		"dropdelivered", "mimedecode", "idle", "forceidle", "sslkey k",
		"sslcert c", "no sslcertck", "sslcertpath c", "sslcommonname n",
		"sslfingerprint f", "warnings 5", "batchlimit 5",
		"fetchsizelimit 5", "fastuidl 5", "expunge 5", "properties p",
		"passwordfd 5", "keep flush", "sslproto ssl3" };
	static const char *const globals[] = { "logfile l", "pidfile p",
		"postmaster p", "bouncemail", "no bouncemail", "spambounce",
		"no softbounce", "syslog", "invisible", "showdots",
		"properties p" };

	(void)state;
	for (size_t i = 0; i < COUNT(options); i++) {
		char *text = xasprintf(PLAIN "%s" USER, options[i]);
		char *found = imported(text);

		assert_non_null(strstr(found, "\n1 "));
		free(found);
		free(text);
	}
	for (size_t i = 0; i < COUNT(user); i++) {
		char *text = xasprintf(PLAIN USER "%s", user[i]);
		char *found = imported(text);

		assert_non_null(strstr(found, "\n1 "));
		free(found);
		free(text);
	}
	for (size_t i = 0; i < COUNT(globals); i++) {
		char *text = xasprintf("set %s " PLAIN USER, globals[i]);
		char *found = imported(text);

		assert_non_null(strstr(found, "\n1 "));
		free(found);
		free(text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(escapes_are_fetchmails_not_those_of_C),
		cmocka_unit_test(an_error_says_where_and_what),
		cmocka_unit_test(no_error_shows_a_password),
		cmocka_unit_test(a_value_knows_its_line),
		cmocka_unit_test(there_are_no_more_mailboxes_than_a_limit),
		cmocka_unit_test(ids_are_read_as_fetchmail_reads_them),
		cmocka_unit_test(a_line_that_is_none_is_an_error),
		cmocka_unit_test(passwords_are_found_by_machine_and_login),
		cmocka_unit_test(options_become_settings_or_notes),
		cmocka_unit_test(no_option_is_passed_over_in_silence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
