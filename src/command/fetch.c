/* postrider fetch: one poll of every account, or of those named. */
#include "base/alloc.h"
#include "base/log.h"
#include "base/text.h"
#include "command/command.h"
#include "command/progress.h"
#include "command/session.h"
#include "delivery/delivery.h"
#include "ledger/ledger.h"
#include "poll/poll.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

struct fetch {
	const struct invocation *in;
	struct settings *settings;
	const struct account **accounts; /* NULL-terminated */
	const char **names; /* of all in the settings, NULL-terminated */
	struct ledger *ledger;
	struct transit_pool *pool;
	struct delivery **deliveries; /* as settings->destinations; at use */
	struct poll_progress *progress; /* one for each of accounts */
	_Atomic int current; /* which account is being polled, or -1 */
	bool terminal; /* somebody watches */
	int status;
};

static int
delivery_for(struct fetch *f, const char *name, const struct stop *stop,
    struct delivery **out, struct error *e)
{
	const struct destination *to = settings_destination(f->settings, name);
	size_t i = (size_t)(to - f->settings->destinations);

	if (f->deliveries[i] == NULL &&
	    delivery_new(&f->deliveries[i], to, f->ledger, stop, e) < 0)
		return -1;
	*out = f->deliveries[i];
	return 0;
}

/* --- what is said of an account --- */

static void
say_count(struct buffer *out, uint64_t n, const char *what)
{
	if (n > 0)
		buffer_addf(out, "; %llu %s", (unsigned long long)n, what);
}

static bool
something_happened(const struct poll_report *r)
{
	return r->delivered + r->deleted + r->deferred + r->held + r->seen +
	    r->in_doubt + r->reported + r->dropped + r->recognised >
	    0;
}

static void
say(const struct fetch *f, const struct account *a, const struct poll_report *r,
    bool ok)
{
	struct buffer line = { 0 };
	char octets[TEXT_UNIT];

	if (f->in->quiet || (!f->terminal && !something_happened(r)) ||
	    (!ok && !something_happened(r)))
		return;
	buffer_addf(&line, "%s: ", a->name);
	if (r->delivered > 0)
		buffer_addf(&line,
		    "%llu message%s (%s) delivered to %s in "
		    "%.1f s",
		    (unsigned long long)r->delivered,
		    r->delivered == 1 ? "" : "s",
		    text_octets(r->octets, octets), a->destination,
		    (double)r->took_ms / 1000);
	else
		buffer_add_text(&line, "no new mail");
	say_count(&line, r->recognised, "recognised under new unique ids");
	say_count(&line, r->unrecognised, "not recognised");
	say_count(&line, r->resent, "sent again after being in doubt");
	say_count(&line, r->deleted, "deleted");
	say_count(&line, r->seen, "marked as seen");
	say_count(&line, r->deferred, "deferred");
	say_count(&line, r->held, "held");
	say_count(&line, r->reported, "refused and reported");
	say_count(&line, r->dropped, "refused and dropped");
	say_count(&line, r->in_doubt, "in doubt");
	say_count(&line, r->left_for_later, "left for the next time");
	if (!something_happened(r) && r->waiting_held > 0)
		say_count(&line, r->waiting_held, "still held");
	buffer_add_text(&line, "\n");
	progress_clear();
	fwrite(line.data, 1, line.len, stdout);
	fflush(stdout);
	buffer_free(&line);
}

/* What is held waits for its owner, who must hear of it even with -q. */
static void
say_trouble(const struct account *a, const struct poll_report *r)
{
	if (r->trouble[0] == '\0')
		return;
	if (r->held > 0)
		log_error("%s: %s (see: postrider held)", a->name, r->trouble);
	else
		log_warning("%s: %s", a->name, r->trouble);
}

/* --- the polls --- */

static int
status_of(const struct poll_report *r, int rc, const struct error *e)
{
	int status = rc < 0 ? error_exit_status(e->kind) : EX_OK;

	if (r->held + r->waiting_held + r->stubborn > 0)
		status = command_worse(status, EX_UNAVAILABLE);
	if (r->left_out > 0)
		status = command_worse(status, EX_PROTOCOL);
	if (r->deferred + r->in_doubt > 0)
		status = command_worse(status, EX_TEMPFAIL);
	return status;
}

/* Returns 0, or -1: it makes no sense to go on with other accounts. */
static int
fetch_account(struct fetch *f, size_t i, const struct stop *stop)
{
	const struct account *a = f->accounts[i];
	struct poll_report report = { 0 };
	struct error e = { 0 };
	struct poll_job job = {
		.account = a,
		.state_dir = f->settings->state,
		.ledger = f->ledger,
		.pool = f->pool,
		.stop = stop,
		.names = f->names,
		.moved = f->in->same_mailbox,
		.other_mail = f->in->other_mail,
		.impatient = true,
		.progress = &f->progress[i],
	};
	char *password = NULL;
	int rc = -1;

	if (delivery_for(f, a->destination, stop, &job.delivery, &e) == 0 &&
	    delivery_for(f, a->report_via, stop, &job.reports, &e) == 0 &&
	    password_get(&a->login, stop, &password, &e) == 0) {
		job.password = password;
		atomic_store(&f->current, (int)i);
		rc = poll_run(&job, &report, &e);
		atomic_store(&f->current, -1);
		progress_clear();
	}
	password_free(&password);
	say(f, a, &report, rc == 0);
	say_trouble(a, &report);
	f->status = command_worse(f->status, status_of(&report, rc, &e));
	if (rc < 0 && e.kind != ERR_STOPPED)
		log_error("%s: %s", a->name, e.text);
	return rc < 0 && (e.kind == ERR_LEDGER || e.kind == ERR_STOPPED) ? -1
									 : 0;
}

static int
work(void *arg, const struct stop *stop)
{
	struct fetch *f = arg;
	struct error e = { 0 };

	if (ledger_open(&f->ledger, f->settings->state, f->in->new_ledger, &e) <
	    0)
		return command_fail(&e);
	for (size_t i = 0; f->accounts[i] != NULL; i++)
		if (stop_level(stop) != STOP_NO ||
		    fetch_account(f, i, stop) < 0)
			break;
	for (size_t i = 0; i < f->settings->destination_count; i++)
		delivery_free(&f->deliveries[i]);
	ledger_close(&f->ledger);
	return f->status;
}

static void
tick(void *arg)
{
	struct fetch *f = arg;
	int i = atomic_load(&f->current);

	if (i >= 0)
		progress_show(f->accounts[i]->name, &f->progress[i]);
}

static int
run(const struct invocation *in)
{
	struct fetch f = { .in = in, .current = -1 };
	size_t n = 0;
	int status = command_settings(in, &f.settings);

	if (status != EX_OK)
		return status;
	f.accounts = command_accounts(in, f.settings);
	if (f.accounts == NULL) {
		settings_free(&f.settings);
		return EX_USAGE;
	}
	while (f.accounts[n] != NULL)
		n++;
	f.names = settings_names(f.settings);
	f.progress = xcalloc(n, sizeof(*f.progress));
	f.deliveries =
	    xcalloc(f.settings->destination_count, sizeof(*f.deliveries));
	transit_pool_new(&f.pool, TRANSIT_POOL);
	f.terminal = isatty(STDOUT_FILENO);
	if (isatty(STDERR_FILENO) && !in->quiet && in->verbose == 0)
		progress_enable();
	status = session_run(work, tick, &f);
	transit_pool_free(&f.pool);
	free(f.deliveries);
	free(f.names);
	free(f.progress);
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
	    "On a terminal the progress is shown; otherwise there is a line "
	    "for each\n"
	    "account with which something happened, and nothing for the "
	    "others.\n"
	    "When a mailbox lists known mail under new unique ids, nothing is\n"
	    "fetched until --same-mailbox or --other-mail has said what that\n"
	    "means.\n",
	.options =
	    COMMAND_NEW_LEDGER | COMMAND_SAME_MAILBOX | COMMAND_OTHER_MAIL,
	.run = run,
};
