/*
 * The thread of a destination: connects when mail waits, has each message's
 * transaction run, records the verdict and sends the transit back.
 */
#include "delivery/delivery.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "delivery/connection.h"
#include "delivery/transaction.h"
#include "delivery/verdict.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* An idle connection is given back to the server after so long. */
#define IDLE_MS (30 * 1000)
/* After a failure to connect, do not bother the server for so long. */
#define DOWN_MS (30 * 1000)

struct delivery {
	const struct destination *to; /* borrowed, as are the next two */
	struct ledger *ledger;
	const struct stop *stop;
	struct queue *queue; /* owned: transits that wait */
	pthread_t thread;
	_Atomic uint64_t size_limit;
	struct transit last; /* ends the thread */

	/* The thread's alone. */
	struct transaction transaction; /* and the open connection */
	struct queue *recorded; /* owned: intents that are durable */
	bool used; /* has carried a message before */
	char *password; /* owned */
	struct error down; /* why the last connect failed, */
	struct deadline down_until; /* and how long that is taken as true */
};

/* Send the transit back, by way of the ledger if there is something to keep. */
static void
finish(struct delivery *d, struct transit *t, bool record)
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
		ledger_submit(d->ledger, &t->job);
	else
		queue_push(t->answer, &t->job.item);
}

static int
withdraw(struct delivery *d, struct transit *t)
{
	struct ledger_change change = { .kind = CHANGE_WITHDRAW,
		.message = t->message };

	return ledger_change(d->ledger, t->account, &change, 1, &t->error);
}

static void
untried(struct delivery *d, struct transit *t, bool recorded)
{
	t->end = TRANSIT_UNTRIED;
	t->change = (struct ledger_change){ .kind = CHANGE_WITHDRAW,
		.message = t->message };
	finish(d, t, recorded);
}

/* --- the thread --- */

/* What is wrong concerns every message: spare the ones that wait. */
static void
take_down(struct delivery *d, const struct error *why)
{
	d->down = *why;
	d->down_until = deadline_in(DOWN_MS);
}

static int
connect_if_needed(struct delivery *d, struct error *e)
{
	if (d->down.kind != ERR_NONE && !deadline_passed(d->down_until)) {
		*e = d->down;
		return -1;
	}
	error_clear(&d->down);
	if (d->transaction.smtp != NULL && smtp_usable(d->transaction.smtp))
		return 0;
	smtp_free(&d->transaction.smtp);
	d->used = false;
	if (connection_open(
		&d->transaction.smtp, d->to, &d->password, d->stop, e) == 0) {
		atomic_store(
		    &d->size_limit, smtp_ehlo(d->transaction.smtp)->size_limit);
		return 0;
	}
	take_down(d, e);
	return -1;
}

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

static void
carry(struct delivery *d, struct transit *t)
{
	int64_t started = clock_monotonic_ms();
	bool recorded = false, was_used;
	enum attempt a;

	do {
		error_clear(&t->error);
		if (connect_if_needed(d, &t->error) < 0) {
			t->destination_down = true;
			untried(d, t, recorded);
			return;
		}
		was_used = d->used;
		d->used = true;
		/* Of the attempt before; this one will make its own. */
		if (recorded && withdraw(d, t) < 0) {
			t->destination_down = true;
			untried(d, t, false);
			return;
		}
		a = transaction_run(&d->transaction, t, &recorded);
		if (a == ATTEMPT_AGAIN || a == ATTEMPT_LOST ||
		    a == ATTEMPT_DOUBT)
			smtp_free(&d->transaction.smtp);
		/* An old connection may have been closed while it was idle. */
	} while (a == ATTEMPT_AGAIN && was_used);

	t->took_ms = clock_monotonic_ms() - started;
	if (broke_connection(t, a)) {
		verdict_set_rest(t, STATE_DEFERRED, t->error.text);
	} else if (a == ATTEMPT_DOUBT) {
		verdict_set_rest(t, STATE_IN_DOUBT, t->error.text);
	} else if (a != ATTEMPT_DONE) {
		t->destination_down = a == ATTEMPT_STOP;
		if (a == ATTEMPT_STOP) {
			take_down(d, &t->error);
			if (d->transaction.smtp != NULL)
				transaction_reset(&d->transaction);
		}
		untried(d, t, recorded);
		return;
	}
	verdict_conclude(t, d->to->name);
	finish(d, t, true);
}

static void
close_politely(struct delivery *d)
{
	struct error ignored = { 0 };

	if (d->transaction.smtp != NULL && smtp_usable(d->transaction.smtp))
		smtp_quit(d->transaction.smtp, &ignored);
	smtp_free(&d->transaction.smtp);
}

static void *
delivery_thread(void *arg)
{
	struct delivery *d = arg;
	struct transit *t;

	for (;;) {
		t = queue_wait(d->queue, -1,
		    d->transaction.smtp != NULL ? deadline_in(IDLE_MS)
						: deadline_never());
		if (t == &d->last)
			break;
		if (t != NULL)
			carry(d, t);
		else
			close_politely(d);
	}
	close_politely(d);
	return NULL;
}

int
delivery_new(struct delivery **out, const struct destination *to,
    struct ledger *ledger, const struct stop *stop, struct error *e)
{
	struct delivery *d = xcalloc(1, sizeof(*d));
	int rc;

	*out = NULL;
	d->to = to;
	d->ledger = ledger;
	d->stop = stop;
	if (queue_new(&d->queue, e) < 0 || queue_new(&d->recorded, e) < 0)
		goto fail;
	d->transaction = (struct transaction){ .destination = to->name,
		.hold_eightbit = to->hold_eightbit,
		.ledger = ledger,
		.recorded = d->recorded };
	rc = pthread_create(&d->thread, NULL, delivery_thread, d);
	if (rc != 0) {
		error_set(
		    e, ERR_SYSTEM, "cannot start a thread: %s", strerror(rc));
		goto fail;
	}
	*out = d;
	return 0;
fail:
	queue_free(&d->queue);
	queue_free(&d->recorded);
	free(d);
	return -1;
}

void
delivery_submit(struct delivery *d, struct transit *t)
{
	queue_push(d->queue, &t->item);
}

void
delivery_refuse(struct delivery *d, struct transit *t, const char *words)
{
	verdict_set_rest(t, STATE_HELD, words);
	verdict_conclude(t, d->to->name);
	finish(d, t, true);
}

uint64_t
delivery_size_limit(struct delivery *d)
{
	return atomic_load(&d->size_limit);
}

void
delivery_free(struct delivery **out)
{
	struct delivery *d = *out;

	if (d == NULL)
		return;
	queue_push(d->queue, &d->last.item);
	pthread_join(d->thread, NULL);
	queue_free(&d->queue);
	queue_free(&d->recorded);
	password_free(&d->password);
	free(d);
	*out = NULL;
}
