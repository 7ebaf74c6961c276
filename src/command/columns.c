/* columns.c - see columns.h. */
#include "command/columns.h"

#include "base/text.h"
#include "command/terminal.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define GAP "  "

static size_t
columns_shown(const struct columns *c)
{
	return strlen(c->shape) - c->left_out;
}

static void
pad(struct buffer *out, size_t n)
{
	while (n-- > 0)
		buffer_add_text(out, " ");
}

/* Only a first column, which has no colours, is ever too narrow. */
static void
cell_write(const struct columns *c, const char *cell, size_t column,
    struct buffer *out)
{
	struct slice text = slice_of(cell);
	size_t width = terminal_width(text);
	size_t room = c->width[column];
	bool last = column + 1 == columns_shown(c);

	if (c->shape[column] == 'r')
		pad(out, room - width);
	if (width <= room) {
		buffer_add_slice(out, text);
	} else {
		text.len = terminal_cut(text, room - 1);
		buffer_add_slice(out, text);
		buffer_add_text(out, "~");
		width = room;
	}
	if (c->shape[column] == 'l' && !last)
		pad(out, room - width);
	buffer_add_text(out, last ? "\n" : GAP);
}

size_t
columns_width(const struct columns *c)
{
	size_t columns = columns_shown(c);
	size_t width = (columns - 1) * strlen(GAP);

	for (size_t i = 0; i < columns; i++)
		width += c->width[i];
	return width;
}

size_t
columns_fit(struct columns *c, size_t width, size_t least)
{
	size_t others = columns_width(c) - c->width[0];

	c->most = width;
	if (c->width[0] > least && others + c->width[0] > width)
		c->width[0] = width > others + least ? width - others : least;
	while (columns_width(c) > width && columns_shown(c) > 2)
		c->left_out++;
	return c->left_out;
}

/* The line that begins there; a colour may have to be switched off again. */
static void
line_cut(const struct columns *c, size_t from, struct buffer *out)
{
	struct slice line = slice_skip(buffer_slice(out), from);
	size_t n;

	line.len--;
	if (c->most == 0 || terminal_width(line) <= c->most)
		return;
	n = terminal_cut(line, c->most);
	out->len = from + n;
	if (memchr(line.data, '\033', n) != NULL)
		buffer_add_text(out, "\033[0m");
	buffer_add_text(out, "\n");
}

/* Line by line; with a file, nothing of them stays in `out`. */
static void
lines_write(const struct columns *c, struct buffer *out, FILE *file)
{
	size_t columns = strlen(c->shape);
	const char *cell = c->cells.data;
	size_t from = out->len;

	for (size_t i = 0; i < c->count; i++) {
		if (i % columns < columns_shown(c))
			cell_write(c, cell, i % columns, out);
		cell += strlen(cell) + 1;
		if ((i + 1) % columns != 0)
			continue;
		line_cut(c, from, out);
		if (file != NULL && out->len > 0) {
			fwrite(out->data, 1, out->len, file);
			buffer_clear(out);
		}
		from = out->len;
	}
}

static void
lines_print(const struct columns *c)
{
	struct buffer line = { 0 };

	lines_write(c, &line, stdout);
	buffer_free(&line);
}

static void
begin_anew(struct columns *c)
{
	buffer_free(&c->cells);
	*c = (struct columns){ .shape = c->shape };
}

/* The '\0' behind the last octet of a buffer becomes part of it. */
static void
cell_end(struct columns *c, size_t start)
{
	size_t columns = strlen(c->shape), column = c->count % columns;
	size_t width = terminal_width(slice_of(c->cells.data + start));

	if (width > c->width[column])
		c->width[column] = width;
	c->count++;
	buffer_add(&c->cells, "", 1);
	if (c->way == COLUMNS_GATHER || column + 1 < columns)
		return;
	if (c->way == COLUMNS_PRINT)
		lines_print(c);
	buffer_clear(&c->cells);
	c->count = 0;
}

void
columns_add(struct columns *c, const char *fmt, ...)
{
	size_t start = c->cells.len;
	va_list ap;

	buffer_reserve(&c->cells, 1);
	va_start(ap, fmt);
	buffer_vaddf(&c->cells, fmt, ap);
	va_end(ap);
	cell_end(c, start);
}

void
columns_octets(struct columns *c, struct slice words)
{
	char text[1024];

	text_harmless(words, text, sizeof(text));
	columns_add(c, "%s", text);
}

void
columns_write(struct columns *c, struct buffer *out)
{
	lines_write(c, out, NULL);
	begin_anew(c);
}

void
columns_print(struct columns *c)
{
	lines_print(c);
	begin_anew(c);
}
