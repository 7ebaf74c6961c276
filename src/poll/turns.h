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
 * turns_new - at: the server of each mailbox, which is known from then on by
 * its place in that list; one server are those of the same host (in whatever
 * case) and port. polls, polls_per_server: how many at once, at least 1. Nobody
 * waits yet. The list is borrowed for the call, what it points to until
 * turns_free().
 */
void turns_new(struct turns **t, const struct endpoint *const *at, size_t count,
    unsigned polls, unsigned polls_per_server);
void turns_free(struct turns **t);

/* turns_wait - it is to be polled. Nothing is new if it waits or is polled. */
void turns_wait(struct turns *t, size_t mailbox);

/* turns_take - *mailbox is polled from now on. False: none may be. */
bool turns_take(struct turns *t, size_t *mailbox);

/* turns_end - it was polled. */
void turns_end(struct turns *t, size_t mailbox);

/* turns_most - never are more than that polled at once. */
size_t turns_most(const struct turns *t);

size_t turns_waiting(const struct turns *t);
size_t turns_polled(const struct turns *t);

#endif
