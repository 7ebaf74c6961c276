/* verify_tell() of verify.h. */
#include "base/clock.h"
#include "base/text.h"
#include "ledger/ledger.h"
#include "migrate/report-private.h"
#include "migrate/verify.h"

#include <inttypes.h>
#include <stdio.h>

static void
add_count(
    struct buffer *out, uint64_t n, const char *before, const char *behind)
{
	char count[TEXT_UNIT];

	if (n > 0)
		buffer_addf(
		    out, "%s%s%s", before, text_count(n, count), behind);
}

/* Against what the verified ones were compared. */
static const char *
compared_with(const struct verify_result *r)
{
	if (r->read_source && r->read_there)
		return "at the source and at the destination";
	if (r->read_there)
		return "at the destination";
	return "at the source; the destination was not read";
}

/* Those that are not to be found anywhere that is read are not asked for. */
static uint64_t
asked(const struct verify_result *r)
{
	return r->has_place ? r->delivered : r->delivered - r->deleted_source;
}

static void
tell_sum(const struct verify_result *r, const char *name, struct buffer *out)
{
	char all[TEXT_UNIT], some[TEXT_UNIT], octets[TEXT_UNIT];
	uint64_t n = asked(r);

	buffer_addf(out, "%s: ", name);
	if (r->delivered == 0)
		buffer_add_text(out, "nothing to verify: nothing was moved");
	else if (n == 0)
		buffer_add_text(out,
		    "nothing to verify: all is deleted at the "
		    "source, and the destination was not read");
	else if (r->verified == n)
		buffer_addf(out, "%s%s %s verified", n == 1 ? "" : "all ",
		    text_count(n, all), words_messages(n));
	else
		buffer_addf(out, "%s of %s %s verified",
		    text_count(r->verified, some), text_count(n, all),
		    words_messages(n));
	if (n > 0)
		buffer_addf(out, " (%s), %s", text_octets(r->octets, octets),
		    compared_with(r));
	add_count(out, r->missing, "; ", " missing");
	add_count(out, r->changed, "; ", " changed");
	add_count(out, r->stand, "; ",
	    " missing or changed as the destination was read last");
	add_count(out, r->changed_source, "; ", " changed at the source");
	add_count(out, r->unproven, "; ", " with nothing to compare with");
	buffer_add_text(out, "\n");
}

static void
tell_error(const char *name, const char *side, const struct error *e,
    struct buffer *out)
{
	if (e->kind != ERR_NONE)
		buffer_addf(
		    out, "%s: %s could not be read: %s\n", name, side, e->text);
}

static void
tell_finding(const struct verify_finding *f, struct buffer *out)
{
	char uid[256], when[CLOCK_TEXT], where[256];

	text_harmless(buffer_slice(&f->uid), uid, sizeof(uid));
	buffer_addf(out, "  UID %s (id %s)", uid, f->id);
	if (f->date >= 0)
		buffer_addf(out, ", %s", clock_text(f->date, when));
	if (f->subject[0] != '\0')
		buffer_addf(out, ", \"%s\"", f->subject);
	buffer_addf(out, "\n    %s", f->words);
	if (f->where[0] != '\0') {
		text_harmless(slice_of(f->where), where, sizeof(where));
		buffer_addf(out, " (%s)", where);
	}
	buffer_add_text(out, "\n");
}

/* Returns how many there are. */
static size_t
tell_rank(const struct verify_result *r, enum verify_rank rank, size_t most,
    struct buffer *out)
{
	size_t n = 0;

	for (size_t i = 0; i < r->finding_count; i++) {
		const struct verify_finding *f = &r->findings[i];

		if (verify_rank(f->verdict, f->grave) == rank && n++ < most)
			tell_finding(f, out);
	}
	return n;
}

static void
tell_findings(const struct verify_result *r, size_t notes, struct buffer *out)
{
	size_t n;

	for (int rank = 0; rank < RANK_NOTE; rank++)
		tell_rank(r, (enum verify_rank)rank, SIZE_MAX, out);
	n = tell_rank(r, RANK_NOTE, notes, out);
	if (n > notes)
		add_count(
		    out, n - notes, "  and ", " more with which all is well\n");
}

static void
tell_notes(const struct verify_result *r, struct buffer *out)
{
	add_count(out, r->not_moved, "  ",
	    " at the source not moved yet: run it again\n");
	add_count(out, r->late, "  ",
	    " of the missing moved just now: the destination may still have "
	    "them queued; run --verify again later\n");
	add_count(out, r->duplicates, "  ",
	    " with more than one copy at the destination\n");
	add_count(
	    out, r->added, "  ", " with header fields that the destination");
	if (r->added > 0 && r->added_names[0] != '\0')
		buffer_addf(out, " added: %s\n", r->added_names);
	else if (r->added > 0)
		buffer_add_text(out, " added\n");
	if (r->read_there && r->delivered > 0 && r->missing == r->delivered &&
	    r->there_messages > 0)
		buffer_add_text(out,
		    "  nothing there has a Received field of ours for this "
		    "mailbox: is it the right place, and does it keep these "
		    "fields?\n");
}

void
verify_tell(const struct verify_result *r, const char *name, size_t notes,
    struct buffer *out)
{
	tell_sum(r, name, out);
	tell_error(name, "the destination", &r->there_error, out);
	tell_error(name, "the source", &r->source_error, out);
	tell_findings(r, notes, out);
	tell_notes(r, out);
}
