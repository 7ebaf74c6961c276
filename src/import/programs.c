/* programs.c - which programs there are readers for. */
#include "import/import.h"

#include <string.h>

const struct import_program import_programs[] = {
	{ "fetchmail", import_fetchmail },
	{ "getmail", import_getmail },
	{ "mpop", import_mpop },
	{ "fdm", import_fdm },
	{ NULL, NULL },
};

const struct import_program *
import_program(const char *name)
{
	const struct import_program *p;

	for (p = import_programs; p->name != NULL; p++)
		if (strcmp(p->name, name) == 0)
			return p;
	return NULL;
}
