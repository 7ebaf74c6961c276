/* Opening ledger.db and bringing its tables up to date. */
#include "ledger/schema.h"

#include "base/alloc.h"

#include <errno.h>
#include <fcntl.h>
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
	"ALTER TABLE message ADD COLUMN header BLOB;",
};
#define VERSION ((int)(sizeof(migrations) / sizeof(migrations[0])))

int
schema_error(sqlite3 *db, const char *what, struct error *e)
{
	int code = db ? sqlite3_errcode(db) & 0xff : SQLITE_NOMEM;
	const char *words = db ? sqlite3_errmsg(db) : "out of memory";
	const char *hint = "";

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
		hint = "; it is damaged: restore it from a backup, or try "
		       "\"sqlite3 ledger.db .recover\"";
		break;
	case SQLITE_IOERR:
		hint = "; check the disk";
		break;
	default:
		break;
	}
	return error_set(e, ERR_LEDGER, "%s: %s%s", what, words, hint);
}

static int
pragma_int(sqlite3 *db, const char *sql, int *value)
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

static int
check_version(sqlite3 *db, const char *path, bool writer, struct error *e)
{
	int id = 0, version = 0;

	if (pragma_int(db, "PRAGMA application_id", &id) < 0 ||
	    pragma_int(db, "PRAGMA user_version", &version) < 0)
		return schema_error(db, path, e);
	if (version > 0 && id != APPLICATION_ID)
		return error_set(e, ERR_LEDGER,
		    "%s is a database of some other program", path);
	if (version > VERSION)
		return error_set(e, ERR_LEDGER,
		    "%s was written by a newer postrider (its version is %d, "
		    "this program knows %d): use that one",
		    path, version, VERSION);
	if (version == VERSION)
		return 0;
	if (!writer)
		return error_set(e, ERR_LEDGER,
		    "%s is of an older version; the next fetch brings it up "
		    "to date",
		    path);
	return migrate(db, path, version, e);
}

int
schema_open(sqlite3 **db, const char *dir, bool writer, struct error *e)
{
	char *path = xasprintf("%s/ledger.db", dir);
	int flags = writer ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
			   : SQLITE_OPEN_READONLY;
	int fd, rc = -1;

	*db = NULL;
	if (!writer && access(path, F_OK) < 0 && errno == ENOENT) {
		rc = 0;
		goto out;
	}
	/* Made by us first, so that it is private from its first moment. */
	if (writer) {
		fd =
		    open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (fd < 0) {
			error_set(
			    e, ERR_LEDGER, "%s: %s", path, strerror(errno));
			goto out;
		}
		close(fd);
	}
	if (sqlite3_open_v2(path, db, flags | SQLITE_OPEN_NOMUTEX, NULL) !=
	    SQLITE_OK) {
		schema_error(*db, path, e);
		goto out;
	}
	sqlite3_extended_result_codes(*db, 1);
	sqlite3_busy_timeout(*db, 10000);
	if (sqlite3_exec(*db,
		writer ? "PRAGMA journal_mode = WAL;"
			 "PRAGMA synchronous = FULL;"
			 "PRAGMA foreign_keys = ON;"
			 "PRAGMA trusted_schema = OFF;"
			 "PRAGMA cache_size = -1024;"
		       : "PRAGMA trusted_schema = OFF;"
			 "PRAGMA cache_size = -1024;",
		NULL, NULL, NULL) != SQLITE_OK) {
		schema_error(*db, path, e);
		goto out;
	}
	rc = check_version(*db, path, writer, e);
out:
	if (rc < 0) {
		sqlite3_close(*db);
		*db = NULL;
	}
	free(path);
	return rc;
}
