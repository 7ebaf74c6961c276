/* See world.h. */
#include "world.h"

#include <errno.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

_Atomic int64_t wall = START;

int64_t
clock_wall(void)
{
	return atomic_load(&wall);
}

/* --- a ledger in a directory of its own --- */

void
world_open(struct world *w)
{
	struct error e = { 0 };

	if (ledger_open(&w->l, w->dir, false, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(ledger_account(w->l, "isp", "pop.isp.example", "ann",
			     NULL, false, &w->account, &e),
	    0);
}

void
world_begin(struct world *w)
{
	*w = (struct world){ .dir = "/tmp/postrider-ledger.XXXXXX" };
	atomic_store(&wall, START);
	assert_non_null(mkdtemp(w->dir));
	world_open(w);
}

void
reopen(struct world *w)
{
	ledger_close(&w->l);
	assert_null(w->l);
	world_open(w);
}

void
path_in(const struct world *w, const char *name, char out[128])
{
	snprintf(out, 128, "%s/%s", w->dir, name);
}

void
world_end(struct world *w)
{
	static const char *const names[] = { "ledger.db", "ledger.db-wal",
		"ledger.db-shm", "ledger.lock", "ledger.marker" };
	char path[128];

	ledger_close(&w->l);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		path_in(w, names[i], path);
		if (unlink(path) < 0)
			assert_int_equal(errno, ENOENT);
	}
	assert_int_equal(rmdir(w->dir), 0);
}

int64_t
apply(struct world *w, struct ledger_change c)
{
	struct error e = { 0 };

	if (ledger_change(w->l, w->account, &c, 1, &e) < 0)
		fail_msg("%s", e.text);
	return c.message;
}

int64_t
apply_to(struct world *w, enum change_kind kind, int64_t message)
{
	return apply(
	    w, (struct ledger_change){ .kind = kind, .message = message });
}

int64_t
intent(struct world *w, int64_t message, const char *uid)
{
	static const struct ledger_outcome to[] = { { .recipient = "ann" } };

	return apply(w,
	    (struct ledger_change){ .kind = CHANGE_INTENT,
		.message = message,
		.uid = slice_of(uid),
		.octets = 100,
		.destination = "home",
		.outcomes = to,
		.outcome_count = 1 });
}

int64_t
verdict(struct world *w, int64_t message, const char *uid, enum state state,
    const char *reply)
{
	return apply(w,
	    (struct ledger_change){ .kind = CHANGE_VERDICT,
		.message = message,
		.uid = slice_of(uid),
		.octets = 100,
		.state = state,
		.reply = reply,
		.next_try = state == STATE_DEFERRED ? clock_wall() + 60 : 0,
		.destination = "home" });
}

void
verdict_of_two(struct world *w, int64_t message, enum state state,
    enum state ann, enum state bob)
{
	const struct ledger_outcome outcomes[] = {
		{ .recipient = "ann", .state = ann, .reply = "a" },
		{ .recipient = "bob", .state = bob, .reply = "b" },
	};

	apply(w,
	    (struct ledger_change){ .kind = CHANGE_VERDICT,
		.message = message,
		.state = state,
		.destination = "home",
		.outcomes = outcomes,
		.outcome_count = 2 });
}

/* A row in a state, by way of the changes that lead there. */
int64_t
row_in(struct world *w, const char *uid, enum state to)
{
	int64_t m = intent(w, 0, uid);

	switch (to) {
	case STATE_NEW:
		return apply_to(w, CHANGE_WITHDRAW, m);
	case STATE_SEEN:
		return apply_to(w, CHANGE_SEEN, m);
	case STATE_IN_DOUBT:
		return m;
	case STATE_DROPPED:
		verdict(w, m, uid, STATE_HELD, "no");
		return apply_to(w, CHANGE_DROP, m);
	case STATE_GONE:
		verdict(w, m, uid, STATE_DEFERRED, "later");
		return apply_to(w, CHANGE_GONE, m);
	default:
		return verdict(w, m, uid, to, "because");
	}
}

/* --- looking into it, by connections of their own --- */

void
read_rows(const struct world *w, struct rows *rows)
{
	struct reader *r;
	struct error e = { 0 };

	assert_int_equal(reader_open(&r, w->dir, &e), 0);
	assert_int_equal(reader_rows(r, w->account, rows, &e), 0);
	reader_free(&r);
}

/* The row of a message, without its UID. message is 0: there is none. */
struct row
row_of(const struct world *w, int64_t message)
{
	struct row found = { 0 };
	struct rows rows;

	read_rows(w, &rows);
	for (size_t i = 0; i < rows.count; i++)
		if (rows.list[i].message == message)
			found = rows.list[i];
	rows_free(&rows);
	found.uid = slice_of("");
	return found;
}

enum state
state_of(const struct world *w, int64_t message)
{
	struct row r = row_of(w, message);

	assert_int_equal(r.message, message);
	return r.state;
}

/* The answer to an SQL question as text, "NULL" for NULL; run only: "". */
const char *
ask(const struct world *w, const char *sql, char out[256])
{
	char path[128];
	sqlite3 *db;
	sqlite3_stmt *st;
	int step;

	path_in(w, "ledger.db", path);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	sqlite3_busy_timeout(db, 10000);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
	out[0] = '\0';
	step = sqlite3_step(st);
	if (step == SQLITE_ROW) {
		const char *text = (const char *)sqlite3_column_text(st, 0);

		snprintf(out, 256, "%s", text ? text : "NULL");
	} else {
		assert_int_equal(step, SQLITE_DONE);
	}
	sqlite3_finalize(st);
	sqlite3_close(db);
	return out;
}

static void
collect(void *arg, const char *recipient, const char *reply)
{
	struct buffer *b = arg;

	(void)reply;
	buffer_addf(b, "%s ", recipient);
}

void
expect_delivered(const struct world *w, int64_t message, const char *recipients)
{
	struct buffer got = { 0 };
	struct reader *r;
	struct error e = { 0 };

	buffer_clear(&got);
	assert_int_equal(reader_open(&r, w->dir, &e), 0);
	assert_int_equal(
	    reader_outcomes(r, message, STATE_DELIVERED, collect, &got, &e), 0);
	assert_string_equal(got.data, recipients);
	reader_free(&r);
	buffer_free(&got);
}

struct standing
standing_of(const struct world *w)
{
	struct standing s;
	struct reader *r;
	struct error e = { 0 };

	assert_int_equal(reader_open(&r, w->dir, &e), 0);
	assert_int_equal(reader_standing(r, "isp", &s, &e), 0);
	reader_free(&r);
	return s;
}

bool
never_planned(const struct world *w, int64_t *last_listed)
{
	struct polled polled = polled_of(w);

	*last_listed = polled.last_listed;
	return polled.first;
}

struct polled
polled_of(const struct world *w)
{
	struct polled polled;
	struct reader *r;
	struct error e = { 0 };

	assert_int_equal(reader_open(&r, w->dir, &e), 0);
	assert_int_equal(reader_polled(r, w->account, &polled, &e), 0);
	reader_free(&r);
	return polled;
}
