/* run.c - the command `run`: the daemon, in the foreground. */
#include "command/command.h"
#include "daemon/daemon.h"

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
	return daemon_run(&options, settings, &e) == 0 ? EX_OK
						       : command_fail(&e);
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
		"SIGTERM and SIGINT stop it in order, SIGHUP reads the "
		"settings anew,\n"
		"SIGUSR1 polls every account now.\n",
	.options = COMMAND_NEW_LEDGER,
	.run = run,
};
