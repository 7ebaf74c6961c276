/*
 * room.h - for how many polls at once does the system give us files and
 * connections?
 */
#ifndef POLL_ROOM_H
#define POLL_ROOM_H

#include <stddef.h>

/*
 * room_for_polls - so many as are wanted, or fewer, at least 1. connections: that
 * deliveries may have beside them.
 */
unsigned room_for_polls(size_t wanted, size_t connections);

#endif
