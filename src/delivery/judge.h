/*
 * judge.h - what a message's envelope and the replies of a server mean for the
 * transit: policy.h applied to its recipients.
 */
#ifndef DELIVERY_JUDGE_H
#define DELIVERY_JUDGE_H

#include "delivery/policy.h"
#include "delivery/transit.h"
#include "smtp/smtp.h"

#include <stdbool.h>

/* What came of one attempt at a transaction. */
enum attempt {
	ATTEMPT_DONE, /* each recipient has an outcome */
	ATTEMPT_AGAIN, /* the connection's fault; the content is untouched */
	ATTEMPT_LOST, /* the connection's fault; no end of data was sent */
	ATTEMPT_DOUBT, /* cut between the end of data and its reply */
	ATTEMPT_STOP /* every message would fare the same */
};

/* So many messages in a row refused at MAIL: is it the messages? */
#define SENDERS_REFUSED_MAX 3

/*
 * judge_envelope - fill in the parameters of MAIL, and begin anew with the
 * recipients. Returns whether the message may be sent; if not, each recipient
 * has its outcome.
 */
bool judge_envelope(struct transit *t, const struct smtp_ehlo *ehlo,
    const char *destination, struct smtp_mail *mail);

/*
 * judge_reply - what a reply means for one recipient, or (NULL) for all that
 * wait for it. Returns DONE, or AGAIN, LOST, STOP with t->error.
 */
enum attempt judge_reply(struct transit *t, enum policy_stage stage,
    struct transit_recipient *r, const struct smtp_reply *reply,
    const char *destination);

/* judge_stop - no message would be taken. Returns STOP with t->error. */
enum attempt judge_stop(
    struct transit *t, const struct smtp_reply *reply, const char *destination);

/* judge_is_open - is there a recipient without an outcome? */
bool judge_is_open(const struct transit *t);

/*
 * judge_takes_null_sender - nobody may be refused as the sender of a bounce: a
 * server that does it has something against us, not against the senders. Asks
 * it, and leaves it without a transaction.
 */
bool judge_takes_null_sender(struct smtp *smtp);

#endif
