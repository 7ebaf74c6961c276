/* status_text.c - how every account is doing, at a glance. */
#include "command/status_parts.h"

#include "base/clock.h"
#include "base/text.h"
#include "command/columns.h"
#include "command/spark.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* So many accounts are shown whether or not something is wrong with them. */
#define FEW 50
/* And so many of those with which something is. */
#define MANY 20
/* A name is not cut shorter than that. */
#define NAME_LEAST 8

static enum paint
paint_of(enum mood mood)
{
	switch (mood) {
	case MOOD_OK:
		return PAINT_GOOD;
	case MOOD_POLLING:
		return PAINT_BUSY;
	case MOOD_NEW:
	case MOOD_WAITING:
		return PAINT_NONE;
	case MOOD_INTERRUPTED:
	case MOOD_BLOCKED:
		return PAINT_WARN;
	case MOOD_FAILING:
	case MOOD_RESTING:
	case MOOD_ASKS:
		break;
	}
	return PAINT_BAD;
}

static void
painted(struct buffer *out, const struct terminal *t, enum paint paint,
    const char *text)
{
	buffer_addf(
	    out, "%s%s%s", paint_on(t, paint), text, paint_off(t, paint));
}

/* --- above the table --- */

static void
add_moods(const struct glances *g, const struct terminal *t, struct buffer *out)
{
	size_t counts[MOODS] = { 0 };
	const char *before = ": ";
	char text[64];

	for (size_t i = 0; i < g->count; i++)
		counts[g->list[i].mood]++;
	for (int mood = 0; mood < MOODS; mood++) {
		if (counts[mood] == 0)
			continue;
		buffer_add_text(out, before);
		snprintf(text, sizeof(text), "%zu %s", counts[mood],
		    mood_name((enum mood)mood));
		painted(out, t, paint_of((enum mood)mood), text);
		before = ", ";
	}
}

/* Messages, of all accounts. */
struct sums {
	struct hours hours;
	uint64_t held, deferred;
};

static struct sums
sum_up(const struct glances *g)
{
	struct sums sum = { 0 };

	for (size_t i = 0; i < g->count; i++) {
		const struct glance *one = &g->list[i];

		sum.hours.today += one->hours.today;
		sum.hours.today_octets += one->hours.today_octets;
		for (size_t h = 0; h < READER_HOURS; h++)
			sum.hours.delivered[h] += one->hours.delivered[h];
		sum.held += one->s.counts[STATE_HELD];
		sum.deferred += one->s.counts[STATE_DEFERRED];
	}
	return sum;
}

static void
add_counts(const struct sums *sum, const struct terminal *t, struct buffer *out)
{
	char octets[TEXT_UNIT], text[64];

	buffer_addf(out, "; %" PRIu64 " message%s today", sum->hours.today,
	    sum->hours.today == 1 ? "" : "s");
	if (sum->hours.today > 0)
		buffer_addf(
		    out, " (%s)", text_octets(sum->hours.today_octets, octets));
	if (sum->deferred > 0) {
		snprintf(
		    text, sizeof(text), "%" PRIu64 " deferred", sum->deferred);
		buffer_add_text(out, ", ");
		painted(out, t, PAINT_WARN, text);
	}
	if (sum->held > 0) {
		snprintf(text, sizeof(text), "%" PRIu64 " held", sum->held);
		buffer_add_text(out, ", ");
		painted(out, t, PAINT_BAD, text);
	}
	buffer_add_text(out, "\n");
}

/* When the daemon polls next; 0: nobody knows. */
static int64_t
next_poll(const struct glances *g)
{
	int64_t next = 0;

	for (size_t i = 0; i < g->count; i++) {
		const struct glance *one = &g->list[i];

		if (one->has_live && one->live.next > 0 &&
		    (next == 0 || one->live.next < next))
			next = one->live.next;
	}
	return next;
}

static void
add_daemon(
    const struct glances *g, const struct terminal *t, struct buffer *out)
{
	int64_t next = next_poll(g);
	char text[TEXT_UNIT];

	if (g->trouble[0] != '\0') {
		painted(out, t, PAINT_BAD, g->trouble);
	} else if (!g->running) {
		painted(out, t, PAINT_FAINT, "no daemon is running");
	} else {
		buffer_addf(out,
		    "postrider %s (process %" PRId64 ") has run for %s",
		    g->daemon.version, g->daemon.pid,
		    text_ago(g->now - g->daemon.started, text));
		if (g->daemon.stopping)
			painted(out, t, PAINT_WARN, ", and is stopping");
		else if (next > g->now)
			buffer_addf(out, "; next poll in %s",
			    text_ago(next - g->now, text));
	}
	buffer_add_text(out, "\n");
}

void
status_summary(const struct glances *g, const struct status_view *view,
    bool dense, struct buffer *out)
{
	const struct terminal *t = &view->terminal;
	struct sums sum = sum_up(g);

	buffer_addf(out, "%zu account%s", g->count, g->count == 1 ? "" : "s");
	add_moods(g, t, out);
	add_counts(&sum, t, out);
	if (!dense || !g->running || g->daemon.stopping)
		add_daemon(g, t, out);
	if (!dense && t->utf8 && t->columns > 0) {
		buffer_add_text(out, "last 24 hours ");
		buffer_add_text(out, paint_on(t, PAINT_BUSY));
		spark_add(out, sum.hours.delivered, READER_HOURS);
		buffer_add_text(out, paint_off(t, PAINT_BUSY));
		buffer_add_text(out, "\n");
	}
}

/* --- the table --- */

/* How it is laid out. */
struct layout {
	bool next; /* there is a daemon: when it polls next */
	bool sparks; /* there is room for a day of each account */
};

static void
add_head(struct columns *c, const struct layout *layout)
{
	columns_add(c, "ACCOUNT");
	columns_add(c, "STATE");
	columns_add(c, "LAST OK");
	if (layout->next)
		columns_add(c, "NEXT");
	columns_add(c, "TODAY");
	columns_add(c, "TOTAL");
	columns_add(c, "OWED");
	columns_add(c, "DEFERRED");
	columns_add(c, "HELD");
	if (layout->sparks)
		columns_add(c, "LAST 24 HOURS");
}

static void
add_state(struct columns *c, const struct glance *one, const struct terminal *t)
{
	enum paint paint = paint_of(one->mood);
	char text[64];

	snprintf(text, sizeof(text), "%s", mood_name(one->mood));
	if (one->mood == MOOD_POLLING && one->has_live && one->live.total > 0)
		snprintf(text, sizeof(text), "polling %" PRIu64 "/%" PRIu64,
		    one->live.done, one->live.total);
	columns_add(c, "%s%s%s", paint_on(t, paint), text, paint_off(t, paint));
}

static void
add_last(struct columns *c, const struct glance *one, int64_t now)
{
	char text[TEXT_UNIT];

	if (one->s.last_success == 0)
		columns_add(c, "never");
	else
		columns_add(c, "%s", text_ago(now - one->s.last_success, text));
}

static void
add_next(struct columns *c, const struct glance *one, int64_t now)
{
	char text[TEXT_UNIT];

	if (!one->has_live || one->live.next == 0 ||
	    one->mood == MOOD_POLLING || one->mood == MOOD_RESTING ||
	    one->mood == MOOD_ASKS)
		columns_add(c, "-");
	else if (one->live.next <= now)
		columns_add(c, "now");
	else
		columns_add(c, "%s", text_ago(one->live.next - now, text));
}

/* What is nothing does not stand out. */
static void
add_number(
    struct columns *c, const struct terminal *t, enum paint paint, uint64_t n)
{
	if (n == 0)
		columns_add(c, "-");
	else
		columns_add(c, "%s%" PRIu64 "%s", paint_on(t, paint), n,
		    paint_off(t, paint));
}

static void
add_line(struct columns *c, const struct glance *one, const struct glances *g,
    const struct terminal *t, const struct layout *layout)
{
	struct buffer spark = { 0 };

	columns_add(c, "%s", one->of.name);
	add_state(c, one, t);
	add_last(c, one, g->now);
	if (layout->next)
		add_next(c, one, g->now);
	columns_add(c, "%" PRIu64, one->hours.today);
	columns_add(c, "%" PRIu64, one->s.total_delivered);
	add_number(c, t, PAINT_NONE, one->s.to_delete);
	add_number(c, t, PAINT_WARN, one->s.counts[STATE_DEFERRED]);
	add_number(c, t, PAINT_BAD, one->s.counts[STATE_HELD]);
	if (!layout->sparks)
		return;
	spark_add(&spark, one->hours.delivered, READER_HOURS);
	columns_add(c, "%s", spark.data);
	buffer_free(&spark);
}

static size_t
count_troubles(const struct glances *g)
{
	size_t n = 0;

	for (size_t i = 0; i < g->count; i++)
		n += glance_is_trouble(&g->list[i]);
	return n;
}

/* In that round: the second one is for those that do not come first. */
static bool
is_chosen(const struct glance *one, const struct status_choice *of, int round)
{
	if (of->troubled_first)
		return glance_is_trouble(one) == (round == 0);
	return round == 0 && (of->each || glance_is_trouble(one));
}

static void
fill(struct columns *c, const struct glances *g, const struct terminal *t,
    const struct layout *layout, const struct status_choice *of)
{
	size_t lines = 0;

	*c = (struct columns){
		.shape = layout->next ? "llrrrrrrr" : "llrrrrrr",
	};
	if (layout->sparks)
		c->shape = layout->next ? "llrrrrrrrl" : "llrrrrrrl";
	add_head(c, layout);
	for (int round = 0; round < 2; round++)
		for (size_t i = 0; i < g->count && lines < of->most; i++)
			if (is_chosen(&g->list[i], of, round)) {
				add_line(c, &g->list[i], g, t, layout);
				lines++;
			}
}

size_t
status_accounts(const struct glances *g, const struct terminal *t,
    const struct status_choice *of, struct buffer *out)
{
	struct layout layout = { .next = g->running,
		.sparks = t->utf8 && t->columns > 0 };
	struct columns c;
	size_t left_out = 0;

	fill(&c, g, t, &layout, of);
	if (layout.sparks && columns_width(&c) > t->columns) {
		buffer_free(&c.cells);
		layout.sparks = false;
		fill(&c, g, t, &layout, of);
	}
	if (t->columns > 0)
		left_out = columns_fit(&c, t->columns, NAME_LEAST);
	columns_write(&c, out);
	return left_out;
}

static void
tell_columns(size_t left_out, struct buffer *out)
{
	if (left_out > 0)
		buffer_addf(out,
		    "and %zu more column%s, for which the terminal is too "
		    "narrow\n",
		    left_out, left_out == 1 ? "" : "s");
}

static void
add_table(
    const struct glances *g, const struct status_view *view, struct buffer *out)
{
	struct status_choice of = { .each = view->each || g->count <= FEW };
	size_t shown = of.each ? g->count : count_troubles(g);

	if (shown == 0)
		return;
	of.most = of.each ? SIZE_MAX : MANY;
	tell_columns(status_accounts(g, &view->terminal, &of, out), out);
	if (shown > of.most)
		buffer_addf(out, "and %zu others with something wrong\n",
		    shown - of.most);
	if (!of.each)
		buffer_add_text(out,
		    "only those with something wrong; --all shows the "
		    "others\n");
	buffer_add_text(out, "\n");
}

/* --- destinations --- */

static void
add_destination(struct columns *c, const struct live_destination *d,
    const struct glances *g, const struct terminal *t)
{
	enum paint paint = d->reach == LIVE_DOWN ? PAINT_BAD
	    : d->reach == LIVE_UP                ? PAINT_GOOD
						 : PAINT_NONE;
	char text[TEXT_UNIT];

	columns_add(c, "%s", d->name);
	columns_add(c, "%s%s%s", paint_on(t, paint), live_reach_name(d->reach),
	    paint_off(t, paint));
	columns_add(c, "%" PRIu64, d->connections);
	columns_add(c, "%" PRIu64, d->waiting);
	columns_add(
	    c, "%s", d->since > 0 ? text_ago(g->now - d->since, text) : "-");
}

size_t
status_destinations(const struct glances *g, const struct terminal *t,
    size_t most, struct buffer *out)
{
	struct columns c = { .shape = "llrrr" };
	size_t left_out = 0;

	columns_add(&c, "DESTINATION");
	columns_add(&c, "STATE");
	columns_add(&c, "CONNECTIONS");
	columns_add(&c, "WAITING");
	columns_add(&c, "SINCE");
	for (size_t i = 0; i < g->destination_count && i < most; i++)
		add_destination(&c, &g->destinations[i], g, t);
	if (t->columns > 0)
		left_out = columns_fit(&c, t->columns, NAME_LEAST);
	columns_write(&c, out);
	return left_out;
}

static void
add_destinations(
    const struct glances *g, const struct status_view *view, struct buffer *out)
{
	if (g->destination_count == 0)
		return;
	tell_columns(
	    status_destinations(g, &view->terminal, SIZE_MAX, out), out);
	buffer_add_text(out, "\n");
}

/* --- all of it --- */

static bool
never_polled(const struct glances *g)
{
	for (size_t i = 0; i < g->count; i++)
		if (g->list[i].s.last_started != 0)
			return false;
	return !g->running && g->count > 0;
}

/* No line is empty at the end. */
static void
trim(struct buffer *out)
{
	while (out->len > 1 && out->data[out->len - 1] == '\n' &&
	    out->data[out->len - 2] == '\n')
		out->data[--out->len] = '\0';
}

static void
add_troubles(
    const struct glances *g, const struct status_view *view, struct buffer *out)
{
	size_t left_out = status_troubles(g, view, out);

	if (left_out > 0)
		buffer_addf(out, "and %zu more like these; --all shows them\n",
		    left_out);
}

void
status_text(
    const struct glances *g, const struct status_view *view, struct buffer *out)
{
	if (!view->quiet) {
		status_summary(g, view, false, out);
		buffer_add_text(out, "\n");
		add_table(g, view, out);
		add_destinations(g, view, out);
	}
	add_troubles(g, view, out);
	if (!view->quiet && never_polled(g))
		buffer_add_text(
		    out, "never polled; \"postrider fetch\" does it\n");
	trim(out);
}
