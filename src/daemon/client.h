/*
 * client.h - asking the running daemon (request.h says what).
 */
#ifndef DAEMON_CLIENT_H
#define DAEMON_CLIENT_H

#include "daemon/request.h"

#include <stdbool.h>

/*
 * client_ask - ask whoever runs with that state directory, and hand each line
 * of the answer to `each`: a string that it may change. Waits for as long as a
 * fetch or a stop takes, for half a minute where the rest does not come.
 * Returns 0 with the exit status in *status, or -1: ERR_CONNECT: none runs;
 * ERR_TIMEOUT, ERR_IO: no whole answer has come; ERR_PROTOCOL, ERR_REFUSED,
 * ERR_USAGE, ERR_SYSTEM.
 */
int client_ask(const char *state, const struct request *r,
    void (*each)(void *arg, enum answer_kind kind, char *line), void *arg,
    int *status, struct error *e);

/* client_reaches - is there somebody to ask, willing or not? */
bool client_reaches(const char *state);

#endif
