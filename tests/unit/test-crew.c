/* test-crew.c - threads that poll, by a task that is none. */
#include "poll/crew.h"

#include "base/alloc.h"
#include "base/clock.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#define MOST 64
#define PATIENCE_S 30

/* What the polls of a test do, and what is seen of them. */
struct scene {
	struct crew *crew;
	struct stop *stop;
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t changed;
	size_t together; /* each waits until so many are under way, */
	bool open; /* or until this */
	size_t failing; /* returns -1 */
	size_t again; /* is polled once more, from within */
	uint64_t told; /* a bit for each that was polled */
	size_t under_way, most, polled[MOST], polls;
};

static struct timespec
patience(void)
{
	struct timespec end;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += PATIENCE_S;
	return end;
}

static int
poll_one(void *arg, size_t mailbox)
{
	struct scene *s = arg;
	struct timespec end = patience();
	struct error e = { 0 };
	bool again;
	int rc = 0;

	pthread_mutex_lock(&s->lock);
	s->polls++;
	if (++s->under_way > s->most)
		s->most = s->under_way;
	pthread_cond_broadcast(&s->changed);
	while (rc == 0 && s->most < s->together && !s->open)
		rc = pthread_cond_timedwait(&s->changed, &s->lock, &end);
	again = mailbox == s->again && s->polled[mailbox] == 0;
	s->polled[mailbox]++;
	s->under_way--;
	pthread_mutex_unlock(&s->lock);
	if (again)
		crew_poll(s->crew, (mailbox + 1) % MOST, &e);
	return mailbox == s->failing ? -1 : 0;
}

static void
note_polled(void *arg, size_t mailbox)
{
	struct scene *s = arg;

	pthread_mutex_lock(&s->lock);
	s->told |= UINT64_C(1) << mailbox;
	pthread_mutex_unlock(&s->lock);
}

static void
begin(struct scene *s, size_t count, unsigned polls, unsigned polls_per_server)
{
	static const struct endpoint server = { .host = "a", .port = 995 };
	struct crew_task task = {
		.poll = poll_one, .polled = note_polled, .arg = s
	};
	struct error e = { 0 };

	*s = (struct scene){ .failing = SIZE_MAX, .again = SIZE_MAX };
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->changed, NULL);
	assert_int_equal(stop_new(&s->stop, &e), 0);
	crew_new(&s->crew, polls, polls_per_server, &task, s->stop);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(crew_add(s->crew, &server), i);
}

static void
poll_all(struct scene *s, size_t count)
{
	struct error e = { 0 };

	for (size_t i = 0; i < count; i++)
		assert_int_equal(crew_poll(s->crew, i, &e), 0);
}

static void
end(struct scene *s)
{
	crew_free(&s->crew);
	assert_null(s->crew);
	stop_free(&s->stop);
	pthread_cond_destroy(&s->changed);
	pthread_mutex_destroy(&s->lock);
}

static void
expect_each_polled_once(const struct scene *s, size_t count)
{
	for (size_t i = 0; i < count; i++)
		assert_int_equal(s->polled[i], 1);
}

static void
all_are_polled_at_once(void **state)
{
	struct scene s;

	(void)state;
	begin(&s, MOST, MOST, MOST);
	s.together = MOST;
	poll_all(&s, MOST);
	crew_wait(s.crew);
	assert_int_equal(s.most, MOST);
	expect_each_polled_once(&s, MOST);
	end(&s);
}

static void
few_threads_poll_many(void **state)
{
	struct scene s;

	(void)state;
	begin(&s, MOST, 5, 3);
	s.together = 3;
	poll_all(&s, MOST);
	crew_wait(s.crew);
	assert_int_equal(s.most, 3);
	expect_each_polled_once(&s, MOST);
	end(&s);
}

static void
threads_that_have_ended_make_room_for_others(void **state)
{
	struct scene s;

	(void)state;
	begin(&s, 2, 2, 2);
	for (size_t i = 1; i <= 100; i++) {
		poll_all(&s, 2);
		crew_wait(s.crew);
		assert_int_equal(s.polls, 2 * i);
	}
	end(&s);
}

static void
a_poll_may_have_another_one_polled(void **state)
{
	struct scene s;

	(void)state;
	begin(&s, 3, 1, 1);
	s.again = 1;
	poll_all(&s, 2);
	crew_wait(s.crew);
	expect_each_polled_once(&s, 3);
	end(&s);
}

static void
after_a_failure_nobody_else_begins(void **state)
{
	struct scene s;

	(void)state;
	begin(&s, MOST, 1, 1);
	s.failing = 2;
	poll_all(&s, MOST);
	crew_wait(s.crew);
	assert_int_equal(s.polls, 3);
	end(&s);
}

static void
asked_to_stop_it_lets_those_end_that_have_begun(void **state)
{
	struct timespec end_of_patience = patience();
	struct scene s;
	struct error e = { 0 };
	int rc = 0;

	(void)state;
	begin(&s, MOST, 4, 4);
	s.together = SIZE_MAX;
	poll_all(&s, MOST);
	pthread_mutex_lock(&s.lock);
	while (rc == 0 && s.under_way < 4)
		rc = pthread_cond_timedwait(
		    &s.changed, &s.lock, &end_of_patience);
	stop_request(s.stop, STOP_SOON);
	s.open = true;
	pthread_cond_broadcast(&s.changed);
	pthread_mutex_unlock(&s.lock);
	crew_wait(s.crew);
	assert_int_equal(s.polls, 4);
	assert_int_equal(crew_poll(s.crew, 0, &e), 0);
	crew_wait(s.crew);
	assert_int_equal(s.polls, 4);
	end(&s);
}

static void
freed_it_waits_for_those_under_way(void **state)
{
	struct scene s;

	(void)state;
	begin(&s, 8, 8, 8);
	s.together = 8;
	poll_all(&s, 8);
	crew_free(&s.crew);
	expect_each_polled_once(&s, 8);
	end(&s);
}

/* --- mailboxes that come and go --- */

static void
it_is_told_when_one_was_polled(void **state)
{
	struct scene s;

	(void)state;
	begin(&s, 4, 2, 2);
	poll_all(&s, 4);
	crew_free(&s.crew);
	assert_int_equal(s.told, 0xf);
	end(&s);
}

static void
one_that_is_polled_cannot_be_recalled(void **state)
{
	struct error e = { 0 };
	struct scene s;

	(void)state;
	begin(&s, 2, 1, 1);
	s.together = 2; /* which is never */
	poll_all(&s, 2);
	assert_false(crew_recall(s.crew, 0));
	assert_true(crew_recall(s.crew, 1));
	crew_remove(s.crew, 1);
	pthread_mutex_lock(&s.lock);
	s.open = true;
	pthread_cond_broadcast(&s.changed);
	pthread_mutex_unlock(&s.lock);
	crew_wait(s.crew);
	assert_int_equal(s.polls, 1);
	assert_int_equal(crew_poll(s.crew, 0, &e), 0);
	crew_wait(s.crew);
	crew_remove(s.crew, 0);
	assert_int_equal(s.polls, 2);
	end(&s);
}

static void
more_may_be_polled_at_once_from_now_on(void **state)
{
	struct scene s;

	(void)state;
	begin(&s, 8, 1, 1);
	s.together = 8;
	poll_all(&s, 8);
	crew_limit(s.crew, 8, 8);
	crew_wait(s.crew);
	assert_int_equal(s.most, 8);
	expect_each_polled_once(&s, 8);
	end(&s);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_are_polled_at_once),
		cmocka_unit_test(few_threads_poll_many),
		cmocka_unit_test(threads_that_have_ended_make_room_for_others),
		cmocka_unit_test(a_poll_may_have_another_one_polled),
		cmocka_unit_test(after_a_failure_nobody_else_begins),
		cmocka_unit_test(
		    asked_to_stop_it_lets_those_end_that_have_begun),
		cmocka_unit_test(freed_it_waits_for_those_under_way),
		cmocka_unit_test(it_is_told_when_one_was_polled),
		cmocka_unit_test(one_that_is_polled_cannot_be_recalled),
		cmocka_unit_test(more_may_be_polled_at_once_from_now_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
