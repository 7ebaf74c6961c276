/*
 * secret.h - octets of a password on their way in, whatever they come from.
 */
#ifndef SASL_SECRET_H
#define SASL_SECRET_H

#include "base/buffer.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/stop.h"

/* No source gives more. */
#define SECRET_MAX ((size_t)64 * 1024)

/* secret_reserve - room in `out` for all that secret_read() may add. */
void secret_reserve(struct buffer *out);

/*
 * secret_read - wait for octets and read some; never past SECRET_MAX.
 * out: with the room of secret_reserve(); appended to. Waits end at STOP_SOON.
 * Returns how many, 0 at the end, -1 with ERR_STOPPED, ERR_SYSTEM, or
 * ERR_SECRET (also when the deadline has passed or there is no room left).
 */
int secret_read(int fd, const struct stop *stop, struct deadline until,
    struct buffer *out, struct error *e);

#endif
