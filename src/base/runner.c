/* runner.c - a command by the helper, or by ourselves. */
#include "base/runner.h"

#include "base/clock.h"
#include "base/helper.h"
#include "base/wait.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define REAP_MS 10
/* Until the helper says that a command has ended that was told to. */
#define PATIENCE_MS ((int64_t)3 * RUNNER_TERM_MS)

/* As the header says, they are the process's. Set before there are threads. */
static int helper_socket = -1;
static pid_t helper_pid;

/* A command under way. */
struct run {
	const struct runner_task *task;
	const struct stop *stop;
	struct deadline until;
	int in; /* owned, -1; what it prints */
	int line; /* owned; to the helper, or -1: it is run by us */
	struct shell shell; /* without a line */
};

/* --- the helper --- */

static void
become_helper(
    int socket, bool (*may)(const char *command, void *arg), void *arg)
{
	/* Nothing but standard input and error, and this. */
	if (dup2(STDERR_FILENO, STDOUT_FILENO) < 0 ||
	    (socket != STDERR_FILENO + 1 &&
		dup3(socket, STDERR_FILENO + 1, O_CLOEXEC) < 0))
		_exit(1);
	closefrom(STDERR_FILENO + 2);
	helper_serve(STDERR_FILENO + 1, may, arg);
	_exit(0);
}

int
runner_start(
    bool (*may)(const char *command, void *arg), void *arg, struct error *e)
{
	int ends[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return error_set(
		    e, ERR_SYSTEM, "socketpair: %s", strerror(errno));
	pid = fork();
	if (pid == 0)
		become_helper(ends[1], may, arg);
	close(ends[1]);
	if (pid < 0) {
		close(ends[0]);
		return error_set(e, ERR_SYSTEM, "fork: %s", strerror(errno));
	}
	helper_socket = ends[0];
	helper_pid = pid;
	return 0;
}

void
runner_end(void)
{
	if (helper_socket < 0)
		return;
	close(helper_socket);
	helper_socket = -1;
	while (waitpid(helper_pid, NULL, 0) < 0 && errno == EINTR)
		continue;
}

/* Returns 0, or -1: too long. */
static int
write_request(struct buffer *out, const struct runner_task *task)
{
	struct helper_request head = { 0 };
	const char *const *v = task->environment;

	head.flags = (task->asks ? 0 : HELPER_OWN_GROUP) |
	    (task->output_max == 0 ? HELPER_NO_OUTPUT : 0);
	while (v != NULL && v[head.variables] != NULL)
		head.variables++;
	buffer_add(out, &head, sizeof head);
	buffer_add(out, task->command, strlen(task->command) + 1);
	for (uint32_t i = 0; i < head.variables; i++)
		buffer_add(out, v[i], strlen(v[i]) + 1);
	return out->len - sizeof head <= RUNNER_MAX ? 0 : -1;
}

static ssize_t
send_request(const struct buffer *request, const int fds[2], size_t count)
{
	union {
		struct cmsghdr align;
		char octets[CMSG_SPACE(sizeof(int) * 2)];
	} control = { .octets = { 0 } };
	struct iovec octets = { .iov_base = request->data,
		.iov_len = request->len };
	struct msghdr message = { .msg_iov = &octets,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = CMSG_SPACE(sizeof(int) * count) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&message);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int) * count);
	memcpy(CMSG_DATA(c), fds, sizeof(int) * count);
	return sendmsg(helper_socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static int
helper_gone(struct error *e)
{
	return error_set(e, ERR_SYSTEM,
	    "the process that runs commands has ended; restart postrider");
}

/* Many at once fill the socket for a moment. */
static int
submit(struct run *r, const int fds[2], size_t count, struct error *e)
{
	struct buffer request = { 0 };
	int rc = -1;

	if (write_request(&request, r->task) < 0) {
		error_set(e, ERR_IO, "the command is too long");
		goto out;
	}
	while (send_request(&request, fds, count) < 0) {
		if (errno != EAGAIN && errno != EINTR && errno != ENOBUFS) {
			helper_gone(e);
			goto out;
		}
		rc = wait_for(helper_socket, POLLOUT, -1,
		    stop_fd(r->stop, STOP_SOON), r->until, e);
		if (rc == 0)
			rc = error_set(e, ERR_TIMEOUT, "took too long");
		if (rc < 0)
			goto out;
	}
	rc = 0;
out:
	buffer_free(&request);
	return rc;
}

static int
start_by_helper(struct run *r, int out, struct error *e)
{
	int ends[2], rc;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return error_set(
		    e, ERR_SYSTEM, "socketpair: %s", strerror(errno));
	rc = submit(r, (const int[]){ ends[1], out }, out < 0 ? 1 : 2, e);
	close(ends[1]);
	if (rc < 0)
		close(ends[0]);
	else
		r->line = ends[0];
	return rc;
}

static int
take_answer(
    const struct helper_answer *a, struct runner_result *out, struct error *e)
{
	switch ((enum helper_word)a->word) {
	case HELPER_ENDED:
		out->status = a->end.status;
		out->signal = a->end.signal;
		return 0;
	case HELPER_FAILED:
		return error_set(e, ERR_IO, "/bin/sh: %s", strerror(a->number));
	case HELPER_REFUSED:
		break;
	}
	return error_set(
	    e, ERR_REFUSED, "it is not among the commands of the settings");
}

static int
await_helper(struct run *r, struct runner_result *out, struct error *e)
{
	struct helper_answer a;
	int ready = wait_for(
	    r->line, POLLIN, -1, stop_fd(r->stop, STOP_SOON), r->until, e);

	if (ready < 0)
		return -1;
	if (ready == 0)
		return error_set(e, ERR_TIMEOUT, "took too long");
	if (recv(r->line, &a, sizeof a, MSG_DONTWAIT) != (ssize_t)sizeof a)
		return helper_gone(e);
	if (take_answer(&a, out, e) < 0)
		return -1;
	(void)send(r->line, (const char[]){ HELPER_DONE }, 1,
	    MSG_NOSIGNAL | MSG_DONTWAIT);
	return 0;
}

/* It is told by the end of the line, and closes it when that is done. */
static void
abort_by_helper(struct run *r)
{
	struct deadline until = deadline_in(PATIENCE_MS);
	struct helper_answer late;
	struct error ignored;

	shutdown(r->line, SHUT_WR);
	while (wait_for(r->line, POLLIN, -1, -1, until, &ignored) > 0)
		if (recv(r->line, &late, sizeof late, MSG_DONTWAIT) <= 0)
			break;
}

/* --- by ourselves --- */

static int
start_here(struct run *r, int out, struct error *e)
{
	int rc = shell_start(&r->shell, r->task->command, r->task->environment,
	    !r->task->asks, out);

	if (rc != 0)
		return error_set(e, ERR_IO, "/bin/sh: %s", strerror(rc));
	return 0;
}

/* 1: it has ended, 0: the deadline came first, -1: stop did. */
static int
reap(const struct run *r, const struct stop *stop, struct deadline until,
    struct shell_end *end, struct error *e)
{
	int ended;

	for (;;) {
		ended = shell_ended(&r->shell, end);
		if (ended < 0)
			return error_set(
			    e, ERR_IO, "exit status lost: %s", strerror(errno));
		if (ended > 0)
			return 1;
		if (deadline_passed(until))
			return 0;
		if (wait_for(-1, 0, -1, stop_fd(stop, STOP_SOON),
			deadline_in(REAP_MS), e) < 0)
			return -1;
	}
}

static int
await_here(struct run *r, struct runner_result *out, struct error *e)
{
	struct shell_end end = { 0 };
	int ended = reap(r, r->stop, r->until, &end, e);

	if (ended == 0)
		return error_set(e, ERR_TIMEOUT, "took too long");
	if (ended < 0)
		return -1;
	shell_reap(&r->shell);
	out->status = end.status;
	out->signal = end.signal;
	return 0;
}

static void
abort_here(struct run *r)
{
	struct shell_end end;
	struct error ignored;

	if (reap(r, NULL, deadline_in(0), &end, &ignored) == 0) {
		shell_signal(&r->shell, SIGTERM);
		reap(r, NULL, deadline_in(RUNNER_TERM_MS), &end, &ignored);
	}
	/* What it has left behind, too. */
	shell_signal(&r->shell, SIGKILL);
	shell_reap(&r->shell);
}

/* --- either way --- */

static int
start(struct run *r, struct error *e)
{
	int ends[2] = { -1, -1 }, rc;

	if (r->task->output_max > 0 && pipe2(ends, O_CLOEXEC) < 0)
		return error_set(e, ERR_SYSTEM, "pipe: %s", strerror(errno));
	r->in = ends[0];
	rc = helper_socket >= 0 ? start_by_helper(r, ends[1], e)
				: start_here(r, ends[1], e);
	if (ends[1] >= 0)
		close(ends[1]);
	if (rc < 0 && r->in >= 0)
		close(r->in);
	return rc;
}

/* Returns how many octets came, 0 at their end, or -1. */
static ssize_t
read_some(struct run *r, struct buffer *out, struct error *e)
{
	/* One more than may come shows that there is more. */
	size_t room = r->task->output_max + 1 - out->len;
	int ready;
	ssize_t n;

	do {
		ready = wait_for(r->in, POLLIN, -1, stop_fd(r->stop, STOP_SOON),
		    r->until, e);
		if (ready == 0)
			return error_set(e, ERR_TIMEOUT, "took too long");
		if (ready < 0)
			return -1;
		n = read(r->in, out->data + out->len, room);
	} while (n < 0 && (errno == EINTR || errno == EAGAIN));
	if (n < 0)
		return error_set(e, ERR_IO, "%s", strerror(errno));
	out->len += (size_t)n;
	out->data[out->len] = '\0';
	if (out->len > r->task->output_max)
		return error_set(e, ERR_PROTOCOL, "more than %zu octets",
		    r->task->output_max);
	return n;
}

static int
listen_to(struct run *r, struct buffer *out, struct error *e)
{
	ssize_t n;

	if (r->in < 0)
		return 0;
	buffer_reserve(out, r->task->output_max + 2);
	do {
		n = read_some(r, out, e);
	} while (n > 0);
	return (int)n;
}

int
runner_run(const struct runner_task *task, const struct stop *stop,
    struct runner_result *out, struct error *e)
{
	struct run r = { .task = task,
		.stop = stop,
		.until = deadline_in(task->timeout_ms),
		.line = -1 };
	int rc;

	*out = (struct runner_result){ 0 };
	if (start(&r, e) < 0)
		return -1;
	rc = listen_to(&r, &out->output, e);
	if (r.in >= 0)
		close(r.in);
	if (rc == 0)
		rc = r.line >= 0 ? await_helper(&r, out, e)
				 : await_here(&r, out, e);
	if (rc < 0) {
		if (r.line >= 0)
			abort_by_helper(&r);
		else
			abort_here(&r);
		runner_result_free(out);
	}
	if (r.line >= 0)
		close(r.line);
	return rc;
}

void
runner_result_free(struct runner_result *out)
{
	buffer_wipe(&out->output);
}

int
runner_explain(const struct runner_result *result, struct error *e)
{
	if (result->signal != 0)
		return error_set(
		    e, ERR_REFUSED, "killed by signal %d", result->signal);
	if (result->status != 0)
		return error_set(
		    e, ERR_REFUSED, "exit status %d", result->status);
	return 0;
}
