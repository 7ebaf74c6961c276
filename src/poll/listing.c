/* Reading the listing: UIDL and LIST, or the digests of headers. */
#include "poll/listing.h"

#include "base/alloc.h"
#include "base/log.h"
#include "base/text.h"
#include "message/canon.h"
#include "message/header.h"
#include "poll/top.h"

#include <stdlib.h>
#include <string.h>

/* So far beyond four times what is listed a message has no end. */
#define BEYOND_LISTED ((uint64_t)64 * 1024 * 1024)
/* What counts as listed where the server did not tell. */
#define UNLISTED_MAX ((uint64_t)1024 * 1024 * 1024)
/* Lines beyond twice what STAT counts that a listing may have. */
#define LINES_SPARE 1000

/* The answer to LIST. */
struct sizes {
	uint32_t stat; /* what STAT counts */
	size_t lines;
	struct size {
		uint32_t number;
		uint64_t octets;
	} * list;
	size_t count, room;
};

/* The answer to UIDL. */
struct uids {
	uint32_t stat; /* what STAT counts */
	size_t lines;
	struct listing *listing;
};

static int
by_number(const void *a, const void *b)
{
	uint32_t x = ((const struct listing_entry *)a)->number;
	uint32_t y = ((const struct listing_entry *)b)->number;

	return (x > y) - (x < y);
}

static int
size_by_number(const void *a, const void *b)
{
	uint32_t x = ((const struct size *)a)->number;
	uint32_t y = ((const struct size *)b)->number;

	return (x > y) - (x < y);
}

/* Of pointers to entries: by UID, and by number where UIDs are equal. */
static int
by_uid(const void *a, const void *b)
{
	const struct listing_entry *x = *(struct listing_entry *const *)a;
	const struct listing_entry *y = *(struct listing_entry *const *)b;
	int order = slice_compare(x->uid, y->uid);

	return order != 0 ? order : by_number(x, y);
}

void
listing_add(
    struct listing *l, uint32_t number, struct slice uid, uint64_t octets)
{
	/* Doubles at each power of two. */
	if ((l->count & (l->count - 1)) == 0)
		l->list = xrealloc(
		    l->list, l->count ? 2 * l->count : 1, sizeof(*l->list));
	l->list[l->count++] = (struct listing_entry){
		.number = number, .uid.len = uid.len, .octets = octets
	};
	buffer_add_slice(&l->uids, uid);
}

/* The buffer has stopped moving: now the UIDs can point into it. */
static void
point_uids(struct listing *l)
{
	size_t at = 0;

	for (size_t i = 0; i < l->count; i++) {
		l->list[i].uid.data = l->uids.data + at;
		at += l->list[i].uid.len;
	}
}

static void
drop_contradictions(struct listing *l)
{
	size_t kept = 0;

	for (size_t i = 0; i < l->count;) {
		size_t j = i + 1;

		while (j < l->count && l->list[j].number == l->list[i].number)
			j++;
		if (j == i + 1 && l->list[i].number != 0)
			l->list[kept++] = l->list[i];
		else
			l->left_out += j - i;
		i = j;
	}
	l->count = kept;
}

static void
number_copies(struct listing *l)
{
	struct listing_entry **sorted = xcalloc(l->count, sizeof(*sorted));

	for (size_t i = 0; i < l->count; i++)
		sorted[i] = &l->list[i];
	if (l->count > 0)
		qsort(sorted, l->count, sizeof(*sorted), by_uid);
	for (size_t i = 1; i < l->count; i++) {
		if (!slice_equal(sorted[i]->uid, sorted[i - 1]->uid))
			continue;
		sorted[i]->copy = sorted[i - 1]->copy + 1;
		sorted[i]->copies = sorted[i - 1]->copies = true;
	}
	free(sorted);
}

void
listing_finish(struct listing *l)
{
	point_uids(l);
	if (l->count > 0)
		qsort(l->list, l->count, sizeof(*l->list), by_number);
	drop_contradictions(l);
	number_copies(l);
	l->octets = 0;
	for (size_t i = 0; i < l->count; i++)
		l->octets += l->list[i].octets;
}

void
listing_free(struct listing *l)
{
	free(l->list);
	buffer_free(&l->uids);
	*l = (struct listing){ 0 };
}

void
listing_warn(const struct listing *l, const char *account)
{
	size_t odd = l->left_out - l->headless;

	if (odd > 0)
		log_warning("%s: the server contradicts itself about %zu "
			    "message%s, left alone until it does not",
		    account, odd, odd == 1 ? "" : "s");
	if (l->headless > 0)
		log_warning("%s: the server shows neither unique ids nor the "
			    "headers of %zu message%s, left alone",
		    account, l->headless, l->headless == 1 ? "" : "s");
}

int
listing_check_whole(
    const struct listing_entry *listed, uint64_t read, struct error *e)
{
	uint64_t octets = listed->octets;

	if (read >= octets || (read > 0 && read + 1024 >= octets / 2))
		return 0;
	return error_set(e, ERR_REFUSED,
	    "the mailbox lists %llu octets and gave %llu",
	    (unsigned long long)octets, (unsigned long long)read);
}

bool
listing_is_endless(const struct listing_entry *listed, uint64_t read)
{
	uint64_t octets = listed->octets > 0 ? listed->octets : UNLISTED_MAX;

	return read > BEYOND_LISTED && (read - BEYOND_LISTED) / 4 > octets;
}

/* --- the conversation --- */

/* STAT may be wrong, but a listing much longer than it counts has no end. */
static int
check_lines(size_t lines, uint32_t stat, struct error *e)
{
	if (lines > LISTING_MAX)
		return error_set(e, ERR_PROTOCOL,
		    "the server lists more than %d messages, which is more "
		    "than can be handled",
		    LISTING_MAX);
	if (lines > 2 * (uint64_t)stat + LINES_SPARE)
		return error_set(e, ERR_PROTOCOL,
		    "the server counts %lu messages and lists them without "
		    "end: more than %zu so far",
		    (unsigned long)stat, lines - 1);
	return 0;
}

static int
uidl_line(void *arg, uint32_t number, struct slice uid, struct error *e)
{
	struct uids *u = arg;

	if (check_lines(++u->lines, u->stat, e) < 0)
		return -1;
	if (u->listing->uids.len + uid.len > LISTING_UIDS_MAX)
		return error_set(e, ERR_PROTOCOL,
		    "the server lists more than %d octets of UIDs, which is "
		    "more than can be handled",
		    LISTING_UIDS_MAX);
	listing_add(u->listing, number, uid, 0);
	return 0;
}

static int
list_line(void *arg, uint32_t number, uint64_t octets, struct error *e)
{
	struct sizes *s = arg;

	if (check_lines(++s->lines, s->stat, e) < 0)
		return -1;
	if (s->count == s->room) {
		s->room = s->room ? 2 * s->room : 64;
		s->list = xrealloc(s->list, s->room, sizeof(*s->list));
	}
	s->list[s->count++] = (struct size){ number, octets };
	return 0;
}

/* Numbers that LIST repeats are known to it no longer, as are bad lines. */
static void
drop_repeated(struct sizes *sizes)
{
	size_t kept = 0;

	for (size_t i = 0, end; i < sizes->count; i = end) {
		for (end = i + 1; end < sizes->count &&
		     sizes->list[end].number == sizes->list[i].number;)
			end++;
		if (end == i + 1 && sizes->list[i].number != 0)
			sizes->list[kept++] = sizes->list[i];
	}
	sizes->count = kept;
}

/*
 * Give each entry its octets; one that LIST does not know loses its number.
 * Returns how many messages LIST alone knows.
 */
static size_t
join_sizes(struct listing *l, const struct sizes *sizes)
{
	size_t unknown = sizes->count;

	for (size_t i = 0; i < l->count; i++) {
		struct listing_entry *entry = &l->list[i];
		struct size key = { .number = entry->number };
		const struct size *found = NULL;

		if (sizes->count > 0)
			found = bsearch(&key, sizes->list, sizes->count,
			    sizeof(key), size_by_number);
		entry->number = found != NULL ? key.number : 0;
		entry->octets = found != NULL ? found->octets : 0;
		if (found != NULL && unknown > 0)
			unknown--;
	}
	return unknown;
}

/* Without UIDL: the digest of each header. */
static int
identify_by_header(struct listing *l, const struct sizes *sizes,
    struct pop3 *pop3, struct error *e)
{
	struct top top = { .pop3 = pop3 };
	struct buffer header = { 0 };
	unsigned char digest[32];
	char uid[2 * sizeof(digest) + 1];
	int rc = 0;

	l->by_header = true;
	for (size_t i = 0; i < sizes->count; i++)
		top_expect(&top, sizes->list[i].number);
	for (size_t i = 0; i < sizes->count; i++) {
		rc = top_header(&top, sizes->list[i].number, &header, e);
		if (rc < 0 && e->kind == ERR_REFUSED) {
			l->headless++;
			rc = 0;
			continue;
		}
		if (rc < 0)
			break;
		header_digest(buffer_slice(&header), digest);
		text_hex(digest, sizeof(digest), uid);
		listing_add(l, sizes->list[i].number, slice_of(uid), 0);
		l->list[l->count - 1].arrival =
		    header_arrival(buffer_slice(&header));
	}
	l->left_out += l->headless;
	l->by_retr = top.missing;
	top_free(&top);
	buffer_free(&header);
	return rc;
}

/*
 * Has the server no UIDL? What it offers and refuses it has, and messages known
 * by their UIDs must not come again under other names.
 */
static bool
lacks_uidl(const struct pop3 *pop3)
{
	return !pop3_capa(pop3)->uidl &&
	    pop3_last(pop3)->code != POP3_CODE_SYS_TEMP &&
	    pop3_last(pop3)->code != POP3_CODE_SYS_PERM &&
	    pop3_last(pop3)->code != POP3_CODE_IN_USE;
}

/* A refusal without which there is no listing. */
static int
refused(const struct pop3 *pop3, struct error *e)
{
	enum error_kind later = pop3_code_later(pop3_last(pop3)->code);

	if (e->kind == ERR_REFUSED && later != ERR_NONE)
		e->kind = later;
	return -1;
}

static int
read_sizes(struct sizes *sizes, struct pop3 *pop3, struct error *e)
{
	if (pop3_list(pop3, list_line, sizes, e) < 0)
		return -1;
	if (sizes->count > 0)
		qsort(sizes->list, sizes->count, sizeof(*sizes->list),
		    size_by_number);
	drop_repeated(sizes);
	return 0;
}

int
listing_names(struct listing *l, struct pop3 *pop3, struct error *e)
{
	struct uids uids = { .listing = l };

	*l = (struct listing){ 0 };
	if (pop3_stat(pop3, &l->stat, &l->stat_octets, e) < 0)
		return refused(pop3, e);
	uids.stat = l->stat;
	l->named = pop3_uidl(pop3, uidl_line, &uids, e) == 0;
	if (l->named)
		return 0;
	/* Some refuse to list an empty maildrop. */
	if (e->kind == ERR_REFUSED &&
	    (lacks_uidl(pop3) || (l->stat == 0 && l->count == 0))) {
		error_clear(e);
		return 0;
	}
	refused(pop3, e);
	listing_free(l);
	return -1;
}

bool
listing_digest(const struct listing *l, struct digest *d)
{
	uint64_t numbers[256] = { l->stat, l->stat_octets, l->count };
	size_t n = 3;

	for (size_t i = 0; i < l->count; i++) {
		numbers[n++] =
		    (uint64_t)l->list[i].number << 32 | l->list[i].uid.len;
		if (n == sizeof(numbers) / sizeof(numbers[0])) {
			digest_add(d, numbers, sizeof(numbers));
			n = 0;
		}
	}
	digest_add(d, numbers, n * sizeof(numbers[0]));
	digest_add(d, l->uids.data, l->uids.len);
	return l->named;
}

/* LIST, and the headers where there is no UIDL. */
static int
complete(
    struct listing *l, struct sizes *sizes, struct pop3 *pop3, struct error *e)
{
	bool sized = read_sizes(sizes, pop3, e) == 0;
	size_t unknown = 0;

	if (!sized && (e->kind != ERR_REFUSED || !l->named))
		return -1;
	/* What was refused is done in another way. */
	error_clear(e);
	if (!l->named && identify_by_header(l, sizes, pop3, e) < 0)
		return -1;
	if (sized)
		unknown = join_sizes(l, sizes);
	listing_finish(l);
	if (unknown > l->left_out)
		l->left_out = unknown;
	/*
	 * What STAT counts must be there, or what is missing only seems gone.
	 */
	if (l->stat > l->count + l->left_out)
		l->left_out = l->stat - l->count;
	return 0;
}

int
listing_sizes(struct listing *l, struct pop3 *pop3, struct error *e)
{
	struct sizes sizes = { .stat = l->stat };
	int rc = 0;

	/* Some count none, and list. */
	if (l->stat > 0 || l->count > 0)
		rc = complete(l, &sizes, pop3, e);
	else if (pop3_is_ahead(pop3) > 0 && read_sizes(&sizes, pop3, e) < 0)
		rc = e->kind == ERR_REFUSED ? 0 : -1;
	free(sizes.list);
	if (rc < 0)
		listing_free(l);
	else
		error_clear(e);
	return rc;
}

int
listing_read(struct listing *l, struct pop3 *pop3, struct error *e)
{
	return listing_names(l, pop3, e) < 0 ? -1 : listing_sizes(l, pop3, e);
}
