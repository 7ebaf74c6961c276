/* link.c - the connection of a carrier, see carrier.h. */
#include "base/clock.h"
#include "delivery/carrier.h"
#include "delivery/connection.h"

/* After a failure to connect, do not bother the server for so long. */
#define DOWN_MS (30 * 1000)
/* A server that wants no more connections is not asked for so long. */
#define ENOUGH_MS (60 * 1000)

void
link_note(struct carrier *c)
{
	bool connected = c->x.smtp != NULL;

	if (connected != c->noted)
		pool_count(c->d, &c->d->connected, connected ? 1 : -1);
	c->noted = connected;
}

void
link_drop(struct carrier *c)
{
	smtp_free(&c->x.smtp);
	link_note(c);
}

void
link_close(struct carrier *c)
{
	struct error ignored = { 0 };

	if (c->x.smtp != NULL && smtp_usable(c->x.smtp))
		smtp_quit(c->x.smtp, &ignored);
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

	pthread_mutex_lock(&d->lock);
	if (d->to->login.user != NULL && d->password == NULL)
		rc = password_get(&d->to->login, d->stop, &d->password, e);
	pthread_mutex_unlock(&d->lock);
	return rc < 0 ? error_prefix(e, "destination %s: ", d->to->name) : 0;
}

int
link_renew(struct carrier *c, struct error *e)
{
	struct delivery *d = c->d;
	int rc;

	pool_count(d, &d->connecting, 1);
	rc = get_password(d, e);
	if (rc == 0)
		rc = connection_open(
		    &c->x.smtp, d->to, &d->password, d->stop, e);
	pool_count(d, &d->connecting, -1);
	if (rc < 0)
		return -1;
	link_note(c);
	c->carried = 0;
	atomic_store(&d->size_limit, smtp_ehlo(c->x.smtp)->size_limit);
	pipeline_connected(&c->pipeline);
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
	    d->connected > (c->noted ? 1u : 0u) && why->kind != ERR_STOPPED;
	if (others)
		d->grow_after = deadline_in(ENOUGH_MS);
	pthread_mutex_unlock(&d->lock);
	return others;
}
