/*
 * peruse.h - reading many messages of a maildrop, whole and in the order of its
 * listing: asked for ahead, where the server offers that, so that none costs a
 * round trip; a session that is lost is followed by another one, which goes on
 * behind the last message that came. Nothing is deleted, nothing recorded.
 */
#ifndef POLL_PERUSE_H
#define POLL_PERUSE_H

#include "base/buffer.h"
#include "base/error.h"
#include "base/stop.h"
#include "poll/account.h"
#include "poll/listing.h"

#include <stdbool.h>

/* Who reads. A message that came in part is begun again, in another session. */
struct peruser {
	/* The maildrop was listed; once for each session. */
	void (*listed)(void *arg, const struct listing *l);
	/* Is this one to be read? Asked once for each session. */
	bool (*wanted)(void *arg, const struct listing_entry *m);
	void (*begin)(void *arg, const struct listing_entry *m);
	/* Content as the mailbox has it. */
	void (*take)(void *arg, struct slice content);
	/* refused: the server does not give it, or not whole; else NULL. */
	void (*end)(void *arg, const struct listing_entry *m,
	    const struct error *refused);
	void *arg;
};

/*
 * peruse - read those that are wanted. account, password, stop: borrowed until
 * it returns; of the account name, at, login and pipelining matter.
 * Returns 0, or -1: the errors of pop3_open(), pop3_login() and
 * listing_read(), or what the last session broke with; ERR_STOPPED.
 */
int peruse(const struct account *account, const char *password,
    const struct stop *stop, const struct peruser *who, struct error *e);

#endif
