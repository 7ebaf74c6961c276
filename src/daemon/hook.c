/* hook.c - a list of those that wait, and a few threads that take from it. */
#include "daemon/hook.h"

#include "base/alloc.h"
#include "base/log.h"
#include "base/runner.h"
#include "base/stop.h"
#include "base/text.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define MS_PER_S 1000
#define STACK ((size_t)128 * 1024)
#define VARIABLES 16

struct hook {
	struct hook *next;
	const char *name; /* "on_mail", "on_error" */
	char *account; /* owned, as are: */
	char *command;
	char *environment[VARIABLES + 1]; /* NULL-terminated */
	int64_t timeout_ms;
};

struct worker {
	struct hooks *hooks; /* borrowed */
	pthread_t thread;
	struct hook *hook; /* at work on it, or NULL */
};

struct hooks {
	struct stop *stop; /* owned */
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t changed; /* a hook waits, or has ended, or all end */
	struct hook *first; /* owned; the one that waits longest */
	size_t waiting;
	struct worker workers[HOOKS_AT_ONCE];
	size_t threads, idle;
	bool ending;
};

/* --- what is told to a command --- */

static void tell(struct hook *hook, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void
tell(struct hook *hook, const char *fmt, ...)
{
	struct buffer text = { 0 };
	size_t n = 0;
	va_list ap;

	while (hook->environment[n] != NULL)
		n++;
	if (n == VARIABLES)
		abort();
	va_start(ap, fmt);
	buffer_vaddf(&text, fmt, ap);
	va_end(ap);
	hook->environment[n] = text.data;
}

static void
tell_count(struct hook *hook, const char *name, uint64_t n)
{
	tell(hook, "POSTRIDER_%s=%llu", name, (unsigned long long)n);
}

static struct hook *
make_hook(const struct account *a, const char *name, const char *command,
    const struct poll_report *r)
{
	struct hook *hook = xcalloc(1, sizeof *hook);

	hook->name = name;
	hook->account = xstrdup(a->name);
	hook->command = xstrdup(command);
	hook->timeout_ms = a->hook_timeout_s * MS_PER_S;
	tell(hook, "POSTRIDER_HOOK=%s", name);
	tell(hook, "POSTRIDER_ACCOUNT=%s", a->name);
	tell(hook, "POSTRIDER_DESTINATION=%s", a->destination);
	tell_count(hook, "DELIVERED", r->delivered);
	tell_count(hook, "OCTETS", r->octets);
	tell_count(hook, "DELETED", r->deleted);
	tell_count(hook, "DEFERRED", r->deferred);
	tell_count(hook, "HELD", r->held);
	tell_count(hook, "IN_DOUBT", r->in_doubt);
	return hook;
}

static void
free_hook(struct hook *hook)
{
	for (char **v = hook->environment; *v != NULL; v++)
		free(*v);
	free(hook->command);
	free(hook->account);
	free(hook);
}

/* --- running them --- */

static void
run_hook(struct hooks *h, const struct hook *hook)
{
	const struct runner_task task = {
		.command = hook->command,
		.environment = (const char *const *)hook->environment,
		.timeout_ms = hook->timeout_ms,
	};
	struct runner_result result;
	char limit[TEXT_UNIT];
	struct error e = { 0 };
	int rc = runner_run(&task, h->stop, &result, &e);

	if (rc == 0)
		rc = runner_explain(&result, &e);
	runner_result_free(&result);
	if (rc < 0 && e.kind == ERR_STOPPED)
		log_warning("%s: %s was ended, since postrider ends",
		    hook->account, hook->name);
	else if (rc < 0 && e.kind == ERR_TIMEOUT)
		log_warning("%s: %s took longer than %s (hook_timeout), and "
			    "was ended",
		    hook->account, hook->name,
		    text_from_duration(hook->timeout_ms / 1000, limit));
	else if (rc < 0)
		log_warning("%s: %s: %s", hook->account, hook->name, e.text);
	else
		log_event("account=%s event=%s", hook->account, hook->name);
}

/* With the lock held. */
static bool
is_at_work(const struct hooks *h, const char *account)
{
	for (size_t i = 0; i < h->threads; i++)
		if (h->workers[i].hook != NULL &&
		    strcmp(h->workers[i].hook->account, account) == 0)
			return true;
	return false;
}

/* With the lock held. */
static struct hook *
take_out(struct hooks *h, struct hook **link)
{
	struct hook *hook = *link;

	*link = hook->next;
	hook->next = NULL;
	h->waiting--;
	return hook;
}

/* With the lock held: the first whose account has none at work, or NULL. */
static struct hook *
take_next(struct hooks *h)
{
	for (struct hook **link = &h->first; *link != NULL;
	     link = &(*link)->next)
		if (!is_at_work(h, (*link)->account))
			return take_out(h, link);
	return NULL;
}

static void *
worker_thread(void *arg)
{
	struct worker *w = arg;
	struct hooks *h = w->hooks;
	struct hook *hook;

	pthread_mutex_lock(&h->lock);
	while (!h->ending) {
		hook = take_next(h);
		if (hook == NULL) {
			h->idle++;
			pthread_cond_wait(&h->changed, &h->lock);
			h->idle--;
			continue;
		}
		w->hook = hook;
		pthread_mutex_unlock(&h->lock);
		run_hook(h, hook);
		pthread_mutex_lock(&h->lock);
		w->hook = NULL;
		free_hook(hook);
		/* Another of that account may have waited for this. */
		pthread_cond_broadcast(&h->changed);
	}
	pthread_mutex_unlock(&h->lock);
	return NULL;
}

/* With the lock held. Fewer threads than wanted do it, too; none do not. */
static void
start_worker(struct hooks *h)
{
	struct worker *w = &h->workers[h->threads];
	pthread_attr_t attr;
	int rc = pthread_attr_init(&attr);

	w->hooks = h;
	if (rc == 0) {
		pthread_attr_setstacksize(&attr, STACK);
		rc = pthread_create(&w->thread, &attr, worker_thread, w);
		pthread_attr_destroy(&attr);
	}
	if (rc == 0)
		h->threads++;
	else if (h->threads == 0)
		log_warning(
		    "cannot start a thread for on_mail and on_error: %s",
		    strerror(rc));
}

/* --- handing them over --- */

/* With the lock held: room for one more. Returns what has to go, or NULL. */
static struct hook *
make_room(struct hooks *h, const char *account)
{
	struct hook **link;

	if (h->waiting < HOOKS_WAITING)
		return NULL;
	for (link = &h->first; *link != NULL; link = &(*link)->next)
		if (strcmp((*link)->account, account) == 0)
			return take_out(h, link);
	return take_out(h, &h->first);
}

static void
hand_over(struct hooks *h, struct hook *hook)
{
	struct hook **last, *gone;

	pthread_mutex_lock(&h->lock);
	gone = make_room(h, hook->account);
	last = &h->first;
	while (*last != NULL)
		last = &(*last)->next;
	*last = hook;
	h->waiting++;
	if (h->idle == 0 && h->threads < HOOKS_AT_ONCE)
		start_worker(h);
	else
		pthread_cond_signal(&h->changed);
	pthread_mutex_unlock(&h->lock);
	if (gone == NULL)
		return;
	log_warning("%s: %s was not run: too many commands wait", gone->account,
	    gone->name);
	free_hook(gone);
}

void
hooks_poll_ended(struct hooks *h, const struct account *a,
    const struct poll_report *r, const struct error *e)
{
	bool failed = e->kind != ERR_NONE && e->kind != ERR_STOPPED;
	struct hook *hook;

	if (a->on_mail != NULL && r->delivered > 0)
		hand_over(h, make_hook(a, "on_mail", a->on_mail, r));
	if (a->on_error == NULL || (!failed && r->held == 0))
		return;
	hook = make_hook(a, "on_error", a->on_error, r);
	tell(hook, "POSTRIDER_ERROR_KIND=%s",
	    failed ? error_name(e->kind) : "held");
	tell(hook, "POSTRIDER_ERROR=%s", failed ? e->text : r->trouble);
	hand_over(h, hook);
}

size_t
hooks_waiting(struct hooks *h)
{
	size_t waiting;

	pthread_mutex_lock(&h->lock);
	waiting = h->waiting;
	pthread_mutex_unlock(&h->lock);
	return waiting;
}

int
hooks_new(struct hooks **out, struct error *e)
{
	struct hooks *h = xcalloc(1, sizeof *h);

	*out = NULL;
	if (stop_new(&h->stop, e) < 0) {
		free(h);
		return -1;
	}
	pthread_mutex_init(&h->lock, NULL);
	pthread_cond_init(&h->changed, NULL);
	*out = h;
	return 0;
}

void
hooks_free(struct hooks **hooks)
{
	struct hooks *h = *hooks;
	struct hook *hook;

	*hooks = NULL;
	if (h == NULL)
		return;
	/* First, so that none of those that end now is followed by another. */
	pthread_mutex_lock(&h->lock);
	h->ending = true;
	pthread_cond_broadcast(&h->changed);
	pthread_mutex_unlock(&h->lock);
	stop_request(h->stop, STOP_SOON);
	for (size_t i = 0; i < h->threads; i++)
		pthread_join(h->workers[i].thread, NULL);
	while ((hook = h->first) != NULL) {
		take_out(h, &h->first);
		log_warning("%s: %s was not run, since postrider ends",
		    hook->account, hook->name);
		free_hook(hook);
	}
	pthread_cond_destroy(&h->changed);
	pthread_mutex_destroy(&h->lock);
	stop_free(&h->stop);
	free(h);
}
