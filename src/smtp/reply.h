/*
 * reply.h - a reply of an SMTP or LMTP server (RFC 5321 section 4.2, enhanced
 * codes RFC 2034 and RFC 3463), and what EHLO told. Pure functions.
 */
#ifndef SMTP_REPLY_H
#define SMTP_REPLY_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stdint.h>

struct smtp_reply {
	int code; /* 200 to 599; 0: no reply at all */
	int class, subject, detail; /* enhanced code; class 0: none */
	char text[512]; /* lines joined with " / ", made harmless */
};

/*
 * smtp_reply_line - add one line (without CRLF) to a reply that began as { 0 }.
 * Returns 1 when it was the last line, 0 when more follow, -1 when the line is
 * no reply line, its code is not 2yz to 5yz, or differs from the line before.
 */
int smtp_reply_line(struct smtp_reply *r, struct slice line);

/* smtp_reply_text - "550 5.1.1 no such user", for messages. Returns out. */
#define SMTP_REPLY_TEXT 560
const char *
smtp_reply_text(const struct smtp_reply *r, char out[SMTP_REPLY_TEXT]);

/* What EHLO told. */
struct smtp_ehlo {
	bool extended; /* EHLO was understood, not only HELO */
	bool starttls, eightbitmime, smtputf8, pipelining, chunking, dsn;
	bool enhanced_codes;
	bool size; /* SIZE was named */
	uint64_t size_limit; /* 0: none told */
	char auth[256]; /* mechanisms, separated by blanks */
};

/* smtp_ehlo_line - one keyword line of the reply to EHLO, code cut off. */
void smtp_ehlo_line(struct smtp_ehlo *ehlo, struct slice line);

#endif
