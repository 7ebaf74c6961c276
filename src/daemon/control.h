/*
 * control.h - the control socket of a daemon (socket.h), and the threads that
 * speak with those who connect (request.h).
 *
 * A thread accepts; each client has another one, at most CONTROL_CLIENTS at a
 * time, which reads its request within some seconds, hands it to the daemon, and
 * writes what the daemon says about it. So a client can be as slow, or as rude,
 * as it likes: the daemon never waits for it. Those beyond are told to come
 * back; and of all places some are kept from requests that take long (fetch).
 *
 * What was decided about held messages is carried out here, before the daemon
 * hears of it.
 */
#ifndef DAEMON_CONTROL_H
#define DAEMON_CONTROL_H

#include "base/buffer.h"
#include "base/error.h"
#include "base/queue.h"
#include "daemon/request.h"
#include "ledger/ledger.h"

#define CONTROL_CLIENTS 16
#define CONTROL_FETCHES 12

struct control;
struct client; /* private */

/*
 * A request, on the daemon's queue. It has to be answered, by the thread that
 * popped it or any other, with control_answer(); until then it may be spoken
 * about, and belongs to the daemon.
 */
struct control_request {
	struct queue_item item;
	/*
	 * What is wanted. Of REQUEST_HELD_RETRY and REQUEST_HELD_DROP, which are
	 * in the ledger already, the arguments are the names of the accounts
	 * whose messages they were (which may not be in the settings any more).
	 */
	struct request request;
	/*
	 * The daemon's: lines, each with its '\n', that end the answer. What
	 * became of a decision stands there already.
	 */
	struct buffer answer;
	int status; /* the daemon's: the exit status of whoever asks */
	struct client *client; /* private */
};

/*
 * control_open - listen for the state directory, whose ledger this is. Requests
 * come on `requests`, which other things may be queued on, too: the address of
 * a struct control_request is that of its item.
 * Returns 0, or -1 with ERR_SYSTEM.
 */
int control_open(struct control **c, const char *state, struct ledger *ledger,
    struct queue *requests, struct error *e);

/* control_say, control_complain - a line before the end. Never wait. */
void control_say(struct control_request *r, const char *line);
void control_complain(struct control_request *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* control_answer - that was all; r is not to be touched any more. */
void control_answer(struct control_request *r);

/*
 * control_end - nobody is listened to any more: when it returns, no further
 * request comes, and nobody is at work with the ledger. Those that have come
 * still have to be answered; then control_close() waits until the answers are
 * out, for two seconds at most.
 */
void control_end(struct control *c);
void control_close(struct control **c);

#endif
