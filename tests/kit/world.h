/*
 * world.h - a ledger in a directory of its own, by a clock that stands still,
 * for tests of what changes leave in it. What goes wrong here fails the test.
 */
#ifndef KIT_WORLD_H
#define KIT_WORLD_H

#include "base/alloc.h"
#include "base/clock.h"
#include "ledger/ledger.h"
#include "ledger/reader.h"

#include <stdatomic.h>
#include <stdint.h>

#define DAY ((int64_t)86400)
#define START ((int64_t)1700000000)

extern _Atomic int64_t wall; /* what clock_wall() says */

struct world {
	char dir[64];
	struct ledger *l;
	int64_t account;
};

/* world_begin - with an account "isp"; it is START. */
void world_begin(struct world *w);
void world_end(struct world *w);
/* world_open - the ledger of a directory that is there. reopen - once more. */
void world_open(struct world *w);
void reopen(struct world *w);
void path_in(const struct world *w, const char *name, char out[128]);

/* Make changes. Each returns the message's row. */
int64_t apply(struct world *w, struct ledger_change c);
int64_t apply_to(struct world *w, enum change_kind kind, int64_t message);
int64_t intent(struct world *w, int64_t message, const char *uid);
int64_t verdict(struct world *w, int64_t message, const char *uid,
    enum state state, const char *reply);
/* verdict_of_two - with an outcome for "ann" and one for "bob". */
void verdict_of_two(struct world *w, int64_t message, enum state state,
    enum state ann, enum state bob);
/* row_in - a row in a state, by way of the changes that lead there. */
int64_t row_in(struct world *w, const char *uid, enum state to);

/* Look into it, by connections of their own. */
void read_rows(const struct world *w, struct rows *rows);
/* row_of - of a message, without its UID. message is 0: there is none. */
struct row row_of(const struct world *w, int64_t message);
enum state state_of(const struct world *w, int64_t message);
/*
 * ask - the answer to an SQL question as text, "NULL" for NULL; run only: "".
 */
const char *ask(const struct world *w, const char *sql, char out[256]);
/*
 * expect_delivered - recipients: those who have it, each with a blank behind.
 */
void expect_delivered(
    const struct world *w, int64_t message, const char *recipients);
struct standing standing_of(const struct world *w);
bool never_planned(const struct world *w, int64_t *last_listed);
struct polled polled_of(const struct world *w);

#endif
