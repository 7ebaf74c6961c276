/*
 * intake.h - one message, from RETR into its transit: canonical line ends, our
 * trace header on top, its Return-Path taken out and made the sender.
 */
#ifndef POLL_INTAKE_H
#define POLL_INTAKE_H

#include "message/canon.h"
#include "poll/handover.h"

struct intake {
	struct handover out; /* begun by the caller, and ended here */
	bool begun; /* its content has begun to come */
	const char *hold; /* why it must not be sent at all, or NULL */

	/* Private. */
	uint64_t read; /* octets from the mailbox so far */
	struct canon canon;
	struct buffer head; /* the header, while it is being gathered */
	bool has_head; /* it has been passed on */
};

/*
 * intake_run - RETR, and all of the content handed over.
 * m: { .out } at first; its head is the caller's to free, and after -1 the
 * handover his to break.
 * Returns 0, or -1: with ERR_REFUSED the session goes on, in the middle of the
 * message if `out.unwanted` or `hold` is set; else with an error of the session.
 */
int intake_run(
    struct intake *m, const struct listing_entry *listed, struct error *e);

/*
 * intake_skip_rest - get past what is left of a message that nobody wants.
 * Returns 0; 1 when that is too much, and the session had better be given up;
 * -1 with ERR_STOPPED.
 */
int intake_skip_rest(struct session *s, struct error *e);

/*
 * intake_stop - stopped: a session that gets past the message can still be
 * ended in order; any other is freed. begun: RETR was answered.
 */
void intake_stop(struct session *s, bool begun);

#endif
