/*
 * report.h - telling somebody of a message that was refused for good: a
 * delivery status notification for its sender (RFC 3464, in the
 * multipart/report of RFC 6522), or a letter to the owner with the message
 * inside. Pure functions but for a random boundary.
 *
 * A report is: report_begin(); then the refused message's header, or all of the
 * message, canonical; then report_end().
 */
#ifndef MESSAGE_REPORT_H
#define MESSAGE_REPORT_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum report_kind {
	REPORT_TO_SENDER,
	REPORT_TO_OWNER
};

/* One that refused it, and the words of its server. */
struct report_refusal {
	char *recipient;
	char *reply;
};

struct report {
	enum report_kind kind;
	bool whole; /* all of the message follows, not its header alone */
	const char *by; /* this host's name */
	const char *account; /* for the owner: where the message is */
	const char *to; /* the address of whom it goes to, the first one */
	const struct report_refusal *refusals;
	size_t refusal_count;
	struct slice header; /* of the refused message */
	int64_t arrived; /* when it came to the mailbox; -1: not known */
	int64_t now; /* wall clock */
	char boundary[48]; /* made by report_begin() */
};

/*
 * report_may_bounce - may the sender of a message with this header be told? Not
 * when there is none, and not when it is a bounce, an automatic answer or mail
 * of a list (RFC 3834 section 2): who answers those makes loops.
 * sender: of the envelope, without brackets.
 */
bool report_may_bounce(struct slice header, const char *sender);

/*
 * report_is_ours - is a message with this header a report that we (not
 * necessarily here) made? To report it in turn would make a loop.
 */
bool report_is_ours(struct slice header);

void report_begin(struct report *r, struct buffer *out);
void report_end(const struct report *r, struct buffer *out);

/*
 * report_status - the enhanced code (RFC 3463) in a reply that is a refusal for
 * good; "5.0.0" when it has none.
 */
#define REPORT_STATUS 16
const char *report_status(const char *reply, char out[REPORT_STATUS]);

#endif
