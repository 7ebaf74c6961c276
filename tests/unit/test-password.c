/* test-password.c - every source of a password, and how each goes wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "sasl/password.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static char folder[] = "/tmp/test-password-XXXXXX";
static char path[64];

static struct login
login(void)
{
	return (struct login){
		.kind = "account", .name = "isp", .user = "ann@isp.example"
	};
}

static const char *
file(const char *octets, size_t len, mode_t mode)
{
	int fd;

	snprintf(path, sizeof path, "%s/secret", folder);
	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, octets, len), len);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
	return path;
}

static void
expect(const struct login *l, const char *wanted)
{
	struct error e = { 0 };
	char *password;
	int rc = password_get(l, NULL, &password, &e);

	if (rc < 0)
		print_error("%s\n", e.text);
	assert_int_equal(rc, 0);
	assert_string_equal(password, wanted);
	password_free(&password);
	assert_null(password);
}

static void
expect_error(const struct login *l, const char *words)
{
	struct error e = { 0 };
	char *password;

	assert_int_equal(password_get(l, NULL, &password, &e), -1);
	assert_null(password);
	print_message("# %s\n", e.text);
	assert_int_equal(e.kind, ERR_SECRET);
	assert_non_null(strstr(e.text, words));
	assert_null(strstr(e.text, "s3cret"));
}

static void
an_inline_password_is_taken_as_it_is(void **state)
{
	struct login l = login();

	(void)state;
	l.password = "s3cret words ";
	expect(&l, "s3cret words ");
	l.password = "";
	expect_error(&l, "empty");
}

static void
the_first_line_of_a_file_counts(void **state)
{
	static const struct {
		const char *octets;
		const char *password;
	} rows[] = {
		{ "s3cret", "s3cret" },
		{ "s3cret\n", "s3cret" },
		{ "s3cret\r\n", "s3cret" },
		{ "s3cret\nsecond\n", "s3cret" },
		{ " s3 cret \n", " s3 cret " },
	};
	struct login l = login();
	size_t i;

	(void)state;
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		l.password_file =
		    file(rows[i].octets, strlen(rows[i].octets), 0600);
		expect(&l, rows[i].password);
	}
}

static void
a_file_without_a_password_is_an_error(void **state)
{
	struct login l = login();

	(void)state;
	l.password_file = file("", 0, 0600);
	expect_error(&l, "empty");
	l.password_file = file("\r\ns3cret\n", 9, 0600);
	expect_error(&l, "empty");
	l.password_file = file("s3\0cret\n", 8, 0600);
	expect_error(&l, "NUL");
	l.password_file = "/nonexistent/secret";
	expect_error(&l, "/nonexistent/secret: No such file");
}

static void
a_file_without_end_is_an_error(void **state)
{
	static char octets[70000];
	struct login l = login();

	(void)state;
	memset(octets, 'x', sizeof octets);
	l.password_file = file(octets, sizeof octets, 0600);
	expect_error(&l, "more than 65536");
}

static void
a_file_open_to_others_is_refused(void **state)
{
	static const mode_t modes[] = { 0640, 0620, 0604, 0602, 0644 };
	struct login l = login();
	size_t i;

	(void)state;
	for (i = 0; i < sizeof modes / sizeof modes[0]; i++) {
		l.password_file = file("s3cret\n", 7, modes[i]);
		expect_error(&l, "chmod 600");
	}
	l.password_file = file("s3cret\n", 7, 0400);
	expect(&l, "s3cret");
}

static void
only_a_regular_file_is_read(void **state)
{
	struct login l = login();

	(void)state;
	l.password_file = folder;
	expect_error(&l, "no regular file");
	snprintf(path, sizeof path, "%s/secret", folder);
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	l.password_file = path;
	expect_error(&l, "no regular file");
	l.password_file = "/dev/zero";
	expect_error(&l, "no regular file");
}

static void
a_credential_of_systemd_is_found_by_its_name(void **state)
{
	struct login l = login();
	char name[64];

	(void)state;
	snprintf(name, sizeof name, "%s/account.isp", folder);
	assert_int_equal(rename(file("s3cret\n", 7, 0440), name), 0);
	setenv("CREDENTIALS_DIRECTORY", folder, 1);
	expect(&l, "s3cret");
	l.password_file = name;
	expect(&l, "s3cret");
	unsetenv("CREDENTIALS_DIRECTORY");
	expect_error(&l, "chmod 600");
	unlink(name);
}

static void
the_first_line_of_a_commands_output_counts(void **state)
{
	struct login l = login();

	(void)state;
	l.password_command = "printf 's3cret\\nsecond\\n'";
	expect(&l, "s3cret");
	l.password_command = "echo s3cret | cat";
	expect(&l, "s3cret");
}

static void
a_failing_command_is_an_error_without_its_output(void **state)
{
	struct login l = login();

	(void)state;
	l.password_command = "echo s3cret; exit 3";
	expect_error(&l, "exit status 3");
	l.password_command = "echo s3cret; kill -9 $$";
	expect_error(&l, "signal 9");
	l.password_command = "true";
	expect_error(&l, "empty");
	l.password_command = "/nonexistent/command 2>/dev/null";
	expect_error(&l, "exit status 127");
	l.password_command = "head -c 70000 /dev/zero; echo";
	expect_error(&l, "more than 65536");
}

static void
a_command_gets_its_signals_back(void **state)
{
	struct login l = login();
	sigset_t usr1;

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &usr1, NULL);
	/* Less the two that the C library keeps for itself. */
	l.password_command = "for mask in $(grep -E 'Sig(Blk|Ign)' "
			     "/proc/self/status | cut -f2); do "
			     "echo $((0x$mask & 0x7fffffff)); done | sort -u";
	expect(&l, "0");
	pthread_sigmask(SIG_UNBLOCK, &usr1, NULL);
}

static void
a_command_inherits_no_descriptors(void **state)
{
	struct login l = login();
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)state;
	/* 0, 1, 2 and the folder that ls itself has open. */
	l.password_command = "ls /proc/self/fd | tr '\\n' ' '";
	assert_true(fd >= 0);
	expect(&l, "0 1 2 3 ");
	close(fd);
}

static void *
stop_soon(void *stop)
{
	poll(NULL, 0, 100);
	stop_request(stop, STOP_SOON);
	return NULL;
}

static void
a_command_that_hangs_ends_with_stop(void **state)
{
	struct login l = login();
	struct error e = { 0 };
	struct stop *stop;
	pthread_t thread;
	char *password;
	int64_t begun = clock_monotonic_ms();

	(void)state;
	l.password_command = "sleep 30";
	assert_int_equal(stop_new(&stop, &e), 0);
	assert_int_equal(pthread_create(&thread, NULL, stop_soon, stop), 0);
	assert_int_equal(password_get(&l, stop, &password, &e), -1);
	assert_int_equal(e.kind, ERR_STOPPED);
	pthread_join(thread, NULL);
	stop_free(&stop);
	assert_true(clock_monotonic_ms() - begun < 25000);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

/* What the process on the terminal has to say about it. */
static void
on_terminal(int slave, bool stopped)
{
	struct login l = login();
	struct error e = { 0 };
	struct stop *stop = NULL;
	struct termios mode;
	pthread_t thread;
	char *password;
	int rc;

	if (setsid() < 0 || ioctl(slave, TIOCSCTTY, 0) < 0)
		_exit(10);
	if (stopped &&
	    (stop_new(&stop, &e) < 0 ||
		pthread_create(&thread, NULL, stop_soon, stop) != 0))
		_exit(11);
	rc = password_get(&l, stop, &password, &e);
	if (stopped)
		pthread_join(thread, NULL);
	if (stopped && (rc == 0 || e.kind != ERR_STOPPED))
		_exit(12);
	if (!stopped && (rc < 0 || strcmp(password, "s3cret") != 0))
		_exit(13);
	if (tcgetattr(slave, &mode) < 0 || (mode.c_lflag & ECHO) == 0)
		_exit(14);
	_exit(0);
}

/* What is shown on the terminal, up to `words` or the end. */
static void
read_terminal(int master, char *shown, size_t room, const char *words)
{
	size_t len = strlen(shown);
	ssize_t n;

	while (strstr(shown, words) == NULL) {
		n = read(master, shown + len, room - 1 - len);
		if (n <= 0)
			return;
		len += (size_t)n;
		shown[len] = '\0';
	}
}

static void
ask_on_a_terminal(bool stopped)
{
	char shown[1000] = "";
	int master, slave, status;
	pid_t pid;

	assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
	fcntl(master, F_SETFD, FD_CLOEXEC);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		on_terminal(slave, stopped);
	read_terminal(master, shown, sizeof shown, "isp): ");
	if (!stopped)
		assert_int_equal(write(master, "s3cret\n", 7), 7);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(slave);
	read_terminal(master, shown, sizeof shown, "s3cret");
	assert_string_equal(
	    shown, "Password for ann@isp.example (account isp): \r\n");
	close(master);
}

static void
a_typed_password_is_not_shown(void **state)
{
	(void)state;
	ask_on_a_terminal(false);
}

static void
a_question_ends_with_stop_and_echo_is_back(void **state)
{
	(void)state;
	ask_on_a_terminal(true);
}

static void
without_a_terminal_there_is_no_question(void **state)
{
	struct login l = login();
	struct error e = { 0 };
	char *password;
	int status;
	pid_t pid = fork();

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0) {
		setsid();
		_exit(password_get(&l, NULL, &password, &e) < 0 &&
			    e.kind == ERR_SECRET &&
			    strstr(e.text, "password_file") != NULL
			? 0
			: 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static int
setup(void **state)
{
	(void)state;
	closefrom(3); /* what we inherited would be handed on */
	unsetenv("CREDENTIALS_DIRECTORY");
	return mkdtemp(folder) == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	(void)state;
	snprintf(path, sizeof path, "%s/secret", folder);
	unlink(path);
	return rmdir(folder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_inline_password_is_taken_as_it_is),
		cmocka_unit_test(the_first_line_of_a_file_counts),
		cmocka_unit_test(a_file_without_a_password_is_an_error),
		cmocka_unit_test(a_file_without_end_is_an_error),
		cmocka_unit_test(a_file_open_to_others_is_refused),
		cmocka_unit_test(only_a_regular_file_is_read),
		cmocka_unit_test(a_credential_of_systemd_is_found_by_its_name),
		cmocka_unit_test(the_first_line_of_a_commands_output_counts),
		cmocka_unit_test(
		    a_failing_command_is_an_error_without_its_output),
		cmocka_unit_test(a_command_gets_its_signals_back),
		cmocka_unit_test(a_command_inherits_no_descriptors),
		cmocka_unit_test(a_command_that_hangs_ends_with_stop),
		cmocka_unit_test(a_typed_password_is_not_shown),
		cmocka_unit_test(a_question_ends_with_stop_and_echo_is_back),
		cmocka_unit_test(without_a_terminal_there_is_no_question),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
