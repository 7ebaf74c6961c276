/*
 * mpop.h - what an mpoprc says, before anybody asks what postrider makes of it:
 * accounts, each with its commands, those of `defaults` and of the accounts that
 * it inherits from.
 */
#ifndef IMPORT_MPOP_H
#define IMPORT_MPOP_H

#include "base/buffer.h"
#include "base/error.h"
#include "import/import.h"

#include <stdbool.h>
#include <stddef.h>

/* In the order of the table that knows all about them. */
enum mpop_command {
	MPOP_HOST,
	MPOP_PORT,
	MPOP_TIMEOUT,
	MPOP_PIPELINING,
	MPOP_RECEIVED_HEADER,
	MPOP_DELIVERY,
	MPOP_UIDLS_FILE,
	MPOP_AUTH,
	MPOP_USER,
	MPOP_PASSWORD,
	MPOP_PASSWORDEVAL,
	MPOP_NTLMDOMAIN,
	MPOP_TLS,
	MPOP_TLS_STARTTLS,
	MPOP_TLS_KEY_FILE,
	MPOP_TLS_CERT_FILE,
	MPOP_TLS_TRUST_FILE,
	MPOP_TLS_CRL_FILE,
	MPOP_TLS_FINGERPRINT,
	MPOP_TLS_CERTCHECK,
	MPOP_TLS_MIN_DH_PRIME_BITS,
	MPOP_TLS_PRIORITIES,
	MPOP_TLS_HOST_OVERRIDE,
	MPOP_TLS_FORCE_SSLV3,
	MPOP_ONLY_NEW,
	MPOP_KEEP,
	MPOP_KILLSIZE,
	MPOP_SKIPSIZE,
	MPOP_FILTER,
	MPOP_PROXY_HOST,
	MPOP_PROXY_PORT,
	MPOP_SOURCE_IP,
	MPOP_SOCKET,
	MPOP_COMMANDS
};

struct mpop_value {
	char *text; /* NULL: it is not given; wiped */
	unsigned line; /* where it stands */
	bool own; /* not by `defaults` only: it is inherited */
};

struct mpop_account {
	char *name;
	unsigned line;
	bool inherited; /* another account does from it */
	struct mpop_value values[MPOP_COMMANDS];
};

struct mpop_rc {
	const char *file; /* borrowed */
	struct mpop_account *accounts;
	size_t count;
};

/* More than anybody has. */
#define MPOP_ACCOUNTS 10000

/*
 * mpop_parse - run: whether `eval` may run its command; it is an error if not.
 * Returns 0, or -1 with ERR_CONFIG, "FILE:LINE: …". Free *rc in either case; it
 * is wiped then.
 */
int mpop_parse(struct mpop_rc *rc, const char *file, struct slice text,
    bool run, struct error *e);
void mpop_rc_free(struct mpop_rc *rc);

const char *mpop_name(enum mpop_command command);

/*
 * State
 */

/*
 * mpop_uidls - read a file of unique ids, those of one mailbox into each account
 * that it may be the one of. These are asked for by host and user, one after the
 * other: the one behind `last`, the first if that is NULL, or NULL. *others counts
 * ids of mailboxes without.
 * Returns 0, or -1 with ERR_CONFIG.
 */
struct mpop_mailbox {
	const char *host, *user;
	unsigned line; /* where its ids begin */
};
typedef struct import_account *mpop_whose(
    void *arg, const struct mpop_mailbox *mailbox, struct import_account *last);
int mpop_uidls(const char *file, struct slice text, mpop_whose *whose,
    void *arg, size_t *others, struct error *e);

#endif
