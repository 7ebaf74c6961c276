/* peep.c - see peep.h. */
#include "poll/peep.h"

#include "base/alloc.h"
#include "poll/maildrop.h"
#include "poll/top.h"
#include "pop3/pop3.h"

#include <stdlib.h>

struct peep {
	const struct account *account; /* borrowed */
	struct pop3 *pop3; /* owned */
	struct top top;
	struct listing listing; /* owned */
	struct error broken; /* ERR_NONE: the session can go on */
};

/* What ended the session is remembered; a refusal does not end it. */
static int
failed(struct peep *p, const struct error *e)
{
	if (e->kind != ERR_REFUSED)
		p->broken = *e;
	return -1;
}

static int
usable(const struct peep *p, struct error *e)
{
	if (p->broken.kind == ERR_NONE)
		return 0;
	*e = p->broken;
	return -1;
}

int
peep_open(struct peep **peep, const struct account *account,
    const char *password, const struct stop *stop, struct error *e)
{
	struct peep *p = xcalloc(1, sizeof(*p));

	*peep = p;
	p->account = account;
	if (maildrop_open(&p->pop3, account, password, stop, e) == 0 &&
	    listing_read(&p->listing, p->pop3, e) == 0) {
		p->top.pop3 = p->pop3;
		return 0;
	}
	p->broken = *e;
	peep_close(peep);
	return -1;
}

void
peep_close(struct peep **peep)
{
	struct peep *p = *peep;
	struct error ignored = { 0 };

	if (p == NULL)
		return;
	if (p->broken.kind == ERR_NONE)
		pop3_quit(p->pop3, &ignored);
	pop3_free(&p->pop3);
	listing_free(&p->listing);
	free(p);
	*peep = NULL;
}

int
peep_find(struct peep *p, struct slice uid, uint32_t copy,
    const struct listing_entry **found, struct error *e)
{
	const struct listing_entry *entry;
	size_t i;

	*found = NULL;
	for (i = 0; i < p->listing.count; i++) {
		entry = &p->listing.list[i];
		if (entry->copy == copy && slice_equal(entry->uid, uid)) {
			*found = entry;
			return 0;
		}
	}
	if (p->listing.left_out == 0)
		return 0;
	return error_set(e, ERR_PROTOCOL,
	    "the message is not listed, but the server contradicts itself "
	    "about %zu messages, so that it may be there",
	    p->listing.left_out);
}

int
peep_header(struct peep *p, const struct listing_entry *message,
    struct buffer *header, struct error *e)
{
	if (usable(p, e) < 0)
		return -1;
	if (top_header(&p->top, message->number, header, e) < 0)
		return failed(p, e);
	return 0;
}

int
peep_content(struct peep *p, const struct listing_entry *message,
    int (*take)(void *arg, struct slice content, struct error *e), void *arg,
    struct error *e)
{
	struct slice content;
	uint64_t octets = 0;
	int more;

	if (usable(p, e) < 0)
		return -1;
	if (pop3_retr(p->pop3, message->number, e) < 0)
		return failed(p, e);
	while ((more = pop3_content(p->pop3, &content, e)) > 0) {
		octets += content.len;
		if (p->account->max_size == 0 &&
		    listing_is_endless(message, octets)) {
			error_set(e, ERR_PROTOCOL,
			    "the message is far larger than listed; if it is "
			    "as large as that, max_size can allow it");
			break;
		}
		if (take(arg, content, e) < 0)
			break;
	}
	if (more == 0)
		return 0;
	p->broken = *e;
	return -1;
}
