/*
 * alloc.h - memory that is always there. Limits elsewhere keep what a peer can
 * make us allocate small; when the system still has none, the program says so
 * and aborts, which the ledger survives like any crash.
 */
#ifndef BASE_ALLOC_H
#define BASE_ALLOC_H

#include <stddef.h>

void *xcalloc(size_t n, size_t size); /* zeroed */
void *xrealloc(void *p, size_t n, size_t size);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t n);
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * alloc_trim - much was freed: the system may have it back, as far as the C
 * library knows how to.
 */
void alloc_trim(void);

#endif
