/* set.c - see set.h. */
#include "base/set.h"

#include "base/alloc.h"

#include <stdlib.h>

#define ROOM_FIRST ((size_t)64)

/* The end of splitmix64: each bit of the input is in each of the output. */
uint64_t
set_mix(uint64_t a, uint64_t b)
{
	uint64_t n = a + 0x9e3779b97f4a7c15u * (b + 1);

	n = (n ^ n >> 30) * 0xbf58476d1ce4e5b9u;
	n = (n ^ n >> 27) * 0x94d049bb133111ebu;
	return n ^ n >> 31;
}

/* FNV-1a. */
uint64_t
set_octets(const void *data, size_t len)
{
	const unsigned char *octets = data;
	uint64_t n = 0xcbf29ce484222325u;

	for (size_t i = 0; i < len; i++)
		n = (n ^ octets[i]) * 0x100000001b3u;
	return set_mix(n, len);
}

/* Where it is, or would be. */
static size_t
slot_of(const struct set *s, uint64_t n)
{
	size_t at = (size_t)set_mix(n, 0) & (s->room - 1);

	while (s->slots[at] != 0 && s->slots[at] != n)
		at = (at + 1) & (s->room - 1);
	return at;
}

/* Never more than half full, so that every search ends soon. */
static void
grow(struct set *s)
{
	struct set larger = { .room = s->room ? 2 * s->room : ROOM_FIRST,
		.count = s->count,
		.zero = s->zero };

	larger.slots = xcalloc(larger.room, sizeof(*larger.slots));
	for (size_t i = 0; i < s->room; i++)
		if (s->slots[i] != 0)
			larger.slots[slot_of(&larger, s->slots[i])] =
			    s->slots[i];
	free(s->slots);
	*s = larger;
}

bool
set_add(struct set *s, uint64_t n)
{
	size_t at;

	if (n == 0) {
		bool new = !s->zero;

		s->zero = true;
		return new;
	}
	if (2 * (s->count + 1) > s->room)
		grow(s);
	at = slot_of(s, n);
	if (s->slots[at] == n)
		return false;
	s->slots[at] = n;
	s->count++;
	return true;
}

bool
set_has(const struct set *s, uint64_t n)
{
	if (n == 0)
		return s->zero;
	return s->room > 0 && s->slots[slot_of(s, n)] == n;
}

void
set_free(struct set *s)
{
	free(s->slots);
	*s = (struct set){ 0 };
}
