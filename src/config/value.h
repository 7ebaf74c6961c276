/*
 * value.h - from what stands in a file to a typed value, checked against the
 * setting's row of the table, and back.
 *
 * The value_from functions fill in *v but for where it was given. They return
 * 0, or -1 with the reason in *why: a clause for behind the setting's name,
 * which never holds a secret.
 */
#ifndef CONFIG_VALUE_H
#define CONFIG_VALUE_H

#include "base/buffer.h"
#include "config/scope.h"

/* value_from_text - a quoted string. beside: the file that it stands in. */
int value_from_text(struct value *v, const struct setting *setting,
    const char *text, const char *beside, struct settings_memory *m,
    struct buffer *why);
int value_from_number(struct value *v, const struct setting *setting,
    int64_t number, struct buffer *why);
int value_from_bool(struct value *v, const struct setting *setting, bool is,
    struct buffer *why);

/* value_from_texts - several strings, where a setting takes them. */
int value_from_texts(struct value *v, const struct setting *setting,
    const char **texts, size_t count, struct settings_memory *m,
    struct buffer *why);

/* value_wrong_type - say so. what: "a number". Returns -1. */
int value_wrong_type(
    const struct setting *setting, const char *what, struct buffer *why);

/* value_initial - the default that the table has. */
void value_initial(
    struct value *v, const struct setting *setting, struct settings_memory *m);

/* value_is_set - is there anything to show? */
bool value_is_set(const struct value *v, const struct setting *setting);

/* value_write - as it would stand in a file; secrets as asterisks. */
void value_write(
    const struct value *v, const struct setting *setting, struct buffer *out);

/* value_quote - a string as it stands in a file. */
void value_quote(const char *text, struct buffer *out);

#endif
