/* RETR after RETR, each message handed to the delivery as a transit. */
#include "poll/session.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/text.h"
#include "delivery/policy.h"
#include "ledger/state.h"
#include "poll/ahead.h"
#include "poll/notice.h"
#include "poll/recall.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Messages and octets that are coming, or wait for their verdicts, at once. */
#define WINDOW 128
#define WINDOW_OCTETS ((uint64_t)4 * 1024 * 1024)
/* Half of what may be outstanding is for DELE. */
#define COMING_MAX (POP3_AHEAD_MAX / 2)
/*
 * Nothing is asked for behind a message that may not fit a transit: while its
 * destination is slow, the mailbox would wait with what follows.
 */
#define SMALL_OCTETS ((uint64_t)TRANSIT_ROOM * 3 / 4)

/* Why a message is not even asked for. */
#define WORDS 160

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

static bool
is_unproven(const struct session *s, const struct intake *m)
{
	return s->in_step_unsure || (m->doubtful && !s->sizes_are_estimates);
}

/*
 * Until it is known which message that was, none is handed over. Are the
 * answers out of step, UIDL may seem to be refused; no server refuses STAT, nor
 * answers anything else so.
 */
static int
ask_who(struct session *s, struct intake *m, struct error *e)
{
	struct asked a = { .verb = POP3_UID,
		.number = m->listed->number,
		.listed = m->listed };

	if (s->in_step_unsure)
		a = (struct asked){ .verb = POP3_STAT };
	if (s->identifying)
		return 0;
	s->identifying = true;
	return ahead_ask(s, a, e);
}

/* A broken line to the mailbox, no message's fault. */
static int
lose(struct session *s, struct error *e)
{
	struct error why = *e;
	bool again;

	if (why.kind == ERR_STOPPED)
		return -1;
	again = recall_retreat(s, &why);
	ahead_cancel(s);
	if (again)
		error_clear(e);
	return again ? 1 : -1;
}

/* Nobody wants the rest of it; but those behind it are to be handed over. */
static int
pass_over(struct intake *m, struct error *e)
{
	struct session *s = m->out.s;
	int rc = intake_skip(m, e);

	if (rc == 0 && is_unproven(s, m))
		return ask_who(s, m, e) == 0 ? 0 : lose(s, e);
	if (rc == 0 && m->out.unwanted)
		m->out.t->identified = true;
	return rc;
}

/*
 * What a failure means for the message and the session; returns as receive().
 */
static int
give_up_message(struct intake *m, struct error *e)
{
	struct session *s = m->out.s;
	struct error why = *e;

	if (why.kind == ERR_STOPPED) {
		intake_stop(s, m->begun);
		ahead_drain(s);
	}
	if (why.kind == ERR_STOPPED || why.kind == ERR_SYSTEM ||
	    why.kind == ERR_LEDGER)
		return -1;
	error_clear(e);
	if (m->out.unwanted)
		return pass_over(m, e);
	if (m->out.untimely) {
		s->one_by_one = true;
		return 1;
	}
	if (recall_retreat(s, &why))
		return 1;
	/* A message that breaks the session must not block those behind it. */
	if (record_trouble(s, m->entry, m->hold, &why, e) < 0)
		return -1;
	if (m->hold != NULL)
		return pass_over(m, e);
	return why.kind == ERR_REFUSED ? 0 : 1;
}

/* It failed, and is freed. */
static int
fail(struct intake *m, struct error *e)
{
	struct session *s = m->out.s;
	int rc;

	handover_break(&m->out);
	rc = give_up_message(m, e);
	intake_free(&m);
	/* No verdict that comes now may ask anything of a broken session. */
	if (rc != 0 && e->kind != ERR_STOPPED)
		ahead_cancel(s);
	return rc;
}

/* --- those that have come --- */

static void
park(struct session *s, struct intake *m)
{
	m->next = NULL;
	*s->last_parked = m;
	s->last_parked = &m->next;
	s->parked_count++;
	s->parked_submitted += m->out.submitted;
	s->parked_octets += m->listed->octets;
}

static struct intake *
unpark(struct session *s, struct intake *m)
{
	struct intake **at = &s->parked;

	while (*at != m)
		at = &(*at)->next;
	*at = m->next;
	if (*at == NULL)
		s->last_parked = at;
	s->parked_count--;
	s->parked_submitted -= m->out.submitted;
	s->parked_octets -= m->listed->octets;
	return m;
}

void
transfer_forget(struct session *s)
{
	struct intake *m;

	while (s->parked != NULL) {
		m = unpark(s, s->parked);
		intake_break(&m);
	}
}

void
transfer_settled(struct session *s, struct transit *t)
{
	struct intake *m = s->parked;

	while (m != NULL && m->out.t != t)
		m = m->next;
	if (m == NULL)
		return;
	t->identified = !is_unproven(s, m);
	unpark(s, m);
	intake_free(&m);
}

static bool
may_hand_over(const struct session *s, const struct intake *m)
{
	if (s->identifying || is_unproven(s, m))
		return false;
	return !s->job->account->ordered || s->in_flight == s->parked_submitted;
}

static int
hand_over(struct session *s, struct error *e)
{
	struct intake *m;
	int rc = 0;

	while (rc == 0 && s->parked != NULL && may_hand_over(s, s->parked)) {
		m = unpark(s, s->parked);
		m->out.t->identified = true;
		if (intake_end(&m, e) < 0)
			rc = fail(m, e);
		else
			s->report->taken++;
	}
	return rc;
}

/* --- what the mailbox answers --- */

/* It is the message's fault, unless its verdict has come meanwhile. */
static int
identify_failed(
    struct session *s, const struct listing_entry *listed, struct error *e)
{
	struct intake *m = s->parked;

	while (m != NULL && m->listed != listed)
		m = m->next;
	return m != NULL ? fail(unpark(s, m), e) : lose(s, e);
}

static int
identify(struct session *s, struct error *e)
{
	const struct listing_entry *listed = ahead_first(s)->listed;
	struct slice uid;

	ahead_drop(s);
	s->identifying = false;
	if (pop3_uid(s->pop3, listed->number, &uid, e) < 0) {
		if (e->kind == ERR_STOPPED)
			return -1;
		if (e->kind != ERR_REFUSED)
			return identify_failed(s, listed, e);
		error_clear(e);
	} else if (!slice_equal(uid, listed->uid)) {
		error_set(e, ERR_PROTOCOL,
		    "the mailbox has changed while it was being read: message "
		    "%lu is another one now",
		    (unsigned long)listed->number);
		return identify_failed(s, listed, e);
	} else {
		s->in_step_unsure = false;
	}
	for (const struct intake *m = s->parked; m != NULL; m = m->next)
		s->sizes_are_estimates = s->sizes_are_estimates || m->doubtful;
	return 0;
}

static int
check_step(struct session *s, struct error *e)
{
	uint32_t count;
	uint64_t octets;

	ahead_drop(s);
	s->identifying = false;
	if (pop3_stat(s->pop3, &count, &octets, e) < 0) {
		if (e->kind == ERR_REFUSED)
			e->kind = ERR_PROTOCOL;
		return lose(s, e);
	}
	s->in_step_unsure = false;
	return 0;
}

/*
 * -ERR to what was sent ahead may be a server's way of saying that it does not
 * take it.
 */
static void
suspect(struct session *s, const struct intake *m, struct error *e)
{
	if (e->kind != ERR_REFUSED || m->begun)
		return;
	recall_note(s);
	if (s->pipelining && !s->recall.proven && s->asked_count > 0)
		e->kind = ERR_PROTOCOL;
	else
		recall_not_suspect(s);
}

/*
 * Those that wait until it is known which they are, or what the answers are to.
 */
static int
ask_for_parked(struct session *s, struct error *e)
{
	struct intake *m = s->parked;

	while (m != NULL && !is_unproven(s, m))
		m = m->next;
	return m == NULL || ask_who(s, m, e) == 0 ? 0 : lose(s, e);
}

static int
receive_message(struct session *s, struct error *e)
{
	struct intake *m = ahead_first(s)->intake;
	int rc;

	ahead_drop(s);
	if (intake_receive(m, e) < 0) {
		/* An answer too many would make the next one another's. */
		s->in_step_unsure = s->in_step_unsure ||
		    (e->kind == ERR_REFUSED && !m->begun && s->coming > 0);
		suspect(s, m, e);
		return fail(m, e);
	}
	recall_one_came(s);
	park(s, m);
	rc = ask_for_parked(s, e);
	return rc == 0 ? hand_over(s, e) : rc;
}

/* The next answer. 0; 1: the session had to be given up; -1. */
static int
receive(struct session *s, struct error *e)
{
	switch (ahead_first(s)->verb) {
	case POP3_RETR:
		return receive_message(s, e);
	case POP3_UID:
		return identify(s, e);
	case POP3_STAT:
		return check_step(s, e);
	default:
		return ahead_dele_answer(s, e) == 0 ? 0 : lose(s, e);
	}
}

/* --- what it is asked for --- */

/* By what is listed, and as far as the destination has told its limit. */
static bool
is_too_large(
    const struct session *s, const struct plan_entry *entry, char words[WORDS])
{
	uint64_t limit = delivery_size_limit(s->job->delivery);
	char octets[TEXT_UNIT];

	if (limit == 0 || entry->listed->octets <= limit)
		return false;
	snprintf(words, WORDS, "too large for %.64s, which takes up to %s",
	    s->job->account->destination, text_octets(limit, octets));
	return true;
}

/* Ask for a message, unless it can be dealt with without. */
static int
ask(struct session *s, struct plan_entry *entry, struct error *e)
{
	struct intake *m = intake_new(entry);
	struct asked a = {
		.verb = POP3_RETR, .number = entry->listed->number, .intake = m
	};
	char words[WORDS];
	int rc;

	if (make_transit(s, entry, &m->out, e) < 0) {
		intake_free(&m);
		return -1;
	}
	if (m->out.t->recipient_count == 0) {
		rc = record_accepted_by_all(s, m->out.t, e);
		intake_free(&m);
		return rc;
	}
	if (is_too_large(s, entry, words)) {
		handover_refuse(&m->out, words);
		intake_free(&m);
		return 0;
	}
	if (ahead_ask(s, a, e) == 0)
		return 0;
	intake_break(&m);
	return lose(s, e);
}

static bool
is_small(const struct plan_entry *entry)
{
	return entry->listed->octets > 0 &&
	    entry->listed->octets <= SMALL_OCTETS;
}

/*
 * Once it is full, a quarter has to be through: what is asked for together
 * comes together, and is sent and recorded together.
 */
static bool
window_is_full(struct session *s, const struct plan_entry *next)
{
	size_t messages = s->in_flight + s->coming + s->parked_count;
	uint64_t octets =
	    s->in_flight_octets + s->coming_octets + s->parked_octets;

	if (messages >= WINDOW)
		s->window_full = true;
	else if (messages <= WINDOW - WINDOW / 4)
		s->window_full = false;
	if (messages == 0)
		return false;
	return s->window_full ||
	    octets + next->listed->octets > WINDOW_OCTETS ||
	    transit_pool_is_low(s->job->pool);
}

/* What has been read so far is still to be paid for: see throttle.h. */
static int64_t
throttled_ms(const struct session *s)
{
	struct throttle *t = s->job->throttle;

	return t != NULL ? throttle_wait_ms(t, clock_monotonic_ms()) : 0;
}

static bool
may_ask(struct session *s, const struct plan_entry *next)
{
	const struct plan_entry *last = s->last_asked;

	if (throttled_ms(s) > 0)
		return false;
	if (window_is_full(s, next) || ahead_room(s) == 0 ||
	    s->parked_submitted > 0)
		return false;
	if (s->job->account->ordered && (s->one_by_one || !is_small(next)))
		return s->in_flight + s->coming + s->parked_count == 0;
	if (s->coming + s->parked_count == 0)
		return true;
	/* Sizes that are taken for estimates park no message. */
	if (s->one_by_one && !s->sizes_are_estimates)
		return false;
	return s->coming < COMING_MAX && !s->identifying &&
	    !s->recall.stepping && is_small(next) && is_small(last);
}

/* As receive(). */
static int
ask_more(struct session *s, struct error *e)
{
	const struct plan *plan = &s->plan;
	struct plan_entry *next;
	int rc = 0;

	while (rc == 0 && s->next_take < plan->take_count) {
		next = &plan->list[plan->take[s->next_take]];
		if (!may_ask(s, next))
			break;
		s->next_take++;
		s->last_asked = next;
		s->paused_ms = 0;
		rc = ask(s, next, e);
	}
	return rc;
}

/* Between two messages: verdicts, and what follows from them. As receive(). */
static int
keep_up(struct session *s, struct error *e)
{
	int rc;

	if (settle_arrivals(s, e) < 0)
		return -1;
	/* Given back to the server while verdicts were awaited. */
	if (s->pop3 == NULL)
		return 1;
	if (s->give_up || stop_level(s->job->stop) != STOP_NO) {
		transfer_forget(s);
		ahead_drain(s);
	}
	if (stop_level(s->job->stop) != STOP_NO)
		return error_set(e, ERR_STOPPED, "stopped");
	if (s->pop3 == NULL)
		return 1;
	rc = ask_for_parked(s, e);
	if (rc == 0)
		rc = hand_over(s, e);
	if (rc == 0 && settle_due(s, e) < 0)
		rc = lose(s, e);
	return rc;
}

static bool
is_taking(const struct session *s)
{
	return !s->give_up &&
	    (s->next_take < s->plan.take_count ||
		s->coming + s->parked_count > 0 || s->identifying);
}

/* Nothing is under way, and nothing may be asked for: not so fast. */
static int
hold_back(struct session *s, struct error *e)
{
	int64_t ms = throttled_ms(s);

	return ms > 0 ? settle_pause(s, ms, e) : 0;
}

static int
move_messages(struct session *s, struct error *e)
{
	int rc = keep_up(s, e);

	while (rc == 0 && is_taking(s)) {
		rc = ask_more(s, e);
		if (rc != 0)
			break;
		if (ahead_first(s) != NULL)
			rc = receive(s, e);
		else if (s->in_flight > 0)
			rc = settle_wait(s, e);
		else
			rc = hold_back(s, e);
		if (rc == 0)
			rc = keep_up(s, e);
	}
	return rc;
}

static int
await_verdicts(struct session *s, struct error *e)
{
	while (s->in_flight > 0)
		if (settle_wait(s, e) < 0)
			return -1;
	return 0;
}

/* Nothing else is asked of the mailbox meanwhile. As receive(). */
static int
send_report(struct session *s, struct plan_entry *entry, struct error *e)
{
	int rc;

	while (window_is_full(s, entry) && !s->give_up)
		if (settle_wait(s, e) < 0)
			return -1;
	rc = keep_up(s, e);
	if (rc != 0 || s->give_up)
		return rc;
	if (ahead_answers(s, e) < 0)
		return lose(s, e);
	return notice_send(s, entry, e);
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
		rc = send_report(s, owed[i], e);
	free(owed);
	return rc;
}

int
transfer_run(struct session *s, struct error *e)
{
	int rc = move_messages(s, e);

	if (rc == 0)
		rc = await_verdicts(s, e);
	if (rc == 0)
		rc = send_reports(s, e);
	if (rc == 0)
		rc = await_verdicts(s, e);
	return rc;
}
