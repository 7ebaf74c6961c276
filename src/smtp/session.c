/* session.c - commands out, replies in, and the trace of both. */
#include "smtp/session.h"

#include "base/log.h"

#include <stdarg.h>
#include <string.h>

/* RFC 5321 section 4.5.3.1.5 allows 512 octets; servers say more. */
#define REPLY_LINE ((size_t)4096)
#define REPLY_LINES 200
/* Three digits, and what tells the last line from the others. */
#define CODE ((size_t)4)

/* What has come unasked is there already, but perhaps not its line end. */
#define UNASKED_MS 1000

const char *
smtp_peer(const struct smtp *s)
{
	return s->at->path != NULL ? s->at->path : s->at->host;
}

int
smtp_broken(struct smtp *s)
{
	s->usable = false;
	return -1;
}

static bool
repeats(struct slice line, struct slice secret)
{
	return secret.len > 0 &&
	    memmem(line.data, line.len, secret.data, secret.len) != NULL;
}

/* Of a line that repeats what is secret only the code is kept. */
static void
less_secret(const struct smtp *s, struct slice *line)
{
	if (line->len > CODE &&
	    (repeats(*line, s->secret) ||
		(s->password != NULL &&
		    repeats(slice_skip(*line, CODE), slice_of(s->password)))))
		line->len = CODE;
}

static int
receive_line(
    struct smtp *s, struct slice *line, struct deadline until, struct error *e)
{
	if (stream_line(s->stream, REPLY_LINE, line, until, e) < 0)
		return smtp_broken(s);
	less_secret(s, line);
	log_trace(s->at->name, false, "%.*s", (int)line->len, line->data);
	return 0;
}

int
smtp_unasked(struct smtp *s, struct error *e)
{
	struct slice line;

	if (receive_line(s, &line, deadline_in(UNASKED_MS), e) < 0)
		return -1;
	s->early = (struct smtp_reply){ 0 };
	if (smtp_reply_line(&s->early, line) < 0)
		s->early = (struct smtp_reply){ 0 };
	error_set(e, ERR_IO, "%s said unasked: %.*s", smtp_peer(s),
	    (int)line.len, line.data);
	return smtp_broken(s);
}

int
smtp_cut_off(struct smtp *s, struct error *e)
{
	if (e->kind == ERR_IO ||
	    (e->kind == ERR_TIMEOUT && stream_buffered(s->stream) > 0))
		return smtp_unasked(s, e);
	return smtp_broken(s);
}

int
smtp_out_of_place(struct smtp *s, const char *verb,
    const struct smtp_reply *reply, struct error *e)
{
	char text[SMTP_REPLY_TEXT];

	error_set(e, ERR_PROTOCOL, "%s answered %s out of place: %s",
	    smtp_peer(s), verb, smtp_reply_text(reply, text));
	return smtp_broken(s);
}

/* ehlo: where to note the keywords of a reply to EHLO, or NULL. */
static int
receive(struct smtp *s, struct smtp_reply *reply, struct smtp_ehlo *ehlo,
    struct deadline until, struct error *e)
{
	int lines;

	*reply = (struct smtp_reply){ 0 };
	for (lines = 0; lines < REPLY_LINES; lines++) {
		struct slice line;
		int last;

		if (receive_line(s, &line, until, e) < 0)
			return -1;
		last = smtp_reply_line(reply, line);
		if (last < 0) {
			error_set(e, ERR_PROTOCOL,
			    "%s sent no SMTP reply: %.*s", smtp_peer(s),
			    (int)line.len, line.data);
			return smtp_broken(s);
		}
		if (ehlo != NULL && lines > 0 && line.len > 4)
			smtp_ehlo_line(ehlo, slice_skip(line, 4));
		if (last == 0)
			continue;
		if (reply->code == 421)
			s->usable = false;
		if (s->owed > 0)
			s->owed--;
		return 0;
	}
	error_set(e, ERR_PROTOCOL, "%s sent a reply of more than %d lines",
	    smtp_peer(s), REPLY_LINES);
	return smtp_broken(s);
}

int
smtp_receive(struct smtp *s, struct smtp_reply *reply, struct deadline until,
    struct error *e)
{
	return receive(s, reply, NULL, until, e);
}

static bool
is_one_line(struct slice s)
{
	size_t i;

	for (i = 0; i < s.len; i++)
		if (s.data[i] == '\0' || s.data[i] == '\r' || s.data[i] == '\n')
			return false;
	return true;
}

static int
put_line(
    struct smtp *s, struct buffer *line, const char *shown, struct error *e)
{
	if (!is_one_line(buffer_slice(line))) {
		error_set(e, ERR_PROTOCOL,
		    "a command to %s has a line end in it", smtp_peer(s));
		return smtp_broken(s);
	}
	if (s->owed == 0 && stream_buffered(s->stream) > 0)
		return smtp_unasked(s, e);
	log_trace(s->at->name, true, "%s", shown != NULL ? shown : line->data);
	buffer_add_text(line, "\r\n");
	if (stream_write(s->stream, buffer_slice(line), e) < 0)
		return s->owed > 0 ? smtp_broken(s) : smtp_cut_off(s, e);
	s->owed++;
	return 0;
}

int
smtp_put_line(
    struct smtp *s, struct buffer *line, const char *shown, struct error *e)
{
	int rc = put_line(s, line, shown, e);

	buffer_wipe(line);
	return rc;
}

int
smtp_put(struct smtp *s, struct error *e, const char *fmt, ...)
{
	struct buffer line = { 0 };
	va_list ap;

	va_start(ap, fmt);
	buffer_vaddf(&line, fmt, ap);
	va_end(ap);
	return smtp_put_line(s, &line, NULL, e);
}

/* Nothing else is on its way: send it, and wait for its reply. */
static int
ask(struct smtp *s, struct buffer *line, const char *shown,
    struct smtp_reply *reply, struct smtp_ehlo *ehlo, struct error *e)
{
	int rc;

	*reply = (struct smtp_reply){ 0 };
	stream_stop_at(s->stream, STOP_SOON);
	rc = put_line(s, line, shown, e);
	if (rc == 0 && stream_flush(s->stream, e) < 0)
		rc = smtp_cut_off(s, e);
	if (rc == 0)
		rc = receive(s, reply, ehlo, stream_timeout(s->stream), e);
	/* Not before: what is secret in it is looked for in the reply. */
	buffer_wipe(line);
	return rc;
}

int
smtp_ask_line(struct smtp *s, struct buffer *line, const char *shown,
    struct smtp_reply *reply, struct error *e)
{
	return ask(s, line, shown, reply, NULL, e);
}

int
smtp_ask(struct smtp *s, struct smtp_reply *reply, struct error *e,
    const char *fmt, ...)
{
	struct buffer line = { 0 };
	va_list ap;

	va_start(ap, fmt);
	buffer_vaddf(&line, fmt, ap);
	va_end(ap);
	return ask(s, &line, NULL, reply, NULL, e);
}

int
smtp_ask_ehlo(
    struct smtp *s, const char *verb, struct smtp_reply *reply, struct error *e)
{
	struct smtp_ehlo fresh = { 0 };
	struct buffer line = { 0 };

	s->ehlo = fresh;
	buffer_addf(&line, "%s %s", verb, s->helo);
	if (ask(s, &line, NULL, reply, &fresh, e) < 0)
		return -1;
	if (reply->code != 250)
		return 0;
	fresh.extended = true;
	s->ehlo = fresh;
	return 0;
}
