/* A binary heap, and where in it each mailbox is. */
#include "daemon/due.h"

#include "base/alloc.h"

#include <stdlib.h>

struct entry {
	int64_t when;
	size_t mailbox;
};

struct due {
	struct entry *heap; /* owned; none is due before its parent */
	size_t count, room;
	size_t
	    *places; /* owned; by mailbox: in the heap, from 1; 0: not there */
	size_t place_room;
};

void
due_new(struct due **d)
{
	*d = xcalloc(1, sizeof(**d));
}

void
due_free(struct due **d)
{
	if (*d == NULL)
		return;
	free((*d)->heap);
	free((*d)->places);
	free(*d);
	*d = NULL;
}

/* The place of a mailbox, from 1, or 0. */
static size_t
place_of(const struct due *d, size_t mailbox)
{
	return mailbox < d->place_room ? d->places[mailbox] : 0;
}

static void
put(struct due *d, size_t i, struct entry entry)
{
	d->heap[i] = entry;
	d->places[entry.mailbox] = i + 1;
}

/* Put an entry at i, or further up, or further down. */
static void
settle(struct due *d, size_t i, struct entry entry)
{
	size_t child;

	for (; i > 0 && entry.when < d->heap[(i - 1) / 2].when; i = (i - 1) / 2)
		put(d, i, d->heap[(i - 1) / 2]);
	for (; (child = 2 * i + 1) < d->count; i = child) {
		if (child + 1 < d->count &&
		    d->heap[child + 1].when < d->heap[child].when)
			child++;
		if (entry.when <= d->heap[child].when)
			break;
		put(d, i, d->heap[child]);
	}
	put(d, i, entry);
}

static void
make_place(struct due *d, size_t mailbox)
{
	size_t room = d->place_room;

	if (mailbox >= room) {
		d->place_room = mailbox + 1 > 2 * room ? mailbox + 1 : 2 * room;
		d->places =
		    xrealloc(d->places, d->place_room, sizeof(*d->places));
		while (room < d->place_room)
			d->places[room++] = 0;
	}
	if (d->count == d->room) {
		d->room = d->room > 0 ? 2 * d->room : 16;
		d->heap = xrealloc(d->heap, d->room, sizeof(*d->heap));
	}
}

void
due_set(struct due *d, size_t mailbox, int64_t when)
{
	size_t place = place_of(d, mailbox);

	if (when == DUE_NEVER) {
		due_remove(d, mailbox);
		return;
	}
	if (place == 0) {
		make_place(d, mailbox);
		place = ++d->count;
	}
	settle(d, place - 1, (struct entry){ when, mailbox });
}

void
due_remove(struct due *d, size_t mailbox)
{
	size_t place = place_of(d, mailbox);

	if (place == 0)
		return;
	d->places[mailbox] = 0;
	if (place < d->count--)
		settle(d, place - 1, d->heap[d->count]);
}

bool
due_first(const struct due *d, size_t *mailbox, int64_t *when)
{
	if (d->count == 0)
		return false;
	*mailbox = d->heap[0].mailbox;
	*when = d->heap[0].when;
	return true;
}

int64_t
due_when(const struct due *d, size_t mailbox)
{
	size_t place = place_of(d, mailbox);

	return place > 0 ? d->heap[place - 1].when : DUE_NEVER;
}

size_t
due_count(const struct due *d)
{
	return d->count;
}
