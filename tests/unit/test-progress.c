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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
