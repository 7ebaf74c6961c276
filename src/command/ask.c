/* ask.c - see ask.h. */
#include "command/ask.h"

#include "base/alloc.h"
#include "base/log.h"
#include "command/ground.h"
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

/* Who is asked for by name has to be in the settings, where these are right. */
static int
check_names(const struct invocation *in, const struct settings *settings)
{
	const struct account **named;

	if (settings == NULL)
		return EX_OK;
	named = command_accounts(in, settings);
	if (named == NULL)
		return EX_USAGE;
	free(named);
	return EX_OK;
}

/*
 * What is wrong with the settings the daemon says itself when it has read them; so
 * that is told here only where it has found nothing.
 */
static int
ask_at(struct ground *g, const struct request *r)
{
	bool wrong = g->settings == NULL && g->problems.len > 0;
	struct error e = { 0 };
	int status;

	if (ask_daemon(g->in, g->state, r, &status, &e) < 0)
		return command_fail(&e);
	if (r->verb == REQUEST_RELOAD && wrong && status == EX_OK)
		ground_warn(g);
	return status;
}

/* Whoever wants to stop a daemon need not mend his settings first. */
static int
find_daemon(
    struct ground *g, const struct invocation *in, const struct request *r)
{
	int status;

	if (in->state != NULL && in->state[0] == '/' && in->arg_count == 0) {
		*g = (struct ground){ .in = in, .state = xstrdup(in->state) };
		return EX_OK;
	}
	ground_read(g, in);
	status = r->verb == REQUEST_RELOAD ? ground_look(g, NEED_DAEMON)
					   : ground_check(g, NEED_DAEMON);
	if (status != EX_OK && g->state != NULL)
		log_error("no daemon is running with the state directory %s",
		    g->state);
	return status;
}

int
ask_only(const struct invocation *in, struct request *r,
    int (*after)(const struct invocation *in, const char *state))
{
	struct ground g;
	int status = find_daemon(&g, in, r);

	if (status == EX_OK)
		status = check_names(in, g.settings);
	if (status == EX_OK) {
		ask_accounts(in, r);
		status = ask_at(&g, r);
	}
	if (status == EX_OK && after != NULL)
		status = after(in, g.state);
	ground_free(&g);
	request_free(r);
	return status;
}
