/* test-set.c - numbers that were met before are known again. */
#include "base/set.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void
an_empty_set_has_nothing(void **state)
{
	struct set s = { 0 };

	(void)state;
	assert_false(set_has(&s, 0));
	assert_false(set_has(&s, 7));
	set_free(&s);
}

static void
what_was_added_is_there_and_is_new_once(void **state)
{
	struct set s = { 0 };

	(void)state;
	/* Multiples of a power of two would all want the same place. */
	for (uint64_t n = 0; n < 5000; n++)
		assert_true(set_add(&s, n << 32));
	for (uint64_t n = 0; n < 5000; n++) {
		assert_false(set_add(&s, n << 32));
		assert_true(set_has(&s, n << 32));
		assert_false(set_has(&s, (n << 32) + 1));
	}
	set_free(&s);
	assert_false(set_has(&s, 0));
}

static void
other_octets_and_another_order_make_another_number(void **state)
{
	(void)state;
	assert_int_not_equal(set_octets("ab", 2), set_octets("ba", 2));
	assert_int_not_equal(set_octets("ab", 2), set_octets("ab", 3));
	assert_int_not_equal(set_octets("", 0), set_octets("", 1));
	assert_int_not_equal(set_mix(1, 2), set_mix(2, 1));
	assert_int_equal(set_octets("ab", 2), set_octets("ab", 2));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_set_has_nothing),
		cmocka_unit_test(what_was_added_is_there_and_is_new_once),
		cmocka_unit_test(
		    other_octets_and_another_order_make_another_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
