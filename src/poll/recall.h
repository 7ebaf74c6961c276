/*
 * recall.h - what earlier polls have left in the ledger to make this one
 * shorter: what the server can do, how it takes commands that are sent ahead,
 * and which listing leaves nothing to do. A wrong memory costs time, and is
 * forgotten.
 */
#ifndef POLL_RECALL_H
#define POLL_RECALL_H

#include "poll/session.h"

/* recall_begin - read what is known of the server. Returns 0, or -1. */
int recall_begin(struct session *s, struct error *e);

/*
 * recall_open - connect and log in, in as few round trips as is known to be
 * safe here; decides s->pipelining. As pop3_open() and pop3_login(); s->pop3 is
 * to be freed even after -1, should it not be NULL.
 */
int recall_open(struct session *s, struct error *e);

/*
 * recall_retreat - the session broke, by e: may it be because commands were
 * sent ahead, or a memory was wrong? Then the poll goes on with another
 * session, more carefully, and no message is to blame.
 * recall_refused - a part of the listing was refused: before recall_retreat().
 * recall_note - remember how it went so far: before s->pop3 is freed.
 * recall_not_suspect - what broke the session before breaks this one, too.
 * recall_one_came - a message has come; until then, after a retreat, none is
 *	asked for behind it (s->recall.stepping).
 * recall_went_well - the session came to its end.
 */
bool recall_retreat(struct session *s, const struct error *e);
void recall_refused(struct session *s, const struct error *e);
void recall_note(struct session *s);
void recall_not_suspect(struct session *s);
void recall_one_came(struct session *s);
void recall_went_well(struct session *s);

/*
 * recall_server - what is to be recorded of the server, or NULL: nothing new.
 */
const struct ledger_server *recall_server(const struct session *s);

/*
 * recall_listing - STAT and UIDL have been answered.
 * recall_is_quiet - is that the listing that left the last poll nothing to do,
 *	and is there nothing still?
 * recall_plan - the plan is made.
 * recall_quiet - what is to be recorded of it, or NULL: it is not quiet.
 */
void recall_listing(struct session *s);
bool recall_is_quiet(struct session *s, int64_t now);
void recall_plan(struct session *s);
const struct ledger_quiet *recall_quiet(const struct session *s);

#endif
