/* flight.c - see flight.h. */
#include "delivery/flight.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/crash.h"
#include "delivery/verdict.h"

#include <stdlib.h>

/* A connection that was idle for longer may be gone without our knowing. */
#define FRESH_MS (2 * 1000)

struct flight *
flight_new(struct wire *w, struct transit *t)
{
	struct smtp_mail mail;
	struct flight *f;

	if (!judge_envelope(
		t, smtp_ehlo(w->x->smtp), w->x->destination, &mail)) {
		verdict_conclude(t, w->x->destination);
		verdict_send(t, w->x->ledger, true);
		return NULL;
	}
	f = xcalloc(1, sizeof(*f));
	f->t = t;
	f->mail = mail;
	f->began = clock_monotonic_ms();
	return f;
}

/*
 * RSET, MAIL, RCPTs, DATA or BDAT, its verdict; and in LMTP a verdict for each
 * recipient.
 */
size_t
flight_replies(const struct wire *w, const struct transit *t)
{
	return 4 + t->recipient_count * (w->to->options.lmtp ? 2 : 1);
}

/* --- the intent --- */

void
flight_submit(struct wire *w, struct flight *f)
{
	struct transit *t = f->t;

	for (size_t i = 0; i < t->recipient_count; i++)
		t->outcomes[i].recipient = t->recipients[i].address;
	f->change = transit_change(t, CHANGE_INTENT, w->x->destination);
	f->change.outcome_count = t->recipient_count;
	f->intent = (struct ledger_job){
		.account = t->account,
		.changes = &f->change,
		.change_count = 1,
		.answer = w->x->recorded,
		.context = f,
	};
	f->submitted = true;
	ledger_submit(w->x->ledger, &f->intent);
}

int
flight_recorded(struct flight *f, struct error *e)
{
	f->submitted = f->recorded = f->intent.rc == 0;
	if (!f->recorded) {
		*e = f->intent.error;
		return -1;
	}
	f->t->message = f->change.message;
	f->t->fresh = false;
	return 0;
}

/* --- sending --- */

static int
put_content(struct wire *w, struct flight *f)
{
	struct transit *t = f->t;
	struct slice part;
	int rc = 0;

	t->sent = 0;
	while (rc == 0 && transit_peek(t, &part) == TRANSIT_PART) {
		rc = f->chunked ? smtp_put_octets(w->x->smtp, part, &t->error)
				: smtp_body(w->x->smtp, part, &t->error);
		t->sent += part.len;
		transit_skip(t, part.len);
	}
	return rc;
}

/*
 * What has been cut off is listened to still, but nothing more is said there.
 */
static int
check_usable(const struct wire *w, struct flight *f)
{
	if (smtp_usable(w->x->smtp))
		return 0;
	return error_set(&f->t->error, ERR_IO,
	    "the connection to %s was lost before the message was sent",
	    w->x->destination);
}

/* The end of data is as good as sent once its first octet is queued. */
int
flight_put_chunk(struct wire *w, struct flight *f)
{
	if (check_usable(w, f) < 0)
		return -1;
	/* What is there already could be taken for the verdict. */
	if (smtp_owed(w->x->smtp) == 0 &&
	    smtp_await(w->x->smtp, -1, deadline_in(0), &f->t->error) < 0)
		return -1;
	crash_point("after_intent");
	crash_point("before_end");
	f->stage = FLIGHT_ENDED;
	w->ends++;
	if (smtp_put_bdat(w->x->smtp, transit_size(f->t), &f->t->error) < 0)
		return -1;
	return put_content(w, f);
}

int
flight_put_data(struct wire *w, struct flight *f)
{
	bool sent = false;
	int rc;

	if (check_usable(w, f) < 0)
		return -1;
	crash_point("after_intent");
	crash_point("before_end");
	rc = put_content(w, f);
	if (rc == 0)
		rc = smtp_put_end(w->x->smtp, &sent, &f->t->error);
	if (sent) {
		f->stage = FLIGHT_ENDED;
		w->open = false;
		w->ends++;
	}
	return rc;
}

int
flight_put_lone_dot(struct wire *w, struct flight *f)
{
	bool sent;

	if (check_usable(w, f) < 0)
		return -1;
	f->ignored = true;
	f->stage = FLIGHT_ENDED;
	return smtp_put_end(w->x->smtp, &sent, &f->t->error);
}

int
flight_put(struct wire *w, struct flight *f, bool alone)
{
	struct smtp *smtp = w->x->smtp;
	struct error *e = &f->t->error;
	bool in_step = atomic_load(&w->manners->in_step);
	bool stale = w->used && clock_monotonic_ms() - w->idle_since > FRESH_MS;

	f->chunked = w->chunking;
	f->reset = w->open || (!alone && f->chunked);
	w->open = true;
	f->stage = FLIGHT_ASKED;
	if (f->reset && smtp_put_rset(smtp, e) < 0)
		return -1;
	if (smtp_put_mail(smtp, &f->mail, e) < 0)
		return -1;
	for (size_t i = 0; i < f->t->recipient_count; i++)
		if (smtp_put_rcpt(smtp, f->t->recipients[i].address, e) < 0)
			return -1;
	if (!f->chunked)
		return smtp_put_data(smtp, e);
	return alone && (stale || !in_step) ? 0 : flight_put_chunk(w, f);
}

/* --- how it ends --- */

/*
 * A MAIL that was refused, or each recipient, is a verdict; so is 421, unless
 * the server has gone on after it.
 */
bool
flight_in_doubt(const struct flight *f)
{
	bool left = f->dismissed > 0 && f->dismissed == f->replies;

	return f->stage == FLIGHT_ENDED && !f->ignored && !f->mail_refused &&
	    !left && judge_is_open(f->t);
}

void
flight_start_over(struct flight *f)
{
	transit_rewind(f->t);
	for (size_t i = 0; i < f->t->recipient_count; i++) {
		f->t->recipients[i].accepted = false;
		f->t->recipients[i].state = STATE_NEW;
	}
	f->stage = FLIGHT_WAITS;
	f->mail_refused = f->stopped = f->ignored = false;
	f->granted = false;
	f->suspicion = (struct smtp_reply){ 0 };
	f->replies = f->dismissed = f->accepted = f->verdicts = 0;
	error_clear(&f->t->error);
}

void
flight_doubt(const struct wire *w, struct flight *f)
{
	struct transit *t = f->t;

	error_set(&t->error, ERR_PROTOCOL,
	    "destination %s answers out of step: perhaps this was accepted, "
	    "and perhaps not",
	    w->x->destination);
	for (size_t i = 0; i < t->recipient_count; i++)
		if (t->recipients[i].accepted)
			verdict_set(
			    &t->recipients[i], STATE_IN_DOUBT, t->error.text);
}

void
flight_conclude(struct wire *w, struct flight *f)
{
	f->t->took_ms = clock_monotonic_ms() - f->began;
	verdict_conclude(f->t, w->x->destination);
	verdict_send(f->t, w->x->ledger, true);
	free(f);
}

void
flight_untried(
    struct wire *w, struct flight *f, const struct error *why, bool down)
{
	f->t->error = *why;
	f->t->destination_down = down;
	verdict_untried(f->t, w->x->ledger, f->recorded);
	free(f);
}
