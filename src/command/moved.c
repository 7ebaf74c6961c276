/* moved.c - what `migrate` has come to, for people and for programs. */
#include "command/moving.h"

#include "base/alloc.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "migrate/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sysexits.h>

/* Of a message that was delivered, ever. */
static uint64_t
delivered(const struct standing *s)
{
	return s->counts[STATE_DELIVERED] + s->counts[STATE_DELETE_OWED];
}

/* Nothing has become of them yet that could not become something else. */
static uint64_t
waiting(const struct standing *s)
{
	return s->counts[STATE_NEW] + s->counts[STATE_DEFERRED] +
	    s->counts[STATE_IN_DOUBT] + s->counts[STATE_REPORT_OWED];
}

bool
moved_is_complete(const struct moved_box *b)
{
	return b->ended && b->well && waiting(&b->standing) == 0 &&
	    b->standing.counts[STATE_HELD] == 0;
}

static void
add_count(struct buffer *out, uint64_t n, const char *what)
{
	if (n > 0)
		buffer_addf(out, "; %" PRIu64 " %s", n, what);
}

/* "4.2 s", "12:40" or "3:12:40". */
static void
add_time(struct buffer *out, int64_t ms)
{
	int64_t s = ms / 1000;

	if (s < 60)
		buffer_addf(out, "%.1f s", (double)ms / 1000);
	else if (s < 3600)
		buffer_addf(out, "%" PRId64 ":%02d min", s / 60, (int)(s % 60));
	else
		buffer_addf(
		    out, "%" PRId64 ":%02d h", s / 3600, (int)(s / 60 % 60));
}

static void
add_moved(struct buffer *out, uint64_t messages, uint64_t octets, int64_t ms)
{
	char size[TEXT_UNIT];

	buffer_addf(
	    out, "%" PRIu64 " message%s", messages, messages == 1 ? "" : "s");
	if (messages > 0)
		buffer_addf(out, " (%s)", text_octets(octets, size));
	buffer_add_text(out, " moved in ");
	add_time(out, ms);
}

void
moved_tell(const struct moving *m, size_t i, struct buffer *line)
{
	const struct moved_box *b = &m->list[i];
	const struct standing *s = &b->standing;
	uint64_t ever = delivered(s);

	buffer_addf(line, "%s: ", b->account.name);
	add_moved(line, b->moved, b->octets, b->took_ms);
	add_count(line, ever > b->moved ? ever - b->moved : 0, "moved before");
	add_count(line, b->resent, "sent again after being in doubt");
	add_count(line, s->counts[STATE_SEEN],
	    "not moved, seen before (--all moves them)");
	add_count(line, s->counts[STATE_HELD], "held");
	add_count(line, s->counts[STATE_REJECTED], "refused for good");
	add_count(line, s->counts[STATE_DEFERRED], "refused for now");
	add_count(line, s->counts[STATE_IN_DOUBT], "in doubt");
	if (b->well && !m->in->migrate.delete_source)
		add_count(line, s->counts[STATE_DELETE_OWED],
		    "still there that were to be deleted (only "
		    "--delete-source, given again, deletes them)");
	if (!moved_is_complete(b))
		buffer_add_text(line, "; not complete");
}

void
moved_sum(const struct moving *m, struct buffer *line)
{
	uint64_t messages = 0, octets = 0, incomplete = 0;
	int64_t from = 0, until = 0;

	for (size_t i = 0; i < m->count; i++) {
		const struct moved_box *b = &m->list[i];

		messages += b->moved;
		octets += b->octets;
		incomplete += !moved_is_complete(b);
		if (b->began_ms == 0)
			continue;
		if (from == 0 || b->began_ms < from)
			from = b->began_ms;
		if (b->began_ms + b->took_ms > until)
			until = b->began_ms + b->took_ms;
	}
	buffer_addf(line, "%zu mailboxes: ", m->count);
	add_moved(line, messages, octets, until - from);
	if (incomplete > 0)
		buffer_addf(line,
		    "; %" PRIu64 " not complete: the same command goes on with "
		    "them",
		    incomplete);
}

/* --- for programs --- */

static void
json_error(struct json *j, const char *prefix, const struct error *e)
{
	char key[64];

	snprintf(key, sizeof(key), "%serror_kind", prefix);
	json_string(j, key, e->kind != ERR_NONE ? error_name(e->kind) : NULL);
	snprintf(key, sizeof(key), "%serror_text", prefix);
	json_string(j, key, e->kind != ERR_NONE ? e->text : NULL);
}

static void
json_verified(struct json *j, const struct moved_box *b)
{
	const struct verify_result *r = &b->result;

	if (!b->verified) {
		json_string(j, "verified", NULL);
		return;
	}
	json_open(j, "verified", '{');
	json_bool(j, "well", b->verify_rc == 0 && verify_is_well(r));
	json_bool(j, "source_read", r->read_source);
	json_bool(j, "destination_read", r->read_there);
	json_number(j, "messages", (int64_t)r->delivered);
	json_number(j, "same_at_source", (int64_t)r->same_source);
	json_number(j, "same_at_destination", (int64_t)r->same_there);
	json_number(j, "missing", (int64_t)r->missing);
	json_number(j, "perhaps_queued", (int64_t)r->late);
	json_number(j, "changed", (int64_t)r->changed);
	json_number(j, "missing_or_changed_before", (int64_t)r->stand);
	json_number(j, "changed_at_source", (int64_t)r->changed_source);
	json_number(j, "gone_at_source", (int64_t)r->gone_source);
	json_number(j, "unproven", (int64_t)r->unproven);
	json_number(j, "duplicates", (int64_t)r->duplicates);
	json_error(j, "", &b->verify_error);
	json_close(j, '}');
}

static void
json_box(struct json *j, const struct moved_box *b)
{
	const struct standing *s = &b->standing;

	json_open(j, NULL, '{');
	json_string(j, "account", b->account.name);
	json_string(j, "source", b->from);
	json_string(j, "destination", b->to);
	json_string(j, "at", b->at);
	json_bool(j, "complete", moved_is_complete(b));
	json_number(j, "moved", (int64_t)b->moved);
	json_number(j, "octets", (int64_t)b->octets);
	json_number(j, "resent", (int64_t)b->resent);
	json_number(j, "took_ms", b->took_ms);
	json_number(j, "polls", b->polls);
	json_open(j, "counts", '{');
	for (int i = 0; i < STATES; i++)
		json_number(
		    j, state_name((enum state)i), (int64_t)s->counts[i]);
	json_close(j, '}');
	json_error(j, "", &b->error);
	json_verified(j, b);
	json_number(j, "deleted", (int64_t)b->deleted);
	json_close(j, '}');
}

void
moved_json(const struct moving *m)
{
	struct json j = { 0 };
	uint64_t messages = 0, octets = 0, complete = 0, gone = 0;

	json_open(&j, NULL, '{');
	json_open(&j, "mailboxes", '[');
	for (size_t i = 0; i < m->count; i++) {
		json_box(&j, &m->list[i]);
		messages += m->list[i].moved;
		octets += m->list[i].octets;
		gone += m->list[i].deleted;
		complete += moved_is_complete(&m->list[i]);
	}
	json_close(&j, ']');
	json_number(&j, "complete", (int64_t)complete);
	json_number(&j, "moved", (int64_t)messages);
	json_number(&j, "octets", (int64_t)octets);
	json_number(&j, "deleted", (int64_t)gone);
	json_close(&j, '}');
	json_finish(&j);
}

/* --- reports --- */

/* To several places, or to the one of this run. */
static const char *
went(const struct moved_box *b)
{
	return b->went != NULL && strcasecmp(b->went, b->target) != 0 ? b->went
								      : b->to;
}

int
moved_try_reports(const struct moving *m)
{
	const struct migrate_options *o = &m->in->migrate;
	struct error e = { 0 };
	int status = EX_OK;

	for (size_t i = 0; i < o->report_count; i++) {
		if (report_try(o->reports[i], &e) == 0)
			continue;
		log_error("%s", e.text);
		status = EX_CANTCREAT;
	}
	return status;
}

/* Where one cannot be written the others are all the same. */
static int
write_reports(const struct report *r, const struct migrate_options *o)
{
	struct error e = { 0 };
	int status = EX_OK;

	for (size_t i = 0; i < o->report_count; i++) {
		if (report_try(o->reports[i], &e) < 0)
			status = command_worse(status, EX_CANTCREAT);
		else if (report_write(r, o->reports[i], &e) < 0)
			status = command_worse(status, EX_IOERR);
		else
			continue;
		log_error("%s", e.text);
	}
	return status;
}

int
moved_report(const struct moving *m)
{
	const struct migrate_options *o = &m->in->migrate;
	struct report_source *list;
	struct error e = { 0 };
	struct report report;
	int status;

	if (o->report_count == 0)
		return EX_OK;
	list = xcalloc(m->count, sizeof(*list));
	for (size_t i = 0; i < m->count; i++) {
		const struct moved_box *b = &m->list[i];

		list[i] = (struct report_source){
			.account = &b->account,
			.from = b->from,
			.to = went(b),
			.at = b->at,
			.verified = b->verified ? &b->result : NULL,
			.trouble =
			    b->error.kind != ERR_NONE ? b->error.text : NULL,
			.unverified = b->verify_error.kind != ERR_NONE
			    ? b->verify_error.text
			    : NULL,
		};
	}
	status = report_read(&report, m->state, list, m->count, &e) < 0
	    ? command_fail(&e)
	    : write_reports(&report, o);
	report_free(&report);
	free(list);
	return status;
}
