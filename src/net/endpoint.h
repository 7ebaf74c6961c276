/*
 * endpoint.h - where a peer is and how the connection to it is protected.
 * Filled in from the settings, borrowed by everything that connects.
 */
#ifndef NET_ENDPOINT_H
#define NET_ENDPOINT_H

#include <stdbool.h>
#include <stdint.h>

enum tls_mode {
	TLS_IMPLICIT, /* TLS from the first octet (RFC 8314) */
	TLS_STARTTLS, /* STLS or STARTTLS, required */
	TLS_NONE /* only where the settings allow it */
};

struct endpoint {
	const char *name; /* account or destination, for messages, trace */
	const char *host; /* name or address literal; NULL with path */
	const char *path; /* unix socket, or NULL */
	uint16_t port;
	enum tls_mode tls;
	const char *ca_file; /* trust these instead of the system's, NULL */
	int64_t timeout_ms; /* longest silence, also to connect as a whole */
};

#endif
