/*
 * probe.c - what makes postrider-probe of postrider: a clock that can be moved
 * (POSTRIDER_CLOCK_SHIFT, seconds, or the path of a file that tells them),
 * a machine that has slept (POSTRIDER_SLEPT, a file that tells the seconds),
 * places to die as if the power had failed (POSTRIDER_CRASH, "name" or "name:N"
 * for the Nth time it is passed), and a disk that fails under the ledger
 * (POSTRIDER_LEDGER_FAULT, as faults.h says; at the end the number of syncs is
 * written into the file POSTRIDER_LEDGER_SYNCS).
 */
#include "base/clock.h"
#include "base/crash.h"
#include "faults.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int64_t
shift_in_file(const char *path)
{
	FILE *file = fopen(path, "re");
	char text[32] = "";

	if (file == NULL || fgets(text, sizeof(text), file) == NULL)
		abort();
	fclose(file);
	return atoll(text);
}

int64_t
clock_wall(void)
{
	const char *shift = getenv("POSTRIDER_CLOCK_SHIFT");
	int64_t now = (int64_t)time(NULL);

	if (shift == NULL)
		return now;
	return now + (shift[0] == '/' ? shift_in_file(shift) : atoll(shift));
}

int64_t
clock_boot_ms(void)
{
	const char *slept = getenv("POSTRIDER_SLEPT");
	struct timespec now;

	(void)clock_gettime(CLOCK_BOOTTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 +
	    (slept != NULL ? shift_in_file(slept) * 1000 : 0);
}

__attribute__((constructor)) static void
make_disk_fail(void)
{
	const char *spec = getenv("POSTRIDER_LEDGER_FAULT");

	if (spec == NULL)
		return;
	faults_install();
	if (faults_set(spec) < 0)
		abort();
}

__attribute__((destructor)) static void
tell_syncs(void)
{
	const char *path = getenv("POSTRIDER_LEDGER_SYNCS");
	FILE *file = path != NULL ? fopen(path, "we") : NULL;

	if (file == NULL)
		return;
	fprintf(file, "%zu\n", faults_syncs());
	fclose(file);
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
