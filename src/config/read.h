/*
 * read.h - walk through the settings files (libconfig) and note every value.
 */
#ifndef CONFIG_READ_H
#define CONFIG_READ_H

#include "config/problem.h"
#include "config/scope.h"
#include "config/settings.h"

/*
 * read_settings - the main file (absolute path, in the memory), its includes
 * and the files of accounts_dir, into the scopes of *m, `defaults` not applied
 * yet. Returns 0 when the main file could be parsed, whatever is wrong with
 * its values, else -1; what is wrong is noted.
 */
int
read_settings(struct settings_memory *m, const char *file, struct problems *p);

/* read_settings_text - the same; file: text->file, in the memory. */
int read_settings_text(struct settings_memory *m, const char *file,
    const struct settings_text *text, struct problems *p);

#endif
