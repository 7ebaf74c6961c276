#include "config/problem.h"

#include "base/alloc.h"
#include "base/text.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool
same_place(struct place a, struct place b)
{
	return a.line == b.line && strcmp(a.file, b.file) == 0;
}

static bool
is_known(const struct problems *p, struct place at, const char *text)
{
	for (size_t i = 0; i < p->count; i++)
		if (same_place(p->list[i].at, at) &&
		    strcmp(p->list[i].text, text) == 0)
			return true;
	return false;
}

void
problem_add(struct problems *p, struct place at, const char *fmt, ...)
{
	struct buffer text = { 0 };
	char *harmless;
	va_list ap;

	va_start(ap, fmt);
	buffer_vaddf(&text, fmt, ap);
	va_end(ap);
	harmless = xcalloc(text.len + 1, 1);
	text_harmless(buffer_slice(&text), harmless, text.len + 1);
	buffer_free(&text);

	if (is_known(p, at, harmless)) {
		free(harmless);
		return;
	}
	p->list = xrealloc(p->list, p->count + 1, sizeof *p->list);
	p->list[p->count] = (struct problem){ at, harmless, p->count };
	p->count++;
}

/* The order of the file that problem i is in: its first problem's. */
static size_t
file_order(const struct problems *p, size_t i)
{
	size_t first = 0;

	while (strcmp(p->list[first].at.file, p->list[i].at.file) != 0)
		first++;
	return first;
}

struct key {
	size_t file;
	const struct problem *problem;
};

static int
compare(const void *left, const void *right)
{
	const struct key *a = left, *b = right;

	if (a->file != b->file)
		return a->file < b->file ? -1 : 1;
	if (a->problem->at.line != b->problem->at.line)
		return a->problem->at.line < b->problem->at.line ? -1 : 1;
	return a->problem->order < b->problem->order ? -1 : 1;
}

static void
write_one(const struct problem *p, struct buffer *out)
{
	char file[4096];

	text_harmless(slice_of(p->at.file), file, sizeof file);
	buffer_add_text(out, file);
	if (p->at.line > 0)
		buffer_addf(out, ":%u", p->at.line);
	buffer_addf(out, ": %s\n", p->text);
}

void
problems_write(struct problems *p, struct buffer *out)
{
	struct key *keys = xcalloc(p->count + 1, sizeof *keys);

	for (size_t i = 0; i < p->count; i++)
		keys[i] = (struct key){ file_order(p, i), p->list + i };
	qsort(keys, p->count, sizeof *keys, compare);
	for (size_t i = 0; i < p->count; i++)
		write_one(keys[i].problem, out);
	free(keys);
}

void
problems_free(struct problems *p)
{
	for (size_t i = 0; i < p->count; i++)
		free(p->list[i].text);
	free(p->list);
	*p = (struct problems){ 0 };
}
