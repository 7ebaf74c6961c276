/* test-smtp.c - the SMTP and LMTP client against scripted servers. */
#include "smtp/smtp.h"

#include "base/log.h"
#include "base/stop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Longer than anything that is to succeed, so that no test hangs. */
#define PATIENCE_MS 10000

/*
 * A server that serves one connection by a script, a step a line:
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

/* The certificate of all servers, and where it lies as a CA file. */
static SSL_CTX *server_tls;
static char ca_file[] = "/tmp/test-smtp-ca-XXXXXX";

static struct smtp_options options;
static struct stop *stop;

static void
server_failed(struct server *v, const char *what, const char *detail)
{
	if (v->failure[0] == '\0')
		snprintf(v->failure, sizeof v->failure, "%s: %s", what, detail);
}

static void
server_send(struct server *v, struct slice s)
{
	if (v->ssl != NULL && s.len > 0) {
		if (SSL_write(v->ssl, s.data, (int)s.len) != (int)s.len)
			server_failed(v, "cannot send", "TLS");
		return;
	}
	while (s.len > 0) {
		ssize_t n = send(v->fd, s.data, s.len, MSG_NOSIGNAL);

		if (n < 0) {
			server_failed(v, "cannot send", strerror(errno));
			return;
		}
		s = slice_skip(s, (size_t)n);
	}
}

/* One octet, or -1: the client closed or was silent. */
static int
server_octet(struct server *v)
{
	struct pollfd p = { .fd = v->fd, .events = POLLIN };
	ssize_t n;

	if (v->next == v->len) {
		if (v->ssl != NULL)
			n = SSL_read(v->ssl, v->in, sizeof v->in);
		else if (poll(&p, 1, PATIENCE_MS) == 1)
			n = recv(v->fd, v->in, sizeof v->in, 0);
		else
			n = -1;
		if (n <= 0)
			return -1;
		v->next = 0;
		v->len = (size_t)n;
	}
	return (unsigned char)v->in[v->next++];
}

static void
server_line(struct server *v, struct buffer *line)
{
	int c;

	buffer_clear(line);
	buffer_add_text(line, "");
	while ((c = server_octet(v)) >= 0) {
		char octet = (char)c;

		buffer_add(line, &octet, 1);
		if (line->len >= 2 &&
		    memcmp(line->data + line->len - 2, "\r\n", 2) == 0) {
			line->len -= 2;
			line->data[line->len] = '\0';
			return;
		}
	}
	buffer_add_text(line, "(end)");
}

static void
server_expect(struct server *v, const char *text, bool whole)
{
	struct buffer line = { 0 };

	server_line(v, &line);
	if (whole ? strcmp(line.data, text) != 0
		  : strncmp(line.data, text, strlen(text)) != 0) {
		char what[300];

		snprintf(what, sizeof what, "expected \"%.100s\", got", text);
		server_failed(v, what, line.data);
	}
	buffer_free(&line);
}

static void
server_content(struct server *v)
{
	struct buffer *b = &v->content;
	int c;

	buffer_add_text(b, "");
	while ((c = server_octet(v)) >= 0) {
		char octet = (char)c;

		buffer_add(b, &octet, 1);
		if (b->len >= 5 &&
		    memcmp(b->data + b->len - 5, "\r\n.\r\n", 5) == 0)
			return;
		if (b->len == 3 && memcmp(b->data, ".\r\n", 3) == 0)
			return;
	}
	server_failed(v, "content without end", "");
}

static void
server_expect_end(struct server *v)
{
	if (server_octet(v) >= 0)
		server_failed(v, "octets after", v->script);
}

static void
server_start_tls(struct server *v)
{
	v->ssl = SSL_new(v->ctx);
	if (v->ssl == NULL || SSL_set_fd(v->ssl, v->fd) != 1 ||
	    SSL_accept(v->ssl) != 1)
		server_failed(v, "no TLS", "");
}

static void
server_step(struct server *v, char step, const char *text, int *times)
{
	struct buffer line = { 0 };

	switch (step) {
	case 'S':
		buffer_addf(&line, "%s\r\n", text);
		for (; *times > 0; --*times)
			server_send(v, buffer_slice(&line));
		*times = 1;
		break;
	case 'R':
		for (; *text != '\0'; text++)
			buffer_add_text(&line,
			    *text == '|' ? "\r\n" : (char[]){ *text, '\0' });
		server_send(v, buffer_slice(&line));
		break;
	case 'C':
	case 'c':
		server_expect(v, text, step == 'C');
		break;
	case 'D':
		server_content(v);
		break;
	case 'T':
		server_start_tls(v);
		break;
	case 'P':
		usleep((useconds_t)atoi(text) * 1000);
		break;
	case 'L':
		*times = atoi(text);
		break;
	case 'E':
		server_expect_end(v);
		break;
	default:
		break;
	}
	buffer_free(&line);
}

static void *
server_thread(void *arg)
{
	struct server *v = arg;
	struct pollfd p = { .fd = v->listener, .events = POLLIN };
	const char *s = v->script;
	int times = 1;

	if (poll(&p, 1, PATIENCE_MS) != 1 ||
	    (v->fd = accept(v->listener, NULL, NULL)) < 0) {
		server_failed(v, "nobody", "came");
		return NULL;
	}
	while (*s != '\0' && v->failure[0] == '\0') {
		size_t n = strcspn(s, "\n");
		char text[600];

		snprintf(text, sizeof text, "%.*s", n > 2 ? (int)n - 2 : 0,
		    n > 2 ? s + 2 : "");
		server_step(v, s[0], text, &times);
		s += n + (s[n] == '\n');
	}
	if (v->ssl != NULL)
		SSL_free(v->ssl);
	close(v->fd);
	return NULL;
}

static void
server_listen(struct server *v, const struct sockaddr *sa, socklen_t len)
{
	v->listener = socket(sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(v->listener >= 0);
	assert_return_code(bind(v->listener, sa, len), errno);
	assert_return_code(listen(v->listener, 1), errno);
}

static void
server_prepare(struct server *v, const char *script)
{
	*v = (struct server){ .script = script, .fd = -1, .ctx = server_tls };
	v->at = (struct endpoint){ .name = "home",
		.tls = TLS_NONE,
		.ca_file = ca_file,
		.timeout_ms = PATIENCE_MS };
	options = (struct smtp_options){ .helo = "me.example",
		.reply_timeout_ms = PATIENCE_MS };
}

static void
server_run(struct server *v)
{
	assert_int_equal(pthread_create(&v->thread, NULL, server_thread, v), 0);
}

/* Begin to serve on a free port of 127.0.0.1. */
static void
server_start(struct server *v, const char *script)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof in;

	server_prepare(v, script);
	server_listen(v, (struct sockaddr *)&in, sizeof in);
	assert_return_code(
	    getsockname(v->listener, (struct sockaddr *)&in, &len), errno);
	v->at.host = "127.0.0.1";
	v->at.port = ntohs(in.sin_port);
	server_run(v);
}

/* Begin to serve on a unix socket. */
static void
server_start_unix(struct server *v, const char *script)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	server_prepare(v, script);
	snprintf(v->path, sizeof v->path, "/tmp/test-smtp-%ld", (long)getpid());
	snprintf(un.sun_path, sizeof un.sun_path, "%s", v->path);
	server_listen(v, (struct sockaddr *)&un, sizeof un);
	v->at.path = v->path;
	server_run(v);
}

/* The conversation went as the script has it. */
static void
server_end(struct server *v)
{
	assert_int_equal(pthread_join(v->thread, NULL), 0);
	close(v->listener);
	if (v->path[0] != '\0')
		unlink(v->path);
	if (v->failure[0] != '\0')
		fail_msg("%s", v->failure);
	buffer_free(&v->content);
}

static void
open_ok(struct smtp **s, struct server *v)
{
	struct error e;

	if (smtp_open(s, &v->at, &options, stop, &e) < 0)
		fail_msg("%s", e.text);
}

static void
open_fails(const char *script, enum tls_mode tls, enum error_kind kind,
    const char *words)
{
	struct error e = { 0 };
	struct server v;
	struct smtp *s;

	server_start(&v, script);
	v.at.tls = tls;
	assert_int_equal(smtp_open(&s, &v.at, &options, stop, &e), -1);
	assert_null(s);
	if (e.kind != kind || strstr(e.text, words) == NULL)
		fail_msg("%s: %s", error_name(e.kind), e.text);
	server_end(&v);
}

static void
replies(int rc, const struct smtp_reply *r, int code)
{
	assert_int_equal(rc, 0);
	assert_int_equal(r->code, code);
}

#define HELLO "S 220 hi\nC EHLO me.example\n"
#define PLAIN_HELLO HELLO "S 250 hi\n"

static void
what_ehlo_offers_is_known_after_opening(void **state)
{
	struct server v;
	struct smtp *s;

	(void)state;
	server_start(&v,
	    "S 220-hi\nS 220 there\nC EHLO me.example\nS 250-STARTTLS is no "
	    "keyword here\nS 250-SIZE 1000\nS 250-AUTH PLAIN\nS 250 "
	    "8BITMIME\nE\n");
	open_ok(&s, &v);
	assert_true(smtp_ehlo(s)->extended && smtp_ehlo(s)->size);
	assert_true(smtp_ehlo(s)->eightbitmime && !smtp_ehlo(s)->starttls);
	assert_int_equal(smtp_ehlo(s)->size_limit, 1000);
	assert_string_equal(smtp_ehlo(s)->auth, "PLAIN");
	assert_true(smtp_usable(s) && !smtp_is_lmtp(s));
	assert_string_equal(smtp_tls_text(s), "");
	smtp_free(&s);
	assert_null(s);
	server_end(&v);
}

static void
helo_is_said_where_ehlo_is_unknown(void **state)
{
	static const char *const refusals[] = { "500", "501 5.5.1 what?",
		"502-no\nS 502 SIZE 5", "504 no" };
	struct login login = { .user = "ann" };
	struct error e;
	struct server v;
	struct smtp *s;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
		char script[200];

		snprintf(script, sizeof script,
		    HELLO "S %s\nC HELO me.example\nS 250 hi\nE\n",
		    refusals[i]);
		server_start(&v, script);
		open_ok(&s, &v);
		assert_false(smtp_ehlo(s)->extended || smtp_ehlo(s)->size);
		assert_int_equal(smtp_login(s, &login, "secret", &e), -1);
		assert_int_equal(e.kind, ERR_AUTH);
		assert_non_null(strstr(e.text, "offers no AUTH"));
		smtp_free(&s);
		server_end(&v);
	}
}

static void
helo_is_not_said_where_it_would_not_do(void **state)
{
	struct error e;
	struct server v;
	struct smtp *s;

	(void)state;
	open_fails(HELLO "S 500 what?\nE\n", TLS_STARTTLS, ERR_REFUSED, "500");
	open_fails(
	    HELLO "S 550 go away\nE\n", TLS_NONE, ERR_REFUSED, "go away");
	open_fails(HELLO "S 450 later\nE\n", TLS_NONE, ERR_BUSY, "later");
	open_fails(HELLO "S 220 what?\nE\n", TLS_NONE, ERR_PROTOCOL, "220");
	open_fails(HELLO "S 500 what?\nC HELO me.example\nS 550 no\nE\n",
	    TLS_NONE, ERR_REFUSED, "550");
	server_start(&v, "S 220 hi\nC LHLO me.example\nS 500 what?\nE\n");
	options.lmtp = true;
	assert_int_equal(smtp_open(&s, &v.at, &options, stop, &e), -1);
	assert_int_equal(e.kind, ERR_REFUSED);
	server_end(&v);
}

static void
a_greeting_other_than_220_ends_it(void **state)
{
	(void)state;
	open_fails("S 421 too many\nE\n", TLS_NONE, ERR_BUSY, "421 too many");
	open_fails("S 450 4.3.2 later\nE\n", TLS_NONE, ERR_BUSY, "4.3.2 later");
	open_fails("S 554 never\nE\n", TLS_NONE, ERR_REFUSED, "554 never");
	open_fails("S 521 never\nE\n", TLS_NONE, ERR_REFUSED, "521 never");
	open_fails("S 250 hi\nE\n", TLS_NONE, ERR_PROTOCOL, "250 hi");
	open_fails("S 354 hi\nE\n", TLS_NONE, ERR_PROTOCOL, "354 hi");
	open_fails("S +OK POP3\nE\n", TLS_NONE, ERR_PROTOCOL, "+OK POP3");
	open_fails("S 220-hi\nS 221 hi\nE\n", TLS_NONE, ERR_PROTOCOL, "221");
	open_fails("R 220 hi|220 hi|\nE\n", TLS_NONE, ERR_IO, "unasked");
	open_fails("X\n", TLS_NONE, ERR_IO, "");
	open_fails("R 220 hi\nX\n", TLS_NONE, ERR_IO, "");
}

static void
only_whole_and_consistent_replies_count(void **state)
{
	(void)state;
	open_fails(
	    HELLO "S 250-a\nS 550 b\nE\n", TLS_NONE, ERR_PROTOCOL, "550");
	open_fails(HELLO "S 250-a\nS b\nE\n", TLS_NONE, ERR_PROTOCOL, "");
	open_fails(HELLO "S 250-a\nX\n", TLS_NONE, ERR_IO, "");
	open_fails(HELLO "R 250 a\nX\n", TLS_NONE, ERR_IO, "");
	open_fails(HELLO "S 999 a\nE\n", TLS_NONE, ERR_PROTOCOL, "999");
	open_fails(HELLO "S \nE\n", TLS_NONE, ERR_PROTOCOL, "");
	open_fails(HELLO "L 200\nS 250-a\nP 100\nE\n", TLS_NONE, ERR_PROTOCOL,
	    "200 lines");
}

static void
endless_lines_are_cut_off(void **state)
{
	char line[600];
	struct buffer script = { 0 };
	int i;

	(void)state;
	memset(line, 'x', sizeof line);
	line[500] = '\0';
	buffer_add_text(&script, HELLO "R 250 \n");
	for (i = 0; i < 9; i++)
		buffer_addf(&script, "R %s\n", line);
	buffer_add_text(&script, "P 300\nE\n");
	open_fails(script.data, TLS_NONE, ERR_PROTOCOL, "line");
	buffer_free(&script);
}

static void
starttls_that_is_not_to_be_had_ends_it(void **state)
{
	(void)state;
	open_fails(PLAIN_HELLO "E\n", TLS_STARTTLS, ERR_TLS,
	    "nothing was sent in clear");
	open_fails(HELLO "S 250-hi\nS 250 STARTTLS\nC STARTTLS\n"
			 "S 454 4.7.0 not now\nE\n",
	    TLS_STARTTLS, ERR_TLS, "4.7.0 not now");
	open_fails(HELLO "S 250-hi\nS 250 STARTTLS\nC STARTTLS\n"
			 "S 502 no\nE\n",
	    TLS_STARTTLS, ERR_TLS, "nothing was sent in clear");
	open_fails(HELLO "S 250-hi\nS 250 STARTTLS\nC STARTTLS\n"
			 "S 250 ok\nE\n",
	    TLS_STARTTLS, ERR_TLS, "250");
}

static void
words_injected_before_tls_end_it(void **state)
{
	(void)state;
	open_fails(HELLO "S 250-hi\nS 250 STARTTLS\nC STARTTLS\n"
			 "R 220 go|250 hi|\nE\n",
	    TLS_STARTTLS, ERR_PROTOCOL, "");
}

static void
facts_from_before_tls_are_forgotten(void **state)
{
	struct server v;
	struct smtp *s;

	(void)state;
	server_start(&v,
	    HELLO "S 250-hi\nS 250-SIZE 5\nS 250-AUTH LOGIN\nS 250 STARTTLS\n"
		  "C STARTTLS\nS 220 go\nT\nC EHLO me.example\nS 250-hi\n"
		  "S 250 8BITMIME\nC QUIT\nS 221 bye\nE\n");
	v.at.tls = TLS_STARTTLS;
	open_ok(&s, &v);
	assert_true(smtp_ehlo(s)->eightbitmime);
	assert_false(smtp_ehlo(s)->size || smtp_ehlo(s)->starttls);
	assert_string_equal(smtp_ehlo(s)->auth, "");
	assert_int_equal(strncmp(smtp_tls_text(s), "TLSv1.", 6), 0);
	assert_int_equal(smtp_quit(s, &(struct error){ 0 }), 0);
	smtp_free(&s);
	server_end(&v);
}

static void
tls_from_the_first_octet_works(void **state)
{
	struct server v;
	struct smtp *s;

	(void)state;
	server_start(&v, "T\nS 220 hi\nC EHLO me.example\nS 250 hi\nE\n");
	v.at.tls = TLS_IMPLICIT;
	open_ok(&s, &v);
	smtp_free(&s);
	server_end(&v);
}

/* ann, secret */
#define PLAIN_RESPONSE "AGFubgBzZWNyZXQ="
#define AUTH_HELLO(mechanisms) HELLO "S 250-hi\nS 250 AUTH " mechanisms "\n"

static int
log_in(const char *script, enum auth_method method, const char *password,
    struct error *e)
{
	struct login login = { .user = "ann", .auth = method };
	struct server v;
	struct smtp *s;
	int rc;

	*e = (struct error){ 0 };
	server_start(&v, script);
	open_ok(&s, &v);
	rc = smtp_login(s, &login, password, e);
	smtp_free(&s);
	server_end(&v);
	assert_null(strstr(e->text, password));
	assert_null(strstr(e->text, PLAIN_RESPONSE));
	return rc;
}

static void
a_login_by_plain_is_one_command(void **state)
{
	struct error e;

	(void)state;
	assert_int_equal(
	    log_in(AUTH_HELLO("LOGIN PLAIN") "C AUTH PLAIN " PLAIN_RESPONSE
					     "\nS 235 2.7.0 ok\nE\n",
		AUTH_AUTO, "secret", &e),
	    0);
}

static void
a_login_by_login_is_three(void **state)
{
	struct error e;

	(void)state;
	assert_int_equal(
	    log_in(
		AUTH_HELLO(
		    "PLAIN LOGIN") "C AUTH LOGIN\nS 334 VXNlcm5hbWU6\nC YW5u\n"
				   "S 334 UGFzc3dvcmQ6\nC c2VjcmV0\nS 235 "
				   "ok\nE\n",
		AUTH_LOGIN, "secret", &e),
	    0);
	assert_int_equal(
	    log_in(HELLO "S 250-hi\nS 250 AUTH=LOGIN\n"
			 "C AUTH LOGIN\nS 334 VXNlcm5hbWU6\nC YW5u\n"
			 "S 334 UGFzc3dvcmQ6\nC c2VjcmV0\nS 235 ok\nE\n",
		AUTH_AUTO, "secret", &e),
	    0);
}

static void
an_initial_response_that_does_not_fit_waits(void **state)
{
	struct error e;
	char password[421];
	int rc;

	(void)state;
	memset(password, 'x', sizeof password - 1);
	password[sizeof password - 1] = '\0';
	rc = log_in(
	    AUTH_HELLO(
		"PLAIN") "C AUTH PLAIN\nS 334 \nc AGFubgB4eHh4\nS 235 ok\nE\n",
	    AUTH_AUTO, password, &e);
	assert_int_equal(rc, 0);
	/* "AUTH PLAIN ", 496 of base64, CRLF: 509 octets. */
	password[367] = '\0';
	rc = log_in(
	    AUTH_HELLO("PLAIN") "c AUTH PLAIN AGFubgB4eHh4\nS 235 ok\nE\n",
	    AUTH_AUTO, password, &e);
	assert_int_equal(rc, 0);
	/* Four more: 513. */
	password[367] = 'x';
	password[368] = '\0';
	rc = log_in(
	    AUTH_HELLO(
		"PLAIN") "C AUTH PLAIN\nS 334\nc AGFubgB4eHh4\nS 235 ok\nE\n",
	    AUTH_AUTO, password, &e);
	assert_int_equal(rc, 0);
}

static void
a_refused_login_is_not_tried_again(void **state)
{
	static const struct {
		const char *reply, *words;
		enum error_kind kind;
	} rows[] = {
		{ "535 5.7.8 wrong", "535 5.7.8 wrong", ERR_AUTH },
		{ "534 too weak", "setting auth", ERR_AUTH },
		{ "538 TLS first", "setting tls", ERR_AUTH },
		{ "530 STARTTLS first", "setting tls", ERR_AUTH },
		{ "504 unknown", "504", ERR_AUTH },
		{ "454 4.7.0 later", "4.7.0 later", ERR_BUSY },
		{ "421 bye", "421", ERR_BUSY },
		{ "250 ok", "250", ERR_PROTOCOL },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct error e;
		char script[200];

		snprintf(script, sizeof script,
		    AUTH_HELLO("PLAIN LOGIN") "C AUTH PLAIN " PLAIN_RESPONSE
					      "\nS %s\nE\n",
		    rows[i].reply);
		assert_int_equal(log_in(script, AUTH_AUTO, "secret", &e), -1);
		assert_int_equal(e.kind, rows[i].kind);
		assert_non_null(strstr(e.text, rows[i].words));
	}
}

static void
an_exchange_that_goes_wrong_is_cancelled(void **state)
{
	struct error e;

	(void)state;
	assert_int_equal(
	    log_in(AUTH_HELLO("PLAIN") "C AUTH PLAIN " PLAIN_RESPONSE
				       "\nS 334 \nC *\nS 501 ok\nE\n",
		AUTH_AUTO, "secret", &e),
	    -1);
	assert_int_equal(e.kind, ERR_PROTOCOL);
	assert_int_equal(
	    log_in(AUTH_HELLO(
		       "LOGIN") "C AUTH LOGIN\nS 334 !!!\nC *\nS 501 ok\nE\n",
		AUTH_AUTO, "secret", &e),
	    -1);
	assert_int_equal(e.kind, ERR_PROTOCOL);
	assert_int_equal(log_in(AUTH_HELLO("LOGIN") "C AUTH LOGIN\nX\n",
			     AUTH_AUTO, "secret", &e),
	    -1);
	assert_int_equal(
	    log_in(AUTH_HELLO("LOGIN") "C AUTH LOGIN\nS 235 already?\nE\n",
		AUTH_AUTO, "secret", &e),
	    -1);
	assert_int_equal(e.kind, ERR_PROTOCOL);
}

static void
an_overlong_challenge_is_cancelled(void **state)
{
	struct buffer script = { 0 };
	struct error e;
	int i;

	(void)state;
	buffer_add_text(&script, AUTH_HELLO("LOGIN") "C AUTH LOGIN\nR 334 \n");
	buffer_add_text(&script, "R ");
	for (i = 0; i < 140; i++)
		buffer_add_text(&script, "AAAA");
	buffer_add_text(&script, "\nS \nC *\nS 501 ok\nE\n");
	assert_int_equal(log_in(script.data, AUTH_AUTO, "secret", &e), -1);
	assert_int_equal(e.kind, ERR_PROTOCOL);
	buffer_free(&script);
}

static void
a_login_needs_a_mechanism_in_common(void **state)
{
	struct error e;

	(void)state;
	assert_int_equal(log_in(AUTH_HELLO("CRAM-MD5 GSSAPI") "E\n", AUTH_AUTO,
			     "secret", &e),
	    -1);
	assert_int_equal(e.kind, ERR_AUTH);
	assert_non_null(strstr(e.text, "CRAM-MD5"));
	assert_int_equal(
	    log_in(AUTH_HELLO("PLAIN") "E\n", AUTH_LOGIN, "secret", &e), -1);
	assert_int_equal(e.kind, ERR_AUTH);
	assert_int_equal(
	    log_in(PLAIN_HELLO "E\n", AUTH_AUTO, "secret", &e), -1);
	assert_int_equal(e.kind, ERR_AUTH);
}

static void
parameters_of_mail_are_sent_only_where_offered(void **state)
{
	static const struct smtp_mail all = {
		.sender = "a@b", .octets = 5120, .eightbit = true, .utf8 = true
	};
	static const struct smtp_mail none = { .sender = "" };
	struct smtp_mail safe = all;
	struct smtp_reply r;
	struct error e;
	struct server v;
	struct smtp *s;

	(void)state;
	server_start(&v,
	    HELLO "S 250-hi\nS 250-SIZE\nS 250-8BITMIME\nS 250 SMTPUTF8\n"
		  "C MAIL FROM:<a@b> SIZE=5120 BODY=8BITMIME SMTPUTF8\n"
		  "S 250 2.1.0 ok\nC RSET\nS 250 ok\nC MAIL FROM:<>\n"
		  "S 250 ok\nE\n");
	open_ok(&s, &v);
	replies(smtp_mail(s, &all, &r, &e), &r, 250);
	replies(smtp_rset(s, &r, &e), &r, 250);
	replies(smtp_mail(s, &none, &r, &e), &r, 250);
	smtp_free(&s);
	server_end(&v);
	server_start(&v, PLAIN_HELLO "C MAIL FROM:<a@b>\nS 250 ok\nE\n");
	open_ok(&s, &v);
	safe.utf8 = false;
	replies(smtp_mail(s, &safe, &r, &e), &r, 250);
	smtp_free(&s);
	server_end(&v);
}

static void
no_address_carries_a_second_command(void **state)
{
	static const char *const evil[] = { "a@b>\r\nRCPT TO:<c@d", "a\nb",
		"a\rb", "a@b> SIZE=1", "<a@b" };
	struct smtp_reply r;
	struct error e;
	struct server v;
	struct smtp *s;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof evil / sizeof evil[0]; i++) {
		struct smtp_mail mail = { .sender = evil[i] };

		server_start(&v, PLAIN_HELLO "E\n");
		open_ok(&s, &v);
		assert_int_equal(smtp_mail(s, &mail, &r, &e), -1);
		assert_int_equal(e.kind, ERR_PROTOCOL);
		assert_int_equal(smtp_rcpt(s, evil[i], &r, &e), -1);
		assert_int_equal(e.kind, ERR_PROTOCOL);
		assert_false(smtp_usable(s));
		smtp_free(&s);
		server_end(&v);
	}
	server_start(&v, "S 220 hi\nE\n");
	options.helo = "a\r\nMAIL FROM:<>";
	assert_int_equal(smtp_open(&s, &v.at, &options, stop, &e), -1);
	server_end(&v);
}

/* Up to the 354, with one recipient. */
#define TO_DATA                                                            \
	PLAIN_HELLO "C MAIL FROM:<a@b>\nS 250 ok\nC RCPT TO:<c@d>\nS 250 " \
		    "ok\nC DATA\nS 354 go\n"

static void
begin_data(struct smtp **s, struct server *v)
{
	static const struct smtp_mail mail = { .sender = "a@b" };
	struct smtp_reply r;
	struct error e;

	open_ok(s, v);
	replies(smtp_mail(*s, &mail, &r, &e), &r, 250);
	replies(smtp_rcpt(*s, "c@d", &r, &e), &r, 250);
	replies(smtp_data(*s, &r, &e), &r, 354);
}

static void
content_is_sent_dot_stuffed_at_every_split(void **state)
{
	static const char content[] = "A: b\r\n\r\n.\r\n..\r\nx.\r\n.x\r\n\r\n";
	static const char wire[] =
	    "A: b\r\n\r\n..\r\n...\r\nx.\r\n..x\r\n\r\n.\r\n";
	struct smtp_reply r;
	struct error e;
	struct server v;
	struct smtp *s;
	size_t cut;

	(void)state;
	for (cut = 0; cut < sizeof content; cut++) {
		size_t rest = sizeof content - 1 - cut;
		bool sent = false;

		server_start(&v, TO_DATA "D\nS 250 2.0.0 kept\nE\n");
		begin_data(&s, &v);
		assert_int_equal(smtp_body(s, slice_make(content, cut), &e), 0);
		assert_int_equal(
		    smtp_body(s, slice_make(content + cut, rest), &e), 0);
		assert_int_equal(smtp_end(s, &sent, &e), 0);
		assert_true(sent);
		replies(smtp_verdict(s, &r, &e), &r, 250);
		assert_string_equal(r.text, "kept");
		smtp_free(&s);
		assert_int_equal(pthread_join(v.thread, NULL), 0);
		assert_string_equal(v.failure, "");
		assert_string_equal(v.content.data, wire);
		buffer_free(&v.content);
		close(v.listener);
	}
}

static void
messages_with_and_without_content_follow_each_other(void **state)
{
	static const struct smtp_mail mail = { .sender = "a@b" };
	struct smtp_reply r;
	struct error e;
	struct server v;
	struct smtp *s;
	bool sent = false;

	(void)state;
	server_start(&v,
	    TO_DATA "C .\nS 250 ok\nC MAIL FROM:<a@b>\nS 250 ok\n"
		    "C RCPT TO:<c@d>\nS 250 ok\nC DATA\nS 354 go\nC ..x\nC .\n"
		    "S 451 4.3.0 later\nC DATA\nS 354 go\nC ..y\nC .\n"
		    "S 250 ok\nC RSET\nS 250 ok\nC QUIT\nS 221 bye\n"
		    "E\n");
	begin_data(&s, &v);
	assert_int_equal(smtp_end(s, &sent, &e), 0);
	replies(smtp_verdict(s, &r, &e), &r, 250);
	replies(smtp_mail(s, &mail, &r, &e), &r, 250);
	replies(smtp_rcpt(s, "c@d", &r, &e), &r, 250);
	replies(smtp_data(s, &r, &e), &r, 354);
	/* An open last line leaves nothing behind for the next message. */
	assert_int_equal(smtp_body(s, slice_of(".x"), &e), 0);
	assert_int_equal(smtp_end(s, &sent, &e), 0);
	replies(smtp_verdict(s, &r, &e), &r, 451);
	assert_int_equal(r.class, 4);
	replies(smtp_data(s, &r, &e), &r, 354);
	assert_int_equal(smtp_body(s, slice_of(".y\r\n"), &e), 0);
	assert_int_equal(smtp_end(s, &sent, &e), 0);
	replies(smtp_verdict(s, &r, &e), &r, 250);
	replies(smtp_rset(s, &r, &e), &r, 250);
	assert_int_equal(smtp_quit(s, &e), 0);
	assert_false(smtp_usable(s));
	smtp_free(&s);
	server_end(&v);
}

static void
refusals_are_handed_out_as_replies(void **state)
{
	static const struct smtp_mail mail = { .sender = "a@b" };
	struct smtp_reply r;
	struct error e;
	struct server v;
	struct smtp *s;

	(void)state;
	server_start(&v,
	    PLAIN_HELLO "C MAIL FROM:<a@b>\nS 452 full\nC MAIL FROM:<a@b>\n"
			"S 250 ok\nC RCPT TO:<c@d>\nS 550-5.1.1 no\n"
			"S 550 5.1.1 such user\nC DATA\nS 503 no\nE\n");
	open_ok(&s, &v);
	replies(smtp_mail(s, &mail, &r, &e), &r, 452);
	replies(smtp_mail(s, &mail, &r, &e), &r, 250);
	replies(smtp_rcpt(s, "c@d", &r, &e), &r, 550);
	assert_string_equal(r.text, "no / such user");
	replies(smtp_data(s, &r, &e), &r, 503);
	assert_true(smtp_usable(s));
	smtp_free(&s);
	server_end(&v);
}

static void
a_421_is_a_reply_and_the_last(void **state)
{
	static const struct smtp_mail mail = { .sender = "a@b" };
	struct smtp_reply r;
	struct error e;
	struct server v;
	struct smtp *s;

	(void)state;
	server_start(&v, PLAIN_HELLO "C MAIL FROM:<a@b>\nS 421 bye\nE\n");
	open_ok(&s, &v);
	replies(smtp_mail(s, &mail, &r, &e), &r, 421);
	assert_false(smtp_usable(s));
	assert_int_equal(smtp_quit(s, &e), 0);
	smtp_free(&s);
	server_end(&v);
}

static void
replies_out_of_place_are_protocol_errors(void **state)
{
	static const struct smtp_mail mail = { .sender = "a@b" };
	struct smtp_reply r;
	struct error e;
	struct server v;
	struct smtp *s;
	bool sent = false;

	(void)state;
	server_start(&v, PLAIN_HELLO "C MAIL FROM:<a@b>\nS 354 go\nE\n");
	open_ok(&s, &v);
	assert_int_equal(smtp_mail(s, &mail, &r, &e), -1);
	assert_int_equal(e.kind, ERR_PROTOCOL);
	smtp_free(&s);
	server_end(&v);

	server_start(&v, PLAIN_HELLO "C DATA\nS 250 ok\nE\n");
	open_ok(&s, &v);
	assert_int_equal(smtp_data(s, &r, &e), -1);
	assert_int_equal(e.kind, ERR_PROTOCOL);
	smtp_free(&s);
	server_end(&v);

	server_start(&v, TO_DATA "D\nS 354 again?\nE\n");
	begin_data(&s, &v);
	assert_int_equal(smtp_end(s, &sent, &e), 0);
	assert_int_equal(smtp_verdict(s, &r, &e), -1);
	assert_int_equal(e.kind, ERR_PROTOCOL);
	assert_false(smtp_usable(s));
	smtp_free(&s);
	server_end(&v);
}

static void
a_half_verdict_is_none(void **state)
{
	static const char *const verdicts[] = { "R 250 ok\nX\n",
		"S 250-ok\nX\n", "S 250-ok\nS 550 no\nE\n", "S 25\nE\n",
		"X\n" };
	struct smtp_reply r;
	struct error e;
	struct server v;
	struct smtp *s;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof verdicts / sizeof verdicts[0]; i++) {
		char script[300];
		bool sent = false;

		snprintf(
		    script, sizeof script, "%sD\n%s", TO_DATA, verdicts[i]);
		server_start(&v, script);
		begin_data(&s, &v);
		assert_int_equal(smtp_end(s, &sent, &e), 0);
		assert_true(sent);
		assert_int_equal(smtp_verdict(s, &r, &e), -1);
		assert_true(e.kind == ERR_PROTOCOL || e.kind == ERR_IO);
		smtp_free(&s);
		server_end(&v);
	}
}

static void
a_reply_amid_content_keeps_the_end_back(void **state)
{
	static const char *const words[] = { "S 552 too big\n",
		"S 421 going down\n", "S 250 ok\n", "X\n" };
	struct error e;
	struct server v;
	struct smtp *s;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof words / sizeof words[0]; i++) {
		char script[300];
		bool sent = false;

		snprintf(script, sizeof script, "%s%sE\n", TO_DATA, words[i]);
		if (words[i][0] == 'X')
			snprintf(script, sizeof script, "%sX\n", TO_DATA);
		server_start(&v, script);
		begin_data(&s, &v);
		assert_int_equal(smtp_body(s, slice_of("A: b\r\n"), &e), 0);
		usleep(100 * 1000);
		assert_int_equal(smtp_end(s, &sent, &e), -1);
		assert_int_equal(e.kind, ERR_IO);
		assert_false(sent || smtp_usable(s));
		if (i == 0)
			assert_non_null(strstr(e.text, "552 too big"));
		smtp_free(&s);
		server_end(&v);
	}
}

/* Reads nothing until it has said a lot, then all. */
static void
a_talking_server_and_long_content_do_not_deadlock(void **state)
{
	static char part[64 * 1024];
	struct error e = { 0 };
	struct server v;
	struct smtp *s;
	bool sent = false;
	int i, rc = 0;

	(void)state;
	memset(part, 'x', sizeof part);
	memcpy(part + sizeof part - 2, "\r\n", 2);
	server_start(&v, TO_DATA "P 200\nS 451 what?\nP 200\nD\nE\n");
	begin_data(&s, &v);
	for (i = 0; i < 128 && rc == 0; i++)
		rc = smtp_body(s, slice_make(part, sizeof part), &e);
	assert_int_equal(rc, 0);
	assert_int_equal(smtp_end(s, &sent, &e), -1);
	assert_non_null(strstr(e.text, "451 what?"));
	assert_false(sent);
	smtp_free(&s);
	assert_int_equal(pthread_join(v.thread, NULL), 0);
	assert_string_equal(v.failure, "content without end: ");
	buffer_free(&v.content);
	close(v.listener);
}

static void
words_of_a_server_that_gave_up_are_told(void **state)
{
	static char part[64 * 1024];
	struct error e = { 0 };
	struct server v;
	struct smtp *s;
	int i, rc = 0;

	(void)state;
	memset(part, 'x', sizeof part);
	memcpy(part + sizeof part - 2, "\r\n", 2);
	server_start(&v, TO_DATA "S 552 enough\nP 300\nX\n");
	begin_data(&s, &v);
	for (i = 0; i < 1000 && rc == 0; i++)
		rc = smtp_body(s, slice_make(part, sizeof part), &e);
	assert_int_equal(rc, -1);
	assert_int_equal(e.kind, ERR_IO);
	assert_non_null(strstr(e.text, "552 enough"));
	smtp_free(&s);
	server_end(&v);
}

static void
words_of_a_server_that_reads_no_more_are_told(void **state)
{
	static char part[64 * 1024];
	struct error e = { 0 };
	struct server v;
	struct smtp *s;
	int i, rc = 0;

	(void)state;
	memset(part, 'x', sizeof part);
	memcpy(part + sizeof part - 2, "\r\n", 2);
	server_start(&v, TO_DATA "S 552 5.3.4 enough\nP 600\nX\n");
	v.at.timeout_ms = 200;
	begin_data(&s, &v);
	for (i = 0; i < 1000 && rc == 0; i++)
		rc = smtp_body(s, slice_make(part, sizeof part), &e);
	assert_int_equal(rc, -1);
	assert_int_equal(e.kind, ERR_IO);
	assert_non_null(strstr(e.text, "552 5.3.4 enough"));
	assert_int_equal(smtp_early_reply(s)->code, 552);
	assert_int_equal(smtp_early_reply(s)->detail, 4);
	smtp_free(&s);
	server_end(&v);
}

static void
words_before_closing_are_told_where_nothing_can_be_sent(void **state)
{
	static const struct smtp_mail mail = { .sender = "a@b" };
	struct smtp_reply r;
	struct error e;
	struct server v;
	struct smtp *s;

	(void)state;
	server_start_unix(&v,
	    "S 220 hi\nC LHLO me.example\nS 250 hi\n"
	    "P 100\nS 421 4.4.2 idle\nX\n");
	options.lmtp = true;
	open_ok(&s, &v);
	assert_int_equal(pthread_join(v.thread, NULL), 0);
	assert_string_equal(v.failure, "");
	assert_int_equal(smtp_mail(s, &mail, &r, &e), -1);
	assert_int_equal(e.kind, ERR_IO);
	assert_non_null(strstr(e.text, "421 4.4.2 idle"));
	smtp_free(&s);
	close(v.listener);
	unlink(v.path);
}

static void
no_greeting_makes_one_think_of_tls(void **state)
{
	static const struct {
		enum tls_mode tls;
		bool hint;
	} rows[] = { { TLS_NONE, true }, { TLS_STARTTLS, true },
		{ TLS_IMPLICIT, false } };
	struct error e;
	struct server v;
	struct smtp *s;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		bool tls = rows[i].tls == TLS_IMPLICIT;

		server_start(&v, tls ? "T\nP 400\n" : "P 400\nE\n");
		v.at.timeout_ms = 200;
		v.at.tls = rows[i].tls;
		assert_int_equal(smtp_open(&s, &v.at, &options, stop, &e), -1);
		assert_int_equal(e.kind, ERR_TIMEOUT);
		assert_int_equal(
		    strstr(e.text, "tls = \"implicit\"") != NULL, rows[i].hint);
		server_end(&v);
	}
}

static void
an_extra_reply_ends_the_connection(void **state)
{
	static const struct smtp_mail mail = { .sender = "a@b" };
	struct smtp_reply r;
	struct error e;
	struct server v;
	struct smtp *s;
	bool sent = false;

	(void)state;
	server_start(&v, TO_DATA "D\nR 250 ok|550 no|\nE\n");
	begin_data(&s, &v);
	assert_int_equal(smtp_end(s, &sent, &e), 0);
	replies(smtp_verdict(s, &r, &e), &r, 250);
	assert_int_equal(smtp_mail(s, &mail, &r, &e), -1);
	assert_int_equal(e.kind, ERR_IO);
	assert_non_null(strstr(e.text, "550 no"));
	assert_false(smtp_usable(s));
	smtp_free(&s);
	server_end(&v);
}

static void
lmtp_gives_each_recipient_its_verdict(void **state)
{
	static const struct smtp_mail mail = { .sender = "a@b" };
	struct smtp_reply r;
	struct error e;
	struct server v;
	struct smtp *s;
	bool sent = false;

	(void)state;
	server_start_unix(&v,
	    "S 220 hi\nC LHLO me.example\nS 250 hi\nC MAIL FROM:<a@b>\n"
	    "S 250 ok\nC RCPT TO:<c>\nS 250 ok\nC RCPT TO:<x>\nS 550 no\n"
	    "C RCPT TO:<d>\nS 250 ok\nC DATA\nS 354 go\nD\n"
	    "S 250-2.0.0 <c> kept\nS 250 2.0.0 kept\nP 50\n"
	    "S 452 4.2.2 <d> full\nC QUIT\nS 221 bye\nE\n");
	options.lmtp = true;
	open_ok(&s, &v);
	assert_true(smtp_is_lmtp(s));
	replies(smtp_mail(s, &mail, &r, &e), &r, 250);
	replies(smtp_rcpt(s, "c", &r, &e), &r, 250);
	replies(smtp_rcpt(s, "x", &r, &e), &r, 550);
	replies(smtp_rcpt(s, "d", &r, &e), &r, 250);
	replies(smtp_data(s, &r, &e), &r, 354);
	assert_int_equal(smtp_body(s, slice_of("x\r\n"), &e), 0);
	assert_int_equal(smtp_end(s, &sent, &e), 0);
	replies(smtp_verdict(s, &r, &e), &r, 250);
	assert_string_equal(r.text, "<c> kept / kept");
	replies(smtp_verdict(s, &r, &e), &r, 452);
	assert_string_equal(r.text, "<d> full");
	assert_int_equal(smtp_quit(s, &e), 0);
	smtp_free(&s);
	server_end(&v);
}

static void
our_name_is_found_where_none_is_set(void **state)
{
	struct server v;
	struct smtp *s;
	char name[256];

	(void)state;
	assert_return_code(gethostname(name, sizeof name), errno);
	if (strchr(name, '.') != NULL)
		skip();
	server_start(&v, "S 220 hi\nC EHLO [127.0.0.1]\nS 250 hi\nE\n");
	options.helo = NULL;
	open_ok(&s, &v);
	smtp_free(&s);
	server_end(&v);
	server_start_unix(&v, "S 220 hi\nC LHLO localhost\nS 250 hi\nE\n");
	options.helo = NULL;
	options.lmtp = true;
	open_ok(&s, &v);
	smtp_free(&s);
	server_end(&v);
}

static void
silence_is_a_timeout(void **state)
{
	static const char *const scripts[] = { "P 400\nE\n",
		"R 220 hi\nP 400\nE\n", "S 220 hi\nc EHLO\nP 400\nE\n",
		"S 220 hi\nc EHLO\nS 250-hi\nP 400\nE\n" };
	struct error e;
	struct server v;
	struct smtp *s;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
		int64_t before = clock_monotonic_ms();

		server_start(&v, scripts[i]);
		v.at.timeout_ms = 200;
		assert_int_equal(smtp_open(&s, &v.at, &options, stop, &e), -1);
		assert_int_equal(e.kind, ERR_TIMEOUT);
		assert_in_range(clock_monotonic_ms() - before, 190, 390);
		server_end(&v);
	}
}

static void
the_verdict_has_a_timeout_of_its_own(void **state)
{
	struct smtp_reply r;
	struct error e;
	struct server v;
	struct smtp *s;
	bool sent = false;

	(void)state;
	server_start(&v, TO_DATA "D\nP 400\nS 250 ok\nE\n");
	v.at.timeout_ms = 200;
	begin_data(&s, &v);
	assert_int_equal(smtp_end(s, &sent, &e), 0);
	replies(smtp_verdict(s, &r, &e), &r, 250);
	smtp_free(&s);
	server_end(&v);

	server_start(&v, TO_DATA "D\nP 400\nE\n");
	options.reply_timeout_ms = 200;
	begin_data(&s, &v);
	assert_int_equal(smtp_end(s, &sent, &e), 0);
	assert_int_equal(smtp_verdict(s, &r, &e), -1);
	assert_int_equal(e.kind, ERR_TIMEOUT);
	assert_false(smtp_usable(s));
	smtp_free(&s);
	server_end(&v);
}

static void
a_stop_waits_for_the_verdict_unless_it_is_now(void **state)
{
	static const struct smtp_mail mail = { .sender = "a@b" };
	struct stop *own;
	struct smtp_reply r;
	struct error e;
	struct server v;
	struct smtp *s;
	bool sent = false;

	(void)state;
	assert_int_equal(stop_new(&own, &e), 0);
	stop = own;
	server_start(&v, TO_DATA "D\nP 100\nS 250 ok\nc MAIL\nP 100\nE\n");
	begin_data(&s, &v);
	stop_request(own, STOP_SOON);
	assert_int_equal(smtp_end(s, &sent, &e), 0);
	replies(smtp_verdict(s, &r, &e), &r, 250);
	assert_int_equal(smtp_mail(s, &mail, &r, &e), -1);
	assert_int_equal(e.kind, ERR_STOPPED);
	smtp_free(&s);
	server_end(&v);
	stop_free(&own);

	assert_int_equal(stop_new(&own, &e), 0);
	stop = own;
	server_start(&v, TO_DATA "D\nP 300\nE\n");
	begin_data(&s, &v);
	assert_int_equal(smtp_end(s, &sent, &e), 0);
	stop_request(own, STOP_NOW);
	assert_int_equal(smtp_verdict(s, &r, &e), -1);
	assert_int_equal(e.kind, ERR_STOPPED);
	smtp_free(&s);
	server_end(&v);
	stop_free(&own);
	stop = NULL;
}

static void
an_idle_connection_is_watched(void **state)
{
	struct error e;
	struct server v;
	struct smtp *s;
	int ends[2];

	(void)state;
	assert_return_code(pipe(ends), errno);
	server_start(&v, PLAIN_HELLO "P 300\nS 421 4.4.2 idle\nX\n");
	open_ok(&s, &v);
	assert_int_equal(smtp_wait(s, ends[0], deadline_in(50), &e), 0);
	assert_int_equal(write(ends[1], "x", 1), 1);
	assert_int_equal(smtp_wait(s, ends[0], deadline_in(5000), &e), 2);
	assert_int_equal(smtp_wait(s, -1, deadline_in(5000), &e), 1);
	assert_int_equal(e.kind, ERR_IO);
	assert_non_null(strstr(e.text, "421 4.4.2 idle"));
	assert_false(smtp_usable(s));
	smtp_free(&s);
	server_end(&v);

	server_start(&v, PLAIN_HELLO "X\n");
	open_ok(&s, &v);
	assert_int_equal(smtp_wait(s, -1, deadline_in(5000), &e), 1);
	assert_int_equal(e.kind, ERR_IO);
	smtp_free(&s);
	server_end(&v);
	close(ends[0]);
	close(ends[1]);
}

/* What a conversation writes to standard error under -vv. */
static void
traced(void (*conversation)(void), char *out, size_t room)
{
	FILE *file = tmpfile();
	int saved = dup(STDERR_FILENO);
	size_t n;

	assert_non_null(file);
	assert_true(saved >= 0);
	assert_true(dup2(fileno(file), STDERR_FILENO) >= 0);
	log_set_level(LOG_TRACE);
	conversation();
	log_set_level(LOG_QUIET);
	assert_true(dup2(saved, STDERR_FILENO) >= 0);
	close(saved);
	rewind(file);
	n = fread(out, 1, room - 1, file);
	out[n] = '\0';
	fclose(file);
}

static void
talk(void)
{
	struct login login = { .user = "ann", .auth = AUTH_LOGIN };
	struct smtp_reply r;
	struct error e;
	struct server v;
	struct smtp *s;
	bool sent = false;

	log_in(AUTH_HELLO("PLAIN") "C AUTH PLAIN " PLAIN_RESPONSE
				   "\nS 235 ok\nE\n",
	    AUTH_AUTO, "secret", &e);
	server_start(&v,
	    AUTH_HELLO("LOGIN") "C AUTH LOGIN\nS 334 VXNlcm5hbWU6\nC YW5u\n"
				"S 334 UGFzc3dvcmQ6\nC c2VjcmV0\nS 235 ok\n"
				"C DATA\nS 354 go\nD\nS 250 \x1b[31mok\nE\n");
	open_ok(&s, &v);
	assert_int_equal(smtp_login(s, &login, "secret", &e), 0);
	replies(smtp_data(s, &r, &e), &r, 354);
	assert_int_equal(smtp_body(s, slice_of("private\r\n"), &e), 0);
	assert_int_equal(smtp_end(s, &sent, &e), 0);
	replies(smtp_verdict(s, &r, &e), &r, 250);
	smtp_free(&s);
	server_end(&v);
}

static void
the_trace_shows_all_but_secrets_and_content(void **state)
{
	static const char *const shown[] = { "home < 220 hi\n",
		"home > EHLO me.example\n", "home > AUTH PLAIN ****\n",
		"home > AUTH LOGIN\n", "home < 334 VXNlcm5hbWU6\n",
		"home > ****\n", "home > (9 octets of content)\nhome > .\n",
		"home < 250 ?[31mok\n" };
	static const char *const hidden[] = { "secret", "c2VjcmV0", "YW5u",
		PLAIN_RESPONSE, "private", "\x1b" };
	char text[8192];
	size_t i;

	(void)state;
	traced(talk, text, sizeof text);
	for (i = 0; i < sizeof shown / sizeof shown[0]; i++)
		if (strstr(text, shown[i]) == NULL)
			fail_msg("%s is not in: %s", shown[i], text);
	for (i = 0; i < sizeof hidden / sizeof hidden[0]; i++)
		if (strstr(text, hidden[i]) != NULL)
			fail_msg("%s is in: %s", hidden[i], text);
}

/* A certificate for 127.0.0.1 that signs itself. */
static X509 *
make_certificate(EVP_PKEY *key)
{
	X509 *x = X509_new();
	X509_EXTENSION *san = X509V3_EXT_conf_nid(
	    NULL, NULL, NID_subject_alt_name, "IP:127.0.0.1");
	X509_NAME *name;

	assert_true(x != NULL && san != NULL);
	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), -3600);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	name = X509_get_subject_name(x);
	X509_NAME_add_entry_by_txt(
	    name, "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1, 0);
	X509_set_issuer_name(x, name);
	X509_set_pubkey(x, key);
	X509_add_ext(x, san, -1);
	X509_EXTENSION_free(san);
	assert_true(X509_sign(x, key, EVP_sha256()) > 0);
	return x;
}

static int
set_up(void **state)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = make_certificate(key);
	int fd = mkstemp(ca_file);
	FILE *file = fdopen(fd, "w");

	(void)state;
	server_tls = SSL_CTX_new(TLS_server_method());
	if (file == NULL || PEM_write_X509(file, x) != 1 || fclose(file) != 0 ||
	    SSL_CTX_use_certificate(server_tls, x) != 1 ||
	    SSL_CTX_use_PrivateKey(server_tls, key) != 1)
		return -1;
	X509_free(x);
	EVP_PKEY_free(key);
	log_set_level(LOG_QUIET);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	SSL_CTX_free(server_tls);
	return unlink(ca_file);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_ehlo_offers_is_known_after_opening),
		cmocka_unit_test(helo_is_said_where_ehlo_is_unknown),
		cmocka_unit_test(helo_is_not_said_where_it_would_not_do),
		cmocka_unit_test(a_greeting_other_than_220_ends_it),
		cmocka_unit_test(only_whole_and_consistent_replies_count),
		cmocka_unit_test(endless_lines_are_cut_off),
		cmocka_unit_test(starttls_that_is_not_to_be_had_ends_it),
		cmocka_unit_test(words_injected_before_tls_end_it),
		cmocka_unit_test(facts_from_before_tls_are_forgotten),
		cmocka_unit_test(tls_from_the_first_octet_works),
		cmocka_unit_test(a_login_by_plain_is_one_command),
		cmocka_unit_test(a_login_by_login_is_three),
		cmocka_unit_test(an_initial_response_that_does_not_fit_waits),
		cmocka_unit_test(a_refused_login_is_not_tried_again),
		cmocka_unit_test(an_exchange_that_goes_wrong_is_cancelled),
		cmocka_unit_test(an_overlong_challenge_is_cancelled),
		cmocka_unit_test(a_login_needs_a_mechanism_in_common),
		cmocka_unit_test(
		    parameters_of_mail_are_sent_only_where_offered),
		cmocka_unit_test(no_address_carries_a_second_command),
		cmocka_unit_test(content_is_sent_dot_stuffed_at_every_split),
		cmocka_unit_test(
		    messages_with_and_without_content_follow_each_other),
		cmocka_unit_test(refusals_are_handed_out_as_replies),
		cmocka_unit_test(a_421_is_a_reply_and_the_last),
		cmocka_unit_test(replies_out_of_place_are_protocol_errors),
		cmocka_unit_test(a_half_verdict_is_none),
		cmocka_unit_test(a_reply_amid_content_keeps_the_end_back),
		cmocka_unit_test(
		    a_talking_server_and_long_content_do_not_deadlock),
		cmocka_unit_test(words_of_a_server_that_gave_up_are_told),
		cmocka_unit_test(words_of_a_server_that_reads_no_more_are_told),
		cmocka_unit_test(
		    words_before_closing_are_told_where_nothing_can_be_sent),
		cmocka_unit_test(no_greeting_makes_one_think_of_tls),
		cmocka_unit_test(an_extra_reply_ends_the_connection),
		cmocka_unit_test(lmtp_gives_each_recipient_its_verdict),
		cmocka_unit_test(our_name_is_found_where_none_is_set),
		cmocka_unit_test(silence_is_a_timeout),
		cmocka_unit_test(the_verdict_has_a_timeout_of_its_own),
		cmocka_unit_test(a_stop_waits_for_the_verdict_unless_it_is_now),
		cmocka_unit_test(an_idle_connection_is_watched),
		cmocka_unit_test(the_trace_shows_all_but_secrets_and_content),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
