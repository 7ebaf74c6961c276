/* report-private.h - what the three ways to write a report share. */
#ifndef MIGRATE_REPORT_PRIVATE_H
#define MIGRATE_REPORT_PRIVATE_H

#include "migrate/report.h"

/* "message" or "messages". */
const char *words_messages(uint64_t n);

/* words_day - "21 Nov 2026". words_minute - "22:15". Local time. */
#define WORDS_TIME 32
const char *words_day(int64_t wall, char out[WORDS_TIME]);
const char *words_minute(int64_t wall, char out[WORDS_TIME]);

/* words_span - "21 Nov 2026, 22:15 to 22:41", or with both days. */
void words_span(int64_t first, int64_t last, struct buffer *out);

/* words_took - "26 min", "1 h 5 min", "2 days 3 h". */
void words_took(int64_t seconds, struct buffer *out);

/* words_speed - "13 messages, 812 kB a second". */
void words_speed(
    uint64_t messages, uint64_t octets, int64_t seconds, struct buffer *out);

/*
 * words_moved - "998 of 1,000 messages moved and verified". words_outcome - and
 * behind it "; 2 held". words_lead - the first for all mailboxes.
 */
void words_moved(const struct report_mailbox *m, struct buffer *out);
void words_outcome(const struct report_mailbox *m, struct buffer *out);
void words_lead(const struct report *r, struct buffer *out);

/* words_faults - what is not as it should be. Returns how many kinds. */
enum words_grade {
	FAULT_BAD,
	FAULT_HELD,
	FAULT_OPEN
};
struct words_fault {
	enum words_grade grade;
	uint64_t count;
	const char *words; /* "held" */
};
#define WORDS_FAULTS 5
size_t words_faults(
    const struct report_mailbox *m, struct words_fault out[WORDS_FAULTS]);

/* words_unfinished - mailboxes whose last run ended early. */
size_t words_unfinished(const struct report *r);

/* words_state - what a message that was not moved is: "held". */
const char *words_state(enum state state);

/* words_total - all messages of a mailbox that were to be moved. */
uint64_t words_total(const struct report_mailbox *m);

/* The style sheet of the page, line by line; NULL at the end. */
extern const char *const report_style[];

#endif
