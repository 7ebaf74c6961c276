/* Headers into moved.h, and what follows from it into the ledger. */
#include "poll/recognise.h"

#include "base/alloc.h"
#include "base/log.h"
#include "message/header.h"
#include "poll/moved.h"
#include "poll/top.h"

#include <stdlib.h>

/* A message that is refused stays unseen. */
static int
see(struct top *top, struct stranger *s, struct buffer *header, struct error *e)
{
	if (top_header(top, s->listed->number, header, e) < 0) {
		if (e->kind != ERR_REFUSED)
			return -1;
		error_clear(e);
		return 0;
	}
	s->seen = header->len > 0;
	header_digest(buffer_slice(header), s->header);
	s->arrival = header_arrival(buffer_slice(header));
	return 0;
}

static int
see_samples(struct moved *m, struct pop3 *pop3, struct error *e)
{
	struct top top = { .pop3 = pop3 };
	struct buffer header = { 0 };
	size_t samples[MOVED_SAMPLES];
	size_t n = moved_samples(m, samples);
	int rc = 0;

	for (size_t i = 0; i < n; i++)
		top_expect(&top, m->strangers[samples[i]].listed->number);
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = see(&top, &m->strangers[samples[i]], &header, e);
	buffer_free(&header);
	top_free(&top);
	return rc;
}

static int
see_all(struct moved *m, struct pop3 *pop3, struct error *e)
{
	struct top top = { .pop3 = pop3 };
	struct buffer header = { 0 };
	int rc = 0;

	for (size_t i = 0; i < m->stranger_count; i++)
		top_expect(&top, m->strangers[i].listed->number);
	for (size_t i = 0; i < m->stranger_count && rc == 0; i++)
		rc = see(&top, &m->strangers[i], &header, e);
	buffer_free(&header);
	top_free(&top);
	return rc;
}

static int
ask(const struct moved *m, size_t seen, size_t same, struct error *e)
{
	return error_set(e, ERR_QUESTION,
	    "unique ids have changed: %zu messages are not listed any more, "
	    "%zu unknown ones are, and of %zu of these that were looked at %zu "
	    "are the same. Nothing was fetched. To take them as the same, say "
	    "\"fetch --same-mailbox\" once: only what is new is fetched then. "
	    "To fetch all of them, say \"fetch --other-mail\" once",
	    m->missed, m->stranger_count, seen, same);
}

/* Returns 0, or 1: UIDs have changed. */
static int
have_changed(struct moved *m, struct pop3 *pop3, size_t *seen, size_t *same,
    struct error *e)
{
	if (!moved_suspected(m))
		return 0;
	if (see_samples(m, pop3, e) < 0)
		return -1;
	return moved_proven(m, seen, same);
}

static int
ask_imported(const struct moved *m, const char *account, struct error *e)
{
	return error_set(e, ERR_QUESTION,
	    "of %zu unique ids that were imported none is listed, but %zu "
	    "messages that nobody knows. Nothing was fetched. If these have "
	    "been fetched before, say \"postrider baseline %s\": they count as "
	    "seen then. To fetch all of them, say \"postrider fetch "
	    "--other-mail %s\" once",
	    m->unmet, m->stranger_count, account, account);
}

/* Returns 0, or -1 with ERR_QUESTION, or an error of the session. */
static int
look(struct moved *m, struct pop3 *pop3, const char *account, struct error *e)
{
	size_t seen, same;
	int rc;

	if (moved_unmet(m))
		return ask_imported(m, account, e);
	rc = have_changed(m, pop3, &seen, &same, e);
	return rc > 0 ? ask(m, seen, same, e) : rc;
}

int
recognise_look(struct pop3 *pop3, const char *account, const struct plan *plan,
    const struct rows *rows, int64_t now, struct error *e)
{
	struct moved m;
	int rc;

	moved_find(&m, plan, rows, now);
	rc = look(&m, pop3, account, e);
	moved_free(&m);
	return rc;
}

/* --- the answers --- */

static int
rekey(struct session *s, const struct moved *m, size_t pairs, struct error *e)
{
	struct ledger_change *changes = xcalloc(2 * pairs, sizeof(*changes));
	size_t n = 0;
	int rc;

	for (size_t i = 0; i < m->stranger_count; i++) {
		const struct stranger *stranger = &m->strangers[i];

		if (stranger->was == NULL)
			continue;
		changes[n].kind = CHANGE_UNKEY;
		changes[n].message = stranger->was->message;
		changes[pairs + n++] = (struct ledger_change){
			.kind = CHANGE_REKEY,
			.message = stranger->was->message,
			.uid = stranger->listed->uid,
			.copy = stranger->listed->copy,
			.octets = stranger->listed->octets,
			.header = slice_make(
			    stranger->header, sizeof(stranger->header)),
		};
	}
	rc = ledger_change(s->job->ledger, s->account, changes, 2 * pairs, e);
	free(changes);
	return rc;
}

static int
same_mailbox(struct session *s, struct moved *m, struct error *e)
{
	size_t pairs;

	if (m->lost_count == 0)
		return 0;
	if (see_all(m, s->pop3, e) < 0)
		return -1;
	pairs = moved_pair(m);
	if (pairs == 0)
		return 0;
	if (rekey(s, m, pairs, e) < 0)
		return -1;
	s->report->recognised = pairs;
	s->report->unrecognised = m->stranger_count - pairs;
	log_event("account=%s event=uids_changed recognised=%zu new=%zu",
	    s->job->account->name, pairs, m->stranger_count - pairs);
	return 1;
}

static int
other_mail(struct session *s, const struct moved *m, struct error *e)
{
	struct ledger_change *changes =
	    xcalloc(m->lost_count, sizeof(*changes));
	int rc;

	for (size_t i = 0; i < m->lost_count; i++)
		changes[i] = (struct ledger_change){ .kind = CHANGE_APART,
			.message = m->lost[i]->message };
	rc = ledger_change(
	    s->job->ledger, s->account, changes, m->lost_count, e);
	free(changes);
	return rc;
}

/* That it is other mail is only said where there is a question. */
static int
other_mail_if_asked(struct session *s, struct moved *m, struct error *e)
{
	size_t seen, same;
	int rc = moved_unmet(m) ? 1 : have_changed(m, s->pop3, &seen, &same, e);

	return rc > 0 ? other_mail(s, m, e) : rc;
}

int
recognise_answered(struct session *s, int64_t now, struct error *e)
{
	const char *account = s->job->account->name;
	struct moved m;
	int rc;

	moved_find(&m, &s->plan, &s->rows, now);
	if (s->job->other_mail) {
		rc = other_mail_if_asked(s, &m, e);
	} else if (s->job->moved) {
		rc = same_mailbox(s, &m, e);
		/* By its header nothing that was imported is recognised. */
		if (rc == 0 && moved_unmet(&m))
			rc = ask_imported(&m, account, e);
	} else {
		rc = look(&m, s->pop3, account, e);
	}
	moved_free(&m);
	return rc;
}
