/* rounds.c - who is polled when, and what comes of it. */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/descriptors.h"
#include "base/log.h"
#include "daemon/daemon-private.h"
#include "poll/outcome.h"

#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

/* A reason to poll, or the next time, comes as often as this at most. */
#define SOON_MS 1000

/* --- in a thread of the crew --- */

/* What a poll works with. */
struct work {
	struct daemon *d;
	struct mailbox_poll *poll;
	const struct account *account; /* of: */
	struct generation *generation; /* used, as are the next two */
	struct outlet *outlet, *reports;
};

/* With the lock held. */
static struct outlet *
use_outlet(struct daemon *d, const char *name)
{
	struct outlet *o = d->outlets;

	while (strcmp(o->to->name, name) != 0)
		o = o->next;
	atomic_fetch_add(&o->users, 1);
	return o;
}

static void
work_begin(struct work *w, struct daemon *d, size_t turn)
{
	struct mailbox *m;

	pthread_mutex_lock(&d->lock);
	m = d->by_turn[turn];
	w->d = d;
	w->poll = &m->poll;
	w->account = m->account;
	w->generation = generation_use(m->generation);
	w->outlet = use_outlet(d, w->account->destination);
	w->reports = use_outlet(d, w->account->report_via);
	pthread_mutex_unlock(&d->lock);
	atomic_store(&m->polling, true);
}

static void
work_end(struct work *w)
{
	atomic_store(&w->poll->mailbox->polling, false);
	atomic_fetch_sub(&w->outlet->users, 1);
	atomic_fetch_sub(&w->reports->users, 1);
	generation_leave(&w->generation);
}

static bool
is_down(const struct outlet *o)
{
	return atomic_load(&o->down);
}

static int
run_poll(const struct work *w, struct poll_report *report, struct error *e)
{
	struct poll_job job = {
		.account = w->account,
		.state_dir = w->generation->settings->state,
		.ledger = w->d->ledger,
		.delivery = w->outlet->delivery,
		.reports = w->reports->delivery,
		.pool = w->d->pool,
		.stop = w->d->stop,
		.names = w->generation->names,
	};
	char *password = NULL;
	int rc;

	rc = password_get(&w->account->login, w->d->stop, &password, e);
	if (rc == 0) {
		job.password = password;
		rc = poll_run(&job, report, e);
	}
	password_free(&password);
	return rc;
}

int
rounds_poll(void *daemon, size_t turn)
{
	struct work w;
	struct mailbox_poll *p;

	work_begin(&w, daemon, turn);
	p = w.poll;
	p->report = (struct poll_report){ 0 };
	error_clear(&p->error);
	p->rc = 0;
	p->began = clock_boot_ms();
	p->postponed = is_down(w.outlet) || is_down(w.reports);
	if (!p->postponed)
		p->rc = run_poll(&w, &p->report, &p->error);
	work_end(&w);
	return 0;
}

/* By the crew, when it could be polled again. */
void
rounds_polled(void *daemon, size_t turn)
{
	struct daemon *d = daemon;

	pthread_mutex_lock(&d->lock);
	queue_push(d->polled, &d->by_turn[turn]->poll.item);
	pthread_mutex_unlock(&d->lock);
}

/* --- in the main thread --- */

unsigned
rounds_at_once(const struct daemon *d)
{
	const struct settings *s = d->now->settings;
	size_t connections = 0;

	for (const struct outlet *o = d->outlets; o != NULL; o = o->next)
		connections += o->to->connections + 1;
	return room_for_polls(s->max_polls, connections);
}

/* A number from 0 to 1, so that not all come at once. */
static double
chance(void)
{
	uint32_t number;

	if (RAND_bytes((unsigned char *)&number, sizeof(number)) != 1)
		return 0.5;
	return (double)number / UINT32_MAX;
}

static void
set_due(struct daemon *d, struct mailbox *m, int64_t when)
{
	m->due = when;
	if (when == INT64_MAX)
		due_remove(d->due, m->turn);
	else
		due_set(d->due, m->turn, when);
}

static void
call(struct daemon *d, struct mailbox *m)
{
	struct error e = { 0 };

	set_due(d, m, INT64_MAX);
	m->called = true;
	d->called++;
	if (crew_poll(d->crew, m->turn, &e) < 0)
		log_warning("%s", e.text);
}

bool
rounds_recall(struct daemon *d, struct mailbox *m)
{
	if (!m->called)
		return true;
	if (!crew_recall(d->crew, m->turn))
		return false;
	m->called = false;
	d->called--;
	set_due(d, m, clock_boot_ms());
	return true;
}

void
rounds_now(struct daemon *d, struct mailbox *m)
{
	m->again = m->called;
	if (!m->called)
		set_due(d, m, clock_boot_ms());
}
