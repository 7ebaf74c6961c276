/* TOP n 0, read to its end. */
#include "poll/top.h"

#include "message/canon.h"
#include "message/header.h"

/* Some servers send the whole message, but that ends. */
#define ENDLESS ((uint64_t)64 * 1024 * 1024)

int
top_header(
    struct pop3 *pop3, uint32_t number, struct buffer *header, struct error *e)
{
	struct canon canon = { 0 };
	struct slice in, out;
	uint64_t octets = 0;
	bool complete;
	int more;

	buffer_clear(header);
	if (pop3_top(pop3, number, 0, e) < 0)
		return -1;
	while ((more = pop3_content(pop3, &in, e)) > 0) {
		octets += in.len;
		if (octets > ENDLESS)
			return error_set(e, ERR_PROTOCOL,
			    "the server answers TOP %lu 0 without end",
			    (unsigned long)number);
		while (in.len > 0 && header->len < HEADER_MAX) {
			canon_next(&canon, &in, &out);
			buffer_add_slice(header, out);
		}
	}
	if (more < 0)
		return -1;
	buffer_add_slice(header, canon_end(&canon));
	header->len = header_length(buffer_slice(header), &complete);
	return 0;
}
