/* session.c - commands out, replies in, and the trace of both. */
#include "pop3/session.h"

#include "base/log.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Lines of a listing that the trace shows. */
#define LINES_SHOWN 10

const char *
pop3_peer(const struct pop3 *p)
{
	return p->at->host != NULL ? p->at->host : p->at->path;
}

const char *
pop3_words(const struct pop3 *p)
{
	return p->last.text[0] != '\0' ? p->last.text : "no reason given";
}

void
pop3_name(struct pop3 *p, const char *asked)
{
	snprintf(p->asked, sizeof p->asked, "%s", asked);
}

static bool
tracing(void)
{
	return log_get_level() >= LOG_TRACE;
}

void
pop3_trace(const struct pop3 *p, const char *fmt, ...)
{
	struct buffer text = { 0 };
	va_list ap;

	if (!tracing())
		return;
	va_start(ap, fmt);
	buffer_vaddf(&text, fmt, ap);
	va_end(ap);
	log_trace(p->at->name, false, "(%s)", text.data);
	buffer_free(&text);
}

static bool
repeats(struct slice line, struct slice secret)
{
	return secret.len > 0 &&
	    memmem(line.data, line.len, secret.data, secret.len) != NULL;
}

static bool
repeats_secret(const struct pop3 *p, struct slice line)
{
	return repeats(line, p->secret) ||
	    (p->password != NULL && repeats(line, slice_of(p->password)));
}

/* A line of the server, fit for messages and the trace. */
static void
line_shown(const struct pop3 *p, struct slice line, char *out, size_t room)
{
	if (repeats_secret(p, line))
		snprintf(out, room, "(a line that repeats what is secret)");
	else
		text_harmless(line, out, room);
}

static void
trace_line(const struct pop3 *p, struct slice line)
{
	char shown[1024];

	if (!tracing())
		return;
	line_shown(p, line, shown, sizeof shown);
	log_trace(p->at->name, false, "%s", shown);
}

/* Words that nobody asked for would be taken for the answer to what follows. */
static int
check_silence(struct pop3 *p, const char *before, struct error *e)
{
	char words[200];
	struct slice in;
	const char *end;

	if (stream_look(p->stream) == 0)
		return 0;
	if (stream_peek(p->stream, &in, deadline_in(0), e) < 0)
		return -1;
	end = memchr(in.data, '\r', in.len);
	if (end != NULL)
		in.len = (size_t)(end - in.data);
	line_shown(p, in, words, sizeof words);
	return error_set(e, ERR_PROTOCOL,
	    "%s said something that nobody asked for before %s: \"%s\"",
	    pop3_peer(p), before, words);
}

static int
out_of_step(const struct pop3 *p, const char *unsent, struct error *e)
{
	return error_set(e, ERR_PROTOCOL,
	    "the session with %s is out of step, so %s was not sent",
	    pop3_peer(p), unsent);
}

static int
put_line(struct pop3 *p, const char *shown, struct slice line, struct error *e)
{
	if (tracing())
		log_trace(p->at->name, true, "%s", shown);
	if (stream_write(p->stream, line, e) < 0 ||
	    stream_write(p->stream, slice_of("\r\n"), e) < 0)
		return error_prefix(e, "%s: ", p->asked);
	return 0;
}

int
pop3_send(struct pop3 *p, const char *shown, struct slice line, struct error *e)
{
	if (p->unread || p->ahead_count > 0)
		return out_of_step(p, p->asked, e);
	p->unread = true;
	p->behind = false;
	if (check_silence(p, p->asked, e) < 0)
		return -1;
	return put_line(p, shown, line, e);
}

static void
command_text(enum pop3_verb verb, uint32_t number, char line[32])
{
	static const char *const words[] = {
		[POP3_STAT] = "STAT",
		[POP3_CAPA] = "CAPA",
		[POP3_UIDL] = "UIDL",
		[POP3_LIST] = "LIST",
		[POP3_UID] = "UIDL",
		[POP3_TOP] = "TOP",
		[POP3_RETR] = "RETR",
		[POP3_DELE] = "DELE",
		[POP3_QUIT] = "QUIT",
	};

	if (verb == POP3_TOP)
		snprintf(line, 32, "TOP %" PRIu32 " 0", number);
	else if (number > 0)
		snprintf(line, 32, "%s %" PRIu32, words[verb], number);
	else
		snprintf(line, 32, "%s", words[verb]);
}

int
pop3_put(struct pop3 *p, enum pop3_verb verb, uint32_t number, struct error *e)
{
	bool behind = p->unread || p->ahead_count > 0;
	size_t at = (p->ahead_first + p->ahead_count) % POP3_AHEAD_MAX;
	char line[32];

	command_text(verb, number, line);
	if (p->ahead_count == POP3_AHEAD_MAX)
		return out_of_step(p, line, e);
	if (!behind && check_silence(p, line, e) < 0)
		return -1;
	p->ahead[at] = (struct pop3_command){ verb, number, behind };
	p->ahead_count++;
	return put_line(p, line, slice_of(line), e);
}

int
pop3_ahead(
    struct pop3 *p, enum pop3_verb verb, uint32_t number, struct error *e)
{
	char line[32];

	if (!p->unread)
		return pop3_put(p, verb, number, e);
	command_text(verb, number, line);
	return out_of_step(p, line, e);
}

int
pop3_expect(
    struct pop3 *p, enum pop3_verb verb, uint32_t number, struct error *e)
{
	const struct pop3_command *next = &p->ahead[p->ahead_first];
	char line[32];

	command_text(verb, number, line);
	pop3_name(p, line);
	if (p->ahead_count == 0)
		return pop3_send(p, line, slice_of(line), e);
	if (p->unread || next->verb != verb || next->number != number)
		return out_of_step(p, line, e);
	p->behind = next->behind;
	p->unread = true;
	p->ahead_first = (p->ahead_first + 1) % POP3_AHEAD_MAX;
	p->ahead_count--;
	return 0;
}

int
pop3_forget_ahead(struct pop3 *p, struct error *e)
{
	while (p->ahead_count > 0) {
		const struct pop3_command *next = &p->ahead[p->ahead_first];

		/* It is answered to anybody. */
		if (next->verb == POP3_CAPA) {
			if (pop3_ask_capa(p, e) < 0)
				return -1;
			continue;
		}
		if (pop3_expect(p, next->verb, next->number, e) < 0)
			return -1;
		if (pop3_receive_ok(p, e) == 0) {
			p->unread = true;
			return out_of_step(p, "more", e);
		}
		if (e->kind != ERR_REFUSED)
			return -1;
	}
	return 0;
}

/* Before the first command it is a greeting that is wrong. */
static int
not_a_reply(const struct pop3 *p, struct slice line, struct error *e)
{
	char words[200];

	line_shown(p, line, words, sizeof words);
	if (p->asked[0] == '\0')
		return error_set(e, ERR_PROTOCOL,
		    "%s does not greet like a POP3 server: \"%s\"; check host "
		    "and port",
		    pop3_peer(p), words);
	return error_set(e, ERR_PROTOCOL,
	    "%s answers %s with \"%s\", which is no POP3 reply", pop3_peer(p),
	    p->asked, words);
}

int
pop3_receive(struct pop3 *p, size_t max, struct slice *line, struct error *e)
{
	struct slice in;

	if (stream_flush(p->stream, e) < 0 ||
	    stream_line(p->stream, max, &in, stream_timeout(p->stream), e) < 0)
		return error_prefix(
		    e, "%s: ", p->asked[0] != '\0' ? p->asked : "greeting");
	trace_line(p, in);
	if (pop3_reply_parse(in, &p->last) < 0)
		return not_a_reply(p, in, e);
	if (repeats_secret(p, in))
		line_shown(p, in, p->last.text, sizeof p->last.text);
	p->unread = false;
	if (line != NULL)
		*line = in;
	return 0;
}

int
pop3_receive_ok(struct pop3 *p, struct error *e)
{
	if (pop3_receive(p, POP3_REPLY_MAX, NULL, e) < 0)
		return -1;
	switch (p->last.status) {
	case POP3_OK:
		return 0;
	case POP3_ERR:
		return error_set(e, ERR_REFUSED, "%s refused %s: \"%.200s\"",
		    pop3_peer(p), p->asked, pop3_words(p));
	case POP3_CONTINUE:
		break;
	}
	p->unread = true;
	return error_set(e, ERR_PROTOCOL,
	    "%s wants more words after %s, which has none", pop3_peer(p),
	    p->asked);
}

int
pop3_ask(struct pop3 *p, struct error *e, const char *fmt, ...)
{
	struct buffer line = { 0 };
	va_list ap;
	int rc;

	va_start(ap, fmt);
	buffer_vaddf(&line, fmt, ap);
	va_end(ap);
	pop3_name(p, line.data);
	rc = pop3_send(p, line.data, buffer_slice(&line), e);
	buffer_free(&line);
	return rc < 0 ? -1 : pop3_receive_ok(p, e);
}

int
pop3_send_secret(
    struct pop3 *p, const char *verb, const char *secret, struct error *e)
{
	struct buffer line = { 0 };
	char shown[32];
	int rc;

	snprintf(shown, sizeof shown, "%s ****", verb);
	buffer_reserve(&line, strlen(verb) + strlen(secret) + 2);
	buffer_add_text(&line, verb);
	buffer_add_text(&line, " ");
	buffer_add_text(&line, secret);
	p->secret = slice_of(secret);
	pop3_name(p, verb);
	rc = pop3_send(p, shown, buffer_slice(&line), e);
	buffer_wipe(&line);
	return rc;
}

/* The next line of a multi-line answer: 1, 0 at its end, -1. */
static int
next_line(struct pop3 *p, struct slice *line, struct error *e)
{
	if (stream_line(p->stream, POP3_REPLY_MAX, line,
		stream_timeout(p->stream), e) < 0)
		return error_prefix(e, "%s: ", p->asked);
	if (line->len == 0 || line->data[0] != '.')
		return 1;
	*line = slice_skip(*line, 1);
	return line->len > 0;
}

static void
trace_listing(const struct pop3 *p, size_t index, struct slice line)
{
	if (index < LINES_SHOWN)
		trace_line(p, line);
}

static void
trace_listing_end(const struct pop3 *p, size_t count)
{
	if (count > LINES_SHOWN)
		pop3_trace(p, "%zu more lines", count - LINES_SHOWN);
	trace_line(p, slice_of("."));
}

int
pop3_ask_lines(struct pop3 *p, enum pop3_verb verb, size_t limit,
    int (*take)(void *arg, struct slice line, struct error *e), void *arg,
    struct error *e)
{
	struct slice line;
	size_t count = 0;
	int rc;

	if (pop3_expect(p, verb, 0, e) < 0 || pop3_receive_ok(p, e) < 0)
		return -1;
	p->unread = true;
	while ((rc = next_line(p, &line, e)) > 0) {
		if (count == limit)
			return error_set(e, ERR_PROTOCOL,
			    "%s answers %s with more than %zu lines",
			    pop3_peer(p), p->asked, limit);
		if (stream_check_pace(p->stream, e) < 0)
			return -1;
		trace_listing(p, count++, line);
		if (take(arg, line, e) < 0)
			return -1;
	}
	if (rc < 0)
		return -1;
	trace_listing_end(p, count);
	p->unread = false;
	return 0;
}
