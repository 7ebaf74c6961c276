/* ahead.c - see ahead.h. */
#include "poll/ahead.h"

#include "base/alloc.h"
#include "base/crash.h"
#include "base/log.h"
#include "poll/recall.h"

#include <stdlib.h>

/* What is coming is read, if it is not more. */
#define DRAIN_OCTETS ((uint64_t)4 * 1024 * 1024)
/* Sizes in listings are estimates. */
#define DRAIN_SPARE ((uint64_t)64 * 1024)

size_t
ahead_room(const struct session *s)
{
	/* One place is for QUIT. */
	size_t most = s->pipelining ? POP3_AHEAD_MAX - 1 : 1;

	return most - s->asked_count;
}

int
ahead_ask(struct session *s, struct asked a, struct error *e)
{
	size_t at = (s->asked_first + s->asked_count) % POP3_AHEAD_MAX;

	/* Unasked words that lie there are no fault of what is asked for. */
	if (pop3_ahead(s->pop3, a.verb, a.number, e) < 0)
		return -1;
	if (s->asked == NULL)
		s->asked = xcalloc(POP3_AHEAD_MAX, sizeof(*s->asked));
	s->asked[at] = a;
	s->asked_count++;
	if (a.verb == POP3_RETR) {
		s->coming++;
		s->coming_octets += a.intake->listed->octets;
	}
	return 0;
}

struct asked *
ahead_first(struct session *s)
{
	return s->asked_count > 0 ? &s->asked[s->asked_first] : NULL;
}

void
ahead_drop(struct session *s)
{
	const struct asked *a = &s->asked[s->asked_first];

	if (a->verb == POP3_RETR) {
		s->coming--;
		s->coming_octets -= a->intake->listed->octets;
	}
	s->asked_first = (s->asked_first + 1) % POP3_AHEAD_MAX;
	s->asked_count--;
}

static void
remember_deleted(struct session *s, int64_t message)
{
	if ((s->deleted_count & (s->deleted_count - 1)) == 0)
		s->deleted = xrealloc(s->deleted,
		    s->deleted_count ? 2 * s->deleted_count : 1,
		    sizeof(*s->deleted));
	s->deleted[s->deleted_count++] = message;
}

int
ahead_dele_answer(struct session *s, struct error *e)
{
	struct asked a = s->asked[s->asked_first];

	ahead_drop(s);
	if (pop3_dele(s->pop3, a.number, e) == 0) {
		crash_point("after_dele");
		remember_deleted(s, a.message);
		return 0;
	}
	if (e->kind != ERR_REFUSED)
		return -1;
	s->report->stubborn++;
	log_warning("%s: message %lu cannot be deleted: %s",
	    s->job->account->name, (unsigned long)a.number, e->text);
	error_clear(e);
	return 0;
}

int
ahead_dele(struct session *s, uint32_t number, int64_t message, struct error *e)
{
	struct asked a = {
		.verb = POP3_DELE, .number = number, .message = message
	};

	if (ahead_ask(s, a, e) < 0)
		return -1;
	s->deletes = true;
	return s->pipelining ? 0 : ahead_dele_answer(s, e);
}

int
ahead_answers(struct session *s, struct error *e)
{
	while (s->asked_count > 0)
		if (ahead_dele_answer(s, e) < 0)
			return -1;
	return 0;
}

void
ahead_cancel(struct session *s)
{
	struct asked *a;

	while ((a = ahead_first(s)) != NULL) {
		ahead_drop(s);
		if (a->verb == POP3_RETR)
			intake_break(&a->intake);
	}
	recall_note(s);
	pop3_free(&s->pop3);
}

/* A message that is not wanted any more. */
static int
pass_by(struct session *s, uint64_t *left, struct error *e)
{
	struct asked *a = ahead_first(s);
	uint32_t number = a->number;
	uint64_t octets = a->intake->listed->octets;

	ahead_drop(s);
	intake_break(&a->intake);
	if (octets > *left)
		return -1;
	*left -= octets;
	if (pop3_retr(s->pop3, number, e) < 0)
		return e->kind == ERR_REFUSED ? 0 : -1;
	return pop3_drain(s->pop3, octets + DRAIN_SPARE, e) == 0 ? 0 : -1;
}

void
ahead_drain(struct session *s)
{
	uint64_t left = DRAIN_OCTETS;
	struct error ignored = { 0 };
	struct slice uid;
	uint32_t number;
	uint64_t octets;
	struct asked *a;
	int rc = 0;

	while (s->pop3 != NULL && (a = ahead_first(s)) != NULL) {
		if (a->verb == POP3_RETR) {
			rc = pass_by(s, &left, &ignored);
		} else if (a->verb == POP3_DELE) {
			rc = ahead_dele_answer(s, &ignored);
		} else {
			rc = a->verb == POP3_STAT
			    ? pop3_stat(s->pop3, &number, &octets, &ignored)
			    : pop3_uid(s->pop3, a->number, &uid, &ignored);
			rc = rc == 0 || ignored.kind == ERR_REFUSED ? 0 : -1;
			ahead_drop(s);
		}
		if (rc < 0)
			ahead_cancel(s);
	}
}
