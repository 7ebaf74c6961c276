/*
 * sink.h - where the lines of the log go: standard error, the system log, or a
 * file.
 *
 * A log that cannot be written is no reason to stop moving mail: nothing here
 * waits for more than a second, and what is lost is counted. As soon as there
 * is room again, a line says how many are missing there.
 * One thread at a time; log.c has the lock.
 */
#ifndef BASE_SINK_H
#define BASE_SINK_H

#include "base/buffer.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

enum sink_kind {
	SINK_STDERR,
	SINK_FILE,
	SINK_SYSLOG
};

struct sink {
	enum sink_kind kind;
	bool journal; /* standard error is read by systemd's journal */
	char *path; /* owned; of the file or socket, NULL: standard error */
	int fd; /* owned, but for standard error; -1: gone */
	uint64_t lost; /* lines since the last that was written */
	int reason; /* errno of the first of them */
	bool torn; /* the end of the file is a part of a line */
};

/*
 * sink_open - target: "stderr", "syslog", or the path of a file, which is made
 * when it is not there, readable by its owner only, and appended to.
 * Returns 0, or -1 with ERR_CONFIG and nothing to close.
 */
int sink_open(struct sink *s, const char *target, struct error *e);

/* sink_open_syslog - the same for a system log that listens at `path`. */
int sink_open_syslog(struct sink *s, const char *path, struct error *e);

/*
 * sink_again - open into *s what `old` writes to, by its name: another file,
 * when it was renamed. Returns like sink_open().
 */
int sink_again(struct sink *s, const struct sink *old, struct error *e);
void sink_close(struct sink *s);

/*
 * sink_write - one line, without its end; harmless text.
 * priority: LOG_ERR and so on of syslog(3). named: on standard error it begins
 * with the program's name, as it always does elsewhere.
 * Returns 0, or -1 when it is lost.
 */
int sink_write(struct sink *s, int priority, bool named, struct slice text);

#endif
