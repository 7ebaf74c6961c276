/*
 * main.c - reads the command line, picks a command, and sees to it that what
 * went to standard output has arrived.
 */
#include "config.h"

#include "base/alloc.h"
#include "base/log.h"
#include "base/sanitized.h"
#include "base/text.h"
#include "command/command.h"
#include "net/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

enum {
	OPTION_STATE = 256,
	OPTION_JSON,
	OPTION_NEW_LEDGER,
	OPTION_SAME_MAILBOX,
	OPTION_OTHER_MAIL,
	OPTION_WATCH,
	OPTION_ALL,
	OPTION_DRY_RUN,
	OPTION_LAST,
	OPTION_BEFORE,
	OPTION_YES,
	OPTION_RUN_COMMANDS,
	OPTION_DESTINATION,
	OPTION_NETRC,
	OPTION_SEEN,
	OPTION_LIST,
	OPTION_RATE,
	OPTION_PATIENCE,
	OPTION_ORDERED,
	OPTION_RETRY_HELD,
	OPTION_RESEND,
	OPTION_ELSEWHERE,
	OPTION_VERIFY,
	OPTION_AT,
	OPTION_DELETE_SOURCE,
	OPTION_REPORT,
	OPTION_PASSWORD_FILE,
	OPTION_PASSWORD_COMMAND,
	OPTION_DESTINATION_PASSWORD_FILE,
	OPTION_DESTINATION_PASSWORD_COMMAND,
	OPTION_AT_PASSWORD_FILE,
	OPTION_AT_PASSWORD_COMMAND,
	OPTIONS_END
};

static const struct option options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "state", required_argument, NULL, OPTION_STATE },
	{ "verbose", no_argument, NULL, 'v' },
	{ "quiet", no_argument, NULL, 'q' },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "new-ledger", no_argument, NULL, OPTION_NEW_LEDGER },
	{ "same-mailbox", no_argument, NULL, OPTION_SAME_MAILBOX },
	{ "other-mail", no_argument, NULL, OPTION_OTHER_MAIL },
	{ "watch", no_argument, NULL, OPTION_WATCH },
	{ "all", no_argument, NULL, OPTION_ALL },
	{ "dry-run", no_argument, NULL, OPTION_DRY_RUN },
	{ "last", required_argument, NULL, OPTION_LAST },
	{ "before", required_argument, NULL, OPTION_BEFORE },
	{ "yes", no_argument, NULL, OPTION_YES },
	{ "run-commands", no_argument, NULL, OPTION_RUN_COMMANDS },
	{ "destination", required_argument, NULL, OPTION_DESTINATION },
	{ "netrc", required_argument, NULL, OPTION_NETRC },
	{ "seen", required_argument, NULL, OPTION_SEEN },
	{ "list", required_argument, NULL, OPTION_LIST },
	{ "rate", required_argument, NULL, OPTION_RATE },
	{ "patience", required_argument, NULL, OPTION_PATIENCE },
	{ "ordered", no_argument, NULL, OPTION_ORDERED },
	{ "retry-held", no_argument, NULL, OPTION_RETRY_HELD },
	{ "resend", no_argument, NULL, OPTION_RESEND },
	{ "elsewhere", no_argument, NULL, OPTION_ELSEWHERE },
	{ "verify", no_argument, NULL, OPTION_VERIFY },
	{ "at", required_argument, NULL, OPTION_AT },
	{ "delete-source", no_argument, NULL, OPTION_DELETE_SOURCE },
	{ "report", required_argument, NULL, OPTION_REPORT },
	{ "password-file", required_argument, NULL, OPTION_PASSWORD_FILE },
	{ "password-command", required_argument, NULL,
	    OPTION_PASSWORD_COMMAND },
	{ "destination-password-file", required_argument, NULL,
	    OPTION_DESTINATION_PASSWORD_FILE },
	{ "destination-password-command", required_argument, NULL,
	    OPTION_DESTINATION_PASSWORD_COMMAND },
	{ "at-password-file", required_argument, NULL,
	    OPTION_AT_PASSWORD_FILE },
	{ "at-password-command", required_argument, NULL,
	    OPTION_AT_PASSWORD_COMMAND },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

/* What getopt found. */
struct command_line {
	struct invocation in;
	const char *name; /* the command's, NULL: none */
	bool given[OPTIONS_END - OPTION_STATE]; /* of those without a letter */
	bool help;
	bool version;
};

static const char *
option_name(int value)
{
	const struct option *o;

	for (o = options; o->name != NULL; o++)
		if (o->val == value)
			return o->name;
	return NULL;
}

static int
option_unknown(const char *word)
{
	const char *names[sizeof(options) / sizeof(options[0])] = { NULL };
	const char *near;
	size_t i;

	if (optopt != 0 && option_name(optopt) != NULL) {
		log_error("--%s takes no value", option_name(optopt));
		return EX_USAGE;
	}
	if (optopt != 0) {
		log_error("unknown option -%c; \"postrider help\" lists them",
		    optopt);
		return EX_USAGE;
	}
	for (i = 0; options[i].name != NULL; i++)
		names[i] = options[i].name;
	near = text_nearest(word + strspn(word, "-"), names);
	if (near != NULL)
		log_error("unknown option %s; did you mean --%s?", word, near);
	else
		log_error(
		    "unknown option %s; \"postrider help\" lists them", word);
	return EX_USAGE;
}

/* Those of migrate alone. */
static void
migrate_take(struct migrate_options *m, int option)
{
	const char **const values[] = {
		[OPTION_LIST - OPTION_STATE] = &m->list,
		[OPTION_RATE - OPTION_STATE] = &m->rate,
		[OPTION_PATIENCE - OPTION_STATE] = &m->patience,
		[OPTION_AT - OPTION_STATE] = &m->at,
		[OPTION_PASSWORD_FILE - OPTION_STATE] = &m->password_file,
		[OPTION_PASSWORD_COMMAND - OPTION_STATE] = &m->password_command,
		[OPTION_DESTINATION_PASSWORD_FILE - OPTION_STATE] =
		    &m->destination_password_file,
		[OPTION_DESTINATION_PASSWORD_COMMAND - OPTION_STATE] =
		    &m->destination_password_command,
		[OPTION_AT_PASSWORD_FILE - OPTION_STATE] = &m->at_password_file,
		[OPTION_AT_PASSWORD_COMMAND - OPTION_STATE] =
		    &m->at_password_command,
	};
	size_t i = (size_t)(option - OPTION_STATE);

	switch (option) {
	case OPTION_ORDERED:
		m->ordered = true;
		break;
	case OPTION_RETRY_HELD:
		m->retry_held = true;
		break;
	case OPTION_RESEND:
		m->resend = true;
		break;
	case OPTION_ELSEWHERE:
		m->elsewhere = true;
		break;
	case OPTION_VERIFY:
		m->verify = true;
		break;
	case OPTION_DELETE_SOURCE:
		m->delete_source = true;
		break;
	case OPTION_REPORT:
		/* One too many is told by the command. */
		if (m->report_count < REPORTS_MAX)
			m->reports[m->report_count] = optarg;
		m->report_count++;
		break;
	default:
		*values[i] = optarg;
		break;
	}
}

static void
option_take(struct command_line *line, int option)
{
	struct invocation *in = &line->in;

	if (option >= OPTION_STATE)
		line->given[option - OPTION_STATE] = true;
	switch (option) {
	case 'c':
		in->config = optarg;
		break;
	case OPTION_STATE:
		in->state = optarg;
		break;
	case 'v':
		in->verbose++;
		break;
	case 'q':
		in->quiet = true;
		break;
	case OPTION_JSON:
		in->json = true;
		break;
	case OPTION_NEW_LEDGER:
		in->new_ledger = true;
		break;
	case OPTION_SAME_MAILBOX:
		in->same_mailbox = true;
		break;
	case OPTION_OTHER_MAIL:
		in->other_mail = true;
		break;
	case OPTION_WATCH:
		in->watch = true;
		break;
	case OPTION_ALL:
		in->all = true;
		break;
	case OPTION_YES:
		in->yes = true;
		break;
	case OPTION_DRY_RUN:
		in->dry_run = true;
		break;
	case OPTION_RUN_COMMANDS:
		in->run_commands = true;
		break;
	case OPTION_DESTINATION:
		in->destination = optarg;
		break;
	case OPTION_NETRC:
		in->netrc = optarg;
		break;
	case OPTION_SEEN:
		in->seen[in->seen_count++] = optarg;
		break;
	case OPTION_LAST:
		in->last = optarg;
		break;
	case OPTION_BEFORE:
		in->before = optarg;
		break;
	case 'h':
		line->help = true;
		break;
	case 'V':
		line->version = true;
		break;
	default:
		migrate_take(&in->migrate, option);
		break;
	}
}

static void
word_take(struct command_line *line, char *word)
{
	if (line->name == NULL)
		line->name = word;
	else
		line->in.args[line->in.arg_count++] = word;
}

/* Options stand anywhere, whatever $POSIXLY_CORRECT says: hence the '-'. */
static int
line_parse(struct command_line *line, int argc, char **argv)
{
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, "-:c:vqhV", options, NULL)) !=
	    -1) {
		if (option == ':') {
			log_error("%s needs a value", argv[optind - 1]);
			return EX_USAGE;
		}
		if (option == '?')
			return option_unknown(argv[optind - 1]);
		if (option == 1)
			word_take(line, optarg);
		else
			option_take(line, option);
	}
	while (optind < argc)
		word_take(line, argv[optind++]);
	if (line->in.quiet && line->in.verbose > 0) {
		log_error("-q and -v contradict each other");
		return EX_USAGE;
	}
	return EX_OK;
}

static int
usage(void)
{
	size_t i;

	fprintf(stderr,
	    "usage: postrider [OPTION…] COMMAND [ACCOUNT…]\n"
	    "commands:");
	for (i = 0; commands[i] != NULL; i++)
		fprintf(stderr, " %s", commands[i]->name);
	fprintf(stderr, "\n\"postrider help\" tells more.\n");
	return EX_USAGE;
}

static int
version(void)
{
	printf("postrider %s\n%s\n", PACKAGE_VERSION, PACKAGE_LIBRARIES);
	return EX_OK;
}

static int
help(const struct command_line *line)
{
	char *args[2] = { NULL, NULL };
	struct invocation in = { .args = args };
	int status;

	if (line->name != NULL)
		args[in.arg_count++] = xstrdup(line->name);
	status = command_help.run(&in);
	free(args[0]);
	return status;
}

/* The bits, one of which the commands have that have an option; 0: all do. */
static unsigned
option_bits(int option)
{
	switch (option) {
	case OPTION_STATE:
		return 0;
	case OPTION_JSON:
		return COMMAND_JSON;
	case OPTION_NEW_LEDGER:
		return COMMAND_NEW_LEDGER;
	case OPTION_SAME_MAILBOX:
		return COMMAND_SAME_MAILBOX;
	case OPTION_OTHER_MAIL:
		return COMMAND_OTHER_MAIL;
	case OPTION_WATCH:
		return COMMAND_WATCH;
	case OPTION_ALL:
		return COMMAND_ALL | COMMAND_MIGRATE;
	case OPTION_YES:
		return COMMAND_YES;
	case OPTION_DRY_RUN:
		return COMMAND_DRY_RUN;
	case OPTION_LAST:
		return COMMAND_LAST;
	case OPTION_BEFORE:
		return COMMAND_BEFORE;
	case OPTION_RUN_COMMANDS:
		return COMMAND_RUN_COMMANDS;
	case OPTION_DESTINATION:
		return COMMAND_DESTINATION;
	case OPTION_NETRC:
		return COMMAND_NETRC;
	case OPTION_SEEN:
		return COMMAND_SEEN;
	default:
		return COMMAND_MIGRATE;
	}
}

/* An option that a command would ignore is worth an error. */
static int
options_check(const struct command *command, const struct command_line *line)
{
	int option;

	for (option = OPTION_STATE; option < OPTIONS_END; option++) {
		unsigned bits = option_bits(option);

		if (!line->given[option - OPTION_STATE] || bits == 0 ||
		    (bits & command->options) != 0)
			continue;
		log_error("\"postrider %s\" has no option --%s", command->name,
		    option_name(option));
		return EX_USAGE;
	}
	return EX_OK;
}

static enum log_level
level_of(const struct invocation *in)
{
	if (in->quiet)
		return LOG_QUIET;
	if (in->verbose == 0)
		return LOG_NORMAL;
	return in->verbose == 1 ? LOG_EVENTS : LOG_TRACE;
}

static int
line_run(const struct command_line *line)
{
	const struct command *command;
	int status;

	if (line->version)
		return version();
	if (line->help)
		return help(line);
	if (line->name == NULL)
		return usage();
	if ((command = command_find(line->name)) == NULL)
		return command_unknown(line->name);
	status = options_check(command, line);
	if (status != EX_OK)
		return status;
	log_set_level(level_of(&line->in));
	return command->run(&line->in);
}

/* No core file, and no debugger of the same user: passwords are in memory. */
static int
secrets_protect(void)
{
#ifdef SANITIZED
	return 0;
#else
	const struct rlimit none = { 0, 0 };

	if (setrlimit(RLIMIT_CORE, &none) < 0)
		return -1;
	return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

/*
 * A socket must never become descriptor 1 or 2. Opened for reading, what is
 * written to a closed standard output still fails.
 */
static int
descriptors_fill(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDONLY);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd < 0)
		return -1;
	return close(fd);
}

static int
process_prepare(void)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };

	/* A reader that has gone, or a file that is as large as it may be, is
	 * an error like any other. */
	if (descriptors_fill() < 0 || secrets_protect() < 0 ||
	    sigaction(SIGPIPE, &ignore, NULL) < 0 ||
	    sigaction(SIGXFSZ, &ignore, NULL) < 0) {
		log_error("cannot start: %s", strerror(errno));
		return -1;
	}
	umask(S_IRWXG | S_IRWXO);
	return 0;
}

/* A reader that has seen enough, such as head(1), is no news to anyone. */
static int
output_finish(int status)
{
	bool failed = ferror(stdout) != 0;

	errno = 0;
	if (fflush(stdout) == 0 && !failed)
		return status;
	if (errno != EPIPE)
		log_error("standard output: %s",
		    errno != 0 ? strerror(errno) : "not all could be written");
	return command_worse(status, EX_IOERR);
}

int
main(int argc, char **argv)
{
	struct command_line line = { 0 };
	int status;

	if (process_prepare() < 0)
		return EX_OSERR;
	line.in.args = xcalloc((size_t)argc + 1, sizeof(*line.in.args));
	line.in.seen = xcalloc((size_t)argc + 1, sizeof(*line.in.seen));
	status = line_parse(&line, argc, argv);
	if (status == EX_OK)
		status = line_run(&line);
	tls_end();
	free(line.in.args);
	free(line.in.seen);
	return output_finish(status);
}
