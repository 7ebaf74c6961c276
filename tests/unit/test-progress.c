/* test-progress.c - what the line of progress says, and how wide it gets. */
#include "command/progress.h"

#include "base/buffer.h"
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Of a mailbox that began so long ago: how far it is. 0: it has not begun. */
static void
set(struct progress *p, const char *name, int64_t began, uint64_t done,
    uint64_t messages)
{
	p->name = name;
	atomic_store(&p->began, began);
	atomic_store(&p->again, 0);
	atomic_store(&p->before, 0);
	atomic_store(&p->over, false);
	atomic_store(&p->poll.phase, (int)POLL_MOVING);
	atomic_store(&p->poll.messages, messages);
	atomic_store(&p->poll.messages_done, done);
	atomic_store(&p->poll.octets, messages * 1000);
	atomic_store(&p->poll.octets_done, done * 1000);
}

static void
expect(struct progress *list, size_t count, size_t columns, int64_t ms,
    const char *line)
{
	char out[200];

	progress_describe(
	    out, sizeof(out), columns, list, count, 1000 + ms, 1000);
	assert_string_equal(out, line);
}

static void
of_one_mailbox_it_says_what_is_left(void **state)
{
	struct progress one;

	(void)state;
	set(&one, "isp", 1, 20, 100);
	expect(&one, 1, 80, 0, "isp: 20 of 100 messages, 20 kB of 100 kB");
	expect(&one, 1, 80, 2000,
	    "isp: 20 of 100 messages, 20 kB of 100 kB, 10 kB/s, 0:08 left");
	atomic_store(&one.poll.phase, (int)POLL_CONNECTING);
	expect(&one, 1, 80, 0, "isp: connecting");
	atomic_store(&one.poll.phase, (int)POLL_LISTING);
	expect(&one, 1, 80, 0, "isp: reading the listing");
	atomic_store(&one.poll.phase, (int)POLL_SETTLING);
	expect(&one, 1, 80, 0, "isp: finishing");
}

static void
of_several_it_counts_all_and_names_those_that_take_longest(void **state)
{
	struct progress list[4];

	(void)state;
	set(&list[0], "ann", 30, 0, 0);
	set(&list[1], "bob", 10, 0, 0);
	set(&list[2], "cara", 20, 0, 0);
	set(&list[3], "dan", 0, 0, 0);
	expect(list, 4, 80, 0, "0 of 4 mailboxes; bob, cara, ann");
	set(&list[0], "ann", 30, 5, 10);
	set(&list[1], "bob", 10, 15, 20);
	atomic_store(&list[2].over, true);
	expect(list, 4, 100, 1000,
	    "1 of 4 mailboxes, 20 of 30 messages, 20 kB of 30 kB, "
	    "20 kB/s; bob, ann");
}

static void
those_that_began_together_are_all_named(void **state)
{
	struct progress list[3];

	(void)state;
	set(&list[0], "ann", 10, 0, 0);
	set(&list[1], "bob", 10, 0, 0);
	set(&list[2], "cara", 10, 0, 0);
	expect(list, 3, 80, 0, "0 of 3 mailboxes; ann, bob, cara");
}

static void
names_for_which_there_is_no_room_are_left_out(void **state)
{
	struct progress list[3];

	(void)state;
	set(&list[0], "ann", 1, 0, 0);
	set(&list[1], "bob", 2, 0, 0);
	set(&list[2], "cara", 3, 0, 0);
	expect(list, 3, 33, 0, "0 of 3 mailboxes; ann, bob, ...");
	expect(list, 3, 26, 0, "0 of 3 mailboxes; ann, ...");
	expect(list, 3, 20, 0, "0 of 3 mailboxes");
}

static void
it_is_never_wider_than_the_terminal(void **state)
{
	struct progress list[40];
	static const size_t counts[] = { 1, 2, 40 };
	char out[200];

	(void)state;
	for (size_t i = 0; i < 40; i++)
		set(&list[i],
		    i % 2 ? "Gr\xc3\xbc\xc3\x9f"
			    "e aus K\xc3\xb6ln, und aus M\xc3\xbcnchen"
			  : "a name that is longer than thirty octets",
		    (int64_t)i + 1, 123456, 234567);
	for (size_t i = 0; i < 3; i++)
		for (size_t columns = 0; columns < 300; columns++) {
			progress_describe(out, sizeof(out), columns, list,
			    counts[i], 100000, 1);
			assert_true(strlen(out) <= columns);
			assert_true(strlen(out) < sizeof(out));
			assert_true(text_is_utf8(slice_of(out)));
		}
}

static void
expect_lines(struct progress *list, size_t count, size_t columns, size_t lines,
    int64_t ms, const char *wanted)
{
	struct buffer out = { 0 };

	progress_describe_lines(
	    &out, columns, lines, list, count, 1000 + ms, 1000);
	assert_string_equal(out.data, wanted);
	buffer_free(&out);
}

static void
each_mailbox_can_have_a_line_of_its_own(void **state)
{
	struct progress list[4];

	(void)state;
	set(&list[0], "ann", 1000, 5, 10);
	set(&list[1], "bob", 900, 15, 20);
	set(&list[2], "cara", 100, 10, 10);
	set(&list[3], "dan", 950, 0, 0);
	atomic_store(&list[2].over, true);
	atomic_store(&list[3].over, true);
	progress_wait(&list[3], 5000);
	expect_lines(list, 4, 100, 24, 2000,
	    "bob: 15 of 20 messages, 15 kB of 20 kB, 7.1 kB/s, 0:00 left\n"
	    "ann: 5 of 10 messages, 5.0 kB of 10 kB, 2.5 kB/s, 0:02 left\n"
	    "dan: failed for now, tried again in 2 s\n"
	    "1 of 4 mailboxes done, 30 of 40 messages, 30 kB of 40 kB, "
	    "15 kB/s, 0:00 left");
	/* What came before it was begun anew was not read since. */
	atomic_store(&list[0].before, 3000);
	expect_lines(list, 1, 100, 2, 2000,
	    "ann: 5 of 10 messages, 5.0 kB of 10 kB, 1.0 kB/s, 0:05 left\n"
	    "0 of 1 mailboxes done, 5 of 10 messages, 5.0 kB of 10 kB, "
	    "2.5 kB/s, 0:02 left");
	/* As many as fit. */
	expect_lines(
	    list, 4, 20, 2, 2000, "bob: 15 of 20 messag\n1 of 4 mailboxes don");
	expect_lines(list, 4, 100, 1, 0,
	    "1 of 4 mailboxes done, 30 of 40 messages, 30 kB of 40 kB");
}

static void
how_long_it_takes_is_said_when_all_is_listed(void **state)
{
	struct progress list[2];

	(void)state;
	set(&list[0], "ann", 1000, 1, 8000);
	set(&list[1], "bob", 0, 0, 0);
	atomic_store(&list[0].over, true);
	expect_lines(list, 2, 100, 24, 1000,
	    "1 of 2 mailboxes done, 1 of 8000 messages, 1.0 kB of 8.0 MB, "
	    "1.0 kB/s");
	set(&list[1], "bob", 1000, 0, 0);
	atomic_store(&list[1].over, true);
	expect_lines(list, 2, 100, 24, 1000,
	    "2 of 2 mailboxes done, 1 of 8000 messages, 1.0 kB of 8.0 MB, "
	    "1.0 kB/s, 2:13:19 left");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_one_mailbox_it_says_what_is_left),
		cmocka_unit_test(
		    of_several_it_counts_all_and_names_those_that_take_longest),
		cmocka_unit_test(those_that_began_together_are_all_named),
		cmocka_unit_test(names_for_which_there_is_no_room_are_left_out),
		cmocka_unit_test(it_is_never_wider_than_the_terminal),
		cmocka_unit_test(each_mailbox_can_have_a_line_of_its_own),
		cmocka_unit_test(how_long_it_takes_is_said_when_all_is_listed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
