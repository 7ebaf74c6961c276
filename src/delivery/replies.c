/* replies.c - see replies.h. */
#include "delivery/replies.h"

#include "base/crash.h"
#include "delivery/verdict.h"

static int
out_of_place(const struct wire *w, const char *what,
    const struct smtp_reply *reply, struct error *e)
{
	char words[SMTP_REPLY_TEXT];

	return error_set(e, ERR_PROTOCOL,
	    "destination %s answered %s out of place: %s", w->x->destination,
	    what, smtp_reply_text(reply, words));
}

/*
 * The server is about to close the connection: what has been sent may still be
 * answered, and nothing more is sent.
 */
static void
say_farewell(struct wire *w, const struct smtp_reply *reply)
{
	char words[SMTP_REPLY_TEXT];

	error_set(&w->farewell, ERR_BUSY, "destination %s: %s",
	    w->x->destination, smtp_reply_text(reply, words));
}

/* What could not be sent has left its reason with the message. */
static int
or_why(int rc, const struct flight *f, struct error *e)
{
	if (rc < 0)
		*e = f->t->error;
	return rc;
}

void
replies_judge(struct wire *w, struct flight *f, enum policy_stage stage,
    struct transit_recipient *r, const struct smtp_reply *reply)
{
	if (judge_reply(f->t, stage, r, reply, w->x->destination) !=
	    ATTEMPT_STOP)
		return;
	f->stopped = true;
	/* The others may have been accepted: what they get is not for it. */
	if (r != NULL)
		verdict_set(r, STATE_DEFERRED, f->t->error.text);
}

/* Refused, it leaves what is open: this one is for another connection. */
static int
take_rset(struct wire *w, struct flight *f, const struct smtp_reply *reply,
    struct error *e)
{
	if (reply->code == 250)
		return 0;
	if (f->stage == FLIGHT_ASKED)
		f->stage = FLIGHT_WAITS;
	return out_of_place(w, "RSET", reply, e);
}

/*
 * After an acceptance that was not for it: replies and commands do not match.
 */
static bool
is_bad_sequence(bool refused, const struct smtp_reply *reply)
{
	return !refused && reply->code == 503;
}

static int
take_mail(struct wire *w, struct flight *f, const struct smtp_reply *reply,
    struct error *e)
{
	if (reply->code / 100 == 3)
		return out_of_place(w, "MAIL", reply, e);
	if (reply->code < 300) {
		atomic_store(w->x->senders_refused, 0);
		return 0;
	}
	f->mail_refused = true;
	if (reply->code >= 500 &&
	    atomic_fetch_add(w->x->senders_refused, 1) + 1 >=
		SENDERS_REFUSED_MAX &&
	    policy_reply(STAGE_MAIL, reply) != POLICY_STOP_DESTINATION)
		f->suspicion = *reply;
	else
		replies_judge(w, f, STAGE_MAIL, NULL, reply);
	return 0;
}

/* In LMTP each accepted recipient has its verdict (RFC 2033). */
static void
owe_verdicts(struct wire *w, struct flight *f)
{
	if (smtp_is_lmtp(w->x->smtp) && f->accepted > 1)
		smtp_owe(w->x->smtp, f->accepted - 1);
}

static int
take_last_rcpt(struct wire *w, struct flight *f, struct error *e)
{
	if (!f->chunked)
		return 0;
	if (f->stage == FLIGHT_ASKED) {
		if (f->mail_refused || f->accepted == 0)
			return 1;
		if (flight_put_chunk(w, f) < 0)
			return or_why(-1, f, e);
	}
	owe_verdicts(w, f);
	return 0;
}

static int
take_rcpt(struct wire *w, struct flight *f, size_t i,
    const struct smtp_reply *reply, struct error *e)
{
	struct transit_recipient *r = &f->t->recipients[i];

	if (reply->code / 100 == 3 || is_bad_sequence(f->mail_refused, reply))
		return out_of_place(w, "RCPT", reply, e);
	if (!f->mail_refused && reply->code < 300) {
		r->accepted = true;
		f->accepted++;
	} else if (!f->mail_refused) {
		replies_judge(w, f, STAGE_RCPT, r, reply);
	}
	return i + 1 == f->t->recipient_count ? take_last_rcpt(w, f, e) : 0;
}

/* 354 though nobody is there to take it: nothing, and its end. */
static int
end_for_nobody(struct wire *w, struct flight *f, struct error *e)
{
	if (smtp_is_lmtp(w->x->smtp))
		return error_set(e, ERR_PROTOCOL,
		    "destination %s wants a message for nobody",
		    w->x->destination);
	return or_why(flight_put_lone_dot(w, f), f, e);
}

int
replies_go_ahead(struct wire *w, struct flight *f, struct error *e)
{
	int rc = flight_put_data(w, f);

	f->granted = false;
	if (f->stage == FLIGHT_ENDED)
		owe_verdicts(w, f);
	return or_why(rc, f, e);
}

static int
take_data(struct wire *w, struct flight *f, const struct smtp_reply *reply,
    struct error *e)
{
	bool nobody = f->mail_refused || f->accepted == 0;

	if (is_bad_sequence(nobody, reply))
		return out_of_place(w, "DATA", reply, e);
	if (reply->code >= 400) {
		if (!nobody)
			replies_judge(w, f, STAGE_DATA, NULL, reply);
		return 1;
	}
	if (reply->code != 354)
		return out_of_place(w, "DATA", reply, e);
	if (nobody)
		return end_for_nobody(w, f, e);
	f->granted = true;
	return 0;
}

/* The octets of such a BDAT may be read as commands: away from here. */
static bool
knows_no_bdat(const struct smtp_reply *reply)
{
	return reply->code == 500 || reply->code == 501 || reply->code == 502 ||
	    reply->code == 504;
}

static struct transit_recipient *
accepted_recipient(struct flight *f, size_t n)
{
	size_t i = 0;

	while (!f->t->recipients[i].accepted || n-- > 0)
		i++;
	return &f->t->recipients[i];
}

/*
 * It has not been taken, and goes again in another way. In LMTP it may be one
 * recipient's verdict all the same, and then others have taken it.
 */
static int
give_up_bdat(struct wire *w, struct flight *f, const struct smtp_reply *reply,
    struct error *e)
{
	atomic_store(&w->manners->no_chunking, true);
	w->no_bdat = true;
	if (!smtp_is_lmtp(w->x->smtp) || f->accepted <= 1)
		f->stage = FLIGHT_WAITS;
	return out_of_place(w, "BDAT", reply, e);
}

/* In LMTP that of one recipient, otherwise of all that were accepted. */
static void
judge_end(struct wire *w, struct flight *f, const struct smtp_reply *reply)
{
	struct transit *t = f->t;

	if (smtp_is_lmtp(w->x->smtp)) {
		replies_judge(
		    w, f, STAGE_END, accepted_recipient(f, f->verdicts), reply);
		return;
	}
	for (size_t i = 0; i < t->recipient_count; i++)
		if (t->recipients[i].accepted)
			replies_judge(
			    w, f, STAGE_END, &t->recipients[i], reply);
}

static int
take_verdict(struct wire *w, struct flight *f, const struct smtp_reply *reply,
    struct error *e)
{
	bool nobody = f->mail_refused || f->accepted == 0;
	bool lmtp = smtp_is_lmtp(w->x->smtp);

	if (f->chunked && !w->proven && knows_no_bdat(reply))
		return give_up_bdat(w, f, reply, e);
	if (nobody || f->ignored)
		return 1;
	w->proven = true;
	if ((reply->code < 400 && reply->code != 250) ||
	    is_bad_sequence(nobody, reply))
		return out_of_place(w, "the message", reply, e);
	if (reply->code == 250 && f->chunked && f->next == NULL)
		w->open = false;
	if (reply->code == 421) { /* of one recipient: see replies_take() */
		say_farewell(w, reply);
		f->t->error = w->farewell;
		verdict_set(accepted_recipient(f, f->verdicts), STATE_DEFERRED,
		    w->farewell.text);
	} else {
		judge_end(w, f, reply);
	}
	return ++f->verdicts == (lmtp ? f->accepted : 1);
}

bool
replies_await_verdict(const struct flight *f)
{
	return f->stage == FLIGHT_ENDED &&
	    f->replies > f->t->recipient_count + f->reset;
}

/* 421, to command n of this one. */
static int
take_farewell(struct wire *w, struct flight *f, size_t n,
    const struct smtp_reply *reply, struct error *e)
{
	size_t recipients = f->t->recipient_count;

	say_farewell(w, reply);
	f->dismissed = f->replies;
	if (f->reset && n == 0)
		return 0;
	n -= f->reset;
	if (n == 0)
		f->mail_refused = true;
	else if (n <= recipients)
		verdict_set(
		    &f->t->recipients[n - 1], STATE_DEFERRED, w->farewell.text);
	if (n == recipients)
		return take_last_rcpt(w, f, e);
	return n > recipients;
}

int
replies_take(struct wire *w, struct flight *f, const struct smtp_reply *reply,
    struct error *e)
{
	bool verdict = replies_await_verdict(f);
	size_t n = f->replies++;

	if (reply->code != 421 && w->farewell.kind != ERR_NONE)
		w->goes_on = true;
	if (reply->code == 421 && !(smtp_is_lmtp(w->x->smtp) && verdict))
		return take_farewell(w, f, n, reply, e);
	if (f->reset && n == 0)
		return take_rset(w, f, reply, e);
	n -= f->reset;
	if (n == 0)
		return take_mail(w, f, reply, e);
	if (n <= f->t->recipient_count)
		return take_rcpt(w, f, n - 1, reply, e);
	if (f->stage == FLIGHT_ASKED)
		return take_data(w, f, reply, e);
	crash_point("after_reply");
	return take_verdict(w, f, reply, e);
}
