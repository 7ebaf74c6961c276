/* The bounded pipe between one poll and one delivery. */
#include "delivery/transit.h"

#include "base/alloc.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct chunk {
	struct chunk *next;
	size_t from, to; /* data[from] to data[to - 1] are unread */
	char data[TRANSIT_CHUNK - sizeof(struct chunk *) - 2 * sizeof(size_t)];
};

struct transit_pool {
	pthread_mutex_t lock; /* guards what follows */
	int64_t
	    left; /* chunks that may still be handed out; below 0: too many */
	struct chunk *spare;
};

/* A descriptor that is readable exactly while `up`. */
struct signal {
	int fd;
	bool up;
};

struct transit_pipe {
	struct transit_pool *pool; /* borrowed */
	pthread_mutex_t lock; /* guards what follows */
	struct chunk *head, *tail;
	struct chunk *at; /* where reading is, or NULL: at the head */
	struct chunk *own; /* owned: the one that is always there */
	bool own_used;
	size_t held; /* octets in the pipe */
	uint64_t written; /* octets so far */
	size_t wake_writer_at; /* held has to fall this low */
	bool complete, broken, abandoned;
	bool whole; /* it was complete before any of it was read */
	struct signal readable, writable;
};

/* --- the pool --- */

void
transit_pool_new(struct transit_pool **pool, size_t limit)
{
	*pool = xcalloc(1, sizeof(**pool));
	pthread_mutex_init(&(*pool)->lock, NULL);
	(*pool)->left = (int64_t)(limit / TRANSIT_CHUNK);
}

void
transit_pool_free(struct transit_pool **pool)
{
	struct chunk *c;

	if (*pool == NULL)
		return;
	while ((c = (*pool)->spare) != NULL) {
		(*pool)->spare = c->next;
		free(c);
	}
	pthread_mutex_destroy(&(*pool)->lock);
	free(*pool);
	*pool = NULL;
}

/*
 * A chunk, or NULL when the limit is reached: nobody ever waits for one.
 * Whoever has none yet gets one all the same.
 */
static struct chunk *
pool_take(struct transit_pool *pool, bool first)
{
	struct chunk *c = NULL;
	bool allowed;

	pthread_mutex_lock(&pool->lock);
	allowed = first || pool->left > 0;
	if (allowed) {
		pool->left--;
		if ((c = pool->spare) != NULL)
			pool->spare = c->next;
	}
	pthread_mutex_unlock(&pool->lock);
	if (allowed && c == NULL)
		c = xrealloc(NULL, 1, sizeof(*c));
	return c;
}

bool
transit_pool_is_low(struct transit_pool *pool)
{
	bool low;

	pthread_mutex_lock(&pool->lock);
	low = pool->left <= 0;
	pthread_mutex_unlock(&pool->lock);
	return low;
}

static void
pool_give(struct transit_pool *pool, struct chunk *c)
{
	pthread_mutex_lock(&pool->lock);
	c->next = pool->spare;
	pool->spare = c;
	pool->left++;
	pthread_mutex_unlock(&pool->lock);
}

/* --- the pipe, with its lock held --- */

/* Without a descriptor nobody waits, and there is nobody to tell. */
static void
signal_set(struct signal *s, bool up)
{
	eventfd_t count;

	if (s->fd < 0 || s->up == up)
		return;
	s->up = up;
	if ((up ? eventfd_write(s->fd, 1) : eventfd_read(s->fd, &count)) < 0)
		abort(); /* the counter is 0 or 1, as `up` says */
}

static void
update_signals(struct transit_pipe *p)
{
	signal_set(&p->readable, p->held > 0 || p->complete || p->broken);
	signal_set(&p->writable, p->held <= p->wake_writer_at || p->abandoned);
}

static struct chunk *
chunk_for_writing(struct transit_pipe *p)
{
	struct chunk *c = NULL;

	if (p->tail != NULL && p->tail->to < sizeof(p->tail->data))
		return p->tail;
	if (p->held + sizeof(c->data) > TRANSIT_ROOM)
		return NULL;
	if (!p->own_used) {
		if (p->own == NULL)
			p->own = pool_take(p->pool, true);
		c = p->own;
		p->own_used = true;
	} else if ((c = pool_take(p->pool, false)) == NULL) {
		return NULL;
	}
	c->next = NULL;
	c->from = c->to = 0;
	if (p->tail != NULL)
		p->tail->next = c;
	else
		p->head = c;
	p->tail = c;
	return c;
}

static void
drop_head(struct transit_pipe *p)
{
	struct chunk *c = p->head;

	p->head = c->next;
	p->at = NULL;
	if (p->head == NULL)
		p->tail = NULL;
	if (c == p->own)
		p->own_used = false;
	else
		pool_give(p->pool, c);
}

static void
write_some(struct transit_pipe *p, struct slice *in)
{
	struct chunk *c;

	while (in->len > 0 && (c = chunk_for_writing(p)) != NULL) {
		size_t n = sizeof(c->data) - c->to;

		if (n > in->len)
			n = in->len;
		memcpy(c->data + c->to, in->data, n);
		c->to += n;
		p->held += n;
		p->written += n;
		*in = slice_skip(*in, n);
	}
}

/* --- the transit --- */

void
transit_new(struct transit **t, struct transit_pool *pool, size_t recipients)
{
	struct transit_pipe *p = xcalloc(1, sizeof(*p));

	p->pool = pool;
	p->readable.fd = p->writable.fd = -1;
	pthread_mutex_init(&p->lock, NULL);
	*t = xcalloc(1, sizeof(**t));
	(*t)->pipe = p;
	(*t)->recipients = xcalloc(recipients, sizeof(*(*t)->recipients));
	(*t)->outcomes = xcalloc(recipients, sizeof(*(*t)->outcomes));
	(*t)->recipient_count = recipients;
}

void
transit_free(struct transit **t)
{
	struct transit_pipe *p;

	if (*t == NULL)
		return;
	p = (*t)->pipe;
	while (p->head != NULL)
		drop_head(p);
	if (p->own != NULL)
		pool_give(p->pool, p->own);
	if (p->readable.fd >= 0)
		close(p->readable.fd);
	if (p->writable.fd >= 0)
		close(p->writable.fd);
	pthread_mutex_destroy(&p->lock);
	free(p);
	for (size_t i = 0; i < (*t)->recipient_count; i++)
		free((*t)->recipients[i].address);
	free((*t)->recipients);
	free((*t)->outcomes);
	free(*t);
	*t = NULL;
}

void
transit_try_write(struct transit *t, struct slice *in)
{
	pthread_mutex_lock(&t->pipe->lock);
	write_some(t->pipe, in);
	update_signals(t->pipe);
	pthread_mutex_unlock(&t->pipe->lock);
}

int
transit_open_end(struct transit *t, struct error *e)
{
	struct transit_pipe *p = t->pipe;

	p->readable.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	p->writable.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (p->readable.fd < 0 || p->writable.fd < 0)
		return error_set(e, ERR_SYSTEM,
		    "cannot make a pipe for a message: %s", strerror(errno));
	update_signals(p);
	return 0;
}

static int
wait_for_room(struct transit_pipe *p, struct deadline until,
    const struct stop *stop, struct error *e)
{
	struct pollfd fds[] = {
		{ .fd = p->writable.fd, .events = POLLIN },
		{ .fd = stop_fd(stop, STOP_SOON), .events = POLLIN },
	};
	int n;

	do
		n = poll(fds, 2, deadline_left(until));
	while (n < 0 && errno == EINTR);
	if (n > 0 && fds[1].revents != 0)
		return error_set(e, ERR_STOPPED, "stopped");
	if (n == 0)
		return error_set(e, ERR_TIMEOUT,
		    "the destination took nothing for too long");
	return 0;
}

int
transit_write(struct transit *t, struct slice in, struct deadline until,
    const struct stop *stop, struct error *e)
{
	struct transit_pipe *p = t->pipe;

	for (;;) {
		bool abandoned;

		pthread_mutex_lock(&p->lock);
		abandoned = p->abandoned;
		if (!abandoned)
			write_some(p, &in);
		p->wake_writer_at = in.len > 0 ? p->held / 2 : TRANSIT_ROOM;
		update_signals(p);
		pthread_mutex_unlock(&p->lock);
		if (abandoned)
			return error_set(e, ERR_REFUSED,
			    "the destination does not want the message");
		if (in.len == 0)
			return 0;
		if (wait_for_room(p, until, stop, e) < 0)
			return -1;
	}
}

void
transit_complete(struct transit *t)
{
	struct transit_pipe *p = t->pipe;

	pthread_mutex_lock(&p->lock);
	p->whole = p->held == p->written;
	p->complete = true;
	update_signals(p);
	pthread_mutex_unlock(&p->lock);
}

void
transit_break(struct transit *t)
{
	struct transit_pipe *p = t->pipe;

	pthread_mutex_lock(&p->lock);
	p->broken = true;
	update_signals(p);
	pthread_mutex_unlock(&p->lock);
}

struct ledger_change
transit_change(
    struct transit *t, enum change_kind kind, const char *destination)
{
	bool proven = !t->report && transit_ended(t) && t->has_proof;

	return (struct ledger_change){
		.kind = kind,
		.message = t->message,
		.uid = t->uid,
		.copy = t->copy,
		.octets = t->octets,
		.header = slice_make(
		    t->header, t->has_header ? sizeof(t->header) : 0),
		.trace = t->report ? NULL : t->id,
		.digest = slice_make(t->digest, proven ? sizeof(t->digest) : 0),
		.content = proven ? t->content : 0,
		.fresh = t->fresh,
		.destination = destination,
		.outcomes = t->outcomes,
	};
}

/* A complete message stays until it has its verdict: it may go out again. */
static struct chunk *
unread(const struct transit_pipe *p)
{
	struct chunk *c = p->at != NULL ? p->at : p->head;

	while (c != NULL && c->from == c->to)
		c = c->next;
	return c;
}

enum transit_part
transit_peek(struct transit *t, struct slice *part)
{
	struct transit_pipe *p = t->pipe;
	enum transit_part what;

	pthread_mutex_lock(&p->lock);
	p->at = p->broken ? NULL : unread(p);
	if (p->broken) {
		what = TRANSIT_BROKEN;
	} else if (p->at != NULL) {
		*part = slice_make(
		    p->at->data + p->at->from, p->at->to - p->at->from);
		what = TRANSIT_PART;
	} else {
		what = p->complete ? TRANSIT_COMPLETE : TRANSIT_WAIT;
	}
	pthread_mutex_unlock(&p->lock);
	return what;
}

void
transit_skip(struct transit *t, size_t n)
{
	struct transit_pipe *p = t->pipe;
	struct chunk *c;

	pthread_mutex_lock(&p->lock);
	c = unread(p);
	if (c == NULL)
		abort(); /* nobody skips what is not there */
	c->from += n;
	p->held -= n;
	if (c->from == c->to && !p->whole)
		drop_head(p);
	update_signals(p);
	pthread_mutex_unlock(&p->lock);
}

bool
transit_rewind(struct transit *t)
{
	struct transit_pipe *p = t->pipe;
	bool whole;

	pthread_mutex_lock(&p->lock);
	whole = p->whole;
	for (struct chunk *c = whole ? p->head : NULL; c != NULL; c = c->next)
		c->from = 0;
	p->at = NULL;
	if (whole)
		p->held = (size_t)p->written;
	pthread_mutex_unlock(&p->lock);
	return whole;
}

bool
transit_whole(struct transit *t)
{
	bool whole;

	pthread_mutex_lock(&t->pipe->lock);
	whole = t->pipe->whole;
	pthread_mutex_unlock(&t->pipe->lock);
	return whole;
}

int
transit_fd(const struct transit *t)
{
	return t->pipe->readable.fd;
}

void
transit_abandon(struct transit *t)
{
	struct transit_pipe *p = t->pipe;

	pthread_mutex_lock(&p->lock);
	p->abandoned = true;
	while (p->head != NULL)
		drop_head(p);
	p->held = 0;
	update_signals(p);
	pthread_mutex_unlock(&p->lock);
}

bool
transit_ended(struct transit *t)
{
	bool ended;

	pthread_mutex_lock(&t->pipe->lock);
	ended = t->pipe->complete;
	pthread_mutex_unlock(&t->pipe->lock);
	return ended;
}

uint64_t
transit_size(struct transit *t)
{
	uint64_t size;

	pthread_mutex_lock(&t->pipe->lock);
	size = t->pipe->complete ? t->pipe->written : 0;
	pthread_mutex_unlock(&t->pipe->lock);
	return size;
}
