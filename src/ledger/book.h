/*
 * book.h - the writer's connection with its prepared statements, and what each
 * kind of change does to a row.
 */
#ifndef LEDGER_BOOK_H
#define LEDGER_BOOK_H

#include "base/error.h"
#include "ledger/ledger.h"

#include <sqlite3.h>

enum book_statement {
	BOOK_BEGIN,
	BOOK_COMMIT,
	BOOK_ROW,
	BOOK_FORGET_OUTCOMES,
	BOOK_INTENT,
	BOOK_WITHDRAW,
	BOOK_VERDICT,
	BOOK_OUTCOME,
	BOOK_OUTCOMES_AGREE,
	BOOK_SEEN,
	BOOK_OWE,
	BOOK_SPARE,
	BOOK_DELETED,
	BOOK_GONE,
	BOOK_RETURN,
	BOOK_RETRY,
	BOOK_RESEND,
	BOOK_DROP,
	BOOK_BEGUN,
	BOOK_UNKEY,
	BOOK_MAKE_WAY,
	BOOK_REKEY,
	BOOK_LISTED,
	BOOK_VERIFIED,
	BOOK_APART,
	BOOK_HEADER,
	BOOK_FIRST,
	BOOK_MOVED_TO,
	BOOK_IMPORT,
	BOOK_IMPORTED,
	BOOK_HOUR,
	BOOK_FORGET_HOURS,
	BOOK_SCHEDULE,
	BOOK_STATEMENTS
};

struct book {
	sqlite3 *db; /* owned */
	sqlite3_stmt *statements[BOOK_STATEMENTS]; /* owned, made at use */
	char *dir; /* owned */
	char *path; /* owned; for errors */
	int64_t checked; /* when all of it was, last */
};

int
book_open(struct book *b, const char *dir, bool may_be_new, struct error *e);

/* book_close - intact: nothing has failed, so it need not be checked soon. */
void book_close(struct book *b, bool intact);

/*
 * book_statement - a statement, ready to be bound. NULL: ERR_LEDGER.
 * book_run - step it to its end and reset it. Returns 0, or -1.
 */
sqlite3_stmt *
book_statement(struct book *b, enum book_statement which, struct error *e);
int book_run(struct book *b, sqlite3_stmt *st, struct error *e);

/* book_change - carry out one change inside the open transaction. */
int book_change(
    struct book *b, int64_t account, struct ledger_change *c, struct error *e);

#endif
