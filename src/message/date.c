/* date.c - see date.h. */
#include "message/date.h"

#include "base/text.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>
#include <time.h>

static const char *const day_names[] = { "Mon", "Tue", "Wed", "Thu", "Fri",
	"Sat", "Sun", NULL };
static const char *const month_names[] = { "Jan", "Feb", "Mar", "Apr", "May",
	"Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", NULL };

/* RFC 5322 section 4.3: every other name stands for an unknown zone, UTC. */
static const struct {
	const char *name;
	int hours;
} zone_names[] = {
	{ "EST", -5 },
	{ "EDT", -4 },
	{ "CST", -6 },
	{ "CDT", -5 },
	{ "MST", -7 },
	{ "MDT", -6 },
	{ "PST", -8 },
	{ "PDT", -7 },
};

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* CFWS: blanks, line ends, and comments, which nest. */
static void
skip_blanks(struct slice *s)
{
	int depth = 0;

	while (s->len > 0) {
		char c = s->data[0];

		if (c == '(')
			depth++;
		else if (c == ')' && depth > 0)
			depth--;
		else if (c == '\\' && depth > 0 && s->len > 1)
			*s = slice_skip(*s, 1);
		else if (depth == 0 && !is_blank(c))
			return;
		*s = slice_skip(*s, 1);
	}
}

static bool
take_char(struct slice *s, char c)
{
	skip_blanks(s);
	if (s->len == 0 || s->data[0] != c)
		return false;
	*s = slice_skip(*s, 1);
	return true;
}

static struct slice
take_while(struct slice *s, int (*is)(int))
{
	struct slice run;
	size_t n = 0;

	skip_blanks(s);
	while (n < s->len && is((unsigned char)s->data[n]))
		n++;
	run = slice_make(s->data, n);
	*s = slice_skip(*s, n);
	return run;
}

/* A number of at least `min` digits, from low to high. */
static int
take_number(struct slice *s, size_t min, int low, int high, int *out)
{
	struct slice digits = take_while(s, isdigit);
	uint64_t n;

	if (digits.len < min || text_u64(digits, (uint64_t)high, &n) < 0 ||
	    (int)n < low)
		return -1;
	*out = (int)n;
	return (int)digits.len;
}

/* Which name a word begins with, or -1. */
static int
which(struct slice word, const char *const *names)
{
	int i;

	for (i = 0; names[i] != NULL; i++)
		if (slice_starts_nocase(word, names[i]))
			return i;
	return -1;
}

static int
take_year(struct slice *s, int *year)
{
	int digits = take_number(s, 2, 0, 9999, year);

	if (digits < 0)
		return -1;
	if (digits == 2 && *year < 50)
		*year += 2000;
	else if (digits < 4)
		*year += 1900;
	return *year < 1900 ? -1 : 0;
}

static int
take_zone(struct slice *s, int *seconds)
{
	struct slice name;
	size_t i;
	int hhmm, sign;

	*seconds = 0;
	skip_blanks(s);
	if (s->len == 0)
		return 0;
	if (s->data[0] == '+' || s->data[0] == '-') {
		sign = s->data[0] == '-' ? -1 : 1;
		*s = slice_skip(*s, 1);
		if (s->len == 0 || !isdigit((unsigned char)s->data[0]) ||
		    take_number(s, 4, 0, 9959, &hhmm) != 4 || hhmm % 100 > 59)
			return -1;
		*seconds = sign * (hhmm / 100 * 60 + hhmm % 100) * 60;
		return 0;
	}
	name = take_while(s, isalpha);
	if (name.len == 0)
		return -1;
	for (i = 0; i < sizeof zone_names / sizeof zone_names[0]; i++)
		if (slice_is_nocase(name, zone_names[i].name))
			*seconds = zone_names[i].hours * 3600;
	return 0;
}

static int
days_in(int month, int year)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30,
		31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month] + (month == 1 && leap);
}

static int
take_day(struct slice *s, struct tm *tm)
{
	struct slice name = take_while(s, isalpha);
	int year;

	if (name.len > 0) {
		if (which(name, day_names) < 0)
			return -1;
		take_char(s, ',');
	}
	if (take_number(s, 1, 1, 31, &tm->tm_mday) < 0)
		return -1;
	tm->tm_mon = which(take_while(s, isalpha), month_names);
	if (tm->tm_mon < 0 || take_year(s, &year) < 0 ||
	    tm->tm_mday > days_in(tm->tm_mon, year))
		return -1;
	tm->tm_year = year - 1900;
	return 0;
}

static int
take_time(struct slice *s, struct tm *tm)
{
	if (take_number(s, 1, 0, 23, &tm->tm_hour) < 0 || !take_char(s, ':') ||
	    take_number(s, 2, 0, 59, &tm->tm_min) < 0)
		return -1;
	if (take_char(s, ':') && take_number(s, 2, 0, 60, &tm->tm_sec) < 0)
		return -1;
	return 0;
}

int
date_parse(struct slice text, int64_t *seconds)
{
	struct tm tm = { 0 };
	int zone;

	if (take_day(&text, &tm) < 0 || take_time(&text, &tm) < 0 ||
	    take_zone(&text, &zone) < 0)
		return -1;
	skip_blanks(&text);
	if (text.len > 0)
		return -1;
	*seconds = (int64_t)timegm(&tm) - zone;
	return 0;
}
