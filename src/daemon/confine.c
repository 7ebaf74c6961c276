/* confine.c - which folders, and in which order. */
#include "daemon/confine.h"

#include "base/alloc.h"
#include "base/log.h"
#include "base/sanitized.h"
#include "daemon/landlock.h"
#include "daemon/syscalls.h"

#include <errno.h>
#include <limits.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct folder {
	char *path; /* owned; resolved */
	bool write;
};

struct confine {
	struct folder *folders; /* owned; once it has begun, sorted */
	size_t count, room;
	bool files; /* Landlock is in force */
};

/*
 * Read by libraries, at any time: certificates, names of hosts, time zones,
 * modules for names (nsswitch.conf) and for OpenSSL. In /proc the kernel shows
 * what is ours only.
 */
static const char *const libraries[] = { "/etc", "/usr", "/lib", "/lib64",
	"/lib32", "/libx32", "/nix/store", "/gnu/store", "/proc",
	"/sys/devices/system/cpu", "/var/lib/ca-certificates", "/dev/random",
	"/dev/urandom", NULL };

/* A question may be asked on the terminal. */
static const char *const devices[] = { "/dev/null", "/dev/tty", NULL };

/* Files and folders, with colons between them, where these are set. */
static const char *const variables[] = { "CREDENTIALS_DIRECTORY",
	"OPENSSL_CONF", "SSL_CERT_DIR", "SSL_CERT_FILE", "TZDIR", NULL };

/* --- gathering --- */

/* Takes the path; NULL: there is none. */
static void
add(struct confine *c, char *path, bool write)
{
	const struct folder *last =
	    c->count > 0 ? &c->folders[c->count - 1] : NULL;

	if (path == NULL)
		return;
	if (last != NULL && last->write == write &&
	    strcmp(last->path, path) == 0) {
		free(path);
		return;
	}
	if (c->count == c->room) {
		c->room = c->room * 2 + 32;
		c->folders = xrealloc(c->folders, c->room, sizeof *c->folders);
	}
	c->folders[c->count++] =
	    (struct folder){ .path = path, .write = write };
}

static bool
is_folder(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* The folder that a path is in, as it is written. Owned by the caller. */
static char *
parent_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (slash == NULL)
		return xstrdup(".");
	return xstrndup(path, slash == path ? 1 : (size_t)(slash - path));
}

static char *
resolved_parent(const char *path)
{
	char *parent = parent_of(path);
	char *resolved = realpath(parent, NULL);

	free(parent);
	return resolved;
}

void
confine_read(struct confine *c, const char *path)
{
	char *target = realpath(path, NULL);

	if (target != NULL && is_folder(target)) {
		add(c, target, false);
		return;
	}
	if (target != NULL)
		add(c, resolved_parent(target), false);
	add(c, resolved_parent(path), false);
	free(target);
}

void
confine_write(struct confine *c, const char *folder)
{
	add(c, realpath(folder, NULL), true);
}

/*
 * Often a link into /run, to something that is not there before the network is,
 * and made anew again and again: hence the nearest folder that is there.
 */
static void
add_name_servers(struct confine *c)
{
	char target[PATH_MAX];
	char *path, *parent;
	ssize_t n = readlink("/etc/resolv.conf", target, sizeof target);

	if (n <= 0 || (size_t)n == sizeof target)
		return;
	path = target[0] == '/' ? xasprintf("%.*s", (int)n, target)
				: xasprintf("/etc/%.*s", (int)n, target);
	while (strcmp(path, "/") != 0) {
		parent = parent_of(path);
		free(path);
		path = parent;
		if (is_folder(path))
			break;
	}
	if (strcmp(path, "/") != 0)
		confine_read(c, path);
	free(path);
}

static void
read_list(struct confine *c, const char *paths)
{
	while (*paths != '\0') {
		size_t len = strcspn(paths, ":");
		char *path = xstrndup(paths, len);

		if (path[0] == '/')
			confine_read(c, path);
		free(path);
		paths += len + (paths[len] == ':');
	}
}

struct confine *
confine_new(void)
{
	struct confine *c = xcalloc(1, sizeof *c);

	for (size_t i = 0; libraries[i] != NULL; i++)
		if (is_folder(libraries[i]))
			confine_read(c, libraries[i]);
		else
			add(c, realpath(libraries[i], NULL), false);
	for (size_t i = 0; variables[i] != NULL; i++)
		if (getenv(variables[i]) != NULL)
			read_list(c, getenv(variables[i]));
	confine_read(c, X509_get_default_cert_area());
	confine_read(c, X509_get_default_cert_dir());
	confine_read(c, X509_get_default_cert_file());
	add_name_servers(c);
#ifdef COVERAGE
	/* The counts of what was run, beside the objects. */
	confine_write(c, ".");
#endif
	return c;
}

void
confine_free(struct confine **c)
{
	if (*c == NULL)
		return;
	for (size_t i = 0; i < (*c)->count; i++)
		free((*c)->folders[i].path);
	free((*c)->folders);
	free(*c);
	*c = NULL;
}

/* Each file that settings name, until one does not please. */
static int
each_file(const struct settings *s, int (*visit)(void *arg, const char *path),
    void *arg)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < s->account_count; i++) {
		const struct account *a = &s->accounts[i];

		rc = visit(arg, a->login.password_file);
		if (rc == 0)
			rc = visit(arg, a->at.ca_file);
	}
	for (size_t i = 0; rc == 0 && i < s->destination_count; i++) {
		const struct destination *d = &s->destinations[i];

		rc = visit(arg, d->login.password_file);
		if (rc == 0)
			rc = visit(arg, d->at.ca_file);
	}
	return rc;
}

static int
gather(void *arg, const char *path)
{
	if (path != NULL)
		confine_read(arg, path);
	return 0;
}

/* As the ledger would make it. */
static int
make_folder(const char *path, struct error *e)
{
	char *parent;
	int rc = 0;

	if (mkdir(path, 0700) == 0 || errno == EEXIST)
		return 0;
	parent = parent_of(path);
	if (errno == ENOENT && strcmp(parent, path) != 0)
		rc = make_folder(parent, e);
	free(parent);
	if (rc == 0 && mkdir(path, 0700) < 0 && errno != EEXIST)
		rc = error_set(e, ERR_LEDGER,
		    "cannot make the state directory %s: %s", path,
		    strerror(errno));
	return rc;
}

int
confine_settings(struct confine *c, const struct settings *s, struct error *e)
{
	if (make_folder(s->state, e) < 0)
		return -1;
	confine_write(c, s->state);
	for (size_t i = 0; i < s->folder_count; i++)
		confine_read(c, s->folders[i]);
	return each_file(s, gather, c);
}

/* --- in force --- */

static int
by_path(const void *left, const void *right)
{
	const struct folder *a = left, *b = right;

	return strcmp(a->path, b->path);
}

/* Sorted, and each once, with all that may be done there. */
static void
settle(struct confine *c)
{
	size_t kept = 0;

	qsort(c->folders, c->count, sizeof *c->folders, by_path);
	for (size_t i = 0; i < c->count; i++) {
		struct folder *last = kept > 0 ? &c->folders[kept - 1] : NULL;

		if (last == NULL || by_path(last, &c->folders[i]) != 0) {
			c->folders[kept++] = c->folders[i];
			continue;
		}
		last->write = last->write || c->folders[i].write;
		free(c->folders[i].path);
	}
	c->count = kept;
}

/* A sanitizer has threads of its own, which open nothing. */
static bool
is_alone(void)
{
#ifdef SANITIZED
	return true;
#else
	struct stat st;

	/* Two links of a folder are its own, one is of each thread. */
	return stat("/proc/self/task", &st) < 0 || st.st_nlink <= 3;
#endif
}

static int
limit_files(struct confine *c, struct error *e)
{
	struct landlock l;
	int rc;

	if (landlock_version() < 8 && !is_alone())
		return error_set(
		    e, ERR_SYSTEM, "Landlock: there are other threads already");
	rc = landlock_open(&l, e);
	for (size_t i = 0; rc == 0 && i < c->count; i++)
		rc = landlock_allow(&l, c->folders[i].path,
		    c->folders[i].write ? LANDLOCK_WRITE : LANDLOCK_READ, e);
	for (size_t i = 0; rc == 0 && devices[i] != NULL; i++)
		rc = landlock_allow(&l, devices[i], LANDLOCK_DEVICE, e);
	if (rc == 0)
		rc = landlock_enforce(&l, e);
	landlock_close(&l);
	c->files = rc == 0;
	return rc;
}

static void
place_temporary_files(const struct confine *c)
{
	for (size_t i = 0; i < c->count; i++) {
		if (!c->folders[i].write)
			continue;
		setenv("SQLITE_TMPDIR", c->folders[i].path, 1);
		return;
	}
}

int
confine_begin(struct confine *c, struct error *e)
{
	int version = landlock_version();
	struct error why = { 0 };

	place_temporary_files(c);
	settle(c);
	if (version > 0 && limit_files(c, e) < 0)
		goto fail;
	if (syscalls_known() && syscalls_limit(&why) < 0) {
		*e = why;
		goto fail;
	}
	log_event("event=confined landlock=%d seccomp=%s", version,
	    syscalls_known() ? "yes" : "no");
	return 0;
fail:
	error_prefix(e,
	    "cannot confine postrider (see \"confine\" in "
	    "postrider.conf(5)): ");
	return -1;
}

static bool
is_among(const struct confine *c, const char *path)
{
	struct folder wanted = { .path = (char *)(uintptr_t)path };

	return bsearch(&wanted, c->folders, c->count, sizeof *c->folders,
		   by_path) != NULL;
}

/* Is it, or what it is in? Cut shorter on the way. */
static bool
is_within(const struct confine *c, char *path)
{
	char *slash;

	for (;;) {
		if (is_among(c, path))
			return true;
		slash = strrchr(path, '/');
		if (slash == NULL || path[1] == '\0')
			return false;
		slash[slash == path ? 1 : 0] = '\0';
	}
}

bool
confine_may_read(const struct confine *c, const char *path)
{
	char *target;
	bool may;

	if (!c->files)
		return true;
	target = realpath(path, NULL);
	if (target == NULL)
		target = resolved_parent(path);
	may = target != NULL && is_within(c, target);
	free(target);
	return may;
}

struct question {
	const struct confine *c;
	struct error *e;
};

static int
ask(void *arg, const char *path)
{
	const struct question *q = arg;

	if (path == NULL || confine_may_read(q->c, path))
		return 0;
	return error_set(q->e, ERR_CONFIG,
	    "%s is in a folder that postrider gave up reading when it started; "
	    "restart it",
	    path);
}

int
confine_check(
    const struct confine *c, const struct settings *s, struct error *e)
{
	struct question q = { .c = c, .e = e };
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < s->folder_count; i++)
		rc = ask(&q, s->folders[i]);
	return rc == 0 ? each_file(s, ask, &q) : rc;
}
