/* test-envelope.c - senders from Return-Path, recipients from settings. */
#include "message/envelope.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define X8 "xxxxxxxx"
#define X64 X8 X8 X8 X8 X8 X8 X8 X8
#define LABEL63 X8 X8 X8 X8 X8 X8 X8 "xxxxxxx"
#define DOMAIN189                                  \
	LABEL63 "." LABEL63 "."                    \
		"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" \
		"xxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static void
the_sender_is_the_address_alone(void **state)
{
	static const struct {
		const char *value, *sender;
	} rows[] = {
		{ "<ann@example.org>", "ann@example.org" },
		{ "ann@example.org", "ann@example.org" },
		{ " \t<ann@example.org> \r\n", "ann@example.org" },
		{ "\r\n <ann@example.org>", "ann@example.org" },
		{ "< ann@example.org >", "ann@example.org" },
		{ "<a+b=c!d#e@x-y.example>", "a+b=c!d#e@x-y.example" },
		{ "<\"ann b\"@example.org>", "\"ann b\"@example.org" },
		{ "<\"a\\\"b@c\"@example.org>", "\"a\\\"b@c\"@example.org" },
		{ "<\"\"@example.org>", "\"\"@example.org" },
		{ "<@a.example,@b.example:ann@example.org>",
		    "ann@example.org" },
		{ "<@[IPv6:2001:db8::1]:ann@example.org>", "ann@example.org" },
		{ "<ann@[192.0.2.1]>", "ann@[192.0.2.1]" },
		{ "<ann@[IPv6:2001:db8::1]>", "ann@[IPv6:2001:db8::1]" },
		{ "<root>", "root" },
		{ "<MAILER-DAEMON>", "MAILER-DAEMON" },
		{ "<ann@localhost>", "ann@localhost" },
		{ "<ann@a_b.example>", "ann@a_b.example" },
		{ "<" X64 "@x>", X64 "@x" },
		/* As mailing lists and telephones make them. */
		{ "<x" X64 "@b>", "x" X64 "@b" },
		{ "<" X64 X64 X64 "@b.example>", X64 X64 X64 "@b.example" },
		{ "<ann.@b>", "ann.@b" },
		{ "<.ann@b>", ".ann@b" },
		{ "<a..b.@c>", "a..b.@c" },
		{ "<" X64 "@" DOMAIN189 ">", X64 "@" DOMAIN189 },
	};
	char out[ENVELOPE_ADDRESS];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		bool utf8 = true;

		envelope_sender(slice_of(rows[i].value), out, &utf8);
		assert_string_equal(out, rows[i].sender);
		assert_false(utf8);
	}
}

static void
what_is_no_mailbox_is_the_null_sender(void **state)
{
	static const char *const rows[] = { "", " ", "<>", "< >", "<", ">",
		"<ann@example.org", "ann@example.org>", "<ann@>", "<@b>", "<@>",
		"<ann@b@c>", "<ann b@c>", "<ann@b c>", "<ann@.b>", "<ann@b.>",
		"<ann@b..c>", "<ann@-b>", "<ann@b->", "<ann@[]>",
		"<ann@[1.2.3.4>", "<ann@[a b]>", "<ann@b>x", "<ann@b><c@d>",
		"<<ann@b>>", "<ann@b> (comment)", "Ann <ann@b>", "<\"ann@b>",
		"<\"ann\"x@b>", "<\"ann\\\"@b>", "<@a:@b:ann@c>", "<@a,ann@c>",
		"<ann@b>\r\n <c@d>", "<ann\r\n@b>", "<ann\n@b>", "<ann\r@b>",
		"<a\tb@c>", "<\"a\tb\"@c>", "<\"a\x7f\"@c>", "<\"a>b\"@c>",
		"<\"a<b\"@c>", "<ann,bob@c>", "<ann@b,c>", "<ann\\@b>",
		"<ann@b:c>", "<a\xff@b>", "<a\xc3@b>", "<a\xe2\x80\xae@b>",
		"<a@b\xed\xa0\x80>", "<a\xc2\x85@b>", "<a\xc0\xaf@b>",
		"<a@x" LABEL63 ">", "<" X64 "@" DOMAIN189 ".xxxxx>",
		"<x" X64 "@" DOMAIN189 ">", "<" X64 X64 X64 X64 "@b>" };
	char out[ENVELOPE_ADDRESS];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		bool utf8 = true;

		envelope_sender(slice_of(rows[i]), out, &utf8);
		if (out[0] != '\0')
			fail_msg("taken for a sender: %s", rows[i]);
		assert_false(utf8);
	}
}

static void
a_nul_octet_is_in_no_address(void **state)
{
	static const char inside[] = "<ann\0x@example.org>";
	static const char behind[] = "<ann@example.org>\0";
	static const char quoted[] = "<\"a\0b\"@example.org>";
	char out[ENVELOPE_ADDRESS];
	bool utf8;

	(void)state;
	envelope_sender(slice_make(inside, sizeof inside - 1), out, &utf8);
	assert_string_equal(out, "");
	envelope_sender(slice_make(behind, sizeof behind - 1), out, &utf8);
	assert_string_equal(out, "");
	envelope_sender(slice_make(quoted, sizeof quoted - 1), out, &utf8);
	assert_string_equal(out, "");
}

static void
valid_utf8_asks_for_smtputf8(void **state)
{
	static const char *const rows[] = { "<\xc3\xa4nn@example.org>",
		"<ann@\xc3\xbcnn.example>",
		"<\"\xe2\x82\xac x\"@example.org>" };
	char out[ENVELOPE_ADDRESS];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		bool utf8 = false;

		envelope_sender(slice_of(rows[i]), out, &utf8);
		assert_int_equal(strlen(out), strlen(rows[i]) - 2);
		assert_true(utf8);
	}
}

static void
no_cut_of_an_address_reads_beyond_it(void **state)
{
	static const char text[] = "<@a,@[b:]:\"q\\\"x\"@[IPv6:::1]>";
	size_t from, n;

	(void)state;
	for (from = 0; from < sizeof text; from++) {
		for (n = 0; n < sizeof text - from; n++) {
			char *copy = malloc(n > 0 ? n : 1);
			char out[ENVELOPE_ADDRESS];
			bool utf8;

			assert_non_null(copy);
			memcpy(copy, text + from, n);
			envelope_sender(slice_make(copy, n), out, &utf8);
			free(copy);
		}
	}
}

static void
recipients_are_checked(void **state)
{
	static const char *const good[] = { "ann", "ann@example.org",
		"ann+club@example.org", "\"a b\"@example.org",
		"ann@[192.0.2.1]", "\xc3\xa4nn@example.org" };
	static const char *const bad[] = { "", " ann", "ann ", "a b", "<ann@b>",
		"ann@b>", "ann@b\r\nDATA", "ann@b\n", "ann,bob", "ann@@b",
		"@a:ann@b", "ann@b SIZE=1", "\"a<b\"@c", "\xff@b", "\x1b[m@b" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof good / sizeof good[0]; i++)
		assert_true(envelope_recipient_ok(good[i]));
	for (i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_false(envelope_recipient_ok(bad[i]));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_sender_is_the_address_alone),
		cmocka_unit_test(what_is_no_mailbox_is_the_null_sender),
		cmocka_unit_test(a_nul_octet_is_in_no_address),
		cmocka_unit_test(valid_utf8_asks_for_smtputf8),
		cmocka_unit_test(no_cut_of_an_address_reads_beyond_it),
		cmocka_unit_test(recipients_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
