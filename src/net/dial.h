/*
 * dial.h - making the connection that a stream then speaks over. Only
 * stream.c includes it.
 */
#ifndef NET_DIAL_H
#define NET_DIAL_H

#include "base/clock.h"
#include "base/error.h"
#include "base/stop.h"
#include "net/endpoint.h"

#include <netinet/in.h>

/*
 * dial - connect to an endpoint's unix socket, or to its host: each address
 * in turn, all within one deadline.
 * peer: what to call the endpoint in messages. Waits end at STOP_SOON.
 * Returns a connected, non-blocking, close-on-exec socket that the caller
 * closes, or -1 with ERR_RESOLVE, ERR_CONNECT, ERR_TIMEOUT, ERR_STOPPED,
 * ERR_SYSTEM, or ERR_CONFIG (the path is too long for a socket).
 */
int dial(const struct endpoint *at, const char *peer, const struct stop *stop,
    struct deadline until, struct error *e);

/*
 * dial_set_up - TCP_NODELAY for a connected socket.
 * local: our side as text "192.0.2.1", "" for unix sockets.
 * Returns 0, or -1 with ERR_SYSTEM.
 */
int dial_set_up(
    int fd, const char *peer, char local[INET6_ADDRSTRLEN], struct error *e);

#endif
