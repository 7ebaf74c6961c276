/* fdm_lex.c - tokens of an fdm.conf, its macros, and files that it includes. */
#include "import/fdm.h"

#include "base/alloc.h"
#include "base/text.h"
#include "import/share.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* Macros within macros grow fast. */
#define VALUE_MAX ((size_t)64 * 1024)

/*
 * Characters
 */

static struct fdm_place *
here(struct fdm_lexer *l)
{
	return &l->places[l->depth - 1];
}

/* The next character, or -1 at the end of the file; `at` places further on. */
static int
peek(struct fdm_lexer *l, size_t at)
{
	const struct slice *rest = &here(l)->rest;

	return at < rest->len ? (unsigned char)rest->data[at] : -1;
}

static int
take(struct fdm_lexer *l)
{
	int c = peek(l, 0);

	if (c >= 0)
		here(l)->rest = slice_skip(here(l)->rest, 1);
	if (c == '\n')
		here(l)->line++;
	return c;
}

static bool
in_word(int c)
{
	return c >= 0 && c < 0x80 && (isalnum(c) || c == '-' || c == '_');
}

static bool
begins_macro(int c)
{
	return c >= 0 && c < 0x80 && (isalnum(c) || c == '{');
}

static void
skip_blanks(struct fdm_lexer *l)
{
	int c;

	while ((c = peek(l, 0)) >= 0) {
		if (c == '#')
			while (peek(l, 0) >= 0 && peek(l, 0) != '\n')
				take(l);
		else if (c == ' ' || c == '\t' || c == '\n' || c == '\r')
			take(l);
		else
			break;
	}
}

int
fdm_error(const struct fdm_lexer *l, struct error *e, const char *fmt, ...)
{
	struct buffer text = { 0 };
	va_list ap;

	va_start(ap, fmt);
	buffer_vaddf(&text, fmt, ap);
	va_end(ap);
	import_error(e, l->token.file, l->token.line, "%s", text.data);
	buffer_free(&text);
	return -1;
}

/*
 * Macros
 */

static struct fdm_macro *
macro_find(const struct fdm_lexer *l, const char *name)
{
	for (size_t i = 0; i < l->macro_count; i++)
		if (strcmp(l->macros[i].name, name) == 0)
			return &l->macros[i];
	return NULL;
}

/* What commands print in place of them. Appends to *out. */
static int
value_plain(const struct fdm_lexer *l, const struct fdm_value *v,
    struct buffer *out, struct error *e)
{
	struct buffer command = { 0 };
	int rc;

	if (v->commands == 0) {
		buffer_add_slice(out, buffer_slice(&v->text));
		return 0;
	}
	if (!l->run)
		return fdm_error(l, e,
		    "$(%s): this is what a command prints, which is run with "
		    "--run-commands only",
		    v->command);
	buffer_addf(&command, "printf '%%s' %s", v->shell.data);
	rc = share_command(l->token.file, l->token.line, command.data, out, e);
	buffer_wipe(&command);
	return rc;
}

/* "name", "{name}": into *out, with what kind it is in front. */
static int
macro_name(struct fdm_lexer *l, int kind, struct buffer *out, struct error *e)
{
	char mark = (char)kind;
	bool braces = peek(l, 0) == '{';

	if (braces)
		take(l);
	buffer_add(out, &mark, 1);
	while (in_word(peek(l, 0))) {
		char c = (char)take(l);

		buffer_add(out, &c, 1);
	}
	if (out->len == 1 || (braces && take(l) != '}'))
		return fdm_error(l, e, "this is no name of a macro");
	return 0;
}

/* Within a string: "${name}". One that is not defined is nothing. */
static int
macro_inside(struct fdm_lexer *l, int kind, struct buffer *out, struct error *e)
{
	struct buffer name = { 0 };
	const struct fdm_macro *macro;
	int rc = macro_name(l, kind, &name, e);

	macro = rc == 0 ? macro_find(l, name.data) : NULL;
	if (macro != NULL)
		rc = value_plain(l, &macro->value, out, e);
	buffer_free(&name);
	return rc;
}

/*
 * Strings
 */

/* From behind the opening quote on, to behind the closing one. */
static int
string_read(struct fdm_lexer *l, int quote, struct buffer *out, struct error *e)
{
	int c;

	while ((c = take(l)) != quote) {
		char octet;

		if (c == '\\' && quote == '"') {
			c = take(l);
			c = c == 'n'   ? '\n'
			    : c == 'r' ? '\r'
			    : c == 't' ? '\t'
				       : c;
		} else if ((c == '$' || c == '%') && quote == '"' &&
		    peek(l, 0) == '{') {
			if (macro_inside(l, c, out, e) < 0)
				return -1;
			if (out->len > VALUE_MAX)
				return fdm_error(
				    l, e, "this string is too long");
			continue;
		}
		if (c < 0)
			return fdm_error(l, e, "this string has no end");
		octet = (char)c;
		buffer_add(out, &octet, 1);
	}
	return 0;
}

/* "$(…)": from behind the opening parenthesis on. */
static int
command_read(struct fdm_lexer *l, struct buffer *out, struct error *e)
{
	unsigned nesting = 0;
	int c;

	while ((c = take(l)) >= 0) {
		char octet = (char)c;

		if (c == ')' && nesting == 0)
			return 0;
		if (c == '(')
			nesting++;
		else if (c == ')')
			nesting--;
		buffer_add(out, &octet, 1);
		if (c != '"' && c != '\'')
			continue;
		if (string_read(l, c, out, e) < 0)
			return -1;
		buffer_add(out, &octet, 1);
	}
	return fdm_error(l, e, "this command has no end");
}

/*
 * Tokens
 */

/* Does "=" stand behind the name, and no second one behind that? */
static bool
is_definition(struct fdm_lexer *l)
{
	struct fdm_place before = *here(l);
	bool is;

	skip_blanks(l);
	is = peek(l, 0) == '=' && peek(l, 1) != '=';
	if (is)
		take(l);
	else
		*here(l) = before;
	return is;
}

static int
macro_read(struct fdm_lexer *l, int kind, struct error *e)
{
	struct fdm_token *t = &l->token;

	if (peek(l, 0) == '(') {
		take(l);
		t->kind = kind == '$' ? FDM_TEXT_COMMAND : FDM_NUMBER_COMMAND;
		return command_read(l, &t->text, e);
	}
	if (!begins_macro(peek(l, 0)))
		return fdm_error(l, e, "'%c' begins no macro here", kind);
	if (macro_name(l, kind, &t->text, e) < 0)
		return -1;
	if (is_definition(l))
		t->kind = kind == '$' ? FDM_DEFINE_TEXT : FDM_DEFINE_NUMBER;
	else
		t->kind = kind == '$' ? FDM_TEXT_MACRO : FDM_NUMBER_MACRO;
	return 0;
}

static void
word_read(struct fdm_lexer *l, int first)
{
	struct fdm_token *t = &l->token;
	bool digits = isdigit(first) != 0;
	char c = (char)first;

	buffer_add(&t->text, &c, 1);
	while (digits ? peek(l, 0) >= '0' && peek(l, 0) <= '9'
		      : in_word(peek(l, 0))) {
		c = (char)take(l);
		buffer_add(&t->text, &c, 1);
	}
	t->kind = digits ? FDM_NUMBER : FDM_WORD;
}

int
fdm_next(struct fdm_lexer *l, struct error *e)
{
	struct fdm_token *t = &l->token;
	char mark;
	int c;

	buffer_wipe(&t->text);
	skip_blanks(l);
	while (peek(l, 0) < 0 && l->depth > 1) {
		l->depth--;
		skip_blanks(l);
	}
	t->file = here(l)->file;
	t->line = here(l)->line;
	t->kind = FDM_END;
	c = take(l);
	if (c < 0)
		return 0;
	if (c == '"' || c == '\'') {
		t->kind = FDM_STRING;
		return string_read(l, c, &t->text, e);
	}
	if (c == '$' || c == '%')
		return macro_read(l, c, e);
	if (in_word(c)) {
		word_read(l, c);
		return 0;
	}
	if (c == '\0' || strchr("=!~+(),<>{}*", c) == NULL)
		return fdm_error(
		    l, e, "nothing in an fdm.conf begins with this character");
	mark = (char)c;
	t->kind = FDM_MARK;
	buffer_add(&t->text, &mark, 1);
	return 0;
}

int
fdm_begin(
    struct fdm_lexer *l, const char *file, struct slice text, struct error *e)
{
	l->places[0] =
	    (struct fdm_place){ .file = file, .rest = text, .line = 1 };
	l->depth = 1;
	return fdm_next(l, e);
}

bool
fdm_is_word(const struct fdm_lexer *l, const char *word)
{
	return l->token.kind == FDM_WORD &&
	    strcmp(l->token.text.data, word) == 0;
}

bool
fdm_is_mark(const struct fdm_lexer *l, char mark)
{
	return l->token.kind == FDM_MARK && l->token.text.data[0] == mark;
}

/*
 * Values
 */

void
fdm_value_free(struct fdm_value *v)
{
	buffer_wipe(&v->text);
	buffer_wipe(&v->shell);
	import_replace(&v->command, NULL);
	*v = (struct fdm_value){ 0 };
}

bool
fdm_is_text(const struct fdm_lexer *l)
{
	return l->token.kind == FDM_STRING || l->token.kind == FDM_TEXT_MACRO ||
	    l->token.kind == FDM_TEXT_COMMAND;
}

bool
fdm_is_number(const struct fdm_lexer *l)
{
	return l->token.kind == FDM_NUMBER ||
	    l->token.kind == FDM_NUMBER_MACRO ||
	    l->token.kind == FDM_NUMBER_COMMAND;
}

static void
add_literal(struct fdm_value *out, const char *text)
{
	out->literals++;
	buffer_add_text(&out->text, text);
	share_shell_word(&out->shell, text);
}

static void
add_command(struct fdm_value *out, const char *command)
{
	out->commands++;
	import_replace(&out->command, command);
	buffer_addf(&out->shell, "\"$(%s)\"", command);
}

static int
add_macro(struct fdm_lexer *l, struct fdm_value *out, struct error *e)
{
	const struct fdm_macro *macro = macro_find(l, l->token.text.data);

	if (macro == NULL)
		return fdm_error(l, e, "%s is not defined", l->token.text.data);
	out->literals += macro->value.literals;
	out->commands += macro->value.commands;
	if (macro->value.command != NULL)
		import_replace(&out->command, macro->value.command);
	buffer_add_slice(&out->text, buffer_slice(&macro->value.text));
	buffer_add_slice(&out->shell, buffer_slice(&macro->value.shell));
	return 0;
}

static int
add_token(struct fdm_lexer *l, struct fdm_value *out, struct error *e)
{
	const struct fdm_token *t = &l->token;
	const char *text = t->text.len > 0 ? t->text.data : "";

	if (t->kind == FDM_TEXT_MACRO || t->kind == FDM_NUMBER_MACRO)
		return add_macro(l, out, e);
	if (t->kind == FDM_TEXT_COMMAND || t->kind == FDM_NUMBER_COMMAND)
		add_command(out, text);
	else
		add_literal(out, text);
	return 0;
}

int
fdm_text(struct fdm_lexer *l, struct fdm_value *out, struct error *e)
{
	while (true) {
		if (!fdm_is_text(l))
			return fdm_error(
			    l, e, "a string in quotes should stand here");
		if (add_token(l, out, e) < 0 || fdm_next(l, e) < 0)
			return -1;
		if (out->shell.len > VALUE_MAX)
			return fdm_error(l, e, "this string is too long");
		if (!fdm_is_mark(l, '+'))
			return 0;
		if (fdm_next(l, e) < 0)
			return -1;
	}
}

int
fdm_plain(struct fdm_lexer *l, char **out, struct error *e)
{
	struct fdm_value value = { 0 };
	struct buffer text = { 0 };
	int rc = fdm_text(l, &value, e);

	if (rc == 0)
		rc = value_plain(l, &value, &text, e);
	if (rc == 0) {
		free(*out);
		*out = xstrdup(text.len > 0 ? text.data : "");
	}
	buffer_wipe(&text);
	fdm_value_free(&value);
	return rc;
}

int
fdm_number(struct fdm_lexer *l, uint64_t *out, struct error *e)
{
	struct fdm_value value = { 0 };
	struct buffer text = { 0 };
	int rc = -1;

	if (!fdm_is_number(l))
		return fdm_error(l, e, "a number should stand here");
	if (add_token(l, &value, e) == 0 &&
	    value_plain(l, &value, &text, e) == 0)
		rc = text_u64(
			 slice_trim(buffer_slice(&text)), INT64_MAX, out) == 0
		    ? fdm_next(l, e)
		    : fdm_error(l, e, "this is no number");
	buffer_free(&text);
	fdm_value_free(&value);
	return rc;
}

/*
 * Statements of the lexer's own
 */

static int
macro_put(struct fdm_lexer *l, const char *name, const struct fdm_value *value,
    struct error *e)
{
	struct fdm_macro *macro = macro_find(l, name);

	if (macro != NULL) {
		fdm_value_free(&macro->value);
		macro->value = *value;
		return 0;
	}
	if (l->macro_count == FDM_MACROS)
		return fdm_error(l, e, "no fdm.conf has so many macros");
	if (l->macro_count == l->macro_room) {
		l->macro_room = l->macro_room == 0 ? 16 : l->macro_room * 2;
		l->macros =
		    xrealloc(l->macros, l->macro_room, sizeof(*l->macros));
	}
	l->macros[l->macro_count++] =
	    (struct fdm_macro){ .name = xstrdup(name), .value = *value };
	return 0;
}

int
fdm_define(struct fdm_lexer *l, struct error *e)
{
	bool number = l->token.kind == FDM_DEFINE_NUMBER;
	char *name = xstrdup(l->token.text.data);
	struct fdm_value value = { 0 };
	int rc = fdm_next(l, e);

	if (rc == 0 && !number) {
		rc = fdm_text(l, &value, e);
	} else if (rc == 0) {
		rc = fdm_is_number(l)
		    ? add_token(l, &value, e)
		    : fdm_error(l, e, "a number should stand here");
		if (rc == 0)
			rc = fdm_next(l, e);
	}
	if (rc == 0)
		rc = macro_put(l, name, &value, e);
	if (rc < 0)
		fdm_value_free(&value);
	free(name);
	return rc;
}

int
fdm_condition(struct fdm_lexer *l, struct error *e)
{
	bool wanted = fdm_is_word(l, "ifdef");
	bool defined;

	if (fdm_is_word(l, "endif")) {
		if (l->conditions == 0)
			return fdm_error(l, e, "there is no ifdef before this");
		l->conditions--;
		return fdm_next(l, e);
	}
	l->conditions++;
	if (fdm_next(l, e) < 0)
		return -1;
	if (l->token.kind != FDM_TEXT_MACRO &&
	    l->token.kind != FDM_NUMBER_MACRO)
		return fdm_error(l, e, "a macro should stand here");
	defined = macro_find(l, l->token.text.data) != NULL;
	if (fdm_next(l, e) < 0)
		return -1;
	/* As fdm has it: a condition within another skips the rest of both. */
	while (defined != wanted && l->conditions > 0) {
		if (l->token.kind == FDM_END)
			return fdm_error(l, e, "an ifdef has no endif");
		if (fdm_is_word(l, "ifdef") || fdm_is_word(l, "ifndef"))
			l->conditions++;
		else if (fdm_is_word(l, "endif"))
			l->conditions--;
		if (fdm_next(l, e) < 0)
			return -1;
	}
	return 0;
}

/* As it stands, or from the folder of the first file. */
static char *
include_path(const struct fdm_lexer *l, const char *path)
{
	const char *first = l->places[0].file;
	const char *slash = strrchr(first, '/');

	if (path[0] == '/' || slash == NULL)
		return xstrdup(path);
	return xasprintf("%.*s/%s", (int)(slash - first), first, path);
}

static int
include_open(struct fdm_lexer *l, const char *name, struct error *e)
{
	char *tagged = fdm_tags(l->home, name);
	char *home = import_path(l->home, tagged != NULL ? tagged : name);
	char *path = include_path(l, home);
	struct fdm_source *source;
	struct error why = { 0 };
	int rc = -1;

	free(tagged);
	free(home);
	if (l->depth == FDM_DEPTH || l->source_count == FDM_FILES) {
		fdm_error(l, e, "there are too many files in each other");
		free(path);
		return -1;
	}
	l->sources =
	    xrealloc(l->sources, l->source_count + 1, sizeof(*l->sources));
	source = &l->sources[l->source_count++];
	*source = (struct fdm_source){ .file = path };
	if (l->open(l->arg, path, &source->text, &why) < 0) {
		fdm_error(l, e, "%s", why.text);
		return rc;
	}
	l->places[l->depth++] = (struct fdm_place){
		.file = path, .rest = buffer_slice(&source->text), .line = 1
	};
	return fdm_next(l, e);
}

/* The name is read here, so that what follows it comes after the file. */
int
fdm_include(struct fdm_lexer *l, struct error *e)
{
	struct buffer name = { 0 };
	struct buffer macro = { 0 };
	const struct fdm_macro *known;
	int rc = -1;
	int c;

	skip_blanks(l);
	c = take(l);
	if (c == '"' || c == '\'') {
		rc = string_read(l, c, &name, e);
	} else if (c == '$' && begins_macro(peek(l, 0))) {
		if (macro_name(l, c, &macro, e) == 0) {
			known = macro_find(l, macro.data);
			rc = known != NULL
			    ? value_plain(l, &known->value, &name, e)
			    : fdm_error(l, e, "%s is not defined", macro.data);
		}
	} else {
		fdm_error(l, e, "include needs the name of a file in quotes");
	}
	if (rc == 0)
		rc = name.len > 0
		    ? include_open(l, name.data, e)
		    : fdm_error(l, e, "include needs the name of a file");
	buffer_free(&name);
	buffer_free(&macro);
	return rc;
}

void
fdm_lexer_free(struct fdm_lexer *l)
{
	for (size_t i = 0; i < l->macro_count; i++) {
		free(l->macros[i].name);
		fdm_value_free(&l->macros[i].value);
	}
	free(l->macros);
	for (size_t i = 0; i < l->source_count; i++) {
		free(l->sources[i].file);
		buffer_wipe(&l->sources[i].text);
	}
	free(l->sources);
	buffer_wipe(&l->token.text);
	*l = (struct fdm_lexer){ 0 };
}

/*
 * Tags
 */

/* How many characters of "%…" are a tag, and the name of a long one. */
static size_t
tag_length(const char *s, struct slice *name)
{
	const char *end;

	*name = slice_make(NULL, 0);
	if (s[1] == '\0')
		return 1;
	if (s[1] != '[')
		return 2;
	end = strchr(s, ']');
	if (end == NULL)
		return 0;
	*name = slice_make(s + 2, (size_t)(end - s) - 2);
	return (size_t)(end - s) + 1;
}

static bool
is_of_time(char letter, struct slice name)
{
	static const char *const names[] = { "hour", "minute", "second", "day",
		"month", "year", "year2", "dayofweek", "dayofyear", "quarter",
		"rfc822date", NULL };

	for (size_t i = 0; names[i] != NULL; i++)
		if (slice_is(name, names[i]))
			return true;
	return letter != '[' && letter != '\0' &&
	    strchr("HMSdmyWYQ", letter) != NULL;
}

char *
fdm_tags(const char *home, const char *text)
{
	struct buffer out = { 0 };

	while (*text != '\0') {
		size_t plain = strcspn(text, "%");
		struct slice name;
		size_t n;

		buffer_add(&out, text, plain);
		text += plain;
		if (*text == '\0')
			break;
		n = tag_length(text, &name);
		if (n == 0) {
			buffer_add(&out, text, 1);
			n = 1;
		} else if (is_of_time(text[1], name)) {
			buffer_wipe(&out);
			return NULL;
		} else if (text[1] == '%') {
			buffer_add_text(&out, "%");
		} else if (text[1] == 'h' || slice_is(name, "home")) {
			buffer_add_text(&out, home);
		}
		text += n;
	}
	return out.data != NULL ? out.data : xstrdup("");
}
