/* envelope.c - see envelope.h. */
#include "message/envelope.h"

#include "base/text.h"

#include <ctype.h>
#include <string.h>

/*
 * RFC 5321 section 4.5.3.1, without the brackets of a path, whose limit leaves
 * no domain more than its own 255 octets.
 */
#define LABEL_MAX 63
#define MAILBOX_MAX (ENVELOPE_ADDRESS - 2)

static bool
is_eightbit(char c)
{
	return ((unsigned char)c & 0x80) != 0;
}

static bool
has_eightbit(struct slice s)
{
	size_t i;

	for (i = 0; i < s.len; i++)
		if (is_eightbit(s.data[i]))
			return true;
	return false;
}

/* C0 and DEL, and C1 as UTF-8 spells it. */
static bool
has_control(struct slice s)
{
	size_t i;

	for (i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.data[i];

		if (c < 0x20 || c == 0x7f)
			return true;
		if (c == 0xc2 && i + 1 < s.len &&
		    (unsigned char)s.data[i + 1] < 0xa0)
			return true;
	}
	return false;
}

/* RFC 5322 atext, and RFC 6531's addition. */
static bool
is_atext(char c)
{
	return isalnum((unsigned char)c) || is_eightbit(c) ||
	    (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

/*
 * Dot-string: how long it is, or 0 when there is none. Dots anywhere: addresses
 * like john..doe.@example.com exist, and do no harm.
 */
static size_t
dot_string(struct slice s)
{
	size_t n = 0;

	while (n < s.len && (is_atext(s.data[n]) || s.data[n] == '.'))
		n++;
	return n;
}

/* Quoted-string: how long it is, or 0 when there is none. */
static size_t
quoted_string(struct slice s)
{
	size_t n;

	for (n = 1; n < s.len; n++) {
		if (s.data[n] == '"')
			return n + 1;
		if (s.data[n] == '\\')
			n++;
	}
	return 0;
}

static bool
is_label(struct slice s)
{
	size_t i;

	if (s.len == 0 || s.len > LABEL_MAX || s.data[0] == '-' ||
	    s.data[s.len - 1] == '-')
		return false;
	for (i = 0; i < s.len; i++)
		if (!isalnum((unsigned char)s.data[i]) &&
		    !is_eightbit(s.data[i]) && s.data[i] != '-' &&
		    s.data[i] != '_')
			return false;
	return true;
}

static bool
is_domain_literal(struct slice s)
{
	size_t i;

	if (s.len < 3 || s.data[0] != '[' || s.data[s.len - 1] != ']')
		return false;
	for (i = 1; i < s.len - 1; i++)
		if (!isalnum((unsigned char)s.data[i]) &&
		    (s.data[i] == '\0' || strchr(".:-", s.data[i]) == NULL))
			return false;
	return true;
}

static bool
is_domain(struct slice s)
{
	const char *dot;

	if (is_domain_literal(s))
		return true;
	while (s.len > 0 && (dot = memchr(s.data, '.', s.len)) != NULL) {
		size_t n = (size_t)(dot - s.data);

		if (!is_label(slice_make(s.data, n)))
			return false;
		s = slice_skip(s, n + 1);
	}
	return is_label(s);
}

/* A Mailbox of RFC 5321 and RFC 6531, or a Local-part alone. */
static bool
is_mailbox(struct slice s)
{
	size_t local;

	/* '<' and '>' could pass quoted, but no server needs to prove it. */
	if (s.len == 0 || s.len > MAILBOX_MAX || has_control(s) ||
	    memchr(s.data, '<', s.len) != NULL ||
	    memchr(s.data, '>', s.len) != NULL)
		return false;
	if (has_eightbit(s) && !text_is_harmless(s))
		return false;
	local = s.data[0] == '"' ? quoted_string(s) : dot_string(s);
	if (local == 0)
		return false;
	if (local == s.len)
		return true;
	return s.data[local] == '@' && is_domain(slice_skip(s, local + 1));
}

/* "@a,@b:user@dom" is user@dom (RFC 5321 appendix C). */
static struct slice
less_source_route(struct slice s)
{
	bool literal = false;
	size_t i;

	if (s.len == 0 || s.data[0] != '@')
		return s;
	for (i = 0; i < s.len; i++) {
		if (s.data[i] == '[')
			literal = true;
		else if (s.data[i] == ']')
			literal = false;
		else if (s.data[i] == ':' && !literal)
			return slice_skip(s, i + 1);
	}
	return s;
}

static struct slice
less_outer_space(struct slice s)
{
	while (s.len > 0 && s.data[0] != '\0' &&
	    strchr(" \t\r\n", s.data[0]) != NULL)
		s = slice_skip(s, 1);
	while (s.len > 0 && s.data[s.len - 1] != '\0' &&
	    strchr(" \t\r\n", s.data[s.len - 1]) != NULL)
		s.len--;
	return s;
}

void
envelope_sender(struct slice value, char out[ENVELOPE_ADDRESS], bool *utf8)
{
	struct slice s = less_outer_space(value);

	out[0] = '\0';
	*utf8 = false;
	if (s.len >= 2 && s.data[0] == '<' && s.data[s.len - 1] == '>')
		s = less_outer_space(slice_make(s.data + 1, s.len - 2));
	s = less_source_route(s);
	if (!is_mailbox(s))
		return;
	memcpy(out, s.data, s.len);
	out[s.len] = '\0';
	*utf8 = has_eightbit(s);
}

bool
envelope_recipient_ok(const char *recipient)
{
	return is_mailbox(slice_of(recipient));
}
