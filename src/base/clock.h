/*
 * clock.h - time. Deadlines are absolute and monotonic, passed down to every
 * wait; wall-clock times are whole seconds since 1970 and only ever stored or
 * shown.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct deadline {
	int64_t ms; /* of clock_monotonic_ms(); DEADLINE_NEVER: none */
};

#define DEADLINE_NEVER INT64_MAX

int64_t clock_monotonic_ms(void);

/*
 * clock_boot_ms - the same, and goes on while the machine is suspended. Replaced
 * by a moved clock in tests.
 */
int64_t clock_boot_ms(void);

/* clock_wall - seconds since 1970 UTC. Replaced by a moved clock in tests. */
int64_t clock_wall(void);

/*
 * clock_offset - by how many seconds local clocks are ahead of UTC at a time.
 * clock_hour, clock_midnight - when the hour, or the day, of a time has begun, as
 * local clocks show it.
 */
int64_t clock_offset(int64_t wall);
int64_t clock_hour(int64_t wall);
int64_t clock_midnight(int64_t wall);

/*
 * clock_date - "2026-11-01": when that day began, or begins, as local clocks
 * show it. Returns 0, or -1: it is none.
 */
int clock_date(const char *text, int64_t *wall);

struct deadline deadline_in(int64_t ms);
struct deadline deadline_never(void);
struct deadline deadline_sooner(struct deadline a, struct deadline b);
bool deadline_passed(struct deadline d);

/* deadline_left - for poll(2): milliseconds, 0 when passed, -1 for never. */
int deadline_left(struct deadline d);

/* clock_text - "2026-11-21 22:15" in local time, into out. Returns out. */
#define CLOCK_TEXT 24
const char *clock_text(int64_t wall, char out[CLOCK_TEXT]);

/* clock_rfc3339 - "2026-11-21T22:15:42Z", into out. Returns out. */
const char *clock_rfc3339(int64_t wall, char out[CLOCK_TEXT]);

/* clock_rfc3164 - "Nov 21 22:15:42" in local time, into out. Returns out. */
const char *clock_rfc3164(int64_t wall, char out[CLOCK_TEXT]);

/* clock_rfc5322 - "Sat, 21 Nov 2026 22:15:42 +0000" in local time. */
#define CLOCK_RFC5322 40
const char *clock_rfc5322(int64_t wall, char out[CLOCK_RFC5322]);

#endif
