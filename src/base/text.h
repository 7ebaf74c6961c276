/*
 * text.h - small pure functions on text: numbers with their range, durations
 * and sizes with their unit, words of a peer made harmless, the nearest name.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stdint.h>

/* text_u64 - decimal digits and nothing else, up to max. Returns 0 or -1. */
int text_u64(struct slice s, uint64_t max, uint64_t *out);

/*
 * text_duration - "30s" "5m" "2h" "14d" as seconds; no number goes without its
 * unit, but "0". Returns 0 or -1.
 */
int text_duration(struct slice s, int64_t *seconds);

/* text_size - "512" "64K" "25M" "2G" (powers of 1024) as octets. 0 or -1. */
int text_size(struct slice s, uint64_t *octets);

/* The shortest spelling that reads back as the same value, into out. */
#define TEXT_UNIT 32
const char *text_from_duration(int64_t seconds, char out[TEXT_UNIT]);
const char *text_from_size(uint64_t octets, char out[TEXT_UNIT]);

/* For people: "1.4 MB", "3 min", "2 days". Decimal units for octets. */
const char *text_octets(uint64_t octets, char out[TEXT_UNIT]);
const char *text_ago(int64_t seconds, char out[TEXT_UNIT]);
/* "19,998". */
const char *text_count(uint64_t n, char out[TEXT_UNIT]);

/*
 * text_character - how many octets the UTF-8 character at the front has (RFC
 * 3629); 0: there is none.
 * text_is_obeyed - does it do something to a terminal, rather than show? C0,
 * DEL, C1, other ends of lines (U+2028, U+2029), other directions of writing
 * (U+202A to U+202E, U+2066 to U+2069).
 */
size_t text_character(struct slice s);
bool text_is_obeyed(struct slice character);

/*
 * text_harmless - copy octets of a peer as one line that no terminal obeys:
 * what is obeyed and what is not UTF-8 become '?'. Cut to fit; out is a string.
 * text_is_harmless - would it stay as it is?
 */
void text_harmless(struct slice s, char *out, size_t room);
bool text_is_harmless(struct slice s);

/* text_is_utf8 - is all of it valid UTF-8 (RFC 3629)? */
bool text_is_utf8(struct slice s);

/*
 * text_nearest - the candidate that is most likely meant by a misspelt word,
 * or NULL when none is near. names: NULL-terminated.
 */
const char *text_nearest(const char *word, const char *const *names);

/* text_hex - lower-case hexadecimal, 2 * len characters and '\0'. */
void text_hex(const void *octets, size_t len, char *out);

#endif
