/*
 * directory.h - a state directory of a test's own, and the files in it. What
 * goes wrong here fails the test.
 */
#ifndef KIT_DIRECTORY_H
#define KIT_DIRECTORY_H

/* made_directory - an empty one, private; for remove_directory(). */
char *made_directory(void);

/* remove_directory - with what a ledger leaves there; frees the name. */
void remove_directory(char *dir);

/* remove_file - if it is there. make_file - with that content, mode 0600. */
void remove_file(const char *dir, const char *name);
void make_file(const char *dir, const char *name, const char *content);
int mode_of(const char *dir, const char *name); /* its permissions */

#endif
