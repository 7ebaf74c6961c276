/*
 * import_write.c - an import is done: the ledger, an account by a transaction;
 * then the files, each under another name until it is whole and on disk. Cut off
 * anywhere, it is made whole by doing it again.
 */
#include "command/import.h"

#include "base/alloc.h"
#include "base/crash.h"
#include "ledger/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * Files
 */

static int
failed(const char *path, struct error *e)
{
	return error_set(e, ERR_SYSTEM, "%s: %s", path, strerror(errno));
}

/* With all above it that are missing. */
static int
make_folder(const char *path, struct error *e)
{
	char *part = xstrdup(path);
	int rc = 0;

	for (char *c = part + 1; rc == 0 && *c != '\0'; c++) {
		if (*c != '/')
			continue;
		*c = '\0';
		if (mkdir(part, S_IRWXU) < 0 && errno != EEXIST)
			rc = failed(part, e);
		*c = '/';
	}
	if (rc == 0 && mkdir(part, S_IRWXU) < 0 && errno != EEXIST)
		rc = failed(part, e);
	free(part);
	return rc;
}

/* A name that is there is there after a power cut, too. */
static int
sync_folder_of(const char *path, struct error *e)
{
	char *folder = xstrndup(path, (size_t)(strrchr(path, '/') - path) + 1);
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = 0;

	if (fd < 0 || fsync(fd) < 0)
		rc = failed(folder, e);
	if (fd >= 0)
		close(fd);
	free(folder);
	return rc;
}

static int
write_all(int fd, struct slice text)
{
	while (text.len > 0) {
		ssize_t n = write(fd, text.data, text.len);

		if (n < 0 && errno != EINTR)
			return -1;
		if (n > 0)
			text = slice_skip(text, (size_t)n);
	}
	return 0;
}

/* What was cut off left a draft behind, perhaps. */
static int
write_file(const char *path, struct slice text, struct error *e)
{
	char *draft = xasprintf("%s.new", path);
	int fd, rc = -1;

	unlink(draft);
	fd = open(
	    draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);

	if (fd < 0) {
		failed(draft, e);
		goto out;
	}
	if (write_all(fd, text) < 0 || fsync(fd) < 0) {
		failed(draft, e);
		close(fd);
	} else if (close(fd) < 0 || rename(draft, path) < 0) {
		failed(path, e);
	} else {
		rc = sync_folder_of(path, e);
	}
	if (rc < 0)
		unlink(draft);
out:
	free(draft);
	return rc;
}

static int
write_secret(const struct import_secret *secret, struct error *e)
{
	struct buffer text = { 0 };
	int rc;

	if (secret->path == NULL)
		return 0;
	buffer_reserve(&text, strlen(secret->password) + 2);
	buffer_add_text(&text, secret->password);
	buffer_add_text(&text, "\n");
	rc = write_file(secret->path, buffer_slice(&text), e);
	buffer_wipe(&text);
	if (rc == 0)
		crash_point("import_secret");
	return rc;
}

static int
make_folders(const struct import_plan *p, struct error *e)
{
	char *secrets = xasprintf("%s/secrets", p->folder);
	bool needed = false, new = false;
	int rc = 0;

	for (size_t i = 0; i < p->count; i++) {
		needed = needed || p->items[i].secret.path != NULL;
		new = new || !p->items[i].there;
	}
	for (size_t i = 0; i < p->outlet_count; i++)
		needed = needed || p->outlets[i].secret.path != NULL;
	if (new)
		rc = make_folder(p->after->accounts_dir, e);
	if (rc == 0 && needed)
		rc = make_folder(secrets, e);
	free(secrets);
	return rc;
}

/*
 * The settings come before the accounts: without them, those would be strangers
 * at the next try. Without an account they are settings that nothing runs with.
 */
static int
write_settings(const struct import_plan *p, struct error *e)
{
	if (make_folders(p, e) < 0)
		return -1;
	for (size_t i = 0; i < p->outlet_count; i++)
		if (write_secret(&p->outlets[i].secret, e) < 0)
			return -1;
	if (p->before == NULL &&
	    write_file(p->file, buffer_slice(&p->main), e) < 0)
		return -1;
	crash_point("import_settings");
	for (size_t i = 0; i < p->count; i++) {
		const struct import_item *item = &p->items[i];

		if (item->there)
			continue;
		if (write_secret(&item->secret, e) < 0 ||
		    write_file(item->path, buffer_slice(&item->text), e) < 0)
			return -1;
		crash_point("import_account");
	}
	return 0;
}

/*
 * The ledger
 */

/*
 * Without a unique id, too: what there is then is new mail, not what a first
 * poll finds.
 */
static int
record_item(struct ledger *l, const struct import_plan *p,
    const struct import_item *item, struct error *e)
{
	const struct import_seen *seen = &item->from->seen;
	struct ledger_seen *list = xcalloc(seen->count + 1, sizeof(*list));
	char *reason = xasprintf("fetched by %s", p->program);
	int64_t account;
	size_t added;
	int rc;

	for (size_t i = 0; i < seen->count; i++)
		list[i] =
		    (struct ledger_seen){ .uid = slice_of(seen->list[i].uid),
			    .since = seen->list[i].since };
	rc = ledger_account(l, item->name, item->account->at.host,
	    item->account->login.user, NULL, false, &account, e);
	if (rc == 0)
		rc = ledger_seen(l, account, list, seen->count, seen->loose,
		    reason, &added, e);
	free(reason);
	free(list);
	return rc;
}

static int
record(const struct import_plan *p, struct error *e)
{
	struct ledger *l = NULL;
	int rc = ledger_open(&l, p->after->state, p->in->new_ledger, e);

	if (rc < 0)
		return -1;
	for (size_t i = 0; rc == 0 && i < p->count; i++) {
		if (p->items[i].there && p->items[i].unknown == 0)
			continue;
		rc = record_item(l, p, &p->items[i], e);
		if (rc == 0)
			crash_point("import_ledger");
	}
	ledger_close(&l);
	return rc;
}

int
import_write(const struct import_plan *p, struct error *e)
{
	if (record(p, e) < 0)
		return -1;
	return write_settings(p, e);
}
