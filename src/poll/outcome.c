/* outcome.c - see outcome.h. */
#include "poll/outcome.h"

#include "base/text.h"

#include <sysexits.h>

static void
count(struct buffer *out, uint64_t n, const char *what)
{
	if (n > 0)
		buffer_addf(out, "; %llu %s", (unsigned long long)n, what);
}

bool
outcome_is_news(const struct poll_report *r)
{
	return r->delivered + r->deleted + r->deferred + r->held + r->seen +
	    r->in_doubt + r->reported + r->dropped + r->recognised >
	    0;
}

void
outcome_write(
    const struct account *a, const struct poll_report *r, struct buffer *out)
{
	char octets[TEXT_UNIT];

	buffer_addf(out, "%s: ", a->name);
	if (r->delivered > 0)
		buffer_addf(out,
		    "%llu message%s (%s) delivered to %s in "
		    "%.1f s",
		    (unsigned long long)r->delivered,
		    r->delivered == 1 ? "" : "s",
		    text_octets(r->octets, octets), a->destination,
		    (double)r->took_ms / 1000);
	else
		buffer_add_text(out, "no new mail");
	count(out, r->recognised, "recognised under new unique ids");
	count(out, r->unrecognised, "not recognised");
	count(out, r->resent, "sent again after being in doubt");
	count(out, r->deleted, "deleted");
	count(out, r->seen, "marked as seen");
	count(out, r->deferred, "deferred");
	count(out, r->held, "held");
	count(out, r->reported, "refused and reported");
	count(out, r->dropped, "refused and dropped");
	count(out, r->in_doubt, "in doubt");
	count(out, r->left_for_later, "left for the next time");
	if (!outcome_is_news(r) && r->waiting_held > 0)
		count(out, r->waiting_held, "still held");
}

int
outcome_status(const struct poll_report *r, int rc, const struct error *e)
{
	int status = rc < 0 ? error_exit_status(e->kind) : EX_OK;

	if (r->held + r->waiting_held + r->stubborn > 0)
		status = error_worse_status(status, EX_UNAVAILABLE);
	if (r->left_out > 0)
		status = error_worse_status(status, EX_PROTOCOL);
	if (r->deferred + r->in_doubt > 0)
		status = error_worse_status(status, EX_TEMPFAIL);
	return status;
}
