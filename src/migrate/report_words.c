/* Words for people that are the same in all reports. */
#include "base/text.h"
#include "migrate/report-private.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

const char *
words_messages(uint64_t n)
{
	return n == 1 ? "message" : "messages";
}

static struct tm
local(int64_t wall)
{
	time_t t = (time_t)wall;
	struct tm tm = { .tm_mday = 1 };

	localtime_r(&t, &tm);
	return tm;
}

const char *
words_day(int64_t wall, char out[WORDS_TIME])
{
	struct tm tm = local(wall);

	strftime(out, WORDS_TIME, "%e %b %Y", &tm);
	return out[0] == ' ' ? out + 1 : out;
}

const char *
words_minute(int64_t wall, char out[WORDS_TIME])
{
	struct tm tm = local(wall);

	strftime(out, WORDS_TIME, "%H:%M", &tm);
	return out;
}

void
words_span(int64_t first, int64_t last, struct buffer *out)
{
	char a[WORDS_TIME], b[WORDS_TIME], minute[WORDS_TIME];
	const char *from = words_day(first, a), *to = words_day(last, b);

	buffer_addf(out, "%s, %s", from, words_minute(first, minute));
	if (strcmp(from, to) != 0)
		buffer_addf(out, " to %s, %s", to, words_minute(last, minute));
	else if (last / 60 != first / 60)
		buffer_addf(out, " to %s", words_minute(last, minute));
}

static void
two_units(int64_t large, const char *name, int64_t small, const char *behind,
    struct buffer *out)
{
	buffer_addf(out, "%lld %s", (long long)large, name);
	if (small > 0)
		buffer_addf(out, " %lld %s", (long long)small, behind);
}

void
words_took(int64_t s, struct buffer *out)
{
	if (s < 60)
		two_units(s, "s", 0, "", out);
	else if (s < 600)
		two_units(s / 60, "min", s % 60, "s", out);
	else if (s < 3600)
		two_units((s + 30) / 60, "min", 0, "", out);
	else if (s < 86400)
		two_units(s / 3600, "h", s % 3600 / 60, "min", out);
	else
		two_units(s / 86400, s < 2 * 86400 ? "day" : "days",
		    s % 86400 / 3600, "h", out);
}

/* Two digits are enough for a rate. */
static void
add_rate(uint64_t n, int64_t seconds, struct buffer *out)
{
	char count[TEXT_UNIT];
	uint64_t s = seconds > 0 ? (uint64_t)seconds : 1;

	if (n >= 10 * s)
		buffer_add_text(out, text_count((n + s / 2) / s, count));
	else
		buffer_addf(out, "%.1f", (double)n / (double)s);
}

void
words_speed(
    uint64_t messages, uint64_t octets, int64_t seconds, struct buffer *out)
{
	uint64_t s = seconds > 0 ? (uint64_t)seconds : 1;
	char size[TEXT_UNIT];

	add_rate(messages, seconds, out);
	buffer_addf(
	    out, " messages, %s a second", text_octets(octets / s, size));
}

uint64_t
words_total(const struct report_mailbox *m)
{
	return m->moved + m->held + m->waiting + m->rejected;
}

static void
add_verified(const struct report_mailbox *m, struct buffer *out)
{
	char count[TEXT_UNIT];

	if (m->moved == 0)
		return;
	text_count(m->verified, count);
	if (m->verified_at == 0)
		buffer_add_text(out, ", not verified yet");
	else if (m->verified == 0)
		buffer_add_text(out, ", none verified");
	else if (!m->there)
		buffer_addf(out, ", %s verified at the source only", count);
	else if (m->verified == m->moved)
		buffer_add_text(out, " and verified");
	else
		buffer_addf(out, ", %s verified", count);
}

void
words_moved(const struct report_mailbox *m, struct buffer *out)
{
	uint64_t total = words_total(m);
	char moved[TEXT_UNIT], all[TEXT_UNIT];

	if (total == 0) {
		buffer_add_text(out, "Nothing to move");
		return;
	}
	text_count(m->moved, moved);
	text_count(total, all);
	if (m->moved == 0)
		buffer_addf(
		    out, "None of %s %s moved", all, words_messages(total));
	else if (m->moved < total)
		buffer_addf(out, "%s of %s %s moved", moved, all,
		    words_messages(total));
	else
		buffer_addf(out, "%s%s %s moved", total > 1 ? "All " : "", all,
		    words_messages(total));
	add_verified(m, out);
}

size_t
words_faults(
    const struct report_mailbox *m, struct words_fault out[WORDS_FAULTS])
{
	const struct words_fault faults[WORDS_FAULTS] = {
		{ FAULT_BAD, m->missing, "missing" },
		{ FAULT_BAD, m->changed + m->changed_source, "changed" },
		{ FAULT_HELD, m->held, "held" },
		{ FAULT_HELD, m->rejected, "refused" },
		{ FAULT_OPEN, m->waiting, "not moved yet" },
	};
	size_t n = 0;

	for (size_t i = 0; i < WORDS_FAULTS; i++)
		if (faults[i].count > 0)
			out[n++] = faults[i];
	return n;
}

static void
add_faults(const struct report_mailbox *m, struct buffer *out)
{
	struct words_fault faults[WORDS_FAULTS];
	size_t n = words_faults(m, faults);
	char count[TEXT_UNIT];

	for (size_t i = 0; i < n; i++)
		buffer_addf(out, "%s %s %s", i > 0 ? "," : ";",
		    text_count(faults[i].count, count), faults[i].words);
}

void
words_outcome(const struct report_mailbox *m, struct buffer *out)
{
	words_moved(m, out);
	add_faults(m, out);
}

size_t
words_unfinished(const struct report *r)
{
	size_t n = 0;

	for (size_t i = 0; i < r->count; i++)
		n += r->list[i].trouble[0] != '\0';
	return n;
}

void
words_lead(const struct report *r, struct buffer *out)
{
	if (words_total(&r->all) == 0 && words_unfinished(r) > 0)
		buffer_add_text(out, "Nothing has been moved yet");
	else
		words_moved(&r->all, out);
}

void
report_headline(const struct report *r, struct buffer *out)
{
	size_t unfinished = words_unfinished(r);

	words_lead(r, out);
	add_faults(&r->all, out);
	if (unfinished > 0)
		buffer_addf(out, "; %zu mailbox%s not finished", unfinished,
		    unfinished == 1 ? "" : "es");
}

void
report_when(const struct report *r, struct buffer *out)
{
	if (r->run_count == 0)
		return;
	words_span(r->all.first, r->all.last, out);
	buffer_add_text(out, ", in ");
	words_took(r->took_s, out);
	if (r->run_count > 1)
		buffer_addf(out, " of work in %zu runs", r->run_count);
	buffer_add_text(out, ": ");
	words_speed(r->all.moved, r->all.moved_octets, r->took_s, out);
}

const char *
words_state(enum state state)
{
	switch (state) {
	case STATE_HELD:
		return "held";
	case STATE_IN_DOUBT:
		return "in doubt";
	case STATE_DEFERRED:
		return "refused for now";
	case STATE_REJECTED:
	case STATE_REPORT_OWED:
		return "refused";
	default:
		return "not moved yet";
	}
}
