/* whom.c - see whom.h. */
#include "command/whom.h"

#include "base/alloc.h"
#include "base/log.h"
#include "base/text.h"
#include "daemon/client.h"
#include "daemon/live.h"
#include "ledger/reader.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

/* --- by the settings --- */

static int
take_settings(struct whom *w, const struct ground *g)
{
	const struct account **accounts = command_accounts(g->in, g->settings);

	if (accounts == NULL)
		return EX_USAGE;
	while (accounts[w->count] != NULL)
		w->count++;
	w->list = xcalloc(w->count + 1, sizeof(*w->list));
	for (size_t i = 0; i < w->count; i++)
		w->list[i] = (struct glance_of){ .name = accounts[i]->name,
			.destination = accounts[i]->destination };
	free(accounts);
	return EX_OK;
}

/* --- without them --- */

static void
add_name(struct whom *w, const char *name)
{
	size_t n = w->name_count;

	if ((n & (n - 1)) == 0)
		w->names = xrealloc(
		    w->names, n == 0 ? 2 : 2 * n + 1, sizeof(*w->names));
	w->names[w->name_count++] = xstrdup(name);
	w->names[w->name_count] = NULL;
}

static void
hear(void *whom, enum answer_kind kind, char *line)
{
	struct live_row row;

	if (kind != ANSWER_LINE)
		return;
	live_parse(line, &row);
	if (row.kind == LIVE_ACCOUNT)
		add_name(whom, row.account.name);
}

static void
take_row(void *whom, const struct ledger_schedule *row)
{
	add_name(whom, row->account);
}

static int
read_names(struct whom *w, const char *state)
{
	struct request r = { .verb = REQUEST_STATUS };
	struct reader *reader = NULL;
	struct error e = { 0 };
	int status, rc = 0;

	if (client_ask(state, &r, hear, w, &status, &e) == 0 && status == EX_OK)
		return EX_OK;
	/* Half an answer is none. */
	while (w->name_count > 0)
		free(w->names[--w->name_count]);
	rc = reader_open(&reader, state, &e);
	if (rc == 0)
		rc = reader_schedules(reader, take_row, w, &e);
	reader_free(&reader);
	return rc < 0 ? command_fail(&e) : EX_OK;
}

static int
unknown(const struct whom *w, const char *name)
{
	const char *const *names = (const char *const *)w->names;
	const char *near = w->name_count > 0 ? text_nearest(name, names) : NULL;

	if (near != NULL)
		log_error("no account \"%s\" is known; did you mean \"%s\"?",
		    name, near);
	else
		log_error("no account \"%s\" is known", name);
	return EX_USAGE;
}

static bool
is_listed(const struct whom *w, const char *name)
{
	for (size_t i = 0; i < w->count; i++)
		if (strcmp(w->list[i].name, name) == 0)
			return true;
	return false;
}

static int
take_named(struct whom *w, const struct invocation *in)
{
	for (int i = 0; i < in->arg_count; i++) {
		const char *name = in->args[i];
		size_t n = 0;

		while (n < w->name_count && strcmp(w->names[n], name) != 0)
			n++;
		if (n == w->name_count)
			return unknown(w, name);
		if (!is_listed(w, name))
			w->list[w->count++].name = w->names[n];
	}
	return EX_OK;
}

static int
take_known(struct whom *w, const struct ground *g)
{
	size_t named = (size_t)g->in->arg_count;
	int status = read_names(w, g->state);

	if (status != EX_OK)
		return status;
	w->list = xcalloc(w->name_count + named + 1, sizeof(*w->list));
	if (named > 0)
		return take_named(w, g->in);
	for (size_t i = 0; i < w->name_count; i++)
		w->list[w->count++].name = w->names[i];
	return EX_OK;
}

int
whom_find(struct whom *w, const struct ground *g)
{
	*w = (struct whom){ 0 };
	return g->settings != NULL ? take_settings(w, g) : take_known(w, g);
}

void
whom_free(struct whom *w)
{
	for (size_t i = 0; i < w->name_count; i++)
		free(w->names[i]);
	free(w->names);
	free(w->list);
	*w = (struct whom){ 0 };
}
