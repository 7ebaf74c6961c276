/* command.c - the table of commands, and what they share. */
#include "command/command.h"

#include "base/alloc.h"
#include "base/log.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define COMMANDS 14

const struct command *const commands[] = { &command_run, &command_fetch,
	&command_check, &command_list, &command_plan, &command_baseline,
	&command_status, &command_held, &command_migrate, &command_wake,
	&command_reload, &command_stop, &command_config, &command_help, NULL };

_Static_assert(sizeof(commands) / sizeof(commands[0]) == COMMANDS + 1,
    "COMMANDS counts them");

const struct command *
command_find(const char *name)
{
	size_t i;

	for (i = 0; commands[i] != NULL; i++)
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	return NULL;
}

int
command_unknown(const char *name)
{
	const char *names[COMMANDS + 1] = { NULL };
	const char *near;
	size_t i;

	for (i = 0; i < COMMANDS; i++)
		names[i] = commands[i]->name;
	near = text_nearest(name, names);
	if (near != NULL)
		log_error(
		    "unknown command \"%s\"; did you mean \"%s\"?", name, near);
	else
		log_error(
		    "unknown command \"%s\"; \"postrider help\" lists them",
		    name);
	return EX_USAGE;
}

static void
problems_show(struct buffer *problems)
{
	char *rest = problems->data;
	char *line;

	while ((line = strsep(&rest, "\n")) != NULL)
		if (*line != '\0')
			log_error("%s", line);
}

/* Somebody's first steps: say how to begin. */
static void
explain_missing_file(const struct invocation *in)
{
	char *path = in->config == NULL ? settings_default_file() : NULL;
	char *dir;

	if (path == NULL || access(path, F_OK) == 0) {
		free(path);
		return;
	}
	dir = xstrdup(path);
	*strrchr(dir, '/') = '\0';
	if (access(dir, F_OK) == 0)
		log_error("to begin: postrider config example >%s, and fill in "
			  "your servers",
		    path);
	else
		log_error("to begin: mkdir -p %s; postrider config example "
			  ">%s, and fill in your servers",
		    dir, path);
	free(dir);
	free(path);
}

int
command_settings(const struct invocation *in, struct settings **s)
{
	struct buffer problems = { 0 };
	struct error e = { 0 };
	int rc;

	rc = settings_read(s, in->config, in->state, &problems, &e);
	if (rc == 0) {
		buffer_free(&problems);
		return EX_OK;
	}
	if (problems.len > 0)
		problems_show(&problems);
	else
		log_error("%s", e.text);
	explain_missing_file(in);
	buffer_free(&problems);
	return error_exit_status(e.kind);
}

static void
account_unknown(const struct settings *s, const char *name)
{
	const char **names = settings_names(s);
	const char *near;

	near = text_nearest(name, names);
	if (near != NULL)
		log_error("%s: no account \"%s\"; did you mean \"%s\"?",
		    s->file, name, near);
	else
		log_error("%s: no account \"%s\"", s->file, name);
	free(names);
}

static bool
account_among(const struct account **list, const struct account *account)
{
	for (; *list != NULL; list++)
		if (*list == account)
			return true;
	return false;
}

const struct account **
command_accounts(const struct invocation *in, const struct settings *s)
{
	size_t named = (size_t)in->arg_count;
	size_t room = named > s->account_count ? named : s->account_count;
	const struct account **list = xcalloc(room + 1, sizeof(*list));
	const struct account *account;
	size_t i;
	size_t n = 0;

	if (named == 0) {
		for (i = 0; i < s->account_count; i++)
			list[i] = &s->accounts[i];
		return list;
	}
	for (i = 0; i < named; i++) {
		account = settings_account(s, in->args[i]);
		if (account == NULL) {
			account_unknown(s, in->args[i]);
			free(list);
			return NULL;
		}
		if (!account_among(list, account))
			list[n++] = account;
	}
	return list;
}

int
command_fail(const struct error *e)
{
	/* Whoever asked us to stop need not be told that we did. */
	if (e->kind != ERR_STOPPED)
		log_error("%s", e->text);
	return error_exit_status(e->kind);
}

const char *
command_text(const char *name, const char *text)
{
	static const char destination[] = "destination ";
	const char *rest = text;
	size_t n = strlen(name);

	if (strncmp(rest, destination, strlen(destination)) == 0)
		rest += strlen(destination);
	if (strncmp(rest, name, n) == 0 && strncmp(rest + n, ": ", 2) == 0)
		return rest + n + 2;
	return text;
}

int
command_fail_at(const char *name, const struct error *e)
{
	if (e->kind != ERR_STOPPED)
		log_error("%s: %s", name, command_text(name, e->text));
	return error_exit_status(e->kind);
}

int
command_worse(int a, int b)
{
	return error_worse(a, b);
}
