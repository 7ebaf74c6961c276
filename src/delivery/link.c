/* link.c - the connection of a carrier, see carrier.h. */
#include "base/clock.h"
#include "delivery/carrier.h"
#include "delivery/connection.h"

/* After a failure to connect, do not bother the server for so long. */
#define DOWN_MS (30 * 1000)

void
link_drop(struct carrier *c)
{
	smtp_free(&c->x.smtp);
	carrier_note(c);
}

void
link_close(struct carrier *c)
{
	if (c->x.smtp != NULL)
		smtp_leave(c->x.smtp);
	link_drop(c);
}

void
link_set_down(struct delivery *d, const struct error *why)
{
	pthread_mutex_lock(&d->lock);
	d->down = *why;
	d->down_until = deadline_in(DOWN_MS);
	pthread_mutex_unlock(&d->lock);
}

bool
link_is_down(struct delivery *d, struct error *e)
{
	bool down;

	pthread_mutex_lock(&d->lock);
	down = d->down.kind != ERR_NONE && !deadline_passed(d->down_until);
	if (down)
		*e = d->down;
	else
		error_clear(&d->down);
	pthread_mutex_unlock(&d->lock);
	return down;
}

/* The password is asked for once, by whoever comes first. */
static int
get_password(struct delivery *d, struct error *e)
{
	int rc = 0;

	pthread_mutex_lock(&d->asking);
	if (d->to->login.user != NULL && d->password == NULL)
		rc = password_get(&d->to->login, d->stop, &d->password, e);
	pthread_mutex_unlock(&d->asking);
	return rc < 0 ? error_prefix(e, "destination %s: ", d->to->name) : 0;
}

int
link_renew(struct carrier *c, struct error *e)
{
	struct delivery *d = c->d;

	if (get_password(d, e) < 0 ||
	    connection_open(&c->x.smtp, d->to, &d->password, d->stop, e) < 0)
		return -1;
	c->carried = 0;
	c->passed = false;
	atomic_store(&d->size_limit, smtp_ehlo(c->x.smtp)->size_limit);
	pipeline_connected(&c->pipeline);
	carrier_note(c);
	return 0;
}

/* Between two messages: is the connection good for one more? */
static bool
is_connected(struct carrier *c)
{
	struct error ignored = { 0 };

	if (c->x.smtp == NULL || !smtp_usable(c->x.smtp))
		return false;
	if (c->d->to->max_messages > 0 &&
	    c->carried >= c->d->to->max_messages) {
		link_close(c);
		return false;
	}
	/* While it was idle the server may have taken its leave. */
	return smtp_await(c->x.smtp, -1, deadline_in(0), &ignored) == 0;
}

int
link_ready(struct carrier *c, struct error *e)
{
	if (is_connected(c))
		return 0;
	link_drop(c);
	return link_renew(c, e);
}

bool
link_one_too_many(struct carrier *c, const struct error *why)
{
	struct delivery *d = c->d;
	bool others;

	pthread_mutex_lock(&d->lock);
	others =
	    d->all.connected > c->own.connected && why->kind != ERR_STOPPED;
	if (others)
		growth_enough(&d->growth, clock_monotonic_ms());
	pthread_mutex_unlock(&d->lock);
	return others;
}

void
link_failed(struct carrier *c, struct transit *t, bool recorded)
{
	struct error why = t->error;

	if (!link_one_too_many(c, &why)) {
		link_set_down(c->d, &why);
	} else if (alone_withdraw(c, t, recorded) == 0) {
		pool_put_back(c->d, t);
		c->leaving = true;
		return;
	} else {
		recorded = false;
	}
	alone_untried(c, t, recorded, true);
}
