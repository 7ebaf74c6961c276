/* One line, drawn again and again. */
#include "command/progress.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Wider than that are few terminals; what they show is cut there. */
#define LINE 200
/* Longer names are cut, so that others have room. */
#define NAME 30

static struct {
	pthread_mutex_t lock; /* guards what follows, and the terminal */
	bool enabled;
	bool drawn;
	char line[LINE];
	int64_t since_ms; /* until then nothing had been read */
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

void
progress_print(const char *line)
{
	pthread_mutex_lock(&the.lock);
	erase();
	fputs(line, stdout);
	fputs("\n", stdout);
	fflush(stdout);
	pthread_mutex_unlock(&the.lock);
}

void
progress_begin(struct progress *p)
{
	atomic_store(&p->began, clock_monotonic_ms());
}

void
progress_end(struct progress *p)
{
	atomic_store(&p->over, true);
}

static bool
is_under_way(struct progress *p)
{
	return atomic_load(&p->began) != 0 && !atomic_load(&p->over);
}

/* --- what is drawn --- */

/* The octets at the front that fill no more than so many, none of them cut. */
static size_t
cut(struct slice text, size_t most)
{
	size_t len = 0, n;

	while (len < text.len) {
		n = text_character(slice_skip(text, len));
		if (n == 0)
			n = 1;
		if (len + n > most)
			break;
		len += n;
	}
	return len;
}

/* Of all mailboxes together. */
struct sum {
	size_t over, under_way;
	uint64_t messages, messages_done, octets, octets_done;
};

static struct sum
sum_up(struct progress *list, size_t count)
{
	struct sum sum = { 0 };

	for (size_t i = 0; i < count; i++) {
		struct poll_progress *p = &list[i].poll;

		sum.over += atomic_load(&list[i].over);
		sum.under_way += is_under_way(&list[i]);
		sum.messages += atomic_load(&p->messages);
		sum.messages_done += atomic_load(&p->messages_done);
		sum.octets += atomic_load(&p->octets);
		sum.octets_done += atomic_load(&p->octets_done);
	}
	return sum;
}

/* Octets a second; 0 as long as that would be a guess. */
static uint64_t
rate_of(uint64_t octets, int64_t now, int64_t since)
{
	return now - since > 500 ? octets * 1000 / (uint64_t)(now - since) : 0;
}

static void
add_figures(struct buffer *out, const struct sum *sum, uint64_t rate)
{
	char done[TEXT_UNIT], all[TEXT_UNIT], each[TEXT_UNIT];

	buffer_addf(out, "%" PRIu64 " of %" PRIu64 " messages, %s of %s",
	    sum->messages_done, sum->messages,
	    text_octets(sum->octets_done, done), text_octets(sum->octets, all));
	if (rate > 0)
		buffer_addf(out, ", %s/s", text_octets(rate, each));
}

static size_t
name_length(const struct progress *p)
{
	return cut(slice_of(p->name), NAME);
}

static void
add_name(struct buffer *out, const struct progress *p)
{
	buffer_add_slice(out, slice_make(p->name, name_length(p)));
}

static void
describe_one(struct buffer *out, struct progress *p, int64_t now, int64_t since)
{
	struct sum sum = sum_up(p, 1);
	uint64_t rate = rate_of(sum.octets_done, now, since);

	add_name(out, p);
	buffer_add_text(out, ": ");
	switch ((enum poll_phase)atomic_load(&p->poll.phase)) {
	case POLL_CONNECTING:
		buffer_add_text(out, "connecting");
		break;
	case POLL_LISTING:
		buffer_add_text(out, "reading the listing");
		break;
	case POLL_MOVING:
		add_figures(out, &sum, rate);
		if (rate > 0 && sum.octets > sum.octets_done) {
			uint64_t s = (sum.octets - sum.octets_done) / rate;

			buffer_addf(out, ", %" PRIu64 ":%02u left", s / 60,
			    (unsigned)(s % 60));
		}
		break;
	case POLL_SETTLING:
	case POLL_DONE:
		buffer_add_text(out, "finishing");
		break;
	}
}

/* Of those that are under way, the one that began next after `*last`. */
static struct progress *
next_longest(struct progress *list, size_t count, const struct progress *last)
{
	int64_t after = last != NULL ? atomic_load(&last->began) : 0;
	struct progress *found = NULL;
	int64_t least = 0;

	for (struct progress *p = list; p < list + count; p++) {
		int64_t began = atomic_load(&p->began);

		if (!is_under_way(p) || began < after ||
		    (began == after && p <= last))
			continue;
		if (found == NULL || began < least) {
			found = p;
			least = began;
		}
	}
	return found;
}

/* As many names as there is room for. */
static void
add_names(
    struct buffer *out, size_t columns, struct progress *list, size_t count)
{
	struct progress *p = NULL;
	const char *before = "; ";

	while ((p = next_longest(list, count, p)) != NULL) {
		if (out->len + strlen(before) + name_length(p) +
			strlen(", ...") >
		    columns)
			break;
		buffer_add_text(out, before);
		add_name(out, p);
		before = ", ";
	}
	if (p != NULL && before[0] == ',')
		buffer_add_text(out, ", ...");
}

static void
describe_all(struct buffer *out, size_t columns, struct progress *list,
    size_t count, int64_t now, int64_t since)
{
	struct sum sum = sum_up(list, count);

	buffer_addf(out, "%zu of %zu mailboxes", sum.over, count);
	if (sum.messages > 0) {
		buffer_add_text(out, ", ");
		add_figures(out, &sum, rate_of(sum.octets_done, now, since));
	}
	add_names(out, columns, list, count);
}

void
progress_describe(char *out, size_t room, size_t columns, struct progress *list,
    size_t count, int64_t now, int64_t since)
{
	struct buffer text = { 0 };
	size_t most = columns < room - 1 ? columns : room - 1;
	size_t len;

	if (count == 1)
		describe_one(&text, list, now, since);
	else
		describe_all(&text, most, list, count, now, since);
	len = cut(buffer_slice(&text), most);
	memcpy(out, text.data, len);
	out[len] = '\0';
	buffer_free(&text);
}

/* --- drawing it --- */

/* Beyond its width a terminal wraps, and \r no longer finds the beginning. */
static size_t
columns(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
		return 80;
	return size.ws_col;
}

/* With the lock held. */
static void
draw(struct progress *list, size_t count)
{
	int64_t now = clock_monotonic_ms();
	char text[LINE], line[LINE + 8];

	if (sum_up(list, count).octets_done == 0)
		the.since_ms = now;
	progress_describe(
	    text, sizeof(text), columns() - 1, list, count, now, the.since_ms);
	if (the.drawn && strcmp(text, the.line) == 0)
		return;
	snprintf(line, sizeof(line), "\r%s\033[K", text);
	put(line);
	memcpy(the.line, text, sizeof(text));
	the.drawn = true;
}

void
progress_show(struct progress *list, size_t count)
{
	/* Held while a question is asked; then nobody minds the progress. */
	if (!the.enabled || pthread_mutex_trylock(&the.lock) != 0)
		return;
	if (sum_up(list, count).under_way > 0)
		draw(list, count);
	pthread_mutex_unlock(&the.lock);
}
