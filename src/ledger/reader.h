/*
 * reader.h - looking things up in the ledger, without the lock, while another
 * thread or process writes.
 */
#ifndef LEDGER_READER_H
#define LEDGER_READER_H

#include "base/buffer.h"
#include "base/error.h"
#include "ledger/ledger.h"
#include "ledger/state.h"

#include <stdbool.h>
#include <stdint.h>

struct reader;

/*
 * reader_open - *r is NULL and 0 is returned when there is no ledger yet in
 * `dir`; all functions below take that NULL as an empty ledger.
 * ERR_LEDGER: unreadable, damaged, from a newer version. ERR_QUESTION: there
 * was one, and it has gone.
 */
int reader_open(struct reader **r, const char *dir, struct error *e);
void reader_free(struct reader **r);

/*
 * reader_account - the account's row, or 0 when the ledger has none. server,
 * user, names: as ledger_account() has them; ERR_QUESTION as there.
 */
int reader_account(struct reader *r, const char *name, const char *server,
    const char *user, const char *const *names, int64_t *account,
    struct error *e);

/*
 * reader_moved_to - where its mail was moved to, a line for each place, as far
 * as anything has gone out; else *places is empty.
 */
int reader_moved_to(
    struct reader *r, int64_t account, struct buffer *places, struct error *e);

struct row {
	int64_t message;
	struct slice uid; /* lives as long as the struct rows */
	uint32_t copy;
	enum state state;
	enum state before; /* of a gone one: what it was */
	uint32_t attempts; /* temporary refusals so far */
	uint32_t doubts; /* times it was sent again being in doubt */
	bool rejected; /* what may be in doubt is the report */
	uint32_t deletions; /* DELEs answered by QUIT +OK so far */
	uint64_t octets; /* as listed when it was recorded or last sent */
	int64_t first_seen; /* wall clock, as are the others */
	int64_t since; /* of the state */
	int64_t delivered; /* 0: never */
	int64_t next_try;
	int64_t first_refused; /* 0: never */
	struct slice header; /* its digest, empty: not known; lives as uid */
	bool imported; /* seen elsewhere, and not listed here yet */
	bool loose; /* and its UID is written with '-' for each '/' */
	bool apart; /* its owner says: what is listed now is other mail */
};

struct rows {
	struct row *list; /* owned; by uid, then copy, in octet order */
	size_t count;
	struct buffer octets; /* private: of the slices */
};

/* reader_rows - all that is known of an account's messages. */
int reader_rows(
    struct reader *r, int64_t account, struct rows *rows, struct error *e);
void rows_free(struct rows *rows);

/*
 * reader_outcomes - hand each recipient for whom this message is in that state,
 * delivered or held, and the words of its server, to `each`.
 */
int reader_outcomes(struct reader *r, int64_t message, enum state state,
    void (*each)(void *arg, const char *recipient, const char *reply),
    void *arg, struct error *e);

/* What proves that a message has arrived. All borrowed; times: wall clock. */
struct proof {
	int64_t message;
	struct slice uid;
	uint32_t copy;
	uint64_t octets; /* as listed */
	enum state state, before; /* as in struct row */
	const char *trace; /* the id in our Received field, or "" */
	bool has_digest; /* digest and content are known: schema.h */
	unsigned char digest[32];
	uint64_t content;
	int64_t first_seen, since;
	int64_t delivered; /* 0: never */
	int64_t verified; /* 0: never */
	unsigned verdict; /* enum ledger_verified */
	uint32_t attempts, doubts;
	const char *reply;
};

/*
 * reader_proofs - hand each message of an account to `each`, in the order in
 * which they became known. Returns 0, or -1: ERR_LEDGER, or what `each`
 * returned -1 with.
 */
int reader_proofs(struct reader *r, int64_t account,
    int (*each)(void *arg, const struct proof *p, struct error *e), void *arg,
    struct error *e);

/* What a poll wants to know of those before it. */
struct polled {
	bool first; /* there was none that was planned */
	int64_t last_listed; /* when the last such one began, 0: never */
	bool has_quiet;
	struct ledger_quiet quiet;
};

/* reader_polled - of an account, which is 0 when the ledger has none. */
int reader_polled(
    struct reader *r, int64_t account, struct polled *out, struct error *e);

/*
 * reader_server - what is remembered of a server: "host:port tls". When that is
 * nothing, *out has the name only.
 */
int reader_server(struct reader *r, const char *name, struct ledger_server *out,
    struct error *e);

/* A message that waits for its owner, or for its time. All borrowed. */
struct waiting {
	int64_t message;
	const char *account;
	struct slice uid;
	uint32_t copy; /* 0, or the how many-th with the same UID */
	uint32_t copies; /* others with the same UID, not gone */
	uint32_t staying; /* of these: not to be deleted, as far as is known */
	uint64_t octets;
	enum state state;
	int64_t first_seen, since, next_try;
	uint32_t attempts;
	const char *reply;
};

/*
 * reader_waiting - messages in the states for which a bit (1 << state) is set,
 * by account, oldest first. account: of that one only, or NULL. message: only
 * that one, or 0. Hands each to `each` and tells in *found how many there were.
 */
int reader_waiting(struct reader *r, const char *account, int64_t message,
    unsigned states, void (*each)(void *arg, const struct waiting *w),
    void *arg, size_t *found, struct error *e);

/* reader_in_doubt - how many messages of an account are, as of now. */
int reader_in_doubt(
    struct reader *r, int64_t account, uint64_t *count, struct error *e);

/* What `status` shows of an account. */
struct standing {
	bool known; /* the ledger has the account */
	bool polled;
	/* 0: never. Started and not ended: under way, or cut off. */
	int64_t last_started, last_ended, last_success;
	bool stopped; /* the last one ended since it was asked to */
	char error_kind[24]; /* "" when the last poll did not fail */
	char error_text[400];
	uint64_t failures; /* polls in a row without success */
	int64_t failing_since; /* 0: it is not */
	int64_t due; /* of the daemon's next poll, if it is known, or 0 */
	uint32_t refusals; /* refused logins in a row that it counts */
	uint64_t in_mailbox; /* listed by the last poll */
	uint64_t delivered, octets, deleted; /* by the last poll */
	uint64_t total_delivered; /* ever */
	uint64_t to_delete; /* owed, and no QUIT has followed a DELE yet */
	uint64_t bound; /* to be deleted with others of their UID, that stay */
	uint64_t counts[STATES];
	/* Of those in doubt: sent since the last poll began that has written
	 * anything. While that one is under way, it waits for their answers. */
	uint64_t unanswered;
};

int reader_standing(struct reader *r, const char *account, struct standing *out,
    struct error *e);

/* What was delivered of late. */
#define READER_HOURS 24
struct hours {
	/* By the hour as local clocks show it; the last is that of `now`. */
	uint64_t delivered[READER_HOURS], octets[READER_HOURS];
	uint64_t today, today_octets; /* since midnight */
};

/* reader_hours - of an account; all 0 where the ledger has none. */
int reader_hours(struct reader *r, const char *account, int64_t now,
    struct hours *out, struct error *e);

/* reader_schedules - hand what the daemon has kept of each account to `each`. */
int reader_schedules(struct reader *r,
    void (*each)(void *arg, const struct ledger_schedule *s), void *arg,
    struct error *e);

#endif
