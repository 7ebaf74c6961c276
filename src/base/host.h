/*
 * host.h - this host's name.
 */
#ifndef BASE_HOST_H
#define BASE_HOST_H

/* host_name - as the system knows it, never empty; lives for ever. */
const char *host_name(void);

#endif
