/*
 * fuzz-settings.c - settings files. What follows a line "%%" is the file of an
 * account in the folder accounts.d beside it.
 */
#include "config/settings.h"

#include "base/alloc.h"
#include "fuzz.h"
#include "message/envelope.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIVIDER "\n%%\n"

/* Where the files are. */
static struct paths {
	char *folder, *accounts, *main, *account, *printed, *said;
} paths;

static void
remove_files(void)
{
	(void)unlink(paths.main);
	(void)unlink(paths.account);
	(void)unlink(paths.printed);
	(void)unlink(paths.said);
	(void)rmdir(paths.accounts);
	(void)rmdir(paths.folder);
	free(paths.main);
	free(paths.account);
	free(paths.printed);
	free(paths.said);
	free(paths.accounts);
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
	paths.accounts = xasprintf("%s/accounts.d", paths.folder);
	paths.main = xasprintf("%s/postrider.conf", paths.folder);
	paths.account = xasprintf("%s/one.conf", paths.accounts);
	paths.printed = xasprintf("%s/printed.conf", paths.folder);
	paths.said = xasprintf("%s/stdout", paths.folder);
	fuzz_must(mkdir(paths.accounts, 0700) == 0, "a folder can be made");
	fuzz_must(freopen(paths.said, "we", stdout) == stdout,
	    "standard output can be seen");
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
check_problems(struct slice problems, const struct error *e)
{
	struct slice line;

	fuzz_must(e->kind == ERR_CONFIG, "wrong settings are ERR_CONFIG");
	fuzz_must(fuzz_harmless(slice_of(e->text)), "the sum is harmless");
	fuzz_must(problems.len > 0, "what is wrong is told");
	fuzz_must(problems.data[problems.len - 1] == '\n',
	    "every problem ends its line");
	while (fuzz_line(&problems, &line)) {
		fuzz_must(fuzz_harmless(line), "every problem is harmless");
		fuzz_must(
		    slice_starts_nocase(line, "/") && fuzz_has(line, ": "),
		    "every problem says where it is");
		fuzz_free(line);
	}
}

static void
check_endpoint(const struct endpoint *at)
{
	fuzz_must((at->host == NULL) != (at->path == NULL),
	    "a peer is a host or a socket");
	fuzz_must(at->path != NULL || at->port != 0, "a host has a port");
	fuzz_must(at->timeout_ms > 0, "no wait is without an end");
	fuzz_must(at->host == NULL ||
		(at->host[0] != '\0' && fuzz_harmless(slice_of(at->host)) &&
		    strpbrk(at->host, " \t") == NULL),
	    "a host is one harmless word");
}

static void
check_settings(const struct settings *s)
{
	size_t i, j;

	fuzz_must(s->account_count > 0 && s->destination_count > 0,
	    "there are accounts and destinations");
	fuzz_must(s->state != NULL && s->state[0] == '/',
	    "the state's folder is absolute");
	for (i = 0; i < s->destination_count; i++)
		check_endpoint(&s->destinations[i].at);
	for (i = 0; i < s->account_count; i++) {
		const struct account *a = s->accounts + i;

		check_endpoint(&a->at);
		fuzz_must(settings_account(s, a->name) == a,
		    "an account is found by its name");
		fuzz_must(settings_destination(s, a->destination) != NULL,
		    "an account's mail has somewhere to go");
		fuzz_must(a->recipients != NULL && a->recipients[0] != NULL,
		    "an account's mail has somebody to go to");
		for (j = 0; a->recipients[j] != NULL; j++)
			fuzz_must(envelope_recipient_ok(a->recipients[j]),
			    "a recipient is safe in RCPT TO");
	}
}

/* Less the first line, which names the file, and what marks defaults. */
static void
values_of(const struct settings *s, struct buffer *out)
{
	static const char mark[] = "\t# default\n";
	struct buffer printed = { 0 };
	struct slice rest, line;

	settings_print(s, &printed);
	rest = buffer_slice(&printed);
	fuzz_must(fuzz_line(&rest, &line), "settings have a first line");
	fuzz_free(line);
	while (rest.len > 0) {
		size_t n = strcspn(rest.data, "\n") + 1;

		line = slice_make(rest.data, n);
		rest = slice_skip(rest, n);
		if (n >= sizeof mark &&
		    memcmp(line.data + n - strlen(mark), mark, strlen(mark)) ==
			0)
			line.len -= strlen(mark);
		else
			line.len--;
		buffer_add_slice(out, line);
		buffer_add_text(out, "\n");
	}
	buffer_free(&printed);
}

static void
check_printed(const struct settings *s)
{
	struct buffer values = { 0 };
	struct buffer again = { 0 };
	struct buffer problems = { 0 };
	struct settings *read = NULL;
	struct error e = { 0 };
	int rc;

	values_of(s, &values);
	write_file(paths.printed, buffer_slice(&values));
	rc = settings_read(&read, paths.printed, NULL, &problems, &e);
	if (rc < 0)
		fprintf(stderr, "%s%s", values.data, problems.data);
	fuzz_must(rc == 0, "settings that were printed can be read");
	values_of(read, &again);
	if (strcmp(values.data, again.data) != 0)
		fprintf(stderr, "%s\n%s", values.data, again.data);
	fuzz_must(strcmp(values.data, again.data) == 0,
	    "settings that were printed read back as they were");
	settings_free(&read);
	buffer_free(&problems);
	buffer_free(&again);
	buffer_free(&values);
}

/* A library that does would spoil what a command prints, as JSON too. */
static void
check_nothing_said(void)
{
	struct stat st;

	fuzz_must(fflush(stdout) == 0 && fstat(STDOUT_FILENO, &st) == 0,
	    "standard output can be seen");
	fuzz_must(st.st_size == 0, "who reads settings prints nothing");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice whole = slice_make(data, size);
	struct slice account = { 0 };
	struct settings *s = NULL;
	struct buffer problems = { 0 };
	struct error e = { 0 };
	const char *divider;

	if (paths.folder == NULL)
		make_files();
	divider =
	    size > 0 ? memmem(data, size, DIVIDER, strlen(DIVIDER)) : NULL;
	if (divider != NULL) {
		size_t n = (size_t)(divider + 1 - whole.data);

		account = slice_skip(whole, n - 1 + strlen(DIVIDER));
		whole.len = n;
	}
	write_file(paths.main, whole);
	write_file(paths.account, account);
	if (settings_read(&s, paths.main, NULL, &problems, &e) == 0) {
		fuzz_must(problems.len == 0, "good settings have no problems");
		check_settings(s);
		check_printed(s);
		settings_free(&s);
	} else {
		fuzz_must(s == NULL, "wrong settings are none");
		check_problems(buffer_slice(&problems), &e);
	}
	check_nothing_said();
	buffer_free(&problems);
	return 0;
}
