/* test-lock.c - one process at a time. */
#include "ledger/lock.h"

#include "../kit/directory.h"
#include "base/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* Try to take the lock in another process; what it says goes to *e. */
static int
take_in_another_process(const char *dir, struct error *e)
{
	int ends[2], status;
	pid_t child;

	assert_int_equal(pipe(ends), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		int fd = lock_take(dir, e);
		ssize_t n = write(ends[1], e, sizeof(*e));

		_exit(fd < 0 || n != (ssize_t)sizeof(*e));
	}
	close(ends[1]);
	assert_int_equal(read(ends[0], e, sizeof(*e)), sizeof(*e));
	close(ends[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status) == 0 ? 0 : -1;
}

static void
a_second_process_is_told_who_holds_the_lock(void **state)
{
	char *dir = made_directory();
	char pid[32];
	struct error e = { 0 };
	int fd = lock_take(dir, &e);

	(void)state;
	assert_true(fd >= 0);
	snprintf(pid, sizeof(pid), "process %ld)", (long)getpid());
	assert_int_equal(take_in_another_process(dir, &e), -1);
	assert_int_equal(e.kind, ERR_LOCKED);
	assert_non_null(strstr(e.text, pid));
	/* The refusal has not taken it from us. */
	error_clear(&e);
	assert_int_equal(take_in_another_process(dir, &e), -1);
	assert_int_equal(e.kind, ERR_LOCKED);
	assert_non_null(strstr(e.text, pid));
	close(fd);
	error_clear(&e);
	assert_int_equal(take_in_another_process(dir, &e), 0);
	remove_directory(dir);
}

static void
one_process_cannot_take_it_twice_either(void **state)
{
	char *dir = made_directory();
	struct error e = { 0 };
	int fd = lock_take(dir, &e);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(lock_take(dir, &e), -1);
	assert_int_equal(e.kind, ERR_LOCKED);
	close(fd);
	fd = lock_take(dir, &e);
	assert_true(fd >= 0);
	close(fd);
	remove_directory(dir);
}

static void
whether_it_is_held_can_be_seen(void **state)
{
	char *dir = made_directory();
	struct error e = { 0 };
	int64_t before = (int64_t)time(NULL) - 1;
	int fd;

	(void)state;
	assert_int_equal(lock_held_since(dir), 0);
	fd = lock_take(dir, &e);
	assert_true(fd >= 0);
	assert_in_range(lock_held_since(dir), before, (int64_t)time(NULL));
	close(fd);
	assert_int_equal(lock_held_since(dir), 0);
	remove_directory(dir);
}

static void *
let_go_soon(void *arg)
{
	const struct timespec moment = { .tv_nsec = 30000000 };

	nanosleep(&moment, NULL);
	close(*(int *)arg);
	return NULL;
}

static void
somebody_who_only_looks_is_waited_for(void **state)
{
	char *dir = made_directory();
	char *path = xasprintf("%s/ledger.lock", dir);
	struct error e = { 0 };
	pthread_t thread;
	int looking, fd;

	(void)state;
	make_file(dir, "ledger.lock", "1\n");
	looking = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(flock(looking, LOCK_SH | LOCK_NB), 0);
	assert_int_equal(
	    pthread_create(&thread, NULL, let_go_soon, &looking), 0);
	fd = lock_take(dir, &e);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(fd >= 0);
	close(fd);
	free(path);
	remove_directory(dir);
}

static void
a_process_that_was_killed_holds_nothing(void **state)
{
	char *dir = made_directory();
	struct error e = { 0 };
	int ends[2], status, fd;
	char ready;
	pid_t child;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		ready = lock_take(dir, &e) >= 0 ? 'y' : 'n';
		if (write(ends[1], &ready, 1) == 1)
			pause();
		_exit(1);
	}
	assert_int_equal(read(ends[0], &ready, 1), 1);
	assert_int_equal(ready, 'y');
	assert_int_equal(lock_take(dir, &e), -1);
	assert_int_equal(e.kind, ERR_LOCKED);
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	fd = lock_take(dir, &e);
	assert_true(fd >= 0);
	close(fd);
	close(ends[0]);
	close(ends[1]);
	remove_directory(dir);
}

static void
a_shorter_process_number_replaces_a_longer_one(void **state)
{
	char *dir = made_directory();
	char pid[32];
	struct error e = { 0 };
	int fd;

	(void)state;
	make_file(dir, "ledger.lock", "99999999999999999999999999\n");
	fd = lock_take(dir, &e);
	assert_true(fd >= 0);
	assert_int_equal(lock_take(dir, &e), -1);
	snprintf(pid, sizeof(pid), "process %ld)", (long)getpid());
	assert_non_null(strstr(e.text, pid));
	close(fd);
	remove_directory(dir);
}

static void
the_directory_and_those_above_it_are_made_and_private(void **state)
{
	char *top = made_directory();
	char *above = xasprintf("%s/above", top);
	char *dir = xasprintf("%s/above/state", top);
	struct error e = { 0 };
	mode_t before = umask(0);
	int fd = lock_take(dir, &e);

	(void)state;
	umask(before);
	assert_true(fd >= 0);
	assert_int_equal(mode_of(top, "above"), 0700);
	assert_int_equal(mode_of(above, "state"), 0700);
	assert_int_equal(mode_of(dir, "ledger.lock"), 0600);
	close(fd);
	remove_directory(dir);
	assert_int_equal(rmdir(above), 0);
	free(above);
	remove_directory(top);
}

static void
a_directory_that_others_may_write_to_is_refused(void **state)
{
	static const struct {
		mode_t mode;
		bool good;
	} rows[] = { { 0770, false }, { 0702, false }, { 0777, false },
		{ 01777, false }, { 0700, true }, { 0755, true } };
	char *dir = made_directory();

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct error e = { 0 };
		int fd;

		assert_int_equal(chmod(dir, rows[i].mode), 0);
		fd = lock_take(dir, &e);
		assert_int_equal(fd >= 0, rows[i].good);
		if (fd >= 0) {
			close(fd);
			continue;
		}
		assert_int_equal(e.kind, ERR_LEDGER);
		assert_non_null(strstr(e.text, "chmod 700"));
		assert_non_null(strstr(e.text, dir));
	}
	remove_directory(dir);
}

static void
a_slash_at_the_end_is_the_same_directory(void **state)
{
	char *dir = made_directory();
	char *slashes = xasprintf("%s//new///", dir);
	char *made = xasprintf("%s/new", dir);
	struct error e = { 0 };
	int fd = lock_take(slashes, &e);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(lock_take(made, &e), -1);
	assert_int_equal(e.kind, ERR_LOCKED);
	close(fd);
	remove_directory(made);
	free(slashes);
	remove_directory(dir);
}

static void
a_path_that_is_a_file_is_an_error_of_the_ledger(void **state)
{
	char *dir = made_directory();
	char *at = xasprintf("%s/ledger.db", dir);
	char *below = xasprintf("%s/ledger.db/below", dir);
	struct error e = { 0 };

	(void)state;
	make_file(dir, "ledger.db", "");
	assert_int_equal(lock_take(at, &e), -1);
	assert_int_equal(e.kind, ERR_LEDGER);
	assert_non_null(strstr(e.text, at));
	error_clear(&e);
	assert_int_equal(lock_take(below, &e), -1);
	assert_int_equal(e.kind, ERR_LEDGER);
	assert_non_null(strstr(e.text, at));
	free(at);
	free(below);
	remove_directory(dir);
}

static void
a_symbolic_link_is_not_followed(void **state)
{
	char *dir = made_directory();
	char *link = xasprintf("%s/ledger.lock", dir);
	char *target = xasprintf("%s/ledger.db", dir);
	struct error e = { 0 };

	(void)state;
	make_file(dir, "ledger.db", "precious");
	assert_int_equal(symlink(target, link), 0);
	assert_int_equal(lock_take(dir, &e), -1);
	assert_int_equal(e.kind, ERR_LEDGER);
	free(link);
	free(target);
	remove_directory(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_second_process_is_told_who_holds_the_lock),
		cmocka_unit_test(one_process_cannot_take_it_twice_either),
		cmocka_unit_test(whether_it_is_held_can_be_seen),
		cmocka_unit_test(somebody_who_only_looks_is_waited_for),
		cmocka_unit_test(a_process_that_was_killed_holds_nothing),
		cmocka_unit_test(
		    a_shorter_process_number_replaces_a_longer_one),
		cmocka_unit_test(
		    the_directory_and_those_above_it_are_made_and_private),
		cmocka_unit_test(
		    a_directory_that_others_may_write_to_is_refused),
		cmocka_unit_test(a_slash_at_the_end_is_the_same_directory),
		cmocka_unit_test(
		    a_path_that_is_a_file_is_an_error_of_the_ledger),
		cmocka_unit_test(a_symbolic_link_is_not_followed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
