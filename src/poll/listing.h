/*
 * listing.h - what a maildrop holds now: one entry for each message, in the
 * server's order.
 */
#ifndef POLL_LISTING_H
#define POLL_LISTING_H

#include "base/buffer.h"
#include "base/error.h"
#include "message/digest.h"
#include "pop3/pop3.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct listing_entry {
	uint32_t number; /* in this session */
	uint32_t copy; /* 0, or the how many-th with the same UID */
	uint64_t octets; /* as listed, 0 when the server did not tell */
	int64_t arrival; /* by its header, -1: unknown; only if by_header */
	struct slice uid; /* lives as long as the listing */
	bool copies; /* others with the same UID are listed */
};

struct listing {
	struct listing_entry *list; /* owned; by number */
	size_t count;
	uint64_t octets; /* sum */
	size_t left_out; /* listed in part, or not to be told apart */
	size_t headless; /* of these: no UIDL, and no header to be had */
	bool by_header; /* no UIDL: UIDs are digests of headers */
	bool by_retr; /* and no TOP: all messages had to be read for that */
	uint32_t stat; /* messages, as STAT counts them */

	/* Private. */
	struct buffer uids;
	uint64_t stat_octets;
	bool named; /* UIDL was answered */
};

/*
 * What a maildrop may list, so that a server cannot fill the memory: messages,
 * and octets of all UIDs together. Both at their limits take about 100 MiB; a
 * listing that is much longer than STAT counts is refused long before.
 */
#define LISTING_MAX 1000000
#define LISTING_UIDS_MAX (32 * 1024 * 1024)

/*
 * listing_read - STAT, UIDL and LIST; without UIDL, TOP n 0 for each message
 * (see top.h) and the digest of its header as UID. Numbers that repeat, are 0,
 * or are in one answer only, lines without a proper UID or size, and messages
 * whose header is refused, are left out, never guessed.
 * Returns 0, or -1 with the session's error, ERR_BUSY or the like: refused for
 * now, or ERR_PROTOCOL: the server lists without end.
 */
int listing_read(struct listing *l, struct pop3 *pop3, struct error *e);

/*
 * listing_names, listing_sizes - the same in two steps: STAT and UIDL; LIST,
 * and what has to be done without UIDL.
 * listing_digest - after the first, add what it told to a digest. False: it
 *	told no UIDs.
 */
int listing_names(struct listing *l, struct pop3 *pop3, struct error *e);
int listing_sizes(struct listing *l, struct pop3 *pop3, struct error *e);
bool listing_digest(const struct listing *l, struct digest *d);

void listing_free(struct listing *l);

/* listing_warn - say what is left out, if anything is. account: its name. */
void listing_warn(const struct listing *l, const char *account);

/*
 * listing_check_whole - a message of which so many octets came. Sizes in
 * listings are estimates, but not that bad: what ends far too early was cut off
 * inside the server, whatever it says. Returns 0, or -1 with ERR_REFUSED.
 */
int listing_check_whole(
    const struct listing_entry *listed, uint64_t read, struct error *e);

/*
 * listing_is_endless - a message of which so many octets have come, and far
 * fewer are listed. A max_size in the settings is the better judge.
 */
bool listing_is_endless(const struct listing_entry *listed, uint64_t read);

/*
 * listing_finish - sort entries, number copies, sum up. For listing_read and
 * for tests that make a listing by listing_add().
 */
void listing_add(
    struct listing *l, uint32_t number, struct slice uid, uint64_t octets);
void listing_finish(struct listing *l);

#endif
