/*
 * helper.h - the process that runs commands for another one, and what the two
 * say to each other. Only runner.c includes it, and what tests it.
 *
 * A request is one message on the socket between them (SOCK_SEQPACKET): a struct
 * helper_request, the command, and each variable for its environment, all ending
 * with '\0'. Two descriptors come with it: a socket for this command alone, its
 * line, and what is to be its standard output (not with HELPER_NO_OUTPUT).
 *
 * On the line the helper sends one struct helper_answer. Then it hears HELPER_DONE
 * and forgets the command; whatever else it hears, above all the end, ends the
 * command. When the line is closed, the command has ended.
 */
#ifndef BASE_HELPER_H
#define BASE_HELPER_H

#include "base/shell.h"

#include <stdbool.h>
#include <stdint.h>

#define HELPER_NO_OUTPUT (1u << 0)
#define HELPER_OWN_GROUP (1u << 1)

struct helper_request {
	uint32_t flags;
	uint32_t variables; /* how many */
};

enum helper_word {
	HELPER_ENDED, /* the command has */
	HELPER_FAILED, /* it could not be started: errno */
	HELPER_REFUSED /* it must not be run */
};

struct helper_answer {
	int32_t word; /* enum helper_word */
	int32_t number;
	struct shell_end end;
};

#define HELPER_DONE 'd'

/* Only such variables may be given to a command. */
#define HELPER_VARIABLE "POSTRIDER_"

/*
 * helper_serve - be the helper, until the other side of `socket` is closed; then
 * end what still runs.
 * may, arg: as runner_start() has them.
 */
void helper_serve(
    int socket, bool (*may)(const char *command, void *arg), void *arg);

#endif
