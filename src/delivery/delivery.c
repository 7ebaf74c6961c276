/*
 * The thread of a destination. transact() is the SMTP conversation for one
 * message, in its order; what it means for the message is worked out in
 * conclude() and recorded by finish().
 */
#include "delivery/delivery.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/crash.h"
#include "base/text.h"
#include "delivery/connection.h"
#include "delivery/policy.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An idle connection is given back to the server after so long. */
#define IDLE_MS (30 * 1000)
/* After a failure to connect, do not bother the server for so long. */
#define DOWN_MS (30 * 1000)
/* So many messages in a row refused at MAIL: it is not the messages. */
#define SENDERS_REFUSED_MAX 3

struct delivery {
	const struct destination *to; /* borrowed, as are the next two */
	struct ledger *ledger;
	const struct stop *stop;
	struct queue *queue; /* owned: transits that wait */
	pthread_t thread;
	struct transit last; /* ends the thread */

	/* The thread's alone. */
	struct smtp *smtp; /* owned; NULL: not connected */
	bool used; /* has carried a message before */
	char *password; /* owned */
	struct error down; /* why the last connect failed, */
	struct deadline down_until; /* and how long that is taken as true */
	unsigned senders_refused; /* in a row, for good */
	struct queue *recorded; /* owned: intents that are durable */
	struct ledger_job intent;
	struct ledger_change intent_change;
};

/* What came of one attempt at a transaction. */
enum attempt {
	ATTEMPT_DONE, /* each recipient has an outcome */
	ATTEMPT_AGAIN, /* the connection's fault; the content is untouched */
	ATTEMPT_LOST, /* the connection's fault; no end of data was sent */
	ATTEMPT_DOUBT, /* cut between the end of data and its reply */
	ATTEMPT_STOP /* every message would fare the same */
};

static bool
is_ascii(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s >= 0x80)
			return false;
	return true;
}

/* --- the outcome of a reply --- */

static void
decide(struct transit_recipient *r, enum state state, const char *words)
{
	r->state = state;
	snprintf(r->reply, sizeof(r->reply), "%.*s", (int)sizeof(r->reply) - 1,
	    words);
}

/* All recipients that have no outcome yet. */
static void
decide_rest(struct transit *t, enum state state, const char *words)
{
	for (size_t i = 0; i < t->recipient_count; i++)
		if (t->recipients[i].state == STATE_NEW)
			decide(&t->recipients[i], state, words);
}

static enum state
state_after(enum policy_action action)
{
	switch (action) {
	case POLICY_ACCEPTED:
		return STATE_DELIVERED;
	case POLICY_HOLD_MESSAGE:
	case POLICY_HOLD_RECIPIENT:
		return STATE_HELD;
	default:
		return STATE_DEFERRED;
	}
}

/*
 * What a reply to MAIL, DATA or the end of data means for one recipient, or
 * (NULL) for all that wait for it.
 */
static enum attempt
judge(struct delivery *d, struct transit *t, enum policy_stage stage,
    struct transit_recipient *r, const struct smtp_reply *reply)
{
	enum policy_action action = policy_reply(stage, reply);
	char words[SMTP_REPLY_TEXT], text[SMTP_REPLY_TEXT + 80];

	smtp_reply_text(reply, words);
	if (action == POLICY_RECONNECT) {
		error_set(&t->error, ERR_BUSY, "destination %s: %s",
		    d->to->name, words);
		return stage < STAGE_END ? ATTEMPT_AGAIN : ATTEMPT_LOST;
	}
	if (stage == STAGE_MAIL && reply->code >= 500 &&
	    ++d->senders_refused >= SENDERS_REFUSED_MAX)
		action = POLICY_STOP_DESTINATION;
	if (action == POLICY_STOP_DESTINATION) {
		error_set(&t->error, ERR_REFUSED,
		    "destination %s takes no mail from here: %s", d->to->name,
		    words);
		return ATTEMPT_STOP;
	}
	snprintf(text, sizeof(text), "%s", words);
	if (action == POLICY_HOLD_MESSAGE && policy_is_too_large(reply))
		snprintf(text, sizeof(text), "too large for %s: %s",
		    d->to->name, words);
	if (r != NULL)
		decide(r, state_after(action), text);
	else
		decide_rest(t, state_after(action), text);
	return ATTEMPT_DONE;
}

/* --- intents --- */

/* Ask the ledger to record that the end of data is about to be sent. */
static void
intent_submit(struct delivery *d, struct transit *t)
{
	size_t n = 0;

	for (size_t i = 0; i < t->recipient_count; i++)
		if (t->recipients[i].accepted)
			t->outcomes[n++].recipient = t->recipients[i].address;
	d->intent_change = (struct ledger_change){
		.kind = CHANGE_INTENT,
		.message = t->message,
		.uid = t->uid,
		.copy = t->copy,
		.octets = t->octets,
		.fresh = t->fresh,
		.destination = d->to->name,
		.outcomes = t->outcomes,
		.outcome_count = n,
	};
	d->intent = (struct ledger_job){
		.account = t->account,
		.changes = &d->intent_change,
		.change_count = 1,
		.answer = d->recorded,
	};
	ledger_submit(d->ledger, &d->intent);
}

/*
 * Wait until the intent is durable. The server is listened to meanwhile; if it
 * hangs up, the intent comes back all the same before we go on.
 * Returns 0, or -1: the end of data must not be sent. *recorded: the ledger has
 * the intent, so that it has to be withdrawn.
 */
static int
intent_wait(struct delivery *d, struct transit *t, bool listen, bool *recorded)
{
	int rc = 0;

	if (listen)
		rc = smtp_wait(d->smtp, queue_fd(d->recorded), deadline_never(),
		    &t->error);
	queue_wait(d->recorded, -1, deadline_never());
	*recorded = d->intent.rc == 0;
	if (*recorded) {
		t->message = d->intent_change.message;
		t->fresh = false;
	} else {
		t->error = d->intent.error;
		return -1;
	}
	return rc == 2 || !listen ? 0 : -1;
}

/* --- the conversation --- */

/* What can be known before a word is said. */
static bool
held_locally(struct delivery *d, struct transit *t, uint64_t octets, bool utf8)
{
	const struct smtp_ehlo *ehlo = smtp_ehlo(d->smtp);
	char text[200], limit[TEXT_UNIT];

	if (utf8 && !ehlo->smtputf8) {
		snprintf(text, sizeof(text),
		    "%s cannot take addresses in UTF-8 (SMTPUTF8)",
		    d->to->name);
		decide_rest(t, STATE_HELD, text);
		return true;
	}
	if (ehlo->size_limit > 0 && octets > ehlo->size_limit) {
		snprintf(text, sizeof(text),
		    "too large for %s, which takes up to %s", d->to->name,
		    text_octets(ehlo->size_limit, limit));
		decide_rest(t, STATE_HELD, text);
		return true;
	}
	return false;
}

/* MAIL and RCPT. *accepted: how many recipients the server takes. */
static enum attempt
send_envelope(struct delivery *d, struct transit *t, size_t *accepted)
{
	uint64_t size = transit_size(t);
	struct smtp_mail mail = {
		.sender = t->sender,
		.octets = size > 0 ? size : t->octets,
		.eightbit = true,
		.utf8 = t->sender_utf8,
	};
	struct smtp_reply reply = { 0 };
	enum attempt a;

	*accepted = 0;
	for (size_t i = 0; i < t->recipient_count; i++) {
		t->recipients[i].accepted = false;
		t->recipients[i].state = STATE_NEW;
		if (!is_ascii(t->recipients[i].address))
			mail.utf8 = true;
	}
	if (held_locally(d, t, mail.octets, mail.utf8))
		return ATTEMPT_DONE;
	if (smtp_mail(d->smtp, &mail, &reply, &t->error) < 0)
		return ATTEMPT_AGAIN;
	if (reply.code >= 300)
		return judge(d, t, STAGE_MAIL, NULL, &reply);
	d->senders_refused = 0;
	for (size_t i = 0; i < t->recipient_count; i++) {
		struct transit_recipient *r = &t->recipients[i];

		if (smtp_rcpt(d->smtp, r->address, &reply, &t->error) < 0)
			return ATTEMPT_AGAIN;
		if (reply.code < 300) {
			r->accepted = true;
			(*accepted)++;
		} else if ((a = judge(d, t, STAGE_RCPT, r, &reply)) !=
		    ATTEMPT_DONE) {
			return a;
		}
	}
	return ATTEMPT_DONE;
}

/* The content, up to but without the end of data. */
static int
send_content(struct delivery *d, struct transit *t)
{
	struct slice part;

	for (;;) {
		switch (transit_peek(t, &part)) {
		case TRANSIT_PART:
			if (smtp_body(d->smtp, part, &t->error) < 0)
				return -1;
			transit_skip(t, part.len);
			t->sent += part.len;
			break;
		case TRANSIT_WAIT:
			if (smtp_wait(d->smtp, transit_fd(t), deadline_never(),
				&t->error) != 2)
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

/* Of the positive replies only 250 says that the message was taken. */
static int
read_verdict(struct delivery *d, struct transit *t, struct smtp_reply *reply)
{
	char words[SMTP_REPLY_TEXT];

	if (smtp_verdict(d->smtp, reply, &t->error) < 0)
		return -1;
	if (reply->code >= 400 || reply->code == 250)
		return 0;
	return error_set(&t->error, ERR_PROTOCOL,
	    "destination %s answered the message out of place: %s", d->to->name,
	    smtp_reply_text(reply, words));
}

/* The end of data, and the verdict: one, or in LMTP one a recipient. */
static enum attempt
send_end(struct delivery *d, struct transit *t)
{
	struct smtp_reply reply = { 0 };
	enum attempt a = ATTEMPT_DONE, worst = ATTEMPT_DONE;
	bool sent = false;

	crash_point("before_end");
	if (smtp_end(d->smtp, &sent, &t->error) < 0)
		return sent ? ATTEMPT_DOUBT : ATTEMPT_LOST;
	crash_point("after_end");
	if (!smtp_is_lmtp(d->smtp)) {
		if (read_verdict(d, t, &reply) < 0)
			return ATTEMPT_DOUBT;
		crash_point("after_reply");
		return judge(d, t, STAGE_END, NULL, &reply);
	}
	for (size_t i = 0; i < t->recipient_count; i++) {
		struct transit_recipient *r = &t->recipients[i];

		if (!r->accepted)
			continue;
		if (read_verdict(d, t, &reply) < 0)
			return ATTEMPT_DOUBT;
		a = judge(d, t, STAGE_END, r, &reply);
		/* 421 concerns this one; what follows it is heard out. */
		if (a == ATTEMPT_LOST)
			decide(r, STATE_DEFERRED, t->error.text);
		else if (a != ATTEMPT_DONE)
			worst = a;
	}
	crash_point("after_reply");
	return worst;
}

/* The connection can serve no more: the next message gets a new one. */
static void
drop_connection(struct delivery *d)
{
	smtp_free(&d->smtp);
}

/* End a transaction that came to nothing, on a connection that is fine. */
static void
reset(struct delivery *d)
{
	struct smtp_reply reply = { 0 };
	struct error ignored = { 0 };

	if (smtp_usable(d->smtp) &&
	    (smtp_rset(d->smtp, &reply, &ignored) < 0 || reply.code >= 300))
		drop_connection(d);
}

/*
 * One attempt. *recorded: the ledger holds an intent that has to be settled or
 * withdrawn.
 */
static enum attempt
transact(struct delivery *d, struct transit *t, bool *recorded)
{
	struct smtp_reply reply = { 0 };
	enum attempt a;
	size_t accepted;

	*recorded = false;
	a = send_envelope(d, t, &accepted);
	if (a != ATTEMPT_DONE)
		return a;
	if (accepted == 0) {
		reset(d);
		return ATTEMPT_DONE;
	}
	intent_submit(d, t);
	if (smtp_data(d->smtp, &reply, &t->error) < 0) {
		intent_wait(d, t, false, recorded);
		return ATTEMPT_AGAIN;
	}
	if (reply.code != 354) {
		intent_wait(d, t, false, recorded);
		a = judge(d, t, STAGE_DATA, NULL, &reply);
		reset(d);
		return a;
	}
	if (send_content(d, t) < 0) {
		struct error why = t->error;

		intent_wait(d, t, false, recorded);
		t->error = why;
		return ATTEMPT_LOST;
	}
	if (intent_wait(d, t, true, recorded) < 0) {
		/* The data is open, and must never be ended. */
		drop_connection(d);
		return *recorded ? ATTEMPT_LOST : ATTEMPT_STOP;
	}
	crash_point("after_intent");
	return send_end(d, t);
}

/* --- the verdict --- */

/* The state of a message from the outcomes of its recipients. */
static enum state
worst_outcome(const struct transit *t, const char **words)
{
	static const enum state order[] = { STATE_IN_DOUBT, STATE_DEFERRED,
		STATE_HELD, STATE_DELIVERED };

	for (size_t o = 0; o < sizeof(order) / sizeof(order[0]); o++)
		for (size_t i = 0; i < t->recipient_count; i++)
			if (t->recipients[i].state == order[o]) {
				*words = t->recipients[i].reply;
				return order[o];
			}
	*words = "";
	return STATE_DELIVERED;
}

/* Deferred for the last time? Then its owner has to decide. */
static void
give_up_deferred(struct transit *t)
{
	char words[560];

	for (size_t i = 0; i < t->recipient_count; i++) {
		struct transit_recipient *r = &t->recipients[i];

		if (r->state != STATE_DEFERRED)
			continue;
		snprintf(words, sizeof(words), "given up after 5 days: %.500s",
		    r->reply);
		decide(r, STATE_HELD, words);
	}
}

/* Fill in the change that records the verdict. */
static void
conclude(struct delivery *d, struct transit *t)
{
	int64_t now = clock_wall(), next_try = 0;
	const char *words;
	enum state state = worst_outcome(t, &words);

	if (state == STATE_DEFERRED) {
		next_try = policy_next_try(t->attempts + 1,
		    t->first_failed > 0 ? t->first_failed : now, now);
		if (next_try == 0) {
			give_up_deferred(t);
			state = worst_outcome(t, &words);
		}
	}
	snprintf(t->reply, sizeof(t->reply), "%s", words);
	for (size_t i = 0; i < t->recipient_count; i++)
		t->outcomes[i] = (struct ledger_outcome){
			.recipient = t->recipients[i].address,
			.state = t->recipients[i].state,
			.reply = t->recipients[i].reply,
		};
	t->end = state == STATE_DELIVERED ? TRANSIT_DELIVERED
	    : state == STATE_DEFERRED     ? TRANSIT_DEFERRED
	    : state == STATE_HELD         ? TRANSIT_HELD
					  : TRANSIT_IN_DOUBT;
	if (state == STATE_DELIVERED && t->delete_after)
		state = STATE_DELETE_OWED;
	t->change = (struct ledger_change){
		.kind = CHANGE_VERDICT,
		.message = t->message,
		.uid = t->uid,
		.copy = t->copy,
		.octets = t->octets,
		.fresh = t->fresh,
		.state = state,
		.reply = t->reply,
		.next_try = next_try,
		.destination = d->to->name,
		.outcomes = t->outcomes,
		.outcome_count = t->recipient_count,
	};
}

/* Send the transit back, by way of the ledger if there is something to keep. */
static void
finish(struct delivery *d, struct transit *t, bool record)
{
	transit_abandon(t);
	t->job = (struct ledger_job){
		.account = t->account,
		.changes = &t->change,
		.change_count = 1,
		.answer = t->answer,
		.context = t,
	};
	if (record)
		ledger_submit(d->ledger, &t->job);
	else
		queue_push(t->answer, &t->job.item);
}

static void
untried(struct delivery *d, struct transit *t, bool recorded)
{
	t->end = TRANSIT_UNTRIED;
	t->change = (struct ledger_change){ .kind = CHANGE_WITHDRAW,
		.message = t->message };
	finish(d, t, recorded);
}

/* --- the thread --- */

/* What is wrong concerns every message: spare the ones that wait. */
static void
take_down(struct delivery *d, const struct error *why)
{
	d->down = *why;
	d->down_until = deadline_in(DOWN_MS);
}

static int
connect_if_needed(struct delivery *d, struct error *e)
{
	if (d->down.kind != ERR_NONE && !deadline_passed(d->down_until)) {
		*e = d->down;
		return -1;
	}
	error_clear(&d->down);
	if (d->smtp != NULL && smtp_usable(d->smtp))
		return 0;
	drop_connection(d);
	d->used = false;
	if (connection_open(&d->smtp, d->to, &d->password, d->stop, e) == 0)
		return 0;
	take_down(d, e);
	return -1;
}

static void
carry(struct delivery *d, struct transit *t)
{
	int64_t started = clock_monotonic_ms();
	bool recorded = false, was_used;
	enum attempt a;

	do {
		if (connect_if_needed(d, &t->error) < 0) {
			t->destination_down = true;
			untried(d, t, recorded);
			return;
		}
		was_used = d->used;
		d->used = true;
		if (recorded) {
			/* Of the attempt before; the next one makes its own. */
			struct ledger_change withdraw = {
				.kind = CHANGE_WITHDRAW, .message = t->message
			};

			if (ledger_change(d->ledger, t->account, &withdraw, 1,
				&t->error) < 0) {
				t->destination_down = true;
				untried(d, t, false);
				return;
			}
		}
		a = transact(d, t, &recorded);
		if (a == ATTEMPT_AGAIN || a == ATTEMPT_LOST ||
		    a == ATTEMPT_DOUBT)
			drop_connection(d);
		/* An old connection may have been closed while it was idle. */
	} while (a == ATTEMPT_AGAIN && was_used);

	t->took_ms = clock_monotonic_ms() - started;
	if (a == ATTEMPT_AGAIN || a == ATTEMPT_LOST || a == ATTEMPT_STOP) {
		t->destination_down = a == ATTEMPT_STOP;
		if (a == ATTEMPT_STOP) {
			take_down(d, &t->error);
			if (d->smtp != NULL)
				reset(d);
		}
		untried(d, t, recorded);
		return;
	}
	if (a == ATTEMPT_DOUBT)
		decide_rest(t, STATE_IN_DOUBT, t->error.text);
	conclude(d, t);
	finish(d, t, true);
}

static void
close_politely(struct delivery *d)
{
	struct error ignored = { 0 };

	if (d->smtp != NULL && smtp_usable(d->smtp))
		smtp_quit(d->smtp, &ignored);
	drop_connection(d);
}

static void *
delivery_thread(void *arg)
{
	struct delivery *d = arg;
	struct transit *t;

	for (;;) {
		t = queue_wait(d->queue, -1,
		    d->smtp != NULL ? deadline_in(IDLE_MS) : deadline_never());
		if (t == &d->last)
			break;
		if (t != NULL)
			carry(d, t);
		else
			close_politely(d);
	}
	close_politely(d);
	return NULL;
}

int
delivery_new(struct delivery **out, const struct destination *to,
    struct ledger *ledger, const struct stop *stop, struct error *e)
{
	struct delivery *d = xcalloc(1, sizeof(*d));
	int rc;

	*out = NULL;
	d->to = to;
	d->ledger = ledger;
	d->stop = stop;
	if (queue_new(&d->queue, e) < 0 || queue_new(&d->recorded, e) < 0)
		goto fail;
	rc = pthread_create(&d->thread, NULL, delivery_thread, d);
	if (rc != 0) {
		error_set(
		    e, ERR_SYSTEM, "cannot start a thread: %s", strerror(rc));
		goto fail;
	}
	*out = d;
	return 0;
fail:
	queue_free(&d->queue);
	queue_free(&d->recorded);
	free(d);
	return -1;
}

void
delivery_submit(struct delivery *d, struct transit *t)
{
	queue_push(d->queue, &t->item);
}

void
delivery_free(struct delivery **out)
{
	struct delivery *d = *out;

	if (d == NULL)
		return;
	queue_push(d->queue, &d->last.item);
	pthread_join(d->thread, NULL);
	queue_free(&d->queue);
	queue_free(&d->recorded);
	password_free(&d->password);
	free(d);
	*out = NULL;
}
