/* rounds.c - who is polled when, and what comes of it. */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/daemon-private.h"
#include "poll/outcome.h"
#include "poll/room.h"
#include "sasl/password.h"

#include <inttypes.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>

/* What waited for a destination begins within so long when it is there. */
#define RESUME_MS 5000
/* When no thread can be had, or the maildrop is polled under another name. */
#define LATER_MS ((int64_t)60 * 1000)
#define SOON_MS ((int64_t)1000)

/* --- in a thread of the crew --- */

/* What a poll works with. */
struct work {
	struct daemon *d;
	struct mailbox_poll *poll;
	const struct account *account; /* of: */
	struct generation *generation; /* used */
	bool same_mailbox, other_mail, makes_baseline;
	struct baseline baseline;
};

/* With the lock held. NULL: new settings come, and it is not in them. */
static struct outlet *
use_outlet(struct daemon *d, const char *name)
{
	struct outlet *o = d->outlets;

	while (o != NULL && strcmp(o->to->name, name) != 0)
		o = o->next;
	if (o != NULL)
		atomic_fetch_add(&o->users, 1);
	return o;
}

static void
leave_outlet(struct outlet **used)
{
	if (*used != NULL)
		atomic_fetch_sub(&(*used)->users, 1);
	*used = NULL;
}

static bool
is_down(const struct outlet *o)
{
	return atomic_load(&o->down);
}

/* Whoever wants something of its next poll has said so before, or is too late. */
static void
work_begin(struct work *w, struct daemon *d, size_t turn)
{
	struct mailbox_poll *p;
	struct mailbox *m;

	pthread_mutex_lock(&d->lock);
	m = d->by_turn[turn];
	w->d = d;
	w->poll = p = m->poll;
	w->account = m->account;
	w->generation = generation_use(m->generation);
	p->outlet = use_outlet(d, w->account->destination);
	p->reports = use_outlet(d, w->account->report_via);
	p->postponed = p->outlet == NULL || p->reports == NULL ||
	    atomic_load(&d->ledger_failed) ||
	    (!m->makes_baseline && (is_down(p->outlet) || is_down(p->reports)));
	p->began = clock_boot_ms();
	if (!p->postponed) {
		w->same_mailbox = m->same_mailbox;
		w->other_mail = m->other_mail;
		w->makes_baseline = p->baseline = m->makes_baseline;
		w->baseline = m->baseline;
		m->same_mailbox = m->other_mail = m->makes_baseline = false;
		atomic_store(&m->polling, true);
	}
	pthread_mutex_unlock(&d->lock);
}

static int
run_poll(const struct work *w, struct poll_report *report, struct error *e)
{
	struct poll_job job = {
		.account = w->account,
		.state_dir = w->generation->settings->state,
		.ledger = w->d->ledger,
		.delivery = w->poll->outlet->delivery,
		.reports = w->poll->reports->delivery,
		.pool = w->d->pool,
		.stop = w->d->stop,
		.names = w->generation->names,
		.moved = w->same_mailbox,
		.other_mail = w->other_mail,
		.baseline = w->makes_baseline ? &w->baseline : NULL,
		.progress = &w->poll->progress,
	};
	char *password = NULL;
	int rc;

	rc = password_get(&w->account->login, w->d->stop, &password, e);
	if (rc == 0) {
		job.password = password;
		rc = poll_run(&job, report, e);
	}
	password_free(&password);
	return rc;
}

int
rounds_poll(void *daemon, size_t turn)
{
	struct work w;
	struct mailbox_poll *p;

	work_begin(&w, daemon, turn);
	p = w.poll;
	if (!p->postponed)
		p->rc = run_poll(&w, &p->report, &p->error);
	generation_leave(&w.generation);
	return 0;
}

/* By the crew, when it could be polled again. */
void
rounds_polled(void *daemon, size_t turn)
{
	struct daemon *d = daemon;

	pthread_mutex_lock(&d->lock);
	queue_push(d->polled, &d->by_turn[turn]->poll->item);
	pthread_mutex_unlock(&d->lock);
}

/* --- in the main thread --- */

unsigned
rounds_at_once(const struct daemon *d)
{
	const struct settings *s = d->now->settings;
	size_t connections = 0;

	for (const struct outlet *o = d->outlets; o != NULL; o = o->next)
		connections += o->to->connections + 1;
	return room_for_polls(s->max_polls, connections);
}

/* Evenly from 0 to UINT32_MAX, so that not all come at once. */
static uint32_t
chance(void)
{
	uint32_t number;

	if (RAND_bytes((unsigned char *)&number, sizeof(number)) != 1)
		return UINT32_MAX / 2;
	return number;
}

static void
set_due(struct daemon *d, struct mailbox *m, int64_t when)
{
	m->due = when;
	if (when == INT64_MAX)
		due_remove(d->due, m->turn);
	else
		due_set(d->due, m->turn, when);
}

static void
call(struct daemon *d, struct mailbox *m)
{
	struct error e = { 0 };

	m->poll = xcalloc(1, sizeof(*m->poll));
	m->poll->mailbox = m;
	m->poll->due = m->due;
	set_due(d, m, INT64_MAX);
	m->called = true;
	m->postponed = false;
	d->called++;
	if (crew_poll(d->crew, m->turn, &e) == 0)
		return;
	log_warning("%s", e.text);
	if (rounds_recall(d, m))
		set_due(d, m, clock_boot_ms() + LATER_MS);
}

bool
rounds_recall(struct daemon *d, struct mailbox *m)
{
	if (!m->called)
		return true;
	if (!crew_recall(d->crew, m->turn))
		return false;
	free(m->poll);
	m->poll = NULL;
	m->called = false;
	d->called--;
	set_due(d, m, clock_boot_ms());
	return true;
}

void
rounds_advise(
    struct daemon *d, struct mailbox *m, bool same_mailbox, bool other_mail)
{
	pthread_mutex_lock(&d->lock);
	m->same_mailbox = m->same_mailbox || same_mailbox;
	m->other_mail = m->other_mail || other_mail;
	pthread_mutex_unlock(&d->lock);
}

bool
rounds_make_baseline(
    struct daemon *d, struct mailbox *m, const struct baseline *b)
{
	bool agrees;

	pthread_mutex_lock(&d->lock);
	agrees = !m->makes_baseline ||
	    (m->baseline.last == b->last && m->baseline.before == b->before);
	if (agrees) {
		m->makes_baseline = true;
		m->baseline = *b;
	}
	pthread_mutex_unlock(&d->lock);
	return agrees;
}

/* Who is told that there is no poll must not get his baseline later on. */
static void
dismiss(struct daemon *d, struct mailbox *m, const char *why)
{
	pthread_mutex_lock(&d->lock);
	m->makes_baseline = false;
	pthread_mutex_unlock(&d->lock);
	visits_dismiss(&m->visitors, why, EX_TEMPFAIL);
}

void
rounds_give_up(struct daemon *d, struct mailbox *m)
{
	if (rounds_recall(d, m))
		dismiss(d, m, "the daemon is stopping");
}

void
rounds_now(struct daemon *d, struct mailbox *m)
{
	m->again = atomic_load(&m->polling);
	if (!m->called)
		set_due(d, m, clock_boot_ms());
}

/* --- what a poll came to --- */

/* What is held waits for its owner, who must hear of it. */
static void
say_trouble(const struct mailbox *m, const struct poll_report *r)
{
	if (r->trouble[0] == '\0')
		return;
	if (r->held > 0)
		log_error("%s: %s (see: postrider held)", m->name, r->trouble);
	else
		log_warning("%s: %s", m->name, r->trouble);
}

static void
say_success(struct mailbox *m, const struct poll_report *r)
{
	struct buffer line = { 0 };
	char since[CLOCK_TEXT];

	if (m->failures > 0)
		log_info("%s: well again, after %" PRIu64
			 " poll%s that failed since %s",
		    m->name, m->failures, m->failures == 1 ? "" : "s",
		    clock_text(m->wrong_since, since));
	if (outcome_tell(m->account, r, 0, false, &line))
		log_info("%s", line.data);
	log_event("account=%s event=polled late_ms=%" PRId64 " ms=%" PRId64,
	    m->name, m->poll->began - m->poll->due, r->took_ms);
	buffer_free(&line);
}

/* The same trouble is told once. */
static void
say_failure(struct mailbox *m, const struct error *e)
{
	if (m->failures > 0 && m->wrong->kind == e->kind)
		log_event(
		    "account=%s event=failed reason=\"%s\"", m->name, e->text);
	else
		log_error("%s: %s", m->name, e->text);
}

static struct outlet *
outlet_named(struct daemon *d, const char *name)
{
	struct outlet *o = d->outlets;

	while (o != NULL && strcmp(o->to->name, name) != 0)
		o = o->next;
	return o;
}

/* A destination that takes nothing is not the account's trouble. */
static void
note_outlet(struct daemon *d, const struct mailbox *m)
{
	const struct mailbox_poll *p = m->poll;
	struct outlet *o = p->report.destination_down ? p->outlet : p->reports;

	/* What the settings know no more is nobody's trouble. */
	if (o->retired || atomic_load(&o->down))
		return;
	outlet_failed(o, &p->error, clock_boot_ms());
	metrics_destination(d->metrics, o->to->name, false);
	log_error("%s; no mail is fetched for it until it takes mail again",
	    p->error.text);
}

void
rounds_probed(struct daemon *d, struct outlet *o)
{
	char since[CLOCK_TEXT];

	bool up = outlet_probed(o, clock_boot_ms());

	if (o->retired)
		return;
	if (!up) {
		log_event("destination=%s event=down reason=\"%s\"",
		    o->to->name, o->words.text);
		roster_each(d, alert_look_again);
		return;
	}
	metrics_destination(d->metrics, o->to->name, true);
	log_info("destination %s: takes mail again, after it did not since %s",
	    o->to->name, clock_text(o->down_since, since));
	roster_each(d, rounds_resume);
}

static bool
needs_what_is_down(struct daemon *d, const struct mailbox *m)
{
	const struct outlet *o = outlet_named(d, m->account->destination);
	const struct outlet *reports = outlet_named(d, m->account->report_via);

	return atomic_load(&o->down) || atomic_load(&reports->down);
}

/* Whoever waits for it need not wait so long. */
static void
tell_why(struct daemon *d, struct mailbox *m)
{
	const struct outlet *o = outlet_named(d, m->account->destination);
	char why[sizeof(o->words.text) + 100];

	if (!atomic_load(&o->down))
		o = outlet_named(d, m->account->report_via);
	snprintf(
	    why, sizeof(why), "%s: not polled: %s", m->name, o->words.text);
	dismiss(d, m, why);
}

static void
postpone(struct daemon *d, struct mailbox *m)
{
	m->postponed = true;
	set_due(d, m, INT64_MAX);
	tell_why(d, m);
}

/* It may be that what it waited for is there. */
void
rounds_resume(struct daemon *d, struct mailbox *m)
{
	if (!m->postponed)
		return;
	m->postponed = false;
	set_due(d, m, clock_boot_ms() + chance() % RESUME_MS);
}

/* For that no destination is needed. */
static bool
makes_baseline(struct daemon *d, const struct mailbox *m)
{
	bool makes;

	pthread_mutex_lock(&d->lock);
	makes = m->makes_baseline;
	pthread_mutex_unlock(&d->lock);
	return makes;
}

static void
start_one(struct daemon *d, struct mailbox *m)
{
	if (roster_is_taken(d, m))
		set_due(d, m, clock_boot_ms() + SOON_MS);
	else if (!makes_baseline(d, m) && needs_what_is_down(d, m))
		postpone(d, m);
	else
		call(d, m);
}

/* It rests no more, whatever the reason was. */
void
rounds_wake(struct daemon *d, struct mailbox *m)
{
	m->postponed = false;
	schedule_wake(&m->schedule, clock_boot_ms());
	rounds_now(d, m);
}

void
rounds_start(struct daemon *d, int64_t now)
{
	int64_t when;
	size_t turn;

	if (d->stopping || d->ledger_failed)
		return;
	for (struct outlet *o = d->outlets; o != NULL; o = o->next)
		if (o->probe_at <= now)
			outlet_probe(o);
	while (due_first(d->due, &turn, &when) && when <= now)
		start_one(d, d->by_turn[turn]);
}

/*
 * The machine has slept, and what was due meanwhile is due at once: it is spread
 * as after a start, but for what somebody waits for.
 */
void
rounds_slept(struct daemon *d, int64_t now)
{
	struct mailbox **overdue, *m;
	size_t count = 0, turn;
	int64_t when;

	overdue = xcalloc(d->mailbox_count + 1, sizeof(*overdue));
	while (due_first(d->due, &turn, &when) && when <= now) {
		overdue[count++] = d->by_turn[turn];
		due_remove(d->due, turn);
	}
	for (size_t i = 0; i < count; i++) {
		m = overdue[i];
		set_due(d, m,
		    m->visitors != NULL ? now
					: schedule_spread(&m->schedule, i,
					      count, now, chance()));
	}
	free(overdue);
}

/* Milliseconds since 1970 of the file with the password, or 0. */
static int64_t
changed_at(const struct account *a)
{
	struct stat st;

	if (a->login.password_file == NULL ||
	    stat(a->login.password_file, &st) < 0)
		return 0;
	return (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
}

static void
read_login(const struct mailbox *m, unsigned char out[SCHEDULE_LOGIN])
{
	schedule_login(m->account, changed_at(m->account), out);
}

/* What it logs in with is not what was refused. */
bool
rounds_has_other_login(const struct mailbox *m)
{
	unsigned char login[SCHEDULE_LOGIN];

	if (m->schedule.refusals == 0)
		return false;
	read_login(m, login);
	return memcmp(login, m->schedule.refused, sizeof(login)) != 0;
}

/* It is new, or its settings are. */
void
rounds_know(struct mailbox *m)
{
	unsigned char login[SCHEDULE_LOGIN];

	read_login(m, login);
	schedule_settings(&m->schedule, m->account, login, clock_boot_ms());
}

/*
 * From now on it is polled when it is due; if it is overdue, as one of so many,
 * which do not all begin at once.
 */
bool
rounds_admit(
    struct daemon *d, struct mailbox *m, size_t place, size_t of, int64_t now)
{
	bool overdue = schedule_is_overdue(&m->schedule, now);

	if (overdue)
		schedule_spread(&m->schedule, place, of, now, chance());
	if (!m->called)
		set_due(d, m, m->schedule.due);
	else if (overdue)
		m->again = atomic_load(&m->polling);
	return overdue;
}

/* When it is due after its poll. */
static int64_t
next_time(struct mailbox *m)
{
	const struct mailbox_poll *p = m->poll;
	int64_t now = clock_boot_ms();
	int64_t wall = clock_wall() - (now - p->began) / 1000;
	struct schedule_outcome o = {
		.failure = schedule_failure_of(
		    p->rc < 0 ? p->error.kind : ERR_NONE, false),
		.started = p->began,
		.local = wall + clock_offset(wall),
		.arrived = p->report.arrived,
		.login_delay_s = p->report.login_delay_s,
	};

	return schedule_after(&m->schedule, &o, now, chance());
}

static void
note_success(struct daemon *d, struct mailbox *m)
{
	d->ledger_pause = 0;
	say_success(m, &m->poll->report);
	m->failures = 0;
	free(m->wrong);
	m->wrong = NULL;
	m->wrong_since = 0;
}

void
rounds_ledger_failed(struct daemon *d, const struct error *e)
{
	if (d->ledger_failed)
		return;
	log_error(
	    "%s; nothing is fetched until it can be written again", e->text);
	d->ledger_failed = true;
	daemon_pause_ledger(d, clock_boot_ms());
}

static void
note_failure(struct daemon *d, struct mailbox *m)
{
	const struct mailbox_poll *p = m->poll;

	if (p->error.kind == ERR_LEDGER) {
		rounds_ledger_failed(d, &p->error);
		return;
	}
	say_failure(m, &p->error);
	/* It may be known from before a restart. */
	if (m->wrong_since == 0)
		m->wrong_since = clock_wall();
	m->failures++;
	if (m->wrong == NULL)
		m->wrong = xcalloc(1, sizeof(*m->wrong));
	*m->wrong = p->error;
}

static void
conclude(struct daemon *d, struct mailbox *m)
{
	const struct mailbox_poll *p = m->poll;
	const struct poll_report *r = &p->report;

	say_trouble(m, r);
	if (r->delivered > 0 && p->outlet->up_since == 0)
		p->outlet->up_since = clock_wall();
	if (p->rc == 0) {
		note_success(d, m);
	} else if (p->error.kind == ERR_STOPPED) {
		return;
	} else if (r->destination_down || r->reports_down) {
		note_outlet(d, m);
	} else {
		note_failure(d, m);
	}
}

/* It had no chance to tell how the account is. */
static bool
was_in_vain(const struct mailbox_poll *p)
{
	return p->postponed ||
	    (p->rc < 0 &&
		(p->error.kind == ERR_LEDGER || p->report.destination_down ||
		    p->report.reports_down));
}

void
rounds_end(struct daemon *d, struct mailbox_poll *p)
{
	struct mailbox *m = p->mailbox;

	atomic_store(&m->polling, false);
	m->called = false;
	d->called--;
	if (!p->postponed) {
		conclude(d, m);
		metrics_poll(d->metrics, m->name, &p->report, &p->error);
		hooks_poll_ended(d->hooks, m->account, &p->report, &p->error);
		visits_tell(&m->visitors, p->baseline, m->account, &p->report,
		    p->rc, &p->error);
		/* Others wait for a poll of the other kind. */
		m->again = m->again || m->visitors != NULL;
	}
	if (d->ledger_failed)
		dismiss(d, m, ROUNDS_NO_LEDGER);
	leave_outlet(&p->outlet);
	leave_outlet(&p->reports);
	if (m->leaving) {
		roster_remove(d, m);
		return;
	}
	if (m->moving)
		roster_move(d, m);
	if (!makes_baseline(d, m) && needs_what_is_down(d, m))
		postpone(d, m);
	else if (m->again || was_in_vain(p))
		set_due(d, m, clock_boot_ms());
	else
		set_due(d, m, next_time(m));
	m->again = false;
	alert_look(d, m);
	m->poll = NULL;
	free(p);
	keep_note(d, m);
}
