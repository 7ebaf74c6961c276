/*
 * maildir.h - reading all messages of a Maildir, its folders included: those of
 * Maildir++ (".Folder" beside cur and new) and nested ones ("Folder/Sub").
 *
 * No link is followed below the directory itself, nothing but regular files is
 * opened, and no file is held in memory. Messages may come, be moved between
 * new, cur and folders, and be given other flags meanwhile: what was not there
 * when its turn came is looked for again.
 */
#ifndef MIGRATE_MAILDIR_H
#define MIGRATE_MAILDIR_H

#include "base/buffer.h"
#include "base/error.h"
#include "base/stop.h"

/* Who reads. where: "cur/1700000000.M1P2.host:2,S", from the directory on. */
struct maildir_reader {
	void (*begin)(void *arg, const char *where);
	/* Content as it is in the file. */
	void (*take)(void *arg, struct slice content);
	void (*end)(void *arg, const char *where);
	void *arg;
};

/*
 * maildir_read - each message once, in no order. Two names of one file are one
 * message.
 * Returns 0, or -1: ERR_CONFIG, it is no Maildir, or its server has compressed
 * or encrypted it; ERR_SYSTEM, a part of it cannot be read; ERR_STOPPED.
 */
int maildir_read(const char *path, const struct stop *stop,
    const struct maildir_reader *who, struct error *e);

#endif
