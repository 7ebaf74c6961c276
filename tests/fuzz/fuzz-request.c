/*
 * fuzz-request.c - each line of the input as a request, as a line of an answer,
 * and as a row of the state of a daemon.
 */
#include "daemon/live.h"
#include "daemon/request.h"

#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

static bool
same_request(const struct request *a, const struct request *b)
{
	if (a->verb != b->verb || a->options != b->options ||
	    a->last != b->last || a->before != b->before ||
	    a->arg_count != b->arg_count)
		return false;
	for (size_t i = 0; i < a->arg_count; i++)
		if (strcmp(a->args[i], b->args[i]) != 0)
			return false;
	return true;
}

static void
check_request(struct slice line)
{
	struct buffer text = { 0 };
	struct request r, again;
	struct error e = { 0 };

	if (request_parse(line, &r, &e) < 0) {
		fuzz_must(r.args == NULL && r.arg_count == 0,
		    "a request that is refused is empty");
		fuzz_must(e.kind != ERR_NONE && e.text[0] != '\0',
		    "a request is refused with a reason");
		return;
	}
	for (size_t i = 0; i < r.arg_count; i++)
		fuzz_must(r.args[i][0] != '\0' && r.args[i][0] != '-' &&
			fuzz_harmless(slice_of(r.args[i])) &&
			strchr(r.args[i], ' ') == NULL,
		    "an argument is a word");
	fuzz_must(request_write(&r, &text, &e) == 0, "a request can be sent");
	text.len--;
	fuzz_must(request_parse(buffer_slice(&text), &again, &e) == 0 &&
		same_request(&r, &again),
	    "a request reads back");
	request_free(&again);
	request_free(&r);
	buffer_free(&text);
}

static void
check_answer(struct slice line)
{
	struct buffer out = { 0 };
	enum answer_kind kind;
	struct slice text;
	int status;

	if (answer_parse(line, &kind, &text, &status) == 0) {
		fuzz_must(fuzz_inside(text, line), "a text is part of a line");
		fuzz_must(status >= 0 && status <= 255, "a status is one");
	}
	answer_write(ANSWER_LINE, line, &out);
	fuzz_must(out.len >= 2 &&
		memchr(out.data, '\n', out.len) == out.data + out.len - 1,
	    "a line is one line");
	out.len--;
	fuzz_must(
	    answer_parse(buffer_slice(&out), &kind, &text, &status) == 0 &&
		kind == ANSWER_LINE,
	    "a line reads back as one");
	for (size_t i = 0; i < text.len; i++)
		if (out.data[i + 1] == '\t')
			out.data[i + 1] = ' ';
	fuzz_must(fuzz_harmless(text), "a line is harmless, but for HTAB");
	buffer_free(&out);
}

static bool
is_word_of(const char *word, const char *text, size_t len)
{
	return word >= text && word <= text + len;
}

static void
check_row(struct slice line)
{
	char *text = strndup(line.data, line.len);
	size_t len = strlen(text);
	struct live_row row;

	live_parse(text, &row);
	if (row.kind == LIVE_ACCOUNT)
		fuzz_must(is_word_of(row.account.name, text, len) &&
			is_word_of(row.account.words, text, len) &&
			row.account.next >= 0 && row.account.since >= 0 &&
			(int)row.account.state < LIVE_STATES,
		    "an account is whole");
	if (row.kind == LIVE_DESTINATION)
		fuzz_must(is_word_of(row.destination.name, text, len) &&
			is_word_of(row.destination.words, text, len) &&
			row.destination.since >= 0 &&
			(int)row.destination.reach < LIVE_REACHES,
		    "a destination is whole");
	if (row.kind == LIVE_DAEMON)
		fuzz_must(is_word_of(row.daemon.version, text, len) &&
			row.daemon.pid >= 0 && row.daemon.started >= 0,
		    "a daemon is whole");
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice rest = slice_make(data, size);
	struct slice line;

	check_request(rest);
	while (fuzz_line(&rest, &line)) {
		check_request(line);
		check_answer(line);
		check_row(line);
		fuzz_free(line);
	}
	return 0;
}
