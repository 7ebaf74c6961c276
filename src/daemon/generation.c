/* generation.c - see generation.h. */
#include "daemon/generation.h"

#include "base/alloc.h"

#include <stdatomic.h>
#include <stdlib.h>

struct generation *
generation_new(struct settings *settings)
{
	struct generation *g = xcalloc(1, sizeof(*g));

	g->settings = settings;
	g->names = settings_names(settings);
	atomic_init(&g->users, 1);
	atomic_init(&g->holders, 1);
	return g;
}

struct generation *
generation_use(struct generation *g)
{
	atomic_fetch_add(&g->users, 1);
	return g;
}

void
generation_leave(struct generation **used)
{
	struct generation *g = *used;

	*used = NULL;
	if (g == NULL || atomic_fetch_sub(&g->users, 1) > 1)
		return;
	free(g->names);
	g->names = NULL;
	settings_forget_accounts(g->settings);
	generation_let_go(&g);
	alloc_trim();
}

struct generation *
generation_hold(struct generation *g)
{
	atomic_fetch_add(&g->holders, 1);
	return g;
}

void
generation_let_go(struct generation **held)
{
	struct generation *g = *held;

	*held = NULL;
	if (g == NULL || atomic_fetch_sub(&g->holders, 1) > 1)
		return;
	settings_free(&g->settings);
	free(g);
}
