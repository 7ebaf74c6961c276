/* held.c - the command `held`: messages that wait for their owner. */
#include "command/held.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "command/ask.h"
#include "command/columns.h"
#include "daemon/decision.h"
#include "ledger/ledger.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

/*
 * held list
 */

/* Where a listing goes. */
struct shown {
	struct columns columns;
	struct json json;
};

void
held_uid(const struct waiting *w, char *out, size_t room)
{
	size_t n;

	text_harmless(w->uid, out, room);
	n = strlen(out);
	if (w->copies > 0 || w->copy > 0)
		snprintf(
		    out + n, room - n, " (number %" PRIu32 ")", w->copy + 1);
}

static void
waiting_text(void *arg, const struct waiting *w)
{
	struct columns *c = &((struct shown *)arg)->columns;
	char since[CLOCK_TEXT];
	char size[TEXT_UNIT];
	char uid[1024];

	columns_add(c, "%" PRId64, w->message);
	columns_add(c, "%s", w->account);
	columns_add(c, "%s", clock_text(w->since, since));
	columns_add(c, "%s", text_octets(w->octets, size));
	held_uid(w, uid, sizeof(uid));
	columns_add(c, "%s", uid);
	columns_octets(c, slice_of(w->reply != NULL ? w->reply : ""));
}

void
held_json(struct json *j, const struct waiting *w)
{
	json_number(j, "id", w->message);
	json_string(j, "account", w->account);
	json_string(j, "state", state_name(w->state));
	json_text(j, "uid", w->uid);
	json_number(j, "copy", w->copy);
	json_number(j, "copies", w->copies);
	json_number(j, "octets", (int64_t)w->octets);
	json_time(j, "first_seen", w->first_seen);
	json_time(j, "since", w->since);
	json_time(j, "next_try", w->next_try);
	json_number(j, "attempts", w->attempts);
	json_string(j, "reply", w->reply);
}

static void
waiting_json(void *arg, const struct waiting *w)
{
	struct json *j = &((struct shown *)arg)->json;

	json_open(j, NULL, '{');
	held_json(j, w);
	json_close(j, '}');
}

static bool
is_repeated(const struct invocation *in, int i)
{
	for (int before = 0; before < i; before++)
		if (strcmp(in->args[before], in->args[i]) == 0)
			return true;
	return false;
}

/* Without names all are shown, also of accounts no longer in the settings. */
static int
waiting_read(struct reader *reader, const struct invocation *in,
    struct shown *shown, size_t *count, struct error *e)
{
	unsigned states = STATE_BIT(STATE_HELD);
	void (*each)(void *, const struct waiting *) = waiting_text;
	size_t found = 0;

	if (in->json) {
		each = waiting_json;
		states |= STATE_BIT(STATE_DEFERRED) |
		    STATE_BIT(STATE_IN_DOUBT) | STATE_BIT(STATE_REPORT_OWED);
	}
	if (in->arg_count == 0)
		return reader_waiting(
		    reader, NULL, 0, states, each, shown, count, e);
	for (int i = 0; i < in->arg_count; i++) {
		if (is_repeated(in, i))
			continue;
		if (reader_waiting(reader, in->args[i], 0, states, each, shown,
			&found, e) < 0)
			return -1;
		*count += found;
	}
	return 0;
}

static void
head_add(struct columns *c)
{
	static const char *const head[] = { "ID", "ACCOUNT", "SINCE", "SIZE",
		"UID", "WHY" };
	size_t i;

	for (i = 0; i < sizeof(head) / sizeof(head[0]); i++)
		columns_add(c, "%s", head[i]);
}

static int
list_show(const struct invocation *in, const struct ground *ground)
{
	struct shown shown = { .columns = { .shape = "rllrll" } };
	struct reader *reader = NULL;
	struct error e = { 0 };
	size_t count = 0;
	int status = EX_OK;

	head_add(&shown.columns);
	json_open(&shown.json, NULL, '{');
	json_open(&shown.json, "messages", '[');
	if (reader_open(&reader, ground->state, &e) < 0 ||
	    waiting_read(reader, in, &shown, &count, &e) < 0) {
		status = command_fail(&e);
		goto out;
	}
	json_close(&shown.json, ']');
	json_close(&shown.json, '}');
	if (in->json)
		json_finish(&shown.json);
	else if (count > 0)
		columns_print(&shown.columns);
	else if (!in->quiet)
		printf("nothing is held\n");
out:
	buffer_free(&shown.columns.cells);
	buffer_free(&shown.json.out);
	reader_free(&reader);
	return status;
}

static int
held_list(const struct invocation *in, const struct ground *ground)
{
	const struct account **accounts;

	if (ground->settings == NULL)
		return list_show(in, ground);
	accounts = command_accounts(in, ground->settings);
	if (accounts == NULL)
		return EX_USAGE;
	free(accounts);
	return list_show(in, ground);
}

/*
 * held retry, held drop
 */

/* Off a terminal nobody can answer, and the command says what is wanted. */
static bool
confirmed(const struct invocation *in, size_t count)
{
	char answer[16];

	if (in->quiet || !isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
		return true;
	fprintf(stderr, "drop %zu message%s from the mailbox for good? [y/N] ",
	    count, count == 1 ? "" : "s");
	if (fgets(answer, sizeof(answer), stdin) == NULL)
		return false;
	return answer[0] == 'y' || answer[0] == 'Y';
}

/* An exit status that came with an error. */
static int
told(int status, const struct error *e)
{
	if (status != EX_OK && e->kind != ERR_STOPPED)
		log_error("%s", e->text);
	return status;
}

static int
decide_here(struct ground *ground, enum decision decision, char **words)
{
	const struct invocation *in = ground->in;
	const char *state = ground->state;
	struct ledger *ledger = NULL;
	struct buffer outcome = { 0 };
	struct error e = { 0 };
	struct decided d;
	int status = ground_become(ground);

	if (status != EX_OK)
		return status;
	if (ledger_open(&ledger, state, false, &e) < 0)
		return command_fail(&e);
	status =
	    told(decision_make(state, ledger, decision, words, &d, &e), &e);
	ledger_close(&ledger);
	decided_tell(&d, &outcome);
	if (status == EX_OK && !in->quiet)
		fputs(outcome.data, stdout);
	buffer_free(&outcome);
	decided_free(&d);
	return status;
}

/*
 * While the question was open things may have moved on: either way everything is
 * looked at once more.
 */
static int
decide(struct ground *ground, enum decision decision, char **words)
{
	struct request r = { .verb = decision == DECISION_RETRY
		    ? REQUEST_HELD_RETRY
		    : REQUEST_HELD_DROP };
	struct error e = { 0 };
	int status, rc;

	for (size_t i = 0; words[i] != NULL; i++)
		request_add(&r, words[i]);
	rc = ask_daemon(ground->in, ground->state, &r, &status, &e);
	request_free(&r);
	if (rc == 0)
		return status;
	return e.kind == ERR_CONNECT ? decide_here(ground, decision, words)
				     : command_fail(&e);
}

static void
bound_note(void *arg, const struct waiting *w)
{
	(void)arg;
	if (w->staying > 0)
		printf("message %" PRId64 " has to wait: another message with "
		       "its unique id stays, and they can only be deleted "
		       "together\n",
		    w->message);
}

/* Of what is given up, some may not go alone. */
static int
bound_tell(const char *state, const struct decided *d)
{
	struct reader *reader = NULL;
	struct error e = { 0 };
	size_t found;
	size_t i;
	int rc;

	rc = reader_open(&reader, state, &e);
	for (i = 0; rc == 0 && i < d->count; i++)
		rc = reader_waiting(reader, NULL, d->messages[i],
		    STATE_BIT(STATE_DROPPED), bound_note, NULL, &found, &e);
	reader_free(&reader);
	return rc < 0 ? command_fail(&e) : EX_OK;
}

static int
held_decide(
    const struct invocation *in, struct ground *ground, enum decision decision)
{
	char **words = in->args + 1;
	struct error e = { 0 };
	struct decided d;
	int status;

	if (words[0] == NULL) {
		log_error("held %s: which ones? \"postrider held list\" shows "
			  "their numbers",
		    in->args[0]);
		return EX_USAGE;
	}
	status =
	    told(decision_look(ground->state, decision, words, &d, &e), &e);
	if (status != EX_OK)
		return status;
	if (d.count == 0) {
		if (!in->quiet)
			printf("nothing is held\n");
	} else if (decision == DECISION_DROP && !confirmed(in, d.count)) {
		printf("nothing has been changed\n");
	} else {
		status = decide(ground, decision, words);
		if (status == EX_OK && !in->quiet && decision == DECISION_DROP)
			status = bound_tell(ground->state, &d);
	}
	decided_free(&d);
	return status;
}

/* Neither a verb nor an account: most likely a verb misspelt. */
static int
word_unknown(const char *word)
{
	static const char *const verbs[] = { "list", "show", "save", "retry",
		"drop", NULL };
	const char *near = text_nearest(word, verbs);

	if (near == NULL)
		return EX_OK;
	log_error("unknown word \"%s\"; did you mean \"held %s\"?", word, near);
	return EX_USAGE;
}

/* The words whose arguments begin behind them. */
static const struct {
	const char *word;
	int (*run)(const struct invocation *in, const struct ground *ground);
	bool json;
	bool asks; /* the mailbox */
} verbs[] = {
	{ "list", held_list, true, false },
	{ "show", held_show, true, true },
	{ "save", held_save, false, true },
};

static int
no_json(const char *word)
{
	log_error("\"postrider held %s\" has no option --json", word);
	return EX_USAGE;
}

static bool
is_account(const struct ground *ground, const char *word)
{
	return ground->settings != NULL &&
	    settings_account(ground->settings, word) != NULL;
}

static int
held_dispatch(const struct invocation *in, struct ground *ground)
{
	const char *word = in->args[0];
	struct invocation rest = *in;
	enum decision decision;
	int status = EX_OK;
	size_t i;

	if (word == NULL)
		return held_list(in, ground);
	for (i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strcmp(word, verbs[i].word) != 0)
			continue;
		rest.args++;
		rest.arg_count--;
		if (in->json && !verbs[i].json)
			return no_json(word);
		if (verbs[i].asks && ground->settings != NULL)
			status = command_become(in, &ground->settings);
		return status == EX_OK ? verbs[i].run(&rest, ground) : status;
	}
	if (strcmp(word, "retry") == 0) {
		decision = DECISION_RETRY;
	} else if (strcmp(word, "drop") == 0) {
		decision = DECISION_DROP;
	} else {
		if (!is_account(ground, word) && word_unknown(word) != EX_OK)
			return EX_USAGE;
		return held_list(in, ground);
	}
	if (in->json)
		return no_json(word);
	return held_decide(in, ground, decision);
}

static int
held_run(const struct invocation *in)
{
	struct ground ground;
	int status;

	ground_read(&ground, in);
	status = ground_check(&ground, NEED_LEDGER);
	if (status == EX_OK)
		status = held_dispatch(in, &ground);
	ground_free(&ground);
	return status;
}

const struct command command_held = {
	.name = "held",
	.synopsis = "[list] [--json] [ACCOUNT…] | show [--json] ID… | "
		    "save ID FILE | retry ID…|all | drop ID…",
	.summary = "show and decide about messages that were refused for good",
	.help = "A message that its destination refuses for good stays in the "
		"mailbox\n"
		"until its owner decides.\n"
		"\n"
		"  held list   shows them: number, account, since when, size, "
		"unique id\n"
		"              and why. --json shows also what is deferred, in "
		"doubt, or\n"
		"              to be reported.\n"
		"  held show   tells all about them: what the ledger knows, "
		"and, when the\n"
		"              mailbox can be asked, sender, subject and "
		"date.\n"
		"  held save   writes one, as the mailbox has it, into a new "
		"file, or for\n"
		"              \"-\" to standard output.\n"
		"  held retry  has the next poll take them again; also undoes "
		"a drop.\n"
		"  held drop   has the next poll delete them from the "
		"mailbox. On a\n"
		"              terminal it asks first, unless -q is given.\n",
	.options = COMMAND_JSON,
	.run = held_run,
};
