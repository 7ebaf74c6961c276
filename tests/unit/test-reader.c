/* test-reader.c - questions to a ledger, there or not, while it is written. */
#include "ledger/reader.h"

#include "base/clock.h"
#include "ledger/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define START ((int64_t)1700000000)
#define BIT(state) (1U << (state))
#define ALL_STATES ((1U << STATES) - 1)

static _Atomic int64_t wall = START;

int64_t
clock_wall(void)
{
	return atomic_load(&wall);
}

struct world {
	char dir[64];
	struct ledger *l;
	struct reader *r;
	int64_t isp, club;
};

static void
world_begin(struct world *w)
{
	struct error e = { 0 };

	*w = (struct world){ .dir = "/tmp/postrider-reader.XXXXXX" };
	atomic_store(&wall, START);
	assert_non_null(mkdtemp(w->dir));
	assert_int_equal(ledger_open(&w->l, w->dir, false, &e), 0);
	assert_int_equal(
	    ledger_account(w->l, "isp", "h", "u", NULL, false, &w->isp, &e), 0);
	assert_int_equal(
	    ledger_account(w->l, "club", "h", "v", NULL, false, &w->club, &e),
	    0);
	assert_int_equal(reader_open(&w->r, w->dir, &e), 0);
	assert_non_null(w->r);
}

static void
path_in(const char *dir, const char *name, char out[128])
{
	snprintf(out, 128, "%s/%s", dir, name);
}

static void
remove_directory(const char *dir)
{
	static const char *const names[] = { "ledger.db", "ledger.db-wal",
		"ledger.db-shm", "ledger.lock", "ledger.marker" };
	char path[128];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		path_in(dir, names[i], path);
		if (unlink(path) < 0)
			assert_int_equal(errno, ENOENT);
	}
	assert_int_equal(rmdir(dir), 0);
}

static void
world_end(struct world *w)
{
	reader_free(&w->r);
	assert_null(w->r);
	ledger_close(&w->l);
	remove_directory(w->dir);
}

static int64_t
add(struct world *w, int64_t account, const char *uid, uint32_t copy,
    enum state state)
{
	struct ledger_change c = { .kind = CHANGE_VERDICT,
		.uid = slice_of(uid),
		.copy = copy,
		.octets = 100,
		.state = state,
		.reply = uid };
	struct error e = { 0 };

	if (state == STATE_DEFERRED)
		c.next_try = clock_wall() + 60;
	if (ledger_change(w->l, account, &c, 1, &e) < 0)
		fail_msg("%s", e.text);
	atomic_fetch_add(&wall, 1);
	return c.message;
}

/* --- no ledger --- */

static void
count_recipient(void *arg, const char *recipient, const char *reply)
{
	(void)recipient;
	(void)reply;
	(*(int *)arg)++;
}

static void
count_waiting(void *arg, const struct waiting *waiting)
{
	(void)waiting;
	(*(int *)arg)++;
}

static void
no_ledger_is_an_empty_one(void **state)
{
	char dir[] = "/tmp/postrider-reader.XXXXXX";
	char path[128];
	struct reader *r = NULL;
	struct rows rows;
	struct standing standing;
	struct error e = { 0 };
	int64_t account = 7;
	size_t found = 7;
	int called = 0;

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(reader_open(&r, dir, &e), 0);
	assert_null(r);
	assert_int_equal(e.kind, ERR_NONE);
	/* Looking makes nothing. */
	path_in(dir, "ledger.db", path);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(
	    reader_account(r, "isp", "h", "u", NULL, &account, &e), 0);
	assert_int_equal(account, 0);
	assert_int_equal(reader_rows(r, 1, &rows, &e), 0);
	assert_int_equal(rows.count, 0);
	rows_free(&rows);
	assert_int_equal(reader_outcomes(r, 1, STATE_DELIVERED, count_recipient,
			     &called, &e),
	    0);
	assert_int_equal(reader_waiting(r, NULL, 0, ALL_STATES, count_waiting,
			     &called, &found, &e),
	    0);
	assert_int_equal(found, 0);
	assert_int_equal(called, 0);
	memset(&standing, 0xff, sizeof(standing));
	assert_int_equal(reader_standing(r, "isp", &standing, &e), 0);
	assert_false(standing.known);
	assert_int_equal(standing.counts[STATE_HELD], 0);
	reader_free(&r);
	remove_directory(dir);
}

static void
a_ledger_that_has_gone_is_not_an_empty_one(void **state)
{
	struct world w;
	struct error e = { 0 };
	char path[128];

	(void)state;
	world_begin(&w);
	reader_free(&w.r);
	ledger_close(&w.l);
	path_in(w.dir, "ledger.db", path);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(reader_open(&w.r, w.dir, &e), -1);
	assert_null(w.r);
	assert_int_equal(e.kind, ERR_QUESTION);
	assert_non_null(strstr(e.text, path));
	world_end(&w);
}

static void
no_directory_is_an_empty_ledger_too(void **state)
{
	struct reader *r = NULL;
	struct error e = { 0 };

	(void)state;
	assert_int_equal(
	    reader_open(&r, "/tmp/postrider-reader-nowhere/x", &e), 0);
	assert_null(r);
}

static void
what_the_ledger_does_not_know_is_empty(void **state)
{
	struct world w;
	struct rows rows;
	struct standing standing;
	struct error e = { 0 };
	int64_t account = 7;
	size_t found = 7;
	int called = 0;

	(void)state;
	world_begin(&w);
	assert_int_equal(
	    reader_account(w.r, "ISP", "h", "u", NULL, &account, &e), 0);
	assert_int_equal(account, 0);
	assert_int_equal(
	    reader_account(w.r, "club", "h", "v", NULL, &account, &e), 0);
	assert_int_equal(account, w.club);
	assert_int_equal(reader_rows(w.r, 999, &rows, &e), 0);
	assert_int_equal(rows.count, 0);
	rows_free(&rows);
	rows_free(&rows);
	assert_int_equal(reader_outcomes(w.r, 999, STATE_DELIVERED,
			     count_recipient, &called, &e),
	    0);
	assert_int_equal(reader_waiting(w.r, "nobody", 0, ALL_STATES,
			     count_waiting, &called, &found, &e),
	    0);
	assert_int_equal(found, 0);
	assert_int_equal(called, 0);
	assert_int_equal(reader_standing(w.r, "nobody", &standing, &e), 0);
	assert_false(standing.known);
	world_end(&w);
}

/* --- rows --- */

static void
an_account_that_is_no_longer_the_same_is_asked_about(void **state)
{
	static const char *const names[] = { "provider", "club", NULL };
	int64_t account = 7;
	struct error e = { 0 };
	struct world w;

	(void)state;
	world_begin(&w);
	/* Of a mailbox that was never seen nothing is asked. */
	assert_int_equal(
	    reader_account(w.r, "isp", "h2", "u", NULL, &account, &e), 0);
	add(&w, w.isp, "u", 0, STATE_HELD);
	assert_int_equal(
	    reader_account(w.r, "isp", "h2", "u", NULL, &account, &e), -1);
	assert_int_equal(e.kind, ERR_QUESTION);
	assert_non_null(strstr(e.text, "--same-mailbox"));
	assert_int_equal(account, 0);
	assert_int_equal(
	    reader_account(w.r, "provider", "H", "u", names, &account, &e), -1);
	assert_int_equal(e.kind, ERR_QUESTION);
	assert_non_null(strstr(e.text, "account isp"));
	assert_int_equal(
	    reader_account(w.r, "isp", "H", "u", names, &account, &e), 0);
	assert_int_equal(account, w.isp);
	world_end(&w);
}

static void
rows_come_by_uid_then_copy_in_octet_order(void **state)
{
	static const struct {
		const char *uid;
		uint32_t copy;
	} sorted[] = { { "", 0 }, { "01", 0 }, { "1", 0 }, { "1", 1 },
		{ "1", 2 }, { "1", 10 }, { "10", 0 }, { "2", 0 }, { "A", 0 },
		{ "a", 0 }, { "a b", 0 }, { "ab", 0 }, { "\xff", 0 } };
	const size_t n = sizeof(sorted) / sizeof(sorted[0]);
	struct world w;
	struct rows rows;
	struct error e = { 0 };

	(void)state;
	world_begin(&w);
	for (size_t i = 0; i < n; i++) {
		size_t at = i * 5 % n;

		add(&w, w.isp, sorted[at].uid, sorted[at].copy, STATE_HELD);
	}
	add(&w, w.club, "of the club", 0, STATE_HELD);
	assert_int_equal(reader_rows(w.r, w.isp, &rows, &e), 0);
	assert_int_equal(rows.count, n);
	for (size_t i = 0; i < n; i++) {
		assert_true(slice_is(rows.list[i].uid, sorted[i].uid));
		assert_int_equal(rows.list[i].copy, sorted[i].copy);
		assert_int_equal(rows.list[i].state, STATE_HELD);
	}
	rows_free(&rows);
	assert_null(rows.list);
	assert_int_equal(rows.count, 0);
	world_end(&w);
}

static void
a_row_carries_all_that_is_known(void **state)
{
	struct ledger_change later[] = {
		{ .kind = CHANGE_VERDICT,
		    .state = STATE_DELETE_OWED,
		    .reply = "250" },
		{ .kind = CHANGE_DELETED },
		{ .kind = CHANGE_GONE },
	};
	struct world w;
	struct rows rows;
	struct error e = { 0 };
	const struct row *row;
	int64_t m;

	(void)state;
	world_begin(&w);
	m = add(&w, w.isp, "u", 3, STATE_DEFERRED);
	for (size_t i = 0; i < 3; i++)
		later[i].message = m;
	atomic_store(&wall, START + 500);
	assert_int_equal(ledger_change(w.l, w.isp, later, 3, &e), 0);
	assert_int_equal(reader_rows(w.r, w.isp, &rows, &e), 0);
	assert_int_equal(rows.count, 1);
	row = &rows.list[0];
	assert_int_equal(row->message, m);
	assert_int_equal(row->copy, 3);
	assert_int_equal(row->state, STATE_GONE);
	assert_int_equal(row->before, STATE_DELETE_OWED);
	assert_int_equal(row->attempts, 1);
	assert_int_equal(row->deletions, 1);
	assert_int_equal(row->octets, 100);
	assert_int_equal(row->first_seen, START);
	assert_int_equal(row->since, START + 500);
	assert_int_equal(row->delivered, START + 500);
	rows_free(&rows);
	world_end(&w);
}

static void
a_reader_sees_what_was_written_since_it_was_opened(void **state)
{
	struct world w;
	struct rows rows;
	struct error e = { 0 };

	(void)state;
	world_begin(&w);
	for (size_t i = 1; i <= 3; i++) {
		char uid[16];

		snprintf(uid, sizeof(uid), "u%zu", i);
		add(&w, w.isp, uid, 0, STATE_DELIVERED);
		assert_int_equal(reader_rows(w.r, w.isp, &rows, &e), 0);
		assert_int_equal(rows.count, i);
		rows_free(&rows);
	}
	world_end(&w);
}

static void
a_reader_does_not_wait_for_a_writer(void **state)
{
	struct world w;
	struct rows rows;
	struct reader *late;
	struct error e = { 0 };
	char path[128];
	sqlite3 *db;

	(void)state;
	world_begin(&w);
	add(&w, w.isp, "u", 0, STATE_DELIVERED);
	path_in(w.dir, "ledger.db", path);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db,
			     "BEGIN IMMEDIATE;"
			     "UPDATE message SET state = 'held'",
			     NULL, NULL, NULL),
	    SQLITE_OK);
	assert_int_equal(reader_rows(w.r, w.isp, &rows, &e), 0);
	assert_int_equal(rows.list[0].state, STATE_DELIVERED);
	rows_free(&rows);
	assert_int_equal(reader_open(&late, w.dir, &e), 0);
	assert_int_equal(reader_rows(late, w.isp, &rows, &e), 0);
	assert_int_equal(rows.list[0].state, STATE_DELIVERED);
	rows_free(&rows);
	reader_free(&late);
	assert_int_equal(
	    sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(reader_rows(w.r, w.isp, &rows, &e), 0);
	assert_int_equal(rows.list[0].state, STATE_HELD);
	rows_free(&rows);
	sqlite3_close(db);
	world_end(&w);
}

static void
a_ledger_that_nobody_writes_is_read(void **state)
{
	struct world w;
	struct rows rows;
	struct error e = { 0 };

	(void)state;
	world_begin(&w);
	add(&w, w.isp, "u", 0, STATE_DELIVERED);
	reader_free(&w.r);
	ledger_close(&w.l);
	assert_int_equal(reader_open(&w.r, w.dir, &e), 0);
	assert_int_equal(reader_rows(w.r, w.isp, &rows, &e), 0);
	assert_int_equal(rows.count, 1);
	rows_free(&rows);
	world_end(&w);
}

/* --- what waits --- */

struct seen {
	char uids[256];
	struct waiting last;
};

static void
note(void *arg, const struct waiting *waiting)
{
	struct seen *s = arg;
	size_t n = strlen(s->uids);

	snprintf(s->uids + n, sizeof(s->uids) - n, "%.*s ",
	    (int)waiting->uid.len, waiting->uid.data);
	s->last = *waiting;
	/* These are borrowed only until we return. */
	assert_true(slice_is(waiting->uid, waiting->reply));
	s->last.account = s->last.reply = NULL;
}

static void
expect_waiting(const struct world *w, const char *account, int64_t message,
    unsigned states, const char *uids, size_t count)
{
	struct seen s = { .uids = "" };
	struct error e = { 0 };
	size_t found;

	assert_int_equal(reader_waiting(w->r, account, message, states, note,
			     &s, &found, &e),
	    0);
	assert_string_equal(s.uids, uids);
	assert_int_equal(found, count);
}

static void
waiting_messages_are_chosen_by_account_number_and_state(void **state)
{
	struct world w;
	int64_t m;

	(void)state;
	world_begin(&w);
	add(&w, w.isp, "z", 0, STATE_HELD);
	m = add(&w, w.isp, "y", 0, STATE_DEFERRED);
	add(&w, w.isp, "x", 0, STATE_DELIVERED);
	add(&w, w.isp, "w", 0, STATE_HELD);
	add(&w, w.isp, "v", 0, STATE_IN_DOUBT);
	expect_waiting(&w, "isp", 0, BIT(STATE_HELD), "z w ", 2);
	expect_waiting(&w, NULL, 0, BIT(STATE_HELD), "z w ", 2);
	expect_waiting(&w, "isp", 0,
	    BIT(STATE_HELD) | BIT(STATE_DEFERRED) | BIT(STATE_IN_DOUBT),
	    "z y w v ", 4);
	expect_waiting(&w, NULL, m, ALL_STATES, "y ", 1);
	expect_waiting(&w, NULL, m, BIT(STATE_HELD), "", 0);
	expect_waiting(&w, "club", m, ALL_STATES, "", 0);
	expect_waiting(&w, "club", 0, ALL_STATES, "", 0);
	expect_waiting(&w, NULL, 0, 0, "", 0);
	world_end(&w);
}

static struct waiting
waiting_of(const struct world *w, int64_t message)
{
	struct seen s = { .uids = "" };
	struct error e = { 0 };
	size_t found;

	assert_int_equal(reader_waiting(w->r, NULL, message, ALL_STATES, note,
			     &s, &found, &e),
	    0);
	assert_int_equal(found, 1);
	return s.last;
}

static void
waiting_messages_tell_of_others_with_their_uid(void **state)
{
	struct standing standing;
	struct error e = { 0 };
	struct ledger_change gone = { .kind = CHANGE_GONE };
	struct waiting one;
	struct world w;
	int64_t m[4];

	(void)state;
	world_begin(&w);
	m[0] = add(&w, w.isp, "twin", 0, STATE_DROPPED);
	m[1] = add(&w, w.isp, "twin", 1, STATE_DELIVERED);
	m[2] = add(&w, w.isp, "twin", 2, STATE_DROPPED);
	m[3] = add(&w, w.isp, "alone", 0, STATE_DROPPED);
	add(&w, w.club, "alone", 0, STATE_DELIVERED);
	gone.message = m[1];
	one = waiting_of(&w, m[0]);
	assert_int_equal(one.copy, 0);
	assert_int_equal(one.copies, 2);
	assert_int_equal(one.staying, 1);
	one = waiting_of(&w, m[1]);
	assert_int_equal(one.copy, 1);
	assert_int_equal(one.staying, 0);
	one = waiting_of(&w, m[3]);
	assert_int_equal(one.copies, 0);
	assert_int_equal(one.staying, 0);
	assert_int_equal(reader_standing(w.r, "isp", &standing, &e), 0);
	assert_int_equal(standing.bound, 2);
	assert_int_equal(ledger_change(w.l, w.isp, &gone, 1, &e), 0);
	one = waiting_of(&w, m[0]);
	assert_int_equal(one.copies, 1);
	assert_int_equal(one.staying, 0);
	assert_int_equal(reader_standing(w.r, "isp", &standing, &e), 0);
	assert_int_equal(standing.bound, 0);
	world_end(&w);
}

static void
waiting_messages_tell_their_story(void **state)
{
	struct seen s = { .uids = "" };
	struct world w;
	struct error e = { 0 };
	size_t found;
	int64_t m;

	(void)state;
	world_begin(&w);
	m = add(&w, w.isp, "u", 0, STATE_DEFERRED);
	assert_int_equal(reader_waiting(w.r, "isp", m, BIT(STATE_DEFERRED),
			     note, &s, &found, &e),
	    0);
	assert_int_equal(found, 1);
	assert_int_equal(s.last.message, m);
	assert_int_equal(s.last.octets, 100);
	assert_int_equal(s.last.state, STATE_DEFERRED);
	assert_int_equal(s.last.first_seen, START);
	assert_int_equal(s.last.since, START);
	assert_int_equal(s.last.next_try, START + 60);
	assert_int_equal(s.last.attempts, 1);
	world_end(&w);
}

static void
each_state_is_counted(void **state)
{
	static const enum state states[] = { STATE_HELD, STATE_HELD,
		STATE_DEFERRED, STATE_DELIVERED, STATE_DELIVERED,
		STATE_DELIVERED, STATE_DELETE_OWED, STATE_IN_DOUBT };
	struct world w;
	struct standing s;
	struct error e = { 0 };

	(void)state;
	world_begin(&w);
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		add(&w, w.isp, "u", (uint32_t)i, states[i]);
	add(&w, w.club, "u", 0, STATE_HELD);
	assert_int_equal(reader_standing(w.r, "isp", &s, &e), 0);
	assert_true(s.known);
	assert_int_equal(s.counts[STATE_NEW], 0);
	assert_int_equal(s.counts[STATE_HELD], 2);
	assert_int_equal(s.counts[STATE_DEFERRED], 1);
	assert_int_equal(s.counts[STATE_DELIVERED], 3);
	assert_int_equal(s.counts[STATE_DELETE_OWED], 1);
	assert_int_equal(s.counts[STATE_IN_DOUBT], 1);
	assert_int_equal(s.counts[STATE_GONE], 0);
	assert_int_equal(reader_standing(w.r, "club", &s, &e), 0);
	assert_int_equal(s.counts[STATE_HELD], 1);
	assert_int_equal(s.counts[STATE_DELIVERED], 0);
	world_end(&w);
}

static void
every_state_has_a_name_of_its_own(void **state)
{
	(void)state;
	for (int s = 0; s < STATES; s++)
		assert_int_equal(state_parse(state_name((enum state)s)), s);
	assert_int_equal(state_parse(""), -1);
	assert_int_equal(state_parse("Held"), -1);
	assert_int_equal(state_parse("held "), -1);
}

/* --- a ledger that cannot be read --- */

static void
run_sql(const char *dir, const char *sql)
{
	char path[128];
	sqlite3 *db;

	path_in(dir, "ledger.db", path);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void
remove_file(const char *dir, const char *name)
{
	char path[128];

	path_in(dir, name, path);
	assert_int_equal(unlink(path), 0);
}

static void
expect_unreadable(struct world *w, const char *words)
{
	struct reader *r = NULL;
	struct error e = { 0 };

	assert_int_equal(reader_open(&r, w->dir, &e), -1);
	assert_null(r);
	assert_int_equal(e.kind, ERR_LEDGER);
	if (strstr(e.text, words) == NULL)
		fail_msg("no \"%s\" in: %s", words, e.text);
}

static void
a_newer_or_older_or_foreign_ledger_is_refused(void **state)
{
	struct world w;

	(void)state;
	world_begin(&w);
	reader_free(&w.r);
	ledger_close(&w.l);
	run_sql(w.dir, "PRAGMA user_version = 1000");
	expect_unreadable(&w, "newer postrider");
	run_sql(w.dir, "PRAGMA user_version = 1");
	expect_unreadable(&w, "older version");
	run_sql(w.dir, "PRAGMA user_version = 0");
	expect_unreadable(&w, "damaged");
	run_sql(w.dir, "PRAGMA user_version = 4; PRAGMA application_id = 5");
	expect_unreadable(&w, "other program");
	run_sql(w.dir, "PRAGMA user_version = 0; PRAGMA application_id = 0");
	expect_unreadable(&w, "other program");
	remove_file(w.dir, "ledger.db");
	remove_file(w.dir, "ledger.marker");
	world_end(&w);
}

static void
a_ledger_that_was_never_finished_is_none(void **state)
{
	struct error e = { 0 };
	struct world w;

	(void)state;
	world_begin(&w);
	reader_free(&w.r);
	ledger_close(&w.l);
	remove_file(w.dir, "ledger.db");
	run_sql(w.dir, "PRAGMA journal_mode = WAL");
	assert_int_equal(reader_open(&w.r, w.dir, &e), -1);
	assert_int_equal(e.kind, ERR_QUESTION);
	error_clear(&e);
	remove_file(w.dir, "ledger.marker");
	assert_int_equal(reader_open(&w.r, w.dir, &e), 0);
	assert_null(w.r);
	assert_int_equal(e.kind, ERR_NONE);
	world_end(&w);
}

static void
a_damaged_ledger_is_said_to_be_damaged(void **state)
{
	struct world w;
	char path[128];
	int fd;

	(void)state;
	world_begin(&w);
	reader_free(&w.r);
	ledger_close(&w.l);
	path_in(w.dir, "ledger.db", path);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, "this is no database, is it?", 27, 0), 27);
	close(fd);
	expect_unreadable(&w, "damaged");
	world_end(&w);
}

static void
a_table_that_is_missing_is_an_error_and_not_empty(void **state)
{
	struct world w;
	struct rows rows;
	struct standing s;
	struct error e = { 0 };
	size_t found;
	int called = 0;

	(void)state;
	world_begin(&w);
	run_sql(w.dir, "DROP TABLE outcome; DROP TABLE message;");
	assert_int_equal(reader_rows(w.r, w.isp, &rows, &e), -1);
	assert_int_equal(e.kind, ERR_LEDGER);
	rows_free(&rows);
	error_clear(&e);
	assert_int_equal(reader_outcomes(w.r, 1, STATE_DELIVERED,
			     count_recipient, &called, &e),
	    -1);
	assert_int_equal(e.kind, ERR_LEDGER);
	error_clear(&e);
	assert_int_equal(reader_waiting(w.r, NULL, 0, ALL_STATES, count_waiting,
			     &called, &found, &e),
	    -1);
	assert_int_equal(e.kind, ERR_LEDGER);
	error_clear(&e);
	assert_int_equal(reader_standing(w.r, "isp", &s, &e), -1);
	assert_int_equal(e.kind, ERR_LEDGER);
	world_end(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_ledger_is_an_empty_one),
		cmocka_unit_test(no_directory_is_an_empty_ledger_too),
		cmocka_unit_test(a_ledger_that_has_gone_is_not_an_empty_one),
		cmocka_unit_test(what_the_ledger_does_not_know_is_empty),
		cmocka_unit_test(
		    an_account_that_is_no_longer_the_same_is_asked_about),
		cmocka_unit_test(rows_come_by_uid_then_copy_in_octet_order),
		cmocka_unit_test(a_row_carries_all_that_is_known),
		cmocka_unit_test(
		    a_reader_sees_what_was_written_since_it_was_opened),
		cmocka_unit_test(a_reader_does_not_wait_for_a_writer),
		cmocka_unit_test(a_ledger_that_nobody_writes_is_read),
		cmocka_unit_test(
		    waiting_messages_are_chosen_by_account_number_and_state),
		cmocka_unit_test(waiting_messages_tell_their_story),
		cmocka_unit_test(
		    waiting_messages_tell_of_others_with_their_uid),
		cmocka_unit_test(each_state_is_counted),
		cmocka_unit_test(every_state_has_a_name_of_its_own),
		cmocka_unit_test(a_newer_or_older_or_foreign_ledger_is_refused),
		cmocka_unit_test(a_ledger_that_was_never_finished_is_none),
		cmocka_unit_test(a_damaged_ledger_is_said_to_be_damaged),
		cmocka_unit_test(
		    a_table_that_is_missing_is_an_error_and_not_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
