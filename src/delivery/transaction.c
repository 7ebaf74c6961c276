/* MAIL, RCPT, DATA, the content, its end, the verdict: in this order. */
#include "delivery/transaction.h"

#include "base/clock.h"
#include "base/crash.h"
#include "delivery/verdict.h"

#include <stdio.h>

/* As judge_reply(), minding how many senders have been refused in a row. */
static enum attempt
judge(struct transaction *x, struct transit *t, enum policy_stage stage,
    struct transit_recipient *r, const struct smtp_reply *reply)
{
	if (stage == STAGE_MAIL && reply->code >= 500 &&
	    atomic_fetch_add(x->senders_refused, 1) + 1 >=
		SENDERS_REFUSED_MAX) {
		if (!judge_takes_null_sender(x->smtp))
			return judge_stop(t, reply, x->destination);
		atomic_store(x->senders_refused, 0);
	}
	return judge_reply(t, stage, r, reply, x->destination);
}

/* --- intents --- */

/* Ask the ledger to record that the end of data is about to be sent. */
static void
intent_submit(struct transaction *x, struct transit *t)
{
	size_t n = 0;

	for (size_t i = 0; i < t->recipient_count; i++)
		if (t->recipients[i].accepted)
			t->outcomes[n++].recipient = t->recipients[i].address;
	x->change = transit_change(t, CHANGE_INTENT, x->destination);
	x->change.outcome_count = n;
	x->intent = (struct ledger_job){
		.account = t->account,
		.changes = &x->change,
		.change_count = 1,
		.answer = x->recorded,
	};
	ledger_submit(x->ledger, &x->intent);
}

/*
 * Wait until the intent is durable. The server is listened to meanwhile; if it
 * hangs up, the intent comes back all the same before we go on.
 * Returns 0, or -1: the end of data must not be sent. *recorded: the ledger has
 * the intent, so that it has to be withdrawn.
 */
static int
intent_wait(
    struct transaction *x, struct transit *t, bool listen, bool *recorded)
{
	int rc = 0;

	if (listen)
		rc = smtp_wait(x->smtp, queue_fd(x->recorded), deadline_never(),
		    &t->error);
	queue_wait(x->recorded, -1, deadline_never());
	*recorded = x->intent.rc == 0;
	if (*recorded) {
		t->message = x->change.message;
		t->fresh = false;
	} else {
		t->error = x->intent.error;
		return -1;
	}
	return rc == 2 || !listen ? 0 : -1;
}

/* --- the conversation --- */

/*
 * A reply by which no message would be taken stands for one recipient only, if
 * another one is accepted.
 */
static enum attempt
send_recipients(struct transaction *x, struct transit *t, size_t *accepted)
{
	enum attempt a, all = ATTEMPT_DONE;
	struct smtp_reply reply = { 0 };

	for (size_t i = 0; i < t->recipient_count; i++) {
		struct transit_recipient *r = &t->recipients[i];

		if (smtp_rcpt(x->smtp, r->address, &reply, &t->error) < 0)
			return ATTEMPT_AGAIN;
		if (reply.code < 300) {
			r->accepted = true;
			(*accepted)++;
			continue;
		}
		a = judge(x, t, STAGE_RCPT, r, &reply);
		if (a == ATTEMPT_STOP) {
			verdict_set(r, STATE_DEFERRED, t->error.text);
			all = ATTEMPT_STOP;
		} else if (a != ATTEMPT_DONE) {
			return a;
		}
	}
	if (*accepted == 0)
		return all;
	error_clear(&t->error);
	return ATTEMPT_DONE;
}

static enum attempt
send_envelope(struct transaction *x, struct transit *t, size_t *accepted)
{
	struct smtp_mail mail;
	struct smtp_reply reply = { 0 };

	*accepted = 0;
	if (!judge_envelope(t, smtp_ehlo(x->smtp), x->destination, &mail))
		return ATTEMPT_DONE;
	if (smtp_mail(x->smtp, &mail, &reply, &t->error) < 0)
		return ATTEMPT_AGAIN;
	if (reply.code >= 300)
		return judge(x, t, STAGE_MAIL, NULL, &reply);
	atomic_store(x->senders_refused, 0);
	return send_recipients(x, t, accepted);
}

/* May this go to a server that has not offered to take it (RFC 6152)? */
static bool
must_be_held(const struct transaction *x, struct slice part)
{
	if (!x->hold_eightbit || smtp_ehlo(x->smtp)->eightbitmime)
		return false;
	for (size_t i = 0; i < part.len; i++)
		if ((unsigned char)part.data[i] >= 0x80)
			return true;
	return false;
}

static void
hold_eightbit(struct transaction *x, struct transit *t)
{
	char text[200];

	snprintf(text, sizeof(text),
	    "8-bit content, and %s does not offer 8BITMIME", x->destination);
	verdict_set_rest(t, STATE_HELD, text);
	/* To be held is what was asked for. */
	t->on_reject = REJECT_HOLD;
}

/* How far the content has come, and when that is looked at again. */
struct pace {
	struct deadline until;
	uint64_t sent;
};

static struct pace
pace_from(const struct transaction *x, const struct transit *t)
{
	return (struct pace){ deadline_in(x->timeout_ms / 4), t->sent };
}

/* It comes too slowly, and others wait. */
static bool
must_give_way(
    const struct transaction *x, const struct transit *t, struct pace *pace)
{
	uint64_t came = t->sent - pace->sent;

	if (!deadline_passed(pace->until))
		return false;
	*pace = pace_from(x, t);
	return came * 1000 < (uint64_t)(x->timeout_ms / 4) * TRANSACTION_RATE &&
	    x->others_wait != NULL && x->others_wait(x->others);
}

/* It is tried again, later and later, as one that was refused for now. */
static void
give_way(struct transit *t)
{
	char text[200];

	snprintf(text, sizeof(text),
	    "given up for now after %llu octets: its mailbox sends it too "
	    "slowly, and other messages wait",
	    (unsigned long long)t->sent);
	verdict_set_rest(t, STATE_DEFERRED, text);
}

/* As much of it as there was has been sent. */
static int
await_content(struct transaction *x, struct transit *t, struct pace *pace)
{
	int ready;

	if (must_give_way(x, t, pace)) {
		give_way(t);
		return -1;
	}
	ready = smtp_wait(x->smtp, transit_fd(t), pace->until, &t->error);
	return ready == 0 || ready == 2 ? 0 : -1;
}

/*
 * The content, up to but without the end of data. Returns 0, or -1: because of
 * the connection, the mailbox, or since it must be held or give way.
 */
static int
send_content(struct transaction *x, struct transit *t)
{
	struct pace pace = pace_from(x, t);
	struct slice part;

	for (;;) {
		switch (transit_peek(t, &part)) {
		case TRANSIT_PART:
			if (must_be_held(x, part)) {
				hold_eightbit(x, t);
				return -1;
			}
			if (smtp_body(x->smtp, part, &t->error) < 0)
				return -1;
			transit_skip(t, part.len);
			t->sent += part.len;
			break;
		case TRANSIT_WAIT:
			if (await_content(x, t, &pace) < 0)
				return -1;
			break;
		case TRANSIT_COMPLETE:
			return 0;
		case TRANSIT_BROKEN:
			return error_set(&t->error, ERR_IO,
			    "the message broke off in the mailbox");
		}
	}
}

/*
 * The data is open, and must never be ended. The server may have said why it
 * gave up in the middle: that is its verdict.
 */
static enum attempt
content_refused(struct transaction *x, struct transit *t)
{
	struct smtp_reply early = *smtp_early_reply(x->smtp);

	smtp_free(&x->smtp);
	if (early.code >= 400)
		return judge(x, t, STAGE_END, NULL, &early);
	return judge_is_open(t) ? ATTEMPT_LOST : ATTEMPT_DONE;
}

/* Of the positive replies only 250 says that the message was taken. */
static int
read_verdict(struct transaction *x, struct transit *t, struct smtp_reply *reply)
{
	char words[SMTP_REPLY_TEXT];

	if (smtp_verdict(x->smtp, reply, &t->error) < 0)
		return -1;
	if (reply->code >= 400 || reply->code == 250)
		return 0;
	return error_set(&t->error, ERR_PROTOCOL,
	    "destination %s answered the message out of place: %s",
	    x->destination, smtp_reply_text(reply, words));
}

/* The end of data, and the verdict: one, or in LMTP one a recipient. */
static enum attempt
send_end(struct transaction *x, struct transit *t)
{
	struct smtp_reply reply = { 0 };
	enum attempt a = ATTEMPT_DONE, worst = ATTEMPT_DONE;
	bool sent = false;

	crash_point("before_end");
	if (smtp_end(x->smtp, &sent, &t->error) < 0)
		return sent ? ATTEMPT_DOUBT : content_refused(x, t);
	crash_point("after_end");
	if (!smtp_is_lmtp(x->smtp)) {
		if (read_verdict(x, t, &reply) < 0)
			return ATTEMPT_DOUBT;
		crash_point("after_reply");
		return judge(x, t, STAGE_END, NULL, &reply);
	}
	for (size_t i = 0; i < t->recipient_count; i++) {
		struct transit_recipient *r = &t->recipients[i];

		if (!r->accepted)
			continue;
		if (read_verdict(x, t, &reply) < 0)
			return ATTEMPT_DOUBT;
		a = judge(x, t, STAGE_END, r, &reply);
		/* 421 concerns this one; what follows it is heard out. */
		if (a == ATTEMPT_LOST)
			verdict_set(r, STATE_DEFERRED, t->error.text);
		else if (a != ATTEMPT_DONE)
			worst = a;
	}
	crash_point("after_reply");
	return worst;
}

void
transaction_reset(struct transaction *x)
{
	struct smtp_reply reply = { 0 };
	struct error ignored = { 0 };

	if (smtp_usable(x->smtp) &&
	    (smtp_rset(x->smtp, &reply, &ignored) < 0 || reply.code >= 300))
		smtp_free(&x->smtp);
}

enum attempt
transaction_run(struct transaction *x, struct transit *t, bool *recorded)
{
	struct smtp_reply reply = { 0 };
	enum attempt a;
	size_t accepted;

	*recorded = false;
	a = send_envelope(x, t, &accepted);
	if (a != ATTEMPT_DONE)
		return a;
	if (accepted == 0) {
		transaction_reset(x);
		return ATTEMPT_DONE;
	}
	intent_submit(x, t);
	if (smtp_data(x->smtp, &reply, &t->error) < 0) {
		intent_wait(x, t, false, recorded);
		return ATTEMPT_AGAIN;
	}
	if (reply.code != 354) {
		intent_wait(x, t, false, recorded);
		a = judge(x, t, STAGE_DATA, NULL, &reply);
		transaction_reset(x);
		return a;
	}
	if (send_content(x, t) != 0) {
		struct error why = t->error;

		intent_wait(x, t, false, recorded);
		t->error = why;
		return content_refused(x, t);
	}
	if (intent_wait(x, t, true, recorded) < 0) {
		if (*recorded)
			return content_refused(x, t);
		/* The data is open, and must never be ended. */
		smtp_free(&x->smtp);
		return ATTEMPT_STOP;
	}
	crash_point("after_intent");
	return send_end(x, t);
}
