/* condition.c - see condition.h. */
#include "base/condition.h"

#include <time.h>

#define MS_PER_S 1000
#define NS_PER_MS 1000000

void
condition_init(pthread_cond_t *condition)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(condition, &attr);
	pthread_condattr_destroy(&attr);
}

int
condition_wait(
    pthread_cond_t *condition, pthread_mutex_t *lock, struct deadline until)
{
	const struct timespec end = {
		.tv_sec = (time_t)(until.ms / MS_PER_S),
		.tv_nsec = (long)(until.ms % MS_PER_S) * NS_PER_MS,
	};

	return until.ms == DEADLINE_NEVER
	    ? pthread_cond_wait(condition, lock)
	    : pthread_cond_timedwait(condition, lock, &end);
}
