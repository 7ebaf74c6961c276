/*
 * replies.h - what the server's replies mean for a flight. What each of them
 * is for follows from how many have come: one for RSET where it was sent, for
 * MAIL, for each RCPT, for DATA where it was sent, and for the end of data; in
 * LMTP one for each recipient that was accepted (RFC 2033).
 */
#ifndef DELIVERY_REPLIES_H
#define DELIVERY_REPLIES_H

#include "delivery/flight.h"

/*
 * replies_take - the next one. Returns 1: it was the last; 0; or -1: the
 * connection is lost, since what the server says fits nothing (ERR_PROTOCOL),
 * or what follows could not be sent. After 421 (w->farewell) go on as long as
 * replies come: RFC 5321 section 3.8 has the server close without any.
 */
int replies_take(struct wire *w, struct flight *f,
    const struct smtp_reply *reply, struct error *e);

/* replies_go_ahead - queue the content of one that was granted it. 0, or -1. */
int replies_go_ahead(struct wire *w, struct flight *f, struct error *e);

/* replies_await_verdict - is the next one that to the end of data? */
bool replies_await_verdict(const struct flight *f);

/*
 * replies_judge - judge_reply(), and whether every message would fare the same.
 */
void replies_judge(struct wire *w, struct flight *f, enum policy_stage stage,
    struct transit_recipient *r, const struct smtp_reply *reply);

#endif
