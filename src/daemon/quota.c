/* quota.c - see quota.h. */
#include "daemon/quota.h"

#define HOUR_MS ((int64_t)3600 * 1000)

int64_t
quota_next(const struct quota *q, size_t most, int64_t now)
{
	int64_t next;

	if (q->taken < most)
		return now;
	next = q->at[q->taken % most] + HOUR_MS;
	return next > now ? next : now;
}

void
quota_take(struct quota *q, size_t most, int64_t now)
{
	q->at[q->taken++ % most] = now;
}

size_t
quota_used(const struct quota *q, size_t most, int64_t now)
{
	size_t known = q->taken < most ? q->taken : most, used = 0;

	while (
	    used < known && q->at[(q->taken - 1 - used) % most] + HOUR_MS > now)
		used++;
	return used;
}
