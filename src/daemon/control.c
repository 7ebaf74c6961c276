/* control.c - see control.h. */
#include "daemon/control.h"

#include "base/alloc.h"
#include "base/log.h"
#include "base/stop.h"
#include "base/wait.h"
#include "daemon/decision.h"
#include "daemon/socket.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

/* For the whole of a request. */
#define REQUEST_MS 5000
/* To take what is written: so long, and what a slow client needs besides. */
#define WRITE_MS 10000
#define WRITE_OCTETS_PER_MS 64
#define BATCH ((size_t)64 * 1024)
/* How long to wait where the system has no descriptor or thread for a client. */
#define PAUSE_MS 200
/* How long somebody waits for a place before he is turned away. */
#define PLACE_MS 250
/* For the last answers, when all is over. */
#define CLOSE_MS 2000

/* SQLite and a path or two; the usual 8 MiB are more than that needs. */
#define STACK ((size_t)256 * 1024)
#define STOPPING "the running postrider is stopping"

struct client {
	struct control *control; /* borrowed */
	pthread_t thread;
	int fd; /* owned by the thread */
	struct queue *lines; /* owned; what is to be written */
	struct control_request request;
	enum {
		CLIENT_NONE, /* no thread */
		CLIENT_SERVED,
		CLIENT_DONE /* to be joined */
	} stage;
};

struct control {
	char *state; /* owned */
	struct ledger *ledger; /* borrowed */
	struct queue *requests; /* borrowed */
	struct socket_place place;
	struct stop *stop; /* owned */
	int fd; /* owned */
	pthread_t thread;
	pthread_mutex_t lock; /* guards what follows, and the stages */
	pthread_cond_t ended; /* a client's thread has */
	struct client clients[CONTROL_CLIENTS];
	size_t fetches; /* requests of that kind that are not answered */
	size_t deciding; /* clients that are at work with the ledger */
	bool closing; /* no request goes to the daemon any more */
};

/* Something said, on its way to a client. */
struct line {
	struct queue_item item;
	enum answer_kind kind;
	char *text; /* owned */
};

/* --- one client --- */

/* Returns 0 with the line in *in, or -1 with ERR_IO, ERR_TIMEOUT, ERR_…. */
static int
read_line(struct client *cl, struct buffer *in, struct error *e)
{
	int stop = stop_fd(cl->control->stop, STOP_SOON);
	struct deadline until = deadline_in(REQUEST_MS);
	char octets[16 * 1024];
	ssize_t n;

	for (;;) {
		n = wait_for(cl->fd, POLLIN, -1, stop, until, e);
		if (n < 0)
			return -1;
		if (n == 0)
			return error_set(e, ERR_TIMEOUT,
			    "the request did not come within %d s",
			    REQUEST_MS / 1000);
		n = recv(cl->fd, octets, sizeof(octets), 0);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n <= 0)
			return error_set(e, ERR_IO, "there is no request");
		buffer_add(in, octets, (size_t)n);
		if (in->len > REQUEST_MAX)
			return error_set(e, ERR_PROTOCOL,
			    "the request is longer than %zu octets",
			    REQUEST_MAX);
		/* What follows the line's end makes it none. */
		if (memchr(octets, '\n', (size_t)n) != NULL) {
			in->len -= octets[n - 1] == '\n';
			return 0;
		}
	}
}

static int
read_request(struct client *cl, struct error *e)
{
	struct buffer in = { 0 };
	int rc = read_line(cl, &in, e);

	if (rc == 0)
		rc = request_parse(buffer_slice(&in), &cl->request.request, e);
	buffer_free(&in);
	return rc;
}

/* Returns 0, or -1: the client is not there any more, or does not read. */
static int
write_out(struct client *cl, struct slice out)
{
	int stop = stop_fd(cl->control->stop, STOP_NOW);
	struct deadline until =
	    deadline_in(WRITE_MS + (int64_t)(out.len / WRITE_OCTETS_PER_MS));
	struct error e = { 0 };
	ssize_t n;

	while (out.len > 0) {
		n = send(cl->fd, out.data, out.len, MSG_NOSIGNAL);
		if (n >= 0) {
			out = slice_skip(out, (size_t)n);
			continue;
		}
		if (errno != EAGAIN && errno != EINTR)
			return -1;
		if (wait_for(cl->fd, POLLOUT, -1, stop, until, &e) <= 0)
			return -1;
	}
	return 0;
}

/* A line for each line of the answer. */
static void
add_answer(const struct buffer *answer, struct buffer *out)
{
	struct slice rest = buffer_slice(answer);
	const char *lf;
	size_t n;

	while (rest.len > 0) {
		lf = memchr(rest.data, '\n', rest.len);
		n = lf != NULL ? (size_t)(lf - rest.data) : rest.len;
		answer_write(ANSWER_LINE, slice_make(rest.data, n), out);
		rest = slice_skip(rest, lf != NULL ? n + 1 : n);
	}
}

/* Returns false when that was the end. */
static bool
add_line(struct client *cl, struct queue_item *item, struct buffer *out)
{
	struct line *line = (struct line *)item;

	if (item == &cl->request.item) {
		add_answer(&cl->request.answer, out);
		answer_end(cl->request.status, out);
		return false;
	}
	answer_write(line->kind, slice_of(line->text), out);
	free(line->text);
	free(line);
	return true;
}

/* To the end, even when nobody listens: the request is the daemon's till then. */
static void
relay(struct client *cl)
{
	struct buffer out = { 0 };
	bool gone = false, more = true;
	struct queue_item *item;

	while (more) {
		item = queue_wait(cl->lines, -1, deadline_never());
		buffer_clear(&out);
		more = add_line(cl, item, &out);
		while (more && out.len < BATCH &&
		    (item = queue_pop(cl->lines)) != NULL)
			more = add_line(cl, item, &out);
		if (!gone)
			gone = write_out(cl, buffer_slice(&out)) < 0;
	}
	buffer_free(&out);
}

static void
refuse(struct client *cl, int status, const char *why)
{
	struct buffer out = { 0 };

	answer_write(ANSWER_COMPLAINT, slice_of(why), &out);
	answer_end(status, &out);
	write_out(cl, buffer_slice(&out));
	buffer_free(&out);
}

/* --- its request --- */

static bool
takes_long(const struct client *cl)
{
	return cl->request.request.verb == REQUEST_FETCH ||
	    cl->request.request.verb == REQUEST_BASELINE;
}

/* Returns 0, or -1 with ERR_STOPPED, ERR_BUSY. */
static int
hand_over(struct client *cl, struct error *e)
{
	struct control *c = cl->control;
	int rc = 0;

	pthread_mutex_lock(&c->lock);
	if (c->closing)
		rc = error_set(e, ERR_STOPPED, STOPPING);
	else if (takes_long(cl) && c->fetches == CONTROL_FETCHES)
		rc = error_set(e, ERR_BUSY,
		    "%d fetches wait for the running postrider; try again "
		    "when they have ended",
		    CONTROL_FETCHES);
	else {
		c->fetches += takes_long(cl);
		queue_push(c->requests, &cl->request.item);
	}
	pthread_mutex_unlock(&c->lock);
	return rc;
}

static bool
is_decision(const struct control_request *r)
{
	return r->request.verb == REQUEST_HELD_RETRY ||
	    r->request.verb == REQUEST_HELD_DROP;
}

/*
 * What is held is decided here, since that may wait for the disk. Returns an
 * exit status; of what is decided the accounts are left as arguments.
 */
static int
decide(struct client *cl, struct error *e)
{
	struct request *r = &cl->request.request;
	struct decided d;
	int status;

	status = decision_make(cl->control->state, cl->control->ledger,
	    r->verb == REQUEST_HELD_RETRY ? DECISION_RETRY : DECISION_DROP,
	    r->args, &d, e);
	if (status == EX_OK) {
		decided_tell(&d, &cl->request.answer);
		while (r->arg_count > 0)
			free(r->args[--r->arg_count]);
		for (size_t i = 0; i < d.account_count; i++)
			request_add(r, d.accounts[i]);
	}
	decided_free(&d);
	return status;
}

/* Never beyond control_end(): the ledger is closed then. */
static int
decide_in_time(struct client *cl, struct error *e)
{
	struct control *c = cl->control;
	bool closing;
	int status;

	pthread_mutex_lock(&c->lock);
	closing = c->closing;
	c->deciding += !closing;
	pthread_mutex_unlock(&c->lock);
	if (closing) {
		error_set(e, ERR_STOPPED, STOPPING);
		return EX_TEMPFAIL;
	}
	status = decide(cl, e);
	pthread_mutex_lock(&c->lock);
	c->deciding--;
	pthread_cond_broadcast(&c->ended);
	pthread_mutex_unlock(&c->lock);
	return status;
}

static void
serve(struct client *cl)
{
	struct control_request *r = &cl->request;
	struct error e = { 0 };
	int status;

	if (read_request(cl, &e) < 0) {
		/* Somebody who has gone without a word is no news. */
		if (e.kind == ERR_STOPPED)
			refuse(cl, EX_TEMPFAIL, STOPPING);
		else if (e.kind != ERR_IO)
			refuse(cl, error_exit_status(e.kind), e.text);
		return;
	}
	status = is_decision(r) ? decide_in_time(cl, &e) : EX_OK;
	if (status != EX_OK) {
		refuse(cl, status, e.text);
	} else if (hand_over(cl, &e) == 0) {
		relay(cl);
	} else if (is_decision(r)) {
		queue_push(cl->lines, &r->item);
		relay(cl);
	} else {
		refuse(cl, error_exit_status(e.kind), e.text);
	}
	buffer_free(&r->answer);
	request_free(&r->request);
}

static void *
client_thread(void *arg)
{
	struct client *cl = arg;
	struct control *c = cl->control;

	serve(cl);
	close(cl->fd);
	queue_free(&cl->lines);
	pthread_mutex_lock(&c->lock);
	cl->stage = CLIENT_DONE;
	pthread_cond_broadcast(&c->ended);
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

/* --- what the daemon says --- */

static void
say(struct control_request *r, enum answer_kind kind, char *text)
{
	struct line *line = xcalloc(1, sizeof(*line));

	line->kind = kind;
	line->text = text;
	queue_push(r->client->lines, &line->item);
}

void
control_say(struct control_request *r, const char *line)
{
	say(r, ANSWER_LINE, xstrdup(line));
}

void
control_complain(struct control_request *r, const char *fmt, ...)
{
	struct buffer text = { 0 };
	va_list ap;

	va_start(ap, fmt);
	buffer_vaddf(&text, fmt, ap);
	va_end(ap);
	say(r, ANSWER_COMPLAINT, text.data);
}

void
control_answer(struct control_request *r)
{
	struct client *cl = r->client;
	struct control *c = cl->control;

	pthread_mutex_lock(&c->lock);
	c->fetches -= takes_long(cl);
	pthread_mutex_unlock(&c->lock);
	queue_push(cl->lines, &r->item);
}

/* --- all of them --- */

/* With the lock held. */
static struct client *
free_client(struct control *c)
{
	for (size_t i = 0; i < CONTROL_CLIENTS; i++) {
		struct client *cl = &c->clients[i];

		if (cl->stage == CLIENT_DONE)
			pthread_join(cl->thread, NULL);
		if (cl->stage != CLIENT_SERVED) {
			cl->stage = CLIENT_NONE;
			return cl;
		}
	}
	return NULL;
}

/* Returns an errno, like pthread_create itself. */
static int
start_thread(pthread_t *thread, void *(*run)(void *), void *arg)
{
	pthread_attr_t attr;
	int rc = pthread_attr_init(&attr);

	if (rc != 0)
		return rc;
	rc = pthread_attr_setstacksize(&attr, STACK);
	if (rc == 0)
		rc = pthread_create(thread, &attr, run, arg);
	pthread_attr_destroy(&attr);
	return rc;
}

/* With the lock held: until a client has ended. Returns 0, or ETIMEDOUT. */
static int
wait_for_end(struct control *c, struct deadline until)
{
	const struct timespec end = {
		.tv_sec = (time_t)(until.ms / 1000),
		.tv_nsec = (long)(until.ms % 1000) * 1000000,
	};

	return pthread_cond_timedwait(&c->ended, &c->lock, &end);
}

/* With the lock held. Returns 0, or -1: there is no room, or no thread. */
static int
client_begin(struct control *c, int fd)
{
	struct deadline until = deadline_in(PLACE_MS);
	struct client *cl = free_client(c);
	struct error e = { 0 };

	while (cl == NULL && !c->closing && wait_for_end(c, until) == 0)
		cl = free_client(c);

	if (cl == NULL)
		return -1;
	*cl = (struct client){ .control = c, .fd = fd };
	cl->request.client = cl;
	if (queue_new(&cl->lines, &e) < 0)
		return -1;
	cl->stage = CLIENT_SERVED;
	if (start_thread(&cl->thread, client_thread, cl) == 0)
		return 0;
	cl->stage = CLIENT_NONE;
	queue_free(&cl->lines);
	return -1;
}

/* Said in passing: whoever does not read it has lost nothing. */
static void
turn_away(int fd)
{
	static const char text[] = "!the running postrider has too many "
				   "callers; try again\n.75\n";
	ssize_t n =
	    send(fd, text, sizeof(text) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);

	(void)n;
	close(fd);
}

static void
welcome(struct control *c, int fd)
{
	int rc;

	if (!socket_is_owner(fd)) {
		log_warning("another user has tried the control socket, and "
			    "was not listened to");
		close(fd);
		return;
	}
	pthread_mutex_lock(&c->lock);
	rc = client_begin(c, fd);
	pthread_mutex_unlock(&c->lock);
	if (rc < 0)
		turn_away(fd);
}

static void *
listen_thread(void *arg)
{
	struct control *c = arg;
	int stop = stop_fd(c->stop, STOP_SOON);
	struct error e = { 0 };
	int fd;

	while (wait_for(c->fd, POLLIN, -1, stop, deadline_never(), &e) >= 0) {
		fd = accept4(c->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd >= 0)
			welcome(c, fd);
		else if (errno != EAGAIN && errno != EINTR &&
		    errno != ECONNABORTED &&
		    wait_for(-1, 0, -1, stop, deadline_in(PAUSE_MS), &e) < 0)
			break;
	}
	return NULL;
}

static void
control_free(struct control **out)
{
	struct control *c = *out;

	if (c->fd >= 0)
		close(c->fd);
	stop_free(&c->stop);
	pthread_cond_destroy(&c->ended);
	pthread_mutex_destroy(&c->lock);
	free(c->state);
	free(c);
	*out = NULL;
}

/* Deadlines are of the monotonic clock. */
static void
make_condition(pthread_cond_t *condition)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(condition, &attr);
	pthread_condattr_destroy(&attr);
}

int
control_open(struct control **out, const char *state, struct ledger *ledger,
    struct queue *requests, struct error *e)
{
	struct control *c = xcalloc(1, sizeof(*c));
	int number;

	*out = NULL;
	c->state = xstrdup(state);
	c->ledger = ledger;
	c->requests = requests;
	c->fd = -1;
	pthread_mutex_init(&c->lock, NULL);
	make_condition(&c->ended);
	if (stop_new(&c->stop, e) < 0)
		goto fail;
	c->fd = socket_listen(state, &c->place, e);
	if (c->fd < 0)
		goto fail;
	number = start_thread(&c->thread, listen_thread, c);
	if (number == 0) {
		*out = c;
		return 0;
	}
	error_set(e, ERR_SYSTEM, "cannot start a thread: %s", strerror(number));
	socket_remove(&c->place);
fail:
	control_free(&c);
	return -1;
}

void
control_end(struct control *c)
{
	pthread_mutex_lock(&c->lock);
	c->closing = true;
	pthread_cond_broadcast(&c->ended);
	while (c->deciding > 0)
		pthread_cond_wait(&c->ended, &c->lock);
	pthread_mutex_unlock(&c->lock);
	socket_remove(&c->place);
	stop_request(c->stop, STOP_SOON);
	pthread_join(c->thread, NULL);
	/* Whoever waits to be accepted is told by the end of the connection. */
	close(c->fd);
	c->fd = -1;
}

/* With the lock held. */
static bool
somebody_is_served(const struct control *c)
{
	for (size_t i = 0; i < CONTROL_CLIENTS; i++)
		if (c->clients[i].stage == CLIENT_SERVED)
			return true;
	return false;
}

static bool
has_thread(struct control *c, const struct client *cl)
{
	bool yes;

	pthread_mutex_lock(&c->lock);
	yes = cl->stage != CLIENT_NONE;
	pthread_mutex_unlock(&c->lock);
	return yes;
}

void
control_close(struct control **out)
{
	struct deadline until = deadline_in(CLOSE_MS);
	struct control *c = *out;
	int rc = 0;

	if (c == NULL)
		return;
	if (c->fd >= 0)
		control_end(c);
	pthread_mutex_lock(&c->lock);
	while (somebody_is_served(c) && rc == 0)
		rc = wait_for_end(c, until);
	pthread_mutex_unlock(&c->lock);
	stop_request(c->stop, STOP_NOW);
	for (size_t i = 0; i < CONTROL_CLIENTS; i++)
		if (has_thread(c, &c->clients[i]))
			pthread_join(c->clients[i].thread, NULL);
	control_free(out);
}
