/* pipeline.c - see pipeline.h. */
#include "delivery/pipeline.h"

#include "base/clock.h"
#include "base/crash.h"
#include "delivery/replies.h"
#include "delivery/verdict.h"
#include "net/stream.h"

#include <stdlib.h>

/*
 * Messages on one connection at once: where their content needs no permission,
 * where it does (one that awaits its verdict, one that has asked, and one more
 * to go out with the content of that), and before the server has shown how it
 * answers.
 */
#define WINDOW 16
#define WINDOW_DATA 3
#define WINDOW_FIRST 2
/* Without CHUNKING: what awaits its verdict, and what has asked. */
#define INTENTS_DATA 2
/* So many of them keep a connection busy. */
#define DEEP 4
#define DEEP_DATA 2
/*
 * While we send, what the server says meanwhile is read, so that it reads on;
 * there has to be room for it: RFC 5321 section 4.5.3.1.5.
 */
#define REPLY_OCTETS 512
#define REPLIES_MAX (STREAM_ROOM / REPLY_OCTETS)
/* A connection whose next reply is overdue so long gets nothing more to do. */
#define OVERDUE_MS (2 * 1000)

void
pipeline_init(struct pipeline *p, struct transaction *x,
    const struct destination *to, struct manners *manners,
    const struct stop *stop, struct queue *recorded)
{
	*p = (struct pipeline){
		.wire = { .x = x, .to = to, .manners = manners },
		.stop = stop,
		.recorded = recorded,
	};
	p->last = &p->first;
}

void
pipeline_connected(struct pipeline *p)
{
	struct wire *w = &p->wire;

	w->chunking = smtp_ehlo(w->x->smtp)->chunking &&
	    !atomic_load(&w->manners->no_chunking);
	w->proven = w->open = w->used = w->no_bdat = p->down = false;
	w->goes_on = false;
	error_clear(&w->farewell);
	w->ends = 0;
	p->since = w->idle_since = clock_monotonic_ms();
}

bool
pipeline_suits(const struct pipeline *p)
{
	const struct smtp_ehlo *ehlo = smtp_ehlo(p->wire.x->smtp);

	/* Whether a message is to be held only its octets can tell. */
	if (p->wire.to->hold_eightbit && !ehlo->eightbitmime)
		return false;
	return ehlo->pipelining && !atomic_load(&p->wire.manners->lockstep);
}

bool
pipeline_fits(const struct pipeline *p, struct transit *t)
{
	return pipeline_suits(p) && transit_whole(t) &&
	    p->replies + flight_replies(&p->wire, t) <= REPLIES_MAX;
}

static size_t
window(const struct pipeline *p)
{
	const struct wire *w = &p->wire;

	if (w->chunking ? !w->proven : !atomic_load(&w->manners->in_step))
		return WINDOW_FIRST;
	return w->chunking ? WINDOW : WINDOW_DATA;
}

static bool
is_overdue(const struct pipeline *p)
{
	const struct smtp *smtp = p->wire.x->smtp;

	return p->first != NULL && smtp != NULL && smtp_owed(smtp) > 0 &&
	    clock_monotonic_ms() - p->since > OVERDUE_MS;
}

size_t
pipeline_room(const struct pipeline *p)
{
	if (p->down || p->suspects != NULL || p->count >= window(p) ||
	    p->wire.farewell.kind != ERR_NONE || is_overdue(p))
		return 0;
	return window(p) - p->count;
}

bool
pipeline_is_deep(const struct pipeline *p)
{
	return p->count > 0 &&
	    (p->count >= (p->wire.chunking ? DEEP : DEEP_DATA) ||
		pipeline_room(p) == 0);
}

bool
pipeline_busy(const struct pipeline *p)
{
	return p->first != NULL || p->suspects != NULL;
}

/* --- flights come and go --- */

static void
append(struct pipeline *p, struct flight *f)
{
	*p->last = f;
	p->last = &f->next;
	p->count++;
	p->replies += flight_replies(&p->wire, f->t);
}

/* All of them, taken out; to be appended again where they stay. */
static struct flight *
take_all(struct pipeline *p)
{
	struct flight *list = p->first;

	p->first = NULL;
	p->last = &p->first;
	p->count = p->replies = 0;
	return list;
}

static struct flight *
next_of(struct flight **list)
{
	struct flight *f = *list;

	if (f != NULL) {
		*list = f->next;
		f->next = NULL;
	}
	return f;
}

void
pipeline_add(struct pipeline *p, struct transit *t)
{
	struct flight *f = flight_new(&p->wire, t);

	if (f == NULL)
		return;
	if (p->first == NULL)
		p->since = f->began;
	append(p, f);
}

/* Take the first one out. */
static struct flight *
unlink_first(struct pipeline *p)
{
	struct flight *f = p->first;

	p->first = f->next;
	if (p->first == NULL)
		p->last = &p->first;
	f->next = NULL;
	p->count--;
	p->replies -= flight_replies(&p->wire, f->t);
	p->wire.idle_since = clock_monotonic_ms();
	return f;
}

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
static void
await_intents(struct pipeline *p)
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

/* All its replies have been read. */
static void
flight_done(struct pipeline *p)
{
	struct flight *f;

	if (p->first->submitted && !p->first->recorded)
		await_intents(p);
	f = unlink_first(p);
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

	while ((f = next_of(&p->suspects)) != NULL) {
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
	w->x->senders_refused = 0;
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
	if (before->stage != FLIGHT_ENDED || p->wire.x->senders_refused > 0)
		return false;
	return !p->wire.chunking || p->wire.proven;
}

/* In time, but not for more than a crash need put in doubt. */
static void
submit_intents(struct pipeline *p)
{
	size_t ahead = p->wire.chunking ? window(p) : INTENTS_DATA;

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

/* All that have come, one after the other. */
static int
read_replies(struct pipeline *p, struct error *e)
{
	struct smtp_reply reply;
	bool more = true;
	int rc;

	while (more && smtp_owed(p->wire.x->smtp) > 0) {
		if (smtp_get(p->wire.x->smtp, &reply, reply_deadline(p), &more,
			e) < 0)
			return -1;
		p->since = clock_monotonic_ms();
		rc = replies_take(&p->wire, p->first, &reply, e);
		if (rc < 0)
			return -1;
		if (rc > 0)
			flight_done(p);
	}
	/* Words before the content are about the content: they are heard there. */
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
		rc = replies_take(&p->wire, p->first, &reply, &ignored);
		if (rc > 0)
			flight_done(p);
	}
}

/* --- a round --- */

/* Nothing more will be sent: those that wait go back. */
static void
give_back_waiting(struct pipeline *p, const struct error *why)
{
	struct flight *list = take_all(p), *f;

	while ((f = next_of(&list)) != NULL) {
		if (f->stage == FLIGHT_WAITS && f->recorded == f->submitted)
			flight_untried(&p->wire, f, why, p->down);
		else
			append(p, f);
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

/* --- when the connection is lost --- */

/* Was it closed while it was idle, with a word of farewell at most? */
static bool
was_idle(const struct pipeline *p, const struct flight *f)
{
	if (!p->wire.used)
		return false;
	return f->dismissed > 0 ? f->replies == 1
				: f->replies == 0 && f->stage == FLIGHT_ASKED;
}

/* What a server says in the middle of the content is its verdict. */
static void
settle_lost(
    struct pipeline *p, struct flight *f, const struct error *why, bool first)
{
	const struct smtp_reply *early = smtp_early_reply(p->wire.x->smtp);

	if (first && f->stage == FLIGHT_ASKED && f->accepted > 0 &&
	    early->code >= 400 && early->code != 421) {
		replies_judge(&p->wire, f, STAGE_END, NULL, early);
		error_clear(&f->t->error);
		flight_conclude(&p->wire, f);
		return;
	}
	f->t->error = *why;
	verdict_set_rest(f->t,
	    flight_in_doubt(f) ? STATE_IN_DOUBT : STATE_DEFERRED, why->text);
	flight_conclude(&p->wire, f);
}

/* Replies that fit nothing: from now on one command at a time, to be sure. */
static bool
out_of_step(struct pipeline *p, const struct error *why)
{
	return why->kind == ERR_PROTOCOL &&
	    !atomic_exchange(&p->wire.manners->lockstep, true);
}

/* Is it not the fault of the message that was being answered? */
static bool
is_blameless(struct pipeline *p, const struct error *why)
{
	return why->kind == ERR_STOPPED || why->kind == ERR_LEDGER ||
	    p->wire.farewell.kind != ERR_NONE || p->wire.no_bdat ||
	    out_of_step(p, why);
}

/* After 421 the server closed without a word on what came behind it. */
static bool
was_untouched(
    const struct pipeline *p, const struct flight *f, const struct error *why)
{
	return p->wire.farewell.kind != ERR_NONE && !p->wire.goes_on &&
	    f->dismissed == 0 && f->replies == 0 &&
	    (why->kind == ERR_IO || why->kind == ERR_BUSY);
}

/* Whom their refusals concern cannot be asked any more: them. */
static void
settle_suspects(struct pipeline *p)
{
	struct flight *f;

	while ((f = next_of(&p->suspects)) != NULL) {
		replies_judge(&p->wire, f, STAGE_MAIL, NULL, &f->suspicion);
		flight_conclude(&p->wire, f);
	}
}

void
pipeline_lost(struct pipeline *p, const struct error *why)
{
	const struct error *said =
	    p->wire.farewell.kind != ERR_NONE ? &p->wire.farewell : why;
	bool blameless = is_blameless(p, why), first = true;
	struct flight *list, *f;

	await_intents(p);
	list = take_all(p);
	while ((f = next_of(&list)) != NULL) {
		bool asked = f->stage != FLIGHT_WAITS;
		bool spared =
		    (first && was_idle(p, f)) || was_untouched(p, f, why);

		if (!spared && asked &&
		    (flight_in_doubt(f) || f->dismissed > 0 ||
			!judge_is_open(f->t) || (first && !blameless))) {
			settle_lost(p, f, said, first);
		} else {
			flight_start_over(f);
			append(p, f);
		}
		first = first && !asked;
	}
	settle_suspects(p);
}

void
pipeline_untried(
    struct pipeline *p, const struct error *why, bool destination_down)
{
	await_intents(p);
	while (p->first != NULL)
		flight_untried(
		    &p->wire, unlink_first(p), why, destination_down);
}

struct transit *
pipeline_pull(struct pipeline *p)
{
	struct ledger_change change = { .kind = CHANGE_WITHDRAW };
	struct transit *t;
	struct flight *f;
	bool recorded;

	await_intents(p);
	while (p->first != NULL) {
		f = unlink_first(p);
		t = f->t;
		recorded = f->recorded;
		free(f);
		change.message = t->message;
		if (!recorded ||
		    ledger_change(p->wire.x->ledger, t->account, &change, 1,
			&t->error) == 0)
			return t;
		verdict_untried(t, p->wire.x->ledger, false);
	}
	return NULL;
}
