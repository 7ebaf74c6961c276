/* help.c - the command `help`. */
#include "command/command.h"

#include "base/log.h"

#include <stdio.h>
#include <sysexits.h>

static const char general[] =
    "options, before or after the command:\n"
    "  -c, --config FILE   the settings file\n"
    "      --state DIR     where the ledger lies\n"
    "  -v, --verbose       a line for each event; -vv shows the conversations\n"
    "  -q, --quiet         errors only\n"
    "  -h, --help          this, or the help of a command\n"
    "  -V, --version       the version, and those of the libraries\n";

static const char more[] =
    "\nMore is in postrider(1), the settings are in postrider.conf(5).\n";

static const struct {
	unsigned bit;
	const char *text;
} particular[] = {
	{ COMMAND_JSON, "      --json          as JSON, for programs\n" },
	{ COMMAND_NEW_LEDGER,
	    "      --new-ledger    begin a new ledger though there was one\n" },
	{ COMMAND_SAME_MAILBOX,
	    "      --same-mailbox  the account's new server, user or name "
	    "stands for\n"
	    "                      the same mailbox as before, and what it "
	    "lists under\n"
	    "                      new unique ids is the same mail\n" },
	{ COMMAND_OTHER_MAIL,
	    "      --other-mail    what is listed under new unique ids is "
	    "other mail:\n"
	    "                      fetch it\n" },
	{ COMMAND_WATCH,
	    "      --watch         draw it again and again, until q is "
	    "typed\n" },
	{ COMMAND_ALL, "      --all           every account, however many\n" },
	{ COMMAND_LAST, "      --last N        all but the last N messages\n" },
	{ COMMAND_BEFORE,
	    "      --before DATE   what arrived before DATE: 2026-11-01, or "
	    "30d "
	    "ago\n" },
	{ COMMAND_DRY_RUN,
	    "      --dry-run       only show what would be done\n" },
	{ COMMAND_MIGRATE,
	    "      --list FILE     move the mailboxes of this list\n"
	    "      --rate SIZE     so many octets a second in all, like 2M\n"
	    "      --ordered       each message waits for the one before\n"
	    "      --all           what counts as seen is moved, too\n"
	    "      --retry-held    what was refused before is tried again\n"
	    "      --resend        what is missing or changed at the "
	    "destination "
	    "is sent\n"
	    "                      again\n"
	    "      --elsewhere     what is not moved yet goes to another "
	    "destination\n"
	    "      --patience TIME try again for so long what fails for now "
	    "(1m)\n"
	    "      --verify        compare what was moved, octet by octet\n"
	    "      --at PLACE      where the destination can be read: a "
	    "Maildir, or\n"
	    "                      the URL of a POP3 mailbox\n"
	    "      --delete-source delete what is proven to be moved\n"
	    "      --report FILE   write a report: .html, .json, or text\n"
	    "      --password-file FILE, --password-command COMMAND\n"
	    "                      the password of the source; likewise\n"
	    "      --destination-password-file, "
	    "--destination-password-command,\n"
	    "      --at-password-file, --at-password-command\n" },
	{ COMMAND_YES, "      --yes           do not ask\n" },
	{ COMMAND_DESTINATION,
	    "      --destination NAME  where mail goes, whatever the other "
	    "program says\n" },
	{ COMMAND_SEEN,
	    "      --seen FILE     what was fetched, if that is not where its "
	    "settings\n"
	    "                      say; may be repeated\n" },
	{ COMMAND_NETRC,
	    "      --netrc FILE    passwords, if they are not in ~/.netrc\n" },
	{ COMMAND_RUN_COMMANDS,
	    "      --run-commands  run commands in its settings that print "
	    "more of them\n" },
};

static void
help_general(void)
{
	size_t i;

	printf("postrider takes mail from POP3 mailboxes to SMTP and LMTP "
	       "servers.\n\n"
	       "usage: postrider [OPTION…] COMMAND [ACCOUNT…]\n\ncommands:\n");
	for (i = 0; commands[i] != NULL; i++)
		printf("  %-8s  %s\n", commands[i]->name, commands[i]->summary);
	printf("\n%s%s", general, more);
}

static void
help_command(const struct command *command)
{
	size_t i;

	printf("usage: postrider %s%s%s\n\n%s\n\n%s\n", command->name,
	    *command->synopsis != '\0' ? " " : "", command->synopsis,
	    command->summary, command->help);
	printf("%s", general);
	for (i = 0; i < sizeof(particular) / sizeof(particular[0]); i++)
		if ((command->options & particular[i].bit) != 0)
			printf("%s", particular[i].text);
	printf("%s", more);
}

static int
help_run(const struct invocation *in)
{
	const struct command *command;

	if (in->arg_count == 0) {
		help_general();
		return EX_OK;
	}
	if (in->arg_count > 1) {
		log_error("help is for one command at a time");
		return EX_USAGE;
	}
	if ((command = command_find(in->args[0])) == NULL)
		return command_unknown(in->args[0]);
	help_command(command);
	return EX_OK;
}

const struct command command_help = {
	.name = "help",
	.synopsis = "[COMMAND]",
	.summary = "show this, or the help of a command",
	.help = "Lists the commands, or tells about one of them.\n",
	.run = help_run,
};
