/* baseline.c - the command `baseline`: what is there now counts as seen. */
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "command/ask.h"
#include "command/command.h"
#include "command/look.h"
#include "command/polls.h"
#include "poll/outcome.h"

#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

struct making {
	const struct invocation *in;
	struct settings *settings;
	const struct account **accounts; /* NULL-terminated */
	struct baseline baseline;
};

/* --- here --- */

static void
begin(void *arg, size_t i, struct poll_job *job)
{
	const struct making *m = arg;

	(void)i;
	job->baseline = &m->baseline;
}

static int
make_here(struct making *m)
{
	struct polls p = {
		.in = m->in, .each = true, .begin = begin, .arg = m
	};
	int status = command_become_with(m->in, &m->settings, &m->accounts);

	if (status != EX_OK)
		return status;
	p.settings = m->settings;
	p.accounts = m->accounts;
	p.state = m->settings->state;
	return polls_run(&p);
}

/* --- by the daemon, which has the ledger --- */

static int
make_there(const struct making *m, int *status, struct error *e)
{
	struct request r = { .verb = REQUEST_BASELINE,
		.last = m->baseline.last,
		.before = (uint64_t)m->baseline.before };
	int rc;

	if (r.last > 0)
		r.options |= REQUEST_LAST;
	if (r.before > 0)
		r.options |= REQUEST_BEFORE;
	ask_accounts(m->in, &r);
	rc = ask_daemon(m->in, m->settings->state, &r, status, e);
	request_free(&r);
	return rc;
}

static int
make(struct making *m)
{
	struct error e = { 0 };
	int status;

	/* It has a ledger: whoever wants a new one is told that it has it. */
	if (m->in->new_ledger)
		return make_here(m);
	if (make_there(m, &status, &e) == 0)
		return status;
	return e.kind == ERR_CONNECT ? make_here(m) : command_fail(&e);
}

/* --- only to be shown --- */

static void
show(const struct look *look)
{
	const struct plan *plan = look->plan;
	size_t seen = 0, known = 0;

	for (size_t i = 0; i < plan->count; i++) {
		seen += plan->list[i].action == PLAN_SEEN;
		known += plan->list[i].row != NULL && !plan->list[i].fresh;
	}
	printf("%s: %zu message%s would count as seen; %zu would stay new; %zu "
	       "known before\n",
	    look->account->name, seen, seen == 1 ? "" : "s",
	    plan->count - seen - known, known);
}

/* --- what is asked for --- */

static int
parse_last(const char *text, uint64_t *last)
{
	if (text == NULL || text_u64(slice_of(text), INT64_MAX, last) == 0)
		return 0;
	log_error("--last takes a number of messages, not \"%s\"", text);
	return -1;
}

static int
parse_before(const char *text, int64_t *before)
{
	int64_t ago;

	if (text == NULL || clock_date(text, before) == 0)
		return 0;
	if (text_duration(slice_of(text), &ago) == 0) {
		*before = clock_wall() - ago;
		return 0;
	}
	log_error("--before takes a date such as 2026-11-01, or how long ago "
		  "such as 30d, not \"%s\"",
	    text);
	return -1;
}

static int
run(const struct invocation *in)
{
	struct making m = { .in = in };
	int status;

	if (parse_last(in->last, &m.baseline.last) < 0 ||
	    parse_before(in->before, &m.baseline.before) < 0)
		return EX_USAGE;
	if (in->dry_run)
		return look_baseline(in, &m.baseline, show);
	status = command_settings(in, &m.settings);
	if (status != EX_OK)
		return status;
	m.accounts = command_accounts(in, m.settings);
	status = m.accounts != NULL ? make(&m) : EX_USAGE;
	free(m.accounts);
	settings_free(&m.settings);
	return status;
}

const struct command command_baseline = {
	.name = "baseline",
	.synopsis = "[--last N] [--before DATE] [--dry-run] [ACCOUNT…]",
	.summary = "have what is in the mailbox now count as seen",
	.help =
	    "What the mailbox holds and the ledger does not know counts as "
	    "seen from\n"
	    "now on, without a download; it is never fetched, and stays. "
	    "What the\n"
	    "ledger knows stays what it is, and nothing is deleted. Tells "
	    "how many\n"
	    "became seen.\n"
	    "With --last or --before the other messages stay new, as do "
	    "those of which\n"
	    "nobody knows when they arrived; with both, only what fits both "
	    "is seen.\n"
	    "Beside a running daemon it is the daemon that does this.\n",
	.options = COMMAND_NEW_LEDGER | COMMAND_DRY_RUN | COMMAND_LAST |
	    COMMAND_BEFORE,
	.run = run,
};
