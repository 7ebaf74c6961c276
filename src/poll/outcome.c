/* outcome.c - see outcome.h. */
#include "poll/outcome.h"

#include "base/text.h"

#include <inttypes.h>
#include <sysexits.h>

static void
tell_count(struct buffer *out, uint64_t n, const char *what)
{
	if (n > 0)
		buffer_addf(out, "; %" PRIu64 " %s", n, what);
}

static bool
something_happened(const struct poll_report *r)
{
	return r->delivered + r->deleted + r->deferred + r->held + r->seen +
	    r->in_doubt + r->reported + r->dropped + r->recognised >
	    0;
}

static void
tell_delivered(
    const struct account *a, const struct poll_report *r, struct buffer *line)
{
	char octets[TEXT_UNIT];

	if (r->delivered == 0)
		buffer_add_text(line, "no new mail");
	else
		buffer_addf(line,
		    "%" PRIu64 " message%s (%s) delivered to %s in %.1f s",
		    r->delivered, r->delivered == 1 ? "" : "s",
		    text_octets(r->octets, octets), a->destination,
		    (double)r->took_ms / 1000);
}

static bool
tell_baseline(
    const struct account *a, const struct poll_report *r, struct buffer *line)
{
	buffer_addf(line, "%s: ", a->name);
	if (r->seen == 0)
		buffer_add_text(line, "no message became seen");
	else if (r->seen == 1)
		buffer_add_text(line, "1 message counts as seen now");
	else
		buffer_addf(
		    line, "%" PRIu64 " messages count as seen now", r->seen);
	tell_count(line, r->left_new, "stay new");
	tell_count(line, r->known, "were known before");
	return true;
}

bool
outcome_tell(const struct account *a, const struct poll_report *r, int rc,
    bool each, struct buffer *line)
{
	if (r->baseline)
		return tell_baseline(a, r, line);
	if (!something_happened(r) && (!each || rc < 0))
		return false;
	buffer_addf(line, "%s: ", a->name);
	tell_delivered(a, r, line);
	tell_count(line, r->recognised, "recognised under new unique ids");
	tell_count(line, r->unrecognised, "not recognised");
	tell_count(line, r->resent, "sent again after being in doubt");
	tell_count(line, r->deleted, "deleted");
	tell_count(line, r->seen, "marked as seen");
	tell_count(line, r->deferred, "deferred");
	tell_count(line, r->held, "held");
	tell_count(line, r->reported, "refused and reported");
	tell_count(line, r->dropped, "refused and dropped");
	tell_count(line, r->in_doubt, "in doubt");
	tell_count(line, r->left_for_later, "left for the next time");
	if (!something_happened(r))
		tell_count(line, r->waiting_held, "still held");
	return true;
}

int
outcome_status(const struct poll_report *r, int rc, const struct error *e)
{
	int status = rc < 0 ? error_exit_status(e->kind) : EX_OK;

	if (!r->baseline && r->held + r->waiting_held + r->stubborn > 0)
		status = error_worse(status, EX_UNAVAILABLE);
	if (r->left_out > 0)
		status = error_worse(status, EX_PROTOCOL);
	if (r->deferred + r->in_doubt > 0)
		status = error_worse(status, EX_TEMPFAIL);
	return status;
}
