/*
 * derive.h - the values that nobody gave: from `defaults`, from the table, and
 * where they depend on others (state, tls, port, the only destination).
 */
#ifndef CONFIG_DERIVE_H
#define CONFIG_DERIVE_H

#include "config/scope.h"

/* derive_all - for every scope. state: see settings_read(). */
void derive_all(struct settings_memory *m, const char *state);

/* derive_state - the state directory alone. */
void derive_state(struct settings_memory *m, const char *state);

/*
 * derive_account_transport, derive_destination_transport - port and tls,
 * where they are not given (RFC 8314, RFC 6409).
 */
void derive_account_transport(struct settings_memory *m, struct scope *account);
void derive_destination_transport(
    struct settings_memory *m, struct scope *destination);

/* destination_peer - the host or socket of a destination, or NULL. */
const char *destination_peer(const struct scope *destination);

/* destination_is_socket - does it speak over a unix socket? */
bool destination_is_socket(const struct scope *destination);

#endif
