/* answers.c - what is asked over the control socket, answered. */
#include "config.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/daemon-private.h"
#include "daemon/live.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

/* --- which accounts are meant --- */

/* Those named, or all; the caller's, NULL at the end. NULL: one is unknown. */
static struct mailbox **
mailboxes_meant(struct daemon *d, struct control_request *r)
{
	const struct settings *s = d->now->settings;
	size_t named = r->request.arg_count;
	size_t count = named > 0 ? named : s->account_count;
	struct mailbox **list = xcalloc(count + 1, sizeof(*list));

	for (size_t i = 0; i < count; i++) {
		const char *name =
		    named > 0 ? r->request.args[i] : s->accounts[i].name;

		list[i] = roster_find(d, name);
		if (list[i] == NULL || list[i]->leaving) {
			control_complain(r,
			    "%s: the daemon has no such account; "
			    "has it read the settings since? "
			    "(postrider reload)",
			    name);
			r->status = EX_USAGE;
			free(list);
			return NULL;
		}
	}
	return list;
}

/* --- status --- */

/* Seconds since 1970, for a time of clock_boot_ms. */
static int64_t
wall_of(int64_t ms)
{
	return ms == INT64_MAX ? 0
			       : clock_wall() + (ms - clock_boot_ms()) / 1000;
}

static enum live_state
state_of(const struct mailbox *m)
{
	if (atomic_load(&m->polling))
		return LIVE_POLLING;
	if (m->called)
		return LIVE_WAITING;
	if (m->postponed)
		return LIVE_BLOCKED;
	if (m->due == INT64_MAX)
		return LIVE_RESTING;
	return m->failures > 0 ? LIVE_BACKING_OFF : LIVE_IDLE;
}

static void
tell_account(struct daemon *d, struct control_request *r, struct mailbox *m)
{
	struct live_account a = { .name = m->name,
		.state = state_of(m),
		.words = m->wrong != NULL ? m->wrong->text : "" };

	if (a.state == LIVE_POLLING) {
		a.since = wall_of(m->poll->began);
		a.total = atomic_load(&m->poll->progress.messages);
		a.done = atomic_load(&m->poll->progress.messages_done);
	} else {
		a.next = wall_of(m->due);
		a.since = m->wrong_since;
	}
	if (d->ledger_failed && a.state != LIVE_POLLING) {
		a.state = LIVE_BLOCKED;
		a.words = ROUNDS_NO_LEDGER;
	}
	live_write_account(&a, &r->answer);
}

static void
tell_destination(struct control_request *r, const struct outlet *o)
{
	struct live_destination to = { .name = o->to->name, .words = "" };
	struct delivery_load load = delivery_load(o->delivery);

	to.connections = load.connections;
	to.waiting = load.messages;
	if (atomic_load(&o->down)) {
		to.reach = LIVE_DOWN;
		to.since = o->down_since;
		to.words = o->words.text;
	} else {
		to.reach = o->up_since > 0 || load.connections > 0
		    ? LIVE_UP
		    : LIVE_UNTRIED;
		to.since = o->up_since;
	}
	live_write_destination(&to, &r->answer);
}

static void
answer_status(struct daemon *d, struct control_request *r)
{
	struct live_daemon self = { .pid = getpid(),
		.started = d->started,
		.version = PACKAGE_VERSION,
		.stopping = d->stopping };
	struct mailbox **list = mailboxes_meant(d, r);

	if (list != NULL) {
		live_write_daemon(&self, &r->answer);
		for (size_t i = 0; list[i] != NULL; i++)
			tell_account(d, r, list[i]);
		for (struct outlet *o = d->outlets; o != NULL; o = o->next)
			tell_destination(r, o);
	}
	free(list);
	control_answer(r);
}

/* --- polls --- */

static void
answer_wake(struct daemon *d, struct control_request *r)
{
	struct mailbox **list = mailboxes_meant(d, r);
	size_t count = 0;

	for (; list != NULL && list[count] != NULL; count++)
		rounds_wake(d, list[count]);
	if (list != NULL)
		buffer_addf(&r->answer, "%zu account%s to be polled now\n",
		    count, count == 1 ? " is" : "s are");
	free(list);
	control_answer(r);
}

/* What was decided is dealt with by the next poll. */
static void
answer_decision(struct daemon *d, struct control_request *r)
{
	for (size_t i = 0; i < r->request.arg_count; i++) {
		struct mailbox *m = roster_find(d, r->request.args[i]);

		if (m != NULL)
			rounds_wake(d, m);
	}
	control_answer(r);
}

/* Who asks for all accounts does not want any to be locked out. */
static bool
rests(const struct mailbox *m)
{
	return !m->called && !m->postponed &&
	    m->schedule.due == SCHEDULE_RESTS && !rounds_has_other_login(m);
}

/* What is asked of the next poll. False, with a complaint: it cannot be. */
static bool
advise(struct daemon *d, struct mailbox *m, struct control_request *r)
{
	const struct request *what = &r->request;
	struct baseline b = { .last = what->last,
		.before = (int64_t)what->before };

	if (what->verb == REQUEST_FETCH) {
		rounds_advise(d, m, (what->options & REQUEST_SAME_MAILBOX) != 0,
		    (what->options & REQUEST_OTHER_MAIL) != 0);
	} else if (!rounds_make_baseline(d, m, &b)) {
		control_complain(r,
		    "%s: somebody else has asked for another baseline, which "
		    "is being made: try again",
		    m->name);
		r->status = error_worse(r->status, EX_TEMPFAIL);
		return false;
	}
	return true;
}

/* Of fetch, and of baseline. */
static void
answer_poll(struct daemon *d, struct control_request *r)
{
	struct mailbox **list = mailboxes_meant(d, r);
	struct visit *v;

	if (list == NULL || d->stopping || d->ledger_failed) {
		if (d->stopping)
			control_complain(r, "the daemon is stopping");
		else if (d->ledger_failed)
			control_complain(r, ROUNDS_NO_LEDGER);
		r->status = error_worse(r->status, EX_TEMPFAIL);
		control_answer(r);
		free(list);
		return;
	}
	v = visit_begin(r);
	for (size_t i = 0; list[i] != NULL; i++) {
		if (r->request.arg_count == 0 && rests(list[i])) {
			control_complain(r,
			    "%s: its password was refused too often: see to "
			    "that, then: postrider wake %s",
			    list[i]->name, list[i]->name);
			r->status = error_worse(r->status, EX_NOPERM);
			continue;
		}
		/* A poll that misses the advice has begun before the visit. */
		if (!advise(d, list[i], r))
			continue;
		visit_join(v, &list[i]->visitors,
		    r->request.verb == REQUEST_BASELINE,
		    atomic_load(&list[i]->polling));
		rounds_wake(d, list[i]);
	}
	visit_joined(v);
	free(list);
}

/* --- the daemon itself --- */

static void
answer_reload(struct daemon *d, struct control_request *r)
{
	struct buffer problems = { 0 };
	struct error e = { 0 };
	char *line, *rest = NULL;

	if (daemon_reload(d, &problems, &e) == 0) {
		log_info("the settings were read anew: %zu account%s",
		    d->now->settings->account_count,
		    d->now->settings->account_count == 1 ? "" : "s");
		buffer_addf(&r->answer,
		    "the settings were read: %zu account%s\n",
		    d->now->settings->account_count,
		    d->now->settings->account_count == 1 ? "" : "s");
	} else {
		if (problems.len > 0)
			for (line = strtok_r(problems.data, "\n", &rest);
			     line != NULL; line = strtok_r(NULL, "\n", &rest)) {
				log_error("%s", line);
				control_complain(r, "%s", line);
			}
		log_error("%s; the settings before stay in force", e.text);
		control_complain(
		    r, "%s; the settings before stay in force", e.text);
		r->status = error_exit_status(e.kind);
	}
	buffer_free(&problems);
	control_answer(r);
}

/* Answered when all has ended. */
static void
answer_stop(struct daemon *d, struct control_request *r)
{
	queue_push(d->stoppers, &r->item);
	if (!d->stopping)
		daemon_stop(d);
}

void
answers_give(struct daemon *d, struct control_request *r)
{
	switch (r->request.verb) {
	case REQUEST_STATUS:
		answer_status(d, r);
		break;
	case REQUEST_WAKE:
		answer_wake(d, r);
		break;
	case REQUEST_RELOAD:
		answer_reload(d, r);
		break;
	case REQUEST_STOP:
		answer_stop(d, r);
		break;
	case REQUEST_FETCH:
	case REQUEST_BASELINE:
		answer_poll(d, r);
		break;
	case REQUEST_HELD_RETRY:
	case REQUEST_HELD_DROP:
		answer_decision(d, r);
		break;
	}
}

void
answers_end(struct daemon *d)
{
	struct control_request *r;

	if (d->control == NULL)
		return;
	while ((r = queue_pop(d->requests)) != NULL) {
		if (r->request.verb != REQUEST_STOP) {
			control_complain(r, "the daemon has stopped");
			r->status = EX_TEMPFAIL;
		}
		control_answer(r);
	}
	while ((r = queue_pop(d->stoppers)) != NULL)
		control_answer(r);
}
