/* test-notify.c - what a supervisor hears, on a socket that stands in for it. */
#include "daemon/notify.h"

#include "base/alloc.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

struct supervisor {
	int fd;
	char name[80]; /* "@…" or a path */
	char heard[2000];
};

static int
listen_at(struct supervisor *s)
{
	const struct timeval soon = { .tv_sec = 60 };
	struct sockaddr_un here = { .sun_family = AF_UNIX };
	size_t len = strlen(s->name);

	memcpy(here.sun_path, s->name, len);
	if (s->name[0] == '@')
		here.sun_path[0] = '\0';
	else
		len++;
	s->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (s->fd < 0 ||
	    setsockopt(s->fd, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon) < 0)
		return -1;
	return bind(s->fd, (const struct sockaddr *)&here,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
}

static int
begin(void **state, const char *place)
{
	struct supervisor *s = xcalloc(1, sizeof *s);

	snprintf(s->name, sizeof s->name, "%spostrider-notify.%ld", place,
	    (long)getpid());
	*state = s;
	setenv("NOTIFY_SOCKET", s->name, 1);
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	return listen_at(s);
}

static int
begin_with_a_path(void **state)
{
	return begin(state, "/tmp/");
}

static int
begin_abstract(void **state)
{
	return begin(state, "@");
}

static int
end(void **state)
{
	struct supervisor *s = *state;

	if (s->fd >= 0)
		close(s->fd);
	if (s->name[0] == '/')
		unlink(s->name);
	free(s);
	unsetenv("NOTIFY_SOCKET");
	return 0;
}

static struct notify *
opened(void)
{
	struct notify *n;
	struct error e = { 0 };

	if (notify_open(&n, &e) < 0)
		fail_msg("%s", e.text);
	return n;
}

static const char *
hear(struct supervisor *s)
{
	ssize_t n = recv(s->fd, s->heard, sizeof s->heard - 1, 0);

	assert_true(n > 0);
	s->heard[n] = '\0';
	return s->heard;
}

static bool
hears_nothing(const struct supervisor *s)
{
	char octet;

	return recv(s->fd, &octet, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

static void
a_life_is_told(void **state)
{
	struct supervisor *s = *state;
	struct notify *n = opened();

	assert_non_null(n);
	notify_ready(n);
	assert_string_equal(hear(s), "READY=1");
	notify_status(n, "5 accounts");
	assert_string_equal(hear(s), "STATUS=5 accounts");
	notify_watchdog(n);
	assert_string_equal(hear(s), "WATCHDOG=1");
	notify_stopping(n);
	assert_string_equal(hear(s), "STOPPING=1");
	assert_true(hears_nothing(s));
	notify_free(&n);
	assert_null(n);
}

static int64_t
monotonic_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void
a_reload_says_when_it_began(void **state)
{
	static const char begins[] = "RELOADING=1\nMONOTONIC_USEC=";
	struct supervisor *s = *state;
	struct notify *n = opened();
	int64_t before = monotonic_us(), said;
	char *rest;

	notify_reloading(n);
	assert_memory_equal(hear(s), begins, strlen(begins));
	said = strtoll(s->heard + strlen(begins), &rest, 10);
	assert_string_equal(rest, "");
	assert_in_range(said, before, monotonic_us());
	notify_free(&n);
}

static void
words_of_a_peer_in_a_status_command_nothing(void **state)
{
	struct supervisor *s = *state;
	struct notify *n = opened();
	char many[4000];

	notify_status(n, "isp: no\nWATCHDOG=trigger\nMAINPID=1\x1b[2J");
	assert_string_equal(
	    hear(s), "STATUS=isp: no?WATCHDOG=trigger?MAINPID=1?[2J");
	memset(many, 'a', sizeof many);
	many[sizeof many - 1] = '\0';
	notify_status(n, many);
	assert_in_range(strlen(hear(s)), 400, 600);
	notify_free(&n);
}

static void
commands_that_we_start_do_not_speak_for_us(void **state)
{
	struct notify *n;

	(void)state;
	setenv("WATCHDOG_USEC", "2000000", 1);
	setenv("WATCHDOG_PID", "1", 1);
	n = opened();
	assert_null(getenv("NOTIFY_SOCKET"));
	assert_null(getenv("WATCHDOG_USEC"));
	assert_null(getenv("WATCHDOG_PID"));
	notify_free(&n);
}

static void
the_watchdog_is_fed_twice_as_often_as_it_asks(void **state)
{
	static const struct {
		const char *usec;
		const char *pid; /* "us": ours */
		int64_t interval;
	} rows[] = {
		{ "60000000", NULL, 30000 },
		{ "3000000", "us", 1500 },
		{ "60000000", "1", 0 },
		{ "60000000", "x", 0 },
		{ "x", NULL, 0 },
		{ "", NULL, 0 },
		{ "0", NULL, 0 },
		{ NULL, "us", 0 },
	};
	const struct supervisor *s = *state;
	char us[24];

	snprintf(us, sizeof us, "%ld", (long)getpid());
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct notify *n;

		setenv("NOTIFY_SOCKET", s->name, 1);
		if (rows[i].usec != NULL)
			setenv("WATCHDOG_USEC", rows[i].usec, 1);
		if (rows[i].pid != NULL)
			setenv("WATCHDOG_PID",
			    strcmp(rows[i].pid, "us") == 0 ? us : rows[i].pid,
			    1);
		n = opened();
		assert_int_equal(notify_watchdog_interval(n), rows[i].interval);
		notify_free(&n);
	}
}

static void
without_a_supervisor_nothing_happens(void **state)
{
	struct notify *n;
	struct error e = { 0 };

	(void)state;
	unsetenv("NOTIFY_SOCKET");
	assert_int_equal(notify_open(&n, &e), 0);
	assert_null(n);
	notify_ready(n);
	notify_reloading(n);
	notify_status(n, "5 accounts");
	notify_watchdog(n);
	notify_stopping(n);
	assert_int_equal(notify_watchdog_interval(n), 0);
	notify_free(&n);
}

static void
a_name_that_is_no_socket_is_refused(void **state)
{
	char too_long[120];
	const char *const names[] = { "", "/", "@", "run/notify",
		"vsock:2:1234", too_long };

	(void)state;
	memset(too_long, '/', sizeof too_long);
	too_long[sizeof too_long - 1] = '\0';
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		struct notify *n;
		struct error e = { 0 };

		setenv("NOTIFY_SOCKET", names[i], 1);
		assert_int_equal(notify_open(&n, &e), -1);
		assert_null(n);
		assert_int_equal(e.kind, ERR_SYSTEM);
		assert_non_null(strstr(e.text, "NOTIFY_SOCKET"));
		assert_null(getenv("NOTIFY_SOCKET"));
	}
}

/* Send what it says to a file, and count its lines. */
static int
warnings_of(void (*work)(struct notify *n), struct notify *n)
{
	char path[] = "/tmp/postrider-notify-XXXXXX", octets[4096];
	int before = dup(STDERR_FILENO), fd = mkstemp(path), lines = 0;
	ssize_t len;

	assert_true(fd >= 0 && before >= 0);
	assert_true(dup2(fd, STDERR_FILENO) >= 0);
	work(n);
	dup2(before, STDERR_FILENO);
	close(before);
	len = pread(fd, octets, sizeof octets, 0);
	for (ssize_t i = 0; i < len; i++)
		lines += octets[i] == '\n';
	close(fd);
	unlink(path);
	return lines;
}

static void
feed_three_times(struct notify *n)
{
	for (int i = 0; i < 3; i++)
		notify_watchdog(n);
}

static void
a_supervisor_that_has_gone_is_told_of_once_and_found_again(void **state)
{
	struct supervisor *s = *state;
	struct notify *n = opened();

	close(s->fd);
	if (s->name[0] == '/')
		assert_int_equal(unlink(s->name), 0);
	log_set_level(LOG_NORMAL);
	assert_int_equal(warnings_of(feed_three_times, n), 1);
	assert_int_equal(listen_at(s), 0);
	assert_int_equal(warnings_of(notify_ready, n), 0);
	assert_string_equal(hear(s), "READY=1");
	notify_free(&n);
}

static void
one_that_does_not_read_costs_a_second_at_most(void **state)
{
	const struct supervisor *s = *state;
	struct notify *n = opened();
	int64_t before;

	/* Fill its queue from outside. */
	setenv("NOTIFY_SOCKET", s->name, 1);
	for (int i = 0; i < 100000; i++) {
		before = monotonic_us();
		notify_watchdog(n);
		if (monotonic_us() - before > 500000)
			break;
	}
	assert_in_range(monotonic_us() - before, 500000, 5000000);
	notify_free(&n);
}

#define WITH_PATH(test) \
	cmocka_unit_test_setup_teardown(test, begin_with_a_path, end)
#define ABSTRACT(test)                                             \
	{                                                          \
#test "_abstract", test, begin_abstract, end, NULL \
	}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_PATH(a_life_is_told),
		ABSTRACT(a_life_is_told),
		WITH_PATH(a_reload_says_when_it_began),
		WITH_PATH(words_of_a_peer_in_a_status_command_nothing),
		WITH_PATH(commands_that_we_start_do_not_speak_for_us),
		WITH_PATH(the_watchdog_is_fed_twice_as_often_as_it_asks),
		WITH_PATH(without_a_supervisor_nothing_happens),
		WITH_PATH(a_name_that_is_no_socket_is_refused),
		WITH_PATH(
		    a_supervisor_that_has_gone_is_told_of_once_and_found_again),
		ABSTRACT(
		    a_supervisor_that_has_gone_is_told_of_once_and_found_again),
		WITH_PATH(one_that_does_not_read_costs_a_second_at_most),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
