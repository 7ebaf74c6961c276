/* test-boxes.c - mailboxes and destinations as URLs, and lists of them. */
#include "migrate/boxes.h"

#include "migrate/csv.h"
#include "migrate/there.h"
#include "migrate/url.h"
#include "net/endpoint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* --- URLs --- */

static void
a_url_is_taken_apart_and_decoded(void **state)
{
	struct buffer why = { 0 };
	struct url u;

	(void)state;
	assert_int_equal(url_parse(&u,
			     "POP3S://ann%40old.example:s%3ae@[::1]:1995/x%20y?"
			     "tls=none&a=b%26c",
			     &why),
	    0);
	assert_string_equal(u.scheme, "pop3s");
	assert_string_equal(u.user, "ann@old.example");
	assert_string_equal(u.password, "s:e");
	assert_string_equal(u.host, "::1");
	assert_int_equal(u.port, 1995);
	assert_string_equal(u.path, "/x y");
	assert_int_equal(u.option_count, 2);
	assert_string_equal(u.options[1].value, "b&c");
	url_free(&u);
	assert_int_equal(url_parse(&u, "lmtp:///run/lmtp", &why), 0);
	assert_null(u.host);
	assert_null(u.user);
	assert_string_equal(u.path, "/run/lmtp");
	url_free(&u);
	/* Nobody encodes it, and there is nothing else that it could mean. */
	assert_int_equal(
	    url_parse(&u, "pop3s://a@b.example@c.example", &why), 0);
	assert_string_equal(u.user, "a@b.example");
	assert_string_equal(u.host, "c.example");
	url_free(&u);
}

static void
what_is_no_url_is_told_without_a_password(void **state)
{
	static const char *const bad[] = { "", "ann", "pop.example", "://x",
		"pop3s://a:SECRET@h:0", "pop3s://a:SECRET@h:65536",
		"pop3s://a:SECRET@h:x", "pop3s://a:SECRET%@h",
		"pop3s://a:SECRET%4@h", "pop3s://a:SECRET%zz@h",
		"pop3s://a:SECRET%00@h", "pop3s://:SECRET@h", "pop3s://@h",
		"pop3s://a:SECRET@[::1", "pop3s://a@[::1]x",
		"pop3s://a:SECRET@h?", "pop3s://a:SECRET@h?tls",
		"pop3s://a:SECRET@h?=x", "pop3s://a:SECRET@h?a=b&",
		"pop3s://a:SECRET@h#x", NULL };

	(void)state;
	for (size_t i = 0; bad[i] != NULL; i++) {
		struct buffer why = { 0 };
		struct url u;

		if (url_parse(&u, bad[i], &why) == 0)
			fail_msg("taken: %s", bad[i]);
		assert_true(why.len > 0);
		assert_null(strstr(why.data, "SECRET"));
		url_free(&u);
		buffer_free(&why);
	}
}

/* --- CSV --- */

static void
expect_fields(struct csv *c, unsigned line, const char *joined)
{
	static struct csv_record r;
	struct buffer all = { 0 }, why = { 0 };
	int rc = csv_next(c, &r, &why);

	if (joined == NULL) {
		assert_int_equal(rc, 0);
		csv_record_free(&r);
		return;
	}
	assert_int_equal(rc, 1);
	assert_int_equal(r.line, line);
	buffer_reserve(&all, 1);
	for (size_t i = 0; i < r.count; i++)
		buffer_addf(&all, "%s|", r.fields[i]);
	assert_string_equal(all.data, joined);
	buffer_free(&all);
}

static void
records_and_fields_are_found(void **state)
{
	struct csv c;

	(void)state;
	csv_begin(&c,
	    slice_of("\xef\xbb\xbfone,two\r\n\r\n\"a \"\"b\"\",\nc\",\r\n\n,\nx"
		     ",\"\""));
	expect_fields(&c, 1, "one|two|");
	expect_fields(&c, 3, "a \"b\",\nc||");
	expect_fields(&c, 6, "||");
	expect_fields(&c, 7, "x||");
	expect_fields(&c, 0, NULL);
	csv_begin(&c, slice_of("\"a,b\";c,d\n"));
	expect_fields(&c, 1, "a,b|c,d|");
	expect_fields(&c, 0, NULL);
	csv_begin(&c, slice_of("a\tb;c\n"));
	expect_fields(&c, 1, "a|b;c|");
	expect_fields(&c, 0, NULL);
	csv_begin(&c, slice_of("a\r,b\r"));
	expect_fields(&c, 1, "a\r|b\r|");
	expect_fields(&c, 0, NULL);
	csv_begin(&c, slice_make(NULL, 0));
	expect_fields(&c, 0, NULL);
}

static void
quotes_out_of_place_are_told_with_their_line(void **state)
{
	static const struct {
		const char *text;
		unsigned line;
	} bad[] = { { "a\n\"b\"c\n", 2 }, { "a\nb\"c\n", 2 },
		{ "a\nb\n\"c\nd\ne", 3 }, { "\"", 1 } };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct csv_record r = { 0 };
		struct buffer why = { 0 };
		struct csv c;
		int rc;

		csv_begin(&c, slice_of(bad[i].text));
		while ((rc = csv_next(&c, &r, &why)) > 0)
			continue;
		assert_int_equal(rc, -1);
		assert_int_equal(c.line, bad[i].line);
		assert_true(why.len > 0);
		csv_record_free(&r);
		buffer_free(&why);
	}
}

static void
a_record_cut_anywhere_is_told_or_read(void **state)
{
	static const char text[] = "a,\"b\"\"\n\",c\r\n\"\",\"x\"\r\n";
	struct csv_record r = { 0 };

	(void)state;
	for (size_t len = 0; len < sizeof(text); len++) {
		char *copy = malloc(len > 0 ? len : 1);
		struct buffer why = { 0 };
		struct csv c;
		int rc;

		assert_non_null(copy);
		memcpy(copy, text, len);
		csv_begin(&c, slice_make(copy, len));
		while ((rc = csv_next(&c, &r, &why)) > 0)
			assert_in_range(r.count, 1, 3);
		assert_int_equal(rc == 0, why.len == 0);
		buffer_free(&why);
		free(copy);
	}
	csv_record_free(&r);
}

/* --- settings of them --- */

static const char *const recipients[] = { "ann@new.example", NULL };

/* Of one mailbox; NULL: they are wrong, and *told says how. */
static struct settings *
of_urls(const char *source, const char *destination, struct buffer *told)
{
	struct boxes_usual usual = { .destination = destination };
	struct problems problems = { 0 };
	struct settings *s = NULL;
	struct error e = { 0 };
	struct boxes b;

	buffer_reserve(told, 1);
	if (boxes_from_urls(&b, source, recipients, &usual, &problems) == 0)
		boxes_settings(&b, &s, "/tmp", told, &e);
	problems_write(&problems, told);
	problems_free(&problems);
	boxes_free(&b);
	return s;
}

static struct settings *
good(const char *source, const char *destination)
{
	struct buffer told = { 0 };
	struct settings *s = of_urls(source, destination, &told);

	if (s == NULL)
		fail_msg("%s %s: %s", source, destination, told.data);
	assert_int_equal(s->account_count, 1);
	buffer_free(&told);
	return s;
}

#define HOME "smtps://relay.example"

static void
a_mailbox_becomes_an_account(void **state)
{
	struct settings *s =
	    good("pop3s://ann%40old.example@pop.old.example", HOME);
	const struct account *a = &s->accounts[0];

	(void)state;
	assert_string_equal(a->name, "ann@old.example@pop.old.example");
	assert_string_equal(a->at.host, "pop.old.example");
	assert_int_equal(a->at.port, 995);
	assert_int_equal(a->at.tls, TLS_IMPLICIT);
	assert_string_equal(a->login.user, "ann@old.example");
	assert_null(a->login.password);
	assert_string_equal(a->recipients[0], "ann@new.example");
	assert_string_equal(a->destination, "relay-example");
	settings_free(&s);
	s = good(
	    "pop3://ann@127.0.0.1:1100?tls=none&max_size=2M&timeout=5s", HOME);
	a = &s->accounts[0];
	assert_string_equal(a->name, "ann@127.0.0.1:1100");
	assert_int_equal(a->at.tls, TLS_NONE);
	assert_int_equal(a->at.timeout_ms, 5000);
	assert_int_equal(a->max_size, 2 << 20);
	settings_free(&s);
	s = good("pop3://ann@pop.example", HOME);
	assert_int_equal(s->accounts[0].at.tls, TLS_STARTTLS);
	assert_int_equal(s->accounts[0].at.port, 110);
	assert_string_equal(s->accounts[0].name, "ann@pop.example");
	settings_free(&s);
}

/* The ledger knows the mailbox by it, so it has to be the same every time. */
static void
names_are_fit_for_accounts_and_differ(void **state)
{
	static const char long_user[] =
	    "pop3s://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	    "aaaaaaaaaaaaaaa%c@pop.example";
	char one[120], two[120];
	struct settings *s, *t;

	(void)state;
	s = good("pop3s://-Gr%c3%bc%C3%9fe%2f%25%20x@pop.example", HOME);
	assert_string_equal(
	    s->accounts[0].name, "%2DGr%C3%BC%C3%9Fe%2F%25%20x@pop.example");
	settings_free(&s);
	snprintf(one, sizeof(one), long_user, 'x');
	snprintf(two, sizeof(two), long_user, 'y');
	s = good(one, HOME);
	t = good(two, HOME);
	assert_int_equal(strlen(s->accounts[0].name), 64);
	assert_string_not_equal(s->accounts[0].name, t->accounts[0].name);
	settings_free(&t);
	t = good(one, HOME);
	assert_string_equal(s->accounts[0].name, t->accounts[0].name);
	settings_free(&s);
	settings_free(&t);
}

static void
a_destination_is_what_its_url_says(void **state)
{
	static const struct {
		const char *url, *name;
		unsigned port;
		enum tls_mode tls;
		bool lmtp;
	} table[] = {
		{ "smtps://relay.example", "relay-example", 465, TLS_IMPLICIT,
		    false },
		{ "smtps://bob@relay.example:1465", "relay-example", 1465,
		    TLS_IMPLICIT, false },
		{ "smtp://relay.example", "relay-example", 25, TLS_STARTTLS,
		    false },
		{ "smtp://bob@relay.example", "relay-example", 587,
		    TLS_STARTTLS, false },
		{ "smtp://localhost:2525", "localhost", 2525, TLS_NONE, false },
		{ "smtp://127.0.0.1?tls=starttls", "smtp-127-0-0-1", 25,
		    TLS_STARTTLS, false },
		{ "lmtp://localhost:24", "localhost", 24, TLS_NONE, true },
		{ "lmtp://3com.example:24", "lmtp-3com-example", 24,
		    TLS_STARTTLS, true },
		{ "smtp://[::1]", "smtp-1", 25, TLS_NONE, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct settings *s = good("pop3s://a@b.example", table[i].url);
		const struct destination *d = &s->destinations[0];

		assert_string_equal(d->name, table[i].name);
		assert_int_equal(d->at.port, table[i].port);
		assert_int_equal(d->at.tls, table[i].tls);
		assert_int_equal(d->options.lmtp, table[i].lmtp);
		settings_free(&s);
	}
	for (int i = 0; i < 2; i++) {
		struct settings *s = good("pop3s://a@b.example",
		    i == 0 ? "lmtp:///run/dovecot/lmtp"
			   : "lmtp:///run/dovecot/lmtp?reply_timeout=1m");

		assert_string_equal(
		    s->destinations[0].at.path, "/run/dovecot/lmtp");
		assert_string_equal(
		    s->destinations[0].name, "lmtp-run-dovecot-lmtp");
		settings_free(&s);
	}
}

static void
what_is_wrong_on_the_command_line_is_told(void **state)
{
	static const struct {
		const char *source, *destination, *words;
	} table[] = {
		{ "imaps://a@b.example", HOME, "command line: source begins" },
		{ "pop3s://b.example", HOME, "source names no user" },
		{ "pop3s://a@", HOME, "source names no host" },
		{ "pop3s://a@b.example/x", HOME, "behind its host" },
		{ "pop3s://a:SECRET@b.example", HOME, "has a password in it" },
		{ "pop3s://a@b.example?tls=none", HOME, "for pop3://" },
		{ "pop3://a@b.example?tsl=none", HOME,
		    "\"tsl\" behind its \"?\"; did you mean \"tls\"" },
		{ "pop3://a@b.example?password=SECRET", HOME,
		    "\"password\" behind its \"?\"" },
		{ "pop3://a@b.example?tls=no", HOME, "\"tls\" must be" },
		{ "pop3://a@b.example?tls=none", HOME, "allow_cleartext" },
		{ "pop3://a@b.example?timeout=1s&timeout=2s", HOME, "twice" },
		{ "pop3s://a@b.example?ordered=maybe", HOME,
		    "must be true or false" },
		{ "pop3s://a@b c", HOME, "host name" },
		{ "pop3s://a@b.example", "http://x",
		    "destination begins with none" },
		{ "pop3s://a@b.example", "smtp://", "names no host" },
		{ "pop3s://a@b.example", "lmtp://x.example", "names no port" },
		{ "pop3s://a@b.example", "lmtp://", "names no host" },
		{ "pop3s://a@b.example", "smtp://u:SECRET@x",
		    "has a password" },
		{ "pop3s://a@b.example", "smtp://x?connections=0",
		    "\"connections\"" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct buffer told = { 0 };

		assert_null(
		    of_urls(table[i].source, table[i].destination, &told));
		if (strstr(told.data, table[i].words) == NULL ||
		    strstr(told.data, "SECRET") != NULL)
			fail_msg("%s %s: %s", table[i].source,
			    table[i].destination, told.data);
		buffer_free(&told);
	}
}

/* What somebody writes is a value, whatever stands in it. */
static void
no_value_becomes_a_setting(void **state)
{
	struct settings *s =
	    good("pop3s://a%22%3b%20destination%20=%20%22x@b.example", HOME);

	(void)state;
	assert_string_equal(
	    s->accounts[0].login.user, "a\"; destination = \"x");
	settings_free(&s);
}

/* --- lists --- */

struct listed {
	char *path; /* owned */
	struct buffer told;
	struct boxes boxes;
	struct settings *settings;
};

static void
read_list(struct listed *l, const char *text, size_t len, mode_t mode,
    const char *destination)
{
	struct boxes_usual usual = { .destination = destination };
	struct problems problems = { 0 };
	struct error e = { 0 };
	char path[] = "/tmp/postrider-test-boxes.XXXXXX";
	int fd = mkstemp(path);

	*l = (struct listed){ .path = strdup(path) };
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), (ssize_t)len);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
	buffer_reserve(&l->told, 1);
	if (boxes_from_list(&l->boxes, path, &usual, &problems) == 0)
		boxes_settings(&l->boxes, &l->settings, "/tmp", &l->told, &e);
	problems_write(&problems, &l->told);
	problems_free(&problems);
}

static void
forget_list(struct listed *l)
{
	unlink(l->path);
	free(l->path);
	buffer_free(&l->told);
	boxes_free(&l->boxes);
	settings_free(&l->settings);
}

static void
a_list_becomes_accounts(void **state)
{
	static const char text[] =
	    "Recipient;source;destination;password;name;at\r\n"
	    "ann@new.example;pop3s://ann@old.example;" HOME ";s1;;/m/%l\r\n"
	    "\r\n"
	    "\"bob@new.example, carl@new.example\";"
	    "pop3s://bob:s2@old.example;;;bob;\r\n";
	struct listed l;

	(void)state;
	read_list(&l, text, strlen(text), 0600, "smtp://localhost:25");
	if (l.settings == NULL)
		fail_msg("%s", l.told.data);
	assert_int_equal(l.settings->account_count, 2);
	assert_string_equal(l.settings->accounts[0].login.password, "s1");
	assert_string_equal(l.settings->accounts[0].name, "ann@old.example");
	assert_string_equal(l.settings->accounts[1].login.password, "s2");
	assert_string_equal(l.settings->accounts[1].name, "bob");
	assert_string_equal(
	    l.settings->accounts[1].recipients[1], "carl@new.example");
	assert_string_equal(l.settings->accounts[1].destination, "localhost");
	assert_int_equal(l.settings->destination_count, 2);
	assert_string_equal(l.boxes.places[0].at, "/m/%l");
	assert_null(l.boxes.places[1].at);
	assert_int_equal(l.boxes.places[1].line, 4);
	forget_list(&l);
}

static void
destinations_that_differ_have_names_that_do(void **state)
{
	static const char text[] =
	    "source,recipient,destination\n"
	    "pop3s://a@old.example,a,smtp://localhost:25\n"
	    "pop3s://b@old.example,b,smtp://localhost:26\n"
	    "pop3s://c@old.example,c,smtp://localhost:25\n";
	struct listed l;

	(void)state;
	read_list(&l, text, strlen(text), 0600, NULL);
	if (l.settings == NULL)
		fail_msg("%s", l.told.data);
	assert_int_equal(l.settings->destination_count, 2);
	assert_string_equal(l.settings->accounts[0].destination, "localhost");
	assert_string_equal(l.settings->accounts[1].destination, "localhost-2");
	assert_string_equal(l.settings->accounts[2].destination, "localhost");
	forget_list(&l);
}

#define HEAD "source,recipient,password\n"
#define LINE "pop3s://a@old.example,a,s\n"

static void
what_is_wrong_in_a_list_is_told_with_its_line(void **state)
{
	static const struct {
		const char *text, *words;
	} table[] = {
		{ "", ": is empty" },
		{ "\n\n", ": is empty" },
		{ "source,recipient\n", ": names no mailbox" },
		{ "source\n", ":1: the column \"recipient\" is missing" },
		{ "recipient\n", ":1: the column \"source\" is missing" },
		{ "source,recipiant\n",
		    ":1: there is no column \"recipiant\": "
		    "did you mean \"recipient\"" },
		{ "source,recipient,source\n", ":1: there are two" },
		{ "\"source\n", ":1: is not in the form" },
		{ HEAD LINE "x\n", ":3: has 1 fields" },
		{ HEAD LINE "a,b,c,d\n", ":3: has 4 fields" },
		{ HEAD LINE "\"a\n\n\"b,c,d\n", ":5: is not in the form" },
		{ HEAD LINE "\"a\nb,c,d\n", ":3: is not in the form" },
		{ HEAD LINE ",a,SECRET\n", ":3: \"source\" is missing" },
		{ HEAD "\n" LINE "pop3s://b@old.example,,SECRET\n",
		    ":4: \"recipient\" is missing" },
		{ HEAD LINE "pop3s://b@old.example,a b@,SECRET\n",
		    ":3: account \"b@old.example\": \"recipient\" has" },
		{ HEAD LINE "pop3s://b@old.example:x,a,SECRET\n",
		    ":3: source has a port" },
		{ HEAD LINE "pop3s://b:SECRET@old.example,a,SECRET\n",
		    ":3: source has a password in it, and" },
		{ HEAD LINE "\npop3s://a@old.example,b,SECRET\n",
		    ":4: there is another account" },
		{ HEAD LINE "pop3s://b\xff@old.example,b,SECRET\n",
		    ":3: is no text in UTF-8" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct listed l;

		read_list(&l, table[i].text, strlen(table[i].text), 0600, HOME);
		assert_null(l.settings);
		if (strstr(l.told.data, table[i].words) == NULL ||
		    strncmp(l.told.data, l.path, strlen(l.path)) != 0 ||
		    strstr(l.told.data, "SECRET") != NULL)
			fail_msg("%s: %s", table[i].text, l.told.data);
		forget_list(&l);
	}
}

static void
nul_is_no_text(void **state)
{
	static const char text[] = HEAD "a\0b\n";
	struct listed l;

	(void)state;
	read_list(&l, text, sizeof(text) - 1, 0600, HOME);
	assert_null(l.settings);
	assert_non_null(strstr(l.told.data, ":2: is no text"));
	forget_list(&l);
}

static void
a_list_with_passwords_is_private(void **state)
{
	static const char url[] =
	    "source,recipient\npop3s://a:s@old.example,a\n";
	static const char destination[] =
	    "source,recipient,destination,destination_password\n"
	    "pop3s://a@old.example,a,smtps://u@x.example,s\n";
	static const char *const secret[] = { HEAD LINE, url, destination };
	static const char open[] = "source,recipient\npop3s://a@b.example,a\n";
	struct listed l;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		read_list(&l, secret[i], strlen(secret[i]), 0640, HOME);
		assert_null(l.settings);
		if (strstr(l.told.data, ":2: a password stands here") == NULL)
			fail_msg("%s", l.told.data);
		forget_list(&l);
	}
	read_list(&l, open, strlen(open), 0644, HOME);
	assert_non_null(l.settings);
	forget_list(&l);
}

static void
a_long_list_of_mistakes_is_told_in_part(void **state)
{
	struct buffer text = { 0 };
	struct listed l;
	size_t lines = 0;

	(void)state;
	buffer_add_text(&text, HEAD);
	for (int i = 0; i < 20000; i++)
		buffer_addf(&text, "x%d,a,s\n", i);
	read_list(&l, text.data, text.len, 0600, HOME);
	assert_null(l.settings);
	for (const char *c = l.told.data; *c != '\0'; c++)
		lines += *c == '\n';
	assert_in_range(lines, 50, 60);
	forget_list(&l);
	buffer_clear(&text);
	buffer_add_text(&text, HEAD);
	for (int i = 0; i <= BOXES_MAX; i++)
		buffer_addf(&text, "pop3s://u%d@b.example,a,s\n", i);
	read_list(&l, text.data, text.len, 0600, HOME);
	assert_null(l.settings);
	assert_non_null(strstr(l.told.data, ":10002: these are more than"));
	forget_list(&l);
	buffer_free(&text);
}

/* --- where the destination is read --- */

static const char *of_ann[] = { "ann@new.example", NULL };
static const char *of_nobody[] = { "nobody", NULL };
static const char *of_evil[] = { "../../etc@new.example", NULL };
static const char *of_dots[] = { "..@new.example", NULL };

/* *told is what is wrong. */
static bool
make_there(struct there *t, const char *pattern, const char **list,
    const char *path, struct buffer *told)
{
	struct account a = { .name = "ann@old", .recipients = list };
	const struct account *accounts[] = { &a, &a };
	struct there_wish w = { .pattern = pattern,
		.file = path != NULL ? path : "command line",
		.path = path,
		.line = 7,
		.mode = 0600 };
	struct there_wish wishes[] = { w, w };

	buffer_clear(told);
	return there_make(t, accounts, wishes, 2, told) == 0;
}

static void
a_place_is_a_folder_or_a_mailbox(void **state)
{
	struct buffer told = { 0 };
	struct there t;

	(void)state;
	assert_true(make_there(&t, "/m/%d/%l/100%%%r:%n", of_ann, NULL, &told));
	assert_int_equal(t.list[0].where, VERIFY_MAILDIR);
	assert_string_equal(
	    t.list[0].path, "/m/new.example/ann/100%ann@new.example:ann@old");
	there_free(&t);
	assert_true(make_there(&t, "m/%l", of_ann, "/lists/a.csv", &told));
	assert_string_equal(t.list[0].path, "/lists/m/ann");
	there_free(&t);
	assert_true(make_there(
	    &t, "pop3s://%r@pop.new.example:1995", of_ann, NULL, &told));
	assert_int_equal(t.list[0].where, VERIFY_POP3);
	assert_string_equal(t.list[0].account->login.user, "ann@new.example");
	assert_int_equal(t.list[0].account->at.port, 1995);
	/* Two that are moved into one. */
	assert_ptr_equal(t.list[0].account, t.list[1].account);
	there_free(&t);
	assert_true(make_there(
	    &t, "pop3s://%l%40x%25@pop.new.example", of_ann, NULL, &told));
	assert_string_equal(t.list[0].account->login.user, "ann@x%");
	there_free(&t);
	assert_true(make_there(
	    &t, "pop3s://%l%%d@pop.new.example", of_evil, NULL, &told));
	assert_string_equal(t.list[0].account->login.user, "../../etc%d");
	there_free(&t);
	assert_true(make_there(&t, NULL, of_ann, NULL, &told));
	assert_int_equal(t.list[0].where, VERIFY_NOWHERE);
	there_free(&t);
	assert_int_equal(told.len, 0);
	buffer_free(&told);
}

static void
what_is_wrong_with_a_place_is_told(void **state)
{
	static const struct {
		const char *pattern;
		const char **recipients;
		const char *words;
	} table[] = {
		{ "/m/%x", of_ann, "stands for nothing" },
		{ "/m/%", of_ann, "stands for nothing" },
		{ "/m/%d", of_nobody, "no domain" },
		{ "/m/%l", of_evil, "no name of a folder" },
		{ "/m/%l", of_dots, "no name of a folder" },
		{ "/m/%r", of_evil, "no name of a folder" },
		{ "", of_ann, "is empty" },
		{ "imaps://a@b", of_ann, "begins with neither" },
		{ "pop3s://a:SECRET@b.example", of_ann, "has a password" },
		{ "pop3://a@b.example?tls=none", of_ann, "allow_cleartext" },
	};
	struct buffer told = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct there t;

		assert_false(make_there(
		    &t, table[i].pattern, table[i].recipients, NULL, &told));
		if (strstr(told.data, table[i].words) == NULL ||
		    strstr(told.data, "command line:7: ") != told.data ||
		    strstr(told.data, "SECRET") != NULL)
			fail_msg("%s: %s", table[i].pattern, told.data);
		there_free(&t);
	}
	buffer_free(&told);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_url_is_taken_apart_and_decoded),
		cmocka_unit_test(what_is_no_url_is_told_without_a_password),
		cmocka_unit_test(records_and_fields_are_found),
		cmocka_unit_test(quotes_out_of_place_are_told_with_their_line),
		cmocka_unit_test(a_record_cut_anywhere_is_told_or_read),
		cmocka_unit_test(a_mailbox_becomes_an_account),
		cmocka_unit_test(names_are_fit_for_accounts_and_differ),
		cmocka_unit_test(a_destination_is_what_its_url_says),
		cmocka_unit_test(what_is_wrong_on_the_command_line_is_told),
		cmocka_unit_test(no_value_becomes_a_setting),
		cmocka_unit_test(a_list_becomes_accounts),
		cmocka_unit_test(destinations_that_differ_have_names_that_do),
		cmocka_unit_test(what_is_wrong_in_a_list_is_told_with_its_line),
		cmocka_unit_test(nul_is_no_text),
		cmocka_unit_test(a_list_with_passwords_is_private),
		cmocka_unit_test(a_long_list_of_mistakes_is_told_in_part),
		cmocka_unit_test(a_place_is_a_folder_or_a_mailbox),
		cmocka_unit_test(what_is_wrong_with_a_place_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
