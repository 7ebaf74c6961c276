/* keep.c - what has to be found again after a restart, kept in the ledger. */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/daemon-private.h"
#include "ledger/reader.h"

#include <stdlib.h>

/* What is to be kept is written together, so often at most. */
#define KEEP_MS 1000

/* Rows on their way to the ledger. */
struct keeping {
	struct ledger_schedule_job job; /* first: it comes back as a job */
	struct schedule_kept *kept; /* owned, as is the next */
	struct ledger_schedule *rows;
	char **names; /* owned, one for each row: a mailbox may go meanwhile */
	size_t count;
};

void
keep_note(struct daemon *d, struct mailbox *m)
{
	if (m->unkept)
		return;
	m->unkept = true;
	m->next_unkept = d->unkept;
	d->unkept = m;
	d->unkept_count++;
}

void
keep_forget(struct daemon *d, struct mailbox *m)
{
	struct mailbox **link = &d->unkept;

	if (!m->unkept)
		return;
	while (*link != m)
		link = &(*link)->next_unkept;
	*link = m->next_unkept;
	m->unkept = false;
	d->unkept_count--;
}

static struct keeping *
gather(struct daemon *d)
{
	struct keeping *k = xcalloc(1, sizeof(*k));
	int64_t now = clock_boot_ms(), wall = clock_wall();
	struct mailbox *m;

	k->kept = xcalloc(d->unkept_count, sizeof(*k->kept));
	k->rows = xcalloc(d->unkept_count, sizeof(*k->rows));
	k->names = xcalloc(d->unkept_count, sizeof(*k->names));
	while ((m = d->unkept) != NULL) {
		schedule_keep(&m->schedule, now, wall, &k->kept[k->count]);
		k->names[k->count] = xstrdup(m->name);
		k->rows[k->count] = k->kept[k->count].row;
		k->rows[k->count].account = k->names[k->count];
		k->rows[k->count].alerted = m->alerted;
		k->count++;
		keep_forget(d, m);
	}
	k->job.list = k->rows;
	k->job.count = k->count;
	return k;
}

static void
free_keeping(struct keeping *k)
{
	for (size_t i = 0; i < k->count; i++)
		free(k->names[i]);
	free(k->names);
	free(k->rows);
	free(k->kept);
	free(k);
}

/* When to write, if something is to be written. */
int64_t
keep_due(const struct daemon *d)
{
	return d->unkept != NULL && !d->keeping && !d->ledger_failed
	    ? d->keep_at
	    : INT64_MAX;
}

void
keep_write(struct daemon *d, int64_t now)
{
	struct keeping *k;

	if (now < keep_due(d))
		return;
	k = gather(d);
	k->job.job.answer = d->kept;
	d->keeping = true;
	d->keep_at = now + KEEP_MS;
	ledger_submit_schedules(d->ledger, &k->job);
}

/* It could not be written: it is again when the ledger can be. */
static void
note_again(struct daemon *d, const struct keeping *k)
{
	struct mailbox *m;

	for (size_t i = 0; i < k->count; i++) {
		m = roster_find(d, k->names[i]);
		if (m != NULL)
			keep_note(d, m);
	}
}

void
keep_written(struct daemon *d, struct ledger_job *job)
{
	struct keeping *k = (struct keeping *)job;

	d->keeping = false;
	if (job->rc < 0) {
		note_again(d, k);
		rounds_ledger_failed(d, &job->error);
	}
	free_keeping(k);
}

/* Before the ledger is closed. */
void
keep_end(struct daemon *d)
{
	struct ledger_job *job;

	if (d->keeping) {
		job = queue_wait(d->kept, -1, deadline_never());
		keep_written(d, job);
	}
	d->keep_at = 0;
	keep_write(d, 0);
	if (d->keeping) {
		job = queue_wait(d->kept, -1, deadline_never());
		keep_written(d, job);
	}
}

static void
restore(void *daemon, const struct ledger_schedule *row)
{
	struct daemon *d = daemon;
	struct mailbox *m = roster_find(d, row->account);

	if (m == NULL)
		return;
	schedule_restore(&m->schedule, row, clock_boot_ms(), clock_wall());
	m->alerted = m->troubles = row->alerted;
	m->wrong_since = row->failing_since;
	m->last_success = row->last_success;
}

int
keep_restore(struct daemon *d, struct error *e)
{
	struct reader *reader;
	int rc;

	if (reader_open(&reader, d->now->settings->state, e) < 0)
		return -1;
	rc = reader_schedules(reader, restore, d, e);
	reader_free(&reader);
	return rc;
}
