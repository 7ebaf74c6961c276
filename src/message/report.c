/* report.c - see report.h. */
#include "message/report.h"

#include "base/clock.h"
#include "base/text.h"
#include "message/header.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

/* --- may it be bounced? --- */

static bool
ends_with(struct slice s, const char *end)
{
	size_t n = strlen(end);

	return s.len >= n && strncasecmp(s.data + s.len - n, end, n) == 0;
}

/* Local parts that programs send from, which read no reports. */
static bool
is_automatic(struct slice local)
{
	static const char *const fronts[] = { "mailer-daemon", "owner-",
		"bounce", NULL };
	static const char *const ends[] = { "-request", "-owner", "-bounces",
		"-bounce", "-relay", "-errors", NULL };

	for (size_t i = 0; fronts[i] != NULL; i++)
		if (slice_starts_nocase(local, fronts[i]))
			return true;
	for (size_t i = 0; ends[i] != NULL; i++)
		if (ends_with(local, ends[i]))
			return true;
	/* list-bounces+ann=example.org@… */
	return memmem(local.data, local.len, "-bounces+", 9) != NULL;
}

static bool
is_list_precedence(struct slice value)
{
	return slice_is_nocase(value, "bulk") ||
	    slice_is_nocase(value, "list") || slice_is_nocase(value, "junk");
}

static bool
forbids_bounce(const struct header_field *f)
{
	if (slice_starts_nocase(f->name, "List-") ||
	    slice_is_nocase(f->name, "Mailing-List"))
		return true;
	if (slice_is_nocase(f->name, "Precedence"))
		return is_list_precedence(f->value);
	if (slice_is_nocase(f->name, "Auto-Submitted"))
		return !slice_is_nocase(f->value, "no");
	return slice_is_nocase(f->name, "Content-Type") &&
	    slice_starts_nocase(f->value, "multipart/report");
}

bool
report_may_bounce(struct slice header, const char *sender)
{
	const char *at = strrchr(sender, '@');
	struct header_field field;

	if (at == NULL || at == sender ||
	    is_automatic(slice_make(sender, (size_t)(at - sender))))
		return false;
	while (header_next(&header, &field))
		if (forbids_bounce(&field))
			return false;
	return true;
}

#define ID_MARK ".postrider@"

bool
report_is_ours(struct slice header)
{
	struct header_field id = { 0 }, automatic = { 0 };

	return header_find(header, "Message-ID", &id) &&
	    memmem(id.value.data, id.value.len, ID_MARK, strlen(ID_MARK)) !=
	    NULL &&
	    header_find(header, "Auto-Submitted", &automatic) &&
	    slice_is_nocase(automatic.value, "auto-replied");
}

/* --- what it says --- */

/* "C.S.D" at p, and nothing else up to a blank. Its length, or 0. */
static size_t
enhanced_code(const char *p)
{
	size_t subject, detail;

	if ((*p != '4' && *p != '5') || p[1] != '.')
		return 0;
	subject = strspn(p + 2, "0123456789");
	if (subject < 1 || subject > 3 || p[2 + subject] != '.')
		return 0;
	p += 3 + subject;
	detail = strspn(p, "0123456789");
	if (detail < 1 || detail > 3 || (p[detail] != ' ' && p[detail] != '\0'))
		return 0;
	return 3 + subject + detail;
}

/* Only where a reply has it: behind its code. */
const char *
report_status(const char *reply, char out[REPORT_STATUS])
{
	size_t n = 0;

	snprintf(out, REPORT_STATUS, "5.0.0");
	for (const char *p = reply; *p != '\0' && n == 0; p++)
		if ((p == reply || p[-1] == ' ') &&
		    strspn(p, "0123456789") == 3 && p[3] == ' ' &&
		    (n = enhanced_code(p + 4)) > 0)
			snprintf(out, REPORT_STATUS, "%.*s", (int)n, p + 4);
	return out;
}

static bool
is_plain(const char *address)
{
	for (const char *p = address; *p != '\0'; p++)
		if (*p < ' ' || *p > '~')
			return false;
	return true;
}

/*
 * With its type; one in UTF-8 as ASCII (utf-8-addr-xtext, RFC 6533 section 3):
 * "b\x{F6}b@example.org".
 */
static void
add_address(struct buffer *out, const char *address)
{
	if (is_plain(address)) {
		buffer_addf(out, "rfc822; %s", address);
		return;
	}
	buffer_add_text(out, "utf-8; ");
	for (const char *p = address; *p != '\0';) {
		unsigned char first = (unsigned char)*p++;
		unsigned long c = first < 0x80 ? first
		    : first < 0xe0             ? first & 0x1f
		    : first < 0xf0             ? first & 0x0f
					       : first & 0x07;

		while (((unsigned char)*p & 0xc0) == 0x80)
			c = c << 6 | ((unsigned char)*p++ & 0x3f);
		if (c > ' ' && c <= '~' && strchr("\\+=", (int)c) == NULL)
			buffer_addf(out, "%c", (int)c);
		else
			buffer_addf(out, "\\x{%02lX}", c);
	}
}

/*
 * Words of a server, folded: a line of mail has 998 octets at most, and
 * delivery-status fields are ASCII.
 */
static void
add_words(struct buffer *out, const char *words, bool ascii)
{
	size_t column = 0;

	for (const char *p = words; *p != '\0'; p++) {
		if (*p == ' ' && column > 60) {
			buffer_add_text(out, "\r\n   ");
			column = 0;
		}
		buffer_add(out, ascii && (*p < ' ' || *p > '~') ? "?" : p, 1);
		column++;
	}
}

static void
make_boundary(struct report *r)
{
	unsigned char random[16];

	/* It is always there, and blocks only while the machine starts. */
	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		abort();
	memcpy(r->boundary, "=_", 2);
	text_hex(random, sizeof(random), r->boundary + 2);
}

/* The identifier of the refused message, if it can be repeated as it is. */
static void
add_reference(struct buffer *out, struct slice header)
{
	struct header_field id = { 0 };

	if (!header_find(header, "Message-ID", &id) || id.value.len < 3 ||
	    id.value.len > 250 || id.value.data[0] != '<' ||
	    id.value.data[id.value.len - 1] != '>')
		return;
	for (size_t i = 0; i < id.value.len; i++)
		if (id.value.data[i] <= ' ' || id.value.data[i] > '~')
			return;
	buffer_addf(out, "In-Reply-To: %.*s\r\nReferences: %.*s\r\n",
	    (int)id.value.len, id.value.data, (int)id.value.len, id.value.data);
}

static void
add_header(const struct report *r, struct buffer *out)
{
	bool bounce = r->kind == REPORT_TO_SENDER;
	char date[CLOCK_RFC5322];

	buffer_addf(out,
	    "Date: %s\r\n"
	    "From: \"Mail delivery at %s\" <MAILER-DAEMON@%s>\r\n"
	    "To: <%s>\r\n"
	    "Subject: %s\r\n"
	    "Message-ID: <%s" ID_MARK "%s>\r\n",
	    clock_rfc5322(r->now, date), r->by, r->by, r->to,
	    bounce ? "Your message could not be delivered"
		   : "A message was refused by your mail server",
	    r->boundary + 2, r->by);
	add_reference(out, r->header);
	buffer_addf(out,
	    "Auto-Submitted: auto-replied\r\n"
	    "MIME-Version: 1.0\r\n"
	    "Content-Type: multipart/%s;\r\n"
	    "\tboundary=\"%s\"\r\n"
	    "Content-Transfer-Encoding: 8bit\r\n"
	    "\r\n",
	    bounce ? "report; report-type=delivery-status" : "mixed",
	    r->boundary);
}

static void
add_part(const struct report *r, const char *type, struct buffer *out)
{
	buffer_addf(out,
	    "\r\n--%s\r\n"
	    "Content-Type: %s\r\n"
	    "Content-Transfer-Encoding: 8bit\r\n"
	    "\r\n",
	    r->boundary, type);
}

static void
add_refusals(const struct report *r, struct buffer *out)
{
	for (size_t i = 0; i < r->refusal_count; i++) {
		buffer_addf(out, "\r\n<%s>:\r\n    ", r->refusals[i].recipient);
		add_words(out, r->refusals[i].reply, false);
		buffer_add_text(out, "\r\n");
	}
}

static void
add_text(const struct report *r, struct buffer *out)
{
	char subject[200], from[200];

	add_part(r, "text/plain; charset=utf-8", out);
	header_text(r->header, "Subject", subject, sizeof(subject));
	if (r->kind == REPORT_TO_SENDER) {
		buffer_addf(out,
		    "This is the mail program at %s.\r\n"
		    "\r\n"
		    "Your message could not be delivered, and will not be "
		    "tried again:\r\n"
		    "\r\n    Subject: %s\r\n",
		    r->by, subject);
		add_refusals(r, out);
		buffer_add_text(
		    out, "\r\nThe header of your message is attached.\r\n");
		return;
	}
	header_text(r->header, "From", from, sizeof(from));
	buffer_addf(out,
	    "postrider at %s could not deliver a message that came to the "
	    "mailbox of the account \"%s\":\r\n"
	    "\r\n    From: %s\r\n    Subject: %s\r\n",
	    r->by, r->account, from, subject);
	add_refusals(r, out);
	buffer_addf(out, "\r\n%s is attached.\r\n",
	    r->whole ? "The message" : "It is too large: only its header");
}

/* RFC 3464: fields for the whole, then a block for each recipient. */
static void
add_delivery_status(const struct report *r, struct buffer *out)
{
	char date[CLOCK_RFC5322], status[REPORT_STATUS];

	add_part(r, "message/delivery-status", out);
	buffer_addf(out, "Reporting-MTA: dns; %s\r\n", r->by);
	if (r->arrived >= 0)
		buffer_addf(out, "Arrival-Date: %s\r\n",
		    clock_rfc5322(r->arrived, date));
	for (size_t i = 0; i < r->refusal_count; i++) {
		const struct report_refusal *refusal = &r->refusals[i];
		bool reply = strspn(refusal->reply, "0123456789") == 3;

		buffer_add_text(out, "\r\nFinal-Recipient: ");
		add_address(out, refusal->recipient);
		buffer_addf(out,
		    "\r\n"
		    "Action: failed\r\n"
		    "Status: %s\r\n"
		    "Diagnostic-Code: %s; ",
		    report_status(refusal->reply, status),
		    reply ? "smtp" : "x-postrider");
		add_words(out, refusal->reply, true);
		buffer_add_text(out, "\r\n");
	}
}

void
report_begin(struct report *r, struct buffer *out)
{
	make_boundary(r);
	add_header(r, out);
	buffer_add_text(out, "This is a message in MIME format.\r\n");
	add_text(r, out);
	if (r->kind == REPORT_TO_SENDER)
		add_delivery_status(r, out);
	add_part(r, r->whole ? "message/rfc822" : "text/rfc822-headers", out);
}

void
report_end(const struct report *r, struct buffer *out)
{
	buffer_addf(out, "\r\n--%s--\r\n", r->boundary);
}
