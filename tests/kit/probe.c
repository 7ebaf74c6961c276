/*
 * probe.c - what makes postrider-probe of postrider: a clock that can be moved
 * (POSTRIDER_CLOCK_SHIFT, seconds) and places to die as if the power had
 * failed (POSTRIDER_CRASH, "name" or "name:N" for the Nth time it is passed).
 */
#include "base/clock.h"
#include "base/crash.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int64_t
clock_wall(void)
{
	const char *shift = getenv("POSTRIDER_CLOCK_SHIFT");

	return (int64_t)time(NULL) + (shift != NULL ? atoll(shift) : 0);
}

void
crash_point(const char *name)
{
	static const struct timespec moment = { .tv_nsec = 50000000 };
	static atomic_ulong passed;
	const char *wanted = getenv("POSTRIDER_CRASH");
	size_t len = strlen(name);
	unsigned long nth;

	if (wanted == NULL || strncmp(wanted, name, len) != 0 ||
	    (wanted[len] != '\0' && wanted[len] != ':'))
		return;
	nth = wanted[len] == ':' ? strtoul(wanted + len + 1, NULL, 10) : 1;
	if (atomic_fetch_add(&passed, 1) + 1 != nth)
		return;
	/* The other threads get a moment to do what they must not do yet. */
	nanosleep(&moment, NULL);
	raise(SIGKILL);
}
