/* test-control.c - the control socket, and those who connect to it. */
#include "daemon/control.h"

#include "../kit/directory.h"
#include "base/alloc.h"
#include "daemon/client.h"
#include "daemon/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include <cmocka.h>

#define NOBODY 65534

/* Stands in for a daemon, in a thread of its own. */
struct daemon {
	char *dir; /* owned; the state directory */
	struct queue *requests;
	struct control *control;
	pthread_t thread;
	pthread_mutex_t lock; /* guards what follows */
	size_t seen; /* requests */
	struct control_request *kept[CONTROL_FETCHES]; /* fetches, unanswered */
	size_t kept_count;
};

/* An item that ends the thread. */
static struct queue_item the_end;

static void
answer(struct daemon *d, struct control_request *r)
{
	pthread_mutex_lock(&d->lock);
	d->seen++;
	if (r->request.verb == REQUEST_FETCH)
		d->kept[d->kept_count++] = r;
	pthread_mutex_unlock(&d->lock);
	switch (r->request.verb) {
	case REQUEST_FETCH:
		control_say(r, "begun");
		return;
	case REQUEST_STATUS: /* much to read */
		for (int i = 0; i < 50000; i++)
			buffer_addf(&r->answer, "row %d of some length\n", i);
		break;
	case REQUEST_RELOAD:
		control_complain(r, "line %d: no", 3);
		r->status = EX_CONFIG;
		break;
	default:
		for (size_t i = 0; i < r->request.arg_count; i++)
			control_say(r, r->request.args[i]);
		buffer_add_text(&r->answer, "done\nand done");
		break;
	}
	control_answer(r);
}

static void *
daemon_thread(void *arg)
{
	struct daemon *d = arg;
	void *item;

	for (;;) {
		item = queue_wait(d->requests, -1, deadline_never());
		if (item == &the_end)
			return NULL;
		answer(d, item);
	}
}

static void
daemon_begin(struct daemon *d, char *dir)
{
	struct error e = { 0 };

	*d = (struct daemon){ .dir = dir };
	pthread_mutex_init(&d->lock, NULL);
	assert_int_equal(queue_new(&d->requests, &e), 0);
	if (control_open(&d->control, dir, NULL, d->requests, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(pthread_create(&d->thread, NULL, daemon_thread, d), 0);
}

static void
answer_fetches(struct daemon *d)
{
	pthread_mutex_lock(&d->lock);
	while (d->kept_count > 0)
		control_answer(d->kept[--d->kept_count]);
	pthread_mutex_unlock(&d->lock);
}

/* As a daemon ends: nothing new, all answered, all written. */
static void
daemon_end(struct daemon *d)
{
	control_end(d->control);
	queue_push(d->requests, &the_end);
	pthread_join(d->thread, NULL);
	answer_fetches(d);
	control_close(&d->control);
	queue_free(&d->requests);
	pthread_mutex_destroy(&d->lock);
}

static void
wait_for_requests(struct daemon *d, size_t count)
{
	struct deadline until = deadline_in(60000);
	size_t seen = 0;

	while (seen < count && !deadline_passed(until)) {
		pthread_mutex_lock(&d->lock);
		seen = d->seen;
		pthread_mutex_unlock(&d->lock);
		poll(NULL, 0, 5);
	}
	assert_int_equal(seen, count);
}

/* What was answered: lines with their '\n', complaints with a '!'. */
struct heard {
	struct buffer lines;
	size_t count;
	int status;
};

static void
hear(void *arg, enum answer_kind kind, char *line)
{
	struct heard *h = arg;

	h->count++;
	if (h->lines.len < 1000)
		buffer_addf(&h->lines, "%s%s\n",
		    kind == ANSWER_COMPLAINT ? "!" : "", line);
}

static int
ask(const char *dir, enum request_verb verb, const char *arg, struct heard *h,
    struct error *e)
{
	struct request r = { .verb = verb };
	int rc;

	*h = (struct heard){ 0 };
	*e = (struct error){ 0 };
	buffer_reserve(&h->lines, 1);
	if (arg != NULL)
		request_add(&r, arg);
	rc = client_ask(dir, &r, hear, h, &h->status, e);
	request_free(&r);
	return rc;
}

/* The daemon answers as it does to anybody. */
static void
is_well(struct daemon *d)
{
	struct heard h;
	struct error e;

	if (ask(d->dir, REQUEST_WAKE, "isp", &h, &e) < 0)
		fail_msg("%s", e.text);
	assert_string_equal(h.lines.data, "isp\ndone\nand done\n");
	assert_int_equal(h.status, 0);
	buffer_free(&h.lines);
}

/* Connect, and say that. */
static int
caller(const char *dir, const char *words)
{
	struct error e = { 0 };
	int fd = socket_connect(dir, deadline_in(5000), &e);
	ssize_t len = (ssize_t)strlen(words);

	if (fd < 0)
		fail_msg("%s", e.text);
	assert_int_equal(send(fd, words, (size_t)len, MSG_NOSIGNAL), len);
	return fd;
}

/* All that comes until the end of the connection, which is closed. */
static void
must_hear(int fd, const char *wanted)
{
	struct deadline until = deadline_in(60000);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char text[1000];
	size_t len = 0;
	ssize_t n = -1;

	while (!deadline_passed(until) && len < sizeof(text) - 1) {
		poll(&p, 1, 1000);
		n = recv(fd, text + len, sizeof(text) - 1 - len, 0);
		if (n == 0 || (n < 0 && errno != EAGAIN))
			break;
		len += n > 0 ? (size_t)n : 0;
	}
	text[len] = '\0';
	close(fd);
	if (wanted[0] == '\0')
		assert_string_equal(text, "");
	else if (strstr(text, wanted) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", wanted, text);
}

/* --- conversations --- */

static void
a_request_is_answered_with_lines_and_a_status(void **state)
{
	struct daemon d;
	struct heard h;
	struct error e;

	(void)state;
	daemon_begin(&d, made_directory());
	is_well(&d);
	assert_int_equal(ask(d.dir, REQUEST_RELOAD, NULL, &h, &e), 0);
	assert_string_equal(h.lines.data, "!line 3: no\n");
	assert_int_equal(h.status, EX_CONFIG);
	buffer_free(&h.lines);
	daemon_end(&d);
	remove_directory(d.dir);
}

static void
a_long_answer_arrives_whole(void **state)
{
	struct daemon d;
	struct heard h;
	struct error e;

	(void)state;
	daemon_begin(&d, made_directory());
	assert_int_equal(ask(d.dir, REQUEST_STATUS, NULL, &h, &e), 0);
	assert_int_equal(h.count, 50000);
	buffer_free(&h.lines);
	daemon_end(&d);
	remove_directory(d.dir);
}

static void
what_is_said_before_the_end_arrives_before_the_end(void **state)
{
	struct daemon d;
	int fd;
	char text[20] = "";

	(void)state;
	daemon_begin(&d, made_directory());
	fd = caller(d.dir, "postrider/1 fetch isp\n");
	for (int i = 0; i < 200 && recv(fd, text, 19, MSG_PEEK) < 0; i++)
		poll(NULL, 0, 10);
	assert_string_equal(text, " begun\n");
	answer_fetches(&d);
	must_hear(fd, " begun\n.0\n");
	daemon_end(&d);
	remove_directory(d.dir);
}

static void
nobody_is_there_before_and_after(void **state)
{
	char *dir = made_directory();
	struct daemon d;
	struct heard h;
	struct error e;

	(void)state;
	assert_int_equal(ask(dir, REQUEST_WAKE, NULL, &h, &e), -1);
	assert_int_equal(e.kind, ERR_CONNECT);
	assert_non_null(strstr(e.text, dir));
	buffer_free(&h.lines);
	daemon_begin(&d, dir);
	is_well(&d);
	daemon_end(&d);
	assert_int_equal(ask(dir, REQUEST_WAKE, NULL, &h, &e), -1);
	assert_int_equal(e.kind, ERR_CONNECT);
	buffer_free(&h.lines);
	remove_directory(dir);
}

/* --- clients that behave badly --- */

static void
a_request_may_come_octet_by_octet(void **state)
{
	static const char words[] = "postrider/1 wake a b\n";
	struct daemon d;
	int fd;

	(void)state;
	daemon_begin(&d, made_directory());
	fd = caller(d.dir, "");
	for (const char *c = words; *c != '\0'; c++) {
		assert_int_equal(send(fd, c, 1, MSG_NOSIGNAL), 1);
		poll(NULL, 0, 2);
	}
	must_hear(fd, " a\n b\n done\n and done\n.0\n");
	daemon_end(&d);
	remove_directory(d.dir);
}

static void
what_is_no_request_never_reaches_the_daemon(void **state)
{
	static const char *const lines[] = { "\n", "GET / HTTP/1.1\r\n",
		"postrider/2 stop\n", "postrider/1 wake\npostrider/1 stop\n",
		"postrider/1 wake\nx", "postrider/1 \x1b]0;x\a\n" };
	struct daemon d;

	(void)state;
	daemon_begin(&d, made_directory());
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		must_hear(caller(d.dir, lines[i]), ".76\n");
	assert_int_equal(d.seen, 0);
	is_well(&d);
	daemon_end(&d);
	remove_directory(d.dir);
}

static void
half_a_request_and_a_client_that_leaves_are_no_news(void **state)
{
	struct daemon d;

	(void)state;
	daemon_begin(&d, made_directory());
	for (int i = 0; i < 100; i++)
		close(caller(d.dir, i % 2 == 0 ? "postrider/1 st" : ""));
	is_well(&d);
	assert_int_equal(d.seen, 1);
	daemon_end(&d);
	remove_directory(d.dir);
}

static void
a_request_without_an_end_is_refused(void **state)
{
	struct daemon d;
	char piece[4096];
	size_t sent = 0;
	ssize_t n;
	int fd;

	(void)state;
	daemon_begin(&d, made_directory());
	memset(piece, 'a', sizeof(piece));
	fd = caller(d.dir, "postrider/1 wake ");
	while (sent < 4 * REQUEST_MAX) {
		n = send(fd, piece, sizeof(piece), MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN)
			break;
		sent += n > 0 ? (size_t)n : 0;
		poll(NULL, 0, n < 0 ? 1 : 0);
	}
	/* It was cut off while we were still at it. */
	assert_true(sent < 4 * REQUEST_MAX);
	must_hear(fd, "longer than");
	is_well(&d);
	daemon_end(&d);
	remove_directory(d.dir);
}

static void
a_client_that_leaves_before_the_answer_disturbs_nobody(void **state)
{
	struct daemon d;

	(void)state;
	daemon_begin(&d, made_directory());
	close(caller(d.dir, "postrider/1 fetch isp\n"));
	close(caller(d.dir, "postrider/1 status\n"));
	wait_for_requests(&d, 2);
	answer_fetches(&d);
	is_well(&d);
	daemon_end(&d);
	remove_directory(d.dir);
}

static void
clients_that_are_silent_keep_nobody_out_but_those_beyond(void **state)
{
	int fds[CONTROL_CLIENTS];
	struct daemon d;
	struct error e = { 0 };
	struct heard h;
	int tries = 0;

	(void)state;
	daemon_begin(&d, made_directory());
	for (int i = 0; i < CONTROL_CLIENTS - 1; i++)
		fds[i] = caller(d.dir, "");
	is_well(&d);
	/* Until the thread of is_well() is done, the place may be taken. */
	do {
		fds[CONTROL_CLIENTS - 1] = caller(d.dir, "");
		poll(NULL, 0, 20);
		if (recv(fds[CONTROL_CLIENTS - 1], &e, 1,
			MSG_PEEK | MSG_DONTWAIT) < 0)
			break;
		close(fds[CONTROL_CLIENTS - 1]);
	} while (++tries < 100);
	assert_int_equal(ask(d.dir, REQUEST_WAKE, NULL, &h, &e), 0);
	assert_int_equal(h.status, EX_TEMPFAIL);
	assert_non_null(strstr(h.lines.data, "too many callers"));
	buffer_free(&h.lines);
	for (int i = 0; i < CONTROL_CLIENTS; i++)
		close(fds[i]);
	poll(NULL, 0, 50);
	is_well(&d);
	daemon_end(&d);
	remove_directory(d.dir);
}

static void
fetches_leave_room_for_others(void **state)
{
	int fds[CONTROL_FETCHES];
	struct daemon d;
	struct error e;
	struct heard h;

	(void)state;
	daemon_begin(&d, made_directory());
	for (int i = 0; i < CONTROL_FETCHES; i++)
		fds[i] = caller(d.dir, "postrider/1 fetch\n");
	wait_for_requests(&d, CONTROL_FETCHES);
	assert_int_equal(ask(d.dir, REQUEST_FETCH, NULL, &h, &e), 0);
	assert_int_equal(h.status, EX_TEMPFAIL);
	assert_non_null(strstr(h.lines.data, "fetches wait"));
	buffer_free(&h.lines);
	is_well(&d);
	answer_fetches(&d);
	for (int i = 0; i < CONTROL_FETCHES; i++)
		must_hear(fds[i], " begun\n.0\n");
	close(caller(d.dir, "postrider/1 fetch\n"));
	wait_for_requests(&d, CONTROL_FETCHES + 2);
	daemon_end(&d);
	remove_directory(d.dir);
}

static void
a_client_that_does_not_read_keeps_nobody_waiting(void **state)
{
	struct daemon d;
	int64_t before;
	int fd;

	(void)state;
	daemon_begin(&d, made_directory());
	fd = caller(d.dir, "postrider/1 status\n");
	wait_for_requests(&d, 1);
	is_well(&d);
	before = clock_monotonic_ms();
	daemon_end(&d);
	/* He would have ten seconds. */
	assert_in_range(clock_monotonic_ms() - before, 0, 9000);
	close(fd);
	remove_directory(d.dir);
}

static void
who_has_not_said_what_he_wants_is_told_that_all_is_over(void **state)
{
	struct daemon d;
	int64_t before;
	int fd;

	(void)state;
	daemon_begin(&d, made_directory());
	fd = caller(d.dir, "postrider/1 wa");
	is_well(&d);
	before = clock_monotonic_ms();
	daemon_end(&d);
	/* He would have five seconds. */
	assert_in_range(clock_monotonic_ms() - before, 0, 4500);
	must_hear(fd, "!the running postrider is stopping\n.75\n");
	remove_directory(d.dir);
}

/* --- where it is --- */

/* The mode of what is there, without following a link; -1: nothing is. */
static int
type_of(const char *dir, const char *name)
{
	char *path = xasprintf("%s/%s", dir, name);
	struct stat st;
	int rc = lstat(path, &st);

	free(path);
	return rc < 0 ? -1 : (int)(st.st_mode & S_IFMT);
}

static void
without_a_runtime_directory_it_is_in_the_state_directory(void **state)
{
	struct daemon d;

	(void)state;
	setenv("XDG_RUNTIME_DIR", "/nonexistent", 1);
	daemon_begin(&d, made_directory());
	assert_int_equal(type_of(d.dir, "control"), S_IFSOCK);
	assert_int_equal(mode_of(d.dir, "control"), 0600);
	is_well(&d);
	daemon_end(&d);
	assert_int_equal(type_of(d.dir, "control"), -1);
	remove_directory(d.dir);
}

static char *
target_of(const char *dir)
{
	char *path = xasprintf("%s/control", dir);
	char target[4096];
	ssize_t n = readlink(path, target, sizeof(target));

	free(path);
	assert_true(n > 0);
	return xstrndup(target, (size_t)n);
}

static void
each_state_directory_has_its_own_in_the_runtime_directory(void **state)
{
	char *runtime = made_directory(), *folder, *one, *two;
	struct daemon a, b;
	struct stat st;

	(void)state;
	setenv("XDG_RUNTIME_DIR", runtime, 1);
	daemon_begin(&a, made_directory());
	daemon_begin(&b, made_directory());
	folder = xasprintf("%s/postrider", runtime);
	assert_int_equal(mode_of(runtime, "postrider"), 0700);
	one = target_of(a.dir);
	two = target_of(b.dir);
	assert_int_equal(strncmp(one, folder, strlen(folder)), 0);
	assert_string_not_equal(one, two);
	assert_int_equal(lstat(one, &st), 0);
	assert_int_equal(st.st_mode, S_IFSOCK | 0600);
	/* Whoever asks need not have the same environment. */
	setenv("XDG_RUNTIME_DIR", "/nonexistent", 1);
	is_well(&a);
	daemon_end(&a);
	is_well(&b);
	daemon_end(&b);
	assert_int_equal(rmdir(folder), 0);
	assert_int_equal(type_of(a.dir, "control"), -1);
	remove_directory(a.dir);
	remove_directory(b.dir);
	free(one);
	free(two);
	free(folder);
	remove_directory(runtime);
}

static void
a_runtime_directory_that_others_write_to_is_not_used(void **state)
{
	char *runtime = made_directory();
	char *folder = xasprintf("%s/postrider", runtime);
	struct daemon d;

	(void)state;
	setenv("XDG_RUNTIME_DIR", runtime, 1);
	assert_int_equal(mkdir(folder, 0700), 0);
	assert_int_equal(chmod(folder, 0770), 0);
	daemon_begin(&d, made_directory());
	assert_int_equal(type_of(d.dir, "control"), S_IFSOCK);
	is_well(&d);
	daemon_end(&d);
	/* Nor one that systemd has not made for us. */
	setenv("RUNTIME_DIRECTORY", folder, 1);
	daemon_begin(&d, d.dir);
	assert_int_equal(type_of(d.dir, "control"), S_IFSOCK);
	daemon_end(&d);
	assert_int_equal(chmod(folder, 0755), 0);
	daemon_begin(&d, d.dir);
	assert_int_equal(type_of(d.dir, "control"), S_IFLNK);
	is_well(&d);
	daemon_end(&d);
	unsetenv("RUNTIME_DIRECTORY");
	assert_int_equal(rmdir(folder), 0);
	free(folder);
	remove_directory(d.dir);
	remove_directory(runtime);
}

/* As after a crash: the socket is there, and nobody listens. */
static void
leave_socket(const char *dir)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(un.sun_path, sizeof(un.sun_path), "%s/control", dir);
	assert_int_equal(bind(fd, (const struct sockaddr *)&un, sizeof(un)), 0);
	assert_int_equal(listen(fd, 1), 0);
	close(fd);
}

static void
what_a_crash_has_left_is_replaced(void **state)
{
	char *dir = made_directory(), *link = xasprintf("%s/control", dir);
	struct daemon d;
	struct heard h;
	struct error e;

	(void)state;
	setenv("XDG_RUNTIME_DIR", "/nonexistent", 1);
	leave_socket(dir);
	assert_int_equal(ask(dir, REQUEST_WAKE, NULL, &h, &e), -1);
	assert_int_equal(e.kind, ERR_CONNECT);
	buffer_free(&h.lines);
	daemon_begin(&d, dir);
	is_well(&d);
	daemon_end(&d);
	/* A link to where nothing is any more. */
	assert_int_equal(symlink("/nonexistent/control.1.2", link), 0);
	assert_int_equal(ask(dir, REQUEST_WAKE, NULL, &h, &e), -1);
	assert_int_equal(e.kind, ERR_CONNECT);
	buffer_free(&h.lines);
	daemon_begin(&d, dir);
	is_well(&d);
	daemon_end(&d);
	free(link);
	remove_directory(dir);
}

static void
somebody_s_file_is_not_replaced(void **state)
{
	char *dir = made_directory();
	struct control *c;
	struct error e = { 0 };

	(void)state;
	setenv("XDG_RUNTIME_DIR", "/nonexistent", 1);
	make_file(dir, "control", "precious");
	assert_int_equal(control_open(&c, dir, NULL, NULL, &e), -1);
	assert_non_null(strstr(e.text, "remove it"));
	assert_null(c);
	remove_file(dir, "control");
	remove_directory(dir);
}

static char *
long_directory(const char *dir)
{
	char *path = xasprintf("%s/%0150d", dir, 0);

	assert_int_equal(mkdir(path, 0700), 0);
	return path;
}

static void
a_path_may_be_longer_than_the_address_of_a_socket(void **state)
{
	char *dir = made_directory(), *runtime = made_directory();
	char *far = long_directory(dir), *run = long_directory(runtime);
	struct daemon d;

	(void)state;
	setenv("XDG_RUNTIME_DIR", "/nonexistent", 1);
	daemon_begin(&d, far);
	is_well(&d);
	assert_int_equal(type_of(far, "control"), S_IFSOCK);
	daemon_end(&d);
	setenv("RUNTIME_DIRECTORY", run, 1);
	daemon_begin(&d, far);
	is_well(&d);
	assert_int_equal(type_of(far, "control"), S_IFLNK);
	daemon_end(&d);
	unsetenv("RUNTIME_DIRECTORY");
	assert_int_equal(rmdir(far), 0);
	assert_int_equal(rmdir(run), 0);
	free(far);
	free(run);
	remove_directory(dir);
	remove_directory(runtime);
}

/* --- other users --- */

/* Returns what a child says that runs as nobody. */
static int
as_nobody(int (*act)(const char *path), const char *path)
{
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0)
		_exit(
		    setgid(NOBODY) < 0 || setuid(NOBODY) < 0 ? 99 : act(path));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* 0: connected, and was shut out without a word. */
static int
is_shut_out(const char *path)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char octet;

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	if (connect(fd, (const struct sockaddr *)&un, sizeof(un)) < 0)
		return errno;
	if (send(fd, "postrider/1 stop\n", 17, MSG_NOSIGNAL) < 0 &&
	    errno != EPIPE)
		return errno;
	return recv(fd, &octet, 1, 0) > 0 ? 98 : 0;
}

static void
another_user_is_not_listened_to(void **state)
{
	struct daemon d;
	char *path;

	(void)state;
	if (geteuid() != 0)
		skip();
	setenv("XDG_RUNTIME_DIR", "/nonexistent", 1);
	daemon_begin(&d, made_directory());
	path = xasprintf("%s/control", d.dir);
	assert_int_equal(as_nobody(is_shut_out, path), EACCES);
	assert_int_equal(chmod(d.dir, 0755), 0);
	assert_int_equal(as_nobody(is_shut_out, path), EACCES);
	assert_int_equal(chmod(path, 0666), 0);
	assert_int_equal(as_nobody(is_shut_out, path), 0);
	is_well(&d);
	assert_int_equal(d.seen, 1);
	daemon_end(&d);
	free(path);
	remove_directory(d.dir);
}

static int
listens_for_once(const char *path)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char octet;

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	if (bind(fd, (const struct sockaddr *)&un, sizeof(un)) < 0 ||
	    listen(fd, 1) < 0)
		return 97;
	poll(&p, 1, 10000);
	fd = accept(fd, NULL, NULL);
	return fd >= 0 && recv(fd, &octet, 1, 0) == 0 ? 0 : 96;
}

static void *
ask_in_vain(void *arg)
{
	struct error e = { 0 };
	struct heard h = { 0 };

	for (int i = 0; i < 500; i++) {
		if (ask(arg, REQUEST_STOP, NULL, &h, &e) < 0 &&
		    e.kind == ERR_REFUSED)
			break;
		buffer_free(&h.lines);
		poll(NULL, 0, 10);
	}
	buffer_free(&h.lines);
	return (void *)(uintptr_t)e.kind;
}

static void
nothing_is_asked_of_another_user_s_process(void **state)
{
	char *dir, *path;
	pthread_t thread;
	void *kind;

	(void)state;
	if (geteuid() != 0)
		skip();
	dir = made_directory();
	path = xasprintf("%s/control", dir);
	assert_int_equal(chmod(dir, 0777), 0);
	assert_int_equal(pthread_create(&thread, NULL, ask_in_vain, dir), 0);
	assert_int_equal(as_nobody(listens_for_once, path), 0);
	pthread_join(thread, &kind);
	assert_int_equal((uintptr_t)kind, ERR_REFUSED);
	free(path);
	remove_file(dir, "control");
	remove_directory(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_is_answered_with_lines_and_a_status),
		cmocka_unit_test(a_long_answer_arrives_whole),
		cmocka_unit_test(
		    what_is_said_before_the_end_arrives_before_the_end),
		cmocka_unit_test(nobody_is_there_before_and_after),
		cmocka_unit_test(a_request_may_come_octet_by_octet),
		cmocka_unit_test(what_is_no_request_never_reaches_the_daemon),
		cmocka_unit_test(
		    half_a_request_and_a_client_that_leaves_are_no_news),
		cmocka_unit_test(a_request_without_an_end_is_refused),
		cmocka_unit_test(
		    a_client_that_leaves_before_the_answer_disturbs_nobody),
		cmocka_unit_test(
		    clients_that_are_silent_keep_nobody_out_but_those_beyond),
		cmocka_unit_test(fetches_leave_room_for_others),
		cmocka_unit_test(
		    a_client_that_does_not_read_keeps_nobody_waiting),
		cmocka_unit_test(
		    who_has_not_said_what_he_wants_is_told_that_all_is_over),
		cmocka_unit_test(
		    without_a_runtime_directory_it_is_in_the_state_directory),
		cmocka_unit_test(
		    each_state_directory_has_its_own_in_the_runtime_directory),
		cmocka_unit_test(
		    a_runtime_directory_that_others_write_to_is_not_used),
		cmocka_unit_test(what_a_crash_has_left_is_replaced),
		cmocka_unit_test(somebody_s_file_is_not_replaced),
		cmocka_unit_test(
		    a_path_may_be_longer_than_the_address_of_a_socket),
		cmocka_unit_test(another_user_is_not_listened_to),
		cmocka_unit_test(nothing_is_asked_of_another_user_s_process),
	};

	/* Not where others may listen. */
	unsetenv("RUNTIME_DIRECTORY");
	setenv("XDG_RUNTIME_DIR", "/nonexistent", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
