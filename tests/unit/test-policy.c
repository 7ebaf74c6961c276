/* test-policy.c - what each refusal means, and when to try again. */
#include "delivery/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MINUTE ((int64_t)60)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

static struct smtp_reply
reply_of(int code, int class, int subject, int detail)
{
	return (struct smtp_reply){ .code = code,
		.class = class,
		.subject = subject,
		.detail = detail };
}

struct row {
	enum policy_stage stage;
	int code, class, subject, detail;
	enum policy_action action;
};

static void
check(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct row *r = &rows[i];
		struct smtp_reply reply =
		    reply_of(r->code, r->class, r->subject, r->detail);
		enum policy_action action = policy_reply(r->stage, &reply);

		if (action != r->action)
			fail_msg("stage %d, %d %d.%d.%d: action %d, not %d",
			    (int)r->stage, r->code, r->class, r->subject,
			    r->detail, (int)action, (int)r->action);
	}
}

#define CHECK(rows) check(rows, sizeof(rows) / sizeof((rows)[0]))

static void
a_421_is_the_connections_fault_at_every_stage(void **state)
{
	static const struct row rows[] = {
		{ STAGE_MAIL, 421, 0, 0, 0, POLICY_RECONNECT },
		{ STAGE_RCPT, 421, 0, 0, 0, POLICY_RECONNECT },
		{ STAGE_DATA, 421, 0, 0, 0, POLICY_RECONNECT },
		{ STAGE_END, 421, 0, 0, 0, POLICY_RECONNECT },
		{ STAGE_RCPT, 421, 4, 2, 2, POLICY_RECONNECT },
		{ STAGE_MAIL, 421, 4, 7, 1, POLICY_RECONNECT },
		{ STAGE_MAIL, 420, 0, 0, 0, POLICY_DEFER_MESSAGE },
		{ STAGE_MAIL, 422, 0, 0, 0, POLICY_DEFER_MESSAGE },
	};

	(void)state;
	CHECK(rows);
}

static void
a_positive_reply_accepts(void **state)
{
	static const struct row rows[] = {
		{ STAGE_MAIL, 250, 0, 0, 0, POLICY_ACCEPTED },
		{ STAGE_RCPT, 250, 2, 1, 5, POLICY_ACCEPTED },
		{ STAGE_RCPT, 251, 0, 0, 0, POLICY_ACCEPTED },
		{ STAGE_RCPT, 252, 0, 0, 0, POLICY_ACCEPTED },
		{ STAGE_END, 250, 0, 0, 0, POLICY_ACCEPTED },
		{ STAGE_END, 250, 2, 0, 0, POLICY_ACCEPTED },
	};

	(void)state;
	CHECK(rows);
}

static void
an_intermediate_or_unknown_code_accepts_nothing(void **state)
{
	static const enum policy_stage stages[] = { STAGE_MAIL, STAGE_RCPT,
		STAGE_DATA, STAGE_END };
	static const int codes[] = { 0, 1, 100, 199, 300, 354, 399, 600, 999,
		-250 };

	(void)state;
	for (size_t s = 0; s < sizeof(stages) / sizeof(stages[0]); s++)
		for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
			struct smtp_reply reply = reply_of(codes[i], 0, 0, 0);

			assert_int_equal(policy_reply(stages[s], &reply),
			    POLICY_DEFER_MESSAGE);
		}
}

static void
what_every_message_would_meet_stops_the_destination(void **state)
{
	static const struct row rows[] = {
		{ STAGE_MAIL, 530, 0, 0, 0, POLICY_STOP_DESTINATION },
		{ STAGE_MAIL, 530, 5, 7, 0, POLICY_STOP_DESTINATION },
		{ STAGE_MAIL, 535, 5, 7, 8, POLICY_STOP_DESTINATION },
		{ STAGE_MAIL, 538, 5, 7, 11, POLICY_STOP_DESTINATION },
		{ STAGE_RCPT, 530, 0, 0, 0, POLICY_STOP_DESTINATION },
		{ STAGE_DATA, 530, 0, 0, 0, POLICY_STOP_DESTINATION },
		/* One step beside each of them. */
		{ STAGE_MAIL, 529, 0, 0, 0, POLICY_HOLD_MESSAGE },
		{ STAGE_MAIL, 531, 0, 0, 0, POLICY_HOLD_MESSAGE },
		{ STAGE_MAIL, 534, 0, 0, 0, POLICY_HOLD_MESSAGE },
		{ STAGE_MAIL, 539, 0, 0, 0, POLICY_HOLD_MESSAGE },
		{ STAGE_RCPT, 535, 0, 0, 0, POLICY_HOLD_RECIPIENT },
		{ STAGE_RCPT, 538, 0, 0, 0, POLICY_HOLD_RECIPIENT },
		{ STAGE_DATA, 535, 0, 0, 0, POLICY_HOLD_MESSAGE },
		{ STAGE_END, 530, 0, 0, 0, POLICY_HOLD_MESSAGE },
	};

	(void)state;
	CHECK(rows);
}

static void
a_refusal_by_policy_before_the_data_is_no_reason_to_hold(void **state)
{
	static const struct row rows[] = {
		{ STAGE_MAIL, 550, 5, 7, 1, POLICY_DEFER_MESSAGE },
		{ STAGE_MAIL, 553, 5, 7, 1, POLICY_DEFER_MESSAGE },
		{ STAGE_MAIL, 554, 5, 7, 1, POLICY_DEFER_MESSAGE },
		{ STAGE_RCPT, 550, 5, 7, 1, POLICY_DEFER_RECIPIENT },
		{ STAGE_RCPT, 554, 5, 7, 1, POLICY_DEFER_RECIPIENT },
		/* One step beside it. */
		{ STAGE_MAIL, 555, 5, 7, 1, POLICY_HOLD_MESSAGE },
		{ STAGE_MAIL, 549, 5, 7, 1, POLICY_HOLD_MESSAGE },
		{ STAGE_MAIL, 550, 5, 7, 2, POLICY_HOLD_MESSAGE },
		{ STAGE_MAIL, 550, 5, 1, 7, POLICY_HOLD_MESSAGE },
		{ STAGE_MAIL, 550, 4, 7, 1, POLICY_HOLD_MESSAGE },
		{ STAGE_MAIL, 550, 0, 0, 0, POLICY_HOLD_MESSAGE },
		{ STAGE_RCPT, 555, 5, 7, 1, POLICY_HOLD_RECIPIENT },
		{ STAGE_RCPT, 550, 5, 7, 2, POLICY_HOLD_RECIPIENT },
		{ STAGE_RCPT, 550, 4, 7, 1, POLICY_HOLD_RECIPIENT },
		{ STAGE_DATA, 554, 5, 7, 1, POLICY_HOLD_MESSAGE },
		{ STAGE_END, 554, 5, 7, 1, POLICY_HOLD_MESSAGE },
	};

	(void)state;
	CHECK(rows);
}

static void
a_refused_recipient_concerns_only_itself(void **state)
{
	static const struct row rows[] = {
		{ STAGE_RCPT, 400, 0, 0, 0, POLICY_DEFER_RECIPIENT },
		{ STAGE_RCPT, 450, 4, 2, 0, POLICY_DEFER_RECIPIENT },
		{ STAGE_RCPT, 452, 4, 5, 3, POLICY_DEFER_RECIPIENT },
		{ STAGE_RCPT, 499, 0, 0, 0, POLICY_DEFER_RECIPIENT },
		{ STAGE_RCPT, 500, 0, 0, 0, POLICY_HOLD_RECIPIENT },
		{ STAGE_RCPT, 550, 5, 1, 1, POLICY_HOLD_RECIPIENT },
		{ STAGE_RCPT, 554, 0, 0, 0, POLICY_HOLD_RECIPIENT },
		{ STAGE_RCPT, 599, 0, 0, 0, POLICY_HOLD_RECIPIENT },
	};

	(void)state;
	CHECK(rows);
}

static void
a_full_mailbox_is_tried_again_and_a_large_message_is_not(void **state)
{
	static const struct row rows[] = {
		{ STAGE_RCPT, 552, 0, 0, 0, POLICY_DEFER_RECIPIENT },
		{ STAGE_RCPT, 552, 5, 2, 2, POLICY_DEFER_RECIPIENT },
		{ STAGE_RCPT, 550, 5, 2, 2, POLICY_DEFER_RECIPIENT },
		{ STAGE_RCPT, 552, 5, 5, 3, POLICY_DEFER_RECIPIENT },
		{ STAGE_RCPT, 552, 5, 3, 4, POLICY_HOLD_RECIPIENT },
		{ STAGE_RCPT, 552, 5, 2, 3, POLICY_HOLD_RECIPIENT },
		/* An enhanced code of the wrong class says nothing. */
		{ STAGE_RCPT, 552, 4, 3, 4, POLICY_DEFER_RECIPIENT },
		{ STAGE_RCPT, 550, 4, 2, 2, POLICY_HOLD_RECIPIENT },
		{ STAGE_END, 552, 5, 2, 2, POLICY_DEFER_MESSAGE },
		{ STAGE_END, 550, 5, 2, 2, POLICY_DEFER_MESSAGE },
		{ STAGE_END, 552, 5, 3, 4, POLICY_HOLD_MESSAGE },
		{ STAGE_END, 552, 0, 0, 0, POLICY_HOLD_MESSAGE },
		{ STAGE_MAIL, 552, 0, 0, 0, POLICY_HOLD_MESSAGE },
		{ STAGE_MAIL, 552, 5, 3, 4, POLICY_HOLD_MESSAGE },
		{ STAGE_MAIL, 452, 4, 3, 1, POLICY_DEFER_MESSAGE },
	};

	(void)state;
	CHECK(rows);
}

static void
the_first_digit_decides_about_the_message(void **state)
{
	static const enum policy_stage stages[] = { STAGE_MAIL, STAGE_DATA,
		STAGE_END };
	static const int later[] = { 400, 450, 451, 452, 454, 499 };
	static const int never[] = { 500, 501, 502, 503, 550, 551, 554, 599 };

	(void)state;
	for (size_t s = 0; s < sizeof(stages) / sizeof(stages[0]); s++) {
		for (size_t i = 0; i < sizeof(later) / sizeof(later[0]); i++) {
			struct smtp_reply reply = reply_of(later[i], 0, 0, 0);

			assert_int_equal(policy_reply(stages[s], &reply),
			    POLICY_DEFER_MESSAGE);
		}
		for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
			struct smtp_reply reply = reply_of(never[i], 0, 0, 0);

			assert_int_equal(policy_reply(stages[s], &reply),
			    POLICY_HOLD_MESSAGE);
		}
	}
}

static void
too_large_is_told_from_too_full(void **state)
{
	static const struct {
		int code, class, subject, detail;
		bool too_large;
	} rows[] = {
		{ 552, 5, 3, 4, true },
		{ 554, 5, 3, 4, true },
		{ 550, 5, 2, 3, true },
		{ 552, 0, 0, 0, true },
		{ 552, 5, 2, 2, false },
		{ 552, 5, 0, 0, false },
		{ 452, 4, 3, 4, false },
		{ 452, 0, 0, 0, false },
		{ 554, 0, 0, 0, false },
		{ 550, 5, 4, 3, false },
		{ 250, 2, 0, 0, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct smtp_reply reply = reply_of(rows[i].code, rows[i].class,
		    rows[i].subject, rows[i].detail);

		if (policy_is_too_large(&reply) != rows[i].too_large)
			fail_msg("%d %d.%d.%d", rows[i].code, rows[i].class,
			    rows[i].subject, rows[i].detail);
	}
}

static void
waits_double_from_a_minute_to_four_hours(void **state)
{
	static const int64_t minutes[] = { 1, 2, 4, 8, 16, 32, 64, 128, 240,
		240, 240 };
	int64_t now = 1700000000;

	(void)state;
	for (size_t i = 0; i < sizeof(minutes) / sizeof(minutes[0]); i++)
		assert_int_equal(policy_next_try((uint32_t)i + 1, now, now),
		    now + minutes[i] * MINUTE);
	assert_int_equal(policy_next_try(UINT32_MAX, now, now), now + 4 * HOUR);
	assert_int_equal(policy_next_try(0, now, now), now + MINUTE);
}

static void
after_five_days_there_is_no_next_try(void **state)
{
	int64_t first = 1700000000;

	(void)state;
	assert_int_equal(policy_next_try(40, first, first + 5 * DAY - 1),
	    first + 5 * DAY - 1 + 4 * HOUR);
	assert_int_equal(policy_next_try(40, first, first + 5 * DAY), 0);
	assert_int_equal(policy_next_try(1, first, first + 5 * DAY), 0);
	assert_int_equal(policy_next_try(1, first, first + 500 * DAY), 0);
}

static void
a_clock_that_went_back_only_waits(void **state)
{
	int64_t first = 1700000000, now = first - 400 * DAY;

	(void)state;
	assert_int_equal(policy_next_try(1, first, now), now + MINUTE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_421_is_the_connections_fault_at_every_stage),
		cmocka_unit_test(a_positive_reply_accepts),
		cmocka_unit_test(
		    an_intermediate_or_unknown_code_accepts_nothing),
		cmocka_unit_test(
		    what_every_message_would_meet_stops_the_destination),
		cmocka_unit_test(
		    a_refusal_by_policy_before_the_data_is_no_reason_to_hold),
		cmocka_unit_test(a_refused_recipient_concerns_only_itself),
		cmocka_unit_test(
		    a_full_mailbox_is_tried_again_and_a_large_message_is_not),
		cmocka_unit_test(the_first_digit_decides_about_the_message),
		cmocka_unit_test(too_large_is_told_from_too_full),
		cmocka_unit_test(waits_double_from_a_minute_to_four_hours),
		cmocka_unit_test(after_five_days_there_is_no_next_try),
		cmocka_unit_test(a_clock_that_went_back_only_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
