/* stop.c - descriptors that become readable for good, one a step. */
#include "base/stop.h"

#include "base/alloc.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* One step. */
struct step {
	int own; /* readable once this stop was asked for it, */
	int any; /* or the other one: -1 where there is none */
};

struct stop {
	_Atomic enum stop_level level;
	const struct stop *other; /* borrowed, or NULL */
	struct step soon, now;
};

static int
step_make(struct step *step, int others)
{
	struct epoll_event event = { .events = EPOLLIN };

	step->own = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (step->own < 0 || others < 0)
		return step->own < 0 ? -1 : 0;
	step->any = epoll_create1(EPOLL_CLOEXEC);
	if (step->any < 0 ||
	    epoll_ctl(step->any, EPOLL_CTL_ADD, step->own, &event) < 0 ||
	    epoll_ctl(step->any, EPOLL_CTL_ADD, others, &event) < 0)
		return -1;
	return 0;
}

static void
step_close(const struct step *step)
{
	if (step->own >= 0)
		close(step->own);
	if (step->any >= 0)
		close(step->any);
}

int
stop_new_within(struct stop **stop, const struct stop *other, struct error *e)
{
	struct stop *made = xcalloc(1, sizeof *made);

	*stop = NULL;
	made->other = other;
	made->soon = made->now = (struct step){ -1, -1 };
	if (step_make(&made->soon, stop_fd(other, STOP_SOON)) < 0 ||
	    step_make(&made->now, stop_fd(other, STOP_NOW)) < 0) {
		error_set(e, ERR_SYSTEM, "cannot prepare to be stopped: %s",
		    strerror(errno));
		stop_free(&made);
		return -1;
	}
	*stop = made;
	return 0;
}

int
stop_new(struct stop **stop, struct error *e)
{
	return stop_new_within(stop, NULL, e);
}

void
stop_free(struct stop **stop)
{
	if (*stop == NULL)
		return;
	step_close(&(*stop)->soon);
	step_close(&(*stop)->now);
	free(*stop);
	*stop = NULL;
}

/* Never read again, so it can be written any number of times but one less. */
static void
raise_fd(int fd)
{
	if (eventfd_write(fd, 1) < 0 && errno != EAGAIN)
		abort();
}

void
stop_request(struct stop *stop, enum stop_level level)
{
	enum stop_level before = atomic_load(&stop->level);

	while (before < level &&
	    !atomic_compare_exchange_weak(&stop->level, &before, level))
		continue;
	if (level >= STOP_SOON)
		raise_fd(stop->soon.own);
	if (level >= STOP_NOW)
		raise_fd(stop->now.own);
}

enum stop_level
stop_level(const struct stop *stop)
{
	enum stop_level own, others;

	if (stop == NULL)
		return STOP_NO;
	own = atomic_load(&stop->level);
	others = stop_level(stop->other);
	return own > others ? own : others;
}

int
stop_fd(const struct stop *stop, enum stop_level level)
{
	const struct step *step;

	if (stop == NULL)
		return -1;
	step = level == STOP_NOW ? &stop->now : &stop->soon;
	return step->any >= 0 ? step->any : step->own;
}
