/*
 * throttle.h - so many octets a second, whoever moves them: a bucket that fills
 * evenly, and that may be overdrawn. What has passed is paid for by waiting.
 */
#ifndef BASE_THROTTLE_H
#define BASE_THROTTLE_H

#include "base/stop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct throttle;

/* throttle_new - now_ms: clock_monotonic_ms(), as everywhere here. */
void
throttle_new(struct throttle **t, uint64_t octets_a_second, int64_t now_ms);
void throttle_free(struct throttle **t);

/* throttle_spend - so many octets have passed. Any thread. */
void throttle_spend(struct throttle *t, size_t octets, int64_t now_ms);

/* throttle_wait_ms - until what has passed is paid for; 0: it is. Any thread. */
int64_t throttle_wait_ms(struct throttle *t, int64_t now_ms);

/*
 * throttle_pass - octets have passed that are a part of something: wait, but no
 * longer than keeps it coming at THROTTLE_LEAST octets a second, so that neither
 * end takes us for one that has fallen silent. What is owed then is left to
 * whoever asks throttle_wait_ms(). Ends early when asked to stop. NULL: there is
 * no limit.
 */
#define THROTTLE_LEAST 8192
void throttle_pass(struct throttle *t, size_t octets, const struct stop *stop);

#endif
