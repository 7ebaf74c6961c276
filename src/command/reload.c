/* reload.c - the command `reload`: the daemon is to read its settings again. */
#include "command/ask.h"

#include "base/log.h"

#include <sysexits.h>

static int
reload_run(const struct invocation *in)
{
	struct request r = { .verb = REQUEST_RELOAD };

	if (in->arg_count > 0) {
		log_error("reload is for all of the settings, not for \"%s\"",
		    in->args[0]);
		return EX_USAGE;
	}
	return ask_only(in, &r, NULL);
}

const struct command command_reload = {
	.name = "reload",
	.synopsis = "",
	.summary = "have the running daemon read its settings again",
	.help = "They are checked as a whole before anything changes: where "
		"something is\n"
		"wrong, it is told, here and in the log, and the old settings "
		"stay in\n"
		"force. So is what takes effect at the next start only. Polls "
		"under way\n"
		"go on.\n",
	.run = reload_run,
};
