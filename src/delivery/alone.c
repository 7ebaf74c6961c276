/* alone.c - one message at a time, see carrier.h. */
#include "base/clock.h"
#include "delivery/carrier.h"
#include "delivery/verdict.h"

/*
 * Has the connection failed under this message, and neither the mailbox nor we
 * given up? That counts as a refusal for now: a message that breaks one
 * connection after the other must not stand before the others for ever.
 */
static bool
broke_connection(struct transit *t, enum attempt a)
{
	struct slice part;

	return (a == ATTEMPT_AGAIN || a == ATTEMPT_LOST) &&
	    t->error.kind != ERR_STOPPED && t->error.kind != ERR_LEDGER &&
	    transit_peek(t, &part) != TRANSIT_BROKEN;
}

int
alone_withdraw(struct carrier *c, struct transit *t, bool recorded)
{
	struct ledger_change change = { .kind = CHANGE_WITHDRAW,
		.message = t->message };

	return recorded
	    ? ledger_change(c->d->ledger, t->account, &change, 1, &t->error)
	    : 0;
}

void
alone_untried(struct carrier *c, struct transit *t, bool recorded, bool down)
{
	t->destination_down = down;
	verdict_untried(t, c->d->ledger, recorded);
}

/* On a connection that is open. */
static enum attempt
attempt(struct carrier *c, struct transit *t, bool *recorded)
{
	struct wire *w = &c->pipeline.wire;
	bool had_intent = *recorded;
	enum attempt a;

	*recorded = false;
	c->carried++;
	/* Of the attempt before; this one will make its own. */
	if (alone_withdraw(c, t, had_intent) < 0)
		return ATTEMPT_STOP;
	/* What another message has left open is none of this one's. */
	if (w->open)
		transaction_reset(&c->x);
	w->open = false;
	if (c->x.smtp == NULL)
		return ATTEMPT_AGAIN;
	transit_rewind(t);
	t->sent = 0;
	a = transaction_run(&c->x, t, recorded);
	if (a == ATTEMPT_AGAIN || a == ATTEMPT_LOST || a == ATTEMPT_DOUBT)
		link_drop(c);
	return a;
}

/*
 * Refused for good, and it had not come to its end: only the poll can tell
 * whether it is the message that it was taken for.
 */
static bool
is_questionable(struct transit *t)
{
	return (t->end == TRANSIT_HELD || t->end == TRANSIT_REJECTED) &&
	    !t->report && !transit_ended(t);
}

static void
settle(struct carrier *c, struct transit *t, enum attempt a, bool recorded)
{
	if (broke_connection(t, a)) {
		verdict_set_rest(t, STATE_DEFERRED, t->error.text);
	} else if (a == ATTEMPT_DOUBT) {
		verdict_set_rest(t, STATE_IN_DOUBT, t->error.text);
	} else if (a != ATTEMPT_DONE) {
		if (a == ATTEMPT_STOP && c->x.smtp != NULL) {
			link_set_down(c->d, &t->error);
			transaction_reset(&c->x);
		}
		alone_untried(c, t, recorded, a == ATTEMPT_STOP);
		return;
	}
	verdict_conclude(t, c->d->to->name);
	t->questioned = is_questionable(t);
	t->intended = recorded;
	verdict_send(t, c->d->ledger, !t->questioned);
}

void
alone_carry(struct carrier *c, struct transit *t)
{
	int64_t started = clock_monotonic_ms();
	bool recorded = false, was_used;
	enum attempt a;

	do {
		error_clear(&t->error);
		if (link_ready(c, &t->error) < 0) {
			link_failed(c, t, recorded);
			return;
		}
		was_used = c->pipeline.wire.used;
		c->pipeline.wire.used = true;
		a = attempt(c, t, &recorded);
		/* An old connection may have been closed while it was idle. */
	} while (a == ATTEMPT_AGAIN && was_used);
	t->took_ms = clock_monotonic_ms() - started;
	atomic_fetch_add(&c->d->done, 1);
	c->passed = true;
	settle(c, t, a, recorded);
}
