/*
 * set.h - a set of numbers: digests of what has been met before. Eight octets or
 * sixteen for each, whatever it stands for.
 */
#ifndef BASE_SET_H
#define BASE_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* { 0 } is an empty set. Private. */
struct set {
	uint64_t *slots; /* owned; 0: free */
	size_t room; /* a power of two */
	size_t count;
	bool zero; /* is 0 in it? */
};

/* set_add - returns whether it is new. */
bool set_add(struct set *s, uint64_t n);
bool set_has(const struct set *s, uint64_t n);
void set_free(struct set *s); /* leaves { 0 } */

/* set_mix - a number for two, and so for any: set_mix(set_mix(a, b), c). */
uint64_t set_mix(uint64_t a, uint64_t b);

/* set_octets - a number for octets. Not for octets that an enemy chooses. */
uint64_t set_octets(const void *data, size_t len);

#endif
