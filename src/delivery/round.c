/* round.c - one round of the conversation of a pipeline. */
#include "base/clock.h"
#include "base/crash.h"
#include "delivery/pipeline-private.h"
#include "delivery/pipeline.h"
#include "delivery/replies.h"
#include "delivery/verdict.h"

/* Without CHUNKING: what awaits its verdict, and what has asked. */
#define INTENTS_DATA 2

/* --- intents --- */

static int
take_intents(struct pipeline *p, struct error *e)
{
	struct ledger_job *job;
	int rc = 0;

	while ((job = queue_pop(p->recorded)) != NULL) {
		p->intents--;
		if (flight_recorded(job->context, e) < 0)
			rc = -1;
	}
	return rc;
}

/* Nobody borrows the flights once all intents have come back. */
void
pipeline_await_intents(struct pipeline *p)
{
	struct error ignored = { 0 };
	struct ledger_job *job;

	while (p->intents > 0) {
		job = queue_wait(p->recorded, -1, deadline_never());
		queue_push(p->recorded, &job->item);
		(void)take_intents(p, &ignored);
	}
}

/* --- the end of a flight --- */

/*
 * Does RSET follow it, that was sent at the same time? A server that answers
 * too much makes the reply to a recipient that to the message, and the
 * message's that to RSET, which none refuses.
 */
static bool
can_be_confirmed(const struct pipeline *p, const struct flight *f)
{
	const struct flight *next = p->first;

	return f->verdicts > 0 && next != NULL && next->stage != FLIGHT_WAITS &&
	    next->reset && next->replies == 0;
}

/* All its replies have been read. */
static void
flight_done(struct pipeline *p)
{
	struct flight *f;

	if (p->first->submitted && !p->first->recorded)
		pipeline_await_intents(p);
	f = pipeline_unlink_first(p);
	p->wire.used = true;
	if (f->stopped && f->verdicts == 0) {
		if (!p->down) {
			p->down = true;
			p->why = f->t->error;
		}
		flight_untried(&p->wire, f, &p->why, true);
	} else if (f->suspicion.code != 0) {
		f->next = p->suspects;
		p->suspects = f;
	} else {
		/* Others were accepted: nothing is wrong with the server. */
		if (f->stopped)
			error_clear(&f->t->error);
		if (f->dismissed > 0) {
			f->t->error = p->wire.farewell;
			verdict_set_rest(
			    f->t, STATE_DEFERRED, p->wire.farewell.text);
		}
		if (can_be_confirmed(p, f))
			p->unconfirmed = f;
		else
			flight_conclude(&p->wire, f);
	}
}

/* Is it the senders that were refused, or are we? Nothing is on its way. */
static void
question_suspects(struct pipeline *p)
{
	struct wire *w = &p->wire;
	bool senders = judge_takes_null_sender(w->x->smtp);
	struct flight *f;

	while ((f = pipeline_next(&p->suspects)) != NULL) {
		if (senders) {
			replies_judge(w, f, STAGE_MAIL, NULL, &f->suspicion);
			flight_conclude(w, f);
			continue;
		}
		judge_stop(f->t, &f->suspicion, w->x->destination);
		p->down = true;
		p->why = f->t->error;
		flight_untried(w, f, &p->why, true);
	}
	/* Whoever is refused next is refused for the same reason. */
	if (senders)
		atomic_store(w->x->senders_refused, 0);
}

/* --- sending --- */

/*
 * May this one go out, with what is on its way already? Never behind the first
 * BDAT on a connection, nor behind a DATA that has not had its content.
 */
static bool
may_send(const struct pipeline *p, const struct flight *f,
    const struct flight *before)
{
	if (stop_level(p->stop) != STOP_NO || !smtp_usable(p->wire.x->smtp))
		return false;
	if (f->granted)
		return f->recorded;
	if (f->stage != FLIGHT_WAITS || p->down || p->suspects != NULL)
		return false;
	/* With DATA it is asked for permission first, and may follow later. */
	if (p->wire.chunking && !f->recorded)
		return false;
	if (before == NULL)
		return true;
	if (!atomic_load(&p->wire.manners->in_step))
		return false;
	if (before->stage != FLIGHT_ENDED ||
	    atomic_load(p->wire.x->senders_refused) > 0)
		return false;
	return !p->wire.chunking || p->wire.proven;
}

/* In time, but not for more than a crash need put in doubt. */
static void
submit_intents(struct pipeline *p)
{
	size_t ahead = p->wire.chunking ? pipeline_window(p) : INTENTS_DATA;

	if (stop_level(p->stop) != STOP_NO)
		return;
	for (struct flight *f = p->first; f != NULL && ahead > 0;
	     f = f->next, ahead--) {
		if (f->submitted)
			continue;
		p->intents++;
		flight_submit(&p->wire, f);
	}
}

/* What is due of it. 1: something was queued; 0; -1. */
static int
send_next(struct pipeline *p, struct flight *f, const struct flight *before,
    struct error *e)
{
	if (!may_send(p, f, before))
		return 0;
	if (f->granted)
		return replies_go_ahead(&p->wire, f, e) < 0 ? -1 : 1;
	if (flight_put(&p->wire, f, before == NULL) == 0)
		return 1;
	*e = f->t->error;
	return -1;
}

static int
send_waiting(struct pipeline *p, struct error *e)
{
	const struct flight *before = NULL;
	bool ended = false, sent = false;
	int rc;

	for (struct flight *f = p->first; f != NULL; f = f->next) {
		rc = send_next(p, f, before, e);
		if (rc < 0)
			return -1;
		if (f->stage == FLIGHT_WAITS)
			break;
		sent = sent || rc > 0;
		ended = ended || f->stage == FLIGHT_ENDED;
		before = f;
	}
	smtp_stop_at(p->wire.x->smtp, ended ? STOP_NOW : STOP_SOON);
	if (smtp_flush(p->wire.x->smtp, e) < 0)
		return -1;
	/* Nobody answers before it has been sent. */
	if (sent)
		p->since = clock_monotonic_ms();
	for (; p->wire.ends > 0; p->wire.ends--)
		crash_point("after_end");
	return 0;
}

/* --- replies --- */

static struct deadline
reply_deadline(const struct pipeline *p)
{
	const struct destination *to = p->wire.to;

	return (struct deadline){ p->since +
		(replies_await_verdict(p->first) ? to->options.reply_timeout_ms
						 : to->at.timeout_ms) };
}

/* Nobody can tell which of them was for nothing. */
static int
too_many(const struct pipeline *p, struct error *e)
{
	return error_set(e, ERR_PROTOCOL,
	    "destination %s said more than it was asked for",
	    p->wire.x->destination);
}

/* The next reply has been read: what does it mean? As replies_take(). */
static int
take_reply(struct pipeline *p, const struct smtp_reply *reply, struct error *e)
{
	int rc = replies_take(&p->wire, p->first, reply, e);

	pipeline_confirm(p, reply->code == 250);
	if (rc > 0)
		flight_done(p);
	return rc;
}

/* All that have come, one after the other. */
static int
read_replies(struct pipeline *p, struct error *e)
{
	struct smtp_reply reply;
	bool more = true;

	while (more && smtp_owed(p->wire.x->smtp) > 0) {
		if (smtp_get(p->wire.x->smtp, &reply, reply_deadline(p), &more,
			e) < 0)
			return -1;
		p->since = clock_monotonic_ms();
		if (take_reply(p, &reply, e) < 0)
			return -1;
	}
	/*
	 * Words before the content are about the content: they are heard there.
	 */
	if (more && !(p->first != NULL && p->first->granted))
		return too_many(p, e);
	if (smtp_owed(p->wire.x->smtp) == 0 && p->wire.used)
		atomic_store(&p->wire.manners->in_step, true);
	return 0;
}

/* What the server has said before it was cut off still counts. */
static void
hear_out(struct pipeline *p)
{
	struct error ignored = { 0 };
	struct smtp_reply reply;
	bool more;
	int rc = 0;

	while (rc >= 0 && smtp_owed(p->wire.x->smtp) > 0) {
		if (smtp_get(p->wire.x->smtp, &reply, deadline_in(0), &more,
			&ignored) < 0)
			return;
		rc = take_reply(p, &reply, &ignored);
	}
}

/* --- a round --- */

/* Nothing more will be sent: those that wait go back. */
static void
give_back_waiting(struct pipeline *p, const struct error *why)
{
	struct flight *list = pipeline_take_all(p), *f;

	while ((f = pipeline_next(&list)) != NULL) {
		if (f->stage == FLIGHT_WAITS && f->recorded == f->submitted)
			flight_untried(&p->wire, f, why, p->down);
		else
			pipeline_append(p, f);
	}
}

static int
silent(const struct pipeline *p, struct error *e)
{
	return error_set(e, ERR_TIMEOUT,
	    "destination %s did not answer for %lld s", p->wire.x->destination,
	    (long long)(clock_monotonic_ms() - p->since) / 1000);
}

/* It has taken its leave, and has answered all that it was asked. */
static bool
has_left(const struct pipeline *p, struct error *e)
{
	if (p->wire.farewell.kind == ERR_NONE || smtp_owed(p->wire.x->smtp) > 0)
		return false;
	*e = p->wire.farewell;
	return true;
}

int
pipeline_round(
    struct pipeline *p, int wake_fd, struct deadline until, struct error *e)
{
	struct deadline reply;
	int ready;

	if (p->down)
		give_back_waiting(p, &p->why);
	if (p->suspects != NULL &&
	    (p->first == NULL || p->first->stage == FLIGHT_WAITS)) {
		question_suspects(p);
		return 0;
	}
	if (p->first == NULL)
		return 0;
	if (has_left(p, e))
		return -1;
	submit_intents(p);
	if (send_waiting(p, e) < 0) {
		hear_out(p);
		return -1;
	}
	reply = smtp_owed(p->wire.x->smtp) > 0 ? reply_deadline(p)
					       : deadline_never();
	ready = smtp_await(
	    p->wire.x->smtp, wake_fd, deadline_sooner(reply, until), e);
	if (ready < 0) {
		if (e->kind != ERR_STOPPED)
			hear_out(p);
		return -1;
	}
	if (ready == 0 && deadline_passed(reply))
		return silent(p, e);
	if (take_intents(p, e) < 0)
		return -1;
	return (ready & 1) != 0 ? read_replies(p, e) : 0;
}
