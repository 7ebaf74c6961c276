/* tls.c - one SSL_CTX for each CA file, and what its failures mean. */
#include "net/tls.h"

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/text.h"
#include "net/resume.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* How many of a certificate's names an error lists. */
#define NAMES_SHOWN 4

struct context {
	struct context *next; /* owned */
	char *ca_file; /* owned; NULL: the system's CAs */
	SSL_CTX *ctx; /* owned */
};

/* Guards the two below. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct context *contexts;
static BIO_METHOD *socket_method;

/* The first thing in OpenSSL's error queue that has words. */
static const char *
reason(void)
{
	unsigned long code = ERR_get_error();
	const char *words = code != 0 ? ERR_reason_error_string(code) : NULL;

	ERR_clear_error();
	return words != NULL ? words : "unknown reason";
}

static int
load_cas(SSL_CTX *ctx, const char *ca_file, struct error *e)
{
	if (ca_file == NULL) {
		if (SSL_CTX_set_default_verify_paths(ctx) != 1)
			return error_set(e, ERR_TLS,
			    "cannot use this system's CA certificates (%s): "
			    "is the package ca-certificates installed?",
			    reason());
		return 0;
	}
	if (access(ca_file, R_OK) < 0)
		return error_set(e, ERR_TLS, "cannot read the ca_file %s: %s",
		    ca_file, strerror(errno));
	if (SSL_CTX_load_verify_locations(ctx, ca_file, NULL) != 1)
		return error_set(e, ERR_TLS,
		    "there is no certificate in the ca_file %s (%s): it must "
		    "be PEM",
		    ca_file, reason());
	return 0;
}

static SSL_CTX *
new_context(const char *ca_file, struct error *e)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	if (ctx == NULL ||
	    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1) {
		error_set(e, ERR_TLS, "cannot use OpenSSL: %s", reason());
		goto fail;
	}
	SSL_CTX_set_options(
	    ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_mode(ctx,
	    SSL_MODE_ENABLE_PARTIAL_WRITE |
		SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
	/* One system call for several records. */
	SSL_CTX_set_read_ahead(ctx, 1);
	SSL_CTX_set_default_read_buffer_len(ctx, (size_t)64 * 1024);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	resume_allow(ctx);
	if (load_cas(ctx, ca_file, e) < 0)
		goto fail;
	return ctx;
fail:
	SSL_CTX_free(ctx);
	return NULL;
}

static bool
same_file(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* Called with the lock held. */
static SSL_CTX *
context_for(const char *ca_file, struct error *e)
{
	struct context *c;
	SSL_CTX *ctx;

	for (c = contexts; c != NULL; c = c->next)
		if (same_file(c->ca_file, ca_file))
			return c->ctx;
	ctx = new_context(ca_file, e);
	if (ctx == NULL)
		return NULL;
	c = xcalloc(1, sizeof *c);
	c->ca_file = ca_file != NULL ? xstrdup(ca_file) : NULL;
	c->ctx = ctx;
	c->next = contexts;
	contexts = c;
	return ctx;
}

static bool
is_address(const char *host)
{
	struct in6_addr any;

	return inet_pton(AF_INET, host, &any) == 1 ||
	    inet_pton(AF_INET6, host, &any) == 1;
}

/* Whom the certificate must name, and whom we say that we want (SNI). */
static int
expect(SSL *ssl, const char *host)
{
	char name[256];
	size_t len = strlen(host);

	if (is_address(host))
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host);
	/* The root's dot is never part of a name in TLS (RFC 6066 3). */
	if (len > 0 && host[len - 1] == '.')
		len--;
	if (len == 0 || len >= sizeof name)
		return 0;
	memcpy(name, host, len);
	name[len] = '\0';
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return SSL_set1_host(ssl, name) == 1 &&
	    SSL_set_tlsext_host_name(ssl, name) == 1;
}

SSL *
tls_client(const struct endpoint *at, struct error *e)
{
	SSL_CTX *ctx;
	SSL *ssl = NULL;

	ERR_clear_error();
	pthread_mutex_lock(&lock);
	ctx = context_for(at->ca_file, e);
	if (ctx != NULL)
		ssl = SSL_new(ctx);
	pthread_mutex_unlock(&lock);
	if (ctx == NULL)
		return NULL;
	if (ssl == NULL || !expect(ssl, at->host)) {
		error_set(e, ERR_TLS, "cannot prepare TLS for %s: %s", at->host,
		    reason());
		SSL_free(ssl);
		return NULL;
	}
	resume_offer(ssl, at);
	return ssl;
}

void
tls_free(SSL **ssl)
{
	if (*ssl != NULL)
		resume_release(*ssl);
	SSL_free(*ssl);
	ERR_clear_error();
	*ssl = NULL;
}

void
tls_shaken(SSL *ssl)
{
	resume_shaken(ssl);
}

void
tls_failed(SSL *ssl)
{
	resume_forget(ssl);
}

/*
 * OpenSSL's own socket BIO writes without MSG_NOSIGNAL: a peer that has gone
 * would end a program that does not ignore SIGPIPE.
 */
static int
bio_fd(BIO *bio)
{
	return (int)(intptr_t)BIO_get_data(bio);
}

static int
bio_result(BIO *bio, ssize_t n, int retry)
{
	BIO_clear_retry_flags(bio);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		BIO_set_flags(bio, retry | BIO_FLAGS_SHOULD_RETRY);
	return (int)n;
}

static int
bio_read(BIO *bio, char *data, int room)
{
	ssize_t n = recv(bio_fd(bio), data, (size_t)room, 0);

	if (n == 0)
		BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
	return bio_result(bio, n, BIO_FLAGS_READ);
}

static int
bio_write(BIO *bio, const char *data, int len)
{
	ssize_t n = send(bio_fd(bio), data, (size_t)len, MSG_NOSIGNAL);

	return bio_result(bio, n, BIO_FLAGS_WRITE);
}

static long
bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
	(void)number;
	(void)pointer;
	if (command == BIO_CTRL_EOF)
		return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
	return command == BIO_CTRL_FLUSH;
}

static BIO_METHOD *
new_socket_method(void)
{
	BIO_METHOD *made = BIO_meth_new(
	    BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "quiet socket");

	if (made != NULL && BIO_meth_set_read(made, bio_read) == 1 &&
	    BIO_meth_set_write(made, bio_write) == 1 &&
	    BIO_meth_set_ctrl(made, bio_ctrl) == 1)
		return made;
	BIO_meth_free(made);
	return NULL;
}

int
tls_attach(SSL *ssl, int fd, struct error *e)
{
	BIO *bio = NULL;

	ERR_clear_error();
	pthread_mutex_lock(&lock);
	if (socket_method == NULL)
		socket_method = new_socket_method();
	if (socket_method != NULL)
		bio = BIO_new(socket_method);
	pthread_mutex_unlock(&lock);
	if (bio == NULL)
		return error_set(
		    e, ERR_TLS, "cannot use OpenSSL: %s", reason());
	BIO_set_data(bio, (void *)(intptr_t)fd);
	BIO_set_init(bio, 1);
	SSL_set_bio(ssl, bio, bio);
	return 0;
}

/* A string of a certificate, made harmless; embedded NULs become '?'. */
static void
add_asn1(struct buffer *out, const ASN1_STRING *s)
{
	unsigned char *utf8 = NULL;
	int len = ASN1_STRING_to_UTF8(&utf8, s);
	char text[256];

	if (len < 0)
		return;
	text_harmless(slice_make(utf8, (size_t)len), text, sizeof text);
	OPENSSL_free(utf8);
	buffer_add_text(out, text);
}

/* What people call an issuer: its common name, else its organization. */
static void
add_name(struct buffer *out, const X509_NAME *name)
{
	int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);

	if (at < 0)
		at = X509_NAME_get_index_by_NID(name, NID_organizationName, -1);
	if (at < 0)
		buffer_add_text(out, "a nameless CA");
	else
		add_asn1(out,
		    X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
}

static bool
add_alternative(struct buffer *out, const GENERAL_NAME *name)
{
	char text[INET6_ADDRSTRLEN];
	int family;

	if (name->type == GEN_DNS) {
		add_asn1(out, name->d.dNSName);
		return true;
	}
	if (name->type != GEN_IPADD)
		return false;
	family =
	    ASN1_STRING_length(name->d.iPAddress) == 4 ? AF_INET : AF_INET6;
	if (family == AF_INET6 && ASN1_STRING_length(name->d.iPAddress) != 16)
		return false;
	if (inet_ntop(family, ASN1_STRING_get0_data(name->d.iPAddress), text,
		sizeof text) == NULL)
		return false;
	buffer_add_text(out, text);
	return true;
}

/* "a, b, c, d and 7 more". Returns how many names the certificate has. */
static int
add_names(struct buffer *out, X509 *cert)
{
	GENERAL_NAMES *all =
	    X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	struct buffer one = { 0 };
	int names = 0;
	int i;

	for (i = 0; i < sk_GENERAL_NAME_num(all); i++) {
		buffer_clear(&one);
		if (!add_alternative(&one, sk_GENERAL_NAME_value(all, i)))
			continue;
		if (++names > NAMES_SHOWN)
			continue;
		if (names > 1)
			buffer_add_text(out, ", ");
		buffer_add_slice(out, buffer_slice(&one));
	}
	if (names > NAMES_SHOWN)
		buffer_addf(out, " and %d more", names - NAMES_SHOWN);
	buffer_free(&one);
	GENERAL_NAMES_free(all);
	if (names == 0 &&
	    X509_NAME_get_index_by_NID(
		X509_get_subject_name(cert), NID_commonName, -1) >= 0) {
		add_name(out, X509_get_subject_name(cert));
		names = 1;
	}
	return names;
}

static int
explain_name(X509 *cert, const char *host, struct error *e)
{
	struct buffer names = { 0 };
	int n = add_names(&names, cert);

	if (n == 0)
		error_set(e, ERR_TLS,
		    "the certificate of %s names no host at all: its operator "
		    "must replace it",
		    host);
	else
		error_set(e, ERR_TLS,
		    "the certificate of %s is for %s, not for %s: use %s", host,
		    names.data, host,
		    n == 1 ? "that name" : "one of these names");
	buffer_free(&names);
	return -1;
}

/* The first certificate of the chain that is out of date. */
static X509 *
out_of_date(STACK_OF(X509) * chain)
{
	int i;

	for (i = 0; i < sk_X509_num(chain); i++) {
		X509 *cert = sk_X509_value(chain, i);

		if (X509_cmp_current_time(X509_get0_notBefore(cert)) > 0 ||
		    X509_cmp_current_time(X509_get0_notAfter(cert)) < 0)
			return cert;
	}
	return sk_X509_value(chain, 0);
}

static void
add_date(struct buffer *out, const ASN1_TIME *time)
{
	struct tm tm;

	if (ASN1_TIME_to_tm(time, &tm) == 1)
		buffer_addf(out, "%04d-%02d-%02d", tm.tm_year + 1900,
		    tm.tm_mon + 1, tm.tm_mday);
	else
		buffer_add_text(out, "an unknown day");
}

static int
explain_dates(
    STACK_OF(X509) * chain, long problem, const char *host, struct error *e)
{
	X509 *cert = out_of_date(chain);
	struct buffer whose = { 0 };
	struct buffer date = { 0 };

	if (cert == sk_X509_value(chain, 0)) {
		buffer_addf(&whose, "the certificate of %s", host);
	} else {
		buffer_addf(
		    &whose, "the certificate of %s depends on \"", host);
		add_name(&whose, X509_get_subject_name(cert));
		buffer_add_text(&whose, "\", which");
	}
	if (problem == X509_V_ERR_CERT_HAS_EXPIRED) {
		add_date(&date, X509_get0_notAfter(cert));
		error_set(e, ERR_TLS,
		    "%s expired on %s: its operator must renew it, or the "
		    "clock here is wrong",
		    whose.data, date.data);
	} else {
		add_date(&date, X509_get0_notBefore(cert));
		error_set(e, ERR_TLS,
		    "%s is valid from %s only: is the clock here right?",
		    whose.data, date.data);
	}
	buffer_free(&whose);
	buffer_free(&date);
	return -1;
}

static int
explain_issuer(STACK_OF(X509) * chain, const char *host, struct error *e)
{
	X509 *top = sk_X509_value(chain, sk_X509_num(chain) - 1);
	struct buffer issuer = { 0 };

	add_name(&issuer, X509_get_issuer_name(top));
	error_set(e, ERR_TLS,
	    "the certificate of %s is signed by \"%s\", which is not trusted "
	    "here: if it is yours, set ca_file to that CA's certificate",
	    host, issuer.data);
	buffer_free(&issuer);
	return -1;
}

static int
explain_certificate(SSL *ssl, long problem, const char *host, struct error *e)
{
	STACK_OF(X509) *chain = SSL_get0_verified_chain(ssl);

	if (chain == NULL || sk_X509_num(chain) == 0)
		problem = X509_V_ERR_UNSPECIFIED;
	switch (problem) {
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		return explain_name(sk_X509_value(chain, 0), host, e);
	case X509_V_ERR_CERT_HAS_EXPIRED:
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return explain_dates(chain, problem, host, e);
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
		return error_set(e, ERR_TLS,
		    "the certificate of %s is self-signed: if it is yours, "
		    "set ca_file to that certificate",
		    host);
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
		return explain_issuer(chain, host, e);
	default:
		return error_set(e, ERR_TLS,
		    "the certificate of %s cannot be accepted: %s", host,
		    X509_verify_cert_error_string(SSL_get_verify_result(ssl)));
	}
}

/* The first error in the queue, if it is one of TLS itself. */
static int
tls_reason(void)
{
	unsigned long code = ERR_peek_error();

	return ERR_GET_LIB(code) == ERR_LIB_SSL ? ERR_GET_REASON(code) : 0;
}

bool
tls_was_cut(void)
{
	if (tls_reason() != SSL_R_UNEXPECTED_EOF_WHILE_READING)
		return false;
	ERR_clear_error();
	return true;
}

int
tls_explain(SSL *ssl, const char *host, struct error *e)
{
	long problem = SSL_get_verify_result(ssl);
	int why = tls_reason();

	if (problem != X509_V_OK) {
		ERR_clear_error();
		return explain_certificate(ssl, problem, host, e);
	}
	switch (why) {
	case SSL_R_WRONG_VERSION_NUMBER:
	case SSL_R_PACKET_LENGTH_TOO_LONG:
	case SSL_R_RECORD_LENGTH_MISMATCH:
		ERR_clear_error();
		return error_set(e, ERR_TLS,
		    "%s does not speak TLS on this port: check `port`, or try "
		    "tls = \"starttls\"",
		    host);
	case SSL_R_UNSUPPORTED_PROTOCOL:
	case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
		ERR_clear_error();
		return error_set(e, ERR_TLS,
		    "%s speaks only TLS older than 1.2, which is not safe: its "
		    "operator must renew it",
		    host);
	default:
		return error_set(
		    e, ERR_TLS, "TLS with %s failed: %s", host, reason());
	}
}

void
tls_end(void)
{
	struct context *c;

	resume_end();
	pthread_mutex_lock(&lock);
	while ((c = contexts) != NULL) {
		contexts = c->next;
		SSL_CTX_free(c->ctx);
		free(c->ca_file);
		free(c);
	}
	BIO_meth_free(socket_method);
	socket_method = NULL;
	pthread_mutex_unlock(&lock);
}
