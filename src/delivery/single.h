/*
 * single.h - one message of our own, on a connection of its own. The ledger has
 * no part in it: whoever sends it may send it again.
 */
#ifndef DELIVERY_SINGLE_H
#define DELIVERY_SINGLE_H

#include "base/buffer.h"
#include "base/error.h"
#include "base/stop.h"
#include "delivery/destination.h"

/*
 * single_send - connect, MAIL FROM:<>, so that nobody answers, RCPT for each
 * recipient, the content, QUIT.
 * recipients: NULL at the end; it is enough that one of them gets it.
 * content: a whole message, canonical (message/letter.h).
 * Returns 0, or -1 with the errors of connection_open(), or ERR_REFUSED or
 * ERR_BUSY: refused by the server, for good or for now. Waits for each answer
 * as long as the settings say, and at most SINGLE_PATIENCE_MS; for the last one
 * until STOP_NOW.
 */
#define SINGLE_PATIENCE_MS ((int64_t)60 * 1000)
int single_send(const struct destination *to, const char *const *recipients,
    struct slice content, const struct stop *stop, struct error *e);

#endif
