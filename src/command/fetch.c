/* postrider fetch: one poll of every account, or of those named. */
#include "command/ask.h"
#include "command/command.h"
#include "command/ground.h"
#include "command/polls.h"

#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

struct fetch {
	const struct invocation *in;
	struct settings *settings; /* owned */
	const struct account **accounts; /* owned; NULL-terminated */
	bool terminal; /* somebody watches */
};

static int
poll_here(struct fetch *f)
{
	struct polls p = { .in = f->in, .each = f->terminal };
	int status = command_become_with(f->in, &f->settings, &f->accounts);

	if (status != EX_OK)
		return status;
	p.settings = f->settings;
	p.accounts = f->accounts;
	p.state = f->settings->state;
	return polls_run(&p);
}

/*
 * A daemon that runs has the ledger, so it is asked to do it. Returns 0 with
 * the exit status, or -1: there is none, or it does not answer.
 */
static int
poll_there(const struct invocation *in, const char *state, int *status,
    struct error *e)
{
	struct request r = { .verb = REQUEST_FETCH };
	int rc;

	if (in->same_mailbox)
		r.options |= REQUEST_SAME_MAILBOX;
	if (in->other_mail)
		r.options |= REQUEST_OTHER_MAIL;
	if (isatty(STDOUT_FILENO))
		r.options |= REQUEST_EACH;
	ask_accounts(in, &r);
	rc = ask_daemon(in, state, &r, status, e);
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
	if (poll_there(f->in, f->settings->state, &status, &e) == 0)
		return status;
	return e.kind == ERR_CONNECT ? poll_here(f) : command_fail(&e);
}

/* A daemon has its own, of before. */
static int
fetch_without_settings(struct ground *g)
{
	struct error e = { 0 };
	int status;

	if (g->in->new_ledger)
		return ground_refuse(g);
	status = ground_check(g, NEED_DAEMON);
	if (status == EX_OK && poll_there(g->in, g->state, &status, &e) < 0)
		status = command_fail(&e);
	return status;
}

static int
run(const struct invocation *in)
{
	struct fetch f = { .in = in };
	struct ground g;
	int status;

	ground_read(&g, in);
	if (g.settings == NULL) {
		status = fetch_without_settings(&g);
	} else {
		f.settings = g.settings;
		g.settings = NULL;
		f.accounts = command_accounts(in, f.settings);
		status = f.accounts != NULL ? fetch(&f) : EX_USAGE;
		free(f.accounts);
		settings_free(&f.settings);
	}
	ground_free(&g);
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
