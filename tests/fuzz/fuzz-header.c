/* fuzz-header.c - headers of any octets. */
#include "message/header.h"

#include "fuzz.h"
#include "message/digest.h"
#include "message/trace.h"

#include <stdlib.h>
#include <string.h>

static const char *const names[] = { "From", "Subject", "Date", "Received",
	"Return-Path", "X-No-Such" };

static bool
ends_line(struct slice s)
{
	return s.len > 0 && s.data[s.len - 1] == '\n';
}

static bool
begins_with_blank(struct slice s)
{
	return s.len > 0 && (s.data[0] == ' ' || s.data[0] == '\t');
}

/* A prefix that knows its header is not talked out of it by what follows. */
static void
check_length(struct slice content)
{
	bool complete, early;
	size_t length = header_length(content, &complete);
	size_t step = content.len / 64 + 1;
	size_t n;

	fuzz_must(length <= content.len, "a header is part of its message");
	fuzz_must(complete || length == content.len,
	    "without an empty line all is header");
	fuzz_must(length == 0 || !complete ||
		ends_line(slice_make(content.data, length)),
	    "a complete header ends with a line");
	for (n = 0; n < content.len; n += step) {
		struct slice part = fuzz_copy(slice_make(content.data, n));
		size_t so_far = header_length(part, &early);

		fuzz_must(so_far <= n, "a header is part of what has come");
		fuzz_must(!early || (complete && so_far == length),
		    "the end of a header stays where it is");
		fuzz_free(part);
	}
}

static void
check_field(const struct header_field *field)
{
	struct slice whole = field->whole;

	fuzz_must(field->name.len > 0 && field->name.data == whole.data,
	    "a field begins with its name");
	fuzz_must(memchr(field->name.data, ':', field->name.len) == NULL,
	    "no colon is part of a name");
	fuzz_must(
	    fuzz_inside(field->name, whole) && fuzz_inside(field->value, whole),
	    "name and value are part of their field");
	fuzz_must(field->value.len == 0 ||
		field->value.data > field->name.data + field->name.len,
	    "the value follows the name");
	fuzz_must(!begins_with_blank(field->value),
	    "a value has no blanks at its ends");
}

static void
check_partition(struct slice header)
{
	struct slice rest = header;
	struct header_field field;
	const char *at = header.data;

	while (header_next(&rest, &field)) {
		fuzz_must(
		    fuzz_inside(field.whole, header) && field.whole.data >= at,
		    "fields follow one another in the header");
		fuzz_must(field.whole.data == header.data ||
			field.whole.data[-1] == '\n',
		    "a field begins a line");
		fuzz_must(rest.data == field.whole.data + field.whole.len,
		    "the rest begins where the field ends");
		fuzz_must(rest.len == 0 || ends_line(field.whole),
		    "a field ends with a line");
		fuzz_must(!begins_with_blank(rest),
		    "folded lines belong to their field");
		check_field(&field);
		at = rest.data;
	}
	fuzz_must(rest.len == 0, "all of a header is read");
}

static void
check_text(struct slice header, const char *name, size_t room)
{
	char *out = malloc(room);
	struct header_field field;

	fuzz_must(out != NULL, "there is memory");
	header_text(header, name, out, room);
	fuzz_must(memchr(out, '\0', room) != NULL, "header_text fits");
	fuzz_must(fuzz_harmless(slice_of(out)), "header_text is harmless");
	fuzz_must(out[0] == '\0' || header_find(header, name, &field),
	    "there is no text without a field");
	free(out);
}

static void
check_digest(struct slice header)
{
	static const char on_top[] = "Status: RO\r\nX-UIDL: 1\r\n";
	unsigned char plain[DIGEST_OCTETS], rewritten[DIGEST_OCTETS];
	struct buffer changed = { 0 };

	header_digest(header, plain);
	buffer_add_text(&changed, on_top);
	buffer_add_slice(&changed, header);
	header_digest(buffer_slice(&changed), rewritten);
	buffer_free(&changed);
	if (!begins_with_blank(header))
		fuzz_must(memcmp(plain, rewritten, sizeof plain) == 0,
		    "what servers write on top changes no digest");
}

/* Ours on top of anything is found, and what is below it is all of that. */
static void
check_trace(struct slice header)
{
	static const struct trace ours = { .from = "h",
		.by = "me",
		.id = "o74dhmju.sf3blmlsefas4wdeivdb",
		.when = 1795299342 };
	struct buffer marked = { 0 };
	struct slice below;
	char id[TRACE_ID];

	if (trace_find(header, NULL, id, &below)) {
		fuzz_must(strlen(id) == strlen(ours.id), "an id is one");
		fuzz_must(fuzz_inside(below, header) &&
			below.data + below.len == header.data + header.len,
		    "what is below goes up to the end");
	}
	trace_header(&ours, &marked);
	buffer_add_slice(&marked, header);
	fuzz_must(trace_find(buffer_slice(&marked), "o74dhmju", id, &below),
	    "our field is found");
	fuzz_must(strcmp(id, ours.id) == 0, "its id is the one");
	fuzz_must(slice_equal(below, header), "all of it is below");
	buffer_free(&marked);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice content = fuzz_copy(slice_make(data, size));
	struct slice header;
	bool complete;
	size_t i;

	check_length(content);
	header = fuzz_copy(
	    slice_make(content.data, header_length(content, &complete)));
	check_partition(header);
	for (i = 0; i < sizeof names / sizeof names[0]; i++) {
		check_text(header, names[i], 1 + size % 7);
		check_text(header, names[i], 200);
	}
	fuzz_must(header_arrival(header) < (int64_t)400 * 1000 * 1000 * 1000,
	    "mail arrives before the year 10000");
	check_digest(header);
	check_trace(header);
	fuzz_free(header);
	fuzz_free(content);
	return 0;
}
