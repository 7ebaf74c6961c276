/*
 * account.h - an account as the settings describe it: a maildrop and what is
 * to be done with its mail.
 */
#ifndef POLL_ACCOUNT_H
#define POLL_ACCOUNT_H

#include "delivery/policy.h"
#include "net/endpoint.h"
#include "sasl/password.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum after_delivery {
	AFTER_KEEP,
	AFTER_DELETE,
	AFTER_KEEP_FOR /* keep_s seconds, then delete */
};

enum first_poll {
	FIRST_ALL,
	FIRST_NONE, /* what is there now counts as seen */
	FIRST_SINCE, /* what came in the last first_s seconds */
	FIRST_LAST /* the last first_count messages */
};

/* Are POP3 commands sent ahead? */
enum pipelining {
	PIPELINING_AUTO, /* where that is offered, and has not failed */
	PIPELINING_YES,
	PIPELINING_NO
};

struct account {
	const char *name;
	struct endpoint at;
	struct login login;
	const char *destination; /* its name */
	const char **recipients; /* NULL-terminated, at least one */
	enum after_delivery after;
	int64_t keep_s;
	bool delete_seen; /* and what counts as seen, as if delivered then */
	enum first_poll first;
	int64_t first_s;
	uint64_t first_count;
	uint64_t fetch_limit; /* messages for each poll, 0: no limit */
	uint64_t max_size; /* octets, 0: no limit */
	/* For the daemon: between two polls. */
	bool every_auto; /* by when mail comes, within these two: */
	int64_t every_min_s, every_max_s;
	int64_t every_s; /* if it is not */
	enum on_reject on_reject;
	const char **postmasters; /* NULL-terminated; for REJECT_POSTMASTER */
	const char *report_via; /* the destination that reports go to */
	bool hold_in_doubt; /* hold such messages instead of resending */
	enum pipelining pipelining;
	bool ordered; /* a message waits for the verdict on the one before */
	/* For /bin/sh -c, or NULL; for the daemon. */
	const char *on_mail, *on_error;
	int64_t hook_timeout_s;
	/* Who is told when it needs its owner; for the daemon. */
	const char **alert; /* NULL-terminated; NULL: nobody */
	const char *alert_via; /* a destination */
	int64_t alert_after_s;
};

#endif
