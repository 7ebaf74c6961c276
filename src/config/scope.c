/* scope.c - groups of settings and their memory. */
#include "config/scope.h"

#include "base/alloc.h"

#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK ((size_t)16 * 1024)
#define ALIGNED(len) (((len) + 15) & ~(size_t)15)

/* No value was given. */
static const struct value nothing;

static struct memory_block *
add_block(struct memory *m, size_t len)
{
	struct memory_block block = { xcalloc(1, len), len, 0 };

	if (m->count == m->room) {
		m->room = m->room * 2 + 8;
		m->blocks = xrealloc(m->blocks, m->room, sizeof *m->blocks);
	}
	m->blocks[m->count] = block;
	return &m->blocks[m->count++];
}

static void
free_blocks(struct memory *m)
{
	for (size_t i = 0; i < m->count; i++) {
		OPENSSL_cleanse(m->blocks[i].data, m->blocks[i].len);
		free(m->blocks[i].data);
	}
	free(m->blocks);
	*m = (struct memory){ 0 };
}

void *
memory_copy(struct settings_memory *m, const void *data, size_t len)
{
	struct memory *to = m->at_accounts ? &m->of_accounts : &m->common;
	struct memory_block *b =
	    to->count > 0 ? &to->blocks[to->count - 1] : NULL;
	size_t room = ALIGNED(len + 1);
	char *copy;

	if (b == NULL || b->len - b->used < room)
		b = add_block(to, room > BLOCK ? room : BLOCK);
	copy = b->data + b->used;
	b->used += room;
	if (len > 0)
		memcpy(copy, data, len);
	return copy;
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

static const struct value **
new_values(enum section section)
{
	size_t count;
	const struct value **values;

	table_section(section, &count);
	values = xcalloc(count, sizeof(const struct value *));
	for (size_t i = 0; i < count; i++)
		values[i] = &nothing;
	return values;
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
memory_forget_accounts(struct settings_memory *m)
{
	free_blocks(&m->of_accounts);
	scopes_free(m->accounts, m->account_count);
	m->accounts = NULL;
	m->account_count = m->account_room = 0;
}

void
memory_free(struct settings_memory **m)
{
	struct settings_memory *memory = *m;

	*m = NULL;
	if (memory == NULL)
		return;
	memory_forget_accounts(memory);
	free_blocks(&memory->common);
	free(memory->folders);
	free(memory->strangers);
	free(memory->global.values);
	free(memory->defaults.values);
	for (size_t i = 0; i < SECTIONS; i++) {
		free(memory->initial[i]);
		free(memory->derived[i]);
	}
	scopes_free(memory->destinations, memory->destination_count);
	free(memory);
}

void
memory_stranger(struct settings_memory *m, struct place at, uid_t owner)
{
	m->strangers = xrealloc(
	    m->strangers, m->stranger_count + 1, sizeof(*m->strangers));
	m->strangers[m->stranger_count++] =
	    (struct stranger){ .at = at, .owner = owner };
}

void
scope_begin(struct scope *s, enum section section, struct place at)
{
	*s = (struct scope){ .section = section, .at = at };
	s->values = new_values(section);
}

static struct scope *
append(struct scope **scopes, size_t *count, size_t *room)
{
	if (*count == *room) {
		*room = *room * 2 + 8;
		*scopes = xrealloc(*scopes, *room, sizeof **scopes);
	}
	return *scopes + (*count)++;
}

struct scope *
scope_add(struct settings_memory *m, enum section section, struct place at)
{
	struct scope *s = section == SECTION_ACCOUNT
	    ? append(&m->accounts, &m->account_count, &m->account_room)
	    : append(&m->destinations, &m->destination_count,
		  &m->destination_room);

	scope_begin(s, section, at);
	return s;
}

static size_t
index_of(const struct scope *s, const char *name)
{
	size_t count;
	const struct setting *row = table_find(s->section, name);

	if (row == NULL)
		abort();
	return (size_t)(row - table_section(s->section, &count));
}

const struct value *
scope_value(const struct scope *s, const char *name)
{
	return s->values[index_of(s, name)];
}

struct value *
scope_change(struct settings_memory *m, struct scope *s, const char *name)
{
	size_t i = index_of(s, name);
	struct value *own = memory_copy(m, s->values[i], sizeof *own);

	s->values[i] = own;
	return own;
}

static bool
is_same(const struct value *a, const struct value *b)
{
	return a->given == b->given && a->bad == b->bad &&
	    a->at.file == b->at.file && a->at.line == b->at.line &&
	    a->number == b->number && a->amount == b->amount &&
	    a->text == b->text && a->list == b->list;
}

void
scope_derive(struct settings_memory *m, struct scope *s, const char *name,
    int64_t number, const char *text)
{
	size_t i = index_of(s, name);
	struct value v = *s->values[i];
	const struct value **last;

	v.number = number;
	v.text = text;
	if (m->derived[s->section] == NULL)
		m->derived[s->section] = new_values(s->section);
	last = &m->derived[s->section][i];
	if (!is_same(*last, &v))
		*last = memory_copy(m, &v, sizeof v);
	s->values[i] = *last;
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
		if (account->values[i]->given)
			continue;
		if (own_password && (rows[i].flags & SETTING_PASSWORD))
			continue;
		if (defaults->values[i]->given)
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
