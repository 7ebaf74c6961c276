/* fuzz-date.c - dates of mail. */
#include "message/date.h"

#include "base/clock.h"
#include "fuzz.h"

#include <string.h>

#define HOUR 3600
#define YEAR_1900 (-INT64_C(2208988800))
#define YEAR_1973 INT64_C(94694400) /* from here zones are whole minutes */
#define YEAR_9999 INT64_C(253370764800)
#define YEAR_10000 INT64_C(253402300800)

/* The same time of day is later in the west. */
static void
check_zone(int64_t seconds)
{
	char text[CLOCK_RFC5322];
	size_t zone;
	int64_t east, west;

	clock_rfc5322(seconds, text);
	zone = strlen(text) - strlen("+0000");
	memcpy(text + zone, "+0100", 5);
	fuzz_must(date_parse(slice_of(text), &east) == 0, "there are zones");
	memcpy(text + zone, "-0130", 5);
	fuzz_must(date_parse(slice_of(text), &west) == 0, "there are zones");
	fuzz_must(west - east == 2 * HOUR + HOUR / 2, "zones count");
}

static void
check_date(int64_t seconds)
{
	char text[CLOCK_RFC5322];
	int64_t again;

	fuzz_must(seconds >= YEAR_1900 - 100 * HOUR &&
		seconds <= YEAR_10000 + 100 * HOUR,
	    "a date is in its range");
	if (seconds < YEAR_1973 || seconds > YEAR_9999)
		return;
	clock_rfc5322(seconds, text);
	fuzz_must(date_parse(slice_of(text), &again) == 0,
	    "a date that we write can be read");
	fuzz_must(again == seconds, "a date reads back as it was written");
	check_zone(seconds);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = fuzz_copy(slice_make(data, size));
	int64_t seconds;

	if (date_parse(text, &seconds) == 0)
		check_date(seconds);
	fuzz_free(text);
	return 0;
}
