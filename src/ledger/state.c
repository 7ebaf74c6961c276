/* The names of the states, as they stand in the ledger and in JSON. */
#include "ledger/state.h"

#include <string.h>

static const char *const names[STATES] = {
	[STATE_NEW] = "new",
	[STATE_SEEN] = "seen",
	[STATE_IN_DOUBT] = "in_doubt",
	[STATE_DEFERRED] = "deferred",
	[STATE_HELD] = "held",
	[STATE_DROPPED] = "dropped",
	[STATE_DELIVERED] = "delivered",
	[STATE_REPORT_OWED] = "report_owed",
	[STATE_REJECTED] = "rejected",
	[STATE_DELETE_OWED] = "delete_owed",
	[STATE_GONE] = "gone",
};

const char *
state_name(enum state state)
{
	return names[state];
}

int
state_parse(const char *name)
{
	for (int i = 0; i < STATES; i++)
		if (strcmp(name, names[i]) == 0)
			return i;
	return -1;
}
