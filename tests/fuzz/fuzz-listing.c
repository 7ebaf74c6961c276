/*
 * fuzz-listing.c - what a server lists, put in order. Each line of the input
 * is one of UIDL's answer; one that cannot be read counts as number 0.
 */
#include "poll/listing.h"

#include "fuzz.h"

#define LINES_MAX 200

/* What was added, as it came. */
struct answer {
	uint32_t numbers[LINES_MAX];
	struct slice uids[LINES_MAX]; /* copies */
	size_t count;
};

static void
read_answer(struct slice rest, struct answer *a)
{
	struct slice line, uid;

	a->count = 0;
	while (a->count < LINES_MAX && fuzz_line(&rest, &line)) {
		uint32_t number = 0;

		if (pop3_uidl_line(line, &number, &uid) < 0) {
			number = 0;
			uid = line;
		}
		a->numbers[a->count] = number;
		a->uids[a->count++] = fuzz_copy(uid);
		fuzz_free(line);
	}
}

static void
check_entry(const struct answer *a, const struct listing_entry *entry)
{
	size_t times = 0;
	size_t i;

	for (i = 0; i < a->count; i++) {
		if (a->numbers[i] != entry->number)
			continue;
		times++;
		fuzz_must(slice_equal(a->uids[i], entry->uid),
		    "a number keeps its UID");
		fuzz_must(entry->octets == i, "a number keeps its octets");
	}
	fuzz_must(times == 1, "what is listed was listed once");
}

static void
check_pair(const struct listing_entry *a, const struct listing_entry *b)
{
	fuzz_must(a->number < b->number, "numbers ascend");
	if (!slice_equal(a->uid, b->uid))
		return;
	fuzz_must(a->copy < b->copy, "copies of a UID are told apart");
	fuzz_must(a->copies && b->copies, "copies know of each other");
}

static void
check_copies(const struct listing *l, size_t i)
{
	size_t others = 0;
	size_t before = 0;
	size_t j;

	for (j = 0; j < l->count; j++) {
		if (j == i || !slice_equal(l->list[i].uid, l->list[j].uid))
			continue;
		others++;
		before += j < i;
	}
	fuzz_must(l->list[i].copies == (others > 0),
	    "a copy is one only where there are others");
	fuzz_must(l->list[i].copy == before, "copies are counted from 0");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct listing l = { 0 };
	struct answer answer;
	size_t i, j;

	read_answer(slice_make(data, size), &answer);
	for (i = 0; i < answer.count; i++)
		listing_add(&l, answer.numbers[i], answer.uids[i], i);
	listing_finish(&l);
	fuzz_must(l.count + l.left_out == answer.count,
	    "every line is listed or left out");
	for (i = 0; i < l.count; i++) {
		fuzz_must(l.list[i].number != 0, "no message has number 0");
		check_entry(&answer, &l.list[i]);
		check_copies(&l, i);
		for (j = i + 1; j < l.count; j++)
			check_pair(&l.list[i], &l.list[j]);
	}
	listing_free(&l);
	while (answer.count > 0)
		fuzz_free(answer.uids[--answer.count]);
	return 0;
}
