/* netrc.c - see netrc.h. */
#include "import/netrc.h"

#include "base/alloc.h"
#include "import/import.h"

#include <stdlib.h>
#include <string.h>

/*
 * The next word of a line, less the quotes in it; false: there is none, or a
 * comment.
 */
static bool
word_next(struct slice *line, struct buffer *word)
{
	char quote = '\0';

	buffer_wipe(word);
	*line = slice_trim(*line);
	if (line->len == 0 || line->data[0] == '#')
		return false;
	buffer_reserve(word, line->len + 1);
	while (line->len > 0) {
		char c = line->data[0];

		if (quote == '\0' && (c == ' ' || c == '\t'))
			break;
		*line = slice_skip(*line, 1);
		if (c == quote)
			quote = '\0';
		else if (quote == '\0' && (c == '"' || c == '\''))
			quote = c;
		else
			buffer_add(word, &c, 1);
	}
	word->data[word->len] = '\0';
	return true;
}

static struct netrc_entry *
entry_add(struct netrc *n, const char *machine)
{
	struct netrc_entry *entry;

	if (n->count == n->room) {
		n->room = n->room == 0 ? 8 : n->room * 2;
		n->list = xrealloc(n->list, n->room, sizeof(*n->list));
	}
	entry = &n->list[n->count++];
	*entry = (struct netrc_entry){ 0 };
	import_replace(&entry->machine, machine);
	return entry;
}

enum key {
	KEY_NONE,
	KEY_MACHINE,
	KEY_LOGIN,
	KEY_PASSWORD,
	KEY_OTHER, /* has a value that is no concern of ours */
	KEY_MACRO /* goes on up to an empty line */
};

static enum key
key_of(const char *word)
{
	static const struct {
		const char *word;
		enum key key;
	} keys[] = { { "machine", KEY_MACHINE }, { "login", KEY_LOGIN },
		{ "user", KEY_LOGIN }, { "password", KEY_PASSWORD },
		{ "passwd", KEY_PASSWORD }, { "account", KEY_OTHER },
		{ "macdef", KEY_MACRO } };

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (strcmp(word, keys[i].word) == 0)
			return keys[i].key;
	return KEY_NONE;
}

/* What stands behind a key. */
static void
value_take(struct netrc *n, enum key key, const char *value)
{
	struct netrc_entry *entry =
	    n->count > 0 ? &n->list[n->count - 1] : NULL;

	if (key == KEY_MACHINE)
		entry_add(n, value);
	else if (key == KEY_LOGIN && entry != NULL)
		import_replace(&entry->login, value);
	else if (key == KEY_PASSWORD && entry != NULL)
		import_replace(&entry->password, value);
}

void
netrc_parse(struct netrc *n, struct slice text)
{
	struct buffer word = { 0 };
	enum key key = KEY_NONE;
	struct slice line;

	while (import_line(&text, &line)) {
		if (line.len > 0 && line.data[line.len - 1] == '\r')
			line.len--;
		if (slice_trim(line).len == 0 && key == KEY_MACRO)
			key = KEY_NONE;
		while (key != KEY_MACRO && word_next(&line, &word)) {
			if (key != KEY_NONE) {
				value_take(n, key, word.data);
				key = KEY_NONE;
			} else if (strcmp(word.data, "default") == 0) {
				entry_add(n, NULL);
			} else {
				key = key_of(word.data);
			}
		}
	}
	buffer_wipe(&word);
}

void
netrc_free(struct netrc *n)
{
	for (size_t i = 0; i < n->count; i++) {
		free(n->list[i].machine);
		free(n->list[i].login);
		import_replace(&n->list[i].password, NULL);
	}
	free(n->list);
	*n = (struct netrc){ 0 };
}

const char *
netrc_password(const struct netrc *n, const char *machine, const char *login)
{
	for (size_t i = 0; i < n->count; i++) {
		const struct netrc_entry *entry = &n->list[i];

		if (entry->machine != NULL && entry->login != NULL &&
		    entry->password != NULL &&
		    strcmp(entry->machine, machine) == 0 &&
		    strcmp(entry->login, login) == 0)
			return entry->password;
	}
	return NULL;
}
