/*
 * describe.h - the table of settings for people: a listing, the paragraphs of
 * the manual page, and the example file.
 */
#ifndef CONFIG_DESCRIBE_H
#define CONFIG_DESCRIBE_H

#include "base/buffer.h"

/* describe_list - name, type, default and help, by section. */
void describe_list(struct buffer *out);

/* describe_man - paragraphs in the man macros of roff, man(7). */
void describe_man(struct buffer *out);

/*
 * describe_example - a settings file in which every setting stands; behind "#"
 * those that show their default or that few need. It is valid as it is.
 */
void describe_example(struct buffer *out);

#endif
