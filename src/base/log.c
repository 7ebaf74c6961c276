/* log.c - whole lines, whoever writes, to where they are wanted. */
#include "base/log.h"

#include "base/buffer.h"
#include "base/sink.h"
#include "base/text.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

static _Atomic enum log_level current = LOG_NORMAL;
static void (*line_hook)(bool before);
/*
 * Guards where lines go, and standard error: the hook and the line between its
 * two calls.
 */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct sink console = { .fd = STDERR_FILENO };
/* Where they go instead, unless that is standard error. */
static struct sink elsewhere = { .fd = STDERR_FILENO };
static bool detached; /* errors do not go to both */

/* systemd has made standard error what it is before we began. */
static void
console_look(void)
{
	struct error ignored;

	sink_open(&console, "stderr", &ignored);
}

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

static void
write_console(int priority, bool named, struct slice text)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, console_look);
	if (line_hook != NULL)
		line_hook(true);
	sink_write(&console, priority, named, text);
	if (line_hook != NULL)
		line_hook(false);
}

/* Whoever looks at standard error hears once that the log has a hole. */
static void
write_elsewhere(int priority, struct slice text)
{
	struct buffer why = { 0 };

	if (sink_write(&elsewhere, priority, true, text) == 0 ||
	    elsewhere.lost > 1)
		return;
	buffer_addf(&why,
	    "%s: %s; lines of the log are lost until that is mended",
	    elsewhere.path, strerror(elsewhere.reason));
	write_console(LOG_ERR, true, buffer_slice(&why));
	buffer_free(&why);
}

static void
write_line(int priority, bool named, struct slice text)
{
	bool console_only;

	pthread_mutex_lock(&lock);
	console_only = elsewhere.kind == SINK_STDERR;
	if (!console_only)
		write_elsewhere(priority, text);
	if (console_only || (priority == LOG_ERR && !detached))
		write_console(priority, named, text);
	pthread_mutex_unlock(&lock);
}

/* What has been lost is told in the new one. */
static void
exchange(struct sink *made)
{
	struct sink old;

	pthread_mutex_lock(&lock);
	old = elsewhere;
	elsewhere = *made;
	if (elsewhere.kind != SINK_STDERR) {
		elsewhere.lost = old.lost;
		elsewhere.reason = old.reason;
	}
	pthread_mutex_unlock(&lock);
	sink_close(&old);
}

int
log_open(const char *target, struct error *e)
{
	struct sink made;

	if (sink_open(&made, target, e) < 0)
		return -1;
	exchange(&made);
	return 0;
}

/* The one thread that opens reads what only it writes. */
int
log_reopen(struct error *e)
{
	struct sink made;

	if (sink_again(&made, &elsewhere, e) < 0)
		return error_set(e, e->kind,
		    "%s; until then it goes on where it went before", e->text);
	exchange(&made);
	return 0;
}

void
log_detach(void)
{
	pthread_mutex_lock(&lock);
	detached = true;
	pthread_mutex_unlock(&lock);
}

void
log_close(void)
{
	struct sink made = { .fd = STDERR_FILENO };

	exchange(&made);
	pthread_mutex_lock(&lock);
	detached = false;
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

static void line(int priority, bool named, struct buffer *raw, const char *fmt,
    va_list ap) __attribute__((format(printf, 4, 0)));

/* Only our own fmt is trusted; all that it brings in is made harmless. */
static void
line(int priority, bool named, struct buffer *raw, const char *fmt, va_list ap)
{
	struct buffer out = { 0 };
	size_t room;

	buffer_vaddf(raw, fmt, ap);
	room = raw->len + 1;
	buffer_reserve(&out, room);
	text_harmless(buffer_slice(raw), out.data, room);
	out.len = strlen(out.data);
	write_line(priority, named, buffer_slice(&out));
	buffer_free(&out);
	buffer_free(raw);
}

void
log_error(const char *fmt, ...)
{
	struct buffer raw = { 0 };
	va_list ap;

	va_start(ap, fmt);
	line(LOG_ERR, true, &raw, fmt, ap);
	va_end(ap);
}

void
log_warning(const char *fmt, ...)
{
	struct buffer raw = { 0 };
	va_list ap;

	if (log_get_level() < LOG_NORMAL)
		return;
	buffer_add_text(&raw, "warning: ");
	va_start(ap, fmt);
	line(LOG_WARNING, true, &raw, fmt, ap);
	va_end(ap);
}

void
log_info(const char *fmt, ...)
{
	struct buffer raw = { 0 };
	va_list ap;

	if (log_get_level() < LOG_INFORMED)
		return;
	va_start(ap, fmt);
	line(LOG_INFO, false, &raw, fmt, ap);
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
	line(LOG_INFO, false, &raw, fmt, ap);
	va_end(ap);
}

static void
add_quoted(struct buffer *out, const char *words)
{
	buffer_add_text(out, "\"");
	for (; *words != '\0'; words++) {
		if (*words == '"' || *words == '\\')
			buffer_add_text(out, "\\");
		buffer_add(out, words, 1);
	}
	buffer_add_text(out, "\"");
}

void
log_words(const char *key, const char *words, const char *fmt, ...)
{
	struct buffer event = { 0 }, quoted = { 0 };
	va_list ap;

	if (log_get_level() < LOG_EVENTS)
		return;
	va_start(ap, fmt);
	buffer_vaddf(&event, fmt, ap);
	va_end(ap);
	add_quoted(&quoted, words);
	log_event("%s %s=%s", event.data, key, quoted.data);
	buffer_free(&event);
	buffer_free(&quoted);
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
	line(LOG_DEBUG, false, &raw, fmt, ap);
	va_end(ap);
}
