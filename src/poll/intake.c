/*
 * Content in runs, as they come: line ends mended, the header held back until
 * it is whole, the rest passed on at once.
 */
#include "poll/intake.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/host.h"
#include "base/log.h"
#include "message/envelope.h"
#include "message/header.h"
#include "message/trace.h"

#include <stdatomic.h>
#include <stdlib.h>

/* What is left of a message that nobody wants is read, if it is not more. */
#define DRAIN_OCTETS ((uint64_t)1024 * 1024)

/*
 * A status line where the message should begin: the server has said something
 * that nobody asked for, and all that was sent ahead is taken for something
 * else.
 */
static bool
out_of_step(const struct intake *m, struct slice head, struct error *e)
{
	if (!m->out.s->pipelining || !pop3_begins_with_status(head))
		return false;
	error_set(e, ERR_PROTOCOL,
	    "the mailbox answers out of step: message %lu begins with an "
	    "answer",
	    (unsigned long)m->listed->number);
	return true;
}

/* What is to be found again at the destination, below our trace header. */
static int
pass_proven(struct intake *m, struct slice content, struct error *e)
{
	proof_add(&m->proof, content);
	return handover_pass(&m->out, content, e);
}

/* Our trace header, and the message's header without its Return-Path. */
static int
pass_head(struct intake *m, struct error *e)
{
	const struct account *a = m->out.s->job->account;
	struct slice head = buffer_slice(&m->head), before = head, after;
	struct transit *t = m->out.t;
	struct header_field path = { 0 };
	struct slice header;
	struct buffer trace = { 0 };
	bool complete, found;
	int rc;

	header = slice_make(head.data, header_length(head, &complete));
	/* All messages without a header are alike. */
	t->has_header = header.len > 0;
	header_digest(header, t->header);
	if (out_of_step(m, head, e))
		return -1;
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
	proof_begin(&m->proof);
	rc = handover_pass(&m->out, buffer_slice(&trace), e);
	if (rc == 0)
		rc = pass_proven(m, before, e);
	if (rc == 0)
		rc = pass_proven(m, after, e);
	buffer_free(&trace);
	buffer_free(&m->head);
	return rc;
}

static void
note_proof(struct intake *m)
{
	struct transit *t = m->out.t;

	t->content = m->proof.octets;
	proof_end(&m->proof, t->digest);
	t->has_proof = true;
}

static int
pass_content(struct intake *m, struct slice content, struct error *e)
{
	bool complete;

	if (m->has_head)
		return pass_proven(m, content, e);
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
	m->out.s->report->octets_taken += raw.len;
	throttle_pass(m->out.s->job->throttle, raw.len, m->out.s->job->stop);
	if (m->out.s->job->progress != NULL)
		atomic_fetch_add(
		    &m->out.s->job->progress->octets_done, raw.len);
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
	note_proof(m);
	handover_end(&m->out);
	if (m->canon.bare_cr + m->canon.bare_lf > 0)
		log_event(
		    "account=%s id=%s event=line_ends_mended bare_lf=%llu "
		    "bare_cr=%llu",
		    m->out.s->job->account->name, m->out.t->id,
		    (unsigned long long)m->canon.bare_lf,
		    (unsigned long long)m->canon.bare_cr);
	return 0;
}

/* However large the message is listed. */
static int
check_size(struct intake *m, struct error *e)
{
	uint64_t max_size = m->out.s->job->account->max_size;

	if (max_size == 0 && listing_is_endless(m->listed, m->read))
		m->hold = "without end: far larger than listed; if it is as "
			  "large as that, max_size can allow it";
	else if (max_size > 0 && m->read > max_size)
		m->hold = "larger than max_size, whatever is listed";
	else
		return 0;
	return error_set(e, ERR_REFUSED, "%s", m->hold);
}

/*
 * A mailbox that was numbered anew under us gives another message than the one
 * we asked for. Its size tells, unless sizes are estimates here anyway.
 */
static bool
is_doubtful(const struct intake *m)
{
	const struct session *s = m->out.s;

	return m->read != m->listed->octets && m->listed->octets > 0 &&
	    !s->listing.by_header && !s->sizes_are_estimates;
}

struct intake *
intake_new(struct plan_entry *entry)
{
	struct intake *m = xcalloc(1, sizeof(*m));

	m->entry = entry;
	m->listed = entry->listed;
	return m;
}

void
intake_free(struct intake **m)
{
	buffer_free(&(*m)->head);
	proof_free(&(*m)->proof);
	free(*m);
	*m = NULL;
}

int
intake_receive(struct intake *m, struct error *e)
{
	struct pop3 *pop3 = m->out.s->pop3;
	struct slice raw;
	int more;

	if (pop3_retr(pop3, m->listed->number, e) < 0)
		return -1;
	m->begun = true;
	while ((more = pop3_content(pop3, &raw, e)) > 0) {
		if (pass_run(m, raw, e) < 0 || check_size(m, e) < 0)
			return -1;
	}
	if (more < 0)
		return -1;
	m->doubtful = is_doubtful(m);
	return 0;
}

int
intake_end(struct intake **m, struct error *e)
{
	if (listing_check_whole((*m)->listed, (*m)->read, e) < 0 ||
	    pass_end(*m, e) < 0)
		return -1;
	intake_free(m);
	return 0;
}

void
intake_break(struct intake **m)
{
	handover_break(&(*m)->out);
	intake_free(m);
}

int
intake_skip_rest(struct session *s, struct error *e)
{
	int rc = pop3_drain(s->pop3, DRAIN_OCTETS, e);

	if (rc < 0 && e->kind == ERR_STOPPED) {
		pop3_free(&s->pop3);
		return -1;
	}
	error_clear(e);
	return rc == 0 ? 0 : 1;
}

int
intake_skip(struct intake *m, struct error *e)
{
	uint64_t before = pop3_octets(m->out.s->pop3);
	int rc = intake_skip_rest(m->out.s, e);

	if (rc == 0) {
		m->read += pop3_octets(m->out.s->pop3) - before;
		m->doubtful = is_doubtful(m);
	}
	return rc;
}

void
intake_stop(struct session *s, bool begun)
{
	struct error ignored = { 0 };

	if (!begun || intake_skip_rest(s, &ignored) != 0)
		pop3_free(&s->pop3);
}
