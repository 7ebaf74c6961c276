/* import.c - the command import: coming from another program. */
#include "command/import.h"

#include "base/log.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define PROGRAMS_MAX 8

static int
program_unknown(const char *name)
{
	const char *names[PROGRAMS_MAX + 1] = { NULL };
	struct buffer known = { 0 };
	const char *near;

	for (size_t i = 0; i < PROGRAMS_MAX && import_programs[i].name != NULL;
	     i++) {
		names[i] = import_programs[i].name;
		buffer_addf(&known, "%s%s", i > 0 ? ", " : "", names[i]);
	}
	near = name != NULL ? text_nearest(name, names) : NULL;
	if (name == NULL)
		log_error("import from which program? It knows %s", known.data);
	else if (near != NULL)
		log_error(
		    "import knows no program \"%s\"; did you mean \"%s\"?",
		    name, near);
	else
		log_error(
		    "import knows no program \"%s\", but %s", name, known.data);
	buffer_free(&known);
	return EX_USAGE;
}

/* Returns EX_OK: yes. *go: they have agreed. */
static int
agreed(const struct invocation *in, bool *go)
{
	char answer[16];

	*go = in->yes;
	if (in->yes)
		return EX_OK;
	if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)) {
		log_error("there is nobody to ask: say --yes to have it done, "
			  "or --dry-run to look only");
		return EX_USAGE;
	}
	fprintf(stderr, "\nshall it be done? [y/N] ");
	if (fgets(answer, sizeof(answer), stdin) != NULL)
		*go = answer[0] == 'y' || answer[0] == 'Y';
	return EX_OK;
}

static int
nothing_found(const struct import_plan *p)
{
	import_show(p);
	log_error("there is no mailbox that could be imported");
	return EX_CONFIG;
}

static int
carry_out(const struct import_plan *p)
{
	const struct invocation *in = p->in;
	struct error e = { 0 };
	bool go;
	int status;

	if (p->count == 0)
		return nothing_found(p);
	if (!in->quiet || in->dry_run)
		import_show(p);
	if (import_is_done(p)) {
		if (!in->quiet)
			printf("\nall of this is known already; nothing has "
			       "been changed\n");
		return EX_OK;
	}
	if (in->dry_run) {
		printf("\nnothing has been changed\n");
		return EX_OK;
	}
	status = agreed(in, &go);
	if (status != EX_OK)
		return status;
	if (!go) {
		printf("nothing has been changed\n");
		return EX_OK;
	}
	if (import_write(p, &e) < 0)
		return command_fail(&e);
	if (!in->quiet)
		printf("\ndone. See to it that %s does not run any more; "
		       "\"postrider check\" tries everything,\n"
		       "\"postrider plan\" shows what would be fetched, and "
		       "\"postrider fetch\" or \"postrider run\" fetches it\n",
		    p->program);
	return EX_OK;
}

static int
import_run(const struct invocation *in)
{
	const struct import_program *program;
	struct import_plan plan;
	int status;

	program = in->args[0] != NULL ? import_program(in->args[0]) : NULL;
	if (program == NULL)
		return program_unknown(in->args[0]);
	status = import_plan_make(&plan, in, program);
	if (status == EX_OK)
		status = carry_out(&plan);
	import_plan_free(&plan);
	return status;
}

const struct command command_import = {
	.name = "import",
	.synopsis = "[--dry-run | --yes] [--destination NAME] [--seen FILE]… "
		    "[--netrc FILE] [--run-commands] PROGRAM [FILE…]",
	.summary = "take over the mailboxes of another program",
	.help =
	    "Reads the settings of PROGRAM (fetchmail, getmail, mpop or fdm), "
	    "from FILE or\n"
	    "their usual place, and which messages it has fetched. Shows what "
	    "that comes\n"
	    "to here, and what has no counterpart; asks; writes an account "
	    "into\n"
	    "accounts_dir for each mailbox, passwords into private files, and "
	    "the unique\n"
	    "ids of those messages into the ledger, so that nothing is fetched "
	    "twice.\n"
	    "Doing it again changes nothing. Stop the other program first.\n",
	.options = COMMAND_YES | COMMAND_DRY_RUN | COMMAND_DESTINATION |
	    COMMAND_SEEN | COMMAND_NETRC | COMMAND_RUN_COMMANDS |
	    COMMAND_NEW_LEDGER,
	.run = import_run,
};
