/* client.c - see client.h. */
#include "daemon/client.h"

#include "base/wait.h"
#include "daemon/socket.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATIENCE_MS 30000
#define PIECE ((size_t)64 * 1024)
/* The longest line that is taken; the longest that is sent is far shorter. */
#define LINE_MAX_OCTETS ((size_t)64 * 1024)

/* A request that was sent. */
struct asked {
	int fd;
	bool patient; /* the answer takes what it takes */
	void (*each)(void *arg, enum answer_kind kind, char *line);
	void *arg;
	struct buffer in; /* owned; not a whole line yet */
	bool ended;
	int status;
};

static int
hangs(struct error *e)
{
	return error_set(e, ERR_TIMEOUT,
	    "the running postrider has not answered for %d s; it may hang",
	    PATIENCE_MS / 1000);
}

/*
 * Whoever refuses a request may close before he has read it: then the answer
 * tells why.
 */
static int
send_all(int fd, struct slice out, struct error *e)
{
	struct deadline until = deadline_in(PATIENCE_MS);
	ssize_t n;
	int ready;

	while (out.len > 0) {
		n = send(fd, out.data, out.len, MSG_NOSIGNAL);
		if (n >= 0) {
			out = slice_skip(out, (size_t)n);
			continue;
		}
		if (errno == EPIPE || errno == ECONNRESET)
			return 0;
		if (errno != EAGAIN && errno != EINTR)
			return error_set(e, ERR_IO, "the running postrider: %s",
			    strerror(errno));
		ready = wait_for(fd, POLLOUT, -1, -1, until, e);
		if (ready <= 0)
			return ready < 0 ? -1 : hangs(e);
	}
	return 0;
}

static int
take_line(struct asked *a, char *line, size_t len, struct error *e)
{
	enum answer_kind kind;
	struct slice text;

	if (answer_parse(slice_make(line, len), &kind, &text, &a->status) < 0)
		return error_set(e, ERR_PROTOCOL,
		    "the running postrider answers what nobody understands: "
		    "it may be another version; restart it");
	if (kind == ANSWER_END)
		a->ended = true;
	else
		a->each(a->arg, kind, line + 1);
	return 0;
}

/* The lines that have come; what is left is part of one. */
static int
take_lines(struct asked *a, struct error *e)
{
	char *from = a->in.data;
	size_t left = a->in.len;
	char *lf;

	while (
	    !a->ended && left > 0 && (lf = memchr(from, '\n', left)) != NULL) {
		*lf = '\0';
		if (take_line(a, from, (size_t)(lf - from), e) < 0)
			return -1;
		left -= (size_t)(lf + 1 - from);
		from = lf + 1;
	}
	if (left > LINE_MAX_OCTETS)
		return error_set(e, ERR_PROTOCOL,
		    "the running postrider answers with a line longer than %zu "
		    "octets",
		    LINE_MAX_OCTETS);
	memmove(a->in.data, from, left);
	a->in.len = left;
	return 0;
}

static int
receive(struct asked *a, struct error *e)
{
	struct deadline until;
	ssize_t n;
	int ready;

	while (!a->ended) {
		until =
		    a->patient ? deadline_never() : deadline_in(PATIENCE_MS);
		ready = wait_for(a->fd, POLLIN, -1, -1, until, e);
		if (ready <= 0)
			return ready < 0 ? -1 : hangs(e);
		buffer_reserve(&a->in, PIECE);
		n = recv(a->fd, a->in.data + a->in.len, PIECE, 0);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n <= 0)
			return error_set(e, ERR_IO,
			    "the running postrider has ended before it has "
			    "answered");
		a->in.len += (size_t)n;
		if (take_lines(a, e) < 0)
			return -1;
	}
	return 0;
}

int
client_ask(const char *state, const struct request *r,
    void (*each)(void *arg, enum answer_kind kind, char *line), void *arg,
    int *status, struct error *e)
{
	struct asked a = {
		.patient = r->verb == REQUEST_FETCH ||
		    r->verb == REQUEST_BASELINE || r->verb == REQUEST_STOP,
		.each = each,
		.arg = arg,
	};
	struct buffer out = { 0 };
	int rc = -1;

	if (request_write(r, &out, e) < 0)
		goto out;
	a.fd = socket_connect(state, deadline_in(PATIENCE_MS), e);
	if (a.fd < 0)
		goto out;
	if (send_all(a.fd, buffer_slice(&out), e) == 0)
		rc = receive(&a, e);
	close(a.fd);
	*status = a.status;
out:
	buffer_free(&out);
	buffer_free(&a.in);
	return rc;
}
