/*
 * usage.h - what this process uses of the machine, as Prometheus' clients name
 * it: processor time, memory, open files, threads.
 */
#ifndef DAEMON_USAGE_H
#define DAEMON_USAGE_H

#include "base/buffer.h"

struct usage;

/*
 * usage_open - open what has to be read (/proc/self), while that is allowed. What
 * cannot be opened is not told of later.
 */
void usage_open(struct usage **u);
void usage_close(struct usage **u);

/* usage_render - append it. One thread at a time. */
void usage_render(struct usage *u, struct buffer *out);

#endif
