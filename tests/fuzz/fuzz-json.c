/*
 * fuzz-json.c - JSON that we write is JSON (RFC 8259). Each line of the input
 * is a call: its first octet says which, the rest is the text.
 */
#include "base/json.h"

#include "base/alloc.h"
#include "base/text.h"
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 40

/* --- a reader, of nothing but what RFC 8259 allows --- */

static bool read_value(struct slice *s, int depth);

static bool
take(struct slice *s, const char *text)
{
	size_t len = strlen(text);

	if (s->len < len || memcmp(s->data, text, len) != 0)
		return false;
	*s = slice_skip(*s, len);
	return true;
}

/* Four hexadecimal digits; our writer has no need of surrogates. */
static bool
read_escape(struct slice *s, struct buffer *plain)
{
	char digits[5] = "";
	unsigned code;

	if (take(s, "\"") || take(s, "\\")) {
		buffer_add(plain, s->data - 1, 1);
		return true;
	}
	if (!take(s, "u") || s->len < 4)
		return false;
	memcpy(digits, s->data, 4);
	if (strspn(digits, "0123456789abcdefABCDEF") != 4)
		return false;
	code = (unsigned)strtoul(digits, NULL, 16);
	if (code < 0x80)
		buffer_add(plain, &(char){ (char)code }, 1);
	else if (code < 0x800)
		buffer_addf(
		    plain, "%c%c", 0xc0 | code >> 6, 0x80 | (code & 0x3f));
	else
		buffer_addf(plain, "%c%c%c", 0xe0 | code >> 12,
		    0x80 | (code >> 6 & 0x3f), 0x80 | (code & 0x3f));
	*s = slice_skip(*s, 4);
	return code < 0xd800;
}

static bool
read_string(struct slice *s, struct buffer *plain)
{
	if (!take(s, "\""))
		return false;
	while (s->len > 0 && !take(s, "\"")) {
		if (take(s, "\\")) {
			if (!read_escape(s, plain))
				return false;
			continue;
		}
		if ((unsigned char)s->data[0] < 0x20)
			return false;
		buffer_add(plain, s->data, 1);
		*s = slice_skip(*s, 1);
	}
	return s->data[-1] == '"';
}

static bool
read_some_string(struct slice *s)
{
	struct buffer plain = { 0 };
	bool ok = read_string(s, &plain);

	buffer_free(&plain);
	return ok;
}

static bool
read_number(struct slice *s)
{
	size_t n = 0;

	(void)take(s, "-");
	while (n < s->len && s->data[n] >= '0' && s->data[n] <= '9')
		n++;
	if (n == 0 || (n > 1 && s->data[0] == '0'))
		return false;
	*s = slice_skip(*s, n);
	return true;
}

static bool
read_members(struct slice *s, const char *close, bool named, int depth)
{
	if (take(s, close))
		return true;
	do {
		if (named && (!read_some_string(s) || !take(s, ":")))
			return false;
		if (!read_value(s, depth + 1))
			return false;
	} while (take(s, ","));
	return take(s, close);
}

static bool
read_value(struct slice *s, int depth)
{
	if (depth > DEPTH_MAX + 1 || s->len == 0)
		return false;
	if (take(s, "{"))
		return read_members(s, "}", true, depth);
	if (take(s, "["))
		return read_members(s, "]", false, depth);
	if (s->data[0] == '"')
		return read_some_string(s);
	return take(s, "true") || take(s, "false") || take(s, "null") ||
	    read_number(s);
}

/* --- the writer --- */

struct writer {
	struct json json;
	char closing[DEPTH_MAX];
	int depth;
};

static void
open_bracket(struct writer *w, const char *key, bool object)
{
	if (w->depth == DEPTH_MAX)
		return;
	json_open(&w->json, key, object ? '{' : '[');
	w->closing[w->depth++] = object ? '}' : ']';
}

static int64_t
number_of(struct slice text)
{
	int64_t n = 0;

	memcpy(&n, text.data, text.len < sizeof n ? text.len : sizeof n);
	return n;
}

/* One call; a member of an object has the text for its name. */
static void
call(struct writer *w, char which, struct slice text)
{
	bool named = w->closing[w->depth - 1] == '}';
	char *string = xstrndup(text.data, text.len);
	const char *key = named ? string : NULL;

	switch (which) {
	case '{':
	case '[':
		open_bracket(w, key, which == '{');
		break;
	case '}':
		if (w->depth > 1)
			json_close(&w->json, w->closing[--w->depth]);
		break;
	case 's':
		json_string(&w->json, key, string);
		break;
	case 'n':
		json_number(&w->json, key, number_of(text));
		break;
	case 't':
		/* The range that settings and servers' dates can give. */
		json_time(
		    &w->json, key, number_of(text) % INT64_C(253402300800));
		break;
	case 'b':
		json_bool(&w->json, key, text.len % 2 != 0);
		break;
	case '0':
		json_string(&w->json, key, NULL);
		break;
	default:
		json_text(&w->json, key, text);
	}
	free(string);
}

static void
check_document(struct slice script)
{
	struct writer w = { 0 };
	struct slice line, out;

	open_bracket(&w, NULL, true);
	while (fuzz_line(&script, &line)) {
		if (line.len > 0)
			call(&w, line.data[0], slice_skip(line, 1));
		fuzz_free(line);
	}
	while (w.depth > 0)
		json_close(&w.json, w.closing[--w.depth]);
	out = fuzz_copy(buffer_slice(&w.json.out));
	buffer_free(&w.json.out);
	fuzz_must(fuzz_harmless(out), "JSON is UTF-8 that no terminal obeys");
	line = out;
	fuzz_must(read_value(&line, 0), "what we write is JSON");
	fuzz_must(line.len == 0, "nothing follows the value");
	fuzz_free(out);
}

static void
check_string(struct slice text)
{
	struct json json = { 0 };
	struct buffer plain = { 0 };
	struct slice out;

	json_text(&json, NULL, text);
	out = buffer_slice(&json.out);
	fuzz_must(read_string(&out, &plain) && out.len == 0,
	    "a text is a JSON string");
	if (text_is_utf8(text))
		fuzz_must(slice_equal(buffer_slice(&plain), text),
		    "UTF-8 reads back as it was");
	buffer_free(&plain);
	buffer_free(&json.out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = fuzz_copy(slice_make(data, size));

	check_document(in);
	check_string(in);
	fuzz_free(in);
	return 0;
}
