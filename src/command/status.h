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
};

/* status_text - all of it, in lines. */
void status_text(const struct glances *g, const struct status_view *view,
    struct buffer *out);

/*
 * status_frame - the same, as much as so many rows of the terminal have room
 * for, and how much else there is: what has to do with troubles comes first.
 */
void status_frame(const struct glances *g, const struct status_view *view,
    size_t rows, struct buffer *out);

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
