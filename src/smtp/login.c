/* login.c - AUTH (RFC 4954). */
#include "smtp/session.h"

#include "sasl/sasl.h"

#include <stdio.h>
#include <string.h>

/* RFC 4954 section 4: with the CRLF. */
#define COMMAND_LINE ((size_t)512)

/* RFC 4954 section 6. */
static int
login_refused(struct smtp *s, const struct smtp_reply *reply, struct error *e)
{
	const char *hint = "";
	char text[SMTP_REPLY_TEXT];

	smtp_reply_text(reply, text);
	if (reply->code < 400)
		return smtp_out_of_place(s, "AUTH", reply, e);
	if (reply->code < 500)
		return error_set(e, ERR_BUSY,
		    "%s cannot check the login now: %s", smtp_peer(s), text);
	if (reply->code == 538 || reply->code == 530)
		hint = " (it may want TLS: see the setting tls)";
	else if (reply->code == 534)
		hint = " (it wants another mechanism: see the setting auth)";
	return error_set(e, ERR_AUTH, "%s refuses the login: %s%s",
	    smtp_peer(s), text, hint);
}

/* The exchange has gone wrong on our side; why stays in e. */
static int
cancel(struct smtp *s)
{
	struct smtp_reply reply;
	struct error ignored;

	(void)smtp_ask(s, &reply, &ignored, "*");
	return smtp_broken(s);
}

/* AUTH, with what the mechanism says first if that fits into the line. */
static int
auth(struct smtp *s, struct sasl *sasl, struct smtp_reply *reply,
    struct error *e)
{
	struct buffer first = { 0 };
	struct buffer line = { 0 };
	char shown[32];
	int rc = -1;

	if (sasl_client_first(sasl) &&
	    sasl_respond(sasl, slice_make("", 0), &first, e) < 0)
		goto out;
	if (sasl_client_first(sasl) && first.len == 0)
		buffer_add_text(&first, "=");
	buffer_reserve(&line, COMMAND_LINE);
	buffer_addf(&line, "AUTH %s", sasl_name(sasl->method));
	if (line.len + strlen(" \r\n") + first.len > COMMAND_LINE) {
		sasl_begin(sasl, sasl->method, sasl->user, sasl->secret);
		buffer_wipe(&first);
	}
	snprintf(shown, sizeof shown, "%s%s", line.data,
	    first.len > 0 ? " ****" : "");
	if (first.len > 0) {
		buffer_add_text(&line, " ");
		buffer_add_slice(&line, buffer_slice(&first));
	}
	s->secret = buffer_slice(&first);
	rc = smtp_ask_line(s, &line, shown, reply, e);
	s->secret = slice_of("");
out:
	buffer_wipe(&first);
	return rc;
}

/* Answer challenges until the server has decided. */
static int
exchange(struct smtp *s, struct sasl *sasl, struct smtp_reply *reply,
    struct error *e)
{
	while (reply->code == 334) {
		struct buffer response = { 0 };
		int rc;

		/* Cut short in the reply, it would be another challenge. */
		if (strlen(reply->text) + 1 >= sizeof reply->text) {
			error_set(e, ERR_PROTOCOL,
			    "%s sent an overlong challenge", smtp_peer(s));
			return cancel(s);
		}
		if (sasl_respond(sasl, slice_of(reply->text), &response, e) <
		    0) {
			buffer_wipe(&response);
			return cancel(s);
		}
		/* Room for the line end first, or the secret would move. */
		buffer_reserve(&response, strlen("\r\n"));
		s->secret = buffer_slice(&response);
		rc = smtp_ask_line(s, &response, "****", reply, e);
		s->secret = slice_of("");
		if (rc < 0)
			return -1;
	}
	return reply->code == 235 && sasl_done(sasl)
	    ? 0
	    : login_refused(s, reply, e);
}

int
smtp_login(struct smtp *s, const struct login *l, const char *password,
    struct error *e)
{
	enum auth_method method = sasl_choose(l->auth, slice_of(s->ehlo.auth));
	struct smtp_reply reply;
	struct sasl sasl;
	int rc;

	if (s->ehlo.auth[0] == '\0')
		return error_set(e, ERR_AUTH, "%s offers no AUTH%s",
		    smtp_peer(s),
		    stream_is_tls(s->stream) ? "" : " without TLS");
	if (method == AUTH_AUTO)
		return error_set(e, ERR_AUTH,
		    "%s offers none of the mechanisms that may be used; it "
		    "offers: %s",
		    smtp_peer(s), s->ehlo.auth);
	sasl_begin(&sasl, method, l->user, password);
	s->password = password;
	rc = auth(s, &sasl, &reply, e);
	if (rc == 0)
		rc = exchange(s, &sasl, &reply, e);
	s->password = NULL;
	return rc;
}
