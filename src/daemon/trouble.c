/* trouble.c - see trouble.h. */
#include "daemon/trouble.h"

#include "base/clock.h"
#include "message/letter.h"

#include <inttypes.h>

#define INDENT "    "

uint32_t
trouble_after(uint32_t before, const struct trouble_signs *signs)
{
	uint32_t t = before;

	if (signs->well)
		t &= ~(TROUBLE_FAILING | TROUBLE_REFUSED);
	if (signs->failed && signs->refused)
		t |= TROUBLE_REFUSED;
	if (signs->failed && signs->now - signs->since >= signs->after_s)
		t |= TROUBLE_FAILING;
	if (signs->held > 0)
		t |= TROUBLE_HELD;
	else if (signs->looked)
		t &= ~TROUBLE_HELD;
	return t;
}

struct trouble_news
trouble_news(uint32_t troubles, uint32_t alerted)
{
	struct trouble_news news = { .begun = troubles & ~alerted,
		.over = alerted & ~troubles };

	if ((troubles | alerted) & TROUBLE_REFUSED)
		news.begun &= ~TROUBLE_FAILING;
	return news;
}

static const char *
plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

/* --- the subject --- */

static const char *
what_has_begun(uint32_t begun)
{
	if (begun & TROUBLE_REFUSED)
		return "the password was refused";
	if (begun & TROUBLE_FAILING)
		return "no mail can be fetched";
	return "mail is held";
}

void
trouble_subject(const struct trouble_letter *l, struct buffer *out)
{
	const struct trouble_case *c = &l->cases[0];

	if (l->accounts == 1)
		buffer_addf(out, "%s: %s", c->account,
		    c->news.begun != 0 ? what_has_begun(c->news.begun)
				       : "well again");
	else if (l->begun == 0)
		buffer_addf(out, "%zu accounts are well again", l->over);
	else if (l->over == 0)
		buffer_addf(out, "%zu accounts need you", l->begun);
	else
		buffer_addf(out, "%zu account%s need%s you, %zu well again",
		    l->begun, plural(l->begun), l->begun == 1 ? "s" : "",
		    l->over);
}

/* --- the text --- */

static void
say(struct buffer *out, const char *text)
{
	letter_wrap("  ", text, out);
}

/* A command, to be copied; more may follow it. */
static void
show(struct buffer *out, const char *command, const char *account)
{
	buffer_addf(out, "\n" INDENT "postrider %s %s\n", command, account);
}

static void
quote(struct buffer *out, const char *words)
{
	if (words[0] == '\0')
		return;
	buffer_add_text(out, "\n");
	letter_wrap(INDENT, words, out);
	buffer_add_text(out, "\n");
}

static void
say_since(struct buffer *out, const char *what, int64_t since)
{
	struct buffer line = { 0 };
	char when[CLOCK_TEXT];

	buffer_add_text(&line, what);
	if (since > 0)
		buffer_addf(&line, ", since %s", clock_text(since, when));
	buffer_add_text(&line, ":");
	say(out, line.data);
	buffer_free(&line);
}

static void
tell_refused(const struct trouble_case *c, struct buffer *out)
{
	say_since(out, "The server refuses the password", c->since);
	quote(out, c->words);
	say(out,
	    "After three refusals the account rests, so that the server does "
	    "not lock you out. When the right password is where the settings "
	    "of the account have it, prove it, and have it polled again:");
	show(out, "check", c->account);
	buffer_addf(out,
	    INDENT "postrider reload\n" INDENT "postrider wake %s\n",
	    c->account);
}

static void
tell_failing(const struct trouble_case *c, struct buffer *out)
{
	struct buffer line = { 0 };

	if (c->down != NULL)
		buffer_addf(&line,
		    "Nothing is fetched, since the destination %s takes no "
		    "mail",
		    c->down);
	else
		buffer_add_text(&line, "No mail can be fetched");
	say_since(out, line.data, c->since);
	buffer_free(&line);
	quote(out, c->words);
	say(out,
	    "It is tried again and again, and no mail is lost by it, unless "
	    "the mailbox overflows meanwhile. This shows step by step what "
	    "works and what does not:");
	show(out, "check", c->account);
}

static void
tell_held(const struct trouble_case *c, struct buffer *out)
{
	struct buffer line = { 0 };

	buffer_addf(&line,
	    "%" PRIu64 " message%s held: %s stay%s in the mailbox until you "
	    "decide.",
	    c->held, c->held == 1 ? " is" : "s are",
	    c->held == 1 ? "it" : "they", c->held == 1 ? "s" : "");
	say(out, line.data);
	buffer_free(&line);
	quote(out, c->held_words);
	say(out,
	    "The first of these lists what is held, with its numbers; the "
	    "others look at one, have it tried again, and give it up for "
	    "good:");
	show(out, "held list", c->account);
	buffer_add_text(out,
	    INDENT "postrider held show NUMBER\n" INDENT
		   "postrider held retry NUMBER\n" INDENT
		   "postrider held drop NUMBER\n");
}

static void
tell_over(const struct trouble_case *c, struct buffer *out)
{
	if (c->news.over & TROUBLE_REFUSED)
		say(out, "Well again: the server takes the password.");
	if (c->news.over & TROUBLE_FAILING)
		say(out, "Well again: mail is fetched.");
	if (c->news.over & TROUBLE_HELD)
		say(out, "Well again: no message is held any more.");
}

static void
tell_case(const struct trouble_case *c, struct buffer *out)
{
	buffer_addf(out, "\n%s (%s at %s)\n\n", c->account, c->user, c->host);
	if (c->news.begun & TROUBLE_REFUSED)
		tell_refused(c, out);
	if (c->news.begun & TROUBLE_FAILING)
		tell_failing(c, out);
	if (c->news.begun & TROUBLE_HELD)
		tell_held(c, out);
	tell_over(c, out);
}

void
trouble_text(const struct trouble_letter *l, struct buffer *out)
{
	struct buffer line = { 0 };
	size_t more = l->accounts - l->count;

	buffer_addf(&line,
	    "This is postrider at %s, which fetches mail from POP3 mailboxes.",
	    l->by);
	letter_wrap("", line.data, out);
	for (size_t i = 0; i < l->count; i++)
		tell_case(&l->cases[i], out);
	if (more > 0)
		buffer_addf(out,
		    "\nAnd %zu more account%s: %zu in all need%s "
		    "you, %zu well again.\n",
		    more, plural(more), l->begun, l->begun == 1 ? "s" : "",
		    l->over);
	buffer_add_text(out,
	    "\nHow all accounts stand:\n"
	    "\n" INDENT "postrider status\n");
	if (l->begun > 0)
		buffer_add_text(out,
		    "\nYou will hear of this once more, when it is well "
		    "again.\n");
	buffer_free(&line);
}
