/*
 * digest.h - SHA-256 over octets that come in pieces. Like memory, it is
 * always there: a libcrypto without SHA-256 ends the program.
 */
#ifndef MESSAGE_DIGEST_H
#define MESSAGE_DIGEST_H

#include <stddef.h>

#define DIGEST_OCTETS 32

struct digest {
	void *context; /* private */
};

void digest_begin(struct digest *d);
void digest_add(struct digest *d, const void *data, size_t len);
void digest_end(struct digest *d, unsigned char out[DIGEST_OCTETS]);

#endif
