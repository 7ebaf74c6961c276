/* judge.c - see judge.h. */
#include "delivery/judge.h"

#include "base/text.h"
#include "delivery/verdict.h"

#include <stdio.h>

static bool
is_ascii(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s >= 0x80)
			return false;
	return true;
}

/* What can be known before a word is said. */
static bool
must_be_held(struct transit *t, const struct smtp_ehlo *ehlo,
    const char *destination, const struct smtp_mail *mail)
{
	char text[200], limit[TEXT_UNIT];

	if (mail->utf8 && !ehlo->smtputf8) {
		snprintf(text, sizeof(text),
		    "%s cannot take addresses in UTF-8 (SMTPUTF8)",
		    destination);
		verdict_set_rest(t, STATE_HELD, text);
		return true;
	}
	if (ehlo->size_limit > 0 && mail->octets > ehlo->size_limit) {
		snprintf(text, sizeof(text),
		    "too large for %s, which takes up to %s", destination,
		    text_octets(ehlo->size_limit, limit));
		verdict_set_rest(t, STATE_HELD, text);
		return true;
	}
	return false;
}

bool
judge_envelope(struct transit *t, const struct smtp_ehlo *ehlo,
    const char *destination, struct smtp_mail *mail)
{
	uint64_t size = transit_size(t);

	*mail = (struct smtp_mail){
		.sender = t->sender,
		.octets = size > 0 ? size : t->octets,
		.eightbit = true,
		.utf8 = t->sender_utf8,
	};
	for (size_t i = 0; i < t->recipient_count; i++) {
		t->recipients[i].accepted = false;
		t->recipients[i].state = STATE_NEW;
		if (!is_ascii(t->recipients[i].address))
			mail->utf8 = true;
	}
	return !must_be_held(t, ehlo, destination, mail);
}

static enum state
state_after(enum policy_action action)
{
	switch (action) {
	case POLICY_ACCEPTED:
		return STATE_DELIVERED;
	case POLICY_HOLD_MESSAGE:
	case POLICY_HOLD_RECIPIENT:
		return STATE_HELD;
	default:
		return STATE_DEFERRED;
	}
}

enum attempt
judge_stop(
    struct transit *t, const struct smtp_reply *reply, const char *destination)
{
	char words[SMTP_REPLY_TEXT];

	error_set(&t->error, ERR_REFUSED,
	    "destination %s takes no mail from here: %s", destination,
	    smtp_reply_text(reply, words));
	return ATTEMPT_STOP;
}

enum attempt
judge_reply(struct transit *t, enum policy_stage stage,
    struct transit_recipient *r, const struct smtp_reply *reply,
    const char *destination)
{
	enum policy_action action = policy_reply(stage, reply);
	char words[SMTP_REPLY_TEXT], text[SMTP_REPLY_TEXT + 80];

	smtp_reply_text(reply, words);
	if (action == POLICY_RECONNECT) {
		error_set(&t->error, ERR_BUSY, "destination %s: %s",
		    destination, words);
		return stage < STAGE_END ? ATTEMPT_AGAIN : ATTEMPT_LOST;
	}
	if (action == POLICY_STOP_DESTINATION)
		return judge_stop(t, reply, destination);
	snprintf(text, sizeof(text), "%s", words);
	if (state_after(action) == STATE_HELD && policy_is_too_large(reply))
		snprintf(text, sizeof(text), "too large for %s: %s",
		    destination, words);
	if (r != NULL)
		verdict_set(r, state_after(action), text);
	else
		verdict_set_rest(t, state_after(action), text);
	return ATTEMPT_DONE;
}

bool
judge_is_open(const struct transit *t)
{
	for (size_t i = 0; i < t->recipient_count; i++)
		if (t->recipients[i].state == STATE_NEW)
			return true;
	return false;
}

bool
judge_takes_null_sender(struct smtp *smtp)
{
	const struct smtp_mail mail = { .sender = "" };
	struct smtp_reply reply = { 0 };
	struct error ignored = { 0 };

	if (!smtp_usable(smtp) ||
	    smtp_mail(smtp, &mail, &reply, &ignored) < 0 || reply.code >= 300)
		return false;
	return smtp_rset(smtp, &reply, &ignored) == 0;
}
