/* One line of a fixed length: when the ledger was checked, and what it was. */
#include "ledger/marker.h"

#include "base/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Checked again after so long, whatever the file looks like. */
#define CHECK_S ((int64_t)7 * 86400)

/* Each number as wide as the largest. */
#define LINE 96

int
marker_check_empty(const char *dir, bool may_be_new, struct error *e)
{
	char *marker = xasprintf("%s/ledger.marker", dir);
	int rc = 0;

	if (!may_be_new && access(marker, F_OK) == 0)
		rc = error_set(e, ERR_QUESTION,
		    "the ledger %s/ledger.db has gone: without it all mail "
		    "still in the mailboxes would be fetched again. Restore "
		    "it, or say --new-ledger",
		    dir);
	free(marker);
	return rc;
}

int
marker_check(const char *dir, bool may_be_new, struct error *e)
{
	char *db = xasprintf("%s/ledger.db", dir);
	struct stat st;
	int rc = 0;

	/* An empty file has lost it just the same. */
	if (stat(db, &st) < 0 || st.st_size == 0)
		rc = marker_check_empty(dir, may_be_new, e);
	free(db);
	return rc;
}

static int
marker_open(const char *dir, int flags)
{
	char *marker = xasprintf("%s/ledger.marker", dir);
	int fd = open(marker, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
	int number = errno;

	free(marker);
	errno = number;
	return fd;
}

/*
 * On disk at once, and that once: here a lost marker would be a lost question.
 */
int
marker_set(const char *dir, struct error *e)
{
	int fd = marker_open(dir, O_RDWR | O_CREAT | O_EXCL);
	int dir_fd, rc = 0;

	if (fd < 0 && errno == EEXIST)
		return 0;
	dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || dir_fd < 0 || fsync(fd) < 0 || fsync(dir_fd) < 0)
		rc = error_set(e, ERR_LEDGER, "%s/ledger.marker: %s", dir,
		    strerror(errno));
	if (fd >= 0)
		close(fd);
	if (dir_fd >= 0)
		close(dir_fd);
	return rc;
}

/* What SQLite has not taken over into the file: none after an orderly close. */
static bool
has_log(const char *dir)
{
	char *log = xasprintf("%s/ledger.db-wal", dir);
	struct stat st;
	bool found = stat(log, &st) == 0 ? st.st_size > 0 : errno != ENOENT;

	free(log);
	return found;
}

/*
 * The time of the last change of the inode, unlike that of the content, cannot
 * be set back by those who write to the file.
 */
static bool
describe(const char *dir, int64_t checked, char line[LINE])
{
	char *db = xasprintf("%s/ledger.db", dir);
	struct stat st;
	int rc = stat(db, &st);

	free(db);
	if (rc < 0 || has_log(dir))
		return false;
	snprintf(line, LINE,
	    "%020" PRId64 " %020" PRId64 " %020" PRId64 ".%09ld %020" PRIu64
	    "\n",
	    checked, (int64_t)st.st_size, (int64_t)st.st_ctim.tv_sec,
	    st.st_ctim.tv_nsec, (uint64_t)st.st_ino);
	return true;
}

/*
 * Not synced: SQLite has synced the file itself before it gave up its log, and
 * of the marker an older line, or half of one, is not that of the file.
 */
void
marker_vouch(const char *dir, int64_t checked)
{
	char line[LINE];
	ssize_t n;
	int fd;

	if (!describe(dir, checked, line) ||
	    (fd = marker_open(dir, O_WRONLY)) < 0)
		return;
	n = pwrite(fd, line, strlen(line), 0);
	close(fd);
	(void)n; /* what is not written vouches for nothing */
}

int64_t
marker_checked(const char *dir, int64_t now)
{
	char line[LINE] = "", found[LINE] = "";
	int fd = marker_open(dir, O_RDONLY);
	int64_t checked;
	ssize_t n;

	if (fd < 0)
		return 0;
	n = pread(fd, found, sizeof(found) - 1, 0);
	close(fd);
	if (n <= 0)
		return 0;
	checked = strtoll(found, NULL, 10);
	if (checked > now || checked < now - CHECK_S ||
	    !describe(dir, checked, line) || strcmp(line, found) != 0)
		return 0;
	return checked;
}
