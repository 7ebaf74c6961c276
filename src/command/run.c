/* run.c - the command `run`: the daemon, in the foreground. */
#include "base/log.h"
#include "command/command.h"
#include "daemon/daemon.h"
#include "daemon/privileges.h"

#include <sysexits.h>

static int
run(const struct invocation *in)
{
	struct daemon_options options = { .config = in->config,
		.state = in->state,
		.new_ledger = in->new_ledger };
	struct settings *settings;
	struct error e = { 0 };
	int status = command_settings(in, &settings);

	if (status != EX_OK)
		return status;
	if (!in->quiet && in->verbose == 0)
		log_set_level(LOG_INFORMED);
	if (privileges_become(settings->run_as, &e) < 0 ||
	    log_open(settings->log, &e) < 0) {
		settings_free(&settings);
		return command_fail(&e);
	}
	if (daemon_run(&options, settings, &e) < 0)
		status = command_fail(&e);
	log_close();
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
