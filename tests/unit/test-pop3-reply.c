/* test-pop3-reply.c - the words of a POP3 server, friendly and hostile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pop3/reply.h"

#include <stdio.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
/* A literal that may hold NUL octets. */
#define OCTETS(s)                  \
	{                          \
		(s), sizeof(s) - 1 \
	}

static void
status_lines_are_told_apart(void **state)
{
	static const struct {
		const char *line;
		int rc;
		enum pop3_status status;
		enum pop3_code code;
		const char *text;
	} rows[] = {
		{ "+OK", 0, POP3_OK, POP3_CODE_NONE, "" },
		{ "+OK ", 0, POP3_OK, POP3_CODE_NONE, "" },
		{ "+OK  2 320 ", 0, POP3_OK, POP3_CODE_NONE, "2 320" },
		{ "+ok ready", 0, POP3_OK, POP3_CODE_NONE, "ready" },
		{ "-ERR", 0, POP3_ERR, POP3_CODE_NONE, "" },
		{ "-ERR\tno", 0, POP3_ERR, POP3_CODE_NONE, "no" },
		{ "-ERR [AUTH] bad", 0, POP3_ERR, POP3_CODE_AUTH, "bad" },
		{ "-ERR [auth]bad", 0, POP3_ERR, POP3_CODE_AUTH, "bad" },
		{ "-ERR [IN-USE]", 0, POP3_ERR, POP3_CODE_IN_USE, "" },
		{ "-ERR [LOGIN-DELAY] 9", 0, POP3_ERR, POP3_CODE_LOGIN_DELAY,
		    "9" },
		{ "-ERR [SYS/TEMP] x", 0, POP3_ERR, POP3_CODE_SYS_TEMP, "x" },
		{ "-ERR [SYS/TEMP/DISK] x", 0, POP3_ERR, POP3_CODE_SYS_TEMP,
		    "x" },
		{ "-ERR [SYS/PERM] x", 0, POP3_ERR, POP3_CODE_SYS_PERM, "x" },
		{ "-ERR [SYS/TEMPO] x", 0, POP3_ERR, POP3_CODE_OTHER,
		    "[SYS/TEMPO] x" },
		{ "-ERR [SYS] x", 0, POP3_ERR, POP3_CODE_OTHER, "[SYS] x" },
		{ "-ERR [] x", 0, POP3_ERR, POP3_CODE_OTHER, "[] x" },
		{ "-ERR [AUTH", 0, POP3_ERR, POP3_CODE_NONE, "[AUTH" },
		{ "-ERR x [AUTH]", 0, POP3_ERR, POP3_CODE_NONE, "x [AUTH]" },
		{ "+", 0, POP3_CONTINUE, POP3_CODE_NONE, "" },
		{ "+ VXNlcg==", 0, POP3_CONTINUE, POP3_CODE_NONE, "VXNlcg==" },
		{ "+ [AUTH] x", 0, POP3_CONTINUE, POP3_CODE_NONE, "[AUTH] x" },
		{ "", -1, POP3_OK, POP3_CODE_NONE, "" },
		{ "+O", -1, POP3_OK, POP3_CODE_NONE, "" },
		{ "+OKAY", -1, POP3_OK, POP3_CODE_NONE, "" },
		{ "-ERROR", -1, POP3_OK, POP3_CODE_NONE, "" },
		{ " +OK", -1, POP3_OK, POP3_CODE_NONE, "" },
		{ "* OK IMAP4rev1", -1, POP3_OK, POP3_CODE_NONE, "" },
		{ "220 smtp", -1, POP3_OK, POP3_CODE_NONE, "" },
	};
	struct pop3_reply reply;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		print_message("# \"%s\"\n", rows[i].line);
		assert_int_equal(
		    pop3_reply_parse(slice_of(rows[i].line), &reply),
		    rows[i].rc);
		if (rows[i].rc < 0)
			continue;
		assert_int_equal(reply.status, rows[i].status);
		assert_int_equal(reply.code, rows[i].code);
		assert_string_equal(reply.text, rows[i].text);
	}
}

static void
the_text_of_a_reply_is_cut_and_made_harmless(void **state)
{
	char line[5000];
	struct pop3_reply reply;

	(void)state;
	memset(line, 'x', sizeof line);
	memcpy(line, "-ERR \033[2J\0", 10);
	assert_int_equal(
	    pop3_reply_parse(slice_make(line, sizeof line), &reply), 0);
	assert_int_equal(strlen(reply.text), sizeof reply.text - 1);
	assert_memory_equal(reply.text, "?[2J?xx", 7);
}

static void
codes_that_say_not_now_are_told_apart(void **state)
{
	static const enum error_kind kinds[] = {
		[POP3_CODE_NONE] = ERR_NONE,
		[POP3_CODE_IN_USE] = ERR_IN_USE,
		[POP3_CODE_LOGIN_DELAY] = ERR_LOGIN_DELAY,
		[POP3_CODE_SYS_TEMP] = ERR_BUSY,
		[POP3_CODE_SYS_PERM] = ERR_NONE,
		[POP3_CODE_AUTH] = ERR_NONE,
		[POP3_CODE_OTHER] = ERR_NONE,
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(kinds); i++)
		assert_int_equal(pop3_code_later((enum pop3_code)i), kinds[i]);
}

static void
a_line_with_a_nul_is_not_taken_for_a_shorter_one(void **state)
{
	struct pop3_reply reply;

	(void)state;
	assert_int_equal(
	    pop3_reply_parse(slice_make("+OK\0 x", 6), &reply), -1);
	assert_int_equal(pop3_reply_parse(slice_make("\0+OK", 4), &reply), -1);
}

static void
feed(struct pop3_capa *capa, const char *const *lines)
{
	pop3_capa_clear(capa);
	for (; *lines != NULL; lines++)
		pop3_capa_line(slice_of(*lines), capa);
}

static void
nothing_is_known_before_capa(void **state)
{
	struct pop3_capa capa;

	(void)state;
	pop3_capa_clear(&capa);
	assert_false(capa.known);
	assert_false(capa.stls);
	assert_int_equal(capa.login_delay_s, -1);
	assert_int_equal(capa.expire_days, -1);
	assert_string_equal(capa.sasl, "");
}

static void
every_capability_is_understood(void **state)
{
	static const char *const lines[] = { "top", "USER", "UIDL",
		"RESP-CODES", "PIPELINING", "STLS", "UTF8 USER",
		"SASL PLAIN  LOGIN CRAM-MD5 ", "LOGIN-DELAY 900",
		"EXPIRE 60 USER", "IMPLEMENTATION Some \033Server 1.2 ",
		"X-UNKNOWN words", "", NULL };
	struct pop3_capa capa;

	(void)state;
	feed(&capa, lines);
	assert_true(capa.top && capa.user && capa.uidl && capa.resp_codes);
	assert_true(capa.pipelining && capa.stls && capa.utf8);
	assert_true(capa.sasl_ir);
	assert_string_equal(capa.sasl, "PLAIN LOGIN CRAM-MD5");
	assert_int_equal(capa.login_delay_s, 900);
	assert_int_equal(capa.expire_days, 60);
	assert_string_equal(capa.implementation, "Some ?Server 1.2");
}

static void
capabilities_are_whole_words(void **state)
{
	static const char *const lines[] = { "STLSX", "TOPPING", "X-STLS",
		" STLS", "SASL", NULL };
	struct pop3_capa capa;

	(void)state;
	feed(&capa, lines);
	assert_false(capa.stls);
	assert_false(capa.top);
	assert_false(capa.sasl_ir);
	assert_string_equal(capa.sasl, "");
}

static void
numbers_of_capabilities_are_checked(void **state)
{
	static const struct {
		const char *line;
		int64_t delay, expire;
	} rows[] = {
		{ "LOGIN-DELAY 0", 0, -1 },
		{ "LOGIN-DELAY", -1, -1 },
		{ "LOGIN-DELAY -5", -1, -1 },
		{ "LOGIN-DELAY 99999999999999999999", -1, -1 },
		{ "LOGIN-DELAY soon", -1, -1 },
		{ "EXPIRE NEVER", -1, INT64_MAX },
		{ "EXPIRE never USER", -1, INT64_MAX },
		{ "EXPIRE 0", -1, 0 },
		{ "EXPIRE", -1, -1 },
		{ "EXPIRE 18446744073709551616", -1, -1 },
	};
	struct pop3_capa capa;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		print_message("# \"%s\"\n", rows[i].line);
		pop3_capa_clear(&capa);
		pop3_capa_line(slice_of(rows[i].line), &capa);
		assert_true(capa.login_delay_s == rows[i].delay);
		assert_true(capa.expire_days == rows[i].expire);
	}
}

static void
too_many_mechanisms_are_cut_at_a_word(void **state)
{
	struct pop3_capa capa;
	int i;

	(void)state;
	pop3_capa_clear(&capa);
	for (i = 0; i < 100; i++)
		pop3_capa_line(slice_of("SASL MECHANISM-1 \001BAD"), &capa);
	assert_true(strlen(capa.sasl) < sizeof capa.sasl);
	assert_string_equal(capa.sasl + strlen(capa.sasl) - 12, " MECHANISM-1");
	assert_null(strstr(capa.sasl, "BAD"));
}

/* What these lines tell, written and read again, is the same. */
static void
expect_kept(const char *const *lines, const char *text)
{
	struct pop3_capa capa, again;
	struct buffer out = { 0 };
	struct slice rest;
	const char *end;

	pop3_capa_clear(&capa);
	pop3_capa_clear(&again);
	for (; *lines != NULL; lines++)
		pop3_capa_line(slice_of(*lines), &capa);
	buffer_add_text(&out, "");
	pop3_capa_text(&capa, &out);
	if (text != NULL)
		assert_string_equal(out.data, text);
	for (rest = buffer_slice(&out); rest.len > 0;
	     rest = slice_skip(rest, (size_t)(end - rest.data) + 1)) {
		end = memchr(rest.data, '\n', rest.len);
		assert_non_null(end);
		pop3_capa_line(
		    slice_make(rest.data, (size_t)(end - rest.data)), &again);
	}
	assert_memory_equal(&capa, &again, sizeof capa);
	buffer_free(&out);
}

#define LINES(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void
capabilities_that_are_written_down_read_the_same(void **state)
{
	char name[400];

	(void)state;
	expect_kept(LINES(NULL), "");
	expect_kept(LINES("STLS"), "STLS\n");
	expect_kept(LINES("USER"), "USER\n");
	expect_kept(LINES("TOP"), "TOP\n");
	expect_kept(LINES("UIDL"), "UIDL\n");
	expect_kept(LINES("PIPELINING"), "PIPELINING\n");
	expect_kept(LINES("RESP-CODES"), "RESP-CODES\n");
	expect_kept(LINES("UTF8 USER"), "UTF8\n");
	expect_kept(LINES("SASL PLAIN", "SASL  LOGIN"), "SASL PLAIN LOGIN\n");
	expect_kept(LINES("LOGIN-DELAY 0"), "LOGIN-DELAY 0\n");
	expect_kept(
	    LINES("LOGIN-DELAY 4294967295 USER"), "LOGIN-DELAY 4294967295\n");
	expect_kept(LINES("LOGIN-DELAY never"), "");
	expect_kept(LINES("EXPIRE 0"), "EXPIRE 0\n");
	expect_kept(LINES("EXPIRE 60 USER"), "EXPIRE 60\n");
	expect_kept(LINES("expire never"), "EXPIRE NEVER\n");
	expect_kept(LINES("IMPLEMENTATION  Some Server 1.0 "),
	    "IMPLEMENTATION Some Server 1.0\n");
	expect_kept(LINES("user", "EXPIRE NEVER", "TOP", "UIDL", "X-OTHER",
			"RESP-CODES", "PIPELINING", "STLS", "UTF8",
			"IMPLEMENTATION x", "LOGIN-DELAY 5", "SASL PLAIN"),
	    "STLS\nUSER\nTOP\nUIDL\nPIPELINING\nRESP-CODES\nUTF8\n"
	    "SASL PLAIN\nLOGIN-DELAY 5\nEXPIRE NEVER\nIMPLEMENTATION x\n");
	/* Cut, and cut behind a blank. */
	for (size_t blank = 120; blank < 130; blank++) {
		snprintf(name, sizeof name, "IMPLEMENTATION %0250d", 7);
		name[15 + blank] = ' ';
		expect_kept(LINES(name), NULL);
	}
	expect_kept(
	    LINES("IMPLEMENTATION \x1b[2J\\ \xff\t\xc3\xa9 \x7f"), NULL);
}

static void
an_answer_where_there_should_be_none_is_recognised(void **state)
{
	static const struct {
		struct slice text;
		bool is;
	} rows[] = {
		{ OCTETS("+OK\r\n"), true },
		{ OCTETS("+OK\n"), true },
		{ OCTETS("+ok by the way\r\nReceived: x\r\n"), true },
		{ OCTETS("+OK\tand more\r\n"), true },
		{ OCTETS("-ERR\r\n"), true },
		{ OCTETS("-ERR no such message\r\n"), true },
		{ OCTETS("-err [SYS/TEMP] x\nReceived: x\n"), true },
		/* The line is not there to its end. */
		{ OCTETS(""), false },
		{ OCTETS("+OK"), false },
		{ OCTETS("+OK\r"), false },
		/* Other words. */
		{ OCTETS("\r\n+OK\r\n"), false },
		{ OCTETS("\n"), false },
		{ OCTETS("+OKAY\r\n"), false },
		{ OCTETS("+OK\r\r\n"), false },
		{ OCTETS("+ go on\r\n"), false },
		{ OCTETS("+\r\n"), false },
		{ OCTETS("-ERROR\r\n"), false },
		{ OCTETS(" +OK\r\n"), false },
		{ OCTETS("OK\r\n"), false },
		{ OCTETS("Received: +OK\r\n"), false },
		{ OCTETS("From x\r\n+OK\r\n"), false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		print_message("# row %zu\n", i);
		assert_int_equal(
		    pop3_begins_with_status(rows[i].text), rows[i].is);
	}
	assert_false(pop3_begins_with_status(slice_make(NULL, 0)));
}

static void
stat_is_two_numbers_in_range(void **state)
{
	static const struct {
		struct slice text;
		int rc;
		uint32_t count;
		uint64_t octets;
	} rows[] = {
		{ OCTETS("2 320"), 0, 2, 320 },
		{ OCTETS("0 0"), 0, 0, 0 },
		{ OCTETS("2 320 and more"), 0, 2, 320 },
		{ OCTETS("4294967295 9223372036854775807"), 0, UINT32_MAX,
		    INT64_MAX },
		{ OCTETS(""), -1, 0, 0 },
		{ OCTETS("2"), -1, 0, 0 },
		{ OCTETS("2 "), -1, 0, 0 },
		{ OCTETS("-2 320"), -1, 0, 0 },
		{ OCTETS("2 -320"), -1, 0, 0 },
		{ OCTETS("+2 320"), -1, 0, 0 },
		{ OCTETS("two 320"), -1, 0, 0 },
		{ OCTETS("4294967296 1"), -1, 0, 0 },
		{ OCTETS("1 9223372036854775808"), -1, 0, 0 },
		{ OCTETS("1 18446744073709551616"), -1, 0, 0 },
		{ OCTETS("2\0 320"), -1, 0, 0 },
		{ OCTETS("2 320\0"), -1, 0, 0 },
		{ OCTETS("0x2 320"), -1, 0, 0 },
	};
	uint32_t count;
	uint64_t octets;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		print_message("# \"%s\"\n", rows[i].text.data);
		assert_int_equal(
		    pop3_stat_parse(rows[i].text, &count, &octets), rows[i].rc);
		if (rows[i].rc < 0)
			continue;
		assert_int_equal(count, rows[i].count);
		assert_true(octets == rows[i].octets);
	}
}

static void
a_line_of_list_is_two_numbers_in_range(void **state)
{
	static const struct {
		struct slice line;
		int rc;
		uint32_t number;
		uint64_t octets;
	} rows[] = {
		{ OCTETS("1 120"), 0, 1, 120 },
		{ OCTETS("007 0"), 0, 7, 0 },
		{ OCTETS("1 120 extra"), 0, 1, 120 },
		{ OCTETS("4294967295 1"), 0, UINT32_MAX, 1 },
		{ OCTETS("0 120"), -1, 0, 0 },
		{ OCTETS(""), -1, 0, 0 },
		{ OCTETS(" 1 120"), -1, 0, 0 },
		{ OCTETS("1"), -1, 0, 0 },
		{ OCTETS("-1 120"), -1, 0, 0 },
		{ OCTETS("4294967296 120"), -1, 0, 0 },
		{ OCTETS("18446744073709551617 120"), -1, 0, 0 },
		{ OCTETS("1 1e9"), -1, 0, 0 },
		{ OCTETS("1\0 120"), -1, 0, 0 },
	};
	uint32_t number;
	uint64_t octets;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		print_message("# \"%s\"\n", rows[i].line.data);
		assert_int_equal(
		    pop3_list_line(rows[i].line, &number, &octets), rows[i].rc);
		if (rows[i].rc < 0)
			continue;
		assert_int_equal(number, rows[i].number);
		assert_true(octets == rows[i].octets);
	}
}

static void
a_uid_is_the_second_word_as_it_stands(void **state)
{
	static const struct {
		struct slice line;
		int rc;
		uint32_t number;
		struct slice uid;
	} rows[] = {
		{ OCTETS("1 whqtswO00WBw418f9t5JxYwZ"), 0, 1,
		    OCTETS("whqtswO00WBw418f9t5JxYwZ") },
		{ OCTETS("2   01 "), 0, 2, OCTETS("01") },
		{ OCTETS("2 ';--"), 0, 2, OCTETS("';--") },
		{ OCTETS("2 a\0b"), 0, 2, OCTETS("a\0b") },
		{ OCTETS("2 \xfc"), 0, 2, OCTETS("\xfc") },
		{ OCTETS("1"), -1, 0, OCTETS("") },
		{ OCTETS("1 "), -1, 0, OCTETS("") },
		{ OCTETS(""), -1, 0, OCTETS("") },
		{ OCTETS("0 uid"), -1, 0, OCTETS("") },
		{ OCTETS("-1 uid"), -1, 0, OCTETS("") },
		{ OCTETS("one uid"), -1, 0, OCTETS("") },
		{ OCTETS("4294967296 uid"), -1, 0, OCTETS("") },
		{ OCTETS("1\0 uid"), -1, 0, OCTETS("") },
	};
	struct slice uid;
	uint32_t number;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		print_message("# \"%s\"\n", rows[i].line.data);
		assert_int_equal(
		    pop3_uidl_line(rows[i].line, &number, &uid), rows[i].rc);
		if (rows[i].rc < 0)
			continue;
		assert_int_equal(number, rows[i].number);
		assert_true(slice_equal(uid, rows[i].uid));
	}
}

static void
a_uid_longer_than_the_rfc_is_taken_and_an_endless_one_is_not(void **state)
{
	char line[2 + POP3_UID_MAX + 1];
	struct slice uid;
	uint32_t number;

	(void)state;
	memset(line, 'u', sizeof line);
	memcpy(line, "1 ", 2);
	assert_int_equal(
	    pop3_uidl_line(slice_make(line, 2 + 71), &number, &uid), 0);
	assert_int_equal(uid.len, 71);
	assert_int_equal(
	    pop3_uidl_line(slice_make(line, 2 + 1000), &number, &uid), 0);
	assert_int_equal(uid.len, 1000);
	assert_int_equal(
	    pop3_uidl_line(slice_make(line, 2 + 1001), &number, &uid), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(status_lines_are_told_apart),
		cmocka_unit_test(the_text_of_a_reply_is_cut_and_made_harmless),
		cmocka_unit_test(codes_that_say_not_now_are_told_apart),
		cmocka_unit_test(
		    a_line_with_a_nul_is_not_taken_for_a_shorter_one),
		cmocka_unit_test(nothing_is_known_before_capa),
		cmocka_unit_test(every_capability_is_understood),
		cmocka_unit_test(capabilities_are_whole_words),
		cmocka_unit_test(numbers_of_capabilities_are_checked),
		cmocka_unit_test(too_many_mechanisms_are_cut_at_a_word),
		cmocka_unit_test(
		    capabilities_that_are_written_down_read_the_same),
		cmocka_unit_test(
		    an_answer_where_there_should_be_none_is_recognised),
		cmocka_unit_test(stat_is_two_numbers_in_range),
		cmocka_unit_test(a_line_of_list_is_two_numbers_in_range),
		cmocka_unit_test(a_uid_is_the_second_word_as_it_stands),
		cmocka_unit_test(
		    a_uid_longer_than_the_rfc_is_taken_and_an_endless_one_is_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
