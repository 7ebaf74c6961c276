/* command.c - what a command of the settings prints. */
#include "sasl/command.h"

#include "base/log.h"
#include "base/runner.h"

#include <fcntl.h>
#include <stdbool.h>
#include <unistd.h>

/* Long enough for somebody to unlock a key. */
#define COMMAND_MS ((int64_t)60 * 1000)

static bool
on_a_terminal(void)
{
	int tty = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (tty < 0)
		return false;
	close(tty);
	return true;
}

static int
run(const char *command, bool asks, const struct stop *stop, struct buffer *out,
    struct error *e)
{
	const struct runner_task task = { .command = command,
		.timeout_ms = COMMAND_MS,
		.output_max = SECRET_MAX,
		.asks = asks };
	struct runner_result result;
	int rc = runner_run(&task, stop, &result, e);

	if (rc == 0)
		rc = runner_explain(&result, e);
	if (rc == 0)
		buffer_add_slice(out, buffer_slice(&result.output));
	else if (e->kind != ERR_STOPPED && e->kind != ERR_SYSTEM)
		e->kind = ERR_SECRET;
	runner_result_free(&result);
	return rc;
}

/* On a terminal one after the other, since each may ask there. */
int
secret_from_command(const char *command, const struct stop *stop,
    struct buffer *out, struct error *e)
{
	int rc;

	if (!on_a_terminal())
		return run(command, false, stop, out, e);
	log_claim_terminal();
	if (stop_level(stop) != STOP_NO)
		rc = error_set(e, ERR_STOPPED, "stopped");
	else
		rc = run(command, true, stop, out, e);
	log_release_terminal();
	return rc;
}
