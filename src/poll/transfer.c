/* RETR after RETR, each message handed to the delivery as a transit. */
#include "poll/session.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "delivery/policy.h"
#include "ledger/state.h"
#include "message/trace.h"
#include "poll/intake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Messages and octets that may wait for their verdicts at once. */
#define WINDOW 16
#define WINDOW_OCTETS ((uint64_t)1024 * 1024)
/* What is left of a message that nobody wants is read, if it is not more. */
#define DRAIN_OCTETS ((uint64_t)1024 * 1024)

/* --- the transit's envelope --- */

struct pending {
	const char **list;
	size_t count;
};

static void
strike_out(void *arg, const char *recipient)
{
	struct pending *p = arg;

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
	if (reader_delivered(s->reader, entry->row->message, strike_out, p, e) <
	    0)
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

/*
 * Since when it has been refused; 0: it was not, or the clock has jumped since,
 * and nobody knows whether it was for long.
 */
static int64_t
first_refused(const struct session *s, const struct row *row)
{
	return row == NULL || s->plan.clock_jumped ? 0 : row->first_refused;
}

static int
make_transit(struct session *s, struct plan_entry *entry, struct transit **out,
    struct error *e)
{
	const struct account *a = s->job->account;
	struct pending pending = { 0 };
	const struct row *row;
	struct transit *t;

	if (pending_recipients(s, entry, &pending, e) < 0) {
		free(pending.list);
		return -1;
	}
	row = entry->fresh ? NULL : entry->row;
	transit_new(&t, s->job->pool, pending.count);
	for (size_t i = 0; i < pending.count; i++)
		t->recipients[i].address = pending.list[i];
	free(pending.list);
	t->account_name = a->name;
	t->account = s->account;
	t->message = row != NULL ? row->message : 0;
	t->fresh = entry->fresh;
	t->uid = entry->listed->uid;
	t->copy = entry->listed->copy;
	t->octets = entry->listed->octets;
	t->first_failed = first_refused(s, row);
	t->failed_anew = s->plan.clock_jumped;
	t->attempts = row != NULL ? row->attempts : 0;
	t->delete_after = a->after == AFTER_DELETE;
	trace_id(a->at.host, a->login.user, t->uid, t->copy, t->octets, t->id);
	t->answer = s->answers;
	t->plan_entry = entry;
	*out = t;
	return 0;
}

/* --- one message --- */

/* Keep a message back, for now (why) or until its owner has decided (hold). */
static int
record_trouble(struct session *s, const struct plan_entry *entry,
    const char *hold, const struct error *why, struct error *e)
{
	const struct row *row = entry->fresh ? NULL : entry->row;
	int64_t now = clock_wall(), first = first_refused(s, row);
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

/* Get past the rest of a message; returns as take(). */
static int
skip_rest(struct session *s, struct error *e)
{
	int rc = pop3_drain(s->pop3, DRAIN_OCTETS, e);

	if (rc < 0 && e->kind == ERR_STOPPED)
		return -1;
	error_clear(e);
	return rc == 0 ? 0 : 1;
}

/* What a failure means for the message and the session; returns as take(). */
static int
give_up_message(
    const struct intake *m, const struct plan_entry *entry, struct error *e)
{
	struct error why = *e;

	if (why.kind == ERR_STOPPED || why.kind == ERR_SYSTEM ||
	    why.kind == ERR_LEDGER)
		return -1;
	error_clear(e);
	if (m->unwanted)
		return skip_rest(m->s, e);
	/* A message that breaks the session must not block those behind it. */
	if (record_trouble(m->s, entry, m->hold, &why, e) < 0)
		return -1;
	if (m->hold != NULL)
		return skip_rest(m->s, e);
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
	struct intake m = { .s = s };
	char hold[120];
	int rc;

	if (is_too_large(s, entry)) {
		snprintf(hold, sizeof(hold), "too large for %.64s",
		    s->job->account->destination);
		return record_trouble(s, entry, hold, NULL, e);
	}
	if (make_transit(s, entry, &m.t, e) < 0)
		return -1;
	if (m.t->recipient_count == 0)
		return record_accepted_by_all(s, m.t, e);
	rc = intake_run(&m, entry->listed, e);
	buffer_free(&m.head);
	if (rc == 0) {
		s->report->taken++;
		return 0;
	}
	if (m.submitted) {
		m.t->broken_off = !m.unwanted;
		transit_break(m.t);
	} else {
		transit_free(&m.t);
	}
	rc = give_up_message(&m, entry, e);
	/* No verdict that comes now may ask anything of a broken session. */
	if (rc != 0)
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

int
transfer_run(struct session *s, struct error *e)
{
	for (size_t i = 0; i < s->plan.take_count; i++) {
		struct plan_entry *entry = &s->plan.list[s->plan.take[i]];
		int rc;

		while (window_is_full(s, entry) && !s->give_up)
			if (settle_wait(s, e) < 0)
				return -1;
		if (settle_arrivals(s, e) < 0)
			return -1;
		/* Given back to the server while verdicts were awaited. */
		if (s->pop3 == NULL)
			return 1;
		if (s->give_up)
			break;
		if (stop_level(s->job->stop) != STOP_NO)
			return error_set(e, ERR_STOPPED, "stopped");
		rc = take(s, entry, e);
		if (rc != 0)
			return rc;
	}
	while (s->in_flight > 0)
		if (settle_wait(s, e) < 0)
			return -1;
	return 0;
}
