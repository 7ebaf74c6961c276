/* test-schedule.c - when a mailbox is polled next. */
#include "daemon/schedule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define SECOND ((int64_t)1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define NOW (50 * DAY)
#define WALL ((int64_t)1700000000)
/* Of random numbers, the one that changes no interval. */
#define MIDDLE (UINT32_MAX / 2)

static const unsigned char ours[SCHEDULE_LOGIN] = { 1, 2 };
static const unsigned char others[SCHEDULE_LOGIN] = { 1, 3 };

static struct account
account_of(int64_t every_s)
{
	return (struct account){ .name = "isp",
		.every_s = every_s,
		.every_auto = every_s == 0,
		.every_min_s = 60,
		.every_max_s = 3600 };
}

/* every_s 0: "auto" */
static struct schedule
schedule_of(int64_t every_s)
{
	struct account account = account_of(every_s);
	struct schedule s = { 0 };

	schedule_settings(&s, &account, ours, NOW);
	return s;
}

/* In so many ms after its end the next one is due, if it took no time. */
static int64_t
after(struct schedule *s, enum schedule_failure failure)
{
	struct schedule_outcome o = {
		.failure = failure, .started = NOW, .local = WALL
	};
	int64_t due = schedule_after(s, &o, NOW, MIDDLE);

	assert_true(due == s->due);
	return due == SCHEDULE_RESTS ? due : due - NOW;
}

/* Within a tenth of a second: MIDDLE is not quite the middle. */
static void
expect(int64_t ms, int64_t wanted)
{
	assert_in_range(ms, wanted - 100, wanted + 100);
}

static void
expect_row(struct schedule *s, enum schedule_failure failure,
    const int64_t *wanted, size_t count)
{
	for (size_t i = 0; i < count; i++)
		expect(after(s, failure), wanted[i]);
}
#define EXPECT_ROW(s, failure, ...)                              \
	expect_row(s, failure, (const int64_t[]){ __VA_ARGS__ }, \
	    sizeof((const int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t))

/* --- when all is well --- */

static void
an_interval_goes_from_start_to_start(void **state)
{
	struct schedule s = schedule_of(300);
	struct schedule_outcome o = { .started = NOW };

	(void)state;
	expect(schedule_after(&s, &o, NOW + 100 * SECOND, MIDDLE),
	    NOW + 5 * MINUTE);
	/* Longer than that, it is followed at once. */
	expect(schedule_after(&s, &o, NOW + HOUR, MIDDLE), NOW + HOUR);
}

static void
it_varies_by_ten_per_cent(void **state)
{
	struct schedule s = schedule_of(300);
	struct schedule_outcome o = { .started = NOW };

	(void)state;
	expect(schedule_after(&s, &o, NOW, 0), NOW + 270 * SECOND);
	expect(schedule_after(&s, &o, NOW, UINT32_MAX), NOW + 330 * SECOND);
}

static void
never_are_there_two_starts_in_a_second(void **state)
{
	struct schedule s = schedule_of(10);
	struct schedule_outcome o = { .started = NOW };

	(void)state;
	/* Shorter than settings allow. */
	s.every = 1;
	assert_true(schedule_after(&s, &o, NOW + 5, 0) == NOW + SECOND);
	o.failure = SCHEDULE_STOPPED;
	assert_true(schedule_after(&s, &o, NOW + 5, 0) == NOW + SECOND);
}

static void
a_server_that_asks_for_a_delay_gets_it(void **state)
{
	struct schedule s = schedule_of(300);
	struct schedule_outcome o = { .started = NOW, .login_delay_s = 900 };

	(void)state;
	/* From the end, since the login was after the start; and not less. */
	assert_true(
	    schedule_after(&s, &o, NOW + SECOND, 0) == NOW + 901 * SECOND);
	o.login_delay_s = 0;
	o.failure = SCHEDULE_TEMPORARY;
	expect(schedule_after(&s, &o, NOW, 0), NOW + 15 * MINUTE);
	/* One that is longer than any sense allows is not obeyed, */
	o.failure = SCHEDULE_WELL;
	o.login_delay_s = UINT32_MAX;
	assert_true(schedule_after(&s, &o, NOW, 0) == NOW + DAY);
	/* and one that is asked for no longer is forgotten. */
	o.login_delay_s = 0;
	expect(schedule_after(&s, &o, NOW, MIDDLE), NOW + 5 * MINUTE);
}

/* --- failures --- */

static void
temporary_failures_double_from_a_minute_to_an_hour(void **state)
{
	struct schedule s = schedule_of(30);

	(void)state;
	EXPECT_ROW(&s, SCHEDULE_TEMPORARY, MINUTE, 2 * MINUTE, 4 * MINUTE,
	    8 * MINUTE, 16 * MINUTE, 32 * MINUTE, HOUR, HOUR);
	for (int i = 0; i < 100; i++)
		after(&s, SCHEDULE_TEMPORARY);
	EXPECT_ROW(&s, SCHEDULE_TEMPORARY, HOUR);
	EXPECT_ROW(&s, SCHEDULE_WELL, 30 * SECOND);
	EXPECT_ROW(&s, SCHEDULE_TEMPORARY, MINUTE);
}

static void
a_failure_never_makes_polls_more_frequent(void **state)
{
	struct schedule s = schedule_of(5 * 60), day = schedule_of(86400);

	(void)state;
	EXPECT_ROW(&s, SCHEDULE_TEMPORARY, 5 * MINUTE, 5 * MINUTE, 5 * MINUTE,
	    8 * MINUTE);
	EXPECT_ROW(&day, SCHEDULE_TEMPORARY, DAY, DAY, DAY);
	EXPECT_ROW(&day, SCHEDULE_PERMANENT, DAY);
	EXPECT_ROW(&day, SCHEDULE_LOGIN_DELAY, DAY);
	EXPECT_ROW(&day, SCHEDULE_REFUSED, DAY);
}

static void
a_maildrop_in_use_is_tried_again_shortly(void **state)
{
	struct schedule s = schedule_of(10), hour = schedule_of(3600);

	(void)state;
	EXPECT_ROW(&s, SCHEDULE_IN_USE, 30 * SECOND, MINUTE, 2 * MINUTE,
	    4 * MINUTE, 8 * MINUTE, 10 * MINUTE, 10 * MINUTE);
	/* One that stays so, in the end not more often than it would be. */
	EXPECT_ROW(&hour, SCHEDULE_IN_USE, 30 * SECOND, MINUTE, 2 * MINUTE,
	    4 * MINUTE, 8 * MINUTE, 16 * MINUTE, 32 * MINUTE, HOUR, HOUR);
}

static void
a_login_delay_is_as_long_as_the_server_says(void **state)
{
	struct schedule s = schedule_of(60);
	struct schedule_outcome o = { .failure = SCHEDULE_LOGIN_DELAY,
		.started = NOW,
		.login_delay_s = 600 };

	(void)state;
	/* Where it does not, it is found out. */
	EXPECT_ROW(&s, SCHEDULE_LOGIN_DELAY, MINUTE, 2 * MINUTE, 4 * MINUTE);
	expect(schedule_after(&s, &o, NOW, MIDDLE), NOW + 10 * MINUTE);
	assert_true(schedule_after(&s, &o, NOW, 0) >= NOW + 10 * MINUTE);
}

static void
another_kind_of_failure_begins_to_count_anew(void **state)
{
	struct schedule s = schedule_of(30);

	(void)state;
	EXPECT_ROW(&s, SCHEDULE_TEMPORARY, MINUTE, 2 * MINUTE, 4 * MINUTE);
	EXPECT_ROW(&s, SCHEDULE_IN_USE, 30 * SECOND, MINUTE);
	EXPECT_ROW(&s, SCHEDULE_TEMPORARY, MINUTE, 2 * MINUTE);
}

static void
a_destination_that_is_down_is_no_failure_of_the_account(void **state)
{
	struct schedule s = schedule_of(60);

	(void)state;
	EXPECT_ROW(&s, SCHEDULE_DESTINATION, MINUTE, MINUTE, MINUTE, MINUTE);
	assert_int_equal(s.setback, SCHEDULE_WELL);
	/* Nor does it show that the account is well. */
	EXPECT_ROW(&s, SCHEDULE_REFUSED, 5 * MINUTE);
	EXPECT_ROW(&s, SCHEDULE_DESTINATION, MINUTE);
	EXPECT_ROW(&s, SCHEDULE_REFUSED, 15 * MINUTE);
}

static void
a_poll_that_we_have_stopped_is_due_again(void **state)
{
	struct schedule s = schedule_of(3600);

	(void)state;
	EXPECT_ROW(&s, SCHEDULE_STOPPED, SECOND);
	assert_int_equal(s.setback, SCHEDULE_WELL);
}

/* --- a refused password --- */

static void
after_three_refusals_it_rests(void **state)
{
	struct schedule s = schedule_of(60);

	(void)state;
	EXPECT_ROW(&s, SCHEDULE_REFUSED, 5 * MINUTE, 15 * MINUTE);
	assert_true(after(&s, SCHEDULE_REFUSED) == SCHEDULE_RESTS);
	assert_false(schedule_is_overdue(&s, INT64_MAX - 1));
	/* Whatever else a poll that was under way has met. */
	assert_true(after(&s, SCHEDULE_TEMPORARY) == SCHEDULE_RESTS);
}

static void
other_failures_between_do_not_make_up_for_a_refusal(void **state)
{
	struct schedule s = schedule_of(60);

	(void)state;
	EXPECT_ROW(&s, SCHEDULE_REFUSED, 5 * MINUTE);
	EXPECT_ROW(&s, SCHEDULE_TEMPORARY, MINUTE);
	EXPECT_ROW(&s, SCHEDULE_REFUSED, 15 * MINUTE);
	EXPECT_ROW(&s, SCHEDULE_IN_USE, 30 * SECOND);
	assert_true(after(&s, SCHEDULE_REFUSED) == SCHEDULE_RESTS);
}

static void
a_login_that_went_well_does(void **state)
{
	struct schedule s = schedule_of(60);

	(void)state;
	EXPECT_ROW(&s, SCHEDULE_REFUSED, 5 * MINUTE, 15 * MINUTE);
	EXPECT_ROW(&s, SCHEDULE_WELL, MINUTE);
	EXPECT_ROW(&s, SCHEDULE_REFUSED, 5 * MINUTE, 15 * MINUTE);
}

static void
refuse_three_times(struct schedule *s)
{
	for (int i = 0; i < 3; i++)
		after(s, SCHEDULE_REFUSED);
	assert_true(s->due == SCHEDULE_RESTS);
}

static void
it_rests_until_its_login_is_another(void **state)
{
	struct schedule s = schedule_of(60);
	struct account slower = account_of(300);

	(void)state;
	refuse_three_times(&s);
	schedule_settings(&s, &slower, ours, NOW);
	assert_true(s.due == SCHEDULE_RESTS);
	schedule_settings(&s, &slower, others, NOW + DAY);
	assert_true(s.due == NOW + DAY);
	EXPECT_ROW(&s, SCHEDULE_REFUSED, 5 * MINUTE, 15 * MINUTE);
}

static void
it_rests_until_somebody_wakes_it(void **state)
{
	struct schedule s = schedule_of(60);

	(void)state;
	refuse_three_times(&s);
	assert_true(schedule_wake(&s, NOW + 7) == NOW + 7);
	EXPECT_ROW(&s, SCHEDULE_REFUSED, 5 * MINUTE, 15 * MINUTE);
	assert_true(after(&s, SCHEDULE_REFUSED) == SCHEDULE_RESTS);
}

static void
settings_that_change_leave_a_due_time_alone(void **state)
{
	struct schedule s = schedule_of(60);
	struct account slower = account_of(300);

	(void)state;
	after(&s, SCHEDULE_WELL);
	schedule_settings(&s, &slower, others, NOW + 1);
	expect(s.due, NOW + MINUTE);
}

static void
logins_are_told_apart(void **state)
{
	struct account a = { .at = { .host = "h", .port = 995 },
		.login = { .user = "ann", .password = "one" } };
	struct account list[] = { a, a, a, a, a, a, a, a, a, a };
	unsigned char digests[10][SCHEDULE_LOGIN], again[SCHEDULE_LOGIN];

	(void)state;
	list[1].at.host = "g";
	list[2].at.port = 110;
	list[3].at.tls = TLS_STARTTLS;
	list[4].login.user = "bob";
	list[5].login.password = "two";
	list[6].login.auth = AUTH_PLAIN;
	list[7].login.password = list[8].login.password =
	    list[9].login.password = NULL;
	list[8].login.password_file = "one";
	list[9].login.password_command = "one";
	for (size_t i = 0; i < 10; i++) {
		schedule_login(&list[i], 0, digests[i]);
		for (size_t k = 0; k < i; k++)
			assert_memory_not_equal(
			    digests[k], digests[i], SCHEDULE_LOGIN);
	}
	a.name = "another";
	a.every_s = 5;
	schedule_login(&a, 0, again);
	assert_memory_equal(again, digests[0], SCHEDULE_LOGIN);
	schedule_login(&a, 1, again);
	assert_memory_not_equal(again, digests[0], SCHEDULE_LOGIN);
}

/* --- starts --- */

static void
few_that_are_overdue_come_at_once_and_many_over_their_interval(void **state)
{
	struct schedule s = schedule_of(3600);
	int64_t due;

	(void)state;
	assert_true(schedule_is_overdue(&s, NOW));
	assert_true(schedule_spread(&s, 0, 1, NOW, UINT32_MAX) <= NOW + 200);
	assert_true(schedule_spread(&s, 4, 5, NOW, 0) == NOW + 800);
	assert_true(schedule_spread(&s, 4, 5, NOW, UINT32_MAX) == NOW + SECOND);
	assert_true(schedule_spread(&s, 0, 50000, NOW, 0) == NOW);
	due = schedule_spread(&s, 25000, 50000, NOW, 0);
	assert_true(due == NOW + HOUR / 2 && due == s.due);
	assert_true(
	    schedule_spread(&s, 49999, 50000, NOW, UINT32_MAX) == NOW + HOUR);
	schedule_free(&s);
	s = schedule_of(0);
	assert_true(
	    schedule_spread(&s, 25000, 50000, NOW, 0) == NOW + HOUR / 2);
	schedule_free(&s);
}

/* What is left of it after a restart, with the clock another one, */
#define LATER (9 * DAY)
static struct schedule
restarted(const struct schedule *s, int64_t every_s, int64_t wall)
{
	struct schedule again = schedule_of(every_s);
	struct schedule_kept kept;

	schedule_keep(s, NOW, WALL, &kept);
	schedule_restore(&again, &kept.row, LATER, wall);
	return again;
}

static void
a_due_time_survives_a_restart(void **state)
{
	struct schedule s = schedule_of(300), again;

	(void)state;
	after(&s, SCHEDULE_WELL);
	again = restarted(&s, 300, WALL + 60);
	assert_in_range(again.due, LATER + 238 * SECOND, LATER + 4 * MINUTE);
	assert_false(schedule_is_overdue(&again, LATER));
	again = restarted(&s, 300, WALL + 301);
	assert_true(schedule_is_overdue(&again, LATER));
}

static void
a_due_time_that_cannot_be_is_none(void **state)
{
	struct schedule s = schedule_of(3600), again;
	struct ledger_schedule row = { .setback = "" };
	const int64_t hostile[] = { INT64_MIN, -1, INT64_MAX };

	(void)state;
	after(&s, SCHEDULE_WELL);
	/* A shorter interval was set, */
	again = restarted(&s, 60, WALL);
	assert_true(again.due == LATER + 66 * SECOND);
	/* or the clock is years behind. */
	again = restarted(&s, 3600, 0);
	assert_true(again.due == LATER + 66 * MINUTE);
	for (size_t i = 0; i < 3; i++) {
		row.due = hostile[i];
		schedule_restore(&s, &row, LATER, WALL);
		assert_in_range(s.due, LATER, LATER + 66 * MINUTE);
	}
	/* Nothing is known. */
	row.due = 0;
	schedule_restore(&s, &row, LATER, WALL);
	assert_true(s.due == LATER);
}

static void
failures_survive_a_restart(void **state)
{
	struct schedule s = schedule_of(60), again;

	(void)state;
	EXPECT_ROW(
	    &s, SCHEDULE_TEMPORARY, MINUTE, 2 * MINUTE, 4 * MINUTE, 8 * MINUTE);
	again = restarted(&s, 60, WALL);
	assert_in_range(
	    again.due, LATER + 8 * MINUTE - 1100, LATER + 8 * MINUTE);
	EXPECT_ROW(&again, SCHEDULE_TEMPORARY, 16 * MINUTE);
	EXPECT_ROW(&again, SCHEDULE_REFUSED, 5 * MINUTE);
	again = restarted(&again, 60, WALL);
	EXPECT_ROW(&again, SCHEDULE_REFUSED, 15 * MINUTE);
	/* The words of another version. */
	again.setback = SCHEDULE_WELL;
	schedule_restore(&again,
	    &(struct ledger_schedule){ .setback = "odd", .setbacks = 9 }, NOW,
	    WALL);
	assert_int_equal(again.setbacks, 0);
}

static void
what_its_owner_had_to_see_to_is_tried_at_a_restart(void **state)
{
	struct schedule s = schedule_of(60), again;

	(void)state;
	EXPECT_ROW(&s, SCHEDULE_PERMANENT, HOUR);
	again = restarted(&s, 60, WALL);
	assert_true(again.due == LATER);
	assert_true(schedule_is_overdue(&again, LATER));
	EXPECT_ROW(&again, SCHEDULE_PERMANENT, HOUR);
}

static void
resting_survives_a_restart_unless_the_login_is_another(void **state)
{
	struct schedule s = schedule_of(60), again;
	struct account account = account_of(60);
	struct schedule_kept kept;

	(void)state;
	refuse_three_times(&s);
	again = restarted(&s, 60, WALL + 1000);
	assert_true(again.due == SCHEDULE_RESTS);
	schedule_keep(&s, NOW, WALL, &kept);
	again = (struct schedule){ 0 };
	schedule_settings(&again, &account, others, LATER);
	schedule_restore(&again, &kept.row, LATER, WALL);
	assert_true(again.due == LATER);
	EXPECT_ROW(&again, SCHEDULE_REFUSED, 5 * MINUTE);
}

static void
a_rhythm_survives_a_restart(void **state)
{
	struct schedule s = schedule_of(0), again;
	struct schedule_outcome o = { .started = NOW, .arrived = 1 };

	(void)state;
	for (o.local = WALL; o.local < WALL + 90000; o.local += 300)
		schedule_after(&s, &o, NOW, MIDDLE);
	again = restarted(&s, 0, WALL);
	assert_memory_equal(again.rhythm, s.rhythm, sizeof(*s.rhythm));
	assert_true(again.rhythm->watched > 1000);
	schedule_free(&again);
	/* A fixed interval has none. */
	again = restarted(&s, 60, WALL);
	assert_null(again.rhythm);
	schedule_free(&s);
	assert_null(s.rhythm);
}

static void
a_rhythm_stays_within_its_bounds_and_is_not_taught_by_failures(void **state)
{
	struct schedule s = schedule_of(0);
	struct schedule_outcome o = {
		.started = NOW, .local = WALL, .arrived = 1
	};
	struct rhythm before;

	(void)state;
	for (int i = 0; i < 2000; i++) {
		o.arrived = i % 100 < 50;
		o.local += 600;
		schedule_after(&s, &o, NOW, MIDDLE);
		assert_in_range(s.due, NOW + 54 * SECOND, NOW + 66 * MINUTE);
	}
	before = *s.rhythm;
	o.local += 600;
	for (int i = SCHEDULE_WELL + 1; i < SCHEDULE_FAILURES; i++) {
		o.failure = (enum schedule_failure)i;
		schedule_after(&s, &o, NOW, MIDDLE);
	}
	assert_memory_equal(s.rhythm, &before, sizeof(before));
	schedule_free(&s);
}

/* --- what an error means --- */

static void
errors_are_failures_of_a_kind(void **state)
{
	static const struct {
		enum error_kind kind;
		bool destination;
		const char *name;
	} rows[] = {
		{ ERR_NONE, false, "" },
		{ ERR_CONNECT, false, "temporary" },
		{ ERR_RESOLVE, false, "temporary" },
		{ ERR_TLS, false, "temporary" },
		{ ERR_BUSY, false, "temporary" },
		{ ERR_REFUSED, false, "temporary" },
		{ ERR_SECRET, false, "temporary" },
		{ ERR_LEDGER, false, "temporary" },
		{ ERR_IN_USE, false, "in_use" },
		{ ERR_LOGIN_DELAY, false, "login_delay" },
		{ ERR_AUTH, false, "refused" },
		{ ERR_QUESTION, false, "permanent" },
		{ ERR_CONFIG, false, "permanent" },
		{ ERR_CONNECT, true, "destination" },
		/* The destination's password. */
		{ ERR_AUTH, true, "destination" },
		{ ERR_STOPPED, false, "stopped" },
		{ ERR_STOPPED, true, "stopped" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(schedule_failure_name(schedule_failure_of(
					rows[i].kind, rows[i].destination)),
		    rows[i].name);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_interval_goes_from_start_to_start),
		cmocka_unit_test(it_varies_by_ten_per_cent),
		cmocka_unit_test(never_are_there_two_starts_in_a_second),
		cmocka_unit_test(a_server_that_asks_for_a_delay_gets_it),
		cmocka_unit_test(
		    temporary_failures_double_from_a_minute_to_an_hour),
		cmocka_unit_test(a_failure_never_makes_polls_more_frequent),
		cmocka_unit_test(a_maildrop_in_use_is_tried_again_shortly),
		cmocka_unit_test(a_login_delay_is_as_long_as_the_server_says),
		cmocka_unit_test(another_kind_of_failure_begins_to_count_anew),
		cmocka_unit_test(
		    a_destination_that_is_down_is_no_failure_of_the_account),
		cmocka_unit_test(a_poll_that_we_have_stopped_is_due_again),
		cmocka_unit_test(after_three_refusals_it_rests),
		cmocka_unit_test(
		    other_failures_between_do_not_make_up_for_a_refusal),
		cmocka_unit_test(a_login_that_went_well_does),
		cmocka_unit_test(it_rests_until_its_login_is_another),
		cmocka_unit_test(it_rests_until_somebody_wakes_it),
		cmocka_unit_test(settings_that_change_leave_a_due_time_alone),
		cmocka_unit_test(logins_are_told_apart),
		cmocka_unit_test(
		    few_that_are_overdue_come_at_once_and_many_over_their_interval),
		cmocka_unit_test(a_due_time_survives_a_restart),
		cmocka_unit_test(a_due_time_that_cannot_be_is_none),
		cmocka_unit_test(failures_survive_a_restart),
		cmocka_unit_test(
		    what_its_owner_had_to_see_to_is_tried_at_a_restart),
		cmocka_unit_test(
		    resting_survives_a_restart_unless_the_login_is_another),
		cmocka_unit_test(a_rhythm_survives_a_restart),
		cmocka_unit_test(
		    a_rhythm_stays_within_its_bounds_and_is_not_taught_by_failures),
		cmocka_unit_test(errors_are_failures_of_a_kind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
