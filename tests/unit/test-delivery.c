/* test-delivery.c - the pool of connections to a destination, at a server that
 * counts them. */
#include "delivery/delivery.h"

#include "../kit/world.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "delivery/pool.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define CONNECTIONS_MAX 64
/* Longer than anything that is to succeed, and than what is to be noticed. */
#define LONG_MS (60 * 1000)
#define SHORT_MS 20

static void
pause_ms(int64_t ms)
{
	struct timespec t = { .tv_sec = ms / 1000,
		.tv_nsec = ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

/* --- a server --- */

struct sink {
	const char *keywords; /* lines of its reply to EHLO */
	int64_t verdict_ms; /* how long each message takes */
	int64_t quit_ms; /* and the answer to QUIT */
	unsigned welcome; /* connections at once; 0: any number */
	atomic_bool holds; /* nothing is answered any more, but read */
	atomic_bool refuses; /* whoever they are from */

	int listener;
	struct endpoint at;
	pthread_t thread;
	pthread_t threads[CONNECTIONS_MAX];
	int fds[CONNECTIONS_MAX];
	_Atomic unsigned connections, open, most_open, refused;
	_Atomic unsigned messages, mails, quits;
};

struct guest {
	struct sink *sink;
	int fd;
	FILE *in;
	bool sender;
};

static void
say(struct guest *g, const char *words)
{
	if (!atomic_load(&g->sink->holds))
		(void)!send(g->fd, words, strlen(words), MSG_NOSIGNAL);
}

static void
say_verdict(struct guest *g)
{
	pause_ms(g->sink->verdict_ms);
	atomic_fetch_add(&g->sink->messages, 1);
	say(g, "250 2.0.0 kept\r\n");
}

static bool
read_content(struct guest *g)
{
	char line[4096];

	say(g, "354 go on\r\n");
	while (fgets(line, sizeof(line), g->in) != NULL)
		if (strcmp(line, ".\r\n") == 0)
			return true;
	return false;
}

static bool
read_chunk(struct guest *g, const char *argument)
{
	for (long n = strtol(argument, NULL, 10); n > 0; n--)
		if (fgetc(g->in) == EOF)
			return false;
	return true;
}

/* One command. False: that was the last one. */
static bool
serve(struct guest *g, const char *line)
{
	if (strncmp(line, "QUIT", 4) == 0) {
		atomic_fetch_add(&g->sink->quits, 1);
		pause_ms(g->sink->quit_ms);
		say(g, "221 bye\r\n");
		return false;
	}
	if (strncmp(line, "EHLO", 4) == 0) {
		say(g, g->sink->keywords);
	} else if (strncmp(line, "DATA", 4) == 0) {
		if (!read_content(g))
			return false;
		say_verdict(g);
	} else if (strncmp(line, "BDAT ", 5) == 0) {
		if (!read_chunk(g, line + 5))
			return false;
		say_verdict(g);
	} else if (strncmp(line, "MAIL", 4) == 0) {
		atomic_fetch_add(&g->sink->mails, 1);
		say(g,
		    atomic_load(&g->sink->refuses) ? "530 5.7.0 no\r\n"
						   : "250 2.1.0 ok\r\n");
	} else {
		say(g, "250 2.0.0 ok\r\n");
	}
	return true;
}

static void
count_in(struct sink *s)
{
	unsigned open = atomic_fetch_add(&s->open, 1) + 1;
	unsigned most = atomic_load(&s->most_open);

	while (open > most &&
	    !atomic_compare_exchange_weak(&s->most_open, &most, open))
		;
}

static void *
guest_thread(void *arg)
{
	struct guest *g = arg;
	char line[4096];

	count_in(g->sink);
	if (g->sink->welcome > 0 &&
	    atomic_load(&g->sink->open) > g->sink->welcome) {
		atomic_fetch_add(&g->sink->refused, 1);
		say(g, "421 4.7.0 too many\r\n");
	} else {
		say(g, "220 sink ESMTP\r\n");
		while (
		    fgets(line, sizeof(line), g->in) != NULL && serve(g, line))
			;
	}
	atomic_fetch_sub(&g->sink->open, 1);
	shutdown(g->fd, SHUT_RDWR);
	fclose(g->in);
	free(g);
	return NULL;
}

static void *
accept_thread(void *arg)
{
	struct sink *s = arg;
	int fd, yes = 1;

	while ((fd = accept(s->listener, NULL, NULL)) >= 0) {
		struct guest *g = xcalloc(1, sizeof(*g));
		unsigned i = atomic_load(&s->connections);

		if (i == CONNECTIONS_MAX)
			abort();
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
		g->sink = s;
		g->fd = fd;
		g->in = fdopen(fd, "r");
		s->fds[i] = dup(fd);
		if (g->in == NULL || s->fds[i] < 0 ||
		    pthread_create(&s->threads[i], NULL, guest_thread, g) != 0)
			abort();
		atomic_store(&s->connections, i + 1);
	}
	return NULL;
}

static void
sink_begin(struct sink *s)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof(a);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	s->listener = socket(AF_INET, SOCK_STREAM, 0);
	assert_true(s->listener >= 0);
	assert_int_equal(
	    bind(s->listener, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(s->listener, CONNECTIONS_MAX), 0);
	assert_int_equal(
	    getsockname(s->listener, (struct sockaddr *)&a, &len), 0);
	s->at = (struct endpoint){ .name = "sink",
		.host = "127.0.0.1",
		.port = ntohs(a.sin_port),
		.tls = TLS_NONE,
		.timeout_ms = LONG_MS };
	assert_int_equal(pthread_create(&s->thread, NULL, accept_thread, s), 0);
}

static void
sink_end(struct sink *s)
{
	shutdown(s->listener, SHUT_RDWR);
	pthread_join(s->thread, NULL);
	close(s->listener);
	for (unsigned i = 0; i < atomic_load(&s->connections); i++) {
		shutdown(s->fds[i], SHUT_RDWR);
		pthread_join(s->threads[i], NULL);
		close(s->fds[i]);
	}
}

static bool
wait_for(const _Atomic unsigned *number, unsigned wanted)
{
	struct deadline until = deadline_in(LONG_MS);

	while (atomic_load(number) != wanted) {
		if (deadline_passed(until))
			return false;
		pause_ms(1);
	}
	return true;
}

/* --- a destination there, and mail for it --- */

struct scene {
	struct sink sink;
	struct world w;
	struct destination to;
	struct transit_pool *pool;
	struct queue *answers;
	struct stop *stop;
	struct delivery *d;
	unsigned sent;
	char uids[256][16];
};

static void
scene_begin(struct scene *s, unsigned connections)
{
	struct error e = { 0 };

	sink_begin(&s->sink);
	world_begin(&s->w);
	s->to = (struct destination){ .name = "home",
		.at = s->sink.at,
		.options = { .reply_timeout_ms = LONG_MS },
		.connections = connections };
	transit_pool_new(&s->pool, TRANSIT_POOL);
	assert_int_equal(queue_new(&s->answers, &e), 0);
	assert_int_equal(stop_new(&s->stop, &e), 0);
	assert_int_equal(delivery_new(&s->d, &s->to, s->w.l, s->stop, &e), 0);
}

static void
scene_end(struct scene *s)
{
	delivery_free(&s->d);
	stop_free(&s->stop);
	queue_free(&s->answers);
	transit_pool_free(&s->pool);
	world_end(&s->w);
	sink_end(&s->sink);
}

static struct transit *
message(struct scene *s)
{
	struct transit *t;

	transit_new(&t, s->pool, 1);
	t->recipients[0].address = xstrdup("ann@kit.test");
	t->account_name = "isp";
	t->account = s->w.account;
	snprintf(s->uids[s->sent], sizeof(s->uids[0]), "u%u", s->sent);
	t->uid = slice_of(s->uids[s->sent]);
	t->octets = 100;
	t->answer = s->answers;
	s->sent++;
	return t;
}

static void
submit(struct scene *s, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct transit *t = message(s);
		struct slice content = slice_of("Subject: hello\r\n\r\n.x\r\n");

		transit_try_write(t, &content);
		transit_complete(t);
		delivery_submit(s->d, t);
	}
}

/* A message that is larger than a transit, and comes only later. */
static struct transit *
submit_stream(struct scene *s)
{
	struct transit *t = message(s);
	struct slice content = slice_of("Subject: much\r\n\r\n");
	struct error e = { 0 };

	transit_try_write(t, &content);
	assert_int_equal(transit_open_end(t, &e), 0);
	delivery_submit(s->d, t);
	return t;
}

static struct transit *
next_back(struct scene *s)
{
	struct ledger_job *job =
	    queue_wait(s->answers, -1, deadline_in(LONG_MS));

	assert_non_null(job);
	assert_int_equal(job->rc, 0);
	return job->context;
}

static void
all_delivered(struct scene *s, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct transit *t = next_back(s);

		if (t->end != TRANSIT_DELIVERED)
			fail_msg("%s %s", t->reply, t->error.text);
		transit_free(&t);
	}
}

#define PIPELINING "250-sink\r\n250-PIPELINING\r\n250 8BITMIME\r\n"
#define CHUNKING \
	"250-sink\r\n250-PIPELINING\r\n250-CHUNKING\r\n250 8BITMIME\r\n"
#define LOCKSTEP "250-sink\r\n250 8BITMIME\r\n"

/* --- how many connections --- */

static void
a_server_that_takes_its_time_has_all_connections(void **state)
{
	static const char *const ways[] = { PIPELINING, CHUNKING };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct scene s = { .sink = { .keywords = ways[i],
				       .verdict_ms = SHORT_MS } };

		scene_begin(&s, 4);
		submit(&s, 100);
		all_delivered(&s, 100);
		assert_int_equal(atomic_load(&s.sink.connections), 4);
		assert_int_equal(atomic_load(&s.sink.most_open), 4);
		scene_end(&s);
		assert_int_equal(atomic_load(&s.sink.quits), 4);
	}
}

static void
one_message_after_the_other_shares_one_connection(void **state)
{
	struct scene s = { .sink = { .keywords = PIPELINING } };

	(void)state;
	scene_begin(&s, 8);
	for (int i = 0; i < 20; i++) {
		submit(&s, 1);
		all_delivered(&s, 1);
	}
	assert_int_equal(atomic_load(&s.sink.connections), 1);
	scene_end(&s);
}

static void
a_server_that_refuses_the_third_is_left_with_two(void **state)
{
	struct scene s = { .sink = { .keywords = PIPELINING,
			       .verdict_ms = SHORT_MS,
			       .welcome = 2 } };
	unsigned refused;

	(void)state;
	scene_begin(&s, 8);
	submit(&s, 60);
	all_delivered(&s, 60);
	refused = atomic_load(&s.sink.refused);
	assert_in_range(refused, 1, 2);
	/* It is not asked again soon. */
	submit(&s, 60);
	all_delivered(&s, 60);
	assert_int_equal(atomic_load(&s.sink.refused), refused);
	assert_int_equal(atomic_load(&s.sink.connections), 2 + refused);
	scene_end(&s);
}

static void
an_idle_connection_is_given_back_and_found_again(void **state)
{
	struct scene s = { .sink = { .keywords = CHUNKING } };

	(void)state;
	scene_begin(&s, 1);
	s.d->idle_ms = SHORT_MS;
	for (unsigned i = 1; i < 5; i++) {
		submit(&s, 1);
		all_delivered(&s, 1);
		assert_int_equal(atomic_load(&s.sink.connections), i);
		assert_true(wait_for(&s.sink.quits, i));
	}
	scene_end(&s);
}

static void
mail_that_comes_just_when_an_idle_connection_ends_is_not_forgotten(void **state)
{
	struct scene s = { .sink = { .keywords = CHUNKING } };
	struct timespec t = { 0 };

	(void)state;
	scene_begin(&s, 1);
	s.d->idle_ms = 4;
	for (int i = 0; i < CONNECTIONS_MAX - 1; i++) {
		submit(&s, 1);
		all_delivered(&s, 1);
		t.tv_nsec = 3800000 + i % 16 * 50000;
		nanosleep(&t, NULL);
	}
	scene_end(&s);
}

static void
a_server_that_wanted_no_mail_is_asked_again_after_a_while(void **state)
{
	static const char *const ways[] = { LOCKSTEP, PIPELINING, CHUNKING };
	struct transit *t;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct scene s = { .sink = {
				       .keywords = ways[i], .refuses = true } };

		scene_begin(&s, 1);
		submit(&s, 3);
		for (int n = 0; n < 3; n++) {
			t = next_back(&s);
			assert_int_equal(t->end, TRANSIT_UNTRIED);
			assert_true(t->destination_down);
			transit_free(&t);
		}
		atomic_store(&s.sink.refuses, false);
		pthread_mutex_lock(&s.d->lock);
		s.d->down_until = deadline_in(0);
		pthread_mutex_unlock(&s.d->lock);
		submit(&s, 3);
		all_delivered(&s, 3);
		scene_end(&s);
	}
}

static void
nobody_waits_for_the_answers_to_quit(void **state)
{
	struct scene s = { .sink = { .keywords = PIPELINING,
			       .verdict_ms = SHORT_MS,
			       .quit_ms = 3000 } };
	int64_t began;

	(void)state;
	scene_begin(&s, 8);
	submit(&s, 100);
	all_delivered(&s, 100);
	assert_int_equal(atomic_load(&s.sink.open), 8);
	began = clock_monotonic_ms();
	delivery_free(&s.d);
	assert_true(clock_monotonic_ms() - began < 2500);
	assert_true(wait_for(&s.sink.quits, 8));
	scene_end(&s);
}

/* A port where connections are not even refused, or are left without a word. */
struct hole {
	int listener;
	int fillers[4];
	uint16_t port;
};

static void
hole_begin(struct hole *h, bool accepts)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);

	h->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(
	    bind(h->listener, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(h->listener, accepts ? 8 : 0), 0);
	assert_int_equal(
	    getsockname(h->listener, (struct sockaddr *)&a, &len), 0);
	h->port = ntohs(a.sin_port);
	for (size_t i = 0; i < 4; i++) {
		h->fillers[i] = socket(
		    AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		assert_true(h->fillers[i] >= 0);
		if (!accepts)
			(void)connect(
			    h->fillers[i], (struct sockaddr *)&a, sizeof(a));
	}
}

static void
hole_end(struct hole *h)
{
	for (size_t i = 0; i < 4; i++)
		close(h->fillers[i]);
	close(h->listener);
}

static void
nobody_waits_for_a_connection_that_is_not_needed_any_more(void **state)
{
	static const bool accepts[] = { false, true };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct scene s = { 0 };
		struct hole hole;
		int64_t began;

		hole_begin(&hole, accepts[i]);
		scene_begin(&s, 2);
		s.to.at.port = hole.port;
		delivery_expect(s.d);
		pause_ms(3 * SHORT_MS);
		delivery_expect_no_more(s.d);
		began = clock_monotonic_ms();
		scene_end(&s);
		assert_true(clock_monotonic_ms() - began < LONG_MS / 4);
		hole_end(&hole);
	}
}

/* --- what is on its way --- */

static void
no_more_than_sixteen_are_unanswered(void **state)
{
	struct scene s = { .sink = { .keywords = CHUNKING } };
	struct transit *t;

	(void)state;
	scene_begin(&s, 1);
	submit(&s, 1);
	all_delivered(&s, 1);
	atomic_store(&s.sink.holds, true);
	submit(&s, 50);
	assert_true(wait_for(&s.sink.mails, 1 + 16));
	pause_ms(10 * SHORT_MS);
	assert_int_equal(atomic_load(&s.sink.mails), 1 + 16);
	stop_request(s.stop, STOP_NOW);
	for (unsigned i = 0; i < 50; i++) {
		t = next_back(&s);
		assert_true(
		    t->end == TRANSIT_IN_DOUBT || t->end == TRANSIT_UNTRIED);
		transit_free(&t);
	}
	scene_end(&s);
}

static void
without_chunking_few_are_begun(void **state)
{
	struct scene s = { .sink = { .keywords = PIPELINING } };
	struct transit *t;
	char answer[256];

	(void)state;
	scene_begin(&s, 1);
	submit(&s, 1);
	all_delivered(&s, 1);
	atomic_store(&s.sink.holds, true);
	submit(&s, 20);
	assert_true(wait_for(&s.sink.mails, 1 + 1));
	pause_ms(10 * SHORT_MS);
	/* A crash would put these in doubt. */
	assert_in_range(strtol(ask(&s.w,
				   "SELECT count(*) FROM message"
				   " WHERE state = 'in_doubt'",
				   answer),
			    NULL, 10),
	    1, 3);
	stop_request(s.stop, STOP_NOW);
	for (unsigned i = 0; i < 20; i++) {
		t = next_back(&s);
		transit_free(&t);
	}
	scene_end(&s);
}

/* --- messages that still come --- */

static void
small_messages_overtake_one_that_still_comes(void **state)
{
	struct scene s = { .sink = { .keywords = CHUNKING } };
	struct transit *large;

	(void)state;
	scene_begin(&s, 2);
	large = submit_stream(&s);
	assert_true(wait_for(&s.sink.mails, 1));
	submit(&s, 10);
	all_delivered(&s, 10);
	assert_int_equal(atomic_load(&s.sink.messages), 10);
	transit_complete(large);
	all_delivered(&s, 1);
	scene_end(&s);
}

static void
messages_that_still_come_leave_one_connection_to_the_others(void **state)
{
	struct scene s = { .sink = { .keywords = CHUNKING } };
	struct transit *large[3];

	(void)state;
	scene_begin(&s, 3);
	for (int i = 0; i < 3; i++)
		large[i] = submit_stream(&s);
	assert_true(wait_for(&s.sink.mails, 2));
	submit(&s, 10);
	all_delivered(&s, 10);
	/* The third one has waited. */
	assert_int_equal(atomic_load(&s.sink.mails), 2 + 10);
	for (int i = 0; i < 3; i++)
		transit_complete(large[i]);
	all_delivered(&s, 3);
	assert_int_equal(atomic_load(&s.sink.most_open), 3);
	scene_end(&s);
}

static void
one_that_stalls_gives_way_to_another_one(void **state)
{
	struct scene s = { .sink = { .keywords = CHUNKING } };
	struct transit *stalled, *other, *t;
	struct error e = { 0 };
	char answer[256];

	(void)state;
	s.sink.at.timeout_ms = LONG_MS;
	scene_begin(&s, 2);
	s.to.at.timeout_ms = 10 * SHORT_MS;
	stalled = submit_stream(&s);
	assert_true(wait_for(&s.sink.mails, 1));
	/* As long as nobody waits for it, it may take its time. */
	pause_ms(20 * SHORT_MS);
	assert_int_equal(
	    transit_write(stalled, slice_of("x"), deadline_in(0), s.stop, &e),
	    0);
	other = submit_stream(&s);
	t = next_back(&s);
	assert_ptr_equal(t, stalled);
	assert_int_equal(t->end, TRANSIT_DEFERRED);
	assert_non_null(strstr(t->reply, "too slowly"));
	assert_int_equal(t->error.kind, ERR_NONE);
	assert_true(t->change.next_try > 0);
	assert_string_equal(
	    ask(&s.w, "SELECT state || attempts FROM message", answer),
	    "deferred1");
	/* Whoever reads it from the mailbox hears that it is not wanted. */
	assert_int_equal(
	    transit_write(stalled, slice_of("x"), deadline_in(0), s.stop, &e),
	    -1);
	assert_int_equal(e.kind, ERR_REFUSED);
	transit_free(&t);
	transit_complete(other);
	all_delivered(&s, 1);
	assert_int_equal(atomic_load(&s.sink.messages), 1);
	scene_end(&s);
}

static void
on_the_only_connection_one_that_stalls_gives_way_to_small_ones(void **state)
{
	struct scene s = { .sink = { .keywords = LOCKSTEP } };
	struct transit *t;

	(void)state;
	scene_begin(&s, 1);
	s.to.at.timeout_ms = 10 * SHORT_MS;
	(void)submit_stream(&s);
	assert_true(wait_for(&s.sink.mails, 1));
	submit(&s, 3);
	t = next_back(&s);
	assert_int_equal(t->end, TRANSIT_DEFERRED);
	transit_free(&t);
	all_delivered(&s, 3);
	assert_int_equal(atomic_load(&s.sink.messages), 3);
	scene_end(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_server_that_takes_its_time_has_all_connections),
		cmocka_unit_test(
		    one_message_after_the_other_shares_one_connection),
		cmocka_unit_test(
		    a_server_that_refuses_the_third_is_left_with_two),
		cmocka_unit_test(
		    an_idle_connection_is_given_back_and_found_again),
		cmocka_unit_test(
		    mail_that_comes_just_when_an_idle_connection_ends_is_not_forgotten),
		cmocka_unit_test(
		    a_server_that_wanted_no_mail_is_asked_again_after_a_while),
		cmocka_unit_test(nobody_waits_for_the_answers_to_quit),
		cmocka_unit_test(
		    nobody_waits_for_a_connection_that_is_not_needed_any_more),
		cmocka_unit_test(no_more_than_sixteen_are_unanswered),
		cmocka_unit_test(without_chunking_few_are_begun),
		cmocka_unit_test(small_messages_overtake_one_that_still_comes),
		cmocka_unit_test(
		    messages_that_still_come_leave_one_connection_to_the_others),
		cmocka_unit_test(one_that_stalls_gives_way_to_another_one),
		cmocka_unit_test(
		    on_the_only_connection_one_that_stalls_gives_way_to_small_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
