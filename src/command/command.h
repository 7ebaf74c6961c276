/*
 * command.h - what a command is. Each file of this folder exports one
 * struct command; main.c picks one.
 */
#ifndef COMMAND_COMMAND_H
#define COMMAND_COMMAND_H

#include "base/error.h"
#include "config/settings.h"

#include <stdbool.h>

/* What only migrate is told; NULL: it is not. */
#define REPORTS_MAX 8
struct migrate_options {
	const char *list; /* --list */
	const char *rate; /* --rate */
	const char *patience; /* --patience */
	const char *at; /* --at */
	const char *password_file, *password_command;
	const char *destination_password_file, *destination_password_command;
	const char *at_password_file, *at_password_command;
	const char *reports[REPORTS_MAX]; /* --report */
	size_t report_count;
	bool ordered; /* --ordered */
	bool retry_held; /* --retry-held */
	bool resend; /* --resend */
	bool elsewhere; /* --elsewhere */
	bool verify; /* --verify */
	bool delete_source; /* --delete-source */
};

/* The command line, parsed. */
struct invocation {
	const char *config; /* --config, or NULL */
	const char *state; /* --state, or NULL */
	bool quiet; /* -q */
	int verbose; /* -v, -vv */
	bool json; /* --json */
	bool new_ledger; /* --new-ledger */
	bool same_mailbox; /* --same-mailbox */
	bool other_mail; /* --other-mail */
	bool watch; /* --watch */
	bool all; /* --all */
	bool dry_run; /* --dry-run */
	const char *last; /* --last, or NULL */
	const char *before; /* --before, or NULL */
	bool yes; /* --yes */
	bool run_commands; /* --run-commands */
	const char *destination; /* --destination, or NULL */
	const char *netrc; /* --netrc, or NULL */
	char **seen; /* --seen, as often as it was given, NULL-terminated */
	int seen_count;
	struct migrate_options migrate;
	char **args; /* after the command's name, NULL-terminated */
	int arg_count;
};

/* Options that not every command has. */
#define COMMAND_JSON (1u << 0)
#define COMMAND_NEW_LEDGER (1u << 1)
#define COMMAND_SAME_MAILBOX (1u << 2)
#define COMMAND_OTHER_MAIL (1u << 3)
#define COMMAND_WATCH (1u << 4)
#define COMMAND_ALL (1u << 5)
#define COMMAND_DRY_RUN (1u << 6)
#define COMMAND_LAST (1u << 7)
#define COMMAND_BEFORE (1u << 8)
#define COMMAND_YES (1u << 9)
#define COMMAND_RUN_COMMANDS (1u << 10)
#define COMMAND_DESTINATION (1u << 11)
#define COMMAND_NETRC (1u << 12)
#define COMMAND_SEEN (1u << 13)
#define COMMAND_MIGRATE (1u << 14)

struct command {
	const char *name;
	const char *synopsis; /* "[ACCOUNT…]" */
	const char *summary; /* one line */
	const char *help; /* the rest of --help, lines of up to 78 columns */
	unsigned options; /* COMMAND_… */
	/* Returns the exit status (sysexits(3)). */
	int (*run)(const struct invocation *in);
};

extern const struct command command_run, command_fetch, command_check,
    command_list, command_plan, command_baseline, command_status, command_held,
    command_migrate, command_import, command_wake, command_reload, command_stop,
    command_config, command_help;

/* All of them, in the order of the help, NULL at the end. */
extern const struct command *const commands[];

/* command_find - by name, or NULL. */
const struct command *command_find(const char *name);

/* command_unknown - tell which one may be meant. Returns EX_USAGE. */
int command_unknown(const char *name);

/*
 * command_settings - read the settings for an invocation; problems are shown.
 * Returns 0, or an exit status.
 */
int command_settings(const struct invocation *in, struct settings **s);

/*
 * command_worker - who root leaves to do what a daemon would: polls, commands of
 * the settings, the ledger. That is run_as or, without it, whoever the state
 * directory belongs to; owned by the caller, see user.h. NULL: we do it ourselves.
 *
 * command_become - before any of that is done: becomes that user, and reads the
 * settings again as such, whose "~" is another one. Returns EX_OK, or a status
 * after telling.
 */
char *command_worker(const struct settings *settings);
int command_become(const struct invocation *in, struct settings **settings);

/*
 * command_problems - show what is wrong with settings; without a problem, the
 * error. Returns an exit status.
 */
int command_problems(const struct buffer *problems, const struct error *e);

/*
 * command_accounts - the accounts that were named, or all of them. Returns a
 * NULL-terminated array that the caller frees, or NULL after telling which one
 * is unknown.
 */
const struct account **
command_accounts(const struct invocation *in, const struct settings *s);

/*
 * command_become_with - command_become(), of which the accounts, that point into
 * the settings, are chosen again; *accounts is NULL after a failure.
 */
int command_become_with(const struct invocation *in, struct settings **settings,
    const struct account ***accounts);

/* command_fail - show an error; returns its exit status. */
int command_fail(const struct error *e);

/*
 * command_fail_at - the same, with the account's or destination's name in
 * front, unless the text begins with it.
 */
int command_fail_at(const char *name, const struct error *e);

/* command_text - an error's text, less a leading "[destination] NAME: ". */
const char *command_text(const char *name, const char *text);

/* command_worse - which of two exit statuses says more. */
int command_worse(int a, int b);

#endif
