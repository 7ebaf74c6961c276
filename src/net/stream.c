/* stream.c - octets with deadlines, with or without TLS. */
#include "net/stream.h"

#include "base/alloc.h"
#include "base/wait.h"
#include "net/dial.h"
#include "net/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct stream {
	const struct endpoint *at; /* borrowed */
	const struct stop *stop; /* borrowed */
	enum stop_level stop_at;
	int64_t grace_ms; /* see stream_grace() */
	struct deadline grace_end; /* DEADLINE_NEVER before STOP_SOON */
	int fd;
	SSL *ssl; /* owned; NULL in clear */
	bool shaken; /* hands, that is: the TLS session is established */
	bool broken; /* nothing can be sent any more */
	short want_in, want_out; /* what reading, writing would wait for */
	bool drained; /* when last read, the socket had no more */
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
	size_t out_most; /* never was out_end beyond */
	/* Since we last sent something: how long we waited, for what. */
	int64_t waited_ms;
	uint64_t came;
};

/* Asked to stop, with grace: the first wait to notice sets the end of it. */
static int
await_in_grace(struct stream *s, short events, int other_fd,
    struct deadline until, struct error *e)
{
	int ready;

	if (s->grace_end.ms == DEADLINE_NEVER)
		s->grace_end = deadline_in(s->grace_ms);
	ready = wait_for(s->fd, events, other_fd, stop_fd(s->stop, STOP_NOW),
	    deadline_sooner(until, s->grace_end), e);
	if (ready == 0 && deadline_passed(s->grace_end))
		return error_set(e, ERR_STOPPED,
		    "stopped, and %s did not answer in time", s->peer);
	return ready;
}

static int
await_or_stop(struct stream *s, short events, int other_fd,
    struct deadline until, struct error *e)
{
	int ready;

	if (s->grace_ms > 0 && stop_level(s->stop) != STOP_NO)
		return await_in_grace(s, events, other_fd, until, e);
	ready = wait_for(
	    s->fd, events, other_fd, stop_fd(s->stop, s->stop_at), until, e);
	if (ready >= 0 || e->kind != ERR_STOPPED || s->grace_ms == 0)
		return ready;
	error_clear(e);
	return await_in_grace(s, events, other_fd, until, e);
}

/* As wait_for(): the peer is its WAIT_FD. */
static int
await(struct stream *s, short events, int other_fd, struct deadline until,
    struct error *e)
{
	int ready = await_or_stop(s, events, other_fd, until, e);

	if (ready > 0 && (ready & WAIT_FD) != 0)
		s->drained = false;
	return ready;
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
 * *want, or -1. errno is that of the call.
 */
static int
tls_result(struct stream *s, int n, short *want, struct error *e)
{
	int errnum = errno;

	switch (SSL_get_error(s->ssl, n)) {
	case SSL_ERROR_WANT_READ:
		*want = POLLIN;
		return 0;
	case SSL_ERROR_WANT_WRITE:
		*want = POLLOUT;
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
	tls_failed(s->ssl);
	return tls_explain(s->ssl, s->at->host, e);
}

/*
 * A call gives what one record has. Those that are here already are read as
 * well: each piece that is passed on wakes somebody up.
 */
static ssize_t
receive_tls(struct stream *s, char *data, size_t room)
{
	size_t len = 0;
	int n;

	do {
		errno = 0;
		ERR_clear_error();
		n = SSL_read(s->ssl, data + len, (int)(room - len));
		if (n > 0)
			len += (size_t)n;
	} while (n > 0 && len < room && SSL_has_pending(s->ssl));
	s->drained = n <= 0 && tls_result(s, n, &s->want_in, &s->end) == 0;
	if (len > 0)
		return (ssize_t)len; /* an end is told the next time */
	return s->drained ? 0 : -1;
}

static ssize_t
receive_clear(struct stream *s, char *data, size_t room)
{
	ssize_t n = recv(s->fd, data, room, 0);

	s->want_in = POLLIN;
	s->drained = n > 0 ? (size_t)n < room : n < 0 && errno == EAGAIN;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		return cut_off(s, n < 0 ? errno : 0, &s->end);
	return n;
}

/*
 * Read once into the free part of the buffer. Returns how many octets came, 0:
 * none yet, see s->want_in, or -1: s->end says why none will ever come.
 */
static ssize_t
receive(struct stream *s)
{
	size_t room = STREAM_ROOM - s->in_end;
	char *data = s->in + s->in_end;
	ssize_t n;

	if (s->end.kind != ERR_NONE)
		return -1;
	n = s->ssl != NULL ? receive_tls(s, data, room)
			   : receive_clear(s, data, room);
	if (n > 0) {
		s->in_end += (size_t)n;
		s->came += (uint64_t)n;
	}
	return n;
}

/*
 * Is it of no use to read before having waited? Asked to stop, there may be no
 * wait any more, and what has arrived is read even then.
 */
static bool
has_no_more(const struct stream *s)
{
	return s->drained && stop_level(s->stop) == STOP_NO;
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
	int64_t from;
	int ready;

	for (;;) {
		n = has_no_more(s) ? 0 : receive(s);
		if (n > 0)
			return 0;
		if (n < 0) {
			*e = s->end;
			return -1;
		}
		from = clock_monotonic_ms();
		ready = await(s, s->want_in, -1, until, e);
		s->waited_ms += clock_monotonic_ms() - from;
		if (ready < 0)
			return -1;
		if (ready == 0)
			return wait_silence(
			    s->peer, "did not answer", since, e);
	}
}

/* A timeout's grace, then so much time as the octets may take. */
static int
check_pace(
    const struct stream *s, int64_t waited_ms, uint64_t octets, struct error *e)
{
	if (waited_ms <
	    s->at->timeout_ms + (int64_t)(octets * 1000 / STREAM_RATE_MIN))
		return 0;
	return error_set(e, ERR_TIMEOUT,
	    "%s is too slow: %llu octets in %lld s of waiting for them",
	    s->peer, (unsigned long long)octets, (long long)waited_ms / 1000);
}

int
stream_check_pace(const struct stream *s, struct error *e)
{
	return check_pace(s, s->waited_ms, s->came, e);
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
		return n > 0 ? n : tls_result(s, (int)n, &s->want_out, e);
	}
	n = send(s->fd, data, len, MSG_NOSIGNAL);
	s->want_out = POLLOUT;
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
	short events = s->want_out;
	int ready;

	if (s->end.kind == ERR_NONE && make_room(s))
		events |= POLLIN;
	ready = await(s, events, -1, until, e);
	if (ready < 0)
		return -1;
	if (ready == 0)
		return wait_silence(s->peer, "took nothing", since, e);
	/* The end of what can be read may be no end for sending. */
	if (make_room(s))
		(void)receive(s);
	return 0;
}

int
stream_flush(struct stream *s, struct error *e)
{
	struct deadline until = stream_timeout(s);
	int64_t began = clock_monotonic_ms(), since = began;
	ssize_t n;

	if (s->out_start < s->out_end) {
		s->waited_ms = 0;
		s->came = 0;
	}
	while (s->out_start < s->out_end) {
		n = send_some(s, e);
		if (n < 0)
			return -1;
		if (n == 0) {
			if (await_sending(s, since, until, e) < 0 ||
			    check_pace(s, clock_monotonic_ms() - began,
				s->out_start, e) < 0)
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
		if (s->out_end > s->out_most)
			s->out_most = s->out_end;
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
		if (fill(s, clock_monotonic_ms(), until, e) < 0 ||
		    stream_check_pace(s, e) < 0)
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

size_t
stream_look(struct stream *s)
{
	(void)has_arrived(s);
	return stream_buffered(s);
}

/* A look without a wait: no need to ask poll(2) what recv(2) has answered. */
static int
look(struct stream *s, struct error *e)
{
	if (has_arrived(s))
		return WAIT_FD;
	if (s->grace_ms == 0 && stop_level(s->stop) >= s->stop_at)
		return error_set(e, ERR_STOPPED, "stopped");
	return 0;
}

int
stream_wait(
    struct stream *s, int other_fd, struct deadline until, struct error *e)
{
	int ready = 0;

	if (other_fd < 0 && deadline_passed(until))
		return look(s, e);
	for (;;) {
		if (stream_buffered(s) > 0 ||
		    (!has_no_more(s) && has_arrived(s)))
			return WAIT_FD | (ready & WAIT_OTHER);
		if ((ready & WAIT_OTHER) != 0)
			return WAIT_OTHER;
		ready = await(s, s->want_in, other_fd, until, e);
		if (ready <= 0)
			return ready;
	}
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

void
stream_grace(struct stream *s, int64_t ms)
{
	s->grace_ms = ms;
	s->grace_end = deadline_never();
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

static int
shake_hands(struct stream *s, struct deadline until, struct error *e)
{
	int64_t since = clock_monotonic_ms();
	int ready;
	int n;

	for (;;) {
		errno = 0;
		ERR_clear_error();
		n = SSL_connect(s->ssl);
		if (n == 1)
			return 0;
		if (tls_result(s, n, &s->want_in, e) < 0)
			return -1;
		ready = await(s, s->want_in, -1, until, e);
		if (ready < 0)
			return -1;
		if (ready == 0)
			return wait_silence(s->peer,
			    "was silent in the TLS handshake", since, e);
	}
}

/* TLS (RFC 5246, RFC 8446), once the TCP connection is there. */
static int
start_tls(struct stream *s, struct deadline until, struct error *e)
{
	if (s->at->host == NULL)
		return error_set(e, ERR_TLS,
		    "%s is no host that a certificate could name: set tls to "
		    "\"none\"",
		    s->peer);
	s->ssl = tls_client(s->at, e);
	if (s->ssl == NULL || tls_attach(s->ssl, s->fd, e) < 0)
		return -1;
	if (shake_hands(s, until, e) < 0) {
		tls_failed(s->ssl);
		return -1;
	}
	tls_shaken(s->ssl);
	s->shaken = true;
	(void)snprintf(s->tls_text, sizeof s->tls_text, "%s %s%s",
	    SSL_get_version(s->ssl), SSL_get_cipher_name(s->ssl),
	    SSL_session_reused(s->ssl) ? ", resumed" : "");
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
	return start_tls(s, stream_timeout(s), e);
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
	/* Not zeroed: what is never touched costs no memory. */
	s->in = xrealloc(NULL, STREAM_ROOM, 1);
	s->out = xrealloc(NULL, STREAM_ROOM, 1);
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
	tls_free(&s->ssl);
	if (s->fd >= 0)
		close(s->fd);
	/* A password has passed through. */
	explicit_bzero(s->out, s->out_most);
	free(s->out);
	free(s->in);
	free(s->peer);
	free(s);
	*stream = NULL;
}

int
stream_open(struct stream **stream, const struct endpoint *at,
    const struct stop *stop, struct error *e)
{
	struct stream *s = stream_make(at, stop);
	struct deadline until = stream_timeout(s);

	*stream = NULL;
	s->fd = dial(at, s->peer, stop, until, e);
	if (s->fd < 0 || dial_set_up(s->fd, s->peer, s->local, e) < 0)
		goto fail;
	if (at->tls == TLS_IMPLICIT && start_tls(s, until, e) < 0)
		goto fail;
	*stream = s;
	return 0;
fail:
	stream_free(&s);
	return -1;
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
	else if (dial_set_up(fd, s->peer, s->local, e) == 0) {
		*stream = s;
		return 0;
	}
	stream_free(&s);
	return -1;
}
