/* decision.c - see decision.h. */
#include "daemon/decision.h"

#include "base/alloc.h"
#include "base/text.h"
#include "ledger/reader.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define STATE_BIT(state) (1u << (state))
#define STATE_ANY (STATE_BIT(STATES) - 1)

static const struct {
	enum change_kind change;
	unsigned states; /* that it can be made in */
	const char *states_text;
	const char *outcome;
	bool all; /* takes the word "all" */
} kinds[] = {
	[DECISION_RETRY] = { CHANGE_RETRY,
	    STATE_BIT(STATE_HELD) | STATE_BIT(STATE_DROPPED), "held or dropped",
	    "to be tried again by the next poll", true },
	[DECISION_DROP] = { CHANGE_DROP, STATE_BIT(STATE_HELD), "held",
	    "to be deleted from the mailbox by the next poll", false },
};

/* A search in the ledger. */
struct search {
	struct decided *d;
	enum state state; /* of the message found last */
	size_t room;
};

static bool
is_known(const struct decided *d, int64_t message)
{
	for (size_t i = 0; i < d->count; i++)
		if (d->messages[i] == message)
			return true;
	return false;
}

/* They come account by account, so that the last one is looked at first. */
static void
account_add(struct decided *d, const char *name)
{
	for (size_t i = d->account_count; i-- > 0;)
		if (strcmp(d->accounts[i], name) == 0)
			return;
	d->accounts =
	    xrealloc(d->accounts, d->account_count + 1, sizeof(*d->accounts));
	d->accounts[d->account_count++] = xstrdup(name);
}

static void
found(void *arg, const struct waiting *w)
{
	struct search *s = arg;
	struct decided *d = s->d;

	if (d->count == s->room) {
		s->room = 2 * s->room + 16;
		d->messages =
		    xrealloc(d->messages, s->room, sizeof(*d->messages));
	}
	d->messages[d->count++] = w->message;
	account_add(d, w->account);
	s->state = w->state;
}

/* Returns an exit status. */
static int
look_for(
    struct reader *reader, const char *word, struct search *s, struct error *e)
{
	uint64_t number = 0;
	size_t count = 0;

	if (text_u64(slice_of(word), INT64_MAX, &number) < 0 || number == 0) {
		error_set(e, ERR_USAGE,
		    "\"%s\" is no number of a message; \"postrider held list\" "
		    "shows them",
		    word);
		return EX_USAGE;
	}
	if (is_known(s->d, (int64_t)number))
		return EX_OK;
	if (reader_waiting(reader, NULL, (int64_t)number, STATE_ANY, found, s,
		&count, e) < 0)
		return error_exit_status(e->kind);
	if (count == 0) {
		error_set(e, ERR_USAGE,
		    "there is no message %" PRIu64 "; nothing has been changed",
		    number);
		return EX_DATAERR;
	}
	if ((STATE_BIT(s->state) & kinds[s->d->decision].states) == 0) {
		error_set(e, ERR_USAGE,
		    "message %" PRIu64 " is %s, not %s; nothing has been "
		    "changed",
		    number, state_name(s->state),
		    kinds[s->d->decision].states_text);
		return EX_DATAERR;
	}
	return EX_OK;
}

static int
look(struct reader *reader, char *const *words, struct search *s,
    struct error *e)
{
	size_t count = 0;
	int status = EX_OK;

	if (words == NULL)
		return EX_OK;
	if (kinds[s->d->decision].all && words[0] != NULL &&
	    strcmp(words[0], "all") == 0 && words[1] == NULL)
		return reader_waiting(reader, NULL, 0, STATE_BIT(STATE_HELD),
			   found, s, &count, e) < 0
		    ? error_exit_status(e->kind)
		    : EX_OK;
	for (size_t i = 0; words[i] != NULL && status == EX_OK; i++)
		status = look_for(reader, words[i], s, e);
	return status;
}

int
decision_look(const char *state_dir, enum decision decision, char *const *words,
    struct decided *d, struct error *e)
{
	struct search s = { .d = d };
	struct reader *reader = NULL;
	int status;

	*d = (struct decided){ .decision = decision };
	if (reader_open(&reader, state_dir, e) < 0)
		return error_exit_status(e->kind);
	status = look(reader, words, &s, e);
	reader_free(&reader);
	if (status != EX_OK)
		decided_free(d);
	return status;
}

/* In one transaction; rows named by number need no account. */
static int
apply(struct ledger *ledger, const struct decided *d, struct error *e)
{
	struct ledger_change *changes = xcalloc(d->count, sizeof(*changes));
	int rc;

	for (size_t i = 0; i < d->count; i++) {
		changes[i].kind = kinds[d->decision].change;
		changes[i].message = d->messages[i];
	}
	rc = ledger_change(ledger, 0, changes, d->count, e);
	free(changes);
	return rc;
}

int
decision_make(const char *state_dir, struct ledger *ledger,
    enum decision decision, char *const *words, struct decided *d,
    struct error *e)
{
	int status = decision_look(state_dir, decision, words, d, e);

	if (status != EX_OK || d->count == 0 || apply(ledger, d, e) == 0)
		return status;
	decided_free(d);
	return error_exit_status(e->kind);
}

void
decided_tell(const struct decided *d, struct buffer *out)
{
	if (d->count == 0)
		buffer_add_text(out, "nothing is held\n");
	else
		buffer_addf(out, "%zu message%s %s\n", d->count,
		    d->count == 1 ? "" : "s", kinds[d->decision].outcome);
}

void
decided_free(struct decided *d)
{
	free(d->messages);
	for (size_t i = 0; i < d->account_count; i++)
		free(d->accounts[i]);
	free(d->accounts);
	*d = (struct decided){ 0 };
}
