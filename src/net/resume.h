/*
 * resume.h - TLS sessions that were proven once, kept in memory so that the
 * next connection to the same peer need not prove them again (RFC 5077,
 * RFC 8446 section 2.2). Only tls.c includes it.
 *
 * A resumed handshake looks at no certificate. So a session is offered only
 * where all that the proof depended on is the same: the CAs, the name, the
 * port, and how TLS begins; and only for an hour after the certificate itself
 * was seen, however often it is resumed meanwhile. TLS 1.3 tickets serve once
 * (RFC 8446 appendix C.4). Nothing goes to the disk.
 *
 * Early data (0-RTT) is never sent: whoever records it can send it again, and a
 * command that is carried out twice is what nobody wants of mail.
 */
#ifndef NET_RESUME_H
#define NET_RESUME_H

#include "net/endpoint.h"

#include <openssl/ssl.h>

/* resume_allow - let the sessions of a new context be kept. */
void resume_allow(SSL_CTX *ctx);

/*
 * resume_offer - before the handshake: whose session it will be, and the one
 * that it may continue, if there is any. A peer that does not want to goes
 * through the whole handshake.
 * Needs resume_release() before SSL_free().
 */
void resume_offer(SSL *ssl, const struct endpoint *at);

/* resume_shaken - the handshake is done. */
void resume_shaken(SSL *ssl);

/*
 * resume_forget - after a failure: no session of that peer is offered again
 * (RFC 5246 section 7.2.2).
 */
void resume_forget(SSL *ssl);

void resume_release(SSL *ssl);

/* resume_end - forget all. */
void resume_end(void);

#endif
