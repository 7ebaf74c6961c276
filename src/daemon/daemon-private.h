/*
 * daemon-private.h - what the files of the daemon's main thread share. Nobody
 * else includes it.
 */
#ifndef DAEMON_DAEMON_PRIVATE_H
#define DAEMON_DAEMON_PRIVATE_H

#include "base/queue.h"
#include "base/stop.h"
#include "daemon/commands.h"
#include "daemon/confine.h"
#include "daemon/control.h"
#include "daemon/daemon.h"
#include "daemon/due.h"
#include "daemon/hook.h"
#include "daemon/http.h"
#include "daemon/mailbox.h"
#include "daemon/metrics.h"
#include "daemon/notify.h"
#include "daemon/outlet.h"
#include "delivery/transit.h"
#include "ledger/ledger.h"
#include "poll/crew.h"

#include <pthread.h>
#include <signal.h>

struct daemon {
	const struct daemon_options *options; /* borrowed */
	struct generation *now; /* the settings in force; used */
	struct stop *stop; /* owned, as is all that follows */
	struct ledger *ledger;
	struct transit_pool *pool;
	struct crew *crew;
	struct due *due; /* by turn */
	struct queue *polled; /* mailbox_poll */
	struct queue *probed; /* outlet */
	struct queue *requests; /* control_request */
	struct queue *stoppers; /* those that are answered at the end */
	struct control *control;
	struct notify *notify;
	struct commands *commands; /* the helper may run */
	struct confine *confine; /* NULL: it is not confined */
	struct metrics *metrics;
	struct http *http; /* NULL: nobody is told */
	struct hooks *hooks;
	struct alerts *alerts; /* alert.c's */
	int64_t started; /* wall clock */
	int signal_fd, timer_fd;
	sigset_t signals;

	/* What polls look at when they begin. */
	pthread_mutex_t lock;
	struct mailbox **by_turn; /* NULL where there is none */
	size_t turns;
	struct outlet *outlets;

	struct outlet *retired; /* still in use */
	void *by_name; /* tsearch(3) of mailboxes, which it owns */
	size_t mailbox_count;
	size_t called; /* of them: wait for their turn, or are polled */
	struct mailbox *leaving; /* of them, while they are polled */
	struct queue *kept; /* jobs of keep.c */
	struct mailbox *unkept;
	size_t unkept_count;
	bool keeping; /* one is on its way */
	int64_t keep_at; /* clock_boot_ms: not before */
	int64_t asleep; /* milliseconds the machine has slept, when last seen */
	int64_t watchdog_at; /* clock_boot_ms: it hears that we live */
	int64_t tell_at; /* clock_boot_ms: the supervisor, not before */
	char told[160]; /* what it was told, */
	size_t told_called; /* with so many called */
	_Atomic bool stopping;
	_Atomic int64_t awake; /* clock_monotonic_ms, when it last was */
	int64_t stop_at; /* clock_boot_ms: then at once; INT64_MAX */
	_Atomic bool ledger_failed; /* nothing begins; it is opened anew */
	int64_t ledger_pause; /* milliseconds */
	int64_t ledger_at; /* at this time, clock_boot_ms, unless in use */
};

/* daemon.c: asked to stop, and once more; new settings. */
void daemon_stop(struct daemon *d);
void daemon_pause_ledger(struct daemon *d, int64_t now);
int daemon_reload(struct daemon *d, struct buffer *problems, struct error *e);

/* rounds.c: who is polled when, and what comes of it. */
/* Why nobody is polled meanwhile. */
#define ROUNDS_NO_LEDGER "not polled: the ledger cannot be written"
void rounds_know(struct mailbox *m);
bool rounds_admit(
    struct daemon *d, struct mailbox *m, size_t place, size_t of, int64_t now);
void rounds_start(struct daemon *d, int64_t now);
void rounds_slept(struct daemon *d, int64_t now);
void rounds_end(struct daemon *d, struct mailbox_poll *poll);
void rounds_probed(struct daemon *d, struct outlet *o);
void rounds_now(struct daemon *d, struct mailbox *m);
void rounds_wake(struct daemon *d, struct mailbox *m);
void rounds_ledger_failed(struct daemon *d, const struct error *e);
void rounds_resume(struct daemon *d, struct mailbox *m);
void rounds_give_up(struct daemon *d, struct mailbox *m);
void rounds_advise(
    struct daemon *d, struct mailbox *m, bool same_mailbox, bool other_mail);
/* False: there is one to be made already, and it is another. */
bool rounds_make_baseline(
    struct daemon *d, struct mailbox *m, const struct baseline *b);
bool rounds_recall(struct daemon *d, struct mailbox *m);
bool rounds_has_other_login(const struct mailbox *m);
unsigned rounds_at_once(const struct daemon *d);
int rounds_poll(void *daemon, size_t turn); /* of the crew's threads */
void rounds_polled(void *daemon, size_t turn);

/* answers.c: what is asked over the control socket. */
void answers_give(struct daemon *d, struct control_request *r);
void answers_end(struct daemon *d);

/* keep.c: what is found again after a restart. */
int keep_restore(struct daemon *d, struct error *e);
void keep_note(struct daemon *d, struct mailbox *m);
void keep_forget(struct daemon *d, struct mailbox *m);
int64_t keep_due(const struct daemon *d);
void keep_write(struct daemon *d, int64_t now);
void keep_written(struct daemon *d, struct ledger_job *job);
void keep_end(struct daemon *d);

/* alert.c: mail to the owners of accounts that need them. */
int alert_open(struct daemon *d, struct error *e);
int alert_fd(const struct daemon *d); /* readable: alert_sent() */
void alert_look(struct daemon *d, struct mailbox *m); /* its poll has ended */
void alert_look_again(struct daemon *d, struct mailbox *m);
void alert_forget(struct daemon *d, struct mailbox *m);
int64_t alert_due(const struct daemon *d);
void alert_write(struct daemon *d, int64_t now);
void alert_sent(struct daemon *d);
bool alert_is_busy(const struct daemon *d);
void alert_end(struct daemon *d);

/* roster.c: which accounts and destinations there are. */
void roster_add(struct daemon *d);
void roster_admit(struct daemon *d);
int roster_open(struct daemon *d, struct error *e);
int roster_change(struct daemon *d, struct settings *settings, struct error *e);
void roster_remove(struct daemon *d, struct mailbox *m);
void roster_move(struct daemon *d, struct mailbox *m);
void roster_sweep(struct daemon *d);
bool roster_probes(const struct daemon *d);
bool roster_is_taken(const struct daemon *d, const struct mailbox *m);
void roster_end(struct daemon *d);
struct mailbox *roster_find(struct daemon *d, const char *name);
void roster_each(
    struct daemon *d, void (*each)(struct daemon *d, struct mailbox *m));

#endif
