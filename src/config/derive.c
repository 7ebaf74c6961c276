#include "config/derive.h"

#include "base/alloc.h"
#include "base/host.h"
#include "config/source.h"
#include "config/value.h"
#include "net/endpoint.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PORT_SMTP 25
#define PORT_POP3 110
#define PORT_SUBMISSION 587
#define PORT_SUBMISSIONS 465
#define PORT_POP3S 995

void
derive_account_transport(struct settings_memory *m, struct scope *account)
{
	const struct value *tls = scope_value(account, "tls");

	if (!scope_given(account, "port"))
		scope_derive(m, account, "port",
		    tls->number == TLS_IMPLICIT ? PORT_POP3S : PORT_POP3, NULL);
}

const char *
destination_peer(const struct scope *destination)
{
	const struct value *smtp = scope_value(destination, "smtp");

	return smtp->given ? smtp->text
			   : scope_value(destination, "lmtp")->text;
}

bool
destination_is_socket(const struct scope *destination)
{
	const char *lmtp = scope_value(destination, "lmtp")->text;

	return lmtp != NULL && lmtp[0] == '/' &&
	    !scope_given(destination, "smtp");
}

static int64_t
smtp_port(const struct scope *destination)
{
	const struct value *tls = scope_value(destination, "tls");
	bool implicit = tls->number == TLS_IMPLICIT;

	if (scope_given(destination, "user"))
		return tls->given && !implicit ? PORT_SUBMISSION
					       : PORT_SUBMISSIONS;
	return tls->given && implicit ? PORT_SUBMISSIONS : PORT_SMTP;
}

static int64_t
usual_tls(const struct scope *destination)
{
	const char *peer = destination_peer(destination);
	bool socket = destination_is_socket(destination);

	if (scope_value(destination, "port")->number == PORT_SUBMISSIONS &&
	    !socket)
		return TLS_IMPLICIT;
	if (socket || (peer != NULL && host_is_loopback(peer)))
		return TLS_NONE;
	return TLS_STARTTLS;
}

void
derive_destination_transport(
    struct settings_memory *m, struct scope *destination)
{
	if (!scope_given(destination, "port") &&
	    scope_given(destination, "smtp"))
		scope_derive(
		    m, destination, "port", smtp_port(destination), NULL);
	if (!scope_given(destination, "tls"))
		scope_derive(
		    m, destination, "tls", usual_tls(destination), NULL);
}

/* What the table says, made once for all scopes of a section. */
static const struct value **
initial_values(struct settings_memory *m, enum section section)
{
	size_t count;
	const struct setting *rows = table_section(section, &count);
	const struct value **initial = m->initial[section];

	if (initial != NULL)
		return initial;
	m->initial[section] = initial = xcalloc(count, sizeof *initial);
	for (size_t i = 0; i < count; i++) {
		struct value v = { 0 };

		value_initial(&v, rows + i, m);
		initial[i] = memory_copy(m, &v, sizeof v);
	}
	return initial;
}

/* That a value is bad is not forgotten. */
static void
derive_initial(struct scope *s, struct settings_memory *m)
{
	size_t count;
	const struct setting *rows = table_section(s->section, &count);
	const struct value **initial = initial_values(m, s->section);

	for (size_t i = 0; i < count; i++) {
		bool bad = s->values[i]->bad;

		if (s->values[i]->given)
			continue;
		s->values[i] = initial[i];
		if (bad)
			scope_change(m, s, rows[i].name)->bad = true;
	}
}

static const char *
absolute(struct settings_memory *m, const char *path)
{
	char *here, *text;

	if (path[0] == '/')
		return memory_text(m, path);
	here = getcwd(NULL, 0);
	text = memory_textf(m, "%s/%s", here != NULL ? here : "", path);
	free(here);
	return text;
}

static const char *
usual_state(struct settings_memory *m)
{
	const char *dir = getenv("STATE_DIRECTORY");

	/* systemd may name several, with colons between them. */
	if (dir != NULL && dir[0] == '/')
		return memory_textf(m, "%.*s", (int)strcspn(dir, ":"), dir);
	if (geteuid() == 0)
		return memory_text(m, "/var/lib/postrider");
	dir = getenv("XDG_STATE_HOME");
	if (dir != NULL && dir[0] == '/')
		return memory_textf(m, "%s/postrider", dir);
	return memory_textf(m, "%s/.local/state/postrider", source_home());
}

void
derive_state(struct settings_memory *m, const char *state)
{
	struct value *v = scope_change(m, &m->global, "state");

	if (state != NULL) {
		v->given = true;
		v->at = m->global.at;
		v->text = absolute(m, state);
	} else if (!v->given) {
		v->text = usual_state(m);
	}
}

static void
derive_account(struct scope *account, struct settings_memory *m)
{
	scope_inherit(account, &m->defaults);
	derive_initial(account, m);
	derive_account_transport(m, account);
	if (!scope_given(account, "destination") && m->destination_count == 1)
		scope_derive(
		    m, account, "destination", 0, m->destinations[0].name);
	if (!scope_given(account, "report_via"))
		scope_derive(m, account, "report_via", 0,
		    scope_value(account, "destination")->text);
	if (!scope_given(account, "alert_via"))
		scope_derive(m, account, "alert_via", 0,
		    scope_value(account, "destination")->text);
}

void
derive_all(struct settings_memory *m, const char *state)
{
	derive_initial(&m->global, m);
	derive_state(m, state);
	for (size_t i = 0; i < m->destination_count; i++) {
		derive_initial(m->destinations + i, m);
		derive_destination_transport(m, m->destinations + i);
	}
	m->at_accounts = true;
	for (size_t i = 0; i < m->account_count; i++)
		derive_account(m->accounts + i, m);
	m->at_accounts = false;
}
