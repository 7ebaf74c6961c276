/*
 * facts.h - what a plan is made from, and the plan: for the tests of it.
 */
#ifndef KIT_FACTS_H
#define KIT_FACTS_H

#include "poll/plan.h"

#define NOW ((int64_t)1700000000)
#define MINUTE ((int64_t)60)
#define DAY ((int64_t)86400)
#define MANY 16

struct facts {
	struct listing listing;
	struct row row_list[MANY];
	struct rows rows;
	struct account account;
	struct plan_input in;
	struct plan plan;
};

void facts_begin(struct facts *w);
void facts_end(struct facts *w);

/*
 * listed - one more message in the mailbox, numbered as it comes.
 * known - a row. Rows have to be added in the order of their UIDs, as reader.h
 *	says.
 * one - a mailbox of one message, which the ledger knows.
 * first_poll - five messages of 10, 20, … octets, the third known already, and
 *	no poll before this one.
 */
void listed(struct facts *w, const char *uid, uint64_t octets);
struct row *
known(struct facts *w, const char *uid, uint32_t copy, enum state state);
struct row *one(struct facts *w, enum state state);
void first_poll(struct facts *w, enum first_poll first);

/*
 * make - the plan. action - of the i-th message. takes - the plan takes these,
 * in this order.
 */
void make(struct facts *w);
enum plan_action action(const struct facts *w, size_t i);
void takes(const struct facts *w, const size_t *order, size_t count);

#endif
