/* Queues of mailboxes, one a server, and a queue of servers. */
#include "poll/turns.h"

#include "base/alloc.h"

#include <search.h>
#include <stdint.h>
#include <stdlib.h>
#include <strings.h>

struct server {
	char *host; /* owned */
	uint16_t port;
	size_t mailboxes; /* that are there; without any, it goes */
	struct server *next; /* in the queue of those that may go on */
	struct mailbox *first, **last; /* that wait */
	unsigned polls; /* under way */
	bool queued;
};

enum stage {
	STAGE_NONE, /* the number is free */
	STAGE_IDLE,
	STAGE_WAITS,
	STAGE_POLLED
};

struct mailbox {
	size_t number;
	struct mailbox *next; /* in the queue of its server */
	struct server *server;
	enum stage stage;
};

struct turns {
	struct mailbox *
	    *mailboxes; /* owned, each by itself: others point to it */
	size_t count, room;
	size_t free; /* no number below is free */
	void *servers; /* tsearch(3) */
	struct server *first, **last; /* somebody waits, and there is room */
	unsigned most, most_per_server;
	size_t waiting, polled;
};

void
turns_new(struct turns **out, unsigned polls, unsigned polls_per_server)
{
	struct turns *t = xcalloc(1, sizeof(*t));

	t->last = &t->first;
	turns_limit(t, polls, polls_per_server);
	*out = t;
}

/* --- servers --- */

static int
compare(const void *one, const void *other)
{
	const struct server *a = one;
	const struct server *b = other;

	return a->port != b->port ? (a->port > b->port) - (a->port < b->port)
				  : strcasecmp(a->host, b->host);
}

static struct server *
find_server(struct turns *t, const struct endpoint *at)
{
	struct server *made = xcalloc(1, sizeof(*made));
	struct server **found;

	made->host = xstrdup(at->host);
	made->port = at->port;
	made->last = &made->first;
	found = tsearch(made, &t->servers, compare);
	if (found == NULL)
		abort(); /* out of memory, as in alloc.h */
	if (*found != made) {
		free(made->host);
		free(made);
	}
	return *found;
}

static void
free_server(void *server)
{
	free(((struct server *)server)->host);
	free(server);
}

/* Queue a server, at the end, if it has somebody and room for a poll. */
static void
queue_server(struct turns *t, struct server *s)
{
	if (s->queued || s->first == NULL || s->polls >= t->most_per_server)
		return;
	s->queued = true;
	s->next = NULL;
	*t->last = s;
	t->last = &s->next;
}

static void
unqueue_server(struct turns *t, struct server *s)
{
	struct server **link = &t->first;

	if (!s->queued)
		return;
	while (*link != s)
		link = &(*link)->next;
	*link = s->next;
	if (t->last == &s->next)
		t->last = link;
	s->queued = false;
}

static void
requeue(const void *node, VISIT order, void *turns)
{
	struct turns *t = turns;
	struct server *s = *(struct server *const *)node;

	if (order != postorder && order != leaf)
		return;
	if (s->polls >= t->most_per_server)
		unqueue_server(t, s);
	else
		queue_server(t, s);
}

void
turns_limit(struct turns *t, unsigned polls, unsigned polls_per_server)
{
	t->most = polls;
	t->most_per_server = polls_per_server;
	twalk_r(t->servers, requeue, t);
}

void
turns_free(struct turns **t)
{
	if (*t == NULL)
		return;
	for (size_t i = 0; i < (*t)->count; i++)
		free((*t)->mailboxes[i]);
	free((*t)->mailboxes);
	tdestroy((*t)->servers, free_server);
	free(*t);
	*t = NULL;
}

/* --- mailboxes --- */

static struct mailbox *
free_number(struct turns *t)
{
	while (t->free < t->count && t->mailboxes[t->free]->stage != STAGE_NONE)
		t->free++;
	if (t->free < t->count)
		return t->mailboxes[t->free];
	if (t->count == t->room) {
		t->room = t->room * 2 + 16;
		t->mailboxes =
		    xrealloc(t->mailboxes, t->room, sizeof(*t->mailboxes));
	}
	t->mailboxes[t->count] = xcalloc(1, sizeof(struct mailbox));
	t->mailboxes[t->count]->number = t->count;
	return t->mailboxes[t->count++];
}

size_t
turns_add(struct turns *t, const struct endpoint *at)
{
	struct mailbox *m = free_number(t);

	m->server = find_server(t, at);
	m->server->mailboxes++;
	m->stage = STAGE_IDLE;
	return m->number;
}

void
turns_remove(struct turns *t, size_t mailbox)
{
	struct mailbox *m = t->mailboxes[mailbox];
	struct server *s = m->server;

	m->stage = STAGE_NONE;
	m->server = NULL;
	if (mailbox < t->free)
		t->free = mailbox;
	if (--s->mailboxes == 0) {
		tdelete(s, &t->servers, compare);
		free_server(s);
	}
}

/* --- whose turn it is --- */

void
turns_wait(struct turns *t, size_t mailbox)
{
	struct mailbox *m = t->mailboxes[mailbox];
	struct server *s = m->server;

	if (m->stage != STAGE_IDLE)
		return;
	m->stage = STAGE_WAITS;
	m->next = NULL;
	*s->last = m;
	s->last = &m->next;
	t->waiting++;
	queue_server(t, s);
}

bool
turns_recall(struct turns *t, size_t mailbox)
{
	struct mailbox *m = t->mailboxes[mailbox];
	struct server *s = m->server;
	struct mailbox **link = &s->first;

	if (m->stage != STAGE_WAITS)
		return false;
	m->stage = STAGE_IDLE;
	while (*link != m)
		link = &(*link)->next;
	*link = m->next;
	if (s->last == &m->next)
		s->last = link;
	t->waiting--;
	if (s->first == NULL)
		unqueue_server(t, s);
	return true;
}

bool
turns_take(struct turns *t, size_t *mailbox)
{
	struct server *s = t->first;
	struct mailbox *m;

	if (s == NULL || t->polled >= t->most)
		return false;
	unqueue_server(t, s);
	m = s->first;
	s->first = m->next;
	if (s->first == NULL)
		s->last = &s->first;
	m->stage = STAGE_POLLED;
	s->polls++;
	t->polled++;
	t->waiting--;
	queue_server(t, s);
	*mailbox = m->number;
	return true;
}

void
turns_end(struct turns *t, size_t mailbox)
{
	struct mailbox *m = t->mailboxes[mailbox];

	m->stage = STAGE_IDLE;
	m->server->polls--;
	t->polled--;
	queue_server(t, m->server);
}

size_t
turns_waiting(const struct turns *t)
{
	return t->waiting;
}

size_t
turns_polled(const struct turns *t)
{
	return t->polled;
}
