/* columns.c - see columns.h. */
#include "command/columns.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

#define GAP "  "

/* Columns on the screen, one for each character of UTF-8. */
static size_t
width_of(const char *text)
{
	size_t n = 0;

	for (; *text != '\0'; text++)
		if (((unsigned char)*text & 0xc0) != 0x80)
			n++;
	return n;
}

/* The '\0' behind the last octet of a buffer becomes part of it. */
static void
cell_end(struct columns *c, size_t start)
{
	size_t column = c->count % strlen(c->shape);
	size_t width = width_of(c->cells.data + start);

	if (width > c->width[column])
		c->width[column] = width;
	c->count++;
	buffer_add(&c->cells, "", 1);
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

static void
pad(size_t n)
{
	while (n-- > 0)
		putchar(' ');
}

static void
cell_print(const struct columns *c, const char *cell, size_t column)
{
	size_t fill = c->width[column] - width_of(cell);
	bool last = c->shape[column + 1] == '\0';

	if (c->shape[column] == 'r')
		pad(fill);
	fputs(cell, stdout);
	if (c->shape[column] == 'l' && !last)
		pad(fill);
	fputs(last ? "\n" : GAP, stdout);
}

void
columns_print(struct columns *c)
{
	size_t columns = strlen(c->shape);
	const char *cell = c->cells.data;
	size_t i;

	for (i = 0; i < c->count; i++) {
		cell_print(c, cell, i % columns);
		cell += strlen(cell) + 1;
	}
	buffer_free(&c->cells);
	*c = (struct columns){ .shape = c->shape };
}
