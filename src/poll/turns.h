/*
 * turns.h - whose turn it is: of the mailboxes that wait to be polled, which
 * one may be, when only so many polls go on at once, and so many of one server?
 *
 * Servers take turns, and the mailboxes of one go in the order in which they
 * came. So a server with many of them keeps the others waiting no longer than
 * one with few, and who waits for a server that is full is passed over. Here
 * are no threads, no locks and no clock: crew.h has them.
 */
#ifndef POLL_TURNS_H
#define POLL_TURNS_H

#include "net/endpoint.h"

#include <stdbool.h>
#include <stddef.h>

struct turns;

/*
 * turns_new - polls, polls_per_server: how many at once, at least 1.
 * turns_limit - others from now on; what is under way is not disturbed.
 */
void turns_new(struct turns **t, unsigned polls, unsigned polls_per_server);
void turns_free(struct turns **t);
void turns_limit(struct turns *t, unsigned polls, unsigned polls_per_server);

/*
 * turns_add - there is a mailbox at that server, known from now on by the number
 * that is returned: the smallest that is free. One server are those of the same
 * host (in whatever case) and port. Nothing is borrowed.
 * turns_remove - there is not any more. It neither waits nor is polled.
 */
size_t turns_add(struct turns *t, const struct endpoint *at);
void turns_remove(struct turns *t, size_t mailbox);

/* turns_wait - it is to be polled. Nothing is new if it waits or is polled. */
void turns_wait(struct turns *t, size_t mailbox);

/* turns_recall - it is not to be polled after all. False: it does not wait. */
bool turns_recall(struct turns *t, size_t mailbox);

/* turns_take - *mailbox is polled from now on. False: none may be. */
bool turns_take(struct turns *t, size_t *mailbox);

/* turns_end - it was polled. */
void turns_end(struct turns *t, size_t mailbox);

size_t turns_waiting(const struct turns *t);
size_t turns_polled(const struct turns *t);

#endif
