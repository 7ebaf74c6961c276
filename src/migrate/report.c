/* report.c - see report.h. */
#include "migrate/report.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/text.h"
#include "ledger/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BAD (VERIFIED_SOURCE_CHANGED | VERIFIED_MISSING | VERIFIED_CHANGED)
#define OF_PLACE (VERIFIED_THERE | VERIFIED_MISSING | VERIFIED_CHANGED)

/* --- a mailbox --- */

struct reading {
	struct report *r;
	struct report_mailbox *m;
	const struct report_source *source; /* borrowed */
	uint64_t present; /* rows of messages that may be at the source */
	/* Of the moved ones: verified as far as the one side goes, and both. */
	uint64_t same_source, same_there;
	uint64_t owed; /* deleted, or to be */
	size_t moment_room;
};

static void
add_moment(struct reading *g, int64_t when, uint64_t octets)
{
	struct report *r = g->r;
	struct report_moment *last =
	    r->moment_count ? &r->moments[r->moment_count - 1] : NULL;

	if (last == NULL || last->when != when) {
		if (r->moment_count == g->moment_room) {
			g->moment_room =
			    g->moment_room ? 2 * g->moment_room : 256;
			r->moments = xrealloc(
			    r->moments, g->moment_room, sizeof(*r->moments));
		}
		last = &r->moments[r->moment_count++];
		*last = (struct report_moment){ .when = when };
	}
	last->messages++;
	last->octets += octets;
}

static struct report_message *
append(struct report_message **list, size_t *count)
{
	if ((*count & (*count - 1)) == 0)
		*list =
		    xrealloc(*list, *count ? 2 * *count : 1, sizeof(**list));
	(*list)[*count] = (struct report_message){ .date = -1 };
	return &(*list)[(*count)++];
}

/* One line that no terminal obeys. */
static char *
copy_of(const char *text)
{
	size_t room = text != NULL ? strlen(text) + 1 : 1;
	char *copy = xcalloc(1, room);

	if (text != NULL)
		text_harmless(slice_of(text), copy, room);
	return copy;
}

static void
describe(struct report_message *m, const struct proof *p, const char *words)
{
	buffer_add_slice(&m->uid, p->uid);
	snprintf(m->id, sizeof(m->id), "%s", p->trace);
	m->state = p->state;
	m->verdict = p->verdict;
	m->octets = p->octets;
	m->since = p->since;
	m->subject = xstrdup("");
	m->where = xstrdup("");
	m->words = copy_of(words);
}

static const char *
verdict_words(unsigned verdict)
{
	if (verdict & VERIFIED_MISSING)
		return "not at the destination";
	if (verdict & VERIFIED_CHANGED)
		return "changed at the destination";
	return "changed at the source since it was moved";
}

/* What the last verification of it came to, whenever that was. */
static void
take_verdict(struct reading *g, const struct proof *p)
{
	struct report_mailbox *m = g->m;
	struct report_message *f;

	if (p->verified == 0)
		return;
	if (p->verified > m->verified_at)
		m->verified_at = p->verified;
	m->there = m->there || (p->verdict & OF_PLACE) != 0;
	m->missing += (p->verdict & VERIFIED_MISSING) != 0;
	m->changed += (p->verdict & VERIFIED_CHANGED) != 0;
	m->changed_source += (p->verdict & VERIFIED_SOURCE_CHANGED) != 0;
	if ((p->verdict & BAD) == 0) {
		g->same_source += (p->verdict & VERIFIED_SOURCE) != 0;
		g->same_there += (p->verdict & VERIFIED_THERE) != 0;
		return;
	}
	/* Just now, and told with more words. */
	if (g->source->verified != NULL &&
	    p->verified >= g->source->verified->began)
		return;
	f = append(&m->findings, &m->finding_count);
	describe(f, p, verdict_words(p->verdict));
	f->grave = true;
}

static void
take_moved(struct reading *g, const struct proof *p)
{
	struct report_mailbox *m = g->m;
	uint64_t octets = p->has_digest ? p->content : p->octets;

	m->moved++;
	m->moved_octets += octets;
	m->deleted += p->state == STATE_GONE && p->before == STATE_DELETE_OWED;
	g->owed += p->state == STATE_DELETE_OWED;
	if (p->delivered > 0) {
		if (m->first == 0 || p->delivered < m->first)
			m->first = p->delivered;
		if (p->delivered > m->last)
			m->last = p->delivered;
		add_moment(g, p->delivered, octets);
	}
	take_verdict(g, p);
}

static void
take_stuck(struct reading *g, const struct proof *p)
{
	struct report_mailbox *m = g->m;

	describe(append(&m->held_list, &m->held_count), p, p->reply);
}

static int
take(void *arg, const struct proof *p, struct error *e)
{
	struct reading *g = arg;
	struct report_mailbox *m = g->m;
	bool gone = p->state == STATE_GONE;

	(void)e;
	g->present += !gone && p->state != STATE_DELETE_OWED;
	switch (gone ? p->before : p->state) {
	case STATE_DELIVERED:
	case STATE_DELETE_OWED:
		take_moved(g, p);
		break;
	case STATE_HELD:
		if (gone)
			break;
		m->held++;
		m->held_octets += p->octets;
		take_stuck(g, p);
		break;
	case STATE_NEW:
	case STATE_IN_DOUBT:
	case STATE_DEFERRED:
		if (gone)
			break;
		m->waiting++;
		m->waiting_octets += p->octets;
		take_stuck(g, p);
		break;
	case STATE_SEEN:
		m->seen += !gone;
		break;
	case STATE_REPORT_OWED:
	case STATE_REJECTED:
		m->rejected++;
		take_stuck(g, p);
		break;
	case STATE_DROPPED:
		m->dropped++;
		break;
	case STATE_GONE:
		break;
	}
	return 0;
}

static void
note_unread(struct report_mailbox *m, const char *side, const struct error *e)
{
	char *words;

	if (e->kind == ERR_NONE || m->unread[0] != '\0')
		return;
	words = xasprintf("%s could not be read: %s", side, e->text);
	free(m->unread);
	m->unread = copy_of(words);
	free(words);
}

/* What was found just now, in more words than the ledger keeps. */
static void
take_findings(struct report_mailbox *m, const struct verify_result *v)
{
	for (size_t i = 0; i < v->finding_count; i++) {
		const struct verify_finding *from = &v->findings[i];
		struct report_message *to =
		    append(&m->findings, &m->finding_count);

		buffer_add_slice(&to->uid, buffer_slice(&from->uid));
		memcpy(to->id, from->id, sizeof(to->id));
		to->state = STATE_DELIVERED;
		to->verdict = from->verdict;
		to->grave = from->grave;
		to->date = from->date;
		to->subject = xstrdup(from->subject);
		to->where = xstrdup(from->where);
		to->words = copy_of(from->words);
	}
	note_unread(m, "the destination", &v->there_error);
	note_unread(m, "the source", &v->source_error);
	m->duplicates = v->duplicates;
	m->added = v->added;
	m->unproven = v->unproven;
	free(m->added_names);
	m->added_names = xstrdup(v->added_names);
}

/* Those of a rank stay in their order. */
static void
sort_findings(struct report_mailbox *m)
{
	struct report_message *sorted =
	    xcalloc(m->finding_count ? m->finding_count : 1, sizeof(*sorted));
	size_t n = 0;

	for (int rank = 0; rank < RANKS; rank++) {
		if (rank == RANK_NOTE)
			m->fault_count = n;
		for (size_t i = 0; i < m->finding_count; i++) {
			const struct report_message *f = &m->findings[i];

			if ((int)verify_rank(f->verdict, f->grave) == rank)
				sorted[n++] = *f;
		}
	}
	free(m->findings);
	m->findings = sorted;
}

static void
set_trouble(struct report_mailbox *m, const char *words)
{
	free(m->trouble);
	m->trouble = copy_of(words);
}

/* How its last poll ended, unless the caller knows better. */
static void
take_standing(struct reading *g, const struct standing *s)
{
	struct report_mailbox *m = g->m;
	const char *trouble = g->source->trouble;
	uint64_t there = s->to_delete + s->bound;
	uint64_t present = g->present + there;

	/* DELE was sent for the others, and QUIT answered. */
	if (g->owed > there)
		m->deleted += g->owed - there;
	if (s->in_mailbox > present)
		m->waiting += s->in_mailbox - present;
	if (trouble != NULL)
		set_trouble(m, trouble);
	else if (s->last_started > s->last_ended)
		set_trouble(m,
		    "the last run was cut off, or has not ended yet: run it "
		    "again");
	else if (s->error_kind[0] != '\0')
		set_trouble(m, s->error_text);
}

static int
read_mailbox(struct reading *g, struct reader *reader, struct error *e)
{
	const struct account *a = g->source->account;
	struct report_mailbox *m = g->m;
	struct standing s = { 0 };
	int64_t account = 0;

	if (reader_account(reader, a->name, a->at.host, a->login.user, NULL,
		&account, e) < 0) {
		if (e->kind != ERR_QUESTION)
			return -1;
		set_trouble(m, e->text);
		error_clear(e);
		return 0;
	}
	m->known = account != 0;
	if (m->known && reader_proofs(reader, account, take, g, e) < 0)
		return -1;
	if (reader_standing(reader, a->name, &s, e) < 0)
		return -1;
	take_standing(g, &s);
	m->verified = m->there ? g->same_there : g->same_source;
	if (g->source->verified != NULL)
		take_findings(m, g->source->verified);
	sort_findings(m);
	return 0;
}

static void
begin_mailbox(struct report_mailbox *m, const struct report_source *s)
{
	*m = (struct report_mailbox){ .name = copy_of(s->account->name),
		.from = copy_of(s->from),
		.to = copy_of(s->to),
		.at = copy_of(s->at),
		.trouble = copy_of(s->trouble),
		.unread = copy_of(s->unverified),
		.added_names = copy_of("") };
}

bool
report_is_troubled(const struct report_mailbox *m)
{
	return m->held + m->waiting + m->rejected + m->missing + m->changed +
		m->changed_source + m->unproven >
	    0 ||
	    m->trouble[0] != '\0' || m->unread[0] != '\0';
}

/* --- all of them --- */

static void
add_up(struct report *r)
{
	struct report_mailbox *all = &r->all;
	bool in_part = false;

	for (size_t i = 0; i < r->count; i++) {
		const struct report_mailbox *m = &r->list[i];

		all->moved += m->moved;
		all->moved_octets += m->moved_octets;
		all->held += m->held;
		all->held_octets += m->held_octets;
		all->waiting += m->waiting;
		all->waiting_octets += m->waiting_octets;
		all->seen += m->seen;
		all->rejected += m->rejected;
		all->dropped += m->dropped;
		all->deleted += m->deleted;
		all->verified += m->verified;
		all->missing += m->missing;
		all->changed += m->changed;
		all->changed_source += m->changed_source;
		all->unproven += m->unproven;
		all->duplicates += m->duplicates;
		all->added += m->added;
		in_part = in_part || (m->verified_at > 0 && !m->there);
		if (m->first > 0 && (all->first == 0 || m->first < all->first))
			all->first = m->first;
		if (m->last > all->last)
			all->last = m->last;
		if (m->verified_at > all->verified_at)
			all->verified_at = m->verified_at;
	}
	all->there = all->verified_at > 0 && !in_part;
}

static int
by_time(const void *a, const void *b)
{
	const struct report_moment *x = a, *y = b;

	return (x->when > y->when) - (x->when < y->when);
}

/* Each second once, in order. */
static void
sort_moments(struct report *r)
{
	size_t n = 0;

	if (r->moment_count == 0)
		return;
	qsort(r->moments, r->moment_count, sizeof(*r->moments), by_time);
	for (size_t i = 1; i < r->moment_count; i++) {
		if (r->moments[i].when != r->moments[n].when) {
			r->moments[++n] = r->moments[i];
			continue;
		}
		r->moments[n].messages += r->moments[i].messages;
		r->moments[n].octets += r->moments[i].octets;
	}
	r->moment_count = n + 1;
}

static struct report_run *
begin_run(struct report *r, size_t moment)
{
	size_t n = r->run_count;

	if ((n & (n - 1)) == 0)
		r->runs = xrealloc(r->runs, n ? 2 * n : 1, sizeof(*r->runs));
	r->runs[n] = (struct report_run){ .first = r->moments[moment].when,
		.from = moment };
	r->run_count++;
	return &r->runs[n];
}

static void
find_runs(struct report *r)
{
	struct report_run *run = NULL;

	for (size_t i = 0; i < r->moment_count; i++) {
		const struct report_moment *at = &r->moments[i];

		if (run == NULL || at->when - run->last >= REPORT_PAUSE_S)
			run = begin_run(r, i);
		run->last = at->when;
		run->messages += at->messages;
		run->octets += at->octets;
		run->count++;
	}
	for (size_t i = 0; i < r->run_count; i++)
		r->took_s += r->runs[i].last - r->runs[i].first + 1;
}

int
report_read(struct report *r, const char *state_dir,
    const struct report_source *list, size_t count, struct error *e)
{
	struct reading g = { .r = r };
	struct reader *reader;
	int rc = 0;

	*r = (struct report){ .made = clock_wall() };
	if (reader_open(&reader, state_dir, e) < 0)
		return -1;
	r->list = xcalloc(count ? count : 1, sizeof(*r->list));
	for (size_t i = 0; rc == 0 && i < count; i++) {
		g = (struct reading){ .r = r,
			.m = &r->list[i],
			.source = &list[i],
			.moment_room = g.moment_room };
		begin_mailbox(g.m, g.source);
		r->count++;
		rc = read_mailbox(&g, reader, e);
	}
	reader_free(&reader);
	if (rc < 0) {
		report_free(r);
		return -1;
	}
	add_up(r);
	sort_moments(r);
	find_runs(r);
	return 0;
}

static void
free_messages(struct report_message *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		buffer_free(&list[i].uid);
		free(list[i].subject);
		free(list[i].where);
		free(list[i].words);
	}
	free(list);
}

void
report_free(struct report *r)
{
	for (size_t i = 0; i < r->count; i++) {
		struct report_mailbox *m = &r->list[i];

		free(m->name);
		free(m->from);
		free(m->to);
		free(m->at);
		free(m->trouble);
		free(m->unread);
		free(m->added_names);
		free_messages(m->held_list, m->held_count);
		free_messages(m->findings, m->finding_count);
	}
	free(r->list);
	free(r->moments);
	free(r->runs);
	*r = (struct report){ 0 };
}

/* --- into a file --- */

static bool
ends_with(const char *path, const char *suffix)
{
	size_t len = strlen(path), n = strlen(suffix);

	return len > n &&
	    slice_is_nocase(slice_make(path + len - n, n), suffix);
}

static void
write_document(const struct report *r, const char *path, struct buffer *out)
{
	if (ends_with(path, ".html") || ends_with(path, ".htm"))
		report_html(r, out);
	else if (ends_with(path, ".json"))
		report_json(r, out);
	else
		report_text(r, out);
}

static int
write_all(int fd, struct slice s)
{
	while (s.len > 0) {
		ssize_t n = write(fd, s.data, s.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		s = slice_skip(s, (size_t)n);
	}
	return 0;
}

static int
cannot_write(const char *path, struct error *e)
{
	return error_set(e, ERR_SYSTEM, "cannot write the report to %.200s: %s",
	    path, strerror(errno));
}

/* *temporary: the path of the file. Returns it open, or -1 with errno. */
static int
open_beside(const char *path, char **temporary)
{
	*temporary = xasprintf("%s.XXXXXX", path);
	return mkostemp(*temporary, O_CLOEXEC);
}

/* It would take the place of a device, and cannot take that of a folder. */
static int
check_place(const char *path, struct error *e)
{
	struct stat st;

	if (stat(path, &st) < 0 || S_ISREG(st.st_mode))
		return 0;
	return error_set(e, ERR_SYSTEM,
	    "cannot write the report to %.200s: that is %s", path,
	    S_ISDIR(st.st_mode) ? "a folder; name a file in it"
				: "no ordinary file");
}

int
report_try(const char *path, struct error *e)
{
	char *temporary;
	int fd, rc = 0;

	if (strcmp(path, "-") == 0)
		return 0;
	if (check_place(path, e) < 0)
		return -1;
	fd = open_beside(path, &temporary);
	if (fd < 0) {
		rc = cannot_write(path, e);
	} else {
		close(fd);
		unlink(temporary);
	}
	free(temporary);
	return rc;
}

/* Whole, or not at all: whoever looks finds the old one or the new one. */
static int
put_in_place(const char *path, struct slice document, struct error *e)
{
	char *temporary;
	int fd = open_beside(path, &temporary);
	int rc = 0;

	if (fd < 0) {
		rc = cannot_write(path, e);
	} else if (write_all(fd, document) < 0 || fsync(fd) < 0 ||
	    rename(temporary, path) < 0) {
		rc = cannot_write(path, e);
		unlink(temporary);
	}
	if (fd >= 0)
		close(fd);
	free(temporary);
	return rc;
}

int
report_write(const struct report *r, const char *path, struct error *e)
{
	struct buffer out = { 0 };
	int rc = 0;

	write_document(r, path, &out);
	if (strcmp(path, "-") == 0) {
		if (fwrite(out.data, 1, out.len, stdout) < out.len)
			rc = cannot_write("standard output", e);
	} else {
		rc = put_in_place(path, buffer_slice(&out), e);
	}
	buffer_free(&out);
	return rc;
}
