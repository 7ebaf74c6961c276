/*
 * condition.h - condition variables whose waits end by a deadline (clock.h).
 */
#ifndef BASE_CONDITION_H
#define BASE_CONDITION_H

#include "base/clock.h"

#include <pthread.h>

/* condition_init - by the clock of deadlines; pthread_cond_destroy() ends it. */
void condition_init(pthread_cond_t *condition);

/* condition_wait - with the lock held. Returns 0, or ETIMEDOUT. */
int condition_wait(
    pthread_cond_t *condition, pthread_mutex_t *lock, struct deadline until);

#endif
