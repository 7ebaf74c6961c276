/*
 * crew.h - the threads that poll, one for each poll that is under way: when it
 * is done with one mailbox a thread takes the next whose turn it is (turns.h),
 * and when it is nobody's turn it ends. Who waits costs no thread.
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
	void *arg;
};

/*
 * crew_new - with no thread yet. turns: the crew's from now on, but freed by
 * the caller after it; stop: no poll begins after STOP_SOON. Both are borrowed.
 */
void crew_new(struct crew **c, struct turns *turns,
    const struct crew_task *task, const struct stop *stop);

/*
 * crew_poll - have a mailbox polled, when it is its turn. Any thread. Returns
 * 0, or -1 with ERR_SYSTEM: no thread can be had, and none is there already;
 * the mailbox waits, and another call may do better.
 */
int crew_poll(struct crew *c, size_t mailbox, struct error *e);

/* crew_wait - until no poll is under way, and none will begin by itself. */
void crew_wait(struct crew *c);

void crew_free(struct crew **c); /* waits, too */

#endif
