/* test-ledger-opening.c - opening the ledger, and what is refused. */
#include "../kit/world.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void
the_files_are_private(void **state)
{
	static const char *const names[] = { "ledger.db", "ledger.lock",
		"ledger.marker", "ledger.db-wal", "ledger.db-shm" };
	mode_t before = umask(0);
	struct world w;
	struct stat st;
	char path[128];

	(void)state;
	world_begin(&w);
	umask(before);
	intent(&w, 0, "u");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		path_in(&w, names[i], path);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 07777, 0600);
	}
	world_end(&w);
}

static void
it_is_written_ahead_and_in_its_version(void **state)
{
	struct world w;
	char text[256];

	(void)state;
	world_begin(&w);
	assert_string_equal(ask(&w, "PRAGMA journal_mode", text), "wal");
	assert_string_equal(ask(&w, "PRAGMA user_version", text), "5");
	assert_string_equal(ask(&w, "PRAGMA integrity_check", text), "ok");
	assert_string_equal(
	    ask(&w,
		"SELECT count(*) FROM pragma_table_list"
		" WHERE name IN ('account', 'message', 'outcome')"
		" AND strict",
		text),
	    "3");
	world_end(&w);
}

static void
another_process_is_told_who_holds_it(void **state)
{
	struct world w;
	struct error e = { 0 };
	int ends[2], status;
	char pid[32];
	pid_t child;

	(void)state;
	world_begin(&w);
	assert_int_equal(pipe(ends), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct ledger *l;
		int rc = ledger_open(&l, w.dir, false, &e);
		ssize_t n = write(ends[1], &e, sizeof(e));

		_exit(rc < 0 && l == NULL && n == (ssize_t)sizeof(e) ? 0 : 1);
	}
	close(ends[1]);
	assert_int_equal(read(ends[0], &e, sizeof(e)), sizeof(e));
	close(ends[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_int_equal(e.kind, ERR_LOCKED);
	snprintf(pid, sizeof(pid), "process %ld)", (long)getpid());
	assert_non_null(strstr(e.text, pid));
	/* And this one is not disturbed by it. */
	intent(&w, 0, "u");
	world_end(&w);
}

static void
expect_open_fails(struct world *w, enum error_kind kind, const char *words)
{
	struct error e = { 0 };

	assert_int_equal(ledger_open(&w->l, w->dir, false, &e), -1);
	assert_null(w->l);
	assert_int_equal(e.kind, kind);
	if (strstr(e.text, words) == NULL)
		fail_msg("no \"%s\" in: %s", words, e.text);
}

static void
remove_ledger(const struct world *w)
{
	static const char *const names[] = { "ledger.db", "ledger.db-wal",
		"ledger.db-shm" };
	char path[128];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		path_in(w, names[i], path);
		if (unlink(path) < 0)
			assert_int_equal(errno, ENOENT);
	}
}

static void
a_ledger_that_has_gone_is_not_made_anew_unasked(void **state)
{
	struct world w;
	struct error e = { 0 };
	char path[128];

	(void)state;
	world_begin(&w);
	intent(&w, 0, "u");
	ledger_close(&w.l);
	remove_ledger(&w);
	expect_open_fails(&w, ERR_QUESTION, "--new-ledger");
	/* The question alone answers nothing. */
	path_in(&w, "ledger.db", path);
	assert_int_equal(access(path, F_OK), -1);
	expect_open_fails(&w, ERR_QUESTION, "--new-ledger");
	assert_int_equal(ledger_open(&w.l, w.dir, true, &e), 0);
	reopen(&w);
	world_end(&w);
}

static void
an_emptied_ledger_is_not_filled_anew_unasked(void **state)
{
	struct world w;
	char path[128];

	(void)state;
	world_begin(&w);
	intent(&w, 0, "u");
	ledger_close(&w.l);
	path_in(&w, "ledger.db", path);
	assert_int_equal(truncate(path, 0), 0);
	expect_open_fails(&w, ERR_QUESTION, "--new-ledger");
	world_end(&w);
}

static void
a_newer_ledger_is_left_alone(void **state)
{
	struct world w;
	char text[256];

	(void)state;
	world_begin(&w);
	ledger_close(&w.l);
	ask(&w, "PRAGMA user_version = 1000", text);
	expect_open_fails(&w, ERR_LEDGER, "newer postrider");
	assert_string_equal(ask(&w, "PRAGMA user_version", text), "1000");
	world_end(&w);
}

static void
another_programs_database_is_left_alone(void **state)
{
	struct world w;
	char text[256];

	(void)state;
	world_begin(&w);
	ledger_close(&w.l);
	ask(&w, "PRAGMA application_id = 1", text);
	expect_open_fails(&w, ERR_LEDGER, "other program");
	world_end(&w);
}

static void
overwrite(const struct world *w, off_t at, size_t len)
{
	char path[128];
	char *rubbish = xcalloc(1, len);
	int fd;

	memset(rubbish, 'x', len);
	path_in(w, "ledger.db", path);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, rubbish, len, at), len);
	close(fd);
	free(rubbish);
}

static void
a_damaged_ledger_is_said_to_be_damaged(void **state)
{
	struct world w;

	(void)state;
	world_begin(&w);
	ledger_close(&w.l);
	overwrite(&w, 0, 200);
	expect_open_fails(&w, ERR_LEDGER, "damaged");
	world_end(&w);

	/* With its head whole and the tables' definitions gone. */
	world_begin(&w);
	ledger_close(&w.l);
	overwrite(&w, 100, 3900);
	expect_open_fails(&w, ERR_LEDGER, "damaged");
	world_end(&w);
}

static void
a_directory_that_is_a_file_is_an_error(void **state)
{
	struct world w;
	struct ledger *l = NULL;
	struct error e = { 0 };
	char path[128];

	(void)state;
	world_begin(&w);
	path_in(&w, "ledger.marker", path);
	assert_int_equal(ledger_open(&l, path, false, &e), -1);
	assert_null(l);
	assert_int_equal(e.kind, ERR_LEDGER);
	assert_non_null(strstr(e.text, path));
	world_end(&w);
}

static void
a_symbolic_link_is_not_followed(void **state)
{
	struct world w;
	struct error e = { 0 };
	char path[128], target[128];

	(void)state;
	world_begin(&w);
	ledger_close(&w.l);
	path_in(&w, "ledger.db", path);
	path_in(&w, "target", target);
	assert_int_equal(rename(path, target), 0);
	assert_int_equal(symlink(target, path), 0);
	assert_int_equal(ledger_open(&w.l, w.dir, false, &e), -1);
	assert_int_equal(e.kind, ERR_LEDGER);
	assert_int_equal(unlink(target), 0);
	world_end(&w);
}

static void
a_failed_opening_gives_the_lock_back(void **state)
{
	struct world w;
	char text[256];

	(void)state;
	world_begin(&w);
	ledger_close(&w.l);
	ask(&w, "PRAGMA user_version = 1000", text);
	expect_open_fails(&w, ERR_LEDGER, "newer");
	ask(&w, "PRAGMA user_version = 5", text);
	world_open(&w);
	world_end(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_files_are_private),
		cmocka_unit_test(it_is_written_ahead_and_in_its_version),
		cmocka_unit_test(another_process_is_told_who_holds_it),
		cmocka_unit_test(
		    a_ledger_that_has_gone_is_not_made_anew_unasked),
		cmocka_unit_test(an_emptied_ledger_is_not_filled_anew_unasked),
		cmocka_unit_test(a_newer_ledger_is_left_alone),
		cmocka_unit_test(another_programs_database_is_left_alone),
		cmocka_unit_test(a_damaged_ledger_is_said_to_be_damaged),
		cmocka_unit_test(a_directory_that_is_a_file_is_an_error),
		cmocka_unit_test(a_symbolic_link_is_not_followed),
		cmocka_unit_test(a_failed_opening_gives_the_lock_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
