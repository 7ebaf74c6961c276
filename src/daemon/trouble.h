/*
 * trouble.h - what the owner of an account has to be told of, and in which words.
 * Pure.
 */
#ifndef DAEMON_TROUBLE_H
#define DAEMON_TROUBLE_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bits; those that the owner was told of are kept in the ledger. */
#define TROUBLE_FAILING (1u << 0) /* for as long as alert_after says */
#define TROUBLE_REFUSED (1u << 1) /* the password */
#define TROUBLE_HELD (1u << 2) /* a message */

/* What has been learned of an account. */
struct trouble_signs {
	bool well; /* its poll has ended well, */
	bool failed; /* or badly; neither: nobody knows */
	bool refused; /* since its password was refused */
	int64_t since; /* it fails, or its destination is down */
	int64_t now, after_s; /* alert_after */
	bool looked; /* what is held is known */
	uint64_t held;
};

/* trouble_after - the troubles that it has now, after those before. */
uint32_t trouble_after(uint32_t before, const struct trouble_signs *signs);

/*
 * trouble_news - of the troubles that there are, those to be told, and those that
 * were and are over. alerted: what the owner was told of. A password that was
 * refused is reason enough to fail.
 */
struct trouble_news {
	uint32_t begun, over;
};
struct trouble_news trouble_news(uint32_t troubles, uint32_t alerted);

/* An account in a letter. All borrowed. */
struct trouble_case {
	const char *account, *user, *host;
	struct trouble_news news;
	int64_t since; /* wall clock; 0: not known */
	const char *down; /* the destination that is, or NULL */
	const char *words; /* why it fails */
	uint64_t held;
	const char *held_words; /* why; or "" */
};

/* Of so many a letter tells in detail. */
#define TROUBLE_CASES 20

struct trouble_letter {
	const char *by; /* this host's name */
	const struct trouble_case *cases;
	size_t count; /* up to TROUBLE_CASES */
	size_t begun, over; /* accounts in all that have such news */
	size_t accounts; /* that have any */
};

/* Both append UTF-8 without a secret; the text has lines that end with LF. */
void trouble_subject(const struct trouble_letter *l, struct buffer *out);
void trouble_text(const struct trouble_letter *l, struct buffer *out);

#endif
