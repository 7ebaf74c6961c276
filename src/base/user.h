/*
 * user.h - the user that the setting run_as names: "USER" or "USER:GROUP", by
 * name or by number.
 */
#ifndef BASE_USER_H
#define BASE_USER_H

#include "base/error.h"

#include <pwd.h>
#include <sys/types.h>

struct user {
	char *name; /* owned; as it is written */
	char *group; /* owned; the same, or NULL: the user's own */
	/* The system's, until it is asked for another; NULL: only a number. */
	const struct passwd *pw;
	uid_t uid;
	gid_t gid;
};

/*
 * user_find - Returns 0, or -1 with ERR_CONFIG: there is no such user or group.
 * Free *who in either case. One thread at a time.
 */
int user_find(struct user *who, const char *run_as, struct error *e);
void user_free(struct user *who);

#endif
