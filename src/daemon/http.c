/* http.c - see http.h. libmicrohttpd speaks HTTP; its thread is ours. */
#include "daemon/http.h"

#include "config.h"

#ifdef HAVE_MICROHTTPD

#include "base/alloc.h"
#include "base/clock.h"
#include "base/stop.h"
#include "daemon/mhd.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Connections at once. Those that are too many wait to be accepted. */
#define CLIENTS 8
#define BACKLOG 16
/* How long one may last, from beginning to end. */
#define LASTS_MS (15 * 1000)
/* How long to wait for a free descriptor before trying again. */
#define DESCRIPTOR_MS 100
/* For a request's line and header fields. */
#define REQUEST_OCTETS ((size_t)8 * 1024)

#define TEXT_PLAIN "text/plain; charset=utf-8"
#define TEXT_METRICS "text/plain; version=0.0.4; charset=utf-8"

struct client {
	bool there;
	int fd; /* borrowed from libmicrohttpd */
	int64_t until; /* clock_monotonic_ms(); INT64_MAX: cut off already */
};

struct http {
	struct metrics *metrics; /* borrowed */
	http_healthy *healthy;
	void *arg; /* borrowed */
	struct mhd lib;
	struct MHD_Daemon *mhd; /* owned; used by our thread alone */
	struct client clients[CLIENTS]; /* the thread's */
	size_t client_count;
	uint64_t notes; /* how often one has come or gone */
	struct stop *stop; /* owned */
	unsigned port;
	bool serving;
	pthread_t thread;
};

/* --- requests --- */

/* Text, which is libmicrohttpd's from now on. allow: for 405, else NULL. */
static enum MHD_Result
say(struct http *h, struct MHD_Connection *c, unsigned status, const char *type,
    const char *allow, struct buffer *text)
{
	struct MHD_Response *r = h->lib.create_response_from_buffer(
	    text->len, text->data, MHD_RESPMEM_MUST_FREE);
	enum MHD_Result rc = MHD_NO;

	if (r == NULL) {
		buffer_free(text);
		return MHD_NO;
	}
	if (h->lib.add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type) ==
		MHD_YES &&
	    h->lib.add_response_header(
		r, MHD_HTTP_HEADER_CONNECTION, "close") == MHD_YES &&
	    h->lib.add_response_header(
		r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store") == MHD_YES &&
	    (allow == NULL ||
		h->lib.add_response_header(r, MHD_HTTP_HEADER_ALLOW, allow) ==
		    MHD_YES))
		rc = h->lib.queue_response(c, status, r);
	h->lib.destroy_response(r);
	return rc;
}

static enum MHD_Result
say_metrics(struct http *h, struct MHD_Connection *c)
{
	struct buffer text = { 0 };

	metrics_render(h->metrics, clock_wall(), &text);
	return say(h, c, MHD_HTTP_OK, TEXT_METRICS, NULL, &text);
}

static enum MHD_Result
say_health(struct http *h, struct MHD_Connection *c)
{
	struct buffer text = { 0 };
	bool well = h->healthy(h->arg, &text);

	if (well)
		buffer_clear(&text);
	buffer_add_text(&text, well ? "ok\n" : "\n");
	return say(h, c, well ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE,
	    TEXT_PLAIN, NULL, &text);
}

static enum MHD_Result
say_no(struct http *h, struct MHD_Connection *c, unsigned status,
    const char *allow, const char *words)
{
	struct buffer text = { 0 };

	buffer_add_text(&text, words);
	return say(h, c, status, TEXT_PLAIN, allow, &text);
}

/*
 * Called when the header of a request is there, for each part of a body, which
 * nobody wants, and at the end.
 */
static enum MHD_Result
answer(void *arg, struct MHD_Connection *c, const char *url, const char *method,
    const char *version, const char *body, size_t *octets, void **seen)
{
	struct http *h = arg;

	(void)version;
	(void)body;
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 &&
	    strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		return say_no(h, c, MHD_HTTP_METHOD_NOT_ALLOWED, "GET, HEAD",
		    "only GET and HEAD\n");
	if (*seen == NULL) {
		*seen = h;
		return MHD_YES;
	}
	if (*octets > 0) {
		*octets = 0;
		return MHD_YES;
	}
	if (strcmp(url, "/metrics") == 0)
		return say_metrics(h, c);
	if (strcmp(url, "/healthz") == 0)
		return say_health(h, c);
	return say_no(h, c, MHD_HTTP_NOT_FOUND, NULL,
	    "postrider answers at /metrics and /healthz\n");
}

/* --- clients that take their time --- */

static void
note_client(void *arg, struct MHD_Connection *c, void **slot,
    enum MHD_ConnectionNotificationCode what)
{
	struct http *h = arg;
	struct client *client = *slot;

	h->notes++;
	if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
		h->client_count--;
		if (client != NULL)
			client->there = false;
		return;
	}
	h->client_count++;
	for (client = h->clients; client < h->clients + CLIENTS; client++)
		if (!client->there)
			break;
	if (client == h->clients + CLIENTS)
		return;
	*client = (struct client){ .there = true,
		.fd = h->lib
			  .get_connection_info(
			      c, MHD_CONNECTION_INFO_CONNECTION_FD)
			  ->connect_fd,
		.until = clock_monotonic_ms() + LASTS_MS };
	*slot = client;
}

/*
 * Whoever is silent, or says or takes an octet now and then, would stay.
 * Returns in how many milliseconds to look again, -1: nobody is there.
 */
static int64_t
cut_off_late(struct http *h)
{
	int64_t now = clock_monotonic_ms(), next = INT64_MAX;

	for (struct client *c = h->clients; c < h->clients + CLIENTS; c++) {
		if (!c->there)
			continue;
		if (now >= c->until) {
			shutdown(c->fd, SHUT_RDWR);
			c->until = INT64_MAX;
		}
		if (c->until < next)
			next = c->until;
	}
	return next == INT64_MAX ? -1 : next - now;
}

/*
 * Something has come, or it is time to do something without. Returns whether
 * it was the former.
 */
static bool
wait_for_work(struct http *h)
{
	struct pollfd fds[] = {
		{ .fd = h->lib
			    .get_daemon_info(h->mhd, MHD_DAEMON_INFO_EPOLL_FD)
			    ->epoll_fd,
		    .events = POLLIN },
		{ .fd = stop_fd(h->stop, STOP_SOON), .events = POLLIN },
	};
	int64_t timeout = cut_off_late(h);
	unsigned long long ms;

	/* None, but for 0: there is something to do. */
	if (h->lib.get_timeout(h->mhd, &ms) == MHD_YES)
		timeout = 0;
	if (poll(fds, 2, (int)timeout) < 0 && errno != EINTR)
		abort(); /* these two are open */
	return fds[0].revents != 0;
}

/* Without a descriptor to accept it with, who comes goes on coming. */
static void
wait_for_descriptor(struct http *h)
{
	struct pollfd stop = { .fd = stop_fd(h->stop, STOP_SOON),
		.events = POLLIN };

	poll(&stop, 1, DESCRIPTOR_MS);
}

/* Only when one has gone, who waits for its place is let in. */
static void
run(struct http *h)
{
	uint64_t before;

	do {
		before = h->notes;
		h->lib.run(h->mhd);
	} while (h->notes != before);
}

static void *
serve(void *arg)
{
	struct http *h = arg;

	while (stop_level(h->stop) == STOP_NO) {
		uint64_t before = h->notes;
		bool came = wait_for_work(h);

		run(h);
		if (came && h->notes == before && h->client_count == 0)
			wait_for_descriptor(h);
	}
	return NULL;
}

/* --- beginning and end --- */

/* A listening socket, or -1. */
static int
listen_at(const struct addrinfo *a)
{
	int fd = socket(a->ai_family,
	    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, a->ai_protocol);
	int yes = 1, error;

	if (fd < 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) == 0 &&
	    bind(fd, a->ai_addr, a->ai_addrlen) == 0 &&
	    listen(fd, BACKLOG) == 0)
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

static int
resolve(const char *at, struct addrinfo **out, struct error *e)
{
	const struct addrinfo hints = {
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
	};
	const char *colon = strrchr(at, ':');
	bool brackets = at[0] == '[' && colon > at && colon[-1] == ']';
	char *host;
	int rc;

	if (colon == NULL)
		return error_set(e, ERR_CONFIG,
		    "metrics = \"%s\" must be an address and a port", at);
	host = brackets ? xstrndup(at + 1, (size_t)(colon - at) - 2)
			: xstrndup(at, (size_t)(colon - at));
	rc = getaddrinfo(host, colon + 1, &hints, out);
	free(host);
	if (rc == 0)
		return 0;
	return error_set(e, ERR_CONFIG, "metrics = \"%s\": %s", at,
	    rc == EAI_SYSTEM ? strerror(errno) : gai_strerror(rc));
}

static unsigned
port_of(int fd)
{
	struct sockaddr_storage a = { 0 };
	socklen_t len = sizeof(a);
	char port[NI_MAXSERV] = "";

	if (getsockname(fd, (struct sockaddr *)&a, &len) < 0 ||
	    getnameinfo((struct sockaddr *)&a, len, NULL, 0, port, sizeof(port),
		NI_NUMERICSERV) != 0)
		return 0;
	return (unsigned)strtoul(port, NULL, 10);
}

static int
open_socket(const char *at, int *fd, struct error *e)
{
	struct addrinfo *found;

	if (resolve(at, &found, e) < 0)
		return -1;
	*fd = listen_at(found);
	freeaddrinfo(found);
	if (*fd >= 0)
		return 0;
	return error_set(e, ERR_SYSTEM,
	    "cannot listen at %s, where metrics are to be had: %s", at,
	    strerror(errno));
}

int
http_open(struct http **out, const char *at, struct metrics *metrics,
    http_healthy *healthy, void *arg, struct error *e)
{
	struct http *h = xcalloc(1, sizeof(*h));
	int fd = -1;

	*out = NULL;
	*h =
	    (struct http){ .metrics = metrics, .healthy = healthy, .arg = arg };
	/* Dates are written later, by a thread that may open no file. */
	tzset();
	if (mhd_load(&h->lib, e) < 0 || open_socket(at, &fd, e) < 0 ||
	    stop_new(&h->stop, e) < 0)
		goto fail;
	h->port = port_of(fd);
	/* The socket is libmicrohttpd's from now on. */
	h->mhd = h->lib.start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, answer, h,
	    MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
	    (unsigned)CLIENTS, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
	    REQUEST_OCTETS, MHD_OPTION_NOTIFY_CONNECTION, note_client, h,
	    MHD_OPTION_END);
	if (h->mhd == NULL) {
		error_set(e, ERR_SYSTEM,
		    "metrics: libmicrohttpd does not start: %s",
		    strerror(errno));
		goto fail;
	}
	*out = h;
	return 0;
fail:
	if (fd >= 0)
		close(fd);
	stop_free(&h->stop);
	mhd_unload(&h->lib);
	free(h);
	return -1;
}

int
http_serve(struct http *h, struct error *e)
{
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&h->thread, NULL, serve, h);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc != 0)
		return error_set(
		    e, ERR_SYSTEM, "cannot start a thread: %s", strerror(rc));
	h->serving = true;
	return 0;
}

unsigned
http_port(const struct http *h)
{
	return h->port;
}

void
http_close(struct http **out)
{
	struct http *h = *out;

	*out = NULL;
	if (h == NULL)
		return;
	stop_request(h->stop, STOP_NOW);
	if (h->serving)
		pthread_join(h->thread, NULL);
	h->lib.stop_daemon(h->mhd);
	stop_free(&h->stop);
	mhd_unload(&h->lib);
	free(h);
}

#else

int
http_open(struct http **out, const char *at, struct metrics *metrics,
    http_healthy *healthy, void *arg, struct error *e)
{
	(void)metrics;
	(void)healthy;
	(void)arg;
	*out = NULL;
	return error_set(e, ERR_CONFIG,
	    "metrics = \"%s\" needs libmicrohttpd, which this postrider was "
	    "built without (see: postrider --version)",
	    at);
}

int
http_serve(struct http *h, struct error *e)
{
	(void)h;
	return error_set(e, ERR_CONFIG, "built without libmicrohttpd");
}

unsigned
http_port(const struct http *h)
{
	(void)h;
	return 0;
}

void
http_close(struct http **h)
{
	*h = NULL;
}

#endif
