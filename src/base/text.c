/* text.c - small pure functions on text. */
#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct unit {
	char letter;
	uint64_t worth;
};

/* Largest first; the last is what a number without a letter counts. */
static const struct unit durations[] = {
	{ 'd', 86400 },
	{ 'h', 3600 },
	{ 'm', 60 },
	{ 's', 1 },
};
static const struct unit sizes[] = {
	{ 'G', (uint64_t)1 << 30 },
	{ 'M', (uint64_t)1 << 20 },
	{ 'K', (uint64_t)1 << 10 },
	{ '\0', 1 },
};
#define UNITS 4

int
text_u64(struct slice s, uint64_t max, uint64_t *out)
{
	uint64_t value = 0;
	uint64_t digit;
	size_t i;

	if (s.len == 0)
		return -1;
	for (i = 0; i < s.len; i++) {
		if (s.data[i] < '0' || s.data[i] > '9')
			return -1;
		digit = (uint64_t)(s.data[i] - '0');
		if (value > max / 10 || value * 10 > max - digit || digit > max)
			return -1;
		value = value * 10 + digit;
	}
	*out = value;
	return 0;
}

/* The unit that a text ends with; a digit stands for the unit without one. */
static const struct unit *
unit_of(const struct unit *units, struct slice s)
{
	char last = s.data[s.len - 1];
	size_t i;

	if (last >= '0' && last <= '9')
		last = '\0';
	for (i = 0; i < UNITS; i++)
		if (units[i].letter == last)
			return &units[i];
	return NULL;
}

static int
with_unit(
    const struct unit *units, struct slice s, uint64_t max, uint64_t *value)
{
	const struct unit *unit;

	if (s.len == 0)
		return -1;
	unit = unit_of(units, s);
	if (unit == NULL)
		return -1;
	if (unit->letter != '\0')
		s.len--;
	if (text_u64(s, max / unit->worth, value) < 0)
		return -1;
	*value *= unit->worth;
	return 0;
}

int
text_duration(struct slice s, int64_t *seconds)
{
	uint64_t value = 0;

	if (!slice_is(s, "0") && with_unit(durations, s, INT64_MAX, &value) < 0)
		return -1;
	*seconds = (int64_t)value;
	return 0;
}

int
text_size(struct slice s, uint64_t *octets)
{
	return with_unit(sizes, s, UINT64_MAX, octets);
}

static const char *
from_unit(const struct unit *units, uint64_t value, char out[TEXT_UNIT])
{
	size_t i = 0;

	while (i < UNITS - 1 && value % units[i].worth != 0)
		i++;
	(void)snprintf(out, TEXT_UNIT, "%" PRIu64 "%.1s",
	    value / units[i].worth, &units[i].letter);
	return out;
}

const char *
text_from_duration(int64_t seconds, char out[TEXT_UNIT])
{
	if (seconds <= 0)
		return strcpy(out, "0");
	return from_unit(durations, (uint64_t)seconds, out);
}

const char *
text_from_size(uint64_t octets, char out[TEXT_UNIT])
{
	if (octets == 0)
		return strcpy(out, "0");
	return from_unit(sizes, octets, out);
}

static uint64_t
rounded(uint64_t n, uint64_t by)
{
	return n / by + (n % by >= by - by / 2);
}

const char *
text_octets(uint64_t octets, char out[TEXT_UNIT])
{
	static const char names[][3] = { "kB", "MB", "GB", "TB", "PB", "EB" };
	uint64_t unit = 1000;
	size_t i = 0;
	uint64_t tenths;

	if (octets < 1000) {
		(void)snprintf(out, TEXT_UNIT, "%" PRIu64 " B", octets);
		return out;
	}
	while (i < sizeof names / sizeof names[0] - 1 &&
	    rounded(octets, unit) >= 1000) {
		unit *= 1000;
		i++;
	}
	tenths = rounded(octets, unit / 10);
	if (tenths < 100)
		(void)snprintf(out, TEXT_UNIT, "%u.%u %.2s",
		    (unsigned)tenths / 10, (unsigned)tenths % 10, names[i]);
	else
		(void)snprintf(out, TEXT_UNIT, "%" PRIu64 " %.2s",
		    rounded(octets, unit), names[i]);
	return out;
}

const char *
text_ago(int64_t seconds, char out[TEXT_UNIT])
{
	int64_t s = seconds > 0 ? seconds : 0;

	if (s < 60)
		(void)snprintf(out, TEXT_UNIT, "%" PRId64 " s", s);
	else if (s < 3600)
		(void)snprintf(out, TEXT_UNIT, "%" PRId64 " min", s / 60);
	else if (s < 86400)
		(void)snprintf(out, TEXT_UNIT, "%" PRId64 " h", s / 3600);
	else
		(void)snprintf(out, TEXT_UNIT, "%" PRId64 " day%s", s / 86400,
		    s / 86400 == 1 ? "" : "s");
	return out;
}

const char *
text_count(uint64_t n, char out[TEXT_UNIT])
{
	char digits[TEXT_UNIT];
	int len = snprintf(digits, sizeof(digits), "%" PRIu64, n);
	char *p = out;

	for (int i = 0; i < len; i++) {
		if (i > 0 && (len - i) % 3 == 0)
			*p++ = ',';
		*p++ = digits[i];
	}
	*p = '\0';
	return out;
}

/* RFC 3629 section 4: what may not be, the second octet shows. */
size_t
text_character(struct slice s)
{
	const unsigned char *p = (const unsigned char *)s.data;
	unsigned char low = 0x80;
	unsigned char high = 0xbf;
	size_t len;
	size_t i;

	if (s.len == 0)
		return 0;
	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	len = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (p[0] == 0xe0)
		low = 0xa0;
	else if (p[0] == 0xed)
		high = 0x9f;
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xf4)
		high = 0x8f;
	if (s.len < len || p[1] < low || p[1] > high)
		return 0;
	for (i = 2; i < len; i++)
		if (p[i] < 0x80 || p[i] > 0xbf)
			return 0;
	return len;
}

bool
text_is_obeyed(struct slice character)
{
	const unsigned char *c = (const unsigned char *)character.data;

	if (character.len == 1)
		return c[0] < 0x20 || c[0] == 0x7f;
	/* C1: U+0080 to U+009F */
	if (character.len == 2)
		return c[0] == 0xc2 && c[1] < 0xa0;
	/* Other lines and directions: U+2028 to U+202E, U+2066 to U+2069 */
	return c[0] == 0xe2 &&
	    ((c[1] == 0x80 && c[2] >= 0xa8 && c[2] <= 0xae) ||
		(c[1] == 0x81 && c[2] >= 0xa6 && c[2] <= 0xa9));
}

void
text_harmless(struct slice s, char *out, size_t room)
{
	size_t used = 0;
	size_t n;

	while (s.len > 0) {
		n = text_character(s);
		if (n == 0 || text_is_obeyed(slice_make(s.data, n))) {
			if (used + 1 >= room)
				break;
			out[used++] = '?';
		} else {
			if (used + n >= room)
				break;
			memcpy(out + used, s.data, n);
			used += n;
		}
		s = slice_skip(s, n != 0 ? n : 1);
	}
	if (room > 0)
		out[used] = '\0';
}

bool
text_is_utf8(struct slice s)
{
	size_t n;

	for (; s.len > 0; s = slice_skip(s, n)) {
		n = text_character(s);
		if (n == 0)
			return false;
	}
	return true;
}

bool
text_is_harmless(struct slice s)
{
	size_t n;

	for (; s.len > 0; s = slice_skip(s, n)) {
		n = text_character(s);
		if (n == 0 || text_is_obeyed(slice_make(s.data, n)))
			return false;
	}
	return true;
}

#define WORD_MAX 63

static unsigned char
lower(char c)
{
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static size_t
least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/*
 * Damerau and Levenshtein's distance: letters missing, extra, wrong, or
 * swapped with their neighbour. Both words have at most WORD_MAX.
 */
static size_t
distance(const char *a, const char *b)
{
	size_t rows[3][WORD_MAX + 1];
	size_t *before = rows[0]; /* of i - 2 */
	size_t *last = rows[1]; /* of i - 1 */
	size_t *row = rows[2];
	size_t *spare;
	size_t len = strlen(b);
	size_t i;
	size_t j;

	for (j = 0; j <= len; j++)
		before[j] = last[j] = j;
	for (i = 1; a[i - 1] != '\0'; i++) {
		row[0] = i;
		for (j = 1; j <= len; j++) {
			bool same = lower(a[i - 1]) == lower(b[j - 1]);

			row[j] = least(last[j] + 1, row[j - 1] + 1);
			row[j] = least(row[j], last[j - 1] + !same);
			if (i > 1 && j > 1 &&
			    lower(a[i - 1]) == lower(b[j - 2]) &&
			    lower(a[i - 2]) == lower(b[j - 1]))
				row[j] = least(row[j], before[j - 2] + 1);
		}
		spare = before;
		before = last;
		last = row;
		row = spare;
	}
	return last[len];
}

/* Does one of the words begin with the other, by three letters at least? */
static bool
begins(const char *a, const char *b)
{
	size_t both = least(strlen(a), strlen(b));

	return both >= 3 &&
	    slice_starts_nocase(
		slice_of(strlen(a) > both ? a : b), strlen(a) > both ? b : a);
}

const char *
text_nearest(const char *word, const char *const *names)
{
	const char *nearest = NULL;
	size_t best = least(strlen(word) / 3, 3);
	size_t i;

	if (strlen(word) > WORD_MAX)
		return NULL;
	if (best == 0)
		best = 1;
	best++;
	for (i = 0; names[i] != NULL; i++) {
		size_t d;

		if (strlen(names[i]) > WORD_MAX)
			continue;
		d = distance(word, names[i]);
		if (d < best) {
			best = d;
			nearest = names[i];
		}
	}
	for (i = 0; nearest == NULL && names[i] != NULL; i++)
		if (begins(word, names[i]))
			nearest = names[i];
	return nearest;
}

void
text_hex(const void *octets, size_t len, char *out)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *p = octets;
	size_t i;

	for (i = 0; i < len; i++) {
		out[2 * i] = digits[p[i] >> 4];
		out[2 * i + 1] = digits[p[i] & 0xf];
	}
	out[2 * len] = '\0';
}
