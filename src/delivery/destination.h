/*
 * destination.h - a destination as the settings describe it.
 */
#ifndef DELIVERY_DESTINATION_H
#define DELIVERY_DESTINATION_H

#include "net/endpoint.h"
#include "sasl/password.h"
#include "smtp/smtp.h"

#include <stdbool.h>

struct destination {
	const char *name;
	struct endpoint at;
	struct login login;
	struct smtp_options options;
	unsigned connections; /* at once, at most */
	uint64_t max_messages; /* on one connection; 0: no limit */
	bool hold_eightbit; /* where 8BITMIME is not offered */
};

#endif
