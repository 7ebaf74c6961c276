/*
 * fuzz-fetchmail.c - files of fetchmail, and a .netrc. The input is taken for
 * each of them.
 */
#include "import/fetchmail.h"

#include "base/alloc.h"
#include "fuzz.h"
#include "import/netrc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_NAME "file"

/* "file:LINE: …", of a line that there is. */
static void
check_error(const struct error *e, struct slice in)
{
	unsigned line = 0, lines = 1;

	for (size_t i = 0; i < in.len; i++)
		lines += in.data[i] == '\n';
	fuzz_must(e->kind == ERR_CONFIG, "what is wrong is the settings");
	fuzz_must(sscanf(e->text, FILE_NAME ":%u: ", &line) == 1,
	    "an error begins with its place");
	fuzz_must(line >= 1 && line <= lines, "that is a line of the file");
	fuzz_must(fuzz_harmless(slice_of(e->text)), "an error is harmless");
}

static void
check_value(const struct fetchmail_value *v, struct slice in)
{
	size_t texts = 0;

	for (size_t i = 0; i < v->count; i++)
		texts += strlen(v->list[i].text);
	fuzz_must(v->line >= 1, "a value stands on a line");
	fuzz_must(
	    texts <= in.len * 2 + 64, "values hold no more than the file");
}

static void
check_user(const struct fetchmail_rc *rc, size_t i, struct slice in)
{
	const struct fetchmail_user *u = &rc->users[i];

	fuzz_must(u->server < rc->server_count, "a user is one of a server");
	fuzz_must(i == 0 || u[-1].server <= u->server,
	    "users come in the order of their servers");
	for (int option = 0; option < FM_OPTIONS; option++) {
		const struct fetchmail_value *v =
		    fetchmail_value(rc, u, (enum fetchmail_option)option);

		if (v != NULL)
			check_value(v, in);
	}
}

static void
check_rc(struct slice in)
{
	struct fetchmail_rc rc;
	struct error e = { 0 };

	if (fetchmail_parse(&rc, FILE_NAME, in, &e) < 0)
		check_error(&e, in);
	else
		for (size_t i = 0; i < rc.user_count; i++)
			check_user(&rc, i, in);
	fetchmail_rc_free(&rc);
}

static void
check_escapes(struct slice in)
{
	struct buffer out = { 0 };

	fetchmail_unescape(in, &out);
	fuzz_must(out.len <= in.len, "no escape stands for more than it takes");
	fuzz_must(out.len == 0 || memchr(out.data, '\0', out.len) == NULL,
	    "an octet 0 ends a text");
	buffer_free(&out);
}

static size_t
count_lines(struct slice in)
{
	struct slice line;
	size_t count = 0;

	while (import_line(&in, &line)) {
		if (line.len > 0 && line.data[line.len - 1] == '\r')
			line.len--;
		count += slice_trim(line).len > 0;
	}
	return count;
}

static void
check_ids(struct slice in)
{
	struct import im = { 0 };
	struct import_account *a = import_account_add(&im, FILE_NAME, 1);
	struct fetchmail_key key = { "ann", "a.example", a, 0 };
	struct error e = { 0 };
	size_t others;

	if (fetchmail_ids(FILE_NAME, in, &key, 1, &others, &e) < 0)
		check_error(&e, in);
	else
		fuzz_must(a->seen.count + others == count_lines(in),
		    "every line is an id of this account, or of another");
	for (size_t i = 0; i < a->seen.count; i++)
		fuzz_must(strpbrk(a->seen.list[i].uid, " \t\r\n") == NULL,
		    "no unique id has a blank");
	import_free(&im);
}

static void
check_netrc(struct slice in)
{
	struct netrc n = { 0 };
	const char *password;

	netrc_parse(&n, in);
	password = netrc_password(&n, "a.example", "ann");
	fuzz_must(password == NULL || strlen(password) <= in.len,
	    "a password stands in the file");
	netrc_free(&n);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = fuzz_copy(slice_make(data, size));

	check_rc(in);
	check_escapes(in);
	check_ids(in);
	check_netrc(in);
	fuzz_free(in);
	return 0;
}
