/*
 * Content in runs, as they come: line ends mended, the header held back until
 * it is whole, the rest passed on at once.
 */
#include "poll/intake.h"

#include "base/clock.h"
#include "base/host.h"
#include "base/log.h"
#include "message/envelope.h"
#include "message/header.h"
#include "message/trace.h"

#include <stdatomic.h>

static void
submit(struct intake *m)
{
	m->s->in_flight++;
	m->s->in_flight_octets += m->t->octets;
	m->submitted = true;
	delivery_submit(m->s->job->delivery, m->t);
}

/* Into the pipe; the delivery learns of the message when that is full. */
static int
pass_on(struct intake *m, struct slice content, struct error *e)
{
	if (!m->submitted) {
		transit_try_write(m->t, &content);
		if (content.len == 0)
			return 0;
		if (transit_open_end(m->t, e) < 0)
			return -1;
		submit(m);
	}
	if (transit_write(
		m->t, content, deadline_never(), m->s->job->stop, e) == 0)
		return 0;
	m->unwanted = e->kind == ERR_REFUSED;
	return -1;
}

/* Our trace header, and the message's header without its Return-Path. */
static int
pass_head(struct intake *m, struct error *e)
{
	const struct account *a = m->s->job->account;
	struct slice head = buffer_slice(&m->head), before = head, after;
	struct transit *t = m->t;
	struct header_field path = { 0 };
	struct slice header;
	struct buffer trace = { 0 };
	bool complete, found;
	int rc;

	header = slice_make(head.data, header_length(head, &complete));
	/* All messages without a header are alike. */
	t->has_header = header.len > 0;
	header_digest(header, t->header);
	if (trace_loops(header, t->id)) {
		m->hold = "mail loop: it has been here before, or has too many "
			  "Received lines";
		return error_set(e, ERR_REFUSED, "%s", m->hold);
	}
	found = header_find(header, "Return-Path", &path);
	envelope_sender(path.value, t->sender, &t->sender_utf8);
	if (path.value.len > 2 && t->sender[0] == '\0')
		log_event(
		    "account=%s id=%s event=sender_unusable", a->name, t->id);
	trace_header(
	    &(struct trace){
		.from = a->at.host,
		.by = host_name(),
		.tls = a->at.tls != TLS_NONE,
		.id = t->id,
		.recipient =
		    t->recipient_count == 1 ? t->recipients[0].address : NULL,
		.when = clock_wall(),
	    },
	    &trace);
	after = slice_make(NULL, 0);
	if (found) {
		before.len = (size_t)(path.whole.data - head.data);
		after = slice_skip(head, before.len + path.whole.len);
	}
	m->has_head = true;
	rc = pass_on(m, buffer_slice(&trace), e);
	if (rc == 0)
		rc = pass_on(m, before, e);
	if (rc == 0)
		rc = pass_on(m, after, e);
	buffer_free(&trace);
	buffer_free(&m->head);
	return rc;
}

static int
pass_content(struct intake *m, struct slice content, struct error *e)
{
	bool complete;

	if (m->has_head)
		return pass_on(m, content, e);
	buffer_add_slice(&m->head, content);
	header_length(buffer_slice(&m->head), &complete);
	if (complete || m->head.len >= HEADER_MAX)
		return pass_head(m, e);
	return 0;
}

static int
pass_run(struct intake *m, struct slice raw, struct error *e)
{
	struct slice content;

	m->read += raw.len;
	if (m->s->job->progress != NULL)
		atomic_fetch_add(&m->s->job->progress->octets_done, raw.len);
	while (raw.len > 0) {
		canon_next(&m->canon, &raw, &content);
		if (content.len > 0 && pass_content(m, content, e) < 0)
			return -1;
	}
	return 0;
}

static int
pass_end(struct intake *m, struct error *e)
{
	struct slice rest = canon_end(&m->canon);

	if (rest.len > 0 && pass_content(m, rest, e) < 0)
		return -1;
	if (!m->has_head && pass_head(m, e) < 0)
		return -1;
	transit_complete(m->t);
	if (!m->submitted)
		submit(m);
	if (m->canon.bare_cr + m->canon.bare_lf > 0)
		log_event(
		    "account=%s id=%s event=line_ends_mended bare_lf=%llu "
		    "bare_cr=%llu",
		    m->t->account_name, m->t->id,
		    (unsigned long long)m->canon.bare_lf,
		    (unsigned long long)m->canon.bare_cr);
	return 0;
}

int
intake_run(
    struct intake *m, const struct listing_entry *listed, struct error *e)
{
	uint64_t max_size = m->s->job->account->max_size;
	struct pop3 *pop3 = m->s->pop3;
	struct slice raw;
	int more;

	if (pop3_retr(pop3, listed->number, e) < 0)
		return -1;
	while ((more = pop3_content(pop3, &raw, e)) > 0) {
		if (pass_run(m, raw, e) < 0)
			return -1;
		if (max_size > 0 && m->read > max_size) {
			m->hold = "larger than max_size, whatever is listed";
			return error_set(e, ERR_REFUSED, "%s", m->hold);
		}
	}
	if (more < 0)
		return -1;
	if (listing_check_whole(listed, m->read, e) < 0)
		return -1;
	return pass_end(m, e);
}
