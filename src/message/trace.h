/*
 * trace.h - the trace header that we put on top of each message (RFC 5321
 * section 4.4), and its id, the same for the same message for ever.
 */
#ifndef MESSAGE_TRACE_H
#define MESSAGE_TRACE_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Eight characters that stand for the maildrop (server and user), a dot,
 * twenty that stand for the message (server, user, UID, copy, octets).
 */
#define TRACE_ID 32

/*
 * The same message has the same id as long as its UID stays.
 * octets: as listed. Server and user are compared in lower case and as they
 * are, like the ledger does.
 */
void trace_id(const char *server, const char *user, struct slice uid,
    uint32_t copy, uint64_t octets, char out[TRACE_ID]);

/*
 * trace_loops - has a message with this header gone round? It has more than
 * TRACE_HOPS_MAX Received fields (RFC 5321 section 6.3), or one that we wrote
 * for the same maildrop. id: what trace_id() gives for it.
 */
#define TRACE_HOPS_MAX 100
bool trace_loops(struct slice header, const char *id);

struct trace {
	const char *from; /* the POP3 server's name */
	const char *by; /* this host's name */
	bool tls; /* POP3S or POP3 */
	const char *id; /* trace_id() */
	const char *recipient; /* NULL when there are several */
	int64_t when; /* wall clock, seconds */
};

/* trace_header - append the Received field, folded, with its CRLF. */
void trace_header(const struct trace *t, struct buffer *out);

/*
 * trace_find - the topmost Received field that is ours, by its words "with POP3
 * id" or "with POP3S id" and the shape of the id, however a relay has folded
 * it. maildrop: the first eight characters of the ids of that maildrop, or
 * NULL: any. id: filled in. below: what follows the field, up to the end of
 * `header`, which may be a header or all of a message.
 */
bool trace_find(struct slice header, const char *maildrop, char id[TRACE_ID],
    struct slice *below);

#endif
