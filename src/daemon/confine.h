/*
 * confine.h - what a program that keeps running for years gives up after its
 * start: all files but those that it needs (Landlock), and all system calls but
 * those that it uses (seccomp). Whoever gets it into his hands, by a fault in
 * what it does with the octets of a server, has the mail and the passwords that
 * go through it, and not the account of its user.
 *
 * What remains open: connecting to anything, unix sockets included.
 *
 * The way to use it, in the thread that is alone still: gather the paths, start
 * the helper that runs commands (base/runner.h, with commands.h), confine_begin(),
 * then open the ledger and begin all the rest.
 */
#ifndef DAEMON_CONFINE_H
#define DAEMON_CONFINE_H

#include "base/error.h"
#include "config/settings.h"

#include <stdbool.h>

struct confine;

/* confine_new - with the folders that the system's libraries read. */
struct confine *confine_new(void);
void confine_free(struct confine **c);

/*
 * confine_read - a file (then its folder, since it may be replaced by another
 * one of that name, and the folder of what it links to) or a folder.
 * confine_write - a folder to make, change and remove files in.
 * Both with all that is in it. A path that is not there is left out.
 */
void confine_read(struct confine *c, const char *path);
void confine_write(struct confine *c, const char *folder);

/*
 * confine_settings - what settings need: their own files, password_file and
 * ca_file of all accounts and destinations, and the state directory, which is
 * made if it is missing.
 * Returns 0, or -1 with ERR_LEDGER.
 */
int
confine_settings(struct confine *c, const struct settings *s, struct error *e);

/*
 * confine_begin - from now on. To be called before there are other threads, and
 * before the ledger is opened, since SQLite is told to keep temporary files in
 * the first folder of confine_write(). What the kernel cannot do is left out, and
 * that is an event in the log, as is what was done.
 * Returns 0, or -1 with ERR_SYSTEM: the kernel should be able to, but fails.
 */
int confine_begin(struct confine *c, struct error *e);

/* confine_may_read - could this file be opened for reading now? */
bool confine_may_read(const struct confine *c, const char *path);

/*
 * confine_check - would other settings do with what is left? To be asked before
 * they are put in force.
 * Returns 0, or -1 with ERR_CONFIG: the text names the file, and says that
 * postrider has to be restarted.
 */
int confine_check(
    const struct confine *c, const struct settings *s, struct error *e);

#endif
