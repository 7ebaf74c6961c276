/* test-hook.c - when hooks are run, with what, and how many. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/runner.h"
#include "daemon/hook.h"

#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE_MS 60000

static char folder[] = "/tmp/test-hook-XXXXXX";
static const struct error fine;

static char *
in_folder(const char *name)
{
	static char path[100];

	snprintf(path, sizeof path, "%s/%s", folder, name);
	return path;
}

/* All of a file, once it ends with `end`. The caller frees it. */
static char *
content(const char *name, const char *end)
{
	struct deadline until = deadline_in(PATIENCE_MS);
	char text[4000];

	for (;;) {
		FILE *file = fopen(in_folder(name), "re");
		size_t n = 0;

		if (file != NULL) {
			n = fread(text, 1, sizeof text - 1, file);
			fclose(file);
		}
		text[n] = '\0';
		if (n >= strlen(end) &&
		    strcmp(text + n - strlen(end), end) == 0)
			return strdup(text);
		if (deadline_passed(until))
			fail_msg("%s: %s", name, text);
		poll(NULL, 0, 5);
	}
}

/* The same, once it has so many lines. */
static char *
all_lines(const char *name, size_t count)
{
	struct deadline until = deadline_in(PATIENCE_MS);
	size_t lines = 0;
	char *text = NULL;

	while (lines < count && !deadline_passed(until)) {
		free(text);
		text = content(name, "");
		lines = 0;
		for (const char *at = text; *at != '\0'; at++)
			lines += *at == '\n';
		poll(NULL, 0, 5);
	}
	assert_int_equal(lines, count);
	return text;
}

static void
forget(const char *name)
{
	unlink(in_folder(name));
}

/* What is logged until read_log(). */
static int saved;

static void
catch_log(void)
{
	int fd = open(in_folder("log"),
	    O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	saved = dup(STDERR_FILENO);
	dup2(fd, STDERR_FILENO);
	close(fd);
}

static char *
read_log(void)
{
	char *text;

	dup2(saved, STDERR_FILENO);
	close(saved);
	text = content("log", "");
	forget("log");
	return text;
}

static struct account
account(const char *name)
{
	return (struct account){
		.name = name, .destination = "home", .hook_timeout_s = 20
	};
}

#define SHOW "env | grep ^POSTRIDER_ | sort >>out; echo end >>out"

static void
a_hook_finds_account_and_counts_in_its_environment(void **state)
{
	struct poll_report r = { .delivered = 3,
		.octets = 5120,
		.deleted = 2,
		.deferred = 1,
		.in_doubt = 4 };
	struct account a = account("isp");
	struct hooks *h;
	struct error e;
	char *text;

	(void)state;
	a.on_mail = SHOW;
	a.on_error = "echo error >>out";
	assert_int_equal(hooks_new(&h, &e), 0);
	hooks_poll_ended(h, &a, &r, &fine);
	text = content("out", "end\n");
	assert_string_equal(text,
	    "POSTRIDER_ACCOUNT=isp\nPOSTRIDER_DEFERRED=1\n"
	    "POSTRIDER_DELETED=2\nPOSTRIDER_DELIVERED=3\n"
	    "POSTRIDER_DESTINATION=home\nPOSTRIDER_HELD=0\n"
	    "POSTRIDER_HOOK=on_mail\nPOSTRIDER_IN_DOUBT=4\n"
	    "POSTRIDER_OCTETS=5120\nend\n");
	free(text);
	hooks_free(&h);
	assert_null(h);
	forget("out");
}

static void
a_failed_poll_and_a_held_message_run_on_error(void **state)
{
	struct poll_report r = { .held = 1, .trouble = "550 \"no\" $(x)" };
	struct account a = account("isp");
	struct hooks *h;
	struct error e;
	char *text;

	(void)state;
	a.on_error = "echo \"$POSTRIDER_HOOK|$POSTRIDER_ERROR_KIND|"
		     "$POSTRIDER_ERROR\" >>out";
	a.on_mail = "echo mail >>out";
	assert_int_equal(hooks_new(&h, &e), 0);
	hooks_poll_ended(h, &a, &r, &fine);
	text = content("out", "$(x)\n");
	assert_string_equal(text, "on_error|held|550 \"no\" $(x)\n");
	free(text);
	forget("out");
	r = (struct poll_report){ 0 };
	error_set(&e, ERR_CONNECT, "nobody answers");
	hooks_poll_ended(h, &a, &r, &e);
	text = content("out", "answers\n");
	assert_string_equal(text, "on_error|connect|nobody answers\n");
	free(text);
	hooks_free(&h);
	forget("out");
}

static void
nothing_is_run_when_there_is_nothing_to_tell(void **state)
{
	struct poll_report r = { .deferred = 1, .deleted = 2 };
	struct account a = account("isp");
	struct hooks *h;
	struct error e;

	(void)state;
	a.on_mail = a.on_error = "echo ran >>out";
	assert_int_equal(hooks_new(&h, &e), 0);
	hooks_poll_ended(h, &a, &r, &fine);
	error_set(&e, ERR_STOPPED, "stopped");
	hooks_poll_ended(h, &a, &r, &e);
	a.on_mail = a.on_error = NULL;
	error_set(&e, ERR_IO, "broke");
	r.delivered = 1;
	hooks_poll_ended(h, &a, &r, &e);
	assert_int_equal(hooks_waiting(h), 0);
	hooks_free(&h);
	assert_int_not_equal(access(in_folder("out"), F_OK), 0);
}

static void
failures_and_ends_out_of_time_are_logged(void **state)
{
	struct poll_report r = { .delivered = 1 };
	struct account a = account("isp"), b = account("club");
	struct deadline until = deadline_in(PATIENCE_MS);
	struct hooks *h;
	struct error e;
	char *text;

	(void)state;
	a.on_mail = "exit 3";
	b.on_mail = "echo begun >>out; sleep 60";
	b.hook_timeout_s = 1;
	assert_int_equal(hooks_new(&h, &e), 0);
	catch_log();
	hooks_poll_ended(h, &a, &r, &fine);
	hooks_poll_ended(h, &b, &r, &fine);
	/* The next one of an account comes after it. */
	b.on_mail = "echo next >>out";
	hooks_poll_ended(h, &b, &r, &fine);
	text = content("out", "next\n");
	assert_string_equal(text, "begun\nnext\n");
	free(text);
	hooks_free(&h);
	text = read_log();
	print_message("# %s", text);
	assert_non_null(strstr(text, "isp: on_mail: exit status 3\n"));
	assert_non_null(strstr(text,
	    "club: on_mail took longer than 1s (hook_timeout), and was "
	    "ended\n"));
	assert_false(deadline_passed(until));
	free(text);
	forget("out");
}

static void
those_of_one_account_are_run_in_order_and_one_at_a_time(void **state)
{
	struct poll_report r = { .delivered = 1 };
	struct account a = account("isp");
	struct hooks *h;
	struct error e;
	char *text;

	(void)state;
	a.on_mail = "echo begin $POSTRIDER_DELIVERED >>out; sleep 0.05; "
		    "echo end $POSTRIDER_DELIVERED >>out";
	assert_int_equal(hooks_new(&h, &e), 0);
	for (r.delivered = 1; r.delivered <= 4; r.delivered++)
		hooks_poll_ended(h, &a, &r, &fine);
	text = content("out", "end 4\n");
	assert_string_equal(text,
	    "begin 1\nend 1\nbegin 2\nend 2\nbegin 3\nend 3\n"
	    "begin 4\nend 4\n");
	free(text);
	hooks_free(&h);
	forget("out");
}

/* All threads busy with commands that wait for a file to go. */
static void
occupy(struct hooks *h)
{
	struct poll_report r = { .delivered = 1 };
	char name[20];
	struct account a = account(name);

	a.on_mail = "echo >>busy; while test -e gate; do sleep 0.02; done";
	close(open(in_folder("gate"), O_CREAT | O_CLOEXEC | O_RDWR, 0600));
	for (int i = 0; i < HOOKS_AT_ONCE; i++) {
		snprintf(name, sizeof name, "busy%d", i);
		hooks_poll_ended(h, &a, &r, &fine);
	}
	free(content("busy", "\n\n\n\n"));
	forget("busy");
	assert_int_equal(hooks_waiting(h), 0);
}

static void
when_too_many_wait_the_oldest_of_the_account_goes(void **state)
{
	int64_t begun;
	struct poll_report r = { .delivered = 1 };
	char name[20];
	struct account a = account(name);
	struct hooks *h;
	struct error e;
	char *text;

	(void)state;
	assert_int_equal(hooks_new(&h, &e), 0);
	occupy(h);
	a.on_mail = "echo $POSTRIDER_ACCOUNT $POSTRIDER_DELIVERED >>out";
	begun = clock_monotonic_ms();
	catch_log();
	for (int i = 0; i < HOOKS_WAITING; i++) {
		snprintf(name, sizeof name, "box%d", i);
		hooks_poll_ended(h, &a, &r, &fine);
	}
	r.delivered = 2;
	strcpy(name, "box7");
	hooks_poll_ended(h, &a, &r, &fine);
	strcpy(name, "other");
	hooks_poll_ended(h, &a, &r, &fine);
	/* While none of them could be run. */
	assert_true(clock_monotonic_ms() - begun < 5000);
	assert_int_equal(hooks_waiting(h), HOOKS_WAITING);
	text = read_log();
	assert_string_equal(text,
	    "postrider: warning: box7: on_mail was not run: too many "
	    "commands wait\n"
	    "postrider: warning: box0: on_mail was not run: too many "
	    "commands wait\n");
	free(text);
	/* So it is box7's second that is run. */
	forget("gate");
	text = all_lines("out", HOOKS_WAITING);
	hooks_free(&h);
	assert_non_null(strstr(text, "other 2\n"));
	assert_non_null(strstr(text, "box7 2\n"));
	assert_null(strstr(text, "box7 1\n"));
	assert_null(strstr(text, "box0 1\n"));
	assert_non_null(strstr(text, "box199 1\n"));
	free(text);
	forget("out");
}

static void
the_end_ends_those_at_work_and_forgets_those_that_wait(void **state)
{
	int64_t begun = clock_monotonic_ms();
	struct poll_report r = { .delivered = 1 };
	struct account a = account("late");
	struct hooks *h;
	struct error e;
	char *text;

	(void)state;
	assert_int_equal(hooks_new(&h, &e), 0);
	occupy(h);
	a.on_mail = "echo ran >>out";
	hooks_poll_ended(h, &a, &r, &fine);
	catch_log();
	hooks_free(&h);
	text = read_log();
	print_message("# %s", text);
	assert_non_null(strstr(text, "late: on_mail was not run"));
	assert_non_null(strstr(text, "busy3: on_mail was ended"));
	assert_true(clock_monotonic_ms() - begun < PATIENCE_MS);
	assert_int_not_equal(access(in_folder("out"), F_OK), 0);
	free(text);
	forget("gate");
}

/* With the helper, as a daemon has it; it works in the same folder. */
static int
setup(void **state)
{
	struct error e;

	(void)state;
	for (char **v = environ; *v != NULL;) {
		char name[200];

		if (strncmp(*v, "POSTRIDER", 9) != 0) {
			v++;
			continue;
		}
		snprintf(name, sizeof name, "%.*s", (int)strcspn(*v, "="), *v);
		unsetenv(name);
		v = environ;
	}
	if (mkdtemp(folder) == NULL || chdir(folder) < 0)
		return -1;
	return runner_start(NULL, NULL, &e);
}

static int
teardown(void **state)
{
	(void)state;
	runner_end();
	return chdir("/") < 0 ? -1 : rmdir(folder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_hook_finds_account_and_counts_in_its_environment),
		cmocka_unit_test(a_failed_poll_and_a_held_message_run_on_error),
		cmocka_unit_test(nothing_is_run_when_there_is_nothing_to_tell),
		cmocka_unit_test(failures_and_ends_out_of_time_are_logged),
		cmocka_unit_test(
		    those_of_one_account_are_run_in_order_and_one_at_a_time),
		cmocka_unit_test(
		    when_too_many_wait_the_oldest_of_the_account_goes),
		cmocka_unit_test(
		    the_end_ends_those_at_work_and_forgets_those_that_wait),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
