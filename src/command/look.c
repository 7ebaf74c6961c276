/* look.c - see look.h. */
#include "command/look.h"

#include "command/session.h"
#include "sasl/password.h"

#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

struct looking {
	const struct invocation *in;
	const struct settings *settings;
	const struct account **accounts;
	const char **names; /* of all in the settings, NULL-terminated */
	void (*show)(const struct look *look);
	const struct baseline *baseline; /* or NULL */
	struct json json;
};

static void
look_show(struct looking *l, const struct account *account,
    const struct listing *listing, const struct plan *plan,
    const struct error *e)
{
	struct look look = { .in = l->in,
		.account = account,
		.listing = listing,
		.plan = plan };

	if (!l->in->json) {
		if (e->kind == ERR_NONE)
			l->show(&look);
		return;
	}
	look.json = &l->json;
	json_open(&l->json, NULL, '{');
	json_string(&l->json, "account", account->name);
	json_string(&l->json, "error",
	    e->kind == ERR_NONE ? NULL : error_name(e->kind));
	json_string(
	    &l->json, "error_text", e->kind == ERR_NONE ? NULL : e->text);
	if (e->kind == ERR_NONE)
		l->show(&look);
	json_close(&l->json, '}');
}

static int
look_account(
    struct looking *l, const struct account *account, const struct stop *stop)
{
	struct listing listing = { 0 };
	struct rows rows = { 0 };
	struct plan plan = { 0 };
	struct error e = { 0 };
	char *password = NULL;
	int status = EX_OK;
	int rc;

	rc = password_get(&account->login, stop, &password, &e);
	if (rc == 0) {
		rc = poll_look(account, password, l->names, l->settings->state,
		    l->baseline, stop, &listing, &rows, &plan, &e);
		password_free(&password);
	}
	if (rc == 0) {
		error_clear(&e);
		listing_warn(&listing, account->name);
		status = listing.left_out > 0 ? EX_PROTOCOL : EX_OK;
	} else {
		status = command_fail_at(account->name, &e);
	}
	look_show(l, account, &listing, &plan, &e);
	plan_free(&plan);
	rows_free(&rows);
	listing_free(&listing);
	return status;
}

static int
look_accounts(void *arg, const struct stop *stop)
{
	struct looking *l = arg;
	const struct account **account;
	int status = EX_OK;

	for (account = l->accounts; *account != NULL; account++) {
		if (stop_level(stop) != STOP_NO)
			break;
		status = command_worse(status, look_account(l, *account, stop));
		fflush(stdout);
	}
	return status;
}

int
look_run(const struct invocation *in, void (*show)(const struct look *look))
{
	return look_baseline(in, NULL, show);
}

int
look_baseline(const struct invocation *in, const struct baseline *baseline,
    void (*show)(const struct look *look))
{
	struct looking l = { .in = in,
		.show = show,
		.baseline = baseline,
		.json.prints = in->json };
	struct settings *settings = NULL;
	int status;

	status = command_settings(in, &settings);
	if (status == EX_OK)
		status = command_become(in, &settings);
	if (status != EX_OK) {
		settings_free(&settings);
		return status;
	}
	l.settings = settings;
	l.accounts = command_accounts(in, settings);
	if (l.accounts == NULL) {
		settings_free(&settings);
		return EX_USAGE;
	}
	l.names = settings_names(settings);
	json_open(&l.json, NULL, '{');
	json_open(&l.json, "accounts", '[');
	status = session_run(look_accounts, NULL, &l);
	json_close(&l.json, ']');
	json_close(&l.json, '}');
	if (in->json)
		json_finish(&l.json);
	else
		buffer_free(&l.json.out);
	free(l.names);
	free(l.accounts);
	settings_free(&settings);
	return status;
}

const char *
look_state(const struct plan_entry *entry)
{
	if (entry->row == NULL || entry->fresh)
		return state_name(STATE_NEW);
	return state_name(entry->row->state);
}
