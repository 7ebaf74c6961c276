/*
 * fetchmail.h - what a .fetchmailrc says, before anybody asks what postrider
 * makes of it. fetchmail(1), THE RUN CONTROL FILE.
 */
#ifndef IMPORT_FETCHMAIL_H
#define IMPORT_FETCHMAIL_H

#include "base/buffer.h"
#include "base/error.h"
#include "import/import.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What can be set; fetchmail_options[] tells all about them. */
enum fetchmail_option {
	/* set … */
	FM_LOGFILE,
	FM_IDFILE,
	FM_PIDFILE,
	FM_DAEMON,
	FM_POSTMASTER,
	FM_BOUNCEMAIL,
	FM_SPAMBOUNCE,
	FM_SOFTBOUNCE,
	FM_SYSLOG,
	FM_INVISIBLE,
	FM_SHOWDOTS,
	/* of a server */
	FM_VIA,
	FM_PROTOCOL,
	FM_SERVICE,
	FM_AUTH,
	FM_TIMEOUT,
	FM_IDLETIMEOUT,
	FM_INTERVAL,
	FM_UIDL,
	FM_ENVELOPE,
	FM_ENVSKIP,
	FM_QVIRTUAL,
	FM_AKA,
	FM_LOCALDOMAINS,
	FM_DNS,
	FM_CHECKALIAS,
	FM_INTERFACE,
	FM_MONITOR,
	FM_PLUGIN,
	FM_PLUGOUT,
	FM_PRINCIPAL,
	FM_ESMTPNAME,
	FM_ESMTPPASSWORD,
	FM_TRACEPOLLS,
	FM_BADHEADER,
	FM_RETRIEVEERROR,
	/* of a user */
	FM_REMOTE,
	FM_LOCALNAMES,
	FM_WILDCARD,
	FM_PASSWORD,
	FM_PASSWORDFILE,
	FM_PASSWORDFD,
	FM_PASSWORDEVAL,
	FM_FOLDER,
	FM_SMTPHOST,
	FM_FETCHDOMAINS,
	FM_SMTPADDRESS,
	FM_SMTPNAME,
	FM_ANTISPAM,
	FM_MDA,
	FM_BSMTP,
	FM_LMTP,
	FM_PRECONNECT,
	FM_POSTCONNECT,
	FM_KEEP,
	FM_FLUSH,
	FM_LIMITFLUSH,
	FM_FETCHALL,
	FM_REWRITE,
	FM_FORCECR,
	FM_STRIPCR,
	FM_PASS8BITS,
	FM_DROPSTATUS,
	FM_DROPDELIVERED,
	FM_MIMEDECODE,
	FM_IDLE,
	FM_FORCEIDLE,
	FM_SSL,
	FM_SSLMODE,
	FM_SSLKEY,
	FM_SSLCERT,
	FM_SSLPROTO,
	FM_SSLCERTCK,
	FM_SSLCERTFILE,
	FM_SSLCERTPATH,
	FM_SSLCOMMONNAME,
	FM_SSLFINGERPRINT,
	FM_LIMIT,
	FM_WARNINGS,
	FM_BATCHLIMIT,
	FM_FETCHLIMIT,
	FM_FETCHSIZELIMIT,
	FM_FASTUIDL,
	FM_EXPUNGE,
	/* both globally and of a user */
	FM_PROPERTIES,
	FM_OPTIONS
};

enum fetchmail_scope {
	SCOPE_GLOBAL = 1,
	SCOPE_SERVER = 2,
	SCOPE_USER = 4
};

/* What stands behind the word. */
enum fetchmail_shape {
	SHAPE_OWN, /* the parser knows */
	SHAPE_FLAG, /* nothing; "no" may stand before it */
	SHAPE_ON, /* nothing */
	SHAPE_STRING,
	SHAPE_PATH, /* relative to the folder of the file */
	SHAPE_NUMBER,
	SHAPE_STRINGS,
	SHAPE_NUMBERS
};

struct fetchmail_about {
	const char *name;
	unsigned scope; /* enum fetchmail_scope */
	enum fetchmail_shape shape;
};

extern const struct fetchmail_about fetchmail_options[FM_OPTIONS];

/*
 * Tokens
 */

enum fetchmail_kind {
	TOKEN_END,
	TOKEN_STRING,
	TOKEN_NUMBER,
	TOKEN_MAP, /* = */
	TOKEN_SET,
	TOKEN_DEFAULTS,
	TOKEN_POLL,
	TOKEN_SKIP,
	TOKEN_NO,
	TOKEN_IS,
	TOKEN_TO,
	TOKEN_HERE,
	TOKEN_THERE,
	TOKEN_ACCEPT,
	TOKEN_REJECT,
	TOKEN_PROTOCOL, /* "pop3"; the name in `word` */
	TOKEN_AUTH, /* "ntlm"; the name in `word` */
	TOKEN_PORT, /* an option, but for a number only */
	TOKEN_OPTION,
	TOKEN_NOISE /* never returned */
};

struct fetchmail_token {
	enum fetchmail_kind kind;
	enum fetchmail_option option; /* of a TOKEN_OPTION */
	const char *word; /* as fetchmail would call it */
	int64_t number;
	struct buffer text; /* of a string, less its escapes; wiped */
	unsigned line; /* where it begins */
};

struct fetchmail_lexer {
	const char *file; /* borrowed */
	struct slice rest; /* borrowed */
	unsigned line;
	/* What the word before it makes of the next one. */
	enum {
		EXPECT_ANYTHING,
		EXPECT_NAME,
		EXPECT_AUTH
	} expect;
	struct fetchmail_token token; /* the one that is looked at */
};

/*
 * fetchmail_next - look at the next token. Returns 0, or -1 with ERR_CONFIG.
 */
int fetchmail_next(struct fetchmail_lexer *l, struct error *e);

/*
 * fetchmail_unescape - put what escapes mean in their place: \n \t \b \r, \nnn
 * decimal, \0oo octal, \xhh hexadecimal, nothing for a backslash at the end of
 * a line. What follows an octet 0 is cut off.
 */
void fetchmail_unescape(struct slice s, struct buffer *out);

/*
 * The file
 */

/* A string, and what a second one is mapped to by "=". */
struct fetchmail_string {
	char *text;
	char *to; /* or NULL */
};

struct fetchmail_value {
	enum fetchmail_option option;
	unsigned line;
	int64_t number; /* or 0, 1 of a flag */
	struct fetchmail_string *list; /* a string is a list of one */
	size_t count;
};

/* What stands together: the values of a server, or of a user. */
struct fetchmail_scope_values {
	struct fetchmail_value *list;
	size_t count;
};

struct fetchmail_server {
	char *name;
	bool skip;
	unsigned line;
	size_t users;
	struct fetchmail_scope_values values;
};

struct fetchmail_user {
	size_t server; /* its number */
	unsigned line;
	struct fetchmail_scope_values values;
};

struct fetchmail_rc {
	const char *file; /* borrowed */
	struct fetchmail_scope_values globals;
	struct fetchmail_server *servers;
	size_t server_count, server_room;
	struct fetchmail_user *users; /* in their order; none of `defaults` */
	size_t user_count, user_room;
	bool has_defaults;
	struct fetchmail_server defaults;
	struct fetchmail_scope_values default_user;
};

#define FETCHMAIL_MAILBOXES 10000

/*
 * fetchmail_parse - Returns 0, or -1 with ERR_CONFIG, "FILE:LINE: …". Free *rc in
 * either case; it is wiped then.
 */
int fetchmail_parse(struct fetchmail_rc *rc, const char *file,
    struct slice text, struct error *e);
void fetchmail_rc_free(struct fetchmail_rc *rc);

/*
 * fetchmail_value - what is in force for a user: its own, or its server's, or
 * that of `defaults`; NULL: nobody says. user NULL: what is set globally.
 */
const struct fetchmail_value *fetchmail_value(const struct fetchmail_rc *rc,
    const struct fetchmail_user *user, enum fetchmail_option option);

/* The first string of it, or NULL; the number of it, or `other`. */
const char *fetchmail_text(const struct fetchmail_rc *rc,
    const struct fetchmail_user *user, enum fetchmail_option option);
int64_t fetchmail_number(const struct fetchmail_rc *rc,
    const struct fetchmail_user *user, enum fetchmail_option option,
    int64_t other);

/*
 * fetchmail_ids - read a .fetchids: each id into the account that it is one of,
 * by user and by what fetchmail calls its server; where several are called the
 * same, into all of them. keys: in the order of fetchmail_key_compare(). Of other
 * accounts it only counts.
 */
struct fetchmail_key {
	const char *user, *host; /* borrowed */
	struct import_account *account;
	unsigned
	    line; /* filled in: where its first id stands; 0: it has none */
};
int fetchmail_key_compare(const void *a, const void *b);
int fetchmail_ids(const char *file, struct slice text,
    struct fetchmail_key *keys, size_t count, size_t *others, struct error *e);

#endif
