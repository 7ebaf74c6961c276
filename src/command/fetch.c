/* postrider fetch: one poll of every account, or of those named. */
#include "command/ask.h"
#include "command/command.h"
#include "command/polls.h"
#include "command/session.h"

#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

struct fetch {
	const struct invocation *in;
	struct settings *settings;
	const struct account **accounts; /* NULL-terminated */
	bool terminal; /* somebody watches */
};

static int
work(void *arg, const struct stop *stop)
{
	struct polls *p = arg;
	struct error e = { 0 };

	if (polls_open(p, stop, &e) < 0 || polls_all(p, &e) < 0)
		polls_worse(p, command_fail(&e));
	polls_close(p);
	return p->status;
}

static void
tick(void *arg)
{
	struct polls *p = arg;

	progress_show(p->progress, p->count);
}

static int
poll_here(const struct fetch *f)
{
	struct polls p = {
		.in = f->in,
		.settings = f->settings,
		.accounts = f->accounts,
		.state = f->settings->state,
		.each = f->terminal,
	};
	int status;

	polls_prepare(&p);
	status = session_run(work, tick, &p);
	polls_release(&p);
	return status;
}

/*
 * A daemon that runs has the ledger, so it is asked to do it. Returns 0 with
 * the exit status, or -1: there is none, or it does not answer.
 */
static int
poll_there(const struct fetch *f, int *status, struct error *e)
{
	struct request r = { .verb = REQUEST_FETCH };
	int rc;

	if (f->in->same_mailbox)
		r.options |= REQUEST_SAME_MAILBOX;
	if (f->in->other_mail)
		r.options |= REQUEST_OTHER_MAIL;
	if (f->terminal)
		r.options |= REQUEST_EACH;
	ask_accounts(f->in, &r);
	rc = ask_daemon(f->in, f->settings->state, &r, status, e);
	request_free(&r);
	return rc;
}

static int
fetch(struct fetch *f)
{
	struct error e = { 0 };
	int status;

	f->terminal = isatty(STDOUT_FILENO);
	/* It has a ledger: whoever wants a new one is told that it has it. */
	if (f->in->new_ledger)
		return poll_here(f);
	if (poll_there(f, &status, &e) == 0)
		return status;
	return e.kind == ERR_CONNECT ? poll_here(f) : command_fail(&e);
}

static int
run(const struct invocation *in)
{
	struct fetch f = { .in = in };
	int status = command_settings(in, &f.settings);

	if (status != EX_OK)
		return status;
	f.accounts = command_accounts(in, f.settings);
	status = f.accounts != NULL ? fetch(&f) : EX_USAGE;
	free(f.accounts);
	settings_free(&f.settings);
	return status;
}

const struct command command_fetch = {
	.name = "fetch",
	.synopsis = "[ACCOUNT…]",
	.summary = "fetch new mail once, from every account or those named",
	.help =
	    "Each new message is handed to the account's destination; what is\n"
	    "already delivered stays, or is deleted as after_delivery says.\n"
	    "Messages that were refused for now are tried again at once.\n"
	    "Several mailboxes are polled at the same time (max_polls,\n"
	    "max_polls_per_server).\n"
	    "On a terminal the progress is shown; otherwise there is a line "
	    "for each\n"
	    "account with which something happened, and nothing for the "
	    "others.\n"
	    "When a mailbox lists known mail under new unique ids, nothing is\n"
	    "fetched until --same-mailbox or --other-mail has said what that\n"
	    "means.\n"
	    "Beside a running daemon it is the daemon that does all this, and "
	    "is\n"
	    "waited for; ^C ends the waiting only.\n",
	.options =
	    COMMAND_NEW_LEDGER | COMMAND_SAME_MAILBOX | COMMAND_OTHER_MAIL,
	.run = run,
};
