/*
 * report_html() of report.h: one file that needs nothing else, no script least
 * of all. Whatever came from outside goes through add_text().
 */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/text.h"
#include "migrate/chart.h"
#include "migrate/report-private.h"

#include <stdlib.h>
#include <string.h>

/* So many messages of a mailbox are seen; more that are faults are folded. */
#define NAMED_MAX ((size_t)50)
/* And of all mailboxes. */
#define NAMED_ALL ((size_t)2000)
/* With more mailboxes those that are well are folded away. */
#define OPEN_MAX ((size_t)60)
/* What took less is not worth a picture. */
#define DRAWN_S 5
/* However few they are, one has to see them. */
#define LEAST_SHARE 1.5

/* What is the same for all mailboxes, and said once. */
struct page {
	const struct report *r; /* borrowed, as is the rest */
	const char *from, *to; /* hosts; NULL: not the same */
	uint64_t largest; /* messages in a mailbox */
};

/* --- text --- */

static void
add_character(struct buffer *out, struct slice c)
{
	if (slice_is(c, "&"))
		buffer_add_text(out, "&amp;");
	else if (slice_is(c, "<"))
		buffer_add_text(out, "&lt;");
	else if (slice_is(c, ">"))
		buffer_add_text(out, "&gt;");
	else if (slice_is(c, "\""))
		buffer_add_text(out, "&quot;");
	else if (slice_is(c, "'"))
		buffer_add_text(out, "&#39;");
	else if (text_is_obeyed(c))
		buffer_add_text(out, "\xef\xbf\xbd");
	else
		buffer_add_slice(out, c);
}

/* What is no UTF-8, and what would turn the line around, is U+FFFD. */
static void
add_octets(struct buffer *out, struct slice s)
{
	while (s.len > 0) {
		size_t n = text_character(s);

		if (n == 0)
			buffer_add_text(out, "\xef\xbf\xbd");
		else
			add_character(out, slice_make(s.data, n));
		s = slice_skip(s, n > 0 ? n : 1);
	}
}

static void
add_text(struct buffer *out, const char *text)
{
	add_octets(out, slice_of(text));
}

static void
add_count(struct buffer *out, uint64_t n)
{
	char count[TEXT_UNIT];

	buffer_add_text(out, text_count(n, count));
}

static void
add_size(struct buffer *out, uint64_t octets)
{
	char size[TEXT_UNIT];

	buffer_add_text(out, text_octets(octets, size));
}

/* --- the head of the page --- */

static uint64_t
faults(const struct report_mailbox *m)
{
	return m->missing + m->changed + m->changed_source;
}

static void
add_head(const struct report *r, struct buffer *out)
{
	char day[WORDS_TIME];

	buffer_add_text(out,
	    "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
	    "\n<meta name=\"viewport\" content=\"width=device-width,"
	    "initial-scale=1\">\n<meta http-equiv=\"Content-Security-Policy\" "
	    "content=\"default-src 'none';style-src 'unsafe-inline'\">\n"
	    "<meta name=\"robots\" content=\"noindex\">\n");
	buffer_addf(out, "<title>Moving mailboxes: report of %s</title>\n",
	    words_day(r->made, day));
	buffer_add_text(out, "<style>\n");
	for (size_t i = 0; report_style[i] != NULL; i++)
		buffer_addf(out, "%s\n", report_style[i]);
	buffer_add_text(out, "</style></head>\n<body><main>\n");
}

static void
add_fault(struct buffer *out, char class, uint64_t n, const char *words)
{
	buffer_addf(out, "<li><i class=\"%c\"></i>", class);
	add_count(out, n);
	buffer_addf(out, " %s</li>", words);
}

/* The outcome, and what is not as it should be. */
static void
add_headline(const struct report *r, struct buffer *out)
{
	static const char classes[] = {
		[FAULT_BAD] = 'b', [FAULT_HELD] = 'h', [FAULT_OPEN] = 'w'
	};
	struct words_fault faults[WORDS_FAULTS];
	size_t n = words_faults(&r->all, faults);
	size_t unfinished = words_unfinished(r);

	buffer_add_text(out, "<h1>");
	words_lead(r, out);
	buffer_add_text(out, "</h1>\n");
	if (n == 0 && unfinished == 0)
		return;
	buffer_add_text(out, "<ul class=\"but\">");
	for (size_t i = 0; i < n; i++)
		add_fault(out, classes[faults[i].grade], faults[i].count,
		    faults[i].words);
	if (unfinished > 0)
		add_fault(out, 'h', unfinished,
		    unfinished == 1 ? "mailbox not finished"
				    : "mailboxes not finished");
	buffer_add_text(out, "</ul>\n");
}

static bool
is_well(const struct report *r)
{
	for (size_t i = 0; i < r->count; i++)
		if (report_is_troubled(&r->list[i]))
			return false;
	return r->all.moved > 0;
}

static void
add_eyebrow(const struct report *r, struct buffer *out)
{
	char day[WORDS_TIME];

	buffer_add_text(out,
	    "<p class=\"eyebrow\"><svg viewBox=\"0 0 20 20\" fill=\"none\" "
	    "stroke-width=\"2\" stroke-linecap=\"round\" "
	    "stroke-linejoin=\"round\" aria-hidden=\"true\">");
	if (is_well(r))
		buffer_add_text(out,
		    "<g stroke=\"var(--moved)\"><circle cx=\"10\" cy=\"10\" "
		    "r=\"8.5\"/><path d=\"M6 10.5l2.7 2.7L14 7.6\"/></g>");
	else
		buffer_addf(out,
		    "<g stroke=\"var(--%s)\"><circle cx=\"10\" cy=\"10\" "
		    "r=\"8.5\"/><path d=\"M10 5.5v5.5M10 14.2v.1\"/></g>",
		    faults(&r->all) > 0 ? "bad" : "held");
	buffer_addf(out, "</svg>Moving mailboxes &middot; %s</p>\n",
	    words_day(r->made, day));
}

/* "ann@old.example at pop.old.example": the words before, and behind. */
static const char *
behind_at(const char *place)
{
	const char *at = NULL, *next = place;

	while ((next = strstr(next, " at ")) != NULL)
		at = next, next += 4;
	return at != NULL ? at + 4 : place;
}

static struct slice
before_at(const char *place)
{
	const char *host = behind_at(place);

	return host == place ? slice_of(place)
			     : slice_make(place, (size_t)(host - place) - 4);
}

static const char *
origin(const struct report_mailbox *m)
{
	return behind_at(m->from);
}

static const char *
target(const struct report_mailbox *m)
{
	return behind_at(m->to);
}

/*
 * Its name; "ann@old.example" where that is but the user and the host together,
 * as it is for mailboxes that are in no settings.
 */
static struct slice
title(const struct report_mailbox *m)
{
	struct slice user = before_at(m->from), name = slice_of(m->name);

	if (name.len > user.len && user.len > 0 &&
	    memcmp(name.data, user.data, user.len) == 0 &&
	    name.data[user.len] == '@')
		return user;
	return name;
}

/* The same for all mailboxes: then it is said once, at the top. Or NULL. */
static const char *
common(
    const struct report *r, const char *(*text)(const struct report_mailbox *m))
{
	if (r->count == 0 || text(&r->list[0])[0] == '\0')
		return NULL;
	for (size_t i = 1; i < r->count; i++)
		if (strcmp(text(&r->list[0]), text(&r->list[i])) != 0)
			return NULL;
	return text(&r->list[0]);
}

static void
add_place(struct buffer *out, const char *before, const char *place)
{
	if (place == NULL || place[0] == '\0')
		return;
	buffer_addf(out, "%s<bdi>", before);
	add_text(out, place);
	buffer_add_text(out, "</bdi>");
}

static void
add_lede(const struct page *page, struct buffer *out)
{
	const struct report *r = page->r;
	struct buffer when = { 0 };

	buffer_add_text(out, "<p class=\"lede\">");
	if (r->count == 1) {
		buffer_add_text(out, "The mailbox <bdi>");
		add_octets(out, title(&r->list[0]));
		buffer_add_text(out, "</bdi>");
	} else {
		add_count(out, r->count);
		buffer_add_text(out, " mailboxes");
	}
	add_place(out, " from ", page->from);
	add_place(out, " to ", page->to);
	if (r->run_count > 0) {
		words_span(r->all.first, r->all.last, &when);
		buffer_addf(out, ", %s", when.data);
	}
	if (!is_well(r))
		buffer_add_text(
		    out, ". What needs a decision is listed below.");
	else if (r->all.verified == r->all.moved)
		buffer_add_text(out, ". Nothing is left to do.");
	else
		buffer_add_text(out, ".");
	buffer_add_text(out, "</p>\n");
	buffer_free(&when);
}

/* --- figures --- */

static void
figure_verified(const struct report_mailbox *all, struct buffer *out)
{
	buffer_add_text(out, "<div><dt>Verified</dt><dd class=\"big\">");
	if (all->verified_at == 0)
		buffer_add_text(out, "not yet");
	else
		add_count(out, all->verified);
	buffer_add_text(out, "</dd><dd class=\"small\">");
	if (all->verified_at == 0)
		buffer_add_text(out, "nobody has read them again");
	else if (!all->there)
		buffer_add_text(out, "read again, at the source only");
	else if (all->verified == all->moved)
		buffer_add_text(out, "octet for octet, where they are now");
	else {
		buffer_add_text(out, "of ");
		add_count(out, all->moved);
		buffer_add_text(out, ", where they are now");
	}
	buffer_add_text(out, "</dd></div>\n");
}

static void
add_figures(const struct report *r, struct buffer *out)
{
	const struct report_mailbox *all = &r->all;
	struct buffer words = { 0 };

	buffer_add_text(out,
	    "<dl class=\"figures card\">\n<div><dt>Moved</dt>"
	    "<dd class=\"big\">");
	add_count(out, all->moved);
	buffer_add_text(out, "</dd><dd class=\"small\">of ");
	add_count(out, words_total(all));
	buffer_addf(out, " %s</dd></div>\n<div><dt>Mail</dt><dd class=\"big\">",
	    words_messages(words_total(all)));
	add_size(out, all->moved_octets);
	buffer_add_text(out, "</dd><dd class=\"small\">in ");
	add_count(out, r->count);
	buffer_addf(out,
	    " mailbox%s</dd></div>\n<div><dt>Time</dt>"
	    "<dd class=\"big\">",
	    r->count == 1 ? "" : "es");
	words_took(r->took_s, &words);
	buffer_add_slice(out, buffer_slice(&words));
	buffer_add_text(out, "</dd><dd class=\"small\">");
	buffer_clear(&words);
	words_speed(all->moved, all->moved_octets, r->took_s, &words);
	buffer_add_slice(out, buffer_slice(&words));
	buffer_add_text(out, "</dd></div>\n");
	figure_verified(all, out);
	buffer_add_text(out, "</dl>\n");
	buffer_free(&words);
}

struct share {
	const char *class, *name;
	uint64_t n;
};

/* All messages, as one bar, and what its colours mean. */
static void
add_whole(const struct report_mailbox *all, struct buffer *out)
{
	uint64_t bad = all->missing + all->changed;
	uint64_t unverified = all->moved - all->verified;
	const struct share shares[] = {
		{ "v", "moved and verified", all->verified },
		{ "m", "moved, not verified",
		    unverified > bad ? unverified - bad : 0 },
		{ "b", "missing or changed", bad },
		{ "h", "held", all->held },
		{ "b", "refused", all->rejected },
		{ "w", "not moved yet", all->waiting },
	};
	const size_t n = sizeof(shares) / sizeof(*shares);

	if (words_total(all) == 0)
		return;
	buffer_add_text(out, "<div class=\"whole\" aria-hidden=\"true\">");
	for (size_t i = 0; i < n; i++)
		if (shares[i].n > 0)
			buffer_addf(out,
			    "<i class=\"%s\" style=\"flex:%llu 0 0\"></i>",
			    shares[i].class, (unsigned long long)shares[i].n);
	buffer_add_text(out, "</div>\n<ul class=\"legend\">");
	for (size_t i = 0; i < n; i++) {
		if (shares[i].n == 0)
			continue;
		buffer_addf(
		    out, "<li><i class=\"%s\"></i><b>", shares[i].class);
		add_count(out, shares[i].n);
		buffer_addf(out, "</b> %s</li>", shares[i].name);
	}
	buffer_add_text(out, "</ul>\n");
}

/* --- mailboxes --- */

/* Not shown where there is little room. */
#define NOTHING "<td class=\"n e\">&ndash;</td>"

static double
share(uint64_t n, uint64_t total)
{
	double percent = total > 0 ? 100.0 * (double)n / (double)total : 0;

	return n > 0 && percent < LEAST_SHARE ? LEAST_SHARE : percent;
}

/*
 * As long as the mailbox is large, beside the others. Its colours end at these
 * percentages of it, one after the other.
 */
static void
add_bar(const struct report_mailbox *m, uint64_t largest, struct buffer *out)
{
	uint64_t total = words_total(m);
	uint64_t bad = m->rejected + m->missing + m->changed;
	double held = share(m->held, total);
	double red = share(bad, total);
	double grey = share(m->waiting, total);
	double moved = 100 - held - red - grey;

	buffer_add_text(out, "<td class=\"g\">");
	if (moved < 0 || m->moved == 0)
		moved = 0;
	if (total > 0)
		buffer_addf(out,
		    "<span class=\"bar\" style=\"--w:%.1f;--m:%.1f;--h:%.1f;"
		    "--r:%.1f\"></span>",
		    100.0 * (double)total / (double)largest, moved,
		    moved + held, moved + held + red);
	buffer_add_text(out, "</td>");
}

static void
add_cell(struct buffer *out, uint64_t n, const char *label, const char *class)
{
	if (n == 0) {
		buffer_add_text(
		    out, "<td class=\"n e\"><span class=\"z\">0</span></td>");
		return;
	}
	buffer_addf(
	    out, "<td class=\"n\" data-l=\"%s\"><span%s>", label, class);
	add_count(out, n);
	buffer_add_text(out, "</span></td>");
}

static void
add_mail(const struct report_mailbox *m, struct buffer *out)
{
	if (m->moved == 0) {
		buffer_add_text(out, NOTHING);
		return;
	}
	buffer_add_text(out, "<td class=\"n\" data-l=\"\">");
	add_size(out, m->moved_octets);
	buffer_add_text(out, "</td>");
}

static void
add_verdict(const struct report_mailbox *m, struct buffer *out)
{
	if (m->verified_at == 0 || m->moved == 0) {
		buffer_add_text(out, NOTHING);
		return;
	}
	buffer_addf(out, "<td class=\"n\" data-l=\"verified\"><span%s>",
	    faults(m) > 0 ? " class=\"b\"" : "");
	add_count(out, m->verified);
	buffer_add_text(out, "</span>");
	if (!m->there)
		buffer_add_text(out, "<small>at the source</small>");
	buffer_add_text(out, "</td>");
}

static void
add_end(struct buffer *out, const char *arrow, const char *place, bool host)
{
	buffer_addf(out, "%s<bdi>", arrow);
	if (host)
		add_text(out, place);
	else
		add_octets(out, before_at(place));
	buffer_add_text(out, "</bdi>");
}

/* What neither its name nor the top of the page tells. */
static void
add_way(
    const struct page *page, const struct report_mailbox *m, struct buffer *out)
{
	bool from_host = page->from == NULL, to_host = page->to == NULL;
	struct slice from = before_at(m->from), to = before_at(m->to);
	bool tell_from = from_host || !slice_equal(from, title(m));
	bool tell_to = to_host || !slice_equal(to, from);

	if (m->from[0] == '\0' || (!tell_from && !tell_to))
		return;
	buffer_add_text(out, "<small>");
	if (tell_from)
		add_end(out, "", m->from, from_host);
	if (tell_to && m->to[0] != '\0')
		add_end(
		    out, tell_from ? " &rarr; " : "&rarr; ", m->to, to_host);
	buffer_add_text(out, "</small>");
}

static void
add_trouble(struct buffer *out, const char *what, const char *words)
{
	if (words[0] == '\0')
		return;
	buffer_addf(out, "<small class=\"t\">%s", what);
	add_text(out, words);
	buffer_add_text(out, "</small>");
}

static void
add_mailbox(
    const struct page *page, const struct report_mailbox *m, struct buffer *out)
{
	buffer_add_text(out, "<tr><td><b><bdi>");
	add_octets(out, title(m));
	buffer_add_text(out, "</bdi></b>");
	add_way(page, m, out);
	add_trouble(out, "Not finished: ", m->trouble);
	add_trouble(out, "Not verified: ", m->unread);
	if (m->seen > 0) {
		buffer_add_text(out, "<small>");
		add_count(out, m->seen);
		buffer_add_text(
		    out, " left alone: seen before the move</small>");
	}
	buffer_add_text(out, "</td>");
	add_bar(m, page->largest, out);
	add_cell(out, m->moved, "moved", "");
	add_mail(m, out);
	add_cell(out, m->held + m->rejected, "held", " class=\"h\"");
	add_cell(out, m->waiting, "not moved yet", "");
	add_verdict(m, out);
	buffer_add_text(out, "</tr>\n");
}

static uint64_t
largest_of(const struct report *r)
{
	uint64_t largest = 1;

	for (size_t i = 0; i < r->count; i++)
		if (words_total(&r->list[i]) > largest)
			largest = words_total(&r->list[i]);
	return largest;
}

static void
add_table(const struct page *page, bool troubled, bool well, struct buffer *out)
{
	const struct report *r = page->r;

	buffer_add_text(out,
	    "<table class=\"box\"><thead><tr><th>Mailbox</th>"
	    "<th class=\"g\"></th><th class=\"n\">Moved</th>"
	    "<th class=\"n\">Mail</th><th class=\"n\">Held</th>"
	    "<th class=\"n\">Not yet</th><th class=\"n\">Verified</th>"
	    "</tr></thead><tbody>\n");
	for (size_t i = 0; troubled && i < r->count; i++)
		if (report_is_troubled(&r->list[i]))
			add_mailbox(page, &r->list[i], out);
	for (size_t i = 0; well && i < r->count; i++)
		if (!report_is_troubled(&r->list[i]))
			add_mailbox(page, &r->list[i], out);
	buffer_add_text(out, "</tbody></table>\n");
}

/* What needs a look comes first; what does not is not in the way. */
static void
add_mailboxes(const struct page *page, struct buffer *out)
{
	const struct report *r = page->r;
	size_t troubled = 0;

	for (size_t i = 0; i < r->count; i++)
		troubled += report_is_troubled(&r->list[i]);
	buffer_add_text(out, "<h2>Mailboxes</h2>\n");
	if (r->count <= OPEN_MAX) {
		buffer_add_text(out, "<div class=\"card\">");
		add_table(page, true, true, out);
		buffer_add_text(out, "</div>\n");
		return;
	}
	if (troubled > 0) {
		buffer_add_text(out,
		    "<p>These need a look.</p>\n"
		    "<div class=\"card\">");
		add_table(page, true, false, out);
		buffer_add_text(out, "</div>\n");
	}
	buffer_add_text(out, "<details class=\"card\"><summary>");
	add_count(out, r->count - troubled);
	buffer_addf(out, " %s moved without a word</summary>\n",
	    r->count - troubled == 1 ? "mailbox" : "mailboxes");
	add_table(page, false, true, out);
	buffer_add_text(out, "</details>\n");
}

/* --- messages --- */

struct naming {
	struct buffer *out;
	size_t left; /* of NAMED_ALL */
};

static void
add_names(const struct report_message *m, struct buffer *out)
{
	buffer_add_text(out, "UID <code><bdi>");
	add_octets(out, buffer_slice(&m->uid));
	buffer_add_text(out, "</bdi></code>");
	if (m->id[0] != '\0') {
		buffer_add_text(out, ", id <code>");
		add_text(out, m->id);
		buffer_add_text(out, "</code>");
	}
}

static void
add_held(const struct report_message *m, struct buffer *out)
{
	char day[WORDS_TIME], minute[WORDS_TIME];

	buffer_addf(out, "<li><p><span class=\"chip %s\">%s</span><bdi>",
	    m->state == STATE_HELD ? "h" : "w", words_state(m->state));
	add_text(out, m->words[0] ? m->words : "no reason is on record");
	buffer_add_text(out, "</bdi></p><p class=\"k\">");
	add_size(out, m->octets);
	buffer_addf(out, ", since %s, %s, ", words_day(m->since, day),
	    words_minute(m->since, minute));
	add_names(m, out);
	buffer_add_text(out, "</p></li>\n");
}

static const char *
finding_chip(const struct report_message *m)
{
	if (m->verdict & VERIFIED_MISSING)
		return "missing";
	if (m->verdict & (VERIFIED_CHANGED | VERIFIED_SOURCE_CHANGED))
		return "changed";
	return m->grave ? "not proven" : "note";
}

static void
add_finding(const struct report_message *m, struct buffer *out)
{
	char day[WORDS_TIME], minute[WORDS_TIME];

	buffer_addf(out, "<li><p><span class=\"chip %s\">%s</span>",
	    m->grave ? "b" : "w", finding_chip(m));
	buffer_add_text(out, "<span class=\"s\"><bdi>");
	add_text(out, m->subject[0] ? m->subject : "(no subject is known)");
	buffer_add_text(out, "</bdi></span></p><p>");
	add_text(out, m->words);
	buffer_add_text(out, "</p><p class=\"k\">");
	if (m->date >= 0)
		buffer_addf(out, "%s, %s, ", words_day(m->date, day),
		    words_minute(m->date, minute));
	add_names(m, out);
	if (m->where[0] != '\0') {
		buffer_add_text(out, ", in <code><bdi>");
		add_text(out, m->where);
		buffer_add_text(out, "</bdi></code>");
	}
	buffer_add_text(out, "</p></li>\n");
}

/* How many of a mailbox's are to be seen. */
static size_t
take_room(struct naming *n, size_t count)
{
	size_t most = count < NAMED_MAX ? count : NAMED_MAX;

	if (most > n->left)
		most = n->left;
	n->left -= most;
	return most;
}

static void
add_name(const struct report_mailbox *m, struct buffer *out)
{
	buffer_add_text(out, "<h3><bdi>");
	add_octets(out, title(m));
	buffer_add_text(out, "</bdi></h3>\n");
}

static void
add_more(struct buffer *out, size_t count, const char *words)
{
	buffer_add_text(out, "<li class=\"more\">");
	add_count(out, count);
	buffer_addf(out, " %s</li>\n", words);
}

static void
add_not_moved_of(struct naming *n, const struct report_mailbox *m)
{
	size_t most = take_room(n, m->held_count);

	if (m->held_count == 0)
		return;
	add_name(m, n->out);
	buffer_add_text(n->out, "<ul class=\"msgs card\">\n");
	for (size_t i = 0; i < most; i++)
		add_held(&m->held_list[i], n->out);
	if (most < m->held_count)
		add_more(n->out, m->held_count - most,
		    "more: the report as text or JSON names them");
	buffer_add_text(n->out, "</ul>\n");
}

/* No fault is left out, however many there are. */
static void
add_folded(const struct report_mailbox *m, size_t from, struct buffer *out)
{
	if (from == m->fault_count)
		return;
	buffer_add_text(out, "<details class=\"card\"><summary>");
	add_count(out, m->fault_count - from);
	buffer_add_text(
	    out, " more of this mailbox</summary>\n<ul class=\"msgs\">\n");
	for (size_t i = from; i < m->fault_count; i++)
		add_finding(&m->findings[i], out);
	buffer_add_text(out, "</ul>\n</details>\n");
}

static void
add_notes_of(struct naming *n, const struct report_mailbox *m)
{
	size_t notes = m->finding_count - m->fault_count;
	size_t most = take_room(n, notes);

	if (notes == 0)
		return;
	buffer_add_text(n->out, "<ul class=\"msgs card\">\n");
	for (size_t i = 0; i < most; i++)
		add_finding(&m->findings[m->fault_count + i], n->out);
	if (most < notes)
		add_more(n->out, notes - most,
		    "more with which all is well: the report as JSON names "
		    "them");
	buffer_add_text(n->out, "</ul>\n");
}

static void
add_findings(struct naming *n, const struct report_mailbox *m)
{
	size_t seen = take_room(n, m->fault_count);

	if (m->finding_count == 0)
		return;
	add_name(m, n->out);
	if (seen > 0)
		buffer_add_text(n->out, "<ul class=\"msgs card\">\n");
	for (size_t i = 0; i < seen; i++)
		add_finding(&m->findings[i], n->out);
	if (seen > 0)
		buffer_add_text(n->out, "</ul>\n");
	add_folded(m, seen, n->out);
	add_notes_of(n, m);
}

static void
add_not_moved(const struct report *r, struct buffer *out)
{
	struct naming n = { .out = out, .left = NAMED_ALL };
	const struct report_mailbox *all = &r->all;

	if (all->held + all->rejected + all->waiting == 0)
		return;
	buffer_add_text(out, "<h2>What was not moved, and why</h2>\n");
	buffer_add_text(
	    out, "<p>All of it is still in the old mailbox, untouched. ");
	if (all->held > 0)
		buffer_add_text(out,
		    "What is held was refused for good by the new server, in "
		    "the words below; it waits for a decision. ");
	if (all->waiting > 0)
		buffer_add_text(
		    out, "What is not moved yet goes with the next run. ");
	buffer_add_text(out, "</p>\n");
	for (size_t i = 0; i < r->count; i++)
		add_not_moved_of(&n, &r->list[i]);
}

static bool
has_findings(const struct report *r)
{
	for (size_t i = 0; i < r->count; i++)
		if (r->list[i].finding_count > 0)
			return true;
	return false;
}

static void
add_notes(const struct report *r, struct buffer *out)
{
	const struct report_mailbox *all = &r->all;

	if (all->deleted > 0) {
		add_count(out, all->deleted);
		buffer_add_text(
		    out, " were then deleted from the old mailboxes. ");
	}

	if (all->duplicates > 0) {
		add_count(out, all->duplicates);
		buffer_add_text(out,
		    " arrived more than once, because a connection broke "
		    "before the new server had confirmed them. ");
	}
	if (all->added > 0) {
		add_count(out, all->added);
		buffer_add_text(out,
		    " were given header lines by the new server on their way "
		    "in, as spam filters do; what was sent is all there. ");
	}
}

static void
add_verification(const struct report *r, struct buffer *out)
{
	struct naming n = { .out = out, .left = NAMED_ALL };
	const struct report_mailbox *all = &r->all;
	char day[WORDS_TIME], minute[WORDS_TIME];

	buffer_add_text(out, "<h2>Verification</h2>\n<p>");
	if (all->verified_at == 0) {
		buffer_add_text(out,
		    "The messages have not been read again since they were "
		    "moved. The new server has confirmed each of them.</p>\n");
		return;
	}
	buffer_addf(out, "On %s, %s, ", words_day(all->verified_at, day),
	    words_minute(all->verified_at, minute));
	buffer_add_text(out,
	    all->there
		? "the messages were read again where they are now, and "
		  "compared, by SHA-256, with what had been sent: "
		: "the messages were read again in the old mailboxes, and "
		  "compared, by SHA-256, with what had been sent. Not every "
		  "new mailbox was read: for those the new server's "
		  "confirmation has to do. ");
	add_count(out, all->verified);
	buffer_addf(out, " %s the same, octet for octet. ",
	    all->verified == 1 ? "is" : "are");
	add_notes(r, out);
	buffer_add_text(out, "</p>\n");
	if (!has_findings(r))
		return;
	for (size_t i = 0; i < r->count; i++)
		add_findings(&n, &r->list[i]);
}

/* --- the rest --- */

static void
add_timeline(const struct report *r, struct buffer *out)
{
	if (r->took_s < DRAWN_S)
		return;
	buffer_add_text(out, "<h2>When it moved</h2>\n");
	chart_add(r, out);
	buffer_add_text(out,
	    "<ul class=\"legend\"><li><i class=\"v\"></i>messages</li>"
	    "<li><i class=\"o\"></i>mail</li></ul>\n");
}

static void
add_guide(struct buffer *out)
{
	static const char *const terms[][2] = {
		{ "Moved",
		    "The new server has confirmed that it has the message. The "
		    "old mailbox still has it, too, unless this report says "
		    "that it was deleted." },
		{ "Held",
		    "The new server refused it for good, for one because it is "
		    "too large. It stays in the old mailbox until its owner "
		    "decides: \"postrider held\"." },
		{ "Not yet",
		    "Not tried, or refused for now. Running the same command "
		    "again goes on with it." },
		{ "Verified",
		    "Read once more and found to be what was sent, octet for "
		    "octet." },
		{ "Missing",
		    "Confirmed by the new server when it was sent, and not in "
		    "the new mailbox now: deleted or moved elsewhere since, or "
		    "lost." },
		{ "Changed", "There, and not what was sent." },
		{ "Dates",
		    "Each message keeps its own. The day of the move is only "
		    "in the topmost \"Received\" line, which also has the id "
		    "by which a message is found in this report." },
	};

	buffer_add_text(
	    out, "<h2>How to read this</h2>\n<dl class=\"read card\">\n");
	for (size_t i = 0; i < sizeof(terms) / sizeof(*terms); i++) {
		buffer_addf(out, "<dt>%s</dt><dd>", terms[i][0]);
		add_text(out, terms[i][1]);
		buffer_add_text(out, "</dd>\n");
	}
	buffer_add_text(out, "</dl>\n");
}

void
report_html(const struct report *r, struct buffer *out)
{
	struct page page = { .r = r,
		.from = common(r, origin),
		.to = common(r, target),
		.largest = largest_of(r) };
	char when[CLOCK_TEXT];

	add_head(r, out);
	add_eyebrow(r, out);
	add_headline(r, out);
	add_lede(&page, out);
	add_figures(r, out);
	add_whole(&r->all, out);
	add_timeline(r, out);
	add_mailboxes(&page, out);
	add_not_moved(r, out);
	add_verification(r, out);
	add_guide(out);
	buffer_addf(out,
	    "<footer>Made by postrider on %s.</footer>\n"
	    "</main></body></html>\n",
	    clock_text(r->made, when));
}
