/* import_show.c - what an import will do, for a person to agree to. */
#include "command/import.h"

#include "base/alloc.h"
#include "base/text.h"
#include "command/columns.h"
#include "command/terminal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *
setting_of(const struct import_account *a, const char *key)
{
	for (size_t i = 0; i < a->setting_count; i++)
		if (strcmp(a->settings[i].key, key) == 0)
			return a->settings[i].value;
	return NULL;
}

static void
mailbox_cell(struct columns *c, const struct import_account *a)
{
	static const char *const how[] = {
		[IMPORT_TLS_IMPLICIT] = "",
		[IMPORT_TLS_STARTTLS] = ", STARTTLS",
		[IMPORT_TLS_NONE] = ", in clear",
	};
	struct buffer text = { 0 };

	buffer_addf(&text, "%s at %s", a->user, a->host);
	if (a->port != 0)
		buffer_addf(&text, ":%u", a->port);
	buffer_add_text(&text, how[a->tls]);
	columns_octets(c, buffer_slice(&text));
	buffer_free(&text);
}

static void
recipients_cell(struct columns *c, const struct import_item *item)
{
	const struct import_account *a = item->from;
	struct buffer text = { 0 };

	for (size_t i = 0; i < a->recipient_count; i++)
		buffer_addf(&text, "%s%s", i > 0 ? ", " : "", a->recipients[i]);
	buffer_addf(
	    &text, "%sby %s", text.len > 0 ? " " : "", item->destination);
	columns_octets(c, buffer_slice(&text));
	buffer_free(&text);
}

static void
seen_cell(struct columns *c, const struct import_item *item)
{
	size_t count = item->from->seen.count;

	if (count == 0)
		columns_add(c, "none");
	else if (item->unknown == count)
		columns_add(c, "%zu", count);
	else if (item->unknown == 0)
		columns_add(c, "%zu, known", count);
	else
		columns_add(c, "%zu, %zu new", count, item->unknown);
}

static void
item_row(struct columns *c, const struct import_item *item)
{
	const char *after = setting_of(item->from, "after_delivery");

	columns_octets(c, slice_of(item->name));
	mailbox_cell(c, item->from);
	if (item->there) {
		columns_add(c, "(is in the settings)");
		columns_add(c, "%s", "");
	} else {
		recipients_cell(c, item);
		columns_octets(c, slice_of(after != NULL ? after : ""));
	}
	seen_cell(c, item);
}

static void
show_items(const struct import_plan *p)
{
	static const char *const head[] = { "ACCOUNT", "MAILBOX",
		"ITS MAIL GOES TO", "THEN", "ALREADY FETCHED" };
	struct columns c = { .shape = "lllll" };

	for (size_t i = 0; i < sizeof(head) / sizeof(head[0]); i++)
		columns_add(&c, "%s", head[i]);
	for (size_t i = 0; i < p->count; i++)
		item_row(&c, &p->items[i]);
	columns_print(&c);
	buffer_free(&c.cells);
}

static int
by_place(const void *a, const void *b)
{
	const struct import_note *left = *(const struct import_note *const *)a;
	const struct import_note *right = *(const struct import_note *const *)b;
	int order = strcmp(left->file, right->file);

	if (order == 0)
		order = (left->line > right->line) - (left->line < right->line);
	/* As they came, where that is the same. */
	return order != 0 ? order : (left > right) - (left < right);
}

/* What several accounts inherit need not be told for each. */
static bool
is_told(const struct import_note *const *list, size_t nth)
{
	const struct import_note *note = list[nth];

	for (size_t i = nth; i > 0; i--) {
		const struct import_note *before = list[i - 1];

		if (before->line != note->line ||
		    strcmp(before->file, note->file) != 0)
			return false;
		if (strcmp(before->text, note->text) == 0)
			return true;
	}
	return false;
}

static void
show_notes(const struct import_plan *p)
{
	const struct import *im = &p->im;
	const struct import_note **list =
	    xcalloc(im->note_count + 1, sizeof(const struct import_note *));
	char file[1024], text[1024];

	for (size_t i = 0; i < im->note_count; i++)
		list[i] = &im->notes[i];
	qsort(
	    list, im->note_count, sizeof(const struct import_note *), by_place);
	if (im->note_count > 0)
		printf("\nnot as it was:\n");
	for (size_t i = 0; i < im->note_count; i++) {
		if (is_told(list, i))
			continue;
		text_harmless(slice_of(list[i]->file), file, sizeof(file));
		text_harmless(slice_of(list[i]->text), text, sizeof(text));
		if (list[i]->line > 0)
			printf("  %s:%u: %s\n", file, list[i]->line, text);
		else
			printf("  %s: %s\n", file, text);
	}
	free(list);
}

struct sums {
	size_t accounts, secrets, uids;
};

static struct sums
add_up(const struct import_plan *p)
{
	struct sums s = { 0 };

	for (size_t i = 0; i < p->count; i++) {
		s.accounts += !p->items[i].there;
		s.secrets += p->items[i].secret.path != NULL;
		s.uids += p->items[i].unknown;
	}
	for (size_t i = 0; i < p->outlet_count; i++)
		s.secrets += p->outlets[i].secret.path != NULL;
	return s;
}

static const char *
plural(size_t n)
{
	return n == 1 ? "" : "s";
}

/* What becomes of a relay that nothing protects has to be known beforehand. */
static void
show_outlets(const struct import_plan *p)
{
	for (size_t i = 0; i < p->after->destination_count; i++) {
		const struct destination *d = &p->after->destinations[i];

		if (p->before == NULL && d->at.path == NULL &&
		    d->at.tls == TLS_STARTTLS)
			printf("  mail to %s goes there by STARTTLS, without "
			       "which postrider sends none\n",
			    d->at.host);
	}
}

static void
show_files(const struct import_plan *p)
{
	struct sums s = add_up(p);

	printf("\nto be written:\n");
	if (p->before == NULL) {
		printf("  %s, with where mail goes\n", p->file);
		show_outlets(p);
	}
	if (s.accounts > 0)
		printf("  %zu account%s, as file%s in %s\n", s.accounts,
		    plural(s.accounts), plural(s.accounts),
		    p->after->accounts_dir);
	if (s.secrets > 0)
		printf("  %zu password%s, as file%s in %s/secrets that only "
		       "you can read\n",
		    s.secrets, plural(s.secrets), plural(s.secrets), p->folder);
	printf("  %zu unique id%s of messages that were fetched, into the "
	       "ledger in %s\n",
	    s.uids, plural(s.uids), p->after->state);
}

void
import_show(const struct import_plan *p)
{
	if (p->count > 0)
		show_items(p);
	show_notes(p);
	if (p->count > 0 && !import_is_done(p))
		show_files(p);
	fflush(stdout);
}
