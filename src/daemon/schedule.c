/* When a mailbox is polled next. */
#include "daemon/schedule.h"

#include "base/alloc.h"
#include "message/digest.h"

#include <stdlib.h>
#include <string.h>

#define SECOND ((int64_t)1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)

/* Between two starts of one mailbox, whatever it takes. */
#define APART SECOND
/* Between two mailboxes of the first round. */
#define SPREAD (SECOND / 5)
/* More is not asked for by a server in its senses. */
#define DELAY_MAX (24 * HOUR)
/* Then no more is tried: some servers lock an account at the next. */
#define REFUSALS_MAX 3

static int64_t
at_least(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t
at_most(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* --- how a poll has ended --- */

static const char *const names[SCHEDULE_FAILURES] = {
	[SCHEDULE_WELL] = "",
	[SCHEDULE_TEMPORARY] = "temporary",
	[SCHEDULE_IN_USE] = "in_use",
	[SCHEDULE_LOGIN_DELAY] = "login_delay",
	[SCHEDULE_REFUSED] = "refused",
	[SCHEDULE_PERMANENT] = "permanent",
	[SCHEDULE_DESTINATION] = "destination",
	[SCHEDULE_STOPPED] = "stopped",
};

const char *
schedule_failure_name(enum schedule_failure failure)
{
	return names[failure];
}

static enum schedule_failure
failure_parse(const char *name)
{
	for (int i = 0; i < SCHEDULE_FAILURES; i++)
		if (strcmp(name, names[i]) == 0)
			return (enum schedule_failure)i;
	return SCHEDULE_WELL;
}

enum schedule_failure
schedule_failure_of(enum error_kind kind, bool destination_failed)
{
	switch (kind) {
	case ERR_NONE:
		return SCHEDULE_WELL;
	case ERR_STOPPED:
		return SCHEDULE_STOPPED;
	default:
		break;
	}
	if (destination_failed)
		return SCHEDULE_DESTINATION;
	switch (kind) {
	case ERR_IN_USE:
		return SCHEDULE_IN_USE;
	case ERR_LOGIN_DELAY:
		return SCHEDULE_LOGIN_DELAY;
	case ERR_AUTH:
		return SCHEDULE_REFUSED;
	case ERR_QUESTION:
	case ERR_CONFIG:
	case ERR_USAGE:
		return SCHEDULE_PERMANENT;
	default:
		return SCHEDULE_TEMPORARY;
	}
}

/* --- the settings --- */

static void
add_text(struct digest *d, const char *text)
{
	if (text != NULL)
		digest_add(d, text, strlen(text));
	digest_add(d, text != NULL ? "+" : "-", 2);
}

void
schedule_login(const struct account *account, int64_t changed,
    unsigned char out[SCHEDULE_LOGIN])
{
	const struct login *l = &account->login;
	int64_t numbers[] = { account->at.port, (int64_t)account->at.tls,
		(int64_t)l->auth, changed };
	unsigned char whole[DIGEST_OCTETS];
	struct digest d;

	digest_begin(&d);
	digest_add(&d, numbers, sizeof(numbers));
	add_text(&d, account->at.host);
	add_text(&d, l->user);
	add_text(&d, l->password);
	add_text(&d, l->password_file);
	add_text(&d, l->password_command);
	digest_end(&d, whole);
	memcpy(out, whole, SCHEDULE_LOGIN);
}

/* Other settings than those that were refused have not been. */
static void
forgive_others(struct schedule *s, int64_t now)
{
	if (s->refusals == 0 ||
	    memcmp(s->refused, s->login, SCHEDULE_LOGIN) == 0)
		return;
	s->refusals = s->setbacks = 0;
	s->setback = SCHEDULE_WELL;
	s->due = now;
}

void
schedule_settings(struct schedule *s, const struct account *account,
    const unsigned char login[SCHEDULE_LOGIN], int64_t now)
{
	s->every = account->every_auto ? 0 : account->every_s * SECOND;
	s->min = account->every_min_s * SECOND;
	s->max = account->every_max_s * SECOND;
	if (account->every_auto && s->rhythm == NULL)
		s->rhythm = xcalloc(1, sizeof(*s->rhythm));
	else if (!account->every_auto)
		schedule_free(s);
	memcpy(s->login, login, SCHEDULE_LOGIN);
	forgive_others(s, now);
}

void
schedule_free(struct schedule *s)
{
	free(s->rhythm);
	s->rhythm = NULL;
}

/* --- over a restart --- */

void
schedule_restore(struct schedule *s, const struct ledger_schedule *row,
    int64_t now, int64_t wall)
{
	int64_t longest = s->rhythm == NULL ? s->every : s->max;
	int64_t away = row->due > wall ? row->due - wall : 0;

	s->setback = failure_parse(row->setback);
	s->setbacks = s->setback == SCHEDULE_WELL ? 0 : row->setbacks;
	/* The clock may have been wrong, or is, and the settings others. */
	if (s->setback != SCHEDULE_WELL)
		longest = at_least(longest, HOUR);
	longest += longest / 10;
	s->due = now + at_most(at_most(away, longest) * SECOND, longest);
	/* Its owner may have seen to it; and why it failed is told again. */
	if (s->setback == SCHEDULE_PERMANENT)
		s->due = now;
	s->refusals = 0;
	if (row->refused.len == SCHEDULE_LOGIN) {
		s->refusals = row->refusals;
		memcpy(s->refused, row->refused.data, SCHEDULE_LOGIN);
	}
	if (s->rhythm != NULL && row->rhythm.len > 0)
		rhythm_read(s->rhythm, row->rhythm.data, row->rhythm.len);
	if (s->refusals >= REFUSALS_MAX)
		s->due = SCHEDULE_RESTS;
	forgive_others(s, now);
}

void
schedule_keep(const struct schedule *s, int64_t now, int64_t wall,
    struct schedule_kept *kept)
{
	struct ledger_schedule *row = &kept->row;

	*row = (struct ledger_schedule){ .setback = names[s->setback],
		.setbacks = s->setbacks,
		.refusals = s->refusals };
	if (s->due != SCHEDULE_RESTS)
		row->due = wall + (s->due - now) / SECOND;
	if (s->refusals > 0)
		row->refused =
		    slice_make((const char *)s->refused, SCHEDULE_LOGIN);
	if (s->rhythm == NULL)
		return;
	rhythm_write(s->rhythm, kept->rhythm);
	row->rhythm =
	    slice_make((const char *)kept->rhythm, sizeof(kept->rhythm));
}

/* --- when --- */

/* Ten per cent more or less, so that equal intervals drift apart. */
static int64_t
jitter(int64_t interval, uint32_t random)
{
	int64_t tenth = interval / 10;

	return interval - tenth +
	    (int64_t)(2 * (double)tenth * (double)random / UINT32_MAX);
}

static int64_t
interval_of(const struct schedule *s, int64_t local)
{
	if (s->rhythm == NULL)
		return s->every;
	return rhythm_interval(
		   s->rhythm, local, s->min / SECOND, s->max / SECOND) *
	    SECOND;
}

bool
schedule_is_overdue(const struct schedule *s, int64_t now)
{
	return s->due <= now;
}

int64_t
schedule_spread(
    struct schedule *s, size_t place, size_t of, int64_t now, uint32_t random)
{
	int64_t interval = s->rhythm == NULL ? s->every : s->max;
	int64_t window =
	    (int64_t)of < interval / SPREAD ? (int64_t)of * SPREAD : interval;
	double part =
	    ((double)place + (double)random / UINT32_MAX) / (double)of;

	s->due = now + (int64_t)((double)window * part);
	return s->due;
}

static int64_t
doubled(int64_t first, unsigned times, int64_t most)
{
	while (--times > 0 && first < most)
		first *= 2;
	return at_most(first, most);
}

/*
 * How long to wait after so many failures of that kind. More often than without
 * them only where the next poll is likely to be well: a maildrop that is in use.
 */
static int64_t
setback_delay(const struct schedule *s, int64_t interval)
{
	int64_t delay;

	switch (s->setback) {
	case SCHEDULE_IN_USE:
		return doubled(
		    30 * SECOND, s->setbacks, at_least(10 * MINUTE, interval));
	case SCHEDULE_LOGIN_DELAY:
		delay = s->login_delay;
		if (delay == 0)
			delay = doubled(MINUTE, s->setbacks, HOUR);
		break;
	case SCHEDULE_REFUSED:
		delay = s->refusals == 1 ? 5 * MINUTE : 15 * MINUTE;
		break;
	case SCHEDULE_PERMANENT:
		delay = HOUR;
		break;
	default:
		delay = doubled(MINUTE, s->setbacks, HOUR);
		break;
	}
	return at_least(delay, interval);
}

/* Takes down how the poll has ended. */
static void
note(struct schedule *s, const struct schedule_outcome *o)
{
	if (o->login_delay_s > 0 || o->failure == SCHEDULE_WELL)
		s->login_delay = at_most(o->login_delay_s * SECOND, DELAY_MAX);
	if (o->failure == SCHEDULE_DESTINATION ||
	    o->failure == SCHEDULE_STOPPED)
		return;
	if (o->failure == SCHEDULE_REFUSED) {
		s->refusals++;
		memcpy(s->refused, s->login, SCHEDULE_LOGIN);
	}
	if (o->failure == SCHEDULE_WELL) {
		s->refusals = s->setbacks = 0;
		if (s->rhythm != NULL)
			rhythm_polled(s->rhythm, o->local, o->arrived);
	} else {
		s->setbacks = o->failure == s->setback ? s->setbacks + 1 : 1;
	}
	s->setback = o->failure;
}

int64_t
schedule_after(struct schedule *s, const struct schedule_outcome *o,
    int64_t now, uint32_t random)
{
	int64_t interval;

	note(s, o);
	if (s->refusals >= REFUSALS_MAX) {
		s->due = SCHEDULE_RESTS;
		return s->due;
	}
	interval = interval_of(s, o->local);
	if (o->failure == SCHEDULE_STOPPED)
		s->due = now;
	else if (o->failure == SCHEDULE_WELL ||
	    o->failure == SCHEDULE_DESTINATION)
		s->due = o->started + jitter(interval, random);
	else
		s->due = now + jitter(setback_delay(s, interval), random);
	s->due = at_least(s->due, at_least(now, o->started + APART));
	if (s->login_delay > 0 && o->failure != SCHEDULE_STOPPED)
		s->due = at_least(s->due, now + s->login_delay);
	return s->due;
}

int64_t
schedule_wake(struct schedule *s, int64_t now)
{
	s->refusals = s->setbacks = 0;
	s->setback = SCHEDULE_WELL;
	s->due = now;
	return s->due;
}
