/*
 * pipeline.c - the queue, and what becomes of it when the connection is lost.
 */
#include "delivery/pipeline.h"

#include "base/clock.h"
#include "delivery/pipeline-private.h"
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

size_t
pipeline_window(const struct pipeline *p)
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
	if (p->down || p->suspects != NULL || p->count >= pipeline_window(p) ||
	    p->wire.farewell.kind != ERR_NONE || is_overdue(p))
		return 0;
	return pipeline_window(p) - p->count;
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

void
pipeline_append(struct pipeline *p, struct flight *f)
{
	*p->last = f;
	p->last = &f->next;
	p->count++;
	p->replies += flight_replies(&p->wire, f->t);
}

/* All of them, taken out; to be appended again where they stay. */
struct flight *
pipeline_take_all(struct pipeline *p)
{
	struct flight *list = p->first;

	p->first = NULL;
	p->last = &p->first;
	p->count = p->replies = 0;
	return list;
}

struct flight *
pipeline_next(struct flight **list)
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
	pipeline_append(p, f);
}

/* Take the first one out. */
struct flight *
pipeline_unlink_first(struct pipeline *p)
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

void
pipeline_confirm(struct pipeline *p, bool fits)
{
	struct flight *f = p->unconfirmed;

	if (f == NULL)
		return;
	p->unconfirmed = NULL;
	if (!fits)
		flight_doubt(&p->wire, f);
	flight_conclude(&p->wire, f);
}

/*
 * Out of step, a refusal need not have been for what it was taken for; and
 * without the end of data nothing has been accepted.
 */
static bool
may_be_asked_anew(
    const struct pipeline *p, const struct flight *f, const struct error *why)
{
	return why->kind == ERR_PROTOCOL && f->stage == FLIGHT_ASKED &&
	    atomic_load(&p->wire.manners->lockstep);
}

/* Whom their refusals concern cannot be asked any more: them. */
static void
settle_suspects(struct pipeline *p)
{
	struct flight *f;

	while ((f = pipeline_next(&p->suspects)) != NULL) {
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

	pipeline_await_intents(p);
	pipeline_confirm(p, true);
	list = pipeline_take_all(p);
	while ((f = pipeline_next(&list)) != NULL) {
		bool asked = f->stage != FLIGHT_WAITS;
		bool spared = (first && was_idle(p, f)) ||
		    was_untouched(p, f, why) || may_be_asked_anew(p, f, why);

		if (!spared && asked &&
		    (flight_in_doubt(f) || f->dismissed > 0 ||
			!judge_is_open(f->t) || (first && !blameless))) {
			settle_lost(p, f, said, first);
		} else {
			flight_start_over(f);
			pipeline_append(p, f);
		}
		first = first && !asked;
	}
	settle_suspects(p);
}

void
pipeline_untried(
    struct pipeline *p, const struct error *why, bool destination_down)
{
	pipeline_await_intents(p);
	while (p->first != NULL)
		flight_untried(
		    &p->wire, pipeline_unlink_first(p), why, destination_down);
}

struct transit *
pipeline_pull(struct pipeline *p)
{
	struct ledger_change change = { .kind = CHANGE_WITHDRAW };
	struct transit *t;
	struct flight *f;
	bool recorded;

	pipeline_await_intents(p);
	while (p->first != NULL) {
		f = pipeline_unlink_first(p);
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
