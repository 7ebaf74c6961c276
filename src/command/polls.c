/* polls.c - see polls.h. */
#include "command/polls.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "command/session.h"
#include "poll/crew.h"
#include "poll/outcome.h"
#include "poll/room.h"

#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

struct polled_mailbox {
	struct queue_item item; /* on polls.ended */
	int64_t again_ms; /* -1: it is not polled again */
	struct deadline due; /* when it is */
	bool waits; /* for that */
	char *password; /* owned; NULL: not asked for yet */
};

/* --- what is said of an account --- */

static void
say(const struct polls *p, const struct account *a, const struct poll_report *r,
    int rc)
{
	struct buffer line = { 0 };

	if (!p->in->quiet && outcome_tell(a, r, rc, p->each, &line))
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

void
polls_worse(struct polls *p, int status)
{
	p->status = command_worse(p->status, status);
}

/* --- destinations --- */

static struct delivery **
delivery_at(const struct polls *p, const char *name)
{
	const struct destination *to = settings_destination(p->settings, name);

	return &p->deliveries[to - p->settings->destinations];
}

static int
make_delivery(struct polls *p, const char *name, struct error *e)
{
	struct delivery **d = delivery_at(p, name);

	return *d != NULL
	    ? 0
	    : delivery_new(d, settings_destination(p->settings, name),
		  p->ledger, p->stop, e);
}

static int
make_deliveries(struct polls *p, struct error *e)
{
	for (size_t i = 0; i < p->count; i++)
		if (make_delivery(p, p->accounts[i]->destination, e) < 0 ||
		    make_delivery(p, p->accounts[i]->report_via, e) < 0)
			return -1;
	return 0;
}

/* They take their leave of their servers at the same time. */
static void
end_deliveries(struct polls *p)
{
	size_t n = p->settings->destination_count;

	for (size_t i = 0; i < n; i++)
		if (p->deliveries[i] != NULL)
			delivery_end(p->deliveries[i]);
	for (size_t i = 0; i < n; i++)
		delivery_free(&p->deliveries[i]);
}

/* --- the polls --- */

/* As fetch does it. */
static void
tell(struct polls *p, size_t i, const struct poll_end *end)
{
	const struct account *a = p->accounts[i];
	bool ledger_failed = end->rc < 0 && end->error->kind == ERR_LEDGER;

	say(p, a, end->report, end->rc);
	say_trouble(a, end->report);
	polls_worse(p, outcome_status(end->report, end->rc, end->error));
	/* The same for all polls that it ends. */
	if (end->rc < 0 && end->error->kind != ERR_STOPPED &&
	    !(ledger_failed && p->ledger_failed))
		log_error("%s: %s", a->name, end->error->text);
}

/* Returns 0, or -1: it makes no sense to go on with other accounts. */
static int
conclude(struct polls *p, size_t i, const struct poll_end *end)
{
	enum error_kind kind = end->rc < 0 ? end->error->kind : ERR_NONE;
	int64_t again_ms = -1;
	int rc;

	pthread_mutex_lock(&p->lock);
	if (p->end != NULL)
		again_ms = p->end(p->arg, i, end);
	else
		tell(p, i, end);
	p->ledger_failed = p->ledger_failed || kind == ERR_LEDGER;
	p->over = p->over || kind == ERR_LEDGER || kind == ERR_STOPPED;
	p->mailboxes[i].again_ms = p->over ? -1 : again_ms;
	rc = p->over ? -1 : 0;
	pthread_mutex_unlock(&p->lock);
	return rc;
}

int
polls_password(
    struct polls *p, size_t i, const char **password, struct error *e)
{
	struct polled_mailbox *m = &p->mailboxes[i];
	int rc = 0;

	if (m->password == NULL)
		rc = password_get(
		    &p->accounts[i]->login, p->stop, &m->password, e);
	*password = m->password;
	return rc;
}

static int
poll_account(void *arg, size_t i)
{
	struct polls *p = arg;
	const struct account *a = p->accounts[i];
	struct poll_report report = { 0 };
	struct error e = { 0 };
	struct poll_job job = {
		.account = a,
		.state_dir = p->state,
		.ledger = p->ledger,
		.delivery = *delivery_at(p, a->destination),
		.reports = *delivery_at(p, a->report_via),
		.pool = p->pool,
		.stop = p->stop,
		.names = p->names,
		.moved = p->in->same_mailbox,
		.other_mail = p->in->other_mail,
		.impatient = true,
		.progress = &p->progress[i].poll,
	};
	int rc;

	progress_begin(&p->progress[i]);
	if (p->begin != NULL)
		p->begin(p->arg, i, &job);
	rc = polls_password(p, i, &job.password, &e);
	if (rc == 0)
		rc = poll_run(&job, &report, &e);
	else
		rc = poll_not_begun(&job, &e);
	if (!p->keep_passwords)
		password_free(&p->mailboxes[i].password);
	progress_end(&p->progress[i]);
	return conclude(p, i, &(struct poll_end){ &report, rc, &e });
}

static void
note_end(void *arg, size_t i)
{
	struct polls *p = arg;

	queue_push(p->ended, &p->mailboxes[i].item);
}

unsigned
polls_at_once(const struct polls *p)
{
	const struct settings *s = p->settings;
	size_t polls = s->max_polls < p->count ? s->max_polls : p->count;
	size_t connections = 0;

	for (size_t i = 0; i < s->destination_count; i++)
		if (p->deliveries[i] != NULL)
			connections += s->destinations[i].connections + 1;
	return room_for_polls(polls, connections);
}

static bool
is_over(struct polls *p)
{
	bool over;

	pthread_mutex_lock(&p->lock);
	over = p->over;
	pthread_mutex_unlock(&p->lock);
	return over || stop_level(p->stop) != STOP_NO;
}

static struct deadline
next_due(const struct polls *p)
{
	struct deadline next = deadline_never();

	for (size_t i = 0; i < p->count; i++)
		if (p->mailboxes[i].waits)
			next = deadline_sooner(next, p->mailboxes[i].due);
	return next;
}

/* Those that have waited long enough. */
static int
poll_again(struct polls *p, struct crew *crew, size_t *open, struct error *e)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < p->count; i++) {
		struct polled_mailbox *m = &p->mailboxes[i];

		if (!m->waits || !deadline_passed(m->due))
			continue;
		m->waits = false;
		rc = crew_poll(crew, i, e);
		if (rc < 0)
			(*open)--;
	}
	return rc;
}

/* While there is one that may be polled again. open: under way, or waiting. */
static int
see_them_through(
    struct polls *p, struct crew *crew, size_t open, struct error *e)
{
	struct polled_mailbox *m;
	int rc = 0;

	while (rc == 0 && open > 0 && !is_over(p)) {
		m = queue_wait(
		    p->ended, stop_fd(p->stop, STOP_SOON), next_due(p));
		if (m != NULL && m->again_ms < 0) {
			open--;
		} else if (m != NULL) {
			m->due = deadline_in(m->again_ms);
			m->waits = true;
			progress_wait(
			    &p->progress[m - p->mailboxes], m->due.ms);
		}
		rc = poll_again(p, crew, &open, e);
	}
	return rc;
}

int
polls_all(struct polls *p, struct error *e)
{
	struct crew_task task = {
		.poll = poll_account, .polled = note_end, .arg = p
	};
	struct crew *crew;
	size_t open = 0;
	int rc = 0;

	p->over = false;
	for (size_t i = 0; i < p->count; i++) {
		p->mailboxes[i].again_ms = -1;
		p->mailboxes[i].waits = false;
	}
	crew_new(&crew, polls_at_once(p), p->settings->max_polls_per_server,
	    &task, p->stop);
	/* None is removed, so they have the numbers that we give them. */
	for (size_t i = 0; i < p->count; i++)
		crew_add(crew, &p->accounts[i]->at);
	for (size_t i = 0; rc == 0 && i < p->count; i++) {
		if (p->wanted != NULL && !p->wanted(p->arg, i))
			continue;
		rc = crew_poll(crew, i, e);
		open += rc == 0;
	}
	if (rc == 0)
		rc = see_them_through(p, crew, open, e);
	crew_free(&crew);
	while (queue_pop(p->ended) != NULL)
		continue;
	progress_clear();
	return rc;
}

/* --- from the beginning to the end --- */

int
polls_open(struct polls *p, const struct stop *stop, struct error *e)
{
	p->stop = stop;
	if (queue_new(&p->ended, e) < 0 ||
	    ledger_open(&p->ledger, p->state, p->in->new_ledger, e) < 0)
		return -1;
	return make_deliveries(p, e);
}

void
polls_close(struct polls *p)
{
	end_deliveries(p);
	if (p->ledger != NULL)
		ledger_close(&p->ledger);
	if (p->ended != NULL)
		queue_free(&p->ended);
}

void
polls_prepare(struct polls *p)
{
	pthread_mutex_init(&p->lock, NULL);
	while (p->accounts[p->count] != NULL)
		p->count++;
	p->names = settings_names(p->settings);
	p->mailboxes = xcalloc(p->count, sizeof(*p->mailboxes));
	p->progress = xcalloc(p->count, sizeof(*p->progress));
	for (size_t i = 0; i < p->count; i++)
		p->progress[i].name = p->accounts[i]->name;
	p->deliveries =
	    xcalloc(p->settings->destination_count, sizeof(*p->deliveries));
	transit_pool_new(&p->pool, TRANSIT_POOL);
	if (isatty(STDERR_FILENO) && !p->in->quiet && p->in->verbose == 0)
		progress_enable();
}

void
polls_release(struct polls *p)
{
	for (size_t i = 0; i < p->count; i++)
		password_free(&p->mailboxes[i].password);
	transit_pool_free(&p->pool);
	free(p->deliveries);
	free(p->names);
	free(p->progress);
	free(p->mailboxes);
	pthread_mutex_destroy(&p->lock);
}

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

int
polls_run(struct polls *p)
{
	int status;

	polls_prepare(p);
	status = session_run(work, tick, p);
	polls_release(p);
	return status;
}
