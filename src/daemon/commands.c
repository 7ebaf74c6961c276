/* commands.c - a sorted list of them. */
#include "daemon/commands.h"

#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

struct commands {
	char *file; /* owned; of the settings */
	char **list; /* owned; sorted, each once */
	size_t count, room;
};

static int
by_text(const void *left, const void *right)
{
	const char *const *a = left, *const *b = right;

	return strcmp(*a, *b);
}

static bool
is_known(const struct commands *c, const char *command)
{
	return c->count > 0 &&
	    bsearch(&command, c->list, c->count, sizeof *c->list, by_text) !=
	    NULL;
}

static void
add(struct commands *c, const char *command)
{
	/* Those from `defaults` are the same in each account. */
	if (command == NULL ||
	    (c->count > 0 && strcmp(c->list[c->count - 1], command) == 0))
		return;
	if (c->count == c->room) {
		c->room = c->room * 2 + 16;
		c->list = xrealloc(c->list, c->room, sizeof *c->list);
	}
	c->list[c->count++] = xstrdup(command);
}

static void
clear(struct commands *c)
{
	for (size_t i = 0; i < c->count; i++)
		free(c->list[i]);
	c->count = 0;
}

static void
take(struct commands *c, const struct settings *s)
{
	for (size_t i = 0; i < s->account_count; i++)
		add(c, s->accounts[i].login.password_command);
	for (size_t i = 0; i < s->account_count; i++)
		add(c, s->accounts[i].on_mail);
	for (size_t i = 0; i < s->account_count; i++)
		add(c, s->accounts[i].on_error);
	for (size_t i = 0; i < s->destination_count; i++)
		add(c, s->destinations[i].login.password_command);
	if (c->count > 0)
		qsort(c->list, c->count, sizeof *c->list, by_text);
}

struct commands *
commands_new(const struct settings *s)
{
	struct commands *c = xcalloc(1, sizeof *c);

	c->file = xstrdup(s->file);
	take(c, s);
	return c;
}

void
commands_free(struct commands **c)
{
	if (*c == NULL)
		return;
	clear(*c);
	free((*c)->list);
	free((*c)->file);
	free(*c);
	*c = NULL;
}

/* While they are wrong, those of before are in force. */
static void
read_again(struct commands *c)
{
	struct buffer problems = { 0 };
	struct settings *s;
	struct error ignored;

	if (settings_read(&s, c->file, NULL, &problems, &ignored) == 0) {
		clear(c);
		take(c, s);
		settings_free(&s);
	}
	buffer_free(&problems);
}

bool
commands_may(const char *command, void *arg)
{
	struct commands *c = arg;

	if (is_known(c, command))
		return true;
	read_again(c);
	return is_known(c, command);
}
