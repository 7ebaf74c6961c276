/* getmail_value.c - values of a getmailrc, as Python takes them. */
#include "import/getmail.h"

#include "base/alloc.h"
#include "base/text.h"

#include <ctype.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int
getmail_flag(const struct getmail_rc *rc, const char *section, const char *key,
    bool other, bool *out, struct error *e)
{
	static const char *const words[] = { "false", "true", "no", "yes",
		"off", "on", "0", "1" };
	const char *text = getmail_text(rc, section, key);

	*out = other;
	if (text == NULL)
		return 0;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcasecmp(text, words[i]) == 0) {
			*out = i % 2 == 1;
			return 0;
		}
	}
	return import_error(e, rc->file, getmail_find(rc, section, key)->line,
	    "%s: \"%s\" is neither true nor false", key, text);
}

/* "60 * 3": settings are expressions, and people do use that. */
static int
product(struct slice text, uint64_t max, uint64_t *out)
{
	uint64_t factor;
	uint64_t all = 1;

	while (true) {
		const char *end =
		    text.len == 0 ? NULL : memchr(text.data, '*', text.len);
		size_t n = end != NULL ? (size_t)(end - text.data) : text.len;

		if (text_u64(slice_trim(slice_make(text.data, n)), max,
			&factor) < 0 ||
		    __builtin_mul_overflow(all, factor, &all) || all > max)
			return -1;
		if (end == NULL)
			break;
		text = slice_skip(text, n + 1);
	}
	*out = all;
	return 0;
}

int
getmail_number(const struct getmail_rc *rc, const char *section,
    const char *key, uint64_t max, uint64_t *out, struct error *e)
{
	const char *text = getmail_text(rc, section, key);

	if (text == NULL || product(slice_of(text), max, out) == 0)
		return 0;
	return import_error(e, rc->file, getmail_find(rc, section, key)->line,
	    "%s: \"%s\" is no number from 0 to %llu", key, text,
	    (unsigned long long)max);
}

/*
 * Strings
 */

static void
add_character(struct buffer *out, unsigned long c)
{
	char utf8[4];
	size_t n = 0;

	if (c < 0x80) {
		utf8[n++] = (char)c;
	} else if (c < 0x800) {
		utf8[n++] = (char)(0xc0 | c >> 6);
		utf8[n++] = (char)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		utf8[n++] = (char)(0xe0 | c >> 12);
		utf8[n++] = (char)(0x80 | (c >> 6 & 0x3f));
		utf8[n++] = (char)(0x80 | (c & 0x3f));
	} else {
		utf8[n++] = (char)(0xf0 | c >> 18);
		utf8[n++] = (char)(0x80 | (c >> 12 & 0x3f));
		utf8[n++] = (char)(0x80 | (c >> 6 & 0x3f));
		utf8[n++] = (char)(0x80 | (c & 0x3f));
	}
	buffer_add(out, utf8, n);
}

/* A character by its number, in so many digits. Returns those, or 0. */
static size_t
numbered(const char *s, int base, size_t least, size_t most, unsigned long *c)
{
	char digits[9];
	size_t n = 0;

	while (n < most &&
	    (base == 16 ? isxdigit((unsigned char)s[n]) != 0
			: s[n] >= '0' && s[n] <= '7')) {
		digits[n] = s[n];
		n++;
	}
	digits[n] = '\0';
	if (n < least)
		return 0;
	*c = strtoul(digits, NULL, base);
	if (*c == 0 || *c > 0x10ffff || (*c >= 0xd800 && *c <= 0xdfff))
		return 0;
	return n;
}

/* What stands behind a backslash. Returns how much of it is taken, or 0. */
static size_t
unescape(const char *s, struct buffer *out)
{
	static const char names[] = "\\'\"abfnrtv";
	static const char octets[] = "\\'\"\a\b\f\n\r\t\v";
	const char *known = s[0] != '\0' ? strchr(names, s[0]) : NULL;
	unsigned long c = 0;
	size_t n = 1;

	if (s[0] == '\0' || s[0] == 'N')
		return 0;
	if (s[0] == '\n')
		return 1;
	if (known != NULL) {
		buffer_add(out, &octets[known - names], 1);
		return 1;
	}
	if (s[0] == 'x' || s[0] == 'u' || s[0] == 'U') {
		size_t digits = s[0] == 'x' ? 2 : s[0] == 'u' ? 4 : 8;

		n = numbered(s + 1, 16, digits, digits, &c);
		n += n > 0 ? 1 : 0;
	} else if (s[0] >= '0' && s[0] <= '7') {
		n = numbered(s, 8, 1, 3, &c);
	} else {
		buffer_add_text(out, "\\");
		buffer_add(out, s, 1);
		return 1;
	}
	if (n > 0)
		add_character(out, c);
	return n;
}

/* Returns what follows the string, or NULL with *why. */
static const char *
string_read(const char *s, struct buffer *out, const char **why)
{
	char mark[4] = { 0 };
	bool raw = false;
	size_t n;

	for (; *s != '"' && *s != '\''; s++) {
		raw = raw || *s == 'r' || *s == 'R';
		if (*s == '\0' || strchr("rRuU", *s) == NULL) {
			*why = "there is something other than strings in it";
			return NULL;
		}
	}
	n = s[1] == *s && s[2] == *s ? 3 : 1;
	memset(mark, *s, n);
	for (s += n; strncmp(s, mark, n) != 0;) {
		if (*s == '\0' || (*s == '\n' && n == 1)) {
			*why = "a string has no end";
			return NULL;
		}
		if (*s != '\\') {
			buffer_add(out, s++, 1);
		} else if (raw) {
			buffer_add(out, s++, 1);
			if (*s != '\0')
				buffer_add(out, s++, 1);
		} else {
			size_t taken = unescape(s + 1, out);

			if (taken == 0) {
				*why = "what follows a backslash is not "
				       "understood";
				return NULL;
			}
			s += 1 + taken;
		}
	}
	return s + n;
}

static const char *
skip_blanks(const char *s)
{
	while (*s != '\0') {
		if (*s == '#')
			s += strcspn(s, "\n");
		else if (isspace((unsigned char)*s))
			s++;
		else
			break;
	}
	return s;
}

static void
strings_add(struct getmail_strings *out, const char *text)
{
	out->list = xrealloc(out->list, out->count + 1, sizeof(*out->list));
	out->list[out->count++] = xstrdup(text);
}

/* Strings that follow each other are one; a number will do, too. */
static const char *
item_read(const char *s, struct buffer *out, const char **why)
{
	if (isdigit((unsigned char)*s)) {
		for (; isdigit((unsigned char)*s); s++)
			buffer_add(out, s, 1);
		return skip_blanks(s);
	}
	do {
		s = string_read(s, out, why);
		if (s == NULL)
			return NULL;
		s = skip_blanks(s);
	} while (*s == '"' || *s == '\'');
	return s;
}

int
getmail_tuple(const char *text, struct getmail_strings *out, const char **why)
{
	struct buffer item = { 0 };
	const char *s = skip_blanks(text);
	bool open = *s == '(';
	bool comma = false;
	int rc = -1;

	*why = "it is no tuple, such as (\"a\", \"b\")";
	if (*s == '\0')
		return 0;
	if (open)
		s = skip_blanks(s + 1);
	while (*s != '\0' && *s != ')') {
		buffer_wipe(&item);
		s = item_read(s, &item, why);
		if (s == NULL)
			goto out;
		strings_add(out, item.len > 0 ? item.data : "");
		if (*s != ',')
			break;
		comma = true;
		s = skip_blanks(s + 1);
	}
	if (open && *s == ')')
		s = skip_blanks(s + 1);
	else if (open)
		goto out;
	if (*s == '\0' && (comma || out->count == 0))
		rc = 0;
out:
	buffer_wipe(&item);
	return rc;
}

void
getmail_strings_free(struct getmail_strings *s)
{
	for (size_t i = 0; i < s->count; i++)
		import_replace(&s->list[i], NULL);
	free(s->list);
	*s = (struct getmail_strings){ 0 };
}

/*
 * Paths
 */

static bool
in_name(char c)
{
	return c == '_' || isalnum((unsigned char)c);
}

/* "$NAME", "${NAME}": how much of it is one, 0 when nothing. */
static size_t
variable(const char *s, struct buffer *name)
{
	size_t n = 0;

	if (s[1] == '{') {
		n = strcspn(s + 2, "}");
		if (s[2 + n] == '\0')
			return 0;
		buffer_add(name, s + 2, n);
		return n + 3;
	}
	while (in_name(s[1 + n]))
		n++;
	buffer_add(name, s + 1, n);
	return n == 0 ? 0 : n + 1;
}

static void
expand_variables(const char *s, struct buffer *out)
{
	while (*s != '\0') {
		struct buffer name = { 0 };
		size_t n = *s == '$' ? variable(s, &name) : 0;
		const char *value = n > 0 ? getenv(name.data) : NULL;

		if (value != NULL)
			buffer_add_text(out, value);
		else
			buffer_add(out, s, n > 0 ? n : 1);
		s += n > 0 ? n : 1;
		buffer_free(&name);
	}
}

char *
getmail_expand(const char *home, const char *text)
{
	struct buffer path = { 0 };
	const struct passwd *entry;
	char *name, *out;
	size_t n;

	expand_variables(text, &path);
	if (path.len == 0 || path.data[0] != '~')
		return path.data != NULL ? path.data : xstrdup("");
	n = strcspn(path.data, "/");
	name = xstrndup(path.data + 1, n - 1);
	entry = n > 1 ? getpwnam(name) : NULL;
	if (entry != NULL)
		home = entry->pw_dir;
	out = n > 1 && entry == NULL ? xstrdup(path.data)
				     : xasprintf("%s%s", home, path.data + n);
	free(name);
	buffer_free(&path);
	return out;
}
