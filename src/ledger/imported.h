/*
 * imported.h - rows for messages that another program has fetched.
 */
#ifndef LEDGER_IMPORTED_H
#define LEDGER_IMPORTED_H

#include "ledger/book.h"

/* As ledger_seen() has them. */
struct imported {
	int64_t account;
	const struct ledger_seen *list;
	size_t count;
	bool loose;
	const char *reason;
	size_t added; /* filled in */
};

/* imported_write - inside the open transaction. Returns 0, or ERR_LEDGER. */
int imported_write(struct book *b, struct imported *im, struct error *e);

#endif
