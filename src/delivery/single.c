/* single.c - see single.h. */
#include "delivery/single.h"

#include "delivery/connection.h"

#include <stdbool.h>

static bool
is_ascii(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.data[i] >= 0x80)
			return false;
	return true;
}

static int
refused(const char *what, const char *address, const struct smtp_reply *reply,
    struct error *e)
{
	char text[SMTP_REPLY_TEXT];

	return error_set(e, reply->code < 500 ? ERR_BUSY : ERR_REFUSED,
	    "refuses %s%s: %s", what, address, smtp_reply_text(reply, text));
}

static int
begin(struct smtp *smtp, struct slice content, struct error *e)
{
	bool eightbit = !is_ascii(content);
	struct smtp_mail mail = { .sender = "",
		.octets = content.len,
		.eightbit = eightbit,
		.utf8 = eightbit && smtp_ehlo(smtp)->smtputf8 };
	struct smtp_reply reply = { 0 };

	if (eightbit && !mail.utf8)
		return error_set(e, ERR_REFUSED,
		    "does not offer SMTPUTF8, which the address needs");
	if (smtp_mail(smtp, &mail, &reply, e) < 0)
		return -1;
	return reply.code < 400 ? 0 : refused("MAIL FROM:<>", "", &reply, e);
}

/* *taken: so many recipients take it; without any the refusal is the error. */
static int
name_recipients(struct smtp *smtp, const char *const *recipients, size_t *taken,
    struct error *e)
{
	struct smtp_reply reply = { 0 };

	*taken = 0;
	for (; *recipients != NULL && smtp_usable(smtp); recipients++) {
		if (smtp_rcpt(smtp, *recipients, &reply, e) < 0)
			return -1;
		if (reply.code < 400)
			++*taken;
		else
			refused("the recipient ", *recipients, &reply, e);
	}
	return *taken > 0 && smtp_usable(smtp) ? 0 : -1;
}

static int
send_content(struct smtp *smtp, struct slice content, struct error *e)
{
	struct smtp_reply reply = { 0 };
	bool sent;

	if (smtp_data(smtp, &reply, e) < 0)
		return -1;
	if (reply.code >= 400)
		return refused("DATA", "", &reply, e);
	if (smtp_body(smtp, content, e) < 0)
		return -1;
	return smtp_end(smtp, &sent, e);
}

/* In LMTP there is a verdict for each recipient; one is enough. */
static int
hear_verdicts(struct smtp *smtp, size_t count, struct error *e)
{
	struct smtp_reply reply = { 0 };
	size_t taken = 0;

	for (; count > 0; count--) {
		if (smtp_verdict(smtp, &reply, e) < 0)
			break;
		if (reply.code < 400)
			taken++;
		else
			refused("the message", "", &reply, e);
	}
	return taken > 0 ? 0 : -1;
}

static int
converse(struct smtp *smtp, const char *const *recipients, struct slice content,
    struct error *e)
{
	size_t taken;

	if (begin(smtp, content, e) < 0 ||
	    name_recipients(smtp, recipients, &taken, e) < 0 ||
	    send_content(smtp, content, e) < 0)
		return -1;
	return hear_verdicts(smtp, smtp_is_lmtp(smtp) ? taken : 1, e);
}

static int64_t
at_most(int64_t ms)
{
	return ms < SINGLE_PATIENCE_MS ? ms : SINGLE_PATIENCE_MS;
}

int
single_send(const struct destination *to, const char *const *recipients,
    struct slice content, const struct stop *stop, struct error *e)
{
	struct destination hasty = *to;
	struct smtp *smtp = NULL;
	char *password = NULL;
	int rc;

	hasty.at.timeout_ms = at_most(to->at.timeout_ms);
	hasty.options.reply_timeout_ms = at_most(to->options.reply_timeout_ms);
	rc = connection_open(&smtp, &hasty, &password, stop, e);
	if (rc < 0)
		goto out;
	rc = converse(smtp, recipients, content, e);
	if (rc < 0)
		error_prefix(e, "destination %s: ", to->name);
	else
		error_clear(e);
	if (smtp_usable(smtp))
		smtp_leave(smtp);
out:
	smtp_free(&smtp);
	password_free(&password);
	return rc;
}
