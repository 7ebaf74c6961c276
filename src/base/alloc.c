/* alloc.c - memory or abort. */
#include "base/alloc.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif

static _Noreturn void
out_of_memory(void)
{
	static const char text[] = "postrider: out of memory\n";

	/* Nothing is left to report a failed write with. */
	if (write(STDERR_FILENO, text, sizeof text - 1) < 0)
		abort();
	abort();
}

void *
xcalloc(size_t n, size_t size)
{
	void *p = calloc(n != 0 ? n : 1, size != 0 ? size : 1);

	if (p == NULL)
		out_of_memory();
	return p;
}

void *
xrealloc(void *p, size_t n, size_t size)
{
	void *grown = reallocarray(p, n != 0 ? n : 1, size != 0 ? size : 1);

	if (grown == NULL)
		out_of_memory();
	return grown;
}

char *
xstrdup(const char *s)
{
	return xstrndup(s, strlen(s));
}

char *
xstrndup(const char *s, size_t n)
{
	size_t len = strnlen(s, n);
	char *copy = xcalloc(len + 1, 1);

	memcpy(copy, s, len);
	return copy;
}

char *
xasprintf(const char *fmt, ...)
{
	va_list ap;
	char *text;
	int len;

	va_start(ap, fmt);
	len = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (len < 0)
		out_of_memory();
	return text;
}

void
alloc_trim(void)
{
#ifdef __GLIBC__
	malloc_trim(0);
#endif
}
