/* flock(2) on ledger.lock, never on the database: SQLite has locks there. */
#include "ledger/lock.h"

#include "base/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int
make_directories(const char *dir, struct error *e)
{
	char *path = xstrdup(dir);
	int rc = 0;

	for (char *p = path + (path[0] == '/'); rc == 0; p++) {
		char end = *p;

		if (end != '/' && end != '\0')
			continue;
		*p = '\0';
		if (mkdir(path, 0700) < 0 && errno != EEXIST)
			rc = error_set(e, ERR_LEDGER,
			    "cannot make the state directory %s: %s", path,
			    strerror(errno));
		*p = end;
		if (end == '\0')
			break;
	}
	free(path);
	return rc;
}

/* Who can write here can make us forget, or delete, what he likes. */
static int
check_private(const char *dir, struct error *e)
{
	struct stat st;

	if (stat(dir, &st) < 0)
		return error_set(e, ERR_LEDGER, "%s: %s", dir, strerror(errno));
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return error_set(e, ERR_LEDGER,
		    "others may write to the state directory %s: say "
		    "\"chmod 700 %s\"",
		    dir, dir);
	return 0;
}

static int
held_by(int fd, const char *path, struct error *e)
{
	char pid[32] = "";
	ssize_t n = pread(fd, pid, sizeof(pid) - 1, 0);

	pid[n > 0 ? strspn(pid, "0123456789") : 0] = '\0';
	return error_set(e, ERR_LOCKED,
	    "another postrider is at work with this ledger (process %s): wait "
	    "for it, or stop it",
	    pid[0] != '\0' ? pid : path);
}

/* lock_held_since() holds it for a moment, which is no reason to give up. */
static int
try_lock(int fd)
{
	static const struct timespec moment = { .tv_nsec = 20000000 };

	for (int i = 0; i < 5; i++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return 0;
		if (errno != EWOULDBLOCK)
			return -1;
		nanosleep(&moment, NULL);
	}
	return flock(fd, LOCK_EX | LOCK_NB);
}

int
lock_take(const char *dir, struct error *e)
{
	char *path = xasprintf("%s/ledger.lock", dir);
	char pid[32];
	int fd = -1, n;

	if (make_directories(dir, e) < 0 || check_private(dir, e) < 0)
		goto out;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		error_set(e, ERR_LEDGER,
		    "%s: %s; check who may write to the state directory", path,
		    strerror(errno));
		goto out;
	}
	if (try_lock(fd) < 0) {
		if (errno == EWOULDBLOCK)
			held_by(fd, path, e);
		else
			error_set(e, ERR_LEDGER, "%s: cannot lock it: %s", path,
			    strerror(errno));
		goto fail;
	}
	n = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
	if (ftruncate(fd, 0) < 0 || pwrite(fd, pid, (size_t)n, 0) != n) {
		error_set(e, ERR_LEDGER, "%s: %s", path, strerror(errno));
		goto fail;
	}
	goto out;
fail:
	close(fd);
	fd = -1;
out:
	free(path);
	return fd;
}

int64_t
lock_held_since(const char *dir)
{
	char *path = xasprintf("%s/ledger.lock", dir);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	int64_t since = 0;
	struct stat st;

	free(path);
	if (fd < 0)
		return 0;
	/* Its holder has written into it when it took it. */
	if (flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK &&
	    fstat(fd, &st) == 0)
		since = st.st_mtime;
	close(fd);
	return since;
}
