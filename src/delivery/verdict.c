/* From the outcomes of the recipients to the state of the message. */
#include "delivery/verdict.h"

#include "base/clock.h"
#include "delivery/policy.h"

#include <stdio.h>

void
verdict_set(struct transit_recipient *r, enum state state, const char *words)
{
	r->state = state;
	snprintf(r->reply, sizeof(r->reply), "%.*s", (int)sizeof(r->reply) - 1,
	    words);
}

void
verdict_set_rest(struct transit *t, enum state state, const char *words)
{
	for (size_t i = 0; i < t->recipient_count; i++)
		if (t->recipients[i].state == STATE_NEW)
			verdict_set(&t->recipients[i], state, words);
}

/*
 * The state of a message from the outcomes of its recipients: the worst of
 * them. A report that one of several owners has is not sent again for the
 * others.
 */
static enum state
worst_outcome(const struct transit *t, const char **words)
{
	static const enum state order[] = { STATE_DELIVERED, STATE_IN_DOUBT,
		STATE_DEFERRED, STATE_HELD, STATE_DELIVERED };

	for (size_t o = t->report ? 0 : 1; o < sizeof(order) / sizeof(order[0]);
	     o++)
		for (size_t i = 0; i < t->recipient_count; i++)
			if (t->recipients[i].state == order[o]) {
				*words = t->recipients[i].reply;
				return order[o];
			}
	*words = "";
	return STATE_DELIVERED;
}

/*
 * Deferred for the last time? Then its owner has to decide, or somebody is
 * told; but what nobody refused for good is not dropped.
 */
static void
give_up_deferred(struct transit *t)
{
	char words[560];

	if (t->on_reject == REJECT_DROP)
		t->on_reject = REJECT_HOLD;
	for (size_t i = 0; i < t->recipient_count; i++) {
		struct transit_recipient *r = &t->recipients[i];

		if (r->state != STATE_DEFERRED)
			continue;
		snprintf(words, sizeof(words), "given up after 5 days: %.500s",
		    r->reply);
		verdict_set(r, STATE_HELD, words);
	}
}

/* Delivered, or done with in another way: deleted, or kept. */
static enum state
state_when_done(const struct transit *t, enum state kept)
{
	return t->delete_after ? STATE_DELETE_OWED : kept;
}

/* What the ledger is to know, from the worst outcome. */
static enum state
state_to_record(const struct transit *t, enum state worst)
{
	switch (worst) {
	case STATE_DELIVERED:
		return state_when_done(
		    t, t->report ? STATE_REJECTED : STATE_DELIVERED);
	case STATE_DEFERRED:
		return t->report ? STATE_REPORT_OWED : STATE_DEFERRED;
	case STATE_HELD:
		if (t->report || t->on_reject == REJECT_HOLD)
			return STATE_HELD;
		if (t->on_reject == REJECT_DROP)
			return state_when_done(t, STATE_REJECTED);
		return STATE_REPORT_OWED;
	default:
		return worst;
	}
}

static enum transit_end
end_of(const struct transit *t, enum state worst)
{
	switch (worst) {
	case STATE_DELIVERED:
		return TRANSIT_DELIVERED;
	case STATE_DEFERRED:
		return TRANSIT_DEFERRED;
	case STATE_HELD:
		return t->report || t->on_reject == REJECT_HOLD
		    ? TRANSIT_HELD
		    : TRANSIT_REJECTED;
	default:
		return TRANSIT_IN_DOUBT;
	}
}

/* Of the message, its recipients' outcomes are kept: not of its report. */
static void
copy_outcomes(struct transit *t)
{
	if (t->report)
		return;
	for (size_t i = 0; i < t->recipient_count; i++)
		t->outcomes[i] = (struct ledger_outcome){
			.recipient = t->recipients[i].address,
			.state = t->recipients[i].state,
			.reply = t->recipients[i].reply,
		};
	t->change.outcome_count = t->recipient_count;
}

void
verdict_conclude(struct transit *t, const char *destination)
{
	int64_t now = clock_wall(), next_try = 0;
	const char *words;
	enum state worst = worst_outcome(t, &words);

	if (worst == STATE_DEFERRED) {
		next_try = policy_next_try(t->attempts + 1,
		    t->first_failed > 0 ? t->first_failed : now, now);
		if (next_try == 0) {
			give_up_deferred(t);
			worst = worst_outcome(t, &words);
		}
	}
	t->end = end_of(t, worst);
	snprintf(t->reply, sizeof(t->reply), "%s%.500s",
	    t->report && worst != STATE_DELIVERED
		? "the report of its refusal: "
		: "",
	    words);
	t->change = transit_change(t, CHANGE_VERDICT, destination);
	t->change.state = state_to_record(t, worst);
	t->change.reply = t->reply;
	t->change.next_try = next_try;
	t->change.refused_anew = t->failed_anew;
	t->change.rejected =
	    t->end == TRANSIT_REJECTED && t->change.state == STATE_REPORT_OWED;
	copy_outcomes(t);
}

void
verdict_doubt(struct transit *t, const char *destination)
{
	char words[560];

	for (size_t i = 0; i < t->recipient_count; i++) {
		struct transit_recipient *r = &t->recipients[i];

		if (r->state != STATE_HELD)
			continue;
		snprintf(words, sizeof(words),
		    "refused before all of it had come, tried again to be "
		    "sure: %.480s",
		    r->reply);
		verdict_set(r, STATE_DEFERRED, words);
	}
	t->first_failed = 0;
	error_clear(&t->error);
	verdict_conclude(t, destination);
}

void
verdict_send(struct transit *t, struct ledger *ledger, bool record)
{
	transit_abandon(t);
	t->job = (struct ledger_job){
		.account = t->account,
		.changes = &t->change,
		.change_count = 1,
		.answer = t->answer,
		.context = t,
	};
	if (record)
		ledger_submit(ledger, &t->job);
	else
		queue_push(t->answer, &t->job.item);
}

void
verdict_untried(struct transit *t, struct ledger *ledger, bool recorded)
{
	t->end = TRANSIT_UNTRIED;
	t->change = (struct ledger_change){ .kind = CHANGE_WITHDRAW,
		.message = t->message };
	verdict_send(t, ledger, recorded);
}
