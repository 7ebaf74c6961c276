/* held_pick.c - one message of the ledger, and the mailbox it lies in. */
#include "command/held.h"

#include "base/alloc.h"
#include "base/log.h"
#include "base/text.h"
#include "sasl/password.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sysexits.h>

int
held_number(const char *word, int64_t *message)
{
	uint64_t number = 0;

	if (text_u64(slice_of(word), INT64_MAX, &number) < 0 || number == 0) {
		log_error("\"%s\" is no number of a message; \"postrider held "
			  "list\" shows them",
		    word);
		return EX_USAGE;
	}
	*message = (int64_t)number;
	return EX_OK;
}

static void
pick_take(void *arg, const struct waiting *w)
{
	struct pick *p = arg;

	p->known = *w;
	p->account = xstrdup(w->account);
	p->reply = xstrdup(w->reply != NULL ? w->reply : "");
	buffer_add_slice(&p->uid, w->uid);
	p->known.account = p->account;
	p->known.reply = p->reply;
	p->known.uid = buffer_slice(&p->uid);
}

void
pick_free(struct pick *p)
{
	free(p->account);
	free(p->reply);
	buffer_free(&p->uid);
	*p = (struct pick){ 0 };
}

int
held_pick(struct reader *reader, const char *word, struct pick *p)
{
	struct error e = { 0 };
	int64_t message = 0;
	size_t found = 0;
	int status;

	status = held_number(word, &message);
	if (status != EX_OK)
		return status;
	if (reader_waiting(
		reader, NULL, message, STATE_ANY, pick_take, p, &found, &e) < 0)
		return command_fail(&e);
	if (found == 0) {
		log_error("there is no message %" PRId64, message);
		return EX_DATAERR;
	}
	return EX_OK;
}

/* Is the account's mailbox still the one that the message was in? */
static int
mailbox_check(
    const struct settings *settings, const struct account *a, struct error *e)
{
	struct reader *reader = NULL;
	int64_t id;
	int rc;

	rc = reader_open(&reader, settings->state, e);
	if (rc == 0)
		rc = reader_account(
		    reader, a->name, a->at.host, a->login.user, NULL, &id, e);
	reader_free(&reader);
	return rc;
}

int
held_peep(struct peep **peep, const struct ground *ground, const struct pick *p,
    const struct stop *stop, struct error *e)
{
	const struct settings *settings = ground->settings;
	const struct account *account;
	char *password = NULL;
	int rc;

	*peep = NULL;
	if (settings == NULL)
		return error_set(e, ERR_CONFIG,
		    "%s: the settings are wrong, so its mailbox cannot be "
		    "asked",
		    p->account);
	account = settings_account(settings, p->account);
	if (account == NULL)
		return error_set(e, ERR_CONFIG,
		    "%s: the settings have no such account", p->account);
	if (mailbox_check(settings, account, e) < 0 ||
	    password_get(&account->login, stop, &password, e) < 0)
		return -1;
	rc = peep_open(peep, account, password, stop, e);
	password_free(&password);
	return rc;
}
