/* check.c - the command `check`: proves each step to and from the servers. */
#include "base/alloc.h"
#include "base/buffer.h"
#include "base/log.h"
#include "base/text.h"
#include "command/command.h"
#include "command/session.h"
#include "delivery/delivery.h"
#include "pop3/pop3.h"
#include "sasl/password.h"

#include <inttypes.h>
#include <search.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

/* More than any header; what TOP sends is thrown away. */
#define TOP_MAX ((uint64_t)16 * 1024 * 1024)

struct check {
	const struct invocation *in;
	const struct settings *settings;
	const struct account **accounts;
	const struct stop *stop;
	const char *name; /* what is being checked */
};

static void step(const struct check *c, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Flushed at once: errors go to the other stream. */
static void
step(const struct check *c, const char *fmt, ...)
{
	va_list ap;

	if (c->in->quiet)
		return;
	printf("%s: ", c->name);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
}

static void
word_add(struct buffer *b, bool offered, const char *word)
{
	if (offered)
		buffer_addf(b, " %s", word);
}

static void
capa_step(const struct check *c, const struct pop3_capa *capa)
{
	struct buffer b = { 0 };

	if (!capa->known) {
		step(c, "capabilities: the server does not know CAPA");
		return;
	}
	word_add(&b, capa->uidl, "UIDL");
	word_add(&b, capa->top, "TOP");
	word_add(&b, capa->user, "USER");
	word_add(&b, capa->stls, "STLS");
	word_add(&b, capa->pipelining, "PIPELINING");
	word_add(&b, capa->resp_codes, "RESP-CODES");
	word_add(&b, capa->utf8, "UTF8");
	if (capa->sasl[0] != '\0')
		buffer_addf(&b, " SASL (%s)", capa->sasl);
	if (capa->login_delay_s >= 0)
		buffer_addf(
		    &b, " LOGIN-DELAY (%" PRId64 " s)", capa->login_delay_s);
	if (capa->expire_days >= 0 && capa->expire_days < INT64_MAX)
		buffer_addf(
		    &b, " EXPIRE (%" PRId64 " days)", capa->expire_days);
	if (capa->implementation[0] != '\0')
		buffer_addf(&b, " IMPLEMENTATION (%s)", capa->implementation);
	step(c, "capabilities:%s", b.len > 0 ? b.data : " none");
	buffer_free(&b);
}

static int
uidl_count(void *arg, uint32_t number, struct slice uid, struct error *e)
{
	(void)number;
	(void)uid;
	(void)e;
	++*(uint32_t *)arg;
	return 0;
}

/* A refusal answers the question; other errors end the session. */
static int
has_uidl(struct pop3 *pop3, bool *has, struct error *e)
{
	uint32_t listed = 0;

	*has = pop3_uidl(pop3, uidl_count, &listed, e) == 0;
	if (*has || e->kind != ERR_REFUSED)
		return *has ? 0 : -1;
	error_clear(e);
	return 0;
}

static int
has_top(struct pop3 *pop3, uint32_t count, bool *has, struct error *e)
{
	*has = pop3_capa(pop3)->top;
	if (count == 0)
		return 0;
	*has = pop3_top(pop3, 1, e) == 0;
	if (!*has && e->kind != ERR_REFUSED)
		return -1;
	error_clear(e);
	if (!*has)
		return 0;
	switch (pop3_drain(pop3, TOP_MAX, e)) {
	case 0:
		return 0;
	case 1:
		return error_set(e, ERR_PROTOCOL,
		    "the server sends more than a header for TOP 1 0");
	default:
		return -1;
	}
}

/* TOP is only tried where it is needed: servers may count it as reading. */
static int
identity_check(struct pop3 *pop3, const struct check *c,
    const struct account *account, uint32_t count, struct error *e)
{
	bool uidl;
	bool top;

	if (has_uidl(pop3, &uidl, e) < 0)
		return -1;
	if (uidl && (!pop3_capa(pop3)->known || pop3_capa(pop3)->top))
		return 0;
	if (uidl) {
		log_warning("%s: the server does not offer TOP, which %s",
		    c->name,
		    account->first == FIRST_SINCE
			? "first_poll = \"since …\" asks for; each message is "
			  "read in full instead"
			: "recognises mail when unique ids change; each "
			  "message is then read in full");
		return 0;
	}
	if (has_top(pop3, count, &top, e) < 0)
		return -1;
	if (!top) {
		log_warning("%s: the server has neither UIDL nor TOP, so that "
			    "every poll has to read all that is in the mailbox",
		    c->name);
		return 0;
	}
	log_warning("%s: the server does not offer UIDL; messages are known "
		    "by their headers, which takes longer",
	    c->name);
	return 0;
}

static int
maildrop_check(struct pop3 *pop3, const struct check *c,
    const struct account *account, struct error *e)
{
	uint32_t count = 0;
	uint64_t octets = 0;
	char size[TEXT_UNIT];

	capa_step(c, pop3_capa(pop3));
	if (pop3_stat(pop3, &count, &octets, e) < 0)
		return -1;
	step(c, "maildrop: %" PRIu32 " message%s, %s", count,
	    count == 1 ? "" : "s", text_octets(octets, size));
	if (identity_check(pop3, c, account, count, e) < 0)
		return -1;
	return pop3_quit(pop3, e);
}

static void
connected_step(
    const struct check *c, const struct endpoint *at, const char *tls)
{
	step(c, "connected to %s:%u, %s", at->host, at->port,
	    *tls != '\0' ? tls : "without TLS");
}

static int
account_check(
    const struct check *c, const struct account *account, struct error *e)
{
	struct pop3 *pop3 = NULL;
	char *password = NULL;
	int rc = -1;

	if (pop3_open(&pop3, &account->at, c->stop, e) < 0)
		goto out;
	connected_step(c, &account->at, pop3_tls_text(pop3));
	if (password_get(&account->login, c->stop, &password, e) < 0 ||
	    pop3_login(pop3, &account->login, password, e) < 0)
		goto out;
	step(c, "logged in as %s", account->login.user);
	rc = maildrop_check(pop3, c, account, e);
out:
	password_free(&password);
	pop3_free(&pop3);
	return rc;
}

static int
by_text(const void *one, const void *other)
{
	return strcmp(one, other);
}

static void
keep_it(void *recipient)
{
	(void)recipient;
}

/* Is this the first time that it is seen? seen: of tsearch(3). */
static bool
is_first(void **seen, const char *recipient)
{
	if (tfind(recipient, seen, by_text) != NULL)
		return false;
	if (tsearch(recipient, seen, by_text) == NULL)
		abort(); /* out of memory, as in alloc.h */
	return true;
}

/* All that the accounts being checked send there, each once. */
static const char **
recipients_of(const struct check *c, const char *destination)
{
	const struct account *const *a;
	const char **recipients;
	void *seen = NULL;
	size_t room = 1;
	size_t n = 0;
	size_t i;

	for (a = c->accounts; *a != NULL; a++)
		for (i = 0; (*a)->recipients[i] != NULL; i++)
			room++;
	recipients = xcalloc(room, sizeof(*recipients));
	for (a = c->accounts; *a != NULL; a++) {
		if (strcmp((*a)->destination, destination) != 0)
			continue;
		for (i = 0; (*a)->recipients[i] != NULL; i++)
			if (is_first(&seen, (*a)->recipients[i]))
				recipients[n++] = (*a)->recipients[i];
	}
	tdestroy(seen, keep_it);
	return recipients;
}

static void
destination_step(void *arg, const char *what, const char *detail)
{
	step(arg, "%s%s%s", what, *detail != '\0' ? " " : "", detail);
}

static int
destination_check(struct check *c, const struct destination *destination,
    const char *const *recipients, struct error *e)
{
	const struct delivery_report report = { destination_step, c };

	return delivery_probe(destination, recipients, c->stop, &report, e);
}

static int
check_accounts(struct check *c)
{
	const struct account **account;
	struct error e = { 0 };
	int status = EX_OK;

	for (account = c->accounts; *account != NULL; account++) {
		if (stop_level(c->stop) != STOP_NO)
			break;
		c->name = (*account)->name;
		error_clear(&e);
		if (account_check(c, *account, &e) < 0)
			status =
			    command_worse(status, command_fail_at(c->name, &e));
	}
	return status;
}

static int
check_destinations(struct check *c)
{
	const struct destination *d = c->settings->destinations;
	const char **recipients;
	struct error e = { 0 };
	int status = EX_OK;
	size_t i;

	for (i = 0; i < c->settings->destination_count; i++) {
		if (stop_level(c->stop) != STOP_NO)
			break;
		c->name = d[i].name;
		recipients = recipients_of(c, c->name);
		error_clear(&e);
		if (recipients[0] != NULL &&
		    destination_check(c, &d[i], recipients, &e) < 0)
			status =
			    command_worse(status, command_fail_at(c->name, &e));
		free(recipients);
	}
	return status;
}

static int
check_work(void *arg, const struct stop *stop)
{
	struct check *c = arg;
	int status;

	c->stop = stop;
	if (!c->in->quiet)
		printf("%s: %zu account%s, %zu destination%s, no mistake "
		       "found\n",
		    c->settings->file, c->settings->account_count,
		    c->settings->account_count == 1 ? "" : "s",
		    c->settings->destination_count,
		    c->settings->destination_count == 1 ? "" : "s");
	status = check_accounts(c);
	status = command_worse(status, check_destinations(c));
	if (status == EX_OK && !c->in->quiet)
		printf("all is well\n");
	return status;
}

static int
check_run(const struct invocation *in)
{
	struct check c = { .in = in };
	struct settings *settings = NULL;
	int status;

	status = command_settings(in, &settings);
	if (status == EX_OK)
		status = command_become(in, &settings);
	if (status != EX_OK) {
		settings_free(&settings);
		return status;
	}
	c.settings = settings;
	c.accounts = command_accounts(in, settings);
	status =
	    c.accounts == NULL ? EX_USAGE : session_run(check_work, NULL, &c);
	free(c.accounts);
	settings_free(&settings);
	return status;
}

const struct command command_check = {
	.name = "check",
	.synopsis = "[ACCOUNT…]",
	.summary = "prove settings, logins and destinations; nothing is moved",
	.help = "Connects to the server of each account, logs in and looks at "
		"what the\n"
		"server can do; then connects to each destination that these "
		"accounts\n"
		"use, logs in and asks whether it takes mail for their "
		"recipients.\n"
		"Each step is shown. No message is moved and nothing is "
		"recorded; what\n"
		"fails is told, and the rest is checked all the same.\n",
	.options = 0,
	.run = check_run,
};
