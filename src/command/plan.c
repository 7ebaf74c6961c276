/* plan.c - the command `plan`: what the next poll would do, and why. */
#include "base/text.h"
#include "command/columns.h"
#include "command/look.h"

#include <inttypes.h>
#include <stdio.h>

#define ACTIONS (PLAN_LEAVE + 1)

/* For programs: these stay as they are. */
static const char *const action_keys[ACTIONS] = {
	[PLAN_TAKE] = "take",
	[PLAN_DELETE] = "delete",
	[PLAN_SEEN] = "seen",
	[PLAN_REPORT] = "report",
	[PLAN_HOLD] = "hold",
	[PLAN_LEAVE] = "leave",
};

/* Is this message worth a line, or only to be counted? */
static bool
entry_notable(const struct look *look, const struct plan_entry *entry)
{
	if (entry->action != PLAN_LEAVE || look->in->verbose > 0)
		return true;
	if (entry->row == NULL)
		return false;
	return entry->row->state == STATE_IN_DOUBT ||
	    entry->row->state == STATE_DEFERRED ||
	    entry->row->state == STATE_REPORT_OWED ||
	    entry->row->state == STATE_HELD ||
	    entry->row->state == STATE_DROPPED ||
	    entry->row->state == STATE_DELETE_OWED;
}

static void
actions_count(const struct plan *plan, uint64_t count[ACTIONS])
{
	size_t i;

	for (i = 0; i < plan->count; i++)
		count[plan->list[i].action]++;
}

static void
plan_json(const struct look *look)
{
	struct json *j = look->json;
	const struct plan *plan = look->plan;
	uint64_t count[ACTIONS] = { 0 };
	const struct plan_entry *entry;
	size_t i;

	actions_count(plan, count);
	json_open(j, "counts", '{');
	for (i = 0; i < ACTIONS; i++)
		json_number(j, action_keys[i], (int64_t)count[i]);
	json_close(j, '}');
	json_number(j, "take_octets", (int64_t)plan->take_octets);
	json_number(j, "left_for_later", (int64_t)plan->left_for_later);
	json_number(j, "stubborn", (int64_t)plan->stubborn);
	json_number(j, "gone", (int64_t)plan->gone_count);
	json_open(j, "messages", '[');
	for (i = 0; i < plan->count; i++) {
		entry = &plan->list[i];
		json_open(j, NULL, '{');
		json_string(j, "action", action_keys[entry->action]);
		json_string(j, "reason", entry->reason);
		json_number(j, "number", entry->listed->number);
		json_number(j, "octets", (int64_t)entry->listed->octets);
		json_text(j, "uid", entry->listed->uid);
		json_number(j, "copy", entry->listed->copy);
		json_string(j, "state", look_state(entry));
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void
plan_summary(const struct look *look)
{
	const struct plan *plan = look->plan;
	uint64_t count[ACTIONS] = { 0 };
	char size[TEXT_UNIT];

	actions_count(plan, count);
	printf(
	    "%s: %" PRIu64 " to take", look->account->name, count[PLAN_TAKE]);
	if (count[PLAN_TAKE] > 0)
		printf(" (%s)", text_octets(plan->take_octets, size));
	printf(", %" PRIu64 " to delete", count[PLAN_DELETE]);
	if (count[PLAN_SEEN] > 0)
		printf(", %" PRIu64 " to count as seen", count[PLAN_SEEN]);
	if (count[PLAN_REPORT] > 0)
		printf(", %" PRIu64 " to report", count[PLAN_REPORT]);
	if (count[PLAN_HOLD] > 0)
		printf(", %" PRIu64 " to hold", count[PLAN_HOLD]);
	printf(", %" PRIu64 " left", count[PLAN_LEAVE]);
	if (plan->left_for_later > 0)
		printf(", of these %zu by fetch_limit for a later poll",
		    plan->left_for_later);
	if (plan->stubborn > 0)
		printf(", of these %zu deleted three times and still there",
		    plan->stubborn);
	printf("\n");
}

static void
add_lines(const struct look *look, struct columns *c)
{
	const struct plan_entry *entry;
	size_t i;

	for (i = 0; i < look->plan->count; i++) {
		entry = &look->plan->list[i];
		if (!entry_notable(look, entry))
			continue;
		columns_add(c, "  %s", plan_action_name(entry->action));
		columns_add(c, "%" PRIu32, entry->listed->number);
		columns_add(c, "%" PRIu64, entry->listed->octets);
		columns_octets(c, entry->listed->uid);
		columns_add(c, "%s", entry->reason);
	}
}

static void
plan_text(const struct look *look)
{
	struct columns c = { .shape = "lrrll", .way = COLUMNS_MEASURE };

	plan_summary(look);
	add_lines(look, &c);
	c.way = COLUMNS_PRINT;
	add_lines(look, &c);
	columns_print(&c);
}

static void
plan_show(const struct look *look)
{
	if (look->json != NULL)
		plan_json(look);
	else
		plan_text(look);
}

static int
plan_run(const struct invocation *in)
{
	return look_run(in, plan_show);
}

const struct command command_plan = {
	.name = "plan",
	.synopsis = "[--json] [-v] [ACCOUNT…]",
	.summary = "show what the next fetch would do, and why",
	.help = "Logs in, lists the mailbox and plans as a fetch would; then "
		"it stops.\n"
		"Each message to be taken, deleted, recorded or waiting has a "
		"line with\n"
		"the action, its number, octets, unique id and the reason. "
		"Messages\n"
		"that are simply left are counted; -v shows them too.\n",
	.options = COMMAND_JSON,
	.run = plan_run,
};
