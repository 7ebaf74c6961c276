/* postrider fetch: one poll of every account, or of those named. */
#include "base/alloc.h"
#include "base/log.h"
#include "command/ask.h"
#include "command/command.h"
#include "command/ground.h"
#include "command/progress.h"
#include "command/session.h"
#include "delivery/delivery.h"
#include "ledger/ledger.h"
#include "poll/crew.h"
#include "poll/outcome.h"
#include "poll/poll.h"
#include "poll/room.h"

#include <pthread.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

struct fetch {
	const struct invocation *in;
	struct settings *settings; /* owned */
	const struct account **accounts; /* owned; NULL-terminated */
	size_t count;
	const char **names; /* of all in the settings, NULL-terminated */
	struct ledger *ledger;
	struct transit_pool *pool;
	struct delivery **deliveries; /* as settings->destinations; at use */
	struct progress *progress; /* one for each of accounts */
	const struct stop *stop;
	bool terminal; /* somebody watches */
	pthread_mutex_t lock; /* guards the end of each poll: what is said */
	int status; /* the worst so far */
	bool ledger_failed; /* and that has been said */
};

/* --- what is said of an account --- */

static void
say(const struct fetch *f, const struct account *a, const struct poll_report *r,
    int rc)
{
	struct buffer line = { 0 };

	if (!f->in->quiet && outcome_tell(a, r, rc, f->terminal, &line))
		progress_print(line.data);
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

static struct delivery **
delivery_at(const struct fetch *f, const char *name)
{
	const struct destination *to = settings_destination(f->settings, name);

	return &f->deliveries[to - f->settings->destinations];
}

static int
make_delivery(struct fetch *f, const char *name, struct error *e)
{
	struct delivery **d = delivery_at(f, name);

	return *d != NULL
	    ? 0
	    : delivery_new(d, settings_destination(f->settings, name),
		  f->ledger, f->stop, e);
}

static int
make_deliveries(struct fetch *f, struct error *e)
{
	for (size_t i = 0; i < f->count; i++)
		if (make_delivery(f, f->accounts[i]->destination, e) < 0 ||
		    make_delivery(f, f->accounts[i]->report_via, e) < 0)
			return -1;
	return 0;
}

/* They take their leave of their servers at the same time. */
static void
end_deliveries(struct fetch *f)
{
	size_t n = f->settings->destination_count;

	for (size_t i = 0; i < n; i++)
		if (f->deliveries[i] != NULL)
			delivery_end(f->deliveries[i]);
	for (size_t i = 0; i < n; i++)
		delivery_free(&f->deliveries[i]);
}

/* Returns 0, or -1: it makes no sense to go on with other accounts. */
static int
conclude(struct fetch *f, const struct account *a, const struct poll_report *r,
    int rc, const struct error *e)
{
	bool ledger_failed = rc < 0 && e->kind == ERR_LEDGER;

	pthread_mutex_lock(&f->lock);
	say(f, a, r, rc);
	say_trouble(a, r);
	f->status = command_worse(f->status, outcome_status(r, rc, e));
	/* The same for all polls that it ends. */
	if (rc < 0 && e->kind != ERR_STOPPED &&
	    !(ledger_failed && f->ledger_failed))
		log_error("%s: %s", a->name, e->text);
	f->ledger_failed = f->ledger_failed || ledger_failed;
	pthread_mutex_unlock(&f->lock);
	return ledger_failed || (rc < 0 && e->kind == ERR_STOPPED) ? -1 : 0;
}

static int
poll_account(void *arg, size_t i)
{
	struct fetch *f = arg;
	const struct account *a = f->accounts[i];
	struct poll_report report = { 0 };
	struct error e = { 0 };
	struct poll_job job = {
		.account = a,
		.state_dir = f->settings->state,
		.ledger = f->ledger,
		.delivery = *delivery_at(f, a->destination),
		.reports = *delivery_at(f, a->report_via),
		.pool = f->pool,
		.stop = f->stop,
		.names = f->names,
		.moved = f->in->same_mailbox,
		.other_mail = f->in->other_mail,
		.impatient = true,
		.progress = &f->progress[i].poll,
	};
	char *password = NULL;
	int rc;

	progress_begin(&f->progress[i]);
	rc = password_get(&a->login, f->stop, &password, &e);
	if (rc == 0) {
		job.password = password;
		rc = poll_run(&job, &report, &e);
	} else {
		rc = poll_not_begun(&job, &e);
	}
	password_free(&password);
	progress_end(&f->progress[i]);
	return conclude(f, a, &report, rc, &e);
}

static unsigned
polls_at_once(const struct fetch *f)
{
	const struct settings *s = f->settings;
	size_t polls = s->max_polls < f->count ? s->max_polls : f->count;
	size_t connections = 0;

	for (size_t i = 0; i < s->destination_count; i++)
		if (f->deliveries[i] != NULL)
			connections += s->destinations[i].connections + 1;
	return room_for_polls(polls, connections);
}

static int
poll_all(struct fetch *f, struct error *e)
{
	struct crew_task task = { .poll = poll_account, .arg = f };
	struct crew *crew;
	int rc = 0;

	crew_new(&crew, polls_at_once(f), f->settings->max_polls_per_server,
	    &task, f->stop);
	for (size_t i = 0; rc == 0 && i < f->count; i++)
		rc = crew_poll(crew, crew_add(crew, &f->accounts[i]->at), e);
	crew_free(&crew);
	progress_clear();
	return rc;
}

static int
work(void *arg, const struct stop *stop)
{
	struct fetch *f = arg;
	struct error e = { 0 };

	f->stop = stop;
	if (ledger_open(&f->ledger, f->settings->state, f->in->new_ledger, &e) <
	    0)
		return command_fail(&e);
	if (make_deliveries(f, &e) < 0 || poll_all(f, &e) < 0)
		f->status = command_worse(f->status, command_fail(&e));
	end_deliveries(f);
	ledger_close(&f->ledger);
	return f->status;
}

static void
tick(void *arg)
{
	struct fetch *f = arg;

	progress_show(f->progress, f->count);
}

static void
prepare(struct fetch *f)
{
	pthread_mutex_init(&f->lock, NULL);
	while (f->accounts[f->count] != NULL)
		f->count++;
	f->names = settings_names(f->settings);
	f->progress = xcalloc(f->count, sizeof(*f->progress));
	for (size_t i = 0; i < f->count; i++)
		f->progress[i].name = f->accounts[i]->name;
	f->deliveries =
	    xcalloc(f->settings->destination_count, sizeof(*f->deliveries));
	transit_pool_new(&f->pool, TRANSIT_POOL);
}

static void
release(struct fetch *f)
{
	transit_pool_free(&f->pool);
	free(f->deliveries);
	free(f->names);
	free(f->progress);
	pthread_mutex_destroy(&f->lock);
}

/* The accounts point into the settings, which may be read again. */
static int
become(struct fetch *f)
{
	int status;

	free(f->accounts);
	f->accounts = NULL;
	status = command_become(f->in, &f->settings);
	if (status != EX_OK)
		return status;
	f->accounts = command_accounts(f->in, f->settings);
	return f->accounts != NULL ? EX_OK : EX_USAGE;
}

static int
poll_here(struct fetch *f)
{
	int status = become(f);

	if (status != EX_OK)
		return status;
	prepare(f);
	if (isatty(STDERR_FILENO) && !f->in->quiet && f->in->verbose == 0)
		progress_enable();
	status = session_run(work, tick, f);
	release(f);
	return status;
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
