/* stream.c - octets with deadlines, with or without TLS. */
#include "net/stream.h"

#include "base/alloc.h"
#include "net/resolver.h"
#include "net/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* What await() saw. */
#define PEER 1
#define OTHER 2

/* How long to leave a unix socket alone whose queue of callers is full. */
#define BACKLOG_PAUSE_MS 50

struct stream {
	const struct endpoint *at; /* borrowed */
	const struct stop *stop; /* borrowed */
	enum stop_level stop_at;
	int fd;
	SSL *ssl; /* owned; NULL in clear */
	bool shaken; /* hands, that is: the TLS session is established */
	bool broken; /* nothing can be sent any more */
	short want; /* what the last read or write would wait for */
	struct error end; /* why nothing more can be read, if so */
	char *peer; /* owned: "host:port" or path, for messages */
	char local[INET6_ADDRSTRLEN];
	char tls_text[96];
	/* Octets in[start] to in[end - 1] have arrived and wait for us. */
	char *in; /* owned, STREAM_ROOM */
	size_t in_start;
	size_t in_end;
	/* Octets out[start] to out[end - 1] wait for the peer. */
	char *out; /* owned, STREAM_ROOM */
	size_t out_start;
	size_t out_end;
};

/*
 * Wait for the socket and for another descriptor. Returns PEER, OTHER, both,
 * 0: the deadline has passed, or -1 with ERR_STOPPED, ERR_SYSTEM.
 */
static int
await(const struct stream *s, short events, int other_fd, struct deadline until,
    struct error *e)
{
	struct pollfd fds[] = {
		{ .fd = s->fd, .events = events },
		{ .fd = other_fd, .events = POLLIN },
		{ .fd = stop_fd(s->stop, s->stop_at), .events = POLLIN },
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
			return (fds[0].revents != 0 ? PEER : 0) |
			    (fds[1].revents != 0 ? OTHER : 0);
		if (n == 0 && deadline_passed(until))
			return 0;
	}
}

/* since: clock_monotonic_ms() when the silence began. */
static int
timed_out(
    const struct stream *s, const char *what, int64_t since, struct error *e)
{
	int64_t ms = clock_monotonic_ms() - since;

	return error_set(e, ERR_TIMEOUT, "%s %s for %lld %s", s->peer, what,
	    (long long)(ms < 1000 ? ms : (ms + 500) / 1000),
	    ms < 1000 ? "ms" : "s");
}

/* errnum: errno, or 0 when the peer has closed in good order. */
static int
cut_off(const struct stream *s, int errnum, struct error *e)
{
	if (errnum == 0)
		return error_set(
		    e, ERR_IO, "%s closed the connection", s->peer);
	return error_set(e, ERR_IO, "the connection to %s broke: %s", s->peer,
	    strerror(errnum));
}

/*
 * Why an OpenSSL call returned n <= 0. Returns 0 when it only has to wait for
 * s->want, or -1. errno is that of the call.
 */
static int
tls_result(struct stream *s, int n, struct error *e)
{
	int errnum = errno;

	switch (SSL_get_error(s->ssl, n)) {
	case SSL_ERROR_WANT_READ:
		s->want = POLLIN;
		return 0;
	case SSL_ERROR_WANT_WRITE:
		s->want = POLLOUT;
		return 0;
	case SSL_ERROR_ZERO_RETURN:
		return cut_off(s, 0, e);
	case SSL_ERROR_SYSCALL:
		s->broken = true;
		ERR_clear_error();
		return cut_off(s, errnum, e);
	default:
		s->broken = true;
		break;
	}
	if (tls_was_cut())
		return error_set(e, ERR_IO,
		    s->shaken ? "%s cut the TLS connection"
			      : "%s closed the connection instead of "
				"speaking TLS: is the port or `tls` wrong?",
		    s->peer);
	return tls_explain(s->ssl, s->at->host, e);
}

/*
 * Read once into the free part of the buffer. Returns how many octets came, 0:
 * none yet, see s->want, or -1: s->end says why none will ever come.
 */
static ssize_t
receive(struct stream *s)
{
	size_t room = STREAM_ROOM - s->in_end;
	ssize_t n;

	if (s->end.kind != ERR_NONE)
		return -1;
	errno = 0;
	if (s->ssl != NULL) {
		ERR_clear_error();
		n = SSL_read(s->ssl, s->in + s->in_end, (int)room);
		if (n <= 0)
			return tls_result(s, (int)n, &s->end);
	} else {
		n = recv(s->fd, s->in + s->in_end, room, 0);
		s->want = POLLIN;
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
		if (n <= 0)
			return cut_off(s, n < 0 ? errno : 0, &s->end);
	}
	s->in_end += (size_t)n;
	return n;
}

/* Make room behind what has arrived. Returns whether there is some. */
static bool
make_room(struct stream *s)
{
	size_t len = stream_buffered(s);

	if (len == 0 || s->in_end == STREAM_ROOM) {
		memmove(s->in, s->in + s->in_start, len);
		s->in_start = 0;
		s->in_end = len;
	}
	return s->in_end < STREAM_ROOM;
}

/* Wait for more octets, of which there must be room. */
static int
fill(struct stream *s, int64_t since, struct deadline until, struct error *e)
{
	ssize_t n;
	int ready;

	for (;;) {
		n = receive(s);
		if (n > 0)
			return 0;
		if (n < 0) {
			*e = s->end;
			return -1;
		}
		ready = await(s, s->want, -1, until, e);
		if (ready < 0)
			return -1;
		if (ready == 0)
			return timed_out(s, "did not answer", since, e);
	}
}

/* Send once. Returns how many octets went, 0: none yet, or -1. */
static ssize_t
send_some(struct stream *s, struct error *e)
{
	const char *data = s->out + s->out_start;
	size_t len = s->out_end - s->out_start;
	ssize_t n;

	errno = 0;
	if (s->broken && s->end.kind == ERR_NONE)
		return cut_off(s, EPIPE, e);
	if (s->broken) {
		*e = s->end;
		return -1;
	}
	if (s->ssl != NULL) {
		ERR_clear_error();
		n = SSL_write(s->ssl, data, (int)len);
		return n > 0 ? n : tls_result(s, (int)n, e);
	}
	n = send(s->fd, data, len, MSG_NOSIGNAL);
	s->want = POLLOUT;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n < 0) {
		s->broken = true;
		return cut_off(s, errno, e);
	}
	return n;
}

/*
 * Wait until more can be sent. A peer may want its replies to be read before it
 * reads on, so they are, as far as there is room.
 */
static int
await_sending(
    struct stream *s, int64_t since, struct deadline until, struct error *e)
{
	short events = s->want;
	int ready;

	if (s->end.kind == ERR_NONE && make_room(s))
		events |= POLLIN;
	ready = await(s, events, -1, until, e);
	if (ready < 0)
		return -1;
	if (ready == 0)
		return timed_out(s, "took nothing", since, e);
	/* The end of what can be read may be no end for sending. */
	if (make_room(s))
		(void)receive(s);
	return 0;
}

int
stream_flush(struct stream *s, struct error *e)
{
	struct deadline until = stream_timeout(s);
	int64_t since = clock_monotonic_ms();
	ssize_t n;

	while (s->out_start < s->out_end) {
		n = send_some(s, e);
		if (n < 0)
			return -1;
		if (n == 0) {
			if (await_sending(s, since, until, e) < 0)
				return -1;
			continue;
		}
		s->out_start += (size_t)n;
		since = clock_monotonic_ms();
		until = stream_timeout(s);
	}
	s->out_start = 0;
	s->out_end = 0;
	return 0;
}

int
stream_write(struct stream *s, struct slice out, struct error *e)
{
	size_t n;

	while (out.len > 0) {
		n = STREAM_ROOM - s->out_end;
		if (n > out.len)
			n = out.len;
		memcpy(s->out + s->out_end, out.data, n);
		s->out_end += n;
		out = slice_skip(out, n);
		if (s->out_end == STREAM_ROOM && stream_flush(s, e) < 0)
			return -1;
	}
	return 0;
}

size_t
stream_buffered(const struct stream *s)
{
	return s->in_end - s->in_start;
}

int
stream_peek(
    struct stream *s, struct slice *in, struct deadline until, struct error *e)
{
	if (stream_buffered(s) == 0) {
		make_room(s);
		if (fill(s, clock_monotonic_ms(), until, e) < 0)
			return -1;
	}
	*in = slice_make(s->in + s->in_start, stream_buffered(s));
	return 0;
}

void
stream_skip(struct stream *s, size_t n)
{
	s->in_start += n;
}

static int
too_long(const struct stream *s, size_t max, struct error *e)
{
	return error_set(e, ERR_PROTOCOL,
	    "%s sent a line of more than %zu octets", s->peer, max);
}

/* Cut the line that ends with the LF at in[at] off what has arrived. */
static int
take_line(struct stream *s, size_t at, size_t max, struct slice *line,
    struct error *e)
{
	*line = slice_make(s->in + s->in_start, at - s->in_start);
	if (line->len > 0 && line->data[line->len - 1] == '\r')
		line->len--;
	if (line->len > max)
		return too_long(s, max, e);
	s->in_start = at + 1;
	return 0;
}

int
stream_line(struct stream *s, size_t max, struct slice *line,
    struct deadline until, struct error *e)
{
	int64_t since = clock_monotonic_ms();
	size_t searched = 0;
	const char *lf;

	if (max > STREAM_ROOM - 2)
		max = STREAM_ROOM - 2;
	for (;;) {
		lf = memchr(s->in + s->in_start + searched, '\n',
		    stream_buffered(s) - searched);
		if (lf != NULL)
			return take_line(s, (size_t)(lf - s->in), max, line, e);
		searched = stream_buffered(s);
		if (searched > max + 1)
			return too_long(s, max, e);
		make_room(s);
		if (fill(s, since, until, e) < 0)
			break;
	}
	if (e->kind == ERR_IO && searched > 0)
		error_set(
		    e, ERR_IO, "%s, in the middle of a line", s->end.text);
	return -1;
}

/* Has anything of the peer arrived, its end included? Never waits. */
static bool
has_arrived(struct stream *s)
{
	return stream_buffered(s) > 0 || (make_room(s) && receive(s) != 0);
}

int
stream_wait(
    struct stream *s, int other_fd, struct deadline until, struct error *e)
{
	int arrived = 0;
	int ready;

	for (;;) {
		if (has_arrived(s)) {
			/* Nothing to wait for: the rest is only a look. */
			arrived = PEER;
			until = deadline_in(0);
		}
		ready = await(s, arrived ? 0 : s->want, other_fd, until, e);
		if (ready < 0 && arrived && e->kind == ERR_STOPPED) {
			error_clear(e);
			return arrived;
		}
		if (ready < 0)
			return -1;
		if (arrived != 0 || ready != PEER)
			break;
	}
	if (arrived == 0 && (ready & PEER) != 0 && has_arrived(s))
		arrived = PEER;
	return arrived | (ready & OTHER);
}

struct deadline
stream_timeout(const struct stream *s)
{
	return deadline_in(s->at->timeout_ms);
}

void
stream_stop_at(struct stream *s, enum stop_level level)
{
	s->stop_at = level;
}

bool
stream_is_tls(const struct stream *s)
{
	return s->shaken;
}

const char *
stream_tls_text(const struct stream *s)
{
	return s->tls_text;
}

const char *
stream_local_address(const struct stream *s)
{
	return s->local;
}

const struct endpoint *
stream_endpoint(const struct stream *s)
{
	return s->at;
}

/* TLS (RFC 5246, RFC 8446), once the TCP connection is there. */
static int
handshake(struct stream *s, struct deadline until, struct error *e)
{
	int64_t since = clock_monotonic_ms();
	int ready;
	int n;

	if (s->at->host == NULL)
		return error_set(e, ERR_TLS,
		    "%s is no host that a certificate could name: set tls to "
		    "\"none\"",
		    s->peer);
	s->ssl = tls_client(s->at->host, s->at->ca_file, e);
	if (s->ssl == NULL || tls_attach(s->ssl, s->fd, e) < 0)
		return -1;
	for (;;) {
		errno = 0;
		ERR_clear_error();
		n = SSL_connect(s->ssl);
		if (n == 1)
			break;
		if (tls_result(s, n, e) < 0)
			return -1;
		ready = await(s, s->want, -1, until, e);
		if (ready < 0)
			return -1;
		if (ready == 0)
			return timed_out(
			    s, "was silent in the TLS handshake", since, e);
	}
	s->shaken = true;
	(void)snprintf(s->tls_text, sizeof s->tls_text, "%s %s",
	    SSL_get_version(s->ssl), SSL_get_cipher_name(s->ssl));
	return 0;
}

int
stream_start_tls(struct stream *s, struct error *e)
{
	char octet;

	if (stream_flush(s, e) < 0)
		return -1;
	/* In TLS the client speaks first: nothing may be on its way to us. */
	if (stream_buffered(s) > 0 ||
	    recv(s->fd, &octet, 1, MSG_PEEK | MSG_DONTWAIT) > 0)
		return error_set(e, ERR_PROTOCOL,
		    "%s sent octets in clear before the TLS handshake, as an "
		    "attacker between us would: not going on",
		    s->peer);
	return handshake(s, stream_timeout(s), e);
}

static char *
peer_name(const struct endpoint *at)
{
	if (at->path != NULL)
		return xstrdup(at->path);
	if (at->host == NULL)
		return xstrdup("the peer");
	return xasprintf(strchr(at->host, ':') != NULL ? "[%s]:%u" : "%s:%u",
	    at->host, (unsigned)at->port);
}

static struct stream *
stream_make(const struct endpoint *at, const struct stop *stop)
{
	struct stream *s = xcalloc(1, sizeof *s);

	s->at = at;
	s->stop = stop;
	s->stop_at = STOP_SOON;
	s->fd = -1;
	s->peer = peer_name(at);
	s->in = xcalloc(STREAM_ROOM, 1);
	s->out = xcalloc(STREAM_ROOM, 1);
	return s;
}

void
stream_free(struct stream **stream)
{
	struct stream *s = *stream;

	if (s == NULL)
		return;
	if (s->shaken && !s->broken)
		(void)SSL_shutdown(s->ssl);
	SSL_free(s->ssl);
	ERR_clear_error();
	if (s->fd >= 0)
		close(s->fd);
	/* A password has passed through. */
	explicit_bzero(s->out, STREAM_ROOM);
	free(s->out);
	free(s->in);
	free(s->peer);
	free(s);
	*stream = NULL;
}

/* Small commands must not wait for the reply to earlier ones (RFC 1122). */
static int
set_up_socket(struct stream *s, struct error *e)
{
	struct sockaddr_storage ours = { 0 };
	socklen_t len = sizeof ours;
	const int on = 1;
	const void *ip = NULL;

	if (getsockname(s->fd, (struct sockaddr *)&ours, &len) < 0)
		return error_set(
		    e, ERR_SYSTEM, "getsockname: %s", strerror(errno));
	if (ours.ss_family == AF_INET)
		ip = &((struct sockaddr_in *)&ours)->sin_addr;
	else if (ours.ss_family == AF_INET6)
		ip = &((struct sockaddr_in6 *)&ours)->sin6_addr;
	if (ip == NULL)
		return 0;
	if (inet_ntop(ours.ss_family, ip, s->local, sizeof s->local) == NULL ||
	    setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0)
		return error_set(
		    e, ERR_SYSTEM, "%s: %s", s->peer, strerror(errno));
	return 0;
}

static int
refused(const struct stream *s, int errnum, struct error *e)
{
	if (s->at->path != NULL && (errnum == ECONNREFUSED || errnum == ENOENT))
		return error_set(e, ERR_CONNECT,
		    "nobody listens at %s (%s): is that server running?",
		    s->peer, strerror(errnum));
	if (s->at->path != NULL)
		return error_set(e, ERR_CONNECT, "cannot connect to %s: %s",
		    s->peer, strerror(errnum));
	if (errnum == ECONNREFUSED)
		return error_set(e, ERR_CONNECT,
		    "nobody listens at %s (connection refused): check `port`",
		    s->peer);
	return error_set(e, ERR_CONNECT,
	    "cannot connect to %s: %s: check the host and the network", s->peer,
	    strerror(errnum));
}

/* connect(2) of s->fd, which may be called again as long as it says EAGAIN. */
static int
connect_socket(struct stream *s, const struct address *to, int64_t since,
    struct deadline until, struct error *e)
{
	int errnum = 0;
	socklen_t len = sizeof errnum;
	struct deadline pause;
	int ready;

	while (connect(s->fd, (const struct sockaddr *)&to->sa, to->len) < 0) {
		if (errno == EINPROGRESS || errno == EINTR)
			break;
		if (errno != EAGAIN || to->sa.ss_family != AF_UNIX)
			return refused(s, errno, e);
		if (deadline_passed(until))
			return timed_out(s, "did not answer", since, e);
		pause = deadline_sooner(until, deadline_in(BACKLOG_PAUSE_MS));
		if (await(s, 0, -1, pause, e) < 0)
			return -1;
	}
	ready = await(s, POLLOUT, -1, until, e);
	if (ready < 0)
		return -1;
	if (ready == 0)
		return timed_out(s, "did not answer", since, e);
	if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &errnum, &len) < 0)
		errnum = errno;
	return errnum == 0 ? 0 : refused(s, errnum, e);
}

static int
connect_to(struct stream *s, const struct address *to, struct deadline until,
    struct error *e)
{
	s->fd = socket(
	    to->sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->fd < 0 && errno == EAFNOSUPPORT)
		return refused(s, errno, e);
	if (s->fd < 0)
		return error_set(
		    e, ERR_SYSTEM, "cannot make a socket: %s", strerror(errno));
	if (connect_socket(s, to, clock_monotonic_ms(), until, e) == 0)
		return 0;
	close(s->fd);
	s->fd = -1;
	return -1;
}

static int
connect_path(struct stream *s, struct deadline until, struct error *e)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct address to = { .len = sizeof un };

	if (strlen(s->at->path) >= sizeof un.sun_path)
		return error_set(e, ERR_CONFIG,
		    "%s is too long for the path of a socket: at most %zu "
		    "octets",
		    s->at->path, sizeof un.sun_path - 1);
	memcpy(un.sun_path, s->at->path, strlen(s->at->path) + 1);
	memcpy(&to.sa, &un, sizeof un);
	return connect_to(s, &to, until, e);
}

/*
 * Each address gets its share of the time that is left, so that one where
 * nobody answers leaves some for the others. The first failure is the one to
 * tell: it is that of the address which should have worked.
 */
static int
connect_host(struct stream *s, struct deadline until, struct error *e)
{
	struct address addresses[RESOLVER_MAX];
	struct error later;
	int64_t left;
	int n;
	int i;

	n = resolver_addresses(
	    s->at->host, s->at->port, addresses, until, s->stop, e);
	if (n < 0)
		return -1;
	for (i = 0; i < n; i++) {
		left = until.ms - clock_monotonic_ms();
		if (connect_to(s, &addresses[i],
			deadline_sooner(until, deadline_in(left / (n - i))),
			i == 0 ? e : &later) == 0)
			return 0;
		if (i > 0 && later.kind == ERR_STOPPED)
			*e = later;
		if (e->kind == ERR_STOPPED || e->kind == ERR_SYSTEM)
			break;
	}
	return -1;
}

int
stream_open(struct stream **stream, const struct endpoint *at,
    const struct stop *stop, struct error *e)
{
	struct stream *s = stream_make(at, stop);
	struct deadline until = stream_timeout(s);
	int rc;

	*stream = NULL;
	rc = at->path != NULL ? connect_path(s, until, e)
			      : connect_host(s, until, e);
	if (rc == 0)
		rc = set_up_socket(s, e);
	if (rc == 0 && at->tls == TLS_IMPLICIT)
		rc = handshake(s, until, e);
	if (rc < 0) {
		stream_free(&s);
		return -1;
	}
	*stream = s;
	return 0;
}

int
stream_from_fd(struct stream **stream, int fd, const struct endpoint *at,
    const struct stop *stop, struct error *e)
{
	struct stream *s = stream_make(at, stop);
	int flags = fcntl(fd, F_GETFL);

	*stream = NULL;
	s->fd = fd;
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
	    fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		error_set(e, ERR_SYSTEM, "fcntl: %s", strerror(errno));
	else if (set_up_socket(s, e) == 0) {
		*stream = s;
		return 0;
	}
	stream_free(&s);
	return -1;
}
