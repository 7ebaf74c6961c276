/*
 * quota.h - so many in an hour, and no more. Pure; times are milliseconds of one
 * clock.
 */
#ifndef DAEMON_QUOTA_H
#define DAEMON_QUOTA_H

#include <stddef.h>
#include <stdint.h>

#define QUOTA_MAX 60

/* All zero begins. */
struct quota {
	int64_t at[QUOTA_MAX]; /* when they were; a ring */
	size_t taken; /* in all */
};

/*
 * quota_next - when there may be one more, if there may be `most` (1 to QUOTA_MAX,
 * always the same) in an hour: `now`, or later.
 * quota_take - there is one, now.
 */
int64_t quota_next(const struct quota *q, size_t most, int64_t now);
void quota_take(struct quota *q, size_t most, int64_t now);

/* quota_used - how many there were in the last hour. */
size_t quota_used(const struct quota *q, size_t most, int64_t now);

#endif
