/* test-peruse.c - reading many messages of a scripted server. */
#include "../kit/peer.h"

#include "poll/peruse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define LOGIN(...)                                                             \
	GREETING, NO_CAPA, USER_PASS, CAPA("S: UIDL", __VA_ARGS__), "C: STAT", \
	    "S: +OK 3 30", "C: UIDL", "S: +OK", "S: 1 a", "S: 2 b", "S: 3 c",  \
	    "S: .", "C: LIST", "S: +OK", "S: 1 10", "S: 2 10", "S: 3 10",      \
	    "S: ."

/* "a{content}" for each that came, "a!" for each that was refused. */
struct reading {
	struct buffer got;
	const char *skip; /* the UID of one that is not wanted, or NULL */
	unsigned listings;
};

static void
listed(void *arg, const struct listing *l)
{
	struct reading *r = arg;

	assert_int_equal(l->count, 3);
	r->listings++;
}

static bool
wanted(void *arg, const struct listing_entry *m)
{
	const struct reading *r = arg;

	return r->skip == NULL || !slice_is(m->uid, r->skip);
}

static void
begin(void *arg, const struct listing_entry *m)
{
	struct reading *r = arg;

	buffer_addf(&r->got, "%.*s", (int)m->uid.len, m->uid.data);
	buffer_add_text(&r->got, "{");
}

static void
take(void *arg, struct slice content)
{
	struct reading *r = arg;

	buffer_add_slice(&r->got, content);
}

static void
end(void *arg, const struct listing_entry *m, const struct error *refused)
{
	struct reading *r = arg;

	(void)m;
	buffer_add_text(&r->got, refused != NULL ? "!" : "}");
}

static void
expect(const char *const *steps, enum pipelining pipelining, const char *skip,
    enum error_kind kind, const char *got)
{
	struct reading r = { .skip = skip };
	struct peruser who = { listed, wanted, begin, take, end, &r };
	struct error e = { 0 };
	struct peer peer;
	int rc;

	peer_start(&peer, steps, TLS_NONE);
	rc = peruse(&(struct account){ .name = "isp",
			.at = peer.at,
			.login = login_of_ann(AUTH_USER),
			.pipelining = pipelining },
	    "s3cret", NULL, &who, &e);
	peer_finish(&peer);
	assert_int_equal(e.kind, kind);
	assert_int_equal(rc, kind == ERR_NONE ? 0 : -1);
	buffer_add_text(&r.got, "");
	assert_string_equal(r.got.data, got);
	assert_int_equal(r.listings, 1);
	buffer_free(&r.got);
}

#define MESSAGE(text) "S: +OK", "S: " text, "S: ."

static void
all_are_asked_for_before_the_first_has_come(void **state)
{
	(void)state;
	expect(STEPS(LOGIN("S: PIPELINING"), "C: RETR 1", "C: RETR 2",
		   "C: RETR 3", MESSAGE("one89012"), MESSAGE("two89012"),
		   MESSAGE("three012"), "C: QUIT", "S: +OK"),
	    PIPELINING_AUTO, NULL, ERR_NONE,
	    "a{one89012\r\n}b{two89012\r\n}c{three012\r\n}");
}

static void
one_after_the_other_where_that_is_not_offered_or_not_wanted(void **state)
{
	const char *const *offered =
	    STEPS(LOGIN("S: PIPELINING"), "C: RETR 1", "HUSH",
		MESSAGE("one89012"), "C: RETR 2", "HUSH", MESSAGE("two89012"),
		"C: RETR 3", MESSAGE("three012"), "C: QUIT", "S: +OK");
	const char *got = "a{one89012\r\n}b{two89012\r\n}c{three012\r\n}";

	(void)state;
	expect(offered, PIPELINING_NO, NULL, ERR_NONE, got);
	expect(STEPS(LOGIN("S: TOP"), "C: RETR 1", "HUSH", MESSAGE("one89012"),
		   "C: RETR 2", MESSAGE("two89012"), "C: RETR 3",
		   MESSAGE("three012"), "C: QUIT", "S: +OK"),
	    PIPELINING_AUTO, NULL, ERR_NONE, got);
}

static void
what_is_not_wanted_is_not_asked_for(void **state)
{
	(void)state;
	expect(
	    STEPS(LOGIN("S: PIPELINING"), "C: RETR 1", "C: RETR 3",
		MESSAGE("one89012"), MESSAGE("three012"), "C: QUIT", "S: +OK"),
	    PIPELINING_AUTO, "b", ERR_NONE, "a{one89012\r\n}c{three012\r\n}");
}

static void
a_refusal_is_that_messages_only(void **state)
{
	(void)state;
	expect(STEPS(LOGIN("S: TOP"), "C: RETR 1", MESSAGE("one89012"),
		   "C: RETR 2", "S: -ERR broken", "C: RETR 3",
		   MESSAGE("three012"), "C: QUIT", "S: +OK"),
	    PIPELINING_AUTO, NULL, ERR_NONE,
	    "a{one89012\r\n}b{!c{three012\r\n}");
}

static void
one_that_is_cut_off_inside_the_server_is_refused(void **state)
{
	(void)state;
	expect(STEPS(GREETING, NO_CAPA, USER_PASS, CAPA("S: UIDL"), "C: STAT",
		   "S: +OK 3 300000", "C: UIDL", "S: +OK", "S: 1 a", "S: 2 b",
		   "S: 3 c", "S: .", "C: LIST", "S: +OK", "S: 1 10",
		   "S: 2 299980", "S: 3 10", "S: .", "C: RETR 1",
		   MESSAGE("one89012"), "C: RETR 2", MESSAGE("two"),
		   "C: RETR 3", MESSAGE("three012"), "C: QUIT", "S: +OK"),
	    PIPELINING_AUTO, NULL, ERR_NONE,
	    "a{one89012\r\n}b{two\r\n!c{three012\r\n}");
}

static void
a_wrong_password_is_not_tried_twice(void **state)
{
	struct reading r = { 0 };
	struct peruser who = { listed, wanted, begin, take, end, &r };
	struct error e = { 0 };
	struct peer peer;

	(void)state;
	peer_start(&peer,
	    STEPS(GREETING, NO_CAPA, "C: USER ann", "S: +OK", "C: PASS s3cret",
		"S: -ERR [AUTH] no"),
	    TLS_NONE);
	assert_int_equal(peruse(&(struct account){ .name = "isp",
				    .at = peer.at,
				    .login = login_of_ann(AUTH_USER) },
			     "s3cret", NULL, &who, &e),
	    -1);
	peer_finish(&peer);
	assert_error(&e, ERR_AUTH, "no");
	assert_int_equal(r.listings, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_are_asked_for_before_the_first_has_come),
		cmocka_unit_test(
		    one_after_the_other_where_that_is_not_offered_or_not_wanted),
		cmocka_unit_test(what_is_not_wanted_is_not_asked_for),
		cmocka_unit_test(a_refusal_is_that_messages_only),
		cmocka_unit_test(
		    one_that_is_cut_off_inside_the_server_is_refused),
		cmocka_unit_test(a_wrong_password_is_not_tried_twice),
	};

	return cmocka_run_group_tests(tests, peers_begin, peers_end);
}
