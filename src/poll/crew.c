/* Threads that take turns. */
#include "poll/crew.h"

#include "base/alloc.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/*
 * Several times what a poll was seen to need, with TLS, SQLite and c-ares; the
 * usual 8 MiB would be 2 GiB of addresses for some hundred polls.
 */
#define STACK ((size_t)256 * 1024)

struct member {
	struct member *next;
	struct crew *crew; /* borrowed */
	pthread_t thread;
	size_t mailbox; /* that it polls */
	enum {
		MEMBER_NONE, /* no thread */
		MEMBER_POLLS,
		MEMBER_DONE /* to be joined */
	} stage;
};

struct crew {
	struct crew_task task;
	const struct stop *stop; /* borrowed */
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t ended; /* a thread has */
	struct turns *turns; /* owned */
	struct member *members; /* owned; as many as there ever were at once */
	bool halted; /* no poll begins any more */
};

void
crew_new(struct crew **out, unsigned polls, unsigned polls_per_server,
    const struct crew_task *task, const struct stop *stop)
{
	struct crew *c = xcalloc(1, sizeof(*c));

	c->task = *task;
	c->stop = stop;
	turns_new(&c->turns, polls, polls_per_server);
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->ended, NULL);
	*out = c;
}

size_t
crew_add(struct crew *c, const struct endpoint *at)
{
	size_t mailbox;

	pthread_mutex_lock(&c->lock);
	mailbox = turns_add(c->turns, at);
	pthread_mutex_unlock(&c->lock);
	return mailbox;
}

void
crew_remove(struct crew *c, size_t mailbox)
{
	pthread_mutex_lock(&c->lock);
	turns_remove(c->turns, mailbox);
	pthread_mutex_unlock(&c->lock);
}

bool
crew_recall(struct crew *c, size_t mailbox)
{
	bool waited;

	pthread_mutex_lock(&c->lock);
	waited = turns_recall(c->turns, mailbox);
	pthread_mutex_unlock(&c->lock);
	return waited;
}

/* With the lock held: the next, if it is anybody's turn. */
static bool
take(struct crew *c, size_t *mailbox)
{
	return !c->halted && stop_level(c->stop) == STOP_NO &&
	    turns_take(c->turns, mailbox);
}

/* One poll is over: on to the next? */
static bool
next(struct member *m, int rc)
{
	struct crew *c = m->crew;
	size_t polled = m->mailbox;
	bool more;

	pthread_mutex_lock(&c->lock);
	turns_end(c->turns, m->mailbox);
	if (rc < 0)
		c->halted = true;
	more = take(c, &m->mailbox);
	if (!more) {
		m->stage = MEMBER_DONE;
		pthread_cond_signal(&c->ended);
	}
	pthread_mutex_unlock(&c->lock);
	if (c->task.polled != NULL)
		c->task.polled(c->task.arg, polled);
	return more;
}

static void *
member_thread(void *arg)
{
	struct member *m = arg;
	struct crew *c = m->crew;
	int rc;

	do {
		rc = c->task.poll(c->task.arg, m->mailbox);
	} while (next(m, rc));
	return NULL;
}

/* Returns an errno, like pthread_create itself. */
static int
start_thread(struct member *m)
{
	pthread_attr_t attr;
	int rc = pthread_attr_init(&attr);

	if (rc != 0)
		return rc;
	rc = pthread_attr_setstacksize(&attr, STACK);
	if (rc == 0)
		rc = pthread_create(&m->thread, &attr, member_thread, m);
	pthread_attr_destroy(&attr);
	return rc;
}

/* With the lock held. One that is done needs it no more. */
static struct member *
free_member(struct crew *c)
{
	struct member *m = c->members;

	while (m != NULL && m->stage == MEMBER_POLLS)
		m = m->next;
	if (m == NULL) {
		m = xcalloc(1, sizeof(*m));
		m->crew = c;
		m->next = c->members;
		c->members = m;
	}
	if (m->stage == MEMBER_DONE)
		pthread_join(m->thread, NULL);
	m->stage = MEMBER_NONE;
	return m;
}

/* With the lock held. */
static int
start(struct crew *c, size_t mailbox, struct error *e)
{
	struct member *m = free_member(c);
	int rc;

	m->mailbox = mailbox;
	m->stage = MEMBER_POLLS;
	rc = start_thread(m);
	if (rc == 0)
		return 0;
	m->stage = MEMBER_NONE;
	turns_end(c->turns, mailbox);
	turns_wait(c->turns, mailbox);
	/* Those that are there will do all of it, if more slowly. */
	if (turns_polled(c->turns) > 0)
		return 0;
	return error_set(
	    e, ERR_SYSTEM, "cannot start a thread: %s", strerror(rc));
}

int
crew_poll(struct crew *c, size_t mailbox, struct error *e)
{
	int rc = 0;

	pthread_mutex_lock(&c->lock);
	turns_wait(c->turns, mailbox);
	if (take(c, &mailbox))
		rc = start(c, mailbox, e);
	pthread_mutex_unlock(&c->lock);
	return rc;
}

void
crew_limit(struct crew *c, unsigned polls, unsigned polls_per_server)
{
	struct error ignored = { 0 };
	size_t mailbox, waiting;

	pthread_mutex_lock(&c->lock);
	turns_limit(c->turns, polls, polls_per_server);
	waiting = turns_waiting(c->turns);
	while (waiting-- > 0 && take(c, &mailbox))
		(void)start(c, mailbox, &ignored);
	pthread_mutex_unlock(&c->lock);
}

void
crew_wait(struct crew *c)
{
	pthread_mutex_lock(&c->lock);
	while (turns_polled(c->turns) > 0)
		pthread_cond_wait(&c->ended, &c->lock);
	pthread_mutex_unlock(&c->lock);
}

void
crew_free(struct crew **out)
{
	struct crew *c = *out;
	struct member *m;

	if (c == NULL)
		return;
	crew_wait(c);
	while ((m = c->members) != NULL) {
		if (m->stage != MEMBER_NONE)
			pthread_join(m->thread, NULL);
		c->members = m->next;
		free(m);
	}
	turns_free(&c->turns);
	pthread_cond_destroy(&c->ended);
	pthread_mutex_destroy(&c->lock);
	free(c);
	*out = NULL;
}
