/*
 * peep.h - a look at single messages of a maildrop, found by their UID, in one
 * session. Nothing there is deleted, and nothing is recorded here.
 *
 * -1 with ERR_REFUSED: the server refused that command, and the session goes
 * on. Any other error of a conversation ends the session: later calls return
 * it again.
 */
#ifndef POLL_PEEP_H
#define POLL_PEEP_H

#include "base/buffer.h"
#include "base/error.h"
#include "base/stop.h"
#include "poll/account.h"
#include "poll/listing.h"

#include <stdint.h>

struct peep;

/*
 * peep_open - log in, and list. account, stop: borrowed until peep_close().
 * Returns 0, or -1 with *peep NULL and the errors of pop3_open(), pop3_login()
 * and listing_read().
 */
int peep_open(struct peep **peep, const struct account *account,
    const char *password, const struct stop *stop, struct error *e);

/* peep_close - QUIT, unless the session broke, and free. NULL is fine. */
void peep_close(struct peep **peep);

/*
 * peep_find - the entry of a message, which lives as long as the session; NULL
 * when the message is not listed.
 * Returns 0, or -1 with ERR_PROTOCOL: it is not listed, but the server
 * contradicts itself, so that it may be there.
 */
int peep_find(struct peep *peep, struct slice uid, uint32_t copy,
    const struct listing_entry **found, struct error *e);

/* peep_header - replace *header by the message's header, see top.h. */
int peep_header(struct peep *peep, const struct listing_entry *message,
    struct buffer *header, struct error *e);

/*
 * peep_content - hand the whole message to `take`, run by run, octet for octet
 * as the mailbox has it, the dots of POP3 taken off. take returns 0, or -1 with
 * its error, which breaks off and ends the session.
 */
int peep_content(struct peep *peep, const struct listing_entry *message,
    int (*take)(void *arg, struct slice content, struct error *e), void *arg,
    struct error *e);

#endif
