/* test-runner.c - commands, by the helper and without one; and their ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/helper.h"
#include "base/runner.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define LONG_MS 30000
/* What must not take long may take so long on a busy machine. */
#define SHORT_MS 15000

/* A command, or a child of one, makes itself known; see number_in(). */
#define TELL "echo $$ >n; mv n number; "

static char folder[] = "/tmp/test-runner-XXXXXX";

static struct runner_task
task(const char *command)
{
	return (struct runner_task){
		.command = command, .timeout_ms = LONG_MS, .output_max = 1000
	};
}

static void
expect(const struct runner_task *t, const char *output, int status)
{
	struct runner_result result;
	struct error e = { 0 };
	int rc = runner_run(t, NULL, &result, &e);

	if (rc < 0)
		print_error("%s: %s\n", t->command, e.text);
	assert_int_equal(rc, 0);
	assert_int_equal(result.signal, 0);
	assert_int_equal(result.status, status);
	assert_string_equal(
	    result.output.data != NULL ? result.output.data : "", output);
	runner_result_free(&result);
}

static void
expect_error(const struct runner_task *t, const struct stop *stop,
    enum error_kind kind, const char *words)
{
	struct runner_result result;
	struct error e = { 0 };

	assert_int_equal(runner_run(t, stop, &result, &e), -1);
	print_message("# %s\n", e.text);
	assert_int_equal(e.kind, kind);
	assert_non_null(strstr(e.text, words));
	assert_null(result.output.data);
}

/* Has it ended? What is nobody's child may stay a zombie for a while. */
static bool
is_gone(pid_t pid)
{
	char path[40], state = 'Z';
	FILE *file;

	snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
	file = fopen(path, "re");
	if (file == NULL)
		return true;
	if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
		state = 'Z';
	fclose(file);
	return state == 'Z' || state == 'X';
}

/* A command writes its number into a file, perhaps not at once. */
static pid_t
number_in(const char *name)
{
	struct deadline until = deadline_in(SHORT_MS);
	long pid = 0;

	while (pid == 0 && !deadline_passed(until)) {
		FILE *file = fopen(name, "re");

		if (file != NULL) {
			if (fscanf(file, "%ld\n", &pid) != 1)
				pid = 0;
			fclose(file);
		}
		poll(NULL, 0, 5);
	}
	assert_true(pid > 0);
	unlink(name);
	return (pid_t)pid;
}

static void
expect_gone(pid_t pid)
{
	struct deadline until = deadline_in(SHORT_MS);

	while (!is_gone(pid) && !deadline_passed(until))
		poll(NULL, 0, 5);
	assert_true(is_gone(pid));
}

/* --- what holds with a helper and without one --- */

static void
what_it_prints_and_how_it_ends_is_told(void **state)
{
	struct runner_task t = task("printf words; exit 3");

	(void)state;
	expect(&t, "words", 3);
	t = task("echo one; echo two >/dev/null; cat /dev/null");
	expect(&t, "one\n", 0);
	t = task("/nonexistent/command 2>/dev/null");
	expect(&t, "", 127);
}

static void
an_end_without_success_is_explained(void **state)
{
	struct runner_task t = task("kill -9 $$");
	struct runner_result result;
	struct error e = { 0 };

	(void)state;
	assert_int_equal(runner_run(&t, NULL, &result, &e), 0);
	assert_int_equal(result.signal, 9);
	assert_int_equal(runner_explain(&result, &e), -1);
	assert_string_equal(e.text, "killed by signal 9");
	runner_result_free(&result);
	assert_int_equal(
	    runner_explain(&(struct runner_result){ .status = 2 }, &e), -1);
	assert_string_equal(e.text, "exit status 2");
	assert_int_equal(runner_explain(&(struct runner_result){ 0 }, &e), 0);
}

static void
its_environment_is_ours_and_what_is_given(void **state)
{
	static const char *const given[] = { "POSTRIDER_A=a b\nc",
		"POSTRIDER_TEST_SEEN=given", "POSTRIDER_EMPTY=", NULL };
	struct runner_task t = task("printf '%s|%s|%s|%s' \"$POSTRIDER_A\" "
				    "\"$POSTRIDER_TEST_SEEN\" "
				    "\"${POSTRIDER_EMPTY-unset}\" "
				    "\"$TEST_RUNNER\"");

	(void)state;
	t.environment = given;
	expect(&t, "a b\nc|given||ours", 0);
}

static void
without_a_wish_for_output_it_goes_to_standard_error(void **state)
{
	struct runner_task t = task("test /dev/fd/1 -ef /dev/fd/2");

	(void)state;
	t.output_max = 0;
	expect(&t, "", 0);
}

static void
too_much_output_ends_it(void **state)
{
	int64_t begun = clock_monotonic_ms();
	struct runner_task t = task("yes");

	(void)state;
	expect_error(&t, NULL, ERR_PROTOCOL, "more than 1000 octets");
	t = task("head -c 1001 /dev/zero; sleep 30");
	expect_error(&t, NULL, ERR_PROTOCOL, "more than 1000 octets");
	t = task("echo; exit 1");
	t.output_max = 1;
	expect(&t, "\n", 1);
	assert_true(clock_monotonic_ms() - begun < SHORT_MS);
}

static void
a_command_has_no_descriptors_but_the_usual_three(void **state)
{
	struct runner_task t = task("ls /proc/self/fd | tr '\\n' ' '");
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)state;
	/* And the folder that ls itself has open. */
	expect(&t, "0 1 2 3 ", 0);
	close(fd);
}

static void
a_command_blocks_and_ignores_no_signal(void **state)
{
	struct runner_task t =
	    task("for mask in $(grep -E 'Sig(Blk|Ign)' /proc/self/status | "
		 "cut -f2); do echo $((0x$mask & 0x7fffffff)); done | "
		 "sort -u");

	(void)state;
	expect(&t, "0\n", 0);
}

static void
one_that_takes_too_long_is_ended(void **state)
{
	int64_t begun = clock_monotonic_ms();
	struct runner_task t;

	(void)state;
	t = task(TELL "sleep 30");
	t.timeout_ms = 300;
	expect_error(&t, NULL, ERR_TIMEOUT, "took too long");
	expect_gone(number_in("number"));
	/* Its output closed, it is waited for all the same. */
	t = task("exec >/dev/null; sleep 30");
	t.timeout_ms = 200;
	expect_error(&t, NULL, ERR_TIMEOUT, "took too long");
	assert_true(clock_monotonic_ms() - begun < SHORT_MS);
}

static void
one_that_ignores_sigterm_is_killed(void **state)
{
	int64_t begun = clock_monotonic_ms();
	struct runner_task t;

	(void)state;
	t = task("trap '' TERM; " TELL "while :; do sleep 0.1; done");
	t.timeout_ms = 200;
	expect_error(&t, NULL, ERR_TIMEOUT, "took too long");
	/* It has ended when runner_run() returns. */
	assert_true(is_gone(number_in("number")));
	assert_true(clock_monotonic_ms() - begun >= RUNNER_TERM_MS);
	assert_true(clock_monotonic_ms() - begun < SHORT_MS);
}

static void
what_it_left_behind_with_its_output_open_is_ended(void **state)
{
	int64_t begun = clock_monotonic_ms();
	struct runner_task t;

	(void)state;
	t = task("sleep 30 & echo $! >n; mv n number; exit 0");
	t.timeout_ms = 300;
	expect_error(&t, NULL, ERR_TIMEOUT, "took too long");
	expect_gone(number_in("number"));
	assert_true(clock_monotonic_ms() - begun < SHORT_MS);
}

static void
what_it_left_behind_without_its_output_lives_on(void **state)
{
	struct runner_task t;
	pid_t pid;

	(void)state;
	t = task("sleep 30 >/dev/null 2>&1 & echo $! >n; mv n number");
	expect(&t, "", 0);
	pid = number_in("number");
	assert_int_equal(kill(pid, SIGKILL), 0);
	expect_gone(pid);
}

static void *
stop_soon(void *stop)
{
	poll(NULL, 0, 200);
	stop_request(stop, STOP_SOON);
	return NULL;
}

static void
stop_ends_it(void **state)
{
	static const char *const commands[] = { "sleep 30",
		"exec >/dev/null; sleep 30", "yes >/dev/null" };
	struct error e = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
		int64_t begun = clock_monotonic_ms();
		struct runner_task t = task(commands[i]);
		struct stop *stop;
		pthread_t thread;

		assert_int_equal(stop_new(&stop, &e), 0);
		assert_int_equal(
		    pthread_create(&thread, NULL, stop_soon, stop), 0);
		expect_error(&t, stop, ERR_STOPPED, "stopped");
		pthread_join(thread, NULL);
		stop_free(&stop);
		assert_true(clock_monotonic_ms() - begun < SHORT_MS);
	}
}

struct one_of_many {
	pthread_t thread;
	int number;
	bool right;
};

static void *
run_one(void *arg)
{
	struct one_of_many *one = arg;
	struct runner_result result;
	struct error e = { 0 };
	char command[100], wanted[20];
	struct runner_task t = task(command);

	/* All kinds of ends at once. */
	snprintf(wanted, sizeof wanted, "%d", one->number);
	snprintf(command, sizeof command, "sleep 0.1; printf %d; exit %d",
	    one->number, one->number % 7);
	if (one->number % 5 == 4) {
		t.command = "sleep 30";
		t.timeout_ms = 100;
		one->right = runner_run(&t, NULL, &result, &e) < 0 &&
		    e.kind == ERR_TIMEOUT;
		return NULL;
	}
	if (runner_run(&t, NULL, &result, &e) < 0)
		print_error("%s\n", e.text);
	else
		one->right = result.status == one->number % 7 &&
		    strcmp(result.output.data, wanted) == 0;
	runner_result_free(&result);
	return NULL;
}

static int
open_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int count = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		count++;
	closedir(dir);
	return count;
}

static void
fifty_at_once_come_to_their_own_ends(void **state)
{
	struct one_of_many all[50] = { 0 };
	int before = open_descriptors();

	(void)state;
	for (int i = 0; i < 50; i++) {
		all[i].number = i;
		assert_int_equal(
		    pthread_create(&all[i].thread, NULL, run_one, &all[i]), 0);
	}
	for (int i = 0; i < 50; i++)
		pthread_join(all[i].thread, NULL);
	for (int i = 0; i < 50; i++)
		assert_true(all[i].right);
	assert_int_equal(open_descriptors(), before);
}

/* --- the helper --- */

static int
with_helper(void **state)
{
	struct error e;

	(void)state;
	return runner_start(NULL, NULL, &e);
}

static int
without_helper(void **state)
{
	(void)state;
	runner_end();
	return 0;
}

static bool
may_be_true(const char *command, void *arg)
{
	return strcmp(command, arg) == 0;
}

static void
it_runs_only_what_it_may(void **state)
{
	static char only[] = "echo yes";
	struct runner_task t = task("echo yes");
	struct error e;

	(void)state;
	assert_int_equal(runner_start(may_be_true, only, &e), 0);
	expect(&t, "yes\n", 0);
	t = task("echo no");
	expect_error(&t, NULL, ERR_REFUSED, "not among the commands");
	t = task("echo yes");
	expect(&t, "yes\n", 0);
	runner_end();
}

static void
a_command_that_is_too_long_is_an_error(void **state)
{
	static char command[RUNNER_MAX + 100];
	struct runner_task t = task(command);

	(void)state;
	memset(command, '#', sizeof command - 1);
	expect_error(&t, NULL, ERR_IO, "too long");
	command[RUNNER_MAX - 1] = '\0';
	expect(&t, "", 0);
}

static void
the_end_of_the_process_ends_helper_and_commands(void **state)
{
	struct runner_task t;
	pid_t pid, child, helper;
	int status;

	(void)state;
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct runner_result result;
		struct error e;

		t = task("trap '' TERM; echo $PPID >n; mv n helper; " TELL
			 "while :; do sleep 0.1; done");
		if (runner_start(NULL, NULL, &e) < 0)
			_exit(1);
		runner_run(&t, NULL, &result, &e);
		_exit(2);
	}
	helper = number_in("helper");
	child = number_in("number");
	assert_false(is_gone(child));
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	expect_gone(child);
	expect_gone(helper);
}

/* It belongs to the group that ^C and service managers signal. */
static void
signals_to_the_whole_group_do_not_end_the_helper(void **state)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT,
		SIGUSR1, SIGUSR2, SIGALRM, SIGPIPE };
	struct runner_task t = task("echo $PPID");
	struct runner_result result;
	struct error e;
	pid_t helper;

	(void)state;
	assert_int_equal(runner_run(&t, NULL, &result, &e), 0);
	helper = (pid_t)atol(result.output.data);
	runner_result_free(&result);
	assert_true(helper != getpid());
	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
		assert_int_equal(kill(helper, numbers[i]), 0);
	t = task("echo alive");
	expect(&t, "alive\n", 0);
}

static void
a_helper_that_was_killed_is_told_of(void **state)
{
	struct runner_task t = task("kill -9 $PPID; sleep 30");
	struct error e;

	(void)state;
	assert_int_equal(runner_start(NULL, NULL, &e), 0);
	t.output_max = 0;
	expect_error(&t, NULL, ERR_SYSTEM, "restart postrider");
	t = task("echo");
	expect_error(&t, NULL, ERR_SYSTEM, "restart postrider");
	runner_end();
}

static void
the_helper_keeps_nothing_of_ours_open(void **state)
{
	struct runner_task t = task("ls -l /proc/$PPID/fd | grep -c ours");
	int fd = open("ours", O_RDWR | O_CREAT, 0600); /* not O_CLOEXEC */
	struct error e;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(runner_start(NULL, NULL, &e), 0);
	expect(&t, "0\n", 1);
	runner_end();
	/* It would be seen. */
	t.command = "ls -l /proc/$PPID/fd | grep -c ours";
	expect(&t, "1\n", 0);
	close(fd);
	unlink("ours");
}

/* --- what an enemy may say to it --- */

struct said {
	const char *octets;
	size_t len;
	size_t descriptors;
};

static ssize_t
say(int socket, const struct said *said, const int *fds)
{
	union {
		struct cmsghdr align;
		char octets[CMSG_SPACE(sizeof(int) * 8)];
	} control = { .octets = { 0 } };
	struct iovec octets = { .iov_base = (char *)(uintptr_t)said->octets,
		.iov_len = said->len };
	struct msghdr message = { .msg_iov = &octets, .msg_iovlen = 1 };

	if (said->descriptors > 0) {
		struct cmsghdr *c;

		message.msg_control = &control;
		message.msg_controllen =
		    CMSG_SPACE(sizeof(int) * said->descriptors);
		c = CMSG_FIRSTHDR(&message);
		if (c == NULL)
			abort();
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * said->descriptors);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * said->descriptors);
	}
	return sendmsg(socket, &message, MSG_NOSIGNAL);
}

/* A request as it should be, for `command`; *len of it. */
static char *
request(uint32_t flags, uint32_t variables, const char *strings, size_t n,
    size_t *len)
{
	struct helper_request head = { flags, variables };
	char *made = malloc(sizeof head + n);

	assert_non_null(made);
	memcpy(made, &head, sizeof head);
	memcpy(made + sizeof head, strings, n);
	*len = sizeof head + n;
	return made;
}

/* Is such a request dropped, with the line closed and nothing run? */
static void
expect_dropped(int socket, uint32_t flags, uint32_t variables,
    const char *strings, size_t n, size_t descriptors)
{
	struct said said = { .descriptors = descriptors };
	char *made = request(flags, variables, strings, n, &said.len);
	int line[2], fds[8];
	char octet;

	said.octets = made;
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, line), 0);
	for (size_t i = 0; i < 8; i++)
		fds[i] = line[1];
	assert_true(say(socket, &said, fds) > 0);
	close(line[1]);
	if (descriptors > 0) {
		struct pollfd fd = { .fd = line[0], .events = POLLIN };

		assert_int_equal(poll(&fd, 1, SHORT_MS), 1);
		assert_int_equal(recv(line[0], &octet, 1, 0), 0);
	}
	close(line[0]);
	free(made);
	assert_int_not_equal(access("run", F_OK), 0);
}

#define STRINGS(text) text, sizeof(text)

static void
nonsense_runs_nothing_and_ends_nothing(void **state)
{
	static char long_one[sizeof(struct helper_request) + RUNNER_MAX + 1];
	struct said said = { .octets = long_one, .len = sizeof long_one };
	int ends[2], fds[2];
	char octet = 'x';
	static const char touch[] = "touch run";
	const size_t n = sizeof touch - 1;
	struct helper_answer answer;
	char *made;
	pid_t pid;

	(void)state;
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(ends[0]);
		helper_serve(ends[1], NULL, NULL);
		_exit(0);
	}
	close(ends[1]);

	/* Cut short, with no end, or with another number of variables. */
	for (size_t len = 1; len < sizeof(struct helper_request) + 1; len++) {
		said.len = len;
		said.octets = long_one;
		assert_true(say(ends[0], &said, NULL) > 0);
	}
	expect_dropped(ends[0], 0, 0, touch, n, 2);
	expect_dropped(ends[0], 0, 1, touch, n + 1, 2);
	expect_dropped(ends[0], 0, UINT32_MAX, touch, n + 1, 2);
	/* Descriptors that are missing, or too many. */
	expect_dropped(ends[0], 0, 0, touch, n + 1, 0);
	expect_dropped(ends[0], 0, 0, touch, n + 1, 1);
	expect_dropped(ends[0], HELPER_NO_OUTPUT, 0, touch, n + 1, 2);
	expect_dropped(ends[0], 0, 0, touch, n + 1, 8);
	/* Variables that would have a shell do something else. */
	expect_dropped(ends[0], 0, 1, STRINGS("true\0PATH=/tmp"), 2);
	expect_dropped(ends[0], 0, 1, STRINGS("true\0POSTRIDER_A"), 2);
	expect_dropped(
	    ends[0], 0, 1, STRINGS("true\0ENV=/x\0POSTRIDER_A=b"), 2);
	/* Too long for it. */
	said.octets = long_one;
	said.len = sizeof long_one;
	assert_true(say(ends[0], &said, NULL) > 0);
	/* A line that is none. */
	fds[0] = fds[1] = open("/dev/zero", O_RDWR | O_CLOEXEC);
	made = request(0, 0, STRINGS("sleep 30"), &said.len);
	said.octets = made;
	said.descriptors = 2;
	assert_true(say(ends[0], &said, fds) > 0);
	close(fds[0]);
	free(made);

	/* After all that it does what it is for. */
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
	made = request(HELPER_NO_OUTPUT, 0, STRINGS("exit 7"), &said.len);
	said.octets = made;
	said.descriptors = 1;
	assert_true(say(ends[0], &said, &fds[1]) > 0);
	close(fds[1]);
	free(made);
	assert_int_equal(
	    recv(fds[0], &answer, sizeof answer, 0), sizeof answer);
	assert_int_equal(answer.word, HELPER_ENDED);
	assert_int_equal(answer.end.status, 7);
	/* And what it hears then, it makes the best of. */
	assert_int_equal(send(fds[0], &octet, 1, MSG_NOSIGNAL), 1);
	assert_int_equal(recv(fds[0], &octet, 1, 0), 0);
	close(fds[0]);
	close(ends[0]);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static int
setup(void **state)
{
	(void)state;
	closefrom(3); /* what we inherited would be handed on */
	signal(SIGPIPE, SIG_IGN);
	setenv("TEST_RUNNER", "ours", 1);
	setenv("POSTRIDER_TEST_SEEN", "ours", 1);
	return mkdtemp(folder) == NULL ? -1 : chdir(folder);
}

static int
teardown(void **state)
{
	(void)state;
	return chdir("/") < 0 ? -1 : rmdir(folder);
}

#define BOTH_WAYS(test)                                                    \
	cmocka_unit_test(test),                                            \
	{                                                                  \
		"with_a_helper_" #test, test, with_helper, without_helper, \
		    NULL                                                   \
	}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH_WAYS(what_it_prints_and_how_it_ends_is_told),
		BOTH_WAYS(an_end_without_success_is_explained),
		BOTH_WAYS(its_environment_is_ours_and_what_is_given),
		BOTH_WAYS(without_a_wish_for_output_it_goes_to_standard_error),
		BOTH_WAYS(too_much_output_ends_it),
		BOTH_WAYS(a_command_has_no_descriptors_but_the_usual_three),
		BOTH_WAYS(a_command_blocks_and_ignores_no_signal),
		BOTH_WAYS(one_that_takes_too_long_is_ended),
		BOTH_WAYS(one_that_ignores_sigterm_is_killed),
		BOTH_WAYS(what_it_left_behind_with_its_output_open_is_ended),
		BOTH_WAYS(what_it_left_behind_without_its_output_lives_on),
		BOTH_WAYS(stop_ends_it),
		BOTH_WAYS(fifty_at_once_come_to_their_own_ends),
		cmocka_unit_test(it_runs_only_what_it_may),
		cmocka_unit_test_setup_teardown(
		    a_command_that_is_too_long_is_an_error, with_helper,
		    without_helper),
		cmocka_unit_test(
		    the_end_of_the_process_ends_helper_and_commands),
		cmocka_unit_test_setup_teardown(
		    signals_to_the_whole_group_do_not_end_the_helper,
		    with_helper, without_helper),
		cmocka_unit_test(a_helper_that_was_killed_is_told_of),
		cmocka_unit_test(the_helper_keeps_nothing_of_ours_open),
		cmocka_unit_test(nonsense_runs_nothing_and_ends_nothing),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
