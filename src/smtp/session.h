/*
 * session.h - what the files of this room share: the state of a connection,
 * and its two halves, one command out and one reply in. Nobody else includes
 * it.
 */
#ifndef SMTP_SESSION_H
#define SMTP_SESSION_H

#include "net/dot.h"
#include "net/stream.h"
#include "smtp/smtp.h"

#define SMTP_HELO_MAX 256

struct smtp {
	struct stream *stream; /* owned; NULL before it is open */
	const struct endpoint *at; /* borrowed */
	const struct smtp_options *options; /* borrowed */
	char helo[SMTP_HELO_MAX];
	struct smtp_ehlo ehlo;
	struct dot_encoder dots;
	uint64_t content; /* octets of it, in this transaction */
	size_t owed; /* replies */
	bool usable;
	struct smtp_reply early; /* what was said unasked */
	/* What was last sent and must not be shown, should the server repeat
	 * it. Borrowed, empty when there is none. */
	struct slice secret;
	/* The same in clear, while logging in; NULL otherwise. Borrowed. */
	const char *password;
};

/* smtp_peer - the server's name, for messages. */
const char *smtp_peer(const struct smtp *s);

/* smtp_broken - nothing more may be said here. Returns -1. */
int smtp_broken(struct smtp *s);

/*
 * smtp_put - queue a command, whose reply is then owed.
 * smtp_ask - send a command and read its reply. A refusal is a reply, too.
 * smtp_put_line, smtp_ask_line - the same for a line made by the caller, who
 * gets it back wiped. shown: for the trace, where the line has a secret; else
 * NULL. ERR_PROTOCOL when there is a line end in the command; ERR_IO, with the
 * server's words, when it has said something unasked.
 */
int smtp_ask(struct smtp *s, struct smtp_reply *reply, struct error *e,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
int smtp_put_line(
    struct smtp *s, struct buffer *line, const char *shown, struct error *e);
int smtp_put(struct smtp *s, struct error *e, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
int smtp_ask_line(struct smtp *s, struct buffer *line, const char *shown,
    struct smtp_reply *reply, struct error *e);

/*
 * smtp_ask_ehlo - EHLO or LHLO, and what it tells into s->ehlo. What an earlier
 * one told is forgotten (RFC 3207 section 4.2).
 */
int smtp_ask_ehlo(struct smtp *s, const char *verb, struct smtp_reply *reply,
    struct error *e);

/* smtp_receive - the next reply, all its lines. */
int smtp_receive(struct smtp *s, struct smtp_reply *reply,
    struct deadline until, struct error *e);

/*
 * smtp_unasked - octets have come that belong to no command: nothing after
 * them can be trusted. Returns -1: ERR_IO with the server's words.
 */
int smtp_unasked(struct smtp *s, struct error *e);

/*
 * smtp_cut_off - something could not be sent (e says why): a server that gives
 * up says so before it closes or stops reading. Returns -1: ERR_IO with its
 * words, if there are any.
 */
int smtp_cut_off(struct smtp *s, struct error *e);

/*
 * smtp_out_of_place - ERR_PROTOCOL: a reply that is neither what the command
 * is for nor a refusal. Returns -1.
 */
int smtp_out_of_place(struct smtp *s, const char *verb,
    const struct smtp_reply *reply, struct error *e);

#endif
