/*
 * session.h - what the files of this room share: the state of a session, and
 * its two halves, commands out and replies in. Nobody else includes it.
 */
#ifndef POP3_SESSION_H
#define POP3_SESSION_H

#include "net/dot.h"
#include "net/stream.h"
#include "pop3/pop3.h"

/* A command that was sent before its answer was asked for. */
struct pop3_command {
	enum pop3_verb verb;
	uint32_t number;
	bool behind; /* it was sent while another answer was awaited */
};

struct pop3 {
	struct stream *stream; /* owned; NULL before it is open */
	const struct endpoint *at; /* borrowed */
	/* Those that were sent ahead, in their order: a ring. */
	struct pop3_command ahead[POP3_AHEAD_MAX];
	size_t ahead_first, ahead_count;
	bool pipelines; /* see pop3_pipelines() */
	bool behind; /* so was the one whose answer is awaited now */
	bool proven; /* such a RETR has been answered with +OK */
	bool recalled; /* CAPA is not asked: capa is from another session */
	/* While logging in: what goes with it. */
	bool names_ahead, sizes_ahead;
	bool told; /* see pop3_password_told() */
	struct pop3_capa capa;
	struct pop3_reply last;
	/* The command whose answer is awaited, for messages. No secret. */
	char asked[64];
	/* Its answer has not been read to the end: nothing may be sent. */
	bool unread;
	/* What was last sent and must not be shown, should the server repeat
	 * it. Borrowed, empty when there is none. */
	struct slice secret;
	/* The same in clear, while logging in; NULL otherwise. Borrowed. */
	const char *password;
	struct dot_decoder dot;
	bool in_content;
	size_t lent; /* octets behind the content handed out last */
	uint64_t content_octets; /* of this message so far */
};

/* RFC 2449 section 4 says 512; some servers put more into a line. */
#define POP3_REPLY_MAX 4096

/* pop3_peer - the server's name, for messages. */
const char *pop3_peer(const struct pop3 *p);

/* pop3_words - what the server said last, for messages. */
const char *pop3_words(const struct pop3 *p);

/* pop3_name - what is asked now; goes into messages. No secret. */
void pop3_name(struct pop3 *p, const char *asked);

/*
 * pop3_send - queue a line; the next pop3_receive() sends it.
 * shown: the line for the trace, without secrets. line: without its CRLF.
 * ERR_PROTOCOL when octets lie there that nobody asked for.
 */
int pop3_send(
    struct pop3 *p, const char *shown, struct slice line, struct error *e);

/*
 * pop3_receive - the next reply, parsed into p->last.
 * line: NULL, or where the line goes as it came, borrowed until the next call.
 */
int
pop3_receive(struct pop3 *p, size_t max, struct slice *line, struct error *e);

/*
 * pop3_put - queue a command that is answered later.
 * pop3_expect - the answer to this command is awaited next: it is the first of
 *	those sent ahead, or is sent now.
 * pop3_forget_ahead - read the answers to what was sent ahead in vain: all of
 *	it must be refused. ERR_PROTOCOL when something is not.
 */
int
pop3_put(struct pop3 *p, enum pop3_verb verb, uint32_t number, struct error *e);
int pop3_expect(
    struct pop3 *p, enum pop3_verb verb, uint32_t number, struct error *e);
int pop3_forget_ahead(struct pop3 *p, struct error *e);

/* pop3_receive_ok - the reply: 0 for +OK, ERR_REFUSED for -ERR. */
int pop3_receive_ok(struct pop3 *p, struct error *e);

/*
 * pop3_ask - send a command and read its reply: 0 for +OK, ERR_REFUSED for
 * -ERR.
 * pop3_send_secret - the first half of it for a verb with an argument that
 * nobody is to see; the caller clears p->secret when it has been answered.
 */
int pop3_ask(struct pop3 *p, struct error *e, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
int pop3_send_secret(
    struct pop3 *p, const char *verb, const char *secret, struct error *e);

/*
 * pop3_ask_capa - CAPA; without an answer what was known stays (RFC 2449
 * makes the command optional).
 */
int pop3_ask_capa(struct pop3 *p, struct error *e);

/*
 * pop3_ask_lines - a command with a multi-line answer, each line of which is
 * handed to `take`; with 0 or -1 as pop3_uidl() has it.
 */
int pop3_ask_lines(struct pop3 *p, enum pop3_verb verb, size_t limit,
    int (*take)(void *arg, struct slice line, struct error *e), void *arg,
    struct error *e);

/* pop3_trace - what is no line of the conversation, in brackets. */
void pop3_trace(const struct pop3 *p, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
