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
	bool shown; /* a header has come by TOP */
	unsigned refused; /* messages that only RETR gave */
};

/*
 * top_header - replace *header by the message's header, its empty line
 * excluded, canonical; what lies beyond HEADER_MAX is read and dropped.
 * Returns 0, or -1: ERR_REFUSED, neither TOP nor RETR shows this message, or
 * an error of the session.
 */
int top_header(
    struct top *top, uint32_t number, struct buffer *header, struct error *e);

#endif
