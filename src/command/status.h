/*
 * status.h - the ways in which `status` shows how the accounts are doing.
 */
#ifndef COMMAND_STATUS_H
#define COMMAND_STATUS_H

#include "base/buffer.h"
#include "command/command.h"
#include "command/glance.h"
#include "command/terminal.h"

/* For a person. */
struct status_view {
	struct terminal terminal;
	bool quiet; /* only what is wrong */
	bool each; /* every account, however many there are */
	size_t lines; /* no more than so many; 0: as many as there are */
};

/* status_text - lines, none of them wider than the terminal when it is drawn. */
void status_text(const struct glances *g, const struct status_view *view,
    struct buffer *out);

/* status_troubles - the part that says what is wrong; a part of the above. */
void status_troubles(const struct glances *g, const struct status_view *view,
    struct buffer *out);

/* status_json - one object, to standard output. settings: NULL if they are wrong. */
void status_json(const struct glances *g, const struct settings *settings);

/*
 * status_watch - draw, again and again, what `read` gives, until somebody types
 * q, or a signal comes. Returns the exit status; a signal that ends programs
 * ends this one, after the terminal is as it was before.
 */
int status_watch(const struct status_view *view,
    int (*read)(void *arg, struct glances *g, struct error *e), void *arg);

#endif
