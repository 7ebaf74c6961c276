/* privileges.c - see privileges.h. */
#include "daemon/privileges.h"

#include "base/alloc.h"
#include "base/log.h"
#include "base/text.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/types.h>
#include <unistd.h>

/* No user has this number: to the system it means "leave as it is". */
#define NUMBER_MAX (UINT32_MAX - 1)

struct identity {
	char *user; /* owned; as it is written */
	char *group; /* owned; the same, or NULL: the user's own */
	const struct passwd *pw; /* NULL: a number without an entry */
	uid_t uid;
	gid_t gid;
};

static bool
is_number(const char *text, uint64_t *number)
{
	return text_u64(slice_of(text), NUMBER_MAX, number) == 0;
}

static int
identity_split(struct identity *who, const char *run_as, struct error *e)
{
	size_t len = strcspn(run_as, ":");

	who->user = xstrndup(run_as, len);
	if (run_as[len] == ':')
		who->group = xstrdup(run_as + len + 1);
	if (len == 0 || (who->group != NULL && who->group[0] == '\0'))
		return error_set(e, ERR_CONFIG,
		    "run_as = \"%s\" is neither USER nor USER:GROUP", run_as);
	return 0;
}

static int
find_user(struct identity *who, struct error *e)
{
	uint64_t number = 0;

	who->pw = getpwnam(who->user);
	if (who->pw == NULL && is_number(who->user, &number)) {
		who->pw = getpwuid((uid_t)number);
		who->uid = (uid_t)number;
	} else if (who->pw == NULL) {
		return error_set(e, ERR_CONFIG,
		    "run_as: there is no user \"%s\"", who->user);
	}
	if (who->pw != NULL) {
		who->uid = who->pw->pw_uid;
		who->gid = who->pw->pw_gid;
	} else if (who->group == NULL) {
		return error_set(e, ERR_CONFIG,
		    "run_as: the system does not know user %s: name a group, "
		    "too: \"%s:GROUP\"",
		    who->user, who->user);
	}
	return 0;
}

static int
find_group(struct identity *who, struct error *e)
{
	const struct group *group;
	uint64_t number;

	if (who->group == NULL)
		return 0;
	group = getgrnam(who->group);
	if (group != NULL)
		who->gid = group->gr_gid;
	else if (is_number(who->group, &number))
		who->gid = (gid_t)number;
	else
		return error_set(e, ERR_CONFIG,
		    "run_as: there is no group \"%s\"", who->group);
	return 0;
}

static int
change_groups(const struct identity *who)
{
	if (who->pw != NULL)
		return initgroups(who->pw->pw_name, who->gid);
	return setgroups(1, &who->gid);
}

/* All three of each, so that none is left to go back to. */
static int
change_ids(const struct identity *who, struct error *e)
{
	if (change_groups(who) < 0 ||
	    setresgid(who->gid, who->gid, who->gid) < 0 ||
	    setresuid(who->uid, who->uid, who->uid) < 0)
		return error_set(e, ERR_SYSTEM, "run_as: cannot become %s: %s",
		    who->user, strerror(errno));
	if (setresuid((uid_t)-1, 0, (uid_t)-1) == 0 ||
	    setresgid((gid_t)-1, 0, (gid_t)-1) == 0)
		return error_set(e, ERR_SYSTEM,
		    "run_as: the system lets %s become root again", who->user);
	return 0;
}

/* Commands that we start look there for what is theirs. */
static int
change_environment(const struct passwd *pw, struct error *e)
{
	if (pw == NULL)
		return 0;
	if (setenv("HOME", pw->pw_dir, 1) < 0 ||
	    setenv("USER", pw->pw_name, 1) < 0 ||
	    setenv("LOGNAME", pw->pw_name, 1) < 0 || unsetenv("SHELL") < 0)
		return error_set(e, ERR_SYSTEM, "run_as: %s", strerror(errno));
	return 0;
}

static int
change(const struct identity *who, struct error *e)
{
	int dumpable = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);

	if (change_ids(who, e) < 0 || change_environment(who->pw, e) < 0)
		return -1;
	/* The system has just decided that anew. */
	if (dumpable >= 0 && dumpable <= 1 &&
	    prctl(PR_SET_DUMPABLE, dumpable, 0, 0, 0) < 0)
		return error_set(
		    e, ERR_SYSTEM, "run_as: prctl: %s", strerror(errno));
	return 0;
}

static bool
is_already(const struct identity *who)
{
	uid_t real, effective, saved;

	return getresuid(&real, &effective, &saved) == 0 && real == who->uid &&
	    effective == who->uid && saved == who->uid &&
	    getgid() == who->gid && getegid() == who->gid;
}

static int
become(struct identity *who, const char *run_as, struct error *e)
{
	if (identity_split(who, run_as, e) < 0 || find_user(who, e) < 0 ||
	    find_group(who, e) < 0)
		return -1;
	if (who->uid == 0 || who->gid == 0)
		return error_set(e, ERR_CONFIG,
		    "run_as = \"%s\" is root%s: name one without root's rights",
		    run_as, who->uid == 0 ? "" : "'s group");
	if (is_already(who))
		return 0;
	if (geteuid() != 0)
		return error_set(e, ERR_CONFIG,
		    "run_as = \"%s\": only root can become another user; start "
		    "postrider as root or as that user, or remove run_as",
		    run_as);
	return change(who, e);
}

int
privileges_become(const char *run_as, struct error *e)
{
	struct identity who = { 0 };
	int rc = 0;

	if (run_as != NULL)
		rc = become(&who, run_as, e);
	else if (geteuid() == 0)
		log_warning("working with root's rights, which are not needed: "
			    "name a user in run_as");
	free(who.user);
	free(who.group);
	return rc;
}
