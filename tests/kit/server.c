/* server.c - see server.h. */
#include "server.h"

#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* The certificate of all servers, and where it lies as a CA file. */
static SSL_CTX *server_tls;
static char ca_file[] = "/tmp/test-smtp-ca-XXXXXX";

struct smtp_options options;
struct stop *stop;

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

void
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

void
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

void
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

void
open_ok(struct smtp **s, struct server *v)
{
	struct error e;

	if (smtp_open(s, &v->at, &options, stop, &e) < 0)
		fail_msg("%s", e.text);
}

void
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

void
replies(int rc, const struct smtp_reply *r, int code)
{
	assert_int_equal(rc, 0);
	assert_int_equal(r->code, code);
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

int
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

int
tear_down(void **state)
{
	(void)state;
	SSL_CTX_free(server_tls);
	return unlink(ca_file);
}
