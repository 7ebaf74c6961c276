/*
 * replay.c - run a harness without libFuzzer: all of its corpus, then the same
 * mutations of that in every run, for some seconds at most. Prints TAP.
 *
 *	replay-NAME			the corpus NAME and its mutations
 *	replay-NAME FILE...		these files only
 *
 * The harness runs in a child, so that its death is one failed test and the
 * input which it died of can be kept beside the program.
 */
#include "base/alloc.h"
#include "base/clock.h"
#include "fuzz.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PREFIX "replay-" /* of the program's name */
#define INPUT_MAX ((size_t)64 * 1024)
#define GROWN_MAX ((size_t)4096) /* a mutation grows no larger */
#define MUTATIONS 20000
#define MUTATIONS_MS 3000
#define INPUT_S 20 /* no input may take longer */

/* What the child does; the parent reads it when the child has died. */
struct progress {
	bool done;
	size_t inputs, mutations;
	size_t len;
	char input[INPUT_MAX];
};

struct corpus {
	struct slice *inputs; /* owned, as their octets are */
	size_t count;
};

/* --- the corpus --- */

static void
die(const char *what)
{
	perror(what);
	exit(1);
}

static void
add_file(struct corpus *c, const char *path)
{
	char octets[INPUT_MAX];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n = -1;

	while (fd >= 0 && len < sizeof octets &&
	    (n = read(fd, octets + len, sizeof octets - len)) > 0)
		len += (size_t)n;
	if (n < 0)
		die(path);
	close(fd);
	c->inputs = xrealloc(c->inputs, c->count + 1, sizeof *c->inputs);
	c->inputs[c->count++] = fuzz_copy(slice_make(octets, len));
}

static int
is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* Not alphasort(3), whose order depends on the locale. */
static int
by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void
add_folder(struct corpus *c, const char *folder)
{
	struct dirent **entries;
	int n = scandir(folder, &entries, is_visible, by_name);
	int i;

	if (n < 0)
		die(folder);
	for (i = 0; i < n; i++) {
		char *path = xasprintf("%s/%s", folder, entries[i]->d_name);

		add_file(c, path);
		free(path);
		free(entries[i]);
	}
	free(entries);
}

static void
free_corpus(struct corpus *c)
{
	while (c->count > 0)
		fuzz_free(c->inputs[--c->count]);
	free(c->inputs);
}

/* --- mutations --- */

/* splitmix64: the same numbers everywhere, for ever. */
static uint64_t
next_random(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static size_t
below(uint64_t *random, size_t n)
{
	return n == 0 ? 0 : (size_t)(next_random(random) % n);
}

/* Replace `gone` octets at a place by others. */
static void
put(struct buffer *b, size_t at, size_t gone, struct slice in)
{
	struct buffer tail = { 0 };

	if (b->len - gone + in.len > GROWN_MAX)
		return;
	buffer_add(&tail, b->data + at + gone, b->len - at - gone);
	b->len = at;
	buffer_add_slice(b, in);
	buffer_add_slice(b, buffer_slice(&tail));
	buffer_free(&tail);
}

static struct slice
some_token(uint64_t *random)
{
	static const char *const tokens[] = { "\r\n", "\n", "\r", "\r\n.\r\n",
		"\n.\n", "\n.\r\n", "\r\n..", ".", " ", "\t", ":", ";", "\"",
		"\\", "<", ">", "<>", "@", "=", "==", "=?utf-8?q?", "?=", "{",
		"}", "(", ")", ",", "#", "-", "%%", "0", "1", "4294967295",
		"4294967296", "9223372036854775807", "9223372036854775808",
		"18446744073709551616", "+OK ", "-ERR ", "+ ", "250 ", "250-",
		"[AUTH] ", "\x1b[2J", "\xc3\xa9", "\xc2\x85",
		"\xf0\x9f\x93\xae", "\xed\xa0\x80", "\xff", "\x7f", "\x80" };
	size_t n = below(random, sizeof tokens / sizeof tokens[0] + 1);

	if (n == sizeof tokens / sizeof tokens[0])
		return slice_make("", 1); /* NUL */
	return slice_of(tokens[n]);
}

static void
change(struct buffer *b, const struct corpus *c, uint64_t *random)
{
	size_t at = below(random, b->len + 1);
	size_t left = b->len - at;
	size_t some = below(random, (left < 16 ? left : 16) + 1);
	struct slice other;
	size_t from;
	char octet;

	switch (below(random, 7)) {
	case 0: /* flip a bit */
		if (left > 0)
			b->data[at] ^= (char)(1 << below(random, 8));
		break;
	case 1: /* any octet */
		octet = (char)below(random, 256);
		put(b, at, left > 0, slice_make(&octet, 1));
		break;
	case 2: /* a token between */
		put(b, at, 0, some_token(random));
		break;
	case 3: /* a token instead */
		put(b, at, some, some_token(random));
		break;
	case 4: /* less */
		put(b, at, some, slice_make(NULL, 0));
		break;
	case 5: /* the same once more */
		other = fuzz_copy(slice_make(b->data + at, some));
		put(b, at, 0, other);
		fuzz_free(other);
		break;
	default: /* the end of another input */
		other = c->inputs[below(random, c->count)];
		from = below(random, other.len + 1);
		put(b, at, left, slice_skip(other, from));
	}
}

static void
mutate(struct buffer *b, const struct corpus *c, size_t number)
{
	uint64_t random = number;
	size_t changes = 1 + below(&random, 6);

	buffer_clear(b);
	buffer_add_slice(b, c->inputs[below(&random, c->count)]);
	while (changes-- > 0)
		change(b, c, &random);
}

/* --- the child --- */

static void
run_one(struct progress *p, struct slice input)
{
	struct slice copy = fuzz_copy(input);

	if (input.len > 0)
		memcpy(p->input, input.data, input.len);
	p->len = input.len;
	alarm(INPUT_S);
	LLVMFuzzerTestOneInput((const uint8_t *)copy.data, copy.len);
	alarm(0);
	fuzz_free(copy);
}

static void
run_all(struct progress *p, const struct corpus *c, size_t mutations)
{
	struct deadline end;
	struct buffer b = { 0 };

	while (p->inputs < c->count) {
		run_one(p, c->inputs[p->inputs]);
		p->inputs++;
	}
	end = deadline_in(MUTATIONS_MS);
	while (p->mutations < mutations && !deadline_passed(end)) {
		mutate(&b, c, p->mutations);
		run_one(p, buffer_slice(&b));
		p->mutations++;
	}
	p->done = true;
	buffer_free(&b);
}

/* --- the parent --- */

static void
keep_input(const struct progress *p, const char *program)
{
	char *path = xasprintf("%s.crash", program);
	FILE *file = fopen(path, "we");

	if (file == NULL || fwrite(p->input, 1, p->len, file) != p->len ||
	    fclose(file) != 0)
		die(path);
	printf("# the input is kept in %s\n", path);
	free(path);
}

static int
report(
    const struct progress *p, int status, const char *program, const char *name)
{
	bool ok = p->done && WIFEXITED(status) && WEXITSTATUS(status) == 0;

	printf("%sok 1 - %s survives its corpus and %zu mutations of it\n",
	    ok ? "" : "not ", name, p->mutations);
	printf("# %zu inputs in the corpus\n", p->inputs);
	if (ok)
		return 0;
	if (WIFSIGNALED(status))
		printf("# ended by signal %d\n", WTERMSIG(status));
	keep_input(p, program);
	return 1;
}

static void
find_corpus(struct corpus *c, const char *name)
{
	const char *source = getenv("POSTRIDER_SOURCE");
	char *folder = xasprintf(
	    "%s/tests/fuzz/corpus/%s", source != NULL ? source : ".", name);

	add_folder(c, folder);
	if (c->count == 0) {
		fprintf(stderr, "%s: there is nothing in it\n", folder);
		exit(1);
	}
	free(folder);
}

int
main(int argc, char *argv[])
{
	const char *program = strrchr(argv[0], '/');
	const char *name = strstr(program != NULL ? program : argv[0], PREFIX);
	struct corpus c = { 0 };
	struct progress *p;
	int status, i;
	pid_t child;

	name = name != NULL ? name + strlen(PREFIX) : "";
	for (i = 1; i < argc; i++)
		add_file(&c, argv[i]);
	if (argc == 1)
		find_corpus(&c, name);
	printf("1..1\n");
	fflush(stdout);
	p = mmap(NULL, sizeof *p, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		die("mmap");
	child = fork();
	if (child < 0)
		die("fork");
	if (child == 0) {
		run_all(p, &c, argc == 1 ? MUTATIONS : 0);
		free_corpus(&c);
		exit(0);
	}
	if (waitpid(child, &status, 0) < 0)
		die("waitpid");
	free_corpus(&c);
	return report(p, status, argv[0], name);
}
