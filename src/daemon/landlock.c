/* landlock.c - three system calls that the C library has no functions for. */
#include "daemon/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(SYS_landlock_create_ruleset) && __has_include(<linux/landlock.h>)
#include <linux/landlock.h>

/* What these came with later than the first headers; the numbers stay. */
#define ACCESS_REFER (UINT64_C(1) << 13) /* version 2 */
#define ACCESS_TRUNCATE (UINT64_C(1) << 14) /* 3 */
#define ACCESS_IOCTL_DEV (UINT64_C(1) << 15) /* 5 */
#define SCOPE_SIGNAL (UINT64_C(1) << 1) /* 6 */
#define RESTRICT_ALL_THREADS (UINT32_C(1) << 3) /* 8 */

/* Older kernels take it as long as what they do not know is 0. */
struct ruleset {
	uint64_t access_fs, access_net, scoped;
};

#define READ \
	((uint64_t)(LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR))
#define WRITE                                                                 \
	(READ | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG | \
	    LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_SOCK |      \
	    LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_REMOVE_FILE |    \
	    LANDLOCK_ACCESS_FS_REMOVE_DIR | ACCESS_REFER | ACCESS_TRUNCATE)
#define DEVICE                                     \
	((uint64_t)(LANDLOCK_ACCESS_FS_READ_FILE | \
	     LANDLOCK_ACCESS_FS_WRITE_FILE) |      \
	    ACCESS_IOCTL_DEV)
#define ALL                                                                \
	(WRITE | DEVICE | LANDLOCK_ACCESS_FS_EXECUTE |                     \
	    LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK | \
	    LANDLOCK_ACCESS_FS_MAKE_FIFO)

int
landlock_version(void)
{
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0,
	    LANDLOCK_CREATE_RULESET_VERSION);

	return version > 0 ? (int)version : 0;
}

/* A kernel refuses rights that it does not know. */
static uint64_t
known(const struct landlock *l, uint64_t access)
{
	if (l->version < 2)
		access &= ~ACCESS_REFER;
	if (l->version < 3)
		access &= ~ACCESS_TRUNCATE;
	if (l->version < 5)
		access &= ~ACCESS_IOCTL_DEV;
	return access;
}

/* Of these only those that make sense for something that is no folder. */
static uint64_t
fitting(int fd, uint64_t access)
{
	struct stat st;

	if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
		return access;
	return access & (DEVICE | ACCESS_TRUNCATE);
}

int
landlock_open(struct landlock *l, struct error *e)
{
	struct ruleset rules = { 0 };

	l->version = landlock_version();
	rules.access_fs = known(l, ALL);
	rules.scoped = l->version >= 6 ? SCOPE_SIGNAL : 0;
	l->fd =
	    (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof rules, 0);
	if (l->fd < 0)
		return error_set(
		    e, ERR_SYSTEM, "Landlock: %s", strerror(errno));
	return 0;
}

int
landlock_allow(struct landlock *l, const char *path, enum landlock_right right,
    struct error *e)
{
	static const uint64_t access[] = { [LANDLOCK_READ] = READ,
		[LANDLOCK_WRITE] = WRITE,
		[LANDLOCK_DEVICE] = DEVICE };
	struct landlock_path_beneath_attr rule = { 0 };
	long rc;

	rule.parent_fd = open(path, O_PATH | O_CLOEXEC);
	if (rule.parent_fd < 0)
		return 0;
	rule.allowed_access = fitting(rule.parent_fd, known(l, access[right]));
	rc = syscall(
	    SYS_landlock_add_rule, l->fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
	if (rc < 0)
		error_set(
		    e, ERR_SYSTEM, "Landlock: %s: %s", path, strerror(errno));
	close(rule.parent_fd);
	return (int)rc;
}

int
landlock_enforce(struct landlock *l, struct error *e)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    syscall(SYS_landlock_restrict_self, l->fd,
		l->version >= 8 ? RESTRICT_ALL_THREADS : 0) < 0)
		return error_set(
		    e, ERR_SYSTEM, "Landlock: %s", strerror(errno));
	return 0;
}

#else

int
landlock_version(void)
{
	return 0;
}

int
landlock_open(struct landlock *l, struct error *e)
{
	l->fd = -1;
	return error_set(e, ERR_SYSTEM, "Landlock: %s", strerror(ENOSYS));
}

int
landlock_allow(struct landlock *l, const char *path, enum landlock_right right,
    struct error *e)
{
	(void)l;
	(void)right;
	return error_set(
	    e, ERR_SYSTEM, "Landlock: %s: %s", path, strerror(ENOSYS));
}

int
landlock_enforce(struct landlock *l, struct error *e)
{
	(void)l;
	return error_set(e, ERR_SYSTEM, "Landlock: %s", strerror(ENOSYS));
}

#endif

void
landlock_close(struct landlock *l)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
}
