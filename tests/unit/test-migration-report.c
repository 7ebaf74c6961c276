/* test-migration-report.c - what a report of a migration says, of what it was
 * given. */
#include "migrate/report-private.h"
#include "migrate/report.h"

#include "base/alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define NOW ((int64_t)1795300000)
#define DAY ((int64_t)86400)

/* Ever the same, and as report_read() leaves it. */
static void
begin(struct report *r, size_t mailboxes)
{
	*r = (struct report){ .made = NOW, .count = mailboxes };
	r->list = xcalloc(mailboxes ? mailboxes : 1, sizeof(*r->list));
	for (size_t i = 0; i < mailboxes; i++) {
		struct report_mailbox *m = &r->list[i];

		m->name = xasprintf("user%zu@old.example@pop.old.example", i);
		m->from =
		    xasprintf("user%zu@old.example at pop.old.example", i);
		m->to = xasprintf("user%zu@new.example at mx.new.example", i);
		m->at = xstrdup("");
		m->trouble = xstrdup("");
		m->unread = xstrdup("");
		m->added_names = xstrdup("");
	}
}

static void
add_run(struct report *r, int64_t first, int64_t last, uint64_t messages)
{
	size_t n = r->run_count++;

	r->runs = xrealloc(r->runs, r->run_count, sizeof(*r->runs));
	r->moments =
	    xrealloc(r->moments, r->moment_count + 2, sizeof(*r->moments));
	r->runs[n] = (struct report_run){ first, last, 2 * messages,
		2000 * messages, r->moment_count, 2 };
	r->moments[r->moment_count++] =
	    (struct report_moment){ first, messages, 1000 * messages };
	r->moments[r->moment_count++] =
	    (struct report_moment){ last, messages, 1000 * messages };
	r->took_s += last - first + 1;
	r->all.first = r->runs[0].first;
	r->all.last = last;
}

static void
expect_headline(struct report *r, const char *wanted)
{
	struct buffer out = { 0 };

	report_headline(r, &out);
	assert_string_equal(out.data, wanted);
	buffer_free(&out);
}

static void
set_trouble(struct report_mailbox *m, const char *words)
{
	free(m->trouble);
	m->trouble = xstrdup(words);
}

static void
the_headline_says_what_became_of_it(void **state)
{
	struct report r;

	(void)state;
	begin(&r, 2);
	expect_headline(&r, "Nothing to move");
	r.all.moved = 1;
	expect_headline(&r, "1 message moved, not verified yet");
	r.all.moved = 20000;
	expect_headline(&r, "All 20,000 messages moved, not verified yet");
	r.all.verified_at = NOW;
	expect_headline(&r, "All 20,000 messages moved, none verified");
	r.all.there = true;
	r.all.verified = 20000;
	expect_headline(&r, "All 20,000 messages moved and verified");
	r.all.there = false;
	expect_headline(&r,
	    "All 20,000 messages moved, 20,000 verified at the source only");
	r.all.there = true;
	r.all.moved = r.all.verified = 19998;
	r.all.held = 2;
	expect_headline(
	    &r, "19,998 of 20,000 messages moved and verified; 2 held");
	r.all.verified -= 4;
	r.all.missing = 3;
	r.all.changed_source = 1;
	r.all.waiting = 1000;
	set_trouble(&r.list[1], "no");
	expect_headline(&r,
	    "19,998 of 21,000 messages moved, 19,994 verified; 3 missing, "
	    "1 changed, 2 held, 1,000 not moved yet; 1 mailbox not finished");
	set_trouble(&r.list[0], "no");
	r.all = (struct report_mailbox){ 0 };
	expect_headline(
	    &r, "Nothing has been moved yet; 2 mailboxes not finished");
	r.all.rejected = 7;
	expect_headline(&r,
	    "None of 7 messages moved; 7 refused; 2 mailboxes not finished");
	report_free(&r);
}

static void
expect_when(struct report *r, const char *wanted)
{
	struct buffer out = { 0 };

	report_when(r, &out);
	buffer_add_text(&out, "");
	assert_string_equal(out.data, wanted);
	buffer_free(&out);
}

static void
it_says_when_and_how_fast(void **state)
{
	struct report r;

	(void)state;
	begin(&r, 1);
	expect_when(&r, "");
	add_run(&r, NOW, NOW, 1);
	r.all.moved = 2;
	r.all.moved_octets = 2000;
	expect_when(
	    &r, "21 Nov 2026, 22:26, in 1 s: 2.0 messages, 2.0 kB a second");
	add_run(&r, NOW + 3000, NOW + 3599, 300);
	r.all.moved = 602;
	expect_when(&r,
	    "21 Nov 2026, 22:26 to 23:26, in 10 min of work in 2 runs: "
	    "1.0 messages, 3 B a second");
	add_run(&r, NOW + 3 * DAY, NOW + 4 * DAY, 300);
	r.all.moved = 12000000;
	expect_when(&r,
	    "21 Nov 2026, 22:26 to 25 Nov 2026, 22:26, in 1 day of work in 3 "
	    "runs: 138 messages, 0 B a second");
	report_free(&r);
}

static void
expect_took(int64_t seconds, const char *wanted)
{
	struct buffer out = { 0 };

	words_took(seconds, &out);
	assert_string_equal(out.data, wanted);
	buffer_free(&out);
}

static void
times_have_the_units_that_people_use(void **state)
{
	(void)state;
	expect_took(0, "0 s");
	expect_took(59, "59 s");
	expect_took(60, "1 min");
	expect_took(61, "1 min 1 s");
	expect_took(1561, "26 min");
	expect_took(3600, "1 h");
	expect_took(3900, "1 h 5 min");
	expect_took(DAY + 3600, "1 day 1 h");
	expect_took(3 * DAY, "3 days");
}

static size_t
times(const char *text, const char *word)
{
	size_t n = 0;

	while ((text = strstr(text, word)) != NULL) {
		text += strlen(word);
		n++;
	}
	return n;
}

static void
make_page(struct report *r, struct buffer *out)
{
	report_html(r, out);
	/* Not a number, or none that can be drawn. */
	assert_null(strstr(out->data, "nan"));
	assert_null(strstr(out->data, "inf"));
	assert_null(strstr(out->data, "V-"));
	assert_int_equal(times(out->data, "</html>"), 1);
}

static void
a_page_can_be_made_of_nothing(void **state)
{
	struct buffer page = { 0 }, text = { 0 }, json = { 0 };
	struct report r;

	(void)state;
	begin(&r, 0);
	make_page(&r, &page);
	report_text(&r, &text);
	report_json(&r, &json);
	assert_int_equal(times(page.data, "<svg"), 1);
	assert_non_null(strstr(text.data, "Nothing to move\n====="));
	assert_non_null(strstr(json.data, "\"mailboxes\":[]"));
	report_free(&r);
	buffer_free(&page);
	buffer_free(&text);
	buffer_free(&json);
}

static void
however_many_runs_there_were_their_pictures_fit(void **state)
{
	struct buffer page = { 0 };
	struct report r;

	(void)state;
	begin(&r, 1);
	r.list[0].moved = r.all.moved = 1;
	for (int64_t i = 0; i < 50; i++) {
		add_run(&r, NOW + i * i * 10000, NOW + i * i * 10000 + i * 50,
		    (uint64_t)i);
		buffer_clear(&page);
		make_page(&r, &page);
		assert_int_equal(times(page.data, "<figure"),
		    i == 0      ? 0
			: i < 6 ? i + 1
				: 6);
	}
	assert_true(page.len < 60000);
	report_free(&r);
	buffer_free(&page);
}

static void
a_thousand_mailboxes_that_are_well_are_folded_away(void **state)
{
	struct buffer page = { 0 };
	struct report r;

	(void)state;
	begin(&r, 2000);
	add_run(&r, NOW, NOW + 100, 1000);
	for (size_t i = 0; i < r.count; i++)
		r.list[i].moved = i + 1;
	set_trouble(&r.list[1234], "no <answer>");
	make_page(&r, &page);
	assert_int_equal(times(page.data, "<tr><td>"), 2000);
	assert_non_null(strstr(page.data, "1,999 mailboxes moved without"));
	/* What needs a look is not. */
	assert_true(strstr(page.data, "user1234@old.example") <
	    strstr(page.data, "<details"));
	assert_non_null(strstr(page.data, "Not finished: no &lt;answer&gt;"));
	assert_null(strstr(page.data, "@pop.old.example"));
	assert_true(page.len < 2000 * 500);
	report_free(&r);
	buffer_free(&page);
}

static struct report_message *
messages(size_t count, unsigned verdict)
{
	struct report_message *list = xcalloc(count, sizeof(*list));

	for (size_t i = 0; i < count; i++) {
		list[i] = (struct report_message){ .state = STATE_DEFERRED,
			.verdict = verdict,
			.grave = verdict != 0,
			.since = NOW,
			.date = -1,
			.subject = xstrdup(""),
			.where = xstrdup(""),
			.words = xstrdup("451 4.7.1 later") };
		buffer_addf(&list[i].uid, "uid-%zu", i);
	}
	return list;
}

static void
of_thousands_of_messages_the_page_names_some_and_the_others_all(void **state)
{
	const char *folded;
	struct buffer page = { 0 }, json = { 0 }, text = { 0 };
	struct report r;

	(void)state;
	begin(&r, 1);
	r.list[0].held_list = messages(5000, 0);
	r.list[0].held_count = r.all.waiting = r.list[0].waiting = 5000;
	r.list[0].findings = messages(3000, VERIFIED_MISSING);
	r.list[0].finding_count = r.list[0].fault_count = 3000;
	r.all.missing = r.list[0].missing = 3000;
	r.all.moved = r.list[0].moved = 3000;
	r.all.verified_at = r.list[0].verified_at = NOW;
	make_page(&r, &page);
	report_json(&r, &json);
	report_text(&r, &text);
	assert_int_equal(times(page.data, "refused for now</span>"), 50);
	assert_non_null(strstr(page.data, "4,950 more"));
	/* Each fault, but what is more than 50 is folded. */
	assert_int_equal(times(page.data, ">missing</span>"), 3000);
	folded = strstr(page.data, "<summary>2,950 more");
	assert_non_null(folded);
	assert_int_equal(times(folded, ">missing</span>"), 2950);
	assert_int_equal(times(text.data, "UID uid-"), 8000);
	assert_int_equal(times(json.data, "\"uid\":"), 8000);
	report_free(&r);
	buffer_free(&page);
	buffer_free(&json);
	buffer_free(&text);
}

static void
of_what_is_no_fault_all_but_the_json_name_some(void **state)
{
	struct buffer page = { 0 }, json = { 0 }, text = { 0 };
	struct report r;

	(void)state;
	begin(&r, 1);
	r.list[0].findings = messages(3000, 0);
	r.list[0].finding_count = 3000;
	for (size_t i = 0; i < 60; i++) {
		r.list[0].findings[i].verdict = VERIFIED_MISSING;
		r.list[0].findings[i].grave = true;
	}
	r.list[0].fault_count = 60;
	r.all.missing = r.list[0].missing = 60;
	r.all.moved = r.list[0].moved = 3000;
	r.all.verified_at = r.list[0].verified_at = NOW;
	make_page(&r, &page);
	report_json(&r, &json);
	report_text(&r, &text);
	assert_int_equal(times(page.data, ">missing</span>"), 60);
	assert_int_equal(times(page.data, ">note</span>"), 50);
	assert_non_null(strstr(page.data, "2,890 more with which all is well"));
	assert_int_equal(times(text.data, "UID uid-"), 1060);
	assert_non_null(strstr(text.data, "and 1940 more with which all"));
	assert_int_equal(times(json.data, "\"uid\":"), 3000);
	report_free(&r);
	buffer_free(&page);
	buffer_free(&json);
	buffer_free(&text);
}

static int
in_utc(void **state)
{
	(void)state;
	setenv("TZ", "UTC0", 1);
	tzset();
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_headline_says_what_became_of_it),
		cmocka_unit_test(it_says_when_and_how_fast),
		cmocka_unit_test(times_have_the_units_that_people_use),
		cmocka_unit_test(a_page_can_be_made_of_nothing),
		cmocka_unit_test(
		    however_many_runs_there_were_their_pictures_fit),
		cmocka_unit_test(
		    a_thousand_mailboxes_that_are_well_are_folded_away),
		cmocka_unit_test(
		    of_thousands_of_messages_the_page_names_some_and_the_others_all),
		cmocka_unit_test(
		    of_what_is_no_fault_all_but_the_json_name_some),
	};

	return cmocka_run_group_tests(tests, in_utc, NULL);
}
