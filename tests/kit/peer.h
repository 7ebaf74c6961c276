/*
 * peer.h - a POP3 server on the loopback that follows a script, and a client
 * that talks to it. What goes wrong here fails the test.
 *
 * A script is a list of steps:
 *	"S: text"	the server says the line
 *	"C: text"	the client must say exactly this line
 *	"RAW:octets"	the server sends them, all at once
 *	"DRIP:octets"	one at a time
 *	"PAUSE"		the server rests for a while
 *	"HUSH"		so it does, and the client must say nothing meanwhile
 *	"TLS"		the server shakes hands
 *	"SILENT"	the server says nothing until the client has gone
 * At the end the server closes, unless it is silent. What the client says
 * beyond the script is a failure. Each wait for the client ends in time, so
 * two lines of the client with none of the server between are a proof that the
 * second was sent ahead.
 */
#ifndef KIT_PEER_H
#define KIT_PEER_H

#include "pop3/pop3.h"

#include <pthread.h>
#include <stdint.h>

#define GREETING "S: +OK POP3 ready"
#define NO_CAPA "C: CAPA", "S: -ERR what?"
#define CAPA(...) "C: CAPA", "S: +OK", __VA_ARGS__, "S: ."
#define USER_PASS "C: USER ann", "S: +OK", "C: PASS s3cret", "S: +OK in"
/* NUL ann NUL s3cret */
#define PLAIN "AGFubgBzM2NyZXQ="
/* As far as the maildrop. */
#define MAILDROP GREETING, NO_CAPA, USER_PASS, NO_CAPA

#define STEPS(...) ((const char *const[]){ __VA_ARGS__, NULL })

struct peer {
	struct endpoint at; /* where it listens */
	char wrong[1000]; /* the first thing that went wrong */

	/* Private. */
	const char *const *steps; /* NULL-terminated, borrowed */
	int listener, fd;
	struct ssl_st *ssl;
	pthread_t thread;
};

/*
 * peers_begin - for cmocka_run_group_tests(): a certificate for localhost, and
 * the file that a client trusts. peers_end - they have gone.
 */
int peers_begin(void **state);
int peers_end(void **state);

/*
 * peer_start - it waits for a client. peer_finish - it has followed its script.
 */
void peer_start(struct peer *p, const char *const *steps, enum tls_mode tls);
void peer_finish(struct peer *p);

/*
 * The client. open_well and enter_maildrop fail the test where the session does
 * not open; the latter has logged in as "ann", whose password is "s3cret", as
 * has log_in.
 */
int open_at(struct peer *p, struct pop3 **pop3, struct error *e);
void open_well(struct peer *p, struct pop3 **pop3);
struct login login_of_ann(enum auth_method auth);
int log_in(struct pop3 *pop3, enum auth_method auth, const char *password,
    struct error *e);
void
enter_maildrop(struct peer *peer, const char *const *steps, struct pop3 **pop3);

/* read_content - all of it replaces what is in *all. As pop3_content(). */
int read_content(struct pop3 *pop3, struct buffer *all, struct error *e);

/* note_uid - for pop3_uidl(): "1=uid;" is added to a struct buffer. */
int note_uid(void *arg, uint32_t number, struct slice uid, struct error *e);

/* assert_error - of that kind, with those words in it, and no secret. */
void
assert_error(const struct error *e, enum error_kind kind, const char *words);

/* capture - what is said on standard error meanwhile, the trace included; until
 * the next call. */
const char *capture(void (*run)(void));

#endif
