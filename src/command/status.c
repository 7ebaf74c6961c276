/* status.c - the command `status`: how every account is doing. */
#include "command/status.h"

#include "base/log.h"
#include "command/ground.h"
#include "command/whom.h"

#include <stdio.h>
#include <sysexits.h>
#include <unistd.h>

/* Of whom, and from where. */
struct question {
	struct ground ground;
	struct whom whom;
	bool all; /* nobody was named */
};

static int
read_all(void *arg, struct glances *g, struct error *e)
{
	const struct question *q = arg;

	return glances_read(g, q->ground.state, q->whom.list, q->all, e);
}

static void
text_print(const struct glances *g, const struct status_view *view)
{
	struct buffer out = { 0 };

	status_text(g, view, &out);
	if (out.len > 0)
		fwrite(out.data, 1, out.len, stdout);
	buffer_free(&out);
}

static int
show_once(const struct invocation *in, struct question *q,
    const struct status_view *view)
{
	struct glances g = { 0 };
	struct error e = { 0 };
	int status;

	if (read_all(q, &g, &e) < 0)
		return command_fail(&e);
	if (in->json)
		status_json(&g, q->ground.settings);
	else
		text_print(&g, view);
	status = glances_status(&g);
	glances_free(&g);
	return status;
}

/* Returns EX_OK, or EX_USAGE after telling. */
static int
check_options(const struct invocation *in)
{
	if (!in->watch)
		return EX_OK;
	if (in->json || in->quiet) {
		log_error("--watch is for people: it goes with neither --json "
			  "nor -q");
		return EX_USAGE;
	}
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
		log_error("--watch needs a terminal");
		return EX_USAGE;
	}
	return EX_OK;
}

static int
show(const struct invocation *in, struct question *q)
{
	struct status_view view = {
		.quiet = in->quiet,
		.each = in->all || !q->all,
	};

	if (in->watch)
		return status_watch(&view, read_all, q);
	terminal_look(&view.terminal);
	return show_once(in, q, &view);
}

static int
status_run(const struct invocation *in)
{
	struct question q = { .all = in->arg_count == 0 };
	int status = check_options(in);

	if (status != EX_OK)
		return status;
	ground_read(&q.ground, in);
	status = ground_check(&q.ground, NEED_LEDGER);
	if (status == EX_OK)
		status = whom_find(&q.whom, &q.ground);
	if (status == EX_OK)
		status = show(in, &q);
	whom_free(&q.whom);
	ground_free(&q.ground);
	return status;
}

const struct command command_status = {
	.name = "status",
	.synopsis = "[--watch | --json] [--all] [ACCOUNT…]",
	.summary = "show how every account is doing",
	.help = "Shows for each account what it is at, its last success, what "
		"was\n"
		"delivered today and in all, what is still to be deleted "
		"(OWED), refused\n"
		"for now (DEFERRED) or for good (HELD); below that what is "
		"wrong. Beside\n"
		"a running daemon also when each is polled next, and how the "
		"destinations\n"
		"are doing. Of more than 50 accounts only those with "
		"something wrong are\n"
		"shown, unless they are named. With -q only what is wrong.\n"
		"\n"
		"Exit status: 0 when all is well, 75 when a last poll failed "
		"or was cut\n"
		"off by a crash, an account is not polled, mail is deferred "
		"or in doubt, a\n"
		"report is owed or a destination is down, 69 when mail is "
		"held.\n",
	.options = COMMAND_JSON | COMMAND_WATCH | COMMAND_ALL,
	.run = status_run,
};
