/*
 * notify.h - telling a supervisor that speaks systemd's protocol, sd_notify(3)
 * and sd_watchdog_enabled(3), how the daemon does. Without one, or when it does
 * not listen, nothing happens; it never waits for more than a second.
 */
#ifndef DAEMON_NOTIFY_H
#define DAEMON_NOTIFY_H

#include "base/error.h"

#include <stdint.h>

struct notify;

/*
 * notify_open - take $NOTIFY_SOCKET and $WATCHDOG_USEC out of the environment,
 * so that commands that we start speak for themselves. Before threads start.
 * *n: NULL when there is no supervisor, which all functions here put up with.
 * Returns 0, or -1 with ERR_SYSTEM: $NOTIFY_SOCKET names nothing to speak to.
 */
int notify_open(struct notify **n, struct error *e);
void notify_free(struct notify **n);

/* Work has begun, or goes on after notify_reloading(). */
void notify_ready(struct notify *n);
void notify_reloading(struct notify *n);
void notify_stopping(struct notify *n);

/* notify_status - a line for people: "5 accounts, next poll at 12:05". */
void notify_status(struct notify *n, const char *text);

/*
 * notify_watchdog_interval - milliseconds after which notify_watchdog() is to
 * be called again, half of what the supervisor puts up with; 0: never.
 */
int64_t notify_watchdog_interval(const struct notify *n);
void notify_watchdog(struct notify *n);

#endif
