/*
 * test-privileges.c - root becomes somebody else, for good, in a process of its
 * own for each test; and what is told when that cannot be.
 */
#include "daemon/privileges.h"

#include "base/alloc.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* Users that every Debian has. */
#define NOBODY "nobody"
#define SOMEBODY "daemon"

/* What a child has to say: "" is that all was well. */
struct answer {
	char text[600];
};

/* Stop at the first thing that is not so. */
#define WANT(a, true_)                                               \
	do {                                                         \
		if (!(true_)) {                                      \
			snprintf((a)->text, sizeof((a)->text),       \
			    "line %d: not %s: %s", __LINE__, #true_, \
			    strerror(errno));                        \
			return;                                      \
		}                                                    \
	} while (0)

static void
in_a_child(void (*work)(struct answer *a))
{
	struct answer a = { .text = "it died" };
	int ends[2], status;
	pid_t child;

	assert_int_equal(pipe(ends), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		a.text[0] = '\0';
		work(&a);
		_exit(write(ends[1], &a, sizeof a) != (ssize_t)sizeof a);
	}
	close(ends[1]);
	if (read(ends[0], &a, sizeof a) != (ssize_t)sizeof a)
		snprintf(a.text, sizeof a.text, "it died");
	close(ends[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_string_equal(a.text, "");
	assert_int_equal(status, 0);
}

static void
need_root(void)
{
	if (geteuid() != 0)
		skip();
}

static void
all_ids_are(struct answer *a, uid_t uid, gid_t gid)
{
	uid_t u[3];
	gid_t g[3];

	WANT(a, getresuid(&u[0], &u[1], &u[2]) == 0);
	WANT(a, getresgid(&g[0], &g[1], &g[2]) == 0);
	for (int i = 0; i < 3; i++) {
		WANT(a, u[i] == uid);
		WANT(a, g[i] == gid);
	}
}

static void
no_way_back(struct answer *a)
{
	gid_t groups[100];
	int count;

	WANT(a, setuid(0) < 0);
	WANT(a, seteuid(0) < 0);
	WANT(a, setreuid(0, 0) < 0);
	WANT(a, setresuid(0, 0, 0) < 0);
	WANT(a, setgid(0) < 0);
	WANT(a, setegid(0) < 0);
	WANT(a, setgroups(0, NULL) < 0);
	WANT(a, open("/etc/shadow", O_RDONLY | O_CLOEXEC) < 0);
	count = getgroups(100, groups);
	WANT(a, count > 0);
	for (int i = 0; i < count; i++)
		WANT(a, groups[i] != 0);
}

static void
no_capability_is_left(struct answer *a)
{
	char line[200];
	FILE *status = fopen("/proc/self/status", "r");
	int seen = 0;

	WANT(a, status != NULL);
	while (fgets(line, sizeof line, status) != NULL)
		if (strncmp(line, "CapEff:", 7) == 0 ||
		    strncmp(line, "CapPrm:", 7) == 0 ||
		    strncmp(line, "CapAmb:", 7) == 0) {
			WANT(a, strtoull(line + 7, NULL, 16) == 0);
			seen++;
		}
	fclose(status);
	WANT(a, seen == 3);
}

static void
begin_with_groups_of_root(struct answer *a)
{
	const gid_t groups[] = { 0, 4, 42 };

	WANT(a, setgroups(3, groups) == 0);
	WANT(a, prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0);
}

static void
become_nobody(struct answer *a)
{
	const struct passwd *pw = getpwnam(NOBODY);
	struct error e = { 0 };

	WANT(a, pw != NULL);
	setenv("HOME", "/root", 1);
	begin_with_groups_of_root(a);
	if (a->text[0] == '\0' && privileges_become(NOBODY, &e) < 0)
		snprintf(a->text, sizeof a->text, "%s", e.text);
	if (a->text[0] == '\0')
		all_ids_are(a, pw->pw_uid, pw->pw_gid);
	if (a->text[0] == '\0')
		no_way_back(a);
	if (a->text[0] == '\0')
		no_capability_is_left(a);
	if (a->text[0] != '\0')
		return;
	WANT(a, strcmp(getenv("HOME"), pw->pw_dir) == 0);
	WANT(a, strcmp(getenv("USER"), NOBODY) == 0);
	WANT(a, strcmp(getenv("LOGNAME"), NOBODY) == 0);
	/* What main() has forbidden stays forbidden. */
	WANT(a, prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
}

static void
root_becomes_the_user_for_good(void **state)
{
	(void)state;
	need_root();
	in_a_child(become_nobody);
}

static void
become_nobody_among_somebodies(struct answer *a)
{
	const struct passwd *pw = getpwnam(NOBODY);
	const struct group *gr = getgrnam(SOMEBODY);
	struct error e = { 0 };

	WANT(a, pw != NULL && gr != NULL);
	begin_with_groups_of_root(a);
	if (a->text[0] == '\0' &&
	    privileges_become(NOBODY ":" SOMEBODY, &e) < 0)
		snprintf(a->text, sizeof a->text, "%s", e.text);
	if (a->text[0] == '\0')
		all_ids_are(a, pw->pw_uid, gr->gr_gid);
	if (a->text[0] == '\0')
		no_way_back(a);
}

static void
a_group_may_be_named(void **state)
{
	(void)state;
	need_root();
	in_a_child(become_nobody_among_somebodies);
}

static void
become_numbers(struct answer *a)
{
	struct error e = { 0 };
	gid_t groups[100];

	begin_with_groups_of_root(a);
	WANT(a, prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0);
	/* Numbers that no system gives away. */
	if (a->text[0] == '\0' &&
	    privileges_become("4000000000:4000000001", &e) < 0)
		snprintf(a->text, sizeof a->text, "%s", e.text);
	if (a->text[0] == '\0')
		all_ids_are(a, 4000000000, 4000000001);
	if (a->text[0] == '\0')
		no_way_back(a);
	if (a->text[0] != '\0')
		return;
	WANT(a, getgroups(100, groups) == 1 && groups[0] == 4000000001);
	/* Nor does it forbid what main() has not. */
	WANT(a, prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 1);
}

static void
numbers_do_where_the_system_knows_no_name(void **state)
{
	(void)state;
	need_root();
	in_a_child(become_numbers);
}

static void
become_twice(struct answer *a)
{
	struct error e = { 0 };

	WANT(a, privileges_become(NOBODY, &e) == 0);
	WANT(a, privileges_become(NOBODY, &e) == 0);
	WANT(a, privileges_become(NOBODY ":" SOMEBODY, &e) < 0);
	WANT(a, privileges_become(NULL, &e) == 0);
}

static void
who_is_that_user_already_need_not_be_root(void **state)
{
	(void)state;
	need_root();
	in_a_child(become_twice);
}

static void
become_somebody_without_root(struct answer *a)
{
	const struct passwd *pw = getpwnam(NOBODY);
	struct error e = { 0 };

	WANT(a, pw != NULL);
	WANT(a, geteuid() != 0 || setuid(pw->pw_uid) == 0);
	WANT(a, privileges_become(SOMEBODY, &e) < 0);
	WANT(a, e.kind == ERR_CONFIG);
	WANT(a, strstr(e.text, "only root can become another user") != NULL);
	WANT(a, strstr(e.text, "remove run_as") != NULL);
}

static void
another_user_is_refused_to_whoever_is_not_root(void **state)
{
	(void)state;
	in_a_child(become_somebody_without_root);
}

static void
what_names_nobody_is_an_error_and_changes_nothing(void **state)
{
	static const struct {
		const char *run_as, *text;
	} rows[] = {
		{ "no-such-user", "no user \"no-such-user\"" },
		{ NOBODY ":no-such-group", "no group \"no-such-group\"" },
		{ "", "neither USER nor USER:GROUP" },
		{ ":" NOBODY, "neither USER nor USER:GROUP" },
		{ NOBODY ":", "neither USER nor USER:GROUP" },
		{ "4000000000", "\"4000000000:GROUP\"" },
		{ "4294967295:1", "no user \"4294967295\"" },
		{ "-1:1", "no user \"-1\"" },
		{ NOBODY ":4294967295", "no group \"4294967295\"" },
		{ "root", "is root: name one" },
		{ "0:1", "is root: name one" },
		{ NOBODY ":0", "is root's group: name one" },
	};
	uid_t uid = geteuid();

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct error e = { 0 };

		assert_int_equal(privileges_become(rows[i].run_as, &e), -1);
		assert_int_equal(e.kind, ERR_CONFIG);
		if (strstr(e.text, rows[i].text) == NULL)
			fail_msg("%s: %s", rows[i].run_as, e.text);
		assert_int_equal(geteuid(), uid);
	}
}

static void
stay(struct answer *a)
{
	char path[] = "/tmp/postrider-privileges-XXXXXX";
	struct error e = { 0 };
	int fd = mkstemp(path);
	ssize_t n;

	WANT(a, fd >= 0 && dup2(fd, STDERR_FILENO) >= 0);
	unlink(path);
	WANT(a, privileges_become(NULL, &e) == 0);
	n = pread(fd, a->text, sizeof a->text - 1, 0);
	a->text[n > 0 ? n : 0] = '\0';
	WANT(a,
	    (strstr(a->text, "name a user in run_as") != NULL) ==
		(geteuid() == 0));
	a->text[0] = '\0';
}

static void
without_run_as_only_root_is_warned(void **state)
{
	(void)state;
	in_a_child(stay);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(root_becomes_the_user_for_good),
		cmocka_unit_test(a_group_may_be_named),
		cmocka_unit_test(numbers_do_where_the_system_knows_no_name),
		cmocka_unit_test(who_is_that_user_already_need_not_be_root),
		cmocka_unit_test(
		    another_user_is_refused_to_whoever_is_not_root),
		cmocka_unit_test(
		    what_names_nobody_is_an_error_and_changes_nothing),
		cmocka_unit_test(without_run_as_only_root_is_warned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
