/* test-transit.c - the bounded pipe: nothing lost, nobody stuck. */
#include "delivery/transit.h"

#include "base/alloc.h"
#include "base/clock.h"

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MEGABYTE ((size_t)1024 * 1024)
#define LONG_MS (60 * 1000)

/* A stream of octets that can be made and checked piece by piece. */
struct noise {
	uint64_t seed;
	uint64_t at;
};

static char
noise_next(struct noise *n)
{
	uint64_t x = n->at / 8 + n->seed;

	x *= 0x9e3779b97f4a7c15U;
	x ^= x >> 29;
	x *= 0xbf58476d1ce4e5b9U;
	return (char)(x >> (8 * (n->at++ % 8)));
}

static void
noise_fill(struct noise *n, char *out, size_t len)
{
	for (size_t i = 0; i < len; i++)
		out[i] = noise_next(n);
}

static bool
noise_check(struct noise *n, struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.data[i] != noise_next(n))
			return false;
	return true;
}

static bool
readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

static bool
wait_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, LONG_MS) == 1;
}

/* --- one thread --- */

static void
what_fits_is_taken_at_once_and_the_rest_is_left(void **state)
{
	struct transit_pool *pool;
	struct transit *t;
	struct noise in = { .seed = 1 }, out = { .seed = 1 };
	char *content = xcalloc(1, MEGABYTE);
	struct slice rest = slice_make(content, MEGABYTE), part;
	size_t taken, total = 0;

	(void)state;
	noise_fill(&in, content, MEGABYTE);
	transit_pool_new(&pool, TRANSIT_POOL);
	transit_new(&t, pool, 1);
	transit_try_write(t, &rest);
	taken = MEGABYTE - rest.len;
	assert_true(taken <= TRANSIT_ROOM);
	assert_true(taken > TRANSIT_ROOM - TRANSIT_CHUNK);
	assert_ptr_equal(rest.data, content + taken);
	/* It is full now. */
	transit_try_write(t, &rest);
	assert_int_equal(MEGABYTE - rest.len, taken);
	while (transit_peek(t, &part) == TRANSIT_PART) {
		assert_true(part.len > 0);
		assert_true(noise_check(&out, part));
		total += part.len;
		transit_skip(t, part.len);
	}
	assert_int_equal(total, taken);
	assert_int_equal(transit_peek(t, &part), TRANSIT_WAIT);
	/* And empty now: the room is there again. */
	transit_try_write(t, &rest);
	assert_true(MEGABYTE - rest.len - taken > TRANSIT_ROOM / 2);
	transit_free(&t);
	assert_null(t);
	transit_free(&t);
	transit_pool_free(&pool);
	assert_null(pool);
	transit_pool_free(&pool);
	free(content);
}

static void
small_writes_share_a_chunk(void **state)
{
	struct transit_pool *pool;
	struct transit *t;
	struct slice part;

	(void)state;
	transit_pool_new(&pool, 0);
	transit_new(&t, pool, 1);
	for (int i = 0; i < 1000; i++) {
		struct slice one = slice_of("0123456789");

		transit_try_write(t, &one);
		assert_int_equal(one.len, 0);
	}
	assert_int_equal(transit_peek(t, &part), TRANSIT_PART);
	assert_int_equal(part.len, 10000);
	transit_free(&t);
	transit_pool_free(&pool);
}

static void
the_size_is_known_only_when_the_message_is_complete(void **state)
{
	struct transit_pool *pool;
	struct transit *t;
	struct slice in = slice_of("From: a\r\n\r\n"), part;

	(void)state;
	transit_pool_new(&pool, TRANSIT_POOL);
	transit_new(&t, pool, 1);
	assert_int_equal(transit_size(t), 0);
	transit_try_write(t, &in);
	assert_int_equal(transit_size(t), 0);
	transit_complete(t);
	assert_int_equal(transit_size(t), 11);
	assert_int_equal(transit_peek(t, &part), TRANSIT_PART);
	transit_skip(t, part.len);
	assert_int_equal(transit_size(t), 11);
	assert_int_equal(transit_peek(t, &part), TRANSIT_COMPLETE);
	assert_int_equal(transit_peek(t, &part), TRANSIT_COMPLETE);
	transit_free(&t);
	transit_pool_free(&pool);
}

static void
an_empty_message_is_complete_too(void **state)
{
	struct transit_pool *pool;
	struct transit *t;
	struct slice part;

	(void)state;
	transit_pool_new(&pool, 0);
	transit_new(&t, pool, 0);
	assert_int_equal(transit_peek(t, &part), TRANSIT_WAIT);
	transit_complete(t);
	assert_int_equal(transit_peek(t, &part), TRANSIT_COMPLETE);
	assert_int_equal(transit_size(t), 0);
	transit_free(&t);
	transit_pool_free(&pool);
}

static void
a_part_is_read_in_any_pieces(void **state)
{
	struct transit_pool *pool;
	struct transit *t;
	struct noise in = { .seed = 2 }, out = { .seed = 2 };
	char content[40000] = { 0 };
	struct slice rest = slice_make(content, sizeof(content)), part;
	size_t step = 1, total = 0;

	(void)state;
	noise_fill(&in, content, sizeof(content));
	transit_pool_new(&pool, TRANSIT_POOL);
	transit_new(&t, pool, 1);
	transit_try_write(t, &rest);
	assert_int_equal(rest.len, 0);
	transit_complete(t);
	while (transit_peek(t, &part) == TRANSIT_PART) {
		if (part.len > step)
			part.len = step;
		assert_true(noise_check(&out, part));
		total += part.len;
		transit_skip(t, part.len);
		step = step * 3 % 1009 + 1;
	}
	assert_int_equal(total, sizeof(content));
	transit_free(&t);
	transit_pool_free(&pool);
}

static void
a_broken_message_is_broken_whatever_is_left_of_it(void **state)
{
	struct transit_pool *pool;
	struct transit *t;
	struct slice in = slice_of("half a mess"), part;
	struct error e = { 0 };

	(void)state;
	transit_pool_new(&pool, TRANSIT_POOL);
	transit_new(&t, pool, 1);
	transit_try_write(t, &in);
	assert_int_equal(transit_open_end(t, &e), 0);
	transit_break(t);
	assert_true(readable(transit_fd(t)));
	assert_int_equal(transit_peek(t, &part), TRANSIT_BROKEN);
	assert_int_equal(transit_size(t), 0);
	transit_free(&t);
	transit_pool_free(&pool);
}

static void
the_readers_descriptor_says_whether_there_is_something(void **state)
{
	struct transit_pool *pool;
	struct transit *t;
	struct slice in = slice_of("x"), part;
	struct error e = { 0 };

	(void)state;
	transit_pool_new(&pool, TRANSIT_POOL);
	transit_new(&t, pool, 1);
	assert_int_equal(transit_open_end(t, &e), 0);
	assert_false(readable(transit_fd(t)));
	assert_int_equal(
	    transit_write(t, slice_of("abc"), deadline_in(0), NULL, &e), 0);
	assert_true(readable(transit_fd(t)));
	assert_int_equal(transit_peek(t, &part), TRANSIT_PART);
	transit_skip(t, 2);
	assert_true(readable(transit_fd(t)));
	transit_skip(t, 1);
	assert_false(readable(transit_fd(t)));
	assert_int_equal(transit_write(t, in, deadline_in(0), NULL, &e), 0);
	assert_true(readable(transit_fd(t)));
	transit_skip(t, 1);
	transit_complete(t);
	assert_true(readable(transit_fd(t)));
	transit_free(&t);
	transit_pool_free(&pool);
}

static void
content_from_before_the_end_was_opened_is_announced(void **state)
{
	struct transit_pool *pool;
	struct transit *t;
	struct slice in = slice_of("x");
	struct error e = { 0 };

	(void)state;
	transit_pool_new(&pool, TRANSIT_POOL);
	transit_new(&t, pool, 1);
	transit_try_write(t, &in);
	assert_int_equal(transit_open_end(t, &e), 0);
	assert_true(readable(transit_fd(t)));
	transit_free(&t);
	transit_pool_free(&pool);
}

static void
a_writer_waits_no_longer_than_its_deadline(void **state)
{
	struct transit_pool *pool;
	struct transit *t;
	char *content = xcalloc(1, MEGABYTE);
	struct error e = { 0 };
	int64_t since = clock_monotonic_ms();

	(void)state;
	transit_pool_new(&pool, TRANSIT_POOL);
	transit_new(&t, pool, 1);
	assert_int_equal(transit_open_end(t, &e), 0);
	assert_int_equal(transit_write(t, slice_make(content, MEGABYTE),
			     deadline_in(50), NULL, &e),
	    -1);
	assert_int_equal(e.kind, ERR_TIMEOUT);
	assert_true(clock_monotonic_ms() - since >= 49);
	transit_free(&t);
	transit_pool_free(&pool);
	free(content);
}

static void
a_writer_that_was_asked_to_stop_does_not_wait(void **state)
{
	struct transit_pool *pool;
	struct transit *t;
	struct stop *stop;
	char *content = xcalloc(1, MEGABYTE);
	struct error e = { 0 };

	(void)state;
	assert_int_equal(stop_new(&stop, &e), 0);
	stop_request(stop, STOP_SOON);
	transit_pool_new(&pool, TRANSIT_POOL);
	transit_new(&t, pool, 1);
	assert_int_equal(transit_open_end(t, &e), 0);
	assert_int_equal(transit_write(t, slice_make(content, MEGABYTE),
			     deadline_never(), stop, &e),
	    -1);
	assert_int_equal(e.kind, ERR_STOPPED);
	transit_free(&t);
	transit_pool_free(&pool);
	stop_free(&stop);
	free(content);
}

static void
nothing_is_written_once_the_reader_gave_up(void **state)
{
	struct transit_pool *pool;
	struct transit *t;
	struct error e = { 0 };

	(void)state;
	transit_pool_new(&pool, TRANSIT_POOL);
	transit_new(&t, pool, 1);
	assert_int_equal(transit_open_end(t, &e), 0);
	assert_int_equal(
	    transit_write(t, slice_of("abc"), deadline_never(), NULL, &e), 0);
	transit_abandon(t);
	assert_int_equal(
	    transit_write(t, slice_of("abc"), deadline_never(), NULL, &e), -1);
	assert_int_equal(e.kind, ERR_REFUSED);
	transit_abandon(t);
	transit_free(&t);
	transit_pool_free(&pool);
}

/* --- the pool --- */

/* How much one transit takes out of a pool, without anybody reading. */
static size_t
fill(struct transit *t)
{
	char *content = xcalloc(1, MEGABYTE);
	struct slice rest = slice_make(content, MEGABYTE);

	transit_try_write(t, &rest);
	free(content);
	return MEGABYTE - rest.len;
}

static void
the_pool_limits_all_transits_together_but_each_has_a_chunk(void **state)
{
	struct transit_pool *pool;
	struct transit *t[8];
	size_t total = 0;

	(void)state;
	transit_pool_new(&pool, 20 * TRANSIT_CHUNK);
	for (size_t i = 0; i < 8; i++) {
		size_t n;

		transit_new(&t[i], pool, 1);
		n = fill(t[i]);
		assert_true(n > 0);
		total += n;
	}
	assert_true(total <= (20 + 8) * TRANSIT_CHUNK);
	assert_true(total > 20 * (TRANSIT_CHUNK - 64));
	for (size_t i = 0; i < 8; i++)
		transit_free(&t[i]);
	/* All of it has come back, by whichever way. */
	for (int round = 0; round < 3; round++) {
		size_t first, second;

		transit_new(&t[0], pool, 1);
		transit_new(&t[1], pool, 1);
		first = fill(t[0]);
		second = fill(t[1]);
		assert_true(first > TRANSIT_ROOM - TRANSIT_CHUNK);
		assert_true(second < first);
		if (round == 1)
			transit_abandon(t[0]);
		transit_free(&t[0]);
		transit_free(&t[1]);
	}
	transit_pool_free(&pool);
}

static void
an_abandoned_transit_gives_its_chunks_back_at_once(void **state)
{
	struct transit_pool *pool;
	struct transit *first, *second;

	(void)state;
	transit_pool_new(&pool, 17 * TRANSIT_CHUNK);
	transit_new(&first, pool, 1);
	transit_new(&second, pool, 1);
	assert_true(fill(first) > TRANSIT_ROOM - TRANSIT_CHUNK);
	transit_abandon(first);
	assert_true(fill(second) > TRANSIT_ROOM - TRANSIT_CHUNK);
	transit_free(&first);
	transit_free(&second);
	transit_pool_free(&pool);
}

/* --- two threads --- */

struct writer {
	struct transit *t;
	const struct stop *stop;
	uint64_t octets; /* to write */
	size_t piece; /* the largest at once */
	bool break_off;
	struct noise noise;
	int rc;
	struct error error;
};

static void *
write_noise(void *arg)
{
	struct writer *w = arg;
	char *content = xcalloc(1, w->piece);
	size_t piece = 1;

	while (w->octets > 0 && w->rc == 0) {
		size_t n = piece < w->octets ? piece : (size_t)w->octets;

		noise_fill(&w->noise, content, n);
		w->rc = transit_write(w->t, slice_make(content, n),
		    deadline_in(LONG_MS), w->stop, &w->error);
		w->octets -= n;
		piece = piece * 7 % w->piece + 1;
	}
	if (w->rc < 0 || w->break_off)
		transit_break(w->t);
	else
		transit_complete(w->t);
	free(content);
	return NULL;
}

/* Read to the end; *got: how much, all of it as it should be. */
static enum transit_part
read_noise(struct transit *t, size_t piece, struct noise *noise, uint64_t *got)
{
	struct slice part;
	size_t step = 1;

	*got = 0;
	for (;;) {
		enum transit_part what = transit_peek(t, &part);

		if (what == TRANSIT_WAIT) {
			if (!wait_readable(transit_fd(t)))
				return TRANSIT_WAIT;
			continue;
		}
		if (what != TRANSIT_PART)
			return what;
		if (part.len > step)
			part.len = step;
		if (!noise_check(noise, part))
			return TRANSIT_PART;
		*got += part.len;
		transit_skip(t, part.len);
		step = step * 5 % piece + 1;
	}
}

static void
pass(size_t pool_limit, uint64_t octets, size_t write_piece, size_t read_piece)
{
	struct transit_pool *pool;
	struct writer w = {
		.octets = octets, .piece = write_piece, .noise.seed = octets
	};
	struct noise noise = { .seed = octets };
	struct error e = { 0 };
	pthread_t thread;
	uint64_t got;

	transit_pool_new(&pool, pool_limit);
	transit_new(&w.t, pool, 1);
	assert_int_equal(transit_open_end(w.t, &e), 0);
	assert_int_equal(pthread_create(&thread, NULL, write_noise, &w), 0);
	assert_int_equal(
	    read_noise(w.t, read_piece, &noise, &got), TRANSIT_COMPLETE);
	assert_int_equal(got, octets);
	assert_int_equal(transit_size(w.t), octets);
	pthread_join(thread, NULL);
	assert_int_equal(w.rc, 0);
	transit_free(&w.t);
	transit_pool_free(&pool);
}

static void
many_megabytes_arrive_octet_by_octet(void **state)
{
	(void)state;
	pass(TRANSIT_POOL, 24 * MEGABYTE + 5, 65536, 65536);
}

static void
a_fast_writer_and_a_slow_reader_meet(void **state)
{
	(void)state;
	pass(TRANSIT_POOL, 2 * MEGABYTE + 1, 300000, 100);
}

static void
a_slow_writer_and_a_fast_reader_meet(void **state)
{
	(void)state;
	pass(TRANSIT_POOL, MEGABYTE + 7, 100, 300000);
}

static void
an_empty_pool_stops_nobody(void **state)
{
	(void)state;
	pass(0, 4 * MEGABYTE + 3, 65536, 65536);
	pass(0, MEGABYTE, 65536, 50);
	pass(TRANSIT_CHUNK, 4 * MEGABYTE, 65536, 5000);
}

static void
transits_that_share_a_small_pool_all_arrive(void **state)
{
	enum {
		PAIRS = 4
	};
	struct transit_pool *pool;
	struct writer w[PAIRS];
	pthread_t threads[PAIRS];
	struct error e = { 0 };

	(void)state;
	transit_pool_new(&pool, 3 * TRANSIT_CHUNK);
	for (size_t i = 0; i < PAIRS; i++) {
		w[i] = (struct writer){
			.octets = MEGABYTE + i, .piece = 40000, .noise.seed = i
		};
		transit_new(&w[i].t, pool, 1);
		assert_int_equal(transit_open_end(w[i].t, &e), 0);
		assert_int_equal(
		    pthread_create(&threads[i], NULL, write_noise, &w[i]), 0);
	}
	/* One after the other: those that wait may keep nobody waiting. */
	for (size_t i = 0; i < PAIRS; i++) {
		struct noise noise = { .seed = i };
		uint64_t got;

		assert_int_equal(
		    read_noise(w[i].t, 9000, &noise, &got), TRANSIT_COMPLETE);
		assert_int_equal(got, MEGABYTE + i);
		pthread_join(threads[i], NULL);
		assert_int_equal(w[i].rc, 0);
		transit_free(&w[i].t);
	}
	transit_pool_free(&pool);
}

static void
a_reader_learns_that_the_message_broke_off(void **state)
{
	struct transit_pool *pool;
	struct writer w = {
		.octets = 600000, .piece = 50000, .break_off = true
	};
	struct noise noise = { 0 };
	struct error e = { 0 };
	pthread_t thread;
	uint64_t got;

	(void)state;
	transit_pool_new(&pool, TRANSIT_POOL);
	transit_new(&w.t, pool, 1);
	assert_int_equal(transit_open_end(w.t, &e), 0);
	assert_int_equal(pthread_create(&thread, NULL, write_noise, &w), 0);
	assert_int_equal(read_noise(w.t, 50000, &noise, &got), TRANSIT_BROKEN);
	assert_true(got <= 600000);
	assert_int_equal(transit_size(w.t), 0);
	pthread_join(thread, NULL);
	transit_free(&w.t);
	transit_pool_free(&pool);
}

/* A writer that has filled the pipe and waits. */
static void
start_stuck_writer(
    struct writer *w, struct transit_pool *pool, pthread_t *thread)
{
	struct error e = { 0 };

	transit_new(&w->t, pool, 1);
	assert_int_equal(transit_open_end(w->t, &e), 0);
	assert_int_equal(pthread_create(thread, NULL, write_noise, w), 0);
	/* Long enough to be stuck as a rule; right without it, too. */
	poll(NULL, 0, 30);
}

static void
a_waiting_writer_learns_that_the_reader_gave_up(void **state)
{
	struct transit_pool *pool;
	struct writer w = { .octets = 100 * MEGABYTE, .piece = 50000 };
	pthread_t thread;

	(void)state;
	transit_pool_new(&pool, TRANSIT_POOL);
	start_stuck_writer(&w, pool, &thread);
	transit_abandon(w.t);
	pthread_join(thread, NULL);
	assert_int_equal(w.rc, -1);
	assert_int_equal(w.error.kind, ERR_REFUSED);
	transit_free(&w.t);
	transit_pool_free(&pool);
}

static void
a_reader_gives_up_in_the_middle_of_the_stream(void **state)
{
	struct transit_pool *pool;
	struct writer w = { .octets = 100 * MEGABYTE, .piece = 50000 };
	struct noise noise = { 0 };
	struct error e = { 0 };
	struct slice part;
	size_t got = 0;
	pthread_t thread;

	(void)state;
	transit_pool_new(&pool, TRANSIT_POOL);
	transit_new(&w.t, pool, 1);
	assert_int_equal(transit_open_end(w.t, &e), 0);
	assert_int_equal(pthread_create(&thread, NULL, write_noise, &w), 0);
	while (got < MEGABYTE) {
		if (transit_peek(w.t, &part) != TRANSIT_PART) {
			assert_true(wait_readable(transit_fd(w.t)));
			continue;
		}
		assert_true(noise_check(&noise, part));
		got += part.len;
		transit_skip(w.t, part.len);
	}
	transit_abandon(w.t);
	pthread_join(thread, NULL);
	assert_int_equal(w.rc, -1);
	assert_int_equal(w.error.kind, ERR_REFUSED);
	transit_free(&w.t);
	transit_pool_free(&pool);
}

static void
stop_ends_the_writers_wait(void **state)
{
	static const enum stop_level levels[] = { STOP_SOON, STOP_NOW };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct transit_pool *pool;
		struct writer w = { .octets = 100 * MEGABYTE, .piece = 50000 };
		struct stop *stop;
		struct error e = { 0 };
		struct slice part;
		pthread_t thread;

		assert_int_equal(stop_new(&stop, &e), 0);
		w.stop = stop;
		transit_pool_new(&pool, TRANSIT_POOL);
		start_stuck_writer(&w, pool, &thread);
		stop_request(stop, levels[i]);
		pthread_join(thread, NULL);
		assert_int_equal(w.rc, -1);
		assert_int_equal(w.error.kind, ERR_STOPPED);
		/* What the writer did then was to break it off. */
		assert_int_equal(transit_peek(w.t, &part), TRANSIT_BROKEN);
		transit_free(&w.t);
		transit_pool_free(&pool);
		stop_free(&stop);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    what_fits_is_taken_at_once_and_the_rest_is_left),
		cmocka_unit_test(small_writes_share_a_chunk),
		cmocka_unit_test(
		    the_size_is_known_only_when_the_message_is_complete),
		cmocka_unit_test(an_empty_message_is_complete_too),
		cmocka_unit_test(a_part_is_read_in_any_pieces),
		cmocka_unit_test(
		    a_broken_message_is_broken_whatever_is_left_of_it),
		cmocka_unit_test(
		    the_readers_descriptor_says_whether_there_is_something),
		cmocka_unit_test(
		    content_from_before_the_end_was_opened_is_announced),
		cmocka_unit_test(a_writer_waits_no_longer_than_its_deadline),
		cmocka_unit_test(a_writer_that_was_asked_to_stop_does_not_wait),
		cmocka_unit_test(nothing_is_written_once_the_reader_gave_up),
		cmocka_unit_test(
		    the_pool_limits_all_transits_together_but_each_has_a_chunk),
		cmocka_unit_test(
		    an_abandoned_transit_gives_its_chunks_back_at_once),
		cmocka_unit_test(many_megabytes_arrive_octet_by_octet),
		cmocka_unit_test(a_fast_writer_and_a_slow_reader_meet),
		cmocka_unit_test(a_slow_writer_and_a_fast_reader_meet),
		cmocka_unit_test(an_empty_pool_stops_nobody),
		cmocka_unit_test(transits_that_share_a_small_pool_all_arrive),
		cmocka_unit_test(a_reader_learns_that_the_message_broke_off),
		cmocka_unit_test(
		    a_waiting_writer_learns_that_the_reader_gave_up),
		cmocka_unit_test(a_reader_gives_up_in_the_middle_of_the_stream),
		cmocka_unit_test(stop_ends_the_writers_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
