/* file.c - other programs' files, and how errors in them are told. */
#include "import/import.h"

#include "base/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE ((size_t)64 * 1024)

/* Returns 0, or -1 with errno. */
static int
read_all(int fd, size_t max, struct buffer *out)
{
	ssize_t n;

	do {
		buffer_reserve(out, PIECE);
		n = read(fd, out->data + out->len, PIECE);
		if (n > 0)
			out->len += (size_t)n;
		if (out->len > max) {
			errno = EFBIG;
			return -1;
		}
	} while (n > 0 || (n < 0 && errno == EINTR));
	out->data[out->len] = '\0';
	return n < 0 ? -1 : 0;
}

/* /dev/null is as good as an empty file, and is named for one. */
static bool
is_null(const struct stat *st)
{
	struct stat null;

	return S_ISCHR(st->st_mode) && stat("/dev/null", &null) == 0 &&
	    S_ISCHR(null.st_mode) && null.st_rdev == st->st_rdev;
}

/* At the other end of a pipe, or of a terminal, there may be nobody. */
static int
check_regular(int fd, const char *path, struct error *e)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return error_set(
		    e, ERR_CONFIG, "%s: %s", path, strerror(errno));
	if (S_ISDIR(st.st_mode))
		return error_set(
		    e, ERR_CONFIG, "%s: %s", path, strerror(EISDIR));
	if (!S_ISREG(st.st_mode) && !is_null(&st))
		return error_set(e, ERR_CONFIG,
		    "%s is no regular file, but a pipe or a device: write what "
		    "comes out of it into a file, and name that",
		    path);
	return 0;
}

int
import_file(const char *path, size_t max, struct buffer *out, struct error *e)
{
	/* A pipe that nobody writes to would not even open. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	int rc;

	if (fd < 0)
		return error_set(
		    e, ERR_CONFIG, "%s: %s", path, strerror(errno));
	rc = check_regular(fd, path, e);
	if (rc == 0 && read_all(fd, max, out) < 0)
		rc = error_set(e, ERR_CONFIG, "%s: %s", path, strerror(errno));
	close(fd);
	return rc;
}

bool
import_line(struct slice *rest, struct slice *line)
{
	const char *end;

	if (rest->len == 0)
		return false;
	end = memchr(rest->data, '\n', rest->len);
	line->data = rest->data;
	line->len = end != NULL ? (size_t)(end - rest->data) : rest->len;
	*rest = slice_skip(*rest, line->len + (end != NULL ? 1 : 0));
	return true;
}

char *
import_path(const char *home, const char *path)
{
	if (path[0] == '~' && (path[1] == '/' || path[1] == '\0'))
		return xasprintf("%s%s", home, path + 1);
	return xstrdup(path);
}

int
import_error(
    struct error *e, const char *file, unsigned line, const char *fmt, ...)
{
	struct buffer text = { 0 };
	va_list ap;

	va_start(ap, fmt);
	buffer_vaddf(&text, fmt, ap);
	va_end(ap);
	if (line > 0)
		error_set(e, ERR_CONFIG, "%s:%u: %s", file, line, text.data);
	else
		error_set(e, ERR_CONFIG, "%s: %s", file, text.data);
	buffer_free(&text);
	return -1;
}
