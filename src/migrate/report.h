/*
 * report.h - what a migration has come to, for those who asked for it: read out
 * of the ledger, and written as text, as JSON, or as one HTML page.
 */
#ifndef MIGRATE_REPORT_H
#define MIGRATE_REPORT_H

#include "base/buffer.h"
#include "base/error.h"
#include "ledger/ledger.h"
#include "message/trace.h"
#include "migrate/verify.h"
#include "poll/account.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A mailbox that is to be in it. All borrowed until report_read() returns. */
struct report_source {
	const struct account *account;
	const char *from; /* "ann@old.example at pop.old.example", or NULL */
	const char *to; /* "ann@new.example at relay.new.example", or NULL */
	const char *at; /* where the destination was read, or NULL */
	/* What happened in this run, or NULL. */
	const struct verify_result *verified;
	const char *trouble; /* why it was given up */
	const char *unverified; /* why nothing of it could be compared */
};

/* A message that was not moved, or with which something is wrong. Owned. */
struct report_message {
	struct buffer uid; /* any octets */
	char id[TRACE_ID]; /* or "" */
	enum state state;
	unsigned verdict; /* VERIFIED_…, 0: not verified */
	bool grave; /* see verify.h */
	uint64_t octets;
	int64_t since; /* it is in this state */
	int64_t date; /* of its Date field, or -1 */
	char *subject; /* "" when not known */
	char *where; /* at the destination, or "" */
	char *words; /* the server's, or what is wrong; "" */
};

struct report_mailbox {
	char *name, *from, *to, *at; /* owned; "" when there is none */
	char *trouble; /* owned; why the last attempt ended early, or "" */
	/* Owned; why a side could not be read for verification now, or "". */
	char *unread;
	bool known; /* the ledger has it */
	/* Messages, and octets: as proven, or else as the mailbox lists them. */
	uint64_t moved, moved_octets;
	uint64_t held, held_octets; /* refused for good; its owner decides */
	uint64_t waiting,
	    waiting_octets; /* deferred, in doubt, not tried yet */
	uint64_t seen; /* left alone: seen before the move */
	uint64_t rejected; /* refused for good, and the sender was told */
	uint64_t dropped; /* its owner gave it up */
	uint64_t deleted; /* of the moved: not at the source any more */
	int64_t first, last; /* delivered; 0: none was */
	/* Of the moved ones, by the last verification of each. */
	uint64_t
	    verified; /* same at the destination; without one, at the source */
	uint64_t missing, changed, changed_source, unproven;
	uint64_t duplicates, added;
	char *added_names; /* owned */
	int64_t verified_at; /* the latest; 0: never */
	bool there; /* the destination was read for that */
	struct report_message *held_list; /* owned; held and waiting ones */
	size_t held_count;
	struct report_message *findings; /* owned; by verify_rank() */
	size_t finding_count;
	size_t fault_count; /* of these, the first: before RANK_NOTE */
};

/* Messages that were delivered in the same second. */
struct report_moment {
	int64_t when;
	uint64_t messages, octets;
};

/* While mail was moved, with no pause of REPORT_PAUSE_S or longer. */
#define REPORT_PAUSE_S ((int64_t)600)
struct report_run {
	int64_t first, last; /* wall clock */
	uint64_t messages, octets;
	size_t from, count; /* which of the moments */
};

struct report {
	int64_t made; /* wall clock */
	struct report_mailbox *list; /* owned; in the order of the sources */
	size_t count;
	struct report_mailbox all; /* sums, first, last; no lists */
	struct report_moment *moments; /* owned; by time, each second once */
	size_t moment_count;
	struct report_run *runs; /* owned; by time */
	size_t run_count;
	int64_t took_s; /* all runs together */
};

/*
 * report_read - from the ledger in state_dir, and from what has just been
 * verified, where a source tells. Returns 0, or -1 with ERR_LEDGER.
 */
int report_read(struct report *r, const char *state_dir,
    const struct report_source *list, size_t count, struct error *e);
void report_free(struct report *r);

/* report_is_troubled - is there anything of a mailbox that somebody has to see? */
bool report_is_troubled(const struct report_mailbox *m);

/*
 * For people, in a sentence without its full stop. report_headline: "19,998 of
 * 20,000 messages moved and verified; 2 held". report_when: "21 Nov 2026,
 * 22:15 to 22:41, in 26 min: 13 messages, 812 kB a second".
 */
void report_headline(const struct report *r, struct buffer *out);
void report_when(const struct report *r, struct buffer *out);

/*
 * Each appends the whole document, UTF-8, with a line end. The JSON is described
 * in postrider(1).
 */
void report_text(const struct report *r, struct buffer *out);
void report_json(const struct report *r, struct buffer *out);
void report_html(const struct report *r, struct buffer *out);

/*
 * report_try - could one be written to that path? Leaves nothing behind, and what
 * is there as it is. Returns 0, or -1 with ERR_SYSTEM.
 */
int report_try(const char *path, struct error *e);

/*
 * report_write - report_html(), report_json() or report_text() by the suffix of
 * the path (.html, .htm; .json; any other), into a new file beside it that takes
 * its place (0600); "-": text on standard output.
 * Returns 0, or -1 with ERR_SYSTEM.
 */
int report_write(const struct report *r, const char *path, struct error *e);

#endif
