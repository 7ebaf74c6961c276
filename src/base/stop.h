/*
 * stop.h - being asked to stop, in two steps.
 *
 * STOP_SOON: begin nothing new; what has been sent may still be answered.
 * STOP_NOW: leave every wait at once. Each step makes a descriptor readable
 * and keeps it so, for every poll(2) of every thread at once. A NULL stop is
 * one that is never requested.
 */
#ifndef BASE_STOP_H
#define BASE_STOP_H

#include "base/error.h"

#include <stdbool.h>

enum stop_level {
	STOP_NO,
	STOP_SOON,
	STOP_NOW
};

struct stop;

int stop_new(struct stop **stop, struct error *e);

/*
 * stop_new_within - one that is requested with another as well, which is
 * borrowed for its life, and may be NULL.
 */
int
stop_new_within(struct stop **stop, const struct stop *other, struct error *e);
void stop_free(struct stop **stop); /* after the last thread has ended */

/* stop_request - raise the level; a lower one than before changes nothing. */
void stop_request(struct stop *stop, enum stop_level level);

enum stop_level stop_level(const struct stop *stop);

/* stop_fd - readable once the level is at least `level`. */
int stop_fd(const struct stop *stop, enum stop_level level);

#endif
