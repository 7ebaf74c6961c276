/* RETR after RETR, each message handed to the delivery as a transit. */
#include "poll/session.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/host.h"
#include "base/log.h"
#include "base/text.h"
#include "delivery/policy.h"
#include "message/canon.h"
#include "message/envelope.h"
#include "message/header.h"
#include "message/trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Messages and octets that may wait for their verdicts at once. */
#define WINDOW 16
#define WINDOW_OCTETS ((uint64_t)1024 * 1024)
/* What is left of a message that nobody wants is read, if it is not more. */
#define DRAIN_OCTETS ((uint64_t)1024 * 1024)

/* A message on its way from RETR into its transit. */
struct message {
	struct session *s;
	struct transit *t; /* owned until it is submitted */
	bool submitted;
	uint64_t read; /* octets from the mailbox so far */
	struct canon canon;
	struct buffer head; /* the header, while it is being gathered */
	bool has_head; /* it has been passed on */
	bool unwanted; /* the delivery has given up on it */
};

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

/* The recipients that have not accepted it yet. */
static int
pending_recipients(struct session *s, const struct plan_entry *entry,
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
	return 0;
}

static int
make_transit(struct session *s, struct plan_entry *entry, struct transit **out,
    struct error *e)
{
	const struct account *a = s->job->account;
	const struct row *row = entry->fresh ? NULL : entry->row;
	struct pending pending = { 0 };
	struct transit *t;

	if (pending_recipients(s, entry, &pending, e) < 0) {
		free(pending.list);
		return -1;
	}
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
	t->first_failed = row != NULL ? row->first_refused : 0;
	t->attempts = row != NULL ? row->attempts : 0;
	t->delete_after = a->after == AFTER_DELETE;
	trace_id(a->at.host, a->login.user, t->uid, t->copy, t->octets, t->id);
	t->answer = s->answers;
	t->plan_entry = entry;
	*out = t;
	return 0;
}

static void
submit(struct message *m)
{
	m->s->in_flight++;
	m->s->in_flight_octets += m->t->octets;
	m->submitted = true;
	delivery_submit(m->s->job->delivery, m->t);
}

/* --- content --- */

/* Into the pipe; the delivery learns of the message when that is full. */
static int
pass_on(struct message *m, struct slice content, struct error *e)
{
	if (!m->submitted) {
		transit_try_write(m->t, &content);
		if (content.len == 0)
			return 0;
		if (transit_open_end(m->t, e) < 0)
			return -1;
		submit(m);
	}
	if (transit_write(
		m->t, content, deadline_never(), m->s->job->stop, e) == 0)
		return 0;
	m->unwanted = e->kind == ERR_REFUSED;
	return -1;
}

/* Our trace header, and the message's header without its Return-Path. */
static int
pass_head(struct message *m, struct error *e)
{
	const struct account *a = m->s->job->account;
	struct slice head = buffer_slice(&m->head), before = head, after;
	struct transit *t = m->t;
	struct header_field path = { 0 };
	struct buffer trace = { 0 };
	bool complete, found;
	int rc;

	found =
	    header_find(slice_make(head.data, header_length(head, &complete)),
		"Return-Path", &path);
	envelope_sender(path.value, t->sender, &t->sender_utf8);
	if (path.value.len > 2 && t->sender[0] == '\0')
		log_event(
		    "account=%s id=%s event=sender_unusable", a->name, t->id);
	trace_header(
	    &(struct trace){
		.from = a->at.host,
		.by = host_name(),
		.tls = a->at.tls != TLS_NONE,
		.id = t->id,
		.recipient =
		    t->recipient_count == 1 ? t->recipients[0].address : NULL,
		.when = clock_wall(),
	    },
	    &trace);
	after = slice_make(NULL, 0);
	if (found) {
		before.len = (size_t)(path.whole.data - head.data);
		after = slice_skip(head, before.len + path.whole.len);
	}
	m->has_head = true;
	rc = pass_on(m, buffer_slice(&trace), e);
	if (rc == 0)
		rc = pass_on(m, before, e);
	if (rc == 0)
		rc = pass_on(m, after, e);
	buffer_free(&trace);
	buffer_free(&m->head);
	return rc;
}

static int
pass_content(struct message *m, struct slice content, struct error *e)
{
	bool complete;

	if (m->has_head)
		return pass_on(m, content, e);
	buffer_add_slice(&m->head, content);
	header_length(buffer_slice(&m->head), &complete);
	if (complete || m->head.len >= HEADER_MAX)
		return pass_head(m, e);
	return 0;
}

static int
pass_run(struct message *m, struct slice raw, struct error *e)
{
	struct slice content;

	m->read += raw.len;
	if (m->s->job->progress != NULL)
		atomic_fetch_add(&m->s->job->progress->octets_done, raw.len);
	while (raw.len > 0) {
		canon_next(&m->canon, &raw, &content);
		if (content.len > 0 && pass_content(m, content, e) < 0)
			return -1;
	}
	return 0;
}

static int
pass_end(struct message *m, struct error *e)
{
	struct slice rest = canon_end(&m->canon);

	if (rest.len > 0 && pass_content(m, rest, e) < 0)
		return -1;
	if (!m->has_head && pass_head(m, e) < 0)
		return -1;
	transit_complete(m->t);
	if (!m->submitted)
		submit(m);
	if (m->canon.bare_cr + m->canon.bare_lf > 0)
		log_event(
		    "account=%s id=%s event=line_ends_mended bare_lf=%llu "
		    "bare_cr=%llu",
		    m->t->account_name, m->t->id,
		    (unsigned long long)m->canon.bare_lf,
		    (unsigned long long)m->canon.bare_cr);
	return 0;
}

/*
 * Sizes in listings are estimates, but not that bad: what ends so early was cut
 * off inside the server, whatever it says.
 */
static bool
is_cut_short(uint64_t listed, uint64_t read)
{
	return read < listed && (read == 0 || read + 1024 < listed / 2);
}

/* --- one message --- */

/* The mailbox does not give it out whole: a refusal like any other. */
static int
defer_unreadable(struct session *s, const struct plan_entry *entry,
    const struct error *why, struct error *e)
{
	const struct row *row = entry->fresh ? NULL : entry->row;
	int64_t now = clock_wall();
	struct ledger_change change = {
		.kind = CHANGE_VERDICT,
		.message = row != NULL ? row->message : 0,
		.uid = entry->listed->uid,
		.copy = entry->listed->copy,
		.octets = entry->listed->octets,
		.fresh = entry->fresh,
		.state = STATE_DEFERRED,
		.reply = why->text,
		.next_try = policy_next_try(row != NULL ? row->attempts + 1 : 1,
		    row != NULL && row->first_refused > 0 ? row->first_refused
							  : now,
		    now),
	};

	if (change.next_try == 0)
		change.state = STATE_HELD;
	if (change.state == STATE_HELD)
		s->report->held++;
	else
		s->report->deferred++;
	settle_trouble(s, entry->listed->uid,
	    change.state == STATE_HELD ? "held" : "deferred", why->text);
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

/* From RETR to the last octet in the transit. */
static int
retrieve(struct message *m, const struct listing_entry *listed, struct error *e)
{
	struct pop3 *pop3 = m->s->pop3;
	struct slice raw;
	int more;

	if (pop3_retr(pop3, listed->number, e) < 0)
		return -1;
	while ((more = pop3_content(pop3, &raw, e)) > 0)
		if (pass_run(m, raw, e) < 0)
			return -1;
	if (more < 0)
		return -1;
	if (is_cut_short(listed->octets, m->read))
		return error_set(e, ERR_REFUSED,
		    "the mailbox lists %llu octets and gave %llu",
		    (unsigned long long)listed->octets,
		    (unsigned long long)m->read);
	return pass_end(m, e);
}

/* What a failure means for the message and the session; returns as take(). */
static int
give_up_message(struct session *s, const struct plan_entry *entry,
    bool unwanted, struct error *e)
{
	struct error why = *e;
	int rc;

	if (why.kind == ERR_STOPPED || why.kind == ERR_SYSTEM ||
	    why.kind == ERR_LEDGER)
		return -1;
	error_clear(e);
	if (unwanted) {
		rc = pop3_drain(s->pop3, DRAIN_OCTETS, e);
		if (rc < 0 && e->kind == ERR_STOPPED)
			return -1;
		error_clear(e);
		return rc == 0 ? 0 : 1;
	}
	/* A message that breaks the session must not block those behind it. */
	if (defer_unreadable(s, entry, &why, e) < 0)
		return -1;
	return why.kind == ERR_REFUSED ? 0 : 1;
}

/* 0; 1: the session has to be given up; -1. */
static int
take(struct session *s, struct plan_entry *entry, struct error *e)
{
	struct message m = { .s = s };
	int rc;

	if (make_transit(s, entry, &m.t, e) < 0)
		return -1;
	if (m.t->recipient_count == 0)
		return record_accepted_by_all(s, m.t, e);
	rc = retrieve(&m, entry->listed, e);
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
	rc = give_up_message(s, entry, m.unwanted, e);
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
