/*
 * conf.h - a folder with settings files, which are read. What goes wrong here
 * fails the test.
 */
#ifndef KIT_CONF_H
#define KIT_CONF_H

#include "config/settings.h"

#include <sys/types.h>

#define HOME "destinations = { home = { lmtp = \"/run/lmtp\"; }; };\n"
#define ISP                                                        \
	"name = \"isp\"; pop3 = \"pop.example\"; user = \"ann\"; " \
	"recipient = \"ann\"; "
#define ONE(more) HOME "accounts = ( { " ISP more " } );\n"

/* A folder of its own for each test; removed when it ends. */
struct folder {
	char path[64];
	struct settings *settings;
	struct buffer problems;
	struct error e;
};

/* begin, end - of each test: its state is a struct folder. */
int begin(void **state);
int end(void **state);

/*
 * put - write a file of that name.
 * take - read main.conf; what is told is in f->problems.
 * shorten - cut the folder's name out of that; take has done it.
 * good - the same with that text, which is as it should be: its accounts.
 * bad - which is not. want: every line that is to be told, in order.
 */
void put(struct folder *f, const char *name, mode_t mode, const char *text);
void shorten(struct folder *f);
int take(struct folder *f);
const struct account *good(struct folder *f, const char *text);
void bad(struct folder *f, const char *text, const char *want);

#endif
