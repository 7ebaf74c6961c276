/*
 * getmail_oldmail.c - the files oldmail-SERVER-PORT-USER, in which getmail
 * keeps what it has fetched: "UID\0TIME\n", in no order. A '/' in a UID has
 * become a '-' there.
 */
#include "import/getmail.h"

#include "base/alloc.h"
#include "base/text.h"

#include <string.h>

char *
getmail_oldmail_name(const char *server, unsigned port, const char *user)
{
	static const char unwanted[] = "/:;<>|";
	char *name = xasprintf("oldmail-%s-%u-%s", server, port, user);
	char *to = name;
	bool run = false;

	/* As many of them as there are in a row become one. */
	for (const char *c = name; *c != '\0'; c++) {
		bool kept = strchr(unwanted, *c) == NULL;

		if (kept || !run)
			*to++ = kept ? *c : '-';
		run = !kept;
	}
	*to = '\0';
	return name;
}

static int
line_take(struct import_account *a, const char *file, unsigned number,
    struct slice line, struct error *e)
{
	const char *end = memchr(line.data, '\0', line.len);
	uint64_t since;
	size_t n;

	if (end == NULL)
		return import_error(e, file, number,
		    "there is no NUL octet in this line, so it is none of "
		    "getmail's, or was cut off");
	n = (size_t)(end - line.data);
	if (text_u64(slice_skip(line, n + 1), INT64_MAX, &since) < 0)
		return import_error(
		    e, file, number, "there is no time behind the unique id");
	if (import_seen_add(a, slice_make(line.data, n), (int64_t)since) < 0)
		return import_error(
		    e, file, number, "no server has such a unique id");
	return 0;
}

int
getmail_oldmail(struct import_account *a, const char *file, struct slice text,
    struct error *e)
{
	unsigned number = 0;
	struct slice line;

	a->seen.loose = true;
	while (import_line(&text, &line)) {
		number++;
		line = slice_trim(line);
		if (line.len > 0 && line_take(a, file, number, line, e) < 0)
			return -1;
	}
	return 0;
}
