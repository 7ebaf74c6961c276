/* boot.c - the clock that a suspended machine keeps, alone so that a test can move it. */
#include "base/clock.h"

#include <time.h>

int64_t
clock_boot_ms(void)
{
	struct timespec now;

	/* Cannot fail with this clock and a valid address. */
	(void)clock_gettime(CLOCK_BOOTTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
