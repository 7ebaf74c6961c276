/* notify.c - datagrams of lines NAME=VALUE. */
#include "daemon/notify.h"

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/log.h"
#include "base/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_S 1
#define STATUS_TEXT 500
#define US_PER_MS 1000
#define US_PER_S 1000000
#define NS_PER_US 1000

struct notify {
	int fd;
	struct sockaddr_un to;
	socklen_t to_len;
	int64_t watchdog_ms; /* 0: nobody watches */
	bool told; /* that it does not listen */
};

/* A path, or a name of the abstract kind, which is shown with "@" in front. */
static int
address_take(struct notify *n, const char *name, struct error *e)
{
	size_t len = strlen(name);

	if ((name[0] != '/' && name[0] != '@') || len < 2 ||
	    len >= sizeof n->to.sun_path)
		return error_set(e, ERR_SYSTEM,
		    "$NOTIFY_SOCKET is \"%s\", which is no name of a unix "
		    "socket",
		    name);
	n->to.sun_family = AF_UNIX;
	memcpy(n->to.sun_path, name, len);
	n->to_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	if (name[0] == '@')
		n->to.sun_path[0] = '\0';
	else
		n->to_len++;
	return 0;
}

/* Not the address but the peer may be another one later: no connect(2). */
static int
socket_make(struct notify *n, struct error *e)
{
	const struct timeval patience = { .tv_sec = PATIENCE_S };

	n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (n->fd < 0 ||
	    setsockopt(
		n->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) < 0)
		return error_set(
		    e, ERR_SYSTEM, "$NOTIFY_SOCKET: %s", strerror(errno));
	return 0;
}

/* $WATCHDOG_PID says whom the supervisor watches, when it says so. */
static int64_t
watchdog_take(void)
{
	const char *usec = getenv("WATCHDOG_USEC");
	const char *pid = getenv("WATCHDOG_PID");
	uint64_t us = 0, who = 0;

	if (usec == NULL || text_u64(slice_of(usec), INT64_MAX, &us) < 0)
		return 0;
	if (pid != NULL &&
	    (text_u64(slice_of(pid), INT32_MAX, &who) < 0 ||
		(pid_t)who != getpid()))
		return 0;
	return (int64_t)(us / 2 / US_PER_MS);
}

int
notify_open(struct notify **out, struct error *e)
{
	const char *name = getenv("NOTIFY_SOCKET");
	struct notify *n;
	int rc = 0;

	*out = NULL;
	if (name == NULL)
		return 0;
	n = xcalloc(1, sizeof *n);
	n->fd = -1;
	n->watchdog_ms = watchdog_take();
	if (address_take(n, name, e) < 0 || socket_make(n, e) < 0)
		rc = -1;
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	if (rc < 0)
		notify_free(&n);
	*out = n;
	return rc;
}

void
notify_free(struct notify **n)
{
	if (*n == NULL)
		return;
	if ((*n)->fd >= 0)
		close((*n)->fd);
	free(*n);
	*n = NULL;
}

/* What a supervisor misses is its loss: mail goes on. */
static void
tell(struct notify *n, const char *lines)
{
	ssize_t sent;

	if (n == NULL)
		return;
	do
		sent = sendto(n->fd, lines, strlen(lines), MSG_NOSIGNAL,
		    (const struct sockaddr *)&n->to, n->to_len);
	while (sent < 0 && errno == EINTR);
	if (sent < 0 && !n->told)
		log_warning("the supervisor does not listen "
			    "($NOTIFY_SOCKET): %s",
		    strerror(errno));
	n->told = sent < 0;
}

void
notify_ready(struct notify *n)
{
	tell(n, "READY=1");
}

/*
 * The time is what systemd 253 and newer tells reloads apart by: one that seems
 * to lie before its signal does not count, so microseconds it must be.
 */
void
notify_reloading(struct notify *n)
{
	struct timespec now = { 0 };
	char lines[80];

	clock_gettime(CLOCK_MONOTONIC, &now);
	(void)snprintf(lines, sizeof lines,
	    "RELOADING=1\nMONOTONIC_USEC=%" PRId64,
	    (int64_t)now.tv_sec * US_PER_S + now.tv_nsec / NS_PER_US);
	tell(n, lines);
}

void
notify_stopping(struct notify *n)
{
	tell(n, "STOPPING=1");
}

/* Each line counts for itself, so that a status must be none but one. */
void
notify_status(struct notify *n, const char *text)
{
	char line[STATUS_TEXT], lines[STATUS_TEXT + 16];

	text_harmless(slice_of(text), line, sizeof line);
	(void)snprintf(lines, sizeof lines, "STATUS=%s", line);
	tell(n, lines);
}

int64_t
notify_watchdog_interval(const struct notify *n)
{
	return n != NULL ? n->watchdog_ms : 0;
}

void
notify_watchdog(struct notify *n)
{
	tell(n, "WATCHDOG=1");
}
