/*
 * test-many.c - with 200,000 messages: what has to be done grows with their
 * number, not with its square. Counted is what is compared and moved; the
 * linker puts the functions here before those that the program calls.
 */
#include "../kit/peer.h"

#include "base/alloc.h"
#include "message/digest.h"
#include "poll/listing.h"
#include "poll/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MANY 200000
#define NOW ((int64_t)1700000000)

/* --- counting --- */

static uint64_t compared; /* two of them with one another */
static uint64_t moved; /* octets, to make room */
static uint64_t digested; /* pieces */

static int (*order_of)(const void *a, const void *b);

static int
count_order(const void *a, const void *b)
{
	compared++;
	return order_of(a, b);
}

typedef int order(const void *a, const void *b);
void __real_qsort(void *base, size_t count, size_t size, order *by);
void __wrap_qsort(void *base, size_t count, size_t size, order *by);
int __real_slice_compare(struct slice a, struct slice b);
int __wrap_slice_compare(struct slice a, struct slice b);
bool __real_slice_equal(struct slice a, struct slice b);
bool __wrap_slice_equal(struct slice a, struct slice b);
void *__real_xrealloc(void *p, size_t count, size_t size);
void *__wrap_xrealloc(void *p, size_t count, size_t size);
void __real_digest_add(struct digest *d, const void *data, size_t len);
void __wrap_digest_add(struct digest *d, const void *data, size_t len);

void
__wrap_qsort(void *base, size_t count, size_t size, order *by)
{
	order_of = by;
	__real_qsort(base, count, size, count_order);
}

int
__wrap_slice_compare(struct slice a, struct slice b)
{
	compared++;
	return __real_slice_compare(a, b);
}

bool
__wrap_slice_equal(struct slice a, struct slice b)
{
	compared++;
	return __real_slice_equal(a, b);
}

void *
__wrap_xrealloc(void *p, size_t count, size_t size)
{
	moved += count * size;
	return __real_xrealloc(p, count, size);
}

void
__wrap_digest_add(struct digest *d, const void *data, size_t len)
{
	digested++;
	__real_digest_add(d, data, len);
}

static void
count_anew(void)
{
	compared = moved = digested = 0;
}

/* As many as some sortings take, of 18 rounds: 2^18 is more than MANY. */
static void
expect_few_compared(unsigned sortings)
{
	print_message("# %llu compared\n", (unsigned long long)compared);
	assert_true(compared > 0);
	assert_true(compared <= (uint64_t)MANY * (18 * sortings + 4));
}

/* --- the mailbox --- */

static const char *const conversation[] = { MAILDROP, "C: STAT", NULL,
	"C: UIDL", NULL, "C: LIST", NULL, NULL };

/* The steps of a session that lists them, backwards. answers: to be freed. */
static const char **
listing_steps(struct buffer answers[3])
{
	static const char *steps[sizeof(conversation) / sizeof(*conversation)];
	size_t n = 0;

	memset(answers, 0, 3 * sizeof(*answers));
	buffer_addf(&answers[0], "S: +OK %d 1000000", MANY);
	buffer_add_text(&answers[1], "RAW:+OK\r\n");
	buffer_add_text(&answers[2], "RAW:+OK\r\n");
	for (uint32_t i = MANY; i > 0; i--) {
		buffer_addf(&answers[1], "%u uid-%x\r\n", i,
		    (unsigned)(i * 2654435761U));
		buffer_addf(&answers[2], "%u %u\r\n", i, 1 + i % 7);
	}
	buffer_add_text(&answers[1], ".\r\n");
	buffer_add_text(&answers[2], ".\r\n");
	memcpy(steps, conversation, sizeof(conversation));
	for (size_t i = 0; i + 1 < sizeof(steps) / sizeof(*steps); i++)
		if (steps[i] == NULL)
			steps[i] = answers[n++].data;
	return steps;
}

static struct listing listing;

static void
a_listing_is_read_in_little_more_than_one_pass(void **state)
{
	struct buffer answers[3];
	struct peer peer;
	struct pop3 *pop3;
	struct error e = { 0 };

	(void)state;
	enter_maildrop(&peer, listing_steps(answers), &pop3);
	count_anew();
	if (listing_read(&listing, pop3, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(listing.count, MANY);
	assert_int_equal(listing.left_out, 0);
	/* Both answers by number; by UID, where each is counted twice. */
	expect_few_compared(4);
	/* Doubled each time: twice as much as there is in the end. */
	assert_true(moved <= (uint64_t)MANY * 4 * sizeof(*listing.list));
	pop3_free(&pop3);
	peer_finish(&peer);
	for (size_t i = 0; i < 3; i++)
		buffer_free(&answers[i]);
}

static void
its_digest_is_made_of_few_pieces(void **state)
{
	unsigned char out[DIGEST_OCTETS];
	struct digest d;

	(void)state;
	count_anew();
	digest_begin(&d);
	assert_true(listing_digest(&listing, &d));
	digest_end(&d, out);
	assert_true(digested > 0 && digested <= MANY / 100);
}

/* As reader_rows() has them. */
static int
by_uid(const void *a, const void *b)
{
	return slice_compare(
	    ((const struct row *)a)->uid, ((const struct row *)b)->uid);
}

static void
make_rows(struct rows *rows, bool all_alike)
{
	*rows = (struct rows){ .count = MANY };
	rows->list = xcalloc(MANY, sizeof(*rows->list));
	for (size_t i = 0; i < MANY; i++)
		rows->list[i] = (struct row){
			.message = (int64_t)i + 1,
			.uid = all_alike ? slice_of("u") : listing.list[i].uid,
			.copy = all_alike ? (uint32_t)i : 0,
			.state = STATE_DELIVERED,
			.octets = listing.list[i].octets,
		};
	if (!all_alike)
		qsort(rows->list, MANY, sizeof(*rows->list), by_uid);
}

static void
expect_few_compared_by_plan(
    const struct listing *l, struct rows *rows, const struct account *a)
{
	struct plan_input in = { .listing = l,
		.rows = rows,
		.account = a,
		.now = NOW,
		.run_started = INT64_MAX,
		.last_poll = NOW };
	struct plan plan;

	count_anew();
	plan_make(&plan, &in);
	assert_int_equal(plan.count, MANY);
	/* Each is looked up; copies, and what is taken, are sorted. */
	expect_few_compared(4);
	if (rows->count > 0)
		assert_int_equal(plan.quiet_until > 0, !l->list[0].copies);
	else
		assert_int_equal(plan.take_count, MANY);
	plan_free(&plan);
	free(rows->list);
	buffer_free(&rows->octets);
}

static void
so_is_a_plan_made_of_it(void **state)
{
	struct account a = { .after = AFTER_KEEP };
	struct rows rows;

	(void)state;
	make_rows(&rows, false);
	expect_few_compared_by_plan(&listing, &rows, &a);
	rows = (struct rows){ 0 };
	expect_few_compared_by_plan(&listing, &rows, &a);
}

static void
that_all_have_the_same_uid_changes_nothing(void **state)
{
	struct account a = { .after = AFTER_KEEP };
	struct listing alike = { 0 };
	struct rows rows;

	(void)state;
	count_anew();
	for (uint32_t i = 1; i <= MANY; i++)
		listing_add(&alike, i, slice_of("u"), i);
	listing_finish(&alike);
	expect_few_compared(3);
	make_rows(&rows, true);
	expect_few_compared_by_plan(&alike, &rows, &a);
	listing_free(&alike);
}

static int
end(void **state)
{
	listing_free(&listing);
	return peers_end(state);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_listing_is_read_in_little_more_than_one_pass),
		cmocka_unit_test(its_digest_is_made_of_few_pieces),
		cmocka_unit_test(so_is_a_plan_made_of_it),
		cmocka_unit_test(that_all_have_the_same_uid_changes_nothing),
	};

	return cmocka_run_group_tests(tests, peers_begin, end);
}
