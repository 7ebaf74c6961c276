/* glance.c - see glance.h. */
#include "command/glance.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "daemon/client.h"
#include "ledger/lock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define NAMES_MOST 1000

static const char *const moods[MOODS] = {
	[MOOD_OK] = "ok",
	[MOOD_NEW] = "new",
	[MOOD_WAITING] = "waiting",
	[MOOD_POLLING] = "polling",
	[MOOD_INTERRUPTED] = "interrupted",
	[MOOD_BLOCKED] = "blocked",
	[MOOD_FAILING] = "failing",
	[MOOD_RESTING] = "resting",
	[MOOD_ASKS] = "asks",
};

const char *
mood_name(enum mood mood)
{
	return moods[mood];
}

/* --- from the daemon --- */

static int
by_name(const void *a, const void *b)
{
	const struct glance *const *one = a;
	const struct glance *const *other = b;

	return strcmp((*one)->of.name, (*other)->of.name);
}

static int
named(const void *name, const void *entry)
{
	const struct glance *const *one = entry;

	return strcmp(name, (*one)->of.name);
}

static struct glance *
find(const struct glances *g, const char *name)
{
	struct glance **found =
	    bsearch(name, g->by_name, g->count, sizeof(*g->by_name), named);

	return found != NULL ? *found : NULL;
}

static void
take_destination(struct glances *g, const struct live_destination *d)
{
	g->destinations = xrealloc(g->destinations, g->destination_count + 1,
	    sizeof(*g->destinations));
	g->destinations[g->destination_count++] = *d;
}

static void
take_row(struct glances *g, char *line)
{
	struct glance *one;
	struct live_row row;

	live_parse(line, &row);
	switch (row.kind) {
	case LIVE_DAEMON:
		g->running = true;
		g->daemon = row.daemon;
		break;
	case LIVE_ACCOUNT:
		one = find(g, row.account.name);
		if (one != NULL) {
			one->has_live = true;
			one->live = row.account;
		}
		break;
	case LIVE_DESTINATION:
		take_destination(g, &row.destination);
		break;
	case LIVE_OTHER:
		break;
	}
}

static void
hear(void *arg, enum answer_kind kind, char *line)
{
	struct glances *g = arg;

	if (kind == ANSWER_COMPLAINT) {
		snprintf(g->trouble, sizeof(g->trouble), "%s", line);
		return;
	}
	if ((g->row_count & (g->row_count - 1)) == 0)
		g->rows = xrealloc(g->rows,
		    g->row_count == 0 ? 1 : 2 * g->row_count, sizeof(*g->rows));
	g->rows[g->row_count] = xstrdup(line);
	take_row(g, g->rows[g->row_count++]);
}

/* That it does not answer is something to show, and no reason to show less. */
static void
read_live(struct glances *g, const char *state, bool all)
{
	struct request r = { .verb = REQUEST_STATUS };
	struct error e = { 0 };
	int status;

	g->by_name = xcalloc(g->count + 1, sizeof(*g->by_name));
	for (size_t i = 0; i < g->count; i++)
		g->by_name[i] = &g->list[i];
	qsort(g->by_name, g->count, sizeof(*g->by_name), by_name);
	/* Of so many it tells as fast of all. */
	all = all || g->count > NAMES_MOST;
	for (size_t i = 0; i < g->count && !all; i++)
		request_add(&r, g->list[i].of.name);
	if (client_ask(state, &r, hear, g, &status, &e) < 0 &&
	    e.kind != ERR_CONNECT)
		snprintf(g->trouble, sizeof(g->trouble), "%s", e.text);
	request_free(&r);
}

/* --- from the ledger --- */

static int
read_standings(struct glances *g, const char *state, struct error *e)
{
	struct reader *reader = NULL;
	int rc = reader_open(&reader, state, e);

	for (size_t i = 0; rc == 0 && i < g->count; i++) {
		struct glance *one = &g->list[i];
		const char *name = one->of.name;

		rc = reader_standing(reader, name, &one->s, e);
		if (rc == 0)
			rc = reader_hours(reader, name, g->now, &one->hours, e);
	}
	reader_free(&reader);
	return rc;
}

/* --- both --- */

static enum mood
mood_of_live(const struct glance *one)
{
	switch (one->live.state) {
	case LIVE_POLLING:
		return MOOD_POLLING;
	case LIVE_RESTING:
		return MOOD_RESTING;
	case LIVE_BLOCKED:
		return MOOD_BLOCKED;
	case LIVE_BACKING_OFF:
		return MOOD_FAILING;
	case LIVE_WAITING:
		return MOOD_WAITING;
	case LIVE_IDLE:
		break;
	}
	return MOOD_OK;
}

static enum mood
mood_of(const struct glance *one)
{
	const struct standing *s = &one->s;
	enum mood live = one->has_live ? mood_of_live(one) : MOOD_OK;

	if (live == MOOD_POLLING || one->polling)
		return MOOD_POLLING;
	if (strcmp(one->kind, error_name(ERR_QUESTION)) == 0)
		return MOOD_ASKS;
	if (live == MOOD_RESTING || live == MOOD_BLOCKED)
		return live;
	if (one->kind[0] != '\0' || live == MOOD_FAILING)
		return MOOD_FAILING;
	if (one->interrupted)
		return MOOD_INTERRUPTED;
	if (live == MOOD_WAITING)
		return live;
	return s->last_started == 0 ? MOOD_NEW : MOOD_OK;
}

/*
 * A poll that ends before its account is found in the ledger is not written down
 * there.
 */
static void
choose_trouble(struct glance *one)
{
	bool seen = one->has_live && one->live.kind[0] != '\0';

	one->kind = seen ? one->live.kind : one->s.error_kind;
	one->words = seen ? one->live.words : one->s.error_text;
	one->unwritten = seen && strcmp(one->kind, one->s.error_kind) != 0;
}

/*
 * Since when the poll under way may have written, or 0: there is none. A poll
 * that began before the process that is at work was of another one; and one may
 * have begun after the daemon was asked.
 */
static int64_t
polled_since(const struct glance *one, int64_t asked, int64_t at_work_since)
{
	int64_t since = one->has_live ? asked : at_work_since;

	if (one->has_live && one->live.state == LIVE_POLLING)
		return one->live.since;
	return since > 0 && one->s.last_started >= since &&
		one->s.last_started > one->s.last_ended
	    ? since
	    : 0;
}

static void
conclude(struct glance *one, int64_t asked, int64_t at_work_since)
{
	int64_t since = polled_since(one, asked, at_work_since);
	struct standing *s = &one->s;

	choose_trouble(one);
	one->polling = since != 0;
	one->interrupted =
	    !one->polling && (s->stopped || s->last_started > s->last_ended);
	if (one->polling && s->last_started >= since) {
		one->sending = s->unanswered;
		s->counts[STATE_IN_DOUBT] -= one->sending;
	}
	one->mood = mood_of(one);
}

int
glances_read(struct glances *g, const char *state, const struct glance_of *of,
    bool all, struct error *e)
{
	/* Before and after: a fetch may begin or end in between. */
	int64_t at_work_since = lock_held_since(state);

	*g = (struct glances){ .now = clock_wall() };
	while (of[g->count].name != NULL)
		g->count++;
	g->list = xcalloc(g->count + 1, sizeof(*g->list));
	for (size_t i = 0; i < g->count; i++)
		g->list[i].of = of[i];
	read_live(g, state, all);
	if (read_standings(g, state, e) < 0) {
		glances_free(g);
		return -1;
	}
	if (at_work_since == 0)
		at_work_since = lock_held_since(state);
	for (size_t i = 0; i < g->count; i++)
		conclude(&g->list[i], g->now, at_work_since);
	return 0;
}

void
glances_free(struct glances *g)
{
	for (size_t i = 0; i < g->row_count; i++)
		free(g->rows[i]);
	free(g->rows);
	free(g->by_name);
	free(g->destinations);
	free(g->list);
	*g = (struct glances){ 0 };
}

/* --- what it comes to --- */

uint64_t
glance_failures(const struct glance *one)
{
	return one->unwritten && one->live.failures > one->s.failures
	    ? one->live.failures
	    : one->s.failures;
}

int64_t
glance_since(const struct glance *one)
{
	if (!one->unwritten)
		return one->s.failing_since;
	/* Otherwise it is since when it is polled. */
	return one->live.state != LIVE_POLLING ? one->live.since : 0;
}

static int
status_of(const struct glance *one)
{
	const struct standing *s = &one->s;
	bool stopped = one->mood == MOOD_INTERRUPTED && s->stopped;
	int status = EX_OK;

	if (one->kind[0] != '\0' || (one->mood > MOOD_POLLING && !stopped) ||
	    s->counts[STATE_DEFERRED] > 0 || s->counts[STATE_IN_DOUBT] > 0 ||
	    s->counts[STATE_REPORT_OWED] > 0)
		status = EX_TEMPFAIL;
	if (s->counts[STATE_HELD] > 0)
		status = error_worse(status, EX_UNAVAILABLE);
	return status;
}

bool
glance_is_trouble(const struct glance *one)
{
	return status_of(one) != EX_OK || one->s.bound > 0;
}

int
glances_status(const struct glances *g)
{
	int status = g->trouble[0] != '\0' ? EX_TEMPFAIL : EX_OK;

	for (size_t i = 0; i < g->count; i++)
		status = error_worse(status, status_of(&g->list[i]));
	for (size_t i = 0; i < g->destination_count; i++)
		if (g->destinations[i].reach == LIVE_DOWN)
			status = error_worse(status, EX_TEMPFAIL);
	return status;
}
