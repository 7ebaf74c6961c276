/* test-schema.c - ledgers of older versions, brought up to date. */
#include "ledger/schema.h"

#include "ledger/ledger.h"
#include "ledger/reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define ACCOUNT                                                             \
	"CREATE TABLE account (id INTEGER PRIMARY KEY, name TEXT NOT NULL " \
	"UNIQUE,"                                                           \
	" server TEXT NOT NULL, user TEXT NOT NULL, first_poll INTEGER,"    \
	" last_started INTEGER, last_ended INTEGER, last_success INTEGER,"  \
	" last_listed INTEGER, error_kind TEXT NOT NULL DEFAULT '',"        \
	" error_text TEXT NOT NULL DEFAULT '',"                             \
	" failures INTEGER NOT NULL DEFAULT 0,"                             \
	" in_mailbox INTEGER NOT NULL DEFAULT 0,"                           \
	" delivered INTEGER NOT NULL DEFAULT 0,"                            \
	" octets INTEGER NOT NULL DEFAULT 0,"                               \
	" deleted INTEGER NOT NULL DEFAULT 0,"                              \
	" total_delivered INTEGER NOT NULL DEFAULT 0) STRICT;"
#define OUTCOME                                                                \
	"CREATE TABLE outcome ("                                               \
	" message INTEGER NOT NULL REFERENCES message (id) ON DELETE CASCADE," \
	" destination TEXT NOT NULL, recipient TEXT NOT NULL,"                 \
	" state TEXT NOT NULL, reply TEXT NOT NULL, time INTEGER NOT NULL,"    \
	" PRIMARY KEY (message, destination, recipient)) STRICT, WITHOUT "     \
	"ROWID;"
#define CONTENT                                                               \
	"INSERT INTO account (id, name, server, user, last_listed,"           \
	" total_delivered) VALUES (7, 'isp', 'h', 'u', 25, 1000);"            \
	"INSERT INTO message (id, account, uid, copy, octets, state, "        \
	"first_seen,"                                                         \
	" since, attempts, first_refused, next_try, reply)"                   \
	" VALUES (40, 7, x'00ff', 2, 512, 'deferred', 10, 20, 3, 15, 30,"     \
	"  'later'),"                                                         \
	"  (41, 7, x'61', 0, 9, 'in_doubt', 11, 21, 0, NULL, 0, '');"         \
	"INSERT INTO outcome VALUES (40, 'home', 'ann', 'delivered', '250', " \
	"20),"                                                                \
	" (40, 'home', 'bob', 'deferred', '450', 20);"

/* As version 1 made it, with something in it. */
static const char version_1[] =
    "PRAGMA journal_mode = WAL;" ACCOUNT
    "CREATE TABLE message (id INTEGER PRIMARY KEY,"
    " account INTEGER NOT NULL REFERENCES account (id), uid BLOB NOT NULL,"
    " copy INTEGER NOT NULL, octets INTEGER NOT NULL,"
    " state TEXT NOT NULL CHECK (state IN ('new', 'seen', 'in_doubt',"
    "  'deferred', 'held', 'dropped', 'delivered', 'delete_owed', 'gone')),"
    " before TEXT, first_seen INTEGER NOT NULL, since INTEGER NOT NULL,"
    " delivered INTEGER, attempts INTEGER NOT NULL DEFAULT 0,"
    " first_refused INTEGER, next_try INTEGER NOT NULL DEFAULT 0,"
    " doubts INTEGER NOT NULL DEFAULT 0,"
    " deletions INTEGER NOT NULL DEFAULT 0, reply TEXT NOT NULL DEFAULT '',"
    " intent TEXT, UNIQUE (account, uid, copy)) STRICT;"
    "CREATE INDEX message_waiting ON message (account, state)"
    " WHERE state IN ('new', 'in_doubt', 'deferred', 'held', 'dropped',"
    "  'delete_owed', 'gone');" OUTCOME CONTENT
    "PRAGMA application_id = 0x70726964; PRAGMA user_version = 1;";

/* And version 2. */
static const char version_2[] =
    "PRAGMA journal_mode = WAL;" ACCOUNT
    "CREATE TABLE message (id INTEGER PRIMARY KEY,"
    " account INTEGER NOT NULL REFERENCES account (id), uid BLOB NOT NULL,"
    " copy INTEGER NOT NULL, octets INTEGER NOT NULL,"
    " state TEXT NOT NULL CHECK (state IN ('new', 'seen', 'in_doubt',"
    "  'deferred', 'held', 'dropped', 'delivered', 'report_owed',"
    "  'rejected', 'delete_owed', 'gone')),"
    " before TEXT, first_seen INTEGER NOT NULL, since INTEGER NOT NULL,"
    " delivered INTEGER, attempts INTEGER NOT NULL DEFAULT 0,"
    " first_refused INTEGER, next_try INTEGER NOT NULL DEFAULT 0,"
    " doubts INTEGER NOT NULL DEFAULT 0,"
    " deletions INTEGER NOT NULL DEFAULT 0, reply TEXT NOT NULL DEFAULT '',"
    " intent TEXT, rejected INTEGER NOT NULL DEFAULT 0, header BLOB,"
    " UNIQUE (account, uid, copy)) STRICT;"
    "CREATE INDEX message_gone ON message (account, since)"
    " WHERE state = 'gone';" OUTCOME CONTENT
    "INSERT INTO message (id, account, uid, copy, octets, state, first_seen,"
    " since, rejected, header, reply)"
    " VALUES (42, 7, x'62', 0, 8, 'held', 12, 22, 1, x'0102', 'no');"
    "PRAGMA application_id = 0x70726964; PRAGMA user_version = 2;";

/* As versions 3 and 4 have them. */
#define TABLES_3                                                               \
	ACCOUNT                                                                \
	"CREATE TABLE message (id INTEGER PRIMARY KEY,"                        \
	" account INTEGER NOT NULL REFERENCES account (id), uid BLOB NOT "     \
	"NULL,"                                                                \
	" copy INTEGER NOT NULL, octets INTEGER NOT NULL,"                     \
	" state TEXT NOT NULL CHECK (state IN ('new', 'seen', 'in_doubt',"     \
	"  'deferred', 'held', 'dropped', 'delivered', 'report_owed',"         \
	"  'rejected', 'delete_owed', 'gone')),"                               \
	" before TEXT, first_seen INTEGER NOT NULL, since INTEGER NOT NULL,"   \
	" delivered INTEGER, attempts INTEGER NOT NULL DEFAULT 0,"             \
	" first_refused INTEGER, next_try INTEGER NOT NULL DEFAULT 0,"         \
	" doubts INTEGER NOT NULL DEFAULT 0,"                                  \
	" deletions INTEGER NOT NULL DEFAULT 0, reply TEXT NOT NULL DEFAULT "  \
	"'',"                                                                  \
	" intent TEXT, rejected INTEGER NOT NULL DEFAULT 0, header BLOB,"      \
	" UNIQUE (account, uid, copy)) STRICT;"                                \
	"CREATE INDEX message_gone ON message (account, since)"                \
	" WHERE state = 'gone';" OUTCOME CONTENT                               \
	"ALTER TABLE account ADD COLUMN quiet BLOB;"                           \
	"ALTER TABLE account ADD COLUMN quiet_until INTEGER NOT NULL DEFAULT " \
	"0;"                                                                   \
	"ALTER TABLE account ADD COLUMN quiet_held INTEGER NOT NULL DEFAULT "  \
	"0;"                                                                   \
	"CREATE TABLE server (name TEXT PRIMARY KEY, capa TEXT NOT NULL,"      \
	" learned INTEGER NOT NULL, pipelining TEXT NOT NULL"                  \
	"  CHECK (pipelining IN ('', 'proven', 'broken')),"                    \
	" since INTEGER NOT NULL) STRICT, WITHOUT ROWID;"                      \
	"CREATE TRIGGER message_decided AFTER UPDATE OF state ON message"      \
	" WHEN old.state IN ('held', 'dropped') BEGIN"                         \
	" UPDATE account SET quiet = NULL WHERE id = new.account; END;"

/* And version 3. */
static const char version_3[] =
    "PRAGMA journal_mode = WAL;" TABLES_3
    "INSERT INTO server VALUES ('h:995 implicit', 'TOP', 26, 'broken', 27);"
    "UPDATE account SET quiet = zeroblob(32), quiet_until = 28;"
    "INSERT INTO account (id, name, server, user, last_ended, error_kind)"
    " VALUES (8, 'fails', 'h', 'v', 29, 'io'),"
    "  (9, 'stopped', 'h', 'w', 29, 'stopped');"
    "PRAGMA application_id = 0x70726964; PRAGMA user_version = 3;";

/* And version 4. */
static const char version_4[] =
    "PRAGMA journal_mode = WAL;" TABLES_3
    "ALTER TABLE account ADD COLUMN failing_since INTEGER;"
    "ALTER TABLE account ADD COLUMN due INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE account ADD COLUMN setback TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE account ADD COLUMN setbacks INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE account ADD COLUMN refusals INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE account ADD COLUMN refused BLOB;"
    "ALTER TABLE account ADD COLUMN alerted INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE account ADD COLUMN rhythm BLOB;"
    "CREATE INDEX account_user ON account (user);"
    "CREATE TABLE hour (account INTEGER NOT NULL REFERENCES account (id),"
    " hour INTEGER NOT NULL, delivered INTEGER NOT NULL,"
    " octets INTEGER NOT NULL, PRIMARY KEY (account, hour)"
    ") STRICT, WITHOUT ROWID;"
    "UPDATE account SET due = 31, setback = 'io', refused = x'05';"
    "INSERT INTO hour VALUES (7, 3600, 4, 500);"
    "PRAGMA application_id = 0x70726964; PRAGMA user_version = 4;";

struct world {
	char dir[64];
	char path[96];
};

static void
world_begin(struct world *w, const char *sql)
{
	sqlite3 *db;

	snprintf(w->dir, sizeof(w->dir), "/tmp/postrider-schema.XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->path, sizeof(w->path), "%s/ledger.db", w->dir);
	assert_int_equal(sqlite3_open(w->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void
world_end(struct world *w)
{
	static const char *const ends[] = { "db", "db-wal", "db-shm", "lock",
		"marker" };
	char path[128];

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		snprintf(path, sizeof(path), "%s/ledger.%s", w->dir, ends[i]);
		unlink(path);
	}
	assert_int_equal(rmdir(w->dir), 0);
}

static void
count_one(void *arg, const char *recipient, const char *reply)
{
	assert_string_equal(recipient, "ann");
	assert_string_equal(reply, "250");
	(*(int *)arg)++;
}

/* What is remembered since version 3 is not there yet. */
static void
check_memory(struct reader *r)
{
	struct ledger_server server;
	struct polled polled;
	struct error e = { 0 };

	assert_int_equal(reader_polled(r, 7, &polled, &e), 0);
	assert_true(polled.first);
	assert_int_equal(polled.last_listed, 25);
	assert_int_equal(reader_server(r, "h:110 none", &server, &e), 0);
	assert_string_equal(server.capa, "");
	assert_int_equal(server.pipelining, PIPELINING_UNTRIED);
}

/* What the ledger of version 1 knew, and `more` messages. */
static void
check_contents(const struct world *w, size_t more)
{
	struct reader *r = NULL;
	struct rows rows;
	struct error e = { 0 };
	int delivered = 0;

	assert_int_equal(reader_open(&r, w->dir, &e), 0);
	assert_int_equal(reader_rows(r, 7, &rows, &e), 0);
	assert_int_equal(rows.count, 2 + more);
	assert_int_equal(rows.list[0].message, 40);
	assert_true(slice_equal(rows.list[0].uid, slice_make("\0\xff", 2)));
	assert_int_equal(rows.list[0].copy, 2);
	assert_int_equal(rows.list[0].octets, 512);
	assert_int_equal(rows.list[0].state, STATE_DEFERRED);
	assert_int_equal(rows.list[0].attempts, 3);
	assert_int_equal(rows.list[0].first_seen, 10);
	assert_int_equal(rows.list[0].since, 20);
	assert_int_equal(rows.list[0].first_refused, 15);
	assert_int_equal(rows.list[0].next_try, 30);
	assert_false(rows.list[0].rejected);
	assert_int_equal(rows.list[1].state, STATE_IN_DOUBT);
	assert_int_equal(
	    reader_outcomes(r, 40, STATE_DELIVERED, count_one, &delivered, &e),
	    0);
	assert_int_equal(delivered, 1);
	check_memory(r);
	rows_free(&rows);
	reader_free(&r);
}

static void
a_ledger_of_version_1_is_brought_up_to_date_with_all_it_knew(void **state)
{
	struct world w;
	struct ledger *l = NULL;
	struct error e = { 0 };

	(void)state;
	world_begin(&w, version_1);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(ledger_open(&l, w.dir, false, &e), 0);
		ledger_close(&l);
		check_contents(&w, 0);
	}
	world_end(&w);
}

static void
a_ledger_of_version_2_is_brought_up_to_date_with_all_it_knew(void **state)
{
	struct world w;
	struct ledger *l = NULL;
	struct reader *r = NULL;
	struct rows rows;
	struct error e = { 0 };

	(void)state;
	world_begin(&w, version_2);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(ledger_open(&l, w.dir, false, &e), 0);
		ledger_close(&l);
		check_contents(&w, 1);
	}
	assert_int_equal(reader_open(&r, w.dir, &e), 0);
	assert_int_equal(reader_rows(r, 7, &rows, &e), 0);
	assert_int_equal(rows.list[2].message, 42);
	assert_int_equal(rows.list[2].state, STATE_HELD);
	assert_true(rows.list[2].rejected);
	assert_true(slice_equal(rows.list[2].header, slice_make("\1\2", 2)));
	rows_free(&rows);
	reader_free(&r);
	world_end(&w);
}

static void
nothing_is_kept(void *arg, const struct ledger_schedule *s)
{
	assert_int_equal(s->due, 0);
	assert_string_equal(s->setback, "");
	assert_int_equal(s->setbacks + s->refusals + s->alerted, 0);
	assert_int_equal(s->refused.len + s->rhythm.len, 0);
	assert_int_equal(
	    s->failing_since, strcmp(s->account, "fails") == 0 ? 29 : 0);
	(*(int *)arg)++;
}

static void
a_ledger_of_version_3_is_brought_up_to_date_with_all_it_knew(void **state)
{
	struct world w;
	struct ledger *l = NULL;
	struct ledger_server server;
	struct polled polled;
	struct reader *r = NULL;
	struct error e = { 0 };
	int accounts = 0;

	(void)state;
	world_begin(&w, version_3);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(ledger_open(&l, w.dir, false, &e), 0);
		ledger_close(&l);
		check_contents(&w, 0);
	}
	assert_int_equal(reader_open(&r, w.dir, &e), 0);
	assert_int_equal(reader_polled(r, 7, &polled, &e), 0);
	assert_true(polled.has_quiet);
	assert_int_equal(polled.quiet.until, 28);
	assert_int_equal(reader_server(r, "h:995 implicit", &server, &e), 0);
	assert_string_equal(server.capa, "TOP");
	assert_int_equal(server.pipelining, PIPELINING_BROKEN);
	assert_int_equal(
	    reader_schedules(r, nothing_is_kept, &accounts, &e), 0);
	assert_int_equal(accounts, 3);
	reader_free(&r);
	world_end(&w);
}

static void
it_is_kept(void *arg, const struct ledger_schedule *s)
{
	assert_int_equal(s->due, 31);
	assert_string_equal(s->setback, "io");
	assert_true(slice_is(s->refused, "\5"));
	(*(int *)arg)++;
}

/* Nothing was proven then, verified, or imported. */
static int
nothing_is_proven(void *arg, const struct proof *p, struct error *e)
{
	(void)e;
	assert_string_equal(p->trace, "");
	assert_false(p->has_digest);
	assert_int_equal(p->content + p->verdict, 0);
	assert_int_equal(p->verified, 0);
	(*(int *)arg)++;
	return 0;
}

static void
a_ledger_of_version_4_is_brought_up_to_date_with_all_it_knew(void **state)
{
	struct world w;
	struct ledger *l = NULL;
	struct reader *r = NULL;
	struct rows rows;
	struct hours hours;
	struct error e = { 0 };
	int accounts = 0, proofs = 0;

	(void)state;
	world_begin(&w, version_4);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(ledger_open(&l, w.dir, false, &e), 0);
		ledger_close(&l);
		check_contents(&w, 0);
	}
	assert_int_equal(reader_open(&r, w.dir, &e), 0);
	assert_int_equal(reader_schedules(r, it_is_kept, &accounts, &e), 0);
	assert_int_equal(accounts, 1);
	assert_int_equal(reader_hours(r, "isp", 3600, &hours, &e), 0);
	assert_int_equal(hours.octets[READER_HOURS - 1], 500);
	assert_int_equal(
	    reader_proofs(r, 7, nothing_is_proven, &proofs, &e), 0);
	assert_int_equal(proofs, 2);
	assert_int_equal(reader_rows(r, 7, &rows, &e), 0);
	assert_false(rows.list[0].imported || rows.list[1].imported);
	rows_free(&rows);
	reader_free(&r);
	world_end(&w);
}

/* Each column, index and trigger, in lines. Owned. */
static char *
shape(const struct world *w)
{
	static const char sql[] =
	    "SELECT group_concat(line, x'0a') FROM (SELECT s.type || ' '"
	    " || s.name || ' ' || s.tbl_name || ' ' || ifnull(c.name, '')"
	    " || ' ' || ifnull(c.type, '') || ifnull(c.\"notnull\", '')"
	    " || ifnull(c.dflt_value, '') || ifnull(c.pk, '') AS line"
	    " FROM sqlite_schema s LEFT JOIN pragma_table_info(s.name) c"
	    " WHERE s.type <> 'table' OR c.name IS NOT NULL ORDER BY line)";
	sqlite3_stmt *st;
	sqlite3 *db;
	char *text;

	assert_int_equal(sqlite3_open(w->path, &db), SQLITE_OK);
	if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK)
		fail_msg("%s", sqlite3_errmsg(db));
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	text = strdup((const char *)sqlite3_column_text(st, 0));
	assert_non_null(text);
	sqlite3_finalize(st);
	sqlite3_close(db);
	return text;
}

/* Its shape, once this program has opened it. */
static char *
shape_of(const char *sql)
{
	struct ledger *l = NULL;
	struct error e = { 0 };
	struct world w;
	char *text;

	world_begin(&w, sql);
	assert_int_equal(ledger_open(&l, w.dir, false, &e), 0);
	ledger_close(&l);
	text = shape(&w);
	world_end(&w);
	return text;
}

static void
wherever_it_comes_from_a_ledger_is_like_a_new_one(void **state)
{
	char *new = shape_of(""), *one = shape_of(version_1),
	     *two = shape_of(version_2), *three = shape_of(version_3),
	     *four = shape_of(version_4);

	(void)state;
	assert_non_null(strstr(new, "trigger message_decided message"));
	assert_non_null(strstr(new, "table server server capa TEXT"));
	assert_non_null(strstr(new, "table hour hour delivered INTEGER"));
	assert_non_null(strstr(new, "table message message digest BLOB"));
	assert_string_equal(one, new);
	assert_string_equal(two, new);
	assert_string_equal(three, new);
	assert_string_equal(four, new);
	free(new);
	free(one);
	free(two);
	free(three);
	free(four);
}

static int
expect_proof(void *arg, const struct proof *p, struct error *e)
{
	(void)arg;
	(void)e;
	if (p->message == 40) {
		assert_string_equal(p->trace, "trace");
		assert_memory_equal(
		    p->digest, "0123456789abcdef0123456789abcdef", 32);
	}
	return 0;
}

static void
expect_what_is_new(const char *sql)
{
	struct ledger_change change = { .kind = CHANGE_VERDICT,
		.message = 41,
		.state = STATE_REPORT_OWED,
		.reply = "550 no",
		.rejected = true };
	struct ledger_change held = { .kind = CHANGE_VERDICT,
		.message = 40,
		.state = STATE_HELD,
		.trace = "trace",
		.digest = slice_of("0123456789abcdef0123456789abcdef"),
		.reply = "550 no" };
	struct ledger_change dropped = { .kind = CHANGE_DROP, .message = 40 };
	struct ledger_quiet quiet = { .digest = { 1, 2, 3 }, .until = 99 };
	struct ledger_server server = { .name = "h:110 none", .capa = "TOP\n" };
	struct ledger_poll poll = {
		.account = 7, .quiet = &quiet, .server = &server, .delivered = 3
	};
	struct ledger_schedule schedule = { .account = "isp", .due = 77 };
	struct standing standing;
	struct hours hours;
	struct world w;
	struct ledger *l = NULL;
	struct reader *r = NULL;
	struct ledger_server got;
	struct polled polled;
	struct error e = { 0 };

	world_begin(&w, sql);
	assert_int_equal(ledger_open(&l, w.dir, false, &e), 0);
	assert_int_equal(ledger_change(l, 7, &change, 1, &e), 0);
	assert_int_equal(ledger_change(l, 7, &held, 1, &e), 0);
	assert_int_equal(ledger_poll(l, &poll, &e), 0);
	assert_int_equal(reader_open(&r, w.dir, &e), 0);
	assert_int_equal(reader_polled(r, 7, &polled, &e), 0);
	assert_true(polled.has_quiet);
	assert_int_equal(reader_proofs(r, 7, expect_proof, NULL, &e), 0);
	assert_int_equal(reader_server(r, server.name, &got, &e), 0);
	assert_string_equal(got.capa, "TOP\n");
	assert_int_equal(ledger_change(l, 7, &dropped, 1, &e), 0);
	assert_int_equal(reader_polled(r, 7, &polled, &e), 0);
	assert_false(polled.has_quiet);
	assert_int_equal(ledger_schedules(l, &schedule, 1, &e), 0);
	assert_int_equal(reader_standing(r, "isp", &standing, &e), 0);
	assert_int_equal(standing.due, 77);
	assert_int_equal(reader_hours(r, "isp", poll.ended, &hours, &e), 0);
	assert_int_equal(hours.delivered[READER_HOURS - 1], 3);
	reader_free(&r);
	ledger_close(&l);
	world_end(&w);
}

static void
what_is_new_works_in_a_ledger_that_was_brought_up_to_date(void **state)
{
	(void)state;
	expect_what_is_new(version_1);
	expect_what_is_new(version_2);
	expect_what_is_new(version_3);
	expect_what_is_new(version_4);
}

static void
a_reader_waits_for_the_writer_to_bring_it_up_to_date(void **state)
{
	static const char *const versions[] = { version_1, version_2, version_3,
		version_4 };
	struct world w;
	struct reader *r = NULL;
	struct error e = { 0 };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		world_begin(&w, versions[i]);
		assert_int_equal(reader_open(&r, w.dir, &e), -1);
		assert_int_equal(e.kind, ERR_LEDGER);
		assert_non_null(strstr(e.text, "older version"));
		world_end(&w);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_ledger_of_version_1_is_brought_up_to_date_with_all_it_knew),
		cmocka_unit_test(
		    a_ledger_of_version_2_is_brought_up_to_date_with_all_it_knew),
		cmocka_unit_test(
		    a_ledger_of_version_3_is_brought_up_to_date_with_all_it_knew),
		cmocka_unit_test(
		    a_ledger_of_version_4_is_brought_up_to_date_with_all_it_knew),
		cmocka_unit_test(
		    wherever_it_comes_from_a_ledger_is_like_a_new_one),
		cmocka_unit_test(
		    what_is_new_works_in_a_ledger_that_was_brought_up_to_date),
		cmocka_unit_test(
		    a_reader_waits_for_the_writer_to_bring_it_up_to_date),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
