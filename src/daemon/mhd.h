/*
 * mhd.h - libmicrohttpd, loaded when metrics are asked for: it brings a TLS library
 * of its own along, and no command that does not serve them is to wait for that.
 * Only where the program was built with it.
 */
#ifndef DAEMON_MHD_H
#define DAEMON_MHD_H

#include "base/error.h"

#include <microhttpd.h>

/* Its functions, by their names without MHD_. */
struct mhd {
	void *library;
	__typeof__(MHD_add_response_header) *add_response_header;
	__typeof__(MHD_create_response_from_buffer)
	    *create_response_from_buffer;
	__typeof__(MHD_destroy_response) *destroy_response;
	__typeof__(MHD_get_connection_info) *get_connection_info;
	__typeof__(MHD_get_daemon_info) *get_daemon_info;
	__typeof__(MHD_get_timeout) *get_timeout;
	__typeof__(MHD_queue_response) *queue_response;
	__typeof__(MHD_run) *run;
	__typeof__(MHD_start_daemon) *start_daemon;
	__typeof__(MHD_stop_daemon) *stop_daemon;
};

/* mhd_load - 0, or -1 with ERR_SYSTEM: it is not there any more. */
int mhd_load(struct mhd *mhd, struct error *e);
void mhd_unload(struct mhd *mhd);

#endif
