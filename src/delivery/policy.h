/*
 * policy.h - what a refusal means for the message, the recipient and the
 * destination. Pure functions: one table, tested row by row.
 */
#ifndef DELIVERY_POLICY_H
#define DELIVERY_POLICY_H

#include "base/error.h"
#include "smtp/reply.h"

#include <stdbool.h>
#include <stdint.h>

enum policy_stage {
	STAGE_OPEN, /* connect, TLS, greeting, EHLO, AUTH */
	STAGE_MAIL,
	STAGE_RCPT,
	STAGE_DATA, /* the reply to DATA */
	STAGE_END /* the reply to the end of data */
};

enum policy_action {
	POLICY_ACCEPTED,
	POLICY_DEFER_MESSAGE,
	POLICY_DEFER_RECIPIENT,
	POLICY_HOLD_MESSAGE,
	POLICY_HOLD_RECIPIENT,
	POLICY_RECONNECT, /* the connection's fault: again on a new one */
	POLICY_STOP_DESTINATION /* every message would fare the same */
};

/* What becomes of a message that is refused for good. */
enum on_reject {
	REJECT_HOLD, /* its owner decides */
	REJECT_BOUNCE, /* its sender is told */
	REJECT_POSTMASTER, /* its owner is told */
	REJECT_DROP /* nobody is told */
};

/* policy_reply - for what the server said at a stage (never STAGE_OPEN). */
enum policy_action
policy_reply(enum policy_stage stage, const struct smtp_reply *reply);

/* policy_is_too_large - does the reply blame the message's size? */
bool policy_is_too_large(const struct smtp_reply *reply);

/*
 * policy_next_try - when to try a deferred message again: 1 minute after its
 * first refusal, doubling up to 4 hours. attempts: refusals so far, this one
 * included. first: time of the first one. Returns 0 when 5 days have passed:
 * it is to be held.
 */
int64_t policy_next_try(uint32_t attempts, int64_t first, int64_t now);

/*
 * policy_is_due - is it time to try it again? A time further away than the
 * longest wait has been set by a clock that was wrong, and is not waited for.
 */
bool policy_is_due(int64_t next_try, int64_t now);

#endif
