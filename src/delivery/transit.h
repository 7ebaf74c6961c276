/*
 * transit.h - one message on its way from a poll to a delivery: its envelope
 * and a bounded pipe for its content.
 *
 * The pipe holds at most TRANSIT_ROOM octets, in chunks from one pool with a
 * limit of its own. Each transit owns one chunk from its beginning, so that it
 * can always move on, however empty the pool is. The poll writes, the delivery
 * reads; either side may give up, and the other one learns of it.
 */
#ifndef DELIVERY_TRANSIT_H
#define DELIVERY_TRANSIT_H

#include "base/buffer.h"
#include "base/error.h"
#include "base/queue.h"
#include "base/stop.h"
#include "delivery/policy.h"
#include "ledger/ledger.h"
#include "message/digest.h"
#include "message/envelope.h"
#include "message/trace.h"

#include <stdbool.h>
#include <stdint.h>

#define TRANSIT_CHUNK ((size_t)16 * 1024)
#define TRANSIT_ROOM ((size_t)256 * 1024)
#define TRANSIT_POOL ((size_t)16 * 1024 * 1024) /* default limit */

struct transit_pool;

/*
 * transit_pool_is_low - so much is in transits that who can wait should; it
 * asks for more mail when some has gone.
 */
bool transit_pool_is_low(struct transit_pool *pool);

void transit_pool_new(struct transit_pool **pool, size_t limit);
void transit_pool_free(struct transit_pool **pool); /* no transit is left */

enum transit_end {
	TRANSIT_DELIVERED,
	TRANSIT_DEFERRED,
	TRANSIT_HELD,
	TRANSIT_REJECTED, /* refused for good, and not held: see on_reject */
	TRANSIT_IN_DOUBT, /* cut between the end of data and the reply */
	TRANSIT_UNTRIED /* nothing is recorded; error says why */
};

/* One recipient, and what became of the message for it. */
struct transit_recipient {
	char *address; /* owned: a report goes to nobody of the settings */
	bool accepted; /* its RCPT, in this transaction */
	enum state state; /* NEW until there is an outcome */
	char reply[560]; /* the server's words */
};

struct transit_pipe; /* private */

struct transit {
	struct queue_item item; /* on the delivery's queue */

	/*
	 * Who: set by the poll before it submits, and the proof before it
	 * calls it complete. The delivery notes the row
	 * that the ledger made (message, fresh), and reads the rest only.
	 */
	const char *account_name; /* borrowed */
	int64_t account; /* the ledger's row */
	int64_t message; /* the ledger's row; 0: none yet */
	bool fresh; /* not the message that the row was */
	struct slice uid; /* borrowed from the listing */
	uint32_t copy;
	uint64_t octets; /* as listed */
	int64_t first_failed; /* of a deferred message, else 0 */
	bool failed_anew; /* that time is of no use: the clock has jumped */
	uint32_t attempts;
	bool delete_after; /* a delivered message's DELE is owed */
	enum on_reject on_reject;
	bool report; /* not the message: the report that it was refused */
	char id[TRACE_ID];
	char sender[ENVELOPE_ADDRESS];
	bool sender_utf8;
	bool has_header; /* what the header's digest is, is known */
	unsigned char header[DIGEST_OCTETS];
	bool has_proof; /* it is complete, and this is known: proof.h */
	unsigned char digest[DIGEST_OCTETS];
	uint64_t content;
	struct transit_recipient *recipients; /* owned */
	size_t recipient_count;
	struct queue *answer; /* where the poll gets it back */
	void *plan_entry; /* the poll's own, as are the next two */
	int64_t submitted_ms; /* clock_monotonic_ms() */
	bool broken_off; /* by the poll, which has dealt with it */
	bool identified; /* it is the message that is listed */

	/* What became of it: set by the delivery, read by the poll after. */
	enum transit_end end;
	char reply[560]; /* the words that decided it */
	/* UNTRIED, IN_DOUBT, and DEFERRED when the connection failed: why. */
	struct error error;
	bool destination_down; /* the next message would fare no better */
	/*
	 * Refused for good before all of it had come, which is not on record:
	 * see delivery_record().
	 */
	bool questioned;
	bool intended; /* then: an intent is on record */
	uint64_t sent; /* content octets that were sent */
	int64_t took_ms;

	/* The way back, by way of the ledger. */
	struct ledger_job job; /* job.context is the transit */
	struct ledger_change change;
	struct ledger_outcome *outcomes; /* owned, recipient_count */

	struct transit_pipe *pipe;
};

/*
 * transit_new - an empty one. transit_free - both sides are done with it.
 * pool: borrowed until then.
 */
void
transit_new(struct transit **t, struct transit_pool *pool, size_t recipients);
void transit_free(struct transit **t);

/*
 * The poll's side.
 * transit_try_write - take as much of *in as fits now, cutting it off.
 * transit_open_end - before a transit is submitted that is not complete: the
 *	two sides may have to wait for each other from now on. ERR_SYSTEM.
 * transit_write - after transit_open_end(): take all of it, waiting for room
 *	up to `until`. ERR_TIMEOUT, ERR_STOPPED; ERR_REFUSED: the reader gave
 *	up, nothing more is wanted.
 * transit_complete - the message is complete.
 * transit_break - the rest will never come; the message must not be accepted.
 */
void transit_try_write(struct transit *t, struct slice *in);
int transit_open_end(struct transit *t, struct error *e);
int transit_write(struct transit *t, struct slice in, struct deadline until,
    const struct stop *stop, struct error *e);
void transit_complete(struct transit *t);
void transit_break(struct transit *t);

/*
 * transit_change - what the ledger is to be told of it, without the outcomes'
 * number: borrows from the transit, and the destination's name.
 */
struct ledger_change transit_change(
    struct transit *t, enum change_kind kind, const char *destination);

/*
 * The delivery's side.
 * transit_peek - TRANSIT_PART: *part is content, borrowed until transit_skip()
 *	drops it; TRANSIT_WAIT: nothing yet, wait for transit_fd() to be
 *	readable; TRANSIT_COMPLETE: that was all; TRANSIT_BROKEN: as above.
 * transit_rewind - read it from its beginning again. False: that cannot be
 *	done, since it was not complete when reading began.
 * transit_abandon - nothing more is wanted.
 * transit_ended - the poll has called it complete.
 * transit_size - how long the content is, 0 when that is not known yet.
 */
enum transit_part {
	TRANSIT_PART,
	TRANSIT_WAIT,
	TRANSIT_COMPLETE,
	TRANSIT_BROKEN
};
enum transit_part transit_peek(struct transit *t, struct slice *part);
void transit_skip(struct transit *t, size_t n);
bool transit_rewind(struct transit *t);
bool transit_whole(struct transit *t); /* it can be rewound */
int transit_fd(const struct transit *t);
void transit_abandon(struct transit *t);
bool transit_ended(struct transit *t);
uint64_t transit_size(struct transit *t);

#endif
