/*
 * intake.h - one message, from RETR into its transit: canonical line ends, our
 * trace header on top, its Return-Path taken out and made the sender.
 */
#ifndef POLL_INTAKE_H
#define POLL_INTAKE_H

#include "message/canon.h"
#include "message/proof.h"
#include "poll/handover.h"

struct intake {
	struct handover out; /* begun by the caller, and ended here */
	struct plan_entry *entry; /* borrowed */
	const struct listing_entry *listed; /* borrowed */
	bool begun; /* its content has begun to come */
	bool doubtful; /* another size than listed: is it that message? */
	const char *hold; /* why it must not be sent at all, or NULL */
	struct intake *next; /* the caller's */

	/* Private. */
	uint64_t read; /* octets from the mailbox so far */
	struct canon canon;
	struct proof_digest proof;
	struct buffer head; /* the header, while it is being gathered */
	bool has_head; /* it has been passed on */
};

/*
 * intake_new - for a message that is to be taken; out is the caller's to begin.
 * intake_receive - RETR, and its content into the transit. Returns 0, or -1:
 *	with ERR_REFUSED the session goes on, in the middle of the message if
 *	`out.unwanted` or `hold` is set; else with an error of the session,
 *	which is nobody's fault if `out.untimely` is set.
 * intake_end - it is whole, and the one that was asked for: hand it over.
 *	Returns 0, or -1 as above; the intake is freed after 0.
 * intake_break - it will not be, and the transit is to know; and free it.
 * intake_free - after handover_break().
 */
struct intake *intake_new(struct plan_entry *entry);
int intake_receive(struct intake *m, struct error *e);
int intake_end(struct intake **m, struct error *e);
void intake_break(struct intake **m);
void intake_free(struct intake **m);

/*
 * intake_skip_rest - get past what is left of a message that nobody wants.
 * Returns 0; 1 when that is too much, and the session had better be given up;
 * -1 with ERR_STOPPED.
 * intake_skip - the same for this one, of which `doubtful` is then known if 0
 * is returned.
 */
int intake_skip_rest(struct session *s, struct error *e);
int intake_skip(struct intake *m, struct error *e);

/*
 * intake_stop - stopped: a session that gets past the message can still be
 * ended in order; any other is freed. begun: RETR was answered.
 */
void intake_stop(struct session *s, bool begun);

#endif
