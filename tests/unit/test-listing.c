/* test-listing.c - the order and the copies of what a server lists. */
#include "poll/listing.h"

#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void
add(struct listing *l, uint32_t number, const char *uid, uint64_t octets)
{
	listing_add(l, number, slice_of(uid), octets);
}

static void
expect(const struct listing *l, size_t i, uint32_t number, const char *uid,
    uint32_t copy, bool copies)
{
	assert_true(i < l->count);
	assert_int_equal(l->list[i].number, number);
	assert_true(slice_is(l->list[i].uid, uid));
	assert_int_equal(l->list[i].copy, copy);
	assert_int_equal(l->list[i].copies, copies);
}

static void
an_empty_listing_stays_empty(void **state)
{
	struct listing l = { 0 };

	(void)state;
	listing_finish(&l);
	assert_int_equal(l.count, 0);
	assert_int_equal(l.octets, 0);
	assert_int_equal(l.left_out, 0);
	listing_free(&l);
	listing_free(&l);
}

static void
messages_stand_in_the_order_of_their_numbers(void **state)
{
	struct listing l = { 0 };

	(void)state;
	add(&l, 30, "c", 300);
	add(&l, 1, "z", 1);
	add(&l, 4294967295, "last", 4);
	add(&l, 2, "a", 20);
	listing_finish(&l);
	assert_int_equal(l.count, 4);
	expect(&l, 0, 1, "z", 0, false);
	expect(&l, 1, 2, "a", 0, false);
	expect(&l, 2, 30, "c", 0, false);
	expect(&l, 3, 4294967295, "last", 0, false);
	assert_int_equal(l.list[0].octets, 1);
	assert_int_equal(l.list[1].octets, 20);
	assert_int_equal(l.octets, 325);
	listing_free(&l);
}

static void
a_number_listed_twice_is_left_out_wholly(void **state)
{
	struct listing l = { 0 };

	(void)state;
	add(&l, 3, "c", 100);
	add(&l, 2, "b", 10);
	add(&l, 1, "a", 1);
	add(&l, 2, "d", 1000);
	add(&l, 3, "c", 100);
	add(&l, 3, "c", 100);
	listing_finish(&l);
	assert_int_equal(l.count, 1);
	expect(&l, 0, 1, "a", 0, false);
	assert_int_equal(l.left_out, 5);
	assert_int_equal(l.octets, 1);
	listing_free(&l);
}

static void
number_zero_is_left_out(void **state)
{
	struct listing l = { 0 };

	(void)state;
	add(&l, 0, "a", 1);
	add(&l, 1, "b", 2);
	listing_finish(&l);
	assert_int_equal(l.count, 1);
	expect(&l, 0, 1, "b", 0, false);
	assert_int_equal(l.left_out, 1);
	listing_free(&l);

	add(&l, 0, "a", 1);
	add(&l, 0, "b", 1);
	listing_finish(&l);
	assert_int_equal(l.count, 0);
	assert_int_equal(l.left_out, 2);
	listing_free(&l);
}

static void
equal_uids_are_numbered_in_the_order_of_the_messages(void **state)
{
	struct listing l = { 0 };

	(void)state;
	add(&l, 9, "same", 9);
	add(&l, 5, "other", 5);
	add(&l, 1, "same", 1);
	add(&l, 7, "same", 7);
	add(&l, 6, "twin", 6);
	add(&l, 3, "twin", 3);
	listing_finish(&l);
	assert_int_equal(l.count, 6);
	expect(&l, 0, 1, "same", 0, true);
	expect(&l, 1, 3, "twin", 0, true);
	expect(&l, 2, 5, "other", 0, false);
	expect(&l, 3, 6, "twin", 1, true);
	expect(&l, 4, 7, "same", 1, true);
	expect(&l, 5, 9, "same", 2, true);
	listing_free(&l);
}

static void
a_left_out_message_is_no_copy(void **state)
{
	struct listing l = { 0 };

	(void)state;
	add(&l, 1, "a", 1);
	add(&l, 2, "a", 1);
	add(&l, 2, "b", 1);
	add(&l, 0, "a", 1);
	listing_finish(&l);
	assert_int_equal(l.count, 1);
	expect(&l, 0, 1, "a", 0, false);
	listing_free(&l);
}

static void
uids_are_compared_octet_by_octet(void **state)
{
	static const struct {
		const char *data;
		size_t len;
	} uids[] = { { "1", 1 }, { "01", 2 }, { "1\0", 2 }, { "1\0\0", 3 },
		{ "A", 1 }, { "a", 1 }, { "", 0 }, { "\xff", 1 }, { "1 ", 2 } };
	const size_t n = sizeof(uids) / sizeof(uids[0]);
	struct listing l = { 0 };

	(void)state;
	for (size_t i = 0; i < n; i++)
		listing_add(&l, (uint32_t)i + 1,
		    slice_make(uids[i].data, uids[i].len), 1);
	listing_finish(&l);
	assert_int_equal(l.count, n);
	for (size_t i = 0; i < n; i++) {
		assert_true(slice_equal(
		    l.list[i].uid, slice_make(uids[i].data, uids[i].len)));
		assert_int_equal(l.list[i].copy, 0);
		assert_false(l.list[i].copies);
	}
	listing_free(&l);
}

static void
a_large_listing_keeps_every_uid_with_its_number(void **state)
{
	enum {
		MANY = 20000
	};
	struct listing l = { 0 };
	char uid[80];

	(void)state;
	for (uint32_t i = 0; i < MANY; i++) {
		uint32_t number = 1 + (i * 7919U) % MANY;

		snprintf(
		    uid, sizeof(uid), "%0*u", (int)(number % 70) + 1, number);
		listing_add(&l, number, slice_of(uid), number);
	}
	listing_finish(&l);
	assert_int_equal(l.count, MANY);
	assert_int_equal(l.octets, (uint64_t)MANY * (MANY + 1) / 2);
	for (uint32_t i = 0; i < MANY; i++) {
		snprintf(
		    uid, sizeof(uid), "%0*u", (int)((i + 1) % 70) + 1, i + 1);
		expect(&l, i, i + 1, uid, 0, false);
		assert_int_equal(l.list[i].octets, i + 1);
	}
	listing_free(&l);
}

static void
many_messages_may_share_one_uid(void **state)
{
	enum {
		MANY = 3000
	};
	struct listing l = { 0 };

	(void)state;
	for (uint32_t i = MANY; i > 0; i--)
		add(&l, i, "x", 0);
	listing_finish(&l);
	assert_int_equal(l.count, MANY);
	for (uint32_t i = 0; i < MANY; i++)
		expect(&l, i, i + 1, "x", i, true);
	listing_free(&l);
}

static void
a_message_far_larger_than_listed_has_no_end(void **state)
{
	enum {
		MIB = 1024 * 1024
	};
	static const struct {
		uint64_t listed, read;
		bool endless;
	} rows[] = { { 1, 64 * MIB, false }, { 1, 65 * MIB, true },
		{ 100 * MIB, 400 * MIB, false },
		{ 100 * MIB, 463 * MIB, false }, { 100 * MIB, 465 * MIB, true },
		{ 0, 465 * MIB, false }, { 0, (uint64_t)4000 * MIB, false },
		{ 0, (uint64_t)5000 * MIB, true }, { 9, 0, false },
		{ INT64_MAX, (uint64_t)5000 * MIB, false },
		{ INT64_MAX, UINT64_MAX, false } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct listing_entry listed = { .octets = rows[i].listed };

		assert_int_equal(
		    listing_is_endless(&listed, rows[i].read), rows[i].endless);
	}
}

/* --- its digest --- */

/* What STAT and UIDL told, as "NUMBER UID" words. */
struct told {
	uint32_t stat;
	uint64_t octets;
	const char *uids;
};

static void
digest_of(const struct told *t, unsigned char out[DIGEST_OCTETS])
{
	struct listing l = {
		.stat = t->stat, .stat_octets = t->octets, .named = true
	};
	struct slice rest = slice_of(t->uids), number;
	struct digest d;
	uint64_t n;

	while ((number = slice_word(&rest)).len > 0) {
		assert_int_equal(text_u64(number, UINT32_MAX, &n), 0);
		listing_add(&l, (uint32_t)n, slice_word(&rest), 0);
	}
	digest_begin(&d);
	assert_true(listing_digest(&l, &d));
	digest_end(&d, out);
	listing_free(&l);
}

static void
a_listing_that_differs_in_anything_has_another_digest(void **state)
{
	static const struct told all[] = {
		{ 0, 0, "" },
		{ 2, 9, "1 a 2 b" },
		{ 3, 9, "1 a 2 b" },
		{ 2, 8, "1 a 2 b" },
		{ 2, 9, "2 a 1 b" }, /* numbers */
		{ 2, 9, "1 a 3 b" },
		{ 2, 9, "0 a 2 b" },
		{ 2, 9, "2 b 1 a" }, /* order */
		{ 2, 9, "1 b 2 a" },
		{ 2, 9, "1 a 2 c" }, /* UIDs */
		{ 2, 9, "1 a 2 bb" },
		{ 2, 9, "1 ab 2 c" },
		{ 2, 9, "1 a 2 bc" },
		{ 2, 9, "1 a" },
		{ 2, 9, "1 a 2 b 2 b" },
		{ 2, 9, "" },
	};
	enum {
		COUNT = sizeof(all) / sizeof(all[0])
	};
	unsigned char digests[COUNT][DIGEST_OCTETS];
	unsigned char again[DIGEST_OCTETS];

	(void)state;
	for (size_t i = 0; i < COUNT; i++) {
		digest_of(&all[i], digests[i]);
		digest_of(&all[i], again);
		assert_memory_equal(digests[i], again, DIGEST_OCTETS);
		for (size_t j = 0; j < i; j++)
			assert_memory_not_equal(
			    digests[i], digests[j], DIGEST_OCTETS);
	}
}

static void
a_digest_goes_on_after_what_was_there_before(void **state)
{
	struct listing l = { .named = true };
	unsigned char digests[2][DIGEST_OCTETS];
	struct digest d;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		digest_begin(&d);
		digest_add(&d, i == 0 ? "a" : "b", 1);
		assert_true(listing_digest(&l, &d));
		digest_end(&d, digests[i]);
	}
	assert_memory_not_equal(digests[0], digests[1], DIGEST_OCTETS);
	l.named = false;
	digest_begin(&d);
	assert_false(listing_digest(&l, &d));
	digest_end(&d, digests[0]);
}

/* However many there are, each of them counts. */
static void
each_of_many_messages_counts(void **state)
{
	enum {
		MANY = 600
	};
	unsigned char whole[DIGEST_OCTETS], other[DIGEST_OCTETS];

	(void)state;
	for (uint32_t changed = 0; changed <= 2 * MANY; changed++) {
		struct listing l = { .stat = MANY, .named = true };
		struct digest d;

		for (uint32_t i = 1; i <= MANY; i++)
			add(&l, i == changed ? MANY + 1 : i,
			    i == changed - MANY ? "v" : "u", 0);
		digest_begin(&d);
		listing_digest(&l, &d);
		digest_end(&d, changed == 0 ? whole : other);
		if (changed > 0)
			assert_memory_not_equal(whole, other, DIGEST_OCTETS);
		listing_free(&l);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_listing_stays_empty),
		cmocka_unit_test(messages_stand_in_the_order_of_their_numbers),
		cmocka_unit_test(a_number_listed_twice_is_left_out_wholly),
		cmocka_unit_test(number_zero_is_left_out),
		cmocka_unit_test(
		    equal_uids_are_numbered_in_the_order_of_the_messages),
		cmocka_unit_test(a_left_out_message_is_no_copy),
		cmocka_unit_test(uids_are_compared_octet_by_octet),
		cmocka_unit_test(
		    a_large_listing_keeps_every_uid_with_its_number),
		cmocka_unit_test(many_messages_may_share_one_uid),
		cmocka_unit_test(a_message_far_larger_than_listed_has_no_end),
		cmocka_unit_test(
		    a_listing_that_differs_in_anything_has_another_digest),
		cmocka_unit_test(a_digest_goes_on_after_what_was_there_before),
		cmocka_unit_test(each_of_many_messages_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
