/* test-turns.c - whose turn it is to be polled. */
#include "poll/turns.h"

#include "base/alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/*
 * Mailboxes by a letter each: 'a' and 'A' are of one server, spelt in two ways.
 * All of them wait.
 */
static struct turns *
turns_of(const char *servers, unsigned polls, unsigned polls_per_server)
{
	char host[2] = "";
	struct endpoint at = { .host = host, .port = 995 };
	struct turns *t;

	turns_new(&t, polls, polls_per_server);
	for (size_t i = 0; servers[i] != '\0'; i++) {
		host[0] = servers[i];
		assert_int_equal(turns_add(t, &at), i);
		turns_wait(t, i);
	}
	return t;
}

static void
expect_next(struct turns *t, size_t mailbox)
{
	size_t next = SIZE_MAX;

	assert_true(turns_take(t, &next));
	assert_int_equal(next, mailbox);
}

static void
expect_nobody(struct turns *t)
{
	size_t next;

	assert_false(turns_take(t, &next));
}

static void
nobody_is_next_where_nobody_waits(void **state)
{
	struct turns *t = turns_of("", 4, 4);

	(void)state;
	expect_nobody(t);
	turns_free(&t);
	assert_null(t);
	turns_free(&t);
}

static void
mailboxes_of_one_server_go_in_the_order_in_which_they_came(void **state)
{
	struct turns *t = turns_of("aaa", 4, 4);

	(void)state;
	for (size_t i = 0; i < 3; i++)
		expect_next(t, i);
	expect_nobody(t);
	turns_free(&t);
}

static void
never_are_more_polled_than_allowed(void **state)
{
	struct turns *t = turns_of("abcd", 2, 4);

	(void)state;
	expect_next(t, 0);
	expect_next(t, 1);
	expect_nobody(t);
	assert_int_equal(turns_polled(t), 2);
	assert_int_equal(turns_waiting(t), 2);
	turns_end(t, 1);
	expect_next(t, 2);
	expect_nobody(t);
	turns_free(&t);
}

static void
who_waits_for_a_full_server_is_passed_over(void **state)
{
	struct turns *t = turns_of("aaaab", 4, 2);

	(void)state;
	expect_next(t, 0);
	expect_next(t, 4);
	expect_next(t, 1);
	expect_nobody(t);
	turns_end(t, 4);
	expect_nobody(t);
	turns_end(t, 0);
	expect_next(t, 2);
	expect_nobody(t);
	turns_free(&t);
}

static void
servers_take_turns(void **state)
{
	struct turns *t = turns_of("aaabbc", 6, 6);

	(void)state;
	expect_next(t, 0);
	expect_next(t, 3);
	expect_next(t, 5);
	expect_next(t, 1);
	expect_next(t, 4);
	expect_next(t, 2);
	expect_nobody(t);
	turns_free(&t);
}

static void
a_server_that_was_full_waits_behind_the_others(void **state)
{
	struct turns *t = turns_of("aabb", 1, 1);

	(void)state;
	expect_next(t, 0);
	turns_end(t, 0);
	expect_next(t, 2);
	turns_end(t, 2);
	expect_next(t, 1);
	turns_end(t, 1);
	expect_next(t, 3);
	turns_free(&t);
}

static void
a_server_is_the_same_in_whatever_case(void **state)
{
	struct turns *t = turns_of("aAb", 3, 1);

	(void)state;
	expect_next(t, 0);
	expect_next(t, 2);
	expect_nobody(t);
	turns_end(t, 0);
	expect_next(t, 1);
	turns_free(&t);
}

static void
another_port_is_another_server(void **state)
{
	struct endpoint one = { .host = "a", .port = 110 };
	struct endpoint other = { .host = "a", .port = 995 };
	const struct endpoint *at[] = { &one, &other, &one };
	struct turns *t;

	(void)state;
	turns_new(&t, 3, 1);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(turns_add(t, at[i]), i);
		turns_wait(t, i);
	}
	expect_next(t, 0);
	expect_next(t, 1);
	expect_nobody(t);
	turns_free(&t);
}

static void
one_that_waits_or_is_polled_does_not_wait_twice(void **state)
{
	struct turns *t = turns_of("ab", 2, 2);

	(void)state;
	turns_wait(t, 0);
	expect_next(t, 0);
	turns_wait(t, 0);
	expect_next(t, 1);
	expect_nobody(t);
	turns_end(t, 0);
	expect_nobody(t);
	turns_wait(t, 0);
	expect_next(t, 0);
	turns_free(&t);
}

/* Whatever happens: the limits hold, and everybody has a turn in the end. */
static void
limits_hold_and_nobody_is_forgotten(void **state)
{
	enum {
		COUNT = 60
	};
	static const char servers[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
				      "bbbbbbbbbbcccccdddef";
	struct turns *t = turns_of(servers, 7, 3);
	unsigned on_server[256] = { 0 }, polled[COUNT] = { 0 };
	size_t under_way[7], running = 0, mailbox, which;
	uint32_t random = 1;

	(void)state;
	do {
		while (turns_take(t, &mailbox)) {
			unsigned char server = (unsigned char)servers[mailbox];

			assert_true(++on_server[server] <= 3);
			polled[mailbox]++;
			under_way[running++] = mailbox;
		}
		assert_true(running > 0);
		random = random * 1103515245 + 12345;
		which = (random >> 16) % running;
		mailbox = under_way[which];
		on_server[(unsigned char)servers[mailbox]]--;
		turns_end(t, mailbox);
		under_way[which] = under_way[--running];
	} while (turns_waiting(t) + running > 0);
	for (size_t i = 0; i < COUNT; i++)
		assert_int_equal(polled[i], 1);
	turns_free(&t);
}

/* One that waits between two others, of its server, and of the servers. */
static void
one_that_is_recalled_waits_no_more(void **state)
{
	struct turns *t = turns_of("aaabc", 8, 1);

	(void)state;
	assert_true(turns_recall(t, 1));
	assert_true(turns_recall(t, 3));
	assert_int_equal(turns_waiting(t), 3);
	expect_next(t, 0);
	expect_next(t, 4);
	expect_nobody(t);
	turns_end(t, 0);
	expect_next(t, 2);
	expect_nobody(t);
	turns_free(&t);
}

static void
the_last_one_that_waits_can_be_recalled(void **state)
{
	struct turns *t = turns_of("aab", 8, 1);

	(void)state;
	assert_true(turns_recall(t, 1));
	assert_true(turns_recall(t, 2));
	expect_next(t, 0);
	assert_false(turns_recall(t, 0));
	turns_end(t, 0);
	turns_wait(t, 0);
	expect_next(t, 0);
	expect_nobody(t);
	turns_free(&t);
}

static void
a_number_is_given_again_when_it_is_free(void **state)
{
	struct endpoint other = { .host = "b", .port = 995 };
	struct turns *t = turns_of("aaa", 8, 1);

	(void)state;
	assert_true(turns_recall(t, 1));
	turns_remove(t, 1);
	assert_int_equal(turns_add(t, &other), 1);
	assert_int_equal(turns_add(t, &other), 3);
	turns_wait(t, 1);
	expect_next(t, 0);
	expect_next(t, 1);
	expect_nobody(t);
	turns_free(&t);
}

static void
more_may_be_polled_from_now_on(void **state)
{
	struct turns *t = turns_of("aaab", 1, 1);

	(void)state;
	expect_next(t, 0);
	expect_nobody(t);
	turns_limit(t, 3, 2);
	expect_next(t, 3);
	expect_next(t, 1);
	expect_nobody(t);
	turns_free(&t);
}

static void
fewer_may_be_polled_from_now_on(void **state)
{
	struct turns *t = turns_of("aaaab", 8, 3);

	(void)state;
	expect_next(t, 0);
	expect_next(t, 4);
	expect_next(t, 1);
	turns_limit(t, 8, 1);
	expect_nobody(t);
	turns_end(t, 0);
	expect_nobody(t);
	turns_end(t, 1);
	expect_next(t, 2);
	expect_nobody(t);
	turns_free(&t);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_is_next_where_nobody_waits),
		cmocka_unit_test(
		    mailboxes_of_one_server_go_in_the_order_in_which_they_came),
		cmocka_unit_test(never_are_more_polled_than_allowed),
		cmocka_unit_test(who_waits_for_a_full_server_is_passed_over),
		cmocka_unit_test(servers_take_turns),
		cmocka_unit_test(one_that_is_recalled_waits_no_more),
		cmocka_unit_test(the_last_one_that_waits_can_be_recalled),
		cmocka_unit_test(a_number_is_given_again_when_it_is_free),
		cmocka_unit_test(more_may_be_polled_from_now_on),
		cmocka_unit_test(fewer_may_be_polled_from_now_on),
		cmocka_unit_test(
		    a_server_that_was_full_waits_behind_the_others),
		cmocka_unit_test(a_server_is_the_same_in_whatever_case),
		cmocka_unit_test(another_port_is_another_server),
		cmocka_unit_test(
		    one_that_waits_or_is_polled_does_not_wait_twice),
		cmocka_unit_test(limits_hold_and_nobody_is_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
