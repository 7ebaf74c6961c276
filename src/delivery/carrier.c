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

/* So many messages on one connection are enough for two. */
#define FULL 4

/* --- what the pool knows --- */

/* With d->lock held. */
static void
count(struct pool_numbers *all, const struct pool_numbers *n, bool add)
{
	unsigned sign = add ? 1u : -1u;

	all->working += sign * n->working;
	all->idle += sign * n->idle;
	all->connected += sign * n->connected;
	all->fresh += sign * n->fresh;
	all->deep += sign * n->deep;
	all->full += sign * n->full;
	all->streaming += sign * n->streaming;
	all->leaving += sign * n->leaving;
}

static void
become(struct carrier *c, const struct pool_numbers *n)
{
	struct delivery *d = c->d;

	if (memcmp(n, &c->own, sizeof(*n)) == 0)
		return;
	pthread_mutex_lock(&d->lock);
	count(&d->all, &c->own, false);
	count(&d->all, n, true);
	pthread_mutex_unlock(&d->lock);
	c->own = *n;
}

void
carrier_note(struct carrier *c)
{
	const struct pipeline *p = &c->pipeline;
	struct pool_numbers n = c->own;

	n.connected = c->x.smtp != NULL;
	n.fresh = n.connected && !c->passed && !n.streaming;
	n.deep = pipeline_is_deep(p);
	n.full = p->count >= FULL;
	n.leaving = c->leaving;
	become(c, &n);
}

static void
note_idle(struct carrier *c, bool idle)
{
	struct pool_numbers n = c->own;

	n.idle = idle;
	become(c, &n);
}

static void
note_streaming(struct carrier *c, bool streaming)
{
	struct pool_numbers n = c->own;

	n.streaming = streaming;
	become(c, &n);
}

/* --- several at once --- */

/* Not sent ahead any more, or not to this server. */
static void
one_by_one(struct carrier *c)
{
	struct transit *t;

	while ((t = pipeline_pull(&c->pipeline)) != NULL) {
		if (link_is_down(c->d, &t->error))
			alone_untried(c, t, false, true);
		else
			alone_carry(c, t);
	}
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
	if (!link_is_down(c->d, why) && link_renew(c, why) == 0) {
		/* It need not be the same server. */
		if (!pipeline_suits(p))
			one_by_one(c);
		else
			c->carried = p->count;
		return;
	}
	if (link_one_too_many(c, why)) {
		while ((t = pipeline_pull(p)) != NULL)
			pool_put_back(c->d, t);
		c->leaving = true;
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

/* Is another connection worth it, or this one not? */
static void
look_at_pool(struct carrier *c)
{
	struct delivery *d = c->d;
	struct error ignored = { 0 };

	pthread_mutex_lock(&d->lock);
	/* Without it, those that are there do the work. */
	(void)pool_grow(d, &c->look, &ignored);
	if (d->superfluous > 0 && !c->leaving) {
		d->superfluous--;
		c->leaving = true;
	}
	pthread_mutex_unlock(&d->lock);
}

/* The server wants no mail. Who tries it again does so on a new connection. */
static void
stand_down(struct carrier *c)
{
	link_set_down(c->d, &c->pipeline.why);
	if (!pipeline_busy(&c->pipeline))
		link_close(c);
}

/* One round of the conversation with what is on its way. */
static void
converse(struct carrier *c, bool room)
{
	struct pipeline *p = &c->pipeline;
	size_t before = p->count;
	struct error e = { 0 };

	watch(c, room);
	if (pipeline_round(p, c->wake_fd, c->look, &e) < 0)
		lost(c, &e);
	else if (p->down)
		stand_down(c);
	if (p->count < before) {
		atomic_fetch_add(&c->d->done, before - p->count);
		c->passed = true;
	}
	carrier_note(c);
	look_at_pool(c);
}

/* --- what to do next --- */

static struct transit *
pop_stream(struct carrier *c)
{
	struct delivery *d = c->d;
	struct transit *t = NULL;

	pthread_mutex_lock(&d->lock);
	if (d->streams_waiting > 0 && pool_may_stream(d)) {
		t = queue_pop(d->streams);
		d->streams_waiting--;
		d->all.streaming++;
		c->own.streaming = 1;
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
	if (t == NULL)
		return NULL;
	pthread_mutex_lock(&d->lock);
	d->waiting--;
	pthread_mutex_unlock(&d->lock);
	return t;
}

static void
carry(struct carrier *c, struct transit *t)
{
	struct pipeline *p = &c->pipeline;

	for (;;) {
		if (link_is_down(c->d, &t->error)) {
			alone_untried(c, t, false, true);
			return;
		}
		if (!pipeline_busy(p) && link_ready(c, &t->error) < 0) {
			link_failed(c, t, false);
			return;
		}
		if (pipeline_fits(p, t)) {
			c->carried++;
			pipeline_add(p, t);
			return;
		}
		if (!pipeline_busy(p))
			break;
		converse(c, false);
	}
	alone_carry(c, t);
	look_at_pool(c);
}

/*
 * Mail is on its way: is more of it to join? Not when somebody else has less to
 * do, nor before a message that has to have the connection for itself.
 */
static bool
has_room(struct carrier *c)
{
	struct delivery *d = c->d;
	bool leave;

	if (pipeline_room(&c->pipeline) == 0 || c->told_to_end || c->leaving ||
	    (d->to->max_messages > 0 && c->carried >= d->to->max_messages) ||
	    stop_level(d->stop) != STOP_NO)
		return false;
	pthread_mutex_lock(&d->lock);
	leave = (d->streams_waiting > 0 && pool_may_stream(d)) ||
	    (c->own.deep && d->all.deep + d->all.streaming < d->all.connected);
	pthread_mutex_unlock(&d->lock);
	return !leave;
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
carry_stream(struct carrier *c, struct transit *t)
{
	c->streamed = true;
	look_at_pool(c); /* for those that it keeps waiting */
	carry(c, t);
	note_streaming(c, false);
}

static void
await_mail(struct carrier *c)
{
	struct delivery *d = c->d;
	struct deadline until = deadline_in(d->idle_ms);
	struct transit *t;
	bool may_stream;

	/* In turn, so that neither kind keeps the other waiting for long. */
	t = c->streamed ? taken(c, queue_pop(d->whole)) : NULL;
	c->streamed = false;
	if (t != NULL) {
		carry(c, t);
		return;
	}
	t = pop_stream(c);
	if (t != NULL) {
		carry_stream(c, t);
		return;
	}
	note_idle(c, true);
	pthread_mutex_lock(&d->lock);
	may_stream = pool_may_stream(d);
	pthread_mutex_unlock(&d->lock);
	t = queue_wait(d->whole, may_stream ? queue_fd(d->streams) : -1, until);
	note_idle(c, false);
	t = taken(c, t);
	if (t != NULL)
		carry(c, t);
	else
		c->spare = deadline_passed(until);
}

/*
 * Whoever submits looks for a thread after it has queued: so either it sees
 * that this one is gone, or this one sees what it has queued. Others that are
 * there may be busy for long: mail is left to them only if it has to be.
 */
static bool
may_end(struct carrier *c)
{
	struct delivery *d = c->d;

	pthread_mutex_lock(&d->lock);
	if (c->told_to_end || (c->leaving && d->all.working > 1) ||
	    d->waiting + d->streams_waiting == 0) {
		count(&d->all, &c->own, false);
		c->own = (struct pool_numbers){ 0 };
		atomic_store(&c->ended, true);
	}
	pthread_mutex_unlock(&d->lock);
	c->leaving = c->spare = false;
	return atomic_load(&c->ended);
}

/* With no mail in hand, which somebody else could take meanwhile. */
static void
get_ready(struct carrier *c)
{
	struct error e = { 0 };

	if (link_is_down(c->d, &e) || link_ready(c, &e) == 0)
		return;
	if (link_one_too_many(c, &e))
		c->leaving = true;
	else
		link_set_down(c->d, &e);
}

static void *
carrier_thread(void *arg)
{
	struct carrier *c = arg;

	get_ready(c);
	carrier_note(c);
	for (;;) {
		if (pipeline_busy(&c->pipeline))
			go_on(c);
		else if ((c->told_to_end || c->leaving || c->spare) &&
		    may_end(c))
			break;
		else
			await_mail(c);
		carrier_note(c);
	}
	/* The lock is not taken any more: somebody may hold it, and wait. */
	if (c->x.smtp != NULL)
		smtp_leave(c->x.smtp);
	smtp_free(&c->x.smtp);
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
		.recorded = c->recorded,
		.others_wait = pool_others_wait,
		.others = d,
		.timeout_ms = d->to->at.timeout_ms,
		.senders_refused = &d->manners.senders_refused };
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
		c->own.working = 1;
		count(&d->all, &c->own, true);
		rc = pthread_create(&c->thread, NULL, carrier_thread, c);
		if (rc != 0)
			rc = error_set(e, ERR_SYSTEM,
			    "cannot start a thread: %s", strerror(rc));
	}
	if (rc < 0) {
		count(&d->all, &c->own, false);
		carrier_free(&c);
		return -1;
	}
	d->carriers[i] = c;
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
