/* socket.c - see socket.h. */
#include "daemon/socket.h"

#include "base/alloc.h"
#include "base/wait.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define NAME "control" /* in the state directory */
#define BACKLOG 64
/* How long to leave a socket alone whose queue of callers is full. */
#define BACKLOG_PAUSE_MS 20

/* --- addresses --- */

/* A socket's address, by way of its directory where the path is too long. */
struct address {
	struct sockaddr_un un;
	int dir; /* owned, or -1 */
};

static int
address_through(struct address *a, const char *path, struct error *e)
{
	const char *name = strrchr(path, '/') + 1;
	char *dir = xstrndup(path, (size_t)(name - path));
	int n;

	a->dir = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (a->dir < 0) {
		error_set(e, errno == ENOENT ? ERR_CONNECT : ERR_SYSTEM,
		    "%s: %s", dir, strerror(errno));
		free(dir);
		return -1;
	}
	free(dir);
	n = snprintf(a->un.sun_path, sizeof(a->un.sun_path),
	    "/proc/self/fd/%d/%s", a->dir, name);
	if (n > 0 && (size_t)n < sizeof(a->un.sun_path))
		return 0;
	close(a->dir);
	a->dir = -1;
	return error_set(
	    e, ERR_SYSTEM, "%s: too long for the name of a socket", path);
}

static int
address_of(struct address *a, const char *path, struct error *e)
{
	*a = (struct address){ .un.sun_family = AF_UNIX, .dir = -1 };
	if (strlen(path) >= sizeof(a->un.sun_path))
		return address_through(a, path, e);
	memcpy(a->un.sun_path, path, strlen(path) + 1);
	return 0;
}

static void
address_free(struct address *a)
{
	if (a->dir >= 0)
		close(a->dir);
}

/* --- where it is --- */

/* Returns an owned path, or NULL. */
static char *
runtime_directory(void)
{
	const char *dir = getenv("RUNTIME_DIRECTORY");

	/* systemd may name several, with colons between them. */
	if (dir != NULL && dir[0] == '/')
		return xstrndup(dir, strcspn(dir, ":"));
	dir = getenv("XDG_RUNTIME_DIR");
	if (dir != NULL && dir[0] == '/')
		return xasprintf("%s/postrider", dir);
	return geteuid() == 0 ? xstrdup("/run/postrider") : NULL;
}

/* Who else can write there can put his socket in place of ours. */
static bool
is_ours(const char *dir)
{
	struct stat st;

	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return false;
	return lstat(dir, &st) == 0 && S_ISDIR(st.st_mode) &&
	    st.st_uid == geteuid() && (st.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

char *
socket_folder(void)
{
	char *runtime = runtime_directory();

	if (runtime != NULL && is_ours(runtime))
		return runtime;
	free(runtime);
	return NULL;
}

static int
place_find(const char *state, struct socket_place *place, struct error *e)
{
	char *here = xasprintf("%s/%s", state, NAME);
	char *runtime = socket_folder();
	struct stat st;
	int rc = 0;

	*place = (struct socket_place){ 0 };
	if (runtime == NULL) {
		place->path = here;
	} else if (stat(state, &st) < 0) {
		rc = error_set(e, ERR_SYSTEM, "%s: %s", state, strerror(errno));
		free(here);
	} else {
		place->link = here;
		place->path = xasprintf("%s/control.%jx.%jx", runtime,
		    (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	}
	free(runtime);
	return rc;
}

/* What we have made earlier, and nothing else. */
static int
remove_old(const char *path, struct error *e)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT
		    ? 0
		    : error_set(e, ERR_SYSTEM, "%s: %s", path, strerror(errno));
	if (!S_ISSOCK(st.st_mode) && !S_ISLNK(st.st_mode))
		return error_set(e, ERR_SYSTEM,
		    "%s stands where the control socket has to be: remove it",
		    path);
	if (unlink(path) < 0 && errno != ENOENT)
		return error_set(
		    e, ERR_SYSTEM, "%s: %s", path, strerror(errno));
	return 0;
}

/* --- the daemon's end --- */

static int
listen_at(const char *path, struct error *e)
{
	struct address a;
	int fd;

	if (remove_old(path, e) < 0 || address_of(&a, path, e) < 0)
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	/* Linux takes the mode from here: never is it open to others. */
	if (fd < 0 || fchmod(fd, S_IRUSR | S_IWUSR) < 0 ||
	    bind(fd, (const struct sockaddr *)&a.un, sizeof(a.un)) < 0 ||
	    listen(fd, BACKLOG) < 0) {
		error_set(e, ERR_SYSTEM, "cannot make the socket %s: %s", path,
		    strerror(errno));
		if (fd >= 0)
			close(fd);
		fd = -1;
	}
	address_free(&a);
	return fd;
}

static int
link_to(const struct socket_place *place, struct error *e)
{
	if (place->link == NULL)
		return 0;
	if (remove_old(place->link, e) < 0)
		return -1;
	if (symlink(place->path, place->link) < 0)
		return error_set(e, ERR_SYSTEM, "cannot make the link %s: %s",
		    place->link, strerror(errno));
	return 0;
}

int
socket_listen(const char *state, struct socket_place *place, struct error *e)
{
	int fd;

	if (place_find(state, place, e) < 0)
		return -1;
	fd = listen_at(place->path, e);
	if (fd >= 0 && link_to(place, e) == 0)
		return fd;
	if (fd >= 0) {
		close(fd);
		unlink(place->path);
	}
	free(place->path);
	free(place->link);
	*place = (struct socket_place){ 0 };
	return -1;
}

void
socket_remove(struct socket_place *place)
{
	if (place->link != NULL)
		unlink(place->link);
	if (place->path != NULL)
		unlink(place->path);
	free(place->link);
	free(place->path);
	*place = (struct socket_place){ 0 };
}

/* --- who is there --- */

static int
peer_of(int fd, uid_t *uid)
{
	struct ucred who;
	socklen_t len = sizeof(who);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) < 0)
		return -1;
	*uid = who.uid;
	return 0;
}

bool
socket_is_owner(int fd)
{
	uid_t uid;

	return peer_of(fd, &uid) == 0 && (uid == 0 || uid == geteuid());
}

/* Root may ask a daemon that runs as the owner of the state directory. */
static bool
is_daemon(int fd, const char *state)
{
	struct stat st;
	uid_t uid;

	return socket_is_owner(fd) ||
	    (peer_of(fd, &uid) == 0 && stat(state, &st) == 0 &&
		uid == st.st_uid);
}

/* --- the other end --- */

static int
nobody(const char *state, struct error *e)
{
	return error_set(e, ERR_CONNECT,
	    "no daemon is running with the state directory %s; \"postrider "
	    "run\" starts one",
	    state);
}

static int
refused(const char *state, struct error *e)
{
	if (errno == ENOENT || errno == ENOTDIR || errno == ECONNREFUSED)
		return nobody(state, e);
	if (errno == EACCES || errno == EPERM)
		return error_set(e, ERR_REFUSED,
		    "the state directory %s is another user's: %s", state,
		    strerror(errno));
	return error_set(
	    e, ERR_SYSTEM, "%s/%s: %s", state, NAME, strerror(errno));
}

/* A unix socket connects at once, or not at all, or its queue is full. */
static int
connect_to(int fd, const struct address *a, const char *state,
    struct deadline until, struct error *e)
{
	while (
	    connect(fd, (const struct sockaddr *)&a->un, sizeof(a->un)) < 0) {
		if (errno != EAGAIN && errno != EINTR)
			return refused(state, e);
		if (deadline_passed(until))
			return error_set(e, ERR_TIMEOUT,
			    "the running postrider does not answer: it has "
			    "too many callers, or hangs");
		if (wait_for(-1, 0, -1, -1, deadline_in(BACKLOG_PAUSE_MS), e) <
		    0)
			return -1;
	}
	return 0;
}

/* Returns a descriptor, or -1. */
static int
connect_daemon(const struct address *a, const char *state,
    struct deadline until, struct error *e)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return error_set(
		    e, ERR_SYSTEM, "cannot make a socket: %s", strerror(errno));
	if (connect_to(fd, a, state, until, e) < 0)
		goto fail;
	if (is_daemon(fd, state))
		return fd;
	error_set(e, ERR_REFUSED,
	    "%s/%s leads to a process of another user; nothing was asked of it",
	    state, NAME);
fail:
	close(fd);
	return -1;
}

int
socket_connect(const char *state, struct deadline until, struct error *e)
{
	char *path = xasprintf("%s/%s", state, NAME);
	struct address a;
	int fd = -1;

	if (address_of(&a, path, e) == 0) {
		fd = connect_daemon(&a, state, until, e);
		address_free(&a);
	} else if (e->kind == ERR_CONNECT) {
		nobody(state, e);
	}
	free(path);
	return fd;
}
