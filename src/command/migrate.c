/* postrider migrate: move whole mailboxes, and prove that they are moved. */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "command/command.h"
#include "command/moving.h"
#include "command/session.h"
#include "migrate/url.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

/* How long what fails for now is tried again, unless that is said. */
#define PATIENCE_MS (60 * 1000)
#define PATIENCE_MOST_S (7 * 86400)

/* Where the mailboxes stand. */
enum origin {
	ORIGIN_SETTINGS, /* accounts of the settings */
	ORIGIN_URLS, /* one, on the command line */
	ORIGIN_LIST
};

static enum origin
origin_of(const struct invocation *in)
{
	if (in->migrate.list != NULL)
		return ORIGIN_LIST;
	return in->arg_count > 0 && url_is(in->args[0]) ? ORIGIN_URLS
							: ORIGIN_SETTINGS;
}

/* --- the command line --- */

static int
wrong(const char *words)
{
	log_error("migrate: %s", words);
	return EX_USAGE;
}

static int
check_arguments(const struct invocation *in)
{
	switch (origin_of(in)) {
	case ORIGIN_URLS:
		return in->arg_count >= 3
		    ? EX_OK
		    : wrong("after the source come its destination, a URL, and "
			    "the recipient: migrate pop3s://USER@HOST "
			    "smtps://HOST ann@example.org");
	case ORIGIN_LIST:
		if (in->arg_count > 1)
			return wrong("beside --list there is room for one "
				     "destination only");
		if (in->arg_count == 1 && !url_is(in->args[0]))
			return wrong("beside --list only a destination can be "
				     "named, a URL");
		return EX_OK;
	case ORIGIN_SETTINGS:
		break;
	}
	return EX_OK;
}

/* What the settings say of their accounts is not said here. */
static int
check_secrets(const struct invocation *in)
{
	const struct migrate_options *o = &in->migrate;

	if (origin_of(in) == ORIGIN_SETTINGS &&
	    (o->password_file != NULL || o->password_command != NULL ||
		o->destination_password_file != NULL ||
		o->destination_password_command != NULL))
		return wrong("the passwords of accounts in the settings stand "
			     "there, too");
	if ((o->password_file != NULL && o->password_command != NULL) ||
	    (o->destination_password_file != NULL &&
		o->destination_password_command != NULL) ||
	    (o->at_password_file != NULL && o->at_password_command != NULL))
		return wrong("of a file and a command for the same password "
			     "keep one");
	return EX_OK;
}

static int
check_options(const struct invocation *in)
{
	const struct migrate_options *o = &in->migrate;

	if (o->report_count > REPORTS_MAX)
		return wrong("so many reports are not to be had at once");
	if (in->json && o->report_count > 0)
		for (size_t i = 0; i < o->report_count; i++)
			if (strcmp(o->reports[i], "-") == 0)
				return wrong("--json and --report - cannot "
					     "both go to standard output");
	if (in->yes && !o->delete_source)
		return wrong("--yes is the answer to --delete-source, which "
			     "is missing");
	if (o->at != NULL && !o->verify && !o->delete_source)
		return wrong("--at says where --verify can read the "
			     "destination: one of both is missing");
	if (o->delete_source && !in->yes &&
	    (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)))
		return wrong("nobody can be asked here whether to delete: "
			     "--delete-source needs a terminal, or --yes");
	return EX_OK;
}

static int
take_amounts(struct moving *m)
{
	const struct migrate_options *o = &m->in->migrate;
	uint64_t rate;
	int64_t patience;

	if (o->rate != NULL) {
		if (text_size(slice_of(o->rate), &rate) < 0 || rate == 0 ||
		    rate > (uint64_t)1 << 40)
			return wrong("--rate takes octets a second with their "
				     "unit, like 500K or 2M");
		throttle_new(&m->throttle, rate, clock_monotonic_ms());
	}
	m->patience_ms = PATIENCE_MS;
	if (o->patience != NULL) {
		if (text_duration(slice_of(o->patience), &patience) < 0 ||
		    patience > PATIENCE_MOST_S)
			return wrong("--patience takes a time with its unit, "
				     "like 30s or 8h, or 0");
		m->patience_ms = patience * 1000;
	}
	return EX_OK;
}

/* --- settings --- */

static int
show_problems(struct buffer *problems, const struct error *e)
{
	char *rest = problems->data, *line;

	while (rest != NULL && (line = strsep(&rest, "\n")) != NULL)
		if (*line != '\0')
			log_error("%s", line);
	if (problems->len == 0 && e->kind != ERR_NONE)
		log_error("%s", e->text);
	buffer_free(problems);
	return EX_CONFIG;
}

static void
take_usual(const struct invocation *in, struct boxes_usual *usual)
{
	const struct migrate_options *o = &in->migrate;

	*usual = (struct boxes_usual){
		.at = o->at,
		.source = { NULL, o->password_file, o->password_command },
		.target = { NULL, o->destination_password_file,
		    o->destination_password_command },
		.place = { NULL, o->at_password_file, o->at_password_command },
	};
}

/* Paths of the command line are beside nobody's file. */
static void
make_absolute(struct boxes_secret *s, char **owned)
{
	if (s->file == NULL)
		return;
	*owned = boxes_path(NULL, s->file);
	s->file = *owned;
}

static int
read_boxes(const struct invocation *in, struct boxes *b,
    const struct boxes_usual *usual, struct problems *p)
{
	const char *const *args = (const char *const *)in->args;

	return origin_of(in) == ORIGIN_URLS
	    ? boxes_from_urls(b, args[0], args + 2, usual, p)
	    : boxes_from_list(b, in->migrate.list, usual, p);
}

/* A ledger of its own, so that it works beside a daemon. */
static int
settings_of_boxes(struct moving *m, struct boxes *b)
{
	char *files[3] = { NULL, NULL, NULL };
	struct buffer problems = { 0 };
	struct problems noted = { 0 };
	struct error e = { 0 };
	struct boxes_usual usual;
	int rc;

	take_usual(m->in, &usual);
	make_absolute(&usual.source, &files[0]);
	make_absolute(&usual.target, &files[1]);
	make_absolute(&usual.place, &files[2]);
	if (origin_of(m->in) == ORIGIN_URLS)
		usual.destination = m->in->args[1];
	else if (m->in->arg_count == 1)
		usual.destination = m->in->args[0];
	rc = read_boxes(m->in, b, &usual, &noted);
	problems_write(&noted, &problems);
	problems_free(&noted);
	if (rc == 0)
		rc = boxes_settings(
		    b, &m->settings, m->in->state, &problems, &e);
	for (int i = 0; i < 3; i++)
		free(files[i]);
	if (rc < 0)
		return show_problems(&problems, &e);
	buffer_free(&problems);
	m->state = xasprintf("%s/migrate", m->settings->state);
	m->by_urls = true;
	return EX_OK;
}

static int
read_all_settings(
    struct moving *m, struct boxes *b, const struct account ***accounts)
{
	struct invocation all = *m->in;
	int status;

	if (origin_of(m->in) == ORIGIN_SETTINGS) {
		status = command_settings(m->in, &m->settings);
		if (status == EX_OK)
			status = command_become(m->in, &m->settings);
		if (status == EX_OK)
			m->state = xstrdup(m->settings->state);
	} else {
		status = settings_of_boxes(m, b);
		all.arg_count = 0;
	}
	if (status != EX_OK)
		return status;
	*accounts = command_accounts(&all, m->settings);
	return *accounts != NULL ? EX_OK : EX_USAGE;
}

/* --- what becomes of them --- */

static char *
destination_words(const struct settings *s, const struct account *a)
{
	const struct destination *d = settings_destination(s, a->destination);
	const char *host = d->at.host != NULL ? d->at.host : d->at.path;

	return xasprintf("%s%s at %s", a->recipients[0],
	    a->recipients[1] != NULL ? " and others" : "", host);
}

/* By which it is known again. */
static char *
target_words(const struct settings *s, const struct account *a)
{
	const struct destination *d = settings_destination(s, a->destination);
	struct buffer out = { 0 };

	for (size_t i = 0; a->recipients[i] != NULL; i++)
		buffer_addf(&out, "%s%s", i > 0 ? ", " : "", a->recipients[i]);
	if (d->at.path != NULL)
		buffer_addf(&out, " at %s", d->at.path);
	else
		buffer_addf(&out, " at %s:%u", d->at.host, d->at.port);
	return out.data;
}

/* Everything is moved, and nothing deleted. */
static void
fill_box(struct moving *m, struct moved_box *b, const struct account *a)
{
	b->account = *a;
	b->account.first = FIRST_ALL;
	b->account.fetch_limit = 0;
	b->account.after = AFTER_KEEP;
	b->account.ordered = a->ordered || m->in->migrate.ordered;
	b->from = xasprintf("%s at %s", a->login.user, a->at.host);
	b->to = destination_words(m->settings, a);
	b->target = target_words(m->settings, a);
}

static void
fill_boxes(struct moving *m, const struct account **accounts)
{
	while (accounts[m->count] != NULL)
		m->count++;
	m->list = xcalloc(m->count, sizeof(*m->list));
	m->accounts = xcalloc(m->count + 1, sizeof(*m->accounts));
	for (size_t i = 0; i < m->count; i++) {
		fill_box(m, &m->list[i], accounts[i]);
		m->accounts[i] = &m->list[i].account;
	}
}

static struct there_wish
wish_of(const struct moving *m, const struct boxes *b, size_t i)
{
	const struct migrate_options *o = &m->in->migrate;
	struct there_wish w = {
		.pattern = o->at,
		.secret = { NULL, o->at_password_file, o->at_password_command },
		.file = "command line",
		.mode = 0600,
		.owner = geteuid(),
	};

	if (origin_of(m->in) == ORIGIN_LIST) {
		const struct box_place *p = &b->places[i];

		w = (struct there_wish){
			.pattern = p->at,
			.secret = { p->password, p->password_file,
			    p->password_command },
			.file = b->file,
			.path = b->path,
			.line = p->line,
			.mode = b->mode,
			.owner = b->owner,
		};
	}
	if (!o->verify && !o->delete_source)
		w.pattern = NULL;
	return w;
}

static int
find_places(struct moving *m, const struct boxes *b)
{
	struct there_wish *wishes = xcalloc(m->count, sizeof(*wishes));
	struct buffer problems = { 0 };
	struct error none = { 0 };
	int rc;

	for (size_t i = 0; i < m->count; i++)
		wishes[i] = wish_of(m, b, i);
	rc = there_make(&m->there, m->accounts, wishes, m->count, &problems);
	for (size_t i = 0; i < m->count; i++)
		m->list[i].at = m->there.words[i];
	free(wishes);
	if (rc < 0)
		return show_problems(&problems, &none);
	buffer_free(&problems);
	return EX_OK;
}

/* --- the work --- */

static int
fail(struct moving *m, const struct error *e)
{
	polls_worse(&m->polls, command_fail(e));
	return -1;
}

static void
say_sum(const struct moving *m)
{
	struct buffer line = { 0 };

	if (m->in->quiet || m->in->json || m->count < 2)
		return;
	moved_sum(m, &line);
	progress_print(line.data);
	buffer_free(&line);
}

static void
prove(struct moving *m)
{
	const struct migrate_options *o = &m->in->migrate;
	struct error e = { 0 };

	if (!o->verify && !o->delete_source)
		return;
	if (proving_run(m, &e) < 0 ||
	    (o->delete_source && stop_level(m->stop) == STOP_NO &&
		proving_delete(m, &e) < 0))
		fail(m, &e);
}

static int
work(void *arg, const struct stop *stop)
{
	struct moving *m = arg;
	struct error e = { 0 };

	m->stop = stop;
	if (polls_open(&m->polls, stop, &e) < 0 || moving_run(m, &e) < 0)
		fail(m, &e);
	if (m->polls.ledger != NULL) {
		say_sum(m);
		if (stop_level(stop) == STOP_NO && !m->polls.ledger_failed)
			prove(m);
		polls_worse(&m->polls, moved_report(m));
	}
	polls_close(&m->polls);
	if (m->in->json)
		moved_json(m);
	return m->polls.status;
}

static void
tick(void *arg)
{
	struct moving *m = arg;

	progress_show(m->polls.progress, m->polls.count);
}

static int
move(struct moving *m)
{
	int status;

	moving_begin(m);
	polls_prepare(&m->polls);
	progress_lines();
	status = session_run(work, tick, m);
	polls_release(&m->polls);
	return status;
}

static void
release(struct moving *m)
{
	for (size_t i = 0; i < m->count; i++) {
		struct moved_box *b = &m->list[i];

		free(b->from);
		free(b->to);
		free(b->target);
		free(b->went);
		verify_result_free(&b->result);
	}
	there_free(&m->there);
	throttle_free(&m->throttle);
	settings_free(&m->settings);
	free(m->accounts);
	free(m->list);
	free(m->state);
}

static int
run(const struct invocation *in)
{
	const struct account **accounts = NULL;
	struct moving m = { .in = in };
	struct boxes boxes = { 0 };
	int status = check_arguments(in);

	if (status == EX_OK)
		status = check_secrets(in);
	if (status == EX_OK)
		status = check_options(in);
	if (status == EX_OK)
		status = take_amounts(&m);
	if (status == EX_OK)
		status = read_all_settings(&m, &boxes, &accounts);
	if (status == EX_OK) {
		fill_boxes(&m, accounts);
		status = find_places(&m, &boxes);
	}
	boxes_free(&boxes);
	if (status == EX_OK)
		status = moved_try_reports(&m);
	if (status == EX_OK)
		status = move(&m);
	free(accounts);
	release(&m);
	return status;
}

const struct command command_migrate = {
	.name = "migrate",
	.synopsis = "[ACCOUNT…] | SOURCE DESTINATION RECIPIENT… |\n"
		    "                         --list FILE [DESTINATION]",
	.summary = "move whole mailboxes, and prove that they are moved",
	.help =
	    "Everything in the mailboxes goes to their destinations, oldest "
	    "first, and\n"
	    "nothing is deleted. Run again it goes on where it was, whatever "
	    "ended it.\n"
	    "The mailboxes are accounts of the settings; or a source, as a "
	    "URL like\n"
	    "pop3s://ann%40old.example@pop.old.example, with its destination, "
	    "like\n"
	    "smtps://relay.new.example, and recipient; or those of a list, "
	    "CSV with the\n"
	    "columns source, password_file, destination, recipient and "
	    "others.\n"
	    "With --verify all of it is read once more and compared, at the "
	    "source and,\n"
	    "with --at, at the destination; each message that is missing or "
	    "changed is\n"
	    "named. --delete-source deletes what is proven, after a "
	    "question.\n",
	.options = COMMAND_JSON | COMMAND_NEW_LEDGER | COMMAND_SAME_MAILBOX |
	    COMMAND_OTHER_MAIL | COMMAND_YES | COMMAND_MIGRATE,
	.run = run,
};
