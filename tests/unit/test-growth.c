/* test-growth.c - how many connections are worth having. */
#include "delivery/growth.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define SOON 25 /* ms: long enough to decide */
#define MINUTE (60 * 1000)
#define AT_MOST 8

/* A pool that does what it is told, and messages that wait in it. */
struct pool {
	struct growth growth;
	struct load load;
	int64_t now;
};

static struct pool
pool_of(unsigned carriers)
{
	return (struct pool){
		.load = { .carriers = carriers,
		    .free = AT_MOST - carriers,
		    .none = carriers == 0,
		    .waits = true,
		    .settled = true },
		.now = 1000,
		.growth = { .since = 1000 },
	};
}

static int
step(struct pool *p)
{
	int change = growth_step(&p->growth, &p->load, p->now);

	p->load.carriers = (unsigned)((int)p->load.carriers + change);
	p->load.free = AT_MOST - p->load.carriers;
	p->load.none = p->load.carriers == 0;
	return change;
}

static int
step_after(struct pool *p, int64_t ms, uint64_t done)
{
	p->now += ms;
	p->load.done += done;
	return step(p);
}

static void
the_first_mail_has_one_connection(void **state)
{
	struct pool p = pool_of(0);

	(void)state;
	p.load.waits = false;
	assert_int_equal(step(&p), 0);
	p.load.waits = true;
	assert_int_equal(step(&p), 1);
	assert_int_equal(step(&p), 0);
}

static void
far_away_they_are_doubled_without_waiting_for_a_measurement(void **state)
{
	struct pool p = pool_of(1);

	(void)state;
	assert_int_equal(step_after(&p, SOON, 0), 1);
	assert_int_equal(step_after(&p, SOON, 1), 2);
	assert_int_equal(step_after(&p, SOON, 2), 4);
	assert_int_equal(step_after(&p, SOON, 4), 0);
	assert_int_equal(p.load.carriers, AT_MOST);
}

static void
nothing_is_added_where_nothing_waits(void **state)
{
	struct pool p = pool_of(1);

	(void)state;
	p.load.waits = false;
	assert_int_equal(step_after(&p, MINUTE, 1000), 0);
	assert_true(growth_due(&p.growth, &p.load).ms == DEADLINE_NEVER);
	p.load.waits = p.load.changing = true;
	assert_int_equal(step_after(&p, MINUTE, 1000), 0);
	p.load.changing = false;
	assert_int_equal(step(&p), 0);
	assert_int_equal(growth_due(&p.growth, &p.load).ms, p.now + SOON);
	assert_int_equal(step_after(&p, SOON, 1), 1);
}

static void
what_pays_is_doubled_and_what_does_not_is_taken_back(void **state)
{
	struct pool p = pool_of(1);

	(void)state;
	assert_int_equal(step_after(&p, SOON, 100), 1);
	assert_int_equal(step_after(&p, SOON, 190), 2);
	/* Four do no more than two. */
	assert_int_equal(step_after(&p, SOON, 195), -2);
	/* That is remembered for a while, */
	assert_int_equal(step_after(&p, SOON, 190), 0);
	assert_int_equal(step_after(&p, 9 * 1000, 70000), 0);
	assert_true(growth_due(&p.growth, &p.load).ms > p.now);
	/* and then tried again. */
	assert_int_equal(step_after(&p, 2 * 1000, 15000), 2);
	assert_int_equal(step_after(&p, SOON, 400), 4);
}

static void
those_that_have_just_connected_are_not_measured(void **state)
{
	struct pool p = pool_of(1);

	(void)state;
	assert_int_equal(step_after(&p, SOON, 100), 1);
	p.load.changing = true;
	assert_int_equal(step_after(&p, 10 * SOON, 10), 0);
	p.load.changing = p.load.settled = false;
	assert_int_equal(step_after(&p, 1, 100), 0);
	p.load.settled = true;
	/* Twice as much, from when both were there. */
	assert_int_equal(step_after(&p, SOON, 150), 2);
}

static void
a_server_that_refuses_one_is_not_asked_for_another_for_a_minute(void **state)
{
	struct pool p = pool_of(2);

	(void)state;
	growth_enough(&p.growth, p.now);
	assert_int_equal(step_after(&p, SOON, 0), 0);
	assert_int_equal(step_after(&p, MINUTE - 2 * SOON, 0), 0);
	assert_int_equal(step_after(&p, SOON, 0), 2);
}

static void
there_is_always_one_unless_another_one_streams(void **state)
{
	struct pool p = pool_of(0);

	(void)state;
	growth_enough(&p.growth, p.now);
	p.load.none = false;
	assert_int_equal(growth_step(&p.growth, &p.load, p.now), 0);
	p.load.none = true;
	assert_int_equal(step(&p), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_mail_has_one_connection),
		cmocka_unit_test(
		    far_away_they_are_doubled_without_waiting_for_a_measurement),
		cmocka_unit_test(nothing_is_added_where_nothing_waits),
		cmocka_unit_test(
		    what_pays_is_doubled_and_what_does_not_is_taken_back),
		cmocka_unit_test(
		    those_that_have_just_connected_are_not_measured),
		cmocka_unit_test(
		    a_server_that_refuses_one_is_not_asked_for_another_for_a_minute),
		cmocka_unit_test(
		    there_is_always_one_unless_another_one_streams),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
