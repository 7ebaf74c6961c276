/* metrics.c - see metrics.h. */
#include "daemon/metrics.h"

#include "config.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/histogram.h"
#include "daemon/family.h"
#include "daemon/usage.h"
#include "daemon/watched.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Room for a sample of an account, but for its name; and for all the rest. */
#define SAMPLE_ROOM 80
#define ACCOUNT_SAMPLES 5
#define REST_ROOM ((size_t)16 * 1024)

/* A destination, as far as it is told of here. */
struct target {
	char *name; /* owned; as it is written in a label */
	bool up;
};

/* What has become of messages, in all polls. */
struct tally {
	uint64_t taken, octets_taken, delivered, octets, deleted;
	uint64_t deferred, held, in_doubt, reported, dropped, resent;
};

struct metrics {
	const struct ledger *ledger; /* borrowed, or NULL */
	pthread_mutex_t lock; /* guards what follows */
	struct usage *usage; /* owned */
	struct watchlist accounts;
	struct target *targets; /* owned */
	size_t target_count;
	uint64_t polls_ok, polls_failed, polls_stopped;
	uint64_t failures[ERR_STOPPED + 1]; /* by enum error_kind */
	struct tally tally;
	struct histogram polls, deliveries;
};

void
metrics_ledger(struct metrics *m, const struct ledger *ledger)
{
	m->ledger = ledger;
}

void
metrics_new(struct metrics **out)
{
	struct metrics *m = xcalloc(1, sizeof(*m));

	pthread_mutex_init(&m->lock, NULL);
	usage_open(&m->usage);
	*out = m;
}

void
metrics_free(struct metrics **out)
{
	struct metrics *m = *out;

	*out = NULL;
	if (m == NULL)
		return;
	usage_close(&m->usage);
	watched_free(&m->accounts);
	for (size_t i = 0; i < m->target_count; i++)
		free(m->targets[i].name);
	free(m->targets);
	pthread_mutex_destroy(&m->lock);
	free(m);
}

/* --- what is counted, with the lock held --- */

static struct watched *
watch(struct metrics *m, const char *name, int64_t since)
{
	struct watched *w = watched_find(&m->accounts, name);

	if (w == NULL) {
		w = watched_add(&m->accounts, name);
		w->last_success = since;
	}
	return w;
}

/* With an error before the listing, the mailbox holds what it held. */
static void
count_account(struct watched *w, const struct poll_report *r,
    const struct error *e, int64_t now)
{
	w->delivered += r->delivered;
	if (r->listed) {
		w->held = r->waiting_held + r->held - r->held_earlier;
		w->in_doubt = r->waiting_in_doubt;
	}
	if (e->kind == ERR_NONE) {
		w->last_success = now;
		w->failures = 0;
	} else if (e->kind != ERR_STOPPED) {
		w->failures++;
	}
}

static void
count_end(struct metrics *m, const struct error *e)
{
	if (e->kind == ERR_NONE) {
		m->polls_ok++;
	} else if (e->kind == ERR_STOPPED) {
		m->polls_stopped++;
	} else {
		m->polls_failed++;
		m->failures[e->kind]++;
	}
}

static void
count_messages(struct tally *t, const struct poll_report *r)
{
	t->taken += r->taken;
	t->octets_taken += r->octets_taken;
	t->delivered += r->delivered;
	t->octets += r->octets;
	t->deleted += r->deleted;
	t->deferred += r->deferred;
	t->held += r->held;
	t->in_doubt += r->in_doubt;
	t->reported += r->reported;
	t->dropped += r->dropped;
	t->resent += r->resent;
}

static struct target *
find_target(const struct metrics *m, const char *name)
{
	for (size_t i = 0; i < m->target_count; i++)
		if (strcmp(m->targets[i].name, name) == 0)
			return &m->targets[i];
	return NULL;
}

static struct target *
add_target(struct metrics *m, const char *name)
{
	struct target *t;

	m->targets =
	    xrealloc(m->targets, m->target_count + 1, sizeof(*m->targets));
	t = &m->targets[m->target_count++];
	*t = (struct target){ .name = xstrdup(name) };
	return t;
}

/* --- the ways in --- */

/* A name as it is written in a label; the caller's. */
static char *
label_of(const char *name)
{
	struct buffer label = { 0 };

	buffer_clear(&label);
	family_escape(&label, name);
	return label.data;
}

void
metrics_account(struct metrics *m, const char *account, int64_t last_success)
{
	char *label = label_of(account);

	pthread_mutex_lock(&m->lock);
	watch(m, label, last_success > 0 ? last_success : clock_wall());
	pthread_mutex_unlock(&m->lock);
	free(label);
}

void
metrics_forget(struct metrics *m, const char *account)
{
	char *label = label_of(account);

	pthread_mutex_lock(&m->lock);
	watched_remove(&m->accounts, label);
	pthread_mutex_unlock(&m->lock);
	free(label);
}

void
metrics_poll(struct metrics *m, const char *account,
    const struct poll_report *r, const struct error *e)
{
	char *label = label_of(account);
	int64_t now = clock_wall();

	pthread_mutex_lock(&m->lock);
	count_account(watch(m, label, now), r, e, now);
	count_end(m, e);
	count_messages(&m->tally, r);
	histogram_add(&m->polls, r->took_ms);
	histogram_merge(&m->deliveries, &r->deliveries);
	pthread_mutex_unlock(&m->lock);
	free(label);
}

void
metrics_destination(struct metrics *m, const char *name, bool up)
{
	char *label = label_of(name);
	struct target *t;

	pthread_mutex_lock(&m->lock);
	t = find_target(m, label);
	if (t == NULL)
		t = add_target(m, label);
	t->up = up;
	pthread_mutex_unlock(&m->lock);
	free(label);
}

void
metrics_forget_destination(struct metrics *m, const char *name)
{
	char *label = label_of(name);
	struct target *t;

	pthread_mutex_lock(&m->lock);
	t = find_target(m, label);
	if (t != NULL) {
		free(t->name);
		*t = m->targets[--m->target_count];
	}
	pthread_mutex_unlock(&m->lock);
	free(label);
}

/* --- what is written, with the lock held --- */

static void
render_polls(const struct metrics *m, struct buffer *out)
{
	const char *name = "postrider_polls_total";

	family_begin(out, name, "counter",
	    "Polls of a mailbox that have ended; stopped: by the end of this "
	    "program.");
	family_sample(out, name, "result", "ok", m->polls_ok);
	family_sample(out, name, "result", "failed", m->polls_failed);
	family_sample(out, name, "result", "stopped", m->polls_stopped);

	name = "postrider_poll_failures_total";
	family_begin(out, name, "counter",
	    "Polls that have failed, by the kind of error.");
	for (int kind = ERR_NONE + 1; kind < ERR_STOPPED; kind++)
		family_sample(out, name, "kind",
		    error_name((enum error_kind)kind), m->failures[kind]);
	family_histogram(out, "postrider_poll_duration_seconds",
	    "How long polls took, failed ones included.", &m->polls);
}

static void
render_messages(const struct metrics *m, struct buffer *out)
{
	const struct tally *t = &m->tally;

	family_one(out, "postrider_messages_fetched_total", "counter",
	    "Messages that came out of a mailbox, whole.", t->taken);
	family_one(out, "postrider_fetched_bytes_total", "counter",
	    "Octets of messages that came out of mailboxes.", t->octets_taken);
	family_one(out, "postrider_messages_delivered_total", "counter",
	    "Messages that a destination has accepted for all recipients.",
	    t->delivered);
	family_one(out, "postrider_delivered_bytes_total", "counter",
	    "Octets of delivered messages.", t->octets);
	family_one(out, "postrider_messages_deleted_total", "counter",
	    "Messages whose deletion a mailbox has confirmed.", t->deleted);
	family_one(out, "postrider_messages_resent_total", "counter",
	    "Delivered messages that had been in doubt: there may be two.",
	    t->resent);
}

static void
render_verdicts(const struct metrics *m, struct buffer *out)
{
	static const char name[] = "postrider_verdicts_total";
	const struct tally *t = &m->tally;

	family_begin(out, name, "counter",
	    "What has become of messages; reported: refused, and somebody was "
	    "told; dropped: refused, and nobody was.");
	family_sample(out, name, "verdict", "delivered", t->delivered);
	family_sample(out, name, "verdict", "deferred", t->deferred);
	family_sample(out, name, "verdict", "held", t->held);
	family_sample(out, name, "verdict", "in_doubt", t->in_doubt);
	family_sample(out, name, "verdict", "reported", t->reported);
	family_sample(out, name, "verdict", "dropped", t->dropped);
	family_histogram(out, "postrider_delivery_duration_seconds",
	    "From handing a message over to its verdict being on disk.",
	    &m->deliveries);
}

static void
render_targets(const struct metrics *m, struct buffer *out)
{
	static const char name[] = "postrider_destination_up";

	family_begin(
	    out, name, "gauge", "1: a destination takes mail; 0: it is down.");
	for (size_t i = 0; i < m->target_count; i++)
		family_sample(out, name, "destination", m->targets[i].name,
		    m->targets[i].up);
}

static uint64_t
age_of(const struct watched *w, int64_t now)
{
	return now > w->last_success ? (uint64_t)(now - w->last_success) : 0;
}

static uint64_t
failures_of(const struct watched *w, int64_t now)
{
	(void)now;
	return w->failures;
}

static uint64_t
delivered_of(const struct watched *w, int64_t now)
{
	(void)now;
	return w->delivered;
}

static uint64_t
held_of(const struct watched *w, int64_t now)
{
	(void)now;
	return w->held;
}

static uint64_t
in_doubt_of(const struct watched *w, int64_t now)
{
	(void)now;
	return w->in_doubt;
}

static void
render_accounts(const struct metrics *m, int64_t now, struct buffer *out)
{
	static const struct {
		const char *name, *type, *help;
		uint64_t (*value)(const struct watched *w, int64_t now);
	} samples[ACCOUNT_SAMPLES] = {
		{ "postrider_account_since_success_seconds", "gauge",
		    "Time since an account was last polled well, or else since "
		    "it became known.",
		    age_of },
		{ "postrider_account_failed_polls", "gauge",
		    "Polls of an account that have failed in a row.",
		    failures_of },
		{ "postrider_account_messages_delivered_total", "counter",
		    "Messages of an account that were delivered.",
		    delivered_of },
		{ "postrider_account_held_messages", "gauge",
		    "Messages of an account that wait for its owner, as of its "
		    "last poll.",
		    held_of },
		{ "postrider_account_in_doubt_messages", "gauge",
		    "Messages of an account that were sent, and whose answers "
		    "were lost, as of its last poll.",
		    in_doubt_of },
	};
	const struct watchlist *all = &m->accounts;

	family_one(out, "postrider_accounts", "gauge", "Accounts there are.",
	    all->count);
	for (size_t i = 0; i < ACCOUNT_SAMPLES; i++) {
		const struct watched *w = NULL;

		family_begin(
		    out, samples[i].name, samples[i].type, samples[i].help);
		while ((w = watched_next(all, w)) != NULL)
			family_sample(out, samples[i].name, "account", w->name,
			    samples[i].value(w, now));
	}
}

void
metrics_render(struct metrics *m, int64_t now, struct buffer *out)
{
	static const char build[] = "postrider_build_info";

	family_begin(out, build, "gauge", "Which version this is.");
	family_sample(out, build, "version", PACKAGE_VERSION, 1);
	if (m->ledger != NULL)
		family_one(out, "postrider_ledger_commits_total", "counter",
		    "Transactions that the ledger has made durable.",
		    ledger_commits(m->ledger));
	pthread_mutex_lock(&m->lock);
	/* Growing step by step would copy megabytes again and again. */
	buffer_reserve(out,
	    ACCOUNT_SAMPLES *
		    (m->accounts.count * SAMPLE_ROOM +
			m->accounts.name_length) +
		REST_ROOM);
	render_polls(m, out);
	render_messages(m, out);
	render_verdicts(m, out);
	render_targets(m, out);
	render_accounts(m, now, out);
	usage_render(m->usage, out);
	pthread_mutex_unlock(&m->lock);
}
