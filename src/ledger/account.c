/* Finding an account's row by its name, or by its maildrop. */
#include "ledger/account.h"

#include "ledger/schema.h"

#include <string.h>
#include <strings.h>

/* Only what was seen of a mailbox can be taken for that of another one. */
#define WAS_SEEN                                                       \
	"(first_poll IS NOT NULL OR last_listed IS NOT NULL OR EXISTS" \
	" (SELECT 1 FROM message WHERE message.account = account.id))"

static int
find_by_name(sqlite3 *db, const char *path, const struct account_key *key,
    struct account_found *found, struct error *e)
{
	sqlite3_stmt *st = NULL;
	int step, rc = 0;

	if (schema_prepare(db, path,
		"SELECT id, server, user, " WAS_SEEN
		" FROM account WHERE name = ?1",
		&st, e) < 0)
		return -1;
	sqlite3_bind_text(st, 1, key->name, -1, SQLITE_STATIC);
	step = sqlite3_step(st);
	if (step == SQLITE_ROW) {
		const char *server = (const char *)sqlite3_column_text(st, 1);
		const char *user = (const char *)sqlite3_column_text(st, 2);

		found->id = sqlite3_column_int64(st, 0);
		found->same = strcasecmp(server, key->server) == 0 &&
		    strcmp(user, key->user) == 0;
		if (!found->same && !key->moved &&
		    sqlite3_column_int(st, 3) != 0)
			rc = error_set(e, ERR_QUESTION,
			    "account %s was %s at %s, and is now %s at %s. The "
			    "same mailbox at a new address: say \"postrider "
			    "fetch --same-mailbox %s\" once. Another mailbox: "
			    "give the account a new name",
			    key->name, user, server, key->user, key->server,
			    key->name);
	} else if (step != SQLITE_DONE) {
		rc = schema_error(db, path, e);
	}
	sqlite3_finalize(st);
	return rc;
}

static bool
is_among(const char *name, const char *const *names)
{
	for (; *names != NULL; names++)
		if (strcmp(name, *names) == 0)
			return true;
	return false;
}

/*
 * Does the ledger have this maildrop under a name that is no longer in use?
 * Then the account was renamed; as a new one it would fetch all of its mail
 * again.
 */
static int
find_by_maildrop(sqlite3 *db, const char *path, const struct account_key *key,
    struct account_found *found, struct error *e)
{
	sqlite3_stmt *st = NULL;
	int step, rc = 0;

	if (schema_prepare(db, path,
		"SELECT id, name FROM account"
		" WHERE lower(server) = lower(?1) AND user = ?2"
		" AND " WAS_SEEN,
		&st, e) < 0)
		return -1;
	sqlite3_bind_text(st, 1, key->server, -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 2, key->user, -1, SQLITE_STATIC);
	while ((step = sqlite3_step(st)) == SQLITE_ROW) {
		const char *name = (const char *)sqlite3_column_text(st, 1);

		if (is_among(name, key->names))
			continue;
		found->id = sqlite3_column_int64(st, 0);
		found->renamed = true;
		if (!key->moved)
			rc = error_set(e, ERR_QUESTION,
			    "the mailbox of account %s was that of account %s "
			    "before. If you have renamed it, say \"postrider "
			    "fetch --same-mailbox %s\" once; if not, restore "
			    "its name",
			    key->name, name, key->name);
		break;
	}
	if (step != SQLITE_ROW && step != SQLITE_DONE)
		rc = schema_error(db, path, e);
	sqlite3_finalize(st);
	return rc;
}

int
account_find(sqlite3 *db, const char *path, const struct account_key *key,
    struct account_found *found, struct error *e)
{
	*found = (struct account_found){ 0 };
	if (find_by_name(db, path, key, found, e) < 0)
		return -1;
	if (found->id != 0 || key->names == NULL)
		return 0;
	return find_by_maildrop(db, path, key, found, e);
}
