/* log.c - lines to standard error, whole ones whoever writes. */
#include "base/log.h"

#include "base/buffer.h"
#include "base/text.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

static _Atomic enum log_level current = LOG_NORMAL;
static void (*line_hook)(bool before);
/* Guards standard error: the hook and the line between its two calls. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void
log_set_level(enum log_level level)
{
	atomic_store(&current, level);
}

enum log_level
log_get_level(void)
{
	return atomic_load(&current);
}

void
log_set_line_hook(void (*hook)(bool before))
{
	line_hook = hook;
}

/* A log that cannot be written is no reason to stop moving mail. */
static void
write_all(struct slice out)
{
	ssize_t n;

	while (out.len > 0) {
		n = write(STDERR_FILENO, out.data, out.len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		out = slice_skip(out, (size_t)n);
	}
}

static void
write_line(struct slice line)
{
	pthread_mutex_lock(&lock);
	if (line_hook != NULL)
		line_hook(true);
	write_all(line);
	if (line_hook != NULL)
		line_hook(false);
	pthread_mutex_unlock(&lock);
}

void
log_claim_terminal(void)
{
	pthread_mutex_lock(&lock);
	if (line_hook != NULL)
		line_hook(true);
}

void
log_release_terminal(void)
{
	if (line_hook != NULL)
		line_hook(false);
	pthread_mutex_unlock(&lock);
}

static void line(struct buffer *raw, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));

/* Only our own fmt is trusted; all that it brings in is made harmless. */
static void
line(struct buffer *raw, const char *fmt, va_list ap)
{
	struct buffer out = { 0 };
	size_t room;

	buffer_vaddf(raw, fmt, ap);
	room = raw->len + 1;
	buffer_reserve(&out, room);
	text_harmless(buffer_slice(raw), out.data, room);
	out.len = strlen(out.data);
	buffer_add_text(&out, "\n");
	write_line(buffer_slice(&out));
	buffer_free(&out);
	buffer_free(raw);
}

void
log_error(const char *fmt, ...)
{
	struct buffer raw = { 0 };
	va_list ap;

	buffer_add_text(&raw, "postrider: ");
	va_start(ap, fmt);
	line(&raw, fmt, ap);
	va_end(ap);
}

void
log_warning(const char *fmt, ...)
{
	struct buffer raw = { 0 };
	va_list ap;

	if (log_get_level() < LOG_NORMAL)
		return;
	buffer_add_text(&raw, "postrider: warning: ");
	va_start(ap, fmt);
	line(&raw, fmt, ap);
	va_end(ap);
}

void
log_event(const char *fmt, ...)
{
	struct buffer raw = { 0 };
	va_list ap;

	if (log_get_level() < LOG_EVENTS)
		return;
	va_start(ap, fmt);
	line(&raw, fmt, ap);
	va_end(ap);
}

void
log_trace(const char *who, bool towards_peer, const char *fmt, ...)
{
	struct buffer raw = { 0 };
	va_list ap;

	if (log_get_level() < LOG_TRACE)
		return;
	buffer_addf(&raw, "%s %c ", who, towards_peer ? '>' : '<');
	va_start(ap, fmt);
	line(&raw, fmt, ap);
	va_end(ap);
}
