/* test-ledger-jobs.c - jobs come back once they are on disk. */
#include "../kit/world.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

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

struct poller {
	struct world *w;
	size_t number;
	int rc;
};

/* The ledger's part of a poll, all of it. */
static int
poll_with(struct poller *p, struct reader **r, struct rows *rows)
{
	struct ledger_change changes[] = {
		{ .kind = CHANGE_FIRST },
		{ .kind = CHANGE_INTENT, .uid = slice_of("u") },
		{ .kind = CHANGE_VERDICT,
		    .uid = slice_of("u"),
		    .state = STATE_DELIVERED },
	};
	struct ledger_poll poll = { .listed = true, .delivered = 1 };
	struct error e = { 0 };
	char name[16];

	snprintf(name, sizeof(name), "account%zu", p->number);
	if (ledger_account(p->w->l, name, "pop.isp.example", name, NULL, false,
		&poll.account, &e) < 0 ||
	    reader_open(r, p->w->dir, &e) < 0 ||
	    reader_rows(*r, poll.account, rows, &e) < 0 || rows->count > 0)
		return -1;
	for (size_t i = 0; i < 3; i++)
		if (ledger_change(p->w->l, poll.account, &changes[i], 1, &e) <
		    0)
			return -1;
	rows_free(rows);
	if (reader_rows(*r, poll.account, rows, &e) < 0 || rows->count != 1 ||
	    rows->list[0].state != STATE_DELIVERED)
		return -1;
	return ledger_poll(p->w->l, &poll, &e);
}

static void *
poll_thread(void *arg)
{
	struct poller *p = arg;
	struct reader *r = NULL;
	struct rows rows = { 0 };

	p->rc = poll_with(p, &r, &rows);
	rows_free(&rows);
	reader_free(&r);
	return NULL;
}

static void
many_polls_at_once_each_have_an_account_and_a_reader(void **state)
{
	enum {
		THREADS = 16
	};
	struct world w;
	struct poller p[THREADS];
	pthread_t threads[THREADS];
	char text[256];

	(void)state;
	world_begin(&w);
	for (size_t i = 0; i < THREADS; i++) {
		p[i] = (struct poller){ .w = &w, .number = i, .rc = -1 };
		assert_int_equal(
		    pthread_create(&threads[i], NULL, poll_thread, &p[i]), 0);
	}
	for (size_t i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(p[i].rc, 0);
	}
	assert_string_equal(
	    ask(&w, "SELECT sum(total_delivered) FROM account", text), "16");
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    jobs_come_back_in_order_and_are_on_disk_by_then),
		cmocka_unit_test(
		    threads_submit_at_once_and_each_gets_its_own_back),
		cmocka_unit_test(
		    many_polls_at_once_each_have_an_account_and_a_reader),
		cmocka_unit_test(closing_writes_what_waits),
		cmocka_unit_test(what_was_durable_outlives_a_killed_process),
		cmocka_unit_test(no_changes_are_durable_at_once),
		cmocka_unit_test(after_an_error_nothing_is_recorded_any_more),
		cmocka_unit_test(a_message_of_an_unknown_account_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
