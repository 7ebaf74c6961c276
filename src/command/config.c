/* config.c - the command config: the settings in force, and what there are. */
#include "command/command.h"

#include "base/buffer.h"
#include "base/error.h"
#include "config/describe.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int
show(struct buffer *text)
{
	struct error e = { 0 };
	int rc = 0;

	if (fwrite(text->data, 1, text->len, stdout) != text->len ||
	    fflush(stdout) != 0) {
		error_set(&e, ERR_SYSTEM, "cannot write: %s", strerror(errno));
		rc = command_fail(&e);
	}
	buffer_free(text);
	return rc;
}

static int
config_in_force(const struct invocation *in)
{
	struct buffer text = { 0 };
	struct settings *s;
	int rc = command_settings(in, &s);

	if (rc != 0)
		return rc;
	settings_print(s, &text);
	settings_free(&s);
	return show(&text);
}

static int
config_run(const struct invocation *in)
{
	const char *word = in->arg_count > 0 ? in->args[0] : NULL;
	struct buffer text = { 0 };
	struct error e = { 0 };

	if (in->arg_count > 1) {
		error_set(&e, ERR_USAGE,
		    "config takes one word at most, not \"%s\" too",
		    in->args[1]);
		return command_fail(&e);
	}
	if (word == NULL)
		return config_in_force(in);
	if (strcmp(word, "settings") == 0) {
		describe_list(&text);
	} else if (strcmp(word, "man") == 0) {
		describe_man(&text);
	} else if (strcmp(word, "example") == 0) {
		describe_example(&text);
	} else {
		error_set(&e, ERR_USAGE,
		    "config knows settings, man and example, not \"%s\"", word);
		return command_fail(&e);
	}
	return show(&text);
}

const struct command command_config = {
	.name = "config",
	.synopsis = "[settings | example | man]",
	.summary = "check the settings and show what is in force",
	.help =
	    "Reads the settings, tells everything that is wrong with them, or "
	    "else\n"
	    "prints every setting with its value, in the syntax of the file. "
	    "Values\n"
	    "that nobody gave are marked as default. Passwords are not shown.\n"
	    "\n"
	    "With a word, no settings are read:\n"
	    "  settings  lists every setting there is, its type, default and "
	    "meaning\n"
	    "  example   prints a settings file to begin with\n"
	    "  man       prints the settings' part of postrider.conf(5), in "
	    "roff\n",
	.run = config_run,
};
