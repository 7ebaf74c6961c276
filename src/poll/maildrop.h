/*
 * maildrop.h - the way into an account's maildrop: connected and logged in.
 */
#ifndef POLL_MAILDROP_H
#define POLL_MAILDROP_H

#include "base/error.h"
#include "base/stop.h"
#include "poll/account.h"
#include "pop3/pop3.h"

/*
 * maildrop_open - a and stop: borrowed until pop3_free(), which is due even
 * after -1, should *pop3 not be NULL.
 * Returns 0, or -1 with the errors of pop3_open() and pop3_login().
 */
int maildrop_open(struct pop3 **pop3, const struct account *a,
    const char *password, const struct stop *stop, struct error *e);

#endif
