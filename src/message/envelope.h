/*
 * envelope.h - the sender of an SMTP transaction, from the Return-Path that
 * the last server wrote (RFC 5321 section 4.4).
 */
#ifndef MESSAGE_ENVELOPE_H
#define MESSAGE_ENVELOPE_H

#include "base/buffer.h"

#include <stdbool.h>

/* RFC 5321 section 4.5.3.1.3: a path has 256 octets, with its brackets. */
#define ENVELOPE_ADDRESS 256

/*
 * envelope_sender - the address in a Return-Path value, without brackets and
 * source route. "" (the null sender) for "<>", for an absent value, and for
 * anything that is no mailbox: what we cannot prove harmless is not used.
 * utf8: set when it needs SMTPUTF8 (RFC 6531).
 */
void
envelope_sender(struct slice value, char out[ENVELOPE_ADDRESS], bool *utf8);

/*
 * envelope_recipient_ok - may this stand in RCPT TO? One mailbox (or a local
 * part alone), no control octets, blanks only when quoted, no brackets, fits.
 */
bool envelope_recipient_ok(const char *recipient);

#endif
