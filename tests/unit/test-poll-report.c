/*
 * test-poll-report.c - what a poll tells whoever decides when the next one is to
 * be: with a ledger, a mailbox that follows a script, and nobody who takes mail.
 */
#include "../kit/peer.h"
#include "../kit/world.h"

#include "poll/poll.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define KNOWS(...) CAPA("S: UIDL", "S: LOGIN-DELAY 900", __VA_ARGS__)
#define IN GREETING, KNOWS("S: USER"), USER_PASS, KNOWS("S: TOP")
#define EMPTY "C: STAT", "S: +OK 0 0", "C: UIDL", "S: +OK", "S: ."
#define ONE(uid)                                                            \
	"C: STAT", "S: +OK 1 10", "C: UIDL", "S: +OK", "S: 1 " uid, "S: .", \
	    "C: LIST", "S: +OK", "S: 1 10", "S: .", "C: RETR 1", "S: +OK",  \
	    "S: Subject: a", "S: ", "S: .", "C: UIDL 1", "S: +OK 1 " uid
#define QUIT "C: QUIT", "S: +OK"

/*
 * Where it is set, who waits for something and for being asked to stop is told
 * that the time has passed: by so much the clock is ahead. Of this thread.
 */
static _Thread_local int64_t ahead_ms;
int64_t __real_clock_monotonic_ms(void);
int64_t __wrap_clock_monotonic_ms(void);
void *__real_queue_wait(struct queue *q, int also_fd, struct deadline until);
void *__wrap_queue_wait(struct queue *q, int also_fd, struct deadline until);

int64_t
__wrap_clock_monotonic_ms(void)
{
	return __real_clock_monotonic_ms() + ahead_ms;
}

void *
__wrap_queue_wait(struct queue *q, int also_fd, struct deadline until)
{
	if (ahead_ms == 0 || also_fd < 0)
		return __real_queue_wait(q, also_fd, until);
	ahead_ms += deadline_left(until);
	return NULL;
}

/* One poll of it. Returns the kind of its error. */
static enum error_kind
poll_at_rate(struct world *w, const char *const *steps,
    struct throttle *throttle, struct poll_report *report)
{
	static const char *recipients[] = { "ann", NULL };
	/* Nobody listens there. */
	static const struct destination nowhere = { .name = "home",
		.at = { .name = "home",
		    .path = "/nonexistent/postrider",
		    .tls = TLS_NONE,
		    .timeout_ms = 5000 },
		.options = { .lmtp = true, .reply_timeout_ms = 5000 },
		.connections = 1 };
	struct account account = { .name = "isp",
		.login = login_of_ann(AUTH_AUTO),
		.destination = "home",
		.recipients = recipients,
		.pipelining = PIPELINING_NO };
	struct poll_job job = { .account = &account,
		.password = "s3cret",
		.state_dir = w->dir,
		.ledger = w->l,
		.moved = true,
		.throttle = throttle };
	struct stop *stop = NULL;
	struct error e = { 0 };
	struct peer peer;
	int rc;

	peer_start(&peer, steps, TLS_NONE);
	account.at = peer.at;
	assert_int_equal(stop_new(&stop, &e), 0);
	job.stop = stop;
	transit_pool_new(&job.pool, 16 << 20);
	assert_int_equal(
	    delivery_new(&job.delivery, &nowhere, w->l, stop, &e), 0);
	job.reports = job.delivery;
	rc = poll_run(&job, report, &e);
	assert_int_equal(rc < 0, e.kind != ERR_NONE);
	delivery_free(&job.delivery);
	transit_pool_free(&job.pool);
	stop_free(&stop);
	peer_finish(&peer);
	return e.kind;
}

static enum error_kind
poll_by(struct world *w, const char *const *steps, struct poll_report *report)
{
	return poll_at_rate(w, steps, NULL, report);
}

static void
the_delay_that_a_server_asks_for_is_told(void **state)
{
	struct poll_report report;
	struct world w;

	(void)state;
	world_begin(&w);
	assert_int_equal(
	    poll_by(&w, STEPS("S: -ERR no"), &report), ERR_REFUSED);
	assert_int_equal(report.login_delay_s, 0);
	assert_int_equal(
	    poll_by(&w,
		STEPS(GREETING, KNOWS("S: USER"), "C: USER ann", "S: +OK",
		    "C: PASS s3cret", "S: -ERR [LOGIN-DELAY] too soon"),
		&report),
	    ERR_LOGIN_DELAY);
	assert_int_equal(report.login_delay_s, 900);
	assert_int_equal(
	    poll_by(&w, STEPS(IN, EMPTY, QUIT), &report), ERR_NONE);
	assert_int_equal(report.login_delay_s, 900);
	assert_false(report.destination_down);
	world_end(&w);
}

static void
what_has_come_is_told_whatever_becomes_of_it(void **state)
{
	struct poll_report report;
	struct world w;

	(void)state;
	world_begin(&w);
	/* Of what the first one finds, nobody knows when it came. */
	assert_int_equal(
	    poll_by(&w, STEPS(IN, ONE("a"), QUIT), &report), ERR_CONNECT);
	assert_int_equal(report.arrived, 0);
	assert_true(report.destination_down);
	assert_int_equal(
	    poll_by(&w, STEPS(IN, ONE("b"), QUIT), &report), ERR_CONNECT);
	assert_int_equal(report.arrived, 1);
	assert_true(report.destination_down);
	assert_int_equal(
	    poll_by(&w, STEPS(IN, EMPTY, QUIT), &report), ERR_NONE);
	assert_int_equal(report.arrived, 0);
	assert_false(report.destination_down);
	world_end(&w);
}

#define LIST                                                             \
	"C: STAT", "S: +OK 1 10", "C: UIDL", "S: +OK", "S: 1 a", "S: .", \
	    "C: LIST", "S: +OK", "S: 1 10", "S: ."
#define NOOP "C: NOOP", "S: +OK"
#define MESSAGE                                                             \
	"C: RETR 1", "S: +OK", "S: Subject: a", "S: ", "S: .", "C: UIDL 1", \
	    "S: +OK 1 a"

/* A server may end a session in which nothing has been said for ten minutes. */
static void
who_waits_until_the_rate_allows_more_keeps_the_session_alive(void **state)
{
	struct poll_report report;
	struct throttle *throttle;
	struct world w;

	(void)state;
	world_begin(&w);
	ahead_ms = 1;
	throttle_new(&throttle, 1, clock_monotonic_ms());
	throttle_spend(throttle, 75, clock_monotonic_ms());
	assert_int_equal(
	    poll_at_rate(&w, STEPS(IN, LIST, NOOP, NOOP, MESSAGE, QUIT),
		throttle, &report),
	    ERR_CONNECT);
	assert_int_equal(report.taken, 1);
	throttle_free(&throttle);
	ahead_ms = 0;
	world_end(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_delay_that_a_server_asks_for_is_told),
		cmocka_unit_test(what_has_come_is_told_whatever_becomes_of_it),
		cmocka_unit_test(
		    who_waits_until_the_rate_allows_more_keeps_the_session_alive),
	};

	return cmocka_run_group_tests(tests, peers_begin, peers_end);
}
