/* RETR after RETR, each message handed to the delivery as a transit. */
#include "poll/session.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "delivery/policy.h"
#include "ledger/state.h"
#include "poll/intake.h"
#include "poll/notice.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Messages and octets that may wait for their verdicts at once. */
#define WINDOW 16
#define WINDOW_OCTETS ((uint64_t)1024 * 1024)

/* --- the transit's envelope --- */

struct pending {
	const char **list;
	size_t count;
};

static void
strike_out(void *arg, const char *recipient, const char *reply)
{
	struct pending *p = arg;

	(void)reply;
	for (size_t i = 0; i < p->count; i++)
		if (strcmp(p->list[i], recipient) == 0) {
			p->list[i] = p->list[--p->count];
			return;
		}
}

/*
 * The recipients that have not accepted it yet. With another size than what
 * some have accepted it is a new message, which is for all.
 */
static int
pending_recipients(struct session *s, struct plan_entry *entry,
    struct pending *p, struct error *e)
{
	const char **all = s->job->account->recipients;
	size_t n = 0;

	while (all[n] != NULL)
		n++;
	p->list = xcalloc(n + 1, sizeof(*p->list));
	p->count = n;
	memcpy(p->list, all, n * sizeof(*p->list));
	if (entry->row == NULL || entry->fresh)
		return 0;
	if (reader_outcomes(s->reader, entry->row->message, STATE_DELIVERED,
		strike_out, p, e) < 0)
		return -1;
	if (p->count == n || entry->listed->octets == 0 ||
	    entry->row->octets == 0 ||
	    entry->listed->octets == entry->row->octets)
		return 0;
	entry->fresh = true;
	memcpy(p->list, all, n * sizeof(*p->list));
	p->count = n;
	return 0;
}

static int
make_transit(struct session *s, struct plan_entry *entry, struct handover *h,
    struct error *e)
{
	struct pending pending = { 0 };
	int rc = pending_recipients(s, entry, &pending, e);

	if (rc == 0)
		handover_begin(
		    h, s, s->job->delivery, entry, pending.list, pending.count);
	free(pending.list);
	return rc;
}

/* --- one message --- */

/* Keep a message back, for now (why) or until its owner has decided (hold). */
static int
record_trouble(struct session *s, const struct plan_entry *entry,
    const char *hold, const struct error *why, struct error *e)
{
	const struct row *row = entry->fresh ? NULL : entry->row;
	int64_t now = clock_wall(), first = handover_first_failed(s, row);
	int64_t next_try = 0;
	struct ledger_change change = {
		.kind = CHANGE_VERDICT,
		.message = row != NULL ? row->message : 0,
		.uid = entry->listed->uid,
		.copy = entry->listed->copy,
		.octets = entry->listed->octets,
		.fresh = entry->fresh,
		.reply = hold != NULL ? hold : why->text,
		.refused_anew = s->plan.clock_jumped,
	};

	if (hold == NULL)
		next_try = policy_next_try(row != NULL ? row->attempts + 1 : 1,
		    first > 0 ? first : now, now);
	change.next_try = next_try;
	change.state = next_try > 0 ? STATE_DEFERRED : STATE_HELD;
	if (change.state == STATE_HELD)
		s->report->held++;
	else
		s->report->deferred++;
	settle_trouble(
	    s, entry->listed->uid, state_name(change.state), change.reply);
	return ledger_change(s->job->ledger, s->account, &change, 1, e);
}

/* The settings have lost the one recipient that did not have it yet. */
static int
record_accepted_by_all(struct session *s, struct transit *t, struct error *e)
{
	struct ledger_change change = {
		.kind = CHANGE_VERDICT,
		.message = t->message,
		.state = t->delete_after ? STATE_DELETE_OWED : STATE_DELIVERED,
		.reply = "accepted by every recipient that is left",
	};

	transit_free(&t);
	return ledger_change(s->job->ledger, s->account, &change, 1, e);
}

/* What a failure means for the message and the session; returns as take(). */
static int
give_up_message(
    const struct intake *m, const struct plan_entry *entry, struct error *e)
{
	struct error why = *e;

	if (why.kind == ERR_STOPPED)
		intake_stop(m->out.s, m->begun);
	if (why.kind == ERR_STOPPED || why.kind == ERR_SYSTEM ||
	    why.kind == ERR_LEDGER)
		return -1;
	error_clear(e);
	if (m->out.unwanted)
		return intake_skip_rest(m->out.s, e);
	/* A message that breaks the session must not block those behind it. */
	if (record_trouble(m->out.s, entry, m->hold, &why, e) < 0)
		return -1;
	if (m->hold != NULL)
		return intake_skip_rest(m->out.s, e);
	return why.kind == ERR_REFUSED ? 0 : 1;
}

/* By what is listed, and as far as the destination has told its limit. */
static bool
is_too_large(const struct session *s, const struct plan_entry *entry)
{
	uint64_t limit = delivery_size_limit(s->job->delivery);

	return limit > 0 && entry->listed->octets > limit;
}

/* 0; 1: the session has to be given up; -1. */
static int
take(struct session *s, struct plan_entry *entry, struct error *e)
{
	struct intake m = { 0 };
	char words[120];
	int rc;

	if (make_transit(s, entry, &m.out, e) < 0)
		return -1;
	if (m.out.t->recipient_count == 0)
		return record_accepted_by_all(s, m.out.t, e);
	if (is_too_large(s, entry)) {
		snprintf(words, sizeof(words), "too large for %.64s",
		    s->job->account->destination);
		handover_refuse(&m.out, words);
		return 0;
	}
	rc = intake_run(&m, entry->listed, e);
	buffer_free(&m.head);
	if (rc == 0) {
		s->report->taken++;
		return 0;
	}
	handover_break(&m.out);
	rc = give_up_message(&m, entry, e);
	/* No verdict that comes now may ask anything of a broken session. */
	if (rc != 0 && e->kind != ERR_STOPPED)
		pop3_free(&s->pop3);
	return rc;
}

static bool
window_is_full(const struct session *s, const struct plan_entry *next)
{
	return s->in_flight >= WINDOW ||
	    (s->in_flight > 0 &&
		s->in_flight_octets + next->listed->octets > WINDOW_OCTETS);
}

/* Begin one more when there is room for it; as take(). */
static int
begin_next(struct session *s, struct plan_entry *entry,
    int (*begin)(struct session *s, struct plan_entry *entry, struct error *e),
    struct error *e)
{
	while (window_is_full(s, entry) && !s->give_up)
		if (settle_wait(s, e) < 0)
			return -1;
	if (settle_arrivals(s, e) < 0)
		return -1;
	/* Given back to the server while verdicts were awaited. */
	if (s->pop3 == NULL)
		return 1;
	if (s->give_up)
		return 0;
	if (stop_level(s->job->stop) != STOP_NO)
		return error_set(e, ERR_STOPPED, "stopped");
	return begin(s, entry, e);
}

static int
await_verdicts(struct session *s, struct error *e)
{
	while (s->in_flight > 0)
		if (settle_wait(s, e) < 0)
			return -1;
	return 0;
}

/* Those that were owed before, and what has been refused just now. */
static int
send_reports(struct session *s, struct error *e)
{
	struct plan *plan = &s->plan;
	struct plan_entry **owed = xcalloc(plan->count, sizeof(*owed));
	size_t n = 0;
	int rc = 0;

	for (size_t i = 0; i < plan->count; i++)
		if (plan->list[i].action == PLAN_REPORT)
			owed[n++] = &plan->list[i];
	if (n > 0)
		qsort(owed, n, sizeof(*owed), plan_by_tries);
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = begin_next(s, owed[i], notice_send, e);
	free(owed);
	return rc;
}

int
transfer_run(struct session *s, struct error *e)
{
	struct plan *plan = &s->plan;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < plan->take_count; i++)
		rc = begin_next(s, &plan->list[plan->take[i]], take, e);
	if (rc == 0)
		rc = await_verdicts(s, e);
	if (rc == 0)
		rc = send_reports(s, e);
	if (rc == 0)
		rc = await_verdicts(s, e);
	return rc;
}
