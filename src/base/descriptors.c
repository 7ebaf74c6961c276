/* The limit that the system sets us. */
#include "base/descriptors.h"

#include <stdint.h>
#include <sys/resource.h>

size_t
descriptors_want(size_t count)
{
	struct rlimit now, more;

	if (getrlimit(RLIMIT_NOFILE, &now) < 0)
		return count;
	more = now;
	if (now.rlim_cur != RLIM_INFINITY && now.rlim_cur < count)
		more.rlim_cur =
		    now.rlim_max == RLIM_INFINITY || now.rlim_max > count
		    ? count
		    : now.rlim_max;
	if (more.rlim_cur != now.rlim_cur &&
	    setrlimit(RLIMIT_NOFILE, &more) < 0)
		more = now;
	return more.rlim_cur == RLIM_INFINITY || more.rlim_cur > SIZE_MAX
	    ? SIZE_MAX
	    : (size_t)more.rlim_cur;
}
