/* fuzz-text.c - numbers, units, and words of a peer. */
#include "base/text.h"

#include "base/alloc.h"
#include "base/error.h"
#include "fuzz.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
check_number(struct slice s)
{
	char again[24];
	uint64_t value, small;

	if (text_u64(s, UINT64_MAX, &value) < 0) {
		fuzz_must(text_u64(s, 999, &small) < 0,
		    "no number has no smaller limit either");
		return;
	}
	(void)snprintf(again, sizeof again, "%" PRIu64, value);
	while (s.len > 1 && s.data[0] == '0')
		s = slice_skip(s, 1);
	fuzz_must(slice_is(s, again), "a number is what its digits say");
	fuzz_must((text_u64(s, 999, &small) == 0) == (value <= 999),
	    "a number beyond its limit is none");
	if (value > 0)
		fuzz_must(text_u64(s, value, &small) == 0 &&
			text_u64(s, value - 1, &small) < 0,
		    "a limit is exact");
}

static void
check_units(struct slice s)
{
	char text[TEXT_UNIT];
	int64_t seconds, seconds_again;
	uint64_t octets, octets_again;

	if (text_duration(s, &seconds) == 0) {
		fuzz_must(seconds >= 0, "no duration is negative");
		text_from_duration(seconds, text);
		fuzz_must(text_duration(slice_of(text), &seconds_again) == 0 &&
			seconds_again == seconds,
		    "a duration reads back");
		fuzz_must(
		    text_ago(seconds, text) == text && strlen(text) < TEXT_UNIT,
		    "a duration for people fits");
	}
	if (text_size(s, &octets) == 0) {
		text_from_size(octets, text);
		fuzz_must(text_size(slice_of(text), &octets_again) == 0 &&
			octets_again == octets,
		    "a size reads back");
		fuzz_must(text_octets(octets, text) == text &&
			strlen(text) < TEXT_UNIT,
		    "a size for people fits");
	}
}

/* Any eight octets are a number, too. */
static void
check_any_number(struct slice s)
{
	char text[TEXT_UNIT];
	uint64_t n = 0, octets;
	int64_t seconds;

	memcpy(&n, s.data, s.len < sizeof n ? s.len : sizeof n);
	fuzz_must(
	    strlen(text_octets(n, text)) < TEXT_UNIT, "any size has a text");
	fuzz_must(strlen(text_ago((int64_t)n, text)) < TEXT_UNIT,
	    "any duration has a text");
	text_from_size(n, text);
	fuzz_must(text_size(slice_of(text), &octets) == 0 && octets == n,
	    "any size reads back");
	text_from_duration((int64_t)n, text);
	fuzz_must(text_duration(slice_of(text), &seconds) == 0 &&
		seconds == ((int64_t)n > 0 ? (int64_t)n : 0),
	    "any duration reads back");
}

static void
check_harmless(struct slice s, size_t room)
{
	char *out = malloc(room + 1);

	fuzz_must(out != NULL, "there is memory");
	out[room] = 'x';
	text_harmless(s, out, room);
	fuzz_must(out[room] == 'x', "text_harmless stays in its room");
	if (room > 0) {
		fuzz_must(memchr(out, '\0', room) != NULL,
		    "what was made harmless is a string");
		fuzz_must(fuzz_harmless(slice_of(out)),
		    "what was made harmless is harmless");
	}
	if (room > s.len && fuzz_harmless(s))
		fuzz_must(slice_is(s, out), "what is harmless stays as it is");
	free(out);
}

static void
check_error(const char *text)
{
	struct error e;

	error_set(&e, ERR_PROTOCOL, "%s", text);
	error_prefix(&e, "%s", text);
	fuzz_must(memchr(e.text, '\0', sizeof e.text) != NULL,
	    "the text of an error is a string");
	fuzz_must(fuzz_harmless(slice_of(e.text)),
	    "the text of an error is one harmless line");
}

static void
check_nearest(const char *word)
{
	static const char *const known[] = { "password", "password_file",
		"pop3", "port", "tls", "timeout", "first_poll", "smtp", "lmtp",
		NULL };
	const char *nearest = text_nearest(word, known);
	size_t i;

	for (i = 0; known[i] != NULL && known[i] != nearest; i++)
		;
	fuzz_must(nearest == known[i], "the nearest name is one of them");
	for (i = 0; known[i] != NULL; i++)
		if (strcmp(known[i], word) == 0)
			fuzz_must(nearest == known[i],
			    "nothing is nearer than the name itself");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice s = fuzz_copy(slice_make(data, size));
	char *text = xstrndup(s.data, s.len);
	size_t room;

	check_number(s);
	check_units(s);
	check_any_number(s);
	for (room = 0; room < 12; room++)
		check_harmless(s, room);
	check_harmless(s, s.len);
	check_harmless(s, s.len + 1);
	check_error(text);
	check_nearest(text);
	free(text);
	fuzz_free(s);
	return 0;
}
