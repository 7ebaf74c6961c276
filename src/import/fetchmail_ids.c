/*
 * fetchmail_ids.c - .fetchids: "USER@HOST UID" line by line. A user may have
 * blanks and an '@' in it, and so may a UID have an '@'; a host has neither.
 */
#include "import/fetchmail.h"

#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct id_line {
	struct slice user, host, uid;
};

/*
 * The first blank behind the first '@' ends the user and host, of which the
 * last '@' begins the host. Returns 0, or -1: that is none.
 */
static int
id_line_parse(struct slice line, struct id_line *out)
{
	const char *at = memchr(line.data, '@', line.len);
	const char *end = line.data + line.len;
	const char *blank, *last;
	struct slice rest;

	if (at == NULL)
		return -1;
	blank = memchr(at, ' ', (size_t)(end - at));
	if (blank == NULL)
		return -1;
	last = memrchr(line.data, '@', (size_t)(blank - line.data));
	out->user = slice_make(line.data, (size_t)(last - line.data));
	out->host =
	    slice_trim(slice_make(last + 1, (size_t)(blank - last - 1)));
	rest = slice_trim(slice_make(blank, (size_t)(end - blank)));
	out->uid = slice_word(&rest);
	return out->user.len > 0 && out->host.len > 0 && out->uid.len > 0 &&
		rest.len == 0
	    ? 0
	    : -1;
}

int
fetchmail_key_compare(const void *a, const void *b)
{
	const struct fetchmail_key *left = a, *right = b;
	int order = strcasecmp(left->host, right->host);

	return order != 0 ? order : strcasecmp(left->user, right->user);
}

/* The first one of those that are called so, or NULL. */
static struct fetchmail_key *
key_find(struct fetchmail_key *keys, size_t count, const struct id_line *line)
{
	char *user = xstrndup(line->user.data, line->user.len);
	char *host = xstrndup(line->host.data, line->host.len);
	struct fetchmail_key wanted = { .user = user, .host = host };
	struct fetchmail_key *found;

	found = count == 0 ? NULL
			   : bsearch(&wanted, keys, count, sizeof(*keys),
				 fetchmail_key_compare);
	while (found != NULL && found > keys &&
	    fetchmail_key_compare(found - 1, &wanted) == 0)
		found--;
	free(user);
	free(host);
	return found;
}

/*
 * A port is no part of what fetchmail calls a mailbox: whose an id is it does
 * not tell, and an id that a mailbox does not list does no harm.
 */
static int
ids_add(struct fetchmail_key *first, const struct fetchmail_key *end,
    struct slice uid, unsigned line)
{
	for (struct fetchmail_key *key = first;
	     key < end && fetchmail_key_compare(key, first) == 0; key++) {
		if (import_seen_add(key->account, uid, 0) < 0)
			return -1;
		if (key->line == 0)
			key->line = line;
	}
	return 0;
}

static struct slice
without_cr(struct slice line)
{
	if (line.len > 0 && line.data[line.len - 1] == '\r')
		line.len--;
	return line;
}

int
fetchmail_ids(const char *file, struct slice text, struct fetchmail_key *keys,
    size_t count, size_t *others, struct error *e)
{
	struct fetchmail_key *key;
	struct id_line parsed;
	struct slice line;
	unsigned number = 0;

	*others = 0;
	for (size_t i = 0; i < count; i++)
		keys[i].line = 0;
	if (text.len > 0 && text.data[text.len - 1] != '\n') {
		for (size_t i = 0; i < text.len; i++)
			number += text.data[i] == '\n';
		return import_error(e, file, number + 1,
		    "the last line has no end: the file is not complete");
	}
	while (import_line(&text, &line)) {
		number++;
		line = slice_trim(without_cr(line));
		if (line.len == 0)
			continue;
		if (id_line_parse(line, &parsed) < 0)
			return import_error(e, file, number,
			    "this is no line of fetchmail's, \"USER@HOST "
			    "UNIQUE-ID\"");
		key = key_find(keys, count, &parsed);
		if (key == NULL)
			(*others)++;
		else if (ids_add(key, keys + count, parsed.uid, number) < 0)
			return import_error(e, file, number,
			    "no server could list this unique id");
	}
	return 0;
}
