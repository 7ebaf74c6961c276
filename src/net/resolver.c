/* resolver.c - c-ares, driven by a poll(2) that also hears the stop. */
#include "net/resolver.h"

#include <ares.h>
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <sys/time.h>

struct lookup {
	ares_channel channel;
	bool done;
	int status; /* ARES_… */
	struct ares_addrinfo *found; /* owned */
};

static pthread_once_t library_once = PTHREAD_ONCE_INIT;
static int library_status;

static void
library_init(void)
{
	library_status = ares_library_init(ARES_LIB_INIT_ALL);
}

static void
on_answer(void *arg, int status, int timeouts, struct ares_addrinfo *found)
{
	struct lookup *l = arg;

	(void)timeouts;
	l->done = true;
	l->status = status;
	l->found = found;
}

/* The sockets that c-ares wants to hear of, and the stop. Returns how many. */
static nfds_t
interests(struct lookup *l, const struct stop *stop,
    struct pollfd fds[ARES_GETSOCK_MAXNUM + 1])
{
	ares_socket_t sockets[ARES_GETSOCK_MAXNUM];
	/* ARES_GETSOCK_WRITABLE() shifts into the sign. */
	unsigned bits =
	    (unsigned)ares_getsock(l->channel, sockets, ARES_GETSOCK_MAXNUM);
	nfds_t n = 0;
	int i;

	fds[n++] =
	    (struct pollfd){ .fd = stop_fd(stop, STOP_SOON), .events = POLLIN };
	for (i = 0; i < ARES_GETSOCK_MAXNUM; i++) {
		short events = 0;

		if ((bits >> i & 1) != 0)
			events |= POLLIN;
		if ((bits >> (i + ARES_GETSOCK_MAXNUM) & 1) != 0)
			events |= POLLOUT;
		if (events != 0)
			fds[n++] = (struct pollfd){ .fd = sockets[i],
				.events = events };
	}
	return n;
}

/* When c-ares wants to be called again, answers or not. */
static struct deadline
next_try(struct lookup *l)
{
	struct timeval left;

	if (ares_timeout(l->channel, NULL, &left) == NULL)
		return deadline_never();
	return deadline_in(
	    (int64_t)left.tv_sec * 1000 + left.tv_usec / 1000 + 1);
}

static void
process(struct lookup *l, const struct pollfd *ready)
{
	bool readable = (ready->revents & ~POLLOUT) != 0;
	bool writable = (ready->revents & POLLOUT) != 0;

	ares_process_fd(l->channel, readable ? ready->fd : ARES_SOCKET_BAD,
	    writable ? ready->fd : ARES_SOCKET_BAD);
}

static int
wait_for_answer(struct lookup *l, const char *host, struct deadline until,
    const struct stop *stop, struct error *e)
{
	struct pollfd fds[ARES_GETSOCK_MAXNUM + 1];
	struct deadline wake;
	nfds_t n;
	nfds_t i;
	int ready;

	while (!l->done) {
		wake = deadline_sooner(until, next_try(l));
		n = interests(l, stop, fds);
		ready = poll(fds, n, deadline_left(wake));
		if (ready < 0 && errno == EINTR)
			continue;
		if (ready < 0)
			return error_set(
			    e, ERR_SYSTEM, "poll: %s", strerror(errno));
		if (fds[0].revents != 0)
			return error_set(e, ERR_STOPPED, "stopped");
		for (i = 1; i < n; i++)
			process(l, &fds[i]);
		ares_process_fd(l->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
		if (!l->done && deadline_passed(until))
			return error_set(e, ERR_TIMEOUT,
			    "no name server told the address of %s in time: "
			    "check the network and /etc/resolv.conf",
			    host);
	}
	return 0;
}

static int
explain(int status, const char *host, struct error *e)
{
	switch (status) {
	case ARES_ENOTFOUND:
	case ARES_ENODATA:
		return error_set(e, ERR_RESOLVE,
		    "there is no host %s: check the spelling of its name",
		    host);
	case ARES_EBADNAME:
		return error_set(e, ERR_RESOLVE,
		    "\"%s\" is not the name of a host: check its spelling",
		    host);
	case ARES_ENOMEM:
		return error_set(e, ERR_SYSTEM, "out of memory");
	default:
		return error_set(e, ERR_RESOLVE,
		    "cannot find the address of %s (%s): check the network "
		    "and /etc/resolv.conf",
		    host, ares_strerror(status));
	}
}

/* The answer's addresses, in its order, which is that of RFC 6724. */
static int
copy_addresses(const struct ares_addrinfo *found, uint16_t port,
    struct address out[RESOLVER_MAX])
{
	const struct ares_addrinfo_node *node;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	int n = 0;

	for (node = found->nodes; node != NULL; node = node->ai_next) {
		if (n == RESOLVER_MAX)
			break;
		memset(&out[n], 0, sizeof out[n]);
		if (node->ai_family == AF_INET) {
			memcpy(&v4, node->ai_addr, sizeof v4);
			v4.sin_port = htons(port);
			memcpy(&out[n].sa, &v4, sizeof v4);
			out[n++].len = sizeof v4;
		} else if (node->ai_family == AF_INET6) {
			memcpy(&v6, node->ai_addr, sizeof v6);
			v6.sin6_port = htons(port);
			memcpy(&out[n].sa, &v6, sizeof v6);
			out[n++].len = sizeof v6;
		}
	}
	return n;
}

/* c-ares would ask a name server about a literal's other family. */
static bool
is_literal(const char *host, uint16_t port, struct address *out)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET,
		.sin_port = htons(port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6,
		.sin6_port = htons(port) };

	*out = (struct address){ 0 };
	if (inet_pton(AF_INET, host, &v4.sin_addr) == 1) {
		memcpy(&out->sa, &v4, sizeof v4);
		out->len = sizeof v4;
	} else if (inet_pton(AF_INET6, host, &v6.sin6_addr) == 1) {
		memcpy(&out->sa, &v6, sizeof v6);
		out->len = sizeof v6;
	}
	return out->len > 0;
}

int
resolver_addresses(const char *host, uint16_t port,
    struct address out[RESOLVER_MAX], struct deadline until,
    const struct stop *stop, struct error *e)
{
	const struct ares_addrinfo_hints hints = { .ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM };
	struct lookup l = { 0 };
	int n = -1;

	if (is_literal(host, port, &out[0]))
		return 1;
	pthread_once(&library_once, library_init);
	l.status = library_status;
	if (l.status == ARES_SUCCESS)
		l.status = ares_init(&l.channel);
	if (l.status != ARES_SUCCESS)
		return error_set(e, ERR_SYSTEM, "cannot use c-ares: %s",
		    ares_strerror(l.status));
	ares_getaddrinfo(l.channel, host, NULL, &hints, on_answer, &l);
	if (wait_for_answer(&l, host, until, stop, e) < 0)
		goto out;
	if (l.status != ARES_SUCCESS) {
		explain(l.status, host, e);
		goto out;
	}
	n = copy_addresses(l.found, port, out);
	if (n == 0)
		n = explain(ARES_ENODATA, host, e);
out:
	/* First, since it answers a lookup that is still open. */
	ares_destroy(l.channel);
	ares_freeaddrinfo(l.found);
	return n;
}
