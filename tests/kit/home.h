/*
 * home.h - a home folder with files of other programs, which are read. What goes
 * wrong here fails the test.
 */
#ifndef KIT_HOME_H
#define KIT_HOME_H

#include "import/import.h"

#include <stdbool.h>
#include <stddef.h>

/* A folder of its own for each test; removed when it ends. */
struct home {
	char path[64];
	struct import im;
	struct error e;
	struct buffer told;
	/* for the reader; NULL: none */
	const char *settings, *seen, *netrc;
	bool run_commands;
};

/* home_begin, home_end - of each test: its state is a struct home. */
int home_begin(void **state);
int home_end(void **state);

/* home_put - write a file of that name; folders before it are made. */
void home_put(struct home *h, const char *name, const char *text);
void home_put_octets(
    struct home *h, const char *name, const void *octets, size_t len);

typedef int
reader(struct import *im, const struct import_files *files, struct error *e);

/*
 * home_good - read; all that was found, line by line, with "~" for the folder:
 *	NAME: USER at HOST:PORT, TLS, the rest as words
 *	  SETTING = VALUE
 *	  seen in FILE: UID UID@SINCE
 *	FILE:LINE: what a note says
 * home_bad - which is not as it should be. Fails unless the error is `want`.
 */
const char *home_good(struct home *h, reader *read);
void home_bad(struct home *h, reader *read, const char *want);

/* home_is - fails, telling both, unless home_good() is `want`. */
void home_is(struct home *h, reader *read, const char *want);

#endif
