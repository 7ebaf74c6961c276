/*
 * fdm_cache.c - the cache of a POP3 account of fdm: on each line how long a
 * unique id is, and the id.
 */
#include "import/fdm.h"

#include "base/text.h"

#include <string.h>

/* Returns 0 with *uid, and *rest behind its line, or -1. */
static int
entry(struct slice *rest, struct slice *uid)
{
	const char *space = memchr(rest->data, ' ', rest->len);
	struct slice digits = *rest;
	uint64_t len;

	if (space == NULL)
		return -1;
	digits.len = (size_t)(space - rest->data);
	if (text_u64(digits, IMPORT_UID_MAX, &len) < 0)
		return -1;
	*rest = slice_skip(*rest, digits.len + 1);
	if (rest->len <= len || rest->data[len] != '\n')
		return -1;
	*uid = slice_make(rest->data, (size_t)len);
	*rest = slice_skip(*rest, (size_t)len + 1);
	return 0;
}

int
fdm_cache(struct import_account *a, const char *file, struct slice text,
    struct error *e)
{
	unsigned number = 0;
	struct slice uid;

	while (text.len > 0) {
		number++;
		if (entry(&text, &uid) < 0)
			return import_error(e, file, number,
			    "\"LENGTH UID\" should stand here, so this is no "
			    "cache of a POP3 account, or was cut off");
		if (import_seen_add(a, uid, 0) < 0)
			return import_error(
			    e, file, number, "no server has such a unique id");
	}
	return 0;
}
