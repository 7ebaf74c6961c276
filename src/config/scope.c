/* scope.c - groups of settings and their memory. */
#include "config/scope.h"

#include "base/alloc.h"

#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void *
memory_copy(struct settings_memory *m, const void *data, size_t len)
{
	struct memory_block block = { xcalloc(1, len + 1), len };

	if (len > 0)
		memcpy(block.data, data, len);
	if (m->block_count == m->block_room) {
		m->block_room = m->block_room * 2 + 64;
		m->blocks =
		    xrealloc(m->blocks, m->block_room, sizeof *m->blocks);
	}
	m->blocks[m->block_count++] = block;
	return block.data;
}

char *
memory_text(struct settings_memory *m, const char *text)
{
	return memory_copy(m, text, strlen(text));
}

char *
memory_textf(struct settings_memory *m, const char *fmt, ...)
{
	struct buffer b = { 0 };
	char *text;
	va_list ap;

	va_start(ap, fmt);
	buffer_vaddf(&b, fmt, ap);
	va_end(ap);
	text = memory_copy(m, b.data, b.len);
	buffer_wipe(&b);
	return text;
}

static void
scopes_free(struct scope *scopes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(scopes[i].values);
	free(scopes);
}

void
memory_folder(struct settings_memory *m, const char *path)
{
	const char *slash = strrchr(path, '/');
	size_t len = slash == path ? 1 : (size_t)(slash - path);

	/* Thousands of files lie in few folders. */
	for (size_t i = m->folder_count; i-- > 0;)
		if (strncmp(m->folders[i], path, len) == 0 &&
		    m->folders[i][len] == '\0')
			return;
	m->folders =
	    xrealloc(m->folders, m->folder_count + 1, sizeof *m->folders);
	m->folders[m->folder_count++] = memory_textf(m, "%.*s", (int)len, path);
}

void
memory_free(struct settings_memory **m)
{
	struct settings_memory *memory = *m;

	*m = NULL;
	if (memory == NULL)
		return;
	for (size_t i = 0; i < memory->block_count; i++) {
		OPENSSL_cleanse(memory->blocks[i].data, memory->blocks[i].len);
		free(memory->blocks[i].data);
	}
	free(memory->blocks);
	free(memory->folders);
	free(memory->global.values);
	free(memory->defaults.values);
	scopes_free(memory->accounts, memory->account_count);
	scopes_free(memory->destinations, memory->destination_count);
	free(memory);
}

void
scope_begin(struct scope *s, enum section section, struct place at)
{
	size_t count;

	table_section(section, &count);
	*s = (struct scope){ .section = section, .at = at };
	s->values = xcalloc(count, sizeof *s->values);
}

static struct scope *
append(struct scope **scopes, size_t *count)
{
	*scopes = xrealloc(*scopes, *count + 1, sizeof **scopes);
	return *scopes + (*count)++;
}

struct scope *
scope_add(struct settings_memory *m, enum section section, struct place at)
{
	struct scope *s = section == SECTION_ACCOUNT
	    ? append(&m->accounts, &m->account_count)
	    : append(&m->destinations, &m->destination_count);

	scope_begin(s, section, at);
	return s;
}

struct value *
scope_value(const struct scope *s, const char *name)
{
	size_t count;
	const struct setting *row = table_find(s->section, name);

	if (row == NULL)
		abort();
	return s->values + (row - table_section(s->section, &count));
}

bool
scope_given(const struct scope *s, const char *name)
{
	return scope_value(s, name)->given;
}

struct place
scope_place(const struct scope *s, const char *name)
{
	const struct value *v = scope_value(s, name);

	return v->given ? v->at : s->at;
}

void
scope_inherit(struct scope *account, const struct scope *defaults)
{
	size_t count;
	const struct setting *rows = table_section(SECTION_ACCOUNT, &count);
	bool own_password = scope_given(account, "password") ||
	    scope_given(account, "password_file") ||
	    scope_given(account, "password_command");

	for (size_t i = 0; i < count; i++) {
		if (account->values[i].given)
			continue;
		if (own_password && (rows[i].flags & SETTING_PASSWORD))
			continue;
		if (defaults->values[i].given)
			account->values[i] = defaults->values[i];
	}
}

const char *
scope_title(struct settings_memory *m, const struct scope *s)
{
	if (s == &m->defaults)
		return "defaults: ";
	if (s->section == SECTION_GLOBAL)
		return "";
	if (s->name == NULL)
		return "an account: ";
	return memory_textf(
	    m, "%s \"%s\": ", section_name(s->section), s->name);
}
