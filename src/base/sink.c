/* sink.c - see sink.h. */
#include "base/sink.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#define NAME "postrider"
#define SYSLOG_PATH "/dev/log"
/* What system loggers take without cutting it themselves. */
#define SYSLOG_TEXT 8000
/* How long a system log may keep us waiting, once. */
#define SYSLOG_PATIENCE_S 1

/* $JOURNAL_STREAM names what systemd made our standard error, systemd.exec(5);
 * somebody may have sent it elsewhere since. */
static bool
stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char is[64];
	struct stat st;

	if (stream == NULL || fstat(STDERR_FILENO, &st) < 0)
		return false;
	snprintf(is, sizeof is, "%ju:%ju", (uintmax_t)st.st_dev,
	    (uintmax_t)st.st_ino);
	return strcmp(stream, is) == 0;
}

static void
open_stderr(struct sink *s)
{
	*s = (struct sink){ .kind = SINK_STDERR,
		.fd = STDERR_FILENO,
		.journal = stderr_is_journal() };
}

/* Not to hang where a pipe has no reader: hence O_NONBLOCK. */
static int
open_file(struct sink *s, const char *path, struct error *e)
{
	int fd = open(path,
	    O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
	    S_IRUSR | S_IWUSR);

	if (fd < 0)
		return error_set(e, ERR_CONFIG,
		    "the log cannot be written: %s: %s; give its folder to the "
		    "user that postrider works as, or change the setting "
		    "\"log\"",
		    path, strerror(errno));
	*s =
	    (struct sink){ .kind = SINK_FILE, .fd = fd, .path = xstrdup(path) };
	return 0;
}

/* Returns the socket, or -1 with errno. */
static int
syslog_connect(const char *path)
{
	const struct timeval patience = { .tv_sec = SYSLOG_PATIENCE_S };
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd, reason;

	if (strlen(path) >= sizeof to.sun_path) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(to.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (setsockopt(
		fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) == 0 &&
	    connect(fd, (const struct sockaddr *)&to, sizeof to) == 0)
		return fd;
	reason = errno;
	close(fd);
	errno = reason;
	return -1;
}

int
sink_open_syslog(struct sink *s, const char *path, struct error *e)
{
	int fd = syslog_connect(path);

	if (fd < 0)
		return error_set(e, ERR_CONFIG,
		    "there is no system log: %s: %s; start one, or set log = "
		    "\"stderr\" or a file",
		    path, strerror(errno));
	*s = (struct sink){
		.kind = SINK_SYSLOG, .fd = fd, .path = xstrdup(path)
	};
	return 0;
}

int
sink_open(struct sink *s, const char *target, struct error *e)
{
	if (strcmp(target, "syslog") == 0)
		return sink_open_syslog(s, SYSLOG_PATH, e);
	if (strcmp(target, "stderr") != 0)
		return open_file(s, target, e);
	open_stderr(s);
	return 0;
}

int
sink_again(struct sink *s, const struct sink *old, struct error *e)
{
	switch (old->kind) {
	case SINK_FILE:
		return open_file(s, old->path, e);
	case SINK_SYSLOG:
		return sink_open_syslog(s, old->path, e);
	case SINK_STDERR:
		break;
	}
	open_stderr(s);
	return 0;
}

void
sink_close(struct sink *s)
{
	if (s->kind != SINK_STDERR && s->fd >= 0)
		close(s->fd);
	free(s->path);
	*s = (struct sink){ .kind = SINK_STDERR, .fd = STDERR_FILENO };
}

/* The line as its reader wants it. */
static void
compose(const struct sink *s, int priority, bool named, struct slice text,
    struct buffer *out)
{
	char stamp[CLOCK_TEXT];
	char cut[SYSLOG_TEXT];

	/* Part of a line, and nothing more, was all there was room for. */
	if (s->torn)
		buffer_add_text(out, "\n");
	switch (s->kind) {
	case SINK_STDERR:
		if (s->journal)
			buffer_addf(out, "<%d>", priority);
		else if (named)
			buffer_add_text(out, NAME ": ");
		break;
	case SINK_FILE:
		buffer_addf(out,
		    "%s " NAME "[%ld]: ", clock_rfc3339(clock_wall(), stamp),
		    (long)getpid());
		break;
	case SINK_SYSLOG:
		buffer_addf(out, "<%d>%s " NAME "[%ld]: ", LOG_MAIL | priority,
		    clock_rfc3164(clock_wall(), stamp), (long)getpid());
		text_harmless(text, cut, sizeof cut);
		buffer_add_text(out, cut);
		return;
	}
	buffer_add_slice(out, text);
	buffer_add_text(out, "\n");
}

static int
stream_write(struct sink *s, struct slice line)
{
	size_t whole = line.len;
	ssize_t n;

	while (line.len > 0) {
		n = write(s->fd, line.data, line.len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		line = slice_skip(line, (size_t)n);
	}
	if (line.len < whole)
		s->torn = line.len > 0;
	return line.len > 0 ? -1 : 0;
}

/* It is waited for once, and not again until it takes lines. */
static int
packet_send(const struct sink *s, struct slice packet)
{
	int flags = MSG_NOSIGNAL | (s->lost > 0 ? MSG_DONTWAIT : 0);
	ssize_t n;

	do
		n = send(s->fd, packet.data, packet.len, flags);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -1 : 0;
}

/* A system log that was started anew has another socket of the same name. */
static int
syslog_write(struct sink *s, struct slice packet)
{
	if (s->fd >= 0) {
		if (packet_send(s, packet) == 0)
			return 0;
		if (errno == EAGAIN || errno == EWOULDBLOCK)
			return -1;
		close(s->fd);
	}
	s->fd = syslog_connect(s->path);
	return s->fd < 0 ? -1 : packet_send(s, packet);
}

static int
put(struct sink *s, int priority, bool named, struct slice text)
{
	struct buffer line = { 0 };
	int rc, reason;

	compose(s, priority, named, text, &line);
	rc = s->kind == SINK_SYSLOG ? syslog_write(s, buffer_slice(&line))
				    : stream_write(s, buffer_slice(&line));
	reason = errno;
	buffer_free(&line);
	errno = reason;
	return rc;
}

/* How many are missing, before the first that is not. */
static int
put_lost(struct sink *s)
{
	char text[200];

	if (s->lost == 0)
		return 0;
	snprintf(text, sizeof text,
	    "warning: %" PRIu64 " line%s of the log could not be written here: "
	    "%s",
	    s->lost, s->lost == 1 ? "" : "s", strerror(s->reason));
	return put(s, LOG_WARNING, true, slice_of(text));
}

int
sink_write(struct sink *s, int priority, bool named, struct slice text)
{
	if (put_lost(s) == 0) {
		s->lost = 0;
		if (put(s, priority, named, text) == 0)
			return 0;
	}
	if (s->lost++ == 0)
		s->reason = errno;
	return -1;
}
