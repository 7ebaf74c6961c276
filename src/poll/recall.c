/* recall.c - see recall.h. */
#include "poll/recall.h"

#include "base/clock.h"
#include "base/log.h"
#include "message/digest.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* What a server can do is asked anew after so long. */
#define CAPA_S ((int64_t)7 * 86400)
/* And whether it takes commands that are sent ahead. */
#define BROKEN_S ((int64_t)30 * 86400)

static bool
is_recent(int64_t then, int64_t now, int64_t s)
{
	return now >= then && now < then + s;
}

static void
server_name(const struct endpoint *at, char *out, size_t room)
{
	static const char *const tls[] = {
		[TLS_IMPLICIT] = "implicit",
		[TLS_STARTTLS] = "starttls",
		[TLS_NONE] = "none",
	};

	snprintf(out, room, "%s:%u %s", at->host, at->port, tls[at->tls]);
	for (; *out != '\0'; out++)
		*out = (char)tolower((unsigned char)*out);
}

int
recall_begin(struct session *s, struct error *e)
{
	struct recall *r = &s->recall;
	char name[sizeof(r->server.name)];

	server_name(&s->job->account->at, name, sizeof(name));
	return reader_server(s->reader, name, &r->server, e);
}

/* --- the way in --- */

static void
parse_capa(const char *text, struct pop3_capa *capa)
{
	const char *end;

	pop3_capa_clear(capa);
	capa->known = true;
	for (; (end = strchr(text, '\n')) != NULL; text = end + 1)
		pop3_capa_line(slice_make(text, (size_t)(end - text)), capa);
}

/* What is not as it was is recorded at the end of the poll. */
static void
learn(struct recall *r, const struct pop3_capa *capa)
{
	struct buffer text = { 0 };

	if (!capa->known)
		return;
	pop3_capa_text(capa, &text);
	if (text.len > 0 && text.len < sizeof(r->server.capa) &&
	    (!r->known || strcmp(text.data, r->server.capa) != 0)) {
		memcpy(r->server.capa, text.data, text.len + 1);
		r->server.learned = clock_wall();
		r->changed = true;
	}
	buffer_free(&text);
}

static void
forget(struct recall *r)
{
	r->changed = r->changed || r->server.capa[0] != '\0';
	r->server.capa[0] = '\0';
	r->server.learned = 0;
}

static void
set_pipelining(struct recall *r, enum ledger_pipelining p)
{
	if (r->server.pipelining == p && p == PIPELINING_PROVEN)
		return;
	r->server.pipelining = p;
	r->server.since = clock_wall();
	r->changed = true;
}

static bool
may_pipeline(const struct session *s)
{
	const struct recall *r = &s->recall;

	switch (s->job->account->pipelining) {
	case PIPELINING_YES:
		return !r->careful;
	case PIPELINING_NO:
		return false;
	case PIPELINING_AUTO:
		break;
	}
	if (r->server.pipelining == PIPELINING_BROKEN &&
	    is_recent(r->server.since, clock_wall(), BROKEN_S))
		return false;
	return !r->careful && pop3_capa(s->pop3)->pipelining;
}

/*
 * What is asked next anyway goes with the login; but not before the server is
 * known: should it hang up on that, nobody could tell it from a refusal.
 */
static int
log_in(struct session *s, struct error *e)
{
	const struct login *l = &s->job->account->login;
	const char *password = s->job->password;
	bool sizes = !s->polled.has_quiet;
	int rc;

	s->recall.in_flight = s->pipelining && s->recall.known;
	if (s->recall.in_flight)
		return pop3_login_ahead(s->pop3, l, password, sizes, e);
	rc = pop3_login(s->pop3, l, password, e);
	return rc == 0 && s->pipelining ? pop3_list_ahead(s->pop3, sizes, e)
					: rc;
}

/* Was it a refusal? The password is not told twice to find out. */
static void
note_unheard(struct session *s, struct error *e)
{
	struct recall *r = &s->recall;

	r->unheard = pop3_password_told(s->pop3) && e->kind != ERR_STOPPED;
	if (!r->unheard)
		return;
	r->relied = *pop3_capa(s->pop3);
	error_set(&r->why, e->kind,
	    "%s; the password had been told, and is not told again by this "
	    "poll: some servers refuse a wrong one so",
	    e->text);
	if (!r->known)
		*e = r->why;
}

/*
 * Is what was remembered of the server still so? Then that was not the reason;
 * but that the listing was asked for with the login may have been it, where
 * that has not worked for long.
 */
static bool
was_right(struct recall *r, const struct pop3_capa *now)
{
	const struct pop3_capa *then = &r->relied;

	if (!now->known || strcmp(now->sasl, then->sasl) != 0 ||
	    now->sasl_ir != then->sasl_ir || (r->in_flight && !now->pipelining))
		return false;
	if (r->in_flight &&
	    (r->server.pipelining != PIPELINING_PROVEN ||
		is_recent(r->server.since, clock_wall(), CAPA_S)))
		set_pipelining(r, PIPELINING_BROKEN);
	return true;
}

/* recalled: what was relied upon, or NULL. */
static void
note_failure(
    struct session *s, const struct pop3_capa *recalled, struct error *e)
{
	const struct pop3_capa *now = pop3_capa(s->pop3);

	note_unheard(s, e);
	/* It has been asked meanwhile, and has changed. */
	if (recalled != NULL && strcmp(recalled->sasl, now->sasl) != 0)
		forget(&s->recall);
}

int
recall_open(struct session *s, struct error *e)
{
	const struct account *a = s->job->account;
	struct recall *r = &s->recall;
	struct pop3_capa capa;
	int rc;

	r->known = !r->careful && r->server.capa[0] != '\0' &&
	    is_recent(r->server.learned, clock_wall(), CAPA_S);
	if (r->known)
		parse_capa(r->server.capa, &capa);
	s->pipelining = r->proven = false;
	if (pop3_open_known(
		&s->pop3, &a->at, r->known ? &capa : NULL, s->job->stop, e) < 0)
		return -1;
	if (r->unheard && was_right(r, pop3_capa(s->pop3))) {
		*e = r->why;
		return -1;
	}
	if (r->unheard)
		forget(r);
	r->unheard = false;
	s->pipelining = may_pipeline(s);
	rc = log_in(s, e);
	if (s->pipelining)
		pop3_let_pipeline(s->pop3);
	if (rc == 0)
		learn(r, pop3_capa(s->pop3));
	else
		note_failure(s, r->known ? &capa : NULL, e);
	return rc;
}

/* --- how it went --- */

void
recall_note(struct session *s)
{
	if (s->pop3 != NULL && pop3_proven(s->pop3))
		s->recall.proven = true;
}

void
recall_refused(struct session *s, const struct error *e)
{
	const struct pop3_reply *last = pop3_last(s->pop3);

	s->recall.refused = s->pipelining && e->kind == ERR_REFUSED &&
	    (last->code == POP3_CODE_NONE || last->code == POP3_CODE_OTHER);
}

bool
recall_retreat(struct session *s, const struct error *e)
{
	struct recall *r = &s->recall;

	recall_note(s);
	if (e->kind != ERR_TIMEOUT && e->kind != ERR_IO &&
	    e->kind != ERR_PROTOCOL && !r->refused)
		return false;
	r->refused = false;
	if (r->unheard && !r->known)
		return false;
	if (r->careful || r->stepping || (!s->pipelining && !r->known)) {
		r->suspect = false;
		return false;
	}
	/* Where it has worked, it is the line, or one of the messages. */
	r->stepping = r->proven;
	r->careful = !r->proven;
	r->suspect = r->careful && s->pipelining;
	if (!r->unheard)
		forget(r);
	log_words("reason", e->text,
	    "account=%s event=session_lost pipelining=%s",
	    s->job->account->name,
	    !s->pipelining   ? "no"
		: r->careful ? "given_up"
			     : "yes");
	return true;
}

static void
warn_of_breaking(const struct account *a)
{
	const char *then = a->pipelining == PIPELINING_YES
	    ? "pipelining = \"yes\" makes every poll try that first: set it to "
	      "\"no\""
	    : "this is not done again for 30 days, though it offers PIPELINING";

	log_warning("%s: the mailbox stops answering when commands are sent "
		    "ahead; %s",
	    a->name, then);
}

void
recall_went_well(struct session *s)
{
	struct recall *r = &s->recall;

	recall_note(s);
	if (r->suspect && !s->pipelining) {
		set_pipelining(r, PIPELINING_BROKEN);
		warn_of_breaking(s->job->account);
	} else if (s->pipelining && (r->proven || r->flown)) {
		set_pipelining(r, PIPELINING_PROVEN);
	}
	r->suspect = false;
}

void
recall_not_suspect(struct session *s)
{
	s->recall.suspect = false;
}

void
recall_one_came(struct session *s)
{
	s->recall.stepping = false;
}

const struct ledger_server *
recall_server(const struct session *s)
{
	return s->recall.changed ? &s->recall.server : NULL;
}

/* --- the listing --- */

static void
add_text(struct digest *d, const char *text)
{
	if (text != NULL)
		digest_add(d, text, strlen(text));
	digest_add(d, "", 1);
}

/* All of an account that a plan looks at. */
static void
add_settings(struct digest *d, const struct account *a)
{
	int64_t numbers[] = { (int64_t)a->after, a->keep_s, (int64_t)a->first,
		a->first_s, (int64_t)a->first_count, (int64_t)a->fetch_limit,
		(int64_t)a->max_size, (int64_t)a->on_reject, a->hold_in_doubt,
		a->delete_seen };

	digest_add(d, numbers, sizeof(numbers));
	add_text(d, a->destination);
	for (size_t i = 0; a->recipients[i] != NULL; i++)
		add_text(d, a->recipients[i]);
}

void
recall_listing(struct session *s)
{
	struct recall *r = &s->recall;
	struct digest d;

	/* It has led us here: it was right. */
	r->known = false;
	r->flown = r->in_flight;
	digest_begin(&d);
	add_settings(&d, s->job->account);
	r->has_digest = listing_digest(&s->listing, &d);
	digest_end(&d, r->quiet.digest);
}

bool
recall_is_quiet(struct session *s, int64_t now)
{
	struct recall *r = &s->recall;
	const struct polled *before = &s->polled;

	if (s->sessions != 1 || s->job->baseline != NULL || s->job->moved ||
	    s->job->other_mail || s->job->thorough || !r->has_digest ||
	    !before->has_quiet || now >= before->quiet.until ||
	    plan_clock_jumped(before->last_listed, now) ||
	    memcmp(r->quiet.digest, before->quiet.digest,
		sizeof(r->quiet.digest)) != 0)
		return false;
	r->quiet = before->quiet;
	r->is_quiet = true;
	return true;
}

void
recall_plan(struct session *s)
{
	struct recall *r = &s->recall;

	r->quiet.until = s->plan.quiet_until;
	r->quiet.held = s->plan.held;
	r->is_quiet = r->has_digest && r->quiet.until > 0;
}

const struct ledger_quiet *
recall_quiet(const struct session *s)
{
	return s->recall.is_quiet ? &s->recall.quiet : NULL;
}
