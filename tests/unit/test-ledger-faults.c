/*
 * test-ledger-faults.c - the disk under the ledger fails at each call in turn.
 * What was said to be durable is there afterwards, what could not be written
 * was said not to be, and nothing was taken after that.
 */
#include "ledger/ledger.h"

#include "../kit/faults.h"
#include "base/alloc.h"
#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define START ((int64_t)1700000000)
/* No sweep comes near it: the calls of a run are some hundreds. */
#define SWEEP_MAX 2000

int64_t
clock_wall(void)
{
	return START;
}

/* --- a ledger in a directory of its own --- */

struct world {
	char dir[64];
	struct ledger *l;
	int64_t account;
};

static void
world_begin(struct world *w)
{
	/* In memory, where there is such a place: nothing here needs a disk. */
	*w = (struct world){ .dir = "/dev/shm/postrider-faults.XXXXXX" };
	if (mkdtemp(w->dir) != NULL)
		return;
	*w = (struct world){ .dir = "/tmp/postrider-faults.XXXXXX" };
	assert_non_null(mkdtemp(w->dir));
}

static void
world_end(struct world *w)
{
	static const char *const names[] = { "ledger.db", "ledger.db-wal",
		"ledger.db-shm", "ledger.db-journal", "ledger.lock",
		"ledger.marker" };
	char path[128];

	ledger_close(&w->l);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", w->dir, names[i]);
		if (unlink(path) < 0)
			assert_int_equal(errno, ENOENT);
	}
	assert_int_equal(rmdir(w->dir), 0);
}

/* --- the life of a ledger, step by step --- */

static int
do_open(struct world *w, struct error *e)
{
	return ledger_open(&w->l, w->dir, false, e);
}

static int
do_account(struct world *w, struct error *e)
{
	return ledger_account(
	    w->l, "isp", "pop.isp.example", "ann", NULL, false, &w->account, e);
}

static int
do_plan(struct world *w, struct error *e)
{
	struct ledger_change c[] = {
		{ .kind = CHANGE_FIRST },
		{ .kind = CHANGE_SEEN, .uid = slice_of("s"), .octets = 9 },
		{ .kind = CHANGE_VERDICT,
		    .uid = slice_of("h"),
		    .octets = 99,
		    .state = STATE_HELD,
		    .reply = "larger than max_size" },
	};

	return ledger_change(w->l, w->account, c, 3, e);
}

static int
intent(struct world *w, const char *uid, struct error *e)
{
	static const struct ledger_outcome to[] = { { .recipient = "ann" },
		{ .recipient = "bob" } };
	struct ledger_change c = { .kind = CHANGE_INTENT,
		.uid = slice_of(uid),
		.octets = 100,
		.destination = "home",
		.outcomes = to,
		.outcome_count = 2 };

	return ledger_change(w->l, w->account, &c, 1, e);
}

static int
verdict(struct world *w, const char *uid, enum state ann, enum state bob,
    struct error *e)
{
	const struct ledger_outcome to[] = {
		{ .recipient = "ann", .state = ann, .reply = "a" },
		{ .recipient = "bob", .state = bob, .reply = "b" },
	};
	struct ledger_change c = { .kind = CHANGE_VERDICT,
		.uid = slice_of(uid),
		.octets = 100,
		.state = bob == STATE_DELIVERED ? STATE_DELETE_OWED : bob,
		.reply = "words",
		.destination = "home",
		.outcomes = to,
		.outcome_count = 2 };

	return ledger_change(w->l, w->account, &c, 1, e);
}

static int
do_intent_1(struct world *w, struct error *e)
{
	return intent(w, "1", e);
}

static int
do_verdict_1(struct world *w, struct error *e)
{
	return verdict(w, "1", STATE_DELIVERED, STATE_DELIVERED, e);
}

static int
do_intent_2(struct world *w, struct error *e)
{
	return intent(w, "2", e);
}

static int
do_verdict_2(struct world *w, struct error *e)
{
	return verdict(w, "2", STATE_DELIVERED, STATE_DEFERRED, e);
}

/* Enough rows to fill some pages. */
static int
do_many(struct world *w, struct error *e)
{
	static char reply[400];
	struct ledger_change c[12];
	char uids[12][8];

	memset(reply, 'r', sizeof(reply) - 1);
	for (size_t i = 0; i < 12; i++) {
		snprintf(uids[i], sizeof(uids[i]), "m%zu", i);
		c[i] = (struct ledger_change){ .kind = CHANGE_VERDICT,
			.uid = slice_of(uids[i]),
			.octets = i,
			.state = STATE_DELIVERED,
			.reply = reply };
	}
	return ledger_change(w->l, w->account, c, 12, e);
}

static int
do_delete(struct world *w, struct error *e)
{
	struct ledger_change c[] = {
		{ .kind = CHANGE_DELETED, .uid = slice_of("1"), .octets = 100 },
		{ .kind = CHANGE_GONE, .uid = slice_of("1"), .octets = 100 },
	};

	return ledger_change(w->l, w->account, c, 2, e);
}

static int
do_poll(struct world *w, struct error *e)
{
	const struct ledger_quiet quiet = { .digest = { 1 }, .held = 3 };
	const struct ledger_server server = { .name = "h:995 implicit",
		.capa = "UIDL\n",
		.pipelining = PIPELINING_PROVEN };
	const struct ledger_poll poll = { .account = w->account,
		.started = START,
		.ended = START + 1,
		.listed = true,
		.in_mailbox = 5,
		.delivered = 2,
		.quiet = &quiet,
		.server = &server };

	return ledger_poll(w->l, &poll, e);
}

static int
do_close(struct world *w, struct error *e)
{
	(void)e;
	ledger_close(&w->l);
	return 0;
}

static int (*const steps[])(struct world *w, struct error *e) = {
	do_open,
	do_account,
	do_plan,
	do_intent_1,
	do_verdict_1,
	do_intent_2,
	do_close,
	do_open,
	do_account,
	do_verdict_2,
	do_many,
	do_delete,
	do_poll,
	do_close,
};
#define STEPS (sizeof(steps) / sizeof(steps[0]))

/* --- what is in it --- */

/* All rows as text; by a connection of its own, without faults. Owned. */
static char *
content(const struct world *w)
{
	static const char sql[] =
	    "SELECT ifnull(group_concat(line, x'0a'), '') FROM ("
	    " SELECT 'account ' || name || ifnull(first_poll, '-')"
	    "  || ifnull(last_ended, '-') || total_delivered"
	    "  || ifnull(hex(quiet), '-') || quiet_held AS line"
	    "  FROM account UNION ALL "
	    "SELECT 'server ' || name || capa || pipelining FROM server UNION "
	    "ALL "
	    "SELECT * FROM (SELECT 'message ' || hex(uid) || octets || state"
	    "  || ifnull(before, '-') || attempts || deletions || reply"
	    "  || ifnull(intent, '-') FROM message ORDER BY id) UNION ALL "
	    "SELECT * FROM (SELECT 'outcome ' || message || recipient || state"
	    "  FROM outcome ORDER BY message, recipient))";
	char path[128];
	sqlite3_stmt *st;
	sqlite3 *db;
	char *text;

	snprintf(path, sizeof(path), "%s/ledger.db", w->dir);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK)
		fail_msg("%s", sqlite3_errmsg(db));
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	text = xstrdup((const char *)sqlite3_column_text(st, 0));
	sqlite3_finalize(st);
	sqlite3_close(db);
	return text;
}

/* After each step, in a run without faults. */
static char *snapshots[STEPS + 1];

static int
take_snapshots(void **state)
{
	struct world w;
	struct error e = { 0 };

	(void)state;
	faults_install();
	world_begin(&w);
	snapshots[0] = xstrdup("");
	for (size_t i = 0; i < STEPS; i++) {
		if (steps[i](&w, &e) < 0)
			fail_msg("step %zu: %s", i, e.text);
		snapshots[i + 1] = content(&w);
	}
	world_end(&w);
	return 0;
}

static int
free_snapshots(void **state)
{
	(void)state;
	for (size_t i = 0; i <= STEPS; i++)
		free(snapshots[i]);
	return 0;
}

/* --- the sweep --- */

static void
expect_helpful(const struct world *w, const struct error *e)
{
	static const char *const hints[] = { "make room on its disk",
		"check the disk", "check who may write", "it is damaged" };
	bool found = false;

	assert_int_equal(e->kind, ERR_LEDGER);
	for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++)
		found |= strstr(e->text, hints[i]) != NULL;
	if (!found || strstr(e->text, w->dir) == NULL)
		fail_msg("not helpful: %s", e->text);
}

/*
 * Run until a step fails and this ledger is closed again. Returns how many
 * steps succeeded before that.
 */
static size_t
run_steps(struct world *w)
{
	struct error e = { 0 }, later = { 0 };
	size_t done = 0, i;

	while (done < STEPS && steps[done](w, &e) == 0)
		done++;
	if (done == STEPS)
		return done;
	expect_helpful(w, &e);
	/* Nothing is taken after that, even if the disk is well again. */
	for (i = done + 1; w->l != NULL && steps[i] != do_close; i++) {
		assert_int_equal(steps[i](w, &later), -1);
		assert_string_equal(later.text, e.text);
	}
	ledger_close(&w->l);
	return done;
}

/* What came back as durable is there, and nothing but the step that failed. */
static void
expect_state_after(struct world *w, size_t done, const char *spec)
{
	struct error e = { 0 };
	char *now;

	if (ledger_open(&w->l, w->dir, false, &e) < 0)
		fail_msg("%s: cannot be opened again: %s", spec, e.text);
	ledger_close(&w->l);
	now = content(w);
	if (strcmp(now, snapshots[done]) != 0 &&
	    (done == STEPS || strcmp(now, snapshots[done + 1]) != 0))
		fail_msg("%s: after %zu steps there is\n%s\nand not\n%s", spec,
		    done, now, snapshots[done]);
	free(now);
}

/* Returns how many of the runs had a step that failed. */
static size_t
sweep(const char *kind, const char *how)
{
	size_t failed = 0, n = 0;
	bool met = true;

	while (met) {
		char spec[32];
		struct world w;
		size_t done;

		assert_true(++n < SWEEP_MAX);
		snprintf(spec, sizeof(spec), "%s:%zu%s", kind, n, how);
		world_begin(&w);
		assert_int_equal(faults_set(spec), 0);
		done = run_steps(&w);
		met = faults_met();
		assert_int_equal(faults_set(NULL), 0);
		if (!met)
			assert_int_equal(done, STEPS);
		failed += done < STEPS;
		expect_state_after(&w, done, spec);
		world_end(&w);
	}
	return failed;
}

static void
expect_survived(const char *kind, const char *how, size_t at_least)
{
	size_t failed = sweep(kind, how);

	if (failed < at_least)
		fail_msg("%s: only %zu runs failed", kind, failed);
}

static void
a_full_disk_loses_nothing_that_was_durable(void **state)
{
	(void)state;
	expect_survived("full", "", 50);
	expect_survived("full", ":once", 50);
}

static void
a_disk_that_is_full_in_the_middle_of_a_write_loses_nothing(void **state)
{
	(void)state;
	expect_survived("short", "", 50);
}

static void
a_write_that_fails_loses_nothing_that_was_durable(void **state)
{
	(void)state;
	expect_survived("write", ":once", 50);
}

static void
a_sync_that_fails_is_a_commit_that_failed(void **state)
{
	(void)state;
	expect_survived("sync", "", 10);
	expect_survived("sync", ":once", 10);
}

static void
a_file_that_cannot_be_cut_loses_nothing(void **state)
{
	(void)state;
	expect_survived("truncate", "", 0);
}

static void
a_read_that_fails_loses_nothing(void **state)
{
	(void)state;
	expect_survived("read", "", 2);
	expect_survived("read", ":once", 2);
}

static void
a_file_that_cannot_be_opened_loses_nothing(void **state)
{
	(void)state;
	expect_survived("open", "", 2);
	expect_survived("open", ":once", 2);
}

static void
a_lock_that_fails_loses_nothing(void **state)
{
	(void)state;
	expect_survived("lock", "", 10);
	expect_survived("lock", ":once", 10);
}

static void
shared_memory_that_cannot_be_had_loses_nothing(void **state)
{
	(void)state;
	expect_survived("shm", "", 2);
}

/* --- what is durable together --- */

struct submitter {
	struct ledger *l;
	int64_t account;
	struct queue *answer;
	struct ledger_job jobs[20];
	struct ledger_change changes[20];
	char uids[20][8];
};

static void *
submit_jobs(void *arg)
{
	struct submitter *s = arg;

	for (size_t i = 0; i < 20; i++) {
		snprintf(s->uids[i], sizeof(s->uids[i]), "u%zu", i);
		s->changes[i] = (struct ledger_change){ .kind = CHANGE_INTENT,
			.uid = slice_of(s->uids[i]) };
		s->jobs[i] = (struct ledger_job){ .account = s->account,
			.changes = &s->changes[i],
			.change_count = 1,
			.answer = s->answer };
		ledger_submit(s->l, &s->jobs[i]);
	}
	return NULL;
}

static void
add_account(struct world *w, size_t number, int64_t *account)
{
	struct error e = { 0 };
	char name[16];

	snprintf(name, sizeof(name), "account%zu", number);
	assert_int_equal(ledger_account(w->l, name, "pop.isp.example", name,
			     NULL, false, account, &e),
	    0);
}

/* Those of all threads that come while one is written wait for the next. */
static void
what_comes_during_a_sync_becomes_durable_by_one_more(void **state)
{
	enum {
		THREADS = 16
	};
	struct submitter *s = xcalloc(THREADS + 1, sizeof(*s));
	pthread_t threads[THREADS];
	struct queue *answer;
	struct error e = { 0 };
	struct world w;

	(void)state;
	faults_set(NULL);
	world_begin(&w);
	assert_int_equal(do_open(&w, &e), 0);
	assert_int_equal(queue_new(&answer, &e), 0);
	for (size_t i = 0; i <= THREADS; i++) {
		s[i].l = w.l;
		s[i].answer = answer;
		add_account(&w, i, &s[i].account);
	}
	faults_set(NULL);
	faults_hold_syncs(true);
	submit_jobs(&s[THREADS]);
	faults_await_sync();
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(
		    pthread_create(&threads[i], NULL, submit_jobs, &s[i]), 0);
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	faults_hold_syncs(false);
	for (size_t i = 0; i < (size_t)(THREADS + 1) * 20; i++) {
		struct ledger_job *job =
		    queue_wait(answer, -1, deadline_in(60000));

		assert_non_null(job);
		assert_int_equal(job->rc, 0);
	}
	assert_int_equal(faults_syncs(), 2);
	queue_free(&answer);
	world_end(&w);
	free(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_disk_loses_nothing_that_was_durable),
		cmocka_unit_test(
		    a_disk_that_is_full_in_the_middle_of_a_write_loses_nothing),
		cmocka_unit_test(
		    a_write_that_fails_loses_nothing_that_was_durable),
		cmocka_unit_test(a_sync_that_fails_is_a_commit_that_failed),
		cmocka_unit_test(a_file_that_cannot_be_cut_loses_nothing),
		cmocka_unit_test(a_read_that_fails_loses_nothing),
		cmocka_unit_test(a_file_that_cannot_be_opened_loses_nothing),
		cmocka_unit_test(a_lock_that_fails_loses_nothing),
		cmocka_unit_test(
		    shared_memory_that_cannot_be_had_loses_nothing),
		cmocka_unit_test(
		    what_comes_during_a_sync_becomes_durable_by_one_more),
	};

	return cmocka_run_group_tests(tests, take_snapshots, free_snapshots);
}
