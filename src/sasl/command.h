/*
 * command.h - a secret from the output of a command. Only password.c includes
 * it.
 */
#ifndef SASL_COMMAND_H
#define SASL_COMMAND_H

#include "sasl/secret.h"

/*
 * secret_from_command - all that a command for /bin/sh -c prints within 60 s.
 * By the helper, where one was started (base/runner.h). Its standard input and
 * error are ours. It has ended when this returns. Any thread; where there is a
 * terminal to ask on, one command runs at a time.
 * out: as secret_read() has it.
 * Returns 0, or -1 with ERR_SECRET (it could not be run, failed, or took too
 * long), ERR_STOPPED, ERR_SYSTEM.
 */
int secret_from_command(const char *command, const struct stop *stop,
    struct buffer *out, struct error *e);

#endif
