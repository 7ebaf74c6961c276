/*
 * expects.h - what a setting may hold, in words: for what is said of a wrong
 * value, and for the manual.
 */
#ifndef CONFIG_EXPECTS_H
#define CONFIG_EXPECTS_H

#include "base/buffer.h"
#include "config/table.h"

#include <stdbool.h>

/* expects_text - what it must be: `a whole number from 1 to 65535`. */
void expects_text(const struct setting *setting, struct buffer *out);

/* expects_quotes - are its values strings in the file? */
bool expects_quotes(const struct setting *setting);

#endif
