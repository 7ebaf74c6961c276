/* watched.c - a hash table. */
#include "daemon/watched.h"

#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS_FIRST 64

/* FNV-1a: names come from the settings, and nobody aims at us with them. */
static uint32_t
hash_of(const char *name)
{
	uint32_t hash = 2166136261u;

	for (; *name != '\0'; name++)
		hash = (hash ^ (unsigned char)*name) * 16777619u;
	return hash;
}

static struct watched **
bucket_of(const struct watchlist *list, uint32_t hash)
{
	return &list->buckets[hash & (list->bucket_count - 1)];
}

/* The link that leads to it, or to nothing; NULL in an empty list. */
static struct watched **
find(const struct watchlist *list, const char *name)
{
	uint32_t hash = hash_of(name);
	struct watched **link;

	if (list->bucket_count == 0)
		return NULL;
	link = bucket_of(list, hash);
	while (*link != NULL &&
	    ((*link)->hash != hash || strcmp((*link)->name, name) != 0))
		link = &(*link)->next;
	return link;
}

static void
insert(struct watchlist *list, struct watched *w)
{
	struct watched **bucket = bucket_of(list, w->hash);

	w->next = *bucket;
	*bucket = w;
}

static void
grow(struct watchlist *list)
{
	struct watchlist old = *list;

	list->bucket_count =
	    old.bucket_count == 0 ? BUCKETS_FIRST : 2 * old.bucket_count;
	list->buckets = xcalloc(list->bucket_count, sizeof(*list->buckets));
	for (size_t i = 0; i < old.bucket_count; i++) {
		struct watched *w;

		while ((w = old.buckets[i]) != NULL) {
			old.buckets[i] = w->next;
			insert(list, w);
		}
	}
	free(old.buckets);
}

struct watched *
watched_find(const struct watchlist *list, const char *name)
{
	struct watched **link = find(list, name);

	return link == NULL ? NULL : *link;
}

struct watched *
watched_add(struct watchlist *list, const char *name)
{
	size_t len = strlen(name);
	struct watched *w = xcalloc(1, sizeof(*w) + len + 1);

	memcpy(w->name, name, len);
	w->hash = hash_of(name);
	if (list->count == list->bucket_count)
		grow(list);
	insert(list, w);
	list->count++;
	list->name_length += len;
	return w;
}

void
watched_remove(struct watchlist *list, const char *name)
{
	struct watched **link = find(list, name), *w;

	if (link == NULL || *link == NULL)
		return;
	w = *link;
	*link = w->next;
	free(w);
	list->count--;
	list->name_length -= strlen(name);
}

const struct watched *
watched_next(const struct watchlist *list, const struct watched *after)
{
	size_t bucket = 0;

	if (after != NULL && after->next != NULL)
		return after->next;
	if (after != NULL)
		bucket = (after->hash & (list->bucket_count - 1)) + 1;
	for (; bucket < list->bucket_count; bucket++)
		if (list->buckets[bucket] != NULL)
			return list->buckets[bucket];
	return NULL;
}

void
watched_free(struct watchlist *list)
{
	for (size_t i = 0; i < list->bucket_count; i++) {
		struct watched *w;

		while ((w = list->buckets[i]) != NULL) {
			list->buckets[i] = w->next;
			free(w);
		}
	}
	free(list->buckets);
	*list = (struct watchlist){ 0 };
}
