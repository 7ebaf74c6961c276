/*
 * moved.h - has this maildrop been given new UIDs? A server that was moved, or
 * lost its index, lists the same mail under other UIDs, and it all looks new.
 *
 * Pure: the messages that the ledger does not know by UID are compared with the
 * rows that are not listed. What the headers of some or all of these messages
 * show is put in by recognise.c.
 */
#ifndef POLL_MOVED_H
#define POLL_MOVED_H

#include "ledger/reader.h"
#include "message/digest.h"
#include "poll/listing.h"
#include "poll/plan.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A listed message that no row has the UID of. */
struct stranger {
	const struct listing_entry *listed; /* borrowed */
	bool seen; /* its header has been read, and it has one */
	unsigned char header[DIGEST_OCTETS]; /* as header_digest() makes it */
	int64_t arrival; /* header_arrival() */
	const struct row *was; /* borrowed; the row it is, NULL: none */
};

struct moved {
	struct stranger *strangers; /* owned; in the order of the listing */
	size_t stranger_count;
	const struct row **lost; /* owned; known, and not listed as such */
	size_t lost_count;
	size_t missed; /* of these: listed here once, and neither deleted by us
			* nor gone for long */
	size_t unmet; /* of the lost: imported, and never listed here */
	size_t known; /* listed under the UID that the ledger has */
};

void moved_find(struct moved *m, const struct plan *plan,
    const struct rows *rows, int64_t now);
void moved_free(struct moved *m);

/*
 * moved_suspected - is it worth a look at headers? MOVED_MANY strangers or more
 * are listed, and MOVED_MANY rows or more are missed, nine in ten of all.
 */
#define MOVED_MANY 5
bool moved_suspected(const struct moved *m);

/*
 * moved_unmet - has nothing that was imported ever been listed, nor anything
 * else that is known, while MOVED_MANY strangers or more are? Then these may be
 * the very messages that were imported, under other UIDs.
 */
bool moved_unmet(const struct moved *m);

/*
 * moved_samples - which strangers to look at: indices into m->strangers, spread
 * over those whose octets some lost row has, or over all when these are few.
 * Returns how many.
 */
#define MOVED_SAMPLES 16
size_t moved_samples(const struct moved *m, size_t samples[MOVED_SAMPLES]);

/*
 * moved_proven - of the strangers that were seen (*seen), are at least half
 * (*same) messages that were lost? One is, if it has the header of a lost row;
 * or, of a row whose header nobody knows, the octets, and had arrived when that
 * row was made.
 */
bool moved_proven(const struct moved *m, size_t *seen, size_t *same);

/*
 * moved_pair - find the row of each stranger that was seen; returns of how
 * many. First by header and octets, then by header, each time in order where
 * several are equal. Where the header of a row is not known, and UIDs are
 * suspected to have changed, by octets: only among rows of the same state, so
 * that it does not matter which is which, only if these are enough, and only
 * what had arrived by then.
 */
size_t moved_pair(struct moved *m);

#endif
