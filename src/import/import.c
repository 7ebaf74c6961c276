/* import.c - accounts, notes and unique ids, added one by one. */
#include "import/import.h"

#include "base/alloc.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a name may have (postrider.conf(5)), with room for a number behind it. */
#define NAME_MAX_LEN 64
#define NUMBER_MAX_LEN 12

static void
wipe(char **text)
{
	if (*text != NULL)
		explicit_bzero(*text, strlen(*text));
	free(*text);
	*text = NULL;
}

void
import_replace(char **where, const char *text)
{
	char *copy = text != NULL ? xstrdup(text) : NULL;

	wipe(where);
	*where = copy;
}

/* Room for one more. */
static void *
grow(void *list, size_t count, size_t *room, size_t size)
{
	if (count < *room)
		return list;
	*room = *room == 0 ? 8 : *room * 2;
	return xrealloc(list, *room, size);
}

static void
account_free(struct import_account *a)
{
	free(a->name);
	free(a->file);
	free(a->host);
	free(a->user);
	wipe(&a->password);
	wipe(&a->password_command);
	for (size_t i = 0; i < a->recipient_count; i++)
		free(a->recipients[i]);
	free(a->recipients);
	for (size_t i = 0; i < a->setting_count; i++) {
		free(a->settings[i].key);
		free(a->settings[i].value);
	}
	free(a->settings);
	free(a->destination.host);
	free(a->destination.user);
	wipe(&a->destination.password);
	for (size_t i = 0; i < a->seen.count; i++)
		free(a->seen.list[i].uid);
	free(a->seen.list);
	free(a->seen.file);
	free(a);
}

void
import_free(struct import *im)
{
	for (size_t i = 0; i < im->account_count; i++)
		account_free(im->accounts[i]);
	free(im->accounts);
	for (size_t i = 0; i < im->note_count; i++) {
		free(im->notes[i].file);
		free(im->notes[i].text);
	}
	free(im->notes);
	*im = (struct import){ 0 };
}

struct import_account *
import_account_add(struct import *im, const char *file, unsigned line)
{
	struct import_account *a = xcalloc(1, sizeof(*a));

	a->file = xstrdup(file);
	a->line = line;
	im->accounts = grow(im->accounts, im->account_count, &im->account_room,
	    sizeof(struct import_account *));
	im->accounts[im->account_count++] = a;
	return a;
}

void
import_account_drop(struct import *im)
{
	account_free(im->accounts[--im->account_count]);
}

static bool
name_is_taken(
    const struct import *im, const struct import_account *but, const char *name)
{
	for (size_t i = 0; i < im->account_count; i++)
		if (im->accounts[i] != but && im->accounts[i]->name != NULL &&
		    strcmp(im->accounts[i]->name, name) == 0)
			return true;
	return false;
}

/* It becomes the name of a file, too. */
static void
name_mend(const char *wanted, char *out, size_t room)
{
	size_t n = 0;

	for (; *wanted != '\0' && n + 1 < room; wanted++) {
		char c = *wanted;

		if (c <= ' ' || c >= 0x7f || c == '/')
			c = '_';
		if (n == 0 && (c == '-' || c == '.'))
			c = '_';
		out[n++] = c;
	}
	out[n] = '\0';
	if (n == 0)
		snprintf(out, room, "account");
}

void
import_account_name(
    struct import *im, struct import_account *a, const char *wanted)
{
	char base[NAME_MAX_LEN - NUMBER_MAX_LEN];
	char name[NAME_MAX_LEN + 1];

	name_mend(wanted, base, sizeof(base));
	snprintf(name, sizeof(name), "%s", base);
	for (size_t i = 2; name_is_taken(im, a, name); i++)
		snprintf(name, sizeof(name), "%s-%zu", base,
		    i < 10 ? i : im->account_count + i);
	import_replace(&a->name, name);
}

void
import_account_recipient(struct import_account *a, const char *recipient)
{
	for (size_t i = 0; i < a->recipient_count; i++)
		if (strcmp(a->recipients[i], recipient) == 0)
			return;
	a->recipients =
	    xrealloc(a->recipients, a->recipient_count + 1, sizeof(char *));
	a->recipients[a->recipient_count++] = xstrdup(recipient);
}

static void
setting_put(
    struct import_account *a, const char *key, const char *value, bool text)
{
	struct import_setting *s = NULL;

	for (size_t i = 0; i < a->setting_count; i++)
		if (strcmp(a->settings[i].key, key) == 0)
			s = &a->settings[i];
	if (s == NULL) {
		a->settings = xrealloc(
		    a->settings, a->setting_count + 1, sizeof(*a->settings));
		s = &a->settings[a->setting_count++];
		*s = (struct import_setting){ .key = xstrdup(key) };
	}
	import_replace(&s->value, value);
	s->text = text;
}

void
import_account_set(struct import_account *a, const char *key, const char *value)
{
	setting_put(a, key, value, false);
}

void
import_account_set_text(
    struct import_account *a, const char *key, const char *text)
{
	setting_put(a, key, text, true);
}

void
import_note(
    struct import *im, const char *file, unsigned line, const char *fmt, ...)
{
	struct buffer text = { 0 };
	va_list ap;

	va_start(ap, fmt);
	buffer_vaddf(&text, fmt, ap);
	va_end(ap);
	im->notes =
	    grow(im->notes, im->note_count, &im->note_room, sizeof(*im->notes));
	im->notes[im->note_count++] = (struct import_note){
		.file = xstrdup(file), .line = line, .text = text.data
	};
}

static bool
uid_is_one(struct slice uid)
{
	for (size_t i = 0; i < uid.len; i++)
		if ((unsigned char)uid.data[i] <= ' ' || uid.data[i] == 0x7f)
			return false;
	return uid.len > 0 && uid.len <= IMPORT_UID_MAX;
}

int
import_seen_add(struct import_account *a, struct slice uid, int64_t since)
{
	struct import_seen *seen = &a->seen;

	if (!uid_is_one(uid))
		return -1;
	seen->list =
	    grow(seen->list, seen->count, &seen->room, sizeof(*seen->list));
	seen->list[seen->count++] =
	    (struct import_uid){ .uid = xstrndup(uid.data, uid.len),
		    .since = since };
	return 0;
}
