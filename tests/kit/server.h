/*
 * server.h - an SMTP server that serves one connection by a script, and a
 * client that talks to it. What goes wrong here fails the test.
 *
 * A script has a step a line:
 *	S text	send a line
 *	R text	send octets, as one; '|' is a line end
 *	C text	expect this line
 *	c text	expect a line that begins like this
 *	D	expect content and its end, keep it in `content`
 *	T	shake hands as a TLS server
 *	P ms	pause
 *	L n	send the next step's line n times
 *	E	expect the client to close, without another octet
 *	X	close
 */
#ifndef KIT_SERVER_H
#define KIT_SERVER_H

#include "base/stop.h"
#include "smtp/smtp.h"

#include <openssl/ssl.h>
#include <pthread.h>

/* Longer than anything that is to succeed, so that no test hangs. */
#define PATIENCE_MS 120000

#define HELLO "S 220 hi\nC EHLO me.example\n"
#define PLAIN_HELLO HELLO "S 250 hi\n"
/* NUL ann NUL secret */
#define PLAIN_RESPONSE "AGFubgBzZWNyZXQ="
#define AUTH_HELLO(mechanisms) HELLO "S 250-hi\nS 250 AUTH " mechanisms "\n"

struct server {
	const char *script;
	int listener;
	int fd;
	SSL_CTX *ctx;
	SSL *ssl;
	pthread_t thread;
	char in[4096];
	size_t next, len; /* in `in`: what has not been looked at */
	struct buffer content;
	char failure[400]; /* what was not as the script has it */
	struct endpoint at;
	char path[64];
};

/* What the client is given; options are as new with each server. */
extern struct smtp_options options;
extern struct stop *stop;

/*
 * set_up - for cmocka_run_group_tests(): a certificate for all servers, and the
 * file that the client trusts. tear_down - they have gone.
 */
int set_up(void **state);
int tear_down(void **state);

/*
 * server_start, server_start_unix - begin to serve on a free port of 127.0.0.1,
 * or on a unix socket.
 * server_end - the conversation went as the script has it.
 */
void server_start(struct server *v, const char *script);
void server_start_unix(struct server *v, const char *script);
void server_end(struct server *v);

/* The client. replies - the command was answered, by this code. */
void open_ok(struct smtp **s, struct server *v);
void open_fails(const char *script, enum tls_mode tls, enum error_kind kind,
    const char *words);
void replies(int rc, const struct smtp_reply *r, int code);

#endif
