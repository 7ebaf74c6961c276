/*
 * fuzz-import.c - settings and state of other programs, which each of the
 * readers is given, those of others too. What follows a line "%%" is the state.
 */
#include "import/import.h"

#include "base/alloc.h"
#include "fuzz.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DIVIDER "\n%%\n"

/* Where the files are. */
static struct paths {
	char *folder, *settings, *seen;
} paths;

static void
remove_files(void)
{
	(void)unlink(paths.settings);
	(void)unlink(paths.seen);
	(void)rmdir(paths.folder);
	free(paths.settings);
	free(paths.seen);
	free(paths.folder);
}

/* In memory where that can be had: each input is some files. */
static const char *
temporary_folder(void)
{
	const char *set = getenv("TMPDIR");

	if (set != NULL && set[0] == '/')
		return set;
	return access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm" : "/tmp";
}

static void
make_files(void)
{
	paths.folder =
	    xasprintf("%s/postrider-fuzz-XXXXXX", temporary_folder());
	fuzz_must(mkdtemp(paths.folder) != NULL, "a folder can be made");
	paths.settings = xasprintf("%s/settings", paths.folder);
	paths.seen = xasprintf("%s/seen", paths.folder);
	atexit(remove_files);
}

static void
write_file(const char *path, struct slice content)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	fuzz_must(fd >= 0, "a file can be made");
	while (content.len > 0) {
		ssize_t n = write(fd, content.data, content.len);

		fuzz_must(n > 0, "a file can be written");
		content = slice_skip(content, (size_t)n);
	}
	close(fd);
}

static void
check_account(const struct import *im, size_t number)
{
	const struct import_account *a = im->accounts[number];

	fuzz_must(a->name != NULL && a->name[0] != '\0' &&
		strpbrk(a->name, "/ \n") == NULL,
	    "an account has a name that can be that of a file");
	for (size_t i = 0; i < number; i++)
		fuzz_must(strcmp(im->accounts[i]->name, a->name) != 0,
		    "no account is called as another");
	fuzz_must(
	    a->host != NULL && a->user != NULL, "an account is a mailbox");
	fuzz_must(a->file != NULL && strcmp(a->file, paths.settings) == 0 &&
		a->line > 0,
	    "an account stands somewhere");
	fuzz_must(a->password == NULL || a->password_command == NULL,
	    "a password comes from one place");
	for (size_t i = 0; i < a->setting_count; i++)
		fuzz_must(a->settings[i].key[0] != '\0' &&
			a->settings[i].value != NULL,
		    "a setting has a value");
	for (size_t i = 0; i < a->seen.count; i++)
		fuzz_must(a->seen.list[i].uid[0] != '\0' &&
			strpbrk(a->seen.list[i].uid, " \r\n") == NULL,
		    "a unique id is one word");
}

static void
check_import(const struct import *im)
{
	for (size_t i = 0; i < im->account_count; i++)
		check_account(im, i);
	for (size_t i = 0; i < im->note_count; i++)
		fuzz_must(
		    im->notes[i].text[0] != '\0' && im->notes[i].file[0] == '/',
		    "a note tells something, and of which file");
}

static void
check_error(const struct error *e)
{
	fuzz_must(e->kind == ERR_CONFIG, "what is malformed is ERR_CONFIG");
	fuzz_must(strncmp(e->text, paths.folder, strlen(paths.folder)) == 0,
	    "an error begins with the file that it is in");
	fuzz_must(fuzz_harmless(slice_of(e->text)), "an error is harmless");
}

static void
check_program(const struct import_program *program)
{
	char *settings[] = { paths.settings, NULL };
	char *seen[] = { paths.seen, NULL };
	const struct import_files files = { .settings = settings,
		.seen = seen,
		.netrc = "/dev/null",
		.home = paths.folder,
		.user = "somebody" };
	struct import im = { 0 };
	struct error e = { 0 };

	if (program->read(&im, &files, &e) == 0)
		check_import(&im);
	else
		check_error(&e);
	import_free(&im);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice whole = slice_make(data, size);
	struct slice seen = { 0 };
	const char *divider =
	    size > 0 ? memmem(data, size, DIVIDER, strlen(DIVIDER)) : NULL;

	if (paths.folder == NULL)
		make_files();
	if (divider != NULL) {
		size_t n = (size_t)(divider + 1 - whole.data);

		seen = slice_skip(whole, n - 1 + strlen(DIVIDER));
		whole.len = n;
	}
	write_file(paths.settings, whole);
	write_file(paths.seen, seen);
	for (const struct import_program *p = import_programs; p->name != NULL;
	     p++)
		check_program(p);
	return 0;
}
