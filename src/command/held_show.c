/* held_show.c - `held show`: all that can be told of a message. */
#include "command/held.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "command/session.h"
#include "message/header.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define WORDS_MAX 512 /* of a peer, on one line */

struct showing {
	const struct ground *ground;
	struct pick *picks; /* owned; by account */
	size_t count;
	bool as_json;
	struct json json;
	struct peep *peep; /* owned; the mailbox of `account`, or NULL */
	const char *account; /* whose mailbox has been asked last */
	struct error shut; /* why peep is NULL */
};

/* What the mailbox tells about a message. */
struct sight {
	const struct listing_entry *listed; /* NULL: it is not there */
	struct buffer header;
	struct error e; /* ERR_NONE: all above is so */
};

static const struct {
	const char *key; /* in JSON */
	const char *field;
} fields[] = {
	{ "from", "From" },
	{ "to", "To" },
	{ "subject", "Subject" },
	{ "date", "Date" },
};
#define FIELDS (sizeof(fields) / sizeof(fields[0]))

static void
line(const char *name, const char *text)
{
	printf("  %-11s %s\n", name, text);
}

static void
known_text(const struct waiting *w)
{
	char text[WORDS_MAX];
	char when[CLOCK_TEXT];
	char size[TEXT_UNIT];

	printf("message %" PRId64 "\n", w->message);
	line("account", w->account);
	held_uid(w, text, sizeof(text));
	line("uid", text);
	printf("  %-11s %s\n", "state", state_name(w->state));
	line("since", clock_text(w->since, when));
	line("first seen", clock_text(w->first_seen, when));
	printf("  %-11s %s (%" PRIu64 " octets)\n", "size",
	    text_octets(w->octets, size), w->octets);
	/* Those that were temporary; the last one is no more of them. */
	if (w->attempts > 0)
		printf("  %-11s %" PRIu32 " time%s\n", "deferred", w->attempts,
		    w->attempts == 1 ? "" : "s");
	if (w->state == STATE_DEFERRED && w->next_try != 0)
		line("next try", clock_text(w->next_try, when));
	text_harmless(slice_of(w->reply), text, sizeof(text));
	line("why", text);
	/* The mailbox may take its time. */
	fflush(stdout);
}

static bool
differs(const struct pick *p, const struct sight *sight)
{
	return p->known.octets != 0 && sight->listed->octets != 0 &&
	    p->known.octets != sight->listed->octets;
}

static void
sight_text(const struct pick *p, const struct sight *sight)
{
	char text[WORDS_MAX];
	size_t i;

	if (sight->e.kind != ERR_NONE) {
		printf("  %-11s cannot be asked: %s\n", "mailbox",
		    command_text(p->account, sight->e.text));
		return;
	}
	if (sight->listed == NULL) {
		line("mailbox", "the message is no longer listed");
		return;
	}
	for (i = 0; i < FIELDS; i++) {
		header_text(buffer_slice(&sight->header), fields[i].field, text,
		    sizeof(text));
		line(fields[i].key, text);
	}
	if (differs(p, sight))
		printf("  %-11s lists it with %" PRIu64 " octets: perhaps "
		       "another message\n",
		    "mailbox", sight->listed->octets);
}

/* Nobody knows whether it is listed: null. */
static void
sight_json(struct json *j, const struct sight *sight)
{
	const bool failed = sight->e.kind != ERR_NONE;
	char text[WORDS_MAX];
	size_t i;

	json_open(j, "mailbox", '{');
	json_string(j, "error", failed ? error_name(sight->e.kind) : NULL);
	json_string(j, "error_text", failed ? sight->e.text : NULL);
	if (sight->listed != NULL) {
		json_bool(j, "listed", true);
		json_number(j, "octets", (int64_t)sight->listed->octets);
	} else if (failed) {
		json_string(j, "listed", NULL);
	} else {
		json_bool(j, "listed", false);
	}
	for (i = 0; !failed && sight->listed != NULL && i < FIELDS; i++) {
		header_text(buffer_slice(&sight->header), fields[i].field, text,
		    sizeof(text));
		json_string(j, fields[i].key, text);
	}
	json_close(j, '}');
}

/* One session for all messages of an account. */
static void
mailbox_enter(struct showing *s, const struct pick *p, const struct stop *stop)
{
	if (s->account != NULL && strcmp(s->account, p->account) == 0)
		return;
	peep_close(&s->peep);
	s->account = p->account;
	error_clear(&s->shut);
	held_peep(&s->peep, s->ground, p, stop, &s->shut);
}

static void
mailbox_ask(struct showing *s, const struct pick *p, struct sight *sight)
{
	if (s->peep == NULL) {
		sight->e = s->shut;
		return;
	}
	if (peep_find(s->peep, p->known.uid, p->known.copy, &sight->listed,
		&sight->e) == 0 &&
	    sight->listed != NULL)
		peep_header(s->peep, sight->listed, &sight->header, &sight->e);
}

static void
show(struct showing *s, const struct pick *p, const struct stop *stop)
{
	struct sight sight = { 0 };

	if (!s->as_json)
		known_text(&p->known);
	mailbox_enter(s, p, stop);
	mailbox_ask(s, p, &sight);
	if (s->as_json) {
		json_open(&s->json, NULL, '{');
		held_json(&s->json, &p->known);
		sight_json(&s->json, &sight);
		json_close(&s->json, '}');
	} else {
		sight_text(p, &sight);
	}
	buffer_free(&sight.header);
}

static int
show_all(void *arg, const struct stop *stop)
{
	struct showing *s = arg;
	size_t i;

	for (i = 0; i < s->count && stop_level(stop) == STOP_NO; i++) {
		if (i > 0 && !s->as_json)
			printf("\n");
		show(s, &s->picks[i], stop);
	}
	peep_close(&s->peep);
	return EX_OK;
}

static int
by_account(const void *a, const void *b)
{
	const struct pick *x = a;
	const struct pick *y = b;
	int order = strcmp(x->account, y->account);

	if (order != 0)
		return order;
	return (x->known.message > y->known.message) -
	    (x->known.message < y->known.message);
}

static int
picks_read(struct showing *s, char **words)
{
	struct reader *reader = NULL;
	struct error e = { 0 };
	int status = EX_OK;

	if (reader_open(&reader, s->ground->state, &e) < 0)
		return command_fail(&e);
	for (; *words != NULL && status == EX_OK; words++)
		status = held_pick(reader, *words, &s->picks[s->count++]);
	reader_free(&reader);
	if (status == EX_OK)
		qsort(s->picks, s->count, sizeof(*s->picks), by_account);
	return status;
}

int
held_show(const struct invocation *in, const struct ground *ground)
{
	struct showing s = { .ground = ground, .as_json = in->json };
	int status;
	size_t i;

	if (in->arg_count == 0) {
		log_error("held show: which ones? \"postrider held list\" "
			  "shows their numbers");
		return EX_USAGE;
	}
	s.picks = xcalloc((size_t)in->arg_count, sizeof(*s.picks));
	status = picks_read(&s, in->args);
	if (status != EX_OK)
		goto out;
	json_open(&s.json, NULL, '{');
	json_open(&s.json, "messages", '[');
	status = session_run(show_all, NULL, &s);
	json_close(&s.json, ']');
	json_close(&s.json, '}');
	if (s.as_json)
		json_finish(&s.json);
out:
	for (i = 0; i < s.count; i++)
		pick_free(&s.picks[i]);
	free(s.picks);
	buffer_free(&s.json.out);
	return status;
}
