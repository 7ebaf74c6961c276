/*
 * fuzz-control.c - the input as what a client of the control socket sends before
 * it falls silent, in pieces of any size, to a daemon that answers everything.
 */
#include "daemon/control.h"

#include "base/alloc.h"
#include "base/log.h"
#include "daemon/socket.h"
#include "fuzz.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* There is one, from the first input to the end of the program. */
static struct {
	char dir[64];
	struct queue *requests;
	struct control *control;
	pthread_t thread;
	struct queue_item end;
} the;

static void *
answer_all(void *arg)
{
	struct control_request *r;

	(void)arg;
	for (;;) {
		r = queue_wait(the.requests, -1, deadline_never());
		if (&r->item == &the.end)
			return NULL;
		for (size_t i = 0; i < r->request.arg_count; i++)
			control_say(r, r->request.args[i]);
		control_complain(r, "%s", request_name(r->request.verb));
		buffer_add_text(&r->answer, "well\n\nthat was \x1b all");
		r->status = 3;
		control_answer(r);
	}
}

static void
end(void)
{
	control_end(the.control);
	queue_push(the.requests, &the.end);
	pthread_join(the.thread, NULL);
	control_close(&the.control);
	queue_free(&the.requests);
	rmdir(the.dir);
}

static void
begin(void)
{
	struct error e = { 0 };

	unsetenv("RUNTIME_DIRECTORY");
	setenv("XDG_RUNTIME_DIR", "/nonexistent", 1);
	strcpy(the.dir, "/tmp/postrider-fuzz.XXXXXX");
	if (mkdtemp(the.dir) == NULL || queue_new(&the.requests, &e) < 0 ||
	    control_open(&the.control, the.dir, NULL, the.requests, &e) < 0 ||
	    pthread_create(&the.thread, NULL, answer_all, NULL) != 0 ||
	    atexit(end) != 0) {
		fprintf(stderr, "cannot begin: %s\n", e.text);
		abort();
	}
}

/* Who is refused in the middle of his request may find nobody there. */
static void
send_all(int fd, struct slice out, size_t piece)
{
	ssize_t n;

	while (out.len > 0) {
		n = send(fd, out.data, out.len < piece ? out.len : piece,
		    MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN)
			return;
		out = slice_skip(out, n > 0 ? (size_t)n : 0);
	}
	shutdown(fd, SHUT_WR);
}

static void
receive_all(int fd, struct buffer *in)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char octets[4096];
	ssize_t n = 1;

	while (n > 0 || (n < 0 && errno == EAGAIN)) {
		fuzz_must(poll(&p, 1, 15000) == 1, "nobody waits for ever");
		n = recv(fd, octets, sizeof(octets), 0);
		if (n > 0)
			buffer_add(in, octets, (size_t)n);
	}
}

/* Lines, and an end; or nothing, to who has not come to the end of his. */
static void
check_answer(const struct buffer *in, bool whole)
{
	struct slice rest = buffer_slice(in), line, text;
	enum answer_kind kind = ANSWER_LINE;
	int status;

	fuzz_must(in->len > 0 || !whole, "a line is answered");
	while (fuzz_line(&rest, &line)) {
		fuzz_must(kind != ANSWER_END, "nothing comes after the end");
		fuzz_must(answer_parse(line, &kind, &text, &status) == 0,
		    "an answer is made of lines of an answer");
		fuzz_must(fuzz_harmless(text), "an answer is harmless");
		fuzz_free(line);
	}
	fuzz_must(in->len == 0 || kind == ANSWER_END, "an answer has an end");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buffer in = { 0 };
	struct error e = { 0 };
	int fd;

	if (the.control == NULL)
		begin();
	fd = socket_connect(the.dir, deadline_in(5000), &e);
	fuzz_must(fd >= 0, "the daemon can be reached");
	send_all(fd, slice_make(data, size),
	    size > 0 && data[size - 1] % 2 == 0 ? 7 : size);
	receive_all(fd, &in);
	close(fd);
	check_answer(&in, memchr(data, '\n', size) != NULL);
	buffer_free(&in);
	return 0;
}
