/*
 * test-ledger-memory.c - what a poll leaves for the next one: a listing that
 * left nothing to do, and what its server is like.
 */
#include "../kit/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct ledger_quiet
quiet(unsigned char octet)
{
	struct ledger_quiet q = { .until = START + DAY, .held = 2 };

	memset(q.digest, octet, sizeof(q.digest));
	return q;
}

static void
polled_with(struct world *w, const struct ledger_quiet *q,
    const struct ledger_server *server)
{
	const struct ledger_poll poll = { .account = w->account,
		.started = START + 1,
		.ended = START + 2,
		.listed = true,
		.quiet = q,
		.server = server };
	struct error e = { 0 };

	if (ledger_poll(w->l, &poll, &e) < 0)
		fail_msg("%s", e.text);
}

static void
expect_quiet(const struct world *w, const struct ledger_quiet *wanted)
{
	struct polled polled = polled_of(w);

	assert_int_equal(polled.has_quiet, wanted != NULL);
	if (wanted == NULL)
		return;
	assert_memory_equal(
	    polled.quiet.digest, wanted->digest, sizeof(wanted->digest));
	assert_int_equal(polled.quiet.until, wanted->until);
	assert_int_equal(polled.quiet.held, wanted->held);
}

static struct ledger_server
server_of(const struct world *w, const char *name)
{
	struct ledger_server server;
	struct reader *r;
	struct error e = { 0 };

	assert_int_equal(reader_open(&r, w->dir, &e), 0);
	if (reader_server(r, name, &server, &e) < 0)
		fail_msg("%s", e.text);
	reader_free(&r);
	assert_string_equal(server.name, name);
	return server;
}

/* --- a listing that left nothing to do --- */

static void
a_quiet_listing_is_kept_until_a_poll_is_not(void **state)
{
	struct ledger_quiet first = quiet(1), second = quiet(255);
	struct world w;

	(void)state;
	world_begin(&w);
	expect_quiet(&w, NULL);
	polled_with(&w, &first, NULL);
	expect_quiet(&w, &first);
	reopen(&w);
	expect_quiet(&w, &first);
	second.until = INT64_MAX;
	second.held = 0;
	polled_with(&w, &second, NULL);
	expect_quiet(&w, &second);
	polled_with(&w, NULL, NULL);
	expect_quiet(&w, NULL);
	world_end(&w);
}

static void
a_poll_that_begins_to_do_something_ends_it(void **state)
{
	struct ledger_quiet q = quiet(1);
	struct world w;

	(void)state;
	world_begin(&w);
	polled_with(&w, &q, NULL);
	apply(&w, (struct ledger_change){ .kind = CHANGE_BEGUN });
	expect_quiet(&w, NULL);
	world_end(&w);
}

static void
it_is_the_account_s_own(void **state)
{
	struct ledger_quiet q = quiet(1), theirs = quiet(2);
	struct world w;
	struct error e = { 0 };
	int64_t isp, club, m;

	(void)state;
	world_begin(&w);
	isp = w.account;
	assert_int_equal(ledger_account(w.l, "club", "pop.club.example", "ann",
			     NULL, false, &club, &e),
	    0);
	m = row_in(&w, "u", STATE_HELD);
	polled_with(&w, &q, NULL);
	w.account = club;
	polled_with(&w, &theirs, NULL);
	apply(&w, (struct ledger_change){ .kind = CHANGE_BEGUN });
	expect_quiet(&w, NULL);
	polled_with(&w, &theirs, NULL);
	w.account = isp;
	expect_quiet(&w, &q);
	apply_to(&w, CHANGE_DROP, m);
	expect_quiet(&w, NULL);
	w.account = club;
	expect_quiet(&w, &theirs);
	world_end(&w);
}

/* What an owner may decide between two polls; and what is no decision. */
static void
what_waits_and_is_decided_ends_it(void **state)
{
	static const struct {
		enum state state;
		enum change_kind kind;
		bool ends;
	} table[] = {
		{ STATE_HELD, CHANGE_DROP, true },
		{ STATE_HELD, CHANGE_RETRY, true },
		{ STATE_DROPPED, CHANGE_RETRY, true },
		{ STATE_HELD, CHANGE_GONE, true },
		/* These do nothing. */
		{ STATE_DELIVERED, CHANGE_DROP, false },
		{ STATE_DELIVERED, CHANGE_RETRY, false },
		/* And these happen in a poll, which says so itself. */
		{ STATE_DEFERRED, CHANGE_GONE, false },
		{ STATE_NEW, CHANGE_SEEN, false },
	};
	struct ledger_quiet q = quiet(1);

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct world w;
		int64_t m;

		world_begin(&w);
		m = row_in(&w, "u", table[i].state);
		polled_with(&w, &q, NULL);
		apply_to(&w, table[i].kind, m);
		print_message("# row %zu\n", i);
		expect_quiet(&w, table[i].ends ? NULL : &q);
		world_end(&w);
	}
}

/* The poll has seen the rows as they were before. */
static void
a_decision_during_a_poll_ends_it(void **state)
{
	static const enum change_kind kinds[] = { CHANGE_RETRY, CHANGE_DROP };
	struct ledger_quiet q = quiet(1);

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct world w;
		int64_t m;

		world_begin(&w);
		m = row_in(&w, "u", STATE_HELD);
		atomic_store(&wall, START + 1);
		apply_to(&w, kinds[i], m);
		polled_with(&w, &q, NULL);
		expect_quiet(&w, NULL);
		world_end(&w);
	}
}

static void
a_digest_of_another_length_is_none(void **state)
{
	static const char *const digests[] = { "NULL", "x''", "zeroblob(31)",
		"zeroblob(33)" };
	struct ledger_quiet q = quiet(0);
	struct world w;
	char sql[100], text[256];

	(void)state;
	world_begin(&w);
	polled_with(&w, &q, NULL);
	for (size_t i = 0; i < sizeof(digests) / sizeof(digests[0]); i++) {
		snprintf(sql, sizeof(sql), "UPDATE account SET quiet = %s",
		    digests[i]);
		ask(&w, sql, text);
		expect_quiet(&w, NULL);
	}
	ask(&w, "UPDATE account SET quiet = zeroblob(32)", text);
	expect_quiet(&w, &q);
	world_end(&w);
}

static void
of_an_account_that_is_not_there_nothing_is_known(void **state)
{
	struct ledger_server server;
	struct polled polled = { .has_quiet = true };
	struct world w;
	struct error e = { 0 };

	(void)state;
	world_begin(&w);
	w.account = 0;
	polled = polled_of(&w);
	assert_true(polled.first);
	assert_int_equal(polled.last_listed, 0);
	assert_false(polled.has_quiet);
	world_end(&w);
	/* Nor without a ledger. */
	polled = (struct polled){ .has_quiet = true };
	assert_int_equal(reader_polled(NULL, 1, &polled, &e), 0);
	assert_true(polled.first);
	assert_false(polled.has_quiet);
	assert_int_equal(reader_server(NULL, "h:1 none", &server, &e), 0);
	assert_string_equal(server.name, "h:1 none");
	assert_string_equal(server.capa, "");
	assert_int_equal(server.pipelining, PIPELINING_UNTRIED);
}

/* --- what a server is like --- */

static void
a_server_is_remembered_as_it_was_last(void **state)
{
	static const enum ledger_pipelining kinds[] = { PIPELINING_PROVEN,
		PIPELINING_BROKEN, PIPELINING_UNTRIED };
	struct ledger_server server = { .name = "pop.isp.example:995 implicit",
		.capa = "TOP\nUIDL\nSASL PLAIN\n",
		.learned = START,
		.since = START - 5 };
	struct ledger_server got;
	struct world w;
	char text[256];

	(void)state;
	world_begin(&w);
	got = server_of(&w, server.name);
	assert_string_equal(got.capa, "");
	assert_int_equal(got.learned, 0);
	assert_int_equal(got.since, 0);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		server.pipelining = kinds[i];
		server.learned++;
		polled_with(&w, NULL, &server);
		/* A poll that has learnt nothing takes nothing away. */
		polled_with(&w, NULL, NULL);
		got = server_of(&w, server.name);
		assert_string_equal(got.capa, server.capa);
		assert_int_equal(got.learned, server.learned);
		assert_int_equal(got.pipelining, kinds[i]);
		assert_int_equal(got.since, START - 5);
	}
	server.capa[0] = '\0';
	polled_with(&w, NULL, &server);
	reopen(&w);
	assert_string_equal(server_of(&w, server.name).capa, "");
	assert_string_equal(ask(&w, "SELECT count(*) FROM server", text), "1");
	world_end(&w);
}

static void
servers_are_told_apart_by_their_whole_name(void **state)
{
	static const char *const names[] = { "h:110 none", "h:110 starttls",
		"h:1100 none", "g:110 none" };
	struct ledger_server server = { 0 };
	struct world w;

	(void)state;
	world_begin(&w);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(server.name, sizeof(server.name), "%s", names[i]);
		snprintf(server.capa, sizeof(server.capa), "%s\n", names[i]);
		polled_with(&w, NULL, &server);
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(server.capa, sizeof(server.capa), "%s\n", names[i]);
		assert_string_equal(server_of(&w, names[i]).capa, server.capa);
	}
	world_end(&w);
}

static void
names_and_words_as_long_as_may_be_come_back(void **state)
{
	struct ledger_server server = { 0 };
	struct ledger_server got;
	struct world w;

	(void)state;
	memset(server.name, 'n', sizeof(server.name) - 1);
	memset(server.capa, 'c', sizeof(server.capa) - 1);
	world_begin(&w);
	polled_with(&w, NULL, &server);
	got = server_of(&w, server.name);
	assert_string_equal(got.capa, server.capa);
	world_end(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_quiet_listing_is_kept_until_a_poll_is_not),
		cmocka_unit_test(a_poll_that_begins_to_do_something_ends_it),
		cmocka_unit_test(it_is_the_account_s_own),
		cmocka_unit_test(what_waits_and_is_decided_ends_it),
		cmocka_unit_test(a_decision_during_a_poll_ends_it),
		cmocka_unit_test(a_digest_of_another_length_is_none),
		cmocka_unit_test(
		    of_an_account_that_is_not_there_nothing_is_known),
		cmocka_unit_test(a_server_is_remembered_as_it_was_last),
		cmocka_unit_test(servers_are_told_apart_by_their_whole_name),
		cmocka_unit_test(names_and_words_as_long_as_may_be_come_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
