/*
 * connection.h - a connection to a destination, ready for mail: connected,
 * protected and logged in as its settings say.
 */
#ifndef DELIVERY_CONNECTION_H
#define DELIVERY_CONNECTION_H

#include "base/error.h"
#include "base/stop.h"
#include "delivery/destination.h"
#include "smtp/smtp.h"

/*
 * password: NULL at first; asked for when it is needed (password_get) and kept
 * there for the next time; the caller frees it.
 * Returns 0, or -1 with the errors of smtp_open(), smtp_login() and
 * password_get(); the text begins with the destination's name.
 */
int connection_open(struct smtp **smtp, const struct destination *to,
    char **password, const struct stop *stop, struct error *e);

#endif
