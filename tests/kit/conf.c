/* conf.c - see conf.h. */
#include "conf.h"

#include "base/alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int
begin(void **state)
{
	struct folder *f = xcalloc(1, sizeof *f);

	snprintf(f->path, sizeof f->path, "/tmp/postrider-XXXXXX");
	if (mkdtemp(f->path) == NULL)
		return -1;
	setenv("STATE_DIRECTORY", "/state/of/postrider:/other", 1);
	setenv("HOME", f->path, 1);
	*state = f;
	return 0;
}

int
end(void **state)
{
	struct folder *f = *state;
	char *command = xasprintf("rm -rf %s", f->path);
	int rc = system(command);

	free(command);
	settings_free(&f->settings);
	buffer_free(&f->problems);
	free(f);
	return rc;
}

void
put(struct folder *f, const char *name, mode_t mode, const char *text)
{
	char *path = xasprintf("%s/%s", f->path, name);
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, mode), 0);
	free(path);
}

void
shorten(struct folder *f)
{
	size_t len = strlen(f->path);
	char *at;

	if (f->problems.data == NULL)
		return;
	while ((at = strstr(f->problems.data, f->path)) != NULL)
		memmove(at, at + len, strlen(at + len) + 1);
}

int
take(struct folder *f)
{
	char *path = xasprintf("%s/main.conf", f->path);
	int rc;

	settings_free(&f->settings);
	buffer_clear(&f->problems);
	rc = settings_read(&f->settings, path, NULL, &f->problems, &f->e);
	shorten(f);
	free(path);
	return rc;
}

const struct account *
good(struct folder *f, const char *text)
{
	put(f, "main.conf", 0600, text);
	if (take(f) < 0)
		fail_msg("%s", f->problems.data);
	return f->settings->accounts;
}

void
bad(struct folder *f, const char *text, const char *want)
{
	put(f, "main.conf", 0600, text);
	assert_int_equal(take(f), -1);
	assert_null(f->settings);
	assert_int_equal(f->e.kind, ERR_CONFIG);
	assert_string_equal(f->problems.data, want);
}
