/* list.c - the command `list`: what is in a mailbox. */
#include "base/text.h"
#include "command/columns.h"
#include "command/look.h"

#include <inttypes.h>
#include <stdio.h>

static void
list_json(const struct look *look)
{
	struct json *j = look->json;
	const struct plan_entry *entry;
	size_t i;

	json_number(j, "count", (int64_t)look->listing->count);
	json_number(j, "octets", (int64_t)look->listing->octets);
	json_bool(j, "by_header", look->listing->by_header);
	json_open(j, "messages", '[');
	for (i = 0; i < look->plan->count; i++) {
		entry = &look->plan->list[i];
		json_open(j, NULL, '{');
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
add_lines(const struct look *look, struct columns *c)
{
	const struct plan_entry *entry;
	size_t i;

	for (i = 0; i < look->plan->count; i++) {
		entry = &look->plan->list[i];
		columns_add(c, "%" PRIu32, entry->listed->number);
		columns_add(c, "%" PRIu64, entry->listed->octets);
		columns_add(c, "%s", look_state(entry));
		columns_octets(c, entry->listed->uid);
	}
}

static void
list_text(const struct look *look)
{
	struct columns c = { .shape = "rrll", .way = COLUMNS_MEASURE };
	char size[TEXT_UNIT];

	add_lines(look, &c);
	c.way = COLUMNS_PRINT;
	add_lines(look, &c);
	columns_print(&c);
	printf("%s: %zu message%s, %s\n", look->account->name,
	    look->listing->count, look->listing->count == 1 ? "" : "s",
	    text_octets(look->listing->octets, size));
}

static void
list_show(const struct look *look)
{
	if (look->json != NULL)
		list_json(look);
	else
		list_text(look);
}

static int
list_run(const struct invocation *in)
{
	return look_run(in, list_show);
}

const struct command command_list = {
	.name = "list",
	.synopsis = "[--json] [ACCOUNT…]",
	.summary = "show what is in a mailbox",
	.help = "Logs in and lists every message: its number, its octets, what "
		"the\n"
		"ledger knows of it, and its unique id. Nothing is fetched, "
		"deleted\n"
		"or recorded.\n",
	.options = COMMAND_JSON,
	.run = list_run,
};
