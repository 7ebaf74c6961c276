/* trace.c - see trace.h. */
#include "message/trace.h"

#include "base/clock.h"
#include "message/digest.h"
#include "message/header.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define ACCOUNT_TAG 8
#define MESSAGE_TAG 20

/* RFC 5322 section 2.1.1 wishes for 78; a tab shows as eight. */
#define COLUMNS 78
#define TAB 8

/* No word of ours can bring a line near the 998 octets that are allowed. */
#define WORD_MAX 300

static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";

static void
base32(const unsigned char *octets, size_t characters, char *out)
{
	unsigned window = 0;
	unsigned bits = 0;
	size_t i;

	for (i = 0; i < characters; i++) {
		if (bits < 5) {
			window = (window << 8 | *octets++) & 0xffff;
			bits += 8;
		}
		bits -= 5;
		out[i] = digits[window >> bits & 31];
	}
	out[characters] = '\0';
}

/* Most significant octet first, on every machine. */
static void
digest_number(struct digest *d, uint64_t n, size_t width)
{
	unsigned char octets[8];
	size_t i;

	for (i = 0; i < width; i++)
		octets[i] = (unsigned char)(n >> 8 * (width - 1 - i));
	digest_add(d, octets, width);
}

static void
digest_maildrop(struct digest *d, const char *server, const char *user)
{
	const char *p;

	for (p = server; *p != '\0'; p++) {
		char c = (char)tolower((unsigned char)*p);

		digest_add(d, &c, 1);
	}
	digest_add(d, "", 1);
	digest_add(d, user, strlen(user));
}

void
trace_id(const char *server, const char *user, struct slice uid, uint32_t copy,
    uint64_t octets, char out[TRACE_ID])
{
	unsigned char sum[DIGEST_OCTETS];
	struct digest d;

	digest_begin(&d);
	digest_maildrop(&d, server, user);
	digest_end(&d, sum);
	base32(sum, ACCOUNT_TAG, out);
	out[ACCOUNT_TAG] = '.';

	digest_begin(&d);
	digest_maildrop(&d, server, user);
	digest_add(&d, "", 1);
	digest_number(&d, uid.len, 4);
	digest_add(&d, uid.data, uid.len);
	digest_number(&d, copy, 4);
	digest_number(&d, octets, 8);
	digest_end(&d, sum);
	base32(sum, MESSAGE_TAG, out + ACCOUNT_TAG + 1);
}

/* A header field while it is written. */
struct fold {
	struct buffer *out;
	size_t column;
};

static void
fold_line(struct fold *f)
{
	buffer_add_text(f->out, "\r\n\t");
	f->column = TAB;
}

static void
fold_word(struct fold *f, const char *word)
{
	size_t len = strlen(word);

	if (f->column > TAB) {
		if (f->column + 1 + len >= COLUMNS) {
			fold_line(f);
		} else {
			buffer_add_text(f->out, " ");
			f->column++;
		}
	}
	buffer_add_text(f->out, word);
	f->column += len;
}

/* Copy what may stand in a header, cut to fit. */
static void
printable(const char *text, char out[WORD_MAX])
{
	size_t n;

	for (n = 0; text[n] != '\0' && n < WORD_MAX - 1; n++)
		out[n] = text[n] > ' ' && text[n] < 0x7f ? text[n] : '?';
	out[n] = '\0';
}

/* A host's name, or its address as a literal (RFC 5321 section 4.1.3). */
static void
host_text(const char *host, char out[WORD_MAX])
{
	unsigned char address[sizeof(struct in6_addr)];
	char plain[WORD_MAX - 16];
	size_t len = strcspn(host, "%");

	if (len < sizeof plain) {
		memcpy(plain, host, len);
		plain[len] = '\0';
		if (inet_pton(AF_INET, plain, address) == 1) {
			snprintf(out, WORD_MAX, "[%s]", plain);
			return;
		}
		if (inet_pton(AF_INET6, plain, address) == 1) {
			snprintf(out, WORD_MAX, "[IPv6:%s]", plain);
			return;
		}
	}
	printable(host, out);
}

/* Nothing at all is better than a recipient that is not quite the one. */
static bool
may_be_shown(const char *recipient)
{
	const char *p;

	if (recipient == NULL || strlen(recipient) > WORD_MAX - 4)
		return false;
	for (p = recipient; *p != '\0'; p++)
		if (*p < ' ' || *p > '~')
			return false;
	return true;
}

void
trace_header(const struct trace *t, struct buffer *out)
{
	struct fold f = { out, 0 };
	char date[CLOCK_RFC5322];
	char word[WORD_MAX];

	fold_word(&f, "Received:");
	fold_word(&f, "from");
	host_text(t->from, word);
	fold_word(&f, word);
	fold_line(&f);
	fold_word(&f, "by");
	host_text(t->by, word);
	fold_word(&f, word);
	fold_word(&f, t->tls ? "with POP3S" : "with POP3");
	fold_word(&f, "id");
	printable(t->id, word);
	fold_word(&f, word);
	if (may_be_shown(t->recipient)) {
		fold_line(&f);
		fold_word(&f, "for");
		snprintf(word, sizeof word, "<%s>", t->recipient);
		fold_word(&f, word);
		buffer_add_text(out, ";");
		f.column++;
	} else {
		buffer_add_text(out, ";");
		fold_line(&f);
	}
	fold_word(&f, clock_rfc5322(t->when, date));
	buffer_add_text(out, "\r\n");
}

/*
 * "… with POP3S id TAG.…", the tag being that of the maildrop. It may stand
 * behind a fold, ours or a relay's.
 */
static bool
is_ours(struct slice received, const char *id)
{
	char mark[TRACE_ID + 1];
	size_t tag = strcspn(id, ".") + 1;

	for (const char *space = " \t"; *space != '\0'; space++) {
		snprintf(mark, sizeof(mark), "%c%.*s", *space, (int)tag, id);
		if (memmem(received.data, received.len, mark, tag + 1) != NULL)
			return true;
	}
	return false;
}

/* The next word of a folded field, less what may follow it at once. */
static struct slice
next_word(struct slice *rest)
{
	static const char blanks[] = " \t\r\n";
	struct slice word;
	size_t n = 0;

	while (rest->len > 0 && memchr(blanks, rest->data[0], 4) != NULL)
		*rest = slice_skip(*rest, 1);
	while (n < rest->len && memchr(blanks, rest->data[n], 4) == NULL)
		n++;
	word = slice_make(rest->data, n);
	*rest = slice_skip(*rest, n);
	if (word.len > 0 && word.data[word.len - 1] == ';')
		word.len--;
	return word;
}

static bool
is_id(struct slice word, const char *maildrop)
{
	if (word.len != ACCOUNT_TAG + 1 + MESSAGE_TAG ||
	    word.data[ACCOUNT_TAG] != '.')
		return false;
	for (size_t i = 0; i < word.len; i++)
		if (i != ACCOUNT_TAG &&
		    memchr(digits, word.data[i], 32) == NULL)
			return false;
	return maildrop == NULL ||
	    memcmp(word.data, maildrop, ACCOUNT_TAG) == 0;
}

/* The id of a field that we wrote, or an empty slice. */
static struct slice
id_of(struct slice received, const char *maildrop)
{
	struct slice word;
	bool with = false, pop3 = false, id = false;

	while ((word = next_word(&received)).len > 0) {
		if (id && is_id(word, maildrop))
			return word;
		id = pop3 && slice_is_nocase(word, "id");
		pop3 = with &&
		    (slice_is_nocase(word, "POP3") ||
			slice_is_nocase(word, "POP3S"));
		with = slice_is_nocase(word, "with");
	}
	return slice_make(NULL, 0);
}

/* "… +0000" and its line end. */
static bool
ends_with_zone(struct slice lines)
{
	const char *zone;

	while (lines.len > 0 &&
	    (lines.data[lines.len - 1] == '\n' ||
		lines.data[lines.len - 1] == '\r'))
		lines.len--;
	if (lines.len < 5)
		return false;
	zone = lines.data + lines.len - 5;
	if (*zone != '+' && *zone != '-')
		return false;
	for (int i = 1; i < 5; i++)
		if (!isdigit((unsigned char)zone[i]))
			return false;
	return true;
}

/* A message that begins with a blank seems to go on with our field. */
static size_t
own_length(struct slice field)
{
	const char *end = memchr(field.data, ';', field.len);

	while (end != NULL) {
		size_t n = (size_t)(end + 1 - field.data);

		if (*end == '\n' && ends_with_zone(slice_make(field.data, n)))
			return n;
		end = memchr(end + 1, '\n', field.len - n);
	}
	return field.len;
}

bool
trace_find(struct slice header, const char *maildrop, char id[TRACE_ID],
    struct slice *below)
{
	struct header_field field;
	struct slice found;
	size_t at;

	*below = header;
	while (header_next(below, &field)) {
		if (!slice_is_nocase(field.name, "Received"))
			continue;
		found = id_of(field.value, maildrop);
		if (found.len == 0)
			continue;
		memcpy(id, found.data, found.len);
		id[found.len] = '\0';
		at = (size_t)(field.whole.data - header.data) +
		    own_length(field.whole);
		*below = slice_skip(header, at);
		return true;
	}
	return false;
}

bool
trace_loops(struct slice header, const char *id)
{
	struct header_field field;
	unsigned hops = 0;

	while (header_next(&header, &field)) {
		if (!slice_is_nocase(field.name, "Received"))
			continue;
		if (++hops > TRACE_HOPS_MAX || is_ours(field.value, id))
			return true;
	}
	return false;
}
