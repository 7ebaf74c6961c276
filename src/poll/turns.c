/* Queues of mailboxes, one a server, and a queue of servers. */
#include "poll/turns.h"

#include "base/alloc.h"

#include <stdlib.h>
#include <strings.h>

struct server {
	struct server *next; /* in the queue of those that may go on */
	struct mailbox *first, **last; /* that wait */
	unsigned polls; /* under way */
	bool queued;
};

enum stage {
	STAGE_IDLE,
	STAGE_WAITS,
	STAGE_POLLED
};

struct mailbox {
	struct mailbox *next; /* in the queue of its server */
	struct server *server;
	enum stage stage;
};

struct turns {
	struct mailbox *mailboxes; /* owned, as is the next */
	struct server *servers;
	struct server *first, **last; /* somebody waits, and there is room */
	size_t count;
	unsigned most, most_per_server;
	size_t waiting, polled;
};

/* --- which are of one server --- */

/* A mailbox on its way to its server. */
struct place {
	const struct endpoint *at;
	struct mailbox *mailbox;
};

static int
compare(const void *one, const void *other)
{
	const struct endpoint *a = ((const struct place *)one)->at;
	const struct endpoint *b = ((const struct place *)other)->at;

	return a->port != b->port ? (a->port > b->port) - (a->port < b->port)
				  : strcasecmp(a->host, b->host);
}

static void
assign_servers(struct turns *t, const struct endpoint *const *at)
{
	struct place *places = xcalloc(t->count, sizeof(*places));
	struct server *server = t->servers;

	for (size_t i = 0; i < t->count; i++)
		places[i] = (struct place){ at[i], &t->mailboxes[i] };
	if (t->count > 0)
		qsort(places, t->count, sizeof(*places), compare);
	for (size_t i = 0; i < t->count; i++) {
		if (i > 0 && compare(&places[i - 1], &places[i]) != 0)
			server++;
		places[i].mailbox->server = server;
		server->last = &server->first;
	}
	free(places);
}

void
turns_new(struct turns **out, const struct endpoint *const *at, size_t count,
    unsigned polls, unsigned polls_per_server)
{
	struct turns *t = xcalloc(1, sizeof(*t));

	t->mailboxes = xcalloc(count, sizeof(*t->mailboxes));
	t->servers = xcalloc(count, sizeof(*t->servers));
	t->last = &t->first;
	t->count = count;
	t->most = polls;
	t->most_per_server = polls_per_server;
	assign_servers(t, at);
	*out = t;
}

void
turns_free(struct turns **t)
{
	if (*t == NULL)
		return;
	free((*t)->mailboxes);
	free((*t)->servers);
	free(*t);
	*t = NULL;
}

/* --- whose turn it is --- */

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

void
turns_wait(struct turns *t, size_t mailbox)
{
	struct mailbox *m = &t->mailboxes[mailbox];
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
turns_take(struct turns *t, size_t *mailbox)
{
	struct server *s = t->first;
	struct mailbox *m;

	if (s == NULL || t->polled >= t->most)
		return false;
	t->first = s->next;
	if (t->first == NULL)
		t->last = &t->first;
	s->queued = false;
	m = s->first;
	s->first = m->next;
	if (s->first == NULL)
		s->last = &s->first;
	m->stage = STAGE_POLLED;
	s->polls++;
	t->polled++;
	t->waiting--;
	queue_server(t, s);
	*mailbox = (size_t)(m - t->mailboxes);
	return true;
}

void
turns_end(struct turns *t, size_t mailbox)
{
	struct mailbox *m = &t->mailboxes[mailbox];

	m->stage = STAGE_IDLE;
	m->server->polls--;
	t->polled--;
	queue_server(t, m->server);
}

size_t
turns_most(const struct turns *t)
{
	return t->most < t->count ? t->most : t->count;
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
