/* live.c - see live.h. */
#include "daemon/live.h"

#include "base/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define FIELDS 10 /* the most that a row has */
#define WORDS 512

static const char *const states[LIVE_STATES] = {
	[LIVE_IDLE] = "idle",
	[LIVE_WAITING] = "waiting",
	[LIVE_POLLING] = "polling",
	[LIVE_BACKING_OFF] = "backing_off",
	[LIVE_RESTING] = "resting",
	[LIVE_BLOCKED] = "blocked",
};

static const char *const reaches[LIVE_REACHES] = {
	[LIVE_UP] = "up",
	[LIVE_DOWN] = "down",
	[LIVE_UNTRIED] = "untried",
};

const char *
live_state_name(enum live_state state)
{
	return states[state];
}

const char *
live_reach_name(enum live_reach reach)
{
	return reaches[reach];
}

/* --- written --- */

/* HTAB is obeyed by a terminal, so that none is left inside a field. */
static void
words_add(struct buffer *out, const char *words)
{
	char harmless[WORDS];

	text_harmless(
	    slice_of(words != NULL ? words : ""), harmless, sizeof(harmless));
	buffer_add_text(out, "\t");
	buffer_add_text(out, harmless);
}

void
live_write_daemon(const struct live_daemon *d, struct buffer *out)
{
	buffer_addf(out, "daemon\t%" PRId64 "\t%" PRId64, d->pid, d->started);
	words_add(out, d->version);
	buffer_addf(out, "\t%d\n", d->stopping);
}

void
live_write_account(const struct live_account *a, struct buffer *out)
{
	buffer_add_text(out, "account");
	words_add(out, a->name);
	buffer_addf(out,
	    "\t%s\t%" PRId64 "\t%" PRId64 "\t%" PRIu64 "\t%" PRIu64,
	    states[a->state], a->next, a->since, a->done, a->total);
	words_add(out, a->words);
	words_add(out, a->kind);
	buffer_addf(out, "\t%" PRIu64 "\n", a->failures);
}

void
live_write_destination(const struct live_destination *d, struct buffer *out)
{
	buffer_add_text(out, "destination");
	words_add(out, d->name);
	buffer_addf(out, "\t%s\t%" PRIu64 "\t%" PRIu64 "\t%" PRId64,
	    reaches[d->reach], d->connections, d->waiting, d->since);
	words_add(out, d->words);
	buffer_add_text(out, "\n");
}

/* --- read --- */

/* A time or a count; what is none counts as 0. */
static uint64_t
number(const char *field)
{
	uint64_t n = 0;

	return text_u64(slice_of(field), INT64_MAX, &n) == 0 ? n : 0;
}

static size_t
word_find(const char *word, const char *const *among, size_t count)
{
	size_t i = 0;

	while (i < count && strcmp(among[i], word) != 0)
		i++;
	return i;
}

static void
parse_account(char **field, struct live_row *row)
{
	size_t state = word_find(field[2], states, LIVE_STATES);

	if (state == LIVE_STATES)
		return;
	row->kind = LIVE_ACCOUNT;
	row->account = (struct live_account){
		.name = field[1],
		.state = (enum live_state)state,
		.next = (int64_t)number(field[3]),
		.since = (int64_t)number(field[4]),
		.done = number(field[5]),
		.total = number(field[6]),
		.words = field[7],
		/* An older version has not written them. */
		.kind = field[8] != NULL ? field[8] : "",
		.failures = field[9] != NULL ? number(field[9]) : 0,
	};
}

static void
parse_destination(char **field, struct live_row *row)
{
	size_t reach = word_find(field[2], reaches, LIVE_REACHES);

	if (reach == LIVE_REACHES)
		return;
	row->kind = LIVE_DESTINATION;
	row->destination = (struct live_destination){
		.name = field[1],
		.reach = (enum live_reach)reach,
		.connections = number(field[3]),
		.waiting = number(field[4]),
		.since = (int64_t)number(field[5]),
		.words = field[6],
	};
}

static void
parse_daemon(char **field, struct live_row *row)
{
	row->kind = LIVE_DAEMON;
	row->daemon = (struct live_daemon){
		.pid = (int64_t)number(field[1]),
		.started = (int64_t)number(field[2]),
		.version = field[3],
		.stopping = number(field[4]) != 0,
	};
}

void
live_parse(char *line, struct live_row *row)
{
	static const struct {
		const char *word;
		size_t fields; /* at least */
		void (*parse)(char **field, struct live_row *row);
	} kinds[] = {
		{ "daemon", 5, parse_daemon },
		{ "account", 8, parse_account },
		{ "destination", 7, parse_destination },
	};
	char *field[FIELDS] = { NULL };
	size_t count = 0;

	*row = (struct live_row){ .kind = LIVE_OTHER };
	while (line != NULL && count < FIELDS)
		field[count++] = strsep(&line, "\t");
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(field[0], kinds[i].word) == 0 &&
		    count >= kinds[i].fields)
			kinds[i].parse(field, row);
}
