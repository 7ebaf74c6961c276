/*
 * micro-content.c - what is done to every octet of a message: dots taken off
 * and put on, line ends mended, the header read.
 */
#include "micro.h"

#include "message/canon.h"
#include "message/header.h"
#include "net/dot.h"

#include <stdio.h>

#define PIECE ((size_t)64 * 1024) /* as much as is read at once */

static struct slice
next_piece(struct slice *rest)
{
	struct slice piece = *rest;

	if (piece.len > PIECE)
		piece.len = PIECE;
	*rest = slice_skip(*rest, piece.len);
	return piece;
}

static void
decode(void *arg)
{
	struct slice rest = *(const struct slice *)arg, run;
	struct dot_decoder d = { 0 };
	size_t octets = 0;

	while (rest.len > 0) {
		struct slice in = next_piece(&rest);

		while (in.len > 0) {
			(void)dot_decode(&d, &in, &run);
			octets += run.len;
		}
	}
	micro_keep(octets);
}

static void
encode(void *arg)
{
	struct slice rest = *(const struct slice *)arg, run;
	struct dot_encoder d = { 0 };
	size_t octets = 0;

	while (rest.len > 0) {
		struct slice in = next_piece(&rest);

		while (in.len > 0) {
			dot_encode(&d, &in, &run);
			octets += run.len;
		}
	}
	micro_keep(octets + dot_end(&d).len);
}

static void
canon(void *arg)
{
	struct slice rest = *(const struct slice *)arg, run;
	struct canon c = { 0 };
	size_t octets = 0;

	while (rest.len > 0) {
		struct slice in = next_piece(&rest);

		while (in.len > 0) {
			canon_next(&c, &in, &run);
			octets += run.len;
		}
	}
	micro_keep(octets + canon_end(&c).len);
}

static void
measure_content(const struct micro *m, const char *kind, struct slice content)
{
	static const struct {
		const char *name;
		void (*work)(void *arg);
	} works[] = {
		{ "dot_decode", decode },
		{ "dot_encode", encode },
		{ "canon_next", canon },
	};
	double memchr_ns = micro_memchr(m, content);
	double memcpy_ns = micro_memcpy(m, content);

	printf("%s: memchr for line ends %.3f, memcpy %.3f ns/octet\n", kind,
	    memchr_ns, memcpy_ns);
	for (size_t i = 0; i < sizeof(works) / sizeof(works[0]); i++) {
		struct micro_time t =
		    micro_measure(m, content.len, works[i].work, &content);
		char name[64];

		snprintf(name, sizeof(name), "  %s", works[i].name);
		micro_print(name, t, "octet", memchr_ns, "memchr");
	}
}

static void
measure_lines(const struct micro *m, size_t line)
{
	struct buffer b = { 0 };
	char kind[64];

	micro_lines(&b, micro_size(m, (size_t)8 << 20, 4096), line);
	snprintf(kind, sizeof(kind), "lines of %zu octets", line);
	measure_content(m, kind, buffer_slice(&b));
	buffer_free(&b);
}

static void
measure_dots(const struct micro *m)
{
	struct buffer b = { 0 };
	size_t octets = micro_size(m, (size_t)8 << 20, 4096);

	while (b.len < octets)
		buffer_add_text(&b, "..\r\n");
	measure_content(m, "lines of dots", buffer_slice(&b));
	buffer_free(&b);
}

static void
measure_bare_line_ends(const struct micro *m)
{
	struct buffer b = { 0 };
	size_t octets = micro_size(m, (size_t)8 << 20, 4096);

	while (b.len < octets)
		buffer_addf(&b, "%075d\n", 1);
	measure_content(m, "lines of 76 octets, bare LF", buffer_slice(&b));
	buffer_free(&b);
}

/* --- the header --- */

static void
scan(void *arg)
{
	struct slice content = *(const struct slice *)arg;
	struct header_field field;
	bool complete;
	size_t fields = 0;

	content.len = header_length(content, &complete);
	while (header_next(&content, &field))
		fields++;
	micro_keep(fields);
}

static void
find(void *arg)
{
	struct header_field field;

	micro_keep(
	    header_find(*(const struct slice *)arg, "Return-Path", &field));
}

static void
arrival(void *arg)
{
	micro_keep((size_t)header_arrival(*(const struct slice *)arg));
}

static void
digest(void *arg)
{
	unsigned char out[32];

	header_digest(*(const struct slice *)arg, out);
	micro_keep(out[0]);
}

/* A header as mail has it that went through a few hands. */
static void
make_header(struct buffer *b)
{
	for (int i = 0; i < 5; i++)
		buffer_addf(b,
		    "Received: from mx%d.friends.example ([192.0.2.%d])\r\n"
		    "\tby mail%d.friends.example with ESMTPS id %08d\r\n"
		    "\tfor <ann@isp.example>; Tue, 14 Nov 2023 22:13:20 +0000"
		    "\r\n",
		    i, i, i, i);
	buffer_add_text(b, "DKIM-Signature: v=1; a=rsa-sha256; d=a.example;");
	for (int i = 0; i < 8; i++)
		buffer_addf(b, "\r\n\t%064d", i);
	buffer_add_text(b, "\r\n");
	for (int i = 0; i < 12; i++)
		buffer_addf(b, "X-Spam-Test-%d: score=%d required=5\r\n", i, i);
	buffer_add_text(b,
	    "From: Bob <bob@friends.example>\r\n"
	    "To: ann@isp.example\r\n"
	    "Subject: A letter\r\n"
	    "Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n"
	    "Message-ID: <1.letter@friends.example>\r\n"
	    "\r\n");
}

/* One header is over too soon for the clock. */
#define HEADERS 1000

struct often {
	struct slice header;
	size_t times;
	void (*work)(void *arg);
};

static void
work_often(void *arg)
{
	struct often *o = arg;

	for (size_t i = 0; i < o->times; i++)
		o->work(&o->header);
}

static void
measure_header(const struct micro *m)
{
	static const struct {
		const char *name;
		void (*work)(void *arg);
	} works[] = {
		{ "  length, and every field", scan },
		{ "  header_find, of a field that is not there", find },
		{ "  header_arrival", arrival },
		{ "  header_digest", digest },
	};
	struct buffer b = { 0 };
	double memchr_ns;

	make_header(&b);
	memchr_ns = micro_memchr(m, buffer_slice(&b));
	printf("a header of %zu octets: memchr for line ends %.3f ns/octet\n",
	    b.len, memchr_ns);
	for (size_t i = 0; i < sizeof(works) / sizeof(works[0]); i++) {
		struct often o = { .header = buffer_slice(&b),
			.times = micro_size(m, HEADERS, 2),
			.work = works[i].work };
		struct micro_time t =
		    micro_measure(m, o.times * b.len, work_often, &o);

		micro_print(works[i].name, t, "octet", memchr_ns, "memchr");
	}
	buffer_free(&b);
}

int
main(int argc, char **argv)
{
	static const size_t lines[] = { 4, 20, 76, 998, 100000 };
	struct micro m;

	if (micro_begin(&m, argc, argv) < 0)
		return 64;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		measure_lines(&m, lines[i]);
	measure_dots(&m);
	measure_bare_line_ends(&m);
	measure_header(&m);
	return 0;
}
