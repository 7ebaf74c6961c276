/* Proving a destination, step by step, with nothing moved. */
#include "delivery/delivery.h"

#include "delivery/connection.h"

#include <stdio.h>

static void
tell(const struct delivery_report *report, const char *step, const char *detail)
{
	report->step(report->arg, step, detail);
}

static void
tell_capabilities(const struct smtp *smtp, const struct delivery_report *report)
{
	const struct smtp_ehlo *ehlo = smtp_ehlo(smtp);
	char text[200], size[64] = "";

	if (ehlo->size && ehlo->size_limit > 0)
		snprintf(size, sizeof(size), "SIZE %llu ",
		    (unsigned long long)ehlo->size_limit);
	snprintf(text, sizeof(text), "%s%s%s%s%s%s%s", size,
	    ehlo->eightbitmime ? "8BITMIME " : "",
	    ehlo->smtputf8 ? "SMTPUTF8 " : "",
	    ehlo->pipelining ? "PIPELINING " : "",
	    ehlo->chunking ? "CHUNKING " : "", ehlo->dsn ? "DSN " : "",
	    ehlo->enhanced_codes ? "ENHANCEDSTATUSCODES" : "");
	tell(report, "offers", text);
}

static int
refused(const char *what, const char *address, const struct smtp_reply *reply,
    struct error *e)
{
	char text[SMTP_REPLY_TEXT];

	return error_set(e, reply->code < 500 ? ERR_BUSY : ERR_REFUSED,
	    "refuses %s%s: %s", what, address, smtp_reply_text(reply, text));
}

/* The first one that is refused is the error; of the others it is told. */
static int
probe_recipients(struct smtp *smtp, const char *const *recipients,
    const struct delivery_report *report, struct error *e)
{
	struct smtp_mail mail = { .sender = "" };
	struct smtp_reply reply = { 0 };
	struct error also;
	int rc = 0;

	if (smtp_mail(smtp, &mail, &reply, e) < 0)
		return -1;
	if (reply.code >= 400)
		return refused("MAIL FROM:", "<>", &reply, e);
	for (; *recipients != NULL && smtp_usable(smtp); recipients++) {
		if (smtp_rcpt(smtp, *recipients, &reply, e) < 0)
			return -1;
		if (reply.code < 400) {
			tell(report, "takes mail for", *recipients);
		} else if (rc == 0) {
			rc = refused("the recipient ", *recipients, &reply, e);
		} else {
			refused("the recipient ", *recipients, &reply, &also);
			tell(report, "also", also.text);
		}
	}
	if (smtp_usable(smtp) && smtp_rset(smtp, &reply, e) < 0)
		return -1;
	return rc;
}

int
delivery_probe(const struct destination *to, const char *const *recipients,
    const struct stop *stop, const struct delivery_report *report,
    struct error *e)
{
	struct error ignored = { 0 };
	struct smtp *smtp = NULL;
	char *password = NULL;
	int rc;

	rc = connection_open(&smtp, to, &password, stop, e);
	if (rc < 0)
		goto out;
	tell(report, "connected", smtp_tls_text(smtp));
	if (to->login.user != NULL)
		tell(report, "logged in as", to->login.user);
	tell_capabilities(smtp, report);
	rc = probe_recipients(smtp, recipients, report, e);
	if (rc < 0)
		error_prefix(e, "destination %s: ", to->name);
	if (smtp_usable(smtp))
		smtp_quit(smtp, &ignored);
out:
	smtp_free(&smtp);
	password_free(&password);
	return rc;
}
