/*
 * flight.h - one message on its way over a connection that carries others at
 * the same time: its intent, what is sent of it, and how it ends.
 *
 * Only messages that are complete (transit_whole) fly; they stay in their
 * transits until their verdicts, and can be sent again on another connection.
 * replies.h is what the server's answers mean for it; pipeline.h flies many.
 */
#ifndef DELIVERY_FLIGHT_H
#define DELIVERY_FLIGHT_H

#include "delivery/destination.h"
#include "delivery/transaction.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/* What is learnt of a server, on any of the connections to it. */
struct manners {
	atomic_bool in_step; /* a message has had its replies, and no more */
	atomic_bool lockstep; /* replies got out of step: one at a time */
	atomic_bool no_chunking; /* it promises CHUNKING and has none */
	atomic_uint senders_refused; /* in a row, for good */
};

/* A connection, as all flights on it see it. */
struct wire {
	struct transaction *x; /* borrowed: the connection and its like */
	const struct destination *to; /* borrowed */
	struct manners *manners; /* borrowed, shared */
	bool used; /* the connection has carried a message */
	int64_t idle_since; /* when the last flight ended */
	bool chunking; /* use BDAT on this connection */
	bool proven; /* a BDAT has been answered as it should be */
	bool open; /* a transaction may be open at the server */
	bool no_bdat; /* a BDAT was not known: again without CHUNKING */
	struct error farewell; /* 421: no more is sent, and why */
	bool goes_on; /* it has answered all the same after that */
	size_t ends; /* of data that are queued, not sent */
};

enum flight_stage {
	FLIGHT_WAITS, /* nothing of it has been sent */
	FLIGHT_ASKED, /* its envelope has been sent */
	FLIGHT_ENDED /* its end of data has been sent */
};

struct flight {
	struct flight *next;
	struct transit *t;
	struct smtp_mail mail;
	struct ledger_job intent; /* intent.context is the flight */
	struct ledger_change change;
	enum flight_stage stage;
	int64_t began;
	bool submitted; /* the intent, to the ledger */
	bool recorded; /* it is on disk */
	bool chunked; /* BDAT, not DATA */
	bool reset; /* RSET went before its MAIL */
	bool mail_refused;
	bool stopped; /* a reply said that every message would fare the same */
	bool ignored; /* its verdict means nothing */
	bool granted; /* 354 has come, and the content has not been sent */
	struct smtp_reply suspicion; /* the reply to MAIL, if to be looked at */
	size_t replies; /* read so far */
	size_t dismissed; /* the last of them that was 421, or 0 */
	size_t accepted; /* recipients */
	size_t verdicts; /* of them that have been read */
};

/*
 * flight_new - or NULL: it may not be sent to this server, and has gone back
 *	with its verdict.
 * flight_submit - have its intent recorded; it comes back on w->x->recorded.
 * flight_recorded - it has come back: it is on disk, or (-1) it is not.
 * flight_replies - so many may come for such a message, at most.
 */
struct flight *flight_new(struct wire *w, struct transit *t);
void flight_submit(struct wire *w, struct flight *f);
int flight_recorded(struct flight *f, struct error *e);
size_t flight_replies(const struct wire *w, const struct transit *t);

/*
 * flight_put - queue it: without CHUNKING the envelope; with it, and once the
 *	intent is on disk, all of it in one piece, unless the connection may be
 *	gone without our knowing, or the server may have more replies than we
 *	have commands; then the content waits until the recipients have been
 *	accepted. alone: nothing is unanswered before it.
 * flight_put_chunk - queue the content with its BDAT.
 * flight_put_data - queue the content and its end, after 354.
 * flight_put_lone_dot - after a 354 with nobody to take it (RFC 2920, 3.1).
 * All of them 0, or -1: the connection is lost, and f->t->error says why.
 */
int flight_put(struct wire *w, struct flight *f, bool alone);
int flight_put_chunk(struct wire *w, struct flight *f);
int flight_put_data(struct wire *w, struct flight *f);
int flight_put_lone_dot(struct wire *w, struct flight *f);

/*
 * flight_in_doubt - its end of data may have been read, without a verdict.
 * flight_start_over - as if nothing had been sent.
 * flight_doubt - what was taken for its verdict may have been something else.
 */
bool flight_in_doubt(const struct flight *f);
void flight_start_over(struct flight *f);
void flight_doubt(const struct wire *w, struct flight *f);

/*
 * The end of it: each gives the transit back and frees the flight.
 * flight_conclude - with its verdict. flight_untried - as if never begun.
 */
void flight_conclude(struct wire *w, struct flight *f);
void flight_untried(
    struct wire *w, struct flight *f, const struct error *why, bool down);

#endif
