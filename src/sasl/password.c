/* password.c - the sources of a password, in the order in which they count. */
#include "sasl/password.h"

#include "base/alloc.h"
#include "sasl/source.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Readable: 0. Else -1. */
static int
wait_readable(
    int fd, const struct stop *stop, struct deadline until, struct error *e)
{
	struct pollfd fds[2] = {
		{ .fd = fd, .events = POLLIN },
		{ .fd = stop_fd(stop, STOP_SOON), .events = POLLIN },
	};
	int n;

	do {
		n = poll(fds, 2, deadline_left(until));
		if (n < 0 && errno != EINTR)
			return error_set(
			    e, ERR_SYSTEM, "poll: %s", strerror(errno));
		if (n > 0 && fds[1].revents != 0)
			return error_set(e, ERR_STOPPED, "stopped");
		if (n > 0)
			return 0;
	} while (!deadline_passed(until));
	return error_set(e, ERR_SECRET, "took too long");
}

int
password_read(int fd, const struct stop *stop, struct deadline until,
    struct buffer *out, struct error *e)
{
	ssize_t n;

	if (out->len >= SOURCE_MAX)
		return error_set(
		    e, ERR_SECRET, "more than %zu octets", SOURCE_MAX);
	do {
		if (wait_readable(fd, stop, until, e) < 0)
			return -1;
		n = read(fd, out->data + out->len, SOURCE_MAX - out->len);
	} while (n < 0 && (errno == EINTR || errno == EAGAIN));
	if (n < 0)
		return error_set(e, ERR_SECRET, "%s", strerror(errno));
	out->len += (size_t)n;
	out->data[out->len] = '\0';
	return (int)n;
}

static bool
has_line(const struct buffer *b)
{
	return memchr(b->data, '\n', b->len) != NULL;
}

/* Is it in the folder that systemd made for us alone, with its own modes? */
static bool
is_credential(const char *path)
{
	const char *folder = getenv("CREDENTIALS_DIRECTORY");
	size_t len = folder != NULL ? strlen(folder) : 0;

	return len > 0 && strncmp(path, folder, len) == 0 && path[len] == '/';
}

/* Judged by the open file, so that nobody can exchange it in between. */
static int
check_file(int fd, const char *path, struct error *e)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return error_set(
		    e, ERR_SECRET, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return error_set(e, ERR_SECRET, "%s is no regular file", path);
	if ((st.st_mode & (S_IRGRP | S_IWGRP | S_IROTH | S_IWOTH)) != 0 &&
	    !is_credential(path))
		return error_set(e, ERR_SECRET,
		    "others can read or write %s; run: chmod 600 %s", path,
		    path);
	return 0;
}

static int
read_file(int fd, const char *path, struct buffer *out, struct error *e)
{
	int n;

	if (check_file(fd, path, e) < 0)
		return -1;
	do {
		n = password_read(fd, NULL, deadline_never(), out, e);
	} while (n > 0 && !has_line(out));
	return n < 0 ? error_prefix(e, "%s: ", path) : 0;
}

static int
open_file(const char *path)
{
	return open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
}

static int
source_file(const char *path, struct buffer *out, struct error *e)
{
	int fd = open_file(path);
	int rc;

	if (fd < 0)
		return error_set(
		    e, ERR_SECRET, "%s: %s", path, strerror(errno));
	rc = read_file(fd, path, out, e);
	close(fd);
	return rc;
}

/* The path where systemd would have put it, owned by the caller, or NULL. */
static char *
credential_path(const struct login *l)
{
	const char *folder = getenv("CREDENTIALS_DIRECTORY");
	char *path;

	if (folder == NULL || folder[0] == '\0' || strchr(l->name, '/') != NULL)
		return NULL;
	path = xasprintf("%s/%s.%s", folder, l->kind, l->name);
	if (access(path, F_OK) == 0)
		return path;
	free(path);
	return NULL;
}

static int
source_any(const struct login *l, const struct stop *stop, struct buffer *out,
    struct error *e)
{
	char *path;
	int rc;

	if (l->password_file != NULL)
		return source_file(l->password_file, out, e);
	if (l->password_command != NULL)
		return source_command(l, stop, out, e);
	path = credential_path(l);
	if (path == NULL)
		return source_prompt(l, stop, out, e);
	rc = source_file(path, out, e);
	free(path);
	return rc;
}

static int
first_line(const struct buffer *raw, char **out, struct error *e)
{
	const char *end = memchr(raw->data, '\n', raw->len);
	size_t len = end != NULL ? (size_t)(end - raw->data) : raw->len;

	if (len > 0 && raw->data[len - 1] == '\r')
		len--;
	if (len == 0)
		return error_set(e, ERR_SECRET, "the password is empty");
	if (memchr(raw->data, '\0', len) != NULL)
		return error_set(
		    e, ERR_SECRET, "the password has a NUL octet in it");
	*out = xstrndup(raw->data, len);
	return 0;
}

int
password_get(
    const struct login *l, const struct stop *stop, char **out, struct error *e)
{
	struct buffer raw = { 0 };
	int rc = -1;

	*out = NULL;
	buffer_reserve(&raw, SOURCE_MAX + 1);
	if (l->password != NULL)
		buffer_add_text(&raw, l->password);
	else if (source_any(l, stop, &raw, e) < 0)
		goto out;
	rc = first_line(&raw, out, e);
out:
	buffer_wipe(&raw);
	if (rc < 0)
		error_prefix(e, "password of %s %s: ", l->kind, l->name);
	return rc;
}

void
password_free(char **password)
{
	if (*password == NULL)
		return;
	OPENSSL_cleanse(*password, strlen(*password));
	free(*password);
	*password = NULL;
}
