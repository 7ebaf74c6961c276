/* moving.c - the polls of `migrate`: each mailbox until it is moved. */
#include "command/moving.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "migrate/url.h"
#include "poll/outcome.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>

/* Between two attempts: after the first, and at most. */
#define AGAIN_MS 1000
#define AGAIN_MOST_MS (60 * 1000)

/* --- whether it is tried again --- */

static bool
passes_by_itself(enum error_kind kind)
{
	switch (kind) {
	case ERR_CONNECT:
	case ERR_TIMEOUT:
	case ERR_IO:
	case ERR_BUSY:
	case ERR_IN_USE:
	case ERR_LOGIN_DELAY:
		return true;
	default:
		return false;
	}
}

/*
 * As long as something is moved now and then there is no end to it; nothing is
 * tried again that is in doubt, since it may yet arrive.
 */
static int64_t
again_ms(struct moving *m, struct moved_box *b, const struct poll_end *end)
{
	const struct poll_report *r = end->report;
	int64_t now = clock_monotonic_ms(), stuck, wait = AGAIN_MS;

	if (end->rc < 0 && !passes_by_itself(end->error->kind))
		return -1;
	if (end->rc == 0 && r->deferred == 0)
		return -1;
	if (r->delivered > 0 || b->stuck_ms == 0) {
		b->stuck_ms = now;
		b->warned = false;
	}
	stuck = now - b->stuck_ms;
	while (wait < stuck && wait < AGAIN_MOST_MS)
		wait *= 2;
	if (wait < r->login_delay_s * 1000)
		wait = r->login_delay_s * 1000;
	return stuck + wait > m->patience_ms ? -1 : wait;
}

/* --- a poll --- */

static void
begin(void *arg, size_t i, struct poll_job *job)
{
	struct moving *m = arg;
	struct moved_box *b = &m->list[i];

	if (b->polls++ == 0) {
		b->began = clock_wall();
		b->began_ms = clock_monotonic_ms();
	}
	job->thorough = true;
	job->throttle = m->throttle;
	job->seen_too = m->in->all;
	job->impatient = !b->doubtful;
	job->spare_owed = true;
}

void
moving_counts(struct moving *m, size_t i)
{
	struct moved_box *b = &m->list[i];
	struct reader *reader = NULL;
	struct error e = { 0 };

	if (reader_open(&reader, m->state, &e) < 0 ||
	    reader_standing(reader, b->account.name, &b->standing, &e) < 0)
		log_warning("%s: %s", b->account.name, e.text);
	reader_free(&reader);
}

/* What a question says of fetch goes for migrate, as it was called. */
static void
question_words(const char *text, struct buffer *out)
{
	const char *quote, *option, *end;

	while ((quote = strstr(text, "fetch --")) != NULL) {
		const char *name = "postrider ";
		size_t len = strlen(name);

		option = quote + strlen("fetch ");
		end = option + strcspn(option, " \"");
		if ((size_t)(quote - text) >= len &&
		    strncmp(quote - len, name, len) == 0)
			quote -= len;
		buffer_add(out, text, (size_t)(quote - text));
		buffer_addf(out, "postrider migrate %.*s …",
		    (int)(end - option), option);
		text = end + strcspn(end, "\"");
	}
	buffer_add_text(out, text);
}

static void
tell_error(const struct moved_box *b, const struct error *e)
{
	struct buffer words = { 0 };

	if (e->kind == ERR_QUESTION)
		question_words(e->text, &words);
	log_error("%s: %s%s", b->account.name,
	    words.len > 0 ? words.data : e->text,
	    b->polls > 1 ? "; given up for now" : "");
	buffer_free(&words);
}

static void
tell(struct moving *m, size_t i, const struct poll_end *end)
{
	struct moved_box *b = &m->list[i];
	const struct poll_report *r = end->report;
	struct buffer line = { 0 };

	moved_tell(m, i, &line);
	if (!m->in->quiet && !m->in->json)
		progress_print(line.data);
	buffer_free(&line);
	if (r->trouble[0] != '\0')
		log_error("%s: %s%s", b->account.name, r->trouble,
		    r->held > 0 ? " (--retry-held tries again what is held)"
				: "");
	if (end->rc < 0 && end->error->kind != ERR_STOPPED &&
	    !(end->error->kind == ERR_LEDGER && m->polls.ledger_failed))
		tell_error(b, &b->error);
}

/* Once, until something has been moved. */
static void
say_again(struct moved_box *b, int64_t ms, const char *why)
{
	log_event("account=%s event=again ms=%lld reason=\"%s\"",
	    b->account.name, (long long)ms, why);
	if (!b->warned)
		log_warning("%s: %s; it is tried again", b->account.name, why);
	b->warned = true;
}

/* What is left, whichever poll has left it. */
static int
status_of(const struct standing *s)
{
	if (s->counts[STATE_NEW] + s->counts[STATE_DEFERRED] +
		s->counts[STATE_IN_DOUBT] + s->counts[STATE_REPORT_OWED] >
	    0)
		return EX_TEMPFAIL;
	return s->counts[STATE_HELD] > 0 ? EX_UNAVAILABLE : EX_OK;
}

static void
note_error(
    const struct moving *m, struct moved_box *b, const struct error *error)
{
	error_set(&b->error, error->kind, "%s%s", error->text,
	    m->by_urls ? url_way(error->text) : "");
}

static int64_t
end(void *arg, size_t i, const struct poll_end *end)
{
	struct moving *m = arg;
	struct moved_box *b = &m->list[i];
	const struct poll_report *r = end->report;
	int64_t wait;

	b->moved += r->delivered;
	b->octets += r->content;
	b->resent += r->resent;
	b->doubtful = b->doubtful || r->in_doubt > 0;
	b->took_ms = clock_monotonic_ms() - b->began_ms;
	wait = again_ms(m, b, end);
	if (wait >= 0 && stop_level(m->stop) == STOP_NO) {
		say_again(b, wait, end->rc < 0 ? end->error->text : r->trouble);
		return wait;
	}
	b->ended = true;
	b->well = end->rc == 0 && r->listed && r->left_out == 0;
	if (end->rc < 0)
		note_error(m, b, end->error);
	moving_counts(m, i);
	tell(m, i, end);
	polls_worse(&m->polls, outcome_status(r, end->rc, end->error));
	polls_worse(&m->polls, status_of(&b->standing));
	return -1;
}

/* --- where they go --- */

static bool
is_among(const char *places, const char *target)
{
	size_t len = strlen(target);

	for (const char *at = places; *at != '\0'; at += strcspn(at, "\n")) {
		at += *at == '\n';
		if (strncasecmp(at, target, len) == 0 &&
		    (at[len] == '\n' || at[len] == '\0'))
			return true;
	}
	return false;
}

/* "A" or "A, then B" */
static char *
places_words(struct slice places)
{
	struct buffer out = { 0 };

	for (size_t i = 0; i < places.len; i++)
		if (places.data[i] == '\n')
			buffer_add_text(&out, ", then ");
		else
			buffer_add(&out, &places.data[i], 1);
	return out.data;
}

/* That another name or server is meant, its poll finds out and asks about. */
static int
find_target(
    struct moving *m, struct moved_box *b, struct reader *r, struct error *e)
{
	const struct account *a = &b->account;
	struct buffer places = { 0 };

	if (ledger_account(m->polls.ledger, a->name, a->at.host, a->login.user,
		m->polls.names, m->in->same_mailbox, &b->row, e) < 0) {
		if (e->kind != ERR_QUESTION)
			return -1;
		error_clear(e);
		return 0;
	}
	if (reader_moved_to(r, b->row, &places, e) < 0)
		return -1;
	b->remembered = places.len > 0 && is_among(places.data, b->target);
	if (places.len > 0)
		b->went = places_words(buffer_slice(&places));
	buffer_free(&places);
	return 0;
}

/* All of them, before anything of any is moved. */
static int
ask_about_targets(const struct moving *m, struct error *e)
{
	size_t others = 0;

	for (size_t i = 0; i < m->count; i++) {
		const struct moved_box *b = &m->list[i];

		if (b->went == NULL || b->remembered)
			continue;
		others++;
		log_error("%s: its mail was moved to %s, and is now to go to "
			  "%s",
		    b->account.name, b->went, b->target);
	}
	if (others == 0)
		return 0;
	return error_set(e, ERR_QUESTION,
	    "nothing was moved. What was moved is not sent again. To move only "
	    "the rest to the new place, say --elsewhere; to move all of it "
	    "again, use another state directory (--state)");
}

static int
note_target(struct moving *m, struct moved_box *b, struct error *e)
{
	struct ledger_change change = { .kind = CHANGE_MOVED_TO,
		.destination = b->target };
	char *both;

	if (b->row == 0 || b->remembered)
		return 0;
	if (b->went != NULL) {
		both = xasprintf("%s, then %s", b->went, b->target);
		free(b->went);
		b->went = both;
	}
	return ledger_change(m->polls.ledger, b->row, &change, 1, e);
}

int
moving_targets(struct moving *m, struct error *e)
{
	struct reader *reader = NULL;
	int rc = reader_open(&reader, m->state, e);

	for (size_t i = 0; rc == 0 && i < m->count; i++)
		rc = find_target(m, &m->list[i], reader, e);
	reader_free(&reader);
	if (rc == 0 && !m->in->migrate.elsewhere)
		rc = ask_about_targets(m, e);
	for (size_t i = 0; rc == 0 && i < m->count; i++)
		rc = note_target(m, &m->list[i], e);
	return rc;
}

/* --- those that are held --- */

struct held {
	struct ledger_change *list; /* owned */
	size_t count;
};

static void
note_held(void *arg, const struct waiting *w)
{
	struct held *h = arg;

	h->list = xrealloc(h->list, h->count + 1, sizeof(*h->list));
	h->list[h->count++] = (struct ledger_change){ .kind = CHANGE_RETRY,
		.message = w->message };
}

static int
retry_held(struct moving *m, struct reader *reader, size_t i, struct error *e)
{
	const struct account *a = m->accounts[i];
	struct held h = { NULL, 0 };
	int64_t account = 0;
	size_t found;
	int rc;

	rc = reader_account(
	    reader, a->name, a->at.host, a->login.user, NULL, &account, e);
	if (rc == 0 && account != 0)
		rc = reader_waiting(reader, a->name, 0, 1u << STATE_HELD,
		    note_held, &h, &found, e);
	if (rc == 0 && h.count > 0)
		rc =
		    ledger_change(m->polls.ledger, account, h.list, h.count, e);
	free(h.list);
	return rc;
}

static int
retry_all_held(struct moving *m, struct error *e)
{
	struct reader *reader = NULL;
	int rc = reader_open(&reader, m->state, e);

	for (size_t i = 0; rc == 0 && i < m->count; i++)
		rc = retry_held(m, reader, i, e);
	reader_free(&reader);
	return rc;
}

/* --- those that are missing or changed where they went --- */

struct faulty {
	struct ledger_change *list; /* owned */
	size_t count;
	uint64_t gone; /* not at the source any more */
};

static int
note_faulty(void *arg, const struct proof *p, struct error *e)
{
	struct faulty *f = arg;

	(void)e;
	if ((p->verdict & (VERIFIED_MISSING | VERIFIED_CHANGED)) == 0)
		return 0;
	f->gone += p->state == STATE_GONE;
	if (p->state != STATE_DELIVERED && p->state != STATE_DELETE_OWED)
		return 0;
	f->list = xrealloc(f->list, f->count + 1, sizeof(*f->list));
	f->list[f->count++] = (struct ledger_change){ .kind = CHANGE_RESEND,
		.message = p->message };
	return 0;
}

static int
resend(struct moving *m, struct reader *reader, struct moved_box *b,
    struct error *e)
{
	struct faulty f = { 0 };
	int rc = 0;

	if (b->row != 0)
		rc = reader_proofs(reader, b->row, note_faulty, &f, e);
	if (rc == 0 && f.count > 0)
		rc = ledger_change(m->polls.ledger, b->row, f.list, f.count, e);
	if (f.gone > 0)
		log_warning("%s: %" PRIu64 " that %s missing or changed at the "
			    "destination cannot be sent again: not at the "
			    "source any more",
		    b->account.name, f.gone, f.gone == 1 ? "is" : "are");
	free(f.list);
	return rc;
}

static int
resend_all(struct moving *m, struct error *e)
{
	struct reader *reader = NULL;
	int rc = reader_open(&reader, m->state, e);

	for (size_t i = 0; rc == 0 && i < m->count; i++)
		rc = resend(m, reader, &m->list[i], e);
	reader_free(&reader);
	return rc;
}

/* --- all of them --- */

void
moving_begin(struct moving *m)
{
	m->polls = (struct polls){
		.in = m->in,
		.settings = m->settings,
		.accounts = m->accounts,
		.state = m->state,
		.each = true,
		.keep_passwords = true,
		.begin = begin,
		.end = end,
		.arg = m,
	};
}

int
moving_run(struct moving *m, struct error *e)
{
	int rc;

	if (moving_targets(m, e) < 0)
		return -1;
	if (m->in->migrate.retry_held && retry_all_held(m, e) < 0)
		return -1;
	if (m->in->migrate.resend && resend_all(m, e) < 0)
		return -1;
	rc = polls_all(&m->polls, e);
	for (size_t i = 0; i < m->count; i++)
		if (!m->list[i].ended)
			moving_counts(m, i);
	return rc;
}
