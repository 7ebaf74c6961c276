/* wake.c - the command `wake`: the daemon is to poll now. */
#include "command/ask.h"

static int
wake_run(const struct invocation *in)
{
	struct request r = { .verb = REQUEST_WAKE };

	return ask_only(in, &r, NULL);
}

const struct command command_wake = {
	.name = "wake",
	.synopsis = "[ACCOUNT…]",
	.summary = "have the running daemon poll now",
	.help = "Every account, or those named, is polled as soon as its turn "
		"comes, also\n"
		"one that rests because its password was refused. Does not "
		"wait for the\n"
		"end; \"postrider fetch\" does.\n",
	.run = wake_run,
};
