/* One message at a time: what the ledger knows of it decides. */
#include "poll/plan.h"

#include "base/alloc.h"
#include "delivery/policy.h"

#include <stdlib.h>
#include <string.h>

/* A deletion that has not worked so often is not tried again. */
#define DELETIONS_MAX 3
/* Sent again so often, a message in doubt may have arrived as often. */
#define DOUBTS_MAX 3
/* A server that was slow to answer may be at work with it for so long. */
#define DOUBT_S (10 * 60)
/* Between two polls the clock may move forward by so much unsuspected. */
#define CLOCK_FORWARD_S ((int64_t)7 * 86400)
/* And back by so much: a correction. */
#define CLOCK_BACK_S 60
/* For so long a listing that left nothing to do is not looked at again. */
#define QUIET_S ((int64_t)86400)

bool
plan_clock_jumped(int64_t last_poll, int64_t now)
{
	return last_poll > 0 &&
	    (now < last_poll - CLOCK_BACK_S ||
		now > last_poll + CLOCK_FORWARD_S);
}

static int
row_order(const void *key, const void *element)
{
	const struct listing_entry *l = key;
	const struct row *r = element;
	int order = slice_compare(l->uid, r->uid);

	return order != 0 ? order : (l->copy > r->copy) - (l->copy < r->copy);
}

static const struct row *
find_row(const struct rows *rows, const struct listing_entry *listed)
{
	return rows->count == 0 ? NULL
				: bsearch(listed, rows->list, rows->count,
				      sizeof(*rows->list), row_order);
}

bool
plan_knows(const struct rows *rows, const struct listing_entry *listed)
{
	return find_row(rows, listed) != NULL;
}

static bool
sizes_differ(const struct plan_entry *entry)
{
	return entry->listed->octets > 0 && entry->row->octets > 0 &&
	    entry->listed->octets != entry->row->octets;
}

static void
set(struct plan_entry *entry, enum plan_action action, const char *reason)
{
	entry->action = action;
	entry->reason = reason;
}

static void
plan_new(struct plan_entry *entry, const struct plan_input *in, size_t i)
{
	const struct account *a = in->account;
	bool first = in->first && entry->row == NULL;

	if (first && a->first == FIRST_NONE)
		set(entry, PLAN_SEEN, "there before the first poll");
	else if (first && a->first == FIRST_LAST &&
	    in->listing->count - i > a->first_count)
		set(entry, PLAN_SEEN, "older than the last ones asked for");
	else if (first && a->first == FIRST_SINCE && in->arrivals != NULL &&
	    in->arrivals[i] >= 0 && in->arrivals[i] < in->now - a->first_s)
		set(entry, PLAN_SEEN, "arrived before the time asked for");
	else if (a->max_size > 0 && entry->listed->octets > a->max_size)
		set(entry, PLAN_HOLD, "larger than max_size");
	else
		set(entry, PLAN_TAKE, "new");
}

/* Delivered, and to be deleted, unless it is not what was delivered. */
static void
plan_deletion(struct plan *plan, struct plan_entry *entry,
    const struct plan_input *in, size_t i, const char *reason)
{
	if (entry->returned && entry->row->deletions > 0) {
		set(entry, PLAN_HOLD,
		    "it was deleted, and its UID is listed again: perhaps "
		    "another message");
	} else if (sizes_differ(entry)) {
		entry->fresh = true;
		plan_new(entry, in, i);
	} else if (entry->listed->octets == 0 || entry->row->octets == 0) {
		set(entry, PLAN_LEAVE,
		    "to be deleted, but the server does not tell its size, "
		    "which would prove that it is the same message");
	} else if (entry->row->deletions >= DELETIONS_MAX) {
		plan->stubborn++;
		set(entry, PLAN_LEAVE,
		    "deleted three times, and the server lists it still");
	} else {
		set(entry, PLAN_DELETE, reason);
	}
}

/* What it came to, when, and how one is called with which nothing is left to do but to delete it. */
struct end {
	int64_t when;
	const char *now, *kept, *for_a_while, *long_enough;
};

static void
plan_done(struct plan *plan, struct plan_entry *entry,
    const struct plan_input *in, size_t i, const struct end *end)
{
	const struct account *a = in->account;

	if (a->after == AFTER_KEEP)
		set(entry, PLAN_LEAVE, end->kept);
	else if (a->after == AFTER_DELETE)
		plan_deletion(plan, entry, in, i, end->now);
	else if (end->when + a->keep_s > in->now)
		set(entry, PLAN_LEAVE, end->for_a_while);
	else if (plan->clock_jumped)
		set(entry, PLAN_LEAVE, "due, but the clock has jumped");
	else
		plan_deletion(plan, entry, in, i, end->long_enough);
}

/* Seen by nobody of us: what may be deleted, its owner has to say. */
static void
plan_seen(struct plan *plan, struct plan_entry *entry,
    const struct plan_input *in, size_t i)
{
	int64_t since = entry->returned ? in->now : entry->row->since;

	if (!in->account->delete_seen)
		set(entry, PLAN_LEAVE, "counts as seen");
	else if (entry->found && in->account->after != AFTER_KEEP)
		set(entry, PLAN_LEAVE,
		    "counts as seen; to be deleted when its size has been "
		    "listed twice");
	else
		plan_done(plan, entry, in, i,
		    &(struct end){ since, "counts as seen",
			"counts as seen, and kept",
			"counts as seen, and kept for a while",
			"counts as seen, and kept long enough" });
}

static void
plan_deferred(struct plan_entry *entry, const struct plan_input *in)
{
	if (entry->row->since >= in->run_started)
		set(entry, PLAN_LEAVE, "refused for now, a moment ago");
	else if (in->impatient || policy_is_due(entry->row->next_try, in->now))
		set(entry, PLAN_TAKE, "refused for now before");
	else
		set(entry, PLAN_LEAVE, "refused for now; to be tried later");
}

/* It was refused for good, and somebody is to be told, unless it is another. */
static void
plan_report(struct plan_entry *entry, const struct plan_input *in, size_t i)
{
	const struct row *row = entry->row;
	enum on_reject how = in->account->on_reject;

	if (sizes_differ(entry)) {
		entry->fresh = true;
		plan_new(entry, in, i);
		return;
	}
	if (how != REJECT_BOUNCE && how != REJECT_POSTMASTER)
		set(entry, PLAN_HOLD,
		    "refused for good, and on_reject no longer asks for a "
		    "report");
	else if (row->attempts > 0 && row->since >= in->run_started)
		set(entry, PLAN_LEAVE, "its report had no luck a moment ago");
	else if (in->impatient || policy_is_due(row->next_try, in->now))
		set(entry, PLAN_REPORT, "refused for good: a report is owed");
	else
		set(entry, PLAN_LEAVE,
		    "refused for good; its report is to be tried later");
}

static void
plan_in_doubt(struct plan_entry *entry, const struct plan_input *in, size_t i)
{
	if (entry->row->since >= in->run_started)
		set(entry, PLAN_LEAVE, "in doubt since a moment ago");
	else if (in->account->hold_in_doubt)
		set(entry, PLAN_HOLD,
		    entry->row->rejected
			? "refused for good, and in doubt whether that has "
			  "been reported"
			: "in doubt: it may have been delivered already");
	else if (entry->row->doubts >= DOUBTS_MAX)
		set(entry, PLAN_HOLD,
		    entry->row->rejected
			? "refused for good, and in doubt again and again "
			  "whether that has been reported"
			: "in doubt again and again: it may have been "
			  "delivered several times");
	else if (!in->impatient &&
	    !policy_is_due(entry->row->since + DOUBT_S, in->now))
		set(entry, PLAN_LEAVE,
		    "in doubt: it may arrive yet; sent again later");
	else if (entry->row->rejected)
		plan_report(entry, in, i);
	else
		set(entry, PLAN_TAKE, "in doubt: sent again");
}

/* What the ledger knows of it, and whether it is that message. */
static enum state
state_of(struct plan_entry *entry)
{
	if (entry->row == NULL)
		return STATE_NEW;
	if (entry->row->state != STATE_GONE)
		return entry->row->state;
	entry->returned = true;
	if (!sizes_differ(entry))
		return entry->row->before;
	entry->fresh = true;
	return STATE_NEW;
}

static void
plan_entry_make(struct plan *plan, struct plan_entry *entry,
    const struct plan_input *in, size_t i)
{
	switch (state_of(entry)) {
	case STATE_SEEN:
		if (in->seen_too)
			plan_new(entry, in, i);
		else
			plan_seen(plan, entry, in, i);
		break;
	case STATE_IN_DOUBT:
		plan_in_doubt(entry, in, i);
		break;
	case STATE_DEFERRED:
		plan_deferred(entry, in);
		break;
	case STATE_HELD:
		plan->held++;
		set(entry, PLAN_LEAVE, "held: its owner decides");
		break;
	case STATE_DROPPED:
		plan_deletion(plan, entry, in, i, "dropped by its owner");
		break;
	case STATE_DELIVERED:
		plan_done(plan, entry, in, i,
		    &(struct end){ entry->row->delivered, "delivered",
			"delivered, and kept",
			"delivered, and kept for a while",
			"delivered, and kept long enough" });
		break;
	case STATE_REPORT_OWED:
		plan_report(entry, in, i);
		break;
	case STATE_REJECTED:
		plan_done(plan, entry, in, i,
		    &(struct end){ entry->row->delivered, "refused for good",
			"refused for good, and kept",
			"refused for good, and kept for a while",
			"refused for good, and kept long enough" });
		break;
	case STATE_DELETE_OWED:
		plan_deletion(plan, entry, in, i, "its deletion is owed");
		break;
	case STATE_NEW:
	case STATE_GONE:
	default:
		plan_new(entry, in, i);
		break;
	}
}

static bool
is_owed(const struct plan_entry *entry)
{
	return entry->action == PLAN_DELETE && entry->row != NULL &&
	    entry->row->state == STATE_DELETE_OWED;
}

/* Whatever else there is to do waits for another poll. */
static void
leave_all_but_owed(struct plan *plan)
{
	for (size_t i = 0; i < plan->count; i++)
		if (plan->list[i].action != PLAN_LEAVE &&
		    !is_owed(&plan->list[i]))
			set(&plan->list[i], PLAN_LEAVE,
			    "only deletions that are owed are wanted");
}

static void
leave_deletions(struct plan *plan)
{
	for (size_t i = 0; i < plan->count; i++)
		if (plan->list[i].action == PLAN_DELETE)
			set(&plan->list[i], PLAN_LEAVE,
			    "to be deleted, and not by this poll");
}

/* Whatever is known of a message, it stays what it is. */
static void
plan_baseline(struct plan *plan, struct plan_entry *entry,
    const struct plan_input *in, size_t i)
{
	const struct baseline *b = in->baseline;
	int64_t arrival = b->before > 0 ? in->arrivals[i] : 0;

	plan->held += state_of(entry) == STATE_HELD;
	if (entry->row != NULL && !entry->fresh)
		set(entry, PLAN_LEAVE, "known already");
	else if (in->listing->count - i <= b->last)
		set(entry, PLAN_LEAVE, "one of the last ones");
	else if (arrival < 0)
		set(entry, PLAN_LEAVE, "nobody knows when it arrived");
	else if (b->before > 0 && arrival >= b->before)
		set(entry, PLAN_LEAVE, "arrived later");
	else
		set(entry, PLAN_SEEN, "there when a baseline was made");
}

/* Our own UID for one that another program has written with '-' for '/'. */
static const struct row *
find_loose_row(const struct rows *rows, const struct listing_entry *listed,
    struct buffer *uid)
{
	struct listing_entry loose = *listed;
	const struct row *row;

	if (listed->uid.len == 0 ||
	    memchr(listed->uid.data, '/', listed->uid.len) == NULL)
		return NULL;
	buffer_clear(uid);
	buffer_add_slice(uid, listed->uid);
	for (size_t i = 0; i < uid->len; i++)
		if (uid->data[i] == '/')
			uid->data[i] = '-';
	loose.uid = buffer_slice(uid);
	row = find_row(rows, &loose);
	return row != NULL && row->loose ? row : NULL;
}

/* An exact match goes first, so that no row is two messages'. */
static void
find_loose_rows(struct plan *plan, const struct rows *rows, bool *listed)
{
	struct buffer uid = { 0 };
	bool any = false;

	for (size_t i = 0; i < rows->count && !any; i++)
		any = rows->list[i].loose && !listed[i];
	for (size_t i = 0; i < plan->count && any; i++) {
		struct plan_entry *entry = &plan->list[i];
		const struct row *row;

		if (entry->row != NULL)
			continue;
		row = find_loose_row(rows, entry->listed, &uid);
		if (row == NULL || listed[row - rows->list])
			continue;
		entry->row = row;
		listed[row - rows->list] = true;
	}
	buffer_free(&uid);
}

static void
find_rows(struct plan *plan, const struct plan_input *in, bool *listed)
{
	const struct rows *rows = in->rows;

	for (size_t i = 0; i < plan->count; i++) {
		struct plan_entry *entry = &plan->list[i];

		entry->listed = &in->listing->list[i];
		entry->row = find_row(rows, entry->listed);
		if (entry->row != NULL)
			listed[entry->row - rows->list] = true;
	}
	find_loose_rows(plan, rows, listed);
	for (size_t i = 0; i < plan->count; i++)
		plan->list[i].found =
		    plan->list[i].row != NULL && plan->list[i].row->imported;
}

static int
by_uid(const void *a, const void *b)
{
	const struct plan_entry *x = *(struct plan_entry *const *)a;
	const struct plan_entry *y = *(struct plan_entry *const *)b;

	return slice_compare(x->listed->uid, y->listed->uid);
}

static bool
is_settled(enum state state)
{
	return state == STATE_DELIVERED || state == STATE_REJECTED ||
	    state == STATE_DELETE_OWED || state == STATE_DROPPED ||
	    state == STATE_SEEN;
}

/* Is it to be sent, or may it have to be? */
static bool
is_open(const struct plan_entry *entry)
{
	if (entry->action == PLAN_TAKE || entry->action == PLAN_HOLD)
		return true;
	if (entry->row == NULL || entry->fresh)
		return false;
	return !is_settled(
	    entry->returned ? entry->row->before : entry->row->state);
}

/* copies[from] to copies[end - 1] have the same UID. */
static void
spare_group(struct plan_entry **copies, size_t from, size_t end)
{
	bool all = true, open = false;

	for (size_t i = from; i < end; i++) {
		all = all && copies[i]->action == PLAN_DELETE;
		open = open || is_open(copies[i]);
	}
	for (size_t i = from; i < end && !all; i++)
		if (copies[i]->action == PLAN_DELETE)
			set(copies[i], PLAN_LEAVE,
			    open ? "another message has the same UID, and is "
				   "not delivered yet"
				 : "another message with the same UID stays, "
				   "and they can only be deleted together");
}

/*
 * Messages with the same UID can only be told apart by their order, so they
 * are deleted together or not at all.
 */
static void
spare_copies(struct plan *plan)
{
	struct plan_entry **copies = xcalloc(plan->count, sizeof(*copies));
	size_t n = 0, end;

	for (size_t i = 0; i < plan->count; i++)
		if (plan->list[i].listed->copies)
			copies[n++] = &plan->list[i];
	if (n > 0)
		qsort(copies, n, sizeof(*copies), by_uid);
	for (size_t from = 0; from < n; from = end) {
		for (end = from + 1; end < n &&
		     slice_equal(
			 copies[end]->listed->uid, copies[from]->listed->uid);)
			end++;
		spare_group(copies, from, end);
	}
	free(copies);
}

/* 0: new. */
static uint64_t
tries(const struct plan_entry *entry)
{
	const struct row *row = entry->row;

	if (row == NULL || entry->fresh ||
	    (entry->returned ? row->before : row->state) == STATE_NEW)
		return 0;
	return 1 + (uint64_t)row->attempts + row->doubts;
}

/*
 * Of several messages with the same UID some are no longer listed. Which ones
 * is anybody's guess; where it matters, the owner has to decide.
 * rows from `from` to before `end` have the same UID.
 */
static bool
is_guesswork(
    const struct rows *rows, size_t from, size_t end, const bool *listed)
{
	size_t settled = 0, open = 0, lost = 0;

	for (size_t i = from; i < end; i++) {
		if (rows->list[i].state == STATE_GONE)
			continue;
		settled += is_settled(rows->list[i].state);
		open += !is_settled(rows->list[i].state);
		lost += !listed[i];
	}
	return lost > 0 && settled > 0 && open > 0;
}

static void
hold_survivors(struct plan *plan, const struct rows *rows, const bool *listed)
{
	bool *guess = xcalloc(rows->count, sizeof(*guess));
	size_t end;

	for (size_t from = 0; from < rows->count; from = end) {
		for (end = from + 1; end < rows->count &&
		     slice_equal(rows->list[end].uid, rows->list[from].uid);)
			end++;
		if (end > from + 1 && is_guesswork(rows, from, end, listed))
			for (size_t i = from; i < end; i++)
				guess[i] = true;
	}
	for (size_t i = 0; i < plan->count; i++) {
		struct plan_entry *entry = &plan->list[i];

		if (entry->row != NULL && guess[entry->row - rows->list] &&
		    entry->row->state != STATE_HELD)
			set(entry, PLAN_HOLD,
			    "one of several messages with its UID has gone, "
			    "and nobody can tell which");
	}
	free(guess);
}

int
plan_by_tries(const void *a, const void *b)
{
	const struct plan_entry *x = *(struct plan_entry *const *)a;
	const struct plan_entry *y = *(struct plan_entry *const *)b;
	uint64_t i = tries(x), j = tries(y);

	return i != j ? (i > j) - (i < j) : (x > y) - (x < y);
}

static void
order_takes(struct plan *plan, const struct plan_input *in)
{
	struct plan_entry **takes = xcalloc(plan->count, sizeof(*takes));
	uint64_t limit = in->account->fetch_limit;
	size_t n = 0;

	plan->take = xcalloc(plan->count, sizeof(*plan->take));
	for (size_t i = 0; i < plan->count; i++)
		if (plan->list[i].action == PLAN_TAKE)
			takes[n++] = &plan->list[i];
	if (n > 0)
		qsort(takes, n, sizeof(*takes), plan_by_tries);
	for (size_t i = 0; i < n; i++) {
		if (limit > 0 && plan->take_count >= limit) {
			plan->left_for_later++;
			set(takes[i], PLAN_LEAVE, "fetch_limit: next time");
			continue;
		}
		plan->take[plan->take_count++] =
		    (size_t)(takes[i] - plan->list);
		plan->take_octets += takes[i]->listed->octets;
	}
	free(takes);
}

static void
find_gone(struct plan *plan, const struct plan_input *in, const bool *listed)
{
	plan->gone = xcalloc(in->rows->count, sizeof(*plan->gone));
	for (size_t i = 0; i < in->rows->count; i++)
		if (!listed[i] && in->rows->list[i].state != STATE_GONE)
			plan->gone[plan->gone_count++] = &in->rows->list[i];
}

/* When an entry with which nothing is done now may want something. */
static int64_t
due(const struct plan_entry *entry, const struct account *a)
{
	const struct row *row = entry->row;

	if (entry->action != PLAN_LEAVE || row == NULL || entry->fresh ||
	    entry->returned || entry->found || entry->listed->copies)
		return 0;
	if (row->state == STATE_HELD ||
	    (row->state == STATE_SEEN && !a->delete_seen))
		return INT64_MAX;
	if (row->state != STATE_DELIVERED && row->state != STATE_REJECTED &&
	    row->state != STATE_SEEN)
		return 0;
	if (a->after == AFTER_KEEP)
		return INT64_MAX;
	if (a->after == AFTER_DELETE)
		return 0;
	return a->keep_s +
	    (row->state == STATE_SEEN ? row->since : row->delivered);
}

/* Now and then all is looked at, whatever seems to be the case. */
static int64_t
quiet_until(const struct plan *plan, const struct plan_input *in)
{
	int64_t until = in->now + QUIET_S;

	if (in->first || in->baseline != NULL || in->seen_too ||
	    in->only_owed || in->spare_owed || plan->gone_count > 0 ||
	    plan->clock_jumped || in->listing->left_out > 0)
		return 0;
	for (size_t i = 0; i < plan->count; i++) {
		int64_t t = due(&plan->list[i], in->account);

		if (t < until)
			until = t;
	}
	return until > in->now ? until : 0;
}

void
plan_make(struct plan *plan, const struct plan_input *in)
{
	const struct rows *rows = in->rows;
	bool *listed = xcalloc(rows->count, sizeof(*listed));

	*plan = (struct plan){ .count = in->listing->count };
	plan->list = xcalloc(plan->count, sizeof(*plan->list));
	plan->clock_jumped = plan_clock_jumped(in->last_poll, in->now);
	find_rows(plan, in, listed);
	for (size_t i = 0; i < plan->count; i++)
		if (in->baseline != NULL)
			plan_baseline(plan, &plan->list[i], in, i);
		else
			plan_entry_make(plan, &plan->list[i], in, i);
	if (in->baseline == NULL)
		hold_survivors(plan, rows, listed);
	if (in->only_owed)
		leave_all_but_owed(plan);
	if (in->spare_owed)
		leave_deletions(plan);
	spare_copies(plan);
	order_takes(plan, in);
	for (size_t i = 0; i < plan->count; i++)
		plan->delete_count += plan->list[i].action == PLAN_DELETE;
	find_gone(plan, in, listed);
	plan->quiet_until = quiet_until(plan, in);
	free(listed);
}

void
plan_free(struct plan *plan)
{
	free(plan->list);
	free(plan->take);
	free(plan->gone);
	*plan = (struct plan){ 0 };
}

const char *
plan_action_name(enum plan_action action)
{
	static const char *const names[] = {
		[PLAN_TAKE] = "take",
		[PLAN_DELETE] = "delete",
		[PLAN_SEEN] = "mark as seen",
		[PLAN_REPORT] = "report",
		[PLAN_HOLD] = "hold",
		[PLAN_LEAVE] = "leave",
	};

	return names[action];
}
