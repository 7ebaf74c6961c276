/*
 * import_write.c - an import is done: the ledger, an account by a transaction;
 * then the files, each under another name until it is whole and on disk. Cut off
 * anywhere, it is made whole by doing it again.
 */
#include "command/import.h"

#include "base/alloc.h"
#include "base/crash.h"
#include "base/user.h"
#include "ledger/ledger.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * Whose it will be
 */

/* What a daemon has to read and to write belongs to its user. */
struct owner {
	bool given; /* else: ours, as everything that we make */
	uid_t uid;
	gid_t gid;
};

static int
find_owner(
    const struct settings *settings, struct owner *owner, struct error *e)
{
	char *worker = command_worker(settings);
	struct user user;
	int rc = 0;

	*owner = (struct owner){ .given = worker != NULL };
	if (worker == NULL)
		return 0;
	rc = user_find(&user, worker, e);
	if (rc == 0) {
		owner->uid = user.uid;
		owner->gid = user.gid;
	}
	user_free(&user);
	free(worker);
	return rc;
}

/*
 * Files
 */

static int
failed(const char *path, struct error *e)
{
	return error_set(e, ERR_SYSTEM, "%s: %s", path, strerror(errno));
}

static int
make_one(const char *path, const struct owner *owner, struct error *e)
{
	if (mkdir(path, S_IRWXU) < 0)
		return errno == EEXIST ? 0 : failed(path, e);
	if (owner->given && lchown(path, owner->uid, owner->gid) < 0)
		return failed(path, e);
	return 0;
}

/* With all above it that are missing. */
static int
make_folder(const char *path, const struct owner *owner, struct error *e)
{
	char *part = xstrdup(path);
	int rc = 0;

	for (char *c = part + 1; rc == 0 && *c != '\0'; c++) {
		if (*c != '/')
			continue;
		*c = '\0';
		rc = make_one(part, owner, e);
		*c = '/';
	}
	if (rc == 0)
		rc = make_one(part, owner, e);
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
write_file(const char *path, struct slice text, const struct owner *owner,
    struct error *e)
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
	if (write_all(fd, text) < 0 ||
	    (owner->given && fchown(fd, owner->uid, owner->gid) < 0) ||
	    fsync(fd) < 0) {
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
write_secret(const struct import_secret *secret, const struct owner *owner,
    struct error *e)
{
	struct buffer text = { 0 };
	int rc;

	if (secret->path == NULL)
		return 0;
	buffer_reserve(&text, strlen(secret->password) + 2);
	buffer_add_text(&text, secret->password);
	buffer_add_text(&text, "\n");
	rc = write_file(secret->path, buffer_slice(&text), owner, e);
	buffer_wipe(&text);
	if (rc == 0)
		crash_point("import_secret");
	return rc;
}

static int
make_folders(
    const struct import_plan *p, const struct owner *owner, struct error *e)
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
		rc = make_folder(p->after->accounts_dir, owner, e);
	if (rc == 0 && needed)
		rc = make_folder(secrets, owner, e);
	free(secrets);
	return rc;
}

/*
 * The settings come before the accounts: without them, those would be strangers
 * at the next try. Without an account they are settings that nothing runs with.
 */
static int
write_settings(
    const struct import_plan *p, const struct owner *owner, struct error *e)
{
	if (make_folders(p, owner, e) < 0)
		return -1;
	for (size_t i = 0; i < p->outlet_count; i++)
		if (write_secret(&p->outlets[i].secret, owner, e) < 0)
			return -1;
	if (p->before == NULL &&
	    write_file(p->file, buffer_slice(&p->main), owner, e) < 0)
		return -1;
	crash_point("import_settings");
	for (size_t i = 0; i < p->count; i++) {
		const struct import_item *item = &p->items[i];

		if (item->there)
			continue;
		if (write_secret(&item->secret, owner, e) < 0 ||
		    write_file(
			item->path, buffer_slice(&item->text), owner, e) < 0)
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

/* Those of the ledger; whatever else is there is not ours to give away. */
static int
give_ledger(const char *state, const struct owner *owner, struct error *e)
{
	DIR *folder = opendir(state);
	const struct dirent *entry;
	int rc = 0;

	if (folder == NULL)
		return failed(state, e);
	while (rc == 0 && (entry = readdir(folder)) != NULL) {
		if (strncmp(entry->d_name, "ledger.", 7) != 0)
			continue;
		if (fchownat(dirfd(folder), entry->d_name, owner->uid,
			owner->gid, AT_SYMLINK_NOFOLLOW) < 0)
			rc = failed(state, e);
	}
	if (rc == 0 && fchown(dirfd(folder), owner->uid, owner->gid) < 0)
		rc = failed(state, e);
	closedir(folder);
	return rc;
}

int
import_mend(const struct import_plan *p, struct error *e)
{
	struct ledger *l = NULL;
	struct owner owner;

	if (find_owner(p->after, &owner, e) < 0 ||
	    ledger_open(&l, p->after->state, false, e) < 0)
		return -1;
	ledger_close(&l);
	return owner.given ? give_ledger(p->after->state, &owner, e) : 0;
}

int
import_write(const struct import_plan *p, struct error *e)
{
	struct owner owner;

	if (find_owner(p->after, &owner, e) < 0 || record(p, e) < 0 ||
	    (owner.given && give_ledger(p->after->state, &owner, e) < 0))
		return -1;
	return write_settings(p, &owner, e);
}
