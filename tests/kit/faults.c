/* faults.c - the VFS that fails. */
#include "faults.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum call {
	CALL_NONE = 0,
	CALL_WRITE = 1 << 0,
	CALL_SYNC = 1 << 1,
	CALL_TRUNCATE = 1 << 2,
	CALL_READ = 1 << 3,
	CALL_OPEN = 1 << 4,
	CALL_LOCK = 1 << 5,
	CALL_SHM = 1 << 6
};

static const struct kind {
	const char *name;
	unsigned calls;
	int code;
} kinds[] = {
	{ "full", CALL_WRITE | CALL_TRUNCATE, SQLITE_FULL },
	{ "short", CALL_WRITE, SQLITE_FULL },
	{ "write", CALL_WRITE, SQLITE_IOERR_WRITE },
	{ "sync", CALL_SYNC, SQLITE_IOERR_FSYNC },
	{ "truncate", CALL_TRUNCATE, SQLITE_IOERR_TRUNCATE },
	{ "read", CALL_READ, SQLITE_IOERR_READ },
	{ "damage", CALL_READ, SQLITE_OK },
	{ "open", CALL_OPEN, SQLITE_CANTOPEN },
	{ "lock", CALL_LOCK, SQLITE_IOERR_LOCK },
	{ "shm", CALL_SHM, SQLITE_IOERR_SHMMAP },
	{ "slow", CALL_NONE, SQLITE_OK },
};

/* What is to fail. All connections of the process share it. */
static const struct kind *kind; /* set while no database is open */
static unsigned long first;
static bool once;
static atomic_ulong calls;
static atomic_bool met;

static atomic_size_t syncs;
static pthread_mutex_t sync_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t sync_changed = PTHREAD_COND_INITIALIZER;
static bool syncs_held;
static unsigned syncs_waiting;

static sqlite3_vfs *real; /* the usual VFS */

struct file {
	sqlite3_file base;
	sqlite3_file *real; /* behind this struct */
};

static bool
fails(enum call call)
{
	unsigned long n;

	if (kind == NULL || (kind->calls & call) == 0)
		return false;
	n = atomic_fetch_add(&calls, 1) + 1;
	if (n < first || (once && n > first))
		return false;
	atomic_store(&met, true);
	return true;
}

static sqlite3_file *
real_file(sqlite3_file *f)
{
	return ((struct file *)f)->real;
}

/* --- files --- */

static int
file_close(sqlite3_file *f)
{
	return real_file(f)->pMethods->xClose(real_file(f));
}

static int
file_read(sqlite3_file *f, void *data, int len, sqlite3_int64 at)
{
	bool failed = fails(CALL_READ);
	int rc;

	if (failed && kind->code != SQLITE_OK)
		return kind->code;
	rc = real_file(f)->pMethods->xRead(real_file(f), data, len, at);
	if (failed && rc == SQLITE_OK)
		memset(data, 0xa5, (size_t)len);
	return rc;
}

static int
file_write(sqlite3_file *f, const void *data, int len, sqlite3_int64 at)
{
	bool failed = fails(CALL_WRITE);
	int rc;

	if (failed && strcmp(kind->name, "short") != 0)
		return kind->code;
	rc = real_file(f)->pMethods->xWrite(
	    real_file(f), data, failed ? len / 2 : len, at);
	return failed ? kind->code : rc;
}

static int
file_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	if (fails(CALL_TRUNCATE))
		return kind->code;
	return real_file(f)->pMethods->xTruncate(real_file(f), size);
}

static void
wait_while_held(void)
{
	pthread_mutex_lock(&sync_lock);
	syncs_waiting++;
	pthread_cond_broadcast(&sync_changed);
	while (syncs_held)
		pthread_cond_wait(&sync_changed, &sync_lock);
	syncs_waiting--;
	pthread_mutex_unlock(&sync_lock);
}

static int
file_sync(sqlite3_file *f, int flags)
{
	(void)f;
	(void)flags;
	atomic_fetch_add(&syncs, 1);
	wait_while_held();
	if (kind != NULL && strcmp(kind->name, "slow") == 0)
		nanosleep(
		    &(struct timespec){ .tv_nsec = (long)first * 1000000 },
		    NULL);
	return fails(CALL_SYNC) ? kind->code : SQLITE_OK;
}

static int
file_size(sqlite3_file *f, sqlite3_int64 *size)
{
	return real_file(f)->pMethods->xFileSize(real_file(f), size);
}

static int
file_lock(sqlite3_file *f, int level)
{
	if (fails(CALL_LOCK))
		return kind->code;
	return real_file(f)->pMethods->xLock(real_file(f), level);
}

static int
file_unlock(sqlite3_file *f, int level)
{
	return real_file(f)->pMethods->xUnlock(real_file(f), level);
}

static int
file_reserved(sqlite3_file *f, int *out)
{
	return real_file(f)->pMethods->xCheckReservedLock(real_file(f), out);
}

static int
file_control(sqlite3_file *f, int op, void *arg)
{
	return real_file(f)->pMethods->xFileControl(real_file(f), op, arg);
}

static int
file_sector(sqlite3_file *f)
{
	return real_file(f)->pMethods->xSectorSize(real_file(f));
}

static int
file_character(sqlite3_file *f)
{
	return real_file(f)->pMethods->xDeviceCharacteristics(real_file(f));
}

static int
file_shm_map(
    sqlite3_file *f, int page, int size, int extend, void volatile **out)
{
	if (fails(CALL_SHM))
		return kind->code;
	return real_file(f)->pMethods->xShmMap(
	    real_file(f), page, size, extend, out);
}

static int
file_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
	if ((flags & SQLITE_SHM_LOCK) != 0 && fails(CALL_LOCK))
		return kind->code;
	return real_file(f)->pMethods->xShmLock(real_file(f), offset, n, flags);
}

static void
file_shm_barrier(sqlite3_file *f)
{
	real_file(f)->pMethods->xShmBarrier(real_file(f));
}

static int
file_shm_unmap(sqlite3_file *f, int delete)
{
	return real_file(f)->pMethods->xShmUnmap(real_file(f), delete);
}

static const sqlite3_io_methods methods = {
	.iVersion = 2,
	.xClose = file_close,
	.xRead = file_read,
	.xWrite = file_write,
	.xTruncate = file_truncate,
	.xSync = file_sync,
	.xFileSize = file_size,
	.xLock = file_lock,
	.xUnlock = file_unlock,
	.xCheckReservedLock = file_reserved,
	.xFileControl = file_control,
	.xSectorSize = file_sector,
	.xDeviceCharacteristics = file_character,
	.xShmMap = file_shm_map,
	.xShmLock = file_shm_lock,
	.xShmBarrier = file_shm_barrier,
	.xShmUnmap = file_shm_unmap,
};

/* --- the VFS --- */

static int
vfs_open(
    sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out)
{
	struct file *file = (struct file *)f;
	int rc;

	(void)vfs;
	file->base.pMethods = NULL;
	file->real = (sqlite3_file *)(file + 1);
	if (fails(CALL_OPEN))
		return kind->code;
	rc = real->xOpen(real, name, file->real, flags, out);
	if (file->real->pMethods != NULL)
		file->base.pMethods = &methods;
	return rc;
}

static int
vfs_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
	(void)vfs;
	(void)sync;
	return real->xDelete(real, name, 0);
}

static int
vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *out)
{
	(void)vfs;
	return real->xAccess(real, name, flags, out);
}

static int
vfs_full_name(sqlite3_vfs *vfs, const char *name, int room, char *out)
{
	(void)vfs;
	return real->xFullPathname(real, name, room, out);
}

static int
vfs_randomness(sqlite3_vfs *vfs, int len, char *out)
{
	(void)vfs;
	return real->xRandomness(real, len, out);
}

static int
vfs_sleep(sqlite3_vfs *vfs, int microseconds)
{
	(void)vfs;
	return real->xSleep(real, microseconds);
}

static int
vfs_time(sqlite3_vfs *vfs, double *out)
{
	(void)vfs;
	return real->xCurrentTime(real, out);
}

static int
vfs_last_error(sqlite3_vfs *vfs, int room, char *out)
{
	(void)vfs;
	return real->xGetLastError(real, room, out);
}

void
faults_install(void)
{
	static sqlite3_vfs vfs = {
		.iVersion = 1,
		.zName = "faults",
		.xOpen = vfs_open,
		.xDelete = vfs_delete,
		.xAccess = vfs_access,
		.xFullPathname = vfs_full_name,
		.xRandomness = vfs_randomness,
		.xSleep = vfs_sleep,
		.xCurrentTime = vfs_time,
		.xGetLastError = vfs_last_error,
	};

	real = sqlite3_vfs_find(NULL);
	vfs.szOsFile = (int)sizeof(struct file) + real->szOsFile;
	vfs.mxPathname = real->mxPathname;
	if (sqlite3_vfs_register(&vfs, 1) != SQLITE_OK)
		abort();
}

int
faults_set(const char *spec)
{
	size_t len = spec != NULL ? strcspn(spec, ":") : 0;

	kind = NULL;
	atomic_store(&calls, 0);
	atomic_store(&syncs, 0);
	atomic_store(&met, false);
	if (spec == NULL)
		return 0;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strlen(kinds[i].name) == len &&
		    strncmp(kinds[i].name, spec, len) == 0)
			kind = &kinds[i];
	if (kind == NULL || spec[len] != ':')
		return -1;
	first = strtoul(spec + len + 1, NULL, 10);
	once = strstr(spec, ":once") != NULL;
	return 0;
}

bool
faults_met(void)
{
	return atomic_load(&met);
}

size_t
faults_syncs(void)
{
	return atomic_load(&syncs);
}

void
faults_hold_syncs(bool hold)
{
	pthread_mutex_lock(&sync_lock);
	syncs_held = hold;
	pthread_cond_broadcast(&sync_changed);
	pthread_mutex_unlock(&sync_lock);
}

void
faults_await_sync(void)
{
	pthread_mutex_lock(&sync_lock);
	while (syncs_waiting == 0)
		pthread_cond_wait(&sync_changed, &sync_lock);
	pthread_mutex_unlock(&sync_lock);
}
