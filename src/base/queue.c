/* queue.c - a locked list, and two ways to wait for it. */
#include "base/queue.h"

#include "base/alloc.h"
#include "base/condition.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct queue {
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t filled;
	struct queue_item *first;
	struct queue_item **last; /* the link that the next item fills */
	int fd;
	bool watched; /* somebody asked for fd: it is readable while full */
};

int
queue_new(struct queue **q, struct error *e)
{
	struct queue *made;
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	*q = NULL;
	if (fd < 0)
		return error_set(
		    e, ERR_SYSTEM, "cannot make a queue: %s", strerror(errno));
	made = xcalloc(1, sizeof *made);
	pthread_mutex_init(&made->lock, NULL);
	condition_init(&made->filled);
	made->last = &made->first;
	made->fd = fd;
	*q = made;
	return 0;
}

void
queue_free(struct queue **q)
{
	if (*q == NULL)
		return;
	close((*q)->fd);
	pthread_cond_destroy(&(*q)->filled);
	pthread_mutex_destroy(&(*q)->lock);
	free(*q);
	*q = NULL;
}

/*
 * The counter is 0 or 1 and only changes under the lock, so neither call can
 * block or fail; a failure would mean that the descriptor is somebody else's.
 */
static void
mark_full(struct queue *q)
{
	if (q->watched && eventfd_write(q->fd, 1) < 0)
		abort();
}

static void
mark_empty(struct queue *q)
{
	eventfd_t count;

	if (q->watched && eventfd_read(q->fd, &count) < 0)
		abort();
}

void
queue_push(struct queue *q, struct queue_item *item)
{
	item->next = NULL;
	pthread_mutex_lock(&q->lock);
	if (q->first == NULL)
		mark_full(q);
	*q->last = item;
	q->last = &item->next;
	pthread_cond_signal(&q->filled);
	pthread_mutex_unlock(&q->lock);
}

/* With the lock held. */
static struct queue_item *
take_first(struct queue *q)
{
	struct queue_item *item = q->first;

	if (item == NULL)
		return NULL;
	q->first = item->next;
	item->next = NULL;
	if (q->first == NULL) {
		q->last = &q->first;
		mark_empty(q);
	}
	return item;
}

void *
queue_pop(struct queue *q)
{
	struct queue_item *item;

	pthread_mutex_lock(&q->lock);
	item = take_first(q);
	pthread_mutex_unlock(&q->lock);
	return item;
}

int
queue_fd(struct queue *q)
{
	pthread_mutex_lock(&q->lock);
	if (!q->watched) {
		q->watched = true;
		if (q->first != NULL)
			mark_full(q);
	}
	pthread_mutex_unlock(&q->lock);
	return q->fd;
}

static void *
wait_alone(struct queue *q, struct deadline until)
{
	struct queue_item *item;
	int rc = 0;

	pthread_mutex_lock(&q->lock);
	while ((item = take_first(q)) == NULL && rc != ETIMEDOUT)
		rc = condition_wait(&q->filled, &q->lock, until);
	pthread_mutex_unlock(&q->lock);
	return item;
}

/* poll(2) for both; a wait for the queue alone costs less. */
static void *
wait_beside(struct queue *q, int also_fd, struct deadline until)
{
	struct pollfd fds[] = {
		{ .fd = queue_fd(q), .events = POLLIN },
		{ .fd = also_fd, .events = POLLIN },
	};
	void *item;
	int n;

	for (;;) {
		item = queue_pop(q);
		if (item != NULL)
			return item;
		n = poll(fds, 2, deadline_left(until));
		if (n < 0 && errno != EINTR)
			abort(); /* two descriptors, both valid */
		if (n > 0 && fds[1].revents != 0)
			return queue_pop(q);
		/* poll(2) rounds, so only the clock says what has passed. */
		if (n == 0 && deadline_passed(until))
			return queue_pop(q);
	}
}

void *
queue_wait(struct queue *q, int also_fd, struct deadline until)
{
	return also_fd < 0 ? wait_alone(q, until)
			   : wait_beside(q, also_fd, until);
}
