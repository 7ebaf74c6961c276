/* privileges.c - see privileges.h. */
#include "daemon/privileges.h"

#include "base/log.h"
#include "base/user.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/types.h>
#include <unistd.h>

static int
change_groups(const struct user *who)
{
	if (who->pw != NULL)
		return initgroups(who->pw->pw_name, who->gid);
	return setgroups(1, &who->gid);
}

/* All three of each, so that none is left to go back to. */
static int
change_ids(const struct user *who, struct error *e)
{
	if (change_groups(who) < 0 ||
	    setresgid(who->gid, who->gid, who->gid) < 0 ||
	    setresuid(who->uid, who->uid, who->uid) < 0)
		return error_set(e, ERR_SYSTEM, "run_as: cannot become %s: %s",
		    who->name, strerror(errno));
	if (setresuid((uid_t)-1, 0, (uid_t)-1) == 0 ||
	    setresgid((gid_t)-1, 0, (gid_t)-1) == 0)
		return error_set(e, ERR_SYSTEM,
		    "run_as: the system lets %s become root again", who->name);
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
change(const struct user *who, struct error *e)
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
is_already(const struct user *who)
{
	uid_t real, effective, saved;

	return getresuid(&real, &effective, &saved) == 0 && real == who->uid &&
	    effective == who->uid && saved == who->uid &&
	    getgid() == who->gid && getegid() == who->gid;
}

static int
become(struct user *who, const char *run_as, struct error *e)
{
	if (user_find(who, run_as, e) < 0)
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
	struct user who = { 0 };
	int rc = 0;

	if (run_as != NULL)
		rc = become(&who, run_as, e);
	else if (geteuid() == 0)
		log_warning("working with root's rights, which are not needed: "
			    "name a user in run_as");
	user_free(&who);
	return rc;
}
