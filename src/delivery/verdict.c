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

/* The state of a message from the outcomes of its recipients. */
static enum state
worst_outcome(const struct transit *t, const char **words)
{
	static const enum state order[] = { STATE_IN_DOUBT, STATE_DEFERRED,
		STATE_HELD, STATE_DELIVERED };

	for (size_t o = 0; o < sizeof(order) / sizeof(order[0]); o++)
		for (size_t i = 0; i < t->recipient_count; i++)
			if (t->recipients[i].state == order[o]) {
				*words = t->recipients[i].reply;
				return order[o];
			}
	*words = "";
	return STATE_DELIVERED;
}

/* Deferred for the last time? Then its owner has to decide. */
static void
give_up_deferred(struct transit *t)
{
	char words[560];

	for (size_t i = 0; i < t->recipient_count; i++) {
		struct transit_recipient *r = &t->recipients[i];

		if (r->state != STATE_DEFERRED)
			continue;
		snprintf(words, sizeof(words), "given up after 5 days: %.500s",
		    r->reply);
		verdict_set(r, STATE_HELD, words);
	}
}

void
verdict_conclude(struct transit *t, const char *destination)
{
	int64_t now = clock_wall(), next_try = 0;
	const char *words;
	enum state state = worst_outcome(t, &words);

	if (state == STATE_DEFERRED) {
		next_try = policy_next_try(t->attempts + 1,
		    t->first_failed > 0 ? t->first_failed : now, now);
		if (next_try == 0) {
			give_up_deferred(t);
			state = worst_outcome(t, &words);
		}
	}
	snprintf(t->reply, sizeof(t->reply), "%s", words);
	for (size_t i = 0; i < t->recipient_count; i++)
		t->outcomes[i] = (struct ledger_outcome){
			.recipient = t->recipients[i].address,
			.state = t->recipients[i].state,
			.reply = t->recipients[i].reply,
		};
	t->end = state == STATE_DELIVERED ? TRANSIT_DELIVERED
	    : state == STATE_DEFERRED     ? TRANSIT_DEFERRED
	    : state == STATE_HELD         ? TRANSIT_HELD
					  : TRANSIT_IN_DOUBT;
	if (state == STATE_DELIVERED && t->delete_after)
		state = STATE_DELETE_OWED;
	t->change = (struct ledger_change){
		.kind = CHANGE_VERDICT,
		.message = t->message,
		.uid = t->uid,
		.copy = t->copy,
		.octets = t->octets,
		.header = transit_header(t),
		.fresh = t->fresh,
		.state = state,
		.reply = t->reply,
		.next_try = next_try,
		.destination = destination,
		.outcomes = t->outcomes,
		.outcome_count = t->recipient_count,
	};
}
