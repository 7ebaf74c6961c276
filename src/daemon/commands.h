/*
 * commands.h - which commands the helper (base/runner.h) may run: those that
 * stand in the settings, password_command, on_mail and on_error. It looks at the
 * files itself, so that nobody who has got hold of the other process, which
 * cannot write there, can have it run anything else.
 */
#ifndef DAEMON_COMMANDS_H
#define DAEMON_COMMANDS_H

#include "config/settings.h"

#include <stdbool.h>

struct commands;

struct commands *commands_new(const struct settings *s);
void commands_free(struct commands **c);

/*
 * commands_may - is the command among them? One that is not known may have been
 * written since: the settings are read again. For runner_start(); arg: a struct
 * commands.
 */
bool commands_may(const char *command, void *arg);

#endif
