/* report_json() of report.h. The names are documented in postrider(1). */
#include "base/json.h"
#include "migrate/report-private.h"

static void
add_number(struct json *j, const char *key, uint64_t n)
{
	json_number(j, key, (int64_t)n);
}

static void
add_sums(struct json *j, const struct report_mailbox *m)
{
	add_number(j, "moved", m->moved);
	add_number(j, "moved_octets", m->moved_octets);
	add_number(j, "held", m->held);
	add_number(j, "held_octets", m->held_octets);
	add_number(j, "waiting", m->waiting);
	add_number(j, "waiting_octets", m->waiting_octets);
	add_number(j, "seen", m->seen);
	add_number(j, "refused", m->rejected);
	add_number(j, "dropped", m->dropped);
	add_number(j, "deleted", m->deleted);
	json_time(j, "first", m->first);
	json_time(j, "last", m->last);
}

static void
add_verification(struct json *j, const struct report_mailbox *m)
{
	json_open(j, "verification", '{');
	json_time(j, "time", m->verified_at);
	json_bool(j, "at_destination", m->there);
	add_number(j, "verified", m->verified);
	add_number(j, "missing", m->missing);
	add_number(j, "changed", m->changed);
	add_number(j, "changed_at_source", m->changed_source);
	add_number(j, "unproven", m->unproven);
	add_number(j, "duplicates", m->duplicates);
	add_number(j, "fields_added", m->added);
	if (m->added_names != NULL)
		json_string(j, "added_fields", m->added_names);
	json_close(j, '}');
}

static void
add_verdict(struct json *j, unsigned verdict)
{
	static const struct {
		unsigned bit;
		const char *name;
	} names[] = {
		{ VERIFIED_SOURCE, "same_at_source" },
		{ VERIFIED_THERE, "same_at_destination" },
		{ VERIFIED_SOURCE_GONE, "gone_at_source" },
		{ VERIFIED_SOURCE_CHANGED, "changed_at_source" },
		{ VERIFIED_MISSING, "missing" },
		{ VERIFIED_CHANGED, "changed" },
	};

	json_open(j, "verdict", '[');
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (verdict & names[i].bit)
			json_string(j, NULL, names[i].name);
	json_close(j, ']');
}

static void
add_held(struct json *j, const struct report_message *m)
{
	json_open(j, NULL, '{');
	json_text(j, "uid", buffer_slice(&m->uid));
	json_string(j, "state", state_name(m->state));
	add_number(j, "octets", m->octets);
	json_time(j, "since", m->since);
	json_string(j, "words", m->words);
	json_close(j, '}');
}

static void
add_finding(struct json *j, const struct report_message *m)
{
	json_open(j, NULL, '{');
	json_text(j, "uid", buffer_slice(&m->uid));
	json_string(j, "id", m->id);
	add_verdict(j, m->verdict);
	json_bool(j, "grave", m->grave);
	json_string(j, "subject", m->subject[0] ? m->subject : NULL);
	json_time(j, "date", m->date > 0 ? m->date : 0);
	json_text(j, "where", slice_of(m->where));
	json_string(j, "words", m->words);
	json_close(j, '}');
}

static void
add_mailbox(struct json *j, const struct report_mailbox *m)
{
	json_open(j, NULL, '{');
	json_string(j, "name", m->name);
	json_string(j, "from", m->from);
	json_string(j, "to", m->to);
	json_string(j, "at", m->at[0] ? m->at : NULL);
	add_sums(j, m);
	json_string(j, "trouble", m->trouble[0] ? m->trouble : NULL);
	add_verification(j, m);
	json_string(j, "unread", m->unread[0] ? m->unread : NULL);
	json_open(j, "not_moved", '[');
	for (size_t i = 0; i < m->held_count; i++)
		add_held(j, &m->held_list[i]);
	json_close(j, ']');
	json_open(j, "findings", '[');
	for (size_t i = 0; i < m->finding_count; i++)
		add_finding(j, &m->findings[i]);
	json_close(j, ']');
	json_close(j, '}');
}

static void
add_run(struct json *j, const struct report_run *run)
{
	json_open(j, NULL, '{');
	json_time(j, "first", run->first);
	json_time(j, "last", run->last);
	add_number(j, "messages", run->messages);
	add_number(j, "octets", run->octets);
	json_close(j, '}');
}

void
report_json(const struct report *r, struct buffer *out)
{
	struct json j = { 0 };
	struct buffer headline = { 0 };

	report_headline(r, &headline);
	json_open(&j, NULL, '{');
	json_time(&j, "made", r->made);
	json_text(&j, "headline", buffer_slice(&headline));
	json_number(&j, "took_s", r->took_s);
	add_sums(&j, &r->all);
	add_verification(&j, &r->all);
	json_open(&j, "runs", '[');
	for (size_t i = 0; i < r->run_count; i++)
		add_run(&j, &r->runs[i]);
	json_close(&j, ']');
	json_open(&j, "mailboxes", '[');
	for (size_t i = 0; i < r->count; i++)
		add_mailbox(&j, &r->list[i]);
	json_close(&j, ']');
	json_close(&j, '}');
	buffer_add_slice(out, buffer_slice(&j.out));
	buffer_add_text(out, "\n");
	buffer_free(&j.out);
	buffer_free(&headline);
}
