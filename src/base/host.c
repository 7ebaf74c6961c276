/* Asked for once. */
#include "base/host.h"

#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static char name[256];

static void
make_name(void)
{
	if (gethostname(name, sizeof(name) - 1) < 0 || name[0] == '\0')
		snprintf(name, sizeof(name), "localhost");
}

const char *
host_name(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, make_name);
	return name;
}
