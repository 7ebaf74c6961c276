/*
 * reply.h - the words of a POP3 server, parsed: status lines with response
 * codes (RFC 2449 section 8, RFC 3206), CAPA, and the lines of UIDL and LIST.
 * Pure functions; every number is checked against its range.
 */
#ifndef POP3_REPLY_H
#define POP3_REPLY_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stdint.h>

enum pop3_status {
	POP3_OK,
	POP3_ERR,
	POP3_CONTINUE /* "+ …", in AUTH (RFC 5034) */
};

enum pop3_code {
	POP3_CODE_NONE,
	POP3_CODE_IN_USE,
	POP3_CODE_LOGIN_DELAY,
	POP3_CODE_SYS_TEMP,
	POP3_CODE_SYS_PERM,
	POP3_CODE_AUTH,
	POP3_CODE_OTHER
};

struct pop3_reply {
	enum pop3_status status;
	enum pop3_code code;
	char text[512]; /* after the status and a known code, made harmless */
};

/* What CAPA told. */
struct pop3_capa {
	bool known; /* CAPA was answered */
	bool stls, user, top, uidl, pipelining, resp_codes, utf8;
	bool sasl_ir; /* always so with SASL in POP3: RFC 5034 section 4 */
	char sasl[256]; /* mechanisms, separated by blanks */
	int64_t login_delay_s; /* -1: not told */
	int64_t expire_days; /* -1: not told; INT64_MAX: NEVER */
	char implementation[128];
};

/*
 * pop3_reply_parse - a status line. Words in brackets that are no code we
 * know are POP3_CODE_OTHER and stay in the text.
 * Returns 0, or -1: it is none.
 */
int pop3_reply_parse(struct slice line, struct pop3_reply *reply);

/*
 * pop3_begins_with_status - do octets that should be something else begin with
 * a status line?
 */
bool pop3_begins_with_status(struct slice text);

/*
 * pop3_capa_clear - nothing is known.
 * pop3_capa_line - one line of the answer to CAPA; unknown ones are passed.
 */
void pop3_capa_clear(struct pop3_capa *capa);
void pop3_capa_line(struct slice line, struct pop3_capa *capa);

/* pop3_capa_text - lines that pop3_capa_line() makes the same of. */
void pop3_capa_text(const struct pop3_capa *capa, struct buffer *out);

/*
 * pop3_stat_parse - "2 320" of the reply to STAT; what follows is ignored.
 * pop3_uidl_line - "1 whqtswO00WBw418f9t5JxYwZ": the UID is the second word
 * as it stands; an empty or overlong (more than POP3_UID_MAX octets) one is
 * an error.
 * pop3_list_line - "1 120"; what follows is ignored.
 * All return 0, or -1. Numbers of messages begin at 1; octets end at INT64_MAX.
 */
#define POP3_UID_MAX 1000
int pop3_stat_parse(struct slice text, uint32_t *count, uint64_t *octets);
int pop3_uidl_line(struct slice line, uint32_t *number, struct slice *uid);
int pop3_list_line(struct slice line, uint32_t *number, uint64_t *octets);

#endif
