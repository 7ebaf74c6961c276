/* test-queue.c - the queue between threads, and being asked to stop. */
#include "base/queue.h"

#include "base/alloc.h"
#include "base/stop.h"

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define ITEMS 2000
#define PRODUCERS 2

struct number {
	struct queue_item item;
	int producer;
	int value;
};

static bool
readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

static struct queue *
new_queue(void)
{
	struct queue *q;
	struct error e;

	assert_int_equal(queue_new(&q, &e), 0);
	return q;
}

static void
the_first_in_is_the_first_out(void **state)
{
	struct queue *q = new_queue();
	struct number n[3] = { { .value = 0 }, { .value = 1 }, { .value = 2 } };

	(void)state;
	assert_null(queue_pop(q));
	queue_push(q, &n[0].item);
	queue_push(q, &n[1].item);
	assert_ptr_equal(queue_pop(q), &n[0]);
	queue_push(q, &n[2].item);
	queue_push(q, &n[0].item);
	assert_ptr_equal(queue_pop(q), &n[1]);
	assert_ptr_equal(queue_pop(q), &n[2]);
	assert_ptr_equal(queue_pop(q), &n[0]);
	assert_null(queue_pop(q));
	queue_free(&q);
	assert_null(q);
}

static void
the_descriptor_is_readable_exactly_while_there_are_items(void **state)
{
	struct queue *q = new_queue();
	struct number n[2] = { 0 };

	(void)state;
	assert_false(readable(queue_fd(q)));
	queue_push(q, &n[0].item);
	queue_push(q, &n[1].item);
	assert_true(readable(queue_fd(q)));
	queue_pop(q);
	assert_true(readable(queue_fd(q)));
	queue_pop(q);
	assert_false(readable(queue_fd(q)));
	queue_pop(q);
	assert_false(readable(queue_fd(q)));
	queue_push(q, &n[0].item);
	assert_true(readable(queue_fd(q)));
	queue_pop(q);
	queue_free(&q);
}

static void
a_wait_ends_with_the_deadline_or_the_other_descriptor(void **state)
{
	struct queue *q = new_queue();
	struct queue *other = new_queue();
	struct number n = { 0 };
	int64_t since = clock_monotonic_ms();

	(void)state;
	assert_null(queue_wait(q, queue_fd(other), deadline_in(30)));
	assert_true(clock_monotonic_ms() - since >= 30);
	queue_push(other, &n.item);
	assert_null(queue_wait(q, queue_fd(other), deadline_never()));
	queue_pop(other);
	queue_push(q, &n.item);
	assert_ptr_equal(queue_wait(q, queue_fd(other), deadline_in(0)), &n);
	queue_free(&other);
	queue_free(&q);
}

static void
the_descriptor_may_be_asked_for_at_any_time(void **state)
{
	struct queue *q = new_queue();
	struct number n[2] = { 0 };

	(void)state;
	queue_push(q, &n[0].item);
	assert_true(readable(queue_fd(q)));
	queue_pop(q);
	assert_false(readable(queue_fd(q)));
	queue_push(q, &n[1].item);
	assert_ptr_equal(queue_wait(q, -1, deadline_never()), &n[1]);
	assert_false(readable(queue_fd(q)));
	queue_free(&q);
}

static void
a_wait_for_the_queue_alone_has_an_end_too(void **state)
{
	struct queue *q = new_queue();
	struct number n = { 0 };
	int64_t since = clock_monotonic_ms();

	(void)state;
	assert_null(queue_wait(q, -1, deadline_in(30)));
	assert_true(clock_monotonic_ms() - since >= 30);
	assert_null(queue_wait(q, -1, deadline_in(0)));
	queue_push(q, &n.item);
	assert_ptr_equal(queue_wait(q, -1, deadline_in(0)), &n);
	queue_free(&q);
}

struct producer {
	struct queue *q;
	int id;
};

static void *
produce(void *arg)
{
	struct producer *p = arg;
	int i;

	for (i = 0; i < ITEMS; i++) {
		struct number *n = xcalloc(1, sizeof *n);

		n->producer = p->id;
		n->value = i;
		queue_push(p->q, &n->item);
	}
	return NULL;
}

static void
nothing_is_lost_or_reordered_between_threads(void **state)
{
	struct queue *q = new_queue();
	struct producer producers[PRODUCERS];
	pthread_t threads[PRODUCERS];
	int next[PRODUCERS] = { 0 };
	int i;

	(void)state;
	for (i = 0; i < PRODUCERS; i++) {
		producers[i] = (struct producer){ .q = q, .id = i };
		assert_int_equal(
		    pthread_create(&threads[i], NULL, produce, &producers[i]),
		    0);
	}
	for (i = 0; i < ITEMS * PRODUCERS; i++) {
		struct number *n = queue_wait(q, -1, deadline_in(30000));

		assert_non_null(n);
		assert_int_equal(n->value, next[n->producer]++);
		free(n);
	}
	for (i = 0; i < PRODUCERS; i++)
		pthread_join(threads[i], NULL);
	assert_null(queue_pop(q));
	queue_free(&q);
}

static void
stop_goes_up_by_steps_and_never_down(void **state)
{
	struct stop *stop;
	struct error e;

	(void)state;
	assert_int_equal(stop_new(&stop, &e), 0);
	assert_int_equal(stop_level(stop), STOP_NO);
	assert_false(readable(stop_fd(stop, STOP_SOON)));
	assert_false(readable(stop_fd(stop, STOP_NOW)));
	stop_request(stop, STOP_SOON);
	assert_int_equal(stop_level(stop), STOP_SOON);
	assert_true(readable(stop_fd(stop, STOP_SOON)));
	assert_false(readable(stop_fd(stop, STOP_NOW)));
	stop_request(stop, STOP_NOW);
	stop_request(stop, STOP_SOON);
	assert_int_equal(stop_level(stop), STOP_NOW);
	assert_true(readable(stop_fd(stop, STOP_NOW)));
	stop_free(&stop);
	assert_null(stop);
}

static void
stopping_now_is_stopping_soon_too(void **state)
{
	struct stop *stop;
	struct error e;

	(void)state;
	assert_int_equal(stop_new(&stop, &e), 0);
	stop_request(stop, STOP_NOW);
	assert_true(readable(stop_fd(stop, STOP_SOON)));
	stop_free(&stop);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_in_is_the_first_out),
		cmocka_unit_test(
		    the_descriptor_is_readable_exactly_while_there_are_items),
		cmocka_unit_test(
		    a_wait_ends_with_the_deadline_or_the_other_descriptor),
		cmocka_unit_test(the_descriptor_may_be_asked_for_at_any_time),
		cmocka_unit_test(a_wait_for_the_queue_alone_has_an_end_too),
		cmocka_unit_test(nothing_is_lost_or_reordered_between_threads),
		cmocka_unit_test(stop_goes_up_by_steps_and_never_down),
		cmocka_unit_test(stopping_now_is_stopping_soon_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
