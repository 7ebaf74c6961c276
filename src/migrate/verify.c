/* verify.c - see verify.h. */
#include "migrate/verify.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/text.h"
#include "base/wait.h"
#include "ledger/reader.h"
#include "migrate/checks.h"
#include "migrate/content.h"
#include "migrate/maildir.h"
#include "migrate/url.h"
#include "poll/peruse.h"

#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

/* Verdicts that are recorded together. */
#define TOGETHER ((size_t)1000)

struct verification {
	const struct verify_job *job; /* borrowed, as is the result */
	struct verify_result *result;
	struct verify_progress ignored; /* for who has none */
	struct verify_progress *progress;
	int64_t account; /* the ledger's row */
	struct checks checks;
	struct content content; /* of the message that is read now */
	struct check *reading; /* at the source */
};

static void
phase(struct verification *v, enum verify_phase phase, uint64_t messages)
{
	atomic_store(&v->progress->messages_done, 0);
	atomic_store(&v->progress->octets_done, 0);
	atomic_store(&v->progress->messages, messages);
	atomic_store(&v->progress->phase, phase);
}

/* --- the destination --- */

static void
there_begins(void *arg, const char *where)
{
	struct verification *v = arg;

	(void)where;
	content_begin(&v->content, &v->checks.tags);
}

static void
there_comes(void *arg, struct slice octets)
{
	struct verification *v = arg;

	content_add(&v->content, octets);
	v->result->there_octets += octets.len;
	atomic_fetch_add(&v->progress->octets_done, octets.len);
}

static void
there_ends(void *arg, const char *where)
{
	struct verification *v = arg;
	struct check *one;

	content_end(&v->content);
	v->result->there_messages++;
	atomic_fetch_add(&v->progress->messages_done, 1);
	if (!v->content.ours) {
		v->result->others++;
		return;
	}
	one = checks_by_id(&v->checks, v->content.id);
	if (one != NULL && one->kind == CHECK_MOVED)
		check_there(&v->checks, one, &v->content, where);
}

static int
read_maildir(struct verification *v, struct error *e)
{
	struct maildir_reader who = { .begin = there_begins,
		.take = there_comes,
		.end = there_ends,
		.arg = v };

	phase(v, VERIFY_READING_THERE, v->checks.moved);
	return maildir_read(v->job->at.path, v->job->stop, &who, e);
}

/* What is not read because of that may be any of them. */
static void
contradictory(const struct listing *l, struct error *e)
{
	error_set(e, ERR_PROTOCOL,
	    "the server contradicts itself about %zu message%s, not read",
	    l->left_out, l->left_out == 1 ? "" : "s");
}

static void
pop3_listed(void *arg, const struct listing *l)
{
	struct verification *v = arg;

	atomic_store(&v->progress->messages, l->count);
	if (l->left_out > 0)
		contradictory(l, &v->result->there_error);
}

static bool
pop3_wanted(void *arg, const struct listing_entry *m)
{
	(void)arg;
	(void)m;
	return true;
}

static void
pop3_begins(void *arg, const struct listing_entry *m)
{
	(void)m;
	there_begins(arg, NULL);
}

/* One that is refused may be any: it is as if it were not there. */
static void
pop3_ends(void *arg, const struct listing_entry *m, const struct error *refused)
{
	struct verification *v = arg;
	char where[64];

	if (refused != NULL) {
		if (v->result->there_error.kind == ERR_NONE)
			v->result->there_error = *refused;
		return;
	}
	snprintf(where, sizeof(where), "message %lu", (unsigned long)m->number);
	there_ends(v, where);
}

static int
read_pop3(struct verification *v, struct error *e)
{
	struct peruser who = { .listed = pop3_listed,
		.wanted = pop3_wanted,
		.begin = pop3_begins,
		.take = there_comes,
		.end = pop3_ends,
		.arg = v };

	phase(v, VERIFY_READING_THERE, 0);
	return peruse(
	    v->job->at.account, v->job->at.password, v->job->stop, &who, e);
}

/* 0: read, or not to be read. What went wrong is noted. */
static void
read_there(struct verification *v)
{
	struct verify_result *r = v->result;
	struct error e = { 0 };
	int rc = 0;

	switch (v->job->at.where) {
	case VERIFY_NOWHERE:
		return;
	case VERIFY_MAILDIR:
		rc = read_maildir(v, &e);
		break;
	case VERIFY_POP3:
		rc = read_pop3(v, &e);
		break;
	}
	/* Wherever the mailboxes stand, this place is a URL. */
	if (rc < 0)
		error_set(
		    &r->there_error, e.kind, "%s%s", e.text, url_way(e.text));
	r->read_there = r->there_error.kind == ERR_NONE;
}

/* Between two readings: after the first, and at most. */
#define AGAIN_MS 1000
#define AGAIN_MOST_MS (60 * 1000)

/* What was moved a moment ago may not have been filed there yet. */
static void
read_there_in_the_end(struct verification *v)
{
	const struct verify_job *job = v->job;
	struct verify_result *r = v->result;
	struct deadline until = deadline_in(job->patience_ms);
	int64_t wait = AGAIN_MS;

	read_there(v);
	while (r->read_there && checks_late(&v->checks, job->late_since) > 0 &&
	    deadline_left(until) >= wait) {
		phase(v, VERIFY_WAITING, 0);
		if (wait_for(-1, 0, -1, stop_fd(job->stop, STOP_SOON),
			deadline_in(wait), &r->there_error) < 0)
			return;
		checks_forget_there(&v->checks);
		r->there_messages = r->there_octets = r->others = 0;
		r->read_there = false;
		read_there(v);
		wait = wait < AGAIN_MOST_MS / 2 ? 2 * wait : AGAIN_MOST_MS;
	}
	if (r->read_there)
		r->late = checks_late(&v->checks, job->late_since);
}

/* --- the source --- */

static void
source_listed(void *arg, const struct listing *l)
{
	struct verification *v = arg;
	struct check *one;

	v->result->not_moved = 0;
	if (l->left_out > 0)
		contradictory(l, &v->result->source_error);
	for (size_t i = 0; i < l->count; i++) {
		one =
		    checks_by_uid(&v->checks, l->list[i].uid, l->list[i].copy);
		if (one != NULL)
			one->listed = true;
		if (one == NULL || one->kind == CHECK_OPEN)
			v->result->not_moved++;
	}
}

static bool
source_wanted(void *arg, const struct listing_entry *m)
{
	struct verification *v = arg;
	const struct check *one = checks_by_uid(&v->checks, m->uid, m->copy);

	return one != NULL && one->kind == CHECK_MOVED;
}

static void
source_begins(void *arg, const struct listing_entry *m)
{
	struct verification *v = arg;

	v->reading = checks_by_uid(&v->checks, m->uid, m->copy);
	content_begin(&v->content, NULL);
}

static void
source_comes(void *arg, struct slice octets)
{
	struct verification *v = arg;

	content_add(&v->content, octets);
	v->result->source_octets += octets.len;
	atomic_fetch_add(&v->progress->octets_done, octets.len);
}

static void
source_ends(
    void *arg, const struct listing_entry *m, const struct error *refused)
{
	struct verification *v = arg;

	(void)m;
	atomic_fetch_add(&v->progress->messages_done, 1);
	if (refused != NULL) {
		v->reading->refused = xstrdup(refused->text);
		return;
	}
	content_end(&v->content);
	v->result->source_messages++;
	check_source(
	    &v->checks, v->reading, &v->content, v->result->read_there);
}

static void
read_source(struct verification *v)
{
	struct peruser who = { .listed = source_listed,
		.wanted = source_wanted,
		.begin = source_begins,
		.take = source_comes,
		.end = source_ends,
		.arg = v };
	struct verify_result *r = v->result;
	struct error e = { 0 };

	if (v->job->password == NULL)
		return;
	phase(v, VERIFY_READING_SOURCE, v->checks.moved);
	if (peruse(v->job->source, v->job->password, v->job->stop, &who, &e) <
	    0)
		r->source_error = e;
	r->read_source = r->source_error.kind == ERR_NONE;
}

/* --- what comes of it --- */

static int
load(struct verification *v, struct error *e)
{
	const struct verify_job *job = v->job;
	const char *server = job->source->at.host;
	const char *user = job->source->login.user;
	struct reader *r;
	int rc;

	if (reader_open(&r, job->state_dir, e) < 0)
		return -1;
	rc = reader_account(
	    r, job->source->name, server, user, NULL, &v->account, e);
	if (rc == 0)
		rc = checks_read(&v->checks, r, v->account, server, user, e);
	reader_free(&r);
	if (rc == 0) {
		v->result->delivered = v->checks.moved;
		v->result->octets = v->checks.octets;
	}
	return rc;
}

/*
 * That one which we deleted is not at the source says nothing new; what was
 * found of it before that does.
 */
static bool
is_told(const struct check *one, unsigned verdict)
{
	if (one->kind != CHECK_MOVED || verdict == 0)
		return false;
	return !one->deleted || verdict != VERIFIED_SOURCE_GONE;
}

static bool
is_spared(
    const struct verification *v, const struct check *one, unsigned verdict)
{
	if (!one->owed)
		return false;
	if (verdict &
	    (VERIFIED_MISSING | VERIFIED_CHANGED | VERIFIED_SOURCE_CHANGED))
		return true;
	return v->job->spare && !one->sound;
}

static int
record(struct verification *v, struct error *e)
{
	struct ledger_change *changes = xcalloc(TOGETHER + 1, sizeof(*changes));
	const struct checks *c = &v->checks;
	size_t n = 0;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < c->count; i++) {
		unsigned verdict = check_verdict(
		    &c->list[i], v->result->read_source, v->result->read_there);

		if (is_told(&c->list[i], verdict))
			changes[n++] =
			    (struct ledger_change){ .kind = CHANGE_VERIFIED,
				    .message = c->list[i].message,
				    .verdict = verdict };
		if (is_spared(v, &c->list[i], verdict))
			changes[n++] =
			    (struct ledger_change){ .kind = CHANGE_SPARE,
				    .message = c->list[i].message };
		if (n >= TOGETHER || (i + 1 == c->count && n > 0)) {
			rc = ledger_change(
			    v->job->ledger, v->account, changes, n, e);
			n = 0;
		}
	}
	free(changes);
	return rc;
}

/* Neither side could be read: then nothing was compared. */
static int
check_read(const struct verification *v, struct error *e)
{
	const struct verify_result *r = v->result;
	bool stopped = r->source_error.kind == ERR_STOPPED ||
	    r->there_error.kind == ERR_STOPPED;

	if (stopped)
		return error_set(e, ERR_STOPPED, "stopped");
	if (r->read_source || r->read_there || v->checks.moved == 0)
		return 0;
	*e = r->there_error.kind != ERR_NONE ? r->there_error : r->source_error;
	if (e->kind == ERR_NONE)
		error_set(e, ERR_USAGE,
		    "neither the source nor the destination is to be read");
	return -1;
}

static int
compare(struct verification *v, struct error *e)
{
	if (load(v, e) < 0)
		return -1;
	if (v->checks.moved > 0) {
		read_there_in_the_end(v);
		if (v->result->there_error.kind != ERR_STOPPED)
			read_source(v);
	}
	if (check_read(v, e) < 0)
		return -1;
	checks_judge(&v->checks, v->result);
	return record(v, e);
}

int
verify_run(
    const struct verify_job *job, struct verify_result *result, struct error *e)
{
	struct verification v = { .job = job, .result = result };
	int rc;

	*result = (struct verify_result){ .began = clock_wall(),
		.has_place = job->at.where != VERIFY_NOWHERE };
	v.progress = job->progress != NULL ? job->progress : &v.ignored;
	rc = compare(&v, e);
	result->ended = clock_wall();
	phase(&v, VERIFY_DONE, 0);
	content_free(&v.content);
	checks_free(&v.checks);
	return rc;
}

void
verify_result_free(struct verify_result *result)
{
	for (size_t i = 0; i < result->finding_count; i++) {
		buffer_free(&result->findings[i].uid);
		free(result->findings[i].subject);
		free(result->findings[i].where);
		free(result->findings[i].words);
	}
	free(result->findings);
	free(result->sound);
	*result = (struct verify_result){ 0 };
}

enum verify_rank
verify_rank(unsigned verdict, bool grave)
{
	if (verdict & VERIFIED_MISSING)
		return RANK_MISSING;
	if (verdict & VERIFIED_CHANGED)
		return RANK_CHANGED;
	if (verdict & VERIFIED_SOURCE_CHANGED)
		return RANK_CHANGED_SOURCE;
	return grave ? RANK_UNPROVEN : RANK_NOTE;
}

static bool
has_faults(const struct verify_result *r)
{
	return r->stand > 0 || r->changed_source > 0 || r->missing > 0 ||
	    r->changed > 0 || r->unproven > 0 || r->not_moved > 0;
}

bool
verify_is_well(const struct verify_result *r)
{
	return r->source_error.kind == ERR_NONE &&
	    r->there_error.kind == ERR_NONE && !has_faults(r);
}

int
verify_status(const struct verify_result *r, int rc, const struct error *e)
{
	int status = has_faults(r) ? EX_DATAERR : EX_OK;

	if (rc < 0)
		return error_exit_status(e->kind);
	status = error_worse(status, error_exit_status(r->source_error.kind));
	return error_worse(status, error_exit_status(r->there_error.kind));
}
