/* crash.c - nothing crashes here, unless a test replaces this file. */
#include "base/crash.h"

void
crash_point(const char *name)
{
	(void)name;
}
