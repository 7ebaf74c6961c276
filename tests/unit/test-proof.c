/*
 * test-proof.c - what proves that a message has arrived: its digest, and our
 * Received field found again above it.
 */
#include "message/proof.h"

#include "message/trace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define ID "o74dhmju.sf3blmlsefas4wdeivdb"
#define OTHER "aaaaaaaa.sf3blmlsefas4wdeivdb"

/* --- the digest --- */

static void
a_digest_does_not_depend_on_the_pieces(void **state)
{
	/* "abc", as FIPS 180-2 has it. */
	static const unsigned char abc[] = { 0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01,
		0xcf, 0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23,
		0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c, 0xb4, 0x10,
		0xff, 0x61, 0xf2, 0x00, 0x15, 0xad };
	static const char *const pieces[][4] = { { "abc" }, { "a", "bc" },
		{ "", "ab", "", "c" }, { "a", "b", "c" } };
	unsigned char digest[DIGEST_OCTETS];

	(void)state;
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		struct proof_digest p;

		proof_begin(&p);
		for (size_t k = 0; k < 4 && pieces[i][k] != NULL; k++)
			proof_add(&p, slice_of(pieces[i][k]));
		proof_end(&p, digest);
		assert_memory_equal(digest, abc, sizeof(abc));
		assert_int_equal(p.octets, 3);
		proof_free(&p);
	}
}

/* What is lost here, LeakSanitizer tells. */
static void
one_that_was_not_ended_can_be_freed_and_one_that_never_began(void **state)
{
	struct proof_digest p = { 0 };

	(void)state;
	proof_free(&p);
	proof_begin(&p);
	proof_add(&p, slice_of("half of"));
	proof_free(&p);
	proof_free(&p);
}

/* --- our Received field --- */

static void
finds(const char *header, const char *maildrop, const char *wanted,
    const char *rest)
{
	struct slice below;
	char id[TRACE_ID];

	if (!trace_find(slice_of(header), maildrop, id, &below))
		fail_msg("nothing found in: %s", header);
	assert_string_equal(id, wanted);
	assert_true(slice_is(below, rest));
}

static void
finds_nothing(const char *header, const char *maildrop)
{
	struct slice below;
	char id[TRACE_ID];

	if (trace_find(slice_of(header), maildrop, id, &below))
		fail_msg("%s found in: %s", id, header);
}

/* All that trace_header() writes, for whatever it is given. */
static void
what_we_write_is_found(void **state)
{
	static const char *const recipients[] = { NULL, "ann@example.org",
		"a-very-long-local-part-that-goes-on-and-on@example.org" };
	static const char *const hosts[] = { "h", "pop.isp.example",
		"2001:db8::1",
		"a-host.with-a-name.that-is.so-long-that.it-fills-it.example" };

	(void)state;
	for (size_t i = 0; i < 3 * 4 * 2; i++) {
		struct trace t = { .from = hosts[i % 4],
			.by = hosts[(i + 1) % 4],
			.tls = i / 12,
			.id = ID,
			.recipient = recipients[i % 3],
			.when = 1795299342 };
		struct buffer out = { 0 };

		buffer_add_text(&out,
		    "Return-Path: <a@b>\r\nDelivered-To: c\r\n"
		    "Received: from x by y with ESMTP id abc; today\r\n");
		trace_header(&t, &out);
		buffer_add_text(&out, "Subject: s\r\n\r\nbody\r\n");
		finds(out.data, NULL, ID, "Subject: s\r\n\r\nbody\r\n");
		finds(out.data, "o74dhmju", ID, "Subject: s\r\n\r\nbody\r\n");
		finds_nothing(out.data, "o74dhmjv");
		buffer_free(&out);
	}
}

static void
however_a_relay_has_folded_it_it_is_found(void **state)
{
	static const char *const fields[] = {
		"Received: from h by me with POP3 id " ID "; now\r\n",
		"Received: from h by me with POP3S id " ID
		" for <a@b>; now\r\n",
		"received: from h by me with pop3 ID " ID "; now\r\n",
		"Received: from h\r\n\tby me\r\n with\r\n POP3\r\n id\r\n " ID
		"\r\n ; now\r\n",
		"Received:\tfrom h by me (with some words)\twith POP3S\tid\t" ID
		";\r\n now\r\n",
		"Received: from h by me with POP3 id " ID "\r\n",
		"Received: from h by me with POP3 id " ID,
		"Received: from h\n\tby me with POP3 id " ID ";\n\tnow\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		finds(fields[i], "o74dhmju", ID, "");
}

static void
what_others_write_is_not_ours(void **state)
{
	static const char *const fields[] = { "", "\r\n",
		"Subject: with POP3 id " ID "\r\n",
		"X-Received: from h by me with POP3 id " ID "; now\r\n",
		"Received: from h by me with ESMTP id " ID "; now\r\n",
		"Received: from h by me with POP3 for " ID "; now\r\n",
		"Received: from h by me id " ID "; now\r\n",
		"Received: from h by me with POP3 id x" ID "; now\r\n",
		"Received: from h by me with POP3 id " ID "x; now\r\n",
		"Received: from h by me with POP3 id o74dhmju.SF3BLMLSEFAS4WD"
		"EIVDB; now\r\n",
		"Received: from h by me with POP3 id o74dhmju-sf3blmlsefas4wd"
		"eivdb; now\r\n",
		"Received: from h by me with POP3 id o74dhmju.sf3blmlsefas4w0"
		"eivdb; now\r\n",
		"\r\nReceived: from h by me with POP3 id " ID "; now\r\n" };

	(void)state;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		finds_nothing(fields[i], NULL);
}

static void
no_octet_that_is_zero_passes_for_a_letter(void **state)
{
	char field[] = "Received: from h by me with POP3 id " ID "; now\r\n";
	struct slice below;
	char id[TRACE_ID];

	(void)state;
	field[strlen("Received: from h by me with POP3 id ")] = '\0';
	assert_false(
	    trace_find(slice_make(field, sizeof(field) - 1), NULL, id, &below));
}

/* A message that was fetched twice has two of them: ours is above. */
static void
the_topmost_one_of_that_maildrop_is_meant(void **state)
{
	static const char header[] =
	    "Received: from h by me with POP3 id " OTHER "; now\r\n"
	    "Received: from h by me with POP3S id " ID "; now\r\n"
	    "Received: from h by me with POP3S id o74dhmju.aaaaaaaaaaaaaaaaaaaa"
	    "; now\r\n"
	    "To: a\r\n";

	(void)state;
	finds(header, NULL, OTHER, strchr(header, '\n') + 1);
	finds(header, "o74dhmju", ID,
	    strstr(
		header, "Received: from h by me with POP3S id o74dhmju.aaaa"));
}

/* Its first line looks like more of our field. */
static void
a_message_that_begins_with_a_blank_is_all_below_it(void **state)
{
	static const char *const messages[] = { " a\r\n",
		"\tto: b\r\n\r\nc\r\n", " \r\n", " one +0000\r\n two\r\n" };
	struct trace t = {
		.from = "pop-1234", .by = "b-1234", .id = ID, .when = 1795299342
	};

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(messages) / sizeof(messages[0]);
	     i++) {
		struct buffer out = { 0 };

		t.recipient = i % 2 == 0 ? NULL : "\"a;b\"@c-1234";
		trace_header(&t, &out);
		buffer_add_text(&out, messages[i / 2]);
		finds(out.data, NULL, ID, messages[i / 2]);
		buffer_free(&out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_digest_does_not_depend_on_the_pieces),
		cmocka_unit_test(
		    one_that_was_not_ended_can_be_freed_and_one_that_never_began),
		cmocka_unit_test(what_we_write_is_found),
		cmocka_unit_test(however_a_relay_has_folded_it_it_is_found),
		cmocka_unit_test(what_others_write_is_not_ours),
		cmocka_unit_test(no_octet_that_is_zero_passes_for_a_letter),
		cmocka_unit_test(the_topmost_one_of_that_maildrop_is_meant),
		cmocka_unit_test(
		    a_message_that_begins_with_a_blank_is_all_below_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
