/*
 * getmail_rc.c - a getmailrc as Python's configparser reads it: sections, keys,
 * "=" or ":", comments that have a line of their own, and lines that go on a
 * value since they stand deeper than its key.
 */
#include "import/getmail.h"

#include "base/alloc.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct parser {
	struct getmail_rc *rc;
	unsigned line;
	const char *section; /* NULL: before the first */
	struct getmail_value *value; /* that may go on; or NULL */
	struct buffer text; /* of that */
	size_t indent; /* of its key */
};

static bool
is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static struct slice
strip(struct slice s)
{
	while (s.len > 0 && is_blank(s.data[0]))
		s = slice_skip(s, 1);
	while (s.len > 0 && is_blank(s.data[s.len - 1]))
		s.len--;
	return s;
}

const struct getmail_section *
getmail_section(const struct getmail_rc *rc, const char *name)
{
	for (size_t i = 0; i < rc->section_count; i++)
		if (strcmp(rc->sections[i].name, name) == 0)
			return &rc->sections[i];
	return NULL;
}

struct getmail_value *
getmail_find(const struct getmail_rc *rc, const char *section, const char *key)
{
	for (size_t i = 0; i < rc->count; i++)
		if (strcmp(rc->list[i].section, section) == 0 &&
		    strcmp(rc->list[i].key, key) == 0)
			return &rc->list[i];
	return NULL;
}

const char *
getmail_text(const struct getmail_rc *rc, const char *section, const char *key)
{
	struct getmail_value *v = getmail_find(rc, section, key);

	if (v == NULL)
		return NULL;
	v->done = true;
	return v->text;
}

/* The value is whole. */
static void
value_end(struct parser *p)
{
	if (p->value == NULL)
		return;
	p->value->text = xstrdup(p->text.len > 0 ? p->text.data : "");
	while (p->value->text[0] != '\0' &&
	    is_blank(p->value->text[strlen(p->value->text) - 1]))
		p->value->text[strlen(p->value->text) - 1] = '\0';
	p->value = NULL;
	buffer_wipe(&p->text);
}

static int
section_begin(struct parser *p, struct slice name, struct error *e)
{
	struct getmail_rc *rc = p->rc;
	char *copy = xstrndup(name.data, name.len);

	value_end(p);
	if (getmail_section(rc, copy) != NULL ||
	    rc->section_count == GETMAIL_SECTIONS) {
		import_error(e, rc->file, p->line,
		    rc->section_count == GETMAIL_SECTIONS
			? "[%s]: no getmailrc has so many sections"
			: "the section [%s] is there already",
		    copy);
		free(copy);
		return -1;
	}
	rc->sections = xrealloc(
	    rc->sections, rc->section_count + 1, sizeof(*rc->sections));
	rc->sections[rc->section_count++] =
	    (struct getmail_section){ .name = copy, .line = p->line };
	p->section = copy;
	return 0;
}

static struct getmail_value *
value_add(struct parser *p, char *key)
{
	struct getmail_rc *rc = p->rc;

	if (rc->count == rc->room) {
		rc->room = rc->room == 0 ? 16 : rc->room * 2;
		rc->list = xrealloc(rc->list, rc->room, sizeof(*rc->list));
	}
	rc->list[rc->count] = (struct getmail_value){
		.section = p->section, .key = key, .line = p->line
	};
	return &rc->list[rc->count++];
}

static int
value_begin(struct parser *p, struct slice line, struct error *e)
{
	struct getmail_rc *rc = p->rc;
	size_t n = 0;
	struct slice name;
	char *key;

	value_end(p);
	while (n < line.len && line.data[n] != '=' && line.data[n] != ':')
		n++;
	name = strip(slice_make(line.data, n));
	if (p->section == NULL)
		return import_error(e, rc->file, p->line,
		    "this stands before the first [section], so it is no "
		    "getmailrc");
	if (n == line.len || name.len == 0)
		return import_error(e, rc->file, p->line,
		    "this is neither a [section] nor \"key = value\"");
	if (rc->count == GETMAIL_VALUES)
		return import_error(
		    e, rc->file, p->line, "no getmailrc has so many settings");
	key = xstrndup(name.data, name.len);
	for (char *c = key; *c != '\0'; c++)
		*c = (char)tolower((unsigned char)*c);
	if (getmail_find(rc, p->section, key) != NULL) {
		import_error(e, rc->file, p->line, "%s: [%s] has it already",
		    key, p->section);
		free(key);
		return -1;
	}
	p->value = value_add(p, key);
	buffer_add_slice(&p->text, strip(slice_skip(line, n + 1)));
	return 0;
}

/* The name in "[name]", or an empty one. */
static struct slice
section_name(struct slice line)
{
	const char *end;

	if (line.data[0] != '[')
		return slice_make(NULL, 0);
	end = memrchr(line.data, ']', line.len);
	if (end == NULL)
		return slice_make(NULL, 0);
	return slice_make(line.data + 1, (size_t)(end - line.data) - 1);
}

static int
line_take(struct parser *p, struct slice line, struct error *e)
{
	struct slice text = strip(line);
	size_t indent = text.len > 0 ? (size_t)(text.data - line.data) : 0;

	if (text.len > 0 && (text.data[0] == '#' || text.data[0] == ';'))
		return 0;
	if (text.len == 0) {
		if (p->value != NULL)
			buffer_add_text(&p->text, "\n");
		return 0;
	}
	if (p->value != NULL && indent > p->indent) {
		buffer_add_text(&p->text, "\n");
		buffer_add_slice(&p->text, text);
		return 0;
	}
	p->indent = indent;
	if (section_name(text).len > 0)
		return section_begin(p, section_name(text), e);
	return value_begin(p, text, e);
}

int
getmail_parse(
    struct getmail_rc *rc, const char *file, struct slice text, struct error *e)
{
	struct parser p = { .rc = rc };
	struct slice line;
	int rc_line = 0;

	rc->file = file;
	while (rc_line == 0 && import_line(&text, &line)) {
		p.line++;
		rc_line = line_take(&p, line, e);
	}
	value_end(&p);
	buffer_wipe(&p.text);
	return rc_line;
}

void
getmail_rc_free(struct getmail_rc *rc)
{
	for (size_t i = 0; i < rc->count; i++) {
		free(rc->list[i].key);
		import_replace(&rc->list[i].text, NULL);
	}
	free(rc->list);
	for (size_t i = 0; i < rc->section_count; i++)
		free(rc->sections[i].name);
	free(rc->sections);
	*rc = (struct getmail_rc){ 0 };
}
