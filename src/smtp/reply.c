/* reply.c - see reply.h. */
#include "smtp/reply.h"

#include "base/text.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static bool
is_digit(struct slice s, size_t i)
{
	return i < s.len && isdigit((unsigned char)s.data[i]);
}

/* One to three digits and what must follow them, or -1. */
static int
cut_number(struct slice *s, bool last)
{
	int n = 0;
	size_t i;

	for (i = 0; i < 3 && is_digit(*s, i); i++)
		n = 10 * n + (s->data[i] - '0');
	if (i == 0)
		return -1;
	if (last && i < s->len && s->data[i] != ' ')
		return -1;
	if (!last && (i == s->len || s->data[i] != '.'))
		return -1;
	*s = slice_skip(*s, i < s->len ? i + 1 : i);
	return n;
}

/* RFC 2034 section 4: on each line, of the same class as the code. */
static void
cut_enhanced(struct smtp_reply *r, struct slice *text)
{
	struct slice s = *text;
	int class = cut_number(&s, false);
	int subject, detail;

	if (class != r->code / 100 || class == 3)
		return;
	subject = cut_number(&s, false);
	if (subject < 0)
		return;
	detail = cut_number(&s, true);
	if (detail < 0)
		return;
	if (r->class == 0) {
		r->class = class;
		r->subject = subject;
		r->detail = detail;
	}
	*text = s;
}

static void
add_text(struct smtp_reply *r, struct slice text)
{
	static const char between[] = " / ";
	size_t len = strlen(r->text);

	text = slice_trim(text);
	if (text.len == 0)
		return;
	if (len > 0) {
		if (len + sizeof between >= sizeof r->text)
			return;
		memcpy(r->text + len, between, sizeof between);
		len += sizeof between - 1;
	}
	text_harmless(text, r->text + len, sizeof r->text - len);
}

int
smtp_reply_line(struct smtp_reply *r, struct slice line)
{
	bool last = line.len == 3 || (line.len > 3 && line.data[3] == ' ');
	int code;

	if (!is_digit(line, 0) || !is_digit(line, 1) || !is_digit(line, 2))
		return -1;
	if (!last && line.data[3] != '-')
		return -1;
	code = 100 * (line.data[0] - '0') + 10 * (line.data[1] - '0') +
	    (line.data[2] - '0');
	if (code < 200 || code > 599 || (r->code != 0 && r->code != code))
		return -1;
	r->code = code;
	line = slice_skip(line, line.len > 3 ? 4 : 3);
	cut_enhanced(r, &line);
	add_text(r, line);
	return last ? 1 : 0;
}

const char *
smtp_reply_text(const struct smtp_reply *r, char out[SMTP_REPLY_TEXT])
{
	char enhanced[40] = "";

	if (r->class != 0)
		snprintf(enhanced, sizeof enhanced, " %d.%d.%d", r->class,
		    r->subject, r->detail);
	if (r->code == 0)
		snprintf(out, SMTP_REPLY_TEXT, "no reply");
	else
		snprintf(out, SMTP_REPLY_TEXT, "%d%s%s%s", r->code, enhanced,
		    r->text[0] != '\0' ? " " : "", r->text);
	return out;
}

/* RFC 4422 section 3.1: 1 to 20 letters, digits, hyphens, underscores. */
static bool
is_mechanism(struct slice word)
{
	size_t i;

	for (i = 0; i < word.len; i++)
		if (!isalnum((unsigned char)word.data[i]) &&
		    word.data[i] != '-' && word.data[i] != '_')
			return false;
	return word.len > 0 && word.len <= 20;
}

/* Servers may name some in "AUTH" and some in the older "AUTH=". */
static void
add_mechanisms(struct smtp_ehlo *ehlo, struct slice words)
{
	struct slice word;

	while ((word = slice_word(&words)).len > 0) {
		size_t len = strlen(ehlo->auth);

		if (!is_mechanism(word) ||
		    len + 1 + word.len >= sizeof ehlo->auth)
			continue;
		snprintf(ehlo->auth + len, sizeof ehlo->auth - len, "%s%.*s",
		    len > 0 ? " " : "", (int)word.len, word.data);
	}
}

void
smtp_ehlo_line(struct smtp_ehlo *ehlo, struct slice line)
{
	struct slice rest = slice_trim(line);
	struct slice keyword;

	if (slice_starts_nocase(rest, "AUTH=")) {
		add_mechanisms(ehlo, slice_skip(rest, strlen("AUTH=")));
		return;
	}
	keyword = slice_word(&rest);
	if (slice_is_nocase(keyword, "AUTH")) {
		add_mechanisms(ehlo, rest);
	} else if (slice_is_nocase(keyword, "STARTTLS")) {
		ehlo->starttls = true;
	} else if (slice_is_nocase(keyword, "8BITMIME")) {
		ehlo->eightbitmime = true;
	} else if (slice_is_nocase(keyword, "SMTPUTF8")) {
		ehlo->smtputf8 = true;
	} else if (slice_is_nocase(keyword, "PIPELINING")) {
		ehlo->pipelining = true;
	} else if (slice_is_nocase(keyword, "CHUNKING")) {
		ehlo->chunking = true;
	} else if (slice_is_nocase(keyword, "DSN")) {
		ehlo->dsn = true;
	} else if (slice_is_nocase(keyword, "ENHANCEDSTATUSCODES")) {
		ehlo->enhanced_codes = true;
	} else if (slice_is_nocase(keyword, "SIZE")) {
		ehlo->size = true;
		if (text_u64(slice_word(&rest), UINT64_MAX, &ehlo->size_limit) <
		    0)
			ehlo->size_limit = 0;
	}
}
