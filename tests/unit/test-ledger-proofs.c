/*
 * test-ledger-proofs.c - what proves that messages have arrived, kept; and what
 * another program has fetched, put in.
 */
#include "../kit/world.h"

#include "message/digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ONE "0123456789abcdef0123456789abcdef"
#define TWO "fedcba9876543210fedcba9876543210"

/* --- proofs --- */

static int
take(void *arg, const struct proof *p, struct error *e)
{
	struct proof *out = arg;

	(void)e;
	if (p->message == out->message)
		*out = *p;
	return 0;
}

/* Of a message; its texts are gone. */
static struct proof
proof_of(const struct world *w, int64_t message)
{
	struct proof p = { .message = message };
	struct reader *r;
	struct error e = { 0 };

	assert_int_equal(reader_open(&r, w->dir, &e), 0);
	assert_int_equal(reader_proofs(r, w->account, take, &p, &e), 0);
	reader_free(&r);
	return p;
}

static void
expect_proof(const struct world *w, int64_t message, const char *trace,
    const char *digest, uint64_t content)
{
	struct proof p = proof_of(w, message);
	char text[256];

	assert_string_equal(ask(w, "SELECT trace FROM message", text), trace);
	assert_int_equal(p.has_digest, digest != NULL);
	if (digest != NULL)
		assert_memory_equal(p.digest, digest, DIGEST_OCTETS);
	assert_int_equal(p.content, content);
}

/* A change with a proof, or with a part of it. */
static int64_t
prove(struct world *w, enum change_kind kind, int64_t message,
    const char *trace, const char *digest, uint64_t content)
{
	return apply(w,
	    (struct ledger_change){ .kind = kind,
		.message = message,
		.uid = slice_of("u"),
		.octets = 100,
		.state = STATE_DELIVERED,
		.trace = trace,
		.digest = slice_of(digest != NULL ? digest : ""),
		.content = content });
}

static void
an_intent_notes_what_is_about_to_be_sent(void **state)
{
	struct world w;
	int64_t m;

	(void)state;
	world_begin(&w);
	m = prove(&w, CHANGE_INTENT, 0, "t1", ONE, 90);
	expect_proof(&w, m, "t1", ONE, 90);
	verdict(&w, m, "u", STATE_DELIVERED, "250");
	expect_proof(&w, m, "t1", ONE, 90);
	assert_int_equal(proof_of(&w, m).delivered, START);
	assert_int_equal(proof_of(&w, m).verified, 0);
	world_end(&w);
}

/* It is known at its end only. */
static void
a_verdict_notes_it_of_what_was_sent_while_it_came(void **state)
{
	struct world w;
	int64_t m;

	(void)state;
	world_begin(&w);
	m = prove(&w, CHANGE_INTENT, 0, "t1", NULL, 0);
	expect_proof(&w, m, "t1", NULL, 0);
	prove(&w, CHANGE_VERDICT, m, "t1", ONE, 90);
	expect_proof(&w, m, "t1", ONE, 90);
	world_end(&w);
}

static void
what_is_not_known_leaves_what_is(void **state)
{
	struct world w;
	int64_t m;

	(void)state;
	world_begin(&w);
	m = prove(&w, CHANGE_INTENT, 0, "t1", ONE, 90);
	prove(&w, CHANGE_INTENT, m, NULL, NULL, 0);
	expect_proof(&w, m, "t1", ONE, 90);
	prove(&w, CHANGE_INTENT, m, "t2", TWO, 0);
	expect_proof(&w, m, "t2", TWO, 0);
	apply_to(&w, CHANGE_WITHDRAW, m);
	apply_to(&w, CHANGE_GONE, m);
	expect_proof(&w, m, "t2", TWO, 0);
	assert_int_equal(proof_of(&w, m).state, STATE_GONE);
	world_end(&w);
}

static void
another_message_of_that_uid_proves_nothing(void **state)
{
	struct world w;
	int64_t m;

	(void)state;
	world_begin(&w);
	m = prove(&w, CHANGE_INTENT, 0, "t1", ONE, 90);
	prove(&w, CHANGE_VERDICT, m, "t1", ONE, 90);
	apply(&w,
	    (struct ledger_change){ .kind = CHANGE_VERIFIED,
		.message = m,
		.verdict = VERIFIED_SOURCE });
	apply(&w,
	    (struct ledger_change){ .kind = CHANGE_INTENT,
		.uid = slice_of("u"),
		.octets = 7,
		.fresh = true });
	expect_proof(&w, m, "NULL", NULL, 0);
	assert_int_equal(proof_of(&w, m).verified, 0);
	assert_int_equal(proof_of(&w, m).verdict, 0);
	world_end(&w);
}

static void
a_verification_is_noted_and_the_last_one_counts(void **state)
{
	struct world w;
	int64_t m;

	(void)state;
	world_begin(&w);
	m = row_in(&w, "u", STATE_DELIVERED);
	atomic_fetch_add(&wall, 500);
	apply(&w,
	    (struct ledger_change){ .kind = CHANGE_VERIFIED,
		.message = m,
		.verdict = VERIFIED_SOURCE | VERIFIED_MISSING });
	assert_int_equal(proof_of(&w, m).verified, START + 500);
	assert_int_equal(
	    proof_of(&w, m).verdict, VERIFIED_SOURCE | VERIFIED_MISSING);
	assert_int_equal(state_of(&w, m), STATE_DELIVERED);
	atomic_fetch_add(&wall, 500);
	apply(&w,
	    (struct ledger_change){ .kind = CHANGE_VERIFIED,
		.message = m,
		.verdict = VERIFIED_SOURCE | VERIFIED_THERE });
	assert_int_equal(proof_of(&w, m).verified, START + 1000);
	assert_int_equal(
	    proof_of(&w, m).verdict, VERIFIED_SOURCE | VERIFIED_THERE);
	world_end(&w);
}

static int
in_order(void *arg, const struct proof *p, struct error *e)
{
	int *n = arg;

	assert_true(slice_is(p->uid, *n == 0 ? "z" : *n == 1 ? "a" : "m"));
	return ++*n == 2 ? error_set(e, ERR_IO, "enough") : 0;
}

static void
they_come_in_the_order_in_which_they_became_known_until_it_is_enough(
    void **state)
{
	struct world w;
	struct reader *r;
	struct error e = { 0 };
	int n = 0;

	(void)state;
	world_begin(&w);
	row_in(&w, "z", STATE_HELD);
	row_in(&w, "a", STATE_DELIVERED);
	row_in(&w, "m", STATE_DELIVERED);
	assert_int_equal(reader_open(&r, w.dir, &e), 0);
	assert_int_equal(reader_proofs(r, w.account, in_order, &n, &e), -1);
	assert_int_equal(e.kind, ERR_IO);
	assert_int_equal(n, 2);
	reader_free(&r);
	assert_int_equal(reader_proofs(NULL, 1, in_order, &n, &e), 0);
	world_end(&w);
}

/* --- imported --- */

static size_t
import(struct world *w, const char *const *uids, size_t count, int64_t since,
    bool loose)
{
	struct ledger_seen list[8];
	struct error e = { 0 };
	size_t added = 99;

	assert_true(count <= 8);
	for (size_t i = 0; i < count; i++)
		list[i] = (struct ledger_seen){ slice_of(uids[i]), since };
	assert_int_equal(ledger_seen(w->l, w->account, list, count, loose,
			     "fetched by another", &added, &e),
	    0);
	return added;
}

static void
what_is_imported_counts_as_seen_since_then_whatever_its_size(void **state)
{
	static const char *const uids[] = { "a", "b" };
	struct world w;
	struct rows rows;
	char text[256];

	(void)state;
	world_begin(&w);
	assert_int_equal(import(&w, uids, 1, START - DAY, false), 1);
	assert_int_equal(import(&w, uids + 1, 1, 0, true), 1);
	read_rows(&w, &rows);
	assert_int_equal(rows.count, 2);
	for (size_t i = 0; i < 2; i++) {
		int64_t since = i == 0 ? START - DAY : START;

		assert_int_equal(rows.list[i].state, STATE_SEEN);
		assert_int_equal(rows.list[i].octets, 0);
		assert_int_equal(rows.list[i].copy, 0);
		assert_int_equal(rows.list[i].since, since);
		assert_int_equal(rows.list[i].first_seen, since);
		assert_true(rows.list[i].imported);
		assert_int_equal(rows.list[i].loose, i);
	}
	assert_string_equal(
	    ask(&w, "SELECT reply FROM message", text), "fetched by another");
	rows_free(&rows);
	world_end(&w);
}

static void
what_is_known_already_stays_what_it_is(void **state)
{
	static const char *const uids[] = { "a", "b", "b", "c" };
	struct world w;
	int64_t a, c;

	(void)state;
	world_begin(&w);
	a = row_in(&w, "a", STATE_HELD);
	c = row_in(&w, "c", STATE_DELIVERED);
	assert_int_equal(import(&w, uids, 4, 0, false), 1);
	assert_int_equal(state_of(&w, a), STATE_HELD);
	assert_int_equal(state_of(&w, c), STATE_DELIVERED);
	assert_false(row_of(&w, c).imported);
	assert_int_equal(import(&w, uids, 4, 0, false), 0);
	assert_int_equal(import(&w, uids, 4, 0, true), 0);
	world_end(&w);
}

/* It has its own UID by now. */
static void
a_loose_uid_that_was_found_is_not_imported_again(void **state)
{
	static const char *const uids[] = { "x-y-z", "x-y" };
	struct ledger_change found = {
		.kind = CHANGE_REKEY, .uid = slice_of("x/y-z"), .octets = 70
	};
	struct world w;
	struct rows rows;
	char text[256];

	(void)state;
	world_begin(&w);
	assert_int_equal(import(&w, uids, 1, 0, true), 1);
	ask(&w, "SELECT id FROM message", text);
	found.message = strtoll(text, NULL, 10);
	apply(&w, found);
	read_rows(&w, &rows);
	assert_false(rows.list[0].imported || rows.list[0].loose);
	assert_int_equal(rows.list[0].octets, 70);
	assert_true(slice_is(rows.list[0].uid, "x/y-z"));
	rows_free(&rows);
	assert_int_equal(import(&w, uids, 2, 0, true), 1);
	assert_int_equal(import(&w, uids, 2, 0, true), 0);
	/* Exactly that one is another. */
	assert_int_equal(import(&w, uids, 1, 0, false), 1);
	world_end(&w);
}

static void
one_that_is_listed_at_last_has_octets(void **state)
{
	static const char *const uids[] = { "a" };
	struct ledger_change listed = {
		.kind = CHANGE_LISTED, .uid = slice_of("a"), .octets = 70
	};
	struct world w;
	int64_t m;

	(void)state;
	world_begin(&w);
	import(&w, uids, 1, START - DAY, true);
	m = apply(&w, listed);
	assert_int_equal(row_of(&w, m).octets, 70);
	assert_false(row_of(&w, m).imported);
	assert_int_equal(row_of(&w, m).since, START - DAY);
	/* Once only. */
	listed.octets = 71;
	apply(&w, listed);
	assert_int_equal(row_of(&w, m).octets, 70);
	world_end(&w);
}

static void
what_else_is_listed_after_an_import_is_new(void **state)
{
	struct world w;
	struct standing s;
	int64_t last_listed;
	char text[256];

	(void)state;
	world_begin(&w);
	assert_true(never_planned(&w, &last_listed));
	assert_int_equal(import(&w, NULL, 0, 0, false), 0);
	assert_false(never_planned(&w, &last_listed));
	assert_int_equal(last_listed, 0);
	/* No poll is under way, nor was one cut off. */
	s = standing_of(&w);
	assert_true(s.known);
	assert_int_equal(s.last_started, 0);
	assert_int_equal(s.counts[STATE_SEEN], 0);
	/* An earlier first poll stays. */
	atomic_fetch_add(&wall, 1000);
	import(&w, NULL, 0, 0, false);
	snprintf(text, sizeof(text), "%lld", (long long)START);
	assert_string_equal(
	    ask(&w, "SELECT first_poll FROM account", (char[256]){ 0 }), text);
	world_end(&w);
}

static void
an_import_has_the_next_poll_look_at_all_of_the_listing(void **state)
{
	static const char *const uids[] = { "a" };
	struct ledger_quiet quiet = { .digest = { 1 }, .until = START + DAY };
	struct ledger_poll poll = { .started = START,
		.ended = START + 1,
		.listed = true,
		.quiet = &quiet };
	struct world w;
	struct error e = { 0 };

	(void)state;
	world_begin(&w);
	poll.account = w.account;
	assert_int_equal(ledger_poll(w.l, &poll, &e), 0);
	assert_true(polled_of(&w).has_quiet);
	import(&w, uids, 1, 0, false);
	assert_false(polled_of(&w).has_quiet);
	assert_int_equal(standing_of(&w).last_started, START);
	world_end(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_intent_notes_what_is_about_to_be_sent),
		cmocka_unit_test(
		    a_verdict_notes_it_of_what_was_sent_while_it_came),
		cmocka_unit_test(what_is_not_known_leaves_what_is),
		cmocka_unit_test(another_message_of_that_uid_proves_nothing),
		cmocka_unit_test(
		    a_verification_is_noted_and_the_last_one_counts),
		cmocka_unit_test(
		    they_come_in_the_order_in_which_they_became_known_until_it_is_enough),
		cmocka_unit_test(
		    what_is_imported_counts_as_seen_since_then_whatever_its_size),
		cmocka_unit_test(what_is_known_already_stays_what_it_is),
		cmocka_unit_test(
		    a_loose_uid_that_was_found_is_not_imported_again),
		cmocka_unit_test(one_that_is_listed_at_last_has_octets),
		cmocka_unit_test(what_else_is_listed_after_an_import_is_new),
		cmocka_unit_test(
		    an_import_has_the_next_poll_look_at_all_of_the_listing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
