/*
 * confined.c - the program, confined as one that keeps running is, and then
 *
 *	postrider-confined PROGRAM fetch --config FILE [-v] [ACCOUNT…]
 *		what `postrider fetch` does, with passwords by the helper;
 *	postrider-confined PROGRAM try --config FILE [-v] WORD…
 *		things to try, a line for each: "WORD: allowed", or why not.
 *
 * PROGRAM is there for the kit, which puts this in front of a command line.
 */
#include "base/log.h"
#include "base/runner.h"
#include "command/command.h"
#include "daemon/commands.h"
#include "daemon/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

static struct confine *confine;

/* --- what can be tried: 0, or -1 with errno --- */

static int
try_exec(const char *arg)
{
	(void)arg;
	return execl("/bin/true", "true", (char *)NULL);
}

static int
try_spawn(const char *arg)
{
	char *const argv[] = { (char[]){ "true" }, NULL };
	pid_t pid;

	(void)arg;
	errno = posix_spawn(&pid, "/bin/true", NULL, NULL, argv, environ);
	return errno == 0 ? 0 : -1;
}

static int
try_fork(const char *arg)
{
	pid_t pid = fork();

	(void)arg;
	if (pid == 0)
		_exit(0);
	return pid < 0 ? -1 : 0;
}

static int
try_ptrace(const char *arg)
{
	(void)arg;
	return (int)ptrace(PTRACE_ATTACH, getppid(), NULL, NULL);
}

static int
try_mount(const char *arg)
{
	return mount("none", arg, "tmpfs", 0, NULL);
}

static int
try_bpf(const char *arg)
{
	(void)arg;
	return (int)syscall(SYS_bpf, 0, NULL, 0);
}

static int
try_keyctl(const char *arg)
{
	(void)arg;
	return (int)syscall(SYS_keyctl, 0, 0, 0, 0, 0);
}

static int
try_uring(const char *arg)
{
	(void)arg;
	return (int)syscall(SYS_io_uring_setup, 1, NULL);
}

static int
try_signal(const char *arg)
{
	(void)arg;
	return kill(getppid(), 0);
}

static int
try_packets(const char *arg)
{
	(void)arg;
	return socket(AF_PACKET, SOCK_RAW, 0);
}

static int
try_raw(const char *arg)
{
	(void)arg;
	return socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
}

static int
try_setuid(const char *arg)
{
	(void)arg;
	return setuid(geteuid());
}

static int
try_type(const char *arg)
{
	(void)arg;
	return ioctl(STDIN_FILENO, TIOCSTI, "x");
}

/* What confine.h says of it has to be true. */
static int
try_read(const char *arg)
{
	int fd = open(arg, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int why = fd < 0 ? errno : 0;

	if (confine_may_read(confine, arg) != (why != EACCES))
		abort();
	errno = why;
	return fd < 0 ? -1 : close(fd);
}

static int
try_write(const char *arg)
{
	int fd = open(arg, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	return fd < 0 ? -1 : close(fd);
}

static int
try_truncate(const char *arg)
{
	return truncate(arg, 0);
}

static int
try_remove(const char *arg)
{
	return unlink(arg);
}

static int
try_list(const char *arg)
{
	return open(arg, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* A helper that has just ended would tell of nothing. */
static int
try_look_into_the_helper(const char *arg)
{
	char path[64];
	FILE *children = fopen("/proc/thread-self/children", "re");
	long pid = 0;

	(void)arg;
	if (children == NULL || fscanf(children, "%ld", &pid) != 1)
		abort();
	fclose(children);
	snprintf(path, sizeof path, "/proc/%ld/mem", pid);
	return open(path, O_RDWR | O_CLOEXEC);
}

static void *
in_thread(void *arg)
{
	int *why = arg;

	*why = try_read("/root") == 0 ? 0 : errno;
	return NULL;
}

/* A thread can be made, and is as confined as we are. */
static int
try_thread(const char *arg)
{
	pthread_t thread;
	int why = 0;

	(void)arg;
	errno = pthread_create(&thread, NULL, in_thread, &why);
	if (errno != 0)
		return -1;
	pthread_join(thread, NULL);
	errno = why;
	return why == 0 ? 0 : -1;
}

static int
try_timer(const char *arg)
{
	const struct itimerspec soon = { .it_value.tv_nsec = 1000000 };
	struct pollfd fd = { .events = POLLIN };

	(void)arg;
	fd.fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC);
	if (fd.fd < 0 || timerfd_settime(fd.fd, 0, &soon, NULL) < 0)
		return -1;
	return poll(&fd, 1, 10000) == 1 ? 0 : -1;
}

static int
try_name(const char *arg)
{
	struct addrinfo *found;
	int rc = getaddrinfo(arg, "25", NULL, &found);

	if (rc != 0) {
		errno = rc == EAI_SYSTEM ? errno : ENOENT;
		return -1;
	}
	freeaddrinfo(found);
	return 0;
}

static int
try_command(const char *arg)
{
	const struct runner_task task = {
		.command = arg, .timeout_ms = 10000, .output_max = 1000
	};
	struct runner_result result;
	struct error e;

	if (runner_run(&task, NULL, &result, &e) < 0) {
		errno = e.kind == ERR_REFUSED ? EPERM : EIO;
		return -1;
	}
	runner_result_free(&result);
	return 0;
}

/* As before other settings are put in force. */
static int
try_settings(const char *arg)
{
	struct buffer problems = { 0 };
	struct settings *s;
	struct error e = { 0 };
	int rc = -1;

	if (settings_read(&s, arg, NULL, &problems, &e) == 0)
		rc = confine_check(confine, s, &e);
	if (rc < 0)
		log_error("%s", problems.len > 0 ? problems.data : e.text);
	errno = s != NULL ? EACCES : ENOENT;
	buffer_free(&problems);
	settings_free(&s);
	return rc;
}

static const struct {
	const char *word;
	int (*attempt)(const char *arg); /* what stands behind "word:" */
} attempts[] = {
	{ "exec", try_exec },
	{ "spawn", try_spawn },
	{ "fork", try_fork },
	{ "ptrace", try_ptrace },
	{ "mount", try_mount },
	{ "bpf", try_bpf },
	{ "keyctl", try_keyctl },
	{ "uring", try_uring },
	{ "signal", try_signal },
	{ "packets", try_packets },
	{ "raw", try_raw },
	{ "setuid", try_setuid },
	{ "type", try_type },
	{ "read", try_read },
	{ "write", try_write },
	{ "truncate", try_truncate },
	{ "remove", try_remove },
	{ "list", try_list },
	{ "helper", try_look_into_the_helper },
	{ "thread", try_thread },
	{ "timer", try_timer },
	{ "name", try_name },
	{ "command", try_command },
	{ "settings", try_settings },
};

static int
try_all(const struct invocation *in)
{
	for (int i = 0; i < in->arg_count; i++) {
		const char *word = in->args[i];
		size_t len = strcspn(word, ":"), n = 0;
		const char *arg = word + len + (word[len] == ':');

		while (strncmp(attempts[n].word, word, len) != 0 ||
		    attempts[n].word[len] != '\0')
			if (++n == sizeof attempts / sizeof attempts[0])
				abort();
		errno = 0;
		if (attempts[n].attempt(arg) >= 0)
			printf("%s: allowed\n", word);
		else
			printf("%s: %s\n", word, strerrorname_np(errno));
	}
	return EX_OK;
}

/* --- the beginning of a daemon --- */

static int
begin(const struct settings *s, struct error *e)
{
	struct commands *known = commands_new(s);
	int rc = runner_start(commands_may, known, e);

	commands_free(&known);
	confine = confine_new();
	if (rc == 0)
		rc = confine_settings(confine, s, e);
	return rc == 0 ? confine_begin(confine, e) : rc;
}

static void
parse(struct invocation *in, int argc, char **argv)
{
	in->args = argv;
	for (int i = 3; i < argc; i++)
		if (strcmp(argv[i], "--config") == 0)
			in->config = argv[++i];
		else if (strcmp(argv[i], "-v") == 0)
			in->verbose = 1;
		else
			in->args[in->arg_count++] = argv[i];
	in->args[in->arg_count] = NULL;
	log_set_level(in->verbose > 0 ? LOG_EVENTS : LOG_NORMAL);
}

int
main(int argc, char **argv)
{
	const char *verb = argc > 2 ? argv[2] : "";
	struct invocation in = { 0 };
	struct error e = { 0 };
	struct settings *s;
	int status;

	signal(SIGPIPE, SIG_IGN);
	umask(S_IRWXG | S_IRWXO);
	parse(&in, argc, argv);
	status = command_settings(&in, &s);
	if (status != EX_OK)
		return status;
	if (begin(s, &e) < 0)
		return command_fail(&e);
	settings_free(&s);
	if (strcmp(verb, "try") == 0)
		status = try_all(&in);
	else
		status = command_find(verb)->run(&in);
	runner_end();
	confine_free(&confine);
	return status;
}
