/*
 * source.h - where password.c gets its octets from. Nobody else includes it.
 */
#ifndef SASL_SOURCE_H
#define SASL_SOURCE_H

#include "base/buffer.h"
#include "base/clock.h"
#include "sasl/password.h"

/* No source gives more; buffers have this room from the start, so that
 * growing leaves no copy behind. */
#define SOURCE_MAX ((size_t)64 * 1024)

/*
 * source_command - the output of l->password_command, for /bin/sh -c.
 * source_prompt - a line typed on the terminal.
 * out: appended to, never past SOURCE_MAX. ERR_SECRET, ERR_STOPPED,
 * ERR_SYSTEM.
 */
int source_command(const struct login *l, const struct stop *stop,
    struct buffer *out, struct error *e);
int source_prompt(const struct login *l, const struct stop *stop,
    struct buffer *out, struct error *e);

/*
 * password_read - wait for octets and read some.
 * Returns how many, 0 at the end, -1 with ERR_STOPPED, ERR_SYSTEM, or
 * ERR_SECRET (also when the deadline has passed or there is no room left).
 */
int password_read(int fd, const struct stop *stop, struct deadline until,
    struct buffer *out, struct error *e);

#endif
