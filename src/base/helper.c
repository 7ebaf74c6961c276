/* helper.c - one thread, one poll(2): requests, lines, and children that end. */
#include "base/helper.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/runner.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define DESCRIPTORS 2 /* that come with a request */

/* A command, from its start until its line is closed. */
struct work {
	struct shell shell;
	int line; /* owned */
	enum {
		WORK_RUNS,
		WORK_TOLD, /* it has ended, and the other side knows */
		WORK_TERMINATED, /* SIGTERM was sent; SIGKILL follows */
		WORK_KILLED,
		WORK_OVER /* to be forgotten */
	} stage;
	struct deadline until; /* of WORK_TERMINATED */
};

struct helper {
	int socket; /* borrowed */
	int children; /* owned; readable when one has ended */
	bool (*may)(const char *command, void *arg);
	void *arg;
	bool closing; /* the other side has gone */
	struct work *work; /* owned */
	size_t count, room;
	struct pollfd *fds; /* owned; socket, children, then all lines */
};

struct request {
	struct helper_request head;
	const char *command; /* borrowed */
	const char **variables; /* owned; NULL-terminated, borrowed */
	int line; /* owned, -1 */
	int out; /* owned, -1 */
};

/* --- requests --- */

/* The string at *at, behind which *at is put; NULL if none ends there. */
static const char *
next_string(const char **at, const char *end)
{
	const char *text = *at;
	const char *nul = memchr(text, '\0', (size_t)(end - text));

	if (nul == NULL)
		return NULL;
	*at = nul + 1;
	return text;
}

static bool
is_variable(const char *text)
{
	size_t len = strlen(HELPER_VARIABLE);

	return strncmp(text, HELPER_VARIABLE, len) == 0 &&
	    strchr(text, '=') != NULL;
}

/* Whoever sends it may be in the hands of an enemy. */
static bool
parse(struct request *r, const char *data, size_t len)
{
	const char *end = data + len;
	const char *at = data + sizeof r->head;

	if (len < sizeof r->head)
		return false;
	memcpy(&r->head, data, sizeof r->head);
	r->command = next_string(&at, end);
	if (r->command == NULL || r->head.variables > len)
		return false;
	r->variables =
	    xcalloc((size_t)r->head.variables + 1, sizeof *r->variables);
	for (uint32_t i = 0; i < r->head.variables; i++) {
		r->variables[i] = next_string(&at, end);
		if (r->variables[i] == NULL || !is_variable(r->variables[i]))
			return false;
	}
	return r->line >= 0 &&
	    (r->out >= 0) == ((r->head.flags & HELPER_NO_OUTPUT) == 0);
}

static void
take_descriptors(struct request *r, struct msghdr *message)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(message);
	int fds[DESCRIPTORS] = { -1, -1 };
	size_t len;

	if (c == NULL || c->cmsg_level != SOL_SOCKET ||
	    c->cmsg_type != SCM_RIGHTS)
		return;
	len = c->cmsg_len - CMSG_LEN(0);
	memcpy(fds, CMSG_DATA(c), len < sizeof fds ? len : sizeof fds);
	r->line = fds[0];
	r->out = fds[1];
}

/*
 * Returns how many octets came, 0 when the other side has gone, or -1: nothing
 * to be done.
 */
static ssize_t
receive(struct helper *h, struct request *r, char *data, size_t room)
{
	union {
		struct cmsghdr align;
		char octets[CMSG_SPACE(sizeof(int) * DESCRIPTORS)];
	} control;
	struct iovec octets = { .iov_base = data, .iov_len = room };
	struct msghdr message = { .msg_iov = &octets,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof control };
	ssize_t n;

	n = recvmsg(h->socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? -1 : 0;
	take_descriptors(r, &message);
	/* Cut off: too long, or no room for another descriptor here. */
	if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0)
		return -1;
	return n;
}

static void
release(struct request *r)
{
	if (r->line >= 0)
		close(r->line);
	if (r->out >= 0)
		close(r->out);
	free(r->variables);
}

/* --- commands --- */

static void
answer(int line, enum helper_word word, int number, struct shell_end end)
{
	struct helper_answer a;

	memset(&a, 0, sizeof a); /* what lies between its members, too */
	a.word = word;
	a.number = number;
	a.end = end;
	/* Who does not read it sees the line closed. */
	(void)send(line, &a, sizeof a, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void
add(struct helper *h, const struct work *w)
{
	if (h->count == h->room) {
		h->room = h->room * 2 + 8;
		h->work = xrealloc(h->work, h->room, sizeof *h->work);
		h->fds = xrealloc(h->fds, h->room + 2, sizeof *h->fds);
	}
	h->work[h->count++] = *w;
}

static void
start(struct helper *h, struct request *r)
{
	static const struct shell_end none = { 0 };
	struct work w = { .line = r->line };
	int rc;

	if (h->may != NULL && !h->may(r->command, h->arg)) {
		answer(r->line, HELPER_REFUSED, 0, none);
		return;
	}
	rc = shell_start(&w.shell, r->command, r->variables,
	    (r->head.flags & HELPER_OWN_GROUP) != 0, r->out);
	if (rc != 0) {
		answer(r->line, HELPER_FAILED, rc, none);
		return;
	}
	add(h, &w);
	r->line = -1;
}

static void
take_request(struct helper *h)
{
	char data[sizeof(struct helper_request) + RUNNER_MAX];
	struct request r = { .line = -1, .out = -1 };
	ssize_t n = receive(h, &r, data, sizeof data);

	h->closing = n == 0;
	if (n > 0 && parse(&r, data, (size_t)n))
		start(h, &r);
	release(&r);
}

/* Whoever waited for it does so no more. */
static void
end_work(struct work *w)
{
	if (w->stage == WORK_RUNS) {
		shell_signal(&w->shell, SIGTERM);
		w->stage = WORK_TERMINATED;
		w->until = deadline_in(RUNNER_TERM_MS);
	} else if (w->stage == WORK_TOLD) {
		/* What it has left behind. */
		shell_signal(&w->shell, SIGKILL);
		w->stage = WORK_OVER;
	}
}

static void
look_after(struct work *w)
{
	struct shell_end end = { 0 };
	int ended;

	if (w->stage == WORK_TOLD)
		return;
	ended = shell_ended(&w->shell, &end);
	if (ended == 0)
		return;
	if (ended < 0) {
		answer(w->line, HELPER_FAILED, errno, end);
		w->stage = WORK_OVER;
	} else if (w->stage == WORK_RUNS) {
		answer(w->line, HELPER_ENDED, 0, end);
		w->stage = WORK_TOLD;
	} else {
		shell_signal(&w->shell, SIGKILL);
		w->stage = WORK_OVER;
	}
}

static void
hear(struct work *w)
{
	char word = '\0';
	ssize_t n = recv(w->line, &word, 1, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n == 1 && word == HELPER_DONE && w->stage == WORK_TOLD)
		w->stage = WORK_OVER;
	else
		end_work(w);
}

static void
hurry(struct work *w)
{
	if (w->stage != WORK_TERMINATED || !deadline_passed(w->until))
		return;
	shell_signal(&w->shell, SIGKILL);
	w->stage = WORK_KILLED;
}

static void
forget_what_is_over(struct helper *h)
{
	size_t kept = 0;

	for (size_t i = 0; i < h->count; i++) {
		if (h->work[i].stage != WORK_OVER) {
			h->work[kept++] = h->work[i];
			continue;
		}
		shell_reap(&h->work[i].shell);
		close(h->work[i].line);
	}
	h->count = kept;
}

/* --- the loop --- */

/* Once it is heard that nobody waits, a line has nothing more to say. */
static bool
is_heard(const struct work *w)
{
	return w->stage == WORK_RUNS || w->stage == WORK_TOLD;
}

static void
wait_for_any(struct helper *h)
{
	struct deadline next = deadline_never();

	h->fds[0] = (struct pollfd){ .fd = h->closing ? -1 : h->socket,
		.events = POLLIN };
	h->fds[1] = (struct pollfd){ .fd = h->children, .events = POLLIN };
	for (size_t i = 0; i < h->count; i++) {
		const struct work *w = &h->work[i];

		h->fds[2 + i] =
		    (struct pollfd){ .fd = is_heard(w) ? w->line : -1,
			    .events = POLLIN };
		if (w->stage == WORK_TERMINATED)
			next = deadline_sooner(next, w->until);
	}
	/* Somebody else's process cannot be killed: no reason to stay. */
	if (h->closing)
		next = deadline_sooner(next, deadline_in(RUNNER_TERM_MS));
	if (poll(h->fds, 2 + h->count, deadline_left(next)) < 0)
		h->fds[0].revents = h->fds[1].revents = 0;
}

static void
look_after_all(struct helper *h)
{
	struct signalfd_siginfo info;

	while (read(h->children, &info, sizeof info) > 0)
		continue;
	for (size_t i = 0; i < h->count; i++) {
		look_after(&h->work[i]);
		if (h->closing)
			end_work(&h->work[i]);
		else if (is_heard(&h->work[i]) && h->fds[2 + i].revents != 0)
			hear(&h->work[i]);
		hurry(&h->work[i]);
	}
	forget_what_is_over(h);
}

static bool
prepare(struct helper *h)
{
	struct sigaction usual = { .sa_handler = SIG_DFL };
	sigset_t all, ended;

	/* It ends with the other side: not by ^C, nor with a whole group. */
	sigfillset(&all);
	sigemptyset(&ended);
	sigaddset(&ended, SIGCHLD);
	prctl(PR_SET_NAME, "postrider-run");
	if (sigprocmask(SIG_SETMASK, &all, NULL) < 0 ||
	    sigaction(SIGCHLD, &usual, NULL) < 0)
		return false;
	h->children = signalfd(-1, &ended, SFD_CLOEXEC | SFD_NONBLOCK);
	h->fds = xcalloc(2, sizeof *h->fds);
	return h->children >= 0;
}

void
helper_serve(int socket, bool (*may)(const char *command, void *arg), void *arg)
{
	struct helper h = {
		.socket = socket, .children = -1, .may = may, .arg = arg
	};
	struct deadline end = deadline_never();

	if (!prepare(&h))
		goto out;
	while (!h.closing || (h.count > 0 && !deadline_passed(end))) {
		wait_for_any(&h);
		look_after_all(&h);
		if (!h.closing && h.fds[0].revents != 0)
			take_request(&h);
		if (h.closing && end.ms == DEADLINE_NEVER)
			end = deadline_in(3 * RUNNER_TERM_MS);
	}
out:
	if (h.children >= 0)
		close(h.children);
	free(h.work);
	free(h.fds);
}
