/* report_text() of report.h. */
#include "base/clock.h"
#include "base/text.h"
#include "migrate/report-private.h"

#include <string.h>

/* So many messages of a mailbox are named that are no faults; JSON names all. */
#define NOTES_MAX ((size_t)1000)

static void
add_rule(struct buffer *out, size_t from, char c)
{
	size_t len = out->len - from;

	buffer_add_text(out, "\n");
	for (size_t i = 0; i < len && i < 78; i++)
		buffer_add(out, &c, 1);
	buffer_add_text(out, "\n");
}

static void
add_title(struct buffer *out, const char *title)
{
	size_t from;

	buffer_add_text(out, "\n");
	from = out->len;
	buffer_add_text(out, title);
	add_rule(out, from, '-');
}

static void
add_mailbox(const struct report_mailbox *m, struct buffer *out)
{
	char octets[TEXT_UNIT];

	buffer_addf(out, "%s: ", m->name);
	words_outcome(m, out);
	if (m->moved > 0)
		buffer_addf(out, " (%s)", text_octets(m->moved_octets, octets));
	buffer_add_text(out, "\n");
	if (m->from[0] != '\0' && m->to[0] != '\0')
		buffer_addf(out, "\tfrom %s to %s\n", m->from, m->to);
	if (m->at[0] != '\0')
		buffer_addf(out, "\tread at %s\n", m->at);
	if (m->trouble[0] != '\0')
		buffer_addf(out, "\tnot finished: %s\n", m->trouble);
	if (m->unread[0] != '\0')
		buffer_addf(out, "\tnot verified: %s\n", m->unread);
	if (m->seen > 0)
		buffer_addf(out, "\t%llu left alone: seen before the move\n",
		    (unsigned long long)m->seen);
	if (m->deleted > 0)
		buffer_addf(out, "\t%llu deleted at the source since\n",
		    (unsigned long long)m->deleted);
	if (m->dropped > 0)
		buffer_addf(out, "\t%llu given up by the owner\n",
		    (unsigned long long)m->dropped);
	if (m->duplicates > 0)
		buffer_addf(out,
		    "\t%llu with more than one copy at the destination\n",
		    (unsigned long long)m->duplicates);
	if (m->added > 0)
		buffer_addf(out,
		    "\t%llu with header fields that the destination "
		    "added%s%s\n",
		    (unsigned long long)m->added, m->added_names[0] ? ": " : "",
		    m->added_names);
}

static void
add_message(
    const struct report_message *m, const char *state, struct buffer *out)
{
	char uid[256], when[CLOCK_TEXT], where[256], octets[TEXT_UNIT];

	text_harmless(buffer_slice(&m->uid), uid, sizeof(uid));
	buffer_addf(out, "\tUID %s", uid);
	if (m->id[0] != '\0')
		buffer_addf(out, " (id %s)", m->id);
	if (m->date >= 0)
		buffer_addf(out, ", %s", clock_text(m->date, when));
	if (m->subject[0] != '\0')
		buffer_addf(out, ", \"%s\"", m->subject);
	if (state != NULL)
		buffer_addf(out, ", %s, %s since %s",
		    text_octets(m->octets, octets), state,
		    clock_text(m->since, when));
	buffer_add_text(out, "\n");
	if (m->words[0] != '\0')
		buffer_addf(out, "\t\t%s\n", m->words);
	if (m->where[0] != '\0') {
		text_harmless(slice_of(m->where), where, sizeof(where));
		buffer_addf(out, "\t\t(%s)\n", where);
	}
}

static void
add_held(const struct report *r, struct buffer *out)
{
	const struct report_mailbox *m;

	if (r->all.held + r->all.waiting + r->all.rejected == 0)
		return;
	add_title(out, "Not moved, and why");
	for (size_t i = 0; i < r->count; i++) {
		m = &r->list[i];
		if (m->held_count == 0)
			continue;
		buffer_addf(out, "%s\n", m->name);
		for (size_t k = 0; k < m->held_count; k++)
			add_message(&m->held_list[k],
			    words_state(m->held_list[k].state), out);
	}
}

static void
add_findings(const struct report_mailbox *m, struct buffer *out)
{
	size_t notes = m->finding_count - m->fault_count;
	size_t named = notes < NOTES_MAX ? notes : NOTES_MAX;

	for (size_t i = 0; i < m->fault_count + named; i++)
		add_message(&m->findings[i], NULL, out);
	if (named < notes)
		buffer_addf(out, "\tand %zu more with which all is well\n",
		    notes - named);
}

static void
add_verification(const struct report *r, struct buffer *out)
{
	const struct report_mailbox *m;
	char count[TEXT_UNIT], when[CLOCK_TEXT];

	if (r->all.verified_at == 0)
		return;
	add_title(out, "Verification");
	buffer_addf(out, "%s %s read again%s and found the same, last on %s\n",
	    text_count(r->all.verified, count), words_messages(r->all.verified),
	    r->all.there ? " at the destination" : "",
	    clock_text(r->all.verified_at, when));
	for (size_t i = 0; i < r->count; i++) {
		m = &r->list[i];
		if (m->finding_count == 0)
			continue;
		buffer_addf(out, "%s\n", m->name);
		add_findings(m, out);
	}
}

void
report_text(const struct report *r, struct buffer *out)
{
	char when[CLOCK_TEXT], octets[TEXT_UNIT];
	size_t from = out->len;

	report_headline(r, out);
	add_rule(out, from, '=');
	buffer_addf(out, "%s in %zu mailbox%s",
	    text_octets(r->all.moved_octets, octets), r->count,
	    r->count == 1 ? "" : "es");
	if (r->run_count > 0)
		buffer_add_text(out, "; ");
	report_when(r, out);
	buffer_add_text(out, "\n");
	add_title(out, "Mailboxes");
	for (size_t i = 0; i < r->count; i++)
		add_mailbox(&r->list[i], out);
	add_held(r, out);
	add_verification(r, out);
	buffer_addf(
	    out, "\nMade by postrider on %s.\n", clock_text(r->made, when));
}
