/* letter.c - see letter.h. */
#include "message/letter.h"

#include "base/clock.h"
#include "base/text.h"

#include <stdbool.h>
#include <string.h>

/* Octets of text in one encoded word, which has 75 characters at most. */
#define WORD_OCTETS 39
/* RFC 2045 section 6.7: a line and the "=" at its end. */
#define QUOTED_COLUMNS 75

static bool
is_ascii(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text >= 0x80)
			return false;
	return true;
}

/* How many octets of whole characters fit into so much room; at least one. */
static size_t
whole_characters(struct slice text, size_t room)
{
	size_t n = 0, next;

	while (n < text.len) {
		next = text_character(slice_skip(text, n));
		if (next == 0)
			next = 1;
		if (n > 0 && n + next > room)
			break;
		n += next;
	}
	return n;
}

static void
add_base64(struct slice s, struct buffer *out)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < s.len; i += 3) {
		unsigned long bits = 0;
		char four[4] = { '=', '=', '=', '=' };

		for (size_t k = 0; k < 3; k++)
			bits = bits << 8 |
			    (i + k < s.len ? (unsigned char)s.data[i + k] : 0);
		for (size_t k = 0; k < 4 && i + k <= s.len; k++)
			four[k] = digits[bits >> (18 - 6 * k) & 63];
		buffer_add(out, four, sizeof(four));
	}
}

/* RFC 2047; several words where one is too short. */
static void
add_subject(const char *subject, struct buffer *out)
{
	struct slice rest = slice_of(subject);
	const char *before = "Subject: ";

	if (is_ascii(subject) && rest.len < 900) {
		buffer_addf(out, "Subject: %s\r\n", subject);
		return;
	}
	while (rest.len > 0) {
		size_t n = whole_characters(rest, WORD_OCTETS);

		buffer_addf(out, "%s=?utf-8?B?", before);
		add_base64(slice_make(rest.data, n), out);
		buffer_add_text(out, "?=\r\n");
		rest = slice_skip(rest, n);
		before = " ";
	}
}

static void
add_addresses(const char *const *to, struct buffer *out)
{
	buffer_addf(out, "To: <%s>", to[0]);
	for (size_t i = 1; to[i] != NULL; i++)
		buffer_addf(out, ",\r\n\t<%s>", to[i]);
	buffer_add_text(out, "\r\n");
}

static void
add_line(struct slice line, struct buffer *out)
{
	buffer_add_slice(out, line);
	buffer_add_text(out, "\r\n");
}

/* quoted-printable: RFC 2045 section 6.7. */
static void
add_quoted_line(struct slice line, struct buffer *out)
{
	size_t column = 0;

	for (size_t i = 0; i < line.len; i++) {
		unsigned char c = (unsigned char)line.data[i];
		bool last = i + 1 == line.len;
		bool plain =
		    (c > ' ' && c <= '~' && c != '=') || (c == ' ' && !last);
		size_t width = plain ? 1 : 3;

		if (column + width > QUOTED_COLUMNS) {
			buffer_add_text(out, "=\r\n");
			column = 0;
		}
		if (plain)
			buffer_add(out, &c, 1);
		else
			buffer_addf(out, "=%02X", c);
		column += width;
	}
	buffer_add_text(out, "\r\n");
}

static void
add_text(const char *text, bool plain, struct buffer *out)
{
	while (*text != '\0') {
		size_t len = strcspn(text, "\n");
		struct slice line = slice_make(text, len);

		if (plain)
			add_line(line, out);
		else
			add_quoted_line(line, out);
		text += len + (text[len] == '\n');
	}
}

void
letter_write(const struct letter *l, struct buffer *out)
{
	bool plain = is_ascii(l->text);
	char date[CLOCK_RFC5322];

	buffer_addf(out,
	    "Date: %s\r\n"
	    "From: \"postrider at %s\" <MAILER-DAEMON@%s>\r\n",
	    clock_rfc5322(l->now, date), l->by, l->by);
	add_addresses(l->to, out);
	add_subject(l->subject, out);
	buffer_addf(out,
	    "Message-ID: <%s.postrider@%s>\r\n"
	    "Auto-Submitted: auto-generated\r\n"
	    "Precedence: bulk\r\n"
	    "MIME-Version: 1.0\r\n"
	    "Content-Type: text/plain; charset=utf-8\r\n"
	    "Content-Transfer-Encoding: %s\r\n"
	    "\r\n",
	    l->id, l->by, plain ? "7bit" : "quoted-printable");
	add_text(l->text, plain, out);
}

/* How many columns so many octets take: characters, not octets. */
static size_t
columns(struct slice s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.len; i++)
		n += ((unsigned char)s.data[i] & 0xc0) != 0x80;
	return n;
}

void
letter_wrap(const char *indent, const char *text, struct buffer *out)
{
	struct slice rest = slice_of(text), word;
	size_t margin = strlen(indent), column = margin;

	buffer_add_text(out, indent);
	while ((word = slice_word(&rest)).len > 0) {
		size_t width = columns(word);

		if (column > margin && column + 1 + width > LETTER_COLUMNS) {
			buffer_addf(out, "\n%s", indent);
			column = margin;
		} else if (column > margin) {
			buffer_add_text(out, " ");
			column++;
		}
		buffer_add_slice(out, word);
		column += width;
	}
	buffer_add_text(out, "\n");
}
