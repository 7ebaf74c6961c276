/*
 * status_watch.c - the same, drawn again and again in place: on the terminal's
 * other screen, each frame by one write(2), so that nothing flickers and nothing
 * is left behind.
 */
#include "base/clock.h"
#include "base/log.h"
#include "command/session.h"
#include "command/status.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sysexits.h>
#include <termios.h>
#include <unistd.h>

/* How often; less often where it takes long to find out. */
#define EVERY_MS 1000
#define EVERY_MOST_MS 60000
#define REST 10

/* What xterm and all that came after it obey. */
#define SCREEN_ENTER "\033[?1049h\033[?25l" /* the other screen, no cursor */
#define SCREEN_LEAVE "\033[?25h\033[?1049l"
#define HOME "\033[H"
#define LINE_END "\033[K\r\n"
#define REST_OF_SCREEN "\033[K\033[J"

struct watch {
	struct status_view view;
	int (*read)(void *arg, struct glances *g, struct error *e);
	void *arg;
	struct termios before;
	sigset_t mask; /* that we found */
	int signal_fd; /* owned */
	bool drawn; /* the terminal is ours */
	bool over;
	int signal; /* that ends us, 0 */
};

static void
put(struct slice out)
{
	ssize_t n;

	while (out.len > 0) {
		n = write(STDOUT_FILENO, out.data, out.len);
		if (n < 0 && errno != EINTR)
			return;
		out = slice_skip(out, n > 0 ? (size_t)n : 0);
	}
}

/* --- a frame --- */

/* As many lines as there is room for above the last one. */
static void
add_lines(struct buffer *out, struct slice text, const struct terminal *t)
{
	size_t left = t->lines - 1;
	const char *lf;
	size_t n;

	while (text.len > 0 && left > 0) {
		lf = memchr(text.data, '\n', text.len);
		n = lf != NULL ? (size_t)(lf - text.data) : text.len;
		if (n == 0)
			buffer_add_text(out, LINE_END);
		left -= n == 0 ? 1
			       : terminal_wrap(slice_make(text.data, n),
				     t->columns, left, LINE_END, out);
		text = slice_skip(text, lf != NULL ? n + 1 : n);
	}
}

static void
draw(struct watch *w, const struct glances *g, const struct error *e)
{
	const struct terminal *t = &w->view.terminal;
	struct buffer text = { 0 }, out = { 0 };
	struct buffer foot = { 0 };
	char now[CLOCK_TEXT];

	terminal_look(&w->view.terminal);
	if (e->kind != ERR_NONE)
		buffer_addf(&text, "%s\n", e->text);
	else
		status_frame(g, &w->view, t->lines - 1, &text);
	buffer_addf(&foot, "%s  q ends", clock_text(clock_wall(), now));
	buffer_add_text(&out, HOME);
	add_lines(&out, buffer_slice(&text), t);
	buffer_add_text(&out, paint_on(t, PAINT_FAINT));
	buffer_add(
	    &out, foot.data, terminal_cut(buffer_slice(&foot), t->columns - 1));
	buffer_add_text(&out, paint_off(t, PAINT_FAINT));
	buffer_add_text(&out, REST_OF_SCREEN);
	put(buffer_slice(&out));
	buffer_free(&foot);
	buffer_free(&text);
	buffer_free(&out);
}

/* --- the terminal --- */

/* Keys come one by one and are not shown; ^C and ^Z stay what they are. */
static int
terminal_take(struct watch *w)
{
	struct termios ours = w->before;

	ours.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	ours.c_cc[VMIN] = 0;
	ours.c_cc[VTIME] = 0;
	if (tcsetattr(STDIN_FILENO, TCSANOW, &ours) < 0)
		return -1;
	put(slice_of(SCREEN_ENTER));
	w->drawn = true;
	return 0;
}

static void
terminal_give_back(struct watch *w)
{
	if (!w->drawn)
		return;
	put(slice_of(SCREEN_LEAVE));
	tcsetattr(STDIN_FILENO, TCSANOW, &w->before);
	w->drawn = false;
}

/* --- what happens --- */

/* ^Z: until somebody says `fg` the terminal is not ours. */
static void
suspend(struct watch *w)
{
	terminal_give_back(w);
	raise(SIGSTOP);
	if (tcgetattr(STDIN_FILENO, &w->before) < 0 || terminal_take(w) < 0)
		w->over = true;
}

static void
take_signal(struct watch *w)
{
	struct signalfd_siginfo info;

	if (read(w->signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return;
	switch (info.ssi_signo) {
	case SIGWINCH:
		break;
	case SIGTSTP:
		suspend(w);
		break;
	case SIGINT:
		w->over = true;
		break;
	default:
		w->over = true;
		w->signal = (int)info.ssi_signo;
		break;
	}
}

static void
take_keys(struct watch *w)
{
	char keys[64];
	ssize_t n = read(STDIN_FILENO, keys, sizeof(keys));

	/* The terminal has gone. */
	if (n <= 0)
		w->over = true;
	for (ssize_t i = 0; i < n; i++)
		if (keys[i] == 'q' || keys[i] == 'Q' || keys[i] == '\004')
			w->over = true;
}

static void
rest(struct watch *w, int64_t ms)
{
	struct pollfd fds[] = {
		{ .fd = w->signal_fd, .events = POLLIN },
		{ .fd = STDIN_FILENO, .events = POLLIN },
	};

	if (poll(fds, 2, (int)ms) <= 0)
		return;
	if (fds[0].revents != 0)
		take_signal(w);
	if (fds[1].revents != 0)
		take_keys(w);
}

/* Returns an exit status; the first time nothing is drawn that failed. */
static int
look(struct watch *w)
{
	int64_t before = clock_monotonic_ms(), took;
	struct glances g = { 0 };
	struct error e = { 0 };

	if (w->read(w->arg, &g, &e) < 0 && !w->drawn)
		return command_fail(&e);
	took = clock_monotonic_ms() - before;
	if (!w->drawn && terminal_take(w) < 0) {
		glances_free(&g);
		log_error("the terminal: %s", strerror(errno));
		return EX_IOERR;
	}
	draw(w, &g, &e);
	glances_free(&g);
	took = took * REST > EVERY_MS ? took * REST : EVERY_MS;
	rest(w, took < EVERY_MOST_MS ? took : EVERY_MOST_MS);
	return EX_OK;
}

static int
signals_take(struct watch *w)
{
	static const int wanted[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT,
		SIGWINCH, SIGTSTP };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		sigaddset(&set, wanted[i]);
	pthread_sigmask(SIG_BLOCK, &set, &w->mask);
	w->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return w->signal_fd < 0 ? -1 : 0;
}

int
status_watch(const struct status_view *view,
    int (*read)(void *arg, struct glances *g, struct error *e), void *arg)
{
	struct watch w = { .view = *view, .read = read, .arg = arg };
	int status = EX_OK;

	if (tcgetattr(STDIN_FILENO, &w.before) < 0 || signals_take(&w) < 0) {
		log_error("the terminal: %s", strerror(errno));
		return EX_IOERR;
	}
	while (!w.over && status == EX_OK)
		status = look(&w);
	terminal_give_back(&w);
	close(w.signal_fd);
	pthread_sigmask(SIG_SETMASK, &w.mask, NULL);
	return w.signal != 0 ? session_die(w.signal) : status;
}
