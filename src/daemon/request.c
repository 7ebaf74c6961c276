/* request.c - see request.h. */
#include "daemon/request.h"

#include "base/alloc.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define PROTOCOL "postrider/1"
#define STATUS_MAX 255

static const char *const verbs[REQUEST_VERBS] = {
	[REQUEST_STATUS] = "status",
	[REQUEST_WAKE] = "wake",
	[REQUEST_RELOAD] = "reload",
	[REQUEST_STOP] = "stop",
	[REQUEST_FETCH] = "fetch",
	[REQUEST_BASELINE] = "baseline",
	[REQUEST_HELD_RETRY] = "held-retry",
	[REQUEST_HELD_DROP] = "held-drop",
};

static const struct {
	unsigned bit;
	enum request_verb verb; /* that has it */
	const char *word; /* with '=' at its end: a number follows */
} options[] = {
	{ REQUEST_SAME_MAILBOX, REQUEST_FETCH, "--same-mailbox" },
	{ REQUEST_OTHER_MAIL, REQUEST_FETCH, "--other-mail" },
	{ REQUEST_EACH, REQUEST_FETCH, "--each" },
	{ REQUEST_LAST, REQUEST_BASELINE, "--last=" },
	{ REQUEST_BEFORE, REQUEST_BASELINE, "--before=" },
};
#define OPTIONS (sizeof(options) / sizeof(options[0]))

/* Up to the next space, which is cut off, too. */
static struct slice
next_word(struct slice *rest)
{
	const char *space =
	    rest->len == 0 ? NULL : memchr(rest->data, ' ', rest->len);
	size_t n = space != NULL ? (size_t)(space - rest->data) : rest->len;
	struct slice word = slice_make(rest->data, n);

	*rest = slice_skip(*rest, space != NULL ? n + 1 : n);
	return word;
}

static bool
is_word(struct slice word)
{
	if (word.len == 0)
		return false;
	for (size_t i = 0; i < word.len; i++)
		if (word.data[i] <= ' ' || word.data[i] > '~')
			return false;
	return true;
}

static int
parse_verb(struct slice word, struct request *r, struct error *e)
{
	for (size_t i = 0; i < REQUEST_VERBS; i++)
		if (slice_is(word, verbs[i])) {
			r->verb = (enum request_verb)i;
			return 0;
		}
	return error_set(e, ERR_PROTOCOL,
	    "the running postrider does not know \"%.*s\": it may be another "
	    "version; restart it",
	    (int)(word.len < 40 ? word.len : 40), word.data);
}

/* The number that belongs to an option, or NULL: none does. */
static uint64_t *
number_of(struct request *r, unsigned bit)
{
	if (bit == REQUEST_LAST)
		return &r->last;
	return bit == REQUEST_BEFORE ? &r->before : NULL;
}

/* Up to and with its '=', if it has one. */
static struct slice
option_name(struct slice word)
{
	const char *equals = memchr(word.data, '=', word.len);

	if (equals != NULL)
		word.len = (size_t)(equals + 1 - word.data);
	return word;
}

static int
parse_option(struct slice word, struct request *r)
{
	struct slice name = option_name(word);
	uint64_t *number;

	for (size_t i = 0; i < OPTIONS; i++) {
		if (!slice_is(name, options[i].word) ||
		    options[i].verb != r->verb)
			continue;
		r->options |= options[i].bit;
		number = number_of(r, options[i].bit);
		return number == NULL
		    ? 0
		    : text_u64(slice_skip(word, name.len), INT64_MAX, number);
	}
	return -1;
}

static void
add_word(struct request *r, struct slice word)
{
	if (r->arg_count + 1 >= r->room) {
		r->room = 2 * r->room + 8;
		r->args = xrealloc(r->args, r->room, sizeof(*r->args));
	}
	r->args[r->arg_count++] = xstrndup(word.data, word.len);
	r->args[r->arg_count] = NULL;
}

void
request_add(struct request *r, const char *arg)
{
	add_word(r, slice_of(arg));
}

/* Options stand before the arguments. */
static int
parse_words(struct slice rest, struct request *r, struct error *e)
{
	struct slice word;

	while (rest.len > 0) {
		word = next_word(&rest);
		if (!is_word(word))
			return error_set(e, ERR_PROTOCOL,
			    "a request with a word that is none");
		if (word.data[0] != '-')
			add_word(r, word);
		else if (r->arg_count > 0 || parse_option(word, r) < 0)
			return error_set(e, ERR_PROTOCOL,
			    "the running postrider knows no \"%s %.*s\": it "
			    "may be another version; restart it",
			    verbs[r->verb],
			    (int)(word.len < 40 ? word.len : 40), word.data);
	}
	return 0;
}

int
request_parse(struct slice line, struct request *r, struct error *e)
{
	struct slice rest = line;

	*r = (struct request){ 0 };
	if (!slice_is(next_word(&rest), PROTOCOL))
		return error_set(e, ERR_PROTOCOL,
		    "the running postrider speaks %s only: it may be another "
		    "version; restart it",
		    PROTOCOL);
	if (parse_verb(next_word(&rest), r, e) == 0 &&
	    parse_words(rest, r, e) == 0)
		return 0;
	request_free(r);
	return -1;
}

void
request_free(struct request *r)
{
	for (size_t i = 0; i < r->arg_count; i++)
		free(r->args[i]);
	free(r->args);
	*r = (struct request){ 0 };
}

static void
write_options(const struct request *r, struct buffer *out)
{
	for (size_t i = 0; i < OPTIONS; i++) {
		if ((r->options & options[i].bit) == 0)
			continue;
		buffer_addf(out, " %s", options[i].word);
		if (options[i].bit == REQUEST_LAST)
			buffer_addf(out, "%" PRIu64, r->last);
		else if (options[i].bit == REQUEST_BEFORE)
			buffer_addf(out, "%" PRIu64, r->before);
	}
}

int
request_write(const struct request *r, struct buffer *out, struct error *e)
{
	size_t from = out->len;

	buffer_addf(out, "%s %s", PROTOCOL, verbs[r->verb]);
	write_options(r, out);
	for (size_t i = 0; i < r->arg_count; i++) {
		if (!is_word(slice_of(r->args[i])) || r->args[i][0] == '-')
			return error_set(e, ERR_USAGE,
			    "nothing is called \"%s\"", r->args[i]);
		buffer_addf(out, " %s", r->args[i]);
	}
	buffer_add_text(out, "\n");
	if (out->len - from > REQUEST_MAX)
		return error_set(e, ERR_USAGE,
		    "too many at once for the running postrider: name fewer, "
		    "or none for all");
	return 0;
}

const char *
request_name(enum request_verb verb)
{
	return verbs[verb];
}

/* --- answers --- */

void
answer_write(enum answer_kind kind, struct slice text, struct buffer *out)
{
	struct slice character;
	size_t n;

	buffer_add_text(out, kind == ANSWER_COMPLAINT ? "!" : " ");
	for (; text.len > 0; text = slice_skip(text, n)) {
		n = text_character(text);
		character = slice_make(text.data, n != 0 ? n : 1);
		if (n == 0 ||
		    (text_is_obeyed(character) && !slice_is(character, "\t")))
			character = slice_of("?");
		buffer_add_slice(out, character);
		n = n != 0 ? n : 1;
	}
	buffer_add_text(out, "\n");
}

void
answer_end(int status, struct buffer *out)
{
	buffer_addf(out, ".%d\n", status);
}

int
answer_parse(
    struct slice line, enum answer_kind *kind, struct slice *text, int *status)
{
	uint64_t number;

	*text = slice_make(NULL, 0);
	*status = 0;
	if (line.len == 0)
		return -1;
	*text = slice_skip(line, 1);
	switch (line.data[0]) {
	case ' ':
		*kind = ANSWER_LINE;
		return 0;
	case '!':
		*kind = ANSWER_COMPLAINT;
		return 0;
	case '.':
		*kind = ANSWER_END;
		if (text_u64(*text, STATUS_MAX, &number) < 0)
			return -1;
		*status = (int)number;
		return 0;
	default:
		return -1;
	}
}
