/*
 * host.h - this host, and what stays on it.
 */
#ifndef BASE_HOST_H
#define BASE_HOST_H

#include <stdbool.h>

/* host_name - as the system knows it, never empty; lives for ever. */
const char *host_name(void);

/* host_is_loopback - does what is sent there stay on this machine? */
bool host_is_loopback(const char *host);

#endif
