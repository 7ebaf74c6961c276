/*
 * header.h - reading the header of a message (RFC 5322 section 2.2). Pure
 * functions over canonical content; nothing is decoded, nothing is required
 * to be well-formed.
 */
#ifndef MESSAGE_HEADER_H
#define MESSAGE_HEADER_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stdint.h>

/* How much of a header is looked at; what lies beyond passes unread. */
#define HEADER_MAX ((size_t)64 * 1024)

struct header_field {
	struct slice name; /* without the colon */
	struct slice value; /* folded lines included, less outer blanks */
	struct slice whole; /* name to the CRLF of its last line */
};

/*
 * header_length - the octets of the header in `content`, its empty line
 * excluded; only an empty line ends a header. complete: set when it was there,
 * or when HEADER_MAX is reached without it; else all of `content` is header,
 * as far as one can tell.
 */
size_t header_length(struct slice content, bool *complete);

/*
 * header_next - cut the next field off *rest. Lines that are no field ("From "
 * of an mbox, body without an empty line before it) are passed over. Returns
 * false at the end of the header.
 */
bool header_next(struct slice *rest, struct header_field *field);

/*
 * header_find - the first field of that name. Absent: false, *field is { 0 }.
 */
bool
header_find(struct slice header, const char *name, struct header_field *field);

/*
 * header_text - a field's value for people: unfolded, encoded words (RFC 2047)
 * of UTF-8 and ISO-8859-1 decoded, made harmless. "" when absent.
 */
void header_text(struct slice header, const char *name, char *out, size_t room);

/*
 * header_arrival - when the message came to its mailbox: the date of the
 * topmost Received field, else the Date field. -1 when there is none.
 */
int64_t header_arrival(struct slice header);

/*
 * header_is_servers - is this the name of a field that servers write and rewrite
 * as they like: Status, X-Status, X-UIDL, Content-Length?
 * header_digest - SHA-256 over the header less those: what identifies a message
 * on a server without UIDL, and one whose UID has changed.
 */
bool header_is_servers(struct slice name);
void header_digest(struct slice header, unsigned char out[32]);

#endif
