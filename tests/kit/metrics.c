/*
 * metrics.c - tests/postrider-metrics SETTINGS: serves metrics at the setting
 * `metrics`, or where there is room, says "port N", and does what it is told on
 * standard input, a line each, until that ends. Says "done" after each.
 *
 *	poll			all accounts, one after the other
 *	know NAME SINCE		an account, last polled well so many seconds ago
 *	know-many N		and so many others
 *	forget NAME		there is none of that name
 *	destination NAME up	or down
 *	forget-destination NAME
 *	later SECONDS		its monotonic clock moves on
 *	sick WORDS…		what /healthz tells, until
 *	well
 */
#include "daemon/metrics.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/stop.h"
#include "config/settings.h"
#include "daemon/http.h"
#include "delivery/delivery.h"
#include "ledger/ledger.h"
#include "poll/poll.h"
#include "sasl/password.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* By --wrap of the linker. */
int64_t __real_clock_monotonic_ms(void);
int64_t __wrap_clock_monotonic_ms(void);

static _Atomic int64_t later_ms;

int64_t
__wrap_clock_monotonic_ms(void)
{
	return __real_clock_monotonic_ms() + atomic_load(&later_ms);
}

struct probe {
	struct settings *settings;
	struct ledger *ledger;
	struct stop *stop;
	struct transit_pool *pool;
	struct delivery **deliveries; /* as settings->destinations */
	struct metrics *metrics;
	pthread_mutex_t lock; /* guards the next */
	char sick[200]; /* "": well */
};

static bool
is_healthy(void *arg, struct buffer *why)
{
	struct probe *p = arg;
	bool well;

	pthread_mutex_lock(&p->lock);
	well = p->sick[0] == '\0';
	buffer_add_text(why, p->sick);
	pthread_mutex_unlock(&p->lock);
	return well;
}

static void
set_sick(struct probe *p, const char *words)
{
	pthread_mutex_lock(&p->lock);
	snprintf(p->sick, sizeof(p->sick), "%s", words);
	pthread_mutex_unlock(&p->lock);
}

static struct delivery *
delivery_to(const struct probe *p, const char *name)
{
	return p->deliveries[settings_destination(p->settings, name) -
	    p->settings->destinations];
}

static void
poll_account(struct probe *p, const struct account *a)
{
	struct poll_report report = { 0 };
	struct error e = { 0 };
	struct poll_job job = {
		.account = a,
		.impatient = true,
		.state_dir = p->settings->state,
		.ledger = p->ledger,
		.delivery = delivery_to(p, a->destination),
		.reports = delivery_to(p, a->report_via),
		.pool = p->pool,
		.stop = p->stop,
	};
	char *password = NULL;

	if (password_get(&a->login, p->stop, &password, &e) == 0) {
		job.password = password;
		poll_run(&job, &report, &e);
	}
	password_free(&password);
	if (e.kind != ERR_NONE)
		log_error("%s: %s", a->name, e.text);
	metrics_poll(p->metrics, a->name, &report, &e);
}

static void
know_many(struct probe *p, size_t count)
{
	char name[64];

	for (size_t i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "user%zu@mail.kit.test", i);
		metrics_account(p->metrics, name, clock_wall() - (int64_t)i);
	}
}

static void
obey(struct probe *p, char *line)
{
	const char *verb = strtok(line, " \n");
	const char *name = strtok(NULL, " \n");
	const char *value = strtok(NULL, "\n");

	if (strcmp(verb, "poll") == 0) {
		for (size_t i = 0; i < p->settings->account_count; i++)
			poll_account(p, &p->settings->accounts[i]);
	} else if (strcmp(verb, "know") == 0) {
		metrics_account(p->metrics, name, clock_wall() - atoll(value));
	} else if (strcmp(verb, "know-many") == 0) {
		know_many(p, (size_t)atoll(name));
	} else if (strcmp(verb, "forget") == 0) {
		metrics_forget(p->metrics, name);
	} else if (strcmp(verb, "destination") == 0) {
		metrics_destination(p->metrics, name, !strcmp(value, "up"));
	} else if (strcmp(verb, "forget-destination") == 0) {
		metrics_forget_destination(p->metrics, name);
	} else if (strcmp(verb, "later") == 0) {
		atomic_fetch_add(&later_ms, 1000 * atoll(name));
	} else if (strcmp(verb, "sick") == 0) {
		char words[100];

		snprintf(words, sizeof(words), "%s %s", name, value);
		set_sick(p, words);
	} else if (strcmp(verb, "well") == 0) {
		set_sick(p, "");
	} else {
		abort();
	}
	printf("done\n");
	fflush(stdout);
}

static int
begin(struct probe *p, const char *file, struct error *e)
{
	struct buffer problems = { 0 };
	size_t count;

	if (settings_read(&p->settings, file, NULL, &problems, e) < 0) {
		fputs(problems.data, stderr);
		buffer_free(&problems);
		return -1;
	}
	buffer_free(&problems);
	count = p->settings->destination_count;
	p->deliveries = xcalloc(count, sizeof(struct delivery *));
	if (stop_new(&p->stop, e) < 0 ||
	    ledger_open(&p->ledger, p->settings->state, false, e) < 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		if (delivery_new(&p->deliveries[i],
			&p->settings->destinations[i], p->ledger, p->stop,
			e) < 0)
			return -1;
	transit_pool_new(&p->pool, TRANSIT_POOL);
	metrics_new(&p->metrics);
	metrics_ledger(p->metrics, p->ledger);
	return 0;
}

static void
end(struct probe *p)
{
	for (size_t i = 0; i < p->settings->destination_count; i++)
		delivery_free(&p->deliveries[i]);
	free(p->deliveries);
	transit_pool_free(&p->pool);
	metrics_free(&p->metrics);
	ledger_close(&p->ledger);
	stop_free(&p->stop);
	settings_free(&p->settings);
	pthread_mutex_destroy(&p->lock);
}

int
main(int argc, char **argv)
{
	struct probe p = { 0 };
	struct http *http = NULL;
	struct error e = { 0 };
	char line[256];

	if (argc != 2)
		return 2;
	signal(SIGPIPE, SIG_IGN);
	pthread_mutex_init(&p.lock, NULL);
	if (begin(&p, argv[1], &e) < 0 ||
	    http_open(&http,
		p.settings->metrics != NULL ? p.settings->metrics
					    : "127.0.0.1:0",
		p.metrics, is_healthy, &p, &e) < 0 ||
	    http_serve(http, &e) < 0) {
		log_error("%s", e.text);
		return 1;
	}
	printf("port %u\n", http_port(http));
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin) != NULL)
		obey(&p, line);
	http_close(&http);
	end(&p);
	return 0;
}
