/*
 * prompt.h - a secret typed on the terminal, unseen. Only password.c includes
 * it.
 */
#ifndef SASL_PROMPT_H
#define SASL_PROMPT_H

#include "sasl/secret.h"

/*
 * secret_from_prompt - the answer to a question on /dev/tty, with its line end.
 * Threads may ask at once: one question follows the other.
 * out: as secret_read() has it.
 * Returns 0, or -1 with ERR_SECRET (also when there is no terminal to ask on),
 * ERR_STOPPED, ERR_SYSTEM.
 */
int secret_from_prompt(const char *question, const struct stop *stop,
    struct buffer *out, struct error *e);

#endif
