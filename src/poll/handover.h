/*
 * handover.h - content on its way from a poll into a transit, which is
 * submitted to its delivery when it is complete or can hold no more.
 */
#ifndef POLL_HANDOVER_H
#define POLL_HANDOVER_H

#include "poll/session.h"

struct handover {
	struct session *s; /* borrowed */
	struct delivery *to; /* borrowed */
	struct transit *t; /* ours until it is submitted */
	bool submitted;
	bool unwanted; /* the delivery has given up on it */
	bool untimely; /* too large to come behind others */
};

/*
 * handover_begin - make the transit for a message, to so many recipients. It
 * is for the message itself; who sends something else changes it.
 */
void handover_begin(struct handover *h, struct session *s, struct delivery *to,
    struct plan_entry *entry, const char *const *recipients, size_t count);

/*
 * handover_first_failed - since when a message has been refused for now, whose
 * row may be NULL; 0: it was not, or the clock has jumped since, and nobody
 * knows whether it was for long.
 */
int64_t handover_first_failed(const struct session *s, const struct row *row);

/*
 * handover_pass - append content. Returns 0, or -1: ERR_REFUSED and `unwanted`
 * when the delivery has given up; ERR_PROTOCOL and `untimely` when it has to
 * wait for others, and is too large for that; ERR_STOPPED, ERR_SYSTEM.
 */
int handover_pass(struct handover *h, struct slice content, struct error *e);

/* handover_refuse - nobody at the destination would take it: see delivery.h. */
void handover_refuse(struct handover *h, const char *words);

/* handover_end - that was all of it. handover_break - the rest never comes. */
void handover_end(struct handover *h);
void handover_break(struct handover *h);

#endif
