/*
 * url.h - SCHEME://[USER[:PASSWORD]@]HOST[:PORT][/PATH][?KEY=VALUE&…], taken
 * apart (RFC 3986). Pure.
 */
#ifndef MIGRATE_URL_H
#define MIGRATE_URL_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct url_option {
	char *key, *value; /* owned */
};

/* All owned, and decoded; NULL where the URL has none. */
struct url {
	char *scheme; /* in small letters */
	char *user, *password, *host, *path;
	uint16_t port; /* 0: none */
	struct url_option *options;
	size_t option_count;
};

/* url_is - does it begin like one? */
bool url_is(const char *text);

/*
 * url_parse - take it apart. The last "@" ends the user, so that one with a "@"
 * of its own is understood; one with ":" or "/" has to be encoded.
 * Returns 0, or -1 with what is wrong, without any password, in *why: a clause
 * for behind a name. To be freed in either case.
 */
int url_parse(struct url *u, const char *text, struct buffer *why);
void url_free(struct url *u); /* wipes */

/*
 * url_way - where the words of an error advise a setting, how a URL has that: a
 * clause for behind them, or "".
 */
const char *url_way(const char *words);

#endif
