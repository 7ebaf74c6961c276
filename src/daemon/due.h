#ifndef DAEMON_DUE_H
#define DAEMON_DUE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
struct due;
void due_new(struct due **d);
void due_free(struct due **d);
void due_set(struct due *d, size_t mailbox, int64_t when);
void due_remove(struct due *d, size_t mailbox);
bool due_first(const struct due *d, size_t *mailbox, int64_t *when);
#endif
