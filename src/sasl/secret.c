/* secret.c - see secret.h. */
#include "sasl/secret.h"

#include "base/wait.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

void
secret_reserve(struct buffer *out)
{
	buffer_reserve(out, SECRET_MAX + 1);
}

static int
wait_readable(
    int fd, const struct stop *stop, struct deadline until, struct error *e)
{
	int ready =
	    wait_for(fd, POLLIN, -1, stop_fd(stop, STOP_SOON), until, e);

	if (ready == 0)
		return error_set(e, ERR_SECRET, "took too long");
	return ready < 0 ? -1 : 0;
}

int
secret_read(int fd, const struct stop *stop, struct deadline until,
    struct buffer *out, struct error *e)
{
	ssize_t n;

	if (out->len >= SECRET_MAX)
		return error_set(
		    e, ERR_SECRET, "more than %zu octets", SECRET_MAX);
	do {
		if (wait_readable(fd, stop, until, e) < 0)
			return -1;
		n = read(fd, out->data + out->len, SECRET_MAX - out->len);
	} while (n < 0 && (errno == EINTR || errno == EAGAIN));
	if (n < 0)
		return error_set(e, ERR_SECRET, "%s", strerror(errno));
	out->len += (size_t)n;
	out->data[out->len] = '\0';
	return (int)n;
}
