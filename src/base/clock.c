/* clock.c - deadlines, and the spelling of wall-clock times. */
#include "base/clock.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static int64_t
read_ms(clockid_t clock)
{
	struct timespec now;

	/* Cannot fail with these clocks and a valid address. */
	(void)clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t
clock_monotonic_ms(void)
{
	return read_ms(CLOCK_MONOTONIC);
}

int64_t
clock_offset(int64_t wall)
{
	time_t t = (time_t)wall;
	struct tm tm;

	return localtime_r(&t, &tm) != NULL ? tm.tm_gmtoff : 0;
}

int64_t
clock_hour(int64_t wall)
{
	return wall - (wall + clock_offset(wall)) % 3600;
}

int64_t
clock_midnight(int64_t wall)
{
	int64_t offset = clock_offset(wall);
	int64_t midnight = wall - (wall + offset) % 86400;

	/* The clocks may have been changed since. */
	return midnight + offset - clock_offset(midnight);
}

/* Digits and nothing else; more than `max` is none. */
static int
digits(const char *text, size_t n, int max, int *out)
{
	*out = 0;
	for (size_t i = 0; i < n; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -1;
		*out = 10 * *out + (text[i] - '0');
	}
	return *out <= max ? 0 : -1;
}

int
clock_date(const char *text, int64_t *wall)
{
	struct tm day = { .tm_isdst = -1 }, same;
	int year, month;

	if (strlen(text) != 10 || text[4] != '-' || text[7] != '-' ||
	    digits(text, 4, 9999, &year) < 0 ||
	    digits(text + 5, 2, 12, &month) < 0 ||
	    digits(text + 8, 2, 31, &day.tm_mday) < 0)
		return -1;
	day.tm_year = year - 1900;
	day.tm_mon = month - 1;
	same = day;
	/* No month has a day that it does not have. */
	if (timegm(&same) < 0 || same.tm_mday != day.tm_mday ||
	    same.tm_mon != day.tm_mon)
		return -1;
	*wall = (int64_t)mktime(&day);
	return *wall < 0 ? -1 : 0;
}

struct deadline
deadline_in(int64_t ms)
{
	int64_t now = clock_monotonic_ms();

	if (ms >= DEADLINE_NEVER - now)
		return deadline_never();
	return (struct deadline){ .ms = now + ms };
}

struct deadline
deadline_never(void)
{
	return (struct deadline){ .ms = DEADLINE_NEVER };
}

struct deadline
deadline_sooner(struct deadline a, struct deadline b)
{
	return a.ms < b.ms ? a : b;
}

bool
deadline_passed(struct deadline d)
{
	return d.ms != DEADLINE_NEVER && d.ms <= clock_monotonic_ms();
}

int
deadline_left(struct deadline d)
{
	int64_t now;

	if (d.ms == DEADLINE_NEVER)
		return -1;
	now = clock_monotonic_ms();
	if (d.ms <= now)
		return 0;
	return d.ms - now < INT_MAX ? (int)(d.ms - now) : INT_MAX;
}

/* The RFCs' names are English whatever the locale is. */
static const char months[][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
	"Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };

/* A time that no calendar has is shown as what it is. */
static void
broken_time(int64_t wall, char *out, size_t room)
{
	(void)snprintf(out, room, "@%lld", (long long)wall);
}

const char *
clock_text(int64_t wall, char out[CLOCK_TEXT])
{
	time_t t = (time_t)wall;
	struct tm tm;

	if (localtime_r(&t, &tm) == NULL ||
	    strftime(out, CLOCK_TEXT, "%Y-%m-%d %H:%M", &tm) == 0)
		broken_time(wall, out, CLOCK_TEXT);
	return out;
}

const char *
clock_rfc3339(int64_t wall, char out[CLOCK_TEXT])
{
	time_t t = (time_t)wall;
	struct tm tm;

	if (gmtime_r(&t, &tm) == NULL ||
	    strftime(out, CLOCK_TEXT, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		broken_time(wall, out, CLOCK_TEXT);
	return out;
}

const char *
clock_rfc3164(int64_t wall, char out[CLOCK_TEXT])
{
	time_t t = (time_t)wall;
	struct tm tm;

	if (localtime_r(&t, &tm) == NULL) {
		broken_time(wall, out, CLOCK_TEXT);
		return out;
	}
	(void)snprintf(out, CLOCK_TEXT, "%s %2d %02d:%02d:%02d",
	    months[tm.tm_mon], tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
	return out;
}

const char *
clock_rfc5322(int64_t wall, char out[CLOCK_RFC5322])
{
	static const char days[][4] = { "Sun", "Mon", "Tue", "Wed", "Thu",
		"Fri", "Sat" };
	time_t t = (time_t)wall;
	struct tm tm;
	char zone[8];

	if (localtime_r(&t, &tm) == NULL ||
	    strftime(zone, sizeof zone, "%z", &tm) == 0) {
		broken_time(wall, out, CLOCK_RFC5322);
		return out;
	}
	(void)snprintf(out, CLOCK_RFC5322, "%s, %d %s %lld %02d:%02d:%02d %s",
	    days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon],
	    (long long)tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec,
	    zone);
	return out;
}
