/* smtp.c - opening a connection, and the commands of a transaction. */
#include "smtp/session.h"

#include "base/alloc.h"
#include "base/log.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int
refused(struct smtp *s, const char *what, const struct smtp_reply *reply,
    struct error *e)
{
	char text[SMTP_REPLY_TEXT];

	if (reply->code < 400)
		return smtp_out_of_place(s, what, reply, e);
	return error_set(e, reply->code < 500 ? ERR_BUSY : ERR_REFUSED,
	    "%s refuses %s: %s", smtp_peer(s), what,
	    smtp_reply_text(reply, text));
}

static void
trace_tls(const struct smtp *s)
{
	if (stream_is_tls(s->stream))
		log_trace(
		    s->at->name, false, "(%s)", stream_tls_text(s->stream));
}

static int
greeting(struct smtp *s, struct error *e)
{
	struct smtp_reply reply;

	if (smtp_receive(s, &reply, stream_timeout(s->stream), e) == 0)
		return reply.code == 220
		    ? 0
		    : refused(s, "the connection", &reply, e);
	/* Where TLS comes first, it is we who would have to speak. */
	if (e->kind == ERR_TIMEOUT && s->at->path == NULL &&
	    !stream_is_tls(s->stream))
		error_set(e, ERR_TIMEOUT,
		    "%s; if that port is for TLS from the first octet, set "
		    "tls = \"implicit\"",
		    e->text);
	return -1;
}

/* A name that others could know, or our address as a literal. */
static void
choose_helo(struct smtp *s)
{
	const char *address = stream_local_address(s->stream);
	size_t plain = strcspn(address, "%");
	struct buffer helo = { 0 };
	char name[SMTP_HELO_MAX];

	if (s->options->helo != NULL)
		buffer_add_text(&helo, s->options->helo);
	else if (gethostname(name, sizeof name) == 0 &&
	    memchr(name, '\0', sizeof name) != NULL &&
	    strchr(name, '.') != NULL)
		buffer_add_text(&helo, name);
	else if (plain == 0)
		buffer_add_text(&helo, "localhost");
	else
		buffer_addf(&helo, "[%s%.*s]",
		    strchr(address, ':') != NULL ? "IPv6:" : "", (int)plain,
		    address);
	if (helo.len < sizeof s->helo)
		memcpy(s->helo, helo.data, helo.len + 1);
	else
		memcpy(s->helo, "localhost", sizeof "localhost");
	buffer_free(&helo);
}

static bool
is_unknown_command(const struct smtp_reply *reply)
{
	return reply->code == 500 || reply->code == 501 || reply->code == 502 ||
	    reply->code == 504;
}

static int
helo(struct smtp *s, struct error *e)
{
	struct smtp_reply reply;

	if (smtp_ask(s, &reply, e, "HELO %s", s->helo) < 0)
		return -1;
	return reply.code == 250 ? 0 : refused(s, "HELO", &reply, e);
}

static bool
wants_starttls(const struct smtp *s)
{
	return s->at->tls == TLS_STARTTLS && !stream_is_tls(s->stream);
}

static int
ehlo(struct smtp *s, struct error *e)
{
	const char *verb = s->options->lmtp ? "LHLO" : "EHLO";
	struct smtp_reply reply;

	if (smtp_ask_ehlo(s, verb, &reply, e) < 0)
		return -1;
	if (s->ehlo.extended)
		return 0;
	if (s->options->lmtp || wants_starttls(s) ||
	    !is_unknown_command(&reply))
		return refused(s, verb, &reply, e);
	return helo(s, e);
}

static int
starttls(struct smtp *s, struct error *e)
{
	char text[SMTP_REPLY_TEXT];
	struct smtp_reply reply;

	if (!s->ehlo.starttls)
		return error_set(e, ERR_TLS,
		    "%s offers no STARTTLS; nothing was "
		    "sent in clear. If it has a port for TLS, set that port "
		    "and tls = \"implicit\"",
		    smtp_peer(s));
	if (smtp_ask(s, &reply, e, "STARTTLS") < 0)
		return -1;
	if (reply.code != 220)
		return error_set(e, ERR_TLS,
		    "%s refuses STARTTLS; nothing was "
		    "sent in clear: %s",
		    smtp_peer(s), smtp_reply_text(&reply, text));
	if (stream_start_tls(s->stream, e) < 0)
		return smtp_broken(s);
	trace_tls(s);
	return ehlo(s, e);
}

int
smtp_open(struct smtp **out, const struct endpoint *at,
    const struct smtp_options *options, const struct stop *stop,
    struct error *e)
{
	struct smtp *s = xcalloc(1, sizeof *s);

	*out = NULL;
	s->at = at;
	s->options = options;
	s->usable = true;
	if (stream_open(&s->stream, at, stop, e) < 0)
		goto out;
	trace_tls(s);
	choose_helo(s);
	if (greeting(s, e) < 0 || ehlo(s, e) < 0)
		goto out;
	if (wants_starttls(s) && starttls(s, e) < 0)
		goto out;
	*out = s;
	return 0;
out:
	smtp_free(&s);
	return -1;
}

void
smtp_free(struct smtp **s)
{
	if (*s == NULL)
		return;
	stream_free(&(*s)->stream);
	free(*s);
	*s = NULL;
}

bool
smtp_usable(const struct smtp *s)
{
	return s->usable;
}

const struct smtp_ehlo *
smtp_ehlo(const struct smtp *s)
{
	return &s->ehlo;
}

const char *
smtp_tls_text(const struct smtp *s)
{
	return stream_tls_text(s->stream);
}

bool
smtp_is_lmtp(const struct smtp *s)
{
	return s->options->lmtp;
}

/* Addresses are checked by the caller; what could end a path never passes. */
static int
check_path(struct smtp *s, const char *path, struct error *e)
{
	if (strpbrk(path, "\r\n<>") == NULL)
		return 0;
	error_set(e, ERR_PROTOCOL, "no address for %s: %s", smtp_peer(s), path);
	return smtp_broken(s);
}

/* 2yz, 4yz and 5yz may answer such a command, 3yz may not. */
static int
check_final(struct smtp *s, const char *what, const struct smtp_reply *reply,
    struct error *e)
{
	if (reply->code / 100 != 3)
		return 0;
	return smtp_out_of_place(s, what, reply, e);
}

int
smtp_put_mail(struct smtp *s, const struct smtp_mail *m, struct error *e)
{
	struct buffer line = { 0 };

	if (check_path(s, m->sender, e) < 0)
		return -1;
	buffer_addf(&line, "MAIL FROM:<%s>", m->sender);
	if (s->ehlo.size && m->octets > 0)
		buffer_addf(&line, " SIZE=%" PRIu64, m->octets);
	if (s->ehlo.eightbitmime && m->eightbit)
		buffer_add_text(&line, " BODY=8BITMIME");
	if (m->utf8)
		buffer_add_text(&line, " SMTPUTF8");
	return smtp_put_line(s, &line, NULL, e);
}

int
smtp_put_rcpt(struct smtp *s, const char *recipient, struct error *e)
{
	if (check_path(s, recipient, e) < 0)
		return -1;
	return smtp_put(s, e, "RCPT TO:<%s>", recipient);
}

int
smtp_put_data(struct smtp *s, struct error *e)
{
	s->dots = (struct dot_encoder){ 0 };
	s->content = 0;
	return smtp_put(s, e, "DATA");
}

int
smtp_put_rset(struct smtp *s, struct error *e)
{
	return smtp_put(s, e, "RSET");
}

int
smtp_put_bdat(struct smtp *s, uint64_t octets, struct error *e)
{
	return smtp_put(s, e, "BDAT %" PRIu64 " LAST", octets);
}

int
smtp_put_octets(struct smtp *s, struct slice part, struct error *e)
{
	return stream_write(s->stream, part, e) < 0 ? smtp_broken(s) : 0;
}

int
smtp_flush(struct smtp *s, struct error *e)
{
	return stream_flush(s->stream, e) < 0 ? smtp_broken(s) : 0;
}

size_t
smtp_owed(const struct smtp *s)
{
	return s->owed;
}

void
smtp_owe(struct smtp *s, size_t more)
{
	s->owed += more;
}

int
smtp_await(struct smtp *s, int fd, struct deadline until, struct error *e)
{
	int ready;

	if (smtp_flush(s, e) < 0)
		return -1;
	ready = stream_wait(s->stream, fd, until, e);
	if (ready < 0)
		return smtp_broken(s);
	if ((ready & 1) != 0 && s->owed == 0)
		return smtp_unasked(s, e);
	return ready;
}

int
smtp_get(struct smtp *s, struct smtp_reply *reply, struct deadline until,
    bool *more, struct error *e)
{
	if (smtp_receive(s, reply, until, e) < 0)
		return -1;
	*more = stream_buffered(s->stream) > 0;
	return 0;
}

void
smtp_stop_at(struct smtp *s, enum stop_level level)
{
	stream_stop_at(s->stream, level);
}

/* The reply to the one command that is on its way. */
static int
answer(struct smtp *s, struct smtp_reply *reply, struct error *e)
{
	*reply = (struct smtp_reply){ 0 };
	stream_stop_at(s->stream, STOP_SOON);
	if (stream_flush(s->stream, e) < 0)
		return smtp_cut_off(s, e);
	return smtp_receive(s, reply, stream_timeout(s->stream), e);
}

int
smtp_mail(struct smtp *s, const struct smtp_mail *m, struct smtp_reply *reply,
    struct error *e)
{
	*reply = (struct smtp_reply){ 0 };
	if (smtp_put_mail(s, m, e) < 0 || answer(s, reply, e) < 0)
		return -1;
	return check_final(s, "MAIL", reply, e);
}

int
smtp_rcpt(struct smtp *s, const char *recipient, struct smtp_reply *reply,
    struct error *e)
{
	*reply = (struct smtp_reply){ 0 };
	if (smtp_put_rcpt(s, recipient, e) < 0 || answer(s, reply, e) < 0)
		return -1;
	return check_final(s, "RCPT", reply, e);
}

int
smtp_data(struct smtp *s, struct smtp_reply *reply, struct error *e)
{
	*reply = (struct smtp_reply){ 0 };
	if (smtp_put_data(s, e) < 0 || answer(s, reply, e) < 0)
		return -1;
	if (reply->code < 400 && reply->code != 354)
		return smtp_out_of_place(s, "DATA", reply, e);
	return 0;
}

int
smtp_body(struct smtp *s, struct slice part, struct error *e)
{
	s->content += part.len;
	while (part.len > 0) {
		struct slice out;

		dot_encode(&s->dots, &part, &out);
		if (out.len > 0 && stream_write(s->stream, out, e) < 0)
			return smtp_cut_off(s, e);
	}
	return 0;
}

int
smtp_put_end(struct smtp *s, bool *sent, struct error *e)
{
	int spoken;

	/* What is there before the end could be taken for the reply to it. */
	spoken = stream_wait(s->stream, -1, deadline_in(0), e);
	if (spoken < 0)
		return smtp_broken(s);
	if (spoken > 0)
		return smtp_unasked(s, e);
	log_trace(
	    s->at->name, true, "(%" PRIu64 " octets of content)", s->content);
	log_trace(s->at->name, true, ".");
	*sent = true;
	s->owed++;
	if (stream_write(s->stream, dot_end(&s->dots), e) < 0)
		return smtp_broken(s);
	return 0;
}

int
smtp_end(struct smtp *s, bool *sent, struct error *e)
{
	stream_stop_at(s->stream, STOP_NOW);
	if (smtp_put_end(s, sent, e) < 0)
		return -1;
	return smtp_flush(s, e);
}

int
smtp_verdict(struct smtp *s, struct smtp_reply *reply, struct error *e)
{
	stream_stop_at(s->stream, STOP_NOW);
	if (smtp_receive(
		s, reply, deadline_in(s->options->reply_timeout_ms), e) < 0)
		return -1;
	return check_final(s, "the end of data", reply, e);
}

const struct smtp_reply *
smtp_early_reply(const struct smtp *s)
{
	return &s->early;
}

int
smtp_wait(struct smtp *s, int fd, struct deadline until, struct error *e)
{
	int ready;

	if (stream_flush(s->stream, e) < 0)
		return smtp_cut_off(s, e);
	ready = stream_wait(s->stream, fd, until, e);
	if (ready < 0)
		return smtp_broken(s);
	if ((ready & 1) == 0)
		return ready;
	smtp_unasked(s, e);
	if (e->kind == ERR_STOPPED)
		return -1;
	e->kind = ERR_IO;
	return 1;
}

int
smtp_rset(struct smtp *s, struct smtp_reply *reply, struct error *e)
{
	return smtp_ask(s, reply, e, "RSET");
}

int
smtp_quit(struct smtp *s, struct error *e)
{
	struct smtp_reply reply;

	if (!s->usable)
		return 0;
	if (smtp_ask(s, &reply, e, "QUIT") < 0)
		return -1;
	s->usable = false;
	return 0;
}

void
smtp_leave(struct smtp *s)
{
	struct error ignored = { 0 };

	if (s->usable && s->owed == 0 && smtp_put(s, &ignored, "QUIT") == 0)
		(void)smtp_flush(s, &ignored);
	s->usable = false;
}
