/*
 * top.h - the header of a message, by TOP n 0.
 */
#ifndef POLL_TOP_H
#define POLL_TOP_H

#include "base/buffer.h"
#include "base/error.h"
#include "pop3/pop3.h"

/*
 * top_header - replace *header by the message's header, its empty line
 * excluded, canonical; what lies beyond HEADER_MAX is read and dropped.
 * Returns 0, or -1 with the errors of pop3_top().
 */
int top_header(
    struct pop3 *pop3, uint32_t number, struct buffer *header, struct error *e);

#endif
