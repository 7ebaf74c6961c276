/* test-trouble.c - what an owner is told of, how often, and in which words. */
#include "daemon/quota.h"
#include "daemon/trouble.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define F TROUBLE_FAILING
#define R TROUBLE_REFUSED
#define H TROUBLE_HELD

#define DAY 86400
#define NOW ((int64_t)1795300542)

/* --- troubles --- */

static void
a_poll_changes_what_it_has_learned_of(void **state)
{
	static const struct {
		uint32_t before;
		bool well, failed, refused;
		int64_t since;
		bool looked;
		uint64_t held;
		uint32_t after;
	} rows[] = {
		{ 0, true, false, false, 0, true, 0, 0 },
		{ F | R | H, true, false, false, 0, true, 0, 0 },
		{ F | R | H, true, false, false, 0, true, 2, H },
		{ F | R | H, true, false, false, 0, false, 0, H },
		{ 0, false, true, false, NOW - DAY + 1, false, 0, 0 },
		{ 0, false, true, false, NOW - DAY, false, 0, F },
		{ 0, false, true, false, NOW + 100, false, 0, 0 },
		{ 0, false, true, true, NOW, false, 0, R },
		{ R, false, true, false, NOW, false, 0, R },
		{ F, false, true, false, NOW, false, 0, F },
		{ 0, false, true, false, NOW, false, 1, H },
		{ H, false, true, false, NOW, true, 0, 0 },
		{ F | R | H, false, false, false, 0, false, 0, F | R | H },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct trouble_signs signs = { .well = rows[i].well,
			.failed = rows[i].failed,
			.refused = rows[i].refused,
			.since = rows[i].since,
			.now = NOW,
			.after_s = DAY,
			.looked = rows[i].looked,
			.held = rows[i].held };

		if (trouble_after(rows[i].before, &signs) != rows[i].after)
			fail_msg("row %zu", i);
	}
}

static void
what_was_told_is_no_news(void **state)
{
	static const struct {
		uint32_t troubles, alerted, begun, over;
	} rows[] = {
		{ 0, 0, 0, 0 },
		{ H, 0, H, 0 },
		{ H, H, 0, 0 },
		{ 0, H, 0, H },
		{ F | H, H, F, 0 },
		{ R, H, R, H },
		/* A refused password fails for a day, too. */
		{ R | F, 0, R, 0 },
		{ R | F, R, 0, 0 },
		{ F, R, 0, R },
		{ R | F, F, R, 0 },
		{ 0, R | F | H, 0, R | F | H },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct trouble_news news =
		    trouble_news(rows[i].troubles, rows[i].alerted);

		if (news.begun != rows[i].begun || news.over != rows[i].over)
			fail_msg("row %zu", i);
	}
}

/* --- words --- */

static const struct trouble_case isp = { .account = "isp",
	.user = "ann@isp.example",
	.host = "pop.isp.example",
	.since = NOW,
	.words = "pop.isp.example refused PASS: [AUTH] no",
	.held = 2,
	.held_words = "550 5.1.1 no such user" };

static struct trouble_letter
letter_of(const struct trouble_case *c)
{
	return (struct trouble_letter){ .by = "mail.example.org",
		.cases = c,
		.count = 1,
		.accounts = 1,
		.begun = c->news.begun != 0,
		.over = c->news.begun == 0 };
}

static void
expect(const struct trouble_case *c, const char *subject, const char *part)
{
	struct trouble_letter l = letter_of(c);
	struct buffer out = { 0 };

	trouble_subject(&l, &out);
	assert_string_equal(out.data, subject);
	buffer_clear(&out);
	trouble_text(&l, &out);
	if (strstr(out.data, part) == NULL)
		fail_msg("lacks %s:\n%s", part, out.data);
	buffer_free(&out);
}

static void
each_trouble_has_its_words(void **state)
{
	struct trouble_case c = isp;

	(void)state;
	c.news = (struct trouble_news){ .begun = R };
	expect(&c, "isp: the password was refused",
	    "\n    pop.isp.example refused PASS: [AUTH] no\n");
	expect(&c, "isp: the password was refused", "postrider wake isp\n");
	expect(&c, "isp: the password was refused",
	    "\nisp (ann@isp.example at pop.isp.example)\n");
	expect(&c, "isp: the password was refused", ", since 20");
	c.news.begun = F;
	expect(&c, "isp: no mail can be fetched", "postrider check isp\n");
	c.down = "home";
	expect(&c, "isp: no mail can be fetched",
	    "the destination home takes no mail");
	c.news.begun = H;
	expect(&c, "isp: mail is held", "2 messages are held: they stay");
	expect(&c, "isp: mail is held", "\n    550 5.1.1 no such user\n");
	expect(&c, "isp: mail is held", "postrider held list isp\n");
	c.news = (struct trouble_news){ .over = R | F | H };
	expect(&c, "isp: well again", "the server takes the password.");
	expect(&c, "isp: well again", "mail is fetched.");
	expect(&c, "isp: well again", "no message is held any more.");
}

static void
that_more_comes_is_only_said_where_it_does(void **state)
{
	struct trouble_case c = isp;
	struct trouble_letter l;
	struct buffer out = { 0 };

	(void)state;
	c.news = (struct trouble_news){ .over = H };
	l = letter_of(&c);
	trouble_text(&l, &out);
	assert_null(strstr(out.data, "once more"));
	buffer_free(&out);
}

static void
many_accounts_are_summed_up(void **state)
{
	static const struct {
		size_t begun, over;
		const char *subject;
	} rows[] = {
		{ 2, 0, "2 accounts need you" },
		{ 0, 5, "5 accounts are well again" },
		{ 1, 3, "1 account needs you, 3 well again" },
		{ 4000, 1, "4000 accounts need you, 1 well again" },
	};
	struct trouble_case cases[TROUBLE_CASES];
	struct trouble_letter l = {
		.by = "me", .cases = cases, .count = TROUBLE_CASES
	};
	struct buffer out = { 0 };

	(void)state;
	for (size_t i = 0; i < TROUBLE_CASES; i++) {
		cases[i] = isp;
		cases[i].news.begun = R;
	}
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		l.begun = rows[i].begun;
		l.over = rows[i].over;
		l.accounts = l.begun + l.over;
		trouble_subject(&l, &out);
		assert_string_equal(out.data, rows[i].subject);
		buffer_clear(&out);
	}
	trouble_text(&l, &out);
	assert_non_null(
	    strstr(out.data, "And 3981 more accounts: 4000 in all"));
	buffer_free(&out);
}

/* --- so many in an hour --- */

#define HOUR ((int64_t)3600 * 1000)

static void
so_many_in_an_hour_and_no_more(void **state)
{
	struct quota q = { 0 };

	(void)state;
	assert_int_equal(quota_used(&q, 3, 0), 0);
	for (int64_t t = 10; t < 40; t += 10) {
		assert_int_equal(quota_next(&q, 3, t), t);
		quota_take(&q, 3, t);
	}
	assert_int_equal(quota_used(&q, 3, 40), 3);
	assert_int_equal(quota_next(&q, 3, 40), 10 + HOUR);
	assert_int_equal(quota_used(&q, 3, 10 + HOUR), 2);
	quota_take(&q, 3, 10 + HOUR);
	assert_int_equal(quota_next(&q, 3, 11 + HOUR), 20 + HOUR);
	assert_int_equal(quota_next(&q, 3, 21 + HOUR), 21 + HOUR);
	assert_int_equal(quota_used(&q, 3, 3 * HOUR), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_poll_changes_what_it_has_learned_of),
		cmocka_unit_test(what_was_told_is_no_news),
		cmocka_unit_test(each_trouble_has_its_words),
		cmocka_unit_test(that_more_comes_is_only_said_where_it_does),
		cmocka_unit_test(many_accounts_are_summed_up),
		cmocka_unit_test(so_many_in_an_hour_and_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
