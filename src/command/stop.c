/* stop.c - the command `stop`: ends the running daemon, and waits for that. */
#include "base/clock.h"
#include "base/log.h"
#include "command/ask.h"
#include "ledger/lock.h"

#include <poll.h>
#include <sysexits.h>

/* It has answered; all that is left is to close the ledger. */
#define PATIENCE_MS 30000
#define PAUSE_MS 20

static int
wait_for_end(const struct invocation *in, const char *state)
{
	struct deadline until = deadline_in(PATIENCE_MS);

	(void)in;
	while (lock_held_since(state) != 0) {
		if (deadline_passed(until)) {
			log_error("the running postrider is stopping, and has "
				  "not ended yet");
			return EX_TEMPFAIL;
		}
		poll(NULL, 0, PAUSE_MS);
	}
	return EX_OK;
}

static int
stop_run(const struct invocation *in)
{
	struct request r = { .verb = REQUEST_STOP };

	if (in->arg_count > 0) {
		log_error(
		    "stop ends the whole daemon, not \"%s\"", in->args[0]);
		return EX_USAGE;
	}
	return ask_only(in, &r, wait_for_end);
}

const struct command command_stop = {
	.name = "stop",
	.synopsis = "",
	.summary = "stop the running daemon",
	.help = "Polls under way are finished or broken off, as stop_timeout "
		"says; nothing\n"
		"is lost. Returns when the daemon has ended.\n",
	.run = stop_run,
};
