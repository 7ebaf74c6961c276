/* user.c - see user.h. */
#include "base/user.h"

#include "base/alloc.h"
#include "base/text.h"

#include <grp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* No user has this number: to the system it means "leave as it is". */
#define NUMBER_MAX (UINT32_MAX - 1)

static bool
is_number(const char *text, uint64_t *number)
{
	return text_u64(slice_of(text), NUMBER_MAX, number) == 0;
}

static int
split(struct user *who, const char *run_as, struct error *e)
{
	size_t len = strcspn(run_as, ":");

	who->name = xstrndup(run_as, len);
	if (run_as[len] == ':')
		who->group = xstrdup(run_as + len + 1);
	if (len == 0 || (who->group != NULL && who->group[0] == '\0'))
		return error_set(e, ERR_CONFIG,
		    "run_as = \"%s\" is neither USER nor USER:GROUP", run_as);
	return 0;
}

static int
find_user(struct user *who, struct error *e)
{
	uint64_t number = 0;

	who->pw = getpwnam(who->name);
	if (who->pw == NULL && is_number(who->name, &number)) {
		who->pw = getpwuid((uid_t)number);
		who->uid = (uid_t)number;
	} else if (who->pw == NULL) {
		return error_set(e, ERR_CONFIG,
		    "run_as: there is no user \"%s\"", who->name);
	}
	if (who->pw != NULL) {
		who->uid = who->pw->pw_uid;
		who->gid = who->pw->pw_gid;
	} else if (who->group == NULL) {
		return error_set(e, ERR_CONFIG,
		    "run_as: the system does not know user %s: name a group, "
		    "too: \"%s:GROUP\"",
		    who->name, who->name);
	}
	return 0;
}

static int
find_group(struct user *who, struct error *e)
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

int
user_find(struct user *who, const char *run_as, struct error *e)
{
	*who = (struct user){ 0 };
	if (split(who, run_as, e) < 0 || find_user(who, e) < 0 ||
	    find_group(who, e) < 0)
		return -1;
	return 0;
}

void
user_free(struct user *who)
{
	free(who->name);
	free(who->group);
	*who = (struct user){ 0 };
}
