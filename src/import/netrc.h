/*
 * netrc.h - passwords out of a ~/.netrc, as ftp(1) and its kin keep them:
 * words, of which "machine" begins an entry.
 */
#ifndef IMPORT_NETRC_H
#define IMPORT_NETRC_H

#include "base/buffer.h"

#include <stddef.h>

struct netrc_entry {
	char *machine; /* NULL: that of "default" */
	char *login, *password; /* or NULL */
};

struct netrc {
	struct netrc_entry *list; /* in the order of the file */
	size_t count, room;
};

/*
 * netrc_parse - what it makes no sense of, it passes over: the file is that of
 * other programs, too.
 */
void netrc_parse(struct netrc *n, struct slice text);
void netrc_free(struct netrc *n); /* wipes */

/* netrc_password - of the first entry with that machine and login, or NULL. */
const char *
netrc_password(const struct netrc *n, const char *machine, const char *login);

#endif
