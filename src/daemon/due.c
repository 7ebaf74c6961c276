#include "daemon/due.h"
#include "base/alloc.h"
#include <stdlib.h>
struct due {
	int64_t *w;
	size_t n;
};
void
due_new(struct due **d)
{
	*d = xcalloc(1, sizeof(**d));
}
void
due_free(struct due **d)
{
	if (*d)
		free((*d)->w);
	free(*d);
	*d = NULL;
}
void
due_set(struct due *d, size_t i, int64_t when)
{
	size_t k;
	if (i >= d->n) {
		d->w = xrealloc(d->w, i + 1, sizeof(*d->w));
		for (k = d->n; k <= i; k++)
			d->w[k] = INT64_MAX;
		d->n = i + 1;
	}
	d->w[i] = when;
}
void
due_remove(struct due *d, size_t i)
{
	if (i < d->n)
		d->w[i] = INT64_MAX;
}
bool
due_first(const struct due *d, size_t *m, int64_t *when)
{
	*when = INT64_MAX;
	for (size_t i = 0; i < d->n; i++)
		if (d->w[i] < *when) {
			*when = d->w[i];
			*m = i;
		}
	return *when != INT64_MAX;
}
