/* there.c - see there.h. */
#include "migrate/there.h"

#include "base/alloc.h"
#include "base/text.h"
#include "migrate/url.h"

#include <ctype.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

static int
wrong(struct buffer *why, const char *words)
{
	buffer_add_text(why, words);
	return -1;
}

/* --- the pattern --- */

/* What a letter stands for, or { NULL, 0 }. */
static struct slice
meaning(const struct account *a, char letter)
{
	const char *recipient = a->recipients[0];
	const char *at = strrchr(recipient, '@');
	size_t local =
	    at != NULL ? (size_t)(at - recipient) : strlen(recipient);

	switch (letter) {
	case 'n':
		return slice_of(a->name);
	case 'r':
		return slice_of(recipient);
	case 'l':
		return slice_make(recipient, local);
	case 'd':
		return slice_of(at != NULL ? at + 1 : "");
	default:
		return slice_make(NULL, 0);
	}
}

static void
add_encoded(struct buffer *out, struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.data[i];

		if (isalnum(c) || strchr("-._~", c) != NULL)
			buffer_add(out, s.data + i, 1);
		else
			buffer_addf(out, "%%%02X", c);
	}
}

/* Nobody's address is to lead out of the folder. */
static int
add_name(struct buffer *out, struct slice s, char letter, struct buffer *why)
{
	if ((s.len > 0 && memchr(s.data, '/', s.len) != NULL) ||
	    slice_is(s, ".") || slice_is(s, "..")) {
		buffer_addf(why,
		    "has %%%c, for which \"%.*s\" would stand, which is no "
		    "name of a folder",
		    letter, (int)(s.len < 80 ? s.len : 80), s.data);
		return -1;
	}
	buffer_add_slice(out, s);
	return 0;
}

static bool
is_octet(const char *digits)
{
	return isxdigit((unsigned char)digits[0]) &&
	    isxdigit((unsigned char)digits[1]);
}

static int
expand(const char *pattern, const struct account *a, struct buffer *out,
    struct buffer *why)
{
	bool url = url_is(pattern);

	for (const char *c = pattern; *c != '\0'; c++) {
		struct slice s;

		if (*c != '%') {
			buffer_add(out, c, 1);
			continue;
		}
		if (c[1] == '%') {
			buffer_add_text(out, url ? "%25" : "%");
			c++;
			continue;
		}
		s = meaning(a, c[1]);
		if (s.data == NULL && url && is_octet(c + 1)) {
			buffer_add_text(out, "%");
			continue;
		}
		if (s.data == NULL)
			return wrong(why,
			    "has a % that stands for nothing: there are %n, "
			    "%r, %l, %d and %%");
		if (s.len == 0)
			return wrong(
			    why, "has %d, and the recipient has no domain");
		if (url)
			add_encoded(out, s);
		else if (add_name(out, s, c[1], why) < 0)
			return -1;
		c++;
	}
	return 0;
}

/* --- what it leads to --- */

static int
add_maildir(struct there *t, size_t i, const struct there_wish *w,
    const char *path, struct buffer *why)
{
	if (path[0] == '\0')
		return wrong(why, "is empty");
	t->list[i].where = VERIFY_MAILDIR;
	t->words[i] = boxes_path(w->path, path);
	t->list[i].path = t->words[i];
	return 0;
}

/* One mailbox may be the destination of several. */
static const struct settings *
known(const struct there *t, const char *text)
{
	for (size_t i = 0; i < t->settings_count; i++)
		if (strcmp(t->texts[i], text) == 0)
			return t->settings[i];
	return NULL;
}

/* They need a destination and a recipient to be settings; none is used. */
static const struct settings *
read_settings(struct there *t, const struct there_wish *w, const char *text,
    struct buffer *problems)
{
	size_t n = t->settings_count;
	struct settings *s;
	struct error e = { 0 };
	const struct settings_text all = {
		.text = slice_of(text),
		.file = w->file,
		.lines = &w->line,
		.line_count = 1,
		.mode = w->mode,
		.owner = w->owner,
	};

	if (settings_read_text(&s, &all, "/", problems, &e) < 0)
		return NULL;
	t->settings = xrealloc(t->settings, n + 1, sizeof(*t->settings));
	t->texts = xrealloc(t->texts, n + 1, sizeof(*t->texts));
	t->passwords = xrealloc(t->passwords, n + 1, sizeof(*t->passwords));
	t->settings[n] = s;
	t->texts[n] = xstrdup(text);
	t->passwords[n] = NULL;
	t->settings_count++;
	return s;
}

static int
add_mailbox(struct there *t, size_t i, const struct there_wish *w,
    const char *url, struct buffer *problems, struct buffer *why)
{
	struct buffer body = { 0 }, text = { 0 };
	const struct settings *s = NULL;
	char *name = NULL;
	int rc;

	rc = boxes_mailbox(
	    url, &w->secret, w->path, w->path != NULL, &body, &name, why);
	if (rc == 0) {
		buffer_add_text(&text,
		    "destinations = { none = { smtp = \"localhost\"; }; }; "
		    "accounts = ( {");
		boxes_quoted(&text, "name", name);
		buffer_add_slice(&text, buffer_slice(&body));
		buffer_add_text(&text, " recipient = \"nobody\"; } );");
		s = known(t, text.data);
		if (s == NULL)
			s = read_settings(t, w, text.data, problems);
		t->words[i] = xstrdup(name);
	}
	if (s != NULL) {
		t->list[i].where = VERIFY_POP3;
		t->list[i].account = &s->accounts[0];
	}
	free(name);
	buffer_wipe(&body);
	buffer_wipe(&text);
	return rc < 0 || s == NULL ? -1 : 0;
}

static int
add(struct there *t, size_t i, const struct account *a,
    const struct there_wish *w, struct buffer *problems, struct buffer *why)
{
	struct buffer place = { 0 };
	int rc;

	buffer_reserve(&place, 1);
	rc = expand(w->pattern, a, &place, why);
	if (rc == 0 && url_is(w->pattern))
		rc = add_mailbox(t, i, w, place.data, problems, why);
	else if (rc == 0)
		rc = add_maildir(t, i, w, place.data, why);
	buffer_free(&place);
	return rc;
}

int
there_make(struct there *t, const struct account *const *accounts,
    const struct there_wish *wishes, size_t count, struct buffer *problems)
{
	struct problems noted = { 0 };
	struct buffer why = { 0 };
	int rc = 0;

	*t = (struct there){ .count = count };
	t->list = xcalloc(count, sizeof(*t->list));
	t->words = xcalloc(count, sizeof(*t->words));
	for (size_t i = 0; i < count; i++) {
		const struct there_wish *w = &wishes[i];

		if (w->pattern == NULL ||
		    add(t, i, accounts[i], w, problems, &why) == 0)
			continue;
		rc = -1;
		if (why.len > 0)
			problem_add(&noted, (struct place){ w->file, w->line },
			    "at %s", why.data);
		buffer_free(&why);
	}
	problems_write(&noted, problems);
	problems_free(&noted);
	return rc;
}

int
there_passwords(struct there *t, const struct stop *stop, struct error *e)
{
	for (size_t k = 0; k < t->settings_count; k++) {
		const struct account *a = &t->settings[k]->accounts[0];

		if (t->passwords[k] == NULL &&
		    password_get(&a->login, stop, &t->passwords[k], e) < 0)
			return -1;
		for (size_t i = 0; i < t->count; i++)
			if (t->list[i].account == a)
				t->list[i].password = t->passwords[k];
	}
	return 0;
}

void
there_free(struct there *t)
{
	for (size_t i = 0; i < t->count; i++)
		free(t->words[i]);
	for (size_t i = 0; i < t->settings_count; i++) {
		settings_free(&t->settings[i]);
		OPENSSL_cleanse(t->texts[i], strlen(t->texts[i]));
		free(t->texts[i]);
		password_free(&t->passwords[i]);
	}
	free(t->passwords);
	free(t->settings);
	free(t->texts);
	free(t->words);
	free(t->list);
	*t = (struct there){ 0 };
}
