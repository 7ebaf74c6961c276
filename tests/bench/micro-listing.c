/*
 * micro-listing.c - what a poll does with the listing of a large mailbox: the
 * lines of UIDL and LIST parsed, entries sorted, and the plan made against all
 * that the ledger knows.
 */
#include "micro.h"

#include "base/alloc.h"
#include "poll/listing.h"
#include "poll/plan.h"
#include "pop3/reply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGES ((size_t)200000)
#define NOW ((int64_t)1700000000)

/* UIDs as Dovecot has them, in order, and as others have them, in none. */
static size_t
write_uid(char out[32], size_t number, bool in_order)
{
	uint64_t mixed = (uint64_t)number * UINT64_C(0x9e3779b97f4a7c15);

	if (in_order)
		return (size_t)snprintf(out, 32, "%08zx655399be", number);
	return (size_t)snprintf(
	    out, 32, "%016llx", (unsigned long long)(mixed ^ mixed >> 32));
}

struct mailbox {
	size_t count;
	struct buffer uidl, list; /* lines of both answers */
	struct listing listing;
	struct buffer uids; /* of the rows */
	struct row *row_list; /* owned */
	struct rows rows;
	struct account account;
	size_t parsed;
};

/* --- lines --- */

static struct slice
next_line(struct slice *rest)
{
	const char *end = memchr(rest->data, '\r', rest->len);
	struct slice line = slice_make(rest->data, (size_t)(end - rest->data));

	*rest = slice_skip(*rest, line.len + 2);
	return line;
}

static void
parse_uidl(void *arg)
{
	struct mailbox *box = arg;
	struct slice rest = buffer_slice(&box->uidl), uid;
	uint32_t number;

	box->parsed = 0;
	while (rest.len > 0)
		if (pop3_uidl_line(next_line(&rest), &number, &uid) == 0)
			box->parsed++;
}

static void
parse_list(void *arg)
{
	struct mailbox *box = arg;
	struct slice rest = buffer_slice(&box->list);
	uint32_t number;
	uint64_t octets;

	box->parsed = 0;
	while (rest.len > 0)
		if (pop3_list_line(next_line(&rest), &number, &octets) == 0)
			box->parsed++;
}

static void
fill_listing(struct mailbox *box)
{
	struct slice uidl = buffer_slice(&box->uidl), uid;
	uint32_t number;

	while (uidl.len > 0)
		if (pop3_uidl_line(next_line(&uidl), &number, &uid) == 0)
			listing_add(&box->listing, number, uid, 4096);
	listing_finish(&box->listing);
}

static void
make_listing(void *arg)
{
	struct mailbox *box = arg;

	listing_free(&box->listing);
	fill_listing(box);
}

/* --- the plan --- */

static int
by_uid(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	return slice_compare(x->uid, y->uid);
}

/* All that was delivered before: `offset` makes it other messages. */
static void
know(struct mailbox *box, size_t offset, bool in_order)
{
	char uid[32];

	buffer_clear(&box->uids);
	buffer_reserve(&box->uids, box->count * sizeof(uid));
	box->rows = (struct rows){ .list = box->row_list, .count = box->count };
	for (size_t i = 0; i < box->count; i++) {
		size_t at = box->uids.len;

		buffer_add(
		    &box->uids, uid, write_uid(uid, offset + i + 1, in_order));
		box->row_list[i] = (struct row){ .message = (int64_t)i + 1,
			.uid =
			    slice_make(box->uids.data + at, box->uids.len - at),
			.state = STATE_DELIVERED,
			.octets = 4096,
			.first_seen = NOW - 86400,
			.since = NOW - 86400,
			.delivered = NOW - 86400 };
	}
	qsort(box->row_list, box->count, sizeof(box->row_list[0]), by_uid);
}

static void
make_plan(void *arg)
{
	struct mailbox *box = arg;
	struct plan_input in = { .listing = &box->listing,
		.rows = &box->rows,
		.account = &box->account,
		.now = NOW,
		.run_started = INT64_MAX,
		.last_poll = NOW - 300 };
	struct plan plan;

	plan_make(&plan, &in);
	box->parsed = plan.take_count;
	plan_free(&plan);
}

static int
expect(const struct mailbox *box, size_t wanted, const char *what)
{
	if (box->parsed == wanted)
		return 0;
	fprintf(stderr, "%s: %zu, not %zu\n", what, box->parsed, wanted);
	return -1;
}

static int
measure_plan(const struct micro *m, struct mailbox *box, const char *name,
    size_t offset, bool in_order)
{
	size_t wanted = offset > 0 ? box->count : 0;
	struct micro_time t;

	know(box, offset, in_order);
	t = micro_measure(m, box->count, make_plan, box);
	micro_print(name, t, "message", 0, "");
	return expect(box, wanted, "messages to take");
}

/* --- both --- */

static void
begin(struct mailbox *box, size_t count, bool in_order)
{
	char uid[32];

	*box = (struct mailbox){ .count = count,
		.row_list = xcalloc(count, sizeof(box->row_list[0])) };
	for (size_t i = 1; i <= count; i++) {
		(void)write_uid(uid, i, in_order);
		buffer_addf(&box->uidl, "%zu %s\r\n", i, uid);
		buffer_addf(&box->list, "%zu %d\r\n", i, 4096);
	}
}

static void
end(struct mailbox *box)
{
	listing_free(&box->listing);
	buffer_free(&box->uidl);
	buffer_free(&box->list);
	buffer_free(&box->uids);
	free(box->row_list);
}

static int
measure_lines(const struct micro *m, struct mailbox *box, const char *name,
    void (*work)(void *arg), struct slice lines)
{
	double per_line = (double)lines.len / (double)box->count;
	struct micro_time t = micro_measure(m, box->count, work, box);

	micro_print(
	    name, t, "line", micro_memchr(m, lines) * per_line, "memchr");
	return expect(box, box->count, "lines parsed");
}

static int
measure(const struct micro *m, bool in_order)
{
	struct mailbox box;
	struct micro_time t;
	int rc = -1;

	begin(&box, micro_size(m, MESSAGES, 100), in_order);
	printf("%zu messages, UIDs %s\n", box.count,
	    in_order ? "in order" : "at random");
	if (measure_lines(m, &box, "  UIDL, line by line", parse_uidl,
		buffer_slice(&box.uidl)) < 0 ||
	    measure_lines(m, &box, "  LIST, line by line", parse_list,
		buffer_slice(&box.list)) < 0)
		goto out;
	t = micro_measure(m, box.count, make_listing, &box);
	micro_print("  UIDL into a listing", t, "message", 0, "");
	if (measure_plan(m, &box, "  plan, nothing new", 0, in_order) < 0 ||
	    measure_plan(m, &box, "  plan, all new", box.count * 2, in_order) <
		0)
		goto out;
	rc = 0;
out:
	end(&box);
	return rc;
}

int
main(int argc, char **argv)
{
	struct micro m;

	if (micro_begin(&m, argc, argv) < 0)
		return 64;
	return measure(&m, true) < 0 || measure(&m, false) < 0;
}
