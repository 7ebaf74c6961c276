/* mhd.c - see mhd.h. */
#include "config.h"

#ifdef HAVE_MICROHTTPD

#include "daemon/mhd.h"

#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

/* The interface that microhttpd.h is of. */
#define LIBRARY "libmicrohttpd.so.12"

static const struct {
	const char *name;
	size_t place;
} functions[] = {
	{ "MHD_add_response_header",
	    offsetof(struct mhd, add_response_header) },
	{ "MHD_create_response_from_buffer",
	    offsetof(struct mhd, create_response_from_buffer) },
	{ "MHD_destroy_response", offsetof(struct mhd, destroy_response) },
	{ "MHD_get_connection_info",
	    offsetof(struct mhd, get_connection_info) },
	{ "MHD_get_daemon_info", offsetof(struct mhd, get_daemon_info) },
	{ "MHD_get_timeout", offsetof(struct mhd, get_timeout) },
	{ "MHD_queue_response", offsetof(struct mhd, queue_response) },
	{ "MHD_run", offsetof(struct mhd, run) },
	{ "MHD_start_daemon", offsetof(struct mhd, start_daemon) },
	{ "MHD_stop_daemon", offsetof(struct mhd, stop_daemon) },
};

/* POSIX has it that a pointer to a function fits a pointer to an object. */
static int
find(struct mhd *mhd, struct error *e)
{
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		void *function = dlsym(mhd->library, functions[i].name);

		if (function == NULL)
			return error_set(
			    e, ERR_SYSTEM, "metrics: %s", dlerror());
		memcpy((char *)mhd + functions[i].place, &function,
		    sizeof(function));
	}
	return 0;
}

int
mhd_load(struct mhd *mhd, struct error *e)
{
	*mhd = (struct mhd){ .library = dlopen(LIBRARY, RTLD_NOW) };
	if (mhd->library == NULL)
		return error_set(
		    e, ERR_SYSTEM, "metrics: cannot load %s", dlerror());
	if (find(mhd, e) == 0)
		return 0;
	mhd_unload(mhd);
	return -1;
}

void
mhd_unload(struct mhd *mhd)
{
	if (mhd->library != NULL)
		dlclose(mhd->library);
	*mhd = (struct mhd){ 0 };
}

#endif
