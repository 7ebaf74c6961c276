/* test-stream.c - streams over real sockets, in clear. */
#include "net/stream.h"

#include "../kit/far_end.h"
#include "base/alloc.h"
#include "net/resolver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* For the paths of sockets. */
static char folder[] = "/tmp/test-stream-XXXXXX";

/* ---- in clear ---- */

static void
drip_lines(struct far_end *p)
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
say_lines_of_ten(struct far_end *p)
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
say_one_endless_line(struct far_end *p)
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
say_two_words(struct far_end *p)
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
	assert_in_range(clock_monotonic_ms() - since, 100, LONG_MS);
}

static void
drip_without_end(struct far_end *p)
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
	assert_in_range(clock_monotonic_ms() - since, 200, LONG_MS);
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
request_both_stops(struct far_end *p)
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
	stream_grace(f->s, 1000);
	expect_end(f, ERR_STOPPED);
	assert_non_null(strstr(f->e.text, "did not answer in time"));
	assert_in_range(clock_monotonic_ms() - since, 1000, LONG_MS);
	/* All waits share it. */
	error_clear(&f->e);
	since = clock_monotonic_ms();
	expect_end(f, ERR_STOPPED);
	assert_in_range(clock_monotonic_ms() - since, 0, 900);
}

static void
stop_and_answer_late(struct far_end *p)
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
answer_and_stop(struct far_end *p)
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
answer_twice_and_stop(struct far_end *p)
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
say_half_a_line(struct far_end *p)
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
never_read(struct far_end *p)
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
reply_before_reading(struct far_end *p)
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
go_away(struct far_end *p)
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
greet(struct far_end *p)
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
	assert_in_range(clock_monotonic_ms() - since, 0, LONG_MS);
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
static int
make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) != NULL ? 0 : -1;
}

static int
remove_folder(void **state)
{
	(void)state;
	return rmdir(folder);
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
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
