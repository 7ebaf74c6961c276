/* roster.c - which accounts and destinations there are, by the settings in force. */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/daemon-private.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>

/* --- destinations --- */

/* Which are needed, by their place in the settings; the caller's. */
static bool *
needed_destinations(const struct settings *s)
{
	bool *needed = xcalloc(s->destination_count, sizeof(*needed));
	const struct account *a = s->accounts;

	for (size_t i = 0; i < s->account_count; i++, a++) {
		needed[settings_destination(s, a->destination) -
		    s->destinations] = true;
		needed[settings_destination(s, a->report_via) -
		    s->destinations] = true;
	}
	return needed;
}

static struct outlet **
find_same(struct outlet **list, const struct settings *s,
    const struct destination *to)
{
	while (*list != NULL &&
	    !settings_same_destination(
		(*list)->generation->settings, (*list)->to, s, to))
		list = &(*list)->next;
	return list;
}

static void
free_outlets(struct outlet *list)
{
	struct outlet *o;

	while ((o = list) != NULL) {
		list = o->next;
		outlet_free(&o);
	}
}

/* A list of what the settings need and is not on d->outlets in the same way. */
static int
make_outlets(struct daemon *d, struct generation *g, struct outlet **made,
    struct error *e)
{
	const struct settings *s = g->settings;
	bool *needed = needed_destinations(s);
	struct outlet *o;
	int rc = 0;

	*made = NULL;
	for (size_t i = 0; rc == 0 && i < s->destination_count; i++) {
		if (!needed[i] ||
		    *find_same(&d->outlets, s, &s->destinations[i]) != NULL)
			continue;
		rc = outlet_new(&o, g, &s->destinations[i], d->ledger, d->stop,
		    d->probed, e);
		if (rc == 0) {
			metrics_destination(d->metrics, o->to->name, true);
			o->next = *made;
			*made = o;
		}
	}
	free(needed);
	if (rc < 0) {
		free_outlets(*made);
		*made = NULL;
	}
	return rc;
}

int
roster_open(struct daemon *d, struct error *e)
{
	return make_outlets(d, d->now, &d->outlets, e);
}

/* Is a probe under way? */
bool
roster_probes(const struct daemon *d)
{
	const struct outlet *o;

	for (o = d->outlets; o != NULL; o = o->next)
		if (o->probing)
			return true;
	for (o = d->retired; o != NULL; o = o->next)
		if (o->probing)
			return true;
	return false;
}

/* They take their leave of their servers at the same time. */
static void
close_outlets(struct daemon *d)
{
	struct outlet *o;

	for (o = d->outlets; o != NULL; o = o->next)
		delivery_end(o->delivery);
	free_outlets(d->outlets);
	free_outlets(d->retired);
	d->outlets = d->retired = NULL;
}

/* Those that serve go on, others begin, the rest retires. */
static void
exchange_outlets(
    struct daemon *d, const struct settings *s, struct outlet *made)
{
	bool *needed = needed_destinations(s);
	struct outlet *serve = made, *o, **found;

	pthread_mutex_lock(&d->lock);
	for (size_t i = 0; i < s->destination_count; i++) {
		if (!needed[i])
			continue;
		found = find_same(&d->outlets, s, &s->destinations[i]);
		if ((o = *found) == NULL)
			continue;
		*found = o->next;
		o->next = serve;
		serve = o;
	}
	while ((o = d->outlets) != NULL) {
		d->outlets = o->next;
		o->retired = true;
		if (settings_destination(s, o->to->name) == NULL)
			metrics_forget_destination(d->metrics, o->to->name);
		o->next = d->retired;
		d->retired = o;
	}
	d->outlets = serve;
	pthread_mutex_unlock(&d->lock);
	free(needed);
}

/* Those that nobody uses any more are let go. */
void
roster_sweep(struct daemon *d)
{
	struct outlet **link = &d->retired, *o;

	while ((o = *link) != NULL) {
		if (atomic_load(&o->users) > 0 || o->probing) {
			link = &o->next;
			continue;
		}
		*link = o->next;
		outlet_free(&o);
	}
}

/* --- accounts --- */

static int
compare(const void *one, const void *other)
{
	return strcmp(((const struct mailbox *)one)->name,
	    ((const struct mailbox *)other)->name);
}

struct mailbox *
roster_find(struct daemon *d, const char *name)
{
	const struct mailbox key = { .name = (char *)(uintptr_t)name };
	struct mailbox **found = tfind(&key, &d->by_name, compare);

	return found != NULL ? *found : NULL;
}

/* With the lock held. */
static void
take_turn(struct daemon *d, struct mailbox *m)
{
	m->turn = crew_add(d->crew, &m->account->at);
	if (m->turn >= d->turns) {
		d->by_turn =
		    xrealloc(d->by_turn, m->turn + 1, sizeof(struct mailbox *));
		d->turns = m->turn + 1;
	}
	d->by_turn[m->turn] = m;
}

static struct mailbox *
add_mailbox(struct daemon *d, const struct account *a)
{
	struct mailbox *m = xcalloc(1, sizeof(*m));

	m->name = xstrdup(a->name);
	m->account = a;
	m->generation = generation_use(d->now);
	pthread_mutex_lock(&d->lock);
	take_turn(d, m);
	pthread_mutex_unlock(&d->lock);
	if (tsearch(m, &d->by_name, compare) == NULL)
		abort(); /* out of memory, as in alloc.h */
	d->mailbox_count++;
	return m;
}

/* Those that the settings do not know, and that are still being polled. */
static void
set_leaving(struct daemon *d, struct mailbox *m, bool leaving)
{
	struct mailbox **link = &d->leaving;

	if (m->leaving == leaving)
		return;
	m->leaving = leaving;
	if (leaving) {
		m->next_leaving = d->leaving;
		d->leaving = m;
		return;
	}
	while (*link != m)
		link = &(*link)->next_leaving;
	*link = m->next_leaving;
}

static bool
is_elsewhere(const struct endpoint *a, const struct endpoint *b)
{
	return a->port != b->port || strcasecmp(a->host, b->host) != 0;
}

/*
 * Is its maildrop polled under a name that it had before? What that poll has
 * begun is the ledger's only when it has ended.
 */
bool
roster_is_taken(const struct daemon *d, const struct mailbox *m)
{
	const struct account *a = m->account;

	for (const struct mailbox *o = d->leaving; o != NULL;
	     o = o->next_leaving)
		if (!is_elsewhere(&o->account->at, &a->at) &&
		    strcmp(o->account->login.user, a->login.user) == 0)
			return true;
	return false;
}

static void
free_mailbox(void *mailbox)
{
	struct mailbox *m = mailbox;

	generation_leave(&m->generation);
	schedule_free(&m->schedule);
	free(m->poll);
	free(m->wrong);
	free(m->held_words);
	free(m->name);
	free(m);
}

void
roster_remove(struct daemon *d, struct mailbox *m)
{
	set_leaving(d, m, !rounds_recall(d, m));
	if (m->leaving)
		return;
	visits_dismiss(&m->visitors,
	    "the settings have no such account any more", EX_CONFIG);
	due_remove(d->due, m->turn);
	pthread_mutex_lock(&d->lock);
	d->by_turn[m->turn] = NULL;
	pthread_mutex_unlock(&d->lock);
	crew_remove(d->crew, m->turn);
	keep_forget(d, m);
	alert_forget(d, m);
	metrics_forget(d->metrics, m->name);
	tdelete(m, &d->by_name, compare);
	d->mailbox_count--;
	free_mailbox(m);
}

/* It has another server, where others wait for their turn. */
void
roster_move(struct daemon *d, struct mailbox *m)
{
	m->moving = !rounds_recall(d, m);
	if (m->moving)
		return;
	due_remove(d->due, m->turn);
	pthread_mutex_lock(&d->lock);
	d->by_turn[m->turn] = NULL;
	crew_remove(d->crew, m->turn);
	take_turn(d, m);
	pthread_mutex_unlock(&d->lock);
	due_set(d->due, m->turn, m->due);
}

/* True: it is polled by other settings from now on. */
static bool
update_mailbox(struct daemon *d, struct mailbox *m, const struct account *a)
{
	struct generation *before = m->generation;
	bool same = settings_same_account(
	    before->settings, m->account, d->now->settings, a);
	bool elsewhere = is_elsewhere(&m->account->at, &a->at);

	pthread_mutex_lock(&d->lock);
	m->account = a;
	m->generation = generation_use(d->now);
	pthread_mutex_unlock(&d->lock);
	generation_leave(&before);
	set_leaving(d, m, false);
	if (elsewhere)
		roster_move(d, m);
	return !same || rounds_has_other_login(m);
}

struct parting {
	struct daemon *d;
	struct mailbox **list;
	size_t count;
};

static void
note_parting(const void *node, VISIT order, void *parting)
{
	struct mailbox *m = *(struct mailbox *const *)node;
	struct parting *p = parting;

	/* Those that stay have been given the new generation. */
	if ((order == postorder || order == leaf) && m->generation != p->d->now)
		p->list[p->count++] = m;
}

static size_t
remove_others(struct daemon *d)
{
	struct parting p = { .d = d,
		.list = xcalloc(d->mailbox_count + 1, sizeof(*p.list)) };

	twalk_r(d->by_name, note_parting, &p);
	for (size_t i = 0; i < p.count; i++)
		roster_remove(d, p.list[i]);
	free(p.list);
	return p.count;
}

struct each {
	struct daemon *d;
	void (*each)(struct daemon *d, struct mailbox *m);
};

static void
call_each(const void *node, VISIT order, void *arg)
{
	const struct each *each = arg;

	if (order == postorder || order == leaf)
		each->each(each->d, *(struct mailbox *const *)node);
}

void
roster_each(struct daemon *d, void (*each)(struct daemon *d, struct mailbox *m))
{
	struct each call = { d, each };

	twalk_r(d->by_name, call_each, &call);
}

void
roster_add(struct daemon *d)
{
	const struct settings *s = d->now->settings;

	for (size_t i = 0; i < s->account_count; i++)
		rounds_know(add_mailbox(d, &s->accounts[i]));
}

/* At the start: no turn has been given back yet. */
void
roster_admit(struct daemon *d)
{
	int64_t now = clock_boot_ms();
	size_t overdue = 0, place = 0;
	struct mailbox *m;

	for (size_t i = 0; i < d->turns; i++)
		overdue += schedule_is_overdue(&d->by_turn[i]->schedule, now);
	for (size_t i = 0; i < d->turns; i++) {
		m = d->by_turn[i];
		metrics_account(d->metrics, m->name, m->last_success);
		place += rounds_admit(d, m, place, overdue, now);
	}
}

int
roster_change(struct daemon *d, struct settings *settings, struct error *e)
{
	struct generation *g = generation_new(settings), *before = d->now;
	struct mailbox **changed =
	    xcalloc(settings->account_count + 1, sizeof(*changed));
	struct outlet *made = NULL;
	struct mailbox *m;
	size_t count = 0;

	if (make_outlets(d, g, &made, e) < 0) {
		generation_leave(&g);
		free(changed);
		return -1;
	}
	d->now = g;
	exchange_outlets(d, settings, made);
	for (size_t i = 0; i < settings->account_count; i++) {
		const struct account *a = &settings->accounts[i];

		m = roster_find(d, a->name);
		if (m == NULL)
			changed[count++] = add_mailbox(d, a);
		else if (update_mailbox(d, m, a))
			changed[count++] = m;
	}
	remove_others(d);
	for (size_t i = 0; i < count; i++) {
		rounds_know(changed[i]);
		schedule_wake(&changed[i]->schedule, clock_boot_ms());
		metrics_account(
		    d->metrics, changed[i]->name, changed[i]->last_success);
		rounds_admit(d, changed[i], i, count, clock_boot_ms());
	}
	generation_leave(&before);
	crew_limit(d->crew, rounds_at_once(d), settings->max_polls_per_server);
	roster_each(d, rounds_resume);
	free(changed);
	return 0;
}

static void
dismiss(struct daemon *d, struct mailbox *m)
{
	(void)d;
	visits_dismiss(&m->visitors, "the daemon is stopping", EX_TEMPFAIL);
}

void
roster_end(struct daemon *d)
{
	roster_each(d, dismiss);
	tdestroy(d->by_name, free_mailbox);
	d->by_name = NULL;
	free(d->by_turn);
	close_outlets(d);
	generation_leave(&d->now);
}
