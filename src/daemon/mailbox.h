/*
 * mailbox.h - an account in the daemon: by which settings it is polled, when, and
 * how its last poll ended.
 */
#ifndef DAEMON_MAILBOX_H
#define DAEMON_MAILBOX_H

#include "base/error.h"
#include "base/queue.h"
#include "daemon/generation.h"
#include "daemon/schedule.h"
#include "daemon/visit.h"
#include "poll/poll.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * A poll that was called for, and how it ended: its thread's, until it is on the
 * daemon's queue. Of thousands of mailboxes few have one at a time.
 */
struct mailbox_poll {
	struct queue_item item;
	struct mailbox *mailbox;
	struct poll_progress progress;
	struct poll_report report;
	int rc;
	struct error error; /* -1 */
	bool postponed; /* it did not begin, since a destination is down */
	bool baseline; /* it is no ordinary poll */
	struct outlet *outlet, *reports; /* used, until the daemon has heard */
	int64_t due, began; /* clock_boot_ms */
};

struct mailbox {
	char *name; /* owned */
	size_t turn; /* its number in the crew */
	/* By these it is polled next; guarded by the daemon's lock. */
	const struct account *account;
	struct generation *generation; /* used */
	bool same_mailbox, other_mail; /* what its owner says, once */
	bool makes_baseline; /* its next poll is to be this one: */
	struct baseline baseline;

	struct mailbox_poll *poll; /* owned; NULL unless `called` */
	_Atomic bool polling; /* its poll has begun, and not been heard of */

	/* The main thread's. */
	struct schedule schedule;
	int64_t due; /* clock_boot_ms; INT64_MAX: when it is told to */
	bool called; /* it waits for its turn, or is being polled */
	bool again; /* and is to be polled once more after that */
	bool postponed; /* a destination is down */
	struct visitor *visitors; /* wait for its poll */
	bool leaving; /* the settings know it no more */
	struct mailbox *next_leaving;
	bool moving; /* it has another server now */
	struct error *wrong; /* owned; why its last poll failed, or NULL */
	int64_t wrong_since; /* wall clock; 0: it is well; */
	uint64_t failures; /* and so often in a row */
	int64_t last_success; /* wall clock; 0: never */
	uint32_t troubles; /* see trouble.h; and these */
	uint32_t alerted; /* what its owner has been told of */
	uint64_t held; /* messages, */
	char *held_words; /* and why the first one is, or NULL; owned */
	bool enlisted; /* there may be news for its owner */
	bool being_told; /* by a letter on its way */
	struct mailbox *next_enlisted;
	bool unkept; /* the ledger does not know its schedule yet */
	struct mailbox *next_unkept;
};

#endif
