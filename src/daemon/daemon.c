/* daemon.c - begins, waits for what happens, and ends in order. */
#include "daemon/daemon.h"

#include "config.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/runner.h"
#include "daemon/daemon-private.h"
#include "daemon/socket.h"
#include "ledger/lock.h"
#include "sasl/password.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sysexits.h>
#include <unistd.h>

/* A ledger that could not be written is tried again, at first and at last. */
#define LEDGER_PAUSE_MS 5000
#define LEDGER_PAUSE_MAX_MS ((int64_t)5 * 60 * 1000)
/* It looks up at least so often, so as to be seen alive; else it hangs. */
#define AWAKE_MS 20000
#define ASLEEP_MS 60000
/* Who was let go and is still in use is looked after so often. */
#define SWEEP_MS 1000
/* The supervisor is told how it does so often. */
#define STATUS_MS 2000
/* The machine has slept when it did nothing for so long. */
#define SLEPT_MS 5000

/* --- begin and end --- */

static char *
copy(const char *text)
{
	return text != NULL ? xstrdup(text) : NULL;
}

static void
remember_lasting(struct lasting *l, const struct settings *s)
{
	*l = (struct lasting){ .log = copy(s->log),
		.metrics = copy(s->metrics),
		.run_as = copy(s->run_as),
		.confine = s->confine };
}

static void
forget_lasting(struct lasting *l)
{
	free(l->log);
	free(l->metrics);
	free(l->run_as);
}

static int
failed(struct error *e, const char *what, int number)
{
	return error_set(e, ERR_SYSTEM, "%s: %s", what, strerror(number));
}

/*
 * Blocked before any thread is there, they are blocked in every thread; and they
 * stay so, for one that comes while it ends must not kill it.
 */
static int
open_signals(struct daemon *d, struct error *e)
{
	int number;

	sigemptyset(&d->signals);
	sigaddset(&d->signals, SIGTERM);
	sigaddset(&d->signals, SIGINT);
	sigaddset(&d->signals, SIGHUP);
	sigaddset(&d->signals, SIGUSR1);
	number = pthread_sigmask(SIG_BLOCK, &d->signals, NULL);
	if (number != 0)
		return failed(e, "signals", number);
	d->signal_fd = signalfd(-1, &d->signals, SFD_CLOEXEC | SFD_NONBLOCK);
	return d->signal_fd < 0 ? failed(e, "signals", errno) : 0;
}

/*
 * What the settings need is all that it may do from now on. The helper, which
 * runs commands, is started before; both before there are threads.
 */
static int
confine(struct daemon *d, struct error *e)
{
	const struct settings *s = d->now->settings;
	char *folder = socket_folder(), *log = NULL;
	int rc;

	d->commands = commands_new(s);
	if (runner_start(commands_may, d->commands, e) < 0) {
		free(folder);
		return -1;
	}
	if (!s->confine) {
		free(folder);
		return 0;
	}
	d->confine = confine_new();
	rc = confine_settings(d->confine, s, e);
	if (folder != NULL)
		confine_write(d->confine, folder);
	if (s->log[0] == '/') {
		log = xstrdup(s->log);
		confine_write(d->confine, dirname(log));
	}
	if (rc == 0)
		rc = confine_begin(d->confine, e);
	free(folder);
	free(log);
	return rc;
}

/* The error names the first. Returns 0, or -1 with ERR_CONFIG. */
static int
check_passwords(const struct settings *s, struct error *e)
{
	const struct login *asked = NULL;

	for (size_t i = s->destination_count; i-- > 0;)
		if (password_is_asked_for(&s->destinations[i].login))
			asked = &s->destinations[i].login;
	for (size_t i = s->account_count; i-- > 0;)
		if (password_is_asked_for(&s->accounts[i].login))
			asked = &s->accounts[i].login;
	if (asked == NULL)
		return 0;
	return error_set(e, ERR_CONFIG,
	    "%s %s has no password, and a daemon asks nobody: set "
	    "password_file or password_command",
	    asked->kind, asked->name);
}

/* Who is at work is told, rather than that something of his is in the way. */
static int
check_alone(const struct settings *s, struct error *e)
{
	int lock;

	if (lock_held_since(s->state) == 0)
		return 0;
	lock = lock_take(s->state, e);
	if (lock < 0)
		return -1;
	close(lock);
	return 0;
}

/* What threads meet in, and the files and sockets to wait for. */
static int
open_meeting_places(struct daemon *d, struct error *e)
{
	if (stop_new(&d->stop, e) < 0 || queue_new(&d->polled, e) < 0 ||
	    queue_new(&d->probed, e) < 0 || queue_new(&d->kept, e) < 0 ||
	    queue_new(&d->requests, e) < 0 || queue_new(&d->stoppers, e) < 0)
		return -1;
	d->timer_fd =
	    timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	return d->timer_fd < 0 ? failed(e, "timer", errno) : 0;
}

/* Is all well, for those who ask by HTTP? */
static bool
is_healthy(void *daemon, struct buffer *why)
{
	struct daemon *d = daemon;

	if (atomic_load(&d->stopping))
		buffer_add_text(why, "it is stopping");
	else if (atomic_load(&d->ledger_failed))
		buffer_add_text(why, "the ledger cannot be written");
	else if (clock_monotonic_ms() - atomic_load(&d->awake) > ASLEEP_MS)
		buffer_add_text(why, "its main thread hangs");
	else
		return true;
	return false;
}

static int
begin_telling(struct daemon *d, struct error *e)
{
	const char *at = d->now->settings->metrics;

	metrics_new(&d->metrics);
	if (at == NULL)
		return 0;
	return http_open(&d->http, at, d->metrics, is_healthy, d, e);
}

static int
begin(struct daemon *d, struct error *e)
{
	const struct settings *s = d->now->settings;
	struct crew_task task = {
		.poll = rounds_poll, .polled = rounds_polled, .arg = d
	};

	if (check_passwords(s, e) < 0 || check_alone(s, e) < 0 ||
	    notify_open(&d->notify, e) < 0 || open_signals(d, e) < 0 ||
	    begin_telling(d, e) < 0 || confine(d, e) < 0 ||
	    open_meeting_places(d, e) < 0 ||
	    ledger_open(&d->ledger, s->state, d->options->new_ledger, e) < 0)
		return -1;
	metrics_ledger(d->metrics, d->ledger);
	if (roster_open(d, e) < 0 || hooks_new(&d->hooks, e) < 0 ||
	    alert_open(d, e) < 0 ||
	    control_open(&d->control, s->state, d->ledger, d->requests, e) < 0)
		return -1;
	transit_pool_new(&d->pool, TRANSIT_POOL);
	due_new(&d->due);
	crew_new(&d->crew, rounds_at_once(d), s->max_polls_per_server, &task,
	    d->stop);
	roster_add(d);
	if (keep_restore(d, e) < 0)
		return -1;
	roster_admit(d);
	if (d->http != NULL && http_serve(d->http, e) < 0)
		return -1;
	return 0;
}

static void
say_ready(struct daemon *d)
{
	log_info("postrider " PACKAGE_VERSION ": %zu account%s, process %ld",
	    d->mailbox_count, d->mailbox_count == 1 ? "" : "s", (long)getpid());
	log_detach();
	notify_ready(d->notify);
	if (notify_watchdog_interval(d->notify) == 0)
		d->watchdog_at = INT64_MAX;
}

static void
end(struct daemon *d)
{
	crew_free(&d->crew);
	hooks_free(&d->hooks);
	http_close(&d->http);
	if (d->control != NULL)
		control_end(d->control);
	alert_end(d);
	if (d->ledger != NULL)
		keep_end(d);
	roster_end(d);
	ledger_close(&d->ledger);
	answers_end(d);
	control_close(&d->control);
	transit_pool_free(&d->pool);
	due_free(&d->due);
	queue_free(&d->polled);
	queue_free(&d->probed);
	queue_free(&d->kept);
	queue_free(&d->requests);
	queue_free(&d->stoppers);
	if (d->stop != NULL)
		stop_free(&d->stop);
	if (d->timer_fd >= 0)
		close(d->timer_fd);
	if (d->signal_fd >= 0)
		close(d->signal_fd);
	runner_end();
	commands_free(&d->commands);
	confine_free(&d->confine);
	metrics_free(&d->metrics);
	notify_free(&d->notify);
	forget_lasting(&d->lasting);
	pthread_mutex_destroy(&d->lock);
}

/* --- what happens --- */

void
daemon_stop(struct daemon *d)
{
	if (d->stopping) {
		stop_request(d->stop, STOP_NOW);
		return;
	}
	d->stopping = true;
	d->stop_at = clock_boot_ms() + d->now->settings->stop_timeout_ms;
	stop_request(d->stop, STOP_SOON);
	roster_each(d, rounds_give_up);
	log_info("stopping; %zu poll%s under way", d->called,
	    d->called == 1 ? " is" : "s are");
	notify_stopping(d->notify);
}

static int
read_anew(struct daemon *d, struct settings **settings, struct buffer *problems,
    struct error *e)
{
	const struct daemon_options *o = d->options;

	if (settings_read(settings, o->config, o->state, problems, e) < 0)
		return -1;
	if (strcmp((*settings)->state, d->now->settings->state) != 0)
		error_set(e, ERR_CONFIG,
		    "the state directory is %s now: for that, stop postrider "
		    "and start it again",
		    (*settings)->state);
	else if (check_passwords(*settings, e) == 0 &&
	    (d->confine == NULL ||
		confine_check(d->confine, *settings, e) == 0))
		return 0;
	settings_free(settings);
	return -1;
}

static void tell(struct buffer *told, bool wrong, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* In the log, and for whoever has asked. */
static void
tell(struct buffer *told, bool wrong, const char *fmt, ...)
{
	struct buffer line = { 0 };
	va_list ap;

	va_start(ap, fmt);
	buffer_vaddf(&line, fmt, ap);
	va_end(ap);
	if (wrong)
		log_error("%s", line.data);
	else
		log_warning("%s", line.data);
	buffer_addf(told, "%s%s\n", wrong ? "" : "warning: ", line.data);
	buffer_free(&line);
}

static bool
is_same(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* What it has begun with stays, whatever the settings say of it now. */
static void
tell_what_stays(
    const struct lasting *l, const struct settings *now, struct buffer *told)
{
	const struct {
		const char *name;
		bool same;
	} table[] = {
		{ "log", is_same(l->log, now->log) },
		{ "metrics", is_same(l->metrics, now->metrics) },
		{ "run_as", is_same(l->run_as, now->run_as) },
		{ "confine", l->confine == now->confine },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (!table[i].same)
			tell(told, false,
			    "%s has changed: that takes effect when postrider "
			    "is started again",
			    table[i].name);
}

static void
tell_what_is_wrong(
    struct buffer *problems, const struct error *e, struct buffer *told)
{
	char *line, *rest = problems->data;

	while ((line = strsep(&rest, "\n")) != NULL)
		if (*line != '\0')
			tell(told, true, "%s", line);
	tell(told, true, "%s; the settings before stay in force", e->text);
}

int
daemon_reload(struct daemon *d, struct buffer *told)
{
	struct buffer problems = { 0 };
	struct settings *settings;
	struct error e = { 0 };
	int rc;

	if (d->stopping) {
		tell(
		    told, true, "postrider is stopping, and reads no settings");
		return EX_TEMPFAIL;
	}
	notify_reloading(d->notify);
	rc = read_anew(d, &settings, &problems, &e);
	if (rc == 0)
		rc = roster_change(d, settings, &e);
	if (rc == 0) {
		log_info("the settings were read anew: %zu account%s",
		    d->now->settings->account_count,
		    d->now->settings->account_count == 1 ? "" : "s");
		tell_what_stays(&d->lasting, d->now->settings, told);
	} else {
		tell_what_is_wrong(&problems, &e, told);
	}
	notify_ready(d->notify);
	buffer_free(&problems);
	return error_exit_status(e.kind);
}

/* A log that was renamed is begun anew, too. */
static void
hang_up(struct daemon *d)
{
	struct buffer told = { 0 };
	struct error e = { 0 };

	if (log_reopen(&e) < 0)
		log_error("%s; the log goes on where it was", e.text);
	daemon_reload(d, &told);
	buffer_free(&told);
}

static void
take_signals(struct daemon *d)
{
	struct signalfd_siginfo info;

	while (
	    read(d->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGHUP)
			hang_up(d);
		else if (info.ssi_signo == SIGUSR1)
			roster_each(d, rounds_now_unless_resting);
		else
			daemon_stop(d);
	}
}

static void
take_news(struct daemon *d)
{
	struct mailbox_poll *poll;
	struct control_request *r;
	struct ledger_job *job;
	struct outlet *o;

	while ((poll = queue_pop(d->polled)) != NULL)
		rounds_end(d, poll);
	while ((o = queue_pop(d->probed)) != NULL)
		rounds_probed(d, o);
	while ((job = queue_pop(d->kept)) != NULL)
		keep_written(d, job);
	alert_sent(d);
	while ((r = queue_pop(d->requests)) != NULL)
		answers_give(d, r);
	roster_sweep(d);
}

void
daemon_pause_ledger(struct daemon *d, int64_t now)
{
	d->ledger_pause *= 2;
	if (d->ledger_pause < LEDGER_PAUSE_MS)
		d->ledger_pause = LEDGER_PAUSE_MS;
	if (d->ledger_pause > LEDGER_PAUSE_MAX_MS)
		d->ledger_pause = LEDGER_PAUSE_MAX_MS;
	d->ledger_at = now + d->ledger_pause;
}

/*
 * What could not be written stays undone, and the ledger takes nothing more. When
 * nobody is at work with it any more, it is opened anew, time after time.
 */
static void
mind_ledger(struct daemon *d, int64_t now)
{
	struct error e = { 0 };

	if (!d->ledger_failed || d->called > 0 || now < d->ledger_at)
		return;
	if (ledger_reopen(d->ledger, &e) == 0) {
		log_info("the ledger can be written again");
		d->ledger_failed = false;
		return;
	}
	log_words("reason", e.text, "event=ledger_failed");
	daemon_pause_ledger(d, now);
}

/* --- waiting --- */

static int64_t
sooner(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* It is told of again when the figures settle. */
static int64_t
status_due(const struct daemon *d)
{
	return d->told_called != d->called ? d->tell_at : INT64_MAX;
}

/* When something is due, whatever happens until then. */
static int64_t
next_time(const struct daemon *d, int64_t now)
{
	int64_t when = INT64_MAX, due;
	size_t turn;

	if (d->stopping)
		return d->stop_at;
	if (d->retired != NULL)
		when = now + SWEEP_MS;
	when = sooner(when, alert_due(d));
	if (d->ledger_failed)
		return d->called > 0 ? when : sooner(when, d->ledger_at);
	for (const struct outlet *o = d->outlets; o != NULL; o = o->next)
		when = sooner(when, o->probe_at);
	if (due_first(d->due, &turn, &due))
		when = sooner(when, due);
	return sooner(when, sooner(keep_due(d), status_due(d)));
}

/* A time in the past would disarm the timer if it were 0, and fires at once. */
static void
set_timer(struct daemon *d, int64_t when)
{
	struct itimerspec at = { 0 };

	if (when != INT64_MAX) {
		at.it_value.tv_sec = (time_t)(when / 1000);
		at.it_value.tv_nsec = (long)(when % 1000) * 1000000 + 1;
	}
	timerfd_settime(d->timer_fd, TFD_TIMER_ABSTIME, &at, NULL);
}

static void
wait_for_something(struct daemon *d)
{
	struct pollfd fds[] = {
		{ .fd = d->signal_fd, .events = POLLIN },
		{ .fd = d->timer_fd, .events = POLLIN },
		{ .fd = queue_fd(d->polled), .events = POLLIN },
		{ .fd = queue_fd(d->probed), .events = POLLIN },
		{ .fd = queue_fd(d->requests), .events = POLLIN },
		{ .fd = queue_fd(d->kept), .events = POLLIN },
		{ .fd = alert_fd(d), .events = POLLIN },
	};

	int64_t now = clock_boot_ms();

	set_timer(d,
	    sooner(sooner(next_time(d, now), now + AWAKE_MS), d->watchdog_at));
	(void)poll(fds, sizeof(fds) / sizeof(fds[0]), -1);
}

/* What passed while the machine was suspended, of all time since it started. */
static int64_t
time_asleep(void)
{
	return clock_boot_ms() - clock_monotonic_ms();
}

static void
mind_sleep(struct daemon *d, int64_t now)
{
	int64_t asleep = time_asleep();

	if (asleep - d->asleep > SLEPT_MS)
		rounds_slept(d, now);
	d->asleep = asleep;
}

/* However often it looks up: one that hangs does not. */
static void
mind_watchdog(struct daemon *d, int64_t now)
{
	int64_t interval = notify_watchdog_interval(d->notify);

	if (interval == 0 || now < d->watchdog_at)
		return;
	notify_watchdog(d->notify);
	d->watchdog_at = now + interval;
}

static void
mind_stop(struct daemon *d, int64_t now)
{
	if (now < d->stop_at)
		return;
	stop_request(d->stop, STOP_NOW);
	d->stop_at = INT64_MAX;
}

/* For whoever asks the supervisor, and only what is new. */
static void
tell_status(struct daemon *d, int64_t now)
{
	char text[sizeof(d->told)];
	size_t down = 0;

	if (d->stopping || now < d->tell_at)
		return;
	d->tell_at = now + STATUS_MS;
	for (const struct outlet *o = d->outlets; o != NULL; o = o->next)
		down += atomic_load(&o->down);
	snprintf(text, sizeof(text),
	    "%zu account%s, %zu due or being polled%s%s", d->mailbox_count,
	    d->mailbox_count == 1 ? "" : "s", d->called,
	    down > 0 ? "; a destination takes no mail" : "",
	    d->ledger_failed ? "; the ledger cannot be written" : "");
	d->told_called = d->called;
	if (strcmp(text, d->told) == 0)
		return;
	notify_status(d->notify, text);
	memcpy(d->told, text, sizeof(text));
}

static bool
has_ended(struct daemon *d)
{
	return d->stopping && d->called == 0 && !roster_probes(d) &&
	    !alert_is_busy(d);
}

int
daemon_run(const struct daemon_options *options, struct settings *settings,
    struct error *e)
{
	struct daemon d = { .options = options,
		.signal_fd = -1,
		.timer_fd = -1,
		.started = clock_wall(),
		.awake = clock_monotonic_ms(),
		.asleep = time_asleep(),
		.stop_at = INT64_MAX };
	int rc;

	pthread_mutex_init(&d.lock, NULL);
	remember_lasting(&d.lasting, settings);
	d.now = generation_new(settings);
	rc = begin(&d, e);
	if (rc == 0)
		say_ready(&d);
	while (rc == 0 && !has_ended(&d)) {
		int64_t now;

		wait_for_something(&d);
		atomic_store(&d.awake, clock_monotonic_ms());
		take_signals(&d);
		take_news(&d);
		now = clock_boot_ms();
		mind_watchdog(&d, now);
		mind_stop(&d, now);
		mind_sleep(&d, now);
		mind_ledger(&d, now);
		rounds_start(&d, now);
		alert_write(&d, now);
		keep_write(&d, now);
		tell_status(&d, now);
	}
	end(&d);
	return rc;
}
