/*
 * settings.h - the settings file, read (libconfig), checked against the table
 * (table.h), and turned into the plain structs that the rest works with.
 */
#ifndef CONFIG_SETTINGS_H
#define CONFIG_SETTINGS_H

#include "base/buffer.h"
#include "base/error.h"
#include "delivery/destination.h"
#include "poll/account.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Everything in it is owned by it and lives until settings_free(). */
struct settings {
	const char *file; /* absolute path of the main file */
	const char *state; /* absolute path of the state directory */
	const char *log; /* for log_open() */
	const char *run_as; /* for privileges_become(), or NULL */
	const char *accounts_dir; /* absolute, or NULL */
	struct account *accounts;
	size_t account_count;
	struct destination *destinations;
	size_t destination_count;
	/* At most so many polls at once: in all, and of one server. */
	unsigned max_polls, max_polls_per_server;
	int64_t stop_timeout_ms;
	const char *metrics; /* "ADDRESS:PORT", or NULL */
	bool confine; /* for the daemon */
	/* Of all the files that the settings were read from. */
	const char *const *folders;
	size_t folder_count;
	struct settings_memory *memory; /* private */
};

/*
 * settings_read - read and check.
 * file: NULL for the usual place (settings_default_file()).
 * state: overrides the setting of that name, or NULL.
 * Returns 0, or -1 with ERR_CONFIG; every problem found is then a line in
 * `problems`: "FILE:LINE: what is wrong; what to do". e->text sums up.
 */
int settings_read(struct settings **s, const char *file, const char *state,
    struct buffer *problems, struct error *e);

/* Settings that are in memory, made of what stands in another file. */
struct settings_text {
	struct slice text;
	/*
	 * That file: what is wrong is told to stand there, and what is relative
	 * is beside it. An absolute path; or words, where nothing is relative.
	 */
	const char *file;
	/* Of each line of the text: where it stands there; 0: nowhere. NULL: on
	 * the same line. */
	const unsigned *lines;
	size_t line_count;
	mode_t mode; /* who may open it, should a password stand there */
	uid_t owner;
};

/* settings_read_text - as settings_read(). All of *text is borrowed. */
int settings_read_text(struct settings **s, const struct settings_text *text,
    const char *state, struct buffer *problems, struct error *e);

/* Settings as they will be. All of it is borrowed. */
struct settings_draft {
	const struct slice *main; /* the main file; NULL: as it is */
	/* More accounts for accounts_dir, which need not be there yet. */
	const struct settings_text *accounts;
	size_t account_count;
	/* These (absolute, NULL at the end) count as being there; or NULL. */
	const char *const *files;
	bool empty; /* there need not be an account yet */
};

/*
 * settings_read_draft - as settings_read(), but as if what the draft says were
 * there.
 */
int settings_read_draft(struct settings **s, const char *file,
    const char *state, const struct settings_draft *draft,
    struct buffer *problems, struct error *e);
void settings_free(struct settings **s); /* wipes passwords */

/*
 * settings_state - where the state directory is although the settings are wrong.
 * file, state: as above. Owned by the caller; NULL: that cannot be told.
 */
char *settings_state(const char *file, const char *state);

/*
 * settings_forget_accounts - of settings that are no longer in force: what is left
 * is destinations. Of thousands of accounts that is next to nothing.
 */
void settings_forget_accounts(struct settings *s);

/* settings_default_file - $XDG_CONFIG_HOME/postrider/postrider.conf,
 * ~/.config/…, or /etc/postrider/postrider.conf for root. Owned by caller. */
char *settings_default_file(void);

const struct account *
settings_account(const struct settings *s, const char *name);
/*
 * settings_names - of all accounts, NULL at the end; the list is the caller's.
 */
const char **settings_names(const struct settings *s);
const struct destination *
settings_destination(const struct settings *s, const char *name);

/* settings_in_defaults - does an account that lacks it get it from `defaults`? */
bool settings_in_defaults(const struct settings *s, const char *name);

/*
 * settings_same_account, settings_same_destination - is what two readings say of
 * it the same in every setting, those inherited and by default included?
 */
bool settings_same_account(const struct settings *a, const struct account *of_a,
    const struct settings *b, const struct account *of_b);
bool settings_same_destination(const struct settings *a,
    const struct destination *of_a, const struct settings *b,
    const struct destination *of_b);

/*
 * settings_print - every setting with the value in force, in the syntax of
 * the file, defaults included, passwords masked; readable by settings_read
 * but for those.
 */
void settings_print(const struct settings *s, struct buffer *out);

#endif
