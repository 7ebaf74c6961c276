/*
 * proof.h - what proves that a message has arrived as it was: SHA-256 over its
 * content as it is sent, less our Received field, and how long that is.
 *
 * At the source: the message with CRLF line ends (canon.h), less its first
 * Return-Path field if its header has one, which becomes the sender. At the
 * destination: all that is below our Received field (trace_find()), with CRLF
 * line ends. Where nobody has changed anything, both have the same digest.
 */
#ifndef MESSAGE_PROOF_H
#define MESSAGE_PROOF_H

#include "base/buffer.h"
#include "message/digest.h"

#include <stdint.h>

/* { 0 } is one that has not begun. */
struct proof_digest {
	struct digest digest;
	uint64_t octets; /* added so far */
};

/*
 * proof_begin - of a message. proof_add - canonical content, piece by piece.
 * proof_end - that was all: its digest; octets stays.
 * proof_free - if it will have no end; after proof_end() nothing is left to do.
 */
void proof_begin(struct proof_digest *p);
void proof_add(struct proof_digest *p, struct slice content);
void proof_end(struct proof_digest *p, unsigned char digest[DIGEST_OCTETS]);
void proof_free(struct proof_digest *p);

#endif
