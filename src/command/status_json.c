/* status_json.c - how every account is doing, for programs. */
#include "base/json.h"
#include "command/status.h"

#include <string.h>

static void
daemon_json(struct json *j, const struct glances *g)
{
	json_string(
	    j, "daemon_error", g->trouble[0] != '\0' ? g->trouble : NULL);
	if (!g->running) {
		json_string(j, "daemon", NULL);
		return;
	}
	json_open(j, "daemon", '{');
	json_number(j, "pid", g->daemon.pid);
	json_time(j, "started", g->daemon.started);
	json_string(j, "version", g->daemon.version);
	json_bool(j, "stopping", g->daemon.stopping);
	json_close(j, '}');
}

static const char *
text_or_null(const char *text)
{
	return text[0] != '\0' ? text : NULL;
}

static void
live_json(struct json *j, const struct glance *one)
{
	const struct live_account *live = &one->live;

	if (!one->has_live) {
		json_string(j, "live", NULL);
		return;
	}
	json_open(j, "live", '{');
	json_string(j, "state", live_state_name(live->state));
	json_time(j, "since", live->since);
	json_time(j, "next_poll", live->next);
	json_number(j, "done", (int64_t)live->done);
	json_number(j, "total", (int64_t)live->total);
	json_string(j, "words", text_or_null(live->words));
	json_close(j, '}');
}

static void
counts_json(struct json *j, const struct standing *s)
{
	json_open(j, "counts", '{');
	for (int state = 0; state < STATES; state++)
		json_number(j, state_name((enum state)state),
		    (int64_t)s->counts[state]);
	json_close(j, '}');
}

static void
hours_json(struct json *j, const struct hours *hours)
{
	json_number(j, "today", (int64_t)hours->today);
	json_number(j, "today_octets", (int64_t)hours->today_octets);
	json_open(j, "hours", '[');
	for (size_t i = 0; i < READER_HOURS; i++)
		json_number(j, NULL, (int64_t)hours->delivered[i]);
	json_close(j, ']');
}

static void
account_json(struct json *j, const struct glance *one)
{
	const struct standing *s = &one->s;

	json_open(j, NULL, '{');
	json_string(j, "account", one->of.name);
	json_string(j, "state", mood_name(one->mood));
	json_bool(j, "known", s->known);
	json_bool(j, "polled", s->polled);
	json_bool(j, "polling", one->polling);
	json_bool(j, "interrupted", one->interrupted);
	json_time(j, "last_started", s->last_started);
	json_time(j, "last_ended", s->last_ended);
	json_time(j, "last_success", s->last_success);
	json_string(j, "error_kind", text_or_null(one->kind));
	json_string(j, "error_text", one->kind[0] != '\0' ? one->words : NULL);
	json_number(j, "failures", (int64_t)glance_failures(one));
	json_time(j, "failing_since", glance_since(one));
	json_number(j, "in_mailbox", (int64_t)s->in_mailbox);
	json_number(j, "delivered", (int64_t)s->delivered);
	json_number(j, "octets", (int64_t)s->octets);
	json_number(j, "deleted", (int64_t)s->deleted);
	json_number(j, "total_delivered", (int64_t)s->total_delivered);
	hours_json(j, &one->hours);
	json_number(j, "to_delete", (int64_t)s->to_delete);
	json_number(j, "bound", (int64_t)s->bound);
	counts_json(j, s);
	json_number(j, "sending", (int64_t)one->sending);
	live_json(j, one);
	json_close(j, '}');
}

static const struct live_destination *
live_destination(const struct glances *g, const char *name)
{
	for (size_t i = 0; i < g->destination_count; i++)
		if (strcmp(g->destinations[i].name, name) == 0)
			return &g->destinations[i];
	return NULL;
}

static void
destination_json(
    struct json *j, const char *name, const struct live_destination *live)
{
	json_open(j, NULL, '{');
	json_string(j, "destination", name);
	if (live == NULL) {
		json_string(j, "live", NULL);
	} else {
		json_open(j, "live", '{');
		json_string(j, "state", live_reach_name(live->reach));
		json_time(j, "since", live->since);
		json_number(j, "connections", (int64_t)live->connections);
		json_number(j, "waiting", (int64_t)live->waiting);
		json_string(j, "words", text_or_null(live->words));
		json_close(j, '}');
	}
	json_close(j, '}');
}

/* Where the settings are wrong, those that the daemon has. */
static void
destinations_json(
    struct json *j, const struct glances *g, const struct settings *settings)
{
	if (settings == NULL)
		for (size_t i = 0; i < g->destination_count; i++)
			destination_json(
			    j, g->destinations[i].name, &g->destinations[i]);
	else
		for (size_t i = 0; i < settings->destination_count; i++) {
			const char *name = settings->destinations[i].name;

			destination_json(j, name, live_destination(g, name));
		}
}

void
status_json(const struct glances *g, const struct settings *settings)
{
	struct json j = { 0 };

	json_open(&j, NULL, '{');
	json_time(&j, "now", g->now);
	daemon_json(&j, g);
	json_open(&j, "accounts", '[');
	for (size_t i = 0; i < g->count; i++)
		account_json(&j, &g->list[i]);
	json_close(&j, ']');
	json_open(&j, "destinations", '[');
	destinations_json(&j, g, settings);
	json_close(&j, ']');
	json_close(&j, '}');
	json_finish(&j);
}
