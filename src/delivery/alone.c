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

static int
withdraw(struct carrier *c, struct transit *t)
{
	struct ledger_change change = { .kind = CHANGE_WITHDRAW,
		.message = t->message };

	return ledger_change(c->d->ledger, t->account, &change, 1, &t->error);
}

void
alone_untried(struct carrier *c, struct transit *t, bool recorded, bool down)
{
	t->destination_down = down;
	verdict_untried(t, c->d->ledger, recorded);
}

static enum attempt
attempt(struct carrier *c, struct transit *t, bool *recorded)
{
	bool was_used;
	enum attempt a;

	do {
		error_clear(&t->error);
		if (link_ready(c, &t->error) < 0) {
			link_set_down(c->d, &t->error);
			return ATTEMPT_STOP;
		}
		was_used = c->pipeline.wire.used;
		c->pipeline.wire.used = true;
		c->carried++;
		/* Of the attempt before; this one will make its own. */
		if (*recorded && withdraw(c, t) < 0) {
			*recorded = false;
			return ATTEMPT_STOP;
		}
		transit_rewind(t);
		t->sent = 0;
		a = transaction_run(&c->x, t, recorded);
		if (a == ATTEMPT_AGAIN || a == ATTEMPT_LOST ||
		    a == ATTEMPT_DOUBT)
			link_drop(c);
		link_note(c);
		/* An old connection may have been closed while it was idle. */
	} while (a == ATTEMPT_AGAIN && was_used);
	return a;
}

void
alone_carry(struct carrier *c, struct transit *t)
{
	int64_t started = clock_monotonic_ms();
	bool recorded = false;
	enum attempt a = attempt(c, t, &recorded);

	t->took_ms = clock_monotonic_ms() - started;
	atomic_fetch_add(&c->d->done, 1);
	if (broke_connection(t, a)) {
		verdict_set_rest(t, STATE_DEFERRED, t->error.text);
	} else if (a == ATTEMPT_DOUBT) {
		verdict_set_rest(t, STATE_IN_DOUBT, t->error.text);
	} else if (a != ATTEMPT_DONE) {
		if (a == ATTEMPT_STOP && c->x.smtp != NULL) {
			link_set_down(c->d, &t->error);
			transaction_reset(&c->x);
			link_note(c);
		}
		alone_untried(c, t, recorded, a == ATTEMPT_STOP);
		return;
	}
	verdict_conclude(t, c->d->to->name);
	verdict_send(t, c->d->ledger, true);
}
