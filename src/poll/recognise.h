/*
 * recognise.h - mail that is listed under new UIDs is recognised by its headers
 * (moved.h), so that it is not fetched once more: its owner is asked, or has
 * answered already.
 */
#ifndef POLL_RECOGNISE_H
#define POLL_RECOGNISE_H

#include "poll/session.h"

/*
 * recognise_look - between listing and deeds: look at a few headers, if there
 * is reason to. Returns 0, or -1 with ERR_QUESTION: UIDs have changed, or none
 * is what was imported; or an error of the session. account: its name.
 */
int
recognise_look(struct pop3 *pop3, const char *account, const struct plan *plan,
    const struct rows *rows, int64_t now, struct error *e);

/*
 * recognise_answered - the same in a poll, with the owner's answer, if there is
 * one. Same mailbox: look at all headers, and give each row that is recognised
 * its new UID, all in one transaction. Other mail: no row that is not listed
 * now is looked for again.
 * Returns 0; 1: rows have changed, and the plan has to be made again; -1.
 */
int recognise_answered(struct session *s, int64_t now, struct error *e);

#endif
