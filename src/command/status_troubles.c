/* status_troubles.c - what is wrong, in words, and since when. */
#include "command/status_parts.h"

#include "base/alloc.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* From so many failing accounts on, those that fail alike are told together. */
#define ALIKE_FROM 10
/* Of these, so many names. */
#define NAMES 5
/* So many lines, where nobody has asked for all. */
#define LINES_MOST 100

/* Where the lines go. */
struct telling {
	const struct glances *g;
	const struct status_view *view;
	struct buffer *out;
	size_t lines, left_out;
};

/* Another line, if there may be one. */
static bool
begin(struct telling *to, enum paint paint, const char *who)
{
	const struct terminal *t = &to->view->terminal;

	if (to->lines == LINES_MOST && !to->view->each) {
		to->left_out++;
		return false;
	}
	to->lines++;
	buffer_addf(
	    to->out, "%s%s%s: ", paint_on(t, paint), who, paint_off(t, paint));
	return true;
}

static const char *
ago(const struct telling *to, int64_t since, char out[TEXT_UNIT])
{
	return text_ago(to->g->now - since, out);
}

/* --- polls --- */

/* That mail is being fetched, or was until somebody said stop, is no trouble. */
static void
tell_poll(struct telling *to, const struct glance *one)
{
	const struct standing *s = &one->s;
	const char *name = one->of.name;
	bool told = one->has_live || to->view->quiet;
	char text[TEXT_UNIT];

	if (one->polling && !told && begin(to, PAINT_NONE, name)) {
		buffer_addf(to->out, "being polled%s, begun %s ago",
		    s->polled ? "" : " for the first time",
		    ago(to, s->last_started, text));
		if (one->sending > 0)
			buffer_addf(
			    to->out, "; %" PRIu64 " being sent", one->sending);
		buffer_add_text(to->out, "\n");
	}
	if (one->interrupted && !(s->stopped && told) &&
	    begin(to, s->stopped ? PAINT_NONE : PAINT_WARN, name))
		buffer_addf(to->out,
		    "the %s poll, begun %s ago, was %s; the next fetch goes "
		    "on\n",
		    s->polled ? "last" : "first",
		    ago(to, s->last_started, text),
		    s->stopped ? "stopped" : "interrupted");
}

/* How often, and since when. */
static void
add_history(struct telling *to, const struct glance *one)
{
	const struct standing *s = &one->s;
	int64_t since = glance_since(one);
	char text[TEXT_UNIT];

	if (since == 0 && !one->unwritten)
		since = s->last_ended;
	if (one->mood == MOOD_ASKS)
		buffer_add_text(to->out, "asks");
	else if (one->unwritten)
		buffer_add_text(to->out, "fails");
	else if (s->failures > 1)
		buffer_addf(to->out,
		    "the last %" PRIu64 " polls failed, the first %s ago",
		    s->failures, ago(to, since, text));
	else
		buffer_addf(to->out, "the last poll failed %s ago",
		    ago(to, s->last_ended, text));
	if ((one->mood == MOOD_ASKS || one->unwritten) && since > 0)
		buffer_addf(to->out, ", first %s ago", ago(to, since, text));
}

static const char *
words_of(const struct glance *one)
{
	return command_text(one->of.name, one->words);
}

static void
tell_failure(struct telling *to, const struct glance *one)
{
	const char *name = one->of.name;
	enum paint paint = one->mood == MOOD_POLLING ? PAINT_WARN : PAINT_BAD;

	if (one->kind[0] == '\0' || !begin(to, paint, name))
		return;
	if (one->mood == MOOD_RESTING)
		buffer_addf(to->out,
		    "rests until its settings change or somebody says "
		    "\"postrider wake %s\"; ",
		    name);
	add_history(to, one);
	buffer_addf(to->out, ": %s\n", words_of(one));
}

/* --- polls that fail alike --- */

/* Those that have failed alike side by side, in their order. */
static int
by_words(const void *a, const void *b)
{
	const struct glance *const *one = a;
	const struct glance *const *other = b;
	int order = strcmp(words_of(*one), words_of(*other));

	if (order != 0)
		return order;
	return *one < *other ? -1 : *one > *other;
}

/* Some of them, side by side. */
struct alike {
	const struct glance **list;
	size_t count;
};

/* Most first. */
static int
by_count(const void *a, const void *b)
{
	const struct alike *one = a, *other = b;

	if (one->count != other->count)
		return one->count > other->count ? -1 : 1;
	return *one->list < *other->list ? -1 : 1;
}

static void
tell_alike(struct telling *to, const struct alike *group)
{
	char *who;

	if (group->count == 1) {
		tell_failure(to, group->list[0]);
		return;
	}
	who = xasprintf("%zu accounts", group->count);
	if (begin(to, PAINT_BAD, who)) {
		buffer_addf(to->out, "the last poll failed: %s (",
		    words_of(group->list[0]));
		for (size_t i = 0; i < group->count && i < NAMES; i++)
			buffer_addf(to->out, "%s%s", i == 0 ? "" : ", ",
			    group->list[i]->of.name);
		buffer_add_text(
		    to->out, group->count > NAMES ? ", ...)\n" : ")\n");
	}
	free(who);
}

static void
tell_together(struct telling *to, const struct glance **failing, size_t count)
{
	struct alike *groups = xcalloc(count, sizeof(*groups));
	size_t n = 0;

	qsort(failing, count, sizeof(*failing), by_words);
	for (size_t i = 0; i < count; i++) {
		if (i == 0 ||
		    strcmp(words_of(failing[i - 1]), words_of(failing[i])) != 0)
			groups[n++].list = &failing[i];
		groups[n - 1].count++;
	}
	qsort(groups, n, sizeof(*groups), by_count);
	for (size_t i = 0; i < n; i++)
		tell_alike(to, &groups[i]);
	free(groups);
}

/* --- messages --- */

static void
tell_held(struct telling *to, const char *name, uint64_t count)
{
	if (count > 0 && begin(to, PAINT_BAD, name))
		buffer_addf(to->out,
		    "%" PRIu64 " held: postrider held list %s\n", count, name);
}

static void
tell_count(
    struct telling *to, const char *name, uint64_t count, const char *words)
{
	if (count > 0 && begin(to, PAINT_WARN, name))
		buffer_addf(to->out, "%" PRIu64 " %s\n", count, words);
}

static void
tell_messages(struct telling *to, const struct glance *one)
{
	const struct standing *s = &one->s;
	const char *name = one->of.name;

	tell_held(to, name, s->counts[STATE_HELD]);
	tell_count(to, name, s->counts[STATE_DEFERRED],
	    one->has_live ? "refused for now; tried again by and by"
			  : "refused for now; the next fetch tries again");
	tell_count(to, name, s->counts[STATE_REPORT_OWED],
	    "refused for good; somebody is still to be told of it");
	tell_count(to, name, s->counts[STATE_IN_DOUBT],
	    "in doubt: sent, and the answer was lost");
	tell_count(to, name, s->bound,
	    "not deleted: another message with the same unique id stays, and "
	    "they can only be deleted together");
}

/* --- destinations --- */

static size_t
count_blocked(const struct glances *g, const char *destination)
{
	size_t n = 0;

	for (size_t i = 0; i < g->count; i++)
		n += g->list[i].mood == MOOD_BLOCKED &&
		    g->list[i].of.destination != NULL &&
		    strcmp(g->list[i].of.destination, destination) == 0;
	return n;
}

/* And, once for all of them, who is not polled for its sake. */
static void
tell_destination(struct telling *to, const struct live_destination *d)
{
	size_t blocked = count_blocked(to->g, d->name);
	char text[TEXT_UNIT];

	if (d->reach != LIVE_DOWN || !begin(to, PAINT_BAD, d->name))
		return;
	buffer_addf(to->out, "down for %s", ago(to, d->since, text));
	if (blocked > 0)
		buffer_addf(to->out, ", and %zu account%s not polled for that",
		    blocked, blocked == 1 ? " is" : "s are");
	buffer_addf(to->out, ": %s\n", d->words);
}

size_t
status_troubles(
    const struct glances *g, const struct status_view *view, struct buffer *out)
{
	struct telling to = { .g = g, .view = view, .out = out };
	const struct glance **failing = xcalloc(g->count + 1, sizeof(*failing));
	size_t count = 0;
	bool together;

	/* Else the summary says it. */
	if (view->quiet && g->trouble[0] != '\0')
		buffer_addf(out, "%s\n", g->trouble);
	for (size_t i = 0; i < g->count; i++)
		if (g->list[i].kind[0] != '\0')
			failing[count++] = &g->list[i];
	together = count >= ALIKE_FROM && !view->each;
	for (size_t i = 0; i < g->destination_count; i++)
		tell_destination(&to, &g->destinations[i]);
	if (together)
		tell_together(&to, failing, count);
	for (size_t i = 0; i < g->count; i++) {
		tell_poll(&to, &g->list[i]);
		if (!together)
			tell_failure(&to, &g->list[i]);
		tell_messages(&to, &g->list[i]);
	}
	free(failing);
	return to.left_out;
}
