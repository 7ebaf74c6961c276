/* test-ledger.c - what each change leaves in the ledger on disk. */
#include "ledger/ledger.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "ledger/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define DAY ((int64_t)86400)
#define START ((int64_t)1700000000)

static _Atomic int64_t wall = START;

int64_t
clock_wall(void)
{
	return atomic_load(&wall);
}

/* --- a ledger in a directory of its own --- */

struct world {
	char dir[64];
	struct ledger *l;
	int64_t account;
};

static void
world_open(struct world *w)
{
	struct error e = { 0 };

	if (ledger_open(&w->l, w->dir, false, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(ledger_account(w->l, "isp", "pop.isp.example", "ann",
			     NULL, false, &w->account, &e),
	    0);
}

static void
world_begin(struct world *w)
{
	*w = (struct world){ .dir = "/tmp/postrider-ledger.XXXXXX" };
	atomic_store(&wall, START);
	assert_non_null(mkdtemp(w->dir));
	world_open(w);
}

static void
reopen(struct world *w)
{
	ledger_close(&w->l);
	assert_null(w->l);
	world_open(w);
}

static void
path_in(const struct world *w, const char *name, char out[128])
{
	snprintf(out, 128, "%s/%s", w->dir, name);
}

static void
world_end(struct world *w)
{
	static const char *const names[] = { "ledger.db", "ledger.db-wal",
		"ledger.db-shm", "ledger.lock", "ledger.marker" };
	char path[128];

	ledger_close(&w->l);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		path_in(w, names[i], path);
		if (unlink(path) < 0)
			assert_int_equal(errno, ENOENT);
	}
	assert_int_equal(rmdir(w->dir), 0);
}

static int64_t
apply(struct world *w, struct ledger_change c)
{
	struct error e = { 0 };

	if (ledger_change(w->l, w->account, &c, 1, &e) < 0)
		fail_msg("%s", e.text);
	return c.message;
}

static int64_t
apply_to(struct world *w, enum change_kind kind, int64_t message)
{
	return apply(
	    w, (struct ledger_change){ .kind = kind, .message = message });
}

static int64_t
intent(struct world *w, int64_t message, const char *uid)
{
	static const struct ledger_outcome to[] = { { .recipient = "ann" } };

	return apply(w,
	    (struct ledger_change){ .kind = CHANGE_INTENT,
		.message = message,
		.uid = slice_of(uid),
		.octets = 100,
		.destination = "home",
		.outcomes = to,
		.outcome_count = 1 });
}

static int64_t
verdict(struct world *w, int64_t message, const char *uid, enum state state,
    const char *reply)
{
	return apply(w,
	    (struct ledger_change){ .kind = CHANGE_VERDICT,
		.message = message,
		.uid = slice_of(uid),
		.octets = 100,
		.state = state,
		.reply = reply,
		.next_try = state == STATE_DEFERRED ? clock_wall() + 60 : 0,
		.destination = "home" });
}

static void
verdict_of_two(struct world *w, int64_t message, enum state state,
    enum state ann, enum state bob)
{
	const struct ledger_outcome outcomes[] = {
		{ .recipient = "ann", .state = ann, .reply = "a" },
		{ .recipient = "bob", .state = bob, .reply = "b" },
	};

	apply(w,
	    (struct ledger_change){ .kind = CHANGE_VERDICT,
		.message = message,
		.state = state,
		.destination = "home",
		.outcomes = outcomes,
		.outcome_count = 2 });
}

/* --- looking into it, by connections of their own --- */

static void
read_rows(const struct world *w, struct rows *rows)
{
	struct reader *r;
	struct error e = { 0 };

	assert_int_equal(reader_open(&r, w->dir, &e), 0);
	assert_int_equal(reader_rows(r, w->account, rows, &e), 0);
	reader_free(&r);
}

/* The row of a message, without its UID. message is 0: there is none. */
static struct row
row_of(const struct world *w, int64_t message)
{
	struct row found = { 0 };
	struct rows rows;

	read_rows(w, &rows);
	for (size_t i = 0; i < rows.count; i++)
		if (rows.list[i].message == message)
			found = rows.list[i];
	rows_free(&rows);
	found.uid = slice_of("");
	return found;
}

static enum state
state_of(const struct world *w, int64_t message)
{
	struct row r = row_of(w, message);

	assert_int_equal(r.message, message);
	return r.state;
}

/* The answer to an SQL question as text, "NULL" for NULL; run only: "". */
static const char *
ask(const struct world *w, const char *sql, char out[256])
{
	char path[128];
	sqlite3 *db;
	sqlite3_stmt *st;
	int step;

	path_in(w, "ledger.db", path);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	sqlite3_busy_timeout(db, 10000);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
	out[0] = '\0';
	step = sqlite3_step(st);
	if (step == SQLITE_ROW) {
		const char *text = (const char *)sqlite3_column_text(st, 0);

		snprintf(out, 256, "%s", text ? text : "NULL");
	} else {
		assert_int_equal(step, SQLITE_DONE);
	}
	sqlite3_finalize(st);
	sqlite3_close(db);
	return out;
}

static void
collect(void *arg, const char *recipient)
{
	struct buffer *b = arg;

	buffer_addf(b, "%s ", recipient);
}

static void
expect_delivered(const struct world *w, int64_t message, const char *recipients)
{
	struct buffer got = { 0 };
	struct reader *r;
	struct error e = { 0 };

	buffer_clear(&got);
	assert_int_equal(reader_open(&r, w->dir, &e), 0);
	assert_int_equal(reader_delivered(r, message, collect, &got, &e), 0);
	assert_string_equal(got.data, recipients);
	reader_free(&r);
	buffer_free(&got);
}

static struct standing
standing_of(const struct world *w)
{
	struct standing s;
	struct reader *r;
	struct error e = { 0 };

	assert_int_equal(reader_open(&r, w->dir, &e), 0);
	assert_int_equal(reader_standing(r, "isp", &s, &e), 0);
	reader_free(&r);
	return s;
}

/* --- intents and verdicts --- */

static void
an_intent_makes_a_row_in_doubt_and_says_what_was_intended(void **state)
{
	const struct ledger_outcome to[] = { { .recipient = "ann" },
		{ .recipient = "bob@example.org" } };
	struct ledger_change c = { .kind = CHANGE_INTENT,
		.uid = slice_of("u1"),
		.copy = 2,
		.octets = 4096,
		.destination = "home",
		.outcomes = to,
		.outcome_count = 2 };
	struct world w;
	struct row r;
	struct error e = { 0 };
	char text[256];

	(void)state;
	world_begin(&w);
	assert_int_equal(ledger_change(w.l, w.account, &c, 1, &e), 0);
	assert_true(c.message > 0);
	r = row_of(&w, c.message);
	assert_int_equal(r.state, STATE_IN_DOUBT);
	assert_int_equal(r.before, STATE_NEW);
	assert_int_equal(r.copy, 2);
	assert_int_equal(r.octets, 4096);
	assert_int_equal(r.first_seen, START);
	assert_int_equal(r.since, START);
	assert_int_equal(r.delivered, 0);
	assert_int_equal(r.attempts, 0);
	assert_string_equal(ask(&w, "SELECT intent FROM message", text),
	    "home: ann bob@example.org");
	world_end(&w);
}

static void
the_same_uid_finds_the_same_row(void **state)
{
	struct world w;
	struct ledger_change c[] = {
		{ .kind = CHANGE_INTENT, .uid = slice_of("u"), .octets = 1 },
		{ .kind = CHANGE_WITHDRAW, .uid = slice_of("u"), .octets = 2 },
		{ .kind = CHANGE_INTENT,
		    .uid = slice_of("u"),
		    .copy = 1,
		    .octets = 3 },
	};
	struct error e = { 0 };

	(void)state;
	world_begin(&w);
	assert_int_equal(ledger_change(w.l, w.account, c, 3, &e), 0);
	assert_int_equal(c[0].message, c[1].message);
	assert_int_not_equal(c[0].message, c[2].message);
	assert_int_equal(row_of(&w, c[0].message).octets, 1);
	assert_int_equal(state_of(&w, c[0].message), STATE_NEW);
	assert_int_equal(state_of(&w, c[2].message), STATE_IN_DOUBT);
	world_end(&w);
}

/* A row in a state, by way of the changes that lead there. */
static int64_t
row_in(struct world *w, const char *uid, enum state to)
{
	int64_t m = intent(w, 0, uid);

	switch (to) {
	case STATE_NEW:
		return apply_to(w, CHANGE_WITHDRAW, m);
	case STATE_SEEN:
		return apply_to(w, CHANGE_SEEN, m);
	case STATE_IN_DOUBT:
		return m;
	case STATE_DROPPED:
		verdict(w, m, uid, STATE_HELD, "no");
		return apply_to(w, CHANGE_DROP, m);
	case STATE_GONE:
		verdict(w, m, uid, STATE_DEFERRED, "later");
		return apply_to(w, CHANGE_GONE, m);
	default:
		return verdict(w, m, uid, to, "because");
	}
}

static void
a_withdrawn_intent_leaves_the_row_as_it_was(void **state)
{
	struct world w;

	(void)state;
	world_begin(&w);
	for (int s = 0; s < STATE_GONE; s++) {
		struct row before, after;
		char uid[16], sql[128], reply[256], again[256];
		int64_t m;

		snprintf(uid, sizeof(uid), "u%d", s);
		m = row_in(&w, uid, (enum state)s);
		snprintf(sql, sizeof(sql),
		    "SELECT reply FROM message WHERE id = %lld", (long long)m);
		ask(&w, sql, reply);
		before = row_of(&w, m);
		assert_int_equal(before.state, s);
		atomic_fetch_add(&wall, 100);
		intent(&w, m, uid);
		assert_int_equal(state_of(&w, m), STATE_IN_DOUBT);
		apply_to(&w, CHANGE_WITHDRAW, m);
		after = row_of(&w, m);
		assert_int_equal(after.state, before.state);
		assert_int_equal(after.attempts, before.attempts);
		assert_int_equal(after.next_try, before.next_try);
		assert_int_equal(after.delivered, before.delivered);
		assert_int_equal(after.deletions, before.deletions);
		assert_int_equal(after.octets, before.octets);
		assert_int_equal(after.first_seen, before.first_seen);
		assert_string_equal(ask(&w, sql, again), reply);
	}
	world_end(&w);
}

static void
a_withdrawal_without_an_intent_changes_nothing(void **state)
{
	struct world w;

	(void)state;
	world_begin(&w);
	for (int s = 0; s < STATES; s++) {
		char uid[16];
		struct row before, after;
		int64_t m;

		if (s == STATE_IN_DOUBT)
			continue;
		snprintf(uid, sizeof(uid), "u%d", s);
		m = row_in(&w, uid, (enum state)s);
		before = row_of(&w, m);
		atomic_fetch_add(&wall, 100);
		apply_to(&w, CHANGE_WITHDRAW, m);
		after = row_of(&w, m);
		assert_int_equal(after.state, before.state);
		assert_int_equal(after.before, before.before);
		assert_int_equal(after.since, before.since);
	}
	world_end(&w);
}

static void
an_intent_that_is_left_over_is_in_doubt_for_ever(void **state)
{
	struct world w;
	int64_t m;

	(void)state;
	world_begin(&w);
	m = intent(&w, 0, "u");
	reopen(&w);
	assert_int_equal(state_of(&w, m), STATE_IN_DOUBT);
	/* Sent again, and again nothing went out. */
	intent(&w, m, "u");
	apply_to(&w, CHANGE_WITHDRAW, m);
	assert_int_equal(state_of(&w, m), STATE_IN_DOUBT);
	/* Twice, and with a crash between. */
	intent(&w, m, "u");
	reopen(&w);
	intent(&w, m, "u");
	apply_to(&w, CHANGE_WITHDRAW, m);
	assert_int_equal(state_of(&w, m), STATE_IN_DOUBT);
	verdict(&w, m, "u", STATE_DELIVERED, "250 ok");
	assert_int_equal(state_of(&w, m), STATE_DELIVERED);
	world_end(&w);
}

static void
a_crash_while_a_refused_message_is_sent_again_leaves_it_in_doubt(void **state)
{
	struct world w;
	int64_t m;

	(void)state;
	world_begin(&w);
	m = row_in(&w, "u", STATE_DEFERRED);
	intent(&w, m, "u");
	reopen(&w);
	assert_int_equal(state_of(&w, m), STATE_IN_DOUBT);
	intent(&w, m, "u");
	apply_to(&w, CHANGE_WITHDRAW, m);
	/* Not deferred: the first of the two may have gone out. */
	assert_int_equal(state_of(&w, m), STATE_IN_DOUBT);
	world_end(&w);
}

static void
each_verdict_ends_the_doubt(void **state)
{
	static const struct {
		enum state state;
		bool delivered;
		uint32_t attempts;
	} table[] = {
		{ STATE_DELIVERED, true, 0 },
		{ STATE_DELETE_OWED, true, 0 },
		{ STATE_DEFERRED, false, 1 },
		{ STATE_HELD, false, 0 },
		{ STATE_IN_DOUBT, false, 0 },
	};
	struct world w;

	(void)state;
	world_begin(&w);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		char uid[16], sql[128], text[256];
		struct row r;
		int64_t m, now;

		snprintf(uid, sizeof(uid), "u%zu", i);
		m = intent(&w, 0, uid);
		now = atomic_fetch_add(&wall, 7) + 7;
		verdict(&w, m, uid, table[i].state, "250 2.0.0 queued");
		r = row_of(&w, m);
		assert_int_equal(r.state, table[i].state);
		assert_int_equal(r.before, STATE_NEW);
		assert_int_equal(r.since, now);
		assert_int_equal(r.delivered, table[i].delivered ? now : 0);
		assert_int_equal(r.attempts, table[i].attempts);
		assert_int_equal(r.next_try,
		    table[i].state == STATE_DEFERRED ? now + 60 : 0);
		snprintf(sql, sizeof(sql),
		    "SELECT reply FROM message WHERE id = %lld", (long long)m);
		assert_string_equal(ask(&w, sql, text), "250 2.0.0 queued");
		snprintf(sql, sizeof(sql),
		    "SELECT intent FROM message WHERE id = %lld", (long long)m);
		assert_string_equal(ask(&w, sql, text),
		    table[i].state == STATE_IN_DOUBT ? "home: ann" : "NULL");
	}
	world_end(&w);
}

static void
a_verdict_may_come_without_an_intent(void **state)
{
	struct world w;
	int64_t m;

	(void)state;
	world_begin(&w);
	m = verdict(&w, 0, "too large", STATE_HELD, "larger than max_size");
	assert_true(m > 0);
	assert_int_equal(state_of(&w, m), STATE_HELD);
	world_end(&w);
}

static void
each_temporary_refusal_is_an_attempt(void **state)
{
	struct world w;
	int64_t m;

	(void)state;
	world_begin(&w);
	m = row_in(&w, "u", STATE_DEFERRED);
	for (uint32_t i = 2; i < 5; i++) {
		intent(&w, m, "u");
		assert_int_equal(row_of(&w, m).attempts, i - 1);
		verdict(&w, m, "u", STATE_DEFERRED, "450 later");
		assert_int_equal(row_of(&w, m).attempts, i);
	}
	assert_int_equal(row_of(&w, m).first_seen, START);
	world_end(&w);
}

/* --- recipients --- */

static void
outcomes_are_kept_only_while_they_differ(void **state)
{
	struct world w;
	char text[256];
	int64_t m;

	(void)state;
	world_begin(&w);
	m = intent(&w, 0, "u");
	verdict_of_two(&w, m, STATE_DEFERRED, STATE_DEFERRED, STATE_DEFERRED);
	assert_string_equal(ask(&w, "SELECT count(*) FROM outcome", text), "0");
	expect_delivered(&w, m, "");
	verdict_of_two(&w, m, STATE_DEFERRED, STATE_DELIVERED, STATE_DEFERRED);
	assert_string_equal(ask(&w, "SELECT count(*) FROM outcome", text), "2");
	expect_delivered(&w, m, "ann ");
	assert_string_equal(ask(&w,
				"SELECT destination || reply FROM outcome"
				" WHERE recipient = 'bob'",
				text),
	    "homeb");
	verdict_of_two(&w, m, STATE_HELD, STATE_DELIVERED, STATE_HELD);
	expect_delivered(&w, m, "ann ");
	verdict_of_two(
	    &w, m, STATE_DELIVERED, STATE_DELIVERED, STATE_DELIVERED);
	assert_string_equal(ask(&w, "SELECT count(*) FROM outcome", text), "0");
	expect_delivered(&w, m, "");
	world_end(&w);
}

static void
what_has_been_accepted_is_remembered_until_the_rest_is(void **state)
{
	const struct ledger_outcome bob = {
		.recipient = "bob", .state = STATE_DELIVERED, .reply = "250"
	};
	struct world w;
	char text[256];
	int64_t m;

	(void)state;
	world_begin(&w);
	m = intent(&w, 0, "u");
	verdict_of_two(&w, m, STATE_DEFERRED, STATE_DELIVERED, STATE_DEFERRED);
	/* A crash in the middle of sending it to bob forgets no one. */
	intent(&w, m, "u");
	reopen(&w);
	expect_delivered(&w, m, "ann ");
	apply_to(&w, CHANGE_WITHDRAW, m);
	expect_delivered(&w, m, "ann ");
	apply(&w,
	    (struct ledger_change){ .kind = CHANGE_VERDICT,
		.message = m,
		.state = STATE_DELETE_OWED,
		.destination = "home",
		.outcomes = &bob,
		.outcome_count = 1 });
	assert_string_equal(ask(&w, "SELECT count(*) FROM outcome", text), "0");
	world_end(&w);
}

static void
a_message_tried_again_is_not_sent_again_to_those_who_have_it(void **state)
{
	struct world w;
	int64_t m;

	(void)state;
	world_begin(&w);
	m = intent(&w, 0, "u");
	verdict_of_two(&w, m, STATE_HELD, STATE_DELIVERED, STATE_HELD);
	apply_to(&w, CHANGE_RETRY, m);
	assert_int_equal(state_of(&w, m), STATE_NEW);
	expect_delivered(&w, m, "ann ");
	world_end(&w);
}

static void
outcomes_of_other_messages_stay_as_they_are(void **state)
{
	struct world w;
	int64_t m, other;

	(void)state;
	world_begin(&w);
	m = intent(&w, 0, "u");
	other = intent(&w, 0, "v");
	verdict_of_two(
	    &w, other, STATE_DEFERRED, STATE_DEFERRED, STATE_DELIVERED);
	verdict_of_two(
	    &w, m, STATE_DELIVERED, STATE_DELIVERED, STATE_DELIVERED);
	expect_delivered(&w, other, "bob ");
	expect_delivered(&w, m, "");
	world_end(&w);
}

/* --- another message under the same UID --- */

static void
a_fresh_message_has_nothing_of_the_one_before(void **state)
{
	struct world w;
	struct row r;
	char text[256];
	int64_t m, again;

	(void)state;
	world_begin(&w);
	m = row_in(&w, "u", STATE_DEFERRED);
	verdict(&w, m, "u", STATE_DEFERRED, "later");
	intent(&w, m, "u");
	intent(&w, m, "u");
	assert_int_equal(row_of(&w, m).doubts, 1);
	verdict(&w, m, "u", STATE_DELETE_OWED, "250");
	apply_to(&w, CHANGE_DELETED, m);
	apply_to(&w, CHANGE_GONE, m);
	atomic_fetch_add(&wall, 1000);
	again = apply(&w,
	    (struct ledger_change){ .kind = CHANGE_INTENT,
		.uid = slice_of("u"),
		.octets = 777,
		.fresh = true });
	assert_int_equal(again, m);
	apply_to(&w, CHANGE_WITHDRAW, m);
	r = row_of(&w, m);
	assert_int_equal(r.state, STATE_NEW);
	assert_int_equal(r.octets, 777);
	assert_int_equal(r.doubts, 0);
	assert_int_equal(r.attempts, 0);
	assert_int_equal(r.deletions, 0);
	assert_int_equal(r.delivered, 0);
	assert_int_equal(r.next_try, 0);
	assert_int_equal(r.first_seen, START + 1000);
	assert_int_equal(r.since, START + 1000);
	assert_string_equal(ask(&w, "SELECT reply FROM message", text), "");
	assert_string_equal(ask(&w, "SELECT count(*) FROM message", text), "1");
	world_end(&w);
}

static void
a_fresh_message_has_been_accepted_by_nobody(void **state)
{
	struct world w;
	int64_t m;

	(void)state;
	world_begin(&w);
	m = intent(&w, 0, "u");
	verdict_of_two(&w, m, STATE_DEFERRED, STATE_DELIVERED, STATE_DEFERRED);
	apply_to(&w, CHANGE_GONE, m);
	apply(&w,
	    (struct ledger_change){ .kind = CHANGE_INTENT,
		.uid = slice_of("u"),
		.octets = 777,
		.fresh = true });
	apply_to(&w, CHANGE_WITHDRAW, m);
	expect_delivered(&w, m, "");
	world_end(&w);
}

static void
a_fresh_message_that_nobody_knew_is_simply_new(void **state)
{
	struct world w;
	int64_t m;

	(void)state;
	world_begin(&w);
	m = apply(&w,
	    (struct ledger_change){ .kind = CHANGE_VERDICT,
		.uid = slice_of("u"),
		.octets = 5,
		.fresh = true,
		.state = STATE_DELIVERED });
	assert_int_equal(state_of(&w, m), STATE_DELIVERED);
	world_end(&w);
}

/* --- the other changes --- */

/* Which state each change leads to, from which. */
static void
each_change_acts_only_where_it_should(void **state)
{
	static const struct {
		enum change_kind kind;
		enum state from, to;
	} acts[] = {
		{ CHANGE_SEEN, STATE_NEW, STATE_SEEN },
		{ CHANGE_OWE, STATE_DELIVERED, STATE_DELETE_OWED },
		{ CHANGE_OWE, STATE_SEEN, STATE_DELETE_OWED },
		{ CHANGE_OWE, STATE_DROPPED, STATE_DROPPED },
		{ CHANGE_OWE, STATE_NEW, STATE_NEW },
		{ CHANGE_OWE, STATE_IN_DOUBT, STATE_IN_DOUBT },
		{ CHANGE_OWE, STATE_DEFERRED, STATE_DEFERRED },
		{ CHANGE_OWE, STATE_HELD, STATE_HELD },
		{ CHANGE_OWE, STATE_DELETE_OWED, STATE_DELETE_OWED },
		{ CHANGE_OWE, STATE_GONE, STATE_GONE },
		{ CHANGE_RETRY, STATE_HELD, STATE_NEW },
		{ CHANGE_RETRY, STATE_DROPPED, STATE_NEW },
		{ CHANGE_RETRY, STATE_DELIVERED, STATE_DELIVERED },
		{ CHANGE_RETRY, STATE_DELETE_OWED, STATE_DELETE_OWED },
		{ CHANGE_RETRY, STATE_SEEN, STATE_SEEN },
		{ CHANGE_RETRY, STATE_IN_DOUBT, STATE_IN_DOUBT },
		{ CHANGE_RETRY, STATE_GONE, STATE_GONE },
		{ CHANGE_DROP, STATE_HELD, STATE_DROPPED },
		{ CHANGE_DROP, STATE_NEW, STATE_NEW },
		{ CHANGE_DROP, STATE_IN_DOUBT, STATE_IN_DOUBT },
		{ CHANGE_DROP, STATE_DEFERRED, STATE_DEFERRED },
		{ CHANGE_DROP, STATE_DELIVERED, STATE_DELIVERED },
		{ CHANGE_DROP, STATE_GONE, STATE_GONE },
		{ CHANGE_GONE, STATE_DELIVERED, STATE_GONE },
		{ CHANGE_GONE, STATE_IN_DOUBT, STATE_GONE },
		{ CHANGE_GONE, STATE_GONE, STATE_GONE },
		{ CHANGE_RETURN, STATE_GONE, STATE_DEFERRED },
		{ CHANGE_RETURN, STATE_DELIVERED, STATE_DELIVERED },
		{ CHANGE_RETURN, STATE_IN_DOUBT, STATE_IN_DOUBT },
		{ CHANGE_DELETED, STATE_DELETE_OWED, STATE_DELETE_OWED },
		{ CHANGE_DELETED, STATE_DROPPED, STATE_DROPPED },
	};
	struct world w;

	(void)state;
	world_begin(&w);
	for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
		char uid[16];
		int64_t m;

		snprintf(uid, sizeof(uid), "u%zu", i);
		m = row_in(&w, uid, acts[i].from);
		assert_int_equal(state_of(&w, m), acts[i].from);
		apply_to(&w, acts[i].kind, m);
		if (state_of(&w, m) != acts[i].to)
			fail_msg("change %d of %s made it %s",
			    (int)acts[i].kind, state_name(acts[i].from),
			    state_name(state_of(&w, m)));
	}
	world_end(&w);
}

static void
seen_says_why(void **state)
{
	struct world w;
	char text[256];
	int64_t m;

	(void)state;
	world_begin(&w);
	m = apply(&w,
	    (struct ledger_change){ .kind = CHANGE_SEEN,
		.uid = slice_of("u"),
		.octets = 9,
		.reply = "there before the first poll" });
	assert_int_equal(state_of(&w, m), STATE_SEEN);
	assert_int_equal(row_of(&w, m).octets, 9);
	assert_string_equal(ask(&w, "SELECT reply FROM message", text),
	    "there before the first poll");
	world_end(&w);
}

static void
deletions_are_counted(void **state)
{
	struct world w;
	int64_t m;

	(void)state;
	world_begin(&w);
	m = row_in(&w, "u", STATE_DELETE_OWED);
	for (uint32_t i = 1; i <= 3; i++) {
		apply_to(&w, CHANGE_DELETED, m);
		assert_int_equal(row_of(&w, m).deletions, i);
	}
	world_end(&w);
}

static void
what_returns_is_what_it_was(void **state)
{
	struct world w;

	(void)state;
	world_begin(&w);
	for (int s = 0; s < STATE_GONE; s++) {
		struct row before, after;
		char uid[16];
		int64_t m;

		snprintf(uid, sizeof(uid), "u%d", s);
		m = row_in(&w, uid, (enum state)s);
		before = row_of(&w, m);
		atomic_fetch_add(&wall, 50);
		apply_to(&w, CHANGE_GONE, m);
		after = row_of(&w, m);
		assert_int_equal(after.state, STATE_GONE);
		assert_int_equal(after.before, s);
		assert_int_equal(after.since, before.since + 50);
		/* Gone a second time is gone since the first. */
		atomic_fetch_add(&wall, 50);
		apply_to(&w, CHANGE_GONE, m);
		assert_int_equal(row_of(&w, m).since, before.since + 50);
		assert_int_equal(row_of(&w, m).before, s);
		apply_to(&w, CHANGE_RETURN, m);
		after = row_of(&w, m);
		assert_int_equal(after.state, s);
		assert_int_equal(after.delivered, before.delivered);
		assert_int_equal(after.attempts, before.attempts);
		assert_int_equal(after.next_try, before.next_try);
	}
	world_end(&w);
}

static void
a_retried_message_begins_anew(void **state)
{
	struct world w;
	struct row r;
	int64_t m;

	(void)state;
	world_begin(&w);
	m = row_in(&w, "u", STATE_DEFERRED);
	intent(&w, m, "u");
	intent(&w, m, "u");
	verdict(&w, m, "u", STATE_HELD, "given up");
	assert_int_equal(row_of(&w, m).doubts, 1);
	assert_int_equal(row_of(&w, m).attempts, 1);
	assert_int_equal(row_of(&w, m).first_refused, START);
	atomic_fetch_add(&wall, 6 * DAY);
	apply_to(&w, CHANGE_RETRY, m);
	r = row_of(&w, m);
	assert_int_equal(r.state, STATE_NEW);
	assert_int_equal(r.attempts, 0);
	assert_int_equal(r.next_try, 0);
	assert_int_equal(r.first_refused, 0);
	assert_int_equal(r.doubts, 0);
	world_end(&w);
}

static void
only_what_is_sent_again_in_doubt_counts_as_doubted(void **state)
{
	struct world w;
	int64_t m;

	(void)state;
	world_begin(&w);
	m = intent(&w, 0, "u");
	assert_int_equal(row_of(&w, m).doubts, 0);
	/* Refused, or not sent after all: nobody can have it twice. */
	verdict(&w, m, "u", STATE_DEFERRED, "later");
	intent(&w, m, "u");
	apply_to(&w, CHANGE_WITHDRAW, m);
	intent(&w, m, "u");
	assert_int_equal(row_of(&w, m).doubts, 0);
	for (uint32_t n = 1; n <= 4; n++) {
		intent(&w, m, "u");
		assert_int_equal(row_of(&w, m).doubts, n);
	}
	reopen(&w);
	assert_int_equal(row_of(&w, m).doubts, 4);
	world_end(&w);
}

static void
what_was_not_sent_again_after_all_does_not_count(void **state)
{
	struct world w;
	int64_t m;

	(void)state;
	world_begin(&w);
	m = intent(&w, 0, "u");
	for (int i = 0; i < 3; i++) {
		intent(&w, m, "u");
		apply_to(&w, CHANGE_WITHDRAW, m);
		assert_int_equal(state_of(&w, m), STATE_IN_DOUBT);
		assert_int_equal(row_of(&w, m).doubts, 0);
	}
	world_end(&w);
}

static void
the_octets_are_those_of_what_was_last_sent(void **state)
{
	static const uint64_t told[] = { 100, 120, 0, 90 };
	static const uint64_t kept[] = { 100, 120, 120, 90 };
	struct world w;
	int64_t m = 0;

	(void)state;
	world_begin(&w);
	for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
		m = apply(&w,
		    (struct ledger_change){ .kind = CHANGE_INTENT,
			.message = m,
			.uid = slice_of("u"),
			.octets = told[i] });
		verdict(&w, m, "u", STATE_DEFERRED, "later");
		assert_int_equal(row_of(&w, m).octets, kept[i]);
	}
	world_end(&w);
}

static void
the_first_poll_is_planned_once(void **state)
{
	struct world w;

	(void)state;
	world_begin(&w);
	assert_true(standing_of(&w).first);
	apply(&w, (struct ledger_change){ .kind = CHANGE_FIRST });
	assert_false(standing_of(&w).first);
	assert_int_equal(standing_of(&w).counts[STATE_NEW], 0);
	reopen(&w);
	assert_false(standing_of(&w).first);
	world_end(&w);
}

/* --- UIDs --- */

static void
a_uid_is_octets_and_nothing_else(void **state)
{
	static char long_one[1000];
	const struct slice uids[] = {
		slice_of("1"),
		slice_of("01"),
		slice_make("1\0", 2),
		slice_make("1\0\0", 3),
		slice_make("\0", 1),
		slice_of(""),
		slice_of("1.0"),
		slice_of("1 "),
		slice_of("a"),
		slice_of("A"),
		slice_of("'; DROP TABLE message; --"),
		slice_of("\"quoted\""),
		slice_of("\xff\xfe\x80"),
		slice_of("NULL"),
		slice_of("x'31'"),
		slice_make(long_one, sizeof(long_one)),
		slice_make(long_one, sizeof(long_one) - 1),
	};
	const size_t n = sizeof(uids) / sizeof(uids[0]);
	int64_t message[sizeof(uids) / sizeof(uids[0])];
	struct world w;
	struct rows rows;

	(void)state;
	memset(long_one, 'L', sizeof(long_one));
	world_begin(&w);
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < n; i++) {
			int64_t m = apply(&w,
			    (struct ledger_change){ .kind = CHANGE_SEEN,
				.uid = uids[i],
				.octets = i });

			if (round == 1)
				assert_int_equal(m, message[i]);
			message[i] = m;
		}
		reopen(&w);
	}
	read_rows(&w, &rows);
	assert_int_equal(rows.count, n);
	for (size_t i = 0; i < n; i++) {
		size_t found = 0;

		for (size_t j = 0; j < rows.count; j++)
			if (rows.list[j].message == message[i]) {
				found++;
				assert_true(
				    slice_equal(rows.list[j].uid, uids[i]));
				assert_int_equal(rows.list[j].octets, i);
			}
		assert_int_equal(found, 1);
	}
	for (size_t i = 1; i < rows.count; i++)
		assert_true(
		    slice_compare(rows.list[i - 1].uid, rows.list[i].uid) < 0);
	rows_free(&rows);
	world_end(&w);
}

static void
octets_up_to_the_largest_number_come_back(void **state)
{
	static const uint64_t sizes[] = { 0, 1, UINT32_MAX,
		(uint64_t)UINT32_MAX + 1, INT64_MAX, UINT64_MAX };
	struct world w;

	(void)state;
	world_begin(&w);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		int64_t m = apply(&w,
		    (struct ledger_change){ .kind = CHANGE_SEEN,
			.uid = slice_of("u"),
			.copy = (uint32_t)i,
			.octets = sizes[i] });

		assert_true(row_of(&w, m).octets == sizes[i]);
	}
	world_end(&w);
}

/* --- accounts and polls --- */

static void
an_account_is_known_by_its_name(void **state)
{
	struct world w;
	struct error e = { 0 };
	int64_t again, other;

	(void)state;
	world_begin(&w);
	assert_true(w.account > 0);
	assert_int_equal(ledger_account(w.l, "isp", "POP.ISP.example", "ann",
			     NULL, false, &again, &e),
	    0);
	assert_int_equal(again, w.account);
	assert_int_equal(ledger_account(w.l, "club", "pop.isp.example", "ann",
			     NULL, false, &other, &e),
	    0);
	assert_int_not_equal(other, w.account);
	/* The same UID in another account is another message. */
	intent(&w, 0, "u");
	w.account = other;
	assert_int_equal(state_of(&w, row_in(&w, "u", STATE_HELD)), STATE_HELD);
	w.account = again;
	assert_int_equal(state_of(&w, intent(&w, 0, "u")), STATE_IN_DOUBT);
	world_end(&w);
}

static void
another_server_or_user_is_a_question(void **state)
{
	static const struct {
		const char *server, *user;
	} table[] = { { "pop.new.example", "ann" },
		{ "pop.isp.example", "bob" }, { "pop.isp.example", "Ann" } };
	struct world w;
	struct error e;
	int64_t id;

	(void)state;
	world_begin(&w);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		error_clear(&e);
		assert_int_equal(ledger_account(w.l, "isp", table[i].server,
				     table[i].user, NULL, false, &id, &e),
		    -1);
		assert_int_equal(e.kind, ERR_QUESTION);
		assert_non_null(strstr(e.text, "--same-mailbox"));
		assert_non_null(strstr(e.text, table[i].server));
		assert_non_null(strstr(e.text, table[i].user));
	}
	/* A question is no failure: the ledger goes on. */
	error_clear(&e);
	intent(&w, 0, "u");
	assert_int_equal(ledger_account(w.l, "isp", "pop.new.example", "bob",
			     NULL, true, &id, &e),
	    0);
	assert_int_equal(id, w.account);
	/* And the answer holds. */
	assert_int_equal(ledger_account(w.l, "isp", "pop.new.example", "bob",
			     NULL, false, &id, &e),
	    0);
	assert_int_equal(id, w.account);
	assert_int_equal(ledger_account(w.l, "isp", "pop.isp.example", "ann",
			     NULL, false, &id, &e),
	    -1);
	assert_int_equal(ledger_account(w.l, "isp", "pop.isp.example", "ann",
			     NULL, true, &id, &e),
	    0);
	/* A new account has not moved, whatever is said. */
	assert_int_equal(
	    ledger_account(w.l, "new", "h", "u", NULL, true, &id, &e), 0);
	assert_int_not_equal(id, w.account);
	world_end(&w);
}

static void
a_maildrop_under_a_new_name_is_a_question(void **state)
{
	static const char *const both[] = { "isp", "club", NULL };
	static const char *const new[] = { "provider", "club", NULL };
	struct world w;
	struct error e = { 0 };
	int64_t id, other;

	(void)state;
	world_begin(&w);
	/* Two accounts of one maildrop, both in the settings: none asks. */
	assert_int_equal(ledger_account(w.l, "club", "pop.isp.example", "ann",
			     both, false, &other, &e),
	    0);
	assert_int_not_equal(other, w.account);
	/* "isp" is no longer in the settings, and "provider" is its maildrop. */
	assert_int_equal(ledger_account(w.l, "provider", "POP.isp.example",
			     "ann", new, false, &id, &e),
	    -1);
	assert_int_equal(e.kind, ERR_QUESTION);
	assert_non_null(strstr(e.text, "--same-mailbox"));
	assert_non_null(strstr(e.text, "isp"));
	assert_non_null(strstr(e.text, "provider"));
	error_clear(&e);
	assert_int_equal(ledger_account(w.l, "provider", "POP.isp.example",
			     "ann", new, true, &id, &e),
	    0);
	assert_int_equal(id, w.account);
	/* The answer holds. */
	assert_int_equal(ledger_account(w.l, "provider", "pop.isp.example",
			     "ann", new, false, &id, &e),
	    0);
	assert_int_equal(id, w.account);
	/* Another user, or another server, is another maildrop. */
	assert_int_equal(ledger_account(w.l, "fourth", "pop.isp.example", "Ann",
			     both, false, &id, &e),
	    0);
	assert_int_equal(ledger_account(w.l, "fifth", "pop.old.example", "ann",
			     both, false, &id, &e),
	    0);
	assert_int_not_equal(id, w.account);
	world_end(&w);
}

static void
polls_leave_their_figures(void **state)
{
	struct ledger_poll poll = { .started = START + 1,
		.ended = START + 5,
		.listed = true,
		.in_mailbox = 12,
		.delivered = 3,
		.octets = 4096,
		.deleted = 2 };
	struct world w;
	struct standing s;
	struct error e = { 0 };

	(void)state;
	world_begin(&w);
	s = standing_of(&w);
	assert_true(s.known);
	assert_false(s.polled);
	assert_int_equal(s.last_success, 0);
	poll.account = w.account;
	assert_int_equal(ledger_poll(w.l, &poll, &e), 0);
	s = standing_of(&w);
	assert_true(s.polled);
	assert_int_equal(s.last_started, START + 1);
	assert_int_equal(s.last_ended, START + 5);
	assert_int_equal(s.last_success, START + 5);
	assert_string_equal(s.error_kind, "");
	assert_string_equal(s.error_text, "");
	assert_int_equal(s.failures, 0);
	assert_int_equal(s.in_mailbox, 12);
	assert_int_equal(s.delivered, 3);
	assert_int_equal(s.octets, 4096);
	assert_int_equal(s.deleted, 2);
	assert_int_equal(s.total_delivered, 3);

	poll = (struct ledger_poll){ .account = w.account,
		.started = START + 100,
		.ended = START + 160 };
	error_set(&poll.error, ERR_CONNECT, "nobody answers");
	assert_int_equal(ledger_poll(w.l, &poll, &e), 0);
	assert_int_equal(ledger_poll(w.l, &poll, &e), 0);
	s = standing_of(&w);
	assert_int_equal(s.last_ended, START + 160);
	assert_int_equal(s.last_success, START + 5);
	assert_string_equal(s.error_kind, error_name(ERR_CONNECT));
	assert_string_equal(s.error_text, "nobody answers");
	assert_int_equal(s.failures, 2);
	/* It has listed nothing, so what was listed last still holds. */
	assert_int_equal(s.in_mailbox, 12);
	assert_int_equal(s.delivered, 0);
	assert_int_equal(s.total_delivered, 3);

	poll = (struct ledger_poll){ .account = w.account,
		.started = START + 200,
		.ended = START + 201,
		.listed = true,
		.delivered = 4 };
	assert_int_equal(ledger_poll(w.l, &poll, &e), 0);
	s = standing_of(&w);
	assert_int_equal(s.failures, 0);
	assert_string_equal(s.error_kind, "");
	assert_string_equal(s.error_text, "");
	assert_int_equal(s.in_mailbox, 0);
	assert_int_equal(s.total_delivered, 7);
	world_end(&w);
}

static void
what_has_been_gone_for_more_than_90_days_is_forgotten(void **state)
{
	struct world w;
	struct ledger_poll poll = { .listed = true };
	struct error e = { 0 };
	char text[256];
	int64_t gone, kept, other;

	(void)state;
	world_begin(&w);
	gone = intent(&w, 0, "gone");
	verdict_of_two(
	    &w, gone, STATE_DEFERRED, STATE_DELIVERED, STATE_DEFERRED);
	apply_to(&w, CHANGE_GONE, gone);
	kept = row_in(&w, "kept", STATE_DELIVERED);
	assert_int_equal(ledger_account(w.l, "club", "h", "u", NULL, false,
			     &poll.account, &e),
	    0);
	atomic_fetch_add(&wall, 1);
	other = row_in(&w, "gone later", STATE_GONE);

	/* Another account's poll forgets nothing of this one. */
	poll.ended = START + 900 * DAY;
	assert_int_equal(ledger_poll(w.l, &poll, &e), 0);
	assert_int_equal(state_of(&w, gone), STATE_GONE);

	poll.account = w.account;
	poll.ended = START + 90 * DAY;
	assert_int_equal(ledger_poll(w.l, &poll, &e), 0);
	assert_int_equal(state_of(&w, gone), STATE_GONE);
	poll.ended = START + 90 * DAY + 1;
	assert_int_equal(ledger_poll(w.l, &poll, &e), 0);
	assert_int_equal(row_of(&w, gone).message, 0);
	assert_int_equal(state_of(&w, other), STATE_GONE);
	assert_int_equal(state_of(&w, kept), STATE_DELIVERED);
	assert_string_equal(ask(&w, "SELECT count(*) FROM outcome", text), "0");
	world_end(&w);
}

/* --- jobs --- */

struct numbered {
	struct ledger_job job;
	struct ledger_change change;
	size_t number;
	char uid[16];
};

static struct numbered *
numbered_jobs(const struct world *w, struct queue *answer, const char *prefix,
    size_t count)
{
	struct numbered *jobs = xcalloc(count, sizeof(*jobs));

	for (size_t i = 0; i < count; i++) {
		struct numbered *n = &jobs[i];

		n->number = i;
		snprintf(n->uid, sizeof(n->uid), "%s%zu", prefix, i);
		n->change = (struct ledger_change){ .kind = CHANGE_INTENT,
			.uid = slice_of(n->uid),
			.octets = i };
		n->job = (struct ledger_job){ .account = w->account,
			.changes = &n->change,
			.change_count = 1,
			.answer = answer,
			.context = n };
	}
	return jobs;
}

static void
jobs_come_back_in_order_and_are_on_disk_by_then(void **state)
{
	enum {
		COUNT = 3000
	};
	struct world w;
	struct queue *answer;
	struct reader *r;
	struct error e = { 0 };
	struct numbered *jobs;

	(void)state;
	world_begin(&w);
	assert_int_equal(queue_new(&answer, &e), 0);
	assert_int_equal(reader_open(&r, w.dir, &e), 0);
	jobs = numbered_jobs(&w, answer, "u", COUNT);
	for (size_t i = 0; i < COUNT; i++)
		ledger_submit(w.l, &jobs[i].job);
	for (size_t i = 0; i < COUNT; i++) {
		struct ledger_job *job =
		    queue_wait(answer, -1, deadline_in(60000));
		struct numbered *n;

		assert_non_null(job);
		assert_int_equal(job->rc, 0);
		n = job->context;
		assert_int_equal(n->number, i);
		assert_true(n->change.message > 0);
		if (i % 250 == 0 || i == COUNT - 1) {
			struct rows rows;
			bool found = false;

			assert_int_equal(
			    reader_rows(r, w.account, &rows, &e), 0);
			for (size_t j = 0; j < rows.count; j++)
				found |= slice_is(rows.list[j].uid, n->uid);
			assert_true(found);
			rows_free(&rows);
		}
	}
	assert_null(queue_pop(answer));
	reader_free(&r);
	queue_free(&answer);
	world_end(&w);
	free(jobs);
}

struct submitter {
	struct world *w;
	char prefix[4];
	int rc;
};

static void *
submit_many(void *arg)
{
	enum {
		COUNT = 100
	};
	struct submitter *s = arg;
	struct queue *answer;
	struct error e = { 0 };
	struct numbered *jobs;

	if (queue_new(&answer, &e) < 0)
		return NULL;
	jobs = numbered_jobs(s->w, answer, s->prefix, COUNT);
	for (size_t i = 0; i < COUNT; i++)
		ledger_submit(s->w->l, &jobs[i].job);
	s->rc = 0;
	for (size_t i = 0; i < COUNT; i++) {
		struct ledger_job *job =
		    queue_wait(answer, -1, deadline_in(60000));
		const struct numbered *n = job != NULL ? job->context : NULL;

		if (n == NULL || job->rc < 0 || n->number != i)
			s->rc = -1;
	}
	queue_free(&answer);
	free(jobs);
	return NULL;
}

static void
threads_submit_at_once_and_each_gets_its_own_back(void **state)
{
	enum {
		THREADS = 4
	};
	struct world w;
	struct submitter s[THREADS];
	pthread_t threads[THREADS];
	struct rows rows;

	(void)state;
	world_begin(&w);
	for (size_t i = 0; i < THREADS; i++) {
		s[i] = (struct submitter){ .w = &w, .rc = -1 };
		snprintf(s[i].prefix, sizeof(s[i].prefix), "%c", 'a' + (int)i);
		assert_int_equal(
		    pthread_create(&threads[i], NULL, submit_many, &s[i]), 0);
	}
	for (size_t i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(s[i].rc, 0);
	}
	read_rows(&w, &rows);
	assert_int_equal(rows.count, THREADS * 100);
	rows_free(&rows);
	world_end(&w);
}

static void
closing_writes_what_waits(void **state)
{
	enum {
		COUNT = 2500
	};
	struct world w;
	struct queue *answer;
	struct error e = { 0 };
	struct numbered *jobs;
	struct rows rows;

	(void)state;
	world_begin(&w);
	assert_int_equal(queue_new(&answer, &e), 0);
	jobs = numbered_jobs(&w, answer, "u", COUNT);
	for (size_t i = 0; i < COUNT; i++)
		ledger_submit(w.l, &jobs[i].job);
	ledger_close(&w.l);
	for (size_t i = 0; i < COUNT; i++) {
		struct ledger_job *job = queue_pop(answer);

		assert_non_null(job);
		assert_int_equal(job->rc, 0);
	}
	queue_free(&answer);
	read_rows(&w, &rows);
	assert_int_equal(rows.count, COUNT);
	rows_free(&rows);
	world_end(&w);
	free(jobs);
}

static void
what_was_durable_outlives_a_killed_process(void **state)
{
	struct world w;
	struct rows rows;
	int status;
	pid_t child;

	(void)state;
	world_begin(&w);
	ledger_close(&w.l);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		world_open(&w);
		row_in(&w, "delivered", STATE_DELIVERED);
		intent(&w, 0, "on its way");
		raise(SIGKILL);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	/* First for one who only reads, then for the next who writes. */
	for (int round = 0; round < 2; round++) {
		read_rows(&w, &rows);
		assert_int_equal(rows.count, 2);
		assert_int_equal(rows.list[0].state, STATE_DELIVERED);
		assert_int_equal(rows.list[1].state, STATE_IN_DOUBT);
		rows_free(&rows);
		if (round == 0)
			world_open(&w);
	}
	world_end(&w);
}

static void
no_changes_are_durable_at_once(void **state)
{
	struct world w;
	struct error e = { 0 };

	(void)state;
	world_begin(&w);
	assert_int_equal(ledger_change(w.l, w.account, NULL, 0, &e), 0);
	world_end(&w);
}

static void
after_an_error_nothing_is_recorded_any_more(void **state)
{
	struct ledger_change good = { .kind = CHANGE_INTENT,
		.uid = slice_of("good") };
	struct ledger_change half[] = {
		{ .kind = CHANGE_INTENT, .uid = slice_of("first half") },
		{ .kind = CHANGE_VERDICT,
		    .uid = slice_of("other half"),
		    .state = STATE_HELD },
	};
	struct world w;
	struct error e = { 0 };
	struct rows rows;
	int64_t id;
	char text[256];

	(void)state;
	world_begin(&w);
	assert_int_equal(ledger_change(w.l, w.account, &good, 1, &e), 0);
	/* Something goes wrong in the middle of a transaction. */
	ask(&w,
	    "CREATE TRIGGER broken BEFORE UPDATE ON message"
	    " WHEN new.state = 'held'"
	    " BEGIN SELECT RAISE (ABORT, 'the disk says no'); END",
	    text);
	assert_int_equal(ledger_change(w.l, w.account, half, 2, &e), -1);
	assert_int_equal(e.kind, ERR_LEDGER);
	assert_non_null(strstr(e.text, "the disk says no"));
	ask(&w, "DROP TRIGGER broken", text);
	good.message = 0;
	good.uid = slice_of("too late");
	error_clear(&e);
	assert_int_equal(ledger_change(w.l, w.account, &good, 1, &e), -1);
	assert_int_equal(e.kind, ERR_LEDGER);
	assert_int_equal(
	    ledger_account(w.l, "isp", "h", "u", NULL, false, &id, &e), -1);
	assert_int_equal(e.kind, ERR_LEDGER);
	read_rows(&w, &rows);
	assert_int_equal(rows.count, 1);
	assert_true(slice_is(rows.list[0].uid, "good"));
	rows_free(&rows);
	/* A new process begins with what was durable. */
	reopen(&w);
	row_in(&w, "later", STATE_HELD);
	world_end(&w);
}

static void
a_message_of_an_unknown_account_is_refused(void **state)
{
	struct ledger_change c = { .kind = CHANGE_INTENT,
		.uid = slice_of("u") };
	struct world w;
	struct error e = { 0 };

	(void)state;
	world_begin(&w);
	assert_int_equal(ledger_change(w.l, 999, &c, 1, &e), -1);
	assert_int_equal(e.kind, ERR_LEDGER);
	world_end(&w);
}

/* --- opening --- */

static void
the_files_are_private(void **state)
{
	static const char *const names[] = { "ledger.db", "ledger.lock",
		"ledger.marker", "ledger.db-wal", "ledger.db-shm" };
	mode_t before = umask(0);
	struct world w;
	struct stat st;
	char path[128];

	(void)state;
	world_begin(&w);
	umask(before);
	intent(&w, 0, "u");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		path_in(&w, names[i], path);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 07777, 0600);
	}
	world_end(&w);
}

static void
it_is_written_ahead_and_in_its_version(void **state)
{
	struct world w;
	char text[256];

	(void)state;
	world_begin(&w);
	assert_string_equal(ask(&w, "PRAGMA journal_mode", text), "wal");
	assert_string_equal(ask(&w, "PRAGMA user_version", text), "2");
	assert_string_equal(ask(&w, "PRAGMA integrity_check", text), "ok");
	assert_string_equal(
	    ask(&w,
		"SELECT count(*) FROM pragma_table_list"
		" WHERE name IN ('account', 'message', 'outcome')"
		" AND strict",
		text),
	    "3");
	world_end(&w);
}

static void
another_process_is_told_who_holds_it(void **state)
{
	struct world w;
	struct error e = { 0 };
	int ends[2], status;
	char pid[32];
	pid_t child;

	(void)state;
	world_begin(&w);
	assert_int_equal(pipe(ends), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct ledger *l;
		int rc = ledger_open(&l, w.dir, false, &e);
		ssize_t n = write(ends[1], &e, sizeof(e));

		_exit(rc < 0 && l == NULL && n == (ssize_t)sizeof(e) ? 0 : 1);
	}
	close(ends[1]);
	assert_int_equal(read(ends[0], &e, sizeof(e)), sizeof(e));
	close(ends[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_int_equal(e.kind, ERR_LOCKED);
	snprintf(pid, sizeof(pid), "process %ld)", (long)getpid());
	assert_non_null(strstr(e.text, pid));
	/* And this one is not disturbed by it. */
	intent(&w, 0, "u");
	world_end(&w);
}

static void
expect_open_fails(struct world *w, enum error_kind kind, const char *words)
{
	struct error e = { 0 };

	assert_int_equal(ledger_open(&w->l, w->dir, false, &e), -1);
	assert_null(w->l);
	assert_int_equal(e.kind, kind);
	if (strstr(e.text, words) == NULL)
		fail_msg("no \"%s\" in: %s", words, e.text);
}

static void
remove_ledger(const struct world *w)
{
	static const char *const names[] = { "ledger.db", "ledger.db-wal",
		"ledger.db-shm" };
	char path[128];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		path_in(w, names[i], path);
		if (unlink(path) < 0)
			assert_int_equal(errno, ENOENT);
	}
}

static void
a_ledger_that_has_gone_is_not_made_anew_unasked(void **state)
{
	struct world w;
	struct error e = { 0 };
	char path[128];

	(void)state;
	world_begin(&w);
	intent(&w, 0, "u");
	ledger_close(&w.l);
	remove_ledger(&w);
	expect_open_fails(&w, ERR_QUESTION, "--new-ledger");
	/* The question alone answers nothing. */
	path_in(&w, "ledger.db", path);
	assert_int_equal(access(path, F_OK), -1);
	expect_open_fails(&w, ERR_QUESTION, "--new-ledger");
	assert_int_equal(ledger_open(&w.l, w.dir, true, &e), 0);
	reopen(&w);
	world_end(&w);
}

static void
an_emptied_ledger_is_not_filled_anew_unasked(void **state)
{
	struct world w;
	char path[128];

	(void)state;
	world_begin(&w);
	intent(&w, 0, "u");
	ledger_close(&w.l);
	path_in(&w, "ledger.db", path);
	assert_int_equal(truncate(path, 0), 0);
	expect_open_fails(&w, ERR_QUESTION, "--new-ledger");
	world_end(&w);
}

static void
a_newer_ledger_is_left_alone(void **state)
{
	struct world w;
	char text[256];

	(void)state;
	world_begin(&w);
	ledger_close(&w.l);
	ask(&w, "PRAGMA user_version = 1000", text);
	expect_open_fails(&w, ERR_LEDGER, "newer postrider");
	assert_string_equal(ask(&w, "PRAGMA user_version", text), "1000");
	world_end(&w);
}

static void
another_programs_database_is_left_alone(void **state)
{
	struct world w;
	char text[256];

	(void)state;
	world_begin(&w);
	ledger_close(&w.l);
	ask(&w, "PRAGMA application_id = 1", text);
	expect_open_fails(&w, ERR_LEDGER, "other program");
	world_end(&w);
}

static void
overwrite(const struct world *w, off_t at, size_t len)
{
	char path[128];
	char *rubbish = xcalloc(1, len);
	int fd;

	memset(rubbish, 'x', len);
	path_in(w, "ledger.db", path);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, rubbish, len, at), len);
	close(fd);
	free(rubbish);
}

static void
a_damaged_ledger_is_said_to_be_damaged(void **state)
{
	struct world w;

	(void)state;
	world_begin(&w);
	ledger_close(&w.l);
	overwrite(&w, 0, 200);
	expect_open_fails(&w, ERR_LEDGER, "damaged");
	world_end(&w);

	/* With its head whole and the tables' definitions gone. */
	world_begin(&w);
	ledger_close(&w.l);
	overwrite(&w, 100, 3900);
	expect_open_fails(&w, ERR_LEDGER, "damaged");
	world_end(&w);
}

static void
a_directory_that_is_a_file_is_an_error(void **state)
{
	struct world w;
	struct ledger *l = NULL;
	struct error e = { 0 };
	char path[128];

	(void)state;
	world_begin(&w);
	path_in(&w, "ledger.marker", path);
	assert_int_equal(ledger_open(&l, path, false, &e), -1);
	assert_null(l);
	assert_int_equal(e.kind, ERR_LEDGER);
	assert_non_null(strstr(e.text, path));
	world_end(&w);
}

static void
a_symbolic_link_is_not_followed(void **state)
{
	struct world w;
	struct error e = { 0 };
	char path[128], target[128];

	(void)state;
	world_begin(&w);
	ledger_close(&w.l);
	path_in(&w, "ledger.db", path);
	path_in(&w, "target", target);
	assert_int_equal(rename(path, target), 0);
	assert_int_equal(symlink(target, path), 0);
	assert_int_equal(ledger_open(&w.l, w.dir, false, &e), -1);
	assert_int_equal(e.kind, ERR_LEDGER);
	assert_int_equal(unlink(target), 0);
	world_end(&w);
}

static void
a_failed_opening_gives_the_lock_back(void **state)
{
	struct world w;
	char text[256];

	(void)state;
	world_begin(&w);
	ledger_close(&w.l);
	ask(&w, "PRAGMA user_version = 1000", text);
	expect_open_fails(&w, ERR_LEDGER, "newer");
	ask(&w, "PRAGMA user_version = 2", text);
	world_open(&w);
	world_end(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    an_intent_makes_a_row_in_doubt_and_says_what_was_intended),
		cmocka_unit_test(the_same_uid_finds_the_same_row),
		cmocka_unit_test(a_withdrawn_intent_leaves_the_row_as_it_was),
		cmocka_unit_test(
		    a_withdrawal_without_an_intent_changes_nothing),
		cmocka_unit_test(
		    an_intent_that_is_left_over_is_in_doubt_for_ever),
		cmocka_unit_test(
		    a_crash_while_a_refused_message_is_sent_again_leaves_it_in_doubt),
		cmocka_unit_test(each_verdict_ends_the_doubt),
		cmocka_unit_test(a_verdict_may_come_without_an_intent),
		cmocka_unit_test(each_temporary_refusal_is_an_attempt),
		cmocka_unit_test(outcomes_are_kept_only_while_they_differ),
		cmocka_unit_test(
		    what_has_been_accepted_is_remembered_until_the_rest_is),
		cmocka_unit_test(
		    a_message_tried_again_is_not_sent_again_to_those_who_have_it),
		cmocka_unit_test(outcomes_of_other_messages_stay_as_they_are),
		cmocka_unit_test(a_fresh_message_has_nothing_of_the_one_before),
		cmocka_unit_test(a_fresh_message_has_been_accepted_by_nobody),
		cmocka_unit_test(
		    a_fresh_message_that_nobody_knew_is_simply_new),
		cmocka_unit_test(each_change_acts_only_where_it_should),
		cmocka_unit_test(seen_says_why),
		cmocka_unit_test(deletions_are_counted),
		cmocka_unit_test(what_returns_is_what_it_was),
		cmocka_unit_test(a_retried_message_begins_anew),
		cmocka_unit_test(
		    only_what_is_sent_again_in_doubt_counts_as_doubted),
		cmocka_unit_test(
		    what_was_not_sent_again_after_all_does_not_count),
		cmocka_unit_test(the_octets_are_those_of_what_was_last_sent),
		cmocka_unit_test(the_first_poll_is_planned_once),
		cmocka_unit_test(a_uid_is_octets_and_nothing_else),
		cmocka_unit_test(octets_up_to_the_largest_number_come_back),
		cmocka_unit_test(an_account_is_known_by_its_name),
		cmocka_unit_test(another_server_or_user_is_a_question),
		cmocka_unit_test(a_maildrop_under_a_new_name_is_a_question),
		cmocka_unit_test(polls_leave_their_figures),
		cmocka_unit_test(
		    what_has_been_gone_for_more_than_90_days_is_forgotten),
		cmocka_unit_test(
		    jobs_come_back_in_order_and_are_on_disk_by_then),
		cmocka_unit_test(
		    threads_submit_at_once_and_each_gets_its_own_back),
		cmocka_unit_test(closing_writes_what_waits),
		cmocka_unit_test(what_was_durable_outlives_a_killed_process),
		cmocka_unit_test(no_changes_are_durable_at_once),
		cmocka_unit_test(after_an_error_nothing_is_recorded_any_more),
		cmocka_unit_test(a_message_of_an_unknown_account_is_refused),
		cmocka_unit_test(the_files_are_private),
		cmocka_unit_test(it_is_written_ahead_and_in_its_version),
		cmocka_unit_test(another_process_is_told_who_holds_it),
		cmocka_unit_test(
		    a_ledger_that_has_gone_is_not_made_anew_unasked),
		cmocka_unit_test(an_emptied_ledger_is_not_filled_anew_unasked),
		cmocka_unit_test(a_newer_ledger_is_left_alone),
		cmocka_unit_test(another_programs_database_is_left_alone),
		cmocka_unit_test(a_damaged_ledger_is_said_to_be_damaged),
		cmocka_unit_test(a_directory_that_is_a_file_is_an_error),
		cmocka_unit_test(a_symbolic_link_is_not_followed),
		cmocka_unit_test(a_failed_opening_gives_the_lock_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
