/* header.c - see header.h. */
#include "message/header.h"

#include "base/text.h"
#include "message/date.h"
#include "message/digest.h"

#include <string.h>

/* The first line, with its end if it has one. */
static struct slice
first_line(struct slice s)
{
	const char *lf = s.len > 0 ? memchr(s.data, '\n', s.len) : NULL;

	return lf == NULL ? s : slice_make(s.data, (size_t)(lf + 1 - s.data));
}

static bool
is_empty_line(struct slice line)
{
	return slice_is(line, "\r\n") || slice_is(line, "\n");
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool
is_space(char c)
{
	return is_blank(c) || c == '\r' || c == '\n';
}

static struct slice
less_outer_space(struct slice s)
{
	while (s.len > 0 && is_space(s.data[0]))
		s = slice_skip(s, 1);
	while (s.len > 0 && is_space(s.data[s.len - 1]))
		s.len--;
	return s;
}

size_t
header_length(struct slice content, bool *complete)
{
	struct slice rest = content;

	*complete = false;
	while (rest.len > 0) {
		struct slice line = first_line(rest);
		size_t before = content.len - rest.len;

		*complete =
		    is_empty_line(line) || before + line.len >= HEADER_MAX;
		if (*complete)
			return before;
		rest = slice_skip(rest, line.len);
	}
	return content.len;
}

/*
 * The name that a line begins with, empty when it is no field. Blanks before
 * the colon are the obsolete syntax of RFC 5322 section 4.5.
 */
static struct slice
field_name(struct slice line)
{
	size_t n = 0;
	size_t colon;

	while (n < line.len && line.data[n] > ' ' && line.data[n] < 0x7f &&
	    line.data[n] != ':')
		n++;
	for (colon = n; colon < line.len && is_blank(line.data[colon]); colon++)
		;
	if (colon == line.len || line.data[colon] != ':')
		n = 0;
	return slice_make(line.data, n);
}

/* The octets of a field that begins `s`: its line and those folded on to it. */
static size_t
field_length(struct slice s)
{
	size_t n = first_line(s).len;

	while (n < s.len && is_blank(s.data[n]))
		n += first_line(slice_skip(s, n)).len;
	return n;
}

bool
header_next(struct slice *rest, struct header_field *field)
{
	const char *colon;
	size_t n;

	while (rest->len > 0) {
		struct slice line = first_line(*rest);

		if (is_empty_line(line))
			return false;
		field->name = field_name(line);
		if (field->name.len > 0)
			break;
		*rest = slice_skip(*rest, line.len);
	}
	if (rest->len == 0)
		return false;
	n = field_length(*rest);
	field->whole = slice_make(rest->data, n);
	colon = memchr(rest->data, ':', n);
	field->value = less_outer_space(
	    slice_skip(field->whole, (size_t)(colon + 1 - rest->data)));
	*rest = slice_skip(*rest, n);
	return true;
}

bool
header_find(struct slice header, const char *name, struct header_field *field)
{
	while (header_next(&header, field))
		if (slice_is_nocase(field->name, name))
			return true;
	*field = (struct header_field){ 0 };
	return false;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/* RFC 2047 section 4.2. */
static int
decode_q(struct slice text, struct buffer *out)
{
	while (text.len > 0) {
		char c = text.data[0];

		if (c == '=') {
			int high = text.len > 2 ? hex_digit(text.data[1]) : -1;
			int low = text.len > 2 ? hex_digit(text.data[2]) : -1;

			if (high < 0 || low < 0)
				return -1;
			c = (char)(high << 4 | low);
			text = slice_skip(text, 2);
		} else if (c == '_') {
			c = ' ';
		}
		buffer_add(out, &c, 1);
		text = slice_skip(text, 1);
	}
	return 0;
}

/* RFC 2047 section 4.1. */
static int
decode_b(struct slice text, struct buffer *out)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";
	unsigned window = 0;
	unsigned bits = 0;

	for (; text.len > 0 && text.data[0] != '=';
	     text = slice_skip(text, 1)) {
		const char *digit = memchr(digits, text.data[0], 64);

		if (digit == NULL)
			return -1;
		window = (window << 6 | (unsigned)(digit - digits)) & 0xffff;
		bits += 6;
		if (bits >= 8) {
			char c = (char)(window >> (bits - 8) & 0xff);

			buffer_add(out, &c, 1);
			bits -= 8;
		}
	}
	for (; text.len > 0; text = slice_skip(text, 1))
		if (text.data[0] != '=')
			return -1;
	return 0;
}

static void
add_latin1(struct buffer *out, struct slice s)
{
	size_t i;

	for (i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.data[i];

		if (c < 0x80)
			buffer_add(out, &c, 1);
		else
			buffer_addf(
			    out, "%c%c", 0xc0 | c >> 6, 0x80 | (c & 0x3f));
	}
}

/* Cut what is before the next '?' off *rest, and the '?'. */
static bool
cut_part(struct slice *rest, struct slice *part)
{
	size_t n;

	for (n = 0; n < rest->len && rest->data[n] != '?'; n++)
		if (is_space(rest->data[n]))
			return false;
	if (n == rest->len)
		return false;
	*part = slice_make(rest->data, n);
	*rest = slice_skip(*rest, n + 1);
	return true;
}

/*
 * Decode the encoded word at the front of *rest and cut it off. False when
 * there is none, or none that can be decoded.
 */
static bool
encoded_word(struct slice *rest, struct buffer *out)
{
	struct buffer plain = { 0 };
	struct slice s = *rest;
	struct slice charset, encoding, text;
	const char *language;
	int rc = -1;

	if (!slice_starts_nocase(s, "=?"))
		return false;
	s = slice_skip(s, 2);
	if (!cut_part(&s, &charset) || !cut_part(&s, &encoding) ||
	    !cut_part(&s, &text) || !slice_starts_nocase(s, "="))
		return false;
	language = memchr(charset.data, '*', charset.len); /* RFC 2231 */
	if (language != NULL)
		charset.len = (size_t)(language - charset.data);
	if (slice_is_nocase(encoding, "q"))
		rc = decode_q(text, &plain);
	else if (slice_is_nocase(encoding, "b"))
		rc = decode_b(text, &plain);
	if (rc == 0 &&
	    (slice_is_nocase(charset, "utf-8") ||
		slice_is_nocase(charset, "us-ascii")))
		buffer_add_slice(out, buffer_slice(&plain));
	else if (rc == 0 && slice_is_nocase(charset, "iso-8859-1"))
		add_latin1(out, buffer_slice(&plain));
	else
		rc = -1;
	buffer_free(&plain);
	if (rc == 0)
		*rest = slice_skip(s, 1);
	return rc == 0;
}

/* The blanks at the front, those of folds included, are one. */
static bool
cut_space(struct slice *rest)
{
	size_t before = rest->len;

	while (rest->len > 0 && is_space(rest->data[0]))
		*rest = slice_skip(*rest, 1);
	return rest->len < before;
}

void
header_text(struct slice header, const char *name, char *out, size_t room)
{
	struct header_field field;
	struct buffer plain = { 0 };
	struct slice rest = { 0 };
	bool after_word = false;

	if (header_find(header, name, &field))
		rest = field.value;
	while (rest.len > 0) {
		bool space = cut_space(&rest);

		/* Blanks between two encoded words are not for people. */
		if (after_word && space && encoded_word(&rest, &plain))
			continue;
		if (space)
			buffer_add_text(&plain, " ");
		after_word = encoded_word(&rest, &plain);
		if (!after_word && rest.len > 0) {
			buffer_add(&plain, rest.data, 1);
			rest = slice_skip(rest, 1);
		}
	}
	text_harmless(buffer_slice(&plain), out, room);
	buffer_free(&plain);
}

int64_t
header_arrival(struct slice header)
{
	struct header_field field;
	struct slice date;
	int64_t when;

	if (header_find(header, "Received", &field)) {
		const char *semicolon = field.value.len > 0
		    ? memrchr(field.value.data, ';', field.value.len)
		    : NULL;

		if (semicolon != NULL) {
			date = slice_skip(field.value,
			    (size_t)(semicolon + 1 - field.value.data));
			if (date_parse(date, &when) == 0)
				return when;
		}
	}
	if (header_find(header, "Date", &field) &&
	    date_parse(field.value, &when) == 0)
		return when;
	return -1;
}

bool
header_is_servers(struct slice name)
{
	return slice_is_nocase(name, "Status") ||
	    slice_is_nocase(name, "X-Status") ||
	    slice_is_nocase(name, "X-UIDL") ||
	    slice_is_nocase(name, "Content-Length");
}

void
header_digest(struct slice header, unsigned char out[32])
{
	struct header_field field;
	struct slice rest = header;
	struct digest d;

	digest_begin(&d);
	while (header_next(&rest, &field)) {
		size_t before = (size_t)(field.whole.data - header.data);

		if (!header_is_servers(field.name))
			continue;
		digest_add(&d, header.data, before);
		header = rest;
	}
	digest_add(&d, header.data, header.len);
	digest_end(&d, out);
}
