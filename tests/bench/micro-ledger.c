/*
 * micro-ledger.c - what it costs to record a message: the intent and the
 * verdict, each waited for until it is on disk, from one thread and from
 * several; how many fsyncs that takes; and, as a yardstick, SQLite with a row
 * for each commit. In $TMPDIR or /tmp: what a disk does there is most of it.
 */
#include "micro.h"

#include "base/alloc.h"
#include "ledger/ledger.h"
#include "ledger/reader.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MESSAGES ((size_t)320) /* in each repetition */
#define KNOWN ((size_t)200000)

/* --- fsyncs are counted: these stand in for the C library's --- */

static atomic_ulong syncs;

int
fsync(int fd)
{
	atomic_fetch_add(&syncs, 1);
	return (int)syscall(SYS_fsync, fd);
}

int
fdatasync(int fd)
{
	atomic_fetch_add(&syncs, 1);
	return (int)syscall(SYS_fdatasync, fd);
}

/* --- a directory of its own --- */

/* Its name, to be freed; NULL after a complaint. */
static char *
make_directory(void)
{
	const char *tmp = getenv("TMPDIR");
	char *dir = xasprintf("%s/postrider-bench.XXXXXX", tmp ? tmp : "/tmp");

	if (mkdtemp(dir) != NULL)
		return dir;
	perror(dir);
	free(dir);
	return NULL;
}

static void
remove_directory(const char *dir)
{
	static const char *const names[] = { "ledger.db", "ledger.db-wal",
		"ledger.db-shm", "ledger.lock", "ledger.marker", "plain.db",
		"plain.db-wal", "plain.db-shm" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char *path = xasprintf("%s/%s", dir, names[i]);

		(void)unlink(path);
		free(path);
	}
	(void)rmdir(dir);
}

static int
complain(const struct error *e)
{
	fprintf(stderr, "%s\n", e->text);
	return -1;
}

/* --- the yardstick --- */

struct plain {
	sqlite3 *db; /* owned */
	size_t count;
	int rc;
};

static int
execute(sqlite3 *db, const char *sql)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK)
		return 0;
	fprintf(stderr, "%s: %s\n", sql, sqlite3_errmsg(db));
	return -1;
}

static int
plain_open(struct plain *p, const char *dir)
{
	char *path = xasprintf("%s/plain.db", dir);
	int rc = sqlite3_open(path, &p->db) == SQLITE_OK ? 0 : -1;

	free(path);
	if (rc == 0 && execute(p->db, "PRAGMA journal_mode = WAL") == 0 &&
	    execute(p->db, "PRAGMA synchronous = FULL") == 0)
		return execute(
		    p->db, "CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)");
	return -1;
}

static void
insert_each(void *arg)
{
	struct plain *p = arg;

	for (size_t i = 0; i < p->count && p->rc == 0; i++)
		p->rc = execute(p->db, "INSERT INTO t (b) VALUES ('a letter')");
}

/* Nanoseconds for a commit, or -1. */
static double
measure_plain(const struct micro *m, const char *dir)
{
	struct plain p = { .count = micro_size(m, MESSAGES, 16) };
	struct micro_time t = { 0 };

	p.rc = plain_open(&p, dir);
	if (p.rc == 0) {
		t = micro_measure(m, p.count, insert_each, &p);
		micro_print(
		    "plain SQLite, a commit for each row", t, "commit", 0, "");
	}
	sqlite3_close(p.db);
	return p.rc == 0 ? t.median : -1;
}

/* --- messages, from several threads --- */

struct senders {
	struct ledger *ledger; /* borrowed */
	int64_t account;
	size_t threads, messages; /* of each thread */
	size_t runs; /* so far */
	int rc;
};

struct sender {
	pthread_t thread;
	const struct senders *all;
	size_t number;
	int rc;
	struct error error;
};

static int
record_message(struct sender *s, const char *uid)
{
	static const struct ledger_outcome to = { .recipient = "ann" };
	struct ledger_change intent = { .kind = CHANGE_INTENT,
		.uid = slice_of(uid),
		.octets = 4096,
		.destination = "home",
		.outcomes = &to,
		.outcome_count = 1 };
	struct ledger_change verdict = { .kind = CHANGE_VERDICT,
		.state = STATE_DELIVERED,
		.reply = "250 2.0.0 Ok: queued as 4ABCDEF",
		.destination = "home" };

	if (ledger_change(
		s->all->ledger, s->all->account, &intent, 1, &s->error) < 0)
		return -1;
	verdict.message = intent.message;
	return ledger_change(
	    s->all->ledger, s->all->account, &verdict, 1, &s->error);
}

static void *
send_all(void *arg)
{
	struct sender *s = arg;
	char uid[64];

	for (size_t i = 0; i < s->all->messages && s->rc == 0; i++) {
		snprintf(uid, sizeof(uid), "%zx.%zx.%zx.%zx", s->all->threads,
		    s->all->runs, s->number, i);
		s->rc = record_message(s, uid);
	}
	return NULL;
}

/* Every thread that was begun is waited for. */
static void
run_senders(void *arg)
{
	struct senders *all = arg;
	struct sender *list = xcalloc(all->threads, sizeof(list[0]));
	size_t begun = 0;

	for (; begun < all->threads; begun++) {
		struct sender *s = &list[begun];

		*s = (struct sender){ .all = all, .number = begun };
		if (pthread_create(&s->thread, NULL, send_all, s) != 0) {
			fprintf(stderr, "no more threads to be had\n");
			all->rc = -1;
			break;
		}
	}
	for (size_t i = 0; i < begun; i++) {
		pthread_join(list[i].thread, NULL);
		if (list[i].rc < 0)
			all->rc = complain(&list[i].error);
	}
	free(list);
	all->runs++;
}

static int
measure_threads(const struct micro *m, struct ledger *l, int64_t account,
    size_t threads, double plain)
{
	struct senders all = { .ledger = l,
		.account = account,
		.threads = threads,
		.messages = micro_size(m, MESSAGES, 16) / threads };
	size_t count = all.messages * threads;
	struct micro_time t;
	char name[64];

	atomic_store(&syncs, 0);
	t = micro_measure(m, count, run_senders, &all);
	snprintf(
	    name, sizeof(name), "intent and verdict, threads: %zu", threads);
	micro_print(name, t, "message", plain, "a plain commit");
	printf("  %.2f fsyncs a message\n",
	    (double)atomic_load(&syncs) / (double)(count * all.runs));
	return all.rc;
}

/* --- many rows at once, and read again --- */

static int
record_many(struct ledger *l, int64_t account, size_t count, struct error *e)
{
	struct ledger_change *changes = xcalloc(count, sizeof(changes[0]));
	char(*uids)[32] = xcalloc(count, sizeof(uids[0]));
	int rc;

	for (size_t i = 0; i < count; i++) {
		snprintf(uids[i], sizeof(uids[i]), "%08zx655399be", i);
		changes[i] = (struct ledger_change){ .kind = CHANGE_SEEN,
			.uid = slice_of(uids[i]),
			.octets = 4096,
			.reply = "there before" };
	}
	rc = ledger_change(l, account, changes, count, e);
	free(uids);
	free(changes);
	return rc;
}

struct reading {
	struct reader *reader;
	int64_t account;
	size_t count;
	struct error error;
};

static void
read_rows(void *arg)
{
	struct reading *r = arg;
	struct rows rows = { 0 };

	r->count = 0;
	if (reader_rows(r->reader, r->account, &rows, &r->error) == 0)
		r->count = rows.count;
	rows_free(&rows);
}

static int
measure_rows(const struct micro *m, struct ledger *l, const char *dir)
{
	size_t count = micro_size(m, KNOWN, 100);
	struct reading r = { 0 };
	struct micro_time t;
	double began;

	if (ledger_account(l, "large", "pop.isp.example", "bob", NULL, false,
		&r.account, &r.error) < 0)
		return complain(&r.error);
	began = micro_seconds();
	if (record_many(l, r.account, count, &r.error) < 0 ||
	    reader_open(&r.reader, dir, &r.error) < 0)
		return complain(&r.error);
	printf("%zu rows at once: %.0f ns/row\n", count,
	    (micro_seconds() - began) * 1e9 / (double)count);
	t = micro_measure(m, count, read_rows, &r);
	micro_print("reader_rows, of all of them", t, "row", 0, "");
	reader_free(&r.reader);
	return r.count == count ? 0 : complain(&r.error);
}

static int
measure(const struct micro *m, const char *dir)
{
	static const size_t threads[] = { 1, 4, 16 };
	struct ledger *l = NULL;
	struct error e = { 0 };
	int64_t account;
	double plain = measure_plain(m, dir);
	int rc = 0;

	if (plain < 0)
		return -1;
	if (ledger_open(&l, dir, true, &e) < 0 ||
	    ledger_account(l, "isp", "pop.isp.example", "ann", NULL, false,
		&account, &e) < 0)
		rc = complain(&e);
	for (size_t i = 0; rc == 0 && i < 3; i++)
		rc = measure_threads(m, l, account, threads[i], plain);
	if (rc == 0)
		rc = measure_rows(m, l, dir);
	ledger_close(&l);
	return rc;
}

int
main(int argc, char **argv)
{
	struct micro m;
	char *dir;
	int rc;

	if (micro_begin(&m, argc, argv) < 0)
		return 64;
	dir = make_directory();
	if (dir == NULL)
		return 73;
	printf("in %s\n", dir);
	rc = measure(&m, dir);
	remove_directory(dir);
	free(dir);
	return rc < 0;
}
