/* held_save.c - `held save`: a message, as the mailbox has it, into a file. */
#include "command/held.h"

#include "base/alloc.h"
#include "base/log.h"
#include "command/session.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

struct saving {
	const struct ground *ground;
	struct pick pick;
	const char *file; /* NULL: standard output */
	int fd; /* owned unless it is standard output */
	uint64_t octets; /* written */
	bool write_failed;
	bool quiet;
};

static const char *
target(const struct saving *s)
{
	return s->file != NULL ? s->file : "standard output";
}

static int
write_failed(struct saving *s, struct error *e)
{
	s->write_failed = true;
	return error_set(e, ERR_SYSTEM, "%s: %s", target(s), strerror(errno));
}

static int
take(void *arg, struct slice content, struct error *e)
{
	struct saving *s = arg;
	ssize_t n;

	while (content.len > 0) {
		n = write(s->fd, content.data, content.len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return write_failed(s, e);
		s->octets += (size_t)n;
		content = slice_skip(content, (size_t)n);
	}
	return 0;
}

/* So that the file's name is on disk too. */
static int
sync_folder(struct saving *s, struct error *e)
{
	char *path = xstrdup(s->file);
	int fd = open(dirname(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = 0;

	free(path);
	/* A folder that cannot be read, or synced, is its owner's choice. */
	if (fd < 0)
		return 0;
	if (fsync(fd) < 0 && errno != EINVAL)
		rc = write_failed(s, e);
	close(fd);
	return rc;
}

/* The owner may give the message up next: it must be on disk by then. */
static int
target_finish(struct saving *s, struct error *e)
{
	int rc;

	if (s->file == NULL)
		return 0;
	if (fsync(s->fd) < 0)
		return write_failed(s, e);
	rc = close(s->fd);
	s->fd = -1;
	return rc < 0 ? write_failed(s, e) : sync_folder(s, e);
}

static void
size_compare(const struct pick *p, const struct listing_entry *listed)
{
	if (p->known.octets != 0 && listed->octets != 0 &&
	    p->known.octets != listed->octets)
		log_warning("%s: message %" PRId64 " had %" PRIu64
			    " octets, and the mailbox lists it with %" PRIu64
			    ": perhaps another message",
		    p->account, p->known.message, p->known.octets,
		    listed->octets);
}

/* *listed: false when the mailbox has it no longer, which is an error too. */
static int
fetch(struct saving *s, const struct stop *stop, bool *listed, struct error *e)
{
	const struct listing_entry *found = NULL;
	struct peep *peep;
	int rc = -1;

	if (held_peep(&peep, s->ground, &s->pick, stop, e) < 0)
		return -1;
	if (peep_find(peep, s->pick.known.uid, s->pick.known.copy, &found, e) <
	    0)
		goto out;
	*listed = found != NULL;
	if (found == NULL)
		goto out;
	size_compare(&s->pick, found);
	rc = peep_content(peep, found, take, s, e);
	if (rc == 0)
		rc = listing_check_whole(found, s->octets, e);
out:
	peep_close(&peep);
	return rc;
}

static int
save(void *arg, const struct stop *stop)
{
	struct saving *s = arg;
	struct error e = { 0 };
	bool listed = true;

	if (fetch(s, stop, &listed, &e) == 0 && target_finish(s, &e) == 0) {
		if (!s->quiet)
			fprintf(s->file != NULL ? stdout : stderr,
			    "message %" PRId64 ": %" PRIu64
			    " octets written to %s\n",
			    s->pick.known.message, s->octets, target(s));
		return EX_OK;
	}
	if (s->file != NULL && unlink(s->file) < 0)
		log_error("%s: cannot be removed, though it is not whole: %s",
		    s->file, strerror(errno));
	if (!listed) {
		log_error("%s: message %" PRId64
			  " is no longer listed in the mailbox",
		    s->pick.account, s->pick.known.message);
		return EX_DATAERR;
	}
	if (s->write_failed) {
		command_fail(&e);
		return EX_IOERR;
	}
	return command_fail_at(s->pick.account, &e);
}

/* Before anything is asked: an existing file is refused at once. */
static int
target_open(struct saving *s)
{
	s->fd = STDOUT_FILENO;
	if (s->file == NULL && isatty(s->fd)) {
		log_error("a message may command the terminal: name a file, or "
			  "a pipe as in \"… save %" PRId64 " - | less\"",
		    s->pick.known.message);
		return EX_USAGE;
	}
	if (s->file == NULL)
		return EX_OK;
	s->fd = open(s->file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
	    S_IRUSR | S_IWUSR);
	if (s->fd >= 0)
		return EX_OK;
	if (errno == EEXIST)
		log_error("%s exists already and is left as it is: name "
			  "another file",
		    s->file);
	else
		log_error("%s: %s", s->file, strerror(errno));
	return EX_CANTCREAT;
}

static int
pick_read(struct saving *s, const char *word)
{
	struct reader *reader = NULL;
	struct error e = { 0 };
	int status;

	if (reader_open(&reader, s->ground->state, &e) < 0)
		return command_fail(&e);
	status = held_pick(reader, word, &s->pick);
	reader_free(&reader);
	return status;
}

int
held_save(const struct invocation *in, const struct ground *ground)
{
	struct saving s = { .ground = ground, .quiet = in->quiet };
	int status;

	if (in->arg_count != 2) {
		log_error("held save: the number of one message, and a file "
			  "or \"-\"");
		return EX_USAGE;
	}
	if (strcmp(in->args[1], "-") != 0)
		s.file = in->args[1];
	status = pick_read(&s, in->args[0]);
	if (status == EX_OK)
		status = target_open(&s);
	if (status == EX_OK) {
		status = session_run(save, NULL, &s);
		if (s.file != NULL && s.fd >= 0)
			close(s.fd);
	}
	pick_free(&s.pick);
	return status;
}
