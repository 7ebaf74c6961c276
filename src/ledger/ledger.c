/* The writer's thread: all jobs that wait, one transaction, one fsync. */
#include "ledger/ledger.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/crash.h"
#include "ledger/account.h"
#include "ledger/book.h"
#include "ledger/imported.h"
#include "ledger/lock.h"
#include "ledger/marker.h"
#include "ledger/schema.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Forget what has been gone for so long. */
#define GONE_S ((int64_t)90 * 86400)
/* More than that between two polls, or less than nothing, proves little. */
#define BETWEEN_S ((int64_t)7 * 86400)
/* And how many were delivered in which hour, after so long. */
#define HOURS_S ((int64_t)8 * 86400)
/* Bounds a transaction, not the queue. */
#define BATCH 1024

struct ledger {
	struct book book; /* the thread's alone, once it runs */
	struct queue *queue; /* owned: jobs that wait */
	pthread_t thread;
	_Atomic uint64_t commits;
	int lock_fd;
	struct error broken; /* the thread's: the first error of the book */
	struct ledger_job last; /* ends the thread */
	char *dir; /* owned */
};

static int
write_changes(struct book *book, struct ledger_job *job)
{
	for (size_t i = 0; i < job->change_count; i++)
		if (book_change(
			book, job->account, &job->changes[i], &job->error) < 0)
			return -1;
	return 0;
}

static int
run_statement(struct book *book, enum book_statement which, struct error *e)
{
	sqlite3_stmt *st = book_statement(book, which, e);

	return st == NULL ? -1 : book_run(book, st, e);
}

/* Write all jobs of a batch and make them durable together. */
static int
write_batch(
    struct ledger *l, struct ledger_job **jobs, size_t n, struct error *e)
{
	if (run_statement(&l->book, BOOK_BEGIN, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (jobs[i]->work(&l->book, jobs[i]) < 0) {
			*e = jobs[i]->error;
			goto rollback;
		}
	}
	crash_point("before_commit");
	if (run_statement(&l->book, BOOK_COMMIT, e) < 0)
		goto rollback;
	atomic_fetch_add(&l->commits, 1);
	crash_point("after_commit");
	return 0;
rollback:
	sqlite3_exec(l->book.db, "ROLLBACK", NULL, NULL, NULL);
	return -1;
}

/* Nothing is written: that there is such a job says all. */
static int
reopen_work(struct book *book, struct ledger_job *job)
{
	(void)book;
	(void)job;
	return 0;
}

/* The book is opened anew; what does not work is what all jobs are told. */
static void
reopen(struct ledger *l)
{
	error_clear(&l->broken);
	book_close(&l->book, false);
	if (book_open(&l->book, l->dir, false, &l->broken) == 0)
		(void)schema_prove(l->book.db, l->book.path, &l->broken);
}

static void
answer_batch(struct ledger *l, struct ledger_job **jobs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (l->broken.kind != ERR_NONE) {
			jobs[i]->rc = -1;
			jobs[i]->error = l->broken;
		}
		queue_push(jobs[i]->answer, &jobs[i]->item);
	}
}

static void *
ledger_thread(void *arg)
{
	struct ledger *l = arg;
	struct ledger_job *jobs[BATCH];
	bool last = false;

	while (!last) {
		size_t n = 0;
		struct ledger_job *job =
		    queue_wait(l->queue, -1, deadline_never());

		for (; job != NULL; job = queue_pop(l->queue)) {
			if (job == &l->last)
				last = true;
			else
				jobs[n++] = job;
			if (n == BATCH || last || job->work == reopen_work)
				break;
		}
		if (n > 0 && jobs[n - 1]->work == reopen_work)
			reopen(l);
		if (n > 0 && l->broken.kind == ERR_NONE)
			write_batch(l, jobs, n, &l->broken);
		answer_batch(l, jobs, n);
	}
	return NULL;
}

int
ledger_open(
    struct ledger **out, const char *dir, bool may_be_new, struct error *e)
{
	struct ledger *l = xcalloc(1, sizeof(*l));
	int rc;

	*out = NULL;
	l->dir = xstrdup(dir);
	l->lock_fd = lock_take(dir, e);
	if (l->lock_fd < 0 || marker_check(dir, may_be_new, e) < 0 ||
	    book_open(&l->book, dir, may_be_new, e) < 0 ||
	    marker_set(dir, e) < 0 || queue_new(&l->queue, e) < 0)
		goto fail;
	rc = pthread_create(&l->thread, NULL, ledger_thread, l);
	if (rc != 0) {
		error_set(
		    e, ERR_SYSTEM, "cannot start a thread: %s", strerror(rc));
		goto fail;
	}
	*out = l;
	return 0;
fail:
	queue_free(&l->queue);
	book_close(&l->book, false);
	if (l->lock_fd >= 0)
		close(l->lock_fd);
	free(l->dir);
	free(l);
	return -1;
}

void
ledger_close(struct ledger **out)
{
	struct ledger *l = *out;

	if (l == NULL)
		return;
	queue_push(l->queue, &l->last.item);
	pthread_join(l->thread, NULL);
	queue_free(&l->queue);
	book_close(&l->book, l->broken.kind == ERR_NONE);
	close(l->lock_fd);
	free(l->dir);
	free(l);
	*out = NULL;
}

void
ledger_submit(struct ledger *l, struct ledger_job *job)
{
	job->rc = 0;
	error_clear(&job->error);
	if (job->work == NULL)
		job->work = write_changes;
	queue_push(l->queue, &job->item);
}

uint64_t
ledger_commits(const struct ledger *l)
{
	return atomic_load(&l->commits);
}

/* Submit, and wait for the answer on a queue of our own. */
static int
run(struct ledger *l, struct ledger_job *job, struct error *e)
{
	struct queue *answer = NULL;

	if (queue_new(&answer, e) < 0)
		return -1;
	job->answer = answer;
	ledger_submit(l, job);
	queue_wait(answer, -1, deadline_never());
	queue_free(&answer);
	if (job->rc < 0)
		*e = job->error;
	return job->rc;
}

int
ledger_change(struct ledger *l, int64_t account, struct ledger_change *changes,
    size_t count, struct error *e)
{
	struct ledger_job job = {
		.account = account, .changes = changes, .change_count = count
	};

	return count == 0 ? 0 : run(l, &job, e);
}

int
ledger_reopen(struct ledger *l, struct error *e)
{
	struct ledger_job job = { .work = reopen_work };

	return run(l, &job, e);
}

/* --- accounts --- */

struct account_job {
	struct ledger_job job;
	struct account_key key;
	int64_t *out;
};

static int
account_insert(struct book *b, struct account_job *a)
{
	struct error *e = &a->job.error;
	sqlite3_stmt *st = NULL;
	int rc = -1;

	if (schema_prepare(b->db, b->path,
		"INSERT INTO account (name, server, user, last_started)"
		" VALUES (?1, ?2, ?3, ?4)"
		" ON CONFLICT (name) DO UPDATE SET server = ?2, user = ?3",
		&st, e) == 0) {
		sqlite3_bind_text(st, 1, a->key.name, -1, SQLITE_STATIC);
		sqlite3_bind_text(st, 2, a->key.server, -1, SQLITE_STATIC);
		sqlite3_bind_text(st, 3, a->key.user, -1, SQLITE_STATIC);
		sqlite3_bind_int64(st, 4, clock_wall());
		rc = book_run(b, st, e);
	}
	sqlite3_finalize(st);
	return rc;
}

static int
account_rename(struct book *b, struct account_job *a, int64_t id)
{
	struct error *e = &a->job.error;
	sqlite3_stmt *st = NULL;
	int rc = -1;

	if (schema_prepare(b->db, b->path,
		"UPDATE account SET name = ?2 WHERE id = ?1", &st, e) == 0) {
		sqlite3_bind_int64(st, 1, id);
		sqlite3_bind_text(st, 2, a->key.name, -1, SQLITE_STATIC);
		rc = book_run(b, st, e);
	}
	sqlite3_finalize(st);
	return rc;
}

static int
account_work(struct book *b, struct ledger_job *job)
{
	struct account_job *a = (struct account_job *)job;
	struct account_found found;

	if (account_find(b->db, b->path, &a->key, &found, &job->error) < 0) {
		/* A question is no trouble of the ledger. */
		job->rc = -1;
		return job->error.kind == ERR_QUESTION ? 0 : -1;
	}
	if (found.renamed && account_rename(b, a, found.id) < 0)
		return -1;
	if (!found.same && !found.renamed && account_insert(b, a) < 0)
		return -1;
	*a->out = found.id != 0 ? found.id : sqlite3_last_insert_rowid(b->db);
	return 0;
}

int
ledger_account(struct ledger *l, const char *name, const char *server,
    const char *user, const char *const *names, bool moved, int64_t *account,
    struct error *e)
{
	struct account_job a = { .job.work = account_work,
		.key = { .name = name,
		    .server = server,
		    .user = user,
		    .names = names,
		    .moved = moved },
		.out = account };

	return run(l, &a.job, e);
}

/* --- what another program has fetched --- */

struct seen_job {
	struct ledger_job job;
	struct imported imported;
};

static int
seen_work(struct book *b, struct ledger_job *job)
{
	struct seen_job *s = (struct seen_job *)job;

	return imported_write(b, &s->imported, &job->error);
}

int
ledger_seen(struct ledger *l, int64_t account, const struct ledger_seen *list,
    size_t count, bool loose, const char *reason, size_t *added,
    struct error *e)
{
	struct seen_job s = { .job.work = seen_work,
		.imported = { .account = account,
		    .list = list,
		    .count = count,
		    .loose = loose,
		    .reason = reason } };
	int rc = run(l, &s.job, e);

	*added = s.imported.added;
	return rc;
}

/* --- polls --- */

struct poll_job_record {
	struct ledger_job job;
	const struct ledger_poll *poll;
};

/* Run a statement with the account, the start of the poll, and a number. */
static int
run_gone(struct book *b, const struct ledger_poll *p, const char *sql,
    int64_t number, struct error *e)
{
	sqlite3_stmt *st = NULL;
	int rc = -1;

	if (schema_prepare(b->db, b->path, sql, &st, e) == 0) {
		sqlite3_bind_int64(st, 1, p->account);
		sqlite3_bind_int64(st, 2, p->started);
		sqlite3_bind_int64(st, 3, number);
		rc = book_run(b, st, e);
	}
	sqlite3_finalize(st);
	return rc;
}

/*
 * A mailbox may have lost its messages for an hour only, and the clock gone
 * forward by a year in that hour: what is forgotten comes a second time.
 */
static int
forget_gone(struct book *b, const struct ledger_poll *p, struct error *e)
{
	if (run_gone(b, p,
		"UPDATE message SET since = min(?2, since + ?2 - last_listed"
		"  - iif(?2 > last_listed, ?3, 0))"
		" FROM account WHERE account.id = ?1 AND account = ?1"
		" AND state = 'gone'"
		" AND ?2 NOT BETWEEN last_listed AND last_listed + ?3",
		BETWEEN_S, e) < 0)
		return -1;
	return run_gone(b, p,
	    "DELETE FROM message WHERE account = ?1 AND state = 'gone'"
	    " AND since < ?2 - ?3",
	    GONE_S, e);
}

static void
bind_quiet(sqlite3_stmt *st, const struct ledger_quiet *quiet)
{
	if (quiet != NULL)
		sqlite3_bind_blob(st, 12, quiet->digest, sizeof(quiet->digest),
		    SQLITE_STATIC);
	sqlite3_bind_int64(st, 13, quiet != NULL ? quiet->until : 0);
	sqlite3_bind_int64(st, 14, quiet != NULL ? (int64_t)quiet->held : 0);
}

static int
remember_server(
    struct book *b, const struct ledger_server *server, struct error *e)
{
	static const char *const pipelining[] = {
		[PIPELINING_UNTRIED] = "",
		[PIPELINING_PROVEN] = "proven",
		[PIPELINING_BROKEN] = "broken",
	};
	sqlite3_stmt *st = NULL;
	int rc = -1;

	if (schema_prepare(b->db, b->path,
		"INSERT OR REPLACE INTO server"
		" (name, capa, learned, pipelining, since)"
		" VALUES (?1, ?2, ?3, ?4, ?5)",
		&st, e) == 0) {
		sqlite3_bind_text(st, 1, server->name, -1, SQLITE_STATIC);
		sqlite3_bind_text(st, 2, server->capa, -1, SQLITE_STATIC);
		sqlite3_bind_int64(st, 3, server->learned);
		sqlite3_bind_text(
		    st, 4, pipelining[server->pipelining], -1, SQLITE_STATIC);
		sqlite3_bind_int64(st, 5, server->since);
		rc = book_run(b, st, e);
	}
	sqlite3_finalize(st);
	return rc;
}

static int
add_to_hour(struct book *b, const struct ledger_poll *p, struct error *e)
{
	int64_t hour = clock_hour(p->ended);
	sqlite3_stmt *st = book_statement(b, BOOK_HOUR, e);

	if (st == NULL)
		return -1;
	sqlite3_bind_int64(st, 1, p->account);
	sqlite3_bind_int64(st, 2, hour);
	sqlite3_bind_int64(st, 3, (int64_t)p->delivered);
	sqlite3_bind_int64(st, 4, (int64_t)p->octets);
	if (book_run(b, st, e) < 0 ||
	    (st = book_statement(b, BOOK_FORGET_HOURS, e)) == NULL)
		return -1;
	sqlite3_bind_int64(st, 1, p->account);
	sqlite3_bind_int64(st, 2, hour);
	sqlite3_bind_int64(st, 3, HOURS_S);
	return book_run(b, st, e);
}

static int
poll_work(struct book *b, struct ledger_job *job)
{
	const struct ledger_poll *p = ((struct poll_job_record *)job)->poll;
	bool ok = p->error.kind == ERR_NONE;
	struct error *e = &job->error;
	sqlite3_stmt *st = NULL;
	int rc = -1;

	if (p->listed && forget_gone(b, p, e) < 0)
		return -1;
	if (p->server != NULL && remember_server(b, p->server, e) < 0)
		return -1;
	if (p->delivered > 0 && add_to_hour(b, p, e) < 0)
		return -1;
	if (schema_prepare(b->db, b->path,
		"UPDATE account SET last_started = ?2, last_ended = ?3,"
		" last_success = iif(?4, ?3, last_success),"
		" last_listed = iif(?7, ?2, last_listed),"
		" error_kind = ?5, error_text = ?6,"
		" failures = iif(?4, 0, failures + 1),"
		" in_mailbox = iif(?7, ?8, in_mailbox), delivered = ?9,"
		" octets = ?10, deleted = ?11,"
		" total_delivered = total_delivered + ?9,"
		/* Its owner may have decided something meanwhile. */
		" quiet = iif(EXISTS (SELECT 1 FROM message"
		"  WHERE account = ?1 AND state IN ('new', 'dropped')"
		"  AND since >= ?2), NULL, ?12),"
		" quiet_until = ?13, quiet_held = ?14,"
		" failing_since = iif(?4, NULL,"
		"  iif(?15, failing_since, ifnull(failing_since, ?3)))"
		" WHERE id = ?1",
		&st, e) == 0) {
		sqlite3_bind_int64(st, 1, p->account);
		sqlite3_bind_int64(st, 2, p->started);
		sqlite3_bind_int64(st, 3, p->ended);
		sqlite3_bind_int(st, 4, ok);
		sqlite3_bind_text(st, 5, ok ? "" : error_name(p->error.kind),
		    -1, SQLITE_STATIC);
		sqlite3_bind_text(
		    st, 6, ok ? "" : p->error.text, -1, SQLITE_STATIC);
		sqlite3_bind_int(st, 7, p->listed);
		sqlite3_bind_int64(st, 8, (int64_t)p->in_mailbox);
		sqlite3_bind_int64(st, 9, (int64_t)p->delivered);
		sqlite3_bind_int64(st, 10, (int64_t)p->octets);
		sqlite3_bind_int64(st, 11, (int64_t)p->deleted);
		bind_quiet(st, p->quiet);
		sqlite3_bind_int(st, 15, p->error.kind == ERR_STOPPED);
		rc = book_run(b, st, e);
	}
	sqlite3_finalize(st);
	return rc;
}

int
ledger_poll(struct ledger *l, const struct ledger_poll *poll, struct error *e)
{
	struct poll_job_record r = { .job.work = poll_work, .poll = poll };

	return run(l, &r.job, e);
}

/* --- what the daemon wants to find again --- */

static void
bind_blob(sqlite3_stmt *st, int i, struct slice s)
{
	if (s.len > 0)
		sqlite3_bind_blob64(st, i, s.data, s.len, SQLITE_STATIC);
}

static int
keep_schedule(struct book *b, const struct ledger_schedule *s, struct error *e)
{
	sqlite3_stmt *st = book_statement(b, BOOK_SCHEDULE, e);

	if (st == NULL)
		return -1;
	sqlite3_bind_text(st, 1, s->account, -1, SQLITE_STATIC);
	sqlite3_bind_int64(st, 2, s->due);
	sqlite3_bind_text(
	    st, 3, s->setback ? s->setback : "", -1, SQLITE_STATIC);
	sqlite3_bind_int64(st, 4, s->setbacks);
	sqlite3_bind_int64(st, 5, s->refusals);
	bind_blob(st, 6, s->refused);
	sqlite3_bind_int64(st, 7, s->alerted);
	bind_blob(st, 8, s->rhythm);
	return book_run(b, st, e);
}

static int
schedules_work(struct book *b, struct ledger_job *job)
{
	const struct ledger_schedule_job *j =
	    (const struct ledger_schedule_job *)job;

	for (size_t i = 0; i < j->count; i++)
		if (keep_schedule(b, &j->list[i], &job->error) < 0)
			return -1;
	return 0;
}

void
ledger_submit_schedules(struct ledger *l, struct ledger_schedule_job *job)
{
	job->job.work = schedules_work;
	ledger_submit(l, &job->job);
}

int
ledger_schedules(struct ledger *l, const struct ledger_schedule *list,
    size_t count, struct error *e)
{
	struct ledger_schedule_job j = {
		.job.work = schedules_work, .list = list, .count = count
	};

	return count == 0 ? 0 : run(l, &j.job, e);
}
