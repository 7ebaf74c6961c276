/* Read-only questions to the ledger. */
#include "ledger/reader.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "ledger/account.h"
#include "ledger/marker.h"
#include "ledger/schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UNREADABLE "the ledger cannot be read"

/* Questions that are asked of many accounts, and are prepared once. */
enum kept {
	KEPT_ACCOUNT,
	KEPT_BOUND,
	KEPT_COUNTS,
	KEPT_HOURS,
	KEPT
};

struct reader {
	sqlite3 *db; /* owned */
	sqlite3_stmt *kept[KEPT]; /* owned, or NULL */
};

int
reader_open(struct reader **r, const char *dir, struct error *e)
{
	sqlite3 *db;

	*r = NULL;
	if (marker_check(dir, false, e) < 0 ||
	    schema_open_reader(&db, dir, e) < 0)
		return -1;
	if (db != NULL) {
		*r = xcalloc(1, sizeof(**r));
		(*r)->db = db;
	}
	return 0;
}

void
reader_free(struct reader **r)
{
	if (*r != NULL) {
		for (int i = 0; i < KEPT; i++)
			sqlite3_finalize((*r)->kept[i]);
		sqlite3_close((*r)->db);
	}
	free(*r);
	*r = NULL;
}

static int
fail(struct reader *r, struct error *e)
{
	return schema_error(r->db, UNREADABLE, e);
}

static int
prepare(struct reader *r, const char *sql, sqlite3_stmt **st, struct error *e)
{
	return schema_prepare(r->db, UNREADABLE, sql, st, e);
}

/* To be reset when all has been read; not to be finalized. */
static int
prepare_kept(struct reader *r, enum kept which, const char *sql,
    sqlite3_stmt **st, struct error *e)
{
	if (r->kept[which] == NULL && prepare(r, sql, &r->kept[which], e) < 0)
		return -1;
	*st = r->kept[which];
	return 0;
}

/* A column that may be NULL, as a string that lives until the next step. */
static const char *
text(sqlite3_stmt *st, int column)
{
	const char *s = (const char *)sqlite3_column_text(st, column);

	return s ? s : "";
}

static struct slice
blob(sqlite3_stmt *st, int column)
{
	const void *data = sqlite3_column_blob(st, column);

	return slice_make(data, (size_t)sqlite3_column_bytes(st, column));
}

static enum state
state(sqlite3_stmt *st, int column)
{
	int s = state_parse(text(st, column));

	return s < 0 ? STATE_NEW : (enum state)s;
}

int
reader_account(struct reader *r, const char *name, const char *server,
    const char *user, const char *const *names, int64_t *account,
    struct error *e)
{
	struct account_key key = {
		.name = name, .server = server, .user = user, .names = names
	};
	struct account_found found;

	*account = 0;
	if (r == NULL)
		return 0;
	if (account_find(r->db, UNREADABLE, &key, &found, e) < 0)
		return -1;
	*account = found.id;
	return 0;
}

int
reader_moved_to(
    struct reader *r, int64_t account, struct buffer *places, struct error *e)
{
	sqlite3_stmt *st = NULL;
	int step;

	buffer_clear(places);
	if (r == NULL)
		return 0;
	if (prepare(r,
		"SELECT moved_to FROM account WHERE id = ?1 AND " HAS_SENT, &st,
		e) < 0)
		return -1;
	sqlite3_bind_int64(st, 1, account);
	step = sqlite3_step(st);
	if (step == SQLITE_ROW)
		buffer_add_text(places, text(st, 0));
	sqlite3_finalize(st);
	return step == SQLITE_ROW || step == SQLITE_DONE ? 0 : fail(r, e);
}

/* All but the octets of its slices. */
static struct row
read_row(sqlite3_stmt *st)
{
	struct row row = {
		.message = sqlite3_column_int64(st, 0),
		.uid.len = blob(st, 1).len,
		.copy = (uint32_t)sqlite3_column_int64(st, 2),
		.state = state(st, 3),
		.before = state(st, 4),
		.attempts = (uint32_t)sqlite3_column_int64(st, 5),
		.deletions = (uint32_t)sqlite3_column_int64(st, 6),
		.octets = (uint64_t)sqlite3_column_int64(st, 7),
		.first_seen = sqlite3_column_int64(st, 8),
		.since = sqlite3_column_int64(st, 9),
		.delivered = sqlite3_column_int64(st, 10),
		.next_try = sqlite3_column_int64(st, 11),
		.first_refused = sqlite3_column_int64(st, 12),
		.doubts = (uint32_t)sqlite3_column_int64(st, 13),
		.rejected = sqlite3_column_int(st, 14) != 0,
		.header.len = blob(st, 15).len,
		.imported = sqlite3_column_int(st, 16) != 0,
		.loose = sqlite3_column_int(st, 16) == IMPORTED_LOOSE,
	};

	row.apart =
	    row.header.len == 0 && sqlite3_column_type(st, 15) != SQLITE_NULL;
	return row;
}

/* The buffer has stopped moving: now the slices can point into it. */
static void
point_rows(struct rows *rows)
{
	size_t at = 0;

	for (size_t i = 0; i < rows->count; i++) {
		rows->list[i].uid.data = rows->octets.data + at;
		at += rows->list[i].uid.len;
		rows->list[i].header.data = rows->octets.data + at;
		at += rows->list[i].header.len;
	}
}

int
reader_rows(
    struct reader *r, int64_t account, struct rows *rows, struct error *e)
{
	sqlite3_stmt *st = NULL;
	size_t room = 0;
	int step;

	*rows = (struct rows){ 0 };
	if (r == NULL)
		return 0;
	if (prepare(r,
		"SELECT id, uid, copy, state, before, attempts, deletions,"
		" octets, first_seen, since, delivered, next_try,"
		" first_refused, doubts, rejected, header, imported"
		" FROM message WHERE account = ?1 ORDER BY uid, copy",
		&st, e) < 0)
		return -1;
	sqlite3_bind_int64(st, 1, account);
	while ((step = sqlite3_step(st)) == SQLITE_ROW) {
		if (rows->count == room) {
			room = room ? 2 * room : 64;
			rows->list =
			    xrealloc(rows->list, room, sizeof(*rows->list));
		}
		rows->list[rows->count++] = read_row(st);
		buffer_add_slice(&rows->octets, blob(st, 1));
		buffer_add_slice(&rows->octets, blob(st, 15));
	}
	point_rows(rows);
	sqlite3_finalize(st);
	/*
	 * The rows of an account lie far apart: it took many pages to read
	 * them, and the poll that has them now may take long.
	 */
	sqlite3_db_release_memory(r->db);
	if (step == SQLITE_DONE)
		return 0;
	rows_free(rows);
	return fail(r, e);
}

void
rows_free(struct rows *rows)
{
	free(rows->list);
	buffer_free(&rows->octets);
	*rows = (struct rows){ 0 };
}

int
reader_outcomes(struct reader *r, int64_t message, enum state state,
    void (*each)(void *arg, const char *recipient, const char *reply),
    void *arg, struct error *e)
{
	sqlite3_stmt *st = NULL;
	int step;

	if (r == NULL)
		return 0;
	if (prepare(r,
		"SELECT recipient, reply FROM outcome"
		" WHERE message = ?1 AND state = ?2",
		&st, e) < 0)
		return -1;
	sqlite3_bind_int64(st, 1, message);
	sqlite3_bind_text(st, 2, state_name(state), -1, SQLITE_STATIC);
	while ((step = sqlite3_step(st)) == SQLITE_ROW)
		each(arg, text(st, 0), text(st, 1));
	sqlite3_finalize(st);
	return step == SQLITE_DONE ? 0 : fail(r, e);
}

static struct proof
read_proof(sqlite3_stmt *st)
{
	struct slice digest = blob(st, 7);
	struct proof p = {
		.message = sqlite3_column_int64(st, 0),
		.uid = blob(st, 1),
		.copy = (uint32_t)sqlite3_column_int64(st, 2),
		.octets = (uint64_t)sqlite3_column_int64(st, 3),
		.state = state(st, 4),
		.before = state(st, 5),
		.trace = text(st, 6),
		.has_digest = digest.len == sizeof(p.digest),
		.content = (uint64_t)sqlite3_column_int64(st, 8),
		.first_seen = sqlite3_column_int64(st, 9),
		.since = sqlite3_column_int64(st, 10),
		.delivered = sqlite3_column_int64(st, 11),
		.verified = sqlite3_column_int64(st, 12),
		.verdict = (unsigned)sqlite3_column_int64(st, 13),
		.attempts = (uint32_t)sqlite3_column_int64(st, 14),
		.doubts = (uint32_t)sqlite3_column_int64(st, 15),
		.reply = text(st, 16),
	};

	if (p.has_digest)
		memcpy(p.digest, digest.data, digest.len);
	return p;
}

int
reader_proofs(struct reader *r, int64_t account,
    int (*each)(void *arg, const struct proof *p, struct error *e), void *arg,
    struct error *e)
{
	sqlite3_stmt *st = NULL;
	int step, rc = 0;

	if (r == NULL)
		return 0;
	if (prepare(r,
		"SELECT id, uid, copy, octets, state, before, trace, digest,"
		" content, first_seen, since, delivered, verified, verdict,"
		" attempts, doubts, reply"
		" FROM message WHERE account = ?1 ORDER BY id",
		&st, e) < 0)
		return -1;
	sqlite3_bind_int64(st, 1, account);
	while ((step = sqlite3_step(st)) == SQLITE_ROW) {
		struct proof p = read_proof(st);

		rc = each(arg, &p, e);
		if (rc < 0)
			break;
	}
	if (rc == 0 && step != SQLITE_DONE)
		rc = fail(r, e);
	sqlite3_finalize(st);
	return rc;
}

int
reader_polled(
    struct reader *r, int64_t account, struct polled *out, struct error *e)
{
	sqlite3_stmt *st = NULL;
	int step;

	*out = (struct polled){ .first = true };
	if (r == NULL)
		return 0;
	if (prepare(r,
		"SELECT first_poll IS NULL, last_listed, quiet, quiet_until,"
		" quiet_held FROM account WHERE id = ?1",
		&st, e) < 0)
		return -1;
	sqlite3_bind_int64(st, 1, account);
	step = sqlite3_step(st);
	if (step == SQLITE_ROW) {
		out->first = sqlite3_column_int(st, 0) != 0;
		out->last_listed = sqlite3_column_int64(st, 1);
		out->has_quiet =
		    sqlite3_column_bytes(st, 2) == sizeof(out->quiet.digest);
		if (out->has_quiet)
			memcpy(out->quiet.digest, sqlite3_column_blob(st, 2),
			    sizeof(out->quiet.digest));
		out->quiet.until = sqlite3_column_int64(st, 3);
		out->quiet.held = (uint64_t)sqlite3_column_int64(st, 4);
		step = SQLITE_DONE;
	}
	sqlite3_finalize(st);
	return step == SQLITE_DONE ? 0 : fail(r, e);
}

static void
copy_text(sqlite3_stmt *st, int column, char *out, size_t room)
{
	const char *text = (const char *)sqlite3_column_text(st, column);

	snprintf(out, room, "%s", text != NULL ? text : "");
}

int
reader_server(struct reader *r, const char *name, struct ledger_server *out,
    struct error *e)
{
	char pipelining[16] = "";
	sqlite3_stmt *st = NULL;
	int step;

	*out = (struct ledger_server){ 0 };
	snprintf(out->name, sizeof(out->name), "%s", name);
	if (r == NULL)
		return 0;
	if (prepare(r,
		"SELECT capa, learned, pipelining, since FROM server"
		" WHERE name = ?1",
		&st, e) < 0)
		return -1;
	sqlite3_bind_text(st, 1, name, -1, SQLITE_STATIC);
	step = sqlite3_step(st);
	if (step == SQLITE_ROW) {
		copy_text(st, 0, out->capa, sizeof(out->capa));
		out->learned = sqlite3_column_int64(st, 1);
		copy_text(st, 2, pipelining, sizeof(pipelining));
		out->since = sqlite3_column_int64(st, 3);
		step = SQLITE_DONE;
	}
	sqlite3_finalize(st);
	if (strcmp(pipelining, "proven") == 0)
		out->pipelining = PIPELINING_PROVEN;
	else if (strcmp(pipelining, "broken") == 0)
		out->pipelining = PIPELINING_BROKEN;
	return step == SQLITE_DONE ? 0 : fail(r, e);
}

/* Others with the same UID. A session can only delete all of them or none. */
static int
read_copies(struct reader *r, int64_t account, struct waiting *w,
    sqlite3_stmt **st, struct error *e)
{
	int rc = 0;

	if (*st == NULL &&
	    prepare(r,
		"SELECT count(*),"
		" total(state NOT IN ('dropped', 'delete_owed')) FROM message"
		" WHERE account = ?1 AND uid = ?2 AND id <> ?3"
		" AND state <> 'gone'",
		st, e) < 0)
		return -1;
	sqlite3_bind_int64(*st, 1, account);
	sqlite3_bind_blob64(*st, 2, w->uid.len > 0 ? w->uid.data : "",
	    w->uid.len, SQLITE_STATIC);
	sqlite3_bind_int64(*st, 3, w->message);
	if (sqlite3_step(*st) == SQLITE_ROW) {
		w->copies = (uint32_t)sqlite3_column_int64(*st, 0);
		w->staying = (uint32_t)sqlite3_column_int64(*st, 1);
	} else {
		rc = fail(r, e);
	}
	sqlite3_reset(*st);
	return rc;
}

int
reader_waiting(struct reader *r, const char *account, int64_t message,
    unsigned states, void (*each)(void *arg, const struct waiting *w),
    void *arg, size_t *found, struct error *e)
{
	sqlite3_stmt *st = NULL, *copies = NULL;
	int step, rc = 0;

	*found = 0;
	if (r == NULL)
		return 0;
	if (prepare(r,
		"SELECT m.id, a.name, m.uid, m.octets, m.state, m.first_seen,"
		" m.since, m.next_try, m.attempts, m.reply, m.copy, a.id"
		" FROM message m JOIN account a ON a.id = m.account"
		" WHERE (?1 IS NULL OR a.name = ?1) AND (?2 = 0 OR m.id = ?2)"
		" ORDER BY a.name, m.since, m.id",
		&st, e) < 0)
		return -1;
	if (account != NULL)
		sqlite3_bind_text(st, 1, account, -1, SQLITE_STATIC);
	sqlite3_bind_int64(st, 2, message);
	while ((step = sqlite3_step(st)) == SQLITE_ROW) {
		struct waiting w = {
			.message = sqlite3_column_int64(st, 0),
			.account = text(st, 1),
			.uid = blob(st, 2),
			.octets = (uint64_t)sqlite3_column_int64(st, 3),
			.state = state(st, 4),
			.first_seen = sqlite3_column_int64(st, 5),
			.since = sqlite3_column_int64(st, 6),
			.next_try = sqlite3_column_int64(st, 7),
			.attempts = (uint32_t)sqlite3_column_int64(st, 8),
			.reply = text(st, 9),
			.copy = (uint32_t)sqlite3_column_int64(st, 10),
		};

		if ((states >> w.state & 1) == 0)
			continue;
		rc = read_copies(
		    r, sqlite3_column_int64(st, 11), &w, &copies, e);
		if (rc < 0)
			break;
		(*found)++;
		each(arg, &w);
	}
	if (rc == 0 && step != SQLITE_DONE)
		rc = fail(r, e);
	sqlite3_finalize(copies);
	sqlite3_finalize(st);
	return rc;
}

int
reader_in_doubt(
    struct reader *r, int64_t account, uint64_t *count, struct error *e)
{
	sqlite3_stmt *st = NULL;
	int rc = 0;

	*count = 0;
	if (r == NULL)
		return 0;
	if (prepare(r,
		"SELECT count(*) FROM message"
		" WHERE account = ?1 AND state = 'in_doubt'",
		&st, e) < 0)
		return -1;
	sqlite3_bind_int64(st, 1, account);
	if (sqlite3_step(st) == SQLITE_ROW)
		*count = (uint64_t)sqlite3_column_int64(st, 0);
	else
		rc = fail(r, e);
	sqlite3_finalize(st);
	return rc;
}

/* To be stopped is no error of an account. */
static void
note_stopped(struct standing *out)
{
	if (strcmp(out->error_kind, error_name(ERR_STOPPED)) != 0)
		return;
	out->stopped = out->last_started <= out->last_ended;
	out->error_kind[0] = out->error_text[0] = '\0';
}

static int
standing_account(struct reader *r, const char *name, struct standing *out,
    int64_t *id, struct error *e)
{
	sqlite3_stmt *st = NULL;
	int step, rc = 0;

	if (prepare_kept(r, KEPT_ACCOUNT,
		"SELECT id, last_started, last_ended, last_success, failures,"
		" in_mailbox, delivered, octets, deleted, total_delivered,"
		" error_kind, error_text, failing_since, due, refusals"
		" FROM account WHERE name = ?1",
		&st, e) < 0)
		return -1;
	sqlite3_bind_text(st, 1, name, -1, SQLITE_STATIC);
	step = sqlite3_step(st);
	if (step == SQLITE_ROW) {
		*id = sqlite3_column_int64(st, 0);
		out->known = true;
		out->last_started = sqlite3_column_int64(st, 1);
		out->last_ended = sqlite3_column_int64(st, 2);
		out->polled = out->last_ended != 0;
		out->last_success = sqlite3_column_int64(st, 3);
		out->failures = (uint64_t)sqlite3_column_int64(st, 4);
		out->in_mailbox = (uint64_t)sqlite3_column_int64(st, 5);
		out->delivered = (uint64_t)sqlite3_column_int64(st, 6);
		out->octets = (uint64_t)sqlite3_column_int64(st, 7);
		out->deleted = (uint64_t)sqlite3_column_int64(st, 8);
		out->total_delivered = (uint64_t)sqlite3_column_int64(st, 9);
		snprintf(out->error_kind, sizeof(out->error_kind), "%s",
		    text(st, 10));
		snprintf(out->error_text, sizeof(out->error_text), "%s",
		    text(st, 11));
		note_stopped(out);
		out->failing_since = sqlite3_column_int64(st, 12);
		out->due = sqlite3_column_int64(st, 13);
		out->refusals = (uint32_t)sqlite3_column_int64(st, 14);
	} else if (step != SQLITE_DONE) {
		rc = fail(r, e);
	}
	sqlite3_reset(st);
	return rc;
}

/* What is to be deleted, and must wait for others with the same UID. */
static int
standing_bound(
    struct reader *r, struct standing *out, int64_t id, struct error *e)
{
	sqlite3_stmt *st = NULL;
	int rc = 0;

	if (prepare_kept(r, KEPT_BOUND,
		"SELECT count(*) FROM message m WHERE account = ?1"
		" AND state IN ('dropped', 'delete_owed')"
		" AND EXISTS (SELECT 1 FROM message o"
		"  WHERE o.account = m.account AND o.uid = m.uid"
		"  AND o.id <> m.id AND o.state NOT IN"
		"   ('dropped', 'delete_owed', 'gone'))",
		&st, e) < 0)
		return -1;
	sqlite3_bind_int64(st, 1, id);
	if (sqlite3_step(st) == SQLITE_ROW)
		out->bound = (uint64_t)sqlite3_column_int64(st, 0);
	else
		rc = fail(r, e);
	sqlite3_reset(st);
	return rc;
}

static int
standing_counts(
    struct reader *r, struct standing *out, int64_t id, struct error *e)
{
	sqlite3_stmt *st = NULL;
	int step;

	if (prepare_kept(r, KEPT_COUNTS,
		"SELECT state, count(*), sum(deletions = 0),"
		" sum(before IS NOT NULL AND since >= ?2)"
		" FROM message WHERE account = ?1"
		" GROUP BY state",
		&st, e) < 0)
		return -1;
	sqlite3_bind_int64(st, 1, id);
	sqlite3_bind_int64(st, 2, out->last_started);
	while ((step = sqlite3_step(st)) == SQLITE_ROW) {
		enum state s = state(st, 0);

		out->counts[s] += (uint64_t)sqlite3_column_int64(st, 1);
		if (s == STATE_DELETE_OWED || s == STATE_DROPPED)
			out->to_delete += (uint64_t)sqlite3_column_int64(st, 2);
		if (s == STATE_IN_DOUBT)
			out->unanswered = (uint64_t)sqlite3_column_int64(st, 3);
	}
	sqlite3_reset(st);
	return step == SQLITE_DONE ? 0 : fail(r, e);
}

static int
standing(struct reader *r, const char *account, struct standing *out,
    struct error *e)
{
	int64_t id = 0;

	if (standing_account(r, account, out, &id, e) < 0)
		return -1;
	if (!out->known)
		return 0;
	if (standing_counts(r, out, id, e) < 0)
		return -1;
	return standing_bound(r, out, id, e);
}

/* Of one moment: a poll may begin while it is read. */
int
reader_standing(struct reader *r, const char *account, struct standing *out,
    struct error *e)
{
	int rc;

	*out = (struct standing){ 0 };
	if (r == NULL)
		return 0;
	if (sqlite3_exec(r->db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK)
		return fail(r, e);
	rc = standing(r, account, out, e);
	sqlite3_exec(r->db, "COMMIT", NULL, NULL, NULL);
	return rc;
}

/* Between two beginnings of hours clocks may have been changed by minutes. */
static void
add_hour(struct hours *out, int64_t now, sqlite3_stmt *st)
{
	int64_t hour = sqlite3_column_int64(st, 0);
	int64_t back = (clock_hour(now) - hour + 1800) / 3600;
	uint64_t delivered = (uint64_t)sqlite3_column_int64(st, 1);
	uint64_t octets = (uint64_t)sqlite3_column_int64(st, 2);

	if (back >= 0 && back < READER_HOURS) {
		out->delivered[READER_HOURS - 1 - back] += delivered;
		out->octets[READER_HOURS - 1 - back] += octets;
	}
	if (hour >= clock_midnight(now)) {
		out->today += delivered;
		out->today_octets += octets;
	}
}

int
reader_hours(struct reader *r, const char *account, int64_t now,
    struct hours *out, struct error *e)
{
	sqlite3_stmt *st = NULL;
	int step;

	*out = (struct hours){ 0 };
	if (r == NULL)
		return 0;
	/* A day may have 25 of them. */
	if (prepare_kept(r, KEPT_HOURS,
		"SELECT h.hour, h.delivered, h.octets"
		" FROM account a JOIN hour h ON h.account = a.id"
		" WHERE a.name = ?1 AND h.hour BETWEEN ?2 - 90000 AND ?2",
		&st, e) < 0)
		return -1;
	sqlite3_bind_text(st, 1, account, -1, SQLITE_STATIC);
	sqlite3_bind_int64(st, 2, now);
	while ((step = sqlite3_step(st)) == SQLITE_ROW)
		add_hour(out, now, st);
	sqlite3_reset(st);
	return step == SQLITE_DONE ? 0 : fail(r, e);
}

int
reader_schedules(struct reader *r,
    void (*each)(void *arg, const struct ledger_schedule *s), void *arg,
    struct error *e)
{
	sqlite3_stmt *st = NULL;
	int step;

	if (r == NULL)
		return 0;
	if (prepare(r,
		"SELECT name, due, setback, setbacks, refusals, alerted,"
		" refused, rhythm, failing_since, last_success FROM account",
		&st, e) < 0)
		return -1;
	while ((step = sqlite3_step(st)) == SQLITE_ROW) {
		struct ledger_schedule s = {
			.account = text(st, 0),
			.due = sqlite3_column_int64(st, 1),
			.setback = text(st, 2),
			.setbacks = (uint32_t)sqlite3_column_int64(st, 3),
			.refusals = (uint32_t)sqlite3_column_int64(st, 4),
			.alerted = (uint32_t)sqlite3_column_int64(st, 5),
			.refused = blob(st, 6),
			.rhythm = blob(st, 7),
			.failing_since = sqlite3_column_int64(st, 8),
			.last_success = sqlite3_column_int64(st, 9),
		};

		each(arg, &s);
	}
	sqlite3_finalize(st);
	return step == SQLITE_DONE ? 0 : fail(r, e);
}
