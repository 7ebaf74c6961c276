/* Opening ledger.db and bringing its tables up to date. */
#include "ledger/schema.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "ledger/marker.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* "prid" */
#define APPLICATION_ID 0x70726964

/* migrations[n] leads from version n to n + 1. */
static const char *const migrations[] = {
	"CREATE TABLE account ("
	" id INTEGER PRIMARY KEY,"
	" name TEXT NOT NULL UNIQUE,"
	" server TEXT NOT NULL,"
	" user TEXT NOT NULL,"
	" first_poll INTEGER,"
	" last_started INTEGER,"
	" last_ended INTEGER,"
	" last_success INTEGER,"
	" last_listed INTEGER,"
	" error_kind TEXT NOT NULL DEFAULT '',"
	" error_text TEXT NOT NULL DEFAULT '',"
	" failures INTEGER NOT NULL DEFAULT 0,"
	" in_mailbox INTEGER NOT NULL DEFAULT 0,"
	" delivered INTEGER NOT NULL DEFAULT 0,"
	" octets INTEGER NOT NULL DEFAULT 0,"
	" deleted INTEGER NOT NULL DEFAULT 0,"
	" total_delivered INTEGER NOT NULL DEFAULT 0"
	") STRICT;"
	"CREATE TABLE message ("
	" id INTEGER PRIMARY KEY,"
	" account INTEGER NOT NULL REFERENCES account (id),"
	" uid BLOB NOT NULL,"
	" copy INTEGER NOT NULL,"
	" octets INTEGER NOT NULL,"
	" state TEXT NOT NULL CHECK (state IN ('new', 'seen', 'in_doubt',"
	"  'deferred', 'held', 'dropped', 'delivered', 'delete_owed', 'gone')),"
	" before TEXT,"
	" first_seen INTEGER NOT NULL,"
	" since INTEGER NOT NULL,"
	" delivered INTEGER,"
	" attempts INTEGER NOT NULL DEFAULT 0,"
	" first_refused INTEGER,"
	" next_try INTEGER NOT NULL DEFAULT 0,"
	" doubts INTEGER NOT NULL DEFAULT 0,"
	" deletions INTEGER NOT NULL DEFAULT 0,"
	" reply TEXT NOT NULL DEFAULT '',"
	" intent TEXT,"
	" UNIQUE (account, uid, copy)"
	") STRICT;"
	"CREATE INDEX message_waiting ON message (account, state)"
	" WHERE state IN ('new', 'in_doubt', 'deferred', 'held', 'dropped',"
	"  'delete_owed', 'gone');"
	"CREATE TABLE outcome ("
	" message INTEGER NOT NULL REFERENCES message (id) ON DELETE CASCADE,"
	" destination TEXT NOT NULL,"
	" recipient TEXT NOT NULL,"
	" state TEXT NOT NULL,"
	" reply TEXT NOT NULL,"
	" time INTEGER NOT NULL,"
	" PRIMARY KEY (message, destination, recipient)"
	") STRICT, WITHOUT ROWID;",

	/* Two more states, which a CHECK cannot be told; and new columns. */
	"CREATE TABLE message_2 ("
	" id INTEGER PRIMARY KEY,"
	" account INTEGER NOT NULL REFERENCES account (id),"
	" uid BLOB NOT NULL,"
	" copy INTEGER NOT NULL,"
	" octets INTEGER NOT NULL,"
	" state TEXT NOT NULL CHECK (state IN ('new', 'seen', 'in_doubt',"
	"  'deferred', 'held', 'dropped', 'delivered', 'report_owed',"
	"  'rejected', 'delete_owed', 'gone')),"
	" before TEXT,"
	" first_seen INTEGER NOT NULL,"
	" since INTEGER NOT NULL,"
	" delivered INTEGER,"
	" attempts INTEGER NOT NULL DEFAULT 0,"
	" first_refused INTEGER,"
	" next_try INTEGER NOT NULL DEFAULT 0,"
	" doubts INTEGER NOT NULL DEFAULT 0,"
	" deletions INTEGER NOT NULL DEFAULT 0,"
	" reply TEXT NOT NULL DEFAULT '',"
	" intent TEXT,"
	" rejected INTEGER NOT NULL DEFAULT 0,"
	" header BLOB,"
	" UNIQUE (account, uid, copy)"
	") STRICT;"
	"INSERT INTO message_2 (id, account, uid, copy, octets, state, before,"
	"  first_seen, since, delivered, attempts, first_refused, next_try,"
	"  doubts, deletions, reply, intent)"
	" SELECT id, account, uid, copy, octets, state, before, first_seen,"
	"  since, delivered, attempts, first_refused, next_try, doubts,"
	"  deletions, reply, intent FROM message;"
	"DROP TABLE message;"
	"ALTER TABLE message_2 RENAME TO message;"
	/* For what is forgotten after so long, and found nowhere else. */
	"CREATE INDEX message_gone ON message (account, since)"
	" WHERE state = 'gone';",

	"ALTER TABLE account ADD COLUMN quiet BLOB;"
	"ALTER TABLE account ADD COLUMN quiet_until INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE account ADD COLUMN quiet_held INTEGER NOT NULL DEFAULT 0;"
	"CREATE TABLE server ("
	" name TEXT PRIMARY KEY,"
	" capa TEXT NOT NULL,"
	" learned INTEGER NOT NULL,"
	" pipelining TEXT NOT NULL"
	"  CHECK (pipelining IN ('', 'proven', 'broken')),"
	" since INTEGER NOT NULL"
	") STRICT, WITHOUT ROWID;"
	/* What waited for its owner has been decided between two polls. */
	"CREATE TRIGGER message_decided AFTER UPDATE OF state ON message"
	" WHEN old.state IN ('held', 'dropped') BEGIN"
	" UPDATE account SET quiet = NULL WHERE id = new.account; END;",

	"ALTER TABLE account ADD COLUMN failing_since INTEGER;"
	"ALTER TABLE account ADD COLUMN due INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE account ADD COLUMN setback TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE account ADD COLUMN setbacks INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE account ADD COLUMN refusals INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE account ADD COLUMN refused BLOB;"
	"ALTER TABLE account ADD COLUMN alerted INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE account ADD COLUMN rhythm BLOB;"
	/* As far as is known. */
	"UPDATE account SET failing_since = last_ended"
	" WHERE error_kind NOT IN ('', 'stopped');"
	/* Each of thousands of new accounts is looked for by its maildrop. */
	"CREATE INDEX account_user ON account (user);"
	"CREATE TABLE hour ("
	" account INTEGER NOT NULL REFERENCES account (id),"
	" hour INTEGER NOT NULL,"
	" delivered INTEGER NOT NULL,"
	" octets INTEGER NOT NULL,"
	" PRIMARY KEY (account, hour)"
	") STRICT, WITHOUT ROWID;",

	"ALTER TABLE message ADD COLUMN trace TEXT;"
	"ALTER TABLE message ADD COLUMN digest BLOB;"
	"ALTER TABLE message ADD COLUMN content INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE message ADD COLUMN verified INTEGER;"
	"ALTER TABLE message ADD COLUMN verdict INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE message ADD COLUMN imported INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE account ADD COLUMN moved_to TEXT NOT NULL DEFAULT '';",
};
#define VERSION ((int)(sizeof(migrations) / sizeof(migrations[0])))

/* Only a person with sqlite3 can be in the way. */
#define BUSY_MS 5000

#define DAMAGED                                              \
	"; it is damaged: restore it from a backup, or try " \
	"\"sqlite3 ledger.db .recover\""

int
schema_error(sqlite3 *db, const char *what, struct error *e)
{
	int code = db ? sqlite3_errcode(db) & 0xff : SQLITE_NOMEM;
	const char *words = db ? sqlite3_errmsg(db) : "out of memory";
	const char *hint = "";

	if ((code == SQLITE_IOERR || code == SQLITE_CANTOPEN) &&
	    sqlite3_system_errno(db) == ENOSPC)
		code = SQLITE_FULL;
	switch (code) {
	case SQLITE_FULL:
		hint = "; make room on its disk";
		break;
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_CANTOPEN:
	case SQLITE_AUTH:
		hint = "; check who may write to the state directory";
		break;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		hint = DAMAGED;
		break;
	case SQLITE_IOERR:
		hint = "; check the disk";
		break;
	case SQLITE_BUSY:
		hint = "; another program, sqlite3 perhaps, keeps it locked: "
		       "end it";
		break;
	default:
		break;
	}
	return error_set(e, ERR_LEDGER, "%s: %s%s", what, words, hint);
}

int
schema_prepare(sqlite3 *db, const char *what, const char *sql,
    sqlite3_stmt **st, struct error *e)
{
	if (sqlite3_prepare_v2(db, sql, -1, st, NULL) == SQLITE_OK)
		return 0;
	return schema_error(db, what, e);
}

int
schema_prove(sqlite3 *db, const char *what, struct error *e)
{
	char *sql = xasprintf("BEGIN IMMEDIATE; PRAGMA application_id = %d;"
			      "COMMIT",
	    APPLICATION_ID);
	int rc = 0;

	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		rc = schema_error(db, what, e);
	free(sql);
	return rc;
}

static int
read_int(sqlite3 *db, const char *sql, int *value)
{
	sqlite3_stmt *st = NULL;
	int rc = -1;

	if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) == SQLITE_OK &&
	    sqlite3_step(st) == SQLITE_ROW) {
		*value = sqlite3_column_int(st, 0);
		rc = 0;
	}
	sqlite3_finalize(st);
	return rc;
}

static int
migrate(sqlite3 *db, const char *path, int from, struct error *e)
{
	char *sql;
	int rc = 0;

	if (sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
		return schema_error(db, path, e);
	for (int v = from; rc == 0 && v < VERSION; v++)
		if (sqlite3_exec(db, migrations[v], NULL, NULL, NULL) !=
		    SQLITE_OK)
			rc = schema_error(db, path, e);
	sql = xasprintf("PRAGMA application_id = %d; PRAGMA user_version = %d;"
			"COMMIT",
	    APPLICATION_ID, VERSION);
	if (rc == 0 && sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		rc = schema_error(db, path, e);
	free(sql);
	if (rc < 0)
		sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	return rc;
}

/* Whose is it? Only reads: a file that is not ours stays as it is. */
static int
read_version(sqlite3 *db, const char *path, int *version, struct error *e)
{
	int id = 0, tables = 0;

	if (read_int(db, "PRAGMA application_id", &id) < 0 ||
	    read_int(db, "PRAGMA user_version", version) < 0 ||
	    read_int(db, "SELECT count(*) FROM sqlite_schema", &tables) < 0)
		return schema_error(db, path, e);
	if (id != APPLICATION_ID && (id != 0 || *version != 0 || tables > 0))
		return error_set(e, ERR_LEDGER,
		    "%s is a database of some other program", path);
	if (id == APPLICATION_ID && *version < 1)
		return error_set(
		    e, ERR_LEDGER, "%s: it has no version" DAMAGED, path);
	if (*version > VERSION)
		return error_set(e, ERR_LEDGER,
		    "%s was written by a newer postrider (its version is %d, "
		    "this program knows %d): use that one",
		    path, *version, VERSION);
	return 0;
}

/*
 * Damage has to be found before mail moves, not in the middle of it. Of what
 * SQLite can check this is the thorough one: an index that disagrees with its
 * table would make known mail look new. 200,000 messages take less than a
 * second, which is much for a poll that finds nothing new: see marker.h.
 */
static int
check_whole(sqlite3 *db, const char *path, struct error *e)
{
	sqlite3_stmt *st = NULL;
	const char *found, *line;
	int rc = -1;

	if (sqlite3_prepare_v2(
		db, "PRAGMA integrity_check(1)", -1, &st, NULL) != SQLITE_OK ||
	    sqlite3_step(st) != SQLITE_ROW ||
	    (found = (const char *)sqlite3_column_text(st, 0)) == NULL) {
		schema_error(db, path, e);
	} else if (strcmp(found, "ok") != 0) {
		line = strrchr(found, '\n');
		error_set(e, ERR_LEDGER, "%s: %.150s" DAMAGED, path,
		    line != NULL ? line + 1 : found);
	} else {
		rc = 0;
	}
	sqlite3_finalize(st);
	return rc;
}

/*
 * By itself SQLite takes 20 pages for each connection when it reads the first
 * one, and there is one for each poll. Nothing is lost where it refuses.
 */
static void
take_pages_as_needed(void)
{
	sqlite3_config(SQLITE_CONFIG_PAGECACHE, NULL, 0, 0);
}

/* As far as nothing is written yet. */
static int
open_file(
    sqlite3 **db, const char *path, int flags, int *version, struct error *e)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, take_pages_as_needed);
	if (sqlite3_open_v2(path, db, flags | SQLITE_OPEN_NOMUTEX, NULL) !=
	    SQLITE_OK)
		return schema_error(*db, path, e);
	sqlite3_extended_result_codes(*db, 1);
	sqlite3_busy_timeout(*db, BUSY_MS);
	if (sqlite3_exec(*db,
		"PRAGMA trusted_schema = OFF;"
		"PRAGMA cache_size = -1024;",
		NULL, NULL, NULL) != SQLITE_OK)
		return schema_error(*db, path, e);
	return read_version(*db, path, version, e);
}

static int
set_up(sqlite3 *db, const char *path, int version, int64_t *checked,
    struct error *e)
{
	if (sqlite3_exec(db,
		"PRAGMA journal_mode = WAL;"
		"PRAGMA synchronous = FULL;",
		NULL, NULL, NULL) != SQLITE_OK)
		return schema_error(db, path, e);
	if (*checked == 0 || version < VERSION) {
		if (check_whole(db, path, e) < 0)
			return -1;
		*checked = clock_wall();
	}
	if (version < VERSION) {
		if (migrate(db, path, version, e) < 0)
			return -1;
		/* Pages left over could be damaged unnoticed. */
		sqlite3_exec(db, "VACUUM", NULL, NULL, NULL);
	}
	/* Not before: a migration may drop a table that others refer to. */
	if (sqlite3_exec(db, "PRAGMA foreign_keys = ON", NULL, NULL, NULL) !=
	    SQLITE_OK)
		return schema_error(db, path, e);
	return 0;
}

/* Made by us first, so that it is private from its first moment. */
static int
make_private(const char *path, struct error *e)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return error_set(e, ERR_LEDGER,
		    "%s: %s; check who may write to it", path, strerror(errno));
	close(fd);
	return 0;
}

static void
give_up(sqlite3 **db)
{
	sqlite3_close(*db);
	*db = NULL;
}

int
schema_open_writer(sqlite3 **db, const char *dir, bool may_be_new,
    int64_t *checked, struct error *e)
{
	char *path = xasprintf("%s/ledger.db", dir);
	int version, rc = -1;

	*db = NULL;
	if (make_private(path, e) < 0 ||
	    open_file(db, path, SQLITE_OPEN_READWRITE, &version, e) < 0 ||
	    (version == 0 && marker_check_empty(dir, may_be_new, e) < 0) ||
	    set_up(*db, path, version, checked, e) < 0)
		give_up(db);
	else
		rc = 0;
	free(path);
	return rc;
}

/*
 * Whoever made it was ended before there was anything in it: what is written
 * later goes into a log, not into a journal. It is for a writer to remove.
 */
static bool
was_begun_only(sqlite3 *db, const char *dir)
{
	struct error e = { 0 };

	return sqlite3_extended_errcode(db) == SQLITE_READONLY_ROLLBACK &&
	    marker_check_empty(dir, false, &e) == 0;
}

int
schema_open_reader(sqlite3 **db, const char *dir, struct error *e)
{
	char *path = xasprintf("%s/ledger.db", dir);
	int version, rc = -1;

	*db = NULL;
	if (access(path, F_OK) < 0 && errno == ENOENT) {
		rc = 0;
	} else if (open_file(db, path, SQLITE_OPEN_READONLY, &version, e) < 0) {
		if (was_begun_only(*db, dir)) {
			error_clear(e);
			rc = 0;
		}
		give_up(db);
	} else if (version == 0) {
		rc = marker_check_empty(dir, false, e);
		give_up(db);
	} else if (version == VERSION) {
		rc = 0;
	} else {
		error_set(e, ERR_LEDGER,
		    "%s is of an older version; the next fetch brings it up to "
		    "date",
		    path);
		give_up(db);
	}
	free(path);
	return rc;
}
