/*
 * fuzz-boxes.c - the input as a list of mailboxes, and each line of it as the URL
 * of a mailbox, of a destination, and of a place to read.
 */
#include "migrate/boxes.h"
#include "migrate/csv.h"
#include "migrate/there.h"
#include "migrate/url.h"

#include "base/alloc.h"
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

static void
check_list(struct slice whole)
{
	struct csv_record r = { 0 };
	struct buffer why = { 0 };
	unsigned last = 0;
	struct csv c;
	int rc;

	csv_begin(&c, whole);
	while ((rc = csv_next(&c, &r, &why)) > 0) {
		fuzz_must(r.count > 0, "a record has a field");
		fuzz_must(r.line > last, "records are in the order of lines");
		last = r.line;
		for (size_t i = 0; i < r.count; i++)
			fuzz_must(strlen(r.fields[i]) <= whole.len,
			    "a field is no longer than the list");
	}
	fuzz_must(rc == 0 ? why.len == 0 : why.len > 0,
	    "what is wrong with a list is told, and nothing else");
	csv_record_free(&r);
	buffer_free(&why);
}

/* Whatever stands in a URL is a value. */
static void
check_told(const struct buffer *told)
{
	static const char *const never[] = { "syntax error", "unknown setting",
		"no closing quote", "unknown destination", "exclude each" };

	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
		fuzz_must(!fuzz_has(buffer_slice(told), never[i]),
		    "no value is taken for a setting");
}

static void
check_settings(const char *source, const char *destination)
{
	static const char *const recipients[] = { "ann@example.org", NULL };
	struct boxes_usual usual = { .destination = destination };
	struct problems problems = { 0 };
	struct settings *s = NULL;
	struct buffer told = { 0 };
	struct error e = { 0 };
	struct boxes b;

	if (boxes_from_urls(&b, source, recipients, &usual, &problems) == 0)
		boxes_settings(&b, &s, "/nowhere", &told, &e);
	problems_write(&problems, &told);
	fuzz_must((s == NULL) == (told.len > 0), "what is wrong is told");
	check_told(&told);
	if (s != NULL) {
		fuzz_must(s->account_count == 1 && s->destination_count == 1,
		    "a URL is one mailbox or one destination");
		fuzz_must(
		    strcmp(s->accounts[0].recipients[0], recipients[0]) == 0 &&
			s->accounts[0].login.password == NULL &&
			s->accounts[0].login.password_command == NULL &&
			s->accounts[0].login.password_file == NULL,
		    "a URL sets no more than it may");
	}
	problems_free(&problems);
	buffer_free(&told);
	settings_free(&s);
	boxes_free(&b);
}

/* What it is expanded to stays where it leads. */
static void
check_place(const char *pattern)
{
	static const char *recipients[] = { "../x@..", NULL };
	struct account a = { .name = "a b", .recipients = recipients };
	const struct account *accounts[] = { &a };
	struct there_wish w = {
		.pattern = pattern, .file = "command line", .mode = 0600
	};
	struct buffer told = { 0 };
	struct there t;
	int rc = there_make(&t, accounts, &w, 1, &told);

	fuzz_must(rc == 0 ? told.len == 0 : told.len > 0,
	    "what is wrong with a place is told");
	check_told(&told);
	if (rc == 0 && t.list[0].where == VERIFY_MAILDIR)
		fuzz_must(!fuzz_has(slice_of(t.list[0].path), "../x") ||
			strstr(pattern, "../x") != NULL,
		    "no recipient leads out of a folder");
	there_free(&t);
	buffer_free(&told);
}

static void
check_line(struct slice line)
{
	char *text = xstrndup(line.len > 0 ? line.data : "", line.len);
	struct buffer why = { 0 };
	struct url u;

	fuzz_must((url_parse(&u, text, &why) == 0) == (why.len == 0),
	    "what is wrong with a URL is told");
	url_free(&u);
	buffer_free(&why);
	check_settings(text, "smtps://relay.example");
	check_settings("pop3s://ann@pop.example", text);
	check_place(text);
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice rest = slice_make(data, size), line, copy;
	size_t lines = 0;

	/* Whoever reads a list has looked for these. */
	if (size == 0 || memchr(data, '\0', size) != NULL)
		return 0;
	copy = fuzz_copy(rest);
	check_list(copy);
	fuzz_free(copy);
	while (lines++ < 8 && fuzz_line(&rest, &line)) {
		check_line(line);
		fuzz_free(line);
	}
	return 0;
}
