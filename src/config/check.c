#include "config/check.h"

#include "base/alloc.h"
#include "base/host.h"
#include "base/text.h"
#include "base/user.h"
#include "config/derive.h"
#include "config/settings.h"
#include "config/value.h"
#include "net/endpoint.h"
#include "poll/account.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

struct check {
	struct settings_memory *memory;
	struct problems *problems;
};

/* Without any destination that one problem is enough. */
static bool
is_missing(
    const struct check *c, const struct setting *row, const struct value *v)
{
	if (!(row->flags & SETTING_REQUIRED) || v->given || v->bad)
		return false;
	if (strcmp(row->name, "destination") == 0 &&
	    c->memory->destination_count == 0)
		return false;
	return !value_is_set(v, row);
}

static void
check_required(struct check *c, const struct scope *s)
{
	size_t count;
	const struct setting *rows = table_section(s->section, &count);

	for (size_t i = 0; i < count; i++)
		if (is_missing(c, rows + i, s->values[i]))
			problem_add(c->problems, s->at, "%s\"%s\" is missing",
			    scope_title(c->memory, s), rows[i].name);
}

/* Will it be there? */
static bool
is_drafted(const struct check *c, const char *path)
{
	const struct settings_draft *draft = c->memory->draft;
	const char *const *file = draft != NULL ? draft->files : NULL;

	for (; file != NULL && *file != NULL; file++)
		if (strcmp(*file, path) == 0)
			return true;
	return false;
}

static void
check_files(struct check *c, const struct scope *s)
{
	size_t count;
	const struct setting *rows = table_section(s->section, &count);

	for (size_t i = 0; i < count; i++) {
		const struct value *v = s->values[i];
		struct stat st;

		if (!(rows[i].flags & SETTING_FILE) || !v->given || v->bad)
			continue;
		if (stat(v->text, &st) < 0 &&
		    (errno == ENOENT || errno == ENOTDIR) &&
		    !is_drafted(c, v->text))
			problem_add(c->problems, v->at, "%s: %s: %s",
			    rows[i].name, v->text, strerror(errno));
	}
}

static void
check_cleartext(struct check *c, const struct scope *s, const char *host)
{
	const struct value *tls = scope_value(s, "tls");

	if (tls->bad || host == NULL || host_is_loopback(host) ||
	    tls->number != TLS_NONE ||
	    scope_value(s, "allow_cleartext")->number)
		return;
	problem_add(c->problems, scope_place(s, "tls"),
	    "%stls = \"none\" would show password and mail to everybody on "
	    "the way to %s; if that is wanted, set allow_cleartext = true",
	    scope_title(c->memory, s), host);
}

/* The destination of that name, or NULL. */
static const struct scope *
find_destination(const struct check *c, const char *name)
{
	for (size_t i = 0; i < c->memory->destination_count; i++)
		if (strcmp(c->memory->destinations[i].name, name) == 0)
			return &c->memory->destinations[i];
	return NULL;
}

static void
check_destination_name(
    struct check *c, const struct scope *account, const char *setting)
{
	const struct value *v = scope_value(account, setting);
	size_t count = c->memory->destination_count;
	const char **names;
	const char *nearest;

	if (v->bad || v->text == NULL || count == 0 ||
	    find_destination(c, v->text) != NULL)
		return;
	names = xcalloc(count + 1, sizeof *names);
	for (size_t i = 0; i < count; i++)
		names[i] = c->memory->destinations[i].name;
	nearest = text_nearest(v->text, names);
	if (nearest != NULL)
		problem_add(c->problems, v->at,
		    "unknown destination \"%s\": did you mean \"%s\"?", v->text,
		    nearest);
	else
		problem_add(c->problems, v->at,
		    "unknown destination \"%s\": there is no such group in "
		    "destinations",
		    v->text);
	free(names);
}

/* Whoever is to be told must be named, and within reach. */
static void
check_reports(struct check *c, const struct scope *account)
{
	const struct value *how = scope_value(account, "on_reject");
	const char *via = scope_value(account, "report_via")->text;
	const struct scope *to = via != NULL ? find_destination(c, via) : NULL;

	if (how->bad)
		return;
	if (how->number == REJECT_POSTMASTER &&
	    !scope_given(account, "postmaster"))
		problem_add(c->problems, how->at,
		    "%son_reject = \"postmaster\" needs to know who that is: "
		    "postmaster = \"ann@example.org\"",
		    scope_title(c->memory, account));
	if (how->number == REJECT_BOUNCE && to != NULL &&
	    scope_given(to, "lmtp"))
		problem_add(c->problems, how->at,
		    "%son_reject = \"bounce\" writes to senders in the world, "
		    "and \"%s\" delivers by LMTP, to its own users only: name "
		    "an SMTP destination in report_via",
		    scope_title(c->memory, account), via);
}

static void
check_every(struct check *c, const struct scope *account)
{
	const struct value *min = scope_value(account, "every_min");
	const struct value *max = scope_value(account, "every_max");
	char shortest[TEXT_UNIT], longest[TEXT_UNIT];

	if (min->bad || max->bad || min->number <= max->number)
		return;
	problem_add(c->problems, min->given ? min->at : max->at,
	    "every_min (%s) is longer than every_max (%s)",
	    text_from_duration(min->number, shortest),
	    text_from_duration(max->number, longest));
}

static void
check_account(struct check *c, const struct scope *account)
{
	const struct value *pop3 = scope_value(account, "pop3");

	check_required(c, account);
	check_files(c, account);
	if (!pop3->bad)
		check_cleartext(c, account, pop3->text);
	check_destination_name(c, account, "destination");
	if (scope_given(account, "report_via"))
		check_destination_name(c, account, "report_via");
	if (scope_given(account, "alert_via"))
		check_destination_name(c, account, "alert_via");
	check_reports(c, account);
	check_every(c, account);
}

/* None of these does anything for somebody who does not log in. */
static void
check_login(struct check *c, const struct scope *destination)
{
	static const char *const names[] = { "auth", "password",
		"password_file", "password_command", NULL };

	if (scope_given(destination, "user"))
		return;
	for (size_t i = 0; names[i] != NULL; i++)
		if (scope_given(destination, names[i]))
			problem_add(c->problems,
			    scope_place(destination, names[i]),
			    "%s\"%s\" needs a \"user\" beside it",
			    scope_title(c->memory, destination), names[i]);
}

static void
check_socket(struct check *c, const struct scope *destination)
{
	static const char *const names[] = { "port", "ca_file", NULL };
	const struct value *tls = scope_value(destination, "tls");

	for (size_t i = 0; names[i] != NULL; i++)
		if (scope_given(destination, names[i]))
			problem_add(c->problems,
			    scope_place(destination, names[i]),
			    "%s\"%s\" has no meaning for a unix socket; "
			    "remove it",
			    scope_title(c->memory, destination), names[i]);
	if (tls->given && !tls->bad && tls->number != TLS_NONE)
		problem_add(c->problems, tls->at,
		    "%sthere is no TLS over a unix socket; remove \"tls\"",
		    scope_title(c->memory, destination));
}

static void
check_peer(struct check *c, const struct scope *destination)
{
	bool smtp = scope_given(destination, "smtp");
	bool lmtp = scope_given(destination, "lmtp");
	bool bad = scope_value(destination, "smtp")->bad ||
	    scope_value(destination, "lmtp")->bad;
	const char *title = scope_title(c->memory, destination);

	if (!smtp && !lmtp && !bad)
		problem_add(c->problems, destination->at,
		    "%s\"smtp\" or \"lmtp\" is missing", title);
	if (smtp && lmtp)
		problem_add(c->problems, scope_place(destination, "lmtp"),
		    "%s\"smtp\" and \"lmtp\" exclude each other; keep one",
		    title);
	if (smtp || !lmtp || bad)
		return;
	if (destination_is_socket(destination))
		check_socket(c, destination);
	else if (!scope_given(destination, "port"))
		problem_add(c->problems, destination->at,
		    "%s\"port\" is missing: LMTP over TCP has no usual one",
		    title);
}

static void
check_destination(struct check *c, const struct scope *destination)
{
	const char *peer = destination_peer(destination);
	bool bad = scope_value(destination, "smtp")->bad ||
	    scope_value(destination, "lmtp")->bad;

	check_peer(c, destination);
	check_files(c, destination);
	check_login(c, destination);
	if (!bad && !destination_is_socket(destination))
		check_cleartext(c, destination, peer);
}

static int
compare_text(
    const char *a, const char *b, int (*compare)(const char *, const char *))
{
	if (a == NULL || b == NULL)
		return (a != NULL) - (b != NULL);
	return compare(a, b);
}

/* What must differ, looked up once: thousands of accounts are sorted by it. */
struct identity {
	const struct scope *account;
	const char *user, *pop3;
	int64_t port;
};

static struct identity
identity_of(const struct scope *account)
{
	return (struct identity){
		.account = account,
		.user = scope_value(account, "user")->text,
		.pop3 = scope_value(account, "pop3")->text,
		.port = scope_value(account, "port")->number,
	};
}

/* In the order in which they stand. */
static int
compare_order(const struct identity *a, const struct identity *b)
{
	return a->account < b->account ? -1 : a->account > b->account;
}

static int
compare_names(const struct identity *a, const struct identity *b)
{
	return compare_text(a->account->name, b->account->name, strcmp);
}

static int
compare_maildrops(const struct identity *a, const struct identity *b)
{
	int order = compare_text(a->user, b->user, strcmp);

	if (order == 0)
		order = compare_text(a->pop3, b->pop3, strcasecmp);
	if (order == 0)
		order = (a->port > b->port) - (a->port < b->port);
	return order;
}

static int
by_name(const void *left, const void *right)
{
	int order = compare_names(left, right);

	return order != 0 ? order : compare_order(left, right);
}

static int
by_maildrop(const void *left, const void *right)
{
	int order = compare_maildrops(left, right);

	return order != 0 ? order : compare_order(left, right);
}

static void
check_names_differ(struct check *c, struct identity *sorted, size_t count)
{
	qsort(sorted, count, sizeof *sorted, by_name);
	for (size_t i = 1; i < count; i++) {
		const struct scope *a = sorted[i - 1].account;
		const struct scope *b = sorted[i].account;

		if (b->name == NULL ||
		    compare_names(sorted + i - 1, sorted + i) != 0)
			continue;
		problem_add(c->problems, scope_place(b, "name"),
		    "there is another account \"%s\" at %s:%u; each needs a "
		    "name of its own",
		    b->name, scope_place(a, "name").file,
		    scope_place(a, "name").line);
	}
}

static bool
has_maildrop(const struct scope *account)
{
	const struct value *port = scope_value(account, "port");
	const struct value *pop3 = scope_value(account, "pop3");
	const struct value *user = scope_value(account, "user");

	return pop3->text != NULL && user->text != NULL && !pop3->bad &&
	    !user->bad && !port->bad;
}

static void
check_maildrops_differ(struct check *c, struct identity *sorted, size_t count)
{
	qsort(sorted, count, sizeof *sorted, by_maildrop);
	for (size_t i = 1; i < count; i++) {
		const struct scope *a = sorted[i - 1].account;
		const struct scope *b = sorted[i].account;

		if (compare_maildrops(sorted + i - 1, sorted + i) != 0 ||
		    !has_maildrop(a) || !has_maildrop(b))
			continue;
		problem_add(c->problems, b->at,
		    "%sthe account at %s:%u fetches from the same mailbox "
		    "(%s at %s); one mailbox can have several recipients, but "
		    "only one account",
		    scope_title(c->memory, b), a->at.file, a->at.line,
		    sorted[i].user, sorted[i].pop3);
	}
}

static void
check_accounts_differ(struct check *c)
{
	size_t count = c->memory->account_count;
	struct identity *sorted = xcalloc(count + 1, sizeof *sorted);

	for (size_t i = 0; i < count; i++)
		sorted[i] = identity_of(c->memory->accounts + i);
	check_names_differ(c, sorted, count);
	check_maildrops_differ(c, sorted, count);
	free(sorted);
}

static void
check_global(struct check *c)
{
	const struct scope *global = &c->memory->global;
	const struct settings_draft *draft = c->memory->draft;

	if (c->memory->destination_count == 0 &&
	    !scope_value(global, "destinations")->bad)
		problem_add(c->problems, scope_place(global, "destinations"),
		    "there are no destinations; one at least is needed: "
		    "destinations = { home = { lmtp = \"/run/dovecot/lmtp\"; "
		    "}; };");
	if (c->memory->account_count == 0 && (draft == NULL || !draft->empty) &&
	    !scope_value(global, "accounts")->bad &&
	    !scope_value(global, "accounts_dir")->bad)
		problem_add(c->problems,
		    scope_given(global, "accounts")
			? scope_place(global, "accounts")
			: scope_place(global, "accounts_dir"),
		    "there are no accounts; add one to accounts or to "
		    "accounts_dir");
}

/* Whom root becomes: then what that user may write is done in his name. */
static bool
find_run_as(const struct settings_memory *m, uid_t *uid)
{
	const char *run_as = scope_value(&m->global, "run_as")->text;
	struct user who = { 0 };
	struct error e;
	bool found;

	if (geteuid() != 0 || run_as == NULL)
		return false;
	found = user_find(&who, run_as, &e) == 0 && who.uid != 0 &&
	    (m->run_as_owner == 0 || m->run_as_owner == who.uid);
	*uid = who.uid;
	user_free(&who);
	return found;
}

static void
check_strangers(struct check *c)
{
	const struct settings_memory *m = c->memory;
	uid_t reader = geteuid(), run_as;
	bool becomes;

	if (m->stranger_count == 0)
		return;
	becomes = find_run_as(m, &run_as);
	if (becomes)
		reader = run_as;
	for (size_t i = 0; i < m->stranger_count; i++) {
		const struct stranger *s = &m->strangers[i];

		if (becomes && s->owner == run_as)
			continue;
		problem_add(c->problems, s->at,
		    "a password stands here, and the file belongs to another "
		    "user; run: chown %lu %s",
		    (unsigned long)reader, s->at.file);
	}
}

void
check_all(struct settings_memory *m, struct problems *p)
{
	struct check c = { .memory = m, .problems = p };

	check_global(&c);
	for (size_t i = 0; i < m->destination_count; i++)
		check_destination(&c, m->destinations + i);
	for (size_t i = 0; i < m->account_count; i++)
		check_account(&c, m->accounts + i);
	check_accounts_differ(&c);
	check_strangers(&c);
}
