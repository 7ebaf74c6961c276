/* command.c - the table of commands, and what they share. */
#include "command/command.h"

#include "base/alloc.h"
#include "base/log.h"
#include "base/text.h"
#include "command/ground.h"
#include "daemon/privileges.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#define COMMANDS 15

const struct command *const commands[] = { &command_run, &command_fetch,
	&command_check, &command_list, &command_plan, &command_baseline,
	&command_status, &command_held, &command_migrate, &command_import,
	&command_wake, &command_reload, &command_stop, &command_config,
	&command_help, NULL };

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

int
command_problems(const struct buffer *problems, const struct error *e)
{
	const char *line = problems->data, *end;

	if (problems->len == 0)
		log_error("%s", e->text);
	else
		for (; *line != '\0'; line = end + (*end != '\0')) {
			end = strchrnul(line, '\n');
			log_error("%.*s", (int)(end - line), line);
		}
	return error_exit_status(e->kind);
}

int
command_settings(const struct invocation *in, struct settings **s)
{
	struct ground g;
	int status = EX_OK;

	ground_read(&g, in);
	*s = g.settings;
	g.settings = NULL;
	if (*s == NULL)
		status = ground_refuse(&g);
	ground_free(&g);
	return status;
}

char *
command_worker(const struct settings *settings)
{
	struct stat st;

	if (geteuid() != 0)
		return NULL;
	if (settings->run_as != NULL)
		return xstrdup(settings->run_as);
	/* What root put there, a daemon of that user could not write to. */
	if (stat(settings->state, &st) < 0 || st.st_uid == 0)
		return NULL;
	return xasprintf("%ju", (uintmax_t)st.st_uid);
}

int
command_become(const struct invocation *in, struct settings **settings)
{
	struct invocation again = *in;
	struct error e = { 0 };
	char *worker = command_worker(*settings);
	char *file, *state;
	int status;

	if (worker == NULL)
		return EX_OK;
	status = privileges_become(worker, &e);
	free(worker);
	if (status < 0)
		return command_fail(&e);
	again.config = file = xstrdup((*settings)->file);
	again.state = state = xstrdup((*settings)->state);
	settings_free(settings);
	status = command_settings(&again, settings);
	free(file);
	free(state);
	return status;
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
command_become_with(const struct invocation *in, struct settings **settings,
    const struct account ***accounts)
{
	int status;

	free(*accounts);
	*accounts = NULL;
	status = command_become(in, settings);
	if (status != EX_OK)
		return status;
	*accounts = command_accounts(in, *settings);
	return *accounts != NULL ? EX_OK : EX_USAGE;
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
