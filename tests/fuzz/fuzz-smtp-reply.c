/* fuzz-smtp-reply.c - replies of many lines, and each line as one of EHLO's. */
#include "smtp/reply.h"

#include "fuzz.h"

#include <string.h>

static bool
in_range(int n, int low, int high)
{
	return n >= low && n <= high;
}

static void
check_reply(const struct smtp_reply *r)
{
	char text[SMTP_REPLY_TEXT];

	fuzz_must(r->code == 0 || in_range(r->code, 200, 599),
	    "a reply is 2yz to 5yz");
	fuzz_must(r->class == 0 || r->class == r->code / 100,
	    "the enhanced code is of the reply's class");
	fuzz_must(in_range(r->subject, 0, 999) && in_range(r->detail, 0, 999),
	    "an enhanced code has three digits at most");
	fuzz_must(memchr(r->text, '\0', sizeof r->text) != NULL,
	    "the text of a reply is a string");
	fuzz_must(fuzz_harmless(slice_of(r->text)),
	    "the text of a reply is harmless");
	fuzz_must(smtp_reply_text(r, text) == text &&
		memchr(text, '\0', sizeof text) != NULL,
	    "a reply fits its text");
	fuzz_must(
	    strlen(text) >= strlen(r->text), "no word of a reply is left out");
}

/* What may be said of a line that was taken. */
static void
check_taken(const struct smtp_reply *r, struct slice line, bool last)
{
	fuzz_must(line.len >= 3 && line.data[0] - '0' == r->code / 100 &&
		line.data[1] - '0' == r->code / 10 % 10 &&
		line.data[2] - '0' == r->code % 10,
	    "all lines of a reply have one code");
	fuzz_must(last == (line.len == 3 || line.data[3] == ' '),
	    "a hyphen goes on, a blank ends");
}

static void
check_ehlo(const struct smtp_ehlo *ehlo)
{
	fuzz_must(memchr(ehlo->auth, '\0', sizeof ehlo->auth) != NULL,
	    "the list of mechanisms is a string");
	fuzz_must(fuzz_harmless(slice_of(ehlo->auth)),
	    "the list of mechanisms is harmless");
	fuzz_must(ehlo->size || ehlo->size_limit == 0,
	    "there is no limit without SIZE");
	fuzz_must(!ehlo->extended, "keywords do not make an EHLO");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice rest = slice_make(data, size);
	struct smtp_reply reply = { 0 };
	struct smtp_ehlo ehlo = { 0 };
	struct slice line;

	while (fuzz_line(&rest, &line)) {
		int rc = smtp_reply_line(&reply, line);

		check_reply(&reply);
		if (rc >= 0)
			check_taken(&reply, line, rc == 1);
		if (rc != 0)
			reply = (struct smtp_reply){ 0 };
		smtp_ehlo_line(&ehlo, line);
		if (line.len >= 4)
			smtp_ehlo_line(&ehlo, slice_skip(line, 4));
		fuzz_free(line);
	}
	check_ehlo(&ehlo);
	return 0;
}
