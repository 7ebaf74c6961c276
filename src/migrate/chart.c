/* chart.c - see chart.h. */
#include "migrate/chart.h"

#include "base/alloc.h"
#include "base/text.h"
#include "migrate/report-private.h"

#include <stdlib.h>

/* So many pictures side by side; runs beyond that share one. */
#define PANELS_MAX ((size_t)6)
#define COLUMNS_MAX ((size_t)120)
#define HEIGHT 100

/* A picture: one run, or several with the shortest pauses between them. */
struct panel {
	int64_t first, last;
	size_t from, count; /* which of the moments */
	size_t columns;
	double width_s; /* of a column */
	double *messages, *octets; /* owned; a second */
	double share; /* of the width of all */
};

struct chart {
	struct panel list[PANELS_MAX];
	size_t count;
	double most_messages, most_octets;
};

static int64_t
pause_before(const struct report *r, size_t run)
{
	return r->runs[run].first - r->runs[run - 1].last;
}

/* Is this pause one of the longest, which divide the panels? */
static bool
divides(const struct report *r, size_t run)
{
	size_t longer = 0;

	for (size_t i = 1; i < r->run_count; i++)
		longer += pause_before(r, i) > pause_before(r, run) ||
		    (pause_before(r, i) == pause_before(r, run) && i < run);
	return longer < PANELS_MAX - 1;
}

static void
divide(const struct report *r, struct chart *c)
{
	struct panel *p = NULL;

	for (size_t i = 0; i < r->run_count; i++) {
		if (i == 0 || divides(r, i)) {
			p = &c->list[c->count++];
			*p = (struct panel){ .first = r->runs[i].first,
				.from = r->runs[i].from };
		}
		p->last = r->runs[i].last;
		p->count += r->runs[i].count;
	}
}

/* As wide as it was long, but none so narrow that nothing can be seen. */
static void
measure(struct chart *c)
{
	double all = 0;

	for (size_t i = 0; i < c->count; i++)
		all += (double)(c->list[i].last - c->list[i].first + 1);
	for (size_t i = 0; i < c->count; i++) {
		struct panel *p = &c->list[i];
		int64_t seconds = p->last - p->first + 1;

		p->share = (double)seconds / all;
		if (p->share < 0.12)
			p->share = 0.12;
		p->columns = (size_t)(p->share * (double)COLUMNS_MAX);
		if ((int64_t)p->columns > seconds)
			p->columns = (size_t)seconds;
		p->width_s = (double)seconds / (double)p->columns;
	}
}

static void
fill(const struct report *r, struct chart *c, struct panel *p)
{
	p->messages = xcalloc(p->columns, sizeof(*p->messages));
	p->octets = xcalloc(p->columns, sizeof(*p->octets));
	for (size_t i = p->from; i < p->from + p->count; i++) {
		const struct report_moment *m = &r->moments[i];
		size_t at = (size_t)((double)(m->when - p->first) / p->width_s);

		if (at >= p->columns)
			at = p->columns - 1;
		p->messages[at] += (double)m->messages / p->width_s;
		p->octets[at] += (double)m->octets / p->width_s;
	}
	for (size_t i = 0; i < p->columns; i++) {
		if (p->messages[i] > c->most_messages)
			c->most_messages = p->messages[i];
		if (p->octets[i] > c->most_octets)
			c->most_octets = p->octets[i];
	}
}

static double
height(double value, double most)
{
	double h = most > 0 ? HEIGHT * value / most : 0;

	return value > 0 && h < 1 ? 1 : h;
}

static void
add_columns(const struct chart *c, const struct panel *p, struct buffer *out)
{
	buffer_addf(out,
	    "<svg viewBox=\"0 0 %zu %d\" preserveAspectRatio=\"none\" "
	    "role=\"img\" aria-label=\"messages a second\"><path class=\"n\" "
	    "d=\"",
	    p->columns * 10, HEIGHT);
	for (size_t i = 0; i < p->columns; i++)
		if (p->messages[i] > 0)
			buffer_addf(out, "M%zu %dV%.1fh8V%dz", i * 10 + 1,
			    HEIGHT,
			    HEIGHT - height(p->messages[i], c->most_messages),
			    HEIGHT);
	buffer_add_text(out, "\"/></svg>");
}

static void
add_area(const struct chart *c, const struct panel *p, struct buffer *out)
{
	buffer_addf(out,
	    "<svg class=\"low\" viewBox=\"0 0 %zu %d\" "
	    "preserveAspectRatio=\"none\" role=\"img\" "
	    "aria-label=\"octets a second\"><path class=\"o\" d=\"M0 %d",
	    p->columns * 10, HEIGHT, HEIGHT);
	for (size_t i = 0; i < p->columns; i++)
		buffer_addf(out, "V%.1fh10",
		    HEIGHT - height(p->octets[i], c->most_octets));
	buffer_addf(out, "V%dz\"/></svg>", HEIGHT);
}

static void
add_scales(const struct chart *c, bool octets, struct buffer *out)
{
	char size[TEXT_UNIT];

	buffer_add_text(out, "<div class=\"scale\">");
	if (octets)
		buffer_addf(out, "up to %s a second",
		    text_octets((uint64_t)(c->most_octets + 0.5), size));
	else if (c->most_messages >= 10)
		buffer_addf(out, "up to %s messages a second",
		    text_count((uint64_t)(c->most_messages + 0.5), size));
	else
		buffer_addf(
		    out, "up to %.1f messages a second", c->most_messages);
	buffer_add_text(out, "</div>");
}

static void
add_panel(const struct chart *c, size_t n, struct buffer *out)
{
	const struct panel *p = &c->list[n];
	struct buffer words = { 0 };

	buffer_addf(out, "<figure class=\"run\" style=\"flex-grow:%.0f\">",
	    p->share * 100);
	if (n == 0)
		add_scales(c, false, out);
	else
		buffer_add_text(out, "<div class=\"scale\"></div>");
	add_columns(c, p, out);
	if (n == 0)
		add_scales(c, true, out);
	else
		buffer_add_text(out, "<div class=\"scale\"></div>");
	add_area(c, p, out);
	words_span(p->first, p->last, &words);
	buffer_addf(out, "<figcaption><span>%s</span><span>", words.data);
	words_took(p->last - p->first + 1, out);
	buffer_add_text(out, "</span></figcaption></figure>\n");
	buffer_free(&words);
}

void
chart_add(const struct report *r, struct buffer *out)
{
	struct chart c = { 0 };

	divide(r, &c);
	measure(&c);
	for (size_t i = 0; i < c.count; i++)
		fill(r, &c, &c.list[i]);
	buffer_add_text(out, "<div class=\"runs card\">\n");
	for (size_t i = 0; i < c.count; i++) {
		add_panel(&c, i, out);
		free(c.list[i].messages);
		free(c.list[i].octets);
	}
	buffer_add_text(out, "</div>\n");
}
