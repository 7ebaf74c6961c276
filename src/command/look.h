/*
 * look.h - what `list` and `plan` share: every mailbox named is listed and
 * planned, and nothing in it is touched.
 */
#ifndef COMMAND_LOOK_H
#define COMMAND_LOOK_H

#include "base/json.h"
#include "command/command.h"
#include "poll/poll.h"

/* One mailbox. All borrowed. */
struct look {
	const struct invocation *in;
	const struct account *account;
	const struct listing *listing;
	const struct plan *plan;
	struct json *json; /* inside the account's object; NULL: text */
};

/*
 * look_run - look at the accounts named and hand each to `show`. With --json
 * the result is {"accounts": [{"account": …, "error": …, …}]}; an account that
 * cannot be read has its error there, and on standard error.
 * Returns the exit status.
 */
int
look_run(const struct invocation *in, void (*show)(const struct look *look));

/* look_baseline - the same, planned as that baseline would do. */
int look_baseline(const struct invocation *in, const struct baseline *baseline,
    void (*show)(const struct look *look));

/* look_state - what the ledger says of a message, "new" when nothing. */
const char *look_state(const struct plan_entry *entry);

#endif
