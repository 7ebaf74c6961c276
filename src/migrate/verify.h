/*
 * verify.h - is what was moved where it was moved to, octet for octet? The
 * messages of one mailbox that were delivered are read once more: at the source,
 * and at the destination, where it can be read. Each is compared with the digest
 * that the ledger kept of it when it was sent; where it kept none, source and
 * destination are compared with each other.
 *
 * At the destination a message is known by the id in our Received field
 * (message/trace.h), wherever it was filed and whatever was put on top of it.
 * What was sent is all that stands below that field, with CRLF line ends.
 *
 * Nothing is changed at either end. A call uses one POP3 session to the source
 * and one to the destination, after one another; several mailboxes at once are
 * several calls in several threads.
 */
#ifndef MIGRATE_VERIFY_H
#define MIGRATE_VERIFY_H

#include "base/buffer.h"
#include "base/error.h"
#include "base/stop.h"
#include "ledger/ledger.h"
#include "message/trace.h"
#include "poll/account.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum verify_where {
	VERIFY_NOWHERE, /* the destination cannot be read */
	VERIFY_MAILDIR,
	VERIFY_POP3
};

/* Where the destination can be read. All borrowed. */
struct verify_place {
	enum verify_where where;
	const char *path; /* VERIFY_MAILDIR: with all its folders */
	const struct account *account; /* VERIFY_POP3: name, at, login */
	const char *password; /* VERIFY_POP3 */
};

enum verify_phase {
	VERIFY_READING_THERE, /* the destination */
	VERIFY_WAITING, /* before it is read again */
	VERIFY_READING_SOURCE,
	VERIFY_DONE
};

/* How far it has come; others may look at it at any time. */
struct verify_progress {
	_Atomic int phase; /* enum verify_phase */
	/* Of this phase; messages is 0 while nobody knows how many. */
	_Atomic uint64_t messages, messages_done, octets_done;
};

struct verify_job {
	const struct account *source;
	const char *password; /* NULL: do not read the source */
	struct verify_place at;
	/*
	 * Where verdicts are recorded; and that of what is missing or changed
	 * no deletion is owed any more.
	 */
	struct ledger *ledger;
	bool spare; /* nor of what is not proven */
	const char *state_dir;
	/*
	 * What was delivered since then (wall clock; 0: none) and is missing at
	 * the destination may be queued there: for so long it is read again.
	 */
	int64_t late_since, patience_ms;
	const struct stop *stop;
	struct verify_progress *progress; /* or NULL */
};

/* A message with which something is not as it should be. All owned. */
struct verify_finding {
	int64_t message; /* the ledger's row */
	unsigned verdict; /* VERIFIED_… of ledger/ledger.h */
	bool grave; /* it is missing or changed; else only worth a word */
	struct buffer uid; /* any octets */
	char id[TRACE_ID];
	char *subject; /* one harmless line; "" when nobody can tell */
	int64_t date; /* of its Date field, or -1 */
	char *where; /* the file, or the number, at the destination; or "" */
	char *words; /* what is wrong, for people */
};

struct verify_result {
	int64_t began, ended; /* wall clock */
	uint64_t delivered; /* as the ledger has it: these were looked for */
	uint64_t octets; /* of these, as sent */
	bool has_place; /* the destination was to be read */
	bool read_source, read_there; /* to the end */
	uint64_t source_messages, source_octets; /* that were read */
	uint64_t there_messages, there_octets;
	/* Of the delivered ones: */
	uint64_t verified; /* found the same, and nothing speaks against it */
	uint64_t same_source, same_there;
	uint64_t gone_source; /* not at the source any more */
	uint64_t deleted_source; /* of these: we deleted them */
	uint64_t changed_source;
	uint64_t missing, changed; /* at the destination */
	uint64_t late; /* of the missing ones: perhaps it has them queued */
	/*
	 * An earlier verification has found them missing or changed at the
	 * destination, and this one has not read them there.
	 */
	uint64_t stand;
	uint64_t kept; /* of these, and of those found now: at the source */
	uint64_t unproven; /* nothing to compare them with */
	uint64_t bound; /* proven, but others with the same UID are not */
	/* Worth a word, and no fault: */
	uint64_t duplicates; /* more than one copy at the destination */
	uint64_t added; /* it put header fields of its own inside */
	char added_names[200]; /* of such fields: "X-Spam-Flag, X-Scanned" */
	uint64_t others; /* at the destination, and not from this mailbox */
	uint64_t not_moved; /* at the source, and not delivered (yet) */

	struct verify_finding *findings; /* owned; in the ledger's order */
	size_t finding_count;
	/*
	 * Rows that can be deleted at the source: found the same there in this
	 * run, and the same at the destination if there is a place; all with
	 * the same UID, or none of them. Owned.
	 */
	int64_t *sound;
	size_t sound_count;

	/* Why a side could not be read, or ERR_NONE. */
	struct error source_error, there_error;
};

/*
 * verify_run - compare, and record the verdicts. Should one side be unreadable
 * the other is compared all the same.
 * Returns 0 when something was compared (it need not be well), or -1: nothing
 * was, or the ledger failed, or ERR_STOPPED. The result is filled in as far as
 * it came either way, and is to be freed.
 */
int verify_run(const struct verify_job *job, struct verify_result *result,
    struct error *e);
void verify_result_free(struct verify_result *result);

/*
 * verify_is_well - both sides that there are were read to the end, no message
 * is missing, changed or unproven, and none waits to be moved.
 */
bool verify_is_well(const struct verify_result *result);

/*
 * verify_status - the exit status; rc, e: of verify_run().
 */
int verify_status(
    const struct verify_result *result, int rc, const struct error *e);

/* verify_rank - in this order findings are told. */
enum verify_rank {
	RANK_MISSING,
	RANK_CHANGED, /* at the destination */
	RANK_CHANGED_SOURCE,
	RANK_UNPROVEN,
	RANK_NOTE /* no fault */
};
#define RANKS (RANK_NOTE + 1)
enum verify_rank verify_rank(unsigned verdict, bool grave);

/*
 * verify_tell - a line that sums it up ("ann: 998 of 1,000 messages verified
 * …"), and one or two for each finding, for people: all faults, but not more than
 * `notes` of the others, and how many more there are. name: the mailbox.
 */
void verify_tell(const struct verify_result *result, const char *name,
    size_t notes, struct buffer *out);

#endif
