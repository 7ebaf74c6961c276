/*
 * faults.h - a disk that fails under SQLite: a VFS in front of the usual one,
 * which counts calls of a kind and has them fail from the n-th on.
 *
 * kind       calls                what becomes of them
 * full       writes, truncations  SQLITE_FULL, nothing written
 * short      writes               SQLITE_FULL, the first half written
 * write      writes               SQLITE_IOERR_WRITE
 * sync       syncs                SQLITE_IOERR_FSYNC
 * truncate   truncations          SQLITE_IOERR_TRUNCATE
 * read       reads                SQLITE_IOERR_READ
 * damage     reads                octets that were never written
 * open       openings             SQLITE_CANTOPEN
 * lock       locks                SQLITE_IOERR_LOCK
 * shm        mappings of -shm     SQLITE_IOERR_SHMMAP
 * slow       syncs                all of them take n ms, and do not fail
 *
 * A sync that does not fail does nothing: no power is cut under a test.
 */
#ifndef KIT_FAULTS_H
#define KIT_FAULTS_H

#include <stdbool.h>
#include <stddef.h>

/* faults_install - from now on every database is opened by this VFS. */
void faults_install(void);

/*
 * faults_set - begin to count anew. spec: "KIND:N" (the N-th call and all after
 * it fail), "KIND:N:once" (only that one), or NULL: none. Returns 0, or -1 if
 * there is no such kind.
 */
int faults_set(const char *spec);

/* faults_syncs - how many syncs there have been since faults_set(). */
size_t faults_syncs(void);

/*
 * faults_hold_syncs - whoever syncs waits, until it is called with false.
 * faults_await_sync - until somebody waits there.
 */
void faults_hold_syncs(bool hold);
void faults_await_sync(void);

/* faults_met - has a call failed since faults_set()? */
bool faults_met(void);

#endif
