/* checks.c - see checks.h. */
#include "migrate/checks.h"

#include "base/alloc.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of so many copies with added fields the names of these are kept. */
#define DETAILED_MAX 100
/* Octets of all of them. */
#define ADDED_MAX ((size_t)120)

/* --- what the ledger has --- */

struct loading {
	struct checks *c;
	const char *server, *user; /* borrowed */
};

static enum check_kind
kind_of(enum state state)
{
	switch (state) {
	case STATE_DELIVERED:
	case STATE_DELETE_OWED:
		return CHECK_MOVED;
	case STATE_NEW:
	case STATE_IN_DOUBT:
	case STATE_DEFERRED:
		return CHECK_OPEN;
	default:
		return CHECK_LEFT;
	}
}

static int
add(void *arg, const struct proof *p, struct error *e)
{
	struct loading *l = arg;
	struct checks *c = l->c;
	struct check *one;

	(void)e;
	if (c->count == c->room) {
		c->room = c->room ? 2 * c->room : 64;
		c->list = xrealloc(c->list, c->room, sizeof(*c->list));
	}
	one = &c->list[c->count++];
	*one = (struct check){ .message = p->message,
		.uid_at = c->uids.len,
		.uid_len = p->uid.len,
		.copy = p->copy,
		.kind = kind_of(p->state == STATE_GONE ? p->before : p->state),
		.deleted =
		    p->state == STATE_GONE && p->before == STATE_DELETE_OWED,
		.owed = p->state == STATE_DELETE_OWED,
		.before = p->verdict,
		.delivered = p->delivered,
		.has_digest = p->has_digest,
		.content = p->has_digest ? p->content : p->octets,
		.date = -1 };
	buffer_add_slice(&c->uids, p->uid);
	memcpy(one->digest, p->digest, sizeof(one->digest));
	if (p->trace[0] != '\0')
		snprintf(one->id, sizeof(one->id), "%s", p->trace);
	else
		trace_id(
		    l->server, l->user, p->uid, p->copy, p->octets, one->id);
	if (one->kind == CHECK_MOVED) {
		c->moved++;
		c->octets += one->content;
		content_tags_add(&c->tags, one->id);
	}
	return 0;
}

struct slice
check_uid(const struct checks *c, const struct check *one)
{
	return slice_skip(
	    slice_make(c->uids.data, one->uid_at + one->uid_len), one->uid_at);
}

static int
compare_uids(struct slice a, uint32_t a_copy, struct slice b, uint32_t b_copy)
{
	int order = slice_compare(a, b);

	return order != 0 ? order : (a_copy > b_copy) - (a_copy < b_copy);
}

static int
by_uid(const void *a, const void *b, void *arg)
{
	const struct checks *c = arg;
	const struct check *x = &c->list[*(const size_t *)a];
	const struct check *y = &c->list[*(const size_t *)b];

	return compare_uids(check_uid(c, x), x->copy, check_uid(c, y), y->copy);
}

static int
by_id(const void *a, const void *b, void *arg)
{
	const struct checks *c = arg;

	return strcmp(
	    c->list[*(const size_t *)a].id, c->list[*(const size_t *)b].id);
}

static size_t *
sorted(struct checks *c, int (*compare)(const void *, const void *, void *))
{
	size_t *order = xcalloc(c->count ? c->count : 1, sizeof(*order));

	for (size_t i = 0; i < c->count; i++)
		order[i] = i;
	qsort_r(order, c->count, sizeof(*order), compare, c);
	return order;
}

int
checks_read(struct checks *c, struct reader *r, int64_t account,
    const char *server, const char *user, struct error *e)
{
	struct loading l = { .c = c, .server = server, .user = user };

	*c = (struct checks){ 0 };
	if (account != 0 && reader_proofs(r, account, add, &l, e) < 0) {
		checks_free(c);
		return -1;
	}
	c->by_uid = sorted(c, by_uid);
	c->by_id = sorted(c, by_id);
	return 0;
}

static void
free_copy(struct check *one)
{
	if (one->there == NULL)
		return;
	free(one->there->parts);
	free(one->there->names);
	free(one->there);
	one->there = NULL;
}

void
checks_free(struct checks *c)
{
	for (size_t i = 0; i < c->count; i++) {
		free_copy(&c->list[i]);
		free(c->list[i].refused);
		free(c->list[i].where);
		free(c->list[i].subject);
	}
	free(c->list);
	free(c->by_uid);
	free(c->by_id);
	buffer_free(&c->uids);
	buffer_free(&c->added);
	*c = (struct checks){ 0 };
}

struct check *
checks_by_uid(const struct checks *c, struct slice uid, uint32_t copy)
{
	size_t low = 0, high = c->count;

	while (low < high) {
		size_t at = low + (high - low) / 2;
		struct check *one = &c->list[c->by_uid[at]];
		int order =
		    compare_uids(check_uid(c, one), one->copy, uid, copy);

		if (order == 0)
			return one;
		if (order < 0)
			low = at + 1;
		else
			high = at;
	}
	return NULL;
}

struct check *
checks_by_id(const struct checks *c, const char *id)
{
	size_t low = 0, high = c->count;

	while (low < high) {
		size_t at = low + (high - low) / 2;
		struct check *one = &c->list[c->by_id[at]];
		int order = strcmp(one->id, id);

		if (order == 0)
			return one;
		if (order < 0)
			low = at + 1;
		else
			high = at;
	}
	return NULL;
}

/* --- what was found --- */

static void
note_subject(struct check *one, const struct content *content)
{
	if (one->subject != NULL)
		return;
	one->subject = xstrdup(content->subject);
	one->date = content->date;
}

void
check_there(struct checks *c, struct check *one, struct content *content,
    const char *where)
{
	one->copies++;
	if (one->same_there)
		return;
	one->same_there =
	    one->has_digest && content_is(&content->sum, one->digest);
	if (one->same_there) {
		free_copy(one);
		return;
	}
	if (one->there != NULL)
		return;
	one->there = xcalloc(1, sizeof(*one->there));
	one->there->sum = content->sum;
	one->there->parts = content->parts;
	content->parts = NULL;
	if (content->names.len > 0 && c->detailed++ < DETAILED_MAX)
		one->there->names = xstrdup(content->names.data);
	one->where = xstrdup(where);
	note_subject(one, content);
}

/* How often a name is among these, each of which a line end follows. */
static unsigned
times(struct slice names, struct slice name)
{
	unsigned n = 0;
	const char *end;

	while (names.len > 0 &&
	    (end = memchr(names.data, '\n', names.len)) != NULL) {
		size_t len = (size_t)(end - names.data);

		n += slice_equal(slice_make(names.data, len), name);
		names = slice_skip(names, len + 1);
	}
	return n;
}

/* Each once, as long as there is room. */
static void
name_added(struct checks *c, struct slice name)
{
	if (times(buffer_slice(&c->added), name) > 0 ||
	    c->added.len + name.len > ADDED_MAX)
		return;
	buffer_add_slice(&c->added, name);
	buffer_add_text(&c->added, "\n");
}

static void
note_added(struct checks *c, const struct check *one, struct slice sent)
{
	struct slice all, rest;
	const char *end;

	if (one->there->names == NULL)
		return;
	all = rest = slice_of(one->there->names);
	while ((end = strchr(rest.data, '\n')) != NULL) {
		size_t len = (size_t)(end - rest.data);
		struct slice name = slice_make(rest.data, len);
		struct slice until =
		    slice_make(all.data, (size_t)(end + 1 - all.data));

		if (times(until, name) > times(sent, name))
			name_added(c, name);
		rest = slice_skip(rest, len + 1);
	}
}

uint64_t
checks_late(const struct checks *c, int64_t since)
{
	uint64_t n = 0;

	for (size_t i = 0; since > 0 && i < c->count; i++)
		n += c->list[i].kind == CHECK_MOVED && c->list[i].copies == 0 &&
		    c->list[i].delivered >= since;
	return n;
}

void
checks_forget_there(struct checks *c)
{
	for (size_t i = 0; i < c->count; i++) {
		struct check *one = &c->list[i];

		free_copy(one);
		free(one->where);
		free(one->subject);
		one->where = one->subject = NULL;
		one->same_there = false;
		one->copies = 0;
		one->date = -1;
	}
	c->detailed = 0;
}

/* What came from the source, beside what is at the destination. */
static void
compare_both(struct checks *c, struct check *one, const struct content *content)
{
	struct check_copy *there = one->there;

	if (content_same(&content->sum, &there->sum)) {
		one->same_source = one->same_there = true;
		return;
	}
	if (one->has_digest && !one->same_source)
		return;
	one->compared = true;
	one->difference = content_compare(content->parts, there->parts);
	one->added = one->difference == CONTENT_ADDED;
	one->same_there = one->added;
	one->same_source = one->has_digest || one->same_there;
	if (one->added)
		note_added(c, one, buffer_slice(&content->names));
}

void
check_source(struct checks *c, struct check *one, struct content *content,
    bool read_there)
{
	one->came = true;
	one->same_source =
	    one->has_digest && content_is(&content->sum, one->digest);
	if (one->there != NULL && !one->same_there)
		compare_both(c, one, content);
	if (!one->same_source || (read_there && !one->same_there))
		note_subject(one, content);
	if (one->same_there)
		free_copy(one);
}

/* --- what it comes to --- */

#define BAD_THERE (VERIFIED_MISSING | VERIFIED_CHANGED)

/* What was found at the destination, this time. */
static unsigned
found_there(const struct check *one, bool read_there)
{
	if (one->same_there)
		return VERIFIED_THERE;
	if (one->copies > 0 && (one->has_digest || one->compared))
		return VERIFIED_CHANGED;
	return one->copies == 0 && read_there ? VERIFIED_MISSING : 0;
}

static unsigned
stands(const struct check *one, bool read_there)
{
	return found_there(one, read_there) == 0 ? one->before & BAD_THERE : 0;
}

unsigned
check_verdict(const struct check *one, bool read_source, bool read_there)
{
	unsigned verdict = 0;

	if (one->same_source)
		verdict |= VERIFIED_SOURCE;
	else if (one->came && one->has_digest)
		verdict |= VERIFIED_SOURCE_CHANGED;
	else if (read_source && !one->listed)
		verdict |= VERIFIED_SOURCE_GONE;
	return verdict | found_there(one, read_there) | stands(one, read_there);
}

#define BAD (VERIFIED_SOURCE_CHANGED | VERIFIED_MISSING | VERIFIED_CHANGED)
#define GOOD (VERIFIED_SOURCE | VERIFIED_THERE)

/* Nothing says that it is well, and nothing that it is not. */
static bool
is_unproven(const struct check *one, unsigned verdict)
{
	return (verdict & (BAD | GOOD)) == 0 && !one->deleted;
}

/* As much as could be asked for: at the destination, if there is a place. */
static bool
is_verified(unsigned verdict, bool has_place)
{
	unsigned needed = has_place ? VERIFIED_THERE : VERIFIED_SOURCE;

	return (verdict & needed) != 0 && (verdict & BAD) == 0;
}

static void
count(const struct check *one, unsigned verdict, struct verify_result *r)
{
	r->verified += is_verified(verdict, r->has_place);
	r->same_source += (verdict & VERIFIED_SOURCE) != 0;
	r->same_there += (verdict & VERIFIED_THERE) != 0;
	r->changed_source += (verdict & VERIFIED_SOURCE_CHANGED) != 0;
	if (stands(one, r->read_there) != 0) {
		r->stand++;
	} else {
		r->missing += (verdict & VERIFIED_MISSING) != 0;
		r->changed += (verdict & VERIFIED_CHANGED) != 0;
	}
	r->kept += one->listed && (verdict & BAD_THERE) != 0;
	r->unproven += is_unproven(one, verdict);
	r->duplicates += one->copies > 1;
	r->added += one->added;
	if (verdict & VERIFIED_SOURCE_GONE) {
		r->gone_source++;
		r->deleted_source += one->deleted;
	}
}

static const char *
difference_words(const struct check *one)
{
	switch (one->difference) {
	case CONTENT_HEADER:
		return "its header is different, its text the same";
	case CONTENT_BODY:
		return "its text is different, its header the same";
	default:
		return "its header and its text are different";
	}
}

static void
changed_words(const struct check *one, struct buffer *out)
{
	uint64_t there = one->there->sum.octets;
	char now[TEXT_UNIT], then[TEXT_UNIT];

	buffer_add_text(out, "changed at the destination: ");
	if (one->compared)
		buffer_addf(out, "%s, ", difference_words(one));
	text_count(there, now);
	if (one->has_digest && there == one->content)
		buffer_addf(out, "as long as what was sent, %s octets", now);
	else if (one->has_digest)
		buffer_addf(out, "%s octets, and %s were sent", now,
		    text_count(one->content, then));
	else
		buffer_addf(out, "%s octets", now);
}

static void
add_words(struct buffer *out, const char *words)
{
	if (out->len > 0)
		buffer_add_text(out, "; ");
	buffer_add_text(out, words);
}

/* NULL: there is nothing to say. */
static char *
words_for(const struct check *one, unsigned verdict, bool read_there)
{
	unsigned before = stands(one, read_there);
	struct buffer out = { 0 };

	if (before & VERIFIED_MISSING)
		add_words(&out, "not at the destination, as it was read last");
	else if (verdict & VERIFIED_MISSING)
		add_words(&out, "not at the destination");
	if (before & VERIFIED_CHANGED)
		add_words(
		    &out, "changed at the destination, as it was read last");
	else if (verdict & VERIFIED_CHANGED)
		changed_words(one, &out);
	if (verdict & VERIFIED_SOURCE_CHANGED)
		add_words(&out, "changed at the source since it was moved");
	if ((verdict & VERIFIED_SOURCE_GONE) && !one->deleted)
		add_words(&out, "not at the source any more");
	if (one->refused != NULL) {
		add_words(&out, "the source does not show it: ");
		buffer_add_text(&out, one->refused);
	}
	if (one->copies > 1)
		buffer_addf(&out, "%s%lu copies at the destination",
		    out.len > 0 ? "; " : "", (unsigned long)one->copies);
	return out.data;
}

static void
name(const struct checks *c, const struct check *one, unsigned verdict,
    struct verify_result *r)
{
	char *words = words_for(one, verdict, r->read_there);
	struct verify_finding *f;

	if (words == NULL)
		return;
	if ((r->finding_count & (r->finding_count - 1)) == 0)
		r->findings = xrealloc(r->findings,
		    r->finding_count ? 2 * r->finding_count : 1,
		    sizeof(*r->findings));
	f = &r->findings[r->finding_count++];
	*f = (struct verify_finding){ .message = one->message,
		.verdict = verdict,
		.grave = (verdict & BAD) != 0 || is_unproven(one, verdict),
		.subject = xstrdup(one->subject ? one->subject : ""),
		.date = one->date,
		.where = xstrdup(one->where ? one->where : ""),
		.words = words };
	buffer_add_slice(&f->uid, check_uid(c, one));
	memcpy(f->id, one->id, sizeof(f->id));
}

static bool
is_sound(const struct check *one, unsigned verdict, bool has_place)
{
	unsigned needed = VERIFIED_SOURCE | (has_place ? VERIFIED_THERE : 0);

	return one->listed && (verdict & needed) == needed &&
	    (verdict & BAD) == 0;
}

static void
list_added(const struct checks *c, char *out, size_t room)
{
	struct buffer list = { 0 };

	for (size_t i = 0; i + 1 < c->added.len; i++)
		if (c->added.data[i] == '\n')
			buffer_add_text(&list, ", ");
		else
			buffer_add(&list, &c->added.data[i], 1);
	text_harmless(buffer_slice(&list), out, room);
	buffer_free(&list);
}

/*
 * With the same UID they can only be told apart by their order: they are
 * deleted together, or not at all.
 */
static void
keep_bound(struct checks *c, struct verify_result *r)
{
	size_t end;

	for (size_t from = 0; from < c->count; from = end) {
		struct slice uid = check_uid(c, &c->list[c->by_uid[from]]);
		bool all = true;

		for (end = from; end < c->count &&
		     slice_equal(check_uid(c, &c->list[c->by_uid[end]]), uid);
		     end++) {
			const struct check *one = &c->list[c->by_uid[end]];

			all = all && (one->sound || !one->listed);
		}
		for (size_t i = from; i < end && !all; i++) {
			r->bound += c->list[c->by_uid[i]].sound;
			c->list[c->by_uid[i]].sound = false;
		}
	}
}

void
checks_judge(struct checks *c, struct verify_result *r)
{
	r->sound = xcalloc(c->moved ? c->moved : 1, sizeof(*r->sound));
	for (size_t i = 0; i < c->count; i++) {
		struct check *one = &c->list[i];
		unsigned verdict;

		if (one->kind != CHECK_MOVED)
			continue;
		verdict = check_verdict(one, r->read_source, r->read_there);
		count(one, verdict, r);
		name(c, one, verdict, r);
		one->sound = is_sound(one, verdict, r->has_place);
	}
	keep_bound(c, r);
	for (size_t i = 0; i < c->count; i++)
		if (c->list[i].sound)
			r->sound[r->sound_count++] = c->list[i].message;
	list_added(c, r->added_names, sizeof(r->added_names));
}
