/* json.c - see json.h. */
#include "command/json.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

/*
 * The length of the well-formed UTF-8 sequence (RFC 3629 section 4) at the
 * front, or 0. The second octet's range excludes overlong forms, surrogates
 * and what is beyond U+10FFFF.
 */
static size_t
utf8_length(const unsigned char *s, size_t len)
{
	unsigned char low = 0x80;
	unsigned char high = 0xbf;
	size_t n;
	size_t i;

	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	n = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	if (n > len)
		return 0;
	if (s[0] == 0xe0)
		low = 0xa0;
	else if (s[0] == 0xed)
		high = 0x9f;
	else if (s[0] == 0xf0)
		low = 0x90;
	else if (s[0] == 0xf4)
		high = 0x8f;
	if (s[1] < low || s[1] > high)
		return 0;
	for (i = 2; i < n; i++)
		if (s[i] < 0x80 || s[i] > 0xbf)
			return 0;
	return n;
}

/* C0 must be escaped (RFC 8259 section 7); DEL and C1 for the terminal. */
static bool
octets_control(const unsigned char *s, size_t len)
{
	if (len == 1)
		return s[0] < 0x20 || s[0] == 0x7f;
	return len == 2 && s[0] == 0xc2 && s[1] < 0xa0;
}

static void
character_add(struct buffer *out, const unsigned char *s, size_t len)
{
	if (len == 1 && (s[0] == '"' || s[0] == '\\'))
		buffer_addf(out, "\\%c", s[0]);
	else if (octets_control(s, len))
		buffer_addf(out, "\\u%04x", (unsigned)s[len - 1]);
	else
		buffer_add(out, s, len);
}

static void
quoted_add(struct buffer *out, struct slice value)
{
	size_t n;

	buffer_add_text(out, "\"");
	while (value.len > 0) {
		const unsigned char *s = (const unsigned char *)value.data;

		n = utf8_length(s, value.len);
		if (n == 0) {
			buffer_add_text(out, REPLACEMENT);
			n = 1;
		} else
			character_add(out, s, n);
		value = slice_skip(value, n);
	}
	buffer_add_text(out, "\"");
}

/* What goes before a value: the comma, and its name. */
static void
lead_in(struct json *j, const char *key)
{
	if (j->comma)
		buffer_add_text(&j->out, ",");
	if (key != NULL) {
		quoted_add(&j->out, slice_of(key));
		buffer_add_text(&j->out, ":");
	}
	j->comma = true;
}

void
json_open(struct json *j, const char *key, char bracket)
{
	lead_in(j, key);
	buffer_add(&j->out, &bracket, 1);
	j->comma = false;
}

void
json_close(struct json *j, char bracket)
{
	buffer_add(&j->out, &bracket, 1);
	j->comma = true;
}

void
json_text(struct json *j, const char *key, struct slice value)
{
	lead_in(j, key);
	quoted_add(&j->out, value);
}

void
json_string(struct json *j, const char *key, const char *value)
{
	lead_in(j, key);
	if (value == NULL)
		buffer_add_text(&j->out, "null");
	else
		quoted_add(&j->out, slice_of(value));
}

void
json_number(struct json *j, const char *key, int64_t value)
{
	lead_in(j, key);
	buffer_addf(&j->out, "%" PRId64, value);
}

void
json_bool(struct json *j, const char *key, bool value)
{
	lead_in(j, key);
	buffer_add_text(&j->out, value ? "true" : "false");
}

void
json_time(struct json *j, const char *key, int64_t wall)
{
	char text[CLOCK_TEXT];

	json_string(j, key, wall == 0 ? NULL : clock_rfc3339(wall, text));
}

/* A failed write leaves its mark on stdout, which main() looks at. */
void
json_finish(struct json *j)
{
	buffer_add_text(&j->out, "\n");
	fwrite(j->out.data, 1, j->out.len, stdout);
	buffer_free(&j->out);
	j->comma = false;
}
