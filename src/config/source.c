#include "config/source.h"

#include "base/alloc.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What the octet before was part of. */
enum inside {
	IN_SETTINGS,
	IN_STRING,
	IN_LINE_COMMENT,
	IN_BLOCK_COMMENT
};

/* One file while it is copied into the text. */
struct scan {
	const struct scan *outer; /* that includes it; NULL: none */
	struct source *source;
	struct settings_memory *memory;
	struct problems *problems;
	const char *path;
	int depth;
	const struct settings_text *made; /* what tells the lines, or NULL */
	enum inside inside;
	size_t line_count; /* with the one being read */
	unsigned line; /* where that stands */
	unsigned opened; /* line where the string or comment began */
};

static int add_file(struct source *s, const char *path, struct place from,
    const struct scan *outer, struct settings_memory *m, struct problems *p);

const char *
source_home(void)
{
	const char *home = getenv("HOME");
	const struct passwd *pw;

	if (home != NULL && home[0] == '/')
		return home;
	pw = getpwuid(geteuid());
	return pw != NULL && pw->pw_dir[0] == '/' ? pw->pw_dir : "/";
}

const char *
source_path(struct settings_memory *m, const char *file, const char *path)
{
	const char *slash;

	if (path[0] == '/')
		return memory_text(m, path);
	if (path[0] == '~' && (path[1] == '/' || path[1] == '\0'))
		return memory_textf(m, "%s%s", source_home(), path + 1);
	slash = strrchr(file, '/');
	return memory_textf(
	    m, "%.*s/%s", slash != NULL ? (int)(slash - file) : 0, file, path);
}

static int
read_all(int fd, struct buffer *out)
{
	for (;;) {
		ssize_t n;

		buffer_reserve(out, 65536);
		n = read(fd, out->data + out->len, 65536);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		out->len += (size_t)n;
		if (out->len > SOURCE_MAX) {
			errno = EFBIG;
			return -1;
		}
	}
	buffer_reserve(out, 1);
	out->data[out->len] = '\0';
	return 0;
}

/* The file's octets and who may read them. Returns 0, or -1 with errno. */
static int
load(const char *path, struct source_file *file, struct buffer *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc = -1, reason;
	struct stat st;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) < 0)
		goto out;
	errno = EISDIR;
	if (S_ISDIR(st.st_mode) || read_all(fd, out) < 0)
		goto out;
	*file = (struct source_file){
		.path = path, .mode = st.st_mode, .owner = st.st_uid
	};
	rc = 0;
out:
	reason = errno;
	close(fd);
	errno = reason;
	return rc;
}

static void
add_line(struct scan *scan, const char *data, size_t len)
{
	struct source *s = scan->source;

	if (s->line_count == s->line_room) {
		s->line_room = s->line_room * 2 + 64;
		s->lines = xrealloc(s->lines, s->line_room, sizeof *s->lines);
	}
	s->lines[s->line_count++] = (struct place){ scan->path, scan->line };
	buffer_add(&s->text, data, len);
	buffer_add(&s->text, "\n", 1);
}

/*
 * Everything that libconfig could take for an include: it is ours to open, or
 * wrong.
 */
static bool
is_include(struct slice line)
{
	return slice_starts_nocase(slice_trim(line), "@");
}

/*
 * The path of `@include "PATH"`, behind which a comment may stand, or NULL.
 * Owned by the caller.
 */
static char *
include_path(struct slice line)
{
	struct slice word, after;
	const char *end;

	if (line.data[line.len - 1] == '\r')
		line.len--;
	line = slice_trim(line);
	word = slice_word(&line);
	if (!slice_is(word, "@include") || line.len < 3 || line.data[0] != '"')
		return NULL;
	line = slice_skip(line, 1);
	end = memchr(line.data, '"', line.len);
	if (end == NULL || end == line.data)
		return NULL;
	after = slice_skip(line, (size_t)(end + 1 - line.data));
	after = slice_trim(after);
	if (after.len > 0 && after.data[0] != '#' &&
	    !slice_starts_nocase(after, "//"))
		return NULL;
	return xstrndup(line.data, (size_t)(end - line.data));
}

/*
 * libconfig 1.5 cuts larger numbers off without a word. Returns how many
 * octets the number has.
 */
static size_t
check_number(struct scan *scan, const char *digits, const char *end)
{
	size_t len = 0;
	uint64_t n = 0;

	while (digits + len < end && isdigit((unsigned char)digits[len])) {
		if (n <= INT32_MAX)
			n = n * 10 + (uint64_t)(digits[len] - '0');
		len++;
	}
	if (n > INT32_MAX)
		problem_add(scan->problems,
		    (struct place){ scan->path, scan->line },
		    "the number %.*s is too large", (int)(len < 40 ? len : 40),
		    digits);
	return len;
}

static bool
is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '*' || c == '.';
}

/* Follow strings and comments through a line. */
static void
scan_line(struct scan *scan, const char *line, size_t len)
{
	const char *end = line + len;

	for (const char *at = line; at < end; at++) {
		bool two = at + 1 < end;

		switch (scan->inside) {
		case IN_SETTINGS:
			if (isdigit((unsigned char)*at) &&
			    (at == line || !is_word(at[-1])))
				at += check_number(scan, at, end) - 1;
			else if (*at == '"')
				scan->inside = IN_STRING;
			else if (*at == '#' || (two && !memcmp(at, "//", 2)))
				scan->inside = IN_LINE_COMMENT;
			else if (two && !memcmp(at, "/*", 2)) {
				scan->inside = IN_BLOCK_COMMENT;
				at++;
			}
			scan->opened = scan->line;
			break;
		case IN_STRING:
			if (*at == '\\')
				at++;
			else if (*at == '"')
				scan->inside = IN_SETTINGS;
			break;
		case IN_BLOCK_COMMENT:
			if (two && !memcmp(at, "*/", 2)) {
				scan->inside = IN_SETTINGS;
				at++;
			}
			break;
		case IN_LINE_COMMENT:
			break;
		}
	}
	if (scan->inside == IN_LINE_COMMENT)
		scan->inside = IN_SETTINGS;
}

/* Is this one of the files that we are in the middle of? */
static bool
is_open(const struct scan *scan, const char *path)
{
	for (; scan != NULL; scan = scan->outer)
		if (strcmp(scan->path, path) == 0)
			return true;
	return false;
}

static int
include(struct scan *scan, struct slice line)
{
	struct place at = { scan->path, scan->line };
	char *named = include_path(line);
	const char *path;
	int rc = -1;

	if (named == NULL) {
		problem_add(scan->problems, at,
		    "an include is a line of its own: @include \"FILE\"");
		return -1;
	}
	path = source_path(scan->memory, scan->path, named);
	if (is_open(scan, path))
		problem_add(scan->problems, at, "%s includes itself", path);
	else if (scan->source->file_count >= SOURCE_FILES)
		problem_add(scan->problems, at,
		    "more than %d files are included", SOURCE_FILES);
	else if (scan->depth >= SOURCE_DEPTH)
		problem_add(scan->problems, at,
		    "more than %d files include each other", SOURCE_DEPTH);
	else
		rc = add_file(
		    scan->source, path, at, scan, scan->memory, scan->problems);
	free(named);
	return rc;
}

static void
next_line(struct scan *scan)
{
	const struct settings_text *made = scan->made;
	size_t i = scan->line_count++;

	if (made == NULL || made->lines == NULL)
		scan->line++;
	else
		scan->line = i < made->line_count ? made->lines[i] : 0;
}

static int
scan_text(struct scan *scan, const char *data, size_t len)
{
	const char *end = data + len;
	int rc = 0;

	while (data < end) {
		const char *stop = memchr(data, '\n', (size_t)(end - data));
		size_t n = (size_t)((stop != NULL ? stop : end) - data);
		struct slice line = slice_make(data, n);

		next_line(scan);
		if (scan->inside == IN_SETTINGS && is_include(line)) {
			if (include(scan, line) < 0)
				rc = -1;
		} else {
			scan_line(scan, data, n);
			add_line(scan, data, n);
		}
		data += n + 1;
	}
	if (scan->inside == IN_SETTINGS)
		return rc;
	problem_add(scan->problems, (struct place){ scan->path, scan->opened },
	    scan->inside == IN_STRING
		? "the string that begins here has no closing quote"
		: "the comment that begins here has no end");
	return -1;
}

/* That of the file that was read, too, where the path is a link to it. */
static void
note_folders(struct settings_memory *m, const char *path)
{
	struct stat st;
	char *target;

	memory_folder(m, path);
	if (lstat(path, &st) < 0 || !S_ISLNK(st.st_mode))
		return;
	target = realpath(path, NULL);
	if (target != NULL)
		memory_folder(m, target);
	free(target);
}

static int
add_text(struct source *s, struct scan *scan, struct slice text,
    const struct source_file *file)
{
	s->files = xrealloc(s->files, s->file_count + 1, sizeof *s->files);
	s->files[s->file_count++] = *file;
	if (text.len > 0 && memchr(text.data, '\0', text.len) != NULL) {
		problem_add(scan->problems, (struct place){ scan->path, 0 },
		    "is no text file: it holds a NUL octet");
		return -1;
	}
	if (text.len >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0)
		text = slice_skip(text, 3);
	return scan_text(scan, text.data, text.len);
}

static int
add_file(struct source *s, const char *path, struct place from,
    const struct scan *outer, struct settings_memory *m, struct problems *p)
{
	struct scan scan = { .outer = outer,
		.source = s,
		.memory = m,
		.problems = p,
		.path = path,
		.depth = outer != NULL ? outer->depth + 1 : 0 };
	struct buffer content = { 0 };
	struct source_file file;
	int rc = -1;

	if (load(path, &file, &content) < 0) {
		if (from.file == path)
			problem_add(
			    p, from, "cannot be read: %s", strerror(errno));
		else
			problem_add(p, from, "%s cannot be read: %s", path,
			    strerror(errno));
		goto out;
	}
	note_folders(m, path);
	rc = add_text(s, &scan, buffer_slice(&content), &file);
out:
	buffer_wipe(&content);
	return rc;
}

static void
begin(struct source *s)
{
	*s = (struct source){ 0 };
	buffer_reserve(&s->text, 1);
	s->text.data[0] = '\0';
}

int
source_read(struct source *s, const char *path, struct place from,
    struct settings_memory *m, struct problems *p)
{
	begin(s);
	return add_file(s, path, from, NULL, m, p);
}

int
source_text(struct source *s, const char *file,
    const struct settings_text *text, struct settings_memory *m,
    struct problems *p)
{
	struct scan scan = { .source = s,
		.memory = m,
		.problems = p,
		.path = file,
		.made = text };
	struct source_file of = {
		.path = file, .mode = text->mode, .owner = text->owner
	};

	begin(s);
	return add_text(s, &scan, text->text, &of);
}

void
source_free(struct source *s)
{
	buffer_wipe(&s->text);
	free(s->lines);
	free(s->files);
	*s = (struct source){ 0 };
}

struct place
source_place(const struct source *s, unsigned line)
{
	if (s->line_count == 0)
		return (struct place){ s->files[0].path, 1 };
	if (line == 0)
		line = 1;
	return s->lines[line <= s->line_count ? line - 1 : s->line_count - 1];
}

void
source_check_private(struct source *s, struct place at, struct problems *p)
{
	struct source_file *file = s->files;

	while (strcmp(file->path, at.file) != 0)
		file++;
	if (file->told)
		return;
	if (file->mode & 077) {
		file->told = true;
		problem_add(p, at,
		    "a password stands here, and others may open the file; "
		    "run: chmod 600 %s",
		    file->path);
	}
	if (file->owner != 0 && file->owner != geteuid()) {
		file->told = true;
		problem_add(p, at,
		    "a password stands here, and the file belongs to another "
		    "user; run: chown %lu %s",
		    (unsigned long)geteuid(), file->path);
	}
}
