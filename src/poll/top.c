/* TOP n 0, or RETR n, read to its end. */
#include "poll/top.h"

#include "base/alloc.h"
#include "message/canon.h"
#include "message/header.h"

#include <stdlib.h>

/*
 * Some servers send the whole message to TOP, and where it is refused we ask
 * for that: but all of it ends.
 */
#define TOP_ENDLESS ((uint64_t)64 * 1024 * 1024)
#define RETR_ENDLESS ((uint64_t)4 * 1024 * 1024 * 1024)
/* So many are asked for ahead. */
#define AHEAD 64
/* Where TOP is offered, so many may be refused before it counts as missing. */
#define REFUSED_MAX 3

static int
read_header(
    struct pop3 *pop3, uint64_t endless, struct buffer *header, struct error *e)
{
	struct canon canon = { 0 };
	struct slice in, out;
	uint64_t octets = 0;
	bool complete;
	int more;

	while ((more = pop3_content(pop3, &in, e)) > 0) {
		octets += in.len;
		if (octets > endless)
			return error_set(e, ERR_PROTOCOL,
			    "the server sends a header without end");
		while (in.len > 0 && header->len < HEADER_MAX) {
			canon_next(&canon, &in, &out);
			buffer_add_slice(header, out);
		}
	}
	if (more < 0)
		return -1;
	buffer_add_slice(header, canon_end(&canon));
	/* An answer too many, and all that was sent ahead is out of step. */
	if (pop3_pipelines(pop3) &&
	    pop3_begins_with_status(buffer_slice(header)))
		return error_set(e, ERR_PROTOCOL,
		    "the mailbox answers out of step: a header begins with an "
		    "answer");
	header->len = header_length(buffer_slice(header), &complete);
	return 0;
}

/* A message was refused to TOP and given to RETR. */
static void
learn(struct top *top)
{
	const struct pop3_capa *capa = pop3_capa(top->pop3);
	bool offered = capa->known && capa->top;

	top->refused++;
	top->missing = !top->shown && (!offered || top->refused >= REFUSED_MAX);
}

void
top_expect(struct top *top, uint32_t number)
{
	if ((top->count & (top->count - 1)) == 0)
		top->numbers = xrealloc(top->numbers,
		    top->count ? 2 * top->count : 1, sizeof(*top->numbers));
	top->numbers[top->count++] = number;
}

void
top_free(struct top *top)
{
	free(top->numbers);
	*top = (struct top){ 0 };
}

/* Once TOP is known to work. */
static int
ask_ahead(struct top *top, struct error *e)
{
	if (!top->shown || top->missing || !pop3_pipelines(top->pop3))
		return 0;
	for (; top->sent < top->count && pop3_is_ahead(top->pop3) < AHEAD;
	     top->sent++)
		if (pop3_ahead(
			top->pop3, POP3_TOP, top->numbers[top->sent], e) < 0)
			return -1;
	return 0;
}

/*
 * A refusal too many would make each header another's. No header is answered as
 * STAT is.
 */
static int
check_step(struct top *top, struct error *e)
{
	uint32_t count;
	uint64_t octets;

	if (!pop3_pipelines(top->pop3) ||
	    pop3_stat(top->pop3, &count, &octets, e) == 0)
		return 0;
	if (e->kind == ERR_REFUSED)
		e->kind = ERR_PROTOCOL;
	return -1;
}

/*
 * One was refused, and RETR is not to wait behind the others: they come again.
 */
static int
call_back(struct top *top, struct error *e)
{
	struct buffer dropped = { 0 };
	int rc = 0;

	for (size_t i = top->at; rc == 0 && pop3_is_ahead(top->pop3) > 0; i++) {
		if (pop3_top(top->pop3, top->numbers[i], e) == 0)
			rc = read_header(top->pop3, TOP_ENDLESS, &dropped, e);
		else if (e->kind != ERR_REFUSED)
			rc = -1;
		buffer_clear(&dropped);
	}
	top->sent = top->at;
	buffer_free(&dropped);
	return rc == 0 ? check_step(top, e) : -1;
}

/* This one is asked for now, ahead or not. */
static int
take_turn(struct top *top, struct error *e)
{
	if (top->at == top->count)
		return 0;
	if (ask_ahead(top, e) < 0)
		return -1;
	top->at++;
	if (top->sent < top->at)
		top->sent = top->at;
	return 0;
}

int
top_header(
    struct top *top, uint32_t number, struct buffer *header, struct error *e)
{
	buffer_clear(header);
	if (take_turn(top, e) < 0)
		return -1;
	if (!top->missing && pop3_top(top->pop3, number, e) == 0) {
		top->shown = true;
		return read_header(top->pop3, TOP_ENDLESS, header, e);
	}
	if (!top->missing && (e->kind != ERR_REFUSED || call_back(top, e) < 0))
		return -1;
	error_clear(e);
	if (pop3_retr(top->pop3, number, e) < 0 ||
	    read_header(top->pop3, RETR_ENDLESS, header, e) < 0)
		return -1;
	if (!top->missing)
		learn(top);
	return 0;
}
