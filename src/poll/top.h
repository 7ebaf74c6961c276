/*
 * top.h - the header of a message, by TOP n 0; by RETR where TOP is refused.
 */
#ifndef POLL_TOP_H
#define POLL_TOP_H

#include "base/buffer.h"
#include "base/error.h"
#include "pop3/pop3.h"

#include <stdbool.h>

/* What is learnt of a session on the way. */
struct top {
	struct pop3 *pop3; /* borrowed; set by the caller, the rest 0 */
	bool missing; /* no TOP here: each header costs a whole message */

	/* Private. */
	uint32_t *numbers; /* owned: what top_header() is called for, in turn */
	size_t count, at; /* of them; the next */
	size_t sent; /* of them have been, or need not be, asked ahead */
	bool shown; /* a header has come by TOP */
	unsigned refused; /* messages that only RETR gave */
};

/*
 * top_expect - top_header() is going to be called for this message, after those
 * expected before; so it may be asked for ahead. top_free - with or without.
 */
void top_expect(struct top *top, uint32_t number);
void top_free(struct top *top);

/*
 * top_header - replace *header by the message's header, its empty line
 * excluded, canonical; what lies beyond HEADER_MAX is read and dropped.
 * Returns 0, or -1: ERR_REFUSED, neither TOP nor RETR shows this message, or
 * an error of the session.
 */
int top_header(
    struct top *top, uint32_t number, struct buffer *header, struct error *e);

#endif
