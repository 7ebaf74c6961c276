/*
 * request.h - what goes over the control socket: one line there, lines back.
 *
 *	> postrider/1 fetch --same-mailbox isp club
 *	<  isp: 3 messages (12 kB) delivered to home in 0.4 s
 *	< !club: the server refused the password
 *	< .77
 *
 * A request is one line of words with a space between them: the protocol, a
 * verb, its options, its arguments (names of accounts, numbers of messages:
 * printable ASCII that does not begin with '-'). In the answer the first octet
 * of a line says what it is: ' ' a line, '!' a complaint, '.' the end, with the
 * exit status (sysexits(3)). An answer without its end is none.
 *
 * All of it is pure.
 */
#ifndef DAEMON_REQUEST_H
#define DAEMON_REQUEST_H

#include "base/buffer.h"
#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

enum request_verb {
	REQUEST_STATUS, /* [ACCOUNT…]: rows, see live.h */
	REQUEST_WAKE, /* [ACCOUNT…] */
	REQUEST_RELOAD,
	REQUEST_STOP,
	REQUEST_FETCH, /* [ACCOUNT…] */
	REQUEST_BASELINE, /* [ACCOUNT…] */
	REQUEST_HELD_RETRY, /* NUMBER… or "all" */
	REQUEST_HELD_DROP /* NUMBER… */
};
#define REQUEST_VERBS (REQUEST_HELD_DROP + 1)

/* Options. */
#define REQUEST_SAME_MAILBOX (1u << 0) /* of fetch */
#define REQUEST_OTHER_MAIL (1u << 1) /* of fetch */
#define REQUEST_EACH (1u << 2) /* of fetch: tell of each account */

#define REQUEST_LAST (1u << 3) /* of baseline: see plan.h */
#define REQUEST_BEFORE (1u << 4) /* of baseline: likewise */

/* The longest request: some thousands of names. */
#define REQUEST_MAX ((size_t)256 * 1024)

struct request {
	enum request_verb verb;
	unsigned options;
	uint64_t last, before; /* with these options */
	char **args; /* owned, as are the words; NULL at the end, or for none */
	size_t arg_count;
	size_t room; /* private */
};

/*
 * request_parse - of a line without its end. Returns 0, or -1 with *r empty and
 * ERR_PROTOCOL: it is none, or of another version of us.
 */
int request_parse(struct slice line, struct request *r, struct error *e);
void request_free(struct request *r); /* leaves { 0 } */

/* request_add - one more argument; copied. */
void request_add(struct request *r, const char *arg);

/*
 * request_write - with its line end. Returns 0, or -1: ERR_USAGE, it has an
 * argument that no account or message is called, or too many.
 */
int request_write(const struct request *r, struct buffer *out, struct error *e);

/* request_name - the verb's word. */
const char *request_name(enum request_verb verb);

enum answer_kind {
	ANSWER_LINE,
	ANSWER_COMPLAINT,
	ANSWER_END
};

/*
 * answer_write - one line or complaint. What a terminal would obey, but for
 * HTAB, becomes '?'.
 */
void answer_write(enum answer_kind kind, struct slice text, struct buffer *out);

/* answer_end - the end, with the exit status. */
void answer_end(int status, struct buffer *out);

/*
 * answer_parse - of a line without its end. text: of a line or complaint, points
 * into it; status: of the end. Returns 0, or -1: it is none.
 */
int answer_parse(
    struct slice line, enum answer_kind *kind, struct slice *text, int *status);

#endif
