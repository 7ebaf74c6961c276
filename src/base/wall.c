/* wall.c - the wall clock, alone so that a test can move it. */
#include "base/clock.h"

#include <time.h>

int64_t
clock_wall(void)
{
	return (int64_t)time(NULL);
}
