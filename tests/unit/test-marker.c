/*
 * test-marker.c - a ledger that has gone is missed, and one that nobody has
 * touched need not be checked again for a week.
 */
#include "ledger/marker.h"

#include "../kit/directory.h"
#include "base/alloc.h"
#include "ledger/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define NOW ((int64_t)1700000000)
#define DAY ((int64_t)86400)

static int64_t wall = NOW;

int64_t
clock_wall(void)
{
	return wall;
}

static char *
begin(void)
{
	wall = NOW;
	return made_directory();
}

/* --- a ledger that has gone --- */

static void
a_first_ledger_is_no_question(void **state)
{
	char *dir = begin();
	struct error e = { 0 };

	(void)state;
	assert_int_equal(marker_check(dir, false, &e), 0);
	assert_int_equal(marker_check(dir, true, &e), 0);
	remove_directory(dir);
}

static void
a_ledger_that_has_gone_is_a_question(void **state)
{
	char *dir = begin();
	struct error e = { 0 };

	(void)state;
	make_file(dir, "ledger.db", "some content");
	assert_int_equal(marker_set(dir, &e), 0);
	assert_int_equal(mode_of(dir, "ledger.marker"), 0600);
	assert_int_equal(marker_check(dir, false, &e), 0);
	assert_int_equal(marker_set(dir, &e), 0);
	remove_file(dir, "ledger.db");
	assert_int_equal(marker_check(dir, false, &e), -1);
	assert_int_equal(e.kind, ERR_QUESTION);
	assert_non_null(strstr(e.text, "--new-ledger"));
	assert_non_null(strstr(e.text, dir));
	assert_int_equal(marker_check(dir, true, &e), 0);
	remove_directory(dir);
}

static void
a_ledger_that_has_become_empty_has_gone(void **state)
{
	char *dir = begin();
	struct error e = { 0 };

	(void)state;
	assert_int_equal(marker_set(dir, &e), 0);
	make_file(dir, "ledger.db", "");
	assert_int_equal(marker_check(dir, false, &e), -1);
	assert_int_equal(e.kind, ERR_QUESTION);
	assert_int_equal(marker_check(dir, true, &e), 0);
	remove_directory(dir);
}

static void
a_marker_that_cannot_be_set_is_an_error(void **state)
{
	struct error e = { 0 };

	(void)state;
	assert_int_equal(marker_set("/dev/null", &e), -1);
	assert_int_equal(e.kind, ERR_LEDGER);
}

/* --- a ledger that nobody has touched --- */

/* A file that stands for a ledger, vouched for. */
static char *
vouched(void)
{
	char *dir = begin();
	struct error e = { 0 };

	make_file(dir, "ledger.db", "some content");
	assert_int_equal(marker_set(dir, &e), 0);
	assert_int_equal(marker_checked(dir, NOW), 0);
	marker_vouch(dir, NOW);
	assert_int_equal(marker_checked(dir, NOW), NOW);
	return dir;
}

static void
a_check_is_good_for_a_week(void **state)
{
	char *dir = vouched();

	(void)state;
	assert_int_equal(marker_checked(dir, NOW + 7 * DAY), NOW);
	assert_int_equal(marker_checked(dir, NOW + 7 * DAY + 1), 0);
	/* By a clock that was set back nobody can tell. */
	assert_int_equal(marker_checked(dir, NOW - 1), 0);
	remove_directory(dir);
}

static void
a_file_that_was_changed_has_to_be_checked(void **state)
{
	const struct timespec pause = { .tv_nsec = 20000000 };
	char *dir = vouched();
	char *path = xasprintf("%s/ledger.db", dir);
	struct stat st;

	(void)state;
	assert_int_equal(stat(path, &st), 0);
	nanosleep(&pause, NULL);
	make_file(dir, "ledger.db", "same  length");
	/* As if nothing had been: its size, and the time of its content. */
	assert_int_equal(utimensat(AT_FDCWD, path,
			     (struct timespec[]){ st.st_atim, st.st_mtim }, 0),
	    0);
	assert_int_equal(marker_checked(dir, NOW), 0);
	free(path);
	remove_directory(dir);
}

static void
a_file_that_was_put_in_its_place_has_to_be_checked(void **state)
{
	char *dir = vouched();
	char *path = xasprintf("%s/ledger.db", dir);
	char *copy = xasprintf("%s/ledger.lock", dir);

	(void)state;
	make_file(dir, "ledger.lock", "some content");
	assert_int_equal(rename(copy, path), 0);
	assert_int_equal(marker_checked(dir, NOW), 0);
	free(copy);
	free(path);
	remove_directory(dir);
}

static void
a_ledger_with_a_log_has_to_be_checked(void **state)
{
	char *dir = vouched();

	(void)state;
	make_file(dir, "ledger.db-wal", "");
	assert_int_equal(marker_checked(dir, NOW), NOW);
	make_file(dir, "ledger.db-wal", "something");
	assert_int_equal(marker_checked(dir, NOW), 0);
	/* Nor can it be vouched for. */
	marker_vouch(dir, NOW + 1);
	remove_file(dir, "ledger.db-wal");
	assert_int_equal(marker_checked(dir, NOW + 1), NOW);
	remove_directory(dir);
}

static void
half_a_marker_vouches_for_nothing(void **state)
{
	char *dir = vouched();
	char *path = xasprintf("%s/ledger.marker", dir);
	struct stat st;

	(void)state;
	assert_int_equal(stat(path, &st), 0);
	while (st.st_size-- > 0) {
		assert_int_equal(truncate(path, st.st_size), 0);
		assert_int_equal(marker_checked(dir, NOW), 0);
	}
	marker_vouch(dir, NOW);
	assert_int_equal(marker_checked(dir, NOW), NOW);
	free(path);
	remove_directory(dir);
}

/* --- the same, seen by who opens a ledger --- */

static struct ledger *
opened(const char *dir)
{
	struct ledger *l = NULL;
	struct error e = { 0 };

	if (ledger_open(&l, dir, false, &e) < 0) {
		assert_int_equal(e.kind, ERR_LEDGER);
		assert_non_null(strstr(e.text, "damaged"));
	}
	return l;
}

static void
change(struct ledger *l)
{
	struct error e = { 0 };
	int64_t account;

	assert_int_equal(
	    ledger_account(l, "isp", "h", "u", NULL, false, &account, &e), 0);
}

/* The last page of the file: an index of a table that is empty. */
static void
damage(const char *dir)
{
	char *path = xasprintf("%s/ledger.db", dir);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	char rubbish[4096];
	struct stat st;

	memset(rubbish, 'x', sizeof(rubbish));
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(pwrite(fd, rubbish, sizeof(rubbish),
			     st.st_size - (off_t)sizeof(rubbish)),
	    sizeof(rubbish));
	close(fd);
	free(path);
}

static void
damage_by_the_disk_alone_is_noticed_after_a_week(void **state)
{
	char *dir = begin();
	struct ledger *l = opened(dir);

	(void)state;
	change(l);
	ledger_close(&l);
	damage(dir);
	assert_null(opened(dir));
	/*
	 * Now the file is as damaged as before, and nobody has written to it.
	 */
	marker_vouch(dir, NOW);
	wall = NOW + 7 * DAY;
	l = opened(dir);
	assert_non_null(l);
	ledger_close(&l);
	wall++;
	assert_null(opened(dir));
	remove_directory(dir);
}

static void
who_is_told_of_damage_is_told_again(void **state)
{
	char *dir = begin();
	struct ledger *l = opened(dir);

	(void)state;
	change(l);
	ledger_close(&l);
	damage(dir);
	for (int i = 0; i < 3; i++)
		assert_null(opened(dir));
	remove_directory(dir);
}

static void
a_ledger_closed_in_order_is_vouched_for(void **state)
{
	char *dir = begin();
	struct ledger *l = opened(dir);

	(void)state;
	change(l);
	assert_int_equal(marker_checked(dir, NOW), 0);
	ledger_close(&l);
	assert_int_equal(marker_checked(dir, NOW), NOW);
	/* What was not checked this time is as old as it was. */
	wall = NOW + DAY;
	l = opened(dir);
	change(l);
	ledger_close(&l);
	assert_int_equal(marker_checked(dir, wall), NOW);
	wall = NOW + 8 * DAY;
	l = opened(dir);
	ledger_close(&l);
	assert_int_equal(marker_checked(dir, wall), wall);
	remove_directory(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_first_ledger_is_no_question),
		cmocka_unit_test(a_ledger_that_has_gone_is_a_question),
		cmocka_unit_test(a_ledger_that_has_become_empty_has_gone),
		cmocka_unit_test(a_marker_that_cannot_be_set_is_an_error),
		cmocka_unit_test(a_check_is_good_for_a_week),
		cmocka_unit_test(a_file_that_was_changed_has_to_be_checked),
		cmocka_unit_test(
		    a_file_that_was_put_in_its_place_has_to_be_checked),
		cmocka_unit_test(a_ledger_with_a_log_has_to_be_checked),
		cmocka_unit_test(half_a_marker_vouches_for_nothing),
		cmocka_unit_test(
		    damage_by_the_disk_alone_is_noticed_after_a_week),
		cmocka_unit_test(who_is_told_of_damage_is_told_again),
		cmocka_unit_test(a_ledger_closed_in_order_is_vouched_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
