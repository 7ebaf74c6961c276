/* Verdicts that have become durable, and the deletions they allow. */
#include "poll/session.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/crash.h"
#include "base/log.h"
#include "base/text.h"
#include "poll/ahead.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How often an idle maildrop is told that we are still there. */
#define NOOP_MS (30 * 1000)
/* How long it is kept open (RFC 1939 section 3 allows servers 10 minutes). */
#define PATIENCE_MS (5 * 60 * 1000)
/* Messages in a row that the destination's connection failed under. */
#define FAILED_MAX 3

void
settle_trouble(
    struct session *s, struct slice uid, const char *what, const char *words)
{
	struct poll_report *r = s->report;
	char name[80], event[40];

	text_harmless(uid, name, sizeof(name));
	snprintf(event, sizeof(event), "%s", what);
	for (char *space = event; (space = strchr(space, ' ')) != NULL;)
		*space = '_';
	log_words("reply", words, "account=%s uid=%s event=%s",
	    s->job->account->name, name, event);
	if (r->trouble[0] == '\0')
		snprintf(
		    r->trouble, sizeof(r->trouble), "%s: %.500s", what, words);
}

/* --- deletions --- */

int
settle_due(struct session *s, struct error *e)
{
	size_t i = 0;
	int rc = 0;

	while (rc == 0 && i < s->due_count && ahead_room(s) > 0) {
		rc = ahead_dele(s, s->due[i].number, s->due[i].message, e);
		i++;
	}
	s->due_count -= i;
	if (s->due_count > 0)
		memmove(s->due, s->due + i, s->due_count * sizeof(*s->due));
	return rc;
}

/* All of it; the answers to the last ones are outstanding. */
static int
ask_all_due(struct session *s, struct error *e)
{
	for (;;) {
		if (settle_due(s, e) < 0)
			return -1;
		if (s->due_count == 0)
			return 0;
		if (ahead_dele_answer(s, e) < 0)
			return -1;
	}
}

static void
add_due(struct session *s, uint32_t number, int64_t message)
{
	if ((s->due_count & (s->due_count - 1)) == 0)
		s->due = xrealloc(s->due, s->due_count ? 2 * s->due_count : 1,
		    sizeof(*s->due));
	s->due[s->due_count++] = (struct due){ number, message };
}

/*
 * QUIT was answered +OK: the deletions of this session have been carried out.
 */
static int
record_deletions(struct session *s, struct error *e)
{
	struct ledger_change *changes =
	    xcalloc(s->deleted_count, sizeof(*changes));
	int rc;

	for (size_t i = 0; i < s->deleted_count; i++)
		changes[i] = (struct ledger_change){ .kind = CHANGE_DELETED,
			.message = s->deleted[i] };
	rc = ledger_change(
	    s->job->ledger, s->account, changes, s->deleted_count, e);
	free(changes);
	s->report->deleted += s->deleted_count;
	s->report->in_mailbox -= s->deleted_count;
	s->deleted_count = 0;
	return rc;
}

static int
quit(struct session *s, struct error *e)
{
	int rc;

	crash_point("before_quit");
	/* Nothing depends on the answer. */
	if (!s->deletes && s->due_count == 0) {
		pop3_leave(s->pop3);
		crash_point("after_quit");
		pop3_free(&s->pop3);
		return 0;
	}
	rc = ask_all_due(s, e);
	if (rc == 0 && s->pipelining)
		rc = pop3_ahead(s->pop3, POP3_QUIT, 0, e);
	if (rc == 0)
		rc = ahead_answers(s, e);
	if (rc == 0)
		rc = pop3_quit(s->pop3, e);
	crash_point("after_quit");
	ahead_cancel(s);
	if (rc == 0)
		return record_deletions(s, e);
	s->deleted_count = 0;
	error_prefix(e,
	    s->job->only_owed
		? "the mailbox may not have carried out the deletions: "
		: "the mailbox may not have carried out the deletions (they "
		  "will be asked for again): ");
	/* Whoever stops us is told of no error at the end. */
	if (e->kind == ERR_STOPPED)
		log_warning("%s: %s", s->job->account->name, e->text);
	return -1;
}

int
settle_deletions(struct session *s, struct error *e)
{
	/* The session was given back while verdicts were awaited. */
	if (s->pop3 == NULL)
		return 0;
	for (size_t i = 0; i < s->plan.count; i++) {
		const struct plan_entry *entry = &s->plan.list[i];

		if (entry->action != PLAN_DELETE)
			continue;
		if (stop_level(s->job->stop) != STOP_NO) {
			error_set(e, ERR_STOPPED, "stopped");
			settle_stopped(s);
			return -1;
		}
		add_due(s, entry->listed->number, entry->row->message);
		if (ask_all_due(s, e) < 0)
			return -1;
	}
	return quit(s, e);
}

void
settle_stopped(struct session *s)
{
	struct error e = { 0 };

	if (s->pop3 != NULL && quit(s, &e) < 0 && e.kind != ERR_STOPPED)
		log_warning("%s: %s", s->job->account->name, e.text);
}

/* --- verdicts --- */

static void
log_settled(struct session *s, const struct transit *t, const char *event)
{
	char uid[80];

	text_harmless(t->uid, uid, sizeof(uid));
	log_words("reply", t->reply, "account=%s uid=%s event=%s id=%s",
	    s->job->account->name, uid, event, t->id);
}

static void
log_delivered(struct session *s, const struct transit *t)
{
	char uid[80];

	text_harmless(t->uid, uid, sizeof(uid));
	log_words("reply", t->reply,
	    "account=%s uid=%s event=delivered octets=%llu ms=%lld id=%s",
	    t->account_name, uid, (unsigned long long)t->sent,
	    (long long)t->took_ms, t->id);
	s->report->delivered++;
	s->report->octets += t->sent;
	s->report->content += t->content;
}

/* Done with, one way or the other: delete it now, if it is to be deleted. */
static void
delete_if_due(struct session *s, const struct transit *t)
{
	const struct plan_entry *entry = t->plan_entry;

	if (t->delete_after && !entry->listed->copies && s->pop3 != NULL)
		add_due(s, entry->listed->number, t->change.message);
}

static void
log_reported(struct session *s, const struct transit *t)
{
	s->report->reported++;
	log_settled(s, t, "reported");
	for (size_t i = 0; i < t->recipient_count; i++)
		if (t->recipients[i].state != STATE_DELIVERED)
			log_warning("%s: a report of a refusal has not reached "
				    "%s, but others: %s",
			    s->job->account->name, t->recipients[i].address,
			    t->recipients[i].reply);
}

static void
settle_delivered(struct session *s, const struct transit *t)
{
	const struct plan_entry *entry = t->plan_entry;

	if (t->report) {
		log_reported(s, t);
	} else {
		log_delivered(s, t);
		if (entry->row != NULL && !entry->fresh &&
		    entry->row->state == STATE_IN_DOUBT)
			s->report->resent++;
	}
	delete_if_due(s, t);
}

/* Refused for good: somebody is to be told in this session, or nobody. */
static void
settle_rejected(struct session *s, const struct transit *t)
{
	struct plan_entry *entry = t->plan_entry;

	log_settled(s, t, "refused");
	if (t->change.state == STATE_REPORT_OWED) {
		entry->action = PLAN_REPORT;
		s->refused = xrealloc(
		    s->refused, s->refused_count + 1, sizeof(*s->refused));
		s->refused[s->refused_count++] =
		    (struct refused){ entry, t->change.message };
		return;
	}
	s->report->dropped++;
	delete_if_due(s, t);
}

static void
count_failure(struct session *s, const struct transit *t)
{
	s->failed++;
	if (!t->destination_down && s->failed < FAILED_MAX)
		return;
	s->trouble = t->error;
	s->give_up = true;
	s->trouble_with_reports = t->report;
}

static void
untried(struct session *s, const struct transit *t)
{
	char uid[80];

	text_harmless(t->uid, uid, sizeof(uid));
	log_words("reason", t->error.text, "account=%s uid=%s event=not_sent",
	    t->account_name, uid);
	s->trouble = t->error;
	count_failure(s, t);
}

static void
settle_verdict(struct session *s, const struct transit *t)
{
	struct poll_report *r = s->report;

	histogram_add(&r->deliveries, clock_monotonic_ms() - t->submitted_ms);
	switch (t->end) {
	case TRANSIT_DELIVERED:
		settle_delivered(s, t);
		break;
	case TRANSIT_REJECTED:
		settle_rejected(s, t);
		break;
	case TRANSIT_DEFERRED:
		r->deferred++;
		settle_trouble(s, t->uid, "deferred", t->reply);
		break;
	case TRANSIT_HELD:
		r->held++;
		settle_trouble(s, t->uid, "held", t->reply);
		break;
	case TRANSIT_IN_DOUBT:
		r->in_doubt++;
		settle_trouble(s, t->uid, "in doubt", t->reply);
		break;
	case TRANSIT_UNTRIED:
		break;
	}
}

static bool
has_header(const struct transit *t, struct slice digest)
{
	return t->has_header &&
	    slice_equal(slice_make(t->header, sizeof(t->header)), digest);
}

/*
 * Was it the message that is listed? If it has come to its end, its size told;
 * or it is the one that came under its UID the last time. Where headers are the
 * UIDs, sizes prove nothing.
 */
static bool
is_identified(const struct session *s, const struct transit *t)
{
	const struct plan_entry *entry = t->plan_entry;
	char uid[2 * sizeof(t->header) + 1];

	if (entry->row != NULL && !entry->fresh &&
	    has_header(t, entry->row->header))
		return true;
	if (!s->listing.by_header)
		return t->identified;
	text_hex(t->header, sizeof(t->header), uid);
	return t->has_header && slice_equal(slice_of(uid), t->uid);
}

static int
settle(struct session *s, struct transit *t, struct error *e)
{
	int rc = 0;

	if (t->questioned) {
		transfer_settled(s, t);
		t->identified = is_identified(s, t);
		delivery_record(s->job->delivery, t);
		return 0;
	}
	s->in_flight--;
	s->in_flight_octets -= t->octets;
	transfer_settled(s, t);
	if (t->job.rc < 0) {
		*e = t->job.error;
		s->give_up = true;
		rc = -1;
		goto out;
	}
	/* The poll has counted it when it broke it off. */
	if (t->broken_off)
		goto out;
	if (t->end == TRANSIT_UNTRIED) {
		untried(s, t);
		goto out;
	}
	if (t->end == TRANSIT_DEFERRED && t->error.kind != ERR_NONE)
		count_failure(s, t);
	else
		s->failed = 0;
	if (s->job->progress != NULL)
		atomic_fetch_add(&s->job->progress->messages_done, 1);
	settle_verdict(s, t);
out:
	transit_free(&t);
	return rc;
}

int
settle_arrivals(struct session *s, struct error *e)
{
	struct ledger_job *job;

	while ((job = queue_pop(s->answers)) != NULL)
		if (settle(s, job->context, e) < 0)
			return -1;
	return 0;
}

int
settle_wait(struct session *s, struct error *e)
{
	struct deadline patience = deadline_in(PATIENCE_MS);
	struct ledger_job *job;

	if (s->pop3 != NULL &&
	    (settle_due(s, e) < 0 || pop3_flush(s->pop3, e) < 0))
		return -1;
	for (;;) {
		job = queue_wait(s->answers, -1,
		    s->pop3 == NULL ? deadline_never() : deadline_in(NOOP_MS));
		if (job != NULL)
			return settle(s, job->context, e);
		if (deadline_passed(patience)) {
			log_event("account=%s event=mailbox_released",
			    s->job->account->name);
			if (quit(s, e) < 0)
				return -1;
		} else if (ahead_answers(s, e) < 0) {
			return -1;
		} else if (pop3_noop(s->pop3, e) < 0) {
			if (e->kind != ERR_REFUSED)
				return -1;
			error_clear(e);
		}
	}
}

int
settle_pause(struct session *s, int64_t ms, struct error *e)
{
	int64_t began = clock_monotonic_ms();
	struct ledger_job *job;

	if (settle_due(s, e) < 0 || pop3_flush(s->pop3, e) < 0)
		return -1;
	job = queue_wait(s->answers, stop_fd(s->job->stop, STOP_SOON),
	    deadline_in(ms < NOOP_MS ? ms : NOOP_MS));
	if (job != NULL)
		return settle(s, job->context, e);
	s->paused_ms += clock_monotonic_ms() - began;
	if (s->paused_ms < NOOP_MS)
		return 0;
	s->paused_ms = 0;
	if (ahead_answers(s, e) < 0)
		return -1;
	if (pop3_noop(s->pop3, e) < 0) {
		if (e->kind != ERR_REFUSED)
			return -1;
		error_clear(e);
	}
	return 0;
}

int
settle_all(struct session *s, struct error *e)
{
	struct error another = { 0 };
	struct ledger_job *job;
	int rc = 0;

	while (s->in_flight > 0) {
		job = queue_wait(s->answers, -1, deadline_never());
		if (settle(s, job->context, &another) == 0)
			continue;
		if (rc == 0 && e->kind == ERR_NONE)
			*e = another;
		rc = -1;
		/* A session that has failed once is asked nothing more. */
		ahead_cancel(s);
	}
	return rc;
}
