/*
 * status_parts.h - the parts of what `status` shows a person, for those who put
 * them together: status_text.c and status_frame.c.
 */
#ifndef COMMAND_STATUS_PARTS_H
#define COMMAND_STATUS_PARTS_H

#include "command/status.h"

/* Which accounts. */
struct status_choice {
	bool each; /* all of them; else those with something wrong */
	bool troubled_first; /* all of them, in that order */
	size_t most;
};

/*
 * Each appends lines. Tables return how many columns were left out, since the
 * terminal has no room for them. dense: without what somebody can do without.
 */
void status_summary(const struct glances *g, const struct status_view *view,
    bool dense, struct buffer *out);
size_t status_accounts(const struct glances *g, const struct terminal *t,
    const struct status_choice *of, struct buffer *out);
size_t status_destinations(const struct glances *g, const struct terminal *t,
    size_t most, struct buffer *out);

/* status_troubles - what is wrong, in words; how many lines were left out. */
size_t status_troubles(const struct glances *g, const struct status_view *view,
    struct buffer *out);

#endif
