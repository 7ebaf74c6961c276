/* peruse.c - see peruse.h. */
#include "poll/peruse.h"

#include "base/alloc.h"
#include "base/log.h"
#include "base/set.h"
#include "base/wait.h"
#include "poll/maildrop.h"
#include "pop3/pop3.h"

#include <stdlib.h>

/* So many are asked for ahead. */
#define AHEAD ((size_t)64)
/* A server may think for a while that a lost session is still there. */
#define AGAIN_MS 2000
#define AGAIN_MAX 5

struct perusal {
	const struct account *account; /* all borrowed */
	const char *password;
	const struct stop *stop;
	const struct peruser *who;

	struct pop3 *pop3; /* owned */
	struct listing listing; /* owned */
	size_t *wanted; /* owned: indices into listing.list */
	size_t count, at, asked; /* of them; the next to come; to ask for */
	struct set done; /* those that have come, by UID and copy */
	bool careful; /* one command at a time from now on */
	bool progress; /* one has come in this session */
};

static uint64_t
name_of(const struct listing_entry *m)
{
	return set_mix(set_octets(m->uid.data, m->uid.len), m->copy);
}

static bool
may_pipeline(const struct perusal *p)
{
	if (p->careful || p->account->pipelining == PIPELINING_NO)
		return false;
	return p->account->pipelining == PIPELINING_YES ||
	    pop3_capa(p->pop3)->pipelining;
}

static void
choose(struct perusal *p)
{
	const struct listing *l = &p->listing;

	p->wanted = xcalloc(l->count ? l->count : 1, sizeof(*p->wanted));
	p->count = p->at = p->asked = 0;
	for (size_t i = 0; i < l->count; i++)
		if (!set_has(&p->done, name_of(&l->list[i])) &&
		    p->who->wanted(p->who->arg, &l->list[i]))
			p->wanted[p->count++] = i;
}

static void
leave(struct perusal *p)
{
	pop3_free(&p->pop3);
	listing_free(&p->listing);
	p->listing = (struct listing){ 0 };
	free(p->wanted);
	p->wanted = NULL;
}

/* The next ones are asked for before the first one is read. */
static int
ask_ahead(struct perusal *p, struct error *e)
{
	const struct listing_entry *m;

	if (!pop3_pipelines(p->pop3))
		return 0;
	for (; p->asked < p->count && pop3_is_ahead(p->pop3) < AHEAD;
	     p->asked++) {
		m = &p->listing.list[p->wanted[p->asked]];
		if (pop3_ahead(p->pop3, POP3_RETR, m->number, e) < 0)
			return -1;
	}
	return 0;
}

/*
 * All that was sent ahead would be taken for something else if the server had
 * answered once too often, or refused what it does not take so.
 */
static int
in_step(struct perusal *p, struct slice first, struct error *e)
{
	if (!pop3_pipelines(p->pop3) || !pop3_begins_with_status(first))
		return 0;
	return error_set(e, ERR_PROTOCOL,
	    "the mailbox answers out of step: a message begins with an answer");
}

static int
read_content(struct perusal *p, const struct listing_entry *m, struct error *e)
{
	struct slice content;
	uint64_t octets = 0;
	int more;

	while ((more = pop3_content(p->pop3, &content, e)) > 0) {
		if (octets == 0 && in_step(p, content, e) < 0)
			return -1;
		octets += content.len;
		if (p->account->max_size == 0 && listing_is_endless(m, octets))
			return error_set(e, ERR_PROTOCOL,
			    "a message is far larger than listed");
		p->who->take(p->who->arg, content);
	}
	return more < 0 ? -1 : listing_check_whole(m, octets, e);
}

/* 0: it has come, or is refused. */
static int
read_one(struct perusal *p, const struct listing_entry *m, struct error *e)
{
	int rc;

	p->who->begin(p->who->arg, m);
	rc = pop3_retr(p->pop3, m->number, e);
	if (rc == 0)
		rc = read_content(p, m, e);
	/* To commands that were sent ahead, who knows what that answers. */
	if (rc < 0 && e->kind == ERR_REFUSED && pop3_pipelines(p->pop3))
		e->kind = ERR_PROTOCOL;
	if (rc < 0 && e->kind != ERR_REFUSED)
		return -1;
	p->who->end(p->who->arg, m, rc < 0 ? e : NULL);
	error_clear(e);
	set_add(&p->done, name_of(m));
	p->progress = true;
	return 0;
}

static int
read_all(struct perusal *p, struct error *e)
{
	if (may_pipeline(p))
		pop3_let_pipeline(p->pop3);
	for (; p->at < p->count; p->at++) {
		if (stop_level(p->stop) != STOP_NO)
			return error_set(e, ERR_STOPPED, "stopped");
		if (ask_ahead(p, e) < 0 ||
		    read_one(p, &p->listing.list[p->wanted[p->at]], e) < 0)
			return -1;
	}
	pop3_leave(p->pop3);
	return 0;
}

static int
enter(struct perusal *p, struct error *e)
{
	p->progress = false;
	if (maildrop_open(&p->pop3, p->account, p->password, p->stop, e) < 0 ||
	    listing_read(&p->listing, p->pop3, e) < 0)
		return -1;
	p->who->listed(p->who->arg, &p->listing);
	choose(p);
	return 0;
}

/*
 * A session was lost. Is another one worth having? As long as each brings
 * something; and without sending ahead, unless that has worked.
 */
static bool
is_worth_more(struct perusal *p, const struct error *e)
{
	bool pipelined = p->pop3 != NULL && pop3_pipelines(p->pop3);

	if (e->kind != ERR_TIMEOUT && e->kind != ERR_IO &&
	    e->kind != ERR_PROTOCOL)
		return false;
	if (pipelined && !(p->progress && pop3_proven(p->pop3)))
		p->careful = true;
	log_event("account=%s event=session_lost pipelining=%s reason=\"%s\"",
	    p->account->name,
	    !pipelined       ? "no"
		: p->careful ? "given_up"
			     : "yes",
	    e->text);
	return pipelined || p->progress;
}

static bool
is_busy(const struct error *e)
{
	return e->kind == ERR_IN_USE || e->kind == ERR_BUSY ||
	    e->kind == ERR_LOGIN_DELAY || e->kind == ERR_CONNECT;
}

static int
enter_again(struct perusal *p, struct error *e)
{
	int rc = enter(p, e);

	for (int i = 0; rc < 0 && is_busy(e) && i < AGAIN_MAX; i++) {
		leave(p);
		error_clear(e);
		if (wait_for(-1, 0, -1, stop_fd(p->stop, STOP_SOON),
			deadline_in(AGAIN_MS), e) < 0)
			return -1;
		rc = enter(p, e);
	}
	return rc;
}

int
peruse(const struct account *account, const char *password,
    const struct stop *stop, const struct peruser *who, struct error *e)
{
	struct perusal p = { .account = account,
		.password = password,
		.stop = stop,
		.who = who };
	int rc = enter(&p, e);

	if (rc == 0)
		rc = read_all(&p, e);
	while (rc < 0 && is_worth_more(&p, e)) {
		leave(&p);
		error_clear(e);
		rc = enter_again(&p, e);
		if (rc == 0)
			rc = read_all(&p, e);
	}
	leave(&p);
	set_free(&p.done);
	return rc;
}
