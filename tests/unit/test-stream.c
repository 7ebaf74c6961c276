/* test-stream.c - streams over real sockets and real TLS. */
#include "net/stream.h"

#include "base/alloc.h"
#include "net/resolver.h"
#include "net/tls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define LONG_MS 20000

/* The other end of a stream, played by a thread. */
struct peer {
	pthread_t thread;
	void (*play)(struct peer *p);
	int fd; /* its socket, closed at the end */
	int listener; /* or where it comes from */
	const char *certificate; /* of the TLS it speaks */
	int max_version; /* of TLS, 0 for any */
	SSL_CTX *ctx;
	SSL *ssl;
	struct stop *stop;
	size_t octets; /* read by it */
};

struct fixture {
	struct endpoint at;
	struct stop *stop;
	struct stream *s;
	struct peer peer;
	struct error e;
};

static char folder[] = "/tmp/test-stream-XXXXXX";

static char *
in_folder(const char *name)
{
	return xasprintf("%s/%s", folder, name);
}

/* In the peers' threads nothing can be asserted. */
static void
must(bool ok, const char *what)
{
	if (!ok) {
		perror(what);
		abort();
	}
}

static void
pause_ms(int ms)
{
	(void)poll(NULL, 0, ms);
}

static void
say(struct peer *p, const char *text)
{
	size_t len = strlen(text);

	if (p->ssl != NULL)
		must(SSL_write(p->ssl, text, (int)len) == (int)len, "say");
	else
		must(send(p->fd, text, len, MSG_NOSIGNAL) == (ssize_t)len,
		    "say");
}

/* Returns how many octets came, 0 at the end. */
static size_t
hear(struct peer *p, char *data, size_t room)
{
	ssize_t n = p->ssl != NULL ? SSL_read(p->ssl, data, (int)room)
				   : recv(p->fd, data, room, 0);

	return n > 0 ? (size_t)n : 0;
}

/* Returns false when the client has gone instead. */
static bool
hear_until_lf(struct peer *p)
{
	char c = '\0';

	while (c != '\n')
		if (hear(p, &c, 1) == 0)
			return false;
	return true;
}

static bool
speak_tls(struct peer *p)
{
	char *chain = in_folder(p->certificate);
	char *key = in_folder("key.pem");
	int rc;

	p->ctx = SSL_CTX_new(TLS_server_method());
	must(p->ctx != NULL, "SSL_CTX_new");
	must(SSL_CTX_use_certificate_chain_file(p->ctx, chain) == 1, chain);
	must(SSL_CTX_use_PrivateKey_file(p->ctx, key, SSL_FILETYPE_PEM) == 1,
	    key);
	SSL_CTX_set_cipher_list(p->ctx, "ALL:@SECLEVEL=0");
	if (p->max_version != 0) {
		SSL_CTX_set_min_proto_version(p->ctx, TLS1_VERSION);
		SSL_CTX_set_max_proto_version(p->ctx, p->max_version);
	}
	free(chain);
	free(key);
	p->ssl = SSL_new(p->ctx);
	SSL_set_fd(p->ssl, p->fd);
	rc = SSL_accept(p->ssl);
	if (rc != 1) {
		SSL_free(p->ssl);
		p->ssl = NULL;
	}
	return rc == 1;
}

static void *
peer_main(void *arg)
{
	struct peer *p = arg;
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

static int
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

static int
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

static void
start(struct fixture *f, void (*play)(struct peer *p))
{
	f->peer.play = play;
	f->peer.stop = f->stop;
	assert_int_equal(
	    pthread_create(&f->peer.thread, NULL, peer_main, &f->peer), 0);
}

/* A stream of a socket pair whose other end plays. */
static void
converse(struct fixture *f, void (*play)(struct peer *p))
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
static void
listen_for(struct fixture *f, void (*play)(struct peer *p))
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

#define assert_text(f, part) assert_non_null(strstr((f)->e.text, (part)))

static void
expect_line(struct fixture *f, const char *text)
{
	struct slice line;

	assert_int_equal(
	    stream_line(f->s, 512, &line, deadline_in(LONG_MS), &f->e), 0);
	assert_true(slice_is(line, text));
}

static void
expect_end(struct fixture *f, enum error_kind kind)
{
	struct slice line;

	assert_int_equal(
	    stream_line(f->s, 512, &line, deadline_in(LONG_MS), &f->e), -1);
	assert_int_equal(f->e.kind, kind);
}

static void
send_text(struct fixture *f, const char *text)
{
	assert_int_equal(stream_write(f->s, slice_of(text), &f->e), 0);
	assert_int_equal(stream_flush(f->s, &f->e), 0);
}

/* ---- in clear ---- */

static void
say_nothing(struct peer *p)
{
	char data[4096];
	size_t n;

	while ((n = hear(p, data, sizeof data)) > 0)
		p->octets += n;
}

static void
drip_lines(struct peer *p)
{
	const char *text = "+OK one\r\n\r\nbare\ncr\rinside\r\n.\r\n";
	size_t i;

	for (i = 0; text[i] != '\0'; i++) {
		must(send(p->fd, text + i, 1, 0) == 1, "send");
		if (i % 4 == 0)
			pause_ms(1);
	}
}

static void
lines_are_whole_however_they_arrive(void **state)
{
	struct fixture *f = *state;

	converse(f, drip_lines);
	expect_line(f, "+OK one");
	expect_line(f, "");
	expect_line(f, "bare");
	expect_line(f, "cr\rinside");
	expect_line(f, ".");
	expect_end(f, ERR_IO);
	assert_string_equal(
	    f->e.text, "pop.example.org:995 closed the connection");
}

static void
say_lines_of_ten(struct peer *p)
{
	say(p, "0123456789\r\n0123456789\n0123456789\r\r\n");
}

static void
a_line_may_have_max_octets_and_no_more(void **state)
{
	struct fixture *f = *state;
	struct slice line;
	int i;

	converse(f, say_lines_of_ten);
	for (i = 0; i < 2; i++) {
		assert_int_equal(
		    stream_line(f->s, 10, &line, deadline_in(LONG_MS), &f->e),
		    0);
		assert_int_equal(line.len, 10);
	}
	assert_int_equal(
	    stream_line(f->s, 10, &line, deadline_in(LONG_MS), &f->e), -1);
	assert_int_equal(f->e.kind, ERR_PROTOCOL);
	assert_text(f, "more than 10 octets");
}

static void
say_one_endless_line(struct peer *p)
{
	char data[1024];

	memset(data, 'x', sizeof data);
	while (send(p->fd, data, sizeof data, MSG_NOSIGNAL) > 0)
		continue;
}

static void
an_endless_line_is_given_up(void **state)
{
	struct fixture *f = *state;
	struct slice line;

	converse(f, say_one_endless_line);
	assert_int_equal(
	    stream_line(f->s, SIZE_MAX, &line, deadline_in(LONG_MS), &f->e),
	    -1);
	assert_int_equal(f->e.kind, ERR_PROTOCOL);
}

#define BODY_LINES 30000

static void
say_a_body(struct peer *p)
{
	char line[32];
	int i;

	for (i = 0; i < BODY_LINES; i++) {
		(void)snprintf(line, sizeof line, "line %d\r\n", i);
		say(p, line);
	}
}

static void
no_octet_is_lost_where_the_buffer_wraps(void **state)
{
	struct fixture *f = *state;
	char line[32];
	int i;

	converse(f, say_a_body);
	for (i = 0; i < BODY_LINES; i++) {
		(void)snprintf(line, sizeof line, "line %d", i);
		expect_line(f, line);
	}
	expect_end(f, ERR_IO);
}

static void
say_two_words(struct peer *p)
{
	say(p, "onetwo");
	if (hear_until_lf(p))
		say(p, "three\r\n");
}

static void
what_was_peeked_stays_until_skipped(void **state)
{
	struct fixture *f = *state;
	struct slice in;

	converse(f, say_two_words);
	assert_int_equal(stream_wait(f->s, -1, deadline_in(LONG_MS), &f->e), 1);
	assert_int_equal(stream_buffered(f->s), 6);
	assert_int_equal(
	    stream_peek(f->s, &in, deadline_in(LONG_MS), &f->e), 0);
	assert_true(slice_is(in, "onetwo"));
	stream_skip(f->s, 3);
	assert_int_equal(
	    stream_peek(f->s, &in, deadline_in(LONG_MS), &f->e), 0);
	assert_true(slice_is(in, "two"));
	send_text(f, "\n");
	expect_line(f, "twothree");
	assert_int_equal(stream_buffered(f->s), 0);
}

static void
a_silent_peer_ends_with_the_deadline(void **state)
{
	struct fixture *f = *state;
	struct slice line;
	int64_t since = clock_monotonic_ms();

	converse(f, say_nothing);
	assert_int_equal(
	    stream_line(f->s, 512, &line, deadline_in(100), &f->e), -1);
	assert_int_equal(f->e.kind, ERR_TIMEOUT);
	assert_text(f, "pop.example.org:995 did not answer for 1");
	assert_in_range(clock_monotonic_ms() - since, 100, 2000);
}

static void
drip_without_end(struct peer *p)
{
	while (send(p->fd, "x", 1, MSG_NOSIGNAL) == 1)
		pause_ms(10);
}

static void
a_dripping_peer_does_not_extend_the_deadline(void **state)
{
	struct fixture *f = *state;
	struct slice line;
	int64_t since = clock_monotonic_ms();

	converse(f, drip_without_end);
	assert_int_equal(
	    stream_line(f->s, 512, &line, deadline_in(200), &f->e), -1);
	assert_int_equal(f->e.kind, ERR_TIMEOUT);
	assert_in_range(clock_monotonic_ms() - since, 200, 2000);
}

static void
request_stop_soon(struct peer *p)
{
	pause_ms(50);
	stop_request(p->stop, STOP_SOON);
	say_nothing(p);
}

static void
stop_ends_a_wait(void **state)
{
	struct fixture *f = *state;

	converse(f, request_stop_soon);
	expect_end(f, ERR_STOPPED);
	assert_string_equal(f->e.text, "stopped");
}

static void
request_both_stops(struct peer *p)
{
	stop_request(p->stop, STOP_SOON);
	pause_ms(100);
	say(p, "250 accepted\r\n");
	(void)hear_until_lf(p);
	stop_request(p->stop, STOP_NOW);
	say_nothing(p);
}

static void
a_verdict_may_be_awaited_until_stop_now(void **state)
{
	struct fixture *f = *state;

	converse(f, request_both_stops);
	stream_stop_at(f->s, STOP_NOW);
	expect_line(f, "250 accepted");
	send_text(f, "QUIT\r\n");
	expect_end(f, ERR_STOPPED);
}

static void
grace_reaches_beyond_stop_soon(void **state)
{
	struct fixture *f = *state;

	converse(f, request_both_stops);
	stream_grace(f->s, LONG_MS);
	expect_line(f, "250 accepted");
	send_text(f, "QUIT\r\n");
	expect_end(f, ERR_STOPPED);
	assert_string_equal(f->e.text, "stopped");
}

static void
grace_has_an_end(void **state)
{
	struct fixture *f = *state;
	int64_t since = clock_monotonic_ms();

	converse(f, request_stop_soon);
	stream_grace(f->s, 200);
	expect_end(f, ERR_STOPPED);
	assert_non_null(strstr(f->e.text, "did not answer in time"));
	assert_in_range(clock_monotonic_ms() - since, 200, 2000);
	/* All waits share it. */
	error_clear(&f->e);
	since = clock_monotonic_ms();
	expect_end(f, ERR_STOPPED);
	assert_in_range(clock_monotonic_ms() - since, 0, 150);
}

static void
stop_and_answer_late(struct peer *p)
{
	stop_request(p->stop, STOP_SOON);
	pause_ms(200);
	say(p, "+OK\r\n");
	say_nothing(p);
}

static void
a_stopped_wait_can_be_taken_up_in_grace(void **state)
{
	struct fixture *f = *state;

	converse(f, stop_and_answer_late);
	expect_end(f, ERR_STOPPED);
	error_clear(&f->e);
	stream_grace(f->s, LONG_MS);
	expect_line(f, "+OK");
	stream_grace(f->s, 0);
	expect_end(f, ERR_STOPPED);
}

static void
answer_and_stop(struct peer *p)
{
	say(p, "250 accepted\r\n");
	stop_request(p->stop, STOP_NOW);
	say_nothing(p);
}

static void
what_has_arrived_is_read_even_then(void **state)
{
	struct fixture *f = *state;

	converse(f, answer_and_stop);
	while (stop_level(f->stop) != STOP_NOW)
		pause_ms(1);
	assert_int_equal(stream_wait(f->s, -1, deadline_in(0), &f->e), 1);
	expect_line(f, "250 accepted");
	expect_end(f, ERR_STOPPED);
}

static void
answer_twice_and_stop(struct peer *p)
{
	say(p, "250 one\r\n");
	(void)hear_until_lf(p);
	say(p, "250 two\r\n");
	stop_request(p->stop, STOP_NOW);
	say_nothing(p);
}

static void
also_when_there_was_no_more_when_last_looked(void **state)
{
	struct fixture *f = *state;

	converse(f, answer_twice_and_stop);
	expect_line(f, "250 one");
	send_text(f, "\n");
	while (stop_level(f->stop) != STOP_NOW)
		pause_ms(1);
	expect_line(f, "250 two");
	expect_end(f, ERR_STOPPED);
}

static void
a_mere_look_sees_the_stop_too(void **state)
{
	struct fixture *f = *state;

	converse(f, say_nothing);
	assert_int_equal(stream_wait(f->s, -1, deadline_in(0), &f->e), 0);
	stop_request(f->stop, STOP_SOON);
	assert_int_equal(stream_wait(f->s, -1, deadline_in(0), &f->e), -1);
	assert_int_equal(f->e.kind, ERR_STOPPED);
	stream_stop_at(f->s, STOP_NOW);
	assert_int_equal(stream_wait(f->s, -1, deadline_in(0), &f->e), 0);
}

/* Packets keep apart what was sent apart. */
static void
what_was_queued_leaves_in_one_piece(void **state)
{
	static const char *const commands[] = { "MAIL FROM:<>\r\n",
		"RCPT TO:<a@b>\r\n", "DATA\r\n" };
	struct fixture *f = *state;
	char packet[64];
	int ends[2];

	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	assert_int_equal(
	    stream_from_fd(&f->s, ends[0], &f->at, f->stop, &f->e), 0);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(
		    stream_write(f->s, slice_of(commands[i]), &f->e), 0);
	assert_int_equal(
	    recv(ends[1], packet, sizeof packet, MSG_DONTWAIT), -1);
	assert_int_equal(stream_flush(f->s, &f->e), 0);
	assert_int_equal(
	    recv(ends[1], packet, sizeof packet, MSG_DONTWAIT), 35);
	assert_int_equal(
	    recv(ends[1], packet, sizeof packet, MSG_DONTWAIT), -1);
	close(ends[1]);
}

static void
say_half_a_line(struct peer *p)
{
	say(p, "+OK\r\n250 acc");
}

static void
a_cut_line_is_no_line(void **state)
{
	struct fixture *f = *state;

	converse(f, say_half_a_line);
	expect_line(f, "+OK");
	expect_end(f, ERR_IO);
	assert_text(f, "in the middle of a line");
}

static void
never_read(struct peer *p)
{
	while (stop_level(p->stop) == STOP_NO)
		pause_ms(5);
}

static void
a_peer_that_does_not_read_ends_with_the_timeout(void **state)
{
	struct fixture *f = *state;
	static const char zeros[STREAM_ROOM];
	int rc = 0;
	int i;

	f->at.timeout_ms = 200;
	converse(f, never_read);
	for (i = 0; rc == 0 && i < 1000; i++)
		rc = stream_write(f->s, slice_make(zeros, sizeof zeros), &f->e);
	assert_int_equal(rc, -1);
	assert_int_equal(f->e.kind, ERR_TIMEOUT);
	assert_text(f, "took nothing for 2");
	stop_request(f->stop, STOP_SOON);
}

#define REPLIES 4000
#define CONTENT ((size_t)4 << 20)

static void
reply_before_reading(struct peer *p)
{
	const int small = 4096;
	int i;

	setsockopt(p->fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
	for (i = 0; i < REPLIES; i++)
		say(p, "250 accepted\r\n");
	say_nothing(p);
}

static void
replies_are_read_while_the_peer_takes_nothing(void **state)
{
	struct fixture *f = *state;
	char *content = xcalloc(CONTENT, 1);
	int i;

	converse(f, reply_before_reading);
	assert_int_equal(
	    stream_write(f->s, slice_make(content, CONTENT), &f->e), 0);
	assert_int_equal(stream_flush(f->s, &f->e), 0);
	for (i = 0; i < REPLIES; i++)
		expect_line(f, "250 accepted");
	stream_free(&f->s);
	pthread_join(f->peer.thread, NULL);
	f->peer.play = NULL;
	assert_int_equal(f->peer.octets, CONTENT);
	free(content);
}

static void
go_away(struct peer *p)
{
	(void)p;
}

static void
writing_to_a_gone_peer_is_an_error_not_a_signal(void **state)
{
	struct fixture *f = *state;

	converse(f, go_away);
	pthread_join(f->peer.thread, NULL);
	f->peer.play = NULL;
	assert_int_equal(stream_write(f->s, slice_of("NOOP\r\n"), &f->e), 0);
	assert_int_equal(stream_flush(f->s, &f->e), -1);
	assert_int_equal(f->e.kind, ERR_IO);
}

static void
waiting_tells_who_is_ready(void **state)
{
	struct fixture *f = *state;
	int other = eventfd(0, EFD_CLOEXEC);

	converse(f, say_two_words);
	assert_int_equal(
	    stream_wait(f->s, other, deadline_in(LONG_MS), &f->e), 1);
	eventfd_write(other, 1);
	assert_int_equal(
	    stream_wait(f->s, other, deadline_in(LONG_MS), &f->e), 1);
	stream_skip(f->s, 6);
	assert_int_equal(
	    stream_wait(f->s, other, deadline_in(LONG_MS), &f->e), 2);
	assert_int_equal(stream_wait(f->s, -1, deadline_in(20), &f->e), 0);
	send_text(f, "\n");
	expect_line(f, "three");
	assert_int_equal(stream_wait(f->s, -1, deadline_in(LONG_MS), &f->e), 1);
	expect_end(f, ERR_IO);
	close(other);
}

/* ---- connecting ---- */

static void
greet(struct peer *p)
{
	say(p, "+OK hello\r\n");
}

static void
a_host_is_reached_by_address_and_by_name(void **state)
{
	struct fixture *f = *state;

	listen_for(f, greet);
	assert_int_equal(stream_open(&f->s, &f->at, f->stop, &f->e), 0);
	expect_line(f, "+OK hello");
	assert_string_equal(stream_local_address(f->s), "127.0.0.1");
	assert_false(stream_is_tls(f->s));
	assert_string_equal(stream_tls_text(f->s), "");
	stream_free(&f->s);
	pthread_join(f->peer.thread, NULL);

	start(f, greet);
	f->at.host = "localhost";
	assert_int_equal(stream_open(&f->s, &f->at, f->stop, &f->e), 0);
	expect_line(f, "+OK hello");
}

static void
nobody_listening_is_said_with_the_port(void **state)
{
	struct fixture *f = *state;

	listen_for(f, greet);
	assert_int_equal(stream_open(&f->s, &f->at, f->stop, &f->e), 0);
	pthread_join(f->peer.thread, NULL);
	f->peer.play = NULL;
	stream_free(&f->s);
	close(f->peer.listener);
	f->peer.listener = -1;
	assert_int_equal(stream_open(&f->s, &f->at, f->stop, &f->e), -1);
	assert_null(f->s);
	assert_int_equal(f->e.kind, ERR_CONNECT);
	assert_text(f, "nobody listens at 127.0.0.1:");
	assert_text(f, "check `port`");
}

static void
a_unix_socket_is_reached_by_its_path(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	(void)snprintf(un.sun_path, sizeof un.sun_path, "%s/lmtp", folder);
	f->at.host = NULL;
	f->at.path = un.sun_path;
	assert_int_equal(stream_open(&f->s, &f->at, f->stop, &f->e), -1);
	assert_int_equal(f->e.kind, ERR_CONNECT);
	assert_text(f, un.sun_path);
	f->peer.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(
	    bind(f->peer.listener, (struct sockaddr *)&un, sizeof un), 0);
	assert_int_equal(listen(f->peer.listener, 1), 0);
	start(f, greet);
	assert_int_equal(stream_open(&f->s, &f->at, f->stop, &f->e), 0);
	assert_string_equal(stream_local_address(f->s), "");
	expect_line(f, "+OK hello");
	unlink(un.sun_path);
}

static void
a_path_too_long_for_a_socket_is_a_wrong_setting(void **state)
{
	struct fixture *f = *state;
	char path[200];

	memset(path, 'x', sizeof path - 1);
	path[sizeof path - 1] = '\0';
	f->at.path = path;
	assert_int_equal(stream_open(&f->s, &f->at, f->stop, &f->e), -1);
	assert_int_equal(f->e.kind, ERR_CONFIG);
}

static void
an_unknown_host_is_named_within_the_deadline(void **state)
{
	struct fixture *f = *state;
	int64_t since = clock_monotonic_ms();

	f->at.host = "no-such-host.invalid";
	f->at.timeout_ms = 500;
	assert_int_equal(stream_open(&f->s, &f->at, f->stop, &f->e), -1);
	/* Without a name server nobody can say that there is none. */
	assert_true(f->e.kind == ERR_RESOLVE || f->e.kind == ERR_TIMEOUT);
	assert_text(f, "no-such-host.invalid");
	assert_in_range(clock_monotonic_ms() - since, 0, 3000);
}

static void
literals_and_localhost_need_no_name_server(void **state)
{
	struct fixture *f = *state;
	struct address found[RESOLVER_MAX];
	const struct sockaddr_in *v4 = (const void *)&found[0].sa;
	const struct sockaddr_in6 *v6 = (const void *)&found[0].sa;

	assert_int_equal(resolver_addresses("192.0.2.7", 110, found,
			     deadline_in(LONG_MS), f->stop, &f->e),
	    1);
	assert_int_equal(found[0].sa.ss_family, AF_INET);
	assert_int_equal(v4->sin_port, htons(110));
	assert_int_equal(v4->sin_addr.s_addr, htonl(0xc0000207));
	assert_int_equal(resolver_addresses("::1", 995, found,
			     deadline_in(LONG_MS), f->stop, &f->e),
	    1);
	assert_int_equal(found[0].sa.ss_family, AF_INET6);
	assert_int_equal(v6->sin6_port, htons(995));
	assert_in_range(resolver_addresses("localhost", 25, found,
			    deadline_in(LONG_MS), f->stop, &f->e),
	    1, RESOLVER_MAX);
}

/* ---- TLS ---- */

static void
echo_a_line_in_tls(struct peer *p)
{
	if (!speak_tls(p) || !hear_until_lf(p))
		return;
	say(p, "+OK private\r\n");
	say_nothing(p);
	SSL_shutdown(p->ssl);
}

static void
use_ca(struct fixture *f, const char *certificate)
{
	static char ca_file[64];

	(void)snprintf(ca_file, sizeof ca_file, "%s/ca.pem", folder);
	f->at.ca_file = ca_file;
	f->peer.certificate = certificate;
}

static void
implicit_tls_is_up_when_the_stream_is_open(void **state)
{
	struct fixture *f = *state;

	use_ca(f, "good.pem");
	f->at.tls = TLS_IMPLICIT;
	listen_for(f, echo_a_line_in_tls);
	assert_int_equal(stream_open(&f->s, &f->at, f->stop, &f->e), 0);
	assert_true(stream_is_tls(f->s));
	assert_non_null(strstr(stream_tls_text(f->s), "TLSv1.3 TLS_"));
	send_text(f, "CAPA\r\n");
	expect_line(f, "+OK private");
}

/* What TLS with a peer comes to that has this certificate. */
static int
shake_hands(struct fixture *f, const char *certificate, const char *host)
{
	use_ca(f, certificate);
	f->at.host = host;
	converse(f, echo_a_line_in_tls);
	return stream_start_tls(f->s, &f->e);
}

static void
starttls_protects_what_follows(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(shake_hands(f, "good.pem", "pop.example.org"), 0);
	assert_true(stream_is_tls(f->s));
	send_text(f, "CAPA\r\n");
	expect_line(f, "+OK private");
}

static void
the_only_label_a_wildcard_stands_for_is_the_first(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(shake_hands(f, "good.pem", "a.wild.example"), 0);
	teardown(state);
	setup(state);
	f = *state;
	assert_int_equal(shake_hands(f, "good.pem", "a.b.wild.example"), -1);
	assert_int_equal(f->e.kind, ERR_TLS);
}

static void
the_root_dot_of_a_host_is_no_part_of_its_name(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(shake_hands(f, "good.pem", "pop.example.org."), 0);
}

static void
a_common_name_counts_where_there_is_no_other(void **state)
{
	assert_int_equal(
	    shake_hands(*state, "cn-only.pem", "pop.example.org"), 0);
}

static void
a_common_name_does_not_count_beside_others(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(shake_hands(f, "wrong.pem", "pop.example.org"), -1);
	assert_int_equal(f->e.kind, ERR_TLS);
	assert_string_equal(f->e.text,
	    "the certificate of pop.example.org is for mail.example.org, "
	    "*.example.net, not for pop.example.org: use one of these names");
	assert_false(stream_is_tls(f->s));
}

static void
an_address_must_be_named_as_such(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(shake_hands(f, "good.pem", "127.0.0.1"), 0);
	teardown(state);
	setup(state);
	f = *state;
	assert_int_equal(shake_hands(f, "good.pem", "127.0.0.2"), -1);
	assert_text(f, "127.0.0.1");
}

/* Sets the fixture up anew after each but the last. */
static void
a_certificate_is_told_by_the_names_it_has(void **state)
{
	static const struct {
		const char *certificate;
		const char *words;
	} rows[] = {
		{ "many.pem",
		    "is for a.example, b.example, 192.0.2.1, 2001:db8::1 and 2 "
		    "more, not for mail.example.org: use one of these names" },
		{ "cn-only.pem",
		    "is for pop.example.org, not for mail.example.org: use "
		    "that name" },
		{ "no-name.pem", "names no host at all" },
		{ "by-org.pem", "is signed by \"Some Org\"" },
		{ "by-nobody.pem", "is signed by \"a nameless CA\"" },
		{ "by-old.pem", "depends on \"Old CA\", which expired on 20" },
	};
	size_t i;

	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct fixture *f;

		if (i > 0) {
			teardown(state);
			setup(state);
		}
		f = *state;
		assert_int_equal(
		    shake_hands(f, rows[i].certificate, "mail.example.org"),
		    -1);
		assert_int_equal(f->e.kind, ERR_TLS);
		assert_text(f, rows[i].words);
	}
}

static void
an_expired_certificate_is_told_with_its_day(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(shake_hands(f, "expired.pem", "pop.example.org"), -1);
	assert_int_equal(f->e.kind, ERR_TLS);
	assert_text(f, "the certificate of pop.example.org expired on 20");
}

static void
an_unknown_ca_is_named(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(shake_hands(f, "stranger.pem", "pop.example.org"), -1);
	assert_int_equal(f->e.kind, ERR_TLS);
	assert_text(f, "is signed by \"Other CA\", which is not trusted here");
	assert_text(f, "set ca_file");
}

static void
a_self_signed_certificate_is_called_that(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(shake_hands(f, "self.pem", "pop.example.org"), -1);
	assert_int_equal(f->e.kind, ERR_TLS);
	assert_text(f, "is self-signed");
}

static void
tls_older_than_1_2_is_refused(void **state)
{
	struct fixture *f = *state;

	f->peer.max_version = TLS1_1_VERSION;
	assert_int_equal(shake_hands(f, "good.pem", "pop.example.org"), -1);
	assert_int_equal(f->e.kind, ERR_TLS);
	assert_text(f, "older than 1.2");
}

static void
tls_1_2_is_enough(void **state)
{
	struct fixture *f = *state;

	f->peer.max_version = TLS1_2_VERSION;
	assert_int_equal(shake_hands(f, "good.pem", "pop.example.org"), 0);
	assert_non_null(strstr(stream_tls_text(f->s), "TLSv1.2 "));
}

static void
a_ca_file_that_is_not_there_is_named(void **state)
{
	struct fixture *f = *state;

	converse(f, say_nothing);
	f->at.ca_file = "/nonexistent/ca.pem";
	assert_int_equal(stream_start_tls(f->s, &f->e), -1);
	assert_int_equal(f->e.kind, ERR_TLS);
	assert_text(f, "/nonexistent/ca.pem");
}

static void
greet_and_listen(struct peer *p)
{
	char data[512];

	say(p, "220 mx.example.org ESMTP\r\n");
	(void)hear(p, data, sizeof data);
}

static void
a_greeting_in_clear_is_told_from_tls(void **state)
{
	struct fixture *f = *state;

	f->at.tls = TLS_IMPLICIT;
	listen_for(f, greet_and_listen);
	assert_int_equal(stream_open(&f->s, &f->at, f->stop, &f->e), -1);
	assert_int_equal(f->e.kind, ERR_TLS);
	assert_text(f, "does not speak TLS on this port");
}

static void
inject_with_the_reply(struct peer *p)
{
	say(p, "+OK begin\r\n+OK injected\r\n");
	say_nothing(p);
}

static void
octets_read_in_clear_before_tls_are_an_attack(void **state)
{
	struct fixture *f = *state;

	converse(f, inject_with_the_reply);
	expect_line(f, "+OK begin");
	assert_int_equal(stream_start_tls(f->s, &f->e), -1);
	assert_int_equal(f->e.kind, ERR_PROTOCOL);
}

static void
inject_later(struct peer *p)
{
	say(p, "+OK begin\r\n");
	if (hear_until_lf(p))
		say(p, "+OK injected\r\n");
	stop_request(p->stop, STOP_SOON);
	say_nothing(p);
}

static void
octets_not_yet_read_before_tls_are_one_too(void **state)
{
	struct fixture *f = *state;

	converse(f, inject_later);
	expect_line(f, "+OK begin");
	send_text(f, "\n");
	while (stop_level(f->stop) == STOP_NO)
		pause_ms(1);
	assert_int_equal(stream_start_tls(f->s, &f->e), -1);
	assert_int_equal(f->e.kind, ERR_PROTOCOL);
}

static void
a_handshake_has_a_deadline(void **state)
{
	struct fixture *f = *state;
	int64_t since = clock_monotonic_ms();

	f->at.timeout_ms = 150;
	f->at.tls = TLS_IMPLICIT;
	listen_for(f, say_nothing);
	assert_int_equal(stream_open(&f->s, &f->at, f->stop, &f->e), -1);
	assert_int_equal(f->e.kind, ERR_TIMEOUT);
	assert_in_range(clock_monotonic_ms() - since, 140, 2000);
}

static void
stop_ends_a_handshake(void **state)
{
	struct fixture *f = *state;

	converse(f, request_stop_soon);
	assert_int_equal(stream_start_tls(f->s, &f->e), -1);
	assert_int_equal(f->e.kind, ERR_STOPPED);
}

static void
close_in_the_handshake(struct peer *p)
{
	char data[16];

	(void)hear(p, data, sizeof data);
	shutdown(p->fd, SHUT_WR);
	say_nothing(p);
}

static void
a_peer_that_hangs_up_in_the_handshake_is_gone(void **state)
{
	struct fixture *f = *state;

	converse(f, close_in_the_handshake);
	assert_int_equal(stream_start_tls(f->s, &f->e), -1);
	assert_int_equal(f->e.kind, ERR_IO);
	assert_text(f, "instead of speaking TLS");
}

static void
cut_tls(struct peer *p)
{
	if (!speak_tls(p))
		return;
	say(p, "+OK\r\n250 half");
	shutdown(p->fd, SHUT_WR);
	say_nothing(p);
}

static void
tls_cut_without_close_notify_is_a_cut(void **state)
{
	struct fixture *f = *state;

	use_ca(f, "good.pem");
	converse(f, cut_tls);
	assert_int_equal(stream_start_tls(f->s, &f->e), 0);
	expect_line(f, "+OK");
	expect_end(f, ERR_IO);
	assert_text(f, "cut the TLS connection");
}

static void
close_tls(struct peer *p)
{
	if (!speak_tls(p))
		return;
	say(p, "+OK bye\r\n");
	SSL_shutdown(p->ssl);
	say_nothing(p);
}

static void
tls_closed_in_order_is_an_end_too(void **state)
{
	struct fixture *f = *state;

	use_ca(f, "good.pem");
	converse(f, close_tls);
	assert_int_equal(stream_start_tls(f->s, &f->e), 0);
	expect_line(f, "+OK bye");
	expect_end(f, ERR_IO);
	assert_text(f, "closed the connection");
}

static void
leave_tls(struct peer *p)
{
	if (speak_tls(p))
		say(p, "+OK\r\n");
}

static void
tls_to_a_gone_peer_is_an_error_not_a_signal(void **state)
{
	struct fixture *f = *state;
	int rc = 0;
	int i;

	use_ca(f, "good.pem");
	converse(f, leave_tls);
	assert_int_equal(stream_start_tls(f->s, &f->e), 0);
	pthread_join(f->peer.thread, NULL);
	f->peer.play = NULL;
	for (i = 0; rc == 0 && i < 3; i++) {
		assert_int_equal(
		    stream_write(f->s, slice_of("NOOP\r\n"), &f->e), 0);
		rc = stream_flush(f->s, &f->e);
	}
	assert_int_equal(rc, -1);
	assert_int_equal(f->e.kind, ERR_IO);
}

static void
reply_in_tls_before_reading(struct peer *p)
{
	const int small = 4096;
	int i;

	setsockopt(p->fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
	if (!speak_tls(p))
		return;
	for (i = 0; i < REPLIES; i++)
		say(p, "250 accepted\r\n");
	say_nothing(p);
}

static void
replies_are_read_while_tls_takes_nothing(void **state)
{
	struct fixture *f = *state;
	char *content = xcalloc(CONTENT, 1);
	int i;

	use_ca(f, "good.pem");
	converse(f, reply_in_tls_before_reading);
	assert_int_equal(stream_start_tls(f->s, &f->e), 0);
	assert_int_equal(
	    stream_write(f->s, slice_make(content, CONTENT), &f->e), 0);
	assert_int_equal(stream_flush(f->s, &f->e), 0);
	for (i = 0; i < REPLIES; i++)
		expect_line(f, "250 accepted");
	stream_free(&f->s);
	pthread_join(f->peer.thread, NULL);
	f->peer.play = NULL;
	assert_int_equal(f->peer.octets, CONTENT);
	free(content);
}

static void
say_records(struct peer *p)
{
	if (!speak_tls(p))
		return;
	/* Small records, many of which OpenSSL reads ahead at once. */
	say_a_body(p);
	(void)hear_until_lf(p);
}

static void
records_that_were_read_ahead_are_not_waited_for(void **state)
{
	struct fixture *f = *state;
	char line[32];
	int i;

	use_ca(f, "good.pem");
	converse(f, say_records);
	assert_int_equal(stream_start_tls(f->s, &f->e), 0);
	for (i = 0; i < BODY_LINES; i++) {
		if (i % 100 == 0)
			assert_int_equal(
			    stream_wait(f->s, -1, deadline_in(LONG_MS), &f->e),
			    1);
		(void)snprintf(line, sizeof line, "line %d", i);
		expect_line(f, line);
	}
	assert_int_equal(stream_wait(f->s, -1, deadline_in(20), &f->e), 0);
	send_text(f, "\n");
}

static void
say_records_and_stop(struct peer *p)
{
	if (!speak_tls(p) || !hear_until_lf(p))
		return;
	say(p, "one");
	say(p, "two");
	say(p, "three");
	stop_request(p->stop, STOP_SOON);
	(void)hear_until_lf(p);
}

static void
records_that_are_here_are_shown_together(void **state)
{
	struct fixture *f = *state;
	struct slice in;

	use_ca(f, "good.pem");
	converse(f, say_records_and_stop);
	assert_int_equal(stream_start_tls(f->s, &f->e), 0);
	send_text(f, "\n");
	while (stop_level(f->stop) != STOP_SOON)
		pause_ms(1);
	assert_int_equal(stream_peek(f->s, &in, deadline_in(0), &f->e), 0);
	assert_true(slice_is(in, "onetwothree"));
	send_text(f, "\n");
}

/* One record and the beginning of the next, and the rest when asked. */
static void
say_a_record_and_a_half(struct peer *p)
{
	BIO *written;
	char *octets;
	long len;

	if (!speak_tls(p))
		return;
	written = BIO_new(BIO_s_mem());
	SSL_set0_wbio(p->ssl, written);
	say(p, "one\r\n");
	say(p, "two\r\n");
	len = BIO_get_mem_data(written, &octets);
	must(send(p->fd, octets, (size_t)len - 5, MSG_NOSIGNAL) == len - 5,
	    "send");
	if (hear_until_lf(p))
		must(send(p->fd, octets + len - 5, 5, MSG_NOSIGNAL) == 5,
		    "send");
	(void)hear_until_lf(p);
}

static void
a_record_is_not_kept_back_for_the_next_one(void **state)
{
	struct fixture *f = *state;

	use_ca(f, "good.pem");
	converse(f, say_a_record_and_a_half);
	assert_int_equal(stream_start_tls(f->s, &f->e), 0);
	expect_line(f, "one");
	send_text(f, "\n");
	expect_line(f, "two");
	send_text(f, "\n");
}

/* ---- certificates ---- */

/*
 * name.pem: for a common name and alternative names (or ""), signed by a CA.
 * One key is enough for all.
 */
static int
sign(const char *name, const char *cn, const char *names, const char *ca,
    const char *days)
{
	char *command = xasprintf(
	    "cd %s && printf '%s' >ext && "
	    "openssl req -new -key key.pem -subj '/CN=%s' -out %s.csr "
	    "2>/dev/null && "
	    "openssl x509 -req -in %s.csr -CA %s.pem -CAkey key.pem "
	    "-extfile ext -set_serial 7 -days %s -out %s.pem 2>/dev/null",
	    folder, names, cn, name, name, ca, days, name);
	int rc = system(command);

	free(command);
	return rc;
}

static int
make_ca(const char *name, const char *subject)
{
	char *command = xasprintf("cd %s && openssl req -x509 -new -key "
				  "key.pem -subj '%s' -days 2 -out %s.pem",
	    folder, subject, name);
	int rc = system(command);

	free(command);
	return rc;
}

/* One that is signed by an authority in between, which has expired. */
static int
sign_by_old(void)
{
	char *command = xasprintf("cd %s && cat old.pem >>by-old.pem", folder);
	int rc;

	if (sign("old", "Old CA", "basicConstraints=CA:TRUE", "ca", "-1") !=
		0 ||
	    sign("by-old", "x", "subjectAltName=DNS:mail.example.org", "old",
		"2") != 0)
		rc = -1;
	else
		rc = system(command);
	free(command);
	return rc;
}

static int
make_certificates(void **state)
{
	char *command;
	int rc;

	(void)state;
	if (mkdtemp(folder) == NULL)
		return -1;
	command = xasprintf("openssl genpkey -algorithm EC -pkeyopt "
			    "ec_paramgen_curve:P-256 -out %s/key.pem "
			    "2>/dev/null",
	    folder);
	rc = system(command);
	free(command);
	if (rc != 0 || make_ca("ca", "/CN=Lab CA") != 0 ||
	    make_ca("other", "/CN=Other CA") != 0 ||
	    make_ca("org", "/O=Some Org") != 0 ||
	    make_ca("nobody", "/C=XX") != 0 ||
	    make_ca("self", "/CN=pop.example.org") != 0)
		return -1;
	return sign("good", "x",
		   "subjectAltName=DNS:pop.example.org,DNS:*.wild.example,"
		   "IP:127.0.0.1",
		   "ca", "2") != 0 ||
		sign("wrong", "pop.example.org",
		    "subjectAltName=DNS:mail.example.org,DNS:*.example.net",
		    "ca", "2") != 0 ||
		sign("cn-only", "pop.example.org", "", "ca", "2") != 0 ||
		sign("expired", "x", "subjectAltName=DNS:pop.example.org", "ca",
		    "-1") != 0 ||
		sign("stranger", "x", "subjectAltName=DNS:pop.example.org",
		    "other", "2") != 0 ||
		sign("many", "x",
		    "subjectAltName=DNS:a.example,DNS:b.example,IP:192.0.2.1,"
		    "email:a@b.example,IP:2001:db8::1,DNS:e.example,"
		    "DNS:f.example",
		    "ca", "2") != 0 ||
		sign("no-name", "", "subjectAltName=email:a@b.example", "ca",
		    "2") != 0 ||
		sign("by-org", "x", "subjectAltName=DNS:mail.example.org",
		    "org", "2") != 0 ||
		sign("by-nobody", "x", "subjectAltName=DNS:mail.example.org",
		    "nobody", "2") != 0 ||
		sign_by_old() != 0
	    ? -1
	    : 0;
}

static int
remove_certificates(void **state)
{
	char *command = xasprintf("rm -rf %s", folder);
	int rc = system(command);

	(void)state;
	free(command);
	tls_end();
	return rc;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(lines_are_whole_however_they_arrive),
		TEST(a_line_may_have_max_octets_and_no_more),
		TEST(an_endless_line_is_given_up),
		TEST(no_octet_is_lost_where_the_buffer_wraps),
		TEST(what_was_peeked_stays_until_skipped),
		TEST(a_silent_peer_ends_with_the_deadline),
		TEST(a_dripping_peer_does_not_extend_the_deadline),
		TEST(stop_ends_a_wait),
		TEST(a_verdict_may_be_awaited_until_stop_now),
		TEST(grace_reaches_beyond_stop_soon),
		TEST(grace_has_an_end),
		TEST(a_stopped_wait_can_be_taken_up_in_grace),
		TEST(what_has_arrived_is_read_even_then),
		TEST(also_when_there_was_no_more_when_last_looked),
		TEST(a_mere_look_sees_the_stop_too),
		TEST(what_was_queued_leaves_in_one_piece),
		TEST(a_cut_line_is_no_line),
		TEST(a_peer_that_does_not_read_ends_with_the_timeout),
		TEST(replies_are_read_while_the_peer_takes_nothing),
		TEST(writing_to_a_gone_peer_is_an_error_not_a_signal),
		TEST(waiting_tells_who_is_ready),
		TEST(a_host_is_reached_by_address_and_by_name),
		TEST(nobody_listening_is_said_with_the_port),
		TEST(a_unix_socket_is_reached_by_its_path),
		TEST(a_path_too_long_for_a_socket_is_a_wrong_setting),
		TEST(an_unknown_host_is_named_within_the_deadline),
		TEST(literals_and_localhost_need_no_name_server),
		TEST(implicit_tls_is_up_when_the_stream_is_open),
		TEST(starttls_protects_what_follows),
		TEST(the_only_label_a_wildcard_stands_for_is_the_first),
		TEST(the_root_dot_of_a_host_is_no_part_of_its_name),
		TEST(a_common_name_counts_where_there_is_no_other),
		TEST(a_common_name_does_not_count_beside_others),
		TEST(an_address_must_be_named_as_such),
		TEST(a_certificate_is_told_by_the_names_it_has),
		TEST(an_expired_certificate_is_told_with_its_day),
		TEST(an_unknown_ca_is_named),
		TEST(a_self_signed_certificate_is_called_that),
		TEST(tls_older_than_1_2_is_refused),
		TEST(tls_1_2_is_enough),
		TEST(a_ca_file_that_is_not_there_is_named),
		TEST(a_greeting_in_clear_is_told_from_tls),
		TEST(octets_read_in_clear_before_tls_are_an_attack),
		TEST(octets_not_yet_read_before_tls_are_one_too),
		TEST(a_handshake_has_a_deadline),
		TEST(stop_ends_a_handshake),
		TEST(a_peer_that_hangs_up_in_the_handshake_is_gone),
		TEST(tls_cut_without_close_notify_is_a_cut),
		TEST(tls_closed_in_order_is_an_end_too),
		TEST(tls_to_a_gone_peer_is_an_error_not_a_signal),
		TEST(replies_are_read_while_tls_takes_nothing),
		TEST(records_that_were_read_ahead_are_not_waited_for),
		TEST(records_that_are_here_are_shown_together),
		TEST(a_record_is_not_kept_back_for_the_next_one),
	};

	return cmocka_run_group_tests(
	    tests, make_certificates, remove_certificates);
}
