/*
 * descriptors.h - how many files and connections may be open at once.
 */
#ifndef BASE_DESCRIPTORS_H
#define BASE_DESCRIPTORS_H

#include <stddef.h>

/*
 * descriptors_want - so many will be needed: ask the system for them, where it
 * would give fewer (RLIMIT_NOFILE: its soft limit is raised up to the hard one,
 * and no further than is needed, since programs that we start inherit it).
 * Returns how many there may be: perhaps more, perhaps fewer.
 */
size_t descriptors_want(size_t count);

#endif
