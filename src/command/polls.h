/*
 * polls.h - several mailboxes, polled here and at the same time: the ledger, the
 * destinations and the crew that `fetch` and its like need, and what is said of
 * each poll.
 */
#ifndef COMMAND_POLLS_H
#define COMMAND_POLLS_H

#include "base/queue.h"
#include "command/command.h"
#include "command/progress.h"
#include "delivery/delivery.h"
#include "ledger/ledger.h"
#include "poll/poll.h"

#include <pthread.h>

struct polled_mailbox; /* private */

/* How a poll ended. All borrowed. */
struct poll_end {
	const struct poll_report *report;
	int rc; /* of poll_run(), or of getting the password */
	const struct error *error; /* where rc is -1 */
};

struct polls {
	/* The caller's, borrowed: fill in before polls_prepare(). */
	const struct invocation *in;
	const struct settings *settings;
	const struct account *const *accounts; /* NULL-terminated, of these */
	const char *state; /* the directory of the ledger */
	bool each; /* say of each account how it went, in any case */
	bool keep_passwords; /* each is asked for once */
	bool (*wanted)(void *arg, size_t i); /* is it? NULL: all are */
	/* Change a poll's job before it begins; NULL: it is what fetch does. */
	void (*begin)(void *arg, size_t i, struct poll_job *job);
	/*
	 * Instead of what fetch says: a poll has ended. No two calls at once.
	 * Returns after how many milliseconds it is to be polled again; -1:
	 * it is not. Whatever is returned, no poll begins after a failure of the
	 * ledger, or a request to stop.
	 */
	int64_t (*end)(void *arg, size_t i, const struct poll_end *end);
	void *arg;

	/* To be read by the caller; polls_worse() changes the status. */
	struct progress *progress; /* one for each of accounts */
	size_t count;
	struct ledger *ledger; /* between polls_open() and polls_close() */
	int status; /* the worst so far */

	/* Private. */
	const char **names; /* of all in the settings, NULL-terminated */
	struct transit_pool *pool;
	struct delivery **deliveries; /* as settings->destinations; at use */
	struct polled_mailbox *mailboxes;
	struct queue *ended; /* those whose poll is over */
	const struct stop *stop;
	pthread_mutex_t lock; /* guards the end of each poll: what is said */
	bool ledger_failed; /* and that has been said */
	bool over; /* no poll is to begin any more */
};

/*
 * polls_prepare, polls_release - before any thread is there, and at the end.
 * The progress is drawn, on a terminal, from the first on.
 */
void polls_prepare(struct polls *p);
void polls_release(struct polls *p);

/*
 * polls_run - all of it, with ^C and the progress: polls that need no other
 * thread's care. Returns the exit status.
 */
int polls_run(struct polls *p);

/*
 * polls_open - the ledger and the destinations. stop: borrowed until
 * polls_close().
 */
int polls_open(struct polls *p, const struct stop *stop, struct error *e);
void polls_close(struct polls *p);

/*
 * polls_all - poll each of them, and again those that `end` says. Returns 0,
 * whatever became of them, or -1: polls could not be begun.
 */
int polls_all(struct polls *p, struct error *e);

/* polls_password - of an account, asked for now unless it is kept. Borrowed. */
int polls_password(
    struct polls *p, size_t i, const char **password, struct error *e);

/* polls_at_once - as many as the settings and the system allow. */
unsigned polls_at_once(const struct polls *p);

/* polls_worse - this has happened, too. */
void polls_worse(struct polls *p, int status);

#endif
