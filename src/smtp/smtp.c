/* smtp.c - see smtp.h. */
#include "smtp/smtp.h"

#include "base/alloc.h"
#include "base/log.h"
#include "net/dot.h"
#include "net/stream.h"
#include "sasl/sasl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* RFC 5321 section 4.5.3.1.5 allows 512 octets; servers say more. */
#define REPLY_LINE ((size_t)4096)
#define REPLY_LINES 200

/* RFC 4954 section 4: with the CRLF. */
#define COMMAND_LINE ((size_t)512)

/* What has come unasked is there already, but perhaps not its line end. */
#define UNASKED_MS 1000

#define HELO_MAX 256

struct smtp {
	struct stream *stream; /* owned */
	const struct endpoint *at; /* borrowed */
	const struct smtp_options *options; /* borrowed */
	char helo[HELO_MAX];
	struct smtp_ehlo ehlo;
	struct dot_encoder dots;
	uint64_t content; /* octets of it, in this transaction */
	bool usable;
};

static const char *
peer(const struct smtp *s)
{
	return s->at->path != NULL ? s->at->path : s->at->host;
}

static int
broken(struct smtp *s)
{
	s->usable = false;
	return -1;
}

/* Octets that belong to no command: nothing after them can be trusted. */
static int
unasked(struct smtp *s, struct error *e)
{
	struct slice line;

	s->usable = false;
	if (stream_line(
		s->stream, REPLY_LINE, &line, deadline_in(UNASKED_MS), e) < 0)
		return -1;
	log_trace(s->at->name, false, "%.*s", (int)line.len, line.data);
	return error_set(e, ERR_IO, "%s said unasked: %.*s", peer(s),
	    (int)line.len, line.data);
}

/* ehlo: where to note the keywords of a reply to EHLO, or NULL. */
static int
read_reply(struct smtp *s, struct smtp_reply *reply, struct smtp_ehlo *ehlo,
    struct deadline until, struct error *e)
{
	int lines;

	*reply = (struct smtp_reply){ 0 };
	for (lines = 0; lines < REPLY_LINES; lines++) {
		struct slice line;
		int last;

		if (stream_line(s->stream, REPLY_LINE, &line, until, e) < 0)
			return broken(s);
		log_trace(s->at->name, false, "%.*s", (int)line.len, line.data);
		last = smtp_reply_line(reply, line);
		if (last < 0) {
			error_set(e, ERR_PROTOCOL,
			    "%s sent no SMTP reply: %.*s", peer(s),
			    (int)line.len, line.data);
			return broken(s);
		}
		if (ehlo != NULL && lines > 0 && line.len > 4)
			smtp_ehlo_line(ehlo, slice_skip(line, 4));
		if (last == 0)
			continue;
		if (reply->code == 421)
			s->usable = false;
		return 0;
	}
	error_set(e, ERR_PROTOCOL, "%s sent a reply of more than %d lines",
	    peer(s), REPLY_LINES);
	return broken(s);
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

/*
 * Send a command, wiped after it, and read the reply. shown: for the trace in
 * the place of a command that has a secret, or NULL.
 */
static int
command_ehlo(struct smtp *s, struct buffer *line, const char *shown,
    struct smtp_reply *reply, struct smtp_ehlo *ehlo, struct error *e)
{
	int rc = -1;

	*reply = (struct smtp_reply){ 0 };
	stream_stop_at(s->stream, STOP_SOON);
	if (!is_one_line(buffer_slice(line))) {
		error_set(e, ERR_PROTOCOL,
		    "a command to %s has a line end in it", peer(s));
		goto out;
	}
	if (stream_buffered(s->stream) > 0) {
		unasked(s, e);
		goto out;
	}
	log_trace(s->at->name, true, "%s", shown != NULL ? shown : line->data);
	buffer_add_text(line, "\r\n");
	if (stream_write(s->stream, buffer_slice(line), e) < 0 ||
	    stream_flush(s->stream, e) < 0)
		goto out;
	rc = read_reply(s, reply, ehlo, stream_timeout(s->stream), e);
out:
	buffer_wipe(line);
	return rc < 0 ? broken(s) : 0;
}

static int
command(struct smtp *s, struct buffer *line, const char *shown,
    struct smtp_reply *reply, struct error *e)
{
	return command_ehlo(s, line, shown, reply, NULL, e);
}

static int
simple_command(
    struct smtp *s, const char *verb, struct smtp_reply *reply, struct error *e)
{
	struct buffer line = { 0 };

	buffer_add_text(&line, verb);
	return command(s, &line, NULL, reply, e);
}

/* A reply that is neither what the command is for nor a refusal. */
static int
out_of_place(struct smtp *s, const char *verb, const struct smtp_reply *reply,
    struct error *e)
{
	char text[SMTP_REPLY_TEXT];

	error_set(e, ERR_PROTOCOL, "%s answered %s out of place: %s", peer(s),
	    verb, smtp_reply_text(reply, text));
	return broken(s);
}

static int
refused(struct smtp *s, const char *what, const struct smtp_reply *reply,
    struct error *e)
{
	char text[SMTP_REPLY_TEXT];

	if (reply->code < 400)
		return out_of_place(s, what, reply, e);
	return error_set(e, reply->code < 500 ? ERR_BUSY : ERR_REFUSED,
	    "%s refuses %s: %s", peer(s), what, smtp_reply_text(reply, text));
}

static int
greeting(struct smtp *s, struct error *e)
{
	struct smtp_reply reply;

	if (read_reply(s, &reply, NULL, stream_timeout(s->stream), e) < 0)
		return -1;
	return reply.code == 220 ? 0 : refused(s, "the connection", &reply, e);
}

/* A name that others could know, or our address as a literal. */
static void
choose_helo(struct smtp *s)
{
	const char *address = stream_local_address(s->stream);
	size_t plain = strcspn(address, "%");
	struct buffer helo = { 0 };
	char name[HELO_MAX];

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
	struct buffer line = { 0 };

	buffer_addf(&line, "HELO %s", s->helo);
	if (command(s, &line, NULL, &reply, e) < 0)
		return -1;
	return reply.code == 250 ? 0 : refused(s, "HELO", &reply, e);
}

static bool
wants_starttls(const struct smtp *s)
{
	return s->at->tls == TLS_STARTTLS && !stream_is_tls(s->stream);
}

/* What an earlier EHLO told is forgotten (RFC 3207 section 4.2). */
static int
ehlo(struct smtp *s, struct error *e)
{
	const char *verb = s->options->lmtp ? "LHLO" : "EHLO";
	struct smtp_reply reply;
	struct buffer line = { 0 };

	s->ehlo = (struct smtp_ehlo){ 0 };
	buffer_addf(&line, "%s %s", verb, s->helo);
	if (command_ehlo(s, &line, NULL, &reply, &s->ehlo, e) < 0)
		return -1;
	if (reply.code == 250) {
		s->ehlo.extended = true;
		return 0;
	}
	s->ehlo = (struct smtp_ehlo){ 0 };
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
		    peer(s));
	if (simple_command(s, "STARTTLS", &reply, e) < 0)
		return -1;
	if (reply.code != 220)
		return error_set(e, ERR_TLS,
		    "%s refuses STARTTLS; nothing was "
		    "sent in clear: %s",
		    peer(s), smtp_reply_text(&reply, text));
	if (stream_start_tls(s->stream, e) < 0)
		return broken(s);
	log_trace(s->at->name, false, "(%s)", stream_tls_text(s->stream));
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

/* RFC 4954 section 6. */
static int
login_refused(struct smtp *s, const struct smtp_reply *reply, struct error *e)
{
	const char *hint = "";
	char text[SMTP_REPLY_TEXT];

	smtp_reply_text(reply, text);
	if (reply->code < 400)
		return out_of_place(s, "AUTH", reply, e);
	if (reply->code < 500)
		return error_set(e, ERR_BUSY,
		    "%s cannot check the login now: %s", peer(s), text);
	if (reply->code == 538 || reply->code == 530)
		hint = " (it may want TLS: see the setting tls)";
	else if (reply->code == 534)
		hint = " (it wants another mechanism: see the setting auth)";
	return error_set(
	    e, ERR_AUTH, "%s refuses the login: %s%s", peer(s), text, hint);
}

/* The exchange has gone wrong on our side; why stays in e. */
static int
cancel(struct smtp *s)
{
	struct smtp_reply reply;
	struct error ignored;

	(void)simple_command(s, "*", &reply, &ignored);
	return broken(s);
}

/* AUTH, with what the mechanism says first if that fits into the line. */
static int
auth(struct smtp *s, struct sasl *sasl, struct smtp_reply *reply,
    struct error *e)
{
	struct buffer first = { 0 };
	struct buffer line = { 0 };
	char shown[32];
	int rc = -1;

	if (sasl_client_first(sasl) &&
	    sasl_respond(sasl, slice_make("", 0), &first, e) < 0)
		goto out;
	if (sasl_client_first(sasl) && first.len == 0)
		buffer_add_text(&first, "=");
	buffer_reserve(&line, COMMAND_LINE);
	buffer_addf(&line, "AUTH %s", sasl_name(sasl->method));
	if (line.len + strlen(" \r\n") + first.len > COMMAND_LINE) {
		sasl_begin(sasl, sasl->method, sasl->user, sasl->secret);
		buffer_wipe(&first);
	}
	snprintf(shown, sizeof shown, "%s%s", line.data,
	    first.len > 0 ? " ****" : "");
	if (first.len > 0) {
		buffer_add_text(&line, " ");
		buffer_add_slice(&line, buffer_slice(&first));
	}
	rc = command(s, &line, shown, reply, e);
out:
	buffer_wipe(&first);
	return rc;
}

/* Answer challenges until the server has decided. */
static int
exchange(struct smtp *s, struct sasl *sasl, struct smtp_reply *reply,
    struct error *e)
{
	while (reply->code == 334) {
		struct buffer response = { 0 };

		/* Cut short in the reply, it would be another challenge. */
		if (strlen(reply->text) + 1 >= sizeof reply->text) {
			error_set(e, ERR_PROTOCOL,
			    "%s sent an overlong challenge", peer(s));
			return cancel(s);
		}
		if (sasl_respond(sasl, slice_of(reply->text), &response, e) <
		    0) {
			buffer_wipe(&response);
			return cancel(s);
		}
		if (command(s, &response, "****", reply, e) < 0)
			return -1;
	}
	return reply->code == 235 && sasl_done(sasl)
	    ? 0
	    : login_refused(s, reply, e);
}

int
smtp_login(struct smtp *s, const struct login *l, const char *password,
    struct error *e)
{
	enum auth_method method = sasl_choose(l->auth, slice_of(s->ehlo.auth));
	struct smtp_reply reply;
	struct sasl sasl;

	if (s->ehlo.auth[0] == '\0')
		return error_set(e, ERR_AUTH, "%s offers no AUTH%s", peer(s),
		    stream_is_tls(s->stream) ? "" : " without TLS");
	if (method == AUTH_AUTO)
		return error_set(e, ERR_AUTH,
		    "%s offers none of the mechanisms that may be used; it "
		    "offers: %s",
		    peer(s), s->ehlo.auth);
	sasl_begin(&sasl, method, l->user, password);
	if (auth(s, &sasl, &reply, e) < 0)
		return -1;
	return exchange(s, &sasl, &reply, e);
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
	error_set(e, ERR_PROTOCOL, "no address for %s: %s", peer(s), path);
	return broken(s);
}

/* 2yz, 4yz and 5yz are replies to such a command, 3yz is not. */
static int
transaction_command(struct smtp *s, struct buffer *line, const char *verb,
    struct smtp_reply *reply, struct error *e)
{
	if (command(s, line, NULL, reply, e) < 0)
		return -1;
	if (reply->code / 100 == 3)
		return out_of_place(s, verb, reply, e);
	return 0;
}

int
smtp_mail(struct smtp *s, const struct smtp_mail *m, struct smtp_reply *reply,
    struct error *e)
{
	struct buffer line = { 0 };

	*reply = (struct smtp_reply){ 0 };
	if (check_path(s, m->sender, e) < 0)
		return -1;
	buffer_addf(&line, "MAIL FROM:<%s>", m->sender);
	if (s->ehlo.size && m->octets > 0)
		buffer_addf(&line, " SIZE=%" PRIu64, m->octets);
	if (s->ehlo.eightbitmime && m->eightbit)
		buffer_add_text(&line, " BODY=8BITMIME");
	if (m->utf8)
		buffer_add_text(&line, " SMTPUTF8");
	return transaction_command(s, &line, "MAIL", reply, e);
}

int
smtp_rcpt(struct smtp *s, const char *recipient, struct smtp_reply *reply,
    struct error *e)
{
	struct buffer line = { 0 };

	*reply = (struct smtp_reply){ 0 };
	if (check_path(s, recipient, e) < 0)
		return -1;
	buffer_addf(&line, "RCPT TO:<%s>", recipient);
	return transaction_command(s, &line, "RCPT", reply, e);
}

int
smtp_data(struct smtp *s, struct smtp_reply *reply, struct error *e)
{
	s->dots = (struct dot_encoder){ 0 };
	s->content = 0;
	if (simple_command(s, "DATA", reply, e) < 0)
		return -1;
	if (reply->code < 400 && reply->code != 354)
		return out_of_place(s, "DATA", reply, e);
	return 0;
}

/* A server that gives up on content says why before it closes. */
static int
body_broken(struct smtp *s, struct error *e)
{
	if (e->kind == ERR_IO && stream_buffered(s->stream) > 0)
		return unasked(s, e);
	return broken(s);
}

int
smtp_body(struct smtp *s, struct slice part, struct error *e)
{
	s->content += part.len;
	while (part.len > 0) {
		struct slice out;

		dot_encode(&s->dots, &part, &out);
		if (out.len > 0 && stream_write(s->stream, out, e) < 0)
			return body_broken(s, e);
	}
	return 0;
}

int
smtp_end(struct smtp *s, bool *sent, struct error *e)
{
	int spoken;

	stream_stop_at(s->stream, STOP_NOW);
	/* What is there before the end could be taken for the reply to it. */
	spoken = stream_wait(s->stream, -1, deadline_in(0), e);
	if (spoken < 0)
		return broken(s);
	if (spoken > 0)
		return unasked(s, e);
	log_trace(
	    s->at->name, true, "(%" PRIu64 " octets of content)", s->content);
	log_trace(s->at->name, true, ".");
	*sent = true;
	if (stream_write(s->stream, dot_end(&s->dots), e) < 0 ||
	    stream_flush(s->stream, e) < 0)
		return broken(s);
	return 0;
}

int
smtp_verdict(struct smtp *s, struct smtp_reply *reply, struct error *e)
{
	stream_stop_at(s->stream, STOP_NOW);
	if (read_reply(s, reply, NULL,
		deadline_in(s->options->reply_timeout_ms), e) < 0)
		return -1;
	if (reply->code / 100 == 3)
		return out_of_place(s, "the end of data", reply, e);
	return 0;
}

int
smtp_wait(struct smtp *s, int fd, struct deadline until, struct error *e)
{
	int ready;

	if (stream_flush(s->stream, e) < 0)
		return broken(s);
	ready = stream_wait(s->stream, fd, until, e);
	if (ready < 0)
		return broken(s);
	if ((ready & 1) == 0)
		return ready;
	unasked(s, e);
	if (e->kind == ERR_STOPPED)
		return -1;
	e->kind = ERR_IO;
	return 1;
}

int
smtp_rset(struct smtp *s, struct smtp_reply *reply, struct error *e)
{
	return simple_command(s, "RSET", reply, e);
}

int
smtp_noop(struct smtp *s, struct smtp_reply *reply, struct error *e)
{
	return simple_command(s, "NOOP", reply, e);
}

int
smtp_quit(struct smtp *s, struct error *e)
{
	struct smtp_reply reply;

	if (!s->usable)
		return 0;
	if (simple_command(s, "QUIT", &reply, e) < 0)
		return -1;
	s->usable = false;
	return 0;
}
