/* test-due.c - who is due first. */
#include "daemon/due.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define MANY 1000

static void
expect_first(struct due *d, size_t mailbox, int64_t when)
{
	size_t first = SIZE_MAX;
	int64_t then = -1;

	assert_true(due_first(d, &first, &then));
	assert_int_equal(first, mailbox);
	assert_int_equal(then, when);
}

static void
expect_nobody(struct due *d)
{
	size_t first;
	int64_t when;

	assert_false(due_first(d, &first, &when));
	assert_int_equal(due_count(d), 0);
}

static void
who_is_due_first_is_known(void **state)
{
	struct due *d;

	(void)state;
	due_new(&d);
	expect_nobody(d);
	due_set(d, 3, 30);
	due_set(d, 1, 10);
	due_set(d, 2, 20);
	expect_first(d, 1, 10);
	due_remove(d, 1);
	expect_first(d, 2, 20);
	due_remove(d, 2);
	due_remove(d, 3);
	expect_nobody(d);
	due_free(&d);
	assert_null(d);
	due_free(&d);
}

static void
a_mailbox_has_one_time_which_can_be_moved(void **state)
{
	struct due *d;

	(void)state;
	due_new(&d);
	due_set(d, 0, 10);
	due_set(d, 1, 20);
	due_set(d, 0, 30);
	expect_first(d, 1, 20);
	due_set(d, 0, 5);
	expect_first(d, 0, 5);
	assert_int_equal(due_count(d), 2);
	assert_int_equal(due_when(d, 0), 5);
	assert_int_equal(due_when(d, 1), 20);
	due_free(&d);
}

static void
who_rests_is_never_due(void **state)
{
	struct due *d;

	(void)state;
	due_new(&d);
	due_set(d, 7, DUE_NEVER);
	due_remove(d, 7);
	due_remove(d, 100000);
	expect_nobody(d);
	due_set(d, 7, 1);
	due_set(d, 7, DUE_NEVER);
	expect_nobody(d);
	assert_true(due_when(d, 7) == DUE_NEVER);
	assert_true(due_when(d, 100000) == DUE_NEVER);
	due_free(&d);
}

/* Against a list that is searched from end to end. */
static void
after_any_changes_the_first_is_the_first(void **state)
{
	static int64_t times[MANY];
	uint32_t random = 1;
	struct due *d;

	(void)state;
	due_new(&d);
	for (size_t i = 0; i < MANY; i++)
		times[i] = DUE_NEVER;
	for (size_t round = 0; round < 5 * MANY; round++) {
		size_t mailbox, first, count = 0;
		int64_t when = 0, least = DUE_NEVER;

		random = random * 1664525 + 1013904223;
		mailbox = random / 65536 % MANY;
		times[mailbox] = round % 3 == 0 ? DUE_NEVER : random % 5000;
		if (round % 6 == 0)
			due_remove(d, mailbox);
		else
			due_set(d, mailbox, times[mailbox]);
		for (size_t i = 0; i < MANY; i++) {
			count += times[i] != DUE_NEVER;
			if (times[i] < least)
				least = times[i];
		}
		assert_int_equal(due_count(d), count);
		assert_int_equal(due_first(d, &first, &when), count > 0);
		if (count == 0)
			continue;
		assert_int_equal(when, least);
		assert_int_equal(times[first], least);
		assert_true(due_when(d, mailbox) == times[mailbox]);
	}
	due_free(&d);
}

static void
they_come_out_in_their_order(void **state)
{
	size_t mailbox;
	int64_t when, before = -1;
	struct due *d;

	(void)state;
	due_new(&d);
	for (size_t i = 0; i < MANY; i++)
		due_set(d, i, (int64_t)(i * 7919 % MANY));
	for (size_t i = 0; i < MANY; i++) {
		assert_true(due_first(d, &mailbox, &when));
		assert_int_equal(when, before + 1);
		before = when;
		due_remove(d, mailbox);
	}
	expect_nobody(d);
	due_free(&d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_is_due_first_is_known),
		cmocka_unit_test(a_mailbox_has_one_time_which_can_be_moved),
		cmocka_unit_test(who_rests_is_never_due),
		cmocka_unit_test(after_any_changes_the_first_is_the_first),
		cmocka_unit_test(they_come_out_in_their_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
