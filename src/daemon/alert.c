/*
 * alert.c - mail to the owners of accounts that need them. Mailboxes with news
 * wait on a list; a letter takes all of them that go to the same people by the
 * same destination. One letter is on its way at a time, in a thread of its own.
 */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/host.h"
#include "base/log.h"
#include "base/text.h"
#include "daemon/daemon-private.h"
#include "daemon/quota.h"
#include "daemon/trouble.h"
#include "delivery/single.h"
#include "message/letter.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define MS_PER_S 1000

/* A letter waits until there was no news for so long, and at most so long. */
#define GATHER_MS 1000
#define GATHER_MAX_MS 10000
/* Letters in an hour: to the same people, and attempts at any in all. */
#define LETTERS 6
#define ATTEMPTS QUOTA_MAX
/* Before the next one to the same people, after so many in the last hour. */
static const int64_t pauses_s[LETTERS + 1] = { 0, 2, 60, 300, 600, 900, 1200 };
/* After one that failed: at first, and at most. */
#define RETRY_MS ((int64_t)5 * 1000)
#define RETRY_MAX_MS ((int64_t)15 * 60 * 1000)

/* To the same people by the same destination; there while it matters. */
struct way {
	struct way *next;
	char *name; /* owned */
	struct quota letters;
	unsigned failures; /* in a row */
	int64_t not_before; /* clock_boot_ms */
};

struct told {
	char *account; /* owned */
	struct trouble_news news;
};

/* A letter on its way. The thread's, until it is on the queue. */
struct letter_job {
	struct queue_item item;
	struct generation *generation; /* used; the next two are of it */
	const struct destination *to;
	const char *const *recipients;
	char *way; /* owned, as are the next two */
	struct told *told;
	size_t count;
	struct buffer content; /* owned */
	const struct stop *stop; /* borrowed */
	struct queue *sent; /* borrowed */
	pthread_t thread;
	bool running;
	int rc;
	struct error error;
};

struct alerts {
	struct queue *sent; /* owned */
	struct mailbox *first, **last; /* those with news, or that had some */
	struct way *ways; /* owned */
	struct quota attempts;
	struct letter_job *job; /* NULL: none is on its way */
	int64_t at; /* when to look for the next one; INT64_MAX: no news */
	int64_t latest; /* what has begun to gather goes then */
};

/* --- which mailboxes have news --- */

static struct trouble_news
news_of(const struct mailbox *m)
{
	if (m->account->alert == NULL)
		return (struct trouble_news){ 0 };
	return trouble_news(m->troubles, m->alerted);
}

static bool
has_news(const struct mailbox *m)
{
	struct trouble_news news = news_of(m);

	return (news.begun | news.over) != 0;
}

static void
gather(struct alerts *a, int64_t now)
{
	if (a->latest <= now)
		a->latest = now + GATHER_MAX_MS;
	a->at = now + GATHER_MS < a->latest ? now + GATHER_MS : a->latest;
}

/* One that has none any more is passed over when its turn comes. */
static void
enlist(struct alerts *a, struct mailbox *m)
{
	if (m->enlisted || m->being_told || !has_news(m))
		return;
	m->enlisted = true;
	m->next_enlisted = NULL;
	*a->last = m;
	a->last = &m->next_enlisted;
	gather(a, clock_boot_ms());
}

/* Takes it off the list. */
static void
delist(struct alerts *a, struct mailbox **link)
{
	struct mailbox *m = *link;

	*link = m->next_enlisted;
	if (*link == NULL)
		a->last = link;
	m->enlisted = false;
}

void
alert_forget(struct daemon *d, struct mailbox *m)
{
	struct mailbox **link = &d->alerts->first;

	if (!m->enlisted)
		return;
	while (*link != m)
		link = &(*link)->next_enlisted;
	delist(d->alerts, link);
}

static const struct outlet *
outlet_in_the_way(struct daemon *d, const struct mailbox *m)
{
	for (const struct outlet *o = d->outlets; o != NULL; o = o->next)
		if (atomic_load(&o->down) &&
		    (strcmp(o->to->name, m->account->destination) == 0 ||
			strcmp(o->to->name, m->account->report_via) == 0))
			return o;
	return NULL;
}

static void
read_poll(const struct mailbox *m, struct trouble_signs *signs)
{
	const struct mailbox_poll *p = m->poll;
	enum error_kind kind = p->rc < 0 ? p->error.kind : ERR_NONE;

	signs->well = kind == ERR_NONE;
	/* Neither is the account's. */
	signs->failed =
	    !signs->well && kind != ERR_STOPPED && kind != ERR_LEDGER;
	signs->refused = kind == ERR_AUTH;
	signs->since = m->wrong_since;
}

static uint64_t
held_in(const struct poll_report *r)
{
	return r->waiting_held + r->held - r->held_earlier;
}

/* The words are those of the first one. */
static void
note_held(struct mailbox *m, const struct poll_report *r)
{
	if (r->listed || r->held > 0)
		m->held = held_in(r);
	if (r->held == 0 || r->trouble[0] == '\0')
		return;
	free(m->held_words);
	m->held_words = xstrdup(r->trouble);
}

void
alert_look(struct daemon *d, struct mailbox *m)
{
	static const struct poll_report none;
	const struct poll_report *r =
	    m->poll != NULL ? &m->poll->report : &none;
	const struct outlet *o = outlet_in_the_way(d, m);
	struct trouble_signs signs = { .now = clock_wall(),
		.after_s = m->account->alert_after_s,
		.looked = r->listed,
		.held = held_in(r) };

	if (m->postponed && o != NULL) {
		signs.failed = true;
		signs.since = o->down_since;
	} else if (!m->postponed && m->poll != NULL) {
		read_poll(m, &signs);
	}
	note_held(m, r);
	m->troubles = trouble_after(m->troubles, &signs);
	if (m->account->alert == NULL && (m->alerted & ~m->troubles) != 0) {
		m->alerted &= m->troubles;
		keep_note(d, m);
	}
	enlist(d->alerts, m);
}

/* While its destination is down there is no poll that would tell. */
void
alert_look_again(struct daemon *d, struct mailbox *m)
{
	if (m->postponed && !m->called)
		alert_look(d, m);
}

/* --- when a letter may go --- */

/* The caller's. */
static char *
way_name(const struct account *a)
{
	struct buffer name = { 0 };

	buffer_add_text(&name, a->alert_via);
	for (const char *const *to = (const char *const *)a->alert; *to != NULL;
	     to++)
		buffer_addf(&name, "\n%s", *to);
	return name.data;
}

static struct way *
way_find(const struct alerts *a, const char *name)
{
	struct way *w = a->ways;

	while (w != NULL && strcmp(w->name, name) != 0)
		w = w->next;
	return w;
}

static struct way *
way_get(struct alerts *a, const char *name)
{
	struct way *w = way_find(a, name);

	if (w != NULL)
		return w;
	w = xcalloc(1, sizeof(*w));
	w->name = xstrdup(name);
	w->next = a->ways;
	a->ways = w;
	return w;
}

static int64_t
later(int64_t one, int64_t other)
{
	return one > other ? one : other;
}

static int64_t
way_free_at(const struct alerts *a, const char *name, int64_t now)
{
	const struct way *w = way_find(a, name);

	if (w == NULL)
		return now;
	return later(w->not_before, quota_next(&w->letters, LETTERS, now));
}

static void
way_failed(struct way *w, int64_t now)
{
	int64_t pause = RETRY_MS;

	for (unsigned i = 0; i < w->failures && pause < RETRY_MAX_MS; i++)
		pause *= 2;
	w->failures++;
	w->not_before = now + (pause < RETRY_MAX_MS ? pause : RETRY_MAX_MS);
}

static void
free_way(struct way **link)
{
	struct way *w = *link;

	*link = w->next;
	free(w->name);
	free(w);
}

/* Those that nothing hangs on any more. */
static void
sweep_ways(struct alerts *a, int64_t now)
{
	struct way **link = &a->ways;

	while (*link != NULL)
		if (quota_used(&(*link)->letters, LETTERS, now) == 0 &&
		    (*link)->not_before + RETRY_MAX_MS < now)
			free_way(link);
		else
			link = &(*link)->next;
}

/* As is that of most that have it from `defaults`. */
static bool
is_same_way(const struct account *a, const struct account *b)
{
	return a->alert == b->alert && strcmp(a->alert_via, b->alert_via) == 0;
}

/* The name of the way that the first letter may take, or NULL; the caller's. */
static char *
choose_way(struct alerts *a, int64_t now)
{
	struct mailbox **link = &a->first;
	const struct account *busy = NULL;
	int64_t when, first = INT64_MAX;
	char *name;

	while (*link != NULL) {
		if (!has_news(*link)) {
			delist(a, link);
			continue;
		}
		if (busy != NULL && is_same_way(busy, (*link)->account)) {
			link = &(*link)->next_enlisted;
			continue;
		}
		name = way_name((*link)->account);
		when = way_free_at(a, name, now);
		if (when <= now)
			return name;
		if (when < first)
			first = when;
		free(name);
		busy = (*link)->account;
		link = &(*link)->next_enlisted;
	}
	a->at = first;
	return NULL;
}

/* --- one letter --- */

static void
describe(struct daemon *d, const struct mailbox *m, struct trouble_case *c)
{
	const struct outlet *o = m->postponed ? outlet_in_the_way(d, m) : NULL;

	*c = (struct trouble_case){ .account = m->name,
		.user = m->account->login.user,
		.host = m->account->at.host,
		.news = news_of(m),
		.since = o != NULL ? o->down_since : m->wrong_since,
		.down = o != NULL ? o->to->name : NULL,
		.words = o != NULL     ? o->words.text
		    : m->wrong != NULL ? m->wrong->text
				       : "",
		.held = m->held,
		.held_words = m->held_words != NULL ? m->held_words : "" };
}

/* A mailbox goes from the list into the letter. */
static void
take_in(struct daemon *d, struct letter_job *job, struct mailbox *m,
    struct trouble_letter *letter, struct trouble_case *cases)
{
	struct told *told;

	if ((job->count & (job->count + 1)) == 0)
		job->told = xrealloc(
		    job->told, 2 * (job->count + 1), sizeof(*job->told));
	told = &job->told[job->count++];
	told->account = xstrdup(m->name);
	told->news = news_of(m);
	m->being_told = true;
	if (letter->count < TROUBLE_CASES)
		describe(d, m, &cases[letter->count++]);
	letter->accounts++;
	if (told->news.begun != 0)
		letter->begun++;
	else
		letter->over++;
}

static void
compose(struct letter_job *job, const struct trouble_letter *news)
{
	struct buffer subject = { 0 }, text = { 0 };
	unsigned char random[16];
	char id[2 * sizeof(random) + 1];
	struct letter letter = { .by = news->by,
		.to = job->recipients,
		.id = id,
		.now = clock_wall() };

	/* It is always there, and blocks only while the machine starts. */
	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		abort();
	text_hex(random, sizeof(random), id);
	buffer_add_text(&subject, "postrider: ");
	trouble_subject(news, &subject);
	trouble_text(news, &text);
	letter.subject = subject.data;
	letter.text = text.data;
	letter_write(&letter, &job->content);
	buffer_free(&subject);
	buffer_free(&text);
}

/* All that go this way. */
static struct letter_job *
write_letter(struct daemon *d, char *way)
{
	struct letter_job *job = xcalloc(1, sizeof(*job));
	struct trouble_case cases[TROUBLE_CASES];
	struct trouble_letter news = { .by = host_name(), .cases = cases };
	struct mailbox **link = &d->alerts->first, *m;
	char *name;

	job->way = way;
	while ((m = *link) != NULL) {
		name = has_news(m) ? way_name(m->account) : NULL;
		if (name == NULL || strcmp(name, way) != 0) {
			link = &m->next_enlisted;
			free(name);
			continue;
		}
		free(name);
		delist(d->alerts, link);
		take_in(d, job, m, &news, cases);
		if (job->generation != NULL)
			continue;
		job->generation = generation_use(m->generation);
		job->to = settings_destination(
		    m->generation->settings, m->account->alert_via);
		job->recipients = (const char *const *)m->account->alert;
	}
	job->stop = d->stop;
	job->sent = d->alerts->sent;
	compose(job, &news);
	return job;
}

static void *
letter_thread(void *arg)
{
	struct letter_job *job = arg;

	job->rc = single_send(job->to, job->recipients,
	    buffer_slice(&job->content), job->stop, &job->error);
	queue_push(job->sent, &job->item);
	return NULL;
}

static void
send_letter(struct alerts *a, struct letter_job *job)
{
	int rc = pthread_create(&job->thread, NULL, letter_thread, job);

	a->job = job;
	job->running = rc == 0;
	if (rc == 0)
		return;
	job->rc = error_set(
	    &job->error, ERR_SYSTEM, "cannot start a thread: %s", strerror(rc));
	queue_push(a->sent, &job->item);
}

void
alert_write(struct daemon *d, int64_t now)
{
	struct alerts *a = d->alerts;
	char *way;

	if (now < alert_due(d))
		return;
	a->at = quota_next(&a->attempts, ATTEMPTS, now);
	if (a->at > now)
		return;
	way = choose_way(a, now);
	if (way == NULL)
		return;
	quota_take(&a->attempts, ATTEMPTS, now);
	send_letter(a, write_letter(d, way));
}

int64_t
alert_due(const struct daemon *d)
{
	return d->alerts->job != NULL || d->stopping ? INT64_MAX
						     : d->alerts->at;
}

/* --- what became of it --- */

static void
say(const struct letter_job *job, const struct way *w)
{
	const char *to = job->recipients[0];

	if (job->rc == 0)
		log_info("%s was told of %zu account%s by mail", to, job->count,
		    job->count == 1 ? "" : "s");
	else if (job->error.kind != ERR_STOPPED && w->failures == 0)
		log_warning("%s cannot be told of %zu account%s by mail, and "
			    "will be later: %s",
		    to, job->count, job->count == 1 ? "" : "s",
		    job->error.text);
	else
		log_words(
		    "reason", job->error.text, "event=alert_failed to=%s", to);
}

static void
note_way(struct alerts *a, const struct letter_job *job, int64_t now)
{
	struct way *w = way_get(a, job->way);

	say(job, w);
	if (job->rc < 0) {
		way_failed(w, now);
		return;
	}
	w->failures = 0;
	quota_take(&w->letters, LETTERS, now);
	w->not_before =
	    now + pauses_s[quota_used(&w->letters, LETTERS, now)] * MS_PER_S;
}

static void
note_told(struct daemon *d, const struct told *told, bool sent)
{
	struct mailbox *m = roster_find(d, told->account);

	if (m == NULL)
		return;
	m->being_told = false;
	if (sent) {
		m->alerted = (m->alerted | told->news.begun) & ~told->news.over;
		keep_note(d, m);
	}
	enlist(d->alerts, m);
}

static void
free_job(struct letter_job *job)
{
	for (size_t i = 0; i < job->count; i++)
		free(job->told[i].account);
	free(job->told);
	free(job->way);
	buffer_free(&job->content);
	generation_leave(&job->generation);
	free(job);
}

static void
conclude(struct daemon *d, struct letter_job *job)
{
	struct alerts *a = d->alerts;
	int64_t now = clock_boot_ms();

	if (job->running)
		pthread_join(job->thread, NULL);
	a->job = NULL;
	note_way(a, job, now);
	for (size_t i = 0; i < job->count; i++)
		note_told(d, &job->told[i], job->rc == 0);
	free_job(job);
	sweep_ways(a, now);
	a->at = a->first != NULL ? now + GATHER_MS : INT64_MAX;
}

void
alert_sent(struct daemon *d)
{
	struct letter_job *job;

	while ((job = queue_pop(d->alerts->sent)) != NULL)
		conclude(d, job);
}

/* --- begin and end --- */

int
alert_open(struct daemon *d, struct error *e)
{
	struct alerts *a = xcalloc(1, sizeof(*a));

	if (queue_new(&a->sent, e) < 0) {
		free(a);
		return -1;
	}
	a->last = &a->first;
	a->at = INT64_MAX;
	d->alerts = a;
	return 0;
}

int
alert_fd(const struct daemon *d)
{
	return queue_fd(d->alerts->sent);
}

bool
alert_is_busy(const struct daemon *d)
{
	return d->alerts->job != NULL;
}

/* Nobody begins a letter any more; one on its way has been asked to stop. */
void
alert_end(struct daemon *d)
{
	struct alerts *a = d->alerts;

	if (a == NULL)
		return;
	if (a->job != NULL)
		conclude(d, queue_wait(a->sent, -1, deadline_never()));
	while (a->ways != NULL)
		free_way(&a->ways);
	queue_free(&a->sent);
	free(a);
	d->alerts = NULL;
}
