/*
 * tls.h - what we ask of TLS: version 1.2 at least, a certificate chain up to
 * a trusted CA, a name that matches (RFC 7817, RFC 6125: subjectAltName, or
 * the common name only where there is none). One SSL_CTX for each CA file,
 * made at first use and shared by all threads.
 */
#ifndef NET_TLS_H
#define NET_TLS_H

#include "base/error.h"
#include "net/endpoint.h"

#include <openssl/ssl.h>
#include <stdbool.h>

/*
 * tls_client - a client session for at->host (SNI unless it is an address
 * literal), not yet connected. at->ca_file: trust these CAs instead of the
 * system's; NULL for the system's. It goes on from an earlier session with the
 * same peer where it can (resume.h).
 * Returns a session that the caller frees with tls_free(), or NULL with
 * ERR_TLS (the CA file cannot be read: the text names it).
 */
SSL *tls_client(const struct endpoint *at, struct error *e);
void tls_free(SSL **ssl);

/*
 * tls_shaken - to be called when the handshake is done.
 * tls_failed - to be called when it has failed, or TLS later; a connection that
 *	was only cut off has not.
 */
void tls_shaken(SSL *ssl);
void tls_failed(SSL *ssl);

/*
 * tls_attach - let a session speak over a non-blocking socket, which the caller
 * keeps and closes after tls_free(). A peer that has gone raises no SIGPIPE.
 * Returns 0, or -1 with ERR_TLS.
 */
int tls_attach(SSL *ssl, int fd, struct error *e);

/*
 * tls_explain - why the handshake with `host` failed, in words that say what
 * can be done: which certificate problem (expired and when, wrong name and
 * which names it has, unknown CA and which issuer, self-signed), or what the
 * library says. Drains OpenSSL's error queue. Returns -1 with ERR_TLS.
 */
int tls_explain(SSL *ssl, const char *host, struct error *e);

/*
 * tls_was_cut - did the call that just failed with SSL_ERROR_SSL do so because
 * the peer closed without close_notify? Drains OpenSSL's error queue if so.
 */
bool tls_was_cut(void);

/* tls_end - free the shared contexts, once no session is in use. */
void tls_end(void);

#endif
