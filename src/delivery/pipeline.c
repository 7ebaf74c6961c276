/* pipeline.c - see pipeline.h. */
#include "delivery/pipeline.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/crash.h"
#include "delivery/verdict.h"

#include <stdlib.h>

/* Messages on one connection at once, and replies that may be owed for them. */
#define WINDOW 16
#define REPLIES_MAX 128
/* A connection that was idle for longer may be gone without our knowing. */
#define FRESH_MS (2 * 1000)

enum flight_stage {
	FLIGHT_WAITS, /* nothing of it has been sent */
	FLIGHT_ASKED, /* its envelope has been sent */
	FLIGHT_ENDED /* its end of data has been sent */
};

struct flight {
	struct flight *next;
	struct transit *t;
	struct smtp_mail mail;
	struct ledger_job intent;
	struct ledger_change change;
	enum flight_stage stage;
	int64_t began;
	bool submitted; /* the intent, to the ledger */
	bool recorded; /* it is on disk */
	bool chunked; /* BDAT, not DATA */
	bool reset; /* RSET went before its MAIL */
	bool mail_refused;
	bool stopped; /* every message would fare the same */
	bool ignored; /* its verdict means nothing */
	struct smtp_reply suspicion; /* the reply to MAIL, if to be looked at */
	size_t replies; /* read so far */
	size_t accepted; /* recipients */
	size_t verdicts; /* of them that have been read */
};

void
pipeline_init(struct pipeline *p, struct transaction *x,
    const struct destination *to, struct manners *manners,
    const struct stop *stop, struct queue *recorded)
{
	*p = (struct pipeline){ .x = x,
		.to = to,
		.manners = manners,
		.stop = stop,
		.recorded = recorded };
	p->last = &p->first;
}

void
pipeline_connected(struct pipeline *p)
{
	p->chunking = smtp_ehlo(p->x->smtp)->chunking &&
	    !atomic_load(&p->manners->no_chunking);
	p->proven = p->open = p->used = p->down = false;
	p->ends = 0;
	p->since = p->idle_since = clock_monotonic_ms();
}

bool
pipeline_fits(const struct pipeline *p, struct transit *t)
{
	const struct smtp_ehlo *ehlo = smtp_ehlo(p->x->smtp);

	if (!ehlo->pipelining || !transit_whole(t) ||
	    atomic_load(&p->manners->lockstep))
		return false;
	/* Whether it is to be held only its octets can tell. */
	if (p->to->hold_eightbit && !ehlo->eightbitmime)
		return false;
	return t->recipient_count <= REPLIES_MAX - 4;
}

size_t
pipeline_room(const struct pipeline *p)
{
	if (p->down || p->suspects != NULL || p->count >= WINDOW ||
	    p->recipients >= REPLIES_MAX / 2)
		return 0;
	return WINDOW - p->count;
}

bool
pipeline_busy(const struct pipeline *p)
{
	return p->first != NULL || p->suspects != NULL;
}

/* --- flights come and go --- */

static void
intent_submit(struct pipeline *p, struct flight *f)
{
	struct transit *t = f->t;

	for (size_t i = 0; i < t->recipient_count; i++)
		t->outcomes[i].recipient = t->recipients[i].address;
	f->change = (struct ledger_change){
		.kind = CHANGE_INTENT,
		.message = t->message,
		.uid = t->uid,
		.copy = t->copy,
		.octets = t->octets,
		.header = transit_header(t),
		.fresh = t->fresh,
		.destination = p->x->destination,
		.outcomes = t->outcomes,
		.outcome_count = t->recipient_count,
	};
	f->intent = (struct ledger_job){
		.account = t->account,
		.changes = &f->change,
		.change_count = 1,
		.answer = p->recorded,
		.context = f,
	};
	p->intents++;
	f->submitted = true;
	ledger_submit(p->x->ledger, &f->intent);
}

void
pipeline_add(struct pipeline *p, struct transit *t)
{
	struct smtp_mail mail;
	struct flight *f;

	if (!judge_envelope(
		t, smtp_ehlo(p->x->smtp), p->x->destination, &mail)) {
		verdict_conclude(t, p->x->destination);
		verdict_send(t, p->x->ledger, true);
		return;
	}
	f = xcalloc(1, sizeof(*f));
	f->t = t;
	f->mail = mail;
	f->began = clock_monotonic_ms();
	if (p->first == NULL)
		p->since = f->began;
	*p->last = f;
	p->last = &f->next;
	p->count++;
	p->recipients += t->recipient_count;
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
	p->recipients -= f->t->recipient_count;
	p->idle_since = clock_monotonic_ms();
	return f;
}

static void
give_back_untried(
    struct pipeline *p, struct flight *f, const struct error *why, bool down)
{
	f->t->error = *why;
	f->t->destination_down = down;
	verdict_untried(f->t, p->x->ledger, f->recorded);
	free(f);
}

static void
conclude(struct pipeline *p, struct flight *f)
{
	f->t->took_ms = clock_monotonic_ms() - f->began;
	verdict_conclude(f->t, p->x->destination);
	verdict_send(f->t, p->x->ledger, true);
	free(f);
}

/* All its replies have been read. */
static void
flight_done(struct pipeline *p)
{
	struct flight *f = unlink_first(p);

	p->used = true;
	if (f->stopped) {
		if (!p->down) {
			p->down = true;
			p->why = f->t->error;
		}
		give_back_untried(p, f, &p->why, true);
	} else if (f->suspicion.code != 0) {
		f->next = p->suspects;
		p->suspects = f;
	} else {
		conclude(p, f);
	}
}

/* Is it the senders that were refused, or are we? Nothing is on its way. */
static void
question_suspects(struct pipeline *p)
{
	bool senders = judge_takes_null_sender(p->x->smtp);
	struct flight *f;

	while ((f = p->suspects) != NULL) {
		p->suspects = f->next;
		if (senders) {
			judge_reply(f->t, STAGE_MAIL, NULL, &f->suspicion,
			    p->x->destination);
			conclude(p, f);
			continue;
		}
		judge_stop(f->t, &f->suspicion, p->x->destination);
		p->down = true;
		p->why = f->t->error;
		give_back_untried(p, f, &p->why, true);
	}
	p->x->senders_refused = 0;
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
	if (!f->recorded || p->down || p->suspects != NULL ||
	    stop_level(p->stop) != STOP_NO || !smtp_usable(p->x->smtp))
		return false;
	if (before == NULL)
		return true;
	if (!atomic_load(&p->manners->in_step))
		return false;
	if (before->stage != FLIGHT_ENDED || p->x->senders_refused > 0)
		return false;
	return !p->chunking || p->proven;
}

static int
put_content(struct pipeline *p, struct flight *f)
{
	struct transit *t = f->t;
	struct slice part;
	int rc = 0;

	t->sent = 0;
	while (rc == 0 && transit_peek(t, &part) == TRANSIT_PART) {
		rc = f->chunked ? smtp_put_octets(p->x->smtp, part, &t->error)
				: smtp_body(p->x->smtp, part, &t->error);
		t->sent += part.len;
		transit_skip(t, part.len);
	}
	return rc;
}

/* The end of data is as good as sent once its first octet is queued. */
static int
put_chunk(struct pipeline *p, struct flight *f)
{
	/* What is there already could be taken for the verdict. */
	if (smtp_owed(p->x->smtp) == 0 &&
	    smtp_await(p->x->smtp, -1, deadline_in(0), &f->t->error) < 0)
		return -1;
	crash_point("after_intent");
	crash_point("before_end");
	f->stage = FLIGHT_ENDED;
	p->ends++;
	if (smtp_put_bdat(p->x->smtp, transit_size(f->t), &f->t->error) < 0)
		return -1;
	return put_content(p, f);
}

/*
 * In one piece, unless the connection may be gone without our knowing, or the
 * server may have more replies than we have commands: then the content waits
 * until the recipients have been accepted.
 */
static int
put_flight(struct pipeline *p, struct flight *f, bool alone)
{
	struct smtp *smtp = p->x->smtp;
	struct error *e = &f->t->error;
	bool in_step = atomic_load(&p->manners->in_step);
	bool stale = p->used && clock_monotonic_ms() - p->idle_since > FRESH_MS;

	f->chunked = p->chunking;
	f->reset = p->open || (!alone && f->chunked);
	p->open = true;
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
	return alone && (stale || !in_step) ? 0 : put_chunk(p, f);
}

/* In time, but not for more than a crash need put in doubt. */
static void
submit_intents(struct pipeline *p)
{
	size_t ahead = p->chunking && p->proven ? WINDOW : 2;

	if (stop_level(p->stop) != STOP_NO)
		return;
	for (struct flight *f = p->first; f != NULL && ahead > 0;
	     f = f->next, ahead--)
		if (!f->submitted)
			intent_submit(p, f);
}

static int
send_waiting(struct pipeline *p, struct error *e)
{
	const struct flight *before = NULL;
	bool ended = false;

	for (struct flight *f = p->first; f != NULL; f = f->next) {
		if (f->stage == FLIGHT_WAITS) {
			if (!may_send(p, f, before))
				break;
			if (before == NULL)
				p->since = clock_monotonic_ms();
			if (put_flight(p, f, before == NULL) < 0) {
				*e = f->t->error;
				return -1;
			}
		}
		ended = ended || f->stage == FLIGHT_ENDED;
		before = f;
	}
	smtp_stop_at(p->x->smtp, ended ? STOP_NOW : STOP_SOON);
	if (smtp_flush(p->x->smtp, e) < 0)
		return -1;
	for (; p->ends > 0; p->ends--)
		crash_point("after_end");
	return 0;
}

/* --- replies --- */

static int
out_of_place(const struct pipeline *p, const char *what,
    const struct smtp_reply *reply, struct error *e)
{
	char words[SMTP_REPLY_TEXT];

	return error_set(e, ERR_PROTOCOL,
	    "destination %s answered %s out of place: %s", p->x->destination,
	    what, smtp_reply_text(reply, words));
}

/* The server closes the connection. */
static int
closing(
    const struct pipeline *p, const struct smtp_reply *reply, struct error *e)
{
	char words[SMTP_REPLY_TEXT];

	return error_set(e, ERR_BUSY, "destination %s: %s", p->x->destination,
	    smtp_reply_text(reply, words));
}

static void
judge(struct pipeline *p, struct flight *f, enum policy_stage stage,
    struct transit_recipient *r, const struct smtp_reply *reply)
{
	if (judge_reply(f->t, stage, r, reply, p->x->destination) ==
	    ATTEMPT_STOP)
		f->stopped = true;
}

/* Refused, it leaves what is open: this one is for another connection. */
static int
take_rset(struct pipeline *p, struct flight *f, const struct smtp_reply *reply,
    struct error *e)
{
	if (reply->code == 250)
		return 0;
	if (f->stage == FLIGHT_ASKED)
		f->stage = FLIGHT_WAITS;
	return out_of_place(p, "RSET", reply, e);
}

/* After an acceptance that was not for it: replies and commands do not match. */
static bool
is_bad_sequence(bool refused, const struct smtp_reply *reply)
{
	return !refused && reply->code == 503;
}

static int
take_mail(struct pipeline *p, struct flight *f, const struct smtp_reply *reply,
    struct error *e)
{
	if (reply->code / 100 == 3)
		return out_of_place(p, "MAIL", reply, e);
	if (reply->code < 300) {
		p->x->senders_refused = 0;
		return 0;
	}
	f->mail_refused = true;
	if (reply->code >= 500 &&
	    ++p->x->senders_refused >= SENDERS_REFUSED_MAX &&
	    policy_reply(STAGE_MAIL, reply) != POLICY_STOP_DESTINATION)
		f->suspicion = *reply;
	else
		judge(p, f, STAGE_MAIL, NULL, reply);
	return 0;
}

/* In LMTP each accepted recipient has its verdict (RFC 2033). */
static void
owe_verdicts(struct pipeline *p, struct flight *f)
{
	if (smtp_is_lmtp(p->x->smtp) && f->accepted > 1)
		smtp_owe(p->x->smtp, f->accepted - 1);
}

/* 1: the flight is done. */
static int
take_last_rcpt(struct pipeline *p, struct flight *f, struct error *e)
{
	if (!f->chunked)
		return 0;
	if (f->stage == FLIGHT_ASKED) {
		if (f->mail_refused || f->accepted == 0)
			return 1;
		if (put_chunk(p, f) < 0) {
			*e = f->t->error;
			return -1;
		}
	}
	owe_verdicts(p, f);
	return 0;
}

static int
take_rcpt(struct pipeline *p, struct flight *f, size_t i,
    const struct smtp_reply *reply, struct error *e)
{
	struct transit_recipient *r = &f->t->recipients[i];

	if (reply->code / 100 == 3 || is_bad_sequence(f->mail_refused, reply))
		return out_of_place(p, "RCPT", reply, e);
	if (!f->mail_refused && reply->code < 300) {
		r->accepted = true;
		f->accepted++;
	} else if (!f->mail_refused) {
		judge(p, f, STAGE_RCPT, r, reply);
	}
	return i + 1 == f->t->recipient_count ? take_last_rcpt(p, f, e) : 0;
}

/* 354 though nobody is there to take it: nothing, and its end (RFC 2920, 3.1). */
static int
put_lone_dot(struct pipeline *p, struct flight *f, struct error *e)
{
	bool sent;

	if (smtp_is_lmtp(p->x->smtp))
		return error_set(e, ERR_PROTOCOL,
		    "destination %s wants a message for nobody",
		    p->x->destination);
	f->ignored = true;
	f->stage = FLIGHT_ENDED;
	return smtp_put_end(p->x->smtp, &sent, e);
}

/* 1: the flight is done. */
static int
take_data(struct pipeline *p, struct flight *f, const struct smtp_reply *reply,
    struct error *e)
{
	bool nobody = f->mail_refused || f->accepted == 0, sent = false;
	int rc;

	if (is_bad_sequence(nobody, reply))
		return out_of_place(p, "DATA", reply, e);
	if (reply->code >= 400) {
		if (!nobody)
			judge(p, f, STAGE_DATA, NULL, reply);
		return 1;
	}
	if (reply->code != 354)
		return out_of_place(p, "DATA", reply, e);
	if (nobody)
		return put_lone_dot(p, f, e);
	crash_point("after_intent");
	crash_point("before_end");
	rc = put_content(p, f);
	if (rc == 0)
		rc = smtp_put_end(p->x->smtp, &sent, &f->t->error);
	if (sent) {
		f->stage = FLIGHT_ENDED;
		p->open = false;
		p->ends++;
		owe_verdicts(p, f);
	}
	if (rc < 0)
		*e = f->t->error;
	return rc;
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

static int
take_verdict(struct pipeline *p, struct flight *f,
    const struct smtp_reply *reply, struct error *e)
{
	bool nobody = f->mail_refused || f->accepted == 0;
	bool lmtp = smtp_is_lmtp(p->x->smtp);
	struct transit_recipient *r = NULL;

	if (f->chunked && knows_no_bdat(reply)) {
		atomic_store(&p->manners->no_chunking, true);
		/* It has not been taken, and goes again in another way. */
		f->stage = FLIGHT_WAITS;
		return out_of_place(p, "BDAT", reply, e);
	}
	if (nobody || f->ignored)
		return 1;
	p->proven = true;
	if ((reply->code < 400 && reply->code != 250) ||
	    is_bad_sequence(nobody, reply))
		return out_of_place(p, "the message", reply, e);
	if (reply->code == 250 && f->chunked && f->next == NULL)
		p->open = false;
	if (lmtp)
		r = accepted_recipient(f, f->verdicts);
	if (reply->code == 421) {
		closing(p, reply, &f->t->error);
		verdict_set(r, STATE_DEFERRED, f->t->error.text);
	} else {
		judge(p, f, STAGE_END, r, reply);
	}
	return ++f->verdicts == (lmtp ? f->accepted : 1);
}

/* What a reply is for follows from how many have come. */
static int
take_reply(struct pipeline *p, const struct smtp_reply *reply, struct error *e)
{
	struct flight *f = p->first;
	size_t n = f->replies++, recipients = f->t->recipient_count;

	if (reply->code == 421 &&
	    !(smtp_is_lmtp(p->x->smtp) && f->stage == FLIGHT_ENDED &&
		n > recipients + f->reset))
		return closing(p, reply, e);
	if (f->reset && n == 0)
		return take_rset(p, f, reply, e);
	n -= f->reset;
	if (n == 0)
		return take_mail(p, f, reply, e);
	if (n <= recipients)
		return take_rcpt(p, f, n - 1, reply, e);
	if (f->stage == FLIGHT_ASKED)
		return take_data(p, f, reply, e);
	crash_point("after_reply");
	return take_verdict(p, f, reply, e);
}

static struct deadline
reply_deadline(const struct pipeline *p)
{
	const struct flight *f = p->first;
	bool verdict = f->stage == FLIGHT_ENDED &&
	    f->replies > f->t->recipient_count + f->reset;

	return (struct deadline){ p->since +
		(verdict ? p->to->options.reply_timeout_ms
			 : p->to->at.timeout_ms) };
}

/* Nobody can tell which of them was for nothing. */
static int
too_many(const struct pipeline *p, struct error *e)
{
	return error_set(e, ERR_PROTOCOL,
	    "destination %s said more than it was asked for",
	    p->x->destination);
}

/* All that have come, one after the other. */
static int
read_replies(struct pipeline *p, struct error *e)
{
	struct smtp_reply reply;
	bool more = true;
	int rc;

	while (more && smtp_owed(p->x->smtp) > 0) {
		if (smtp_get(p->x->smtp, &reply, reply_deadline(p), &more, e) <
		    0)
			return -1;
		p->since = clock_monotonic_ms();
		rc = take_reply(p, &reply, e);
		if (rc < 0)
			return -1;
		if (rc > 0)
			flight_done(p);
	}
	if (more)
		return too_many(p, e);
	if (p->first == NULL && p->used)
		atomic_store(&p->manners->in_step, true);
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

	while (rc >= 0 && smtp_owed(p->x->smtp) > 0) {
		if (smtp_get(p->x->smtp, &reply, deadline_in(0), &more,
			&ignored) < 0)
			return;
		rc = take_reply(p, &reply, &ignored);
		if (rc > 0)
			flight_done(p);
	}
}

/* --- a round --- */

static int
take_intents(struct pipeline *p, struct error *e)
{
	struct ledger_job *job;
	struct flight *f;
	int rc = 0;

	while ((job = queue_pop(p->recorded)) != NULL) {
		f = job->context;
		p->intents--;
		if (job->rc < 0) {
			*e = job->error;
			rc = -1;
			continue;
		}
		f->recorded = true;
		f->t->message = f->change.message;
		f->t->fresh = false;
	}
	return rc;
}

/* Nothing more will be sent: those that wait go back. */
static void
give_back_waiting(struct pipeline *p, const struct error *why)
{
	struct flight *kept = p->first, *f;

	p->first = NULL;
	p->last = &p->first;
	while ((f = kept) != NULL) {
		kept = f->next;
		f->next = NULL;
		if (f->stage == FLIGHT_WAITS && f->recorded == f->submitted) {
			p->count--;
			p->recipients -= f->t->recipient_count;
			give_back_untried(p, f, why, p->down);
			continue;
		}
		*p->last = f;
		p->last = &f->next;
	}
}

static struct deadline
round_deadline(const struct pipeline *p)
{
	if (smtp_owed(p->x->smtp) == 0)
		return deadline_never();
	return reply_deadline(p);
}

static int
silent(const struct pipeline *p, struct error *e)
{
	return error_set(e, ERR_TIMEOUT,
	    "destination %s did not answer for %lld s", p->x->destination,
	    (long long)(clock_monotonic_ms() - p->since) / 1000);
}

int
pipeline_round(struct pipeline *p, int wake_fd, struct error *e)
{
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
	submit_intents(p);
	if (send_waiting(p, e) < 0) {
		hear_out(p);
		return -1;
	}
	ready = smtp_await(p->x->smtp, wake_fd, round_deadline(p), e);
	if (ready < 0) {
		if (e->kind != ERR_STOPPED)
			hear_out(p);
		return -1;
	}
	if (ready == 0)
		return silent(p, e);
	if (take_intents(p, e) < 0)
		return -1;
	return (ready & 1) != 0 ? read_replies(p, e) : 0;
}

/* --- when the connection is lost --- */

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

static void
start_over(struct flight *f)
{
	transit_rewind(f->t);
	for (size_t i = 0; i < f->t->recipient_count; i++) {
		f->t->recipients[i].accepted = false;
		f->t->recipients[i].state = STATE_NEW;
	}
	f->stage = FLIGHT_WAITS;
	f->mail_refused = f->stopped = f->ignored = false;
	f->replies = f->accepted = f->verdicts = 0;
	error_clear(&f->t->error);
}

/*
 * The end of data may have been read, and no verdict has come. A MAIL that was
 * refused, or each recipient, is a verdict.
 */
static bool
is_in_doubt(const struct flight *f)
{
	return f->stage == FLIGHT_ENDED && !f->ignored && judge_is_open(f->t) &&
	    f->suspicion.code == 0 && !f->stopped;
}

/* Was it closed while it was idle, with a word of farewell at most? */
static bool
was_idle(
    const struct pipeline *p, const struct flight *f, const struct error *why)
{
	if (!p->used)
		return false;
	return why->kind == ERR_BUSY
	    ? f->replies == 1
	    : f->replies == 0 && f->stage == FLIGHT_ASKED;
}

/*
 * The words of a server that closes are its answer to this one; and in the
 * middle of the content they are its verdict.
 */
static void
settle_lost(
    struct pipeline *p, struct flight *f, const struct error *why, bool first)
{
	const struct smtp_reply *early = smtp_early_reply(p->x->smtp);
	bool answered = first && why->kind == ERR_BUSY;

	if (first && f->stage == FLIGHT_ASKED && f->accepted > 0 &&
	    early->code >= 400 && early->code != 421) {
		judge(p, f, STAGE_END, NULL, early);
		error_clear(&f->t->error);
		conclude(p, f);
		return;
	}
	f->t->error = *why;
	if (is_in_doubt(f) && !answered)
		verdict_set_rest(f->t, STATE_IN_DOUBT, why->text);
	else
		verdict_set_rest(f->t, STATE_DEFERRED, why->text);
	conclude(p, f);
}

/* Replies that fit nothing: from now on one command at a time, to be sure. */
static bool
out_of_step(struct pipeline *p, const struct error *why)
{
	return why->kind == ERR_PROTOCOL &&
	    !atomic_exchange(&p->manners->lockstep, true);
}

void
pipeline_lost(struct pipeline *p, const struct error *why)
{
	bool blameless = why->kind == ERR_STOPPED || why->kind == ERR_LEDGER ||
	    out_of_step(p, why);
	struct flight *list, *f;
	bool first = true;

	await_intents(p);
	list = p->first;
	p->first = NULL;
	p->last = &p->first;
	p->count = p->recipients = 0;
	while ((f = list) != NULL) {
		bool asked = f->stage != FLIGHT_WAITS;
		bool idle = first && was_idle(p, f, why);

		list = f->next;
		f->next = NULL;
		if (!idle &&
		    (is_in_doubt(f) || (asked && !judge_is_open(f->t)) ||
			(asked && first && !blameless))) {
			settle_lost(p, f, why, first);
		} else {
			start_over(f);
			*p->last = f;
			p->last = &f->next;
			p->count++;
			p->recipients += f->t->recipient_count;
		}
		first = first && !asked;
	}
	while ((f = p->suspects) != NULL) {
		p->suspects = f->next;
		judge_reply(
		    f->t, STAGE_MAIL, NULL, &f->suspicion, p->x->destination);
		conclude(p, f);
	}
}

void
pipeline_untried(
    struct pipeline *p, const struct error *why, bool destination_down)
{
	await_intents(p);
	while (p->first != NULL)
		give_back_untried(p, unlink_first(p), why, destination_down);
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
		    ledger_change(
			p->x->ledger, t->account, &change, 1, &t->error) == 0)
			return t;
		verdict_untried(t, p->x->ledger, false);
	}
	return NULL;
}
