/* usage.c - see usage.h. */
#include "daemon/usage.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/text.h"
#include "daemon/family.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* Fields of /proc/self/stat, the first one behind the program's name being 3. */
#define FIELD_FIRST 3
#define FIELD_THREADS 20
#define FIELD_PAGES 24
/* Its length: 50 numbers, and a name. */
#define STAT 2048

struct usage {
	int64_t started; /* wall clock */
	int stat; /* owned: /proc/self/stat, or -1 */
	DIR *files; /* owned: /proc/self/fd, or NULL */
};

void
usage_open(struct usage **out)
{
	struct usage *u = xcalloc(1, sizeof(*u));

	u->started = clock_wall();
	u->stat = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
	u->files = opendir("/proc/self/fd");
	*out = u;
}

void
usage_close(struct usage **out)
{
	struct usage *u = *out;

	*out = NULL;
	if (u == NULL)
		return;
	if (u->stat >= 0)
		close(u->stat);
	if (u->files != NULL)
		closedir(u->files);
	free(u);
}

/* The number in a field, or 0. */
static uint64_t
field(const char *stat, int wanted)
{
	/* The name may hold anything, brackets and blanks, too. */
	const char *end = strrchr(stat, ')');
	struct slice rest, word = { 0 };
	uint64_t value;

	if (end == NULL)
		return 0;
	rest = slice_trim(slice_of(end + 1));
	for (int i = FIELD_FIRST; i <= wanted; i++)
		word = slice_word(&rest);
	return text_u64(word, UINT64_MAX, &value) < 0 ? 0 : value;
}

static void
render_stat(const struct usage *u, struct buffer *out)
{
	char stat[STAT];
	ssize_t len = u->stat < 0 ? -1 : pread(u->stat, stat, STAT - 1, 0);

	if (len <= 0)
		return;
	stat[len] = '\0';
	family_one(out, "process_resident_memory_bytes", "gauge",
	    "Resident memory size in bytes.",
	    field(stat, FIELD_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE));
	family_one(out, "process_threads", "gauge",
	    "Number of threads of the process.", field(stat, FIELD_THREADS));
}

static void
render_files(const struct usage *u, struct buffer *out)
{
	struct rlimit limit;
	uint64_t count = 0;

	if (u->files != NULL) {
		rewinddir(u->files);
		for (struct dirent *d; (d = readdir(u->files)) != NULL;)
			count += d->d_name[0] != '.';
		family_one(out, "process_open_fds", "gauge",
		    "Number of open file descriptors.", count);
	}
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
		family_one(out, "process_max_fds", "gauge",
		    "Maximum number of open file descriptors.", limit.rlim_cur);
}

void
usage_render(struct usage *u, struct buffer *out)
{
	struct timespec used;

	if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) == 0) {
		family_begin(out, "process_cpu_seconds_total", "counter",
		    "Total user and system CPU time spent in seconds.");
		buffer_addf(out, "process_cpu_seconds_total %lld.%02ld\n",
		    (long long)used.tv_sec, used.tv_nsec / 10000000);
	}
	family_one(out, "process_start_time_seconds", "gauge",
	    "Start time of the process since unix epoch in seconds.",
	    (uint64_t)u->started);
	render_stat(u, out);
	render_files(u, out);
}
