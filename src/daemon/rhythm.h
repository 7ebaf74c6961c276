/*
 * rhythm.h - learns when a mailbox gets its mail, so that it is polled often then
 * and seldom otherwise (every = "auto").
 *
 * What is learnt is the rate at which messages come: by the hour of the week,
 * and by how long ago the last ones were found, since mail often comes in
 * bursts. For a given number of polls, messages wait least when polls are made in
 * proportion to the square root of that rate. So the mean interval is fixed, the
 * geometric mean of the shortest and the longest one (longer where little mail
 * comes), and the rhythm only says where in the week the polls are worth most.
 *
 * Here are no clock and no chance. Times are seconds of local wall clocks, as
 * clock_wall() + clock_offset() tells them; where they jump, nothing is learnt.
 */
#ifndef DAEMON_RHYTHM_H
#define DAEMON_RHYTHM_H

#include <stddef.h>
#include <stdint.h>

#define RHYTHM_DAYS 7
#define RHYTHM_HOURS (RHYTHM_DAYS * 24)
#define RHYTHM_AGES 12

/* All zero begins. What is counted counts less as it gets older. */
struct rhythm {
	float hours[RHYTHM_HOURS]; /* messages, by the hour of the week */
	/* Minutes that might have brought some, by the day of the week; those
	 * after others have come count as more. */
	float days[RHYTHM_DAYS];
	float after[RHYTHM_AGES]; /* messages, by the age of those before, */
	float expected[RHYTHM_AGES]; /* and how many the hours let expect */
	float watched; /* minutes */
	float mean; /* of the square root of the rate */
	int64_t looked; /* the last poll; 0: there was none */
	int64_t found; /* the last one that found something; 0: none has */
};

/* rhythm_polled - a poll began at `at`, and has found so many new messages. */
void rhythm_polled(struct rhythm *r, int64_t at, uint64_t found);

/* rhythm_interval - from `at` to the next poll, in seconds, min to max. */
int64_t
rhythm_interval(const struct rhythm *r, int64_t at, int64_t min, int64_t max);

/*
 * rhythm_write, rhythm_read - as it is kept in the ledger. rhythm_read returns 0,
 * or -1: these octets are none, and *r begins anew.
 */
#define RHYTHM_OCTETS \
	(4 + 4 * (RHYTHM_HOURS + RHYTHM_DAYS + 2 * RHYTHM_AGES + 2) + 16)
void rhythm_write(const struct rhythm *r, unsigned char out[RHYTHM_OCTETS]);
int rhythm_read(struct rhythm *r, const void *octets, size_t len);

#endif
