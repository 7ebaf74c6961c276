/* stop.c - two descriptors that become readable for good, one a step. */
#include "base/stop.h"

#include "base/alloc.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct stop {
	_Atomic enum stop_level level;
	int soon;
	int now;
};

int
stop_new(struct stop **stop, struct error *e)
{
	struct stop *made = xcalloc(1, sizeof *made);

	*stop = NULL;
	made->soon = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	made->now = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (made->soon < 0 || made->now < 0) {
		error_set(e, ERR_SYSTEM, "cannot prepare to be stopped: %s",
		    strerror(errno));
		stop_free(&made);
		return -1;
	}
	*stop = made;
	return 0;
}

void
stop_free(struct stop **stop)
{
	if (*stop == NULL)
		return;
	if ((*stop)->soon >= 0)
		close((*stop)->soon);
	if ((*stop)->now >= 0)
		close((*stop)->now);
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
		raise_fd(stop->soon);
	if (level >= STOP_NOW)
		raise_fd(stop->now);
}

enum stop_level
stop_level(const struct stop *stop)
{
	return stop != NULL ? atomic_load(&stop->level) : STOP_NO;
}

int
stop_fd(const struct stop *stop, enum stop_level level)
{
	if (stop == NULL)
		return -1;
	return level == STOP_NOW ? stop->now : stop->soon;
}
