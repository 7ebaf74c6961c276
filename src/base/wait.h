/*
 * wait.h - waiting for descriptors, never past a deadline and never past a
 * request to stop.
 */
#ifndef BASE_WAIT_H
#define BASE_WAIT_H

#include "base/clock.h"
#include "base/error.h"

#include <stdint.h>

/* What wait_for() saw. */
#define WAIT_FD 1
#define WAIT_OTHER 2

/*
 * wait_for - wait until `fd` is ready for `events` (of poll(2); its end and
 * its errors count always), or `other` is readable.
 * stop: as stop_fd() gives it. Any descriptor may be -1 for none.
 * Returns WAIT_FD, WAIT_OTHER, both, 0 when the deadline has passed, or -1
 * with ERR_STOPPED, ERR_SYSTEM.
 */
int wait_for(int fd, short events, int other, int stop, struct deadline until,
    struct error *e);

/*
 * wait_silence - ERR_TIMEOUT: "mail.example:995 did not answer for 30 s".
 * since: clock_monotonic_ms() when the silence began. Returns -1.
 */
int
wait_silence(const char *who, const char *what, int64_t since, struct error *e);

#endif
