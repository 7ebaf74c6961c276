/*
 * sasl.h - the client side of SASL mechanisms (RFC 4422), free of any
 * protocol: POP3 and SMTP carry the exchange. PLAIN (RFC 4616) and LOGIN.
 */
#ifndef SASL_SASL_H
#define SASL_SASL_H

#include "base/buffer.h"
#include "base/error.h"

#include <stdbool.h>

enum auth_method {
	AUTH_AUTO, /* the best that the server offers */
	AUTH_USER, /* POP3 USER and PASS */
	AUTH_PLAIN,
	AUTH_LOGIN
};

/* One exchange. It keeps nothing of its own, so nothing is to be freed. */
struct sasl {
	enum auth_method method; /* AUTH_PLAIN or AUTH_LOGIN */
	const char *user; /* borrowed */
	const char *secret; /* borrowed */
	int step;
};

/* sasl_name - the mechanism's name on the wire. */
const char *sasl_name(enum auth_method method);

void sasl_begin(struct sasl *s, enum auth_method method, const char *user,
    const char *secret);

/* sasl_client_first - does the mechanism begin with words of the client? */
bool sasl_client_first(const struct sasl *s);

/* sasl_done - has all been said? Success before that is none. */
bool sasl_done(const struct sasl *s);

/*
 * sasl_respond - the answer to a challenge, in base64.
 * challenge: base64 as the server sent it; for the initial response (or the
 * empty challenge that asks for it) an empty slice. PLAIN has one answer to
 * anything: servers that fill the empty challenge with words are served.
 * out: the response, appended; the caller wipes it.
 * Returns 0, or -1 with ERR_PROTOCOL (bad base64, more challenges than the
 * mechanism has, an overlong one): cancel the exchange with "*".
 */
int sasl_respond(struct sasl *s, struct slice challenge, struct buffer *out,
    struct error *e);

/*
 * sasl_choose - which of PLAIN and LOGIN to use, with a list of mechanisms
 * separated by blanks ("PLAIN LOGIN CRAM-MD5"). wanted: AUTH_AUTO prefers
 * PLAIN; a named one is taken when it is there.
 * Returns the method, or AUTH_AUTO when there is none.
 */
enum auth_method sasl_choose(enum auth_method wanted, struct slice offered);

#endif
