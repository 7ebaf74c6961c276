/*
 * status_frame.c - how every account is doing, in a window: its parts share the
 * rows there are, and what is not shown is counted.
 */
#include "command/status_parts.h"

#include <stdint.h>
#include <string.h>

/* With fewer rows none is empty. */
#define DENSE 16

enum part {
	ACCOUNTS,
	DESTINATIONS,
	TROUBLES
};
#define PARTS (TROUBLES + 1)
/* With fewer rows a part shows nothing: a table has a head. */
static const size_t least[PARTS] = { 2, 2, 1 };

/* What is not shown. */
struct left_out {
	size_t accounts, destinations, troubles, columns;
};

static size_t
rows_of(struct slice text, const struct terminal *t)
{
	size_t rows = 0, n;
	const char *lf;

	while (text.len > 0) {
		lf = memchr(text.data, '\n', text.len);
		n = lf != NULL ? (size_t)(lf - text.data) : text.len;
		rows += n == 0 ? 1
			       : terminal_wrap(slice_make(text.data, n),
				     t->columns, SIZE_MAX, "", NULL);
		text = slice_skip(text, lf != NULL ? n + 1 : n);
	}
	return rows;
}

/* --- what is not shown --- */

static void
add_count(struct buffer *out, size_t n, const char *what)
{
	if (n > 0)
		buffer_addf(out, "%s%zu more %s%s", out->len > 0 ? ", " : "", n,
		    what, n == 1 ? "" : "s");
}

static void
add_left_out(
    const struct left_out *left, const struct terminal *t, struct buffer *out)
{
	struct buffer counts = { 0 };

	add_count(&counts, left->accounts, "account");
	add_count(&counts, left->destinations, "destination");
	add_count(&counts, left->troubles, "trouble");
	add_count(&counts, left->columns, "column");
	if (counts.len > 0)
		buffer_addf(out, "%s%s %s; see postrider status%s\n",
		    paint_on(t, PAINT_WARN), t->utf8 ? "\u2026" : "...",
		    counts.data, paint_off(t, PAINT_WARN));
	buffer_free(&counts);
}

/* Rows for it, however much is left out. */
static size_t
rows_for_left_out(
    const struct glances *g, size_t troubles, const struct terminal *t)
{
	struct left_out all = { g->count, g->destination_count, troubles, 9 };
	struct buffer text = { 0 };
	size_t rows;

	add_left_out(&all, t, &text);
	rows = rows_of(buffer_slice(&text), t);
	buffer_free(&text);
	return rows;
}

/* --- who gets how much --- */

/* Each gets what it wants, and no more than its share of what is left. */
static void
share(size_t rows, size_t parts[PARTS])
{
	bool served[PARTS] = { false };

	for (size_t left = PARTS; left > 0; left--) {
		size_t next = PARTS;

		for (size_t i = 0; i < PARTS; i++)
			if (!served[i] &&
			    (next == PARTS || parts[i] < parts[next]))
				next = i;
		served[next] = true;
		if (parts[next] > rows / left)
			parts[next] = rows / left;
		if (parts[next] < least[next])
			parts[next] = 0;
		rows -= parts[next];
	}
}

/* --- the parts --- */

struct frame {
	const struct glances *g;
	const struct terminal *t;
	struct buffer *out;
	bool dense;
	struct left_out left;
};

/* Rows that a table takes besides its lines: its head, and an empty one. */
static size_t
besides(const struct frame *f)
{
	return f->dense ? 1 : 2;
}

/* How many lines so many rows are for; none is for what is not there. */
static size_t
lines_in(const struct frame *f, size_t rows, size_t count)
{
	size_t lines = rows > besides(f) ? rows - besides(f) : 0;

	return lines < count ? lines : count;
}

static void
separate(struct frame *f)
{
	if (!f->dense)
		buffer_add_text(f->out, "\n");
}

static void
add_accounts(struct frame *f, size_t rows)
{
	struct status_choice of = { .each = true };

	of.most = lines_in(f, rows, f->g->count);
	of.troubled_first = of.most < f->g->count;
	f->left.accounts = f->g->count - of.most;
	if (of.most == 0)
		return;
	f->left.columns += status_accounts(f->g, f->t, &of, f->out);
	separate(f);
}

static void
add_destinations(struct frame *f, size_t rows)
{
	size_t most = lines_in(f, rows, f->g->destination_count);

	f->left.destinations = f->g->destination_count - most;
	if (most == 0)
		return;
	f->left.columns += status_destinations(f->g, f->t, most, f->out);
	separate(f);
}

/* Line by line, and each whole. */
static void
add_troubles(struct frame *f, struct slice text, size_t rows)
{
	size_t n, wanted;

	for (; text.len > 0; text = slice_skip(text, n)) {
		n = (size_t)((const char *)memchr(text.data, '\n', text.len) -
			text.data) +
		    1;
		wanted = rows_of(slice_make(text.data, n), f->t);
		if (wanted > rows) {
			rows = 0;
			f->left.troubles++;
			continue;
		}
		buffer_add(f->out, text.data, n);
		rows -= wanted;
	}
}

static size_t
count_lines(struct slice text)
{
	size_t n = 0;

	for (size_t i = 0; i < text.len; i++)
		n += text.data[i] == '\n';
	return n;
}

static bool
lacks_columns(const struct frame *f)
{
	static const struct status_choice all = { .each = true,
		.most = SIZE_MAX };
	struct buffer scratch = { 0 };
	size_t left_out = status_accounts(f->g, f->t, &all, &scratch) +
	    status_destinations(f->g, f->t, SIZE_MAX, &scratch);

	buffer_free(&scratch);
	return left_out > 0;
}

static void
add_parts(struct frame *f, size_t rows, const struct buffer *troubles)
{
	const struct glances *g = f->g;
	struct slice words = buffer_slice(troubles);
	size_t parts[PARTS] = { 0 }, all = 0, last;

	parts[TROUBLES] = rows_of(words, f->t);
	if (g->count > 0)
		parts[ACCOUNTS] = g->count + besides(f);
	if (g->destination_count > 0)
		parts[DESTINATIONS] = g->destination_count + besides(f);
	for (size_t i = 0; i < PARTS; i++)
		all += parts[i];
	last =
	    rows_for_left_out(g, count_lines(words) + f->left.troubles, f->t);
	if (all > rows || lacks_columns(f))
		rows = rows > last ? rows - last : 0;
	if (all > rows)
		share(rows, parts);
	add_accounts(f, parts[ACCOUNTS]);
	add_destinations(f, parts[DESTINATIONS]);
	add_troubles(f, words, parts[TROUBLES]);
	add_left_out(&f->left, f->t, f->out);
}

void
status_frame(const struct glances *g, const struct status_view *view,
    size_t rows, struct buffer *out)
{
	struct frame f = {
		.g = g, .t = &view->terminal, .out = out, .dense = rows < DENSE
	};
	struct buffer troubles = { 0 };
	size_t above;

	status_summary(g, view, f.dense, out);
	separate(&f);
	above = rows_of(buffer_slice(out), f.t);
	f.left.troubles = status_troubles(g, view, &troubles);
	add_parts(&f, rows > above ? rows - above : 0, &troubles);
	buffer_free(&troubles);
}
