/*
 * transaction.h - the SMTP or LMTP conversation for one message, with the
 * intent that the ledger records before the end of data goes out.
 */
#ifndef DELIVERY_TRANSACTION_H
#define DELIVERY_TRANSACTION_H

#include "delivery/judge.h"
#include "ledger/ledger.h"
#include "smtp/smtp.h"

#include <stdatomic.h>
#include <stdbool.h>

/* What transactions on one connection after the other share. */
struct transaction {
	struct smtp *smtp; /* owned; NULL: not connected */
	const char *destination; /* borrowed: its name */
	bool hold_eightbit; /* where 8BITMIME is not offered */
	struct ledger *ledger; /* borrowed */
	struct queue *recorded; /* borrowed: where intents come back */
	bool (*others_wait)(void *others); /* is there mail that this keeps
					    * waiting? NULL: there is not */
	void *others; /* borrowed */
	int64_t timeout_ms; /* how long a peer may be silent */
	atomic_uint *senders_refused; /* borrowed: in a row, for good, on any
				       * connection there */
	struct ledger_job intent; /* of the message under way */
	struct ledger_change change;
};

/*
 * A message that still comes has to keep up TRANSACTION_RATE octets a second,
 * in each quarter of `timeout`, or give way to others that wait: it is
 * deferred.
 */
#define TRANSACTION_RATE 1024

/*
 * transaction_run - one attempt at one message, on a connection that is open.
 * Each recipient of `t` that the server judged has its outcome (verdict.h).
 * recorded: set when the ledger holds an intent that has to be settled, or
 * withdrawn where no verdict follows.
 * The connection may have been closed on return.
 */
enum attempt
transaction_run(struct transaction *x, struct transit *t, bool *recorded);

/* transaction_reset - RSET, on a connection that can serve more messages. */
void transaction_reset(struct transaction *x);

#endif
