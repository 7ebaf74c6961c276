/* home.c - see home.h. */
#include "home.h"

#include "base/alloc.h"

#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

int
home_begin(void **state)
{
	struct home *h = xcalloc(1, sizeof(*h));

	snprintf(h->path, sizeof(h->path), "/tmp/postrider-home.XXXXXX");
	if (mkdtemp(h->path) == NULL)
		return -1;
	unsetenv("XDG_CONFIG_HOME");
	*state = h;
	return 0;
}

static int
remove_it(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

int
home_end(void **state)
{
	struct home *h = *state;
	int rc = nftw(h->path, remove_it, 16, FTW_DEPTH | FTW_PHYS);

	import_free(&h->im);
	buffer_free(&h->told);
	free(h);
	return rc;
}

void
home_put_octets(
    struct home *h, const char *name, const void *octets, size_t len)
{
	char *path = xasprintf("%s/%s", h->path, name);
	int fd;

	for (char *slash = path + strlen(h->path) + 1;
	     (slash = strchr(slash, '/')) != NULL; slash++) {
		*slash = '\0';
		(void)mkdir(path, 0700);
		*slash = '/';
	}
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, octets, len), len);
	close(fd);
	free(path);
}

void
home_put(struct home *h, const char *name, const char *text)
{
	home_put_octets(h, name, text, strlen(text));
}

static int
read_with(struct home *h, reader *read)
{
	char *settings = NULL, *seen = NULL, *netrc = NULL;
	char *settings_list[2] = { 0 }, *seen_list[2] = { 0 };
	struct import_files files = { .home = h->path,
		.user = "somebody",
		.settings = settings_list,
		.seen = seen_list,
		.run_commands = h->run_commands };
	int rc;

	if (h->settings != NULL)
		settings = xasprintf("%s/%s", h->path, h->settings);
	if (h->seen != NULL)
		seen = xasprintf("%s/%s", h->path, h->seen);
	if (h->netrc != NULL)
		netrc = xasprintf("%s/%s", h->path, h->netrc);
	settings_list[0] = settings;
	seen_list[0] = seen;
	files.netrc = netrc;
	import_free(&h->im);
	h->e = (struct error){ 0 };
	rc = read(&h->im, &files, &h->e);
	free(settings);
	free(seen);
	free(netrc);
	return rc;
}

/* With "~" in place of the folder. */
static void
tell(struct home *h, const char *text)
{
	const char *at;

	while ((at = strstr(text, h->path)) != NULL) {
		buffer_add(&h->told, text, (size_t)(at - text));
		buffer_add_text(&h->told, "~");
		text = at + strlen(h->path);
	}
	buffer_add_text(&h->told, text);
}

static void
tell_two(struct home *h, const char *name, const char *text)
{
	if (text == NULL)
		return;
	buffer_addf(&h->told, ", %s ", name);
	tell(h, text);
}

static void
tell_account(struct home *h, const struct import_account *a)
{
	static const char *const tls[] = { "implicit", "starttls", "none" };
	const struct import_destination *d = &a->destination;

	buffer_addf(&h->told, "%s: %s at %s:%u, %s", a->name, a->user, a->host,
	    a->port, tls[a->tls]);
	tell_two(h, "password", a->password);
	tell_two(h, "command", a->password_command);
	for (size_t i = 0; i < a->recipient_count; i++)
		tell_two(h, "to", a->recipients[i]);
	tell_two(h, d->lmtp ? "lmtp" : "smtp", d->host);
	if (d->port != 0)
		buffer_addf(&h->told, ":%u", d->port);
	buffer_add_text(&h->told, "\n");
	for (size_t i = 0; i < a->setting_count; i++) {
		buffer_addf(&h->told, "  %s = ", a->settings[i].key);
		tell(h, a->settings[i].value);
		buffer_add_text(&h->told, "\n");
	}
	if (a->seen.file == NULL)
		return;
	buffer_add_text(
	    &h->told, a->seen.loose ? "  seen, loosely, in " : "  seen in ");
	tell(h, a->seen.file);
	buffer_add_text(&h->told, ":");
	for (size_t i = 0; i < a->seen.count; i++) {
		buffer_addf(&h->told, " %s", a->seen.list[i].uid);
		if (a->seen.list[i].since != 0)
			buffer_addf(&h->told, "@%lld",
			    (long long)a->seen.list[i].since);
	}
	buffer_add_text(&h->told, "\n");
}

const char *
home_good(struct home *h, reader *read)
{
	int rc = read_with(h, read);

	if (rc < 0)
		print_error("%s\n", h->e.text);
	assert_int_equal(rc, 0);
	buffer_clear(&h->told);
	for (size_t i = 0; i < h->im.account_count; i++)
		tell_account(h, h->im.accounts[i]);
	for (size_t i = 0; i < h->im.note_count; i++) {
		const struct import_note *n = &h->im.notes[i];

		tell(h, n->file);
		buffer_addf(&h->told, ":%u: ", n->line);
		tell(h, n->text);
		buffer_add_text(&h->told, "\n");
	}
	return h->told.len > 0 ? h->told.data : "";
}

void
home_is(struct home *h, reader *read, const char *want)
{
	assert_string_equal(home_good(h, read), want);
}

void
home_bad(struct home *h, reader *read, const char *want)
{
	assert_int_equal(read_with(h, read), -1);
	assert_int_equal(h->e.kind, ERR_CONFIG);
	buffer_clear(&h->told);
	tell(h, h->e.text);
	assert_string_equal(h->told.data, want);
}
