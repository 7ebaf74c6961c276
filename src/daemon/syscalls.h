/*
 * syscalls.h - which system calls this process may make from now on: a filter
 * of the kernel's seccomp, made by libseccomp. Only confine.c includes it.
 */
#ifndef DAEMON_SYSCALLS_H
#define DAEMON_SYSCALLS_H

#include "base/error.h"

#include <stdbool.h>

/* syscalls_known - was it built with libseccomp? */
bool syscalls_known(void);

/*
 * syscalls_limit - those that remain are what moving mail takes: files, sockets
 * of the usual kinds, memory, threads, time. Programs cannot be started, nor
 * processes; none can be looked into; whatever administers the system is out of
 * reach. What is refused fails with EPERM, or with ENOSYS, as in a kernel that
 * does not have it, for which libraries have their ways.
 * All threads are bound by it, and there is no way back.
 * Returns 0, or -1 with ERR_SYSTEM.
 */
int syscalls_limit(struct error *e);

#endif
