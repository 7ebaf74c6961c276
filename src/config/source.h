/*
 * source.h - a settings file as text, with the files that it includes in
 * their places, and for each line of it where it stands.
 *
 * Includes are read here and not by libconfig 1.5, which takes none by an
 * absolute path, looks for nested ones in the wrong folder, and ends the
 * program when one is a folder.
 */
#ifndef CONFIG_SOURCE_H
#define CONFIG_SOURCE_H

#include "base/buffer.h"
#include "config/problem.h"
#include "config/scope.h"
#include "config/settings.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define SOURCE_MAX (16u << 20) /* octets of a file */
#define SOURCE_DEPTH 10 /* files that include each other */
#define SOURCE_FILES 1000 /* in all, a file counting as often as it is read */

struct source_file {
	const char *path; /* absolute, in the settings' memory */
	mode_t mode;
	uid_t owner;
	bool told; /* that it is too open */
};

struct source {
	struct buffer text; /* wiped when freed */
	struct place *lines; /* owned; of line 1, 2, … of the text */
	size_t line_count, line_room;
	struct source_file *files; /* owned */
	size_t file_count;
};

/*
 * source_read - read `path` (absolute) and what it includes.
 * from: what names the file, for the message that it cannot be read.
 * Returns 0, or -1 with the problems noted. Free *s in either case.
 */
int source_read(struct source *s, const char *path, struct place from,
    struct settings_memory *m, struct problems *p);
void source_free(struct source *s);

/* source_text - the same, of a text; file: text->file, in the memory. */
int source_text(struct source *s, const char *file,
    const struct settings_text *text, struct settings_memory *m,
    struct problems *p);

/* source_place - where a line of the text stands. */
struct place source_place(const struct source *s, unsigned line);

/*
 * source_check_private - a password stands at this place: note, once for each
 * file, when others may read it.
 */
void
source_check_private(struct source *s, struct place at, struct problems *p);

/*
 * source_path - a path that was written in `file`, made absolute: ~ is the
 * home folder, anything relative is beside that file.
 */
const char *
source_path(struct settings_memory *m, const char *file, const char *path);

/* source_home - $HOME, or else what the system says; "/" when none. */
const char *source_home(void);

#endif
