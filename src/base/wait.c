/* wait.c - poll(2), with its interruptions taken care of. */
#include "base/wait.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

int
wait_for(int fd, short events, int other, int stop, struct deadline until,
    struct error *e)
{
	struct pollfd fds[] = {
		{ .fd = fd, .events = events },
		{ .fd = other, .events = POLLIN },
		{ .fd = stop, .events = POLLIN },
	};
	int n;

	for (;;) {
		n = poll(fds, 3, deadline_left(until));
		if (n < 0 && errno != EINTR)
			return error_set(
			    e, ERR_SYSTEM, "poll: %s", strerror(errno));
		if (n > 0 && fds[2].revents != 0)
			return error_set(e, ERR_STOPPED, "stopped");
		if (n > 0)
			return (fds[0].revents != 0 ? WAIT_FD : 0) |
			    (fds[1].revents != 0 ? WAIT_OTHER : 0);
		if (n == 0 && deadline_passed(until))
			return 0;
	}
}

int
wait_silence(const char *who, const char *what, int64_t since, struct error *e)
{
	int64_t ms = clock_monotonic_ms() - since;

	return error_set(e, ERR_TIMEOUT, "%s %s for %lld %s", who, what,
	    (long long)(ms < 1000 ? ms : (ms + 500) / 1000),
	    ms < 1000 ? "ms" : "s");
}
