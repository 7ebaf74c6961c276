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
	settings_free(&g->settings);
	free(g);
	alloc_trim();
}
