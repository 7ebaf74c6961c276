/* queue.c - a locked list whose eventfd counts whether it has items. */
#include "base/queue.h"

#include "base/alloc.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct queue {
	pthread_mutex_t lock; /* guards the list, and fd's being readable */
	struct queue_item *first;
	struct queue_item **last; /* the link that the next item fills */
	int fd;
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
	if (eventfd_write(q->fd, 1) < 0)
		abort();
}

static void
mark_empty(struct queue *q)
{
	eventfd_t count;

	if (eventfd_read(q->fd, &count) < 0)
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
	pthread_mutex_unlock(&q->lock);
}

void *
queue_pop(struct queue *q)
{
	struct queue_item *item;

	pthread_mutex_lock(&q->lock);
	item = q->first;
	if (item != NULL) {
		q->first = item->next;
		item->next = NULL;
		if (q->first == NULL) {
			q->last = &q->first;
			mark_empty(q);
		}
	}
	pthread_mutex_unlock(&q->lock);
	return item;
}

int
queue_fd(const struct queue *q)
{
	return q->fd;
}

void *
queue_wait(struct queue *q, int also_fd, struct deadline until)
{
	struct pollfd fds[] = {
		{ .fd = q->fd, .events = POLLIN },
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
