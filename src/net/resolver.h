/*
 * resolver.h - addresses for a host name, by c-ares, within a deadline.
 */
#ifndef NET_RESOLVER_H
#define NET_RESOLVER_H

#include "base/clock.h"
#include "base/error.h"
#include "base/stop.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct address {
	struct sockaddr_storage sa;
	socklen_t len;
};

#define RESOLVER_MAX 16

/*
 * resolver_addresses - up to RESOLVER_MAX addresses in order of preference
 * (RFC 6724); /etc/hosts and address literals included.
 * Returns how many (at least 1), or -1 with ERR_RESOLVE, ERR_TIMEOUT,
 * ERR_STOPPED, ERR_SYSTEM.
 */
int resolver_addresses(const char *host, uint16_t port,
    struct address out[RESOLVER_MAX], struct deadline until,
    const struct stop *stop, struct error *e);

#endif
