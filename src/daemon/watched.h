/*
 * watched.h - the accounts that metrics tell of, found by name; fifty thousand
 * of them are no burden. One thread at a time.
 */
#ifndef DAEMON_WATCHED_H
#define DAEMON_WATCHED_H

#include <stddef.h>
#include <stdint.h>

/* What is told of an account. */
struct watched {
	struct watched *next; /* private, as is: */
	uint32_t hash;
	int64_t
	    last_success; /* wall clock; before the first: since when known */
	uint64_t delivered; /* messages */
	uint64_t held, in_doubt; /* messages, at the last poll */
	uint64_t failures; /* in a row */
	char name[]; /* as it is written in a label: family_escape() */
};

/* { 0 } is an empty list. */
struct watchlist {
	struct watched **buckets; /* owned, with what they hold */
	size_t bucket_count; /* a power of 2, or 0 */
	size_t count;
	size_t name_length; /* of all names together */
};

/* watched_find - or NULL. */
struct watched *watched_find(const struct watchlist *list, const char *name);

/* watched_add - one that is not in the list yet; all about it is 0. */
struct watched *watched_add(struct watchlist *list, const char *name);

void watched_remove(struct watchlist *list, const char *name);

/*
 * watched_next - all of them in turn, in no order; after: NULL at first. NULL:
 * that was the last.
 */
const struct watched *
watched_next(const struct watchlist *list, const struct watched *after);

void watched_free(struct watchlist *list); /* leaves { 0 } */

#endif
