#include "config/settings.h"

#include "base/alloc.h"
#include "config/check.h"
#include "config/derive.h"
#include "config/problem.h"
#include "config/read.h"
#include "config/scope.h"
#include "config/source.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MS_PER_S 1000

char *
settings_default_file(void)
{
	const char *dir = getenv("XDG_CONFIG_HOME");

	if (geteuid() == 0)
		return xstrdup("/etc/postrider/postrider.conf");
	if (dir != NULL && dir[0] == '/')
		return xasprintf("%s/postrider/postrider.conf", dir);
	return xasprintf("%s/.config/postrider/postrider.conf", source_home());
}

static const char *
text_of(const struct scope *s, const char *name)
{
	return scope_value(s, name)->text;
}

static int64_t
number_of(const struct scope *s, const char *name)
{
	return scope_value(s, name)->number;
}

static void
fill_endpoint(struct endpoint *at, const struct scope *s, const char *host)
{
	at->name = s->name;
	at->host = host;
	at->port = (uint16_t)number_of(s, "port");
	at->tls = (enum tls_mode)number_of(s, "tls");
	at->ca_file = text_of(s, "ca_file");
	at->timeout_ms = number_of(s, "timeout") * MS_PER_S;
}

static void
fill_login(struct login *login, const struct scope *s)
{
	login->kind = section_name(s->section);
	login->name = s->name;
	login->user = text_of(s, "user");
	login->auth = (enum auth_method)number_of(s, "auth");
	login->password = text_of(s, "password");
	login->password_file = text_of(s, "password_file");
	login->password_command = text_of(s, "password_command");
}

static void
fill_account(struct account *a, const struct scope *s)
{
	const struct value *after = scope_value(s, "after_delivery");
	const struct value *first = scope_value(s, "first_poll");

	a->name = s->name;
	fill_endpoint(&a->at, s, text_of(s, "pop3"));
	fill_login(&a->login, s);
	a->destination = text_of(s, "destination");
	a->recipients = scope_value(s, "recipient")->list;
	a->after = (enum after_delivery)after->number;
	a->keep_s = after->amount;
	a->delete_seen = number_of(s, "delete_seen") != 0;
	a->first = (enum first_poll)first->number;
	if (a->first == FIRST_LAST)
		a->first_count = (uint64_t)first->amount;
	else
		a->first_s = first->amount;
	a->fetch_limit = (uint64_t)number_of(s, "fetch_limit");
	a->max_size = (uint64_t)number_of(s, "max_size");
	a->every_auto = number_of(s, "every") == EVERY_AUTO;
	a->every_s = number_of(s, "every");
	a->every_min_s = number_of(s, "every_min");
	a->every_max_s = number_of(s, "every_max");
	a->on_reject = (enum on_reject)number_of(s, "on_reject");
	a->postmasters = scope_value(s, "postmaster")->list;
	a->report_via = text_of(s, "report_via");
	a->pipelining = (enum pipelining)number_of(s, "pipelining");
	a->ordered = number_of(s, "ordered") != 0;
	a->hold_in_doubt = number_of(s, "in_doubt") != 0;
	a->on_mail = text_of(s, "on_mail");
	a->on_error = text_of(s, "on_error");
	a->hook_timeout_s = number_of(s, "hook_timeout");
	a->alert = scope_value(s, "alert")->list;
	a->alert_via = text_of(s, "alert_via");
	a->alert_after_s = number_of(s, "alert_after");
}

static void
fill_destination(struct destination *d, const struct scope *s)
{
	bool socket = destination_is_socket(s);

	d->name = s->name;
	fill_endpoint(&d->at, s, socket ? NULL : destination_peer(s));
	if (socket)
		d->at.path = destination_peer(s);
	fill_login(&d->login, s);
	d->options.lmtp = scope_given(s, "lmtp");
	d->options.helo = text_of(s, "helo");
	d->connections = (unsigned)number_of(s, "connections");
	d->max_messages = (uint64_t)number_of(s, "max_messages");
	d->hold_eightbit = number_of(s, "eightbit") != 0;
	d->options.reply_timeout_ms = number_of(s, "reply_timeout") * MS_PER_S;
}

static void
fill_settings(struct settings *s)
{
	struct settings_memory *m = s->memory;

	s->state = text_of(&m->global, "state");
	s->log = text_of(&m->global, "log");
	s->run_as = text_of(&m->global, "run_as");
	s->accounts_dir = text_of(&m->global, "accounts_dir");
	s->metrics = text_of(&m->global, "metrics");
	s->confine = number_of(&m->global, "confine") != 0;
	s->folders = m->folders;
	s->folder_count = m->folder_count;
	s->max_polls = (unsigned)number_of(&m->global, "max_polls");
	s->max_polls_per_server =
	    (unsigned)number_of(&m->global, "max_polls_per_server");
	s->stop_timeout_ms = number_of(&m->global, "stop_timeout") * MS_PER_S;
	s->account_count = m->account_count;
	s->accounts = xcalloc(m->account_count, sizeof *s->accounts);
	for (size_t i = 0; i < m->account_count; i++)
		fill_account(s->accounts + i, m->accounts + i);
	s->destination_count = m->destination_count;
	s->destinations =
	    xcalloc(m->destination_count, sizeof *s->destinations);
	for (size_t i = 0; i < m->destination_count; i++)
		fill_destination(s->destinations + i, m->destinations + i);
}

static const char *
absolute_file(struct settings_memory *m, const char *file)
{
	char *here, *usual = NULL;
	const char *path;

	if (file == NULL)
		file = usual = settings_default_file();
	if (file[0] == '/') {
		path = memory_text(m, file);
	} else {
		here = getcwd(NULL, 0);
		path = memory_textf(m, "%s/%s", here != NULL ? here : "", file);
		free(here);
	}
	free(usual);
	return path;
}

static int
sum_up(const struct settings *s, struct problems *found,
    struct buffer *problems, struct error *e)
{
	problems_write(found, problems);
	if (found->count == 1)
		return error_set(
		    e, ERR_CONFIG, "%s: one problem in the settings", s->file);
	return error_set(e, ERR_CONFIG, "%s: %zu problems in the settings",
	    s->file, found->count);
}

static struct settings *
settings_new(void)
{
	struct settings *s = xcalloc(1, sizeof *s);

	s->memory = xcalloc(1, sizeof *s->memory);
	return s;
}

/* They have been read: rc. Derive and check, and hand them out. */
static int
finish(struct settings **out, struct settings *s, int rc, const char *state,
    struct problems *found, struct buffer *problems, struct error *e)
{
	*out = NULL;
	if (rc == 0) {
		derive_all(s->memory, state);
		check_all(s->memory, found);
	}
	if (found->count > 0) {
		sum_up(s, found, problems, e);
		settings_free(&s);
	} else {
		fill_settings(s);
		*out = s;
	}
	problems_free(found);
	return *out != NULL ? 0 : -1;
}

int
settings_read(struct settings **out, const char *file, const char *state,
    struct buffer *problems, struct error *e)
{
	struct settings *s = settings_new();
	struct problems found = { 0 };
	int rc;

	s->file = absolute_file(s->memory, file);
	rc = read_settings(s->memory, s->file, &found);
	return finish(out, s, rc, state, &found, problems, e);
}

int
settings_read_text(struct settings **out, const struct settings_text *text,
    const char *state, struct buffer *problems, struct error *e)
{
	struct settings *s = settings_new();
	struct problems found = { 0 };
	int rc;

	s->file = memory_text(s->memory, text->file);
	rc = read_settings_text(s->memory, s->file, text, &found);
	return finish(out, s, rc, state, &found, problems, e);
}

char *
settings_state(const char *file, const char *state)
{
	struct settings_memory *m = xcalloc(1, sizeof *m);
	struct problems ignored = { 0 };
	char *found = NULL;
	bool unread;

	read_settings(m, absolute_file(m, file), &ignored);
	/* Nothing was read: what was named may be anything. */
	unread = m->folder_count == 0 && file != NULL;
	derive_state(m, state);
	if (state != NULL ||
	    (!unread && !m->state_hidden &&
		!scope_value(&m->global, "state")->bad))
		found = xstrdup(text_of(&m->global, "state"));
	problems_free(&ignored);
	memory_free(&m);
	return found;
}

int
settings_read_draft(struct settings **out, const char *file, const char *state,
    const struct settings_draft *draft, struct buffer *problems,
    struct error *e)
{
	struct settings *s = settings_new();
	struct problems found = { 0 };
	struct settings_text text = { 0 };
	int rc;

	s->memory->draft = draft;
	s->file = absolute_file(s->memory, file);
	if (draft->main != NULL) {
		text.text = *draft->main;
		text.file = s->file;
		text.owner = geteuid();
		rc = read_settings_text(s->memory, s->file, &text, &found);
	} else {
		rc = read_settings(s->memory, s->file, &found);
	}
	rc = finish(out, s, rc, state, &found, problems, e);
	if (rc == 0)
		s->memory->draft = NULL;
	return rc;
}

void
settings_free(struct settings **s)
{
	struct settings *settings = *s;

	*s = NULL;
	if (settings == NULL)
		return;
	memory_free(&settings->memory);
	free(settings->accounts);
	free(settings->destinations);
	free(settings);
}

void
settings_forget_accounts(struct settings *s)
{
	memory_forget_accounts(s->memory);
	free(s->accounts);
	s->accounts = NULL;
	s->account_count = 0;
	s->folders = NULL; /* some may be those of accounts */
	s->folder_count = 0;
}

const struct account *
settings_account(const struct settings *s, const char *name)
{
	for (size_t i = 0; i < s->account_count; i++)
		if (strcmp(s->accounts[i].name, name) == 0)
			return s->accounts + i;
	return NULL;
}

const char **
settings_names(const struct settings *s)
{
	const char **names = xcalloc(s->account_count + 1, sizeof(*names));

	for (size_t i = 0; i < s->account_count; i++)
		names[i] = s->accounts[i].name;
	return names;
}

bool
settings_in_defaults(const struct settings *s, const char *name)
{
	return scope_given(&s->memory->defaults, name);
}

const struct destination *
settings_destination(const struct settings *s, const char *name)
{
	for (size_t i = 0; i < s->destination_count; i++)
		if (strcmp(s->destinations[i].name, name) == 0)
			return s->destinations + i;
	return NULL;
}
