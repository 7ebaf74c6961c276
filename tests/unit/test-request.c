/* test-request.c - what goes over the control socket. */
#include "daemon/request.h"

#include "daemon/live.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static int
parse(const char *line, struct request *r, struct error *e)
{
	*e = (struct error){ 0 };
	return request_parse(slice_of(line), r, e);
}

static void
a_request_is_a_verb_its_options_and_its_arguments(void **state)
{
	struct request r;
	struct error e;

	(void)state;
	assert_int_equal(
	    parse("postrider/1 fetch --other-mail --each isp c/ub 12", &r, &e),
	    0);
	assert_int_equal(r.verb, REQUEST_FETCH);
	assert_int_equal(r.options, REQUEST_OTHER_MAIL | REQUEST_EACH);
	assert_int_equal(r.arg_count, 3);
	assert_string_equal(r.args[0], "isp");
	assert_string_equal(r.args[1], "c/ub");
	assert_string_equal(r.args[2], "12");
	assert_null(r.args[3]);
	request_free(&r);
	assert_int_equal(parse("postrider/1 stop", &r, &e), 0);
	assert_int_equal(r.verb, REQUEST_STOP);
	assert_int_equal(r.arg_count, 0);
	request_free(&r);
}

static void
an_option_may_have_a_number(void **state)
{
	struct request r;
	struct buffer line = { 0 };
	struct error e;

	(void)state;
	assert_int_equal(
	    parse("postrider/1 baseline --last=0 --before=1793491200 isp", &r,
		&e),
	    0);
	assert_int_equal(r.verb, REQUEST_BASELINE);
	assert_int_equal(r.options, REQUEST_LAST | REQUEST_BEFORE);
	assert_int_equal(r.last, 0);
	assert_int_equal(r.before, 1793491200);
	assert_string_equal(r.args[0], "isp");
	assert_int_equal(request_write(&r, &line, &e), 0);
	assert_string_equal(line.data,
	    "postrider/1 baseline --last=0 --before=1793491200 isp\n");
	request_free(&r);
	buffer_free(&line);
}

static void
every_verb_reads_back(void **state)
{
	struct buffer line = { 0 };
	struct error e = { 0 };

	(void)state;
	for (int verb = 0; verb < REQUEST_VERBS; verb++) {
		struct request r = { .verb = (enum request_verb)verb }, again;

		for (char name[] = "a"; name[0] <= 't'; name[0]++)
			request_add(&r, name);
		buffer_clear(&line);
		assert_int_equal(request_write(&r, &line, &e), 0);
		assert_int_equal(line.data[line.len - 1], '\n');
		line.data[line.len - 1] = '\0';
		assert_int_equal(parse(line.data, &again, &e), 0);
		assert_int_equal(again.verb, verb);
		assert_int_equal(again.arg_count, 20);
		assert_string_equal(again.args[19], "t");
		request_free(&again);
		request_free(&r);
	}
	buffer_free(&line);
}

static void
what_is_no_request_is_refused(void **state)
{
	static const char *const lines[] = { "", " ", "postrider/1",
		"postrider/1 ", "postrider/2 stop", "GET / HTTP/1.1", "stop",
		"postrider/1 stopp", "postrider/1  stop",
		"postrider/1 wake a  b", "postrider/1 wake a\tb",
		"postrider/1 wake a\n", "postrider/1 wake \xc3\xa9",
		"postrider/1 wake --each", "postrider/1 fetch a --each",
		"postrider/1 fetch --", "postrider/1 wake -",
		"postrider/1 baseline --last", "postrider/1 baseline --last=",
		"postrider/1 baseline --last=-1",
		"postrider/1 baseline --last=1x",
		"postrider/1 baseline --before=9223372036854775808",
		"postrider/1 fetch --last=1", "postrider/1 fetch --each=1",
		"postrider/1 baseline --each", "postrider/1 wake \x1b[2J" };
	struct request r;
	struct error e;

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		if (parse(lines[i], &r, &e) == 0)
			fail_msg("\"%s\" is taken for a request", lines[i]);
		assert_int_equal(e.kind, ERR_PROTOCOL);
		assert_null(r.args);
	}
}

static void
another_version_is_told_to_restart(void **state)
{
	struct request r;
	struct error e;

	(void)state;
	assert_int_equal(parse("postrider/2 stop", &r, &e), -1);
	assert_non_null(strstr(e.text, "restart"));
	assert_int_equal(parse("postrider/1 juggle", &r, &e), -1);
	assert_non_null(strstr(e.text, "juggle"));
	assert_non_null(strstr(e.text, "restart"));
}

static void
an_argument_that_is_no_name_is_not_sent(void **state)
{
	static const char *const words[] = { "", "a b", "a\nb", "-q",
		"b\xc3\xb6rse" };
	struct buffer line = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		struct request r = { .verb = REQUEST_WAKE };
		struct error e = { 0 };

		request_add(&r, words[i]);
		assert_int_equal(request_write(&r, &line, &e), -1);
		assert_int_equal(e.kind, ERR_USAGE);
		request_free(&r);
	}
	buffer_free(&line);
}

static void
too_many_arguments_are_not_sent(void **state)
{
	struct request r = { .verb = REQUEST_WAKE };
	struct buffer line = { 0 };
	struct error e = { 0 };

	(void)state;
	for (size_t i = 0; i < REQUEST_MAX / 10; i++)
		request_add(&r, "somebody-s");
	assert_int_equal(request_write(&r, &line, &e), -1);
	assert_int_equal(e.kind, ERR_USAGE);
	assert_non_null(strstr(e.text, "fewer"));
	request_free(&r);
	buffer_free(&line);
}

/* --- answers --- */

static void
an_answer_is_lines_complaints_and_an_end(void **state)
{
	static const struct {
		const char *line;
		int rc;
		enum answer_kind kind;
		const char *text;
		int status;
	} rows[] = {
		{ " isp: done", 0, ANSWER_LINE, "isp: done", 0 },
		{ " ", 0, ANSWER_LINE, "", 0 },
		{ "!no", 0, ANSWER_COMPLAINT, "no", 0 },
		{ ".0", 0, ANSWER_END, "0", 0 },
		{ ".255", 0, ANSWER_END, "255", 255 },
		{ ".256", -1, ANSWER_END, "256", 0 },
		{ ".", -1, ANSWER_END, "", 0 },
		{ ". 0", -1, ANSWER_END, " 0", 0 },
		{ "", -1, ANSWER_END, "", 0 },
		{ "isp", -1, ANSWER_END, "sp", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		enum answer_kind kind;
		struct slice text;
		int status;

		assert_int_equal(
		    answer_parse(slice_of(rows[i].line), &kind, &text, &status),
		    rows[i].rc);
		if (rows[i].rc < 0)
			continue;
		assert_int_equal(kind, rows[i].kind);
		assert_true(slice_is(text, rows[i].text));
		assert_int_equal(status, rows[i].status);
	}
}

static void
no_line_of_an_answer_can_make_another_or_move_a_cursor(void **state)
{
	struct buffer out = { 0 };

	(void)state;
	answer_write(
	    ANSWER_LINE, slice_of("a\tb\n.0\r\x1b[2J\xff \xc3\xa9"), &out);
	answer_write(ANSWER_COMPLAINT, slice_of(""), &out);
	answer_end(75, &out);
	assert_string_equal(out.data, " a\tb?.0??[2J? \xc3\xa9\n!\n.75\n");
	buffer_free(&out);
}

/* --- rows --- */

static struct live_row
read_back(struct buffer *out)
{
	struct live_row row;

	assert_int_equal(out->data[out->len - 1], '\n');
	out->data[out->len - 1] = '\0';
	assert_null(strchr(out->data, '\n'));
	live_parse(out->data, &row);
	return row;
}

static void
what_the_daemon_tells_of_itself_reads_back(void **state)
{
	struct live_daemon d = { 4711, 1700000000, "0.9", true };
	struct buffer out = { 0 };
	struct live_row row;

	(void)state;
	live_write_daemon(&d, &out);
	row = read_back(&out);
	assert_int_equal(row.kind, LIVE_DAEMON);
	assert_int_equal(row.daemon.pid, 4711);
	assert_int_equal(row.daemon.started, 1700000000);
	assert_string_equal(row.daemon.version, "0.9");
	assert_true(row.daemon.stopping);
	buffer_free(&out);
}

static void
every_state_of_an_account_reads_back(void **state)
{
	struct buffer out = { 0 };
	struct live_row row;

	(void)state;
	for (int s = 0; s < LIVE_STATES; s++) {
		struct live_account a = {
			.name = "isp",
			.state = (enum live_state)s,
			.next = 1700000100,
			.since = 1700000000,
			.done = 3,
			.total = 18,
			.words = "the server\tsaid\nno",
		};

		buffer_clear(&out);
		live_write_account(&a, &out);
		row = read_back(&out);
		assert_int_equal(row.kind, LIVE_ACCOUNT);
		assert_string_equal(row.account.name, "isp");
		assert_int_equal(row.account.state, s);
		assert_int_equal(row.account.next, 1700000100);
		assert_int_equal(row.account.since, 1700000000);
		assert_int_equal(row.account.done, 3);
		assert_int_equal(row.account.total, 18);
		assert_string_equal(row.account.words, "the server?said?no");
	}
	buffer_free(&out);
}

static void
every_reach_of_a_destination_reads_back(void **state)
{
	struct buffer out = { 0 };
	struct live_row row;

	(void)state;
	for (int s = 0; s < LIVE_REACHES; s++) {
		struct live_destination d = {
			.name = "home",
			.reach = (enum live_reach)s,
			.connections = 2,
			.waiting = 14,
			.since = 1700000000,
			.words = NULL,
		};

		buffer_clear(&out);
		live_write_destination(&d, &out);
		row = read_back(&out);
		assert_int_equal(row.kind, LIVE_DESTINATION);
		assert_string_equal(row.destination.name, "home");
		assert_int_equal(row.destination.reach, s);
		assert_int_equal(row.destination.connections, 2);
		assert_int_equal(row.destination.waiting, 14);
		assert_int_equal(row.destination.since, 1700000000);
		assert_string_equal(row.destination.words, "");
	}
	buffer_free(&out);
}

static void
rows_of_another_version_are_passed_over(void **state)
{
	static const char *const rows[] = { "", "account", "weather\tfine",
		"account\tisp\tidle\t1\t2\t3\t4",
		"account\tisp\tjuggling\t1\t2\t3\t4\twords",
		"destination\thome\tup\t1\t2\t3",
		"destination\thome\tsideways\t1\t2\t3\twords",
		"daemon\t1\t2\t3", "\t\t\t\t\t\t\t\t\t\t" };
	char line[80];
	struct live_row row;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		strcpy(line, rows[i]);
		live_parse(line, &row);
		assert_int_equal(row.kind, LIVE_OTHER);
	}
	/* More fields than we know. */
	strcpy(line, "account\tisp\tidle\t1\tx\t-3\t4\twords\tand\tmore");
	live_parse(line, &row);
	assert_int_equal(row.kind, LIVE_ACCOUNT);
	assert_int_equal(row.account.since, 0);
	assert_int_equal(row.account.done, 0);
	assert_string_equal(row.account.words, "words");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_request_is_a_verb_its_options_and_its_arguments),
		cmocka_unit_test(an_option_may_have_a_number),
		cmocka_unit_test(every_verb_reads_back),
		cmocka_unit_test(what_is_no_request_is_refused),
		cmocka_unit_test(another_version_is_told_to_restart),
		cmocka_unit_test(an_argument_that_is_no_name_is_not_sent),
		cmocka_unit_test(too_many_arguments_are_not_sent),
		cmocka_unit_test(an_answer_is_lines_complaints_and_an_end),
		cmocka_unit_test(
		    no_line_of_an_answer_can_make_another_or_move_a_cursor),
		cmocka_unit_test(what_the_daemon_tells_of_itself_reads_back),
		cmocka_unit_test(every_state_of_an_account_reads_back),
		cmocka_unit_test(every_reach_of_a_destination_reads_back),
		cmocka_unit_test(rows_of_another_version_are_passed_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
