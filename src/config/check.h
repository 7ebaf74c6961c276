/*
 * check.h - what only shows when settings are looked at together: what is
 * missing, what excludes each other, what is there twice.
 */
#ifndef CONFIG_CHECK_H
#define CONFIG_CHECK_H

#include "config/problem.h"
#include "config/scope.h"

/* check_all - after derive_all(). */
void check_all(struct settings_memory *m, struct problems *p);

#endif
