/* test-letter.c - a letter that every server takes as it is. */
#include "message/letter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static const char *const ann[] = { "ann@example.org", NULL };

/* With this subject and text; the caller's. */
static char *
written(const char *const *to, const char *subject, const char *text)
{
	struct buffer out = { 0 };
	struct letter letter = { .by = "mail.example.org",
		.to = to,
		.id = "0123abcd",
		.now = 1795300542,
		.subject = subject,
		.text = text };

	letter_write(&letter, &out);
	return out.data;
}

static void
expect(char *letter, const char *part)
{
	if (strstr(letter, part) == NULL)
		fail_msg("lacks %s:\n%s", part, letter);
}

static void
a_letter_is_plain_text_that_nobody_should_answer(void **state)
{
	char *letter = written(ann, "hello", "Good\nday.\n");

	(void)state;
	assert_memory_equal(letter, "Date: ", 6);
	expect(letter,
	    "\r\nFrom: \"postrider at mail.example.org\" "
	    "<MAILER-DAEMON@mail.example.org>\r\n"
	    "To: <ann@example.org>\r\n"
	    "Subject: hello\r\n"
	    "Message-ID: <0123abcd.postrider@mail.example.org>\r\n"
	    "Auto-Submitted: auto-generated\r\n"
	    "Precedence: bulk\r\n"
	    "MIME-Version: 1.0\r\n"
	    "Content-Type: text/plain; charset=utf-8\r\n"
	    "Content-Transfer-Encoding: 7bit\r\n"
	    "\r\n"
	    "Good\r\nday.\r\n");
	free(letter);
}

static void
each_recipient_is_named(void **state)
{
	static const char *const both[] = { "ann@example.org", "bob", NULL };
	char *letter = written(both, "hello", "");

	(void)state;
	expect(letter, "\r\nTo: <ann@example.org>,\r\n\t<bob>\r\n");
	free(letter);
}

static void
a_subject_that_is_not_ascii_is_encoded_in_words_of_whole_characters(
    void **state)
{
	char *letter = written(ann, "B\xc3\xb6rse", "");

	(void)state;
	expect(letter, "\r\nSubject: =?utf-8?B?QsO2cnNl?=\r\n");
	free(letter);
	/* 38 octets, and a character of two that would be cut at 39. */
	letter =
	    written(ann, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\xc3\xb6", "");
	expect(letter, "YWE=?=\r\n =?utf-8?B?w7Y=?=\r\n");
	free(letter);
}

static void
a_text_that_is_not_ascii_is_quoted(void **state)
{
	char *letter = written(ann, "x", "1 = \xe2\x82\xac \nend\n");

	(void)state;
	expect(letter, "\r\nContent-Transfer-Encoding: quoted-printable\r\n");
	expect(letter, "\r\n\r\n1 =3D =E2=82=AC=20\r\nend\r\n");
	free(letter);
}

static void
no_line_of_it_is_too_long(void **state)
{
	char text[500], *letter, *line, *rest = NULL;

	(void)state;
	for (size_t i = 0; i + 2 < sizeof(text); i += 2)
		memcpy(text + i, "\xc3\xb6", 2);
	memcpy(text + sizeof(text) - 2, "\n", 2);
	letter = written(ann, text, text);
	for (line = strtok_r(letter, "\r\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\r\n", &rest)) {
		assert_true(strlen(line) <= 76 + strlen("Subject: "));
		for (const char *c = line; *c != '\0'; c++)
			assert_true((unsigned char)*c < 0x80);
	}
	free(letter);
}

static void
lines_are_broken_at_blanks(void **state)
{
	struct buffer out = { 0 };

	(void)state;
	letter_wrap("    ",
	    "aaaaaaaaaaaaaaaaaaaaaaaaa  \xc3\xb6\xc3\xb6\xc3\xb6\xc3\xb6"
	    "\xc3\xb6\xc3\xb6\xc3\xb6\xc3\xb6\xc3\xb6\xc3\xb6 "
	    "cccccccccccccccccccccccccccccccccc d "
	    "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"
	    "eeeeeeeeeeeeeeeeeeeeeeeeeee f",
	    &out);
	assert_string_equal(out.data,
	    "    aaaaaaaaaaaaaaaaaaaaaaaaa \xc3\xb6\xc3\xb6\xc3\xb6\xc3\xb6"
	    "\xc3\xb6\xc3\xb6\xc3\xb6\xc3\xb6\xc3\xb6\xc3\xb6 "
	    "cccccccccccccccccccccccccccccccccc\n"
	    "    d\n"
	    "    eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"
	    "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee\n"
	    "    f\n");
	buffer_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_letter_is_plain_text_that_nobody_should_answer),
		cmocka_unit_test(each_recipient_is_named),
		cmocka_unit_test(
		    a_subject_that_is_not_ascii_is_encoded_in_words_of_whole_characters),
		cmocka_unit_test(a_text_that_is_not_ascii_is_quoted),
		cmocka_unit_test(no_line_of_it_is_too_long),
		cmocka_unit_test(lines_are_broken_at_blanks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
