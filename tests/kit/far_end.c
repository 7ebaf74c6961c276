/* far_end.c - see far_end.h. */
#include "far_end.h"

#include "base/alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* In the peers' threads nothing can be asserted. */
void
must(bool ok, const char *what)
{
	if (!ok) {
		perror(what);
		abort();
	}
}

void
pause_ms(int ms)
{
	(void)poll(NULL, 0, ms);
}

void
say(struct far_end *p, const char *text)
{
	size_t len = strlen(text);

	if (p->ssl != NULL)
		must(SSL_write(p->ssl, text, (int)len) == (int)len, "say");
	else
		must(send(p->fd, text, len, MSG_NOSIGNAL) == (ssize_t)len,
		    "say");
}

/* Returns how many octets came, 0 at the end. */
size_t
hear(struct far_end *p, char *data, size_t room)
{
	ssize_t n = p->ssl != NULL ? SSL_read(p->ssl, data, (int)room)
				   : recv(p->fd, data, room, 0);

	return n > 0 ? (size_t)n : 0;
}

/* Returns false when the client has gone instead. */
bool
hear_until_lf(struct far_end *p)
{
	char c = '\0';

	while (c != '\n')
		if (hear(p, &c, 1) == 0)
			return false;
	return true;
}

static void *
peer_main(void *arg)
{
	struct far_end *p = arg;
	sigset_t pipe;

	/* The peer's own OpenSSL may write to a client that has gone. */
	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipe, NULL);
	if (p->listener >= 0) {
		p->fd = accept(p->listener, NULL, NULL);
		must(p->fd >= 0, "accept");
	}
	p->play(p);
	SSL_free(p->ssl);
	SSL_CTX_free(p->ctx);
	if (p->fd >= 0)
		close(p->fd);
	return NULL;
}

int
setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof *f);

	f->at = (struct endpoint){ .name = "isp",
		.host = "pop.example.org",
		.port = 995,
		.timeout_ms = LONG_MS,
		.tls = TLS_NONE };
	f->peer.fd = -1;
	f->peer.listener = -1;
	*state = f;
	return stop_new(&f->stop, &f->e);
}

int
teardown(void **state)
{
	struct fixture *f = *state;

	stream_free(&f->s);
	if (f->peer.play != NULL)
		pthread_join(f->peer.thread, NULL);
	if (f->peer.listener >= 0)
		close(f->peer.listener);
	stop_free(&f->stop);
	free(f);
	return 0;
}

void
start(struct fixture *f, void (*play)(struct far_end *p))
{
	f->peer.play = play;
	f->peer.stop = f->stop;
	assert_int_equal(
	    pthread_create(&f->peer.thread, NULL, peer_main, &f->peer), 0);
}

/* A stream of a socket pair whose other end plays. */
void
converse(struct fixture *f, void (*play)(struct far_end *p))
{
	int ends[2];

	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	f->peer.fd = ends[1];
	assert_int_equal(
	    stream_from_fd(&f->s, ends[0], &f->at, f->stop, &f->e), 0);
	start(f, play);
}

/* A loopback listener that plays with the first who comes. */
void
listen_for(struct fixture *f, void (*play)(struct far_end *p))
{
	struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof in;

	f->peer.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(
	    bind(f->peer.listener, (struct sockaddr *)&in, sizeof in), 0);
	assert_int_equal(listen(f->peer.listener, 1), 0);
	assert_int_equal(
	    getsockname(f->peer.listener, (struct sockaddr *)&in, &len), 0);
	f->at.host = "127.0.0.1";
	f->at.port = ntohs(in.sin_port);
	start(f, play);
}

void
expect_line(struct fixture *f, const char *text)
{
	struct slice line;

	assert_int_equal(
	    stream_line(f->s, 512, &line, deadline_in(LONG_MS), &f->e), 0);
	assert_true(slice_is(line, text));
}

void
expect_end(struct fixture *f, enum error_kind kind)
{
	struct slice line;

	assert_int_equal(
	    stream_line(f->s, 512, &line, deadline_in(LONG_MS), &f->e), -1);
	assert_int_equal(f->e.kind, kind);
}

void
send_text(struct fixture *f, const char *text)
{
	assert_int_equal(stream_write(f->s, slice_of(text), &f->e), 0);
	assert_int_equal(stream_flush(f->s, &f->e), 0);
}

void
say_nothing(struct far_end *p)
{
	char data[4096];
	size_t n;

	while ((n = hear(p, data, sizeof data)) > 0)
		p->octets += n;
}

void
say_a_body(struct far_end *p)
{
	char line[32];
	int i;

	for (i = 0; i < BODY_LINES; i++) {
		(void)snprintf(line, sizeof line, "line %d\r\n", i);
		say(p, line);
	}
}

void
request_stop_soon(struct far_end *p)
{
	pause_ms(50);
	stop_request(p->stop, STOP_SOON);
	say_nothing(p);
}
