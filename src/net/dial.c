/* dial.c - addresses and paths tried until somebody answers. */
#include "net/dial.h"

#include "base/wait.h"
#include "net/resolver.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* How long to leave a unix socket alone whose queue of callers is full. */
#define BACKLOG_PAUSE_MS 50

/* Whom to reach. All borrowed. */
struct call {
	const struct endpoint *at;
	const char *peer;
	const struct stop *stop;
};

static int
refused(const struct call *c, int errnum, struct error *e)
{
	if (c->at->path != NULL && (errnum == ECONNREFUSED || errnum == ENOENT))
		return error_set(e, ERR_CONNECT,
		    "nobody listens at %s (%s): is that server running?",
		    c->peer, strerror(errnum));
	if (c->at->path != NULL)
		return error_set(e, ERR_CONNECT, "cannot connect to %s: %s",
		    c->peer, strerror(errnum));
	if (errnum == ECONNREFUSED)
		return error_set(e, ERR_CONNECT,
		    "nobody listens at %s (connection refused): check `port`",
		    c->peer);
	return error_set(e, ERR_CONNECT,
	    "cannot connect to %s: %s: check the host and the network", c->peer,
	    strerror(errnum));
}

/*
 * 0 when the deadline has passed. fd: to be connected, or -1: time is to pass.
 */
static int
await(const struct call *c, int fd, struct deadline until, struct error *e)
{
	return wait_for(fd, POLLOUT, -1, stop_fd(c->stop, STOP_SOON), until, e);
}

/*
 * connect(2), which may be called again as long as it says EAGAIN. Not by TCP
 * Fast Open: it could only help where we speak first, that is with TLS from the
 * first octet, and where the server listens for it, which mail servers do not;
 * and an address where nobody listens would be found out only after the last
 * chance to try another.
 */
static int
connect_socket(const struct call *c, int fd, const struct address *to,
    struct deadline until, struct error *e)
{
	int64_t since = clock_monotonic_ms();
	int errnum = 0;
	socklen_t len = sizeof errnum;
	struct deadline pause;
	int ready;

	while (connect(fd, (const struct sockaddr *)&to->sa, to->len) < 0) {
		if (errno == EINPROGRESS || errno == EINTR)
			break;
		if (errno != EAGAIN || to->sa.ss_family != AF_UNIX)
			return refused(c, errno, e);
		if (deadline_passed(until))
			return wait_silence(
			    c->peer, "did not answer", since, e);
		pause = deadline_sooner(until, deadline_in(BACKLOG_PAUSE_MS));
		/* Not on fd: poll(2) calls an unconnected one hung up. */
		if (await(c, -1, pause, e) < 0)
			return -1;
	}
	ready = await(c, fd, until, e);
	if (ready < 0)
		return -1;
	if (ready == 0)
		return wait_silence(c->peer, "did not answer", since, e);
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &errnum, &len) < 0)
		errnum = errno;
	return errnum == 0 ? 0 : refused(c, errnum, e);
}

/* Returns a connected socket, or -1. */
static int
dial_address(const struct call *c, const struct address *to,
    struct deadline until, struct error *e)
{
	int fd = socket(
	    to->sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 && errno == EAFNOSUPPORT)
		return refused(c, errno, e);
	if (fd < 0)
		return error_set(
		    e, ERR_SYSTEM, "cannot make a socket: %s", strerror(errno));
	if (connect_socket(c, fd, to, until, e) == 0)
		return fd;
	close(fd);
	return -1;
}

static int
dial_path(const struct call *c, struct deadline until, struct error *e)
{
	const char *path = c->at->path;
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct address to = { .len = sizeof un };

	if (strlen(path) >= sizeof un.sun_path)
		return error_set(e, ERR_CONFIG,
		    "%s is too long for the path of a socket: at most %zu "
		    "octets",
		    path, sizeof un.sun_path - 1);
	memcpy(un.sun_path, path, strlen(path) + 1);
	memcpy(&to.sa, &un, sizeof un);
	return dial_address(c, &to, until, e);
}

/*
 * Each address gets its share of the time that is left, so that one where
 * nobody answers leaves some for the others. The first failure is the one to
 * tell: it is that of the address which should have worked.
 */
static int
dial_host(const struct call *c, struct deadline until, struct error *e)
{
	struct address addresses[RESOLVER_MAX];
	struct error later;
	struct deadline share;
	int64_t left;
	int fd;
	int n;
	int i;

	n = resolver_addresses(
	    c->at->host, c->at->port, addresses, until, c->stop, e);
	if (n < 0)
		return -1;
	for (i = 0; i < n; i++) {
		left = until.ms - clock_monotonic_ms();
		share = deadline_sooner(until, deadline_in(left / (n - i)));
		fd = dial_address(c, &addresses[i], share, i == 0 ? e : &later);
		if (fd >= 0) {
			error_clear(e);
			return fd;
		}
		if (i > 0 && later.kind == ERR_STOPPED)
			*e = later;
		if (e->kind == ERR_STOPPED || e->kind == ERR_SYSTEM)
			break;
	}
	return -1;
}

int
dial(const struct endpoint *at, const char *peer, const struct stop *stop,
    struct deadline until, struct error *e)
{
	const struct call c = { .at = at, .peer = peer, .stop = stop };

	return at->path != NULL ? dial_path(&c, until, e)
				: dial_host(&c, until, e);
}

/* Small commands must not wait for the reply to earlier ones (RFC 1122). */
int
dial_set_up(
    int fd, const char *peer, char local[INET6_ADDRSTRLEN], struct error *e)
{
	struct sockaddr_storage ours = { 0 };
	socklen_t len = sizeof ours;
	const int on = 1;
	const void *ip = NULL;

	local[0] = '\0';
	if (getsockname(fd, (struct sockaddr *)&ours, &len) < 0)
		return error_set(
		    e, ERR_SYSTEM, "getsockname: %s", strerror(errno));
	if (ours.ss_family == AF_INET)
		ip = &((struct sockaddr_in *)&ours)->sin_addr;
	else if (ours.ss_family == AF_INET6)
		ip = &((struct sockaddr_in6 *)&ours)->sin6_addr;
	if (ip == NULL)
		return 0;
	if (inet_ntop(ours.ss_family, ip, local, INET6_ADDRSTRLEN) == NULL ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0)
		return error_set(
		    e, ERR_SYSTEM, "%s: %s", peer, strerror(errno));
	return 0;
}
