/*
 * import.h - what the command `import` is about to do: first all of it is made up
 * and checked (import_plan.c), then shown (import_show.c), then done
 * (import_write.c).
 */
#ifndef COMMAND_IMPORT_H
#define COMMAND_IMPORT_H

#include "base/buffer.h"
#include "base/error.h"
#include "command/command.h"
#include "config/settings.h"
#include "import/import.h"

#include <stdbool.h>
#include <stddef.h>

/* A file with a password that will be made. */
struct import_secret {
	char *path; /* NULL: none */
	const char *password; /* borrowed */
};

/* An account of the other program. */
struct import_item {
	const struct import_account *from;
	char *name;
	bool there; /* the settings have it: only the ledger may learn */
	const struct account *account; /* as the settings will have it */
	const char *destination; /* its name */
	char *path; /* of the file to be made */
	struct buffer text; /* of that file */
	struct import_secret secret;
	size_t unknown; /* of the unique ids: the ledger does not know them */
};

/* A destination that will be in new settings. */
struct import_outlet {
	const struct import_destination *to;
	char *name;
	struct import_secret secret;
};

struct import_plan {
	const struct invocation *in;
	const char *program;
	struct import im;
	struct settings *before; /* NULL: there are none yet */
	struct settings *after;
	char *file, *folder; /* the settings and where they are, absolute */
	struct buffer main; /* of settings that are not there yet */
	struct import_item *items;
	size_t count;
	struct import_outlet *outlets;
	size_t outlet_count;
};

/*
 * import_plan_make - all that it takes; nothing is written. Returns EX_OK, or
 * another exit status after telling why. Free *p in either case.
 */
int import_plan_make(struct import_plan *p, const struct invocation *in,
    const struct import_program *program);
void import_plan_free(struct import_plan *p);

/* import_is_done - is there nothing that is not known already? */
bool import_is_done(const struct import_plan *p);

/* import_show - on standard output. */
void import_show(const struct import_plan *p);

/*
 * import_mend - have the ledger of *p recovered, or brought up to date, by
 * opening it to write. Returns 0, or -1 as import_write() does.
 */
int import_mend(const struct import_plan *p, struct error *e);

/*
 * import_write - the ledger first, so that whatever cuts this off has nothing
 * fetched twice. Returns 0, or -1 with ERR_LOCKED, ERR_QUESTION, ERR_LEDGER,
 * ERR_SYSTEM.
 */
int import_write(const struct import_plan *p, struct error *e);

#endif
