/*
 * account.h - the row of an account, and the questions that arise when it is
 * no longer what the settings say.
 */
#ifndef LEDGER_ACCOUNT_H
#define LEDGER_ACCOUNT_H

#include "base/error.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

/* What the settings say; see ledger_account(). All borrowed. */
struct account_key {
	const char *name, *server, *user;
	const char *const *names;
	bool moved;
};

struct account_found {
	int64_t id; /* 0: none */
	bool same; /* name, server and user are those of the key */
	bool renamed; /* found under another name */
};

/*
 * account_find - Returns 0, or -1 with ERR_QUESTION unless key->moved, or
 * ERR_LEDGER. path: for errors.
 */
int account_find(sqlite3 *db, const char *path, const struct account_key *key,
    struct account_found *found, struct error *e);

#endif
