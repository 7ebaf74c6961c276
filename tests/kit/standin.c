/*
 * standin.c - stands in for a daemon at its control socket, for tests of those
 * who ask: tests/postrider-standin STATE ROWS. It has the ledger of the state
 * directory STATE, and polls nothing.
 *
 *	status		what the file ROWS holds
 *	wake		"woken:" and the names
 *	reload		a complaint where there is a file ROWS.wrong
 *	fetch		a line for each name, after a moment; "bad" fails
 *	held		"concerns" and the names of the accounts
 *	stop		ends
 */
#include "base/log.h"
#include "daemon/control.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#define MOMENT_MS 300

static void
add_file(const char *path, struct buffer *out)
{
	FILE *file = fopen(path, "re");
	char octets[4096];
	size_t n;

	while (file != NULL && (n = fread(octets, 1, sizeof(octets), file)) > 0)
		buffer_add(out, octets, n);
	if (file != NULL)
		fclose(file);
}

static void
add_names(const struct request *r, const char *words, struct buffer *out)
{
	buffer_add_text(out, words);
	for (size_t i = 0; i < r->arg_count; i++)
		buffer_addf(out, " %s", r->args[i]);
	buffer_add_text(out, "\n");
}

static void
fetch(struct control_request *r)
{
	char line[200];

	if ((r->request.options & REQUEST_SAME_MAILBOX) != 0)
		control_say(r, "as the same mailbox");
	poll(NULL, 0, MOMENT_MS);
	for (size_t i = 0; i < r->request.arg_count; i++) {
		snprintf(line, sizeof(line), "%s: 1 message (2 kB) delivered",
		    r->request.args[i]);
		control_say(r, line);
		if (strcmp(r->request.args[i], "bad") != 0)
			continue;
		control_complain(r, "%s: nobody answers", r->request.args[i]);
		r->status = EX_TEMPFAIL;
	}
}

static void
reload(struct control_request *r, const char *rows)
{
	struct buffer path = { 0 };

	buffer_addf(&path, "%s.wrong", rows);
	if (access(path.data, F_OK) == 0) {
		control_complain(r, "postrider.conf:3: what is that?");
		r->status = EX_CONFIG;
	} else {
		buffer_add_text(&r->answer, "reloaded\n");
	}
	buffer_free(&path);
}

/* Returns false when that was the end. */
static bool
answer(struct control_request *r, const char *rows)
{
	switch (r->request.verb) {
	case REQUEST_STATUS:
		add_file(rows, &r->answer);
		break;
	case REQUEST_WAKE:
		add_names(&r->request, "woken:", &r->answer);
		break;
	case REQUEST_RELOAD:
		reload(r, rows);
		break;
	case REQUEST_FETCH:
	case REQUEST_BASELINE:
		fetch(r);
		break;
	case REQUEST_HELD_RETRY:
	case REQUEST_HELD_DROP:
		add_names(&r->request, "concerns", &r->answer);
		break;
	case REQUEST_STOP:
		return false;
	}
	control_answer(r);
	return true;
}

static int
fail(const struct error *e)
{
	log_error("%s", e->text);
	return EXIT_FAILURE;
}

int
main(int argc, char *argv[])
{
	struct control *control = NULL;
	struct control_request *r;
	struct ledger *ledger = NULL;
	struct queue *requests = NULL;
	struct error e = { 0 };

	umask(077);
	if (argc != 3)
		return EXIT_FAILURE;
	if (queue_new(&requests, &e) < 0 ||
	    ledger_open(&ledger, argv[1], false, &e) < 0 ||
	    control_open(&control, argv[1], ledger, requests, &e) < 0)
		return fail(&e);
	do {
		r = queue_wait(requests, -1, deadline_never());
	} while (answer(r, argv[2]));
	control_end(control);
	/* As a daemon that takes a moment to stop. */
	poll(NULL, 0, MOMENT_MS);
	control_answer(r);
	control_close(&control);
	ledger_close(&ledger);
	queue_free(&requests);
	return EXIT_SUCCESS;
}
