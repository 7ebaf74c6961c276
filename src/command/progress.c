/* One line or several, drawn again and again. */
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
	bool several; /* lines */
	bool verifying;
	size_t drawn; /* how many of them */
	struct buffer text; /* that they are */
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
	char up[32];

	if (the.drawn > 1) {
		snprintf(up, sizeof(up), "\r\033[%zuA\033[J", the.drawn - 1);
		put(up);
	} else if (the.drawn == 1) {
		put("\r\033[K");
	}
	the.drawn = 0;
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
	buffer_free(&the.text);
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
progress_lines(void)
{
	the.several = true;
}

void
progress_restart(struct progress *list, size_t count, bool verifying)
{
	pthread_mutex_lock(&the.lock);
	the.verifying = verifying;
	the.since_ms = 0;
	for (size_t i = 0; i < count; i++) {
		atomic_store(&list[i].began, 0);
		atomic_store(&list[i].again, 0);
		atomic_store(&list[i].over, false);
	}
	pthread_mutex_unlock(&the.lock);
}

void
progress_begin(struct progress *p)
{
	atomic_store(&p->again, 0);
	atomic_store(&p->over, false);
	atomic_store(&p->before, atomic_load(&p->poll.octets_done));
	atomic_store(&p->began, clock_monotonic_ms());
}

void
progress_end(struct progress *p)
{
	atomic_store(&p->over, true);
}

void
progress_wait(struct progress *p, int64_t until)
{
	atomic_store(&p->again, until);
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
	size_t over, under_way, waiting;
	uint64_t messages, messages_done, octets, octets_done;
};

static struct sum
sum_up(struct progress *list, size_t count)
{
	struct sum sum = { 0 };

	for (size_t i = 0; i < count; i++) {
		struct poll_progress *p = &list[i].poll;

		sum.over += atomic_load(&list[i].over) &&
		    atomic_load(&list[i].again) == 0;
		sum.under_way += is_under_way(&list[i]);
		sum.waiting += atomic_load(&list[i].again) != 0;
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
add_left(struct buffer *out, const struct sum *sum, uint64_t rate)
{
	uint64_t s;

	if (rate == 0 || sum->octets <= sum->octets_done)
		return;
	s = (sum->octets - sum->octets_done) / rate;
	if (s >= 3600)
		buffer_addf(out, ", %" PRIu64 ":%02u:%02u left", s / 3600,
		    (unsigned)(s / 60 % 60), (unsigned)(s % 60));
	else
		buffer_addf(
		    out, ", %" PRIu64 ":%02u left", s / 60, (unsigned)(s % 60));
}

static void
describe_one(struct buffer *out, struct progress *p, int64_t now, int64_t since)
{
	struct sum sum = sum_up(p, 1);
	uint64_t rate =
	    rate_of(sum.octets_done - atomic_load(&p->before), now, since);

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
		add_left(out, &sum, rate);
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

/* --- several lines --- */

static void
describe_verifying(struct buffer *out, struct progress *p)
{
	struct verify_progress *v = &p->verify;
	uint64_t messages = atomic_load(&v->messages);
	char octets[TEXT_UNIT];

	add_name(out, p);
	if (atomic_load(&v->phase) == VERIFY_WAITING) {
		buffer_add_text(out,
		    ": some are missing at the destination, which is read "
		    "again soon");
		return;
	}
	buffer_addf(out, ": %s, %" PRIu64,
	    atomic_load(&v->phase) == VERIFY_READING_THERE
		? "reading the destination"
		: "reading the source again",
	    atomic_load(&v->messages_done));
	if (messages > 0)
		buffer_addf(out, " of %" PRIu64, messages);
	buffer_addf(out, " messages, %s",
	    text_octets(atomic_load(&v->octets_done), octets));
}

static void
describe_waiting(struct buffer *out, const struct progress *p, int64_t now)
{
	int64_t ms = atomic_load(&p->again) - now;

	add_name(out, p);
	buffer_addf(out, ": failed for now, tried again in %" PRId64 " s",
	    ms > 0 ? (ms + 999) / 1000 : 0);
}

/* Is it known of all mailboxes how much there is? */
static bool
all_listed(struct progress *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (atomic_load(&list[i].began) == 0 ||
		    (is_under_way(&list[i]) &&
			atomic_load(&list[i].poll.phase) < POLL_MOVING))
			return false;
	return true;
}

static void
describe_sum(struct buffer *out, struct progress *list, size_t count,
    int64_t now, int64_t since)
{
	struct sum sum = sum_up(list, count);
	uint64_t rate = rate_of(sum.octets_done, now, since);

	buffer_addf(out, "%zu of %zu mailboxes %s", sum.over, count,
	    the.verifying ? "verified" : "done");
	if (the.verifying || sum.messages == 0)
		return;
	buffer_add_text(out, ", ");
	add_figures(out, &sum, rate);
	if (all_listed(list, count))
		add_left(out, &sum, rate);
}

static void
add_line(struct buffer *out, struct buffer *line, size_t columns)
{
	buffer_add(out, line->data, cut(buffer_slice(line), columns));
	buffer_clear(line);
}

void
progress_describe_lines(struct buffer *out, size_t columns, size_t lines,
    struct progress *list, size_t count, int64_t now, int64_t since)
{
	struct buffer line = { 0 };
	struct progress *p = NULL;
	size_t n = 1;

	while (n < lines && (p = next_longest(list, count, p)) != NULL) {
		if (the.verifying)
			describe_verifying(&line, p);
		else
			describe_one(&line, p, now, atomic_load(&p->began));
		add_line(out, &line, columns);
		buffer_add_text(out, "\n");
		n++;
	}
	for (p = list; n < lines && p < list + count; p++) {
		if (atomic_load(&p->again) == 0 || is_under_way(p))
			continue;
		describe_waiting(&line, p, now);
		add_line(out, &line, columns);
		buffer_add_text(out, "\n");
		n++;
	}
	describe_sum(&line, list, count, now, since);
	add_line(out, &line, columns);
	buffer_free(&line);
}

/* --- drawing it --- */

/* Beyond its width a terminal wraps, and \r no longer finds the beginning. */
static void
look_at_terminal(size_t *columns, size_t *lines)
{
	struct winsize size = { 0 };
	int rc = ioctl(STDERR_FILENO, TIOCGWINSZ, &size);

	*columns = (rc < 0 || size.ws_col == 0 ? 80 : size.ws_col) - 1;
	*lines = rc < 0 || size.ws_row == 0 ? 24 : size.ws_row;
}

static void
describe(struct buffer *out, struct progress *list, size_t count, int64_t now)
{
	size_t width, lines;
	char line[LINE];

	look_at_terminal(&width, &lines);
	if (the.several) {
		/* What was said before is to be seen, too. */
		progress_describe_lines(out, width, lines > 3 ? lines - 2 : 1,
		    list, count, now, the.since_ms);
		return;
	}
	progress_describe(
	    line, sizeof(line), width, list, count, now, the.since_ms);
	buffer_add_text(out, line);
}

/* One write, so that nothing flickers. */
static void
put_lines(const struct buffer *text)
{
	struct buffer out = { 0 };
	size_t lines = 1;

	buffer_add_text(&out, "\r");
	if (the.drawn > 1)
		buffer_addf(&out, "\033[%zuA", the.drawn - 1);
	for (const char *c = text->data; *c != '\0'; c++) {
		if (*c == '\n') {
			buffer_add_text(&out, "\033[K\r\n");
			lines++;
		} else {
			buffer_add(&out, c, 1);
		}
	}
	buffer_add_text(&out, "\033[K");
	if (the.drawn > lines)
		buffer_add_text(&out, "\033[J");
	put(out.data);
	the.drawn = lines;
	buffer_free(&out);
}

/* When the first of them began. */
static int64_t
beginning(struct progress *list, size_t count)
{
	int64_t first = 0;

	for (size_t i = 0; i < count; i++) {
		int64_t began = atomic_load(&list[i].began);

		if (began != 0 && (first == 0 || began < first))
			first = began;
	}
	return first;
}

/* With the lock held. */
static void
draw(struct progress *list, size_t count)
{
	int64_t now = clock_monotonic_ms();
	struct buffer text = { 0 };

	if (sum_up(list, count).octets_done == 0)
		the.since_ms = now;
	else if (the.since_ms == 0)
		the.since_ms = beginning(list, count);
	describe(&text, list, count, now);
	if (the.drawn == 0 || strcmp(text.data, the.text.data) != 0)
		put_lines(&text);
	buffer_free(&the.text);
	the.text = text;
}

void
progress_show(struct progress *list, size_t count)
{
	struct sum sum;

	/* Held while a question is asked; then nobody minds the progress. */
	if (!the.enabled || pthread_mutex_trylock(&the.lock) != 0)
		return;
	sum = sum_up(list, count);
	if (sum.under_way > 0 || (the.several && sum.waiting > 0))
		draw(list, count);
	pthread_mutex_unlock(&the.lock);
}
