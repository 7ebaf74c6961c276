/* pop3.c - opening a session, and the commands of a maildrop. */
#include "pop3/session.h"

#include "base/alloc.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CAPA_LINES_MAX 200

static void
trace_tls(const struct pop3 *p)
{
	if (stream_is_tls(p->stream))
		pop3_trace(p, "%s", stream_tls_text(p->stream));
}

/* A server that waits for a TLS handshake says nothing, or hangs up. */
static int
no_greeting(const struct pop3 *p, struct error *e)
{
	if ((e->kind != ERR_TIMEOUT && e->kind != ERR_IO) ||
	    p->at->tls == TLS_IMPLICIT || stream_buffered(p->stream) > 0)
		return -1;
	return error_set(e, e->kind,
	    "%s; if it expects TLS from the start, as on port 995, set tls = "
	    "\"implicit\"",
	    e->text);
}

static int
greeting(struct pop3 *p, struct error *e)
{
	enum error_kind later;

	p->unread = true;
	if (pop3_receive(p, POP3_REPLY_MAX, NULL, e) < 0)
		return no_greeting(p, e);
	if (p->last.status == POP3_OK)
		return 0;
	if (p->last.status == POP3_CONTINUE)
		return error_set(e, ERR_PROTOCOL,
		    "%s does not greet like a POP3 server: \"+ %.160s\"",
		    pop3_peer(p), p->last.text);
	later = pop3_code_later(p->last.code);
	return error_set(e, later != ERR_NONE ? later : ERR_REFUSED,
	    "%s does not want to talk%s: \"%.160s\"", pop3_peer(p),
	    later != ERR_NONE ? " for now" : "", pop3_words(p));
}

static int
take_capa(void *arg, struct slice line, struct error *e)
{
	(void)e;
	pop3_capa_line(line, arg);
	return 0;
}

int
pop3_ask_capa(struct pop3 *p, struct error *e)
{
	struct pop3_capa fresh;

	if (p->recalled)
		return 0;
	pop3_capa_clear(&fresh);
	if (pop3_ask_lines(p, POP3_CAPA, CAPA_LINES_MAX, take_capa, &fresh, e) <
	    0) {
		if (e->kind != ERR_REFUSED)
			return -1;
		error_clear(e);
		return 0;
	}
	fresh.known = true;
	p->capa = fresh;
	return 0;
}

/* RFC 2595 section 4. What was said before TLS may be anybody's word. */
static int
start_tls(struct pop3 *p, struct error *e)
{
	if (!p->recalled && p->capa.known && !p->capa.stls)
		return error_set(e, ERR_TLS,
		    "%s does not offer STLS, so nothing was sent in clear; try "
		    "tls = \"implicit\" (port 995)",
		    pop3_peer(p));
	if (pop3_ask(p, e, "STLS") < 0) {
		if (e->kind != ERR_REFUSED)
			return -1;
		return error_set(e, ERR_TLS,
		    "%s refused STLS, so nothing was sent in clear: "
		    "\"%.160s\"; try tls = \"implicit\" (port 995)",
		    pop3_peer(p), pop3_words(p));
	}
	if (stream_start_tls(p->stream, e) < 0)
		return error_prefix(e, "STLS: ");
	if (!p->recalled)
		pop3_capa_clear(&p->capa);
	trace_tls(p);
	return pop3_ask_capa(p, e);
}

static int
begin(struct pop3 *p, const struct stop *stop, struct error *e)
{
	if (stream_open(&p->stream, p->at, stop, e) < 0)
		return -1;
	trace_tls(p);
	if (greeting(p, e) < 0 || pop3_ask_capa(p, e) < 0)
		return -1;
	return p->at->tls == TLS_STARTTLS ? start_tls(p, e) : 0;
}

int
pop3_open(struct pop3 **p, const struct endpoint *at, const struct stop *stop,
    struct error *e)
{
	return pop3_open_known(p, at, NULL, stop, e);
}

int
pop3_open_known(struct pop3 **p, const struct endpoint *at,
    const struct pop3_capa *capa, const struct stop *stop, struct error *e)
{
	*p = xcalloc(1, sizeof **p);
	(*p)->at = at;
	(*p)->recalled = capa != NULL;
	if (capa != NULL)
		(*p)->capa = *capa;
	else
		pop3_capa_clear(&(*p)->capa);
	if (begin(*p, stop, e) == 0)
		return 0;
	pop3_free(p);
	return -1;
}

void
pop3_free(struct pop3 **p)
{
	if (*p == NULL)
		return;
	if ((*p)->stream != NULL)
		stream_free(&(*p)->stream);
	free(*p);
	*p = NULL;
}

const struct pop3_capa *
pop3_capa(const struct pop3 *p)
{
	return &p->capa;
}

const struct pop3_reply *
pop3_last(const struct pop3 *p)
{
	return &p->last;
}

const char *
pop3_tls_text(const struct pop3 *p)
{
	return stream_tls_text(p->stream);
}

size_t
pop3_is_ahead(const struct pop3 *p)
{
	return p->ahead_count;
}

int
pop3_flush(struct pop3 *p, struct error *e)
{
	return stream_flush(p->stream, e);
}

void
pop3_let_pipeline(struct pop3 *p)
{
	p->pipelines = true;
}

bool
pop3_pipelines(const struct pop3 *p)
{
	return p->pipelines;
}

bool
pop3_proven(const struct pop3 *p)
{
	return p->proven;
}

int
pop3_stat(struct pop3 *p, uint32_t *count, uint64_t *octets, struct error *e)
{
	if (pop3_expect(p, POP3_STAT, 0, e) < 0 || pop3_receive_ok(p, e) < 0)
		return -1;
	if (pop3_stat_parse(slice_of(p->last.text), count, octets) == 0)
		return 0;
	p->unread = true;
	return error_set(e, ERR_PROTOCOL,
	    "%s answers STAT with \"%.160s\", not with two numbers",
	    pop3_peer(p), p->last.text);
}

struct uidl {
	const struct pop3 *pop3;
	int (*line)(
	    void *arg, uint32_t number, struct slice uid, struct error *e);
	void *arg;
	bool good; /* a line made sense */
	struct error bad; /* of one that made none */
};

struct list {
	const struct pop3 *pop3;
	int (*line)(
	    void *arg, uint32_t number, uint64_t octets, struct error *e);
	void *arg;
	bool good; /* a line made sense */
	struct error bad; /* of one that made none */
};

static int
bad_line(const struct pop3 *p, struct slice line, struct error *e)
{
	return error_set(e, ERR_PROTOCOL,
	    "%s answers %s with a line that is none of it: \"%.*s\"",
	    pop3_peer(p), p->asked, line.len > 160 ? 160 : (int)line.len,
	    line.data);
}

static int
take_uidl(void *arg, struct slice line, struct error *e)
{
	struct uidl *u = arg;
	uint32_t number;
	struct slice uid;

	if (pop3_uidl_line(line, &number, &uid) < 0) {
		bad_line(u->pop3, line, &u->bad);
		return u->line(u->arg, 0, slice_of(""), e);
	}
	u->good = true;
	return u->line(u->arg, number, uid, e);
}

static int
take_list(void *arg, struct slice line, struct error *e)
{
	struct list *l = arg;
	uint32_t number;
	uint64_t octets;

	if (pop3_list_line(line, &number, &octets) < 0) {
		bad_line(l->pop3, line, &l->bad);
		return l->line(l->arg, 0, 0, e);
	}
	l->good = true;
	return l->line(l->arg, number, octets, e);
}

/*
 * One line that makes no sense is a slip; nothing but such lines is no answer.
 */
static int
understood(bool good, const struct error *bad, struct error *e)
{
	if (good || bad->kind == ERR_NONE)
		return 0;
	*e = *bad;
	return -1;
}

int
pop3_uidl(struct pop3 *p,
    int (*line)(void *arg, uint32_t number, struct slice uid, struct error *e),
    void *arg, struct error *e)
{
	struct uidl u = { .pop3 = p, .line = line, .arg = arg };

	if (pop3_ask_lines(p, POP3_UIDL, POP3_LINES_MAX, take_uidl, &u, e) < 0)
		return -1;
	return understood(u.good, &u.bad, e);
}

int
pop3_uid(struct pop3 *p, uint32_t number, struct slice *uid, struct error *e)
{
	struct slice line;
	uint32_t told;
	int rc;

	stream_grace(p->stream, POP3_GRACE_MS);
	rc = pop3_expect(p, POP3_UID, number, e);
	if (rc == 0)
		rc = pop3_receive(p, POP3_REPLY_MAX, &line, e);
	stream_grace(p->stream, 0);
	if (rc < 0)
		return -1;
	if (p->last.status == POP3_ERR)
		return error_set(e, ERR_REFUSED, "%s refused %s: \"%.200s\"",
		    pop3_peer(p), p->asked, pop3_words(p));
	slice_word(&line);
	if (p->last.status == POP3_OK &&
	    pop3_uidl_line(line, &told, uid) == 0 && told == number)
		return 0;
	p->unread = true;
	return bad_line(p, line, e);
}

int
pop3_list(struct pop3 *p,
    int (*line)(void *arg, uint32_t number, uint64_t octets, struct error *e),
    void *arg, struct error *e)
{
	struct list l = { .pop3 = p, .line = line, .arg = arg };

	if (pop3_ask_lines(p, POP3_LIST, POP3_LINES_MAX, take_list, &l, e) < 0)
		return -1;
	return understood(l.good, &l.bad, e);
}

static void
begin_content(struct pop3 *p)
{
	p->unread = true;
	p->dot = (struct dot_decoder){ 0 };
	p->in_content = true;
	p->content_octets = 0;
}

int
pop3_top(struct pop3 *p, uint32_t number, struct error *e)
{
	if (pop3_expect(p, POP3_TOP, number, e) < 0 ||
	    pop3_receive_ok(p, e) < 0)
		return -1;
	begin_content(p);
	return 0;
}

static int
ask_in_grace(
    struct pop3 *p, enum pop3_verb verb, uint32_t number, struct error *e)
{
	int rc;

	stream_grace(p->stream, POP3_GRACE_MS);
	rc = pop3_expect(p, verb, number, e);
	if (rc == 0)
		rc = pop3_receive_ok(p, e);
	stream_grace(p->stream, 0);
	return rc;
}

int
pop3_retr(struct pop3 *p, uint32_t number, struct error *e)
{
	if (ask_in_grace(p, POP3_RETR, number, e) < 0)
		return -1;
	p->proven = p->proven || p->behind;
	begin_content(p);
	return 0;
}

/* The octets behind what was handed out last are given back only now. */
static void
give_back(struct pop3 *p)
{
	if (p->lent > 0)
		stream_skip(p->stream, p->lent);
	p->lent = 0;
}

static int
end_content(struct pop3 *p)
{
	if (p->unread)
		pop3_trace(
		    p, "%" PRIu64 " octets of content", p->content_octets);
	p->unread = false;
	return 0;
}

int
pop3_content(struct pop3 *p, struct slice *content, struct error *e)
{
	struct deadline until = stream_timeout(p->stream);
	struct slice in, rest;

	give_back(p);
	while (p->in_content) {
		if (stream_peek(p->stream, &in, until, e) < 0)
			return error_prefix(e, "%s: ", p->asked);
		rest = in;
		if (dot_decode(&p->dot, &rest, content))
			p->in_content = false;
		p->lent = in.len - rest.len;
		p->content_octets += content->len;
		if (content->len > 0)
			return 1;
		give_back(p);
	}
	return end_content(p);
}

uint64_t
pop3_octets(const struct pop3 *p)
{
	return p->content_octets;
}

int
pop3_drain(struct pop3 *p, uint64_t max, struct error *e)
{
	struct slice content;
	uint64_t octets = 0;
	int rc;

	stream_grace(p->stream, POP3_GRACE_MS);
	while ((rc = pop3_content(p, &content, e)) > 0) {
		octets += content.len;
		if (octets > max) {
			rc = 1;
			break;
		}
	}
	stream_grace(p->stream, 0);
	return rc;
}

int
pop3_dele(struct pop3 *p, uint32_t number, struct error *e)
{
	return ask_in_grace(p, POP3_DELE, number, e);
}

int
pop3_noop(struct pop3 *p, struct error *e)
{
	int rc;

	stream_grace(p->stream, POP3_GRACE_MS);
	rc = pop3_ask(p, e, "NOOP");
	stream_grace(p->stream, 0);
	return rc;
}

int
pop3_quit(struct pop3 *p, struct error *e)
{
	stream_grace(p->stream, POP3_GRACE_MS);
	if (pop3_expect(p, POP3_QUIT, 0, e) == 0 && pop3_receive_ok(p, e) == 0)
		return 0;
	if (e->kind == ERR_REFUSED)
		error_set(e, ERR_REFUSED,
		    "%s answers QUIT with \"%.160s\": some deletions may not "
		    "have taken effect",
		    pop3_peer(p), pop3_words(p));
	p->unread = true;
	return -1;
}

void
pop3_leave(struct pop3 *p)
{
	struct error ignored = { 0 };

	stream_grace(p->stream, POP3_GRACE_MS);
	if (!p->unread && pop3_put(p, POP3_QUIT, 0, &ignored) == 0)
		stream_flush(p->stream, &ignored);
	p->unread = true;
}
