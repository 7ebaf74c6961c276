/*
 * crash.h - named places where a crash would be most harmful. They do nothing;
 * a test program replaces crash_point() to kill itself at each in turn.
 */
#ifndef BASE_CRASH_H
#define BASE_CRASH_H

void crash_point(const char *name);

#endif
