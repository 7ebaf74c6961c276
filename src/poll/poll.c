/* A poll, in the order of the conversation. */
#include "poll/poll.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "message/header.h"
#include "poll/ahead.h"
#include "poll/maildrop.h"
#include "poll/recall.h"
#include "poll/recognise.h"
#include "poll/top.h"

#include <stdlib.h>

/* Sessions that one poll may use up on messages nobody wants. */
#define SESSIONS_MAX 8
/* Messages that were imported, to be recorded together. */
#define FOUND_BATCH ((size_t)8192)
/* By so much the two clocks disagree because one counts whole seconds. */
#define CLOCK_COARSE_S 2

static void
phase(const struct session *s, enum poll_phase phase)
{
	if (s->job->progress != NULL)
		atomic_store(&s->job->progress->phase, (int)phase);
}

/* --- listing and plan --- */

/* When a message came, -1 when nobody can tell. */
static int
read_arrival(struct top *top, const struct listing_entry *listed,
    struct buffer *header, int64_t *arrival, struct error *e)
{
	*arrival = -1;
	if (top_header(top, listed->number, header, e) == 0) {
		*arrival = header_arrival(buffer_slice(header));
		return 0;
	}
	if (e->kind != ERR_REFUSED)
		return -1;
	error_clear(e);
	return 0;
}

/* When each message came that the ledger does not know. */
static int
read_arrivals(struct pop3 *pop3, const struct listing *l,
    const struct rows *rows, int64_t **out, struct error *e)
{
	int64_t *arrivals = xcalloc(l->count, sizeof(*arrivals));
	struct top top = { .pop3 = pop3 };
	struct buffer header = { 0 };
	int rc = 0;

	for (size_t i = 0; i < l->count; i++) {
		arrivals[i] = l->by_header ? l->list[i].arrival : -1;
		if (!l->by_header && !plan_knows(rows, &l->list[i]))
			top_expect(&top, l->list[i].number);
	}
	for (size_t i = 0; rc == 0 && i < l->count; i++)
		if (!l->by_header && !plan_knows(rows, &l->list[i]))
			rc = read_arrival(
			    &top, &l->list[i], &header, &arrivals[i], e);
	buffer_free(&header);
	top_free(&top);
	if (rc == 0)
		*out = arrivals;
	else
		free(arrivals);
	return rc;
}

static bool
depends_on_arrivals(const struct plan_input *in)
{
	if (in->baseline != NULL)
		return in->baseline->before > 0;
	return in->first && in->account->first == FIRST_SINCE;
}

/* The listing is there: make up our mind. */
static int
make_plan(struct pop3 *pop3, struct reader *reader, struct plan_input *in,
    int64_t account, const struct polled *polled, struct listing *listing,
    struct rows *rows, struct plan *plan, struct error *e)
{
	int64_t *arrivals = NULL;

	if (reader_rows(reader, account, rows, e) < 0)
		return -1;
	in->first = polled->first;
	in->last_poll = polled->last_listed;
	if (depends_on_arrivals(in) &&
	    read_arrivals(pop3, listing, rows, &arrivals, e) < 0)
		return -1;
	in->listing = listing;
	in->rows = rows;
	in->arrivals = arrivals;
	plan_make(plan, in);
	in->arrivals = NULL;
	free(arrivals);
	return 0;
}

int
poll_look(const struct account *account, const char *password,
    const char *const *names, const char *state_dir,
    const struct baseline *baseline, const struct stop *stop,
    struct listing *listing, struct rows *rows, struct plan *plan,
    struct error *e)
{
	struct plan_input in = { .account = account,
		.now = clock_wall(),
		.run_started = INT64_MAX,
		.baseline = baseline,
		.impatient = true };
	struct reader *reader = NULL;
	struct pop3 *pop3 = NULL;
	struct polled polled;
	int64_t id = 0;
	int rc = -1;

	*listing = (struct listing){ 0 };
	*rows = (struct rows){ 0 };
	*plan = (struct plan){ 0 };
	if (reader_open(&reader, state_dir, e) < 0 ||
	    reader_account(reader, account->name, account->at.host,
		account->login.user, names, &id, e) < 0 ||
	    maildrop_open(&pop3, account, password, stop, e) < 0)
		goto out;
	if (listing_read(listing, pop3, e) == 0 &&
	    reader_polled(reader, id, &polled, e) == 0)
		rc = make_plan(
		    pop3, reader, &in, id, &polled, listing, rows, plan, e);
	if (rc == 0 && baseline == NULL)
		rc = recognise_look(pop3, account->name, plan, rows, in.now, e);
	if (rc == 0 || e->kind == ERR_QUESTION)
		pop3_leave(pop3);
out:
	pop3_free(&pop3);
	reader_free(&reader);
	return rc;
}

/* --- the plan, recorded --- */

static void
add(struct ledger_change *changes, size_t *n, enum change_kind kind,
    const struct plan_entry *entry)
{
	struct ledger_change *c = &changes[(*n)++];

	*c = (struct ledger_change){ .kind = kind,
		.message = entry->row != NULL && !entry->fresh
		    ? entry->row->message
		    : 0,
		.uid = entry->listed->uid,
		.copy = entry->listed->copy,
		.octets = entry->listed->octets,
		.fresh = entry->fresh,
		.reply = entry->reason };
	if (kind == CHANGE_VERDICT)
		c->state = STATE_HELD;
}

/* Nobody else has the key that it gets. */
static enum change_kind
change_of_found(const struct plan_entry *entry)
{
	return slice_equal(entry->row->uid, entry->listed->uid) ? CHANGE_LISTED
								: CHANGE_REKEY;
}

/*
 * After an import these are as many as the mailbox holds, and none depends on
 * another, so they are not all in memory at once.
 */
static int
record_found(struct session *s, struct error *e)
{
	struct ledger_change *changes = NULL;
	const struct plan *plan = &s->plan;
	size_t n = 0;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < plan->count; i++) {
		const struct plan_entry *entry = &plan->list[i];

		if (entry->found && changes == NULL)
			changes = xcalloc(FOUND_BATCH, sizeof(*changes));
		if (entry->found)
			add(changes, &n, change_of_found(entry), entry);
		if (n == FOUND_BATCH || i + 1 == plan->count) {
			rc = ledger_change(
			    s->job->ledger, s->account, changes, n, e);
			n = 0;
		}
	}
	free(changes);
	return rc;
}

/* At most; of many messages few change. */
static size_t
changes_needed(const struct plan *plan)
{
	size_t n = plan->gone_count + 2;

	for (size_t i = 0; i < plan->count; i++) {
		const struct plan_entry *entry = &plan->list[i];

		n += entry->returned;
		n += entry->action == PLAN_SEEN || entry->action == PLAN_HOLD ||
		    entry->action == PLAN_DELETE;
	}
	return n;
}

/* All that the plan decides, in one transaction, before the first RETR. */
static int
record_plan(struct session *s, struct error *e)
{
	const struct plan *plan = &s->plan;
	struct ledger_change *changes =
	    xcalloc(changes_needed(plan), sizeof(*changes));
	size_t n = 0;
	int rc;

	s->report->held_earlier = s->report->held;
	if (s->polled.first)
		changes[n++] = (struct ledger_change){ .kind = CHANGE_FIRST };
	/* Only a listing without contradictions tells what is not there. */
	for (size_t i = 0; s->listing.left_out == 0 && i < plan->gone_count;
	     i++) {
		changes[n++] = (struct ledger_change){ .kind = CHANGE_GONE,
			.message = plan->gone[i]->message };
		if (plan->gone[i]->state == STATE_REPORT_OWED)
			settle_trouble(s, plan->gone[i]->uid, "gone",
			    "somebody else deleted it before its refusal "
			    "could be reported");
	}
	for (size_t i = 0; i < plan->count; i++) {
		const struct plan_entry *entry = &plan->list[i];

		if (entry->returned && !entry->fresh)
			add(changes, &n, CHANGE_RETURN, entry);
		if (entry->action == PLAN_SEEN) {
			add(changes, &n, CHANGE_SEEN, entry);
			s->report->seen++;
		} else if (entry->action == PLAN_HOLD) {
			add(changes, &n, CHANGE_VERDICT, entry);
			s->report->held++;
			settle_trouble(
			    s, entry->listed->uid, "held", entry->reason);
		} else if (entry->action == PLAN_DELETE) {
			add(changes, &n, CHANGE_OWE, entry);
		}
	}
	/* A poll that does nothing is spared the trouble. */
	if (n > 0 || plan->take_count > 0)
		changes[n++] = (struct ledger_change){ .kind = CHANGE_BEGUN };
	rc = ledger_change(s->job->ledger, s->account, changes, n, e);
	free(changes);
	return rc;
}

/* What fetch_limit leaves arrives when it is taken. */
static uint64_t
count_new(const struct plan *plan)
{
	uint64_t count = 0;

	for (size_t i = 0; i < plan->take_count; i++) {
		const struct plan_entry *entry = &plan->list[plan->take[i]];

		if (entry->row == NULL || entry->fresh)
			count++;
	}
	return count;
}

static void
report_baseline(struct session *s)
{
	struct poll_report *r = s->report;

	r->baseline = true;
	for (size_t i = 0; i < s->plan.count; i++) {
		const struct plan_entry *entry = &s->plan.list[i];

		if (entry->row != NULL && !entry->fresh)
			r->known++;
		else if (entry->action == PLAN_LEAVE)
			r->left_new++;
	}
}

static void
report_plan(struct session *s)
{
	const struct plan *plan = &s->plan;
	struct poll_progress *progress = s->job->progress;
	const char *name = s->job->account->name;

	if (!s->listed && s->job->baseline != NULL)
		report_baseline(s);
	else if (!s->listed && !s->polled.first)
		s->report->arrived = count_new(plan);
	s->listed = s->report->listed = true;
	s->report->in_mailbox = s->listing.count;
	s->report->left_for_later = plan->left_for_later;
	s->report->stubborn += plan->stubborn;
	s->report->waiting_held = plan->held;
	s->report->left_out = s->listing.left_out;
	if (progress != NULL) {
		/* A later session plans what an earlier one has left. */
		atomic_store(&progress->messages,
		    atomic_load(&progress->messages_done) + plan->take_count);
		atomic_store(&progress->octets,
		    atomic_load(&progress->octets_done) + plan->take_octets);
	}
	if (plan->clock_jumped)
		log_warning("%s: the clock has jumped since the last poll, so "
			    "nothing is deleted by age this time",
		    name);
	if (plan->stubborn > 0)
		log_warning("%s: %zu messages were deleted three times, and "
			    "the server lists them still: delete them there",
		    name, plan->stubborn);
	listing_warn(&s->listing, name);
	if (s->listing.by_retr && s->polled.first)
		log_warning("%s: the server has neither UIDL nor TOP, so that "
			    "every poll has to read all that is in the mailbox",
		    name);
}

/* --- one session --- */

/* For plan.h: since when messages have been tried by this poll. */
static int64_t
run_started(const struct session *s, int64_t now)
{
	int64_t passed_ms = clock_monotonic_ms() - s->started_ms;

	if (s->sessions == 0)
		return INT64_MAX;
	/* Set back meanwhile, the clock cannot tell. */
	if ((now - s->started + CLOCK_COARSE_S) * 1000 < passed_ms)
		return INT64_MIN;
	return s->started;
}

/* Once in a poll: later sessions only go on with what was planned. */
static int
recognise(struct session *s, struct plan_input *in, struct error *e)
{
	bool settled = s->listed || in->baseline != NULL;
	int rc = settled ? 0 : recognise_answered(s, in->now, e);

	if (rc <= 0)
		return rc;
	plan_free(&s->plan);
	rows_free(&s->rows);
	if (reader_rows(s->reader, s->account, &s->rows, e) < 0)
		return -1;
	plan_make(&s->plan, in);
	return 0;
}

static void
close_session(struct session *s)
{
	ahead_cancel(s);
	plan_free(&s->plan);
	rows_free(&s->rows);
	listing_free(&s->listing);
	s->deleted_count = s->refused_count = s->due_count = 0;
	s->next_take = 0;
	s->window_full = s->deletes = s->identifying = s->in_step_unsure =
	    false;
}

/* Nothing has changed since the last poll, which had nothing to do. */
static void
leave_as_it_was(struct session *s)
{
	const struct ledger_quiet *quiet = recall_quiet(s);

	s->listed = s->report->listed = true;
	s->report->in_mailbox = s->listing.stat;
	s->report->waiting_held = quiet->held;
}

static int
enter(struct session *s, struct error *e)
{
	int rc = recall_open(s, e);

	if (s->pop3 != NULL && pop3_capa(s->pop3)->login_delay_s > 0)
		s->report->login_delay_s = pop3_capa(s->pop3)->login_delay_s;
	return rc;
}

/* 0: nothing to do; 1: it is planned and recorded; -1. */
static int
look(struct session *s, struct error *e)
{
	const struct poll_job *job = s->job;
	struct plan_input in = { .account = job->account,
		.now = clock_wall(),
		.baseline = job->baseline,
		.impatient = job->impatient,
		.seen_too = job->seen_too,
		.only_owed = job->only_owed,
		.spare_owed = job->spare_owed };

	in.run_started = run_started(s, in.now);
	s->sessions++;
	phase(s, POLL_CONNECTING);
	if (reader_polled(s->reader, s->account, &s->polled, e) < 0 ||
	    enter(s, e) < 0)
		return -1;
	phase(s, POLL_LISTING);
	if (listing_names(&s->listing, s->pop3, e) < 0) {
		recall_refused(s, e);
		return -1;
	}
	recall_listing(s);
	if (recall_is_quiet(s, in.now)) {
		leave_as_it_was(s);
		return 0;
	}
	if (listing_sizes(&s->listing, s->pop3, e) < 0 ||
	    make_plan(s->pop3, s->reader, &in, s->account, &s->polled,
		&s->listing, &s->rows, &s->plan, e) < 0 ||
	    recognise(s, &in, e) < 0 || record_found(s, e) < 0 ||
	    record_plan(s, e) < 0)
		return -1;
	recall_plan(s);
	report_plan(s);
	return 1;
}

/* 0; 1: go on in a new session; -1. No transit is in flight afterwards. */
static int
run_session(struct session *s, struct error *e)
{
	int rc = look(s, e);

	if (rc > 0) {
		phase(s, POLL_MOVING);
		if (s->plan.take_count > 0)
			delivery_expect(s->job->delivery);
		rc = transfer_run(s, e);
		if (s->plan.take_count > 0)
			delivery_expect_no_more(s->job->delivery);
		/* A delivery may be waiting for the end of one of them. */
		transfer_forget(s);
		if (settle_all(s, e) < 0)
			rc = -1;
	}
	phase(s, POLL_SETTLING);
	if (rc == 0)
		rc = settle_deletions(s, e);
	else if (rc < 0 && e->kind == ERR_STOPPED)
		settle_stopped(s);
	if (rc == 0)
		recall_went_well(s);
	if (rc < 0 && recall_retreat(s, e)) {
		error_clear(e);
		rc = 1;
	}
	close_session(s);
	return rc;
}

static int
run_sessions(struct session *s, struct error *e)
{
	int rc;

	for (int i = 0; i < SESSIONS_MAX; i++) {
		rc = run_session(s, e);
		if (rc <= 0 || s->give_up)
			break;
	}
	if (rc >= 0 && s->trouble.kind != ERR_NONE) {
		*e = s->trouble;
		if (e->kind != ERR_LEDGER) {
			s->report->reports_down = s->trouble_with_reports;
			s->report->destination_down = !s->trouble_with_reports;
		}
		return -1;
	}
	if (rc > 0)
		return error_set(e, ERR_IO,
		    "the mailbox broke off %u sessions; what is left waits "
		    "for the next time",
		    s->sessions);
	return rc;
}

/* With all verdicts there. The error is the first one. */
static int
count_in_doubt(struct session *s, struct error *e)
{
	struct error another = { 0 };

	if (!s->listed ||
	    reader_in_doubt(s->reader, s->account, &s->report->waiting_in_doubt,
		&another) == 0)
		return 0;
	if (e->kind == ERR_NONE)
		*e = another;
	return -1;
}

/* What the poll came to is told by e; only if it was well, by the ledger. */
static int
record_poll(struct session *s, int rc, struct error *e)
{
	const struct poll_report *r = s->report;
	struct ledger_poll poll = {
		.account = s->account,
		.started = s->started,
		.ended = clock_wall(),
		.listed = s->listed,
		.in_mailbox = r->in_mailbox,
		.delivered = r->delivered,
		.octets = r->octets,
		.deleted = r->deleted,
		.deferred = r->deferred,
		.held = r->held,
		.quiet = rc == 0 ? recall_quiet(s) : NULL,
		.server = recall_server(s),
	};
	struct error another = { 0 };

	if (rc < 0)
		poll.error = *e;
	if (ledger_poll(s->job->ledger, &poll, &another) == 0)
		return 0;
	if (rc == 0)
		*e = another;
	return -1;
}

/* Whether the ledger can be written, the next poll tells. */
int
poll_not_begun(const struct poll_job *job, const struct error *e)
{
	const struct account *a = job->account;
	int64_t now = clock_wall();
	struct ledger_poll poll = { .started = now, .ended = now, .error = *e };
	struct error ignored = { 0 };

	if (e->kind != ERR_STOPPED &&
	    ledger_account(job->ledger, a->name, a->at.host, a->login.user,
		job->names, job->moved, &poll.account, &ignored) == 0)
		ledger_poll(job->ledger, &poll, &ignored);
	return -1;
}

int
poll_run(
    const struct poll_job *job, struct poll_report *report, struct error *e)
{
	const struct account *a = job->account;
	int64_t started = clock_monotonic_ms();
	struct session s = { .job = job,
		.report = report,
		.started = clock_wall(),
		.started_ms = started };
	int rc = -1;

	s.last_parked = &s.parked;

	*report = (struct poll_report){ 0 };
	error_clear(e);
	if (ledger_account(job->ledger, a->name, a->at.host, a->login.user,
		job->names, job->moved, &s.account, e) < 0)
		return -1;
	if (queue_new(&s.answers, e) < 0 ||
	    reader_open(&s.reader, job->state_dir, e) < 0 ||
	    recall_begin(&s, e) < 0)
		goto out;
	rc = run_sessions(&s, e);
	if (count_in_doubt(&s, e) < 0)
		rc = -1;
	if (record_poll(&s, rc, e) < 0)
		rc = -1;
out:
	phase(&s, POLL_DONE);
	reader_free(&s.reader);
	queue_free(&s.answers);
	free(s.deleted);
	free(s.refused);
	free(s.due);
	free(s.asked);
	report->took_ms = clock_monotonic_ms() - started;
	return rc;
}
