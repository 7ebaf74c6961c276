/* room.c - see room.h. */
#include "poll/room.h"

#include "base/descriptors.h"

/* Files and connections: of a poll, of a connection to a destination, ours. */
#define DESCRIPTORS_POLL 10
#define DESCRIPTORS_CONNECTION 6
#define DESCRIPTORS_OURS 32

unsigned
room_for_polls(size_t wanted, size_t connections)
{
	size_t others = DESCRIPTORS_OURS + DESCRIPTORS_CONNECTION * connections;
	size_t all = others + wanted * DESCRIPTORS_POLL;
	size_t there = descriptors_want(all);

	if (there >= all)
		return (unsigned)wanted;
	if (there < others + DESCRIPTORS_POLL)
		return 1;
	return (unsigned)((there - others) / DESCRIPTORS_POLL);
}
