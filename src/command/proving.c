/* proving.c - what was moved is compared, and what is proven may be deleted. */
#include "command/moving.h"

#include "base/alloc.h"
#include "base/log.h"
#include "base/wait.h"
#include "poll/crew.h"
#include "poll/outcome.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

/* Of one mailbox, so many that are no faults are told; a report has more. */
#define NOTES_MOST 20

/* --- verification --- */

/* A wrong password is not tried once more, nor a server that is not there. */
static bool
is_to_be_verified(const struct moved_box *b)
{
	return b->ended && b->error.kind == ERR_NONE;
}

static int
verify(struct moving *m, size_t i, struct error *e)
{
	struct moved_box *b = &m->list[i];
	struct verify_job job = {
		.source = &b->account,
		.at = m->there.list[i],
		.ledger = m->polls.ledger,
		.spare = m->in->migrate.delete_source,
		.late_since = b->moved > 0 ? b->began : 0,
		.patience_ms = m->patience_ms,
		.state_dir = m->state,
		.stop = m->stop,
		.progress = &m->polls.progress[i].verify,
	};

	if (polls_password(&m->polls, i, &job.password, e) < 0)
		return -1;
	return verify_run(&job, &b->result, e);
}

static void
tell(struct moving *m, struct moved_box *b)
{
	struct buffer out = { 0 };
	char *line, *rest;

	if (b->verify_rc < 0) {
		if (b->verify_error.kind != ERR_STOPPED)
			log_error("%s: not verified: %s", b->account.name,
			    b->verify_error.text);
		return;
	}
	verify_tell(&b->result, b->account.name, NOTES_MOST, &out);
	rest = out.data;
	/* What is wrong is to be heard even with -q. */
	while (rest != NULL && (line = strsep(&rest, "\n")) != NULL) {
		if (*line == '\0')
			continue;
		if (!verify_is_well(&b->result) &&
		    (m->in->quiet || m->in->json))
			log_error("%s", line);
		else if (!m->in->quiet && !m->in->json)
			progress_print(line);
	}
	buffer_free(&out);
}

static int
verify_one(void *arg, size_t i)
{
	struct moving *m = arg;
	struct moved_box *b = &m->list[i];
	struct error e = { 0 };

	if (!is_to_be_verified(b))
		return 0;
	progress_begin(&m->polls.progress[i]);
	b->verify_rc = verify(m, i, &e);
	b->verify_error = e;
	b->verified = b->verify_rc == 0;
	progress_end(&m->polls.progress[i]);
	pthread_mutex_lock(&m->polls.lock);
	tell(m, b);
	polls_worse(&m->polls, verify_status(&b->result, b->verify_rc, &e));
	pthread_mutex_unlock(&m->polls.lock);
	return b->verify_rc < 0 &&
		(e.kind == ERR_LEDGER || e.kind == ERR_STOPPED)
	    ? -1
	    : 0;
}

int
proving_run(struct moving *m, struct error *e)
{
	struct crew_task task = { .poll = verify_one, .arg = m };
	struct crew *crew;
	int rc = 0;

	if (there_passwords(&m->there, m->stop, e) < 0)
		return -1;
	progress_restart(m->polls.progress, m->count, true);
	crew_new(&crew, polls_at_once(&m->polls),
	    m->settings->max_polls_per_server, &task, m->stop);
	for (size_t i = 0; i < m->count; i++)
		crew_add(crew, &m->accounts[i]->at);
	for (size_t i = 0; rc == 0 && i < m->count; i++)
		rc = crew_poll(crew, i, e);
	crew_free(&crew);
	progress_clear();
	return rc;
}

/* --- deletion --- */

static uint64_t
count_proven(struct moving *m, size_t *mailboxes)
{
	uint64_t messages = 0;

	*mailboxes = 0;
	for (size_t i = 0; i < m->count; i++) {
		struct moved_box *b = &m->list[i];

		b->to_delete = b->verified ? b->result.sound_count : 0;
		messages += b->to_delete;
		*mailboxes += b->to_delete > 0;
	}
	return messages;
}

static size_t
count_blind(const struct moving *m)
{
	size_t n = 0;

	for (size_t i = 0; i < m->count; i++)
		n += m->list[i].to_delete > 0 &&
		    m->there.list[i].where == VERIFY_NOWHERE;
	return n;
}

/* The answer, unless we are asked to stop before it. */
static bool
ask(const struct moving *m, const char *question)
{
	struct error e = { 0 };
	char answer[64] = "";
	ssize_t n = 0;

	log_claim_terminal();
	fputs(question, stderr);
	if (wait_for(STDIN_FILENO, POLLIN, -1, stop_fd(m->stop, STOP_SOON),
		deadline_never(), &e) > 0)
		n = read(STDIN_FILENO, answer, sizeof(answer) - 1);
	log_release_terminal();
	return n > 0 && (answer[0] == 'y' || answer[0] == 'Y');
}

static bool
confirmed(const struct moving *m, uint64_t messages, size_t mailboxes)
{
	size_t blind = count_blind(m);
	char question[300];

	if (blind > 0)
		log_warning("%zu of these mailboxes could only be compared "
			    "with what was sent: where it went could not be "
			    "read, and only its server's replies vouch for it "
			    "(--at)",
		    blind);
	if (m->in->yes)
		return true;
	snprintf(question, sizeof(question),
	    "delete %" PRIu64 " message%s from %zu mailbox%s, each of them "
	    "proven to be moved? [y/N] ",
	    messages, messages == 1 ? "" : "s", mailboxes,
	    mailboxes == 1 ? "" : "es");
	return ask(m, question);
}

/* What is not deleted, though it was read at the source. */
static void
say_kept(const struct moving *m)
{
	uint64_t kept = 0, bound = 0;

	for (size_t i = 0; i < m->count; i++) {
		kept += m->list[i].result.kept;
		bound += m->list[i].result.bound;
	}
	if (kept > 0)
		log_warning("%" PRIu64 " message%s kept at the source: when "
			    "the destination was read last it did not have %s "
			    "as sent (--at reads it again, --resend sends %s "
			    "again)",
		    kept, kept == 1 ? " is" : "s are",
		    kept == 1 ? "it" : "them", kept == 1 ? "it" : "them");
	if (bound > 0)
		log_warning("%" PRIu64 " proven message%s kept at the source: "
			    "another one with the same UID is not proven, and "
			    "they can only be deleted together",
		    bound, bound == 1 ? " is" : "s are");
}

/* All of a mailbox's in one transaction. */
static int
change(struct moving *m, struct moved_box *b, enum change_kind kind,
    struct reader *reader, struct error *e)
{
	const struct account *a = &b->account;
	struct ledger_change *changes =
	    xcalloc(b->result.sound_count, sizeof(*changes));
	int64_t account = 0;
	int rc;

	for (size_t i = 0; i < b->result.sound_count; i++)
		changes[i] = (struct ledger_change){ .kind = kind,
			.message = b->result.sound[i] };
	rc = reader_account(
	    reader, a->name, a->at.host, a->login.user, NULL, &account, e);
	if (rc == 0)
		rc = ledger_change(m->polls.ledger, account, changes,
		    b->result.sound_count, e);
	free(changes);
	b->deletes = rc == 0 && kind == CHANGE_OWE;
	return rc;
}

/* CHANGE_OWE, or CHANGE_SPARE: an earlier run may have wanted it. */
static int
change_all(struct moving *m, enum change_kind kind, struct error *e)
{
	struct reader *reader = NULL;
	int rc = reader_open(&reader, m->state, e);

	for (size_t i = 0; rc == 0 && i < m->count; i++)
		if (m->list[i].to_delete > 0)
			rc = change(m, &m->list[i], kind, reader, e);
	reader_free(&reader);
	return rc;
}

static bool
deletes(void *arg, size_t i)
{
	struct moving *m = arg;

	return m->list[i].deletes;
}

static void
begin_deletion(void *arg, size_t i, struct poll_job *job)
{
	(void)arg;
	(void)i;
	job->thorough = true;
	job->only_owed = true;
}

static int64_t
end_deletion(void *arg, size_t i, const struct poll_end *end)
{
	struct moving *m = arg;
	struct moved_box *b = &m->list[i];
	const struct poll_report *r = end->report;
	struct buffer line = { 0 };
	int status = outcome_status(r, end->rc, end->error);

	b->deleted = r->deleted;
	buffer_addf(&line, "%s: %" PRIu64 " message%s deleted", b->account.name,
	    r->deleted, r->deleted == 1 ? "" : "s");
	if (!m->in->quiet && !m->in->json)
		progress_print(line.data);
	buffer_free(&line);
	if (end->rc < 0 && end->error->kind != ERR_STOPPED)
		log_error("%s: %s", b->account.name, end->error->text);
	if (r->deleted < b->to_delete && end->rc == 0) {
		log_error("%s: %" PRIu64 " are still there: run it again with "
			  "--delete-source",
		    b->account.name, b->to_delete - r->deleted);
		status = command_worse(status, EX_UNAVAILABLE);
	}
	polls_worse(&m->polls, status);
	moving_counts(m, i);
	return -1;
}

int
proving_delete(struct moving *m, struct error *e)
{
	size_t mailboxes;
	uint64_t messages = count_proven(m, &mailboxes);

	say_kept(m);
	if (messages == 0) {
		if (!m->in->quiet && !m->in->json)
			progress_print("nothing is to be deleted");
		return 0;
	}
	if (!confirmed(m, messages, mailboxes)) {
		m->refused_to_delete = true;
		if (!m->in->quiet && !m->in->json)
			progress_print("nothing has been deleted");
		return change_all(m, CHANGE_SPARE, e);
	}
	if (change_all(m, CHANGE_OWE, e) < 0)
		return -1;
	progress_restart(m->polls.progress, m->count, false);
	m->polls.wanted = deletes;
	m->polls.begin = begin_deletion;
	m->polls.end = end_deletion;
	return polls_all(&m->polls, e);
}
