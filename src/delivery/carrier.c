/*
 * carrier.c - the thread that owns one connection to a destination: connects
 * when mail waits, has it sent, and gives each transit back with its verdict.
 */
#include "delivery/carrier.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/* An idle connection is given back to the server after so long. */
#define IDLE_MS (30 * 1000)

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
	link_drop(c);
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
			alone_carry(c, t);
		return;
	}
	if (!link_is_down(c->d, why) && link_renew(c, why) == 0)
		return;
	if (link_one_too_many(c, why)) {
		while ((t = pipeline_pull(p)) != NULL)
			leave_to_others(c, t);
		return;
	}
	link_set_down(c->d, why);
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
		link_set_down(c->d, &p->why);
	if (p->count < before)
		atomic_fetch_add(&c->d->done, before - p->count);
	link_note(c);
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
		pool_count(d, &d->waiting, -1);
	return t;
}

static void
carry(struct carrier *c, struct transit *t)
{
	if (link_is_down(c->d, &t->error)) {
		alone_untried(c, t, false, true);
	} else if (!pipeline_busy(&c->pipeline) &&
	    link_ready(c, &t->error) < 0) {
		if (link_one_too_many(c, &t->error)) {
			leave_to_others(c, t);
			return;
		}
		link_set_down(c->d, &t->error);
		alone_untried(c, t, false, true);
	} else if (pipeline_fits(&c->pipeline, t)) {
		c->carried++;
		pipeline_add(&c->pipeline, t);
	} else {
		while (pipeline_busy(&c->pipeline))
			converse(c, false);
		alone_carry(c, t);
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
		pool_count(d, &d->streaming, -1);
		return;
	}
	pthread_mutex_lock(&d->lock);
	stream = may_stream(d);
	d->idle++;
	pthread_mutex_unlock(&d->lock);
	t = queue_wait(d->whole, stream ? queue_fd(d->streams) : -1, until);
	pool_count(d, &d->idle, -1);
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
	link_close(c);
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
