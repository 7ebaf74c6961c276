/*
 * intake.h - one message, from RETR into its transit: canonical line ends, our
 * trace header on top, its Return-Path taken out and made the sender.
 */
#ifndef POLL_INTAKE_H
#define POLL_INTAKE_H

#include "message/canon.h"
#include "poll/session.h"

struct intake {
	struct session *s; /* borrowed */
	struct transit *t; /* the caller's until it is submitted */
	bool begun; /* its content has begun to come */
	bool submitted;
	bool unwanted; /* the delivery has given up on it */
	const char *hold; /* why it must not be sent at all, or NULL */

	/* Private. */
	uint64_t read; /* octets from the mailbox so far */
	struct canon canon;
	struct buffer head; /* the header, while it is being gathered */
	bool has_head; /* it has been passed on */
};

/*
 * intake_run - RETR, and all of the content into the transit, which is submitted
 * when it is complete or can hold no more.
 * m: { .s, .t } at first; its head is the caller's to free.
 * Returns 0, or -1: with ERR_REFUSED the session goes on, in the middle of the
 * message if `unwanted` or `hold` is set; else with an error of the session.
 */
int intake_run(
    struct intake *m, const struct listing_entry *listed, struct error *e);

#endif
