/* The progress line. */
#include "command/progress.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static struct {
	pthread_mutex_t lock; /* guards what follows, and the terminal */
	bool enabled;
	bool drawn;
	char line[200];
	const void *of; /* whose rate is being measured */
	int64_t since_ms;
} the = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* Nothing depends on these octets arriving. */
static void
put(const char *text)
{
	ssize_t n = write(STDERR_FILENO, text, strlen(text));

	(void)n;
}

static void
erase(void)
{
	if (the.drawn)
		put("\r\033[K");
	the.drawn = false;
}

/* The log is about to write, or has written, a line. */
static void
make_way(bool before)
{
	if (before) {
		pthread_mutex_lock(&the.lock);
		erase();
	} else {
		pthread_mutex_unlock(&the.lock);
	}
}

void
progress_enable(void)
{
	the.enabled = true;
	log_set_line_hook(make_way);
}

void
progress_clear(void)
{
	pthread_mutex_lock(&the.lock);
	erase();
	pthread_mutex_unlock(&the.lock);
}

static void
describe_moving(char *out, size_t room, struct poll_progress *p)
{
	uint64_t done = atomic_load(&p->octets_done);
	uint64_t all = atomic_load(&p->octets);
	int64_t ms = clock_monotonic_ms() - the.since_ms;
	char done_text[TEXT_UNIT], all_text[TEXT_UNIT], rate_text[TEXT_UNIT];
	char left[48] = "";
	uint64_t rate;

	rate = ms > 500 ? done * 1000 / (uint64_t)ms : 0;
	if (rate > 0 && all > done) {
		uint64_t s = (all - done) / rate;

		snprintf(left, sizeof(left), ", %llu:%02llu left",
		    (unsigned long long)(s / 60), (unsigned long long)(s % 60));
	}
	snprintf(out, room, "%llu of %llu messages, %s of %s, %s/s%s",
	    (unsigned long long)atomic_load(&p->messages_done),
	    (unsigned long long)atomic_load(&p->messages),
	    text_octets(done, done_text), text_octets(all, all_text),
	    text_octets(rate, rate_text), left);
}

static void
describe(char *out, size_t room, struct poll_progress *p)
{
	switch ((enum poll_phase)atomic_load(&p->phase)) {
	case POLL_CONNECTING:
		snprintf(out, room, "connecting");
		break;
	case POLL_LISTING:
		snprintf(out, room, "reading the listing");
		break;
	case POLL_MOVING:
		describe_moving(out, room, p);
		break;
	case POLL_SETTLING:
	case POLL_DONE:
		snprintf(out, room, "finishing");
		break;
	}
}

/* Beyond its width a terminal wraps, and \r no longer finds the beginning. */
static int
columns(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col < 20)
		return 80;
	return size.ws_col;
}

void
progress_show(const char *name, struct poll_progress *p)
{
	char text[120], whole[sizeof(text) + 40], line[sizeof(the.line)];

	/* Held while a question is asked; then nobody minds the progress. */
	if (pthread_mutex_trylock(&the.lock) != 0)
		return;
	if (the.of != p || atomic_load(&p->phase) != POLL_MOVING) {
		the.of = p;
		the.since_ms = clock_monotonic_ms();
	}
	describe(text, sizeof(text), p);
	snprintf(line, sizeof(line), "\r%.*s\033[K",
	    snprintf(whole, sizeof(whole), "%.30s: %s", name, text) < columns()
		? (int)sizeof(whole)
		: columns() - 1,
	    whole);
	if (the.enabled && (!the.drawn || strcmp(line, the.line) != 0)) {
		put(line);
		memcpy(the.line, line, sizeof(line));
		the.drawn = true;
	}
	pthread_mutex_unlock(&the.lock);
}
