/* status.c - the command `status`: how every account is doing. */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/text.h"
#include "command/columns.h"
#include "command/command.h"
#include "command/json.h"
#include "ledger/lock.h"
#include "ledger/reader.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

/* One account, and how it stands. */
struct standings {
	const struct account *account; /* borrowed */
	struct standing s;
	bool polling; /* at this moment */
	bool interrupted; /* its last poll has not come to its end */
};

static int
standing_status(const struct standings *one)
{
	const struct standing *s = &one->s;
	int status = EX_OK;

	if (one->interrupted || s->error_kind[0] != '\0' ||
	    s->counts[STATE_DEFERRED] > 0 || s->counts[STATE_IN_DOUBT] > 0 ||
	    s->counts[STATE_REPORT_OWED] > 0)
		status = EX_TEMPFAIL;
	if (s->counts[STATE_HELD] > 0)
		status = command_worse(status, EX_UNAVAILABLE);
	return status;
}

static void
time_cell(struct columns *c, int64_t wall)
{
	char text[TEXT_UNIT];

	if (wall == 0)
		columns_add(c, "never");
	else
		columns_add(c, "%s ago", text_ago(clock_wall() - wall, text));
}

static void
table_print(const struct standings *list, size_t count)
{
	static const char *const head[] = { "ACCOUNT", "LAST SUCCESS",
		"IN MAILBOX", "DELIVERED", "DEFERRED", "HELD", "IN DOUBT",
		"TO DELETE" };
	struct columns c = { .shape = "llrrrrrr" };
	const struct standing *s;
	size_t i;

	for (i = 0; i < sizeof(head) / sizeof(head[0]); i++)
		columns_add(&c, "%s", head[i]);
	for (i = 0; i < count; i++) {
		s = &list[i].s;
		columns_add(&c, "%s", list[i].account->name);
		time_cell(&c, s->last_success);
		columns_add(&c, "%" PRIu64, s->in_mailbox);
		columns_add(&c, "%" PRIu64, s->total_delivered);
		columns_add(&c, "%" PRIu64, s->counts[STATE_DEFERRED]);
		columns_add(&c, "%" PRIu64, s->counts[STATE_HELD]);
		columns_add(&c, "%" PRIu64, s->counts[STATE_IN_DOUBT]);
		columns_add(&c, "%" PRIu64, s->to_delete);
	}
	columns_print(&c);
}

static void
failure_print(const char *name, const struct standing *s)
{
	char ago[TEXT_UNIT];

	printf("%s: the last poll failed %s ago", name,
	    text_ago(clock_wall() - s->last_ended, ago));
	if (s->failures > 1)
		printf(" (%" PRIu64 " in a row)", s->failures);
	printf(": %s\n", command_text(name, s->error_text));
}

/* That mail is being fetched is no trouble. */
static void
progress_print(const struct standings *one, bool quiet)
{
	const struct standing *s = &one->s;
	const char *name = one->account->name;
	char ago[TEXT_UNIT];

	text_ago(clock_wall() - s->last_started, ago);
	if (one->polling && !quiet)
		printf("%s: being polled%s, begun %s ago\n", name,
		    s->polled ? "" : " for the first time", ago);
	if (one->interrupted)
		printf("%s: the %s poll, begun %s ago, was interrupted; the "
		       "next fetch goes on\n",
		    name, s->polled ? "last" : "first", ago);
}

static void
troubles_print(
    const struct invocation *in, const struct standings *list, size_t count)
{
	const struct standing *s;
	const char *name;
	size_t i;

	for (i = 0; i < count; i++) {
		s = &list[i].s;
		name = list[i].account->name;
		progress_print(&list[i], in->quiet);
		if (s->error_kind[0] != '\0')
			failure_print(name, s);
		if (s->counts[STATE_HELD] > 0)
			printf("%s: %" PRIu64 " held: postrider held list %s\n",
			    name, s->counts[STATE_HELD], name);
		if (s->counts[STATE_DEFERRED] > 0)
			printf("%s: %" PRIu64 " refused for now; the next "
			       "fetch tries again\n",
			    name, s->counts[STATE_DEFERRED]);
		if (s->counts[STATE_REPORT_OWED] > 0)
			printf("%s: %" PRIu64 " refused for good; somebody is "
			       "still to be told of it\n",
			    name, s->counts[STATE_REPORT_OWED]);
		if (s->counts[STATE_IN_DOUBT] > 0)
			printf("%s: %" PRIu64 " in doubt: sent, and the "
			       "answer was lost\n",
			    name, s->counts[STATE_IN_DOUBT]);
		if (s->bound > 0)
			printf("%s: %" PRIu64 " not deleted: another message "
			       "with the same unique id stays, and they can "
			       "only be deleted together\n",
			    name, s->bound);
	}
}

static void
text_print(
    const struct invocation *in, const struct standings *list, size_t count)
{
	size_t never = 0;
	size_t i;

	for (i = 0; i < count; i++)
		if (list[i].s.last_started == 0)
			never++;
	if (!in->quiet && count > 0)
		table_print(list, count);
	troubles_print(in, list, count);
	if (!in->quiet && never > 0 && never == count)
		printf("never polled; \"postrider fetch\" does it\n");
}

static void
standing_json(struct json *j, const struct standings *one)
{
	const struct standing *s = &one->s;
	bool failed = s->error_kind[0] != '\0';
	int state;

	json_open(j, NULL, '{');
	json_string(j, "account", one->account->name);
	json_bool(j, "known", s->known);
	json_bool(j, "polled", s->polled);
	json_bool(j, "polling", one->polling);
	json_bool(j, "interrupted", one->interrupted);
	json_time(j, "last_started", s->last_started);
	json_time(j, "last_ended", s->last_ended);
	json_time(j, "last_success", s->last_success);
	json_string(j, "error_kind", failed ? s->error_kind : NULL);
	json_string(j, "error_text", failed ? s->error_text : NULL);
	json_number(j, "failures", (int64_t)s->failures);
	json_number(j, "in_mailbox", (int64_t)s->in_mailbox);
	json_number(j, "delivered", (int64_t)s->delivered);
	json_number(j, "octets", (int64_t)s->octets);
	json_number(j, "deleted", (int64_t)s->deleted);
	json_number(j, "total_delivered", (int64_t)s->total_delivered);
	json_number(j, "to_delete", (int64_t)s->to_delete);
	json_number(j, "bound", (int64_t)s->bound);
	json_open(j, "counts", '{');
	for (state = 0; state < STATES; state++)
		json_number(j, state_name((enum state)state),
		    (int64_t)s->counts[state]);
	json_close(j, '}');
	json_close(j, '}');
}

static void
json_print(const struct standings *list, size_t count)
{
	struct json j = { 0 };
	size_t i;

	json_open(&j, NULL, '{');
	json_open(&j, "accounts", '[');
	for (i = 0; i < count; i++)
		standing_json(&j, &list[i]);
	json_close(&j, ']');
	json_close(&j, '}');
	json_finish(&j);
}

/* A poll that began before the process that is at work was of another one. */
static void
standings_conclude(struct standings *one, int64_t at_work_since)
{
	if (one->s.last_started <= one->s.last_ended)
		return;
	one->polling =
	    at_work_since > 0 && one->s.last_started >= at_work_since;
	one->interrupted = !one->polling;
}

static int
standings_read(
    const char *dir, struct standings *list, size_t count, struct error *e)
{
	/* Before and after: a fetch may begin or end in between. */
	int64_t at_work_since = lock_held_since(dir);
	struct reader *reader = NULL;
	size_t i;
	int rc;

	rc = reader_open(&reader, dir, e);
	for (i = 0; rc == 0 && i < count; i++)
		rc = reader_standing(
		    reader, list[i].account->name, &list[i].s, e);
	reader_free(&reader);
	if (at_work_since == 0)
		at_work_since = lock_held_since(dir);
	for (i = 0; i < count; i++)
		standings_conclude(&list[i], at_work_since);
	return rc;
}

static int
accounts_show(const struct invocation *in, const struct settings *settings,
    const struct account *const *accounts)
{
	struct standings *list;
	struct error e = { 0 };
	size_t count = 0;
	size_t i;
	int status = EX_OK;

	while (accounts[count] != NULL)
		count++;
	list = xcalloc(count + 1, sizeof(*list));
	for (i = 0; i < count; i++)
		list[i].account = accounts[i];
	if (standings_read(settings->state, list, count, &e) < 0) {
		status = command_fail(&e);
		goto out;
	}
	if (in->json)
		json_print(list, count);
	else
		text_print(in, list, count);
	for (i = 0; i < count; i++)
		status = command_worse(status, standing_status(&list[i]));
out:
	free(list);
	return status;
}

static int
status_run(const struct invocation *in)
{
	struct settings *settings = NULL;
	const struct account **accounts;
	int status;

	status = command_settings(in, &settings);
	if (status != EX_OK)
		return status;
	accounts = command_accounts(in, settings);
	status =
	    accounts == NULL ? EX_USAGE : accounts_show(in, settings, accounts);
	free(accounts);
	settings_free(&settings);
	return status;
}

const struct command command_status = {
	.name = "status",
	.synopsis = "[--json] [ACCOUNT…]",
	.summary = "show how every account is doing",
	.help = "Reads the ledger, also while a fetch is running, and shows "
		"for each\n"
		"account its last success, how many messages are in the "
		"mailbox, have\n"
		"been delivered, and wait; below that what is under way, and "
		"what is\n"
		"wrong. With -q only what is wrong.\n"
		"\n"
		"Exit status: 0 when all is well, 75 when a last poll failed "
		"or was\n"
		"interrupted, mail is deferred or in doubt, or a report is "
		"owed, 69 when\n"
		"mail is held.\n",
	.options = COMMAND_JSON,
	.run = status_run,
};
