/* notice.c - see notice.h. */
#include "poll/notice.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/host.h"
#include "delivery/policy.h"
#include "message/canon.h"
#include "message/digest.h"
#include "message/envelope.h"
#include "message/header.h"
#include "message/report.h"
#include "poll/handover.h"
#include "poll/intake.h"
#include "poll/top.h"

#include <stdio.h>
#include <stdlib.h>

/* What the report adds to the message, at most, roughly. */
#define OVERHEAD ((uint64_t)16 * 1024)

struct notice {
	struct session *s; /* borrowed */
	struct plan_entry *entry; /* borrowed */
	int64_t message; /* the ledger's row */
	bool owed; /* since an earlier session */
	uint32_t attempts; /* at the report, so far */
	int64_t first_failed; /* likewise; 0: never */
	struct report_refusal *refusals; /* owned, and their strings */
	size_t refusal_count;
	struct buffer header;
	bool begun; /* the message's content has begun to come */
	char sender[ENVELOPE_ADDRESS];
	struct handover out;
};

static void
add_refusal(void *arg, const char *recipient, const char *reply)
{
	struct notice *n = arg;

	n->refusals =
	    xrealloc(n->refusals, n->refusal_count + 1, sizeof(*n->refusals));
	n->refusals[n->refusal_count++] =
	    (struct report_refusal){ xstrdup(recipient), xstrdup(reply) };
}

static void
notice_begin(struct notice *n, struct session *s, struct plan_entry *entry)
{
	*n = (struct notice){ .s = s, .entry = entry };
	for (size_t i = 0; i < s->refused_count; i++)
		if (s->refused[i].entry == entry)
			n->message = s->refused[i].message;
	if (n->message != 0)
		return;
	n->owed = true;
	n->message = entry->row->message;
	n->attempts = entry->row->attempts;
	n->first_failed = handover_first_failed(s, entry->row);
}

static void
notice_free(struct notice *n)
{
	for (size_t i = 0; i < n->refusal_count; i++) {
		free(n->refusals[i].recipient);
		free(n->refusals[i].reply);
	}
	free(n->refusals);
	buffer_free(&n->header);
}

/* --- when it cannot be sent --- */

static int
record(struct notice *n, enum state state, const char *words, int64_t next_try,
    struct error *e)
{
	struct session *s = n->s;
	struct ledger_change change = {
		.kind = CHANGE_VERDICT,
		.message = n->message,
		.state = state,
		.reply = words,
		.next_try = next_try,
		.refused_anew = s->plan.clock_jumped,
	};

	if (state == STATE_HELD)
		s->report->held++;
	else
		s->report->deferred++;
	settle_trouble(s, n->entry->listed->uid,
	    state == STATE_HELD ? "held" : "report deferred", words);
	return ledger_change(s->job->ledger, s->account, &change, 1, e);
}

/* The mailbox did not give what is needed: later, or in the end never. */
static int
record_failure(struct notice *n, const struct error *why, struct error *e)
{
	int64_t now = clock_wall();
	int64_t next_try = policy_next_try(
	    n->attempts + 1, n->first_failed > 0 ? n->first_failed : now, now);
	char words[560];

	snprintf(words, sizeof(words), "the report of its refusal: %.500s",
	    why->text);
	return record(n, next_try > 0 ? STATE_REPORT_OWED : STATE_HELD, words,
	    next_try, e);
}

/* Why nobody is to be told, or NULL. */
static const char *
reason_for_silence(const struct notice *n)
{
	struct slice header = buffer_slice(&n->header);

	if (n->s->job->account->on_reject == REJECT_BOUNCE)
		return report_may_bounce(header, n->sender)
		    ? NULL
		    : "its sender is not told: it looks like a bounce, or like "
		      "mail of a list or a program";
	return report_is_ours(header)
	    ? "its owner is not told: it tells of a refusal itself"
	    : NULL;
}

/*
 * Is what is listed still what was refused? The plan has compared the octets;
 * where the server tells none, the header has to be the same.
 */
static bool
is_same_message(const struct notice *n)
{
	const struct row *row = n->entry->row;
	unsigned char header[DIGEST_OCTETS];

	if (!n->owed || (row->octets > 0 && n->entry->listed->octets > 0))
		return true;
	header_digest(buffer_slice(&n->header), header);
	return slice_equal(row->header, slice_make(header, sizeof(header)));
}

static int
hold_unreported(struct notice *n, const char *why, struct error *e)
{
	char words[640];

	snprintf(
	    words, sizeof(words), "%.500s (%s)", n->refusals[0].reply, why);
	return record(n, STATE_HELD, words, 0, e);
}

/* What a failure means for the session; as transfer.c has it for messages. */
static int
give_up(struct notice *n, struct error *e)
{
	struct error why = *e;

	if (why.kind == ERR_STOPPED)
		intake_stop(n->s, n->begun);
	if (why.kind == ERR_STOPPED || why.kind == ERR_SYSTEM ||
	    why.kind == ERR_LEDGER)
		return -1;
	error_clear(e);
	if (n->out.unwanted)
		return intake_skip_rest(n->s, e);
	if (record_failure(n, &why, e) < 0)
		return -1;
	return why.kind == ERR_REFUSED ? 0 : 1;
}

/* --- what is sent --- */

/*
 * A mailbox that was numbered anew would have us write to the sender of another
 * message, who may be told what is in this one.
 */
static int
check_number(struct notice *n, struct error *e)
{
	const struct listing_entry *listed = n->entry->listed;
	struct slice uid;

	if (n->s->listing.by_header)
		return 0;
	if (pop3_uid(n->s->pop3, listed->number, &uid, e) < 0) {
		if (e->kind != ERR_REFUSED)
			return -1;
		error_clear(e);
		return 0;
	}
	if (slice_equal(uid, listed->uid))
		return 0;
	return error_set(e, ERR_PROTOCOL,
	    "the mailbox has changed while it was being read: message %lu is "
	    "another one now",
	    (unsigned long)listed->number);
}

static int
read_header(struct notice *n, struct error *e)
{
	struct top top = { .pop3 = n->s->pop3 };
	struct header_field path = { 0 };
	bool utf8;

	if (top_header(&top, n->entry->listed->number, &n->header, e) < 0 ||
	    check_number(n, e) < 0)
		return -1;
	header_find(buffer_slice(&n->header), "Return-Path", &path);
	envelope_sender(path.value, n->sender, &utf8);
	return 0;
}

/* All of the message, as it lies in the mailbox. */
static int
pass_message(struct notice *n, struct error *e)
{
	const struct listing_entry *listed = n->entry->listed;
	struct pop3 *pop3 = n->s->pop3;
	struct canon canon = { 0 };
	struct slice raw, content;
	uint64_t read = 0;
	int more;

	if (pop3_retr(pop3, listed->number, e) < 0)
		return -1;
	n->begun = true;
	while ((more = pop3_content(pop3, &raw, e)) > 0) {
		read += raw.len;
		if (listing_is_endless(listed, read))
			return error_set(e, ERR_PROTOCOL,
			    "the message has no end: it is far larger than "
			    "listed");
		while (raw.len > 0) {
			canon_next(&canon, &raw, &content);
			if (content.len > 0 &&
			    handover_pass(&n->out, content, e) < 0)
				return -1;
		}
	}
	if (more < 0 || listing_check_whole(listed, read, e) < 0)
		return -1;
	return handover_pass(&n->out, canon_end(&canon), e);
}

static int
pass_report(struct notice *n, struct report *r, struct error *e)
{
	struct buffer text = { 0 };
	int rc;

	report_begin(r, &text);
	rc = handover_pass(&n->out, buffer_slice(&text), e);
	if (rc == 0)
		rc = r->whole ? pass_message(n, e)
			      : handover_pass(&n->out, r->header, e);
	buffer_clear(&text);
	report_end(r, &text);
	if (rc == 0)
		rc = handover_pass(&n->out, buffer_slice(&text), e);
	if (rc == 0)
		handover_end(&n->out);
	buffer_free(&text);
	return rc;
}

/* A report comes from nobody, so that nobody answers it (RFC 3464, 2). */
static void
begin_transit(struct notice *n, const char *const *recipients, size_t count)
{
	struct session *s = n->s;
	struct transit *t;

	handover_begin(
	    &n->out, s, s->job->reports, n->entry, recipients, count);
	t = n->out.t;
	t->report = true;
	t->message = n->message;
	t->fresh = false;
	t->attempts = n->attempts;
	t->first_failed = n->first_failed;
}

static int
send(struct notice *n, struct error *e)
{
	const struct account *a = n->s->job->account;
	uint64_t limit = delivery_size_limit(n->s->job->reports);
	const char *sender[] = { n->sender, NULL };
	const char *const *to = sender;
	struct report r = {
		.by = host_name(),
		.account = a->name,
		.refusals = n->refusals,
		.refusal_count = n->refusal_count,
		.header = buffer_slice(&n->header),
		.arrived = header_arrival(buffer_slice(&n->header)),
		.now = clock_wall(),
	};
	size_t count = 0;

	if (a->on_reject == REJECT_POSTMASTER) {
		r.kind = REPORT_TO_OWNER;
		r.whole =
		    limit == 0 || n->entry->listed->octets + OVERHEAD <= limit;
		to = a->postmasters;
	}
	r.to = to[0];
	while (to[count] != NULL)
		count++;
	begin_transit(n, to, count);
	if (pass_report(n, &r, e) == 0)
		return 0;
	handover_break(&n->out);
	return -1;
}

int
notice_send(struct session *s, struct plan_entry *entry, struct error *e)
{
	const char *silence;
	struct notice n;
	int rc = -1;

	notice_begin(&n, s, entry);
	if (reader_outcomes(
		s->reader, n.message, STATE_HELD, add_refusal, &n, e) < 0)
		goto out;
	if (read_header(&n, e) < 0)
		rc = give_up(&n, e);
	else if (!is_same_message(&n))
		rc = record(&n, STATE_HELD,
		    "a report of a refusal is owed, but perhaps another "
		    "message has its UID by now",
		    0, e);
	else if (n.refusal_count == 0)
		rc = record(&n, STATE_HELD,
		    "a report of its refusal is owed, but who refused it is "
		    "not on record any more",
		    0, e);
	else if ((silence = reason_for_silence(&n)) != NULL)
		rc = hold_unreported(&n, silence, e);
	else if ((rc = send(&n, e)) < 0)
		rc = give_up(&n, e);
	/* No verdict that comes now may ask anything of a broken session. */
	if (rc != 0 && e->kind != ERR_STOPPED)
		pop3_free(&s->pop3);
out:
	notice_free(&n);
	return rc;
}
