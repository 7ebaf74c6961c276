/*
 * dot.h - dot transparency (RFC 1939 section 3, RFC 5321 section 4.5.2), both
 * ways, without copying.
 *
 * Only CR LF . CR LF ends a body on the way in: a bare LF never begins a line
 * for the decoder. The encoder expects content with CRLF line ends only
 * (message/canon.h) and so can never let an end of data through.
 */
#ifndef NET_DOT_H
#define NET_DOT_H

#include "base/buffer.h"

#include <stdbool.h>

/* { 0 } is the start of a body. */
struct dot_decoder {
	int state; /* private */
};

/*
 * dot_decode - the next run of content.
 * in: octets that arrived; what was used is cut off its front.
 * content: a run of content, pointing into `in` or at constant octets; may be
 * empty.
 * Returns 1 when the body has ended (rest of `in` is what follows it), else 0;
 * call again while in->len > 0. Content ends with the CRLF before the dot.
 */
int dot_decode(struct dot_decoder *d, struct slice *in, struct slice *content);

/* { 0 } is the start of a body. */
struct dot_encoder {
	int state; /* private */
};

/*
 * dot_encode - the next run of octets to send for some content.
 * in: content, cut from the front as it is used. out: points into `in` or at a
 * constant ".". Call until in->len is 0.
 */
void dot_encode(struct dot_encoder *d, struct slice *in, struct slice *out);

/* dot_end - what ends the body: ".\r\n", or "\r\n.\r\n" after an open line. */
struct slice dot_end(const struct dot_encoder *d);

#endif
