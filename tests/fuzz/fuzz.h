/*
 * fuzz.h - what the harnesses share. Each of them is a libFuzzer target for
 * one parser of octets from outside and says, sentence by sentence, what has
 * to hold for any octets at all. tests/fuzz/run runs them under libFuzzer,
 * replay.c without.
 */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* fuzz_must - print the sentence and abort when it does not hold. */
void fuzz_must(bool holds, const char *sentence);

/*
 * fuzz_copy - the octets in a heap block that ends where they end, so that
 * AddressSanitizer sees every step beyond. Give it back with fuzz_free().
 */
struct slice fuzz_copy(struct slice s);
void fuzz_free(struct slice copy);

/*
 * fuzz_line - cut the next line off *rest; *line is a copy without its line
 * end, to be freed. Returns false when there is none.
 */
bool fuzz_line(struct slice *rest, struct slice *line);

/* A way to cut octets into pieces. { 0 } comes before the first way. */
struct fuzz_cut {
	size_t number;
	size_t first, then; /* octets of the first piece, and of the others */
};

/*
 * fuzz_cut_next - another way to cut `len` octets: one by one, in threes, then
 * into two at every place (of many octets, at some). Returns false after the
 * last.
 */
bool fuzz_cut_next(struct fuzz_cut *cut, size_t len);

/*
 * fuzz_piece - the next piece of `whole`; *at counts what has been handed out.
 * piece: a copy, to be freed. Returns false when nothing is left.
 */
bool fuzz_piece(const struct fuzz_cut *cut, struct slice whole, size_t *at,
    struct slice *piece);

/* fuzz_inside - does `part` lie within `whole`? Empty ones may lie anywhere. */
bool fuzz_inside(struct slice part, struct slice whole);

/* fuzz_has - does the text stand anywhere in s? */
bool fuzz_has(struct slice s, const char *text);

/*
 * fuzz_harmless - is it UTF-8 without C0, DEL and C1, and without what begins
 * another line or turns the direction of writing?
 */
bool fuzz_harmless(struct slice s);

#endif
