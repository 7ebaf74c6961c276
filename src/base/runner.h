/*
 * runner.h - commands for /bin/sh, listened to and sure to end.
 *
 * A process that has confined itself can start no other. So one is started
 * before, the helper: it runs the commands, and does nothing else. What is
 * between the two belongs to the process, like its log, and not to any part of
 * the program: there is at most one helper, each thread uses it, and it ends
 * with the process, however that ends. Where none was started, commands are run
 * by this very process.
 *
 * The helper is not confined, and trusts nobody who is: it runs only what
 * `may` lets pass, with an environment that is its own but for variables
 * POSTRIDER_…. It never sees what a command prints.
 */
#ifndef BASE_RUNNER_H
#define BASE_RUNNER_H

#include "base/buffer.h"
#include "base/error.h"
#include "base/stop.h"

#include <stdbool.h>
#include <stdint.h>

/* A command with its environment may have so many octets. */
#define RUNNER_MAX ((size_t)64 * 1024)
/* No command has to stop faster than this when told to. */
#define RUNNER_TERM_MS 1000

/*
 * runner_start - start the helper. To be called while this is the only thread,
 * and before secrets are in memory that need not be in the helper's, too.
 * may: is called in the helper, for each command; NULL: all are run.
 * Returns 0, or -1 with ERR_SYSTEM.
 */
int runner_start(
    bool (*may)(const char *command, void *arg), void *arg, struct error *e);

/*
 * runner_end - end the helper, with all that it runs; wait for that. Nobody
 * uses it any more. Without one it does nothing.
 */
void runner_end(void);

struct runner_task {
	const char *command; /* for /bin/sh -c */
	/* "POSTRIDER_…=value", NULL at the end, beside what we have; or NULL */
	const char *const *environment;
	int64_t timeout_ms; /* from its start to the end of its output */
	size_t output_max; /* octets; 0: it prints to our standard error */
	/* It may ask something on the terminal: its process group is ours, and
	 * what it has started itself may live longer. */
	bool asks;
};

struct runner_result {
	struct buffer output; /* owned; perhaps a secret */
	int status; /* as exit(3) had it */
	int signal; /* that it died of; 0: it has exited */
};

/*
 * runner_run - run a command, and wait for its end. Any thread, any number of
 * them at once. Its standard input and error are ours. A process that it leaves
 * in the background holds it up for as long as that keeps the output open, and
 * lives on if it does not.
 * Ends with STOP_SOON. When it does not end well, the command gets SIGTERM, a
 * second later SIGKILL, and so do all of its process group.
 * Returns 0, or -1 with ERR_TIMEOUT, ERR_PROTOCOL (it printed too much),
 * ERR_REFUSED (the helper must not run it), ERR_IO (it could not be started),
 * ERR_STOPPED, ERR_SYSTEM (the helper has gone, no descriptors …); *out is then
 * empty.
 */
int runner_run(const struct runner_task *task, const struct stop *stop,
    struct runner_result *out, struct error *e);

void runner_result_free(struct runner_result *out); /* wipes */

/*
 * runner_explain - an end that is none of success: "exit status 3", "killed by
 * signal 9". Returns 0, or -1 with ERR_REFUSED.
 */
int runner_explain(const struct runner_result *result, struct error *e);

#endif
