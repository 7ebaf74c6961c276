/* imported.c - see imported.h. */
#include "ledger/imported.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "ledger/schema.h"

#include <stdlib.h>

/* UIDs that the account knows, with '-' for each '/', sorted. */
struct known {
	struct slice *list; /* owned; points into octets */
	size_t count, room;
	struct buffer octets;
};

static void
known_add(struct known *k, struct slice uid)
{
	char *octets;

	if (k->count == k->room) {
		k->room = k->room ? 2 * k->room : 64;
		k->list = xrealloc(k->list, k->room, sizeof(*k->list));
	}
	k->list[k->count++].len = uid.len;
	buffer_add_slice(&k->octets, uid);
	octets = k->octets.data + k->octets.len - uid.len;
	for (size_t i = 0; i < uid.len; i++)
		if (octets[i] == '/')
			octets[i] = '-';
}

static int
by_octets(const void *a, const void *b)
{
	return slice_compare(
	    *(const struct slice *)a, *(const struct slice *)b);
}

/* The buffer has stopped moving. */
static void
known_sort(struct known *k)
{
	const char *at = k->octets.data;

	for (size_t i = 0; i < k->count; i++) {
		k->list[i].data = at;
		at += k->list[i].len;
	}
	if (k->count > 0)
		qsort(k->list, k->count, sizeof(*k->list), by_octets);
}

static bool
known_has(const struct known *k, struct slice uid)
{
	return k->count > 0 &&
	    bsearch(&uid, k->list, k->count, sizeof(*k->list), by_octets) !=
	    NULL;
}

static void
known_free(struct known *k)
{
	free(k->list);
	buffer_free(&k->octets);
}

/*
 * What was imported before, and has been listed since, has its own UID by now;
 * nobody can write it loosely again.
 */
static int
known_read(struct known *k, struct book *b, int64_t account, struct error *e)
{
	sqlite3_stmt *st = NULL;
	int step;

	if (schema_prepare(b->db, b->path,
		"SELECT uid FROM message WHERE account = ?1"
		" AND instr(uid, x'2f')",
		&st, e) < 0)
		return -1;
	sqlite3_bind_int64(st, 1, account);
	while ((step = sqlite3_step(st)) == SQLITE_ROW)
		known_add(k,
		    slice_make(sqlite3_column_blob(st, 0),
			(size_t)sqlite3_column_bytes(st, 0)));
	if (step != SQLITE_DONE)
		schema_error(b->db, b->path, e);
	sqlite3_finalize(st);
	known_sort(k);
	return step == SQLITE_DONE ? 0 : -1;
}

static int
write_one(struct book *b, struct imported *im, const struct ledger_seen *seen,
    int64_t now, struct error *e)
{
	sqlite3_stmt *st = book_statement(b, BOOK_IMPORT, e);

	if (st == NULL)
		return -1;
	sqlite3_bind_int64(st, 1, im->account);
	sqlite3_bind_int64(st, 2, seen->since > 0 ? seen->since : now);
	sqlite3_bind_blob64(st, 3, seen->uid.len > 0 ? seen->uid.data : "",
	    seen->uid.len, SQLITE_STATIC);
	sqlite3_bind_text(st, 4, im->reason, -1, SQLITE_STATIC);
	sqlite3_bind_int(st, 5, im->loose ? IMPORTED_LOOSE : IMPORTED_EXACTLY);
	if (book_run(b, st, e) < 0)
		return -1;
	im->added += (size_t)sqlite3_changes(b->db);
	return 0;
}

static int
note_account(struct book *b, int64_t account, int64_t now, struct error *e)
{
	sqlite3_stmt *st = book_statement(b, BOOK_IMPORTED, e);

	if (st == NULL)
		return -1;
	sqlite3_bind_int64(st, 1, account);
	sqlite3_bind_int64(st, 2, now);
	return book_run(b, st, e);
}

int
imported_write(struct book *b, struct imported *im, struct error *e)
{
	int64_t now = clock_wall();
	struct known known = { 0 };
	int rc = 0;

	im->added = 0;
	if (im->loose)
		rc = known_read(&known, b, im->account, e);
	for (size_t i = 0; rc == 0 && i < im->count; i++)
		if (!known_has(&known, im->list[i].uid))
			rc = write_one(b, im, &im->list[i], now, e);
	known_free(&known);
	return rc < 0 ? -1 : note_account(b, im->account, now, e);
}
