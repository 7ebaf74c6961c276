/* test-listing-read.c - a listing, from what a scripted server answers. */
#include "../kit/peer.h"

#include "poll/listing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/*
 * As far as the maildrop of a server that has UIDL, or that has no such thing.
 */
#define WITH_UIDL GREETING, NO_CAPA, USER_PASS, CAPA("S: UIDL", "S: TOP")
#define WITHOUT GREETING, NO_CAPA, USER_PASS, CAPA("S: TOP")
#define NO "S: -ERR no"

/* "NUMBER UID OCTETS;" of each, and "-COUNT" of what is left out. */
static void
expect_listing(const char *const *steps, bool ahead, const char *wanted)
{
	struct buffer got = { 0 };
	struct listing l = { 0 };
	struct peer peer;
	struct pop3 *pop3;
	struct error e = { 0 };

	enter_maildrop(&peer, steps, &pop3);
	if (ahead) {
		assert_int_equal(pop3_ahead(pop3, POP3_STAT, 0, &e), 0);
		assert_int_equal(pop3_ahead(pop3, POP3_UIDL, 0, &e), 0);
		assert_int_equal(pop3_ahead(pop3, POP3_LIST, 0, &e), 0);
	}
	buffer_add_text(&got, "");
	if (listing_read(&l, pop3, &e) < 0) {
		buffer_addf(&got, "%s", error_name(e.kind));
		assert_int_equal(l.count, 0);
		assert_null(l.list);
	} else {
		assert_int_equal(e.kind, ERR_NONE);
		assert_int_equal(pop3_is_ahead(pop3), 0);
		for (size_t i = 0; i < l.count; i++)
			buffer_addf(&got, "%u %.8s %llu;",
			    (unsigned)l.list[i].number, l.list[i].uid.data,
			    (unsigned long long)l.list[i].octets);
		if (l.left_out > 0)
			buffer_addf(&got, "-%zu", l.left_out);
	}
	assert_string_equal(got.data, wanted);
	buffer_free(&got);
	listing_free(&l);
	pop3_free(&pop3);
	peer_finish(&peer);
}

#define STAT(...) "C: STAT", "S: +OK " __VA_ARGS__
#define UIDL(...) "C: UIDL", "S: +OK", __VA_ARGS__, "S: ."
#define LIST(...) "C: LIST", "S: +OK", __VA_ARGS__, "S: ."

static void
what_is_listed_has_its_size(void **state)
{
	(void)state;
	expect_listing(STEPS(WITH_UIDL, STAT("2 30"),
			   UIDL("S: 1 aaaaaaaa", "S: 2 bbbbbbbb"),
			   LIST("S: 1 10", "S: 2 20")),
	    false, "1 aaaaaaaa 10;2 bbbbbbbb 20;");
	expect_listing(
	    STEPS(WITH_UIDL, "C: STAT", "C: UIDL", "C: LIST", "S: +OK 2 30",
		"S: +OK", "S: 2 bbbbbbbb", "S: 1 aaaaaaaa", "S: .", "S: +OK",
		"S: 2 20", "S: 1 10", "S: ."),
	    true, "1 aaaaaaaa 10;2 bbbbbbbb 20;");
}

static void
an_empty_maildrop_is_not_asked_for_sizes_unless_it_was_asked_ahead(void **state)
{
	(void)state;
	expect_listing(
	    STEPS(WITH_UIDL, STAT("0 0"), "C: UIDL", "S: +OK", "S: ."), false,
	    "");
	expect_listing(STEPS(WITH_UIDL, "C: STAT", "C: UIDL", "C: LIST",
			   "S: +OK 0 0", "S: +OK", "S: .", "S: +OK", "S: ."),
	    true, "");
	/* Some refuse to list nothing. */
	expect_listing(STEPS(WITH_UIDL, STAT("0 0"), "C: UIDL", NO), false, "");
	expect_listing(STEPS(WITH_UIDL, "C: STAT", "C: UIDL", "C: LIST",
			   "S: +OK 0 0", NO, NO),
	    true, "");
	expect_listing(STEPS(WITH_UIDL, "C: STAT", "C: UIDL", "C: LIST",
			   "S: +OK 0 0", NO, "S: + what", "SILENT"),
	    true, "protocol");
}

static void
what_stat_does_not_count_is_listed_all_the_same(void **state)
{
	(void)state;
	expect_listing(STEPS(WITH_UIDL, STAT("0 0"), UIDL("S: 1 aaaaaaaa"),
			   LIST("S: 1 10")),
	    false, "1 aaaaaaaa 10;");
	/* And what it counts and nobody lists is left out. */
	expect_listing(STEPS(WITH_UIDL, STAT("3 0"), UIDL("S: 1 aaaaaaaa"),
			   LIST("S: 1 10")),
	    false, "1 aaaaaaaa 10;-2");
}

static void
sizes_that_are_refused_are_not_known(void **state)
{
	(void)state;
	expect_listing(STEPS(WITH_UIDL, STAT("1 10"), UIDL("S: 1 aaaaaaaa"),
			   "C: LIST", NO),
	    false, "1 aaaaaaaa 0;");
	/* Without UIDs they are all there is. */
	expect_listing(
	    STEPS(WITHOUT, STAT("1 10"), "C: UIDL", NO, "C: LIST", NO), false,
	    "refused");
}

static void
uids_that_are_refused_are_missing_only_where_they_were_not_offered(void **state)
{
	(void)state;
	expect_listing(
	    STEPS(WITH_UIDL, STAT("1 10"), "C: UIDL", NO), false, "refused");
	expect_listing(
	    STEPS(WITHOUT, STAT("1 10"), "C: UIDL", "S: -ERR [SYS/TEMP] later"),
	    false, "busy");
	expect_listing(
	    STEPS(WITHOUT, STAT("1 10"), "C: UIDL", "S: -ERR [IN-USE] later"),
	    false, "in_use");
	/* SHA-256 of "Subject: x\r\n". */
	expect_listing(
	    STEPS(WITHOUT, STAT("1 10"), "C: UIDL", NO, LIST("S: 1 10"),
		"C: TOP 1 0", "S: +OK", "S: Subject: x", "S: ", "S: ."),
	    false, "1 d2f4c8b7 10;");
	expect_listing(STEPS(WITHOUT, STAT("1 10"), "C: UIDL", NO,
			   LIST("S: 1 10"), "C: TOP 1 0", NO, "C: RETR 1", NO),
	    false, "-1");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_listed_has_its_size),
		cmocka_unit_test(
		    an_empty_maildrop_is_not_asked_for_sizes_unless_it_was_asked_ahead),
		cmocka_unit_test(
		    what_stat_does_not_count_is_listed_all_the_same),
		cmocka_unit_test(sizes_that_are_refused_are_not_known),
		cmocka_unit_test(
		    uids_that_are_refused_are_missing_only_where_they_were_not_offered),
	};

	return cmocka_run_group_tests(tests, peers_begin, peers_end);
}
