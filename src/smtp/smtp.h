/*
 * smtp.h - an SMTP and LMTP client, one function for each command (RFC 5321,
 * 1870, 2033, 2034, 3207, 4954, 6152, 6531).
 *
 * A connection belongs to one thread. Functions return 0 or -1. A refusal by
 * the server is no error of the function: it is in the reply. -1 (ERR_TIMEOUT,
 * ERR_IO, ERR_TLS, ERR_PROTOCOL, ERR_STOPPED) leaves a connection that can
 * only be freed. A 421 reply is handed out like any other; the connection is
 * then no longer usable (smtp_usable).
 */
#ifndef SMTP_SMTP_H
#define SMTP_SMTP_H

#include "base/buffer.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/stop.h"
#include "net/endpoint.h"
#include "sasl/password.h"
#include "smtp/reply.h"

#include <stdbool.h>
#include <stdint.h>

struct smtp;

struct smtp_options {
	bool lmtp; /* LHLO, one verdict for each recipient */
	const char *helo; /* NULL: this host's name or address */
	int64_t reply_timeout_ms; /* for the reply to the end of data */
};

/*
 * smtp_open - connect, greeting, EHLO (HELO where the server does not know
 * it and neither TLS nor a login is asked for), STARTTLS where the endpoint
 * asks for it (required), EHLO again.
 * at, options, stop: borrowed until smtp_free().
 * ERR_RESOLVE, ERR_CONNECT; ERR_REFUSED or ERR_BUSY when the greeting or EHLO
 * is refused for good or for now.
 */
int smtp_open(struct smtp **s, const struct endpoint *at,
    const struct smtp_options *options, const struct stop *stop,
    struct error *e);

/*
 * smtp_login - AUTH PLAIN or LOGIN (RFC 4954), by l->auth and what the server
 * offers. ERR_AUTH: refused (5yz) or no mechanism in common; ERR_BUSY: 4yz.
 */
int smtp_login(struct smtp *s, const struct login *l, const char *password,
    struct error *e);

void smtp_free(struct smtp **s); /* closes, without QUIT */
bool smtp_usable(const struct smtp *s); /* no 421 seen, nothing broken */
const struct smtp_ehlo *smtp_ehlo(const struct smtp *s);
const char *smtp_tls_text(const struct smtp *s);
bool smtp_is_lmtp(const struct smtp *s);

/* Parameters of MAIL. */
struct smtp_mail {
	const char *sender; /* without <>, "" for the null sender */
	uint64_t octets; /* SIZE=, 0: not known */
	bool eightbit; /* BODY=8BITMIME where offered */
	bool utf8; /* SMTPUTF8; only set it where it is offered */
};

int smtp_mail(struct smtp *s, const struct smtp_mail *m,
    struct smtp_reply *reply, struct error *e);
int smtp_rcpt(struct smtp *s, const char *recipient, struct smtp_reply *reply,
    struct error *e);
int smtp_data(struct smtp *s, struct smtp_reply *reply, struct error *e);

/*
 * smtp_body - a slice of content, after a 354.
 * part: octets with CRLF line ends (message/canon.h), any split; copied or
 * sent before return. Dot-stuffed here (RFC 5321 section 4.5.2).
 */
int smtp_body(struct smtp *s, struct slice part, struct error *e);

/*
 * smtp_end - end the data. The moment the first octet of it leaves, the
 * message may have been accepted: *sent is set to true just before.
 * smtp_verdict - the reply to it, within reply_timeout; in LMTP call it once
 * for each recipient that was accepted, in their order (RFC 2033).
 * These two wait until STOP_NOW, not STOP_SOON.
 */
int smtp_end(struct smtp *s, bool *sent, struct error *e);
int smtp_verdict(struct smtp *s, struct smtp_reply *reply, struct error *e);

/*
 * smtp_wait - wait for `fd`, the server, or the deadline, with octets of ours
 * flushed. Returns 2 when fd is readable, 0 at the deadline, 1 when the server
 * said something unasked or closed: the connection is then to be freed, and e
 * (ERR_IO) has its words. -1 as above.
 */
int smtp_wait(struct smtp *s, int fd, struct deadline until, struct error *e);

/*
 * smtp_early_reply - what the server said unasked before the connection failed,
 * in the middle of content for instance; its code is 0 when it said nothing.
 */
const struct smtp_reply *smtp_early_reply(const struct smtp *s);

/*
 * The same in two halves, for several commands on their way at once (RFC 2920):
 * smtp_put_… queues a command, smtp_flush sends what is queued, and smtp_get
 * reads the replies one after the other, in the order of the commands.
 *
 * smtp_put_bdat - BDAT with LAST (RFC 3030); exactly so many octets must follow
 *	by smtp_put_octets(), which are sent as they are.
 * smtp_put_end - the end of data, as smtp_end(), but only queued. No reply may
 *	be owed.
 * smtp_owed - replies that have not been read. smtp_owe - so many more will
 *	come, as in LMTP for each recipient behind the first (RFC 2033).
 * smtp_await - wait for a reply (1), for `fd` (2), both (3), or the deadline
 *	(0), with what is queued sent. Without a reply owed, what comes is
 *	unasked: -1, as is everything else.
 * smtp_get - one reply. more: whether the peer's next one has begun to arrive.
 * smtp_stop_at - which request to stop ends the waits (STOP_SOON at first).
 */
int smtp_put_mail(struct smtp *s, const struct smtp_mail *m, struct error *e);
int smtp_put_rcpt(struct smtp *s, const char *recipient, struct error *e);
int smtp_put_data(struct smtp *s, struct error *e);
int smtp_put_rset(struct smtp *s, struct error *e);
int smtp_put_bdat(struct smtp *s, uint64_t octets, struct error *e);
int smtp_put_octets(struct smtp *s, struct slice part, struct error *e);
int smtp_put_end(struct smtp *s, bool *sent, struct error *e);
int smtp_flush(struct smtp *s, struct error *e);
size_t smtp_owed(const struct smtp *s);
void smtp_owe(struct smtp *s, size_t more);
int smtp_await(struct smtp *s, int fd, struct deadline until, struct error *e);
int smtp_get(struct smtp *s, struct smtp_reply *reply, struct deadline until,
    bool *more, struct error *e);
void smtp_stop_at(struct smtp *s, enum stop_level level);

int smtp_rset(struct smtp *s, struct smtp_reply *reply, struct error *e);
int smtp_quit(struct smtp *s, struct error *e); /* politeness; frees nothing */

/*
 * smtp_leave - QUIT, where it can still be said, without waiting for the
 * answer: it would decide nothing. To be freed next.
 */
void smtp_leave(struct smtp *s);

#endif
