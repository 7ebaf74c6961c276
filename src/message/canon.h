/*
 * canon.h - the one change that SMTP demands of content: line ends. A bare LF
 * becomes CRLF, a bare CR becomes a space (RFC 5321 section 2.3.8); all other
 * octets, NUL and 8-bit included, pass. Done before dot-stuffing, so that no
 * content can end the data (CVE-2023-51764 and kin).
 */
#ifndef MESSAGE_CANON_H
#define MESSAGE_CANON_H

#include "base/buffer.h"

#include <stdint.h>

/* { 0 } is the start of a message. */
struct canon {
	int state; /* private */
	uint64_t bare_lf; /* how many were mended */
	uint64_t bare_cr;
};

/*
 * canon_next - the next run of canonical content.
 * in: raw content, cut from the front as it is used. out: points into `in` or
 * at constant octets; may be empty. Call until in->len is 0.
 */
void canon_next(struct canon *c, struct slice *in, struct slice *out);

/* canon_end - what is left at the end of the message (an open line's CRLF). */
struct slice canon_end(struct canon *c);

#endif
