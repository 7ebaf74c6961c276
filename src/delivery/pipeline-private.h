/*
 * pipeline-private.h - what the two files of a pipeline share: pipeline.c, the
 * queue, and round.c, the conversation. Nobody else includes it.
 */
#ifndef DELIVERY_PIPELINE_PRIVATE_H
#define DELIVERY_PIPELINE_PRIVATE_H

#include "delivery/pipeline.h"

/* pipeline_window - so many may be on their way at once. */
size_t pipeline_window(const struct pipeline *p);

/*
 * pipeline_append - at the end. pipeline_unlink_first - take the first one out.
 * pipeline_take_all - all of them, as a list; pipeline_next - the next of such
 *	a list, or NULL.
 */
void pipeline_append(struct pipeline *p, struct flight *f);
struct flight *pipeline_unlink_first(struct pipeline *p);
struct flight *pipeline_take_all(struct pipeline *p);
struct flight *pipeline_next(struct flight **list);

/*
 * pipeline_confirm - a message was accepted, and the answer to what was sent
 * behind it has come, or never will: conclude that one, if there is any. fits:
 * the answer is what it has to be; otherwise the one before was not for that
 * message, perhaps, and whether it was accepted is in doubt.
 */
void pipeline_confirm(struct pipeline *p, bool fits);

/* pipeline_await_intents - until the ledger borrows none of the flights. */
void pipeline_await_intents(struct pipeline *p);

#endif
