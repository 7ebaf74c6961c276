/* run.c - the command `run`: the daemon, in the foreground. */
#include "base/alloc.h"
#include "base/log.h"
#include "command/command.h"
#include "daemon/daemon.h"
#include "daemon/privileges.h"

#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

/*
 * Root becomes run_as before anything is opened, and reads the same settings then
 * and later. files: the names of these, owned by the caller.
 */
static int
become(struct invocation *in, char *files[2], struct settings **settings)
{
	struct error e = { 0 };

	if ((*settings)->run_as == NULL || geteuid() != 0)
		return privileges_become((*settings)->run_as, &e) == 0
		    ? EX_OK
		    : command_fail(&e);
	in->config = files[0] = xstrdup((*settings)->file);
	in->state = files[1] = xstrdup((*settings)->state);
	return command_become(in, settings);
}

static int
keep_running(const struct invocation *in, struct settings **settings)
{
	struct daemon_options options = { .config = in->config,
		.state = in->state,
		.new_ledger = in->new_ledger };
	struct settings *its = *settings;
	struct error e = { 0 };
	int rc;

	if (log_open(its->log, &e) < 0)
		return command_fail(&e);
	*settings = NULL;
	rc = daemon_run(&options, its, &e);
	if (rc < 0)
		rc = command_fail(&e);
	log_close();
	return rc;
}

static int
run(const struct invocation *given)
{
	struct invocation in = *given;
	struct settings *settings;
	char *files[2] = { NULL, NULL };
	int status;

	if (in.arg_count > 0) {
		log_error("\"postrider run\" polls every account: it takes no "
			  "names");
		return EX_USAGE;
	}
	status = command_settings(&in, &settings);
	if (status != EX_OK)
		return status;
	if (!in.quiet && in.verbose == 0)
		log_set_level(LOG_INFORMED);
	status = become(&in, files, &settings);
	if (status == EX_OK)
		status = keep_running(&in, &settings);
	settings_free(&settings);
	free(files[0]);
	free(files[1]);
	return status;
}

const struct command command_run = {
	.name = "run",
	.synopsis = "",
	.summary = "keep running, and fetch from every account when it is due",
	.help = "Stays in the foreground, for systemd, runit or a terminal; "
		"it writes a\n"
		"line for each poll that moved mail or failed. Each account "
		"has its own\n"
		"time between two polls (every).\n"
		"It asks nobody: each password has to be in the settings, or "
		"come from a\n"
		"file or a command.\n"
		"SIGTERM and SIGINT stop it in order, SIGHUP reads the "
		"settings anew,\n"
		"SIGUSR1 polls every account now.\n",
	.options = COMMAND_NEW_LEDGER,
	.run = run,
};
