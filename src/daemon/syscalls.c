/* syscalls.c - the list. */
#include "daemon/syscalls.h"

#include "config.h"

#include "base/sanitized.h"

#include <errno.h>
#include <string.h>

#ifdef HAVE_SECCOMP

#include <linux/sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include <linux/netlink.h>
#include <linux/sockios.h>

/*
 * Whatever arguments they have. Names that this machine does not know are left
 * out: some are of other processors, some of newer kernels.
 */
static const char *const allowed[] = {
	/* files */
	"access", "close", "close_range", "creat", "dup", "dup2", "dup3",
	"faccessat", "faccessat2", "fadvise64", "fallocate", "fchmod",
	"fchmodat", "fchmodat2", "fchown", "fchown32", "fcntl", "fcntl64",
	"fdatasync", "flock", "fstat", "fstat64", "fstatat64", "fstatfs",
	"fstatfs64", "fsync", "ftruncate", "ftruncate64", "futimesat", "getcwd",
	"getdents", "getdents64", "_llseek", "lseek", "lstat", "lstat64",
	"chmod", "mkdir", "mkdirat", "newfstatat", "open", "openat", "openat2",
	"pipe", "pipe2", "pread64", "preadv", "pwrite64", "pwritev", "read",
	"readlink", "readlinkat", "readv", "rename", "renameat", "renameat2",
	"rmdir", "stat", "stat64", "statfs", "statfs64", "statx", "symlink",
	"symlinkat", "truncate", "truncate64", "umask", "unlink", "unlinkat",
	"utimensat", "utimensat_time64", "write", "writev",
	/* sockets; socket(2) is below */
	"accept", "accept4", "bind", "connect", "getpeername", "getsockname",
	"getsockopt", "listen", "recv", "recvfrom", "recvmmsg",
	"recvmmsg_time64", "recvmsg", "send", "sendmmsg", "sendmsg", "sendto",
	"setsockopt", "shutdown", "socketpair",
	/* waiting */
	"_newselect", "epoll_create", "epoll_create1", "epoll_ctl",
	"epoll_pwait", "epoll_pwait2", "epoll_wait", "eventfd", "eventfd2",
	"poll", "ppoll", "ppoll_time64", "pselect6", "pselect6_time64",
	"restart_syscall", "select", "signalfd", "signalfd4", "timerfd_create",
	"timerfd_gettime", "timerfd_gettime64", "timerfd_settime",
	"timerfd_settime64", "wait4", "waitid", "waitpid",
	/* memory */
	"brk", "madvise", "mincore", "mlock", "mmap", "mmap2", "mprotect",
	"mremap", "msync", "munlock", "munmap",
	/* threads; clone(2) is below */
	"exit", "exit_group", "futex", "futex_time64", "futex_waitv",
	"get_robust_list", "getcpu", "gettid", "membarrier", "rseq",
	"sched_get_priority_max", "sched_get_priority_min", "sched_getaffinity",
	"sched_getparam", "sched_getscheduler", "sched_yield",
	"set_robust_list",
	/* signals; kill(2) and its like are below */
	"rt_sigaction", "rt_sigpending", "rt_sigprocmask", "rt_sigqueueinfo",
	"rt_sigreturn", "rt_sigsuspend", "rt_sigtimedwait",
	"rt_sigtimedwait_time64", "sigaltstack", "sigreturn",
	/* time */
	"clock_getres", "clock_getres_time64", "clock_gettime",
	"clock_gettime64", "clock_nanosleep", "clock_nanosleep_time64",
	"gettimeofday", "nanosleep", "time", "times",
	/* oneself */
	"getegid", "getegid32", "geteuid", "geteuid32", "getgid", "getgid32",
	"getgroups", "getgroups32", "getpgid", "getpgrp", "getpid", "getppid",
	"getrandom", "getresgid", "getresgid32", "getresuid", "getresuid32",
	"getrlimit", "getrusage", "getsid", "getuid", "getuid32", "setrlimit",
	"sysinfo", "ugetrlimit", "uname",
#ifdef SANITIZED
	/* LeakSanitizer stops all threads from another process. */
	"arch_prctl", "clone", "kill", "personality", "prctl",
	"process_vm_readv", "ptrace", "tgkill",
#endif
	NULL
};

/*
 * What somebody might try, or what a library tells its user about: an error
 * that says why, instead of ENOSYS.
 */
static const char *const forbidden[] = { "acct", "add_key", "bpf", "chown",
	"chroot", "delete_module", "execve", "execveat", "finit_module", "fork",
	"init_module", "io_uring_enter", "io_uring_register", "io_uring_setup",
	"kexec_file_load", "kexec_load", "keyctl", "link", "linkat", "mknod",
	"mknodat", "mount", "open_by_handle_at", "perf_event_open",
	"pidfd_getfd", "pidfd_open", "pidfd_send_signal", "pivot_root",
#ifndef SANITIZED
	"process_vm_readv", "ptrace",
#endif
	"process_vm_writev", "reboot", "request_key", "setgid", "setgroups",
	"sethostname", "setns", "setregid", "setresgid", "setresuid",
	"setreuid", "settimeofday", "setuid", "swapoff", "swapon", "symlink",
	"symlinkat", "tkill", "umount2", "unshare", "userfaultfd", "vfork",
	NULL };

/* What is asked of a terminal or a socket. */
static const unsigned long requests[] = {
	FIOCLEX, FIONBIO, FIONREAD, SIOCGIFINDEX, SIOCGIFNAME, TCGETS, TCSETS,
	TCSETSF, TCSETSW, TIOCGPGRP, TIOCGWINSZ,
#ifdef TCGETS2
	/* Their struct is in no header that could be included here. */
	_IOR('T', 0x2a, char[44]), _IOW('T', 0x2b, char[44]),
	_IOW('T', 0x2c, char[44]), _IOW('T', 0x2d, char[44])
#endif
};

#ifndef SANITIZED
static const int attributes[] = { PR_GET_DUMPABLE, PR_GET_NAME,
	PR_GET_NO_NEW_PRIVS, PR_SET_NAME, PR_SET_NO_NEW_PRIVS,
#ifdef PR_SET_VMA
	PR_SET_VMA
#endif
};
#endif

static const int families[] = { AF_INET, AF_INET6, AF_UNIX };
static const int types[] = { SOCK_DGRAM, SOCK_SEQPACKET, SOCK_STREAM };

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))
#define SOCKET_TYPE_MASK 0xf /* SOCK_CLOEXEC and its like are above */
#define INT_MASK 0xffffffff

#if defined(__s390__) || defined(__s390x__)
#define CLONE_FLAGS 1
#else
#define CLONE_FLAGS 0
#endif

/* Of the argument number `at`. */
static struct scmp_arg_cmp
is(unsigned at, scmp_datum_t value)
{
	return (struct scmp_arg_cmp){
		.arg = at, .op = SCMP_CMP_EQ, .datum_a = value
	};
}

static struct scmp_arg_cmp
is_masked(unsigned at, scmp_datum_t mask, scmp_datum_t value)
{
	return (struct scmp_arg_cmp){ .arg = at,
		.op = SCMP_CMP_MASKED_EQ,
		.datum_a = mask,
		.datum_b = value };
}

#ifndef SANITIZED
static struct scmp_arg_cmp
is_not(unsigned at, scmp_datum_t value)
{
	return (struct scmp_arg_cmp){
		.arg = at, .op = SCMP_CMP_NE, .datum_a = value
	};
}
#endif

/* Each returns 0, or the negative errno of libseccomp. */
static int
add_names(scmp_filter_ctx filter, uint32_t action, const char *const *names)
{
	int rc = 0;

	for (; rc == 0 && *names != NULL; names++) {
		int number = seccomp_syscall_resolve_name(*names);

		if (number != __NR_SCMP_ERROR)
			rc = seccomp_rule_add(filter, action, number, 0);
	}
	return rc;
}

static int
add_sockets(scmp_filter_ctx filter)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < COUNT(families); i++)
		for (size_t j = 0; rc == 0 && j < COUNT(types); j++)
			rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW,
			    SCMP_SYS(socket), 2,
			    is(0, (scmp_datum_t)families[i]),
			    is_masked(
				1, SOCKET_TYPE_MASK, (scmp_datum_t)types[j]));
	/* The addresses that this machine has. */
	if (rc == 0)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket),
		    2, is(0, AF_NETLINK), is(2, NETLINK_ROUTE));
	return rc;
}

static int
add_requests(scmp_filter_ctx filter)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < COUNT(requests); i++)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl),
		    1, is_masked(1, INT_MASK, requests[i]));
	return rc;
}

#ifndef SANITIZED
/* Threads, attributes that harm nobody, and signals to oneself. */
static int
add_oneself(scmp_filter_ctx filter)
{
	static const int senders[] = { SCMP_SYS(kill), SCMP_SYS(tgkill) };
	const scmp_datum_t self = (scmp_datum_t)getpid();
	int rc;

	rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
	    is_masked(CLONE_FLAGS, CLONE_THREAD, CLONE_THREAD));
	if (rc == 0)
		rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM),
		    SCMP_SYS(clone), 1,
		    is_masked(CLONE_FLAGS, CLONE_THREAD, 0));
	for (size_t i = 0; rc == 0 && i < COUNT(attributes); i++)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prctl),
		    1, is(0, (scmp_datum_t)attributes[i]));
	for (size_t i = 0; rc == 0 && i < COUNT(senders); i++) {
		rc = seccomp_rule_add(
		    filter, SCMP_ACT_ALLOW, senders[i], 1, is(0, self));
		if (rc == 0)
			rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM),
			    senders[i], 1, is_not(0, self));
	}
	return rc;
}
#else
static int
add_oneself(scmp_filter_ctx filter)
{
	(void)filter;
	return 0;
}
#endif

static int
add_rules(scmp_filter_ctx filter)
{
	int rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);

	/* Another processor's calls have other numbers. */
	if (rc == 0)
		rc = seccomp_attr_set(
		    filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	/* A tree, since there are many. It may not know how. */
	(void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (rc == 0)
		rc = add_names(filter, SCMP_ACT_ALLOW, allowed);
	if (rc == 0)
		rc = add_names(filter, SCMP_ACT_ERRNO(EPERM), forbidden);
	if (rc == 0)
		rc = add_sockets(filter);
	if (rc == 0)
		rc = add_requests(filter);
	if (rc == 0)
		rc = add_oneself(filter);
	/* Limits of oneself. */
	if (rc == 0)
		rc = seccomp_rule_add(
		    filter, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1, is(0, 0));
	return rc;
}

bool
syscalls_known(void)
{
	return true;
}

int
syscalls_limit(struct error *e)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	int rc = -ENOMEM;

	if (filter != NULL)
		rc = add_rules(filter);
	if (rc == 0)
		rc = seccomp_load(filter);
	seccomp_release(filter);
	if (rc != 0)
		return error_set(e, ERR_SYSTEM, "seccomp: %s", strerror(-rc));
	return 0;
}

#else

bool
syscalls_known(void)
{
	return false;
}

int
syscalls_limit(struct error *e)
{
	return error_set(e, ERR_SYSTEM, "seccomp: %s", strerror(ENOSYS));
}

#endif
