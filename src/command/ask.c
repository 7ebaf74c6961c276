/* ask.c - see ask.h. */
#include "command/ask.h"

#include "base/alloc.h"
#include "base/log.h"
#include "daemon/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

static void
show(void *arg, enum answer_kind kind, char *line)
{
	const struct invocation *in = arg;

	if (kind == ANSWER_COMPLAINT) {
		log_error("%s", line);
	} else if (!in->quiet) {
		printf("%s\n", line);
		fflush(stdout);
	}
}

int
ask_daemon(const struct invocation *in, const char *state,
    const struct request *r, int *status, struct error *e)
{
	struct invocation copy = *in;

	return client_ask(state, r, show, &copy, status, e);
}

void
ask_accounts(const struct invocation *in, struct request *r)
{
	for (int i = 0; i < in->arg_count; i++)
		request_add(r, in->args[i]);
}

/* Whoever wants to stop a daemon need not mend his settings first. */
static int
find_state(
    const struct invocation *in, struct settings **settings, const char **state)
{
	const struct account **named;
	int status;

	*state = in->state;
	if (in->state != NULL && in->state[0] == '/' && in->arg_count == 0)
		return EX_OK;
	status = command_settings(in, settings);
	if (status != EX_OK)
		return status;
	*state = (*settings)->state;
	named = command_accounts(in, *settings);
	if (named == NULL)
		return EX_USAGE;
	free(named);
	return EX_OK;
}

int
ask_only(const struct invocation *in, struct request *r,
    int (*after)(const struct invocation *in, const char *state))
{
	struct settings *settings = NULL;
	struct error e = { 0 };
	const char *state;
	int status = find_state(in, &settings, &state);

	if (status == EX_OK) {
		ask_accounts(in, r);
		if (ask_daemon(in, state, r, &status, &e) < 0)
			status = command_fail(&e);
	}
	if (status == EX_OK && after != NULL)
		status = after(in, state);
	settings_free(&settings);
	request_free(r);
	return status;
}
