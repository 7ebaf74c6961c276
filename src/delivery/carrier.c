/*
 * carrier.c - the thread that owns one connection to a destination: connects
 * when mail waits, has it sent, and gives each transit back with its verdict.
 */
#include "delivery/pool.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/queue.h"
#include "delivery/connection.h"
#include "delivery/pipeline.h"
#include "delivery/transaction.h"
#include "delivery/verdict.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/* An idle connection is given back to the server after so long. */
#define IDLE_MS (30 * 1000)
/* After a failure to connect, do not bother the server for so long. */
#define DOWN_MS (30 * 1000)
/* A server that wants no more connections is not asked for so long. */
#define ENOUGH_MS (60 * 1000)

struct carrier {
	struct delivery *d; /* borrowed */
	pthread_t thread;
	atomic_bool ended;
	struct transaction x; /* and the open connection */
	struct pipeline pipeline;
	struct queue *recorded; /* owned: intents that are durable */
	int wake_fd; /* owned: readable when `recorded`, or mail, waits */
	bool wakes_for_mail;
	bool noted; /* that it is connected */
	uint64_t carried; /* on this connection */
	bool told_to_end; /* there will be no more mail */
	bool superfluous; /* nothing came for a while, or others do it */
};

static void
count(struct delivery *d, unsigned *what, int change)
{
	pthread_mutex_lock(&d->lock);
	*what = (unsigned)((int)*what + change);
	pthread_mutex_unlock(&d->lock);
}

/* --- the connection --- */

/* Let the others know whether there is a connection. */
static void
note_connection(struct carrier *c)
{
	bool connected = c->x.smtp != NULL;

	if (connected != c->noted)
		count(c->d, &c->d->connected, connected ? 1 : -1);
	c->noted = connected;
}

static void
disconnect(struct carrier *c)
{
	smtp_free(&c->x.smtp);
	note_connection(c);
}

static void
close_politely(struct carrier *c)
{
	struct error ignored = { 0 };

	if (c->x.smtp != NULL && smtp_usable(c->x.smtp))
		smtp_quit(c->x.smtp, &ignored);
	disconnect(c);
}

/* What is wrong concerns every message: spare the ones that wait. */
static void
take_down(struct delivery *d, const struct error *why)
{
	pthread_mutex_lock(&d->lock);
	d->down = *why;
	d->down_until = deadline_in(DOWN_MS);
	pthread_mutex_unlock(&d->lock);
}

static bool
is_down(struct delivery *d, struct error *e)
{
	bool down;

	pthread_mutex_lock(&d->lock);
	down = d->down.kind != ERR_NONE && !deadline_passed(d->down_until);
	if (down)
		*e = d->down;
	else
		error_clear(&d->down);
	pthread_mutex_unlock(&d->lock);
	return down;
}

/* The password is asked for once, by whoever comes first. */
static int
get_password(struct delivery *d, struct error *e)
{
	int rc = 0;

	pthread_mutex_lock(&d->lock);
	if (d->to->login.user != NULL && d->password == NULL)
		rc = password_get(&d->to->login, d->stop, &d->password, e);
	pthread_mutex_unlock(&d->lock);
	return rc < 0 ? error_prefix(e, "destination %s: ", d->to->name) : 0;
}

static int
connect_anew(struct carrier *c, struct error *e)
{
	struct delivery *d = c->d;
	int rc;

	count(d, &d->connecting, 1);
	rc = get_password(d, e);
	if (rc == 0)
		rc = connection_open(
		    &c->x.smtp, d->to, &d->password, d->stop, e);
	count(d, &d->connecting, -1);
	if (rc < 0)
		return -1;
	note_connection(c);
	c->carried = 0;
	atomic_store(&d->size_limit, smtp_ehlo(c->x.smtp)->size_limit);
	pipeline_connected(&c->pipeline);
	return 0;
}

/* Between two messages: is the connection good for one more? */
static bool
is_connected(struct carrier *c)
{
	struct error ignored = { 0 };

	if (c->x.smtp == NULL || !smtp_usable(c->x.smtp))
		return false;
	if (c->d->to->max_messages > 0 &&
	    c->carried >= c->d->to->max_messages) {
		close_politely(c);
		return false;
	}
	/* While it was idle the server may have taken its leave. */
	return smtp_await(c->x.smtp, -1, deadline_in(0), &ignored) == 0;
}

static int
connect_if_needed(struct carrier *c, struct error *e)
{
	if (is_connected(c))
		return 0;
	disconnect(c);
	return connect_anew(c, e);
}

/*
 * It cannot connect. Where others can, it was one too many for the server:
 * these go on with what it had. Returns whether that is so.
 */
static bool
is_one_too_many(struct carrier *c, const struct error *why)
{
	struct delivery *d = c->d;
	bool others;

	pthread_mutex_lock(&d->lock);
	others =
	    d->connected > (c->noted ? 1u : 0u) && why->kind != ERR_STOPPED;
	if (others)
		d->grow_after = deadline_in(ENOUGH_MS);
	pthread_mutex_unlock(&d->lock);
	return others;
}

/* --- a message that is still coming, or a server without PIPELINING --- */

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

static void
untried(struct carrier *c, struct transit *t, bool recorded, bool down)
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
		if (connect_if_needed(c, &t->error) < 0) {
			take_down(c->d, &t->error);
			return ATTEMPT_STOP;
		}
		was_used = c->pipeline.used;
		c->pipeline.used = true;
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
			disconnect(c);
		note_connection(c);
		/* An old connection may have been closed while it was idle. */
	} while (a == ATTEMPT_AGAIN && was_used);
	return a;
}

static void
carry_alone(struct carrier *c, struct transit *t)
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
			take_down(c->d, &t->error);
			transaction_reset(&c->x);
			note_connection(c);
		}
		untried(c, t, recorded, a == ATTEMPT_STOP);
		return;
	}
	verdict_conclude(t, c->d->to->name);
	verdict_send(t, c->d->ledger, true);
}

/* --- several at once --- */

/* Somebody else has to take it: we cannot connect, and others can. */
static void
leave_to_others(struct carrier *c, struct transit *t)
{
	struct delivery *d = c->d;

	pthread_mutex_lock(&d->lock);
	d->waiting++;
	queue_push(d->whole, &t->item);
	pthread_mutex_unlock(&d->lock);
	c->superfluous = true;
}

static void
lost(struct carrier *c, struct error *why)
{
	struct pipeline *p = &c->pipeline;
	struct transit *t;

	pipeline_lost(p, why);
	disconnect(c);
	if (p->down)
		*why = p->why;
	if (p->down || why->kind == ERR_STOPPED || why->kind == ERR_LEDGER) {
		pipeline_untried(p, why, true);
		return;
	}
	if (!pipeline_busy(p))
		return;
	/* One after the other, then, in another way. */
	if (atomic_load(&c->d->manners.lockstep)) {
		while ((t = pipeline_pull(p)) != NULL)
			carry_alone(c, t);
		return;
	}
	if (!is_down(c->d, why) && connect_anew(c, why) == 0)
		return;
	if (is_one_too_many(c, why)) {
		while ((t = pipeline_pull(p)) != NULL)
			leave_to_others(c, t);
		return;
	}
	take_down(c->d, why);
	pipeline_untried(p, why, true);
}

static void
watch(struct carrier *c, bool mail)
{
	struct epoll_event event = { .events = EPOLLIN };

	if (mail == c->wakes_for_mail)
		return;
	/* Two descriptors that are there: this cannot fail. */
	if (epoll_ctl(c->wake_fd, mail ? EPOLL_CTL_ADD : EPOLL_CTL_DEL,
		queue_fd(c->d->whole), &event) < 0)
		abort();
	c->wakes_for_mail = mail;
}

/* One round of the conversation with what is on its way. */
static void
converse(struct carrier *c, bool room)
{
	struct pipeline *p = &c->pipeline;
	size_t before = p->count;
	struct error e = { 0 };

	watch(c, room);
	if (pipeline_round(p, c->wake_fd, &e) < 0)
		lost(c, &e);
	else if (p->down)
		take_down(c->d, &p->why);
	if (p->count < before)
		atomic_fetch_add(&c->d->done, before - p->count);
	note_connection(c);
}

/* --- what to do next --- */

/* A message that still comes takes a connection; one is left for the others. */
static bool
may_stream(const struct delivery *d)
{
	return d->streaming == 0 || d->streaming + 1 < d->to->connections;
}

static struct transit *
pop_stream(struct carrier *c)
{
	struct delivery *d = c->d;
	struct transit *t = NULL;

	pthread_mutex_lock(&d->lock);
	if (d->streams_waiting > 0 && may_stream(d)) {
		t = queue_pop(d->streams);
		d->streams_waiting--;
		d->streaming++;
	}
	pthread_mutex_unlock(&d->lock);
	return t;
}

/* `last` is there for all. */
static struct transit *
taken(struct carrier *c, struct transit *t)
{
	struct delivery *d = c->d;

	if (t == &d->last) {
		queue_push(d->whole, &t->item);
		c->told_to_end = true;
		return NULL;
	}
	if (t != NULL)
		count(d, &d->waiting, -1);
	return t;
}

static void
carry(struct carrier *c, struct transit *t)
{
	if (is_down(c->d, &t->error)) {
		untried(c, t, false, true);
	} else if (!pipeline_busy(&c->pipeline) &&
	    connect_if_needed(c, &t->error) < 0) {
		if (is_one_too_many(c, &t->error)) {
			leave_to_others(c, t);
			return;
		}
		take_down(c->d, &t->error);
		untried(c, t, false, true);
	} else if (pipeline_fits(&c->pipeline, t)) {
		c->carried++;
		pipeline_add(&c->pipeline, t);
	} else {
		while (pipeline_busy(&c->pipeline))
			converse(c, false);
		carry_alone(c, t);
	}
}

/* Mail is on its way: is more of it to join? */
static bool
has_room(struct carrier *c)
{
	struct delivery *d = c->d;
	bool stream;

	pthread_mutex_lock(&d->lock);
	stream = d->streams_waiting > 0 && may_stream(d);
	pthread_mutex_unlock(&d->lock);
	return pipeline_room(&c->pipeline) > 0 && !c->told_to_end && !stream &&
	    (d->to->max_messages == 0 || c->carried < d->to->max_messages) &&
	    stop_level(d->stop) == STOP_NO;
}

static void
go_on(struct carrier *c)
{
	bool room = has_room(c);
	struct transit *t = room ? taken(c, queue_pop(c->d->whole)) : NULL;

	if (t != NULL)
		carry(c, t);
	else
		converse(c, room && !c->told_to_end);
}

static void
await_mail(struct carrier *c)
{
	struct delivery *d = c->d;
	struct deadline until = deadline_in(IDLE_MS);
	struct transit *t = pop_stream(c);
	bool stream;

	if (t != NULL) {
		carry(c, t);
		count(d, &d->streaming, -1);
		return;
	}
	pthread_mutex_lock(&d->lock);
	stream = may_stream(d);
	d->idle++;
	pthread_mutex_unlock(&d->lock);
	t = queue_wait(d->whole, stream ? queue_fd(d->streams) : -1, until);
	count(d, &d->idle, -1);
	t = taken(c, t);
	if (t != NULL)
		carry(c, t);
	else if (deadline_passed(until))
		c->superfluous = true;
}

/*
 * Whoever submits looks for a thread after it has queued: so either it sees
 * that this one is gone, or this one sees what it has queued.
 */
static bool
may_end(struct carrier *c)
{
	struct delivery *d = c->d;
	bool end;

	pthread_mutex_lock(&d->lock);
	end = c->told_to_end ||
	    (c->superfluous &&
		(d->working > 1 || d->waiting + d->streams_waiting == 0));
	if (end)
		d->working--;
	pthread_mutex_unlock(&d->lock);
	c->superfluous = false;
	return end;
}

static void *
carrier_thread(void *arg)
{
	struct carrier *c = arg;

	for (;;) {
		if (pipeline_busy(&c->pipeline))
			go_on(c);
		else if ((c->told_to_end || c->superfluous) && may_end(c))
			break;
		else
			await_mail(c);
	}
	close_politely(c);
	atomic_store(&c->ended, true);
	return NULL;
}

/* --- beginning and end --- */

static void
carrier_free(struct carrier **c)
{
	queue_free(&(*c)->recorded);
	if ((*c)->wake_fd >= 0)
		close((*c)->wake_fd);
	free(*c);
	*c = NULL;
}

static int
carrier_make(struct carrier **out, struct delivery *d, struct error *e)
{
	struct carrier *c = xcalloc(1, sizeof(*c));
	struct epoll_event event = { .events = EPOLLIN };

	*out = c;
	c->d = d;
	c->wake_fd = epoll_create1(EPOLL_CLOEXEC);
	if (queue_new(&c->recorded, e) < 0)
		return -1;
	if (c->wake_fd < 0 ||
	    epoll_ctl(
		c->wake_fd, EPOLL_CTL_ADD, queue_fd(c->recorded), &event) < 0)
		return error_set(e, ERR_SYSTEM, "epoll: %s", strerror(errno));
	c->x = (struct transaction){ .destination = d->to->name,
		.hold_eightbit = d->to->hold_eightbit,
		.ledger = d->ledger,
		.recorded = c->recorded };
	pipeline_init(
	    &c->pipeline, &c->x, d->to, &d->manners, d->stop, c->recorded);
	return 0;
}

int
carrier_start(struct delivery *d, size_t i, struct error *e)
{
	struct carrier *c;
	int rc = carrier_make(&c, d, e);

	if (rc == 0) {
		rc = pthread_create(&c->thread, NULL, carrier_thread, c);
		if (rc != 0)
			rc = error_set(e, ERR_SYSTEM,
			    "cannot start a thread: %s", strerror(rc));
	}
	if (rc < 0) {
		carrier_free(&c);
		return -1;
	}
	d->carriers[i] = c;
	d->working++;
	return 0;
}

bool
carrier_has_ended(const struct carrier *c)
{
	return atomic_load(&c->ended);
}

void
carrier_end(struct carrier **c)
{
	pthread_join((*c)->thread, NULL);
	carrier_free(c);
}
