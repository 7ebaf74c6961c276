/*
 * test-ledger-schedules.c - what the daemon wants to find again, since when an
 * account fails, and what was delivered in which hour.
 */
#include "../kit/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define HOUR ((int64_t)3600)

/* All that was kept, in lines. */
static void
note(void *arg, const struct ledger_schedule *s)
{
	buffer_addf(arg, "%s %lld %s:%u %u %u %.*s %.*s\n", s->account,
	    (long long)s->due, s->setback, s->setbacks, s->refusals, s->alerted,
	    (int)s->refused.len, s->refused.data, (int)s->rhythm.len,
	    s->rhythm.data);
}

static void
expect_kept(const struct world *w, const char *wanted)
{
	struct buffer got = { 0 };
	struct reader *r;
	struct error e = { 0 };

	assert_int_equal(reader_open(&r, w->dir, &e), 0);
	buffer_clear(&got);
	if (reader_schedules(r, note, &got, &e) < 0)
		fail_msg("%s", e.text);
	assert_string_equal(got.data, wanted);
	buffer_free(&got);
	reader_free(&r);
}

static const struct ledger_schedule full = { .account = "isp",
	.due = START + 300,
	.setback = "in_use",
	.setbacks = 3,
	.refusals = 2,
	.alerted = 5,
	.refused = { "digest", 6 },
	.rhythm = { "rhythm", 6 } };

static void
what_is_kept_is_found_again(void **state)
{
	const struct ledger_schedule none = { .account = "isp" };
	struct world w;
	struct error e = { 0 };

	(void)state;
	world_begin(&w);
	expect_kept(&w, "isp 0 :0 0 0  \n");
	assert_int_equal(ledger_schedules(w.l, &full, 1, &e), 0);
	expect_kept(&w, "isp 1700000300 in_use:3 2 5 digest rhythm\n");
	reopen(&w);
	expect_kept(&w, "isp 1700000300 in_use:3 2 5 digest rhythm\n");
	assert_int_equal(standing_of(&w).due, START + 300);
	assert_int_equal(standing_of(&w).refusals, 2);
	assert_int_equal(ledger_schedules(w.l, &none, 1, &e), 0);
	expect_kept(&w, "isp 0 :0 0 0  \n");
	world_end(&w);
}

static void
those_of_many_are_kept_together_each_for_itself(void **state)
{
	struct ledger_schedule list[] = { full, full, full };
	struct ledger_schedule_job job = { .list = list, .count = 3 };
	struct queue *answer;
	struct world w;
	struct error e = { 0 };
	int64_t club;

	(void)state;
	world_begin(&w);
	assert_int_equal(
	    ledger_account(w.l, "club", "h", "u", NULL, false, &club, &e), 0);
	list[0].account = "nobody";
	list[1].account = "club";
	list[1].due = 7;
	list[1].rhythm = slice_of("");
	assert_int_equal(queue_new(&answer, &e), 0);
	job.job.answer = answer;
	ledger_submit_schedules(w.l, &job);
	assert_ptr_equal(queue_wait(answer, -1, deadline_never()), &job);
	assert_int_equal(job.job.rc, 0);
	queue_free(&answer);
	expect_kept(&w,
	    "isp 1700000300 in_use:3 2 5 digest rhythm\n"
	    "club 7 in_use:3 2 5 digest \n");
	assert_int_equal(ledger_schedules(w.l, NULL, 0, &e), 0);
	world_end(&w);
}

static void
without_a_ledger_nothing_is_kept(void **state)
{
	struct buffer got = { 0 };
	struct hours hours;
	struct error e = { 0 };

	(void)state;
	memset(&hours, 0xff, sizeof(hours));
	assert_int_equal(reader_schedules(NULL, note, &got, &e), 0);
	assert_int_equal(got.len, 0);
	assert_int_equal(reader_hours(NULL, "isp", START, &hours, &e), 0);
	assert_int_equal(hours.today, 0);
	assert_int_equal(hours.delivered[0], 0);
}

/* --- since when --- */

static void
polled(struct world *w, int64_t ended, enum error_kind kind, uint64_t delivered)
{
	struct ledger_poll poll = { .account = w->account,
		.started = ended - 1,
		.ended = ended,
		.error = { .kind = kind },
		.delivered = delivered,
		.octets = 10 * delivered };
	struct error e = { 0 };

	if (ledger_poll(w->l, &poll, &e) < 0)
		fail_msg("%s", e.text);
}

static void
it_fails_since_the_first_poll_after_the_last_success(void **state)
{
	struct world w;

	(void)state;
	world_begin(&w);
	assert_int_equal(standing_of(&w).failing_since, 0);
	polled(&w, START + 10, ERR_IO, 0);
	polled(&w, START + 20, ERR_AUTH, 0);
	assert_int_equal(standing_of(&w).failing_since, START + 10);
	polled(&w, START + 30, ERR_STOPPED, 0);
	assert_int_equal(standing_of(&w).failing_since, START + 10);
	polled(&w, START + 40, ERR_NONE, 0);
	assert_int_equal(standing_of(&w).failing_since, 0);
	polled(&w, START + 50, ERR_STOPPED, 0);
	assert_int_equal(standing_of(&w).failing_since, 0);
	polled(&w, START + 60, ERR_IO, 0);
	reopen(&w);
	assert_int_equal(standing_of(&w).failing_since, START + 60);
	world_end(&w);
}

static void
to_have_been_stopped_is_no_failure(void **state)
{
	struct world w;
	struct standing s;

	(void)state;
	world_begin(&w);
	polled(&w, START + 10, ERR_STOPPED, 0);
	s = standing_of(&w);
	assert_true(s.stopped);
	assert_int_equal(s.failures, 0);
	assert_string_equal(s.error_kind, "");
	polled(&w, START + 20, ERR_AUTH, 0);
	polled(&w, START + 30, ERR_STOPPED, 0);
	s = standing_of(&w);
	assert_false(s.stopped);
	assert_int_equal(s.failures, 1);
	assert_string_equal(s.error_kind, "auth");
	assert_int_equal(s.last_ended, START + 30);
	polled(&w, START + 40, ERR_NONE, 0);
	polled(&w, START + 50, ERR_STOPPED, 0);
	s = standing_of(&w);
	assert_true(s.stopped);
	assert_int_equal(s.last_success, START + 40);
	world_end(&w);
}

/* --- in which hour --- */

static struct hours
hours_of(const struct world *w, const char *account, int64_t now)
{
	struct hours hours;
	struct reader *r;
	struct error e = { 0 };

	assert_int_equal(reader_open(&r, w->dir, &e), 0);
	if (reader_hours(r, account, now, &hours, &e) < 0)
		fail_msg("%s", e.text);
	reader_free(&r);
	return hours;
}

static void
set_zone(const char *zone)
{
	setenv("TZ", zone, 1);
	tzset();
}

/* START is 22:13:20 of a Tuesday, UTC. */
#define MIDNIGHT (START - 22 * HOUR - 13 * 60 - 20)

static void
each_delivery_counts_in_its_hour(void **state)
{
	struct hours h;
	struct world w;
	char text[256];

	(void)state;
	set_zone("UTC0");
	world_begin(&w);
	polled(&w, MIDNIGHT - 1, ERR_NONE, 1);
	polled(&w, MIDNIGHT, ERR_NONE, 2);
	polled(&w, MIDNIGHT + HOUR - 1, ERR_NONE, 4);
	/* Also of a poll that failed in the end. */
	polled(&w, MIDNIGHT + HOUR, ERR_IO, 8);
	polled(&w, START, ERR_NONE, 0);
	h = hours_of(&w, "isp", START);
	assert_int_equal(h.delivered[0], 1);
	assert_int_equal(h.octets[0], 10);
	assert_int_equal(h.delivered[1], 6);
	assert_int_equal(h.delivered[2], 8);
	assert_int_equal(h.octets[2], 80);
	assert_int_equal(h.delivered[23], 0);
	assert_int_equal(h.today, 14);
	assert_int_equal(h.today_octets, 140);
	/* Two hours later, a new day. */
	h = hours_of(&w, "isp", START + 2 * HOUR);
	assert_int_equal(h.delivered[0], 8);
	assert_int_equal(h.today, 0);
	assert_int_equal(hours_of(&w, "club", START).today, 0);
	assert_string_equal(ask(&w, "SELECT count(*) FROM hour", text), "3");
	world_end(&w);
}

static void
hours_and_days_begin_when_local_clocks_say_so(void **state)
{
	/* 18:30 of the day before. */
	const int64_t midnight = MIDNIGHT - 5 * HOUR - 1800;
	struct hours h;
	struct world w;

	(void)state;
	set_zone("XST-5:30");
	world_begin(&w);
	polled(&w, midnight - 1, ERR_NONE, 1);
	polled(&w, midnight + 1, ERR_NONE, 2);
	polled(&w, midnight + HOUR - 1, ERR_NONE, 4);
	h = hours_of(&w, "isp", midnight + HOUR);
	assert_int_equal(h.delivered[21], 1);
	assert_int_equal(h.delivered[22], 6);
	assert_int_equal(h.today, 6);
	set_zone("UTC0");
	world_end(&w);
}

static void
a_day_on_which_the_clocks_are_changed_begins_at_its_midnight(void **state)
{
	/* Sunday, 25 October 2026, has 25 hours; 29 March has 23. */
	const int64_t autumn = 1792879200, spring = 1774738800;

	(void)state;
	set_zone("CET-1CEST,M3.5.0,M10.5.0/3");
	assert_int_equal(clock_midnight(autumn), autumn);
	assert_int_equal(clock_midnight(autumn + 24 * HOUR), autumn);
	assert_int_equal(
	    clock_midnight(autumn + 25 * HOUR), autumn + 25 * HOUR);
	assert_int_equal(clock_midnight(autumn - 1), autumn - 24 * HOUR);
	assert_int_equal(clock_midnight(spring + 22 * HOUR), spring);
	assert_int_equal(
	    clock_midnight(spring + 23 * HOUR), spring + 23 * HOUR);
	assert_int_equal(clock_offset(spring), HOUR);
	assert_int_equal(clock_offset(autumn), 2 * HOUR);
	assert_int_equal(clock_hour(spring + 5 * HOUR + 7), spring + 5 * HOUR);
	set_zone("UTC0");
}

static void
what_is_older_than_eight_days_is_forgotten(void **state)
{
	struct world w;
	char text[256];
	static const char sql[] = "SELECT group_concat(delivered) FROM hour";

	(void)state;
	set_zone("UTC0");
	world_begin(&w);
	polled(&w, MIDNIGHT, ERR_NONE, 1);
	polled(&w, MIDNIGHT + HOUR, ERR_NONE, 2);
	polled(&w, MIDNIGHT + HOUR + 8 * DAY, ERR_NONE, 3);
	assert_string_equal(ask(&w, sql, text), "2,3");
	/* What a clock that was wrong has left in the future. */
	polled(&w, MIDNIGHT + DAY, ERR_NONE, 4);
	assert_string_equal(ask(&w, sql, text), "2,4");
	world_end(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_kept_is_found_again),
		cmocka_unit_test(
		    those_of_many_are_kept_together_each_for_itself),
		cmocka_unit_test(without_a_ledger_nothing_is_kept),
		cmocka_unit_test(
		    it_fails_since_the_first_poll_after_the_last_success),
		cmocka_unit_test(to_have_been_stopped_is_no_failure),
		cmocka_unit_test(each_delivery_counts_in_its_hour),
		cmocka_unit_test(hours_and_days_begin_when_local_clocks_say_so),
		cmocka_unit_test(
		    a_day_on_which_the_clocks_are_changed_begins_at_its_midnight),
		cmocka_unit_test(what_is_older_than_eight_days_is_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
