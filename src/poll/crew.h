/*
 * crew.h - the threads that poll, one for each poll that is under way: when it
 * is done with one mailbox a thread takes the next whose turn it is (turns.h),
 * and when it is nobody's turn it ends. Who waits costs no thread. Any thread
 * may call all of it.
 */
#ifndef POLL_CREW_H
#define POLL_CREW_H

#include "base/error.h"
#include "base/stop.h"
#include "poll/turns.h"

struct crew;

/* What the threads do. */
struct crew_task {
	/*
	 * Poll a mailbox; several threads at once, but never two for the same
	 * mailbox. Returns 0, or -1: nobody's poll is to begin any more.
	 */
	int (*poll)(void *arg, size_t mailbox);
	/* It was polled, and could be again. NULL: nobody wants to know. */
	void (*polled)(void *arg, size_t mailbox);
	void *arg;
};

/*
 * crew_new - with no mailbox and no thread yet. polls, polls_per_server: at most
 * so many at once. stop: no poll begins after STOP_SOON; borrowed.
 * crew_limit - others from now on.
 */
void crew_new(struct crew **c, unsigned polls, unsigned polls_per_server,
    const struct crew_task *task, const struct stop *stop);
void crew_limit(struct crew *c, unsigned polls, unsigned polls_per_server);

/*
 * crew_add, crew_remove, crew_recall - as turns_add() and its like.
 */
size_t crew_add(struct crew *c, const struct endpoint *at);
void crew_remove(struct crew *c, size_t mailbox);
bool crew_recall(struct crew *c, size_t mailbox);

/*
 * crew_poll - have a mailbox polled, when it is its turn. Returns 0, or -1 with
 * ERR_SYSTEM: no thread can be had, and none is there already; the mailbox
 * waits, and another call may do better.
 */
int crew_poll(struct crew *c, size_t mailbox, struct error *e);

/* crew_wait - until no poll is under way, and none will begin by itself. */
void crew_wait(struct crew *c);

void crew_free(struct crew **c); /* waits, too */

#endif
