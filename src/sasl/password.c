/* password.c - the sources of a password, in the order in which they count. */
#include "sasl/password.h"

#include "base/alloc.h"
#include "base/text.h"
#include "sasl/command.h"
#include "sasl/prompt.h"
#include "sasl/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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
		n = secret_read(fd, NULL, deadline_never(), out, e);
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
source_command(const char *command, const struct stop *stop, struct buffer *out,
    struct error *e)
{
	if (secret_from_command(command, stop, out, e) < 0)
		return error_prefix(e, "password_command: ");
	return 0;
}

static int
source_prompt(const struct login *l, const struct stop *stop,
    struct buffer *out, struct error *e)
{
	char user[200], question[400];

	text_harmless(slice_of(l->user), user, sizeof user);
	snprintf(question, sizeof question,
	    "Password for %s (%s %.100s): ", user, l->kind, l->name);
	return secret_from_prompt(question, stop, out, e);
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
		return source_command(l->password_command, stop, out, e);
	path = credential_path(l);
	if (path == NULL)
		return source_prompt(l, stop, out, e);
	rc = source_file(path, out, e);
	free(path);
	return rc;
}

bool
password_is_asked_for(const struct login *l)
{
	char *path;

	if (l->user == NULL || l->password != NULL ||
	    l->password_file != NULL || l->password_command != NULL)
		return false;
	path = credential_path(l);
	free(path);
	return path == NULL;
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
	secret_reserve(&raw);
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
