/* What each change does to a row. */
#include "ledger/book.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "ledger/marker.h"
#include "ledger/schema.h"

#include <stdlib.h>

/* What is known already stays where the change does not know it. */
#define PROOF                                                         \
	", trace = ifnull(?11, trace), digest = ifnull(?12, digest)," \
	" content = iif(?12 IS NULL, content, ?13)"

/* Parameters: ?1 message or account, ?2 now; then as named in each. */
static const char *const sql[BOOK_STATEMENTS] = {
	[BOOK_BEGIN] = "BEGIN IMMEDIATE",
	[BOOK_COMMIT] = "COMMIT",
	/* ?3 uid, ?4 copy, ?5 octets, ?6 fresh */
	[BOOK_ROW] = "INSERT INTO message (account, uid, copy, octets, state,"
		     "  first_seen, since)"
		     " VALUES (?1, ?3, ?4, ?5, 'new', ?2, ?2)"
		     " ON CONFLICT (account, uid, copy) DO UPDATE SET"
		     "  octets = iif(?6, excluded.octets, octets),"
		     "  state = iif(?6, 'new', state),"
		     "  before = iif(?6, NULL, before),"
		     "  first_seen = iif(?6, ?2, first_seen),"
		     "  since = iif(?6, ?2, since),"
		     "  delivered = iif(?6, NULL, delivered),"
		     "  attempts = iif(?6, 0, attempts),"
		     "  first_refused = iif(?6, NULL, first_refused),"
		     "  next_try = iif(?6, 0, next_try),"
		     "  doubts = iif(?6, 0, doubts),"
		     "  deletions = iif(?6, 0, deletions),"
		     "  reply = iif(?6, '', reply),"
		     "  intent = iif(?6, NULL, intent),"
		     "  rejected = iif(?6, 0, rejected),"
		     "  header = iif(?6, NULL, header),"
		     "  trace = iif(?6, NULL, trace),"
		     "  digest = iif(?6, NULL, digest),"
		     "  content = iif(?6, 0, content),"
		     "  verified = iif(?6, NULL, verified),"
		     "  verdict = iif(?6, 0, verdict),"
		     "  imported = iif(?6, 0, imported)"
		     " RETURNING id",
	[BOOK_FORGET_OUTCOMES] = "DELETE FROM outcome WHERE message = ?1",
	/* ?3 intent, ?4 octets: of what is sent, for what is deleted later,
	 * ?11 trace, ?12 digest, ?13 content */
	[BOOK_INTENT] =
	    "UPDATE message SET before = iif(state = 'gone', before, state),"
	    " doubts = doubts + (state = 'in_doubt'),"
	    " state = 'in_doubt', since = ?2, intent = ?3,"
	    " octets = iif(?4 > 0, ?4, octets)" PROOF " WHERE id = ?1",
	[BOOK_WITHDRAW] =
	    "UPDATE message SET state = before, since = ?2,"
	    " doubts = doubts - (before = 'in_doubt'),"
	    " intent = iif(before = 'in_doubt', intent, NULL), before = NULL"
	    " WHERE id = ?1 AND state = 'in_doubt' AND before IS NOT NULL",
	/* ?3 state, ?4 reply, ?5 next_try, ?6 rejected by this verdict,
	 * ?7 refused_anew, ?11 trace, ?12 digest, ?13 content */
	[BOOK_VERDICT] =
	    "UPDATE message SET state = ?3, before = NULL, since = ?2,"
	    " reply = ?4, next_try = ?5,"
	    " attempts = iif(?6, 0,"
	    "  attempts + (?3 IN ('deferred', 'report_owed'))),"
	    " first_refused = iif(?6, NULL,"
	    "  iif(?3 NOT IN ('deferred', 'report_owed'), first_refused,"
	    "   iif(?7, ?2, min(ifnull(first_refused, ?2), ?2)))),"
	    " doubts = iif(?6, 0, doubts), rejected = rejected OR ?6,"
	    " delivered = iif(?3 IN ('delivered', 'rejected', 'delete_owed'),"
	    "  ?2, delivered),"
	    " intent = iif(?3 = 'in_doubt', intent, NULL)" PROOF
	    " WHERE id = ?1",
	/* ?3 destination, ?4 recipient, ?5 state, ?6 reply */
	[BOOK_OUTCOME] =
	    "INSERT INTO outcome (message, time, destination, recipient,"
	    "  state, reply) VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
	    " ON CONFLICT DO UPDATE SET time = ?2, state = ?5, reply = ?6",
	/* Who refused it, a report that is in doubt has to say again. */
	[BOOK_OUTCOMES_AGREE] =
	    "DELETE FROM outcome WHERE message = ?1 AND"
	    " (SELECT count(DISTINCT state) FROM outcome WHERE message = ?1)"
	    "  < 2 AND NOT (SELECT rejected AND state = 'in_doubt'"
	    "   FROM message WHERE id = ?1)",
	/* ?3 reply */
	[BOOK_SEEN] = "UPDATE message SET state = 'seen', since = ?2,"
		      " before = NULL, reply = ?3 WHERE id = ?1",
	[BOOK_OWE] = "UPDATE message SET state = 'delete_owed', since = ?2"
		     " WHERE id = ?1"
		     " AND state IN ('delivered', 'rejected', 'seen')",
	[BOOK_SPARE] = "UPDATE message SET since = ?2,"
		       " state = CASE WHEN delivered IS NULL THEN 'seen'"
		       "  WHEN rejected THEN 'rejected' ELSE 'delivered' END"
		       " WHERE id = ?1 AND state = 'delete_owed'",
	[BOOK_DELETED] = "UPDATE message SET deletions = deletions + 1"
			 " WHERE id = ?1",
	[BOOK_GONE] = "UPDATE message SET before = state, state = 'gone',"
		      " since = ?2 WHERE id = ?1 AND state <> 'gone'",
	[BOOK_RETURN] = "UPDATE message SET state = before, before = NULL,"
			" header = nullif(header, x''), since = ?2"
			" WHERE id = ?1 AND state = 'gone'",
	[BOOK_RETRY] = "UPDATE message SET state = 'new', since = ?2,"
		       " first_refused = NULL, attempts = 0, doubts = 0,"
		       " next_try = 0, rejected = 0"
		       " WHERE id = ?1 AND state IN ('held', 'dropped')",
	/* 48: VERIFIED_MISSING, VERIFIED_CHANGED */
	[BOOK_RESEND] = "UPDATE message SET state = 'new', since = ?2,"
			" attempts = 0, doubts = 0, next_try = 0,"
			" verified = NULL, verdict = 0 WHERE id = ?1"
			" AND state IN ('delivered', 'delete_owed')"
			" AND verdict & 48",
	[BOOK_DROP] = "UPDATE message SET state = 'dropped', since = ?2"
		      " WHERE id = ?1 AND state = 'held'",
	[BOOK_BEGUN] = "UPDATE account SET last_started = ?2, quiet = NULL"
		       " WHERE id = ?1",
	/* Listed copies are counted from 0, so this key is nobody else's. */
	[BOOK_UNKEY] = "UPDATE message SET copy = -id WHERE id = ?1",
	/* ?3 uid, ?4 copy */
	[BOOK_MAKE_WAY] = "DELETE FROM message"
			  " WHERE account = ?1 AND uid = ?3 AND copy = ?4",
	/* ?3 uid, ?4 copy, ?5 octets. No DELE has named it by that UID. */
	[BOOK_REKEY] = "UPDATE message SET uid = ?3, copy = ?4,"
		       " octets = iif(?5 > 0, ?5, octets), deletions = 0,"
		       " imported = 0 WHERE id = ?1",
	/* ?5 octets */
	[BOOK_LISTED] = "UPDATE message SET octets = ?5, imported = 0"
			" WHERE id = ?1 AND imported > 0",
	/* ?3 verdict */
	[BOOK_VERIFIED] = "UPDATE message SET verified = ?2, verdict = ?3"
			  " WHERE id = ?1",
	[BOOK_APART] = "UPDATE message SET header = x'' WHERE id = ?1",
	/* ?3 digest */
	[BOOK_HEADER] = "UPDATE message SET header = ?3 WHERE id = ?1",
	[BOOK_FIRST] = "UPDATE account SET first_poll = ?2 WHERE id = ?1",
	/* ?3 where, added as a line of its own: that one alone if none has
	 * taken anything yet. */
	[BOOK_MOVED_TO] =
	    "UPDATE account SET moved_to = iif(moved_to = '' OR NOT " HAS_SENT
	    ", ?3, moved_to || char(10) || ?3) WHERE id = ?1",
	/* ?2 since when, ?3 uid, ?4 reply, ?5 imported */
	[BOOK_IMPORT] = "INSERT INTO message (account, uid, copy, octets,"
			"  state, first_seen, since, reply, imported)"
			" VALUES (?1, ?3, 0, 0, 'seen', ?2, ?2, ?4, ?5)"
			" ON CONFLICT DO NOTHING",
	/* No poll has begun yet. */
	[BOOK_IMPORTED] = "UPDATE account SET quiet = NULL,"
			  " first_poll = ifnull(first_poll, ?2),"
			  " last_started = iif(last_ended IS NULL, NULL,"
			  "  last_started) WHERE id = ?1",
	/* ?2 its beginning, ?3 delivered, ?4 octets */
	[BOOK_HOUR] = "INSERT INTO hour (account, hour, delivered, octets)"
		      " VALUES (?1, ?2, ?3, ?4)"
		      " ON CONFLICT DO UPDATE SET delivered = delivered + ?3,"
		      "  octets = octets + ?4",
	/* ?2 this hour, ?3 how long. What is to come, a wrong clock has left. */
	[BOOK_FORGET_HOURS] = "DELETE FROM hour WHERE account = ?1"
			      " AND hour NOT BETWEEN ?2 - ?3 AND ?2",
	/* ?1 the account's name, then as schema.h has them */
	[BOOK_SCHEDULE] =
	    "UPDATE account SET due = ?2, setback = ?3, setbacks = ?4,"
	    " refusals = ?5, refused = ?6, alerted = ?7, rhythm = ?8"
	    " WHERE name = ?1",
};

int
book_open(struct book *b, const char *dir, bool may_be_new, struct error *e)
{
	*b = (struct book){ .checked = marker_checked(dir, clock_wall()) };
	if (schema_open_writer(&b->db, dir, may_be_new, &b->checked, e) < 0)
		return -1;
	b->dir = xstrdup(dir);
	b->path = xasprintf("%s/ledger.db", dir);
	return 0;
}

void
book_close(struct book *b, bool intact)
{
	for (int i = 0; i < BOOK_STATEMENTS; i++)
		sqlite3_finalize(b->statements[i]);
	sqlite3_close(b->db);
	if (intact)
		marker_vouch(b->dir, b->checked);
	free(b->dir);
	free(b->path);
	*b = (struct book){ 0 };
}

sqlite3_stmt *
book_statement(struct book *b, enum book_statement which, struct error *e)
{
	if (b->statements[which] == NULL &&
	    sqlite3_prepare_v3(b->db, sql[which], -1, SQLITE_PREPARE_PERSISTENT,
		&b->statements[which], NULL) != SQLITE_OK)
		schema_error(b->db, b->path, e);
	return b->statements[which];
}

int
book_run(struct book *b, sqlite3_stmt *st, struct error *e)
{
	int rc = sqlite3_step(st);

	if (rc != SQLITE_DONE && rc != SQLITE_ROW)
		schema_error(b->db, b->path, e);
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
	return rc == SQLITE_DONE || rc == SQLITE_ROW ? 0 : -1;
}

static void
bind_text(sqlite3_stmt *st, int i, const char *text)
{
	sqlite3_bind_text(st, i, text ? text : "", -1, SQLITE_STATIC);
}

static int
forget_outcomes(struct book *b, int64_t message, struct error *e)
{
	sqlite3_stmt *st = book_statement(b, BOOK_FORGET_OUTCOMES, e);

	if (st == NULL)
		return -1;
	sqlite3_bind_int64(st, 1, message);
	return book_run(b, st, e);
}

static void
bind_key(sqlite3_stmt *st, const struct ledger_change *c)
{
	sqlite3_bind_blob64(
	    st, 3, c->uid.len ? c->uid.data : "", c->uid.len, SQLITE_STATIC);
	sqlite3_bind_int64(st, 4, c->copy);
}

/* Find or make the row that a change names by its UID. */
static int
row_for(struct book *b, int64_t account, struct ledger_change *c, int64_t now,
    struct error *e)
{
	sqlite3_stmt *st = book_statement(b, BOOK_ROW, e);
	int rc;

	if (st == NULL)
		return -1;
	sqlite3_bind_int64(st, 1, account);
	sqlite3_bind_int64(st, 2, now);
	bind_key(st, c);
	sqlite3_bind_int64(st, 5, (int64_t)c->octets);
	sqlite3_bind_int(st, 6, c->fresh);
	rc = sqlite3_step(st);
	if (rc == SQLITE_ROW) {
		c->message = sqlite3_column_int64(st, 0);
		rc = sqlite3_step(st);
	}
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
	if (rc != SQLITE_DONE)
		return schema_error(b->db, b->path, e);
	/* What somebody accepted was the message before it. */
	return c->fresh ? forget_outcomes(b, c->message, e) : 0;
}

/* Kept while they differ, and for the report of them. */
static int
write_outcomes(
    struct book *b, const struct ledger_change *c, int64_t now, struct error *e)
{
	sqlite3_stmt *st;

	if (c->state == STATE_DELIVERED || c->state == STATE_REJECTED ||
	    c->state == STATE_DELETE_OWED)
		return forget_outcomes(b, c->message, e);
	for (size_t i = 0; i < c->outcome_count; i++) {
		const struct ledger_outcome *o = &c->outcomes[i];

		if ((st = book_statement(b, BOOK_OUTCOME, e)) == NULL)
			return -1;
		sqlite3_bind_int64(st, 1, c->message);
		sqlite3_bind_int64(st, 2, now);
		bind_text(st, 3, c->destination);
		bind_text(st, 4, o->recipient);
		bind_text(st, 5, state_name(o->state));
		bind_text(st, 6, o->reply);
		if (book_run(b, st, e) < 0)
			return -1;
	}
	if (c->state == STATE_REPORT_OWED)
		return 0;
	if ((st = book_statement(b, BOOK_OUTCOMES_AGREE, e)) == NULL)
		return -1;
	sqlite3_bind_int64(st, 1, c->message);
	return book_run(b, st, e);
}

/* Forget the row that has the key of a message that is listed. */
static int
make_way(struct book *b, int64_t account, const struct ledger_change *c,
    struct error *e)
{
	sqlite3_stmt *st = book_statement(b, BOOK_MAKE_WAY, e);

	if (st == NULL)
		return -1;
	sqlite3_bind_int64(st, 1, account);
	bind_key(st, c);
	return book_run(b, st, e);
}

static int
write_header(struct book *b, const struct ledger_change *c, struct error *e)
{
	sqlite3_stmt *st = book_statement(b, BOOK_HEADER, e);

	if (st == NULL)
		return -1;
	sqlite3_bind_int64(st, 1, c->message);
	sqlite3_bind_blob64(
	    st, 3, c->header.data, c->header.len, SQLITE_STATIC);
	return book_run(b, st, e);
}

static char *
intent_text(const struct ledger_change *c)
{
	struct buffer text = { 0 };

	buffer_addf(&text, "%s:", c->destination ? c->destination : "");
	for (size_t i = 0; i < c->outcome_count; i++)
		buffer_addf(&text, " %s", c->outcomes[i].recipient);
	return text.data;
}

static void
bind_proof(sqlite3_stmt *st, const struct ledger_change *c)
{
	if (c->trace != NULL)
		sqlite3_bind_text(st, 11, c->trace, -1, SQLITE_STATIC);
	if (c->digest.len > 0)
		sqlite3_bind_blob64(
		    st, 12, c->digest.data, c->digest.len, SQLITE_STATIC);
	sqlite3_bind_int64(st, 13, (int64_t)c->content);
}

static const enum book_statement statement_of[] = {
	[CHANGE_INTENT] = BOOK_INTENT,
	[CHANGE_WITHDRAW] = BOOK_WITHDRAW,
	[CHANGE_VERDICT] = BOOK_VERDICT,
	[CHANGE_SEEN] = BOOK_SEEN,
	[CHANGE_OWE] = BOOK_OWE,
	[CHANGE_SPARE] = BOOK_SPARE,
	[CHANGE_DELETED] = BOOK_DELETED,
	[CHANGE_GONE] = BOOK_GONE,
	[CHANGE_RETURN] = BOOK_RETURN,
	[CHANGE_RETRY] = BOOK_RETRY,
	[CHANGE_DROP] = BOOK_DROP,
	[CHANGE_BEGUN] = BOOK_BEGUN,
	[CHANGE_UNKEY] = BOOK_UNKEY,
	[CHANGE_REKEY] = BOOK_REKEY,
	[CHANGE_LISTED] = BOOK_LISTED,
	[CHANGE_VERIFIED] = BOOK_VERIFIED,
	[CHANGE_APART] = BOOK_APART,
	[CHANGE_FIRST] = BOOK_FIRST,
	[CHANGE_MOVED_TO] = BOOK_MOVED_TO,
	[CHANGE_RESEND] = BOOK_RESEND,
};

int
book_change(
    struct book *b, int64_t account, struct ledger_change *c, struct error *e)
{
	bool of_account = c->kind == CHANGE_BEGUN || c->kind == CHANGE_FIRST ||
	    c->kind == CHANGE_MOVED_TO;
	int64_t now = clock_wall();
	char *intent = NULL;
	sqlite3_stmt *st;
	int rc;

	if (!of_account && c->message == 0 &&
	    row_for(b, account, c, now, e) < 0)
		return -1;
	if (c->kind == CHANGE_REKEY && make_way(b, account, c, e) < 0)
		return -1;
	if ((st = book_statement(b, statement_of[c->kind], e)) == NULL)
		return -1;
	sqlite3_bind_int64(st, 1, of_account ? account : c->message);
	sqlite3_bind_int64(st, 2, now);
	switch (c->kind) {
	case CHANGE_INTENT:
		intent = intent_text(c);
		bind_text(st, 3, intent);
		sqlite3_bind_int64(st, 4, (int64_t)c->octets);
		bind_proof(st, c);
		break;
	case CHANGE_VERDICT:
		bind_text(st, 3, state_name(c->state));
		bind_text(st, 4, c->reply);
		sqlite3_bind_int64(st, 5, c->next_try);
		sqlite3_bind_int(st, 6, c->rejected);
		sqlite3_bind_int(st, 7, c->refused_anew);
		bind_proof(st, c);
		break;
	case CHANGE_MOVED_TO:
		bind_text(st, 3, c->destination);
		break;
	case CHANGE_SEEN:
		bind_text(st, 3, c->reply);
		break;
	case CHANGE_REKEY:
		bind_key(st, c);
		sqlite3_bind_int64(st, 5, (int64_t)c->octets);
		break;
	case CHANGE_LISTED:
		sqlite3_bind_int64(st, 5, (int64_t)c->octets);
		break;
	case CHANGE_VERIFIED:
		sqlite3_bind_int64(st, 3, c->verdict);
		break;
	default:
		break;
	}
	rc = book_run(b, st, e);
	free(intent);
	if (rc == 0 && c->kind == CHANGE_VERDICT)
		rc = write_outcomes(b, c, now, e);
	if (rc == 0 && c->header.len > 0)
		rc = write_header(b, c, e);
	return rc;
}
