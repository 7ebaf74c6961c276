/*
 * schema.h - the tables of ledger.db, and how a connection to it is opened.
 *
 * account   a row for each maildrop, by the account's name; what its last poll
 *           did, for `status`. While a poll is under way that writes anything,
 *           or after it was cut off, last_started is later than last_ended.
 *           error_kind is 'stopped', which is no failure, where it ended since
 *           it was asked to, and nothing was wrong before.
 *           last_listed is when the last one began that has seen the listing,
 *           to notice that the clock has jumped.
 * message   a row for each message that was ever dealt with:
 *             uid, copy, octets  as listed; uid is a BLOB, compared octet by
 *                                octet; copy counts equal UIDs of one listing
 *             state              state.h
 *             before             in_doubt: the state to go back to if no end
 *                                of data went out; gone: what it was
 *             since              when it came into its state
 *             delivered          when the last recipient's server accepted it
 *             attempts, first_refused, next_try
 *                                temporary refusals so far, of the message
 *                                or of its report; when the first was; when
 *                                to try again
 *             doubts             times it was sent again being in doubt
 *             deletions          DELEs that a QUIT +OK followed
 *             reply              the server's last words, or a reason
 *             intent             in_doubt: "DESTINATION: RECIPIENT…" of the
 *                                transaction nobody knows the end of
 *             rejected           1: refused for good; what is sent from now
 *                                on, and may be in doubt, is the report of it
 *             header             SHA-256 of its header, as header_digest()
 *                                makes it, by which it is known again should
 *                                the server change its UID; NULL: its header
 *                                was never read (or it has none); empty: its
 *                                owner has said that what is listed now is
 *                                other mail
 *             trace, digest, content
 *                                the id in our Received field; SHA-256 of what
 *                                was sent below that field (message/proof.h),
 *                                and its octets; NULL: never sent, or by an
 *                                older version
 *             verified, verdict  when it was last looked for, and bits: what
 *                                came of it (ledger.h)
 *             imported           another program has fetched it, and it has
 *                                not been listed here yet, so that its octets
 *                                are not known (0): 1; and its UID is written
 *                                with '-' for each '/': 2
 * outcome   what became of a message for each recipient, while these differ,
 *           and while a report of it is owed.
 *
 * quiet, quiet_until, quiet_held (of an account)
 *           the digest of a listing, and of the settings it was planned with,
 *           that left nothing to do until then; how many listed messages wait
 *           for their owner. NULL as soon as anything may be different.
 * server    what is remembered of a POP3 server, "host:port tls": the lines of
 *           its CAPA after login, and when they were learned; how commands that
 *           were sent ahead fared ('': never tried), and since when.
 *
 * failing_since (of an account)
 *           when the first of its polls ended that have failed since the last
 *           success; NULL: the last one was well.
 * due, setback, setbacks, refusals, refused, rhythm
 *           for the daemon (ledger_schedule): when it is to be polled next, 0:
 *           not known; which kind of failure how many polls in a row have come
 *           to; refused logins in a row, and a digest of the settings that they
 *           were made with; when its mail comes, as daemon/rhythm.h writes it.
 * alerted   bits: what its owner has been told of.
 * hour      what was delivered in an hour, by the end of the poll; the hour, by
 *           local clocks, is told by its beginning. Forgotten after 8 days.
 *
 * moved_to (of an account)
 *           where `migrate` has moved its mail to, a line for each place; empty:
 *           nowhere yet.
 *
 * All times are seconds since 1970. The version is in PRAGMA user_version.
 */
#ifndef LEDGER_SCHEMA_H
#define LEDGER_SCHEMA_H

#include "base/error.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

/* Of an account: something of it has gone out, or may have. */
#define HAS_SENT                                                           \
	"EXISTS (SELECT 1 FROM message WHERE message.account = account.id" \
	" AND (delivered IS NOT NULL OR 'in_doubt' IN (state, before)"     \
	"  OR EXISTS (SELECT 1 FROM outcome WHERE message = message.id"    \
	"   AND outcome.state = 'delivered')))"

/* message.imported */
#define IMPORTED_EXACTLY 1
#define IMPORTED_LOOSE 2

/*
 * schema_open_writer - open ledger.db in `dir`, check all of it, make or
 * migrate it (WAL, synchronous=FULL). A file that is not ours, or newer than we
 * are, is left as it is.
 * checked: what marker_checked() said, and when it was checked afterwards.
 * may_be_new: that a ledger was here, and the file holds none, is no question.
 * Returns 0, or -1 with ERR_LEDGER, or ERR_QUESTION.
 *
 * schema_open_reader - the same to look only: what is not of this version is
 * refused. *db is NULL and 0 returned when there is no file, or one that was
 * never finished.
 */
int schema_open_writer(sqlite3 **db, const char *dir, bool may_be_new,
    int64_t *checked, struct error *e);
int schema_open_reader(sqlite3 **db, const char *dir, struct error *e);

/* schema_prove - that it can be written, down to the disk. 0, or ERR_LEDGER. */
int schema_prove(sqlite3 *db, const char *what, struct error *e);

/* schema_prepare - `what`: as below. Returns 0, or -1 with ERR_LEDGER. */
int schema_prepare(sqlite3 *db, const char *what, const char *sql,
    sqlite3_stmt **st, struct error *e);

/* schema_error - ERR_LEDGER with SQLite's words and what can be done. */
int schema_error(sqlite3 *db, const char *what, struct error *e);

#endif
