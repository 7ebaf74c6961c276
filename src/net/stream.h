/*
 * stream.h - a connection to a peer: octets with deadlines, with or without
 * TLS, over TCP (TCP_NODELAY) or a unix socket.
 *
 * A stream belongs to one thread. Its socket is non-blocking; every function
 * waits in poll(2) for the socket and for the stop descriptor, and never past
 * its deadline. After -1 the stream can only be freed, except that after
 * ERR_STOPPED it can be read on, see stream_grace(). Every function returns
 * -1 with ERR_TIMEOUT, ERR_IO (peer closed, reset), ERR_TLS, ERR_STOPPED
 * unless it says otherwise. A TLS connection cut without close_notify is
 * ERR_IO like any other cut.
 */
#ifndef NET_STREAM_H
#define NET_STREAM_H

#include "base/buffer.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/stop.h"
#include "net/endpoint.h"

#include <stdbool.h>
#include <stddef.h>

struct stream;

/*
 * stream_open - resolve, connect (each address in turn within one deadline)
 * and, for TLS_IMPLICIT, shake hands.
 * at, stop: borrowed until stream_free().
 * Waits end at STOP_SOON until stream_stop_at() says otherwise.
 * Also ERR_RESOLVE, ERR_CONNECT, ERR_SYSTEM.
 */
int stream_open(struct stream **s, const struct endpoint *at,
    const struct stop *stop, struct error *e);

/* stream_from_fd - wrap a connected socket, for tests. Takes the socket. */
int stream_from_fd(struct stream **s, int fd, const struct endpoint *at,
    const struct stop *stop, struct error *e);

void stream_free(struct stream **s); /* closes; sends close_notify if it can */

/* stream_stop_at - which step of stop ends this stream's waits. */
void stream_stop_at(struct stream *s, enum stop_level level);

/*
 * stream_grace - from now on, and until this is called again, STOP_SOON leaves
 * the waits so much time, all of them together; STOP_NOW ends them at once.
 * 0: none, as in the beginning.
 */
void stream_grace(struct stream *s, int64_t ms);

/*
 * stream_start_tls - TLS on the open connection, after STLS or STARTTLS.
 * Octets that arrived in clear before the handshake are an injection
 * (CVE-2021-22947 and kin): ERR_PROTOCOL.
 */
int stream_start_tls(struct stream *s, struct error *e);
bool stream_is_tls(const struct stream *s);
/*
 * stream_tls_text - "TLSv1.3 TLS_AES_256_GCM_SHA384", or "" in clear; with
 * ", resumed" where an earlier connection's session went on.
 */
const char *stream_tls_text(const struct stream *s);

/*
 * stream_peek - the octets that have arrived and not been skipped; when there
 * are none, wait for some until `until`. Valid until the next call on the
 * stream. Up to STREAM_ROOM octets. Returns 0, or -1; the end of the
 * connection is ERR_IO.
 */
#define STREAM_ROOM ((size_t)64 * 1024)
int stream_peek(
    struct stream *s, struct slice *in, struct deadline until, struct error *e);
void stream_skip(struct stream *s, size_t n);
size_t stream_buffered(const struct stream *s); /* octets a peek would show */

/* stream_look - the same, after reading what has arrived. Never waits. */
size_t stream_look(struct stream *s);

/*
 * stream_line - one line without its CRLF (a bare LF ends it too), borrowed
 * until the next call. Longer than max octets: ERR_PROTOCOL.
 * The deadline is for the whole line.
 */
int stream_line(struct stream *s, size_t max, struct slice *line,
    struct deadline until, struct error *e);

/*
 * stream_check_pace - has the peer kept up STREAM_RATE_MIN octets a second, of
 * the time that we waited since we last sent something, less one timeout?
 * stream_peek does it by itself; ERR_TIMEOUT.
 */
#define STREAM_RATE_MIN 100
int stream_check_pace(const struct stream *s, struct error *e);

/* stream_write - queue octets; sends when STREAM_ROOM have gathered. */
int stream_write(struct stream *s, struct slice out, struct error *e);

/* stream_flush - send what is queued. */
int stream_flush(struct stream *s, struct error *e);

/*
 * stream_wait - wait until the peer has sent something (1), `other_fd` is
 * readable (2), or the deadline has passed (0). Both: 1 | 2; but when the peer
 * has sent something before, nobody looks at other_fd. -1 as above; the peer
 * having closed counts as having sent something.
 */
int stream_wait(
    struct stream *s, int other_fd, struct deadline until, struct error *e);

/* stream_timeout - the deadline that is one `timeout` from now. */
struct deadline stream_timeout(const struct stream *s);

/* stream_local_address - our side as text "192.0.2.1", "" for unix sockets. */
const char *stream_local_address(const struct stream *s);

#endif
