/*
 * queue.h - the one way in which threads hand things to each other: a
 * first-in-first-out queue, which a thread can wait for alone, or by an eventfd
 * together with its socket in the same poll(2).
 *
 * Intrusive: what is queued embeds a struct queue_item as its first member and
 * is on one queue at a time. Whoever pops an item owns it.
 */
#ifndef BASE_QUEUE_H
#define BASE_QUEUE_H

#include "base/clock.h"
#include "base/error.h"

struct queue_item {
	struct queue_item *next; /* private to queue.c */
};

struct queue;

int queue_new(struct queue **q, struct error *e);
void queue_free(struct queue **q); /* empty, and nobody uses it */

/* queue_push - append; wakes whoever waits. Any thread. */
void queue_push(struct queue *q, struct queue_item *item);

/* queue_pop - the oldest item, or NULL. Does not wait. */
void *queue_pop(struct queue *q);

/*
 * queue_fd - readable (POLLIN) while the queue has items. From the first call
 * on, each change between empty and not costs a system call.
 */
int queue_fd(struct queue *q);

/*
 * queue_wait - wait for an item. also_fd: another descriptor whose POLLIN ends
 * the wait, or -1. Returns the item, or NULL: deadline passed or also_fd ready.
 */
void *queue_wait(struct queue *q, int also_fd, struct deadline until);

#endif
