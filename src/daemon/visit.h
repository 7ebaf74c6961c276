/*
 * visit.h - somebody who has asked over the control socket for accounts to be
 * polled, and waits until they are (fetch). Each poll is told of when it ends.
 */
#ifndef DAEMON_VISIT_H
#define DAEMON_VISIT_H

#include "daemon/control.h"
#include "poll/poll.h"

#include <stdbool.h>
#include <stddef.h>

struct visit {
	struct control_request *request; /* to be answered */
	size_t waits_for; /* so many polls */
};

/* On a mailbox: who waits for its next poll. */
struct visitor {
	struct visitor *next;
	struct visit *visit;
	bool baseline; /* not for an ordinary poll: for a baseline */
	bool skip; /* the poll under way began before it came */
};

/* visit_begin - its request is answered when the last poll has been told of. */
struct visit *visit_begin(struct control_request *request);

/* visit_join - it waits for a poll more. baseline, skip: see above. */
void
visit_join(struct visit *v, struct visitor **list, bool baseline, bool skip);

/* visit_joined - that was all. Answers at once if it waits for nothing. */
void visit_joined(struct visit *v);

/*
 * visits_tell - a poll has ended: those who waited for it hear of it. baseline:
 *	it was one.
 * visits_dismiss - there will be none: why, as a complaint, and a status.
 */
void
visits_tell(struct visitor **list, bool baseline, const struct account *account,
    const struct poll_report *r, int rc, const struct error *e);
void visits_dismiss(struct visitor **list, const char *why, int status);

#endif
