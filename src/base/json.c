/* json.c - see json.h. */
#include "base/json.h"

#include "base/clock.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

/* What is written out at once where it need not wait for the end. */
#define PIECE ((size_t)64 * 1024)

/* The number of a character of UTF-8. */
static unsigned
code_point(struct slice character)
{
	const unsigned char *s = (const unsigned char *)character.data;
	unsigned code = s[0];

	if (character.len > 1)
		code &= 0x7fu >> character.len;
	for (size_t i = 1; i < character.len; i++)
		code = code << 6 | (s[i] & 0x3fu);
	return code;
}

/* C0 must be escaped (RFC 8259 section 7); the rest for the terminal. */
static void
character_add(struct buffer *out, struct slice character)
{
	if (slice_is(character, "\"") || slice_is(character, "\\"))
		buffer_addf(out, "\\%c", character.data[0]);
	else if (text_is_obeyed(character))
		buffer_addf(out, "\\u%04x", code_point(character));
	else
		buffer_add_slice(out, character);
}

static void
quoted_add(struct buffer *out, struct slice value)
{
	size_t n;

	buffer_add_text(out, "\"");
	while (value.len > 0) {
		n = text_character(value);
		if (n == 0) {
			buffer_add_text(out, REPLACEMENT);
			n = 1;
		} else {
			character_add(out, slice_make(value.data, n));
		}
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
	if (!j->prints || j->out.len < PIECE)
		return;
	fwrite(j->out.data, 1, j->out.len, stdout);
	buffer_clear(&j->out);
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
