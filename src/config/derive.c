#include "config/derive.h"

#include "base/alloc.h"
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
derive_account_transport(struct scope *account)
{
	const struct value *tls = scope_value(account, "tls");
	struct value *port = scope_value(account, "port");

	if (!port->given)
		port->number =
		    tls->number == TLS_IMPLICIT ? PORT_POP3S : PORT_POP3;
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

void
derive_destination_transport(struct scope *destination)
{
	const char *peer = destination_peer(destination);
	struct value *tls = scope_value(destination, "tls");
	struct value *port = scope_value(destination, "port");
	bool socket = destination_is_socket(destination);

	if (!port->given && scope_given(destination, "smtp"))
		port->number = smtp_port(destination);
	if (tls->given)
		return;
	if (port->number == PORT_SUBMISSIONS && !socket)
		tls->number = TLS_IMPLICIT;
	else if (socket || (peer != NULL && host_is_loopback(peer)))
		tls->number = TLS_NONE;
	else
		tls->number = TLS_STARTTLS;
}

static void
derive_initial(struct scope *s, struct settings_memory *m)
{
	size_t count;
	const struct setting *rows = table_section(s->section, &count);

	for (size_t i = 0; i < count; i++)
		if (!s->values[i].given)
			value_initial(s->values + i, rows + i, m);
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

static void
derive_state(struct settings_memory *m, const char *state)
{
	struct value *v = scope_value(&m->global, "state");

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
	struct value *destination = scope_value(account, "destination");
	struct value *report_via = scope_value(account, "report_via");
	struct value *alert_via = scope_value(account, "alert_via");

	scope_inherit(account, &m->defaults);
	derive_initial(account, m);
	derive_account_transport(account);
	if (!destination->given && m->destination_count == 1)
		destination->text = m->destinations[0].name;
	if (!report_via->given)
		report_via->text = destination->text;
	if (!alert_via->given)
		alert_via->text = destination->text;
}

void
derive_all(struct settings_memory *m, const char *state)
{
	derive_initial(&m->global, m);
	derive_state(m, state);
	for (size_t i = 0; i < m->destination_count; i++) {
		derive_initial(m->destinations + i, m);
		derive_destination_transport(m->destinations + i);
	}
	for (size_t i = 0; i < m->account_count; i++)
		derive_account(m->accounts + i, m);
}
