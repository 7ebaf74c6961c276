/*
 * checks.h - the messages of one mailbox as the ledger has them, what was found
 * of each at both ends, and what that comes to. Pure, but for reading the ledger.
 */
#ifndef MIGRATE_CHECKS_H
#define MIGRATE_CHECKS_H

#include "base/buffer.h"
#include "base/error.h"
#include "ledger/reader.h"
#include "message/digest.h"
#include "message/trace.h"
#include "migrate/content.h"
#include "migrate/verify.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum check_kind {
	CHECK_MOVED, /* it was delivered */
	CHECK_OPEN, /* not yet, as far as the ledger knows */
	CHECK_LEFT /* and is not to be */
};

/* A copy at the destination that is not, as far as is known, what was sent. */
struct check_copy {
	struct content_sum sum;
	struct content_parts *parts; /* owned, or NULL */
	char *names; /* owned; of its fields, or NULL */
};

struct check {
	int64_t message; /* the ledger's row */
	size_t uid_at, uid_len; /* in the list's octets */
	uint32_t copy;
	enum check_kind kind;
	bool has_digest;
	bool deleted; /* by us, at the source */
	bool owed; /* its deletion is */
	unsigned before; /* what it came to the last time: VERIFIED_… */
	unsigned char digest[DIGEST_OCTETS];
	char id[TRACE_ID];
	int64_t delivered; /* wall clock; 0: never */
	uint64_t content; /* octets that were sent, if there is a digest */

	/* What was found. */
	bool same_there, same_source;
	bool sound; /* it can be deleted at the source */
	bool added; /* with header fields that the destination added */
	bool listed; /* at the source, now */
	bool came; /* and was read */
	uint32_t copies; /* at the destination */
	struct check_copy *there; /* owned; the first that differs, or NULL */
	bool compared; /* `there` with the source: */
	enum content_difference difference;
	char *refused; /* owned; why the source did not show it, or NULL */
	char *where; /* owned; at the destination, or NULL */
	char *subject; /* owned, or NULL */
	int64_t date; /* of its Date field, or -1 */
};

struct checks {
	struct check *list; /* owned; in the ledger's order */
	size_t count;
	size_t moved; /* of these, CHECK_MOVED */
	uint64_t octets; /* of these */
	struct content_tags tags;

	/* Private. */
	struct buffer added; /* "A\nB\n": fields that the destination added */
	struct buffer uids;
	size_t *by_uid, *by_id; /* owned: indices into list */
	size_t room, detailed;
};

/*
 * checks_read - all messages of an account. server, user: as trace_id() has
 * them, for messages whose id the ledger does not tell.
 */
int checks_read(struct checks *c, struct reader *r, int64_t account,
    const char *server, const char *user, struct error *e);
void checks_free(struct checks *c);

struct slice check_uid(const struct checks *c, const struct check *one);
/* checks_by_uid, checks_by_id - NULL: there is none. */
struct check *
checks_by_uid(const struct checks *c, struct slice uid, uint32_t copy);
struct check *checks_by_id(const struct checks *c, const char *id);

/*
 * checks_late - how many that were delivered since then were not found at the
 * destination. checks_forget_there - it is to be read again.
 */
uint64_t checks_late(const struct checks *c, int64_t since);
void checks_forget_there(struct checks *c);

/*
 * check_there - a copy was read at the destination, before any of the source.
 * check_source - the message was read at the source. Both may take things out
 * of the content.
 */
void check_there(struct checks *c, struct check *one, struct content *content,
    const char *where);
void check_source(struct checks *c, struct check *one, struct content *content,
    bool read_there);

/*
 * check_verdict - bits of VERIFIED_…; 0: there was nothing to compare. What was
 * found missing or changed at the destination stands until it is read there.
 */
unsigned
check_verdict(const struct check *one, bool read_source, bool read_there);

/* checks_judge - count and name what was found, and tell what is sound. */
void checks_judge(struct checks *c, struct verify_result *result);

#endif
