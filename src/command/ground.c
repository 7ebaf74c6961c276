/* ground.c - see ground.h. */
#include "command/ground.h"

#include "base/alloc.h"
#include "base/log.h"
#include "daemon/client.h"
#include "ledger/reader.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

void
ground_read(struct ground *g, const struct invocation *in)
{
	*g = (struct ground){ .in = in };
	if (settings_read(
		&g->settings, in->config, in->state, &g->problems, &g->e) == 0)
		g->state = xstrdup(g->settings->state);
}

void
ground_free(struct ground *g)
{
	settings_free(&g->settings);
	free(g->state);
	buffer_free(&g->problems);
	*g = (struct ground){ 0 };
}

/* Somebody's first steps: say how to begin. */
static void
explain_missing_file(const struct invocation *in)
{
	char *path = in->config == NULL ? settings_default_file() : NULL;
	char *dir;

	if (path == NULL || access(path, F_OK) == 0) {
		free(path);
		return;
	}
	dir = xstrdup(path);
	*strrchr(dir, '/') = '\0';
	if (access(dir, F_OK) == 0)
		log_error("to begin: postrider config example >%s, and fill in "
			  "your servers",
		    path);
	else
		log_error("to begin: mkdir -p %s; postrider config example "
			  ">%s, and fill in your servers",
		    dir, path);
	free(dir);
	free(path);
}

void
ground_warn(const struct ground *g)
{
	command_problems(&g->problems, &g->e);
	log_warning(
	    "these settings are not used; the state directory is %s", g->state);
}

int
ground_refuse(const struct ground *g)
{
	int status = command_problems(&g->problems, &g->e);

	explain_missing_file(g->in);
	return status;
}

/* One that cannot be read is there, too; why not is told later. */
static bool
has_ledger(const char *state)
{
	struct reader *reader;
	struct error e = { 0 };
	bool there = reader_open(&reader, state, &e) < 0 || reader != NULL;

	reader_free(&reader);
	return there;
}

int
ground_look(struct ground *g, enum need need)
{
	int status;

	if (g->settings != NULL)
		return EX_OK;
	g->state = settings_state(g->in->config, g->in->state);
	if (g->state == NULL) {
		status = ground_refuse(g);
		log_error("--state names the state directory, which such "
			  "settings do not tell");
		return status;
	}
	if (need == NEED_LEDGER ? !has_ledger(g->state)
				: !client_reaches(g->state))
		return ground_refuse(g);
	return EX_OK;
}

int
ground_check(struct ground *g, enum need need)
{
	int status = ground_look(g, need);

	if (status == EX_OK && g->settings == NULL)
		ground_warn(g);
	return status;
}

int
ground_become(struct ground *g)
{
	struct stat st;

	if (g->settings != NULL)
		return command_become(g->in, &g->settings);
	if (geteuid() != 0 || stat(g->state, &st) < 0 || st.st_uid == 0)
		return EX_OK;
	log_error("%s belongs to another user, and no settings tell who works "
		  "there: root changes nothing in it",
	    g->state);
	return EX_CONFIG;
}
