/* maildir.c - see maildir.h. */
#include "migrate/maildir.h"

#include "base/alloc.h"
#include "base/set.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Folders in folders; each takes two descriptors while it is read. */
#define DEPTH_MAX 24
/* Looking again for what was moved away under us. */
#define PASSES_MAX 10
#define RUN ((size_t)64 * 1024)

struct maildir {
	const char *path; /* borrowed, as are the next two */
	const struct stop *stop;
	const struct maildir_reader *who;
	struct buffer where; /* the way to what is read now */
	struct set done; /* files that were read, by what they are */
	bool restless; /* something was new, or gone, in this pass */
	char *run; /* owned; RUN octets */
};

/* --- files --- */

static int
unreadable(const struct maildir *m, struct error *e)
{
	const char *then = errno == EACCES || errno == EPERM
	    ? "; run this as a user who may read all of the Maildir"
	    : "";

	return error_set(e, ERR_SYSTEM, "cannot read %.200s/%.100s: %s%s",
	    m->path, m->where.len > 0 ? m->where.data : ".", strerror(errno),
	    then);
}

/*
 * Gone since its name was read: it may have another one by now. What is not of
 * the expected kind, a link for one, is passed over.
 */
static bool
may_pass_over(struct maildir *m)
{
	if (errno == ENOENT) {
		m->restless = true;
		return true;
	}
	return errno == ELOOP || errno == ENOTDIR || errno == ENXIO;
}

static bool
starts(const char *data, size_t len, const char *magic, size_t magic_len)
{
	return len >= magic_len && memcmp(data, magic, magic_len) == 0;
}

#define STARTS(data, len, magic) starts(data, len, magic, sizeof(magic) - 1)

/* As Dovecot's mail_compress and mail_crypt leave them. No header begins so. */
static bool
is_packed(const char *data, size_t len)
{
	return STARTS(data, len, "\x1f\x8b") ||
	    STARTS(data, len, "\x28\xb5\x2f\xfd") ||
	    STARTS(data, len, "\xfd\x37zXZ\0") ||
	    STARTS(data, len, "Dovecot-LZ4") ||
	    STARTS(data, len, "CRYPTED\x03\x07") ||
	    (STARTS(data, len, "BZh") && len > 10 &&
		memcmp(data + 4, "1AY&SY", 6) == 0);
}

static int
read_file(struct maildir *m, int fd, struct error *e)
{
	bool first = true;
	ssize_t n;

	while ((n = read(fd, m->run, RUN)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return unreadable(m, e);
		if (stop_level(m->stop) == STOP_NOW)
			return error_set(e, ERR_STOPPED, "stopped");
		if (first && is_packed(m->run, (size_t)n))
			return error_set(e, ERR_CONFIG,
			    "%.200s/%.100s was compressed or encrypted by its "
			    "mail server, and only that can read it: name its "
			    "POP3 server instead of the Maildir",
			    m->path, m->where.data);
		first = false;
		m->who->take(m->who->arg, slice_make(m->run, (size_t)n));
	}
	return 0;
}

/* A name says little: flags and folders change. */
static uint64_t
identity(const struct stat *st)
{
	uint64_t n = set_mix((uint64_t)st->st_dev, (uint64_t)st->st_ino);

	n = set_mix(n, (uint64_t)st->st_size);
	n = set_mix(n, (uint64_t)st->st_mtim.tv_sec);
	return set_mix(n, (uint64_t)st->st_mtim.tv_nsec);
}

static int
read_message(struct maildir *m, int dir, const char *name, struct error *e)
{
	struct stat st;
	int fd, rc = 0;

	fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return may_pass_over(m) ? 0 : unreadable(m, e);
	if (fstat(fd, &st) < 0) {
		rc = unreadable(m, e);
	} else if (S_ISREG(st.st_mode) && set_add(&m->done, identity(&st))) {
		m->restless = true;
		m->who->begin(m->who->arg, m->where.data);
		rc = read_file(m, fd, e);
		if (rc == 0)
			m->who->end(m->who->arg, m->where.data);
	}
	close(fd);
	return rc;
}

/* Has it been read? Asked before it is opened. */
static bool
is_done(const struct maildir *m, int dir, const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    (!S_ISREG(st.st_mode) || set_has(&m->done, identity(&st)));
}

/* --- directories --- */

/* Go in; returns where to go back to. */
static size_t
go_in(struct maildir *m, const char *name)
{
	size_t before = m->where.len;

	if (before > 0)
		buffer_add_text(&m->where, "/");
	buffer_add_text(&m->where, name);
	return before;
}

static void
go_back(struct maildir *m, size_t before)
{
	m->where.len = before;
	m->where.data[before] = '\0';
}

/* *dir is NULL after 0: there is none, or none to go into. */
static int
open_directory(
    struct maildir *m, int above, const char *name, DIR **dir, struct error *e)
{
	int fd = openat(
	    above, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_DIRECTORY);

	*dir = NULL;
	if (fd < 0)
		return may_pass_over(m) ? 0 : unreadable(m, e);
	*dir = fdopendir(fd);
	if (*dir != NULL)
		return 0;
	close(fd);
	return unreadable(m, e);
}

/* The next name; NULL at the end, errno is 0 unless that is an error. */
static const struct dirent *
next_name(DIR *dir)
{
	const struct dirent *d;

	do {
		errno = 0;
		d = readdir(dir);
	} while (d != NULL &&
	    (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0));
	return d;
}

/* cur, or new. */
static int
read_messages(struct maildir *m, int above, const char *name, struct error *e)
{
	size_t before = go_in(m, name), here;
	const struct dirent *d;
	DIR *dir;
	int rc = open_directory(m, above, name, &dir, e);

	while (rc == 0 && dir != NULL && (d = next_name(dir)) != NULL) {
		if (stop_level(m->stop) != STOP_NO)
			rc = error_set(e, ERR_STOPPED, "stopped");
		if (rc < 0 || d->d_name[0] == '.' ||
		    is_done(m, dirfd(dir), d->d_name))
			continue;
		here = go_in(m, d->d_name);
		rc = read_message(m, dirfd(dir), d->d_name, e);
		go_back(m, here);
	}
	if (rc == 0 && dir != NULL && errno != 0)
		rc = unreadable(m, e);
	if (dir != NULL)
		closedir(dir);
	go_back(m, before);
	return rc;
}

/* What Maildir says is in each folder, and no folder. */
static bool
is_part(const char *name)
{
	return strcmp(name, "cur") == 0 || strcmp(name, "new") == 0 ||
	    strcmp(name, "tmp") == 0;
}

static bool
may_be_folder(int above, const struct dirent *d)
{
	struct stat st;

	if (is_part(d->d_name))
		return false;
	if (d->d_type != DT_UNKNOWN)
		return d->d_type == DT_DIR;
	return fstatat(above, d->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISDIR(st.st_mode);
}

static int read_folder(struct maildir *m, DIR *dir, int depth, struct error *e);

static int
read_folders(struct maildir *m, DIR *dir, int depth, struct error *e)
{
	const struct dirent *d;
	size_t before;
	DIR *below;
	int rc = 0;

	while (rc == 0 && (d = next_name(dir)) != NULL) {
		if (!may_be_folder(dirfd(dir), d))
			continue;
		before = go_in(m, d->d_name);
		rc = open_directory(m, dirfd(dir), d->d_name, &below, e);
		if (rc == 0 && below != NULL) {
			rc = read_folder(m, below, depth + 1, e);
			closedir(below);
		}
		go_back(m, before);
	}
	return rc == 0 && errno != 0 ? unreadable(m, e) : rc;
}

static int
read_folder(struct maildir *m, DIR *dir, int depth, struct error *e)
{
	if (depth > DEPTH_MAX)
		return error_set(e, ERR_CONFIG,
		    "%.200s has folders more than %d deep; is it a Maildir?",
		    m->path, DEPTH_MAX);
	if (read_messages(m, dirfd(dir), "new", e) < 0 ||
	    read_messages(m, dirfd(dir), "cur", e) < 0)
		return -1;
	return read_folders(m, dir, depth, e);
}

static bool
has_directory(int dir, const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISDIR(st.st_mode);
}

static int
read_pass(struct maildir *m, struct error *e)
{
	DIR *dir = opendir(m->path);
	int rc;

	if (dir == NULL && errno == ENOENT)
		return error_set(e, ERR_CONFIG,
		    "there is no %.200s: where does the destination keep this "
		    "mailbox?",
		    m->path);
	if (dir == NULL)
		return unreadable(m, e);
	if (!has_directory(dirfd(dir), "cur") &&
	    !has_directory(dirfd(dir), "new"))
		rc = error_set(e, ERR_CONFIG,
		    "%.200s is no Maildir: it has neither cur nor new, or they "
		    "are links",
		    m->path);
	else
		rc = read_folder(m, dir, 0, e);
	closedir(dir);
	return rc;
}

int
maildir_read(const char *path, const struct stop *stop,
    const struct maildir_reader *who, struct error *e)
{
	struct maildir m = { .path = path, .stop = stop, .who = who };
	int rc = 0;

	m.run = xcalloc(1, RUN);
	/* A directory that changes while it is read may show a file never. */
	m.restless = true;
	for (int i = 0; rc == 0 && m.restless && i < PASSES_MAX; i++) {
		m.restless = false;
		rc = read_pass(&m, e);
	}
	set_free(&m.done);
	buffer_free(&m.where);
	free(m.run);
	return rc;
}
