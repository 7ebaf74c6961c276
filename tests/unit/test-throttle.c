/* test-throttle.c - so many octets a second, by a clock that is made here. */
#include "base/throttle.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define RATE 1000

static void
what_has_passed_is_paid_for_by_waiting(void **state)
{
	struct throttle *t;

	(void)state;
	throttle_new(&t, RATE, 5000);
	assert_int_equal(throttle_wait_ms(t, 5000), 0);
	throttle_spend(t, 500, 5000);
	assert_int_equal(throttle_wait_ms(t, 5000), 500);
	assert_int_equal(throttle_wait_ms(t, 5400), 100);
	assert_int_equal(throttle_wait_ms(t, 5499), 1);
	assert_int_equal(throttle_wait_ms(t, 5500), 0);
	throttle_free(&t);
	assert_null(t);
}

static void
after_a_rest_no_more_than_a_second_is_to_be_had_at_once(void **state)
{
	struct throttle *t;

	(void)state;
	throttle_new(&t, RATE, 0);
	throttle_spend(t, 1, 3600 * 1000);
	assert_int_equal(throttle_wait_ms(t, 3600 * 1000), 0);
	throttle_spend(t, RATE, 3600 * 1000);
	assert_int_equal(throttle_wait_ms(t, 3600 * 1000), 1);
	throttle_free(&t);
}

/* Whoever takes turns, and however much each takes at once. */
static void
in_the_long_run_the_rate_is_kept(void **state)
{
	static const size_t takes[] = { 1, 65536, 17, 1400, 300000, 999 };
	struct throttle *t;
	int64_t now = 0;
	uint64_t passed = 0;

	(void)state;
	throttle_new(&t, RATE, now);
	for (size_t i = 0; i < 6000; i++) {
		now += throttle_wait_ms(t, now);
		throttle_spend(t, takes[i % 6], now);
		passed += takes[i % 6];
	}
	now += throttle_wait_ms(t, now);
	assert_in_range((uintmax_t)now, passed - RATE, passed + 1);
	throttle_free(&t);
}

static void
no_rate_and_no_size_is_too_large(void **state)
{
	struct throttle *t;

	(void)state;
	throttle_new(&t, (uint64_t)1 << 40, 0);
	throttle_spend(t, (size_t)1 << 40, 0);
	assert_int_equal(throttle_wait_ms(t, 0), 1000);
	assert_int_equal(throttle_wait_ms(t, INT64_MAX / 2), 0);
	throttle_spend(t, (size_t)1 << 40, INT64_MAX / 2);
	assert_int_equal(throttle_wait_ms(t, INT64_MAX / 2), 0);
	throttle_free(&t);
	throttle_new(&t, 1, 0);
	throttle_spend(t, (size_t)1 << 40, 0);
	assert_int_equal(throttle_wait_ms(t, 0), (int64_t)1000 << 40);
	throttle_free(&t);
}

static void
a_clock_that_stands_still_or_goes_back_gives_nothing_away(void **state)
{
	struct throttle *t;

	(void)state;
	throttle_new(&t, RATE, 1000);
	throttle_spend(t, 100, 1000);
	assert_int_equal(throttle_wait_ms(t, 900), 100);
	assert_int_equal(throttle_wait_ms(t, 1000), 100);
	assert_int_equal(throttle_wait_ms(t, 1050), 50);
	throttle_free(&t);
}

/* A part of a message waits no longer than keeps the message coming. */
static void
within_a_message_nobody_falls_silent(void **state)
{
	struct throttle *t;
	int64_t before, took;

	(void)state;
	throttle_new(&t, 1, clock_monotonic_ms());
	before = clock_monotonic_ms();
	throttle_pass(t, THROTTLE_LEAST / 20, NULL);
	took = clock_monotonic_ms() - before;
	/* 50 ms of the 410 s that are owed; a loaded machine takes longer. */
	assert_true(took >= 49);
	assert_true(took < 400 * 1000);
	assert_true(throttle_wait_ms(t, clock_monotonic_ms()) > 300 * 1000);
	throttle_free(&t);
	throttle_pass(NULL, 1000, NULL);
}

static void
a_request_to_stop_ends_the_wait(void **state)
{
	struct throttle *t;
	struct stop *stop;
	struct error e = { 0 };
	int64_t before = clock_monotonic_ms();

	(void)state;
	assert_int_equal(stop_new(&stop, &e), 0);
	stop_request(stop, STOP_SOON);
	throttle_new(&t, 1, before);
	throttle_pass(t, (size_t)THROTTLE_LEAST * 3600, stop);
	assert_true(clock_monotonic_ms() - before < 3500 * 1000);
	throttle_free(&t);
	stop_free(&stop);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_has_passed_is_paid_for_by_waiting),
		cmocka_unit_test(
		    after_a_rest_no_more_than_a_second_is_to_be_had_at_once),
		cmocka_unit_test(in_the_long_run_the_rate_is_kept),
		cmocka_unit_test(no_rate_and_no_size_is_too_large),
		cmocka_unit_test(
		    a_clock_that_stands_still_or_goes_back_gives_nothing_away),
		cmocka_unit_test(within_a_message_nobody_falls_silent),
		cmocka_unit_test(a_request_to_stop_ends_the_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
