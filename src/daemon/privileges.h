/*
 * privileges.h - becoming the user that the daemon works as. Root's rights are
 * never needed: who starts it as root has it give them up.
 */
#ifndef DAEMON_PRIVILEGES_H
#define DAEMON_PRIVILEGES_H

#include "base/error.h"

/*
 * privileges_become - become `run_as`: "USER" or "USER:GROUP", by name or by
 * number; NULL to stay what we are, with a warning when that is root.
 * With USER's other groups, $HOME, $USER and $LOGNAME, and no way back. Before
 * threads start, and before the log and the ledger are opened.
 * Returns 0, or -1 with ERR_CONFIG (no such user or group, or that is root; only
 * root can become another user) or ERR_SYSTEM: then do not go on.
 */
int privileges_become(const char *run_as, struct error *e);

#endif
