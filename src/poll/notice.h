/*
 * notice.h - telling the sender or the owner of a message that it was refused
 * for good, as on_reject says.
 */
#ifndef POLL_NOTICE_H
#define POLL_NOTICE_H

#include "poll/session.h"

/*
 * notice_send - hand over the report that is owed for a message. What it says
 * is read from the ledger (who refused, and the words) and from the mailbox.
 * Returns 0; 1 when the session has to be given up; -1.
 */
int notice_send(struct session *s, struct plan_entry *entry, struct error *e);

#endif
