/* The table of refusals. */
#include "delivery/policy.h"

#include <stddef.h>

#define ANY (-1)

/*
 * The first row that fits decides. class, subject, detail: of the enhanced
 * code (RFC 3463); ANY fits all, also its absence.
 */
static const struct rule {
	int stage; /* enum policy_stage */
	int low, high; /* codes */
	int subject, detail;
	enum policy_action action;
} rules[] = {
	/* The server closes the connection, whatever it was asked. */
	{ ANY, 421, 421, ANY, ANY, POLICY_RECONNECT },
	{ ANY, 200, 299, ANY, ANY, POLICY_ACCEPTED },

	/* Not logged in, or not allowed to send: no message would pass. */
	{ STAGE_MAIL, 530, 530, ANY, ANY, POLICY_STOP_DESTINATION },
	{ STAGE_MAIL, 535, 535, ANY, ANY, POLICY_STOP_DESTINATION },
	{ STAGE_MAIL, 538, 538, ANY, ANY, POLICY_STOP_DESTINATION },
	{ STAGE_RCPT, 530, 530, ANY, ANY, POLICY_STOP_DESTINATION },
	{ STAGE_DATA, 530, 530, ANY, ANY, POLICY_STOP_DESTINATION },

	/* This sender is not wanted, or we are not: later messages tell. */
	{ STAGE_MAIL, 550, 554, 7, 1, POLICY_DEFER_MESSAGE },
	{ STAGE_RCPT, 550, 554, 7, 1, POLICY_DEFER_RECIPIENT },

	/* Mailbox full, and too many recipients: later. */
	{ STAGE_RCPT, 500, 599, 2, 2, POLICY_DEFER_RECIPIENT },
	{ STAGE_RCPT, 552, 552, 3, 4, POLICY_HOLD_RECIPIENT },
	{ STAGE_RCPT, 552, 552, 2, 3, POLICY_HOLD_RECIPIENT },
	{ STAGE_RCPT, 552, 552, ANY, ANY, POLICY_DEFER_RECIPIENT },

	{ STAGE_RCPT, 400, 499, ANY, ANY, POLICY_DEFER_RECIPIENT },
	{ STAGE_RCPT, 500, 599, ANY, ANY, POLICY_HOLD_RECIPIENT },
	{ STAGE_END, 500, 599, 2, 2, POLICY_DEFER_MESSAGE },
	{ ANY, 400, 499, ANY, ANY, POLICY_DEFER_MESSAGE },
	{ ANY, 500, 599, ANY, ANY, POLICY_HOLD_MESSAGE },
};

enum policy_action
policy_reply(enum policy_stage stage, const struct smtp_reply *r)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		const struct rule *rule = &rules[i];

		if ((rule->stage == ANY || rule->stage == (int)stage) &&
		    r->code >= rule->low && r->code <= rule->high &&
		    (rule->subject == ANY ||
			(r->class == r->code / 100 &&
			    r->subject == rule->subject &&
			    r->detail == rule->detail)))
			return rule->action;
	}
	/* No such code reaches us: the reply parser lets none through. */
	return POLICY_DEFER_MESSAGE;
}

bool
policy_is_too_large(const struct smtp_reply *r)
{
	if (r->class == 5 && r->subject == 3 && r->detail == 4)
		return true;
	if (r->class == 5 && r->subject == 2 && r->detail == 3)
		return true;
	return r->code == 552 && r->class == 0;
}

#define FIRST_WAIT_S 60
#define LONGEST_WAIT_S ((int64_t)4 * 3600)
#define GIVE_UP_S ((int64_t)5 * 86400)

int64_t
policy_next_try(uint32_t attempts, int64_t first, int64_t now)
{
	int64_t wait = FIRST_WAIT_S;

	if (now - first >= GIVE_UP_S)
		return 0;
	for (uint32_t i = 1; i < attempts && wait < LONGEST_WAIT_S; i++)
		wait *= 2;
	return now + (wait < LONGEST_WAIT_S ? wait : LONGEST_WAIT_S);
}

bool
policy_is_due(int64_t next_try, int64_t now)
{
	return next_try <= now || next_try > now + LONGEST_WAIT_S;
}
