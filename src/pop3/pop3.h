/*
 * pop3.h - a POP3 client, one function for each command (RFC 1939, 2449,
 * 2595, 5034, 8314).
 *
 * A session belongs to one thread. Functions wait for the reply, up to the
 * endpoint's timeout, and return 0 or -1. -1 with ERR_REFUSED is an -ERR to
 * that command: the session goes on, and pop3_last() has the reply. Any other
 * error (ERR_TIMEOUT, ERR_IO, ERR_TLS, ERR_PROTOCOL, ERR_STOPPED) leaves a
 * session that can only be freed.
 */
#ifndef POP3_POP3_H
#define POP3_POP3_H

#include "base/buffer.h"
#include "base/error.h"
#include "base/stop.h"
#include "net/endpoint.h"
#include "pop3/reply.h"
#include "sasl/password.h"

#include <stdbool.h>
#include <stdint.h>

struct pop3;

/* Commands that can be sent ahead, see pop3_ahead(). */
enum pop3_verb {
	POP3_STAT,
	POP3_CAPA,
	POP3_UIDL,
	POP3_LIST,
	POP3_UID, /* UIDL n */
	POP3_TOP, /* TOP n 0 */
	POP3_RETR,
	POP3_DELE,
	POP3_QUIT
};

/*
 * So that a session can be ended in order, STOP_SOON does not break off
 * pop3_uid, pop3_drain, pop3_dele, pop3_noop, pop3_quit, and the reply to
 * pop3_retr, but leaves each so much time.
 */
#define POP3_GRACE_MS (5 * 1000)

/*
 * pop3_open - connect, greeting, CAPA, STLS where the endpoint asks for it
 * (required: a refusal ends it, nothing goes out in clear), CAPA again.
 * at, stop: borrowed until pop3_free().
 * Also ERR_RESOLVE, ERR_CONNECT; a greeting [SYS/TEMP], [IN-USE], [LOGIN-DELAY]
 * is ERR_BUSY, ERR_IN_USE, ERR_LOGIN_DELAY.
 */
int pop3_open(struct pop3 **p, const struct endpoint *at,
    const struct stop *stop, struct error *e);

/*
 * pop3_open_known - the same, without CAPA: capa is what the server told
 * another time, after login. Should it be wrong by now, a login may fail in
 * strange ways (but no password goes where it would not have gone), and so may
 * what follows.
 */
int pop3_open_known(struct pop3 **p, const struct endpoint *at,
    const struct pop3_capa *capa, const struct stop *stop, struct error *e);

/*
 * pop3_login - authenticate: USER and PASS, AUTH PLAIN or AUTH LOGIN, by
 * l->auth and what the server offers; then CAPA once more. The password is
 * passed by the caller (password.h) and is not kept.
 * AUTH_AUTO: SASL PLAIN where offered, then SASL LOGIN, then USER. A second
 * mechanism is tried only when the server does not know the first one, never
 * after a refused password.
 * ERR_AUTH: the server refused it; ERR_IN_USE, ERR_LOGIN_DELAY, ERR_BUSY
 * ([SYS/TEMP]): not now; ERR_REFUSED: [SYS/PERM]; ERR_PROTOCOL.
 */
int pop3_login(struct pop3 *p, const struct login *l, const char *password,
    struct error *e);

/*
 * pop3_login_ahead - the same, with STAT, UIDL and (sizes) LIST, and CAPA if it
 * is due, in one flight with the last step of it, as if by pop3_ahead(); where
 * UIDL is not offered, without. After -1 nothing is ahead.
 * pop3_list_ahead - the second half of it: STAT, UIDL and LIST alone.
 * pop3_password_told - the password was sent, and no answer to it has come:
 * then it may be what ended the session, and whoever tells it again has told it
 * twice.
 */
int pop3_login_ahead(struct pop3 *p, const struct login *l,
    const char *password, bool sizes, struct error *e);
int pop3_list_ahead(struct pop3 *p, bool sizes, struct error *e);
bool pop3_password_told(const struct pop3 *p);

/*
 * pop3_ahead - send a command now whose answer is asked for later (RFC 2449,
 * section 6.6), by the function of that name: in the order in which they were
 * sent, and with no other command between. Between two messages only.
 * pop3_is_ahead - how many answers are outstanding; at most POP3_AHEAD_MAX, so
 *	that neither side's buffers fill up with commands (2 KiB).
 * pop3_flush - send what is queued. (Whoever reads an answer need not.)
 * pop3_proven - a RETR that was sent while another answer was outstanding has
 *	been answered with +OK.
 */
#define POP3_AHEAD_MAX ((size_t)128)
int pop3_ahead(
    struct pop3 *p, enum pop3_verb verb, uint32_t number, struct error *e);
size_t pop3_is_ahead(const struct pop3 *p);
int pop3_flush(struct pop3 *p, struct error *e);
bool pop3_proven(const struct pop3 *p);

/* pop3_pipelines - whether others are to send ahead in this session; false at
 * first. */
void pop3_let_pipeline(struct pop3 *p);
bool pop3_pipelines(const struct pop3 *p);

/* pop3_free - close without QUIT if need be: no deletion takes effect. */
void pop3_free(struct pop3 **p);

const struct pop3_capa *pop3_capa(const struct pop3 *p);
const struct pop3_reply *pop3_last(const struct pop3 *p);
/* pop3_tls_text - protocol and cipher, "" in clear. */
const char *pop3_tls_text(const struct pop3 *p);

int
pop3_stat(struct pop3 *p, uint32_t *count, uint64_t *octets, struct error *e);

/*
 * pop3_uidl, pop3_list - the whole listing; each line is handed to `line`,
 * which returns 0, or -1 with its error to break off (the session is then
 * unusable). Not more than POP3_LINES_MAX lines (ERR_PROTOCOL).
 * A line that cannot be parsed is handed over as number 0, with nothing else;
 * when there are only such lines, ERR_PROTOCOL.
 */
#define POP3_LINES_MAX 5000000
int pop3_uidl(struct pop3 *p,
    int (*line)(void *arg, uint32_t number, struct slice uid, struct error *e),
    void *arg, struct error *e);
int pop3_list(struct pop3 *p,
    int (*line)(void *arg, uint32_t number, uint64_t octets, struct error *e),
    void *arg, struct error *e);

/*
 * pop3_uid - the UID of one message, borrowed until the next call.
 */
int
pop3_uid(struct pop3 *p, uint32_t number, struct slice *uid, struct error *e);

/*
 * pop3_top (with no lines of the body), pop3_retr - ask for a message; 0 means
 * that content follows and pop3_content() must be called until it says that the
 * message has ended.
 */
int pop3_top(struct pop3 *p, uint32_t number, struct error *e);
int pop3_retr(struct pop3 *p, uint32_t number, struct error *e);

/*
 * pop3_content - the next run of the message: dot-unstuffed, octets otherwise
 * as they came, borrowed until the next call; never empty.
 * Each call waits at most one timeout.
 * Returns 1 with content, 0 at the end of the message, -1.
 */
int pop3_content(struct pop3 *p, struct slice *content, struct error *e);

/* pop3_octets - so many octets of content have come since RETR or TOP. */
uint64_t pop3_octets(const struct pop3 *p);

/*
 * pop3_drain - read and drop the rest of the message, up to `max` octets; also
 * after pop3_content() has returned ERR_STOPPED.
 * Returns 0 when the message ended, 1 when more than max was left (the session
 * is then only good for pop3_free()), -1.
 */
int pop3_drain(struct pop3 *p, uint64_t max, struct error *e);

int pop3_dele(struct pop3 *p, uint32_t number, struct error *e);
int pop3_noop(struct pop3 *p, struct error *e);

/*
 * pop3_quit - end the session; 0 only after +OK, when deletions have taken
 * effect. Frees nothing.
 */
int pop3_quit(struct pop3 *p, struct error *e);

/*
 * pop3_leave - the same for who does not mind what is answered: it is not
 * waited for. Not after DELE.
 */
void pop3_leave(struct pop3 *p);

#endif
