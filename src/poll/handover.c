/* handover.c - see handover.h. */
#include "poll/handover.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "message/trace.h"

int64_t
handover_first_failed(const struct session *s, const struct row *row)
{
	return row == NULL || s->plan.clock_jumped ? 0 : row->first_refused;
}

void
handover_begin(struct handover *h, struct session *s, struct delivery *to,
    struct plan_entry *entry, const char *const *recipients, size_t count)
{
	const struct account *a = s->job->account;
	const struct row *row = entry->fresh ? NULL : entry->row;
	struct transit *t;

	*h = (struct handover){ .s = s, .to = to };
	transit_new(&h->t, s->job->pool, count);
	t = h->t;
	for (size_t i = 0; i < count; i++)
		t->recipients[i].address = xstrdup(recipients[i]);
	t->account_name = a->name;
	t->account = s->account;
	t->message = row != NULL ? row->message : 0;
	t->fresh = entry->fresh;
	t->uid = entry->listed->uid;
	t->copy = entry->listed->copy;
	t->octets = entry->listed->octets;
	t->first_failed = handover_first_failed(s, row);
	t->failed_anew = s->plan.clock_jumped;
	t->attempts = row != NULL ? row->attempts : 0;
	t->delete_after = a->after == AFTER_DELETE;
	t->on_reject = a->on_reject;
	trace_id(a->at.host, a->login.user, t->uid, t->copy, t->octets, t->id);
	t->answer = s->answers;
	t->plan_entry = entry;
}

/* From now on it is the delivery's, until it comes back. */
static void
give_away(struct handover *h)
{
	h->s->in_flight++;
	h->s->in_flight_octets += h->t->octets;
	h->submitted = true;
	h->t->submitted_ms = clock_monotonic_ms();
}

static void
submit(struct handover *h)
{
	give_away(h);
	delivery_submit(h->to, h->t);
}

void
handover_refuse(struct handover *h, const char *words)
{
	give_away(h);
	delivery_refuse(h->to, h->t, words);
}

/*
 * The delivery may take it before those that it must not overtake, and wait for
 * its end; or wait for the end of another, which waits for us, and we for room
 * in this one's pipe.
 */
static bool
may_begin(const struct handover *h)
{
	const struct session *s = h->s;

	if (s->job->account->ordered && !h->t->report &&
	    s->in_flight + s->parked_count > 0)
		return false;
	return s->parked_submitted == 0;
}

static int
begin(struct handover *h, struct error *e)
{
	if (!may_begin(h)) {
		h->untimely = true;
		return error_set(e, ERR_PROTOCOL,
		    "the mailbox gives more than it lists, too much to wait "
		    "for the messages before it");
	}
	if (transit_open_end(h->t, e) < 0)
		return -1;
	submit(h);
	return 0;
}

/* Into the pipe; the delivery learns of it when that is full. */
int
handover_pass(struct handover *h, struct slice content, struct error *e)
{
	if (!h->submitted) {
		transit_try_write(h->t, &content);
		if (content.len == 0)
			return 0;
		if (begin(h, e) < 0)
			return -1;
	}
	if (transit_write(
		h->t, content, deadline_never(), h->s->job->stop, e) == 0)
		return 0;
	h->unwanted = e->kind == ERR_REFUSED;
	return -1;
}

void
handover_end(struct handover *h)
{
	transit_complete(h->t);
	if (!h->submitted)
		submit(h);
}

void
handover_break(struct handover *h)
{
	if (!h->submitted) {
		transit_free(&h->t);
		return;
	}
	h->t->broken_off = !h->unwanted;
	transit_break(h->t);
}
