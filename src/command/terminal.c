/* terminal.c - see terminal.h. */
#include "command/terminal.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Of rows that go on with a line. */
#define INDENT 4
/* Of a terminal that does not know its size. */
#define COLUMNS_USUAL 80
#define LINES_USUAL 24

/* ECMA-48: select graphic rendition. */
static const char *const paints[] = {
	[PAINT_NONE] = "",
	[PAINT_GOOD] = "\033[32m",
	[PAINT_BUSY] = "\033[36m",
	[PAINT_WARN] = "\033[33m",
	[PAINT_BAD] = "\033[1;31m",
	[PAINT_FAINT] = "\033[2m",
	[PAINT_HEAD] = "\033[1m",
};
#define PAINT_END "\033[0m"

/* POSIX: the first of these that is there and not empty counts. */
static bool
locale_is_utf8(void)
{
	static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };
	const char *value = NULL;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		value = getenv(names[i]);
		if (value != NULL && value[0] != '\0')
			break;
	}
	return value != NULL &&
	    (strcasestr(value, "utf-8") != NULL ||
		strcasestr(value, "utf8") != NULL);
}

static bool
has_colours(void)
{
	const char *no = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	return (no == NULL || no[0] == '\0') && term != NULL &&
	    term[0] != '\0' && strcmp(term, "dumb") != 0;
}

void
terminal_look(struct terminal *t)
{
	struct winsize size = { 0 };

	*t = (struct terminal){ .utf8 = locale_is_utf8() };
	if (!isatty(STDOUT_FILENO))
		return;
	ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
	t->columns = size.ws_col != 0 ? size.ws_col : COLUMNS_USUAL;
	t->lines = size.ws_row != 0 ? size.ws_row : LINES_USUAL;
	t->colours = has_colours();
}

const char *
paint_on(const struct terminal *t, enum paint paint)
{
	return t->colours ? paints[paint] : "";
}

const char *
paint_off(const struct terminal *t, enum paint paint)
{
	return t->colours && paint != PAINT_NONE ? PAINT_END : "";
}

/* The octets of what switches a colour, at the front; 0: nothing does. */
static size_t
switch_length(struct slice s)
{
	size_t n = 2;

	if (s.len < 3 || s.data[0] != '\033' || s.data[1] != '[')
		return 0;
	while (n < s.len && s.data[n] != 'm')
		n++;
	return n < s.len ? n + 1 : 0;
}

/* Of a character, or of what switches a colour, which takes no column. */
static size_t
step(struct slice s, size_t *columns)
{
	size_t n = switch_length(s);

	*columns = n == 0 ? 1 : 0;
	if (n == 0)
		n = text_character(s);
	return n == 0 ? 1 : n;
}

size_t
terminal_width(struct slice line)
{
	size_t width = 0, columns, n;

	for (; line.len > 0; line = slice_skip(line, n)) {
		n = step(line, &columns);
		width += columns;
	}
	return width;
}

/* What switches colours is kept to the end, so that it is switched back. */
size_t
terminal_cut(struct slice line, size_t most)
{
	size_t len = 0, width = 0, columns, n;

	while (len < line.len) {
		n = step(slice_skip(line, len), &columns);
		if (width + columns > most)
			break;
		width += columns;
		len += n;
	}
	return len;
}

/* Where to break a line that is too long: behind a word, if there is one. */
static size_t
break_at(struct slice line, size_t columns)
{
	size_t cut = terminal_cut(line, columns);
	size_t n = cut;

	if (cut == line.len)
		return cut;
	while (n > columns / 2 && line.data[n] != ' ')
		n--;
	return n > columns / 2 ? n : cut;
}

static void
add_row(struct buffer *out, size_t indent, struct slice row, const char *end)
{
	for (size_t i = 0; i < indent; i++)
		buffer_add_text(out, " ");
	buffer_add_slice(out, row);
	buffer_add_text(out, end);
}

size_t
terminal_wrap(struct slice line, size_t columns, size_t most, const char *end,
    struct buffer *out)
{
	size_t indent = 0, rows = 0, n;

	while (line.len > 0 && rows < most) {
		n = break_at(line, columns - indent);
		if (out != NULL)
			add_row(out, indent, slice_make(line.data, n), end);
		line = slice_skip(line, n);
		while (line.len > 0 && line.data[0] == ' ')
			line = slice_skip(line, 1);
		indent = columns > 4 * INDENT ? INDENT : 0;
		rows++;
	}
	return rows;
}
